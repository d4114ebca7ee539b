package chunk

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// gathered makes a text or binary vector of single values, which it copies; those under nulls are not looked at.
func gathered[T string | []byte](v Vec, value func(i int) T) (Vec, error) {
	size := 0
	for i := range v.N {
		if !v.IsNull(i) {
			size += len(value(i))
		}
	}
	if size > math.MaxInt32 {
		return Vec{}, fmt.Errorf("%d bytes of text in one array, the most is 2 GiB: use smaller record batches", size)
	}
	v.Off, v.Str = make([]int32, v.N+1), make([]byte, 0, size)
	for i := range v.N {
		if !v.IsNull(i) {
			v.Str = append(v.Str, value(i)...)
		}
		v.Off[i+1] = int32(len(v.Str))
	}
	return v, nil
}

// fromDecimal256 keeps the low half of decimals of at most 38 digits: the high half is their sign.
func fromDecimal256(in []byte, v Vec) (Vec, error) {
	out := Slice[uint64](mem.Heap.Alloc(16*v.N), 2*v.N)
	for i := range v.N {
		if v.IsNull(i) {
			out[2*i], out[2*i+1] = 0, 0
			continue
		}
		word := func(k int) uint64 { return binary.LittleEndian.Uint64(in[32*i+8*k:]) }
		sign := uint64(int64(word(1)) >> 63)
		if word(2) != sign || word(3) != sign {
			return Vec{}, fmt.Errorf("the decimal of row %d has more digits than its type", i)
		}
		out[2*i], out[2*i+1] = word(0), word(1)
	}
	v.Data = Bytes(out)
	return v, nil
}

// fromRuns repeats the values of runs.
func fromRuns(x *array.RunEndEncoded, v Vec) (Vec, error) {
	values, err := FromArray(x.Values())
	if err != nil {
		return Vec{}, err
	}
	ends, err := FromArray(x.RunEndsArr())
	if err != nil {
		return Vec{}, err
	}
	end := func(k int) int64 {
		switch ends.Type.Kind {
		case dtype.Int16:
			return int64(Values[int16](&ends)[k])
		case dtype.Int32:
			return int64(Values[int32](&ends)[k])
		}
		return Values[int64](&ends)[k]
	}
	codes := make([]uint32, v.N+16)[:v.N]
	for i, k := 0, 0; i < v.N; i++ {
		for k < ends.N && end(k) <= int64(x.Data().Offset()+i) {
			k++
		}
		if k >= min(ends.N, values.N) {
			return Vec{}, fmt.Errorf("row %d is behind the last of %d runs of %d values", i, ends.N, values.N)
		}
		codes[i] = uint32(k)
	}
	b := NewBuilder(dtype.Schema{{Type: v.Type, Nullable: true}}, mem.Heap)
	if err := b.AppendRows(&Batch{N: values.N, Cols: []Vec{values}}, codes); err != nil {
		return Vec{}, err
	}
	return b.Flush().Cols[0], nil
}

// Half widens an IEEE 754 half-precision number.
func Half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch {
	case exp == 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp == 0:
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(f))
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
