package window

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// compareRows compares rows by columns as package order does, rising: NaN is the
// greatest value, -0 equals 0, nulls come last.
func compareRows(a *chunk.Batch, ac []int, i int, b *chunk.Batch, bc []int, j int) int {
	for k := range ac {
		if c := compare(&a.Cols[ac[k]], i, &b.Cols[bc[k]], j); c != 0 {
			return c
		}
	}
	return 0
}

func compare(a *chunk.Vec, i int, b *chunk.Vec, j int) int {
	switch x, y := a.IsNull(i), b.IsNull(j); {
	case x && y:
		return 0
	case x:
		return 1
	case y:
		return -1
	}
	switch k := a.Type.Kind; {
	case k.IsVar():
		return bytes.Compare(text(a, i), text(b, j))
	case k.IsFloat():
		return cmp.Compare(codeOf(floatAt(a, i)), codeOf(floatAt(b, j)))
	case k == dtype.Decimal128:
		x, y := &chunk.Values[[16]byte](a)[i], &chunk.Values[[16]byte](b)[j]
		return cmp.Or(cmp.Compare(int64(binary.LittleEndian.Uint64(x[8:])), int64(binary.LittleEndian.Uint64(y[8:]))),
			cmp.Compare(binary.LittleEndian.Uint64(x[:8]), binary.LittleEndian.Uint64(y[:8])))
	case k == dtype.Null:
		return 0
	}
	return cmp.Compare(integerAt(a, i), integerAt(b, j))
}

func text(v *chunk.Vec, i int) []byte {
	if v.Dict != nil {
		i = int(chunk.Values[uint32](v)[i])
		v = &v.Dict.Values
	}
	return v.Str[v.Off[i]:v.Off[i+1]]
}

// codeOf maps floats to integers in their order; NaN is the greatest.
func codeOf(x float64) int64 {
	if x != x {
		return math.MaxInt64
	}
	u := int64(math.Float64bits(x + 0)) // -0 + 0 is 0
	return u ^ int64(uint64(u>>63)>>1)
}
