package order

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// A key is a sort key bound to a column of a schema.
type key struct {
	col        int
	kind       dtype.Kind
	desc       bool
	nullsFirst bool
}

func bindKeys(keys []op.SortKey, s dtype.Schema) ([]key, error) {
	out := make([]key, len(keys))
	for i, k := range keys {
		c, err := s.Find(k.Col)
		if err != nil {
			return nil, err
		}
		if s[c].Type.Kind == dtype.Invalid {
			return nil, fmt.Errorf("column %q has no type", k.Col)
		}
		out[i] = key{c, s[c].Type.Kind, k.Desc, k.NullsFirst}
	}
	return out, nil
}

// compareRows compares row i of a with row j of b by the keys.
func compareRows(keys []key, a *chunk.Batch, i int, b *chunk.Batch, j int) int {
	for _, k := range keys {
		if c := k.compare(&a.Cols[k.col], i, &b.Cols[k.col], j); c != 0 {
			return c
		}
	}
	return 0
}

func (k *key) compare(a *chunk.Vec, i int, b *chunk.Vec, j int) int {
	x, y := a.IsNull(i), b.IsNull(j)
	if x || y {
		switch {
		case x && y:
			return 0
		case x == k.nullsFirst:
			return -1
		}
		return 1
	}
	c := compareValues(k.kind, a, i, b, j)
	if k.desc {
		return -c
	}
	return c
}

// compareValues compares two values that are not null.
func compareValues(kind dtype.Kind, a *chunk.Vec, i int, b *chunk.Vec, j int) int {
	switch kind {
	case dtype.Bool:
		return int(bit(a.Bits(), i)) - int(bit(b.Bits(), j))
	case dtype.Int8:
		return compareAs[int8](a, i, b, j)
	case dtype.Int16:
		return compareAs[int16](a, i, b, j)
	case dtype.Int32, dtype.Date:
		return compareAs[int32](a, i, b, j)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return compareAs[int64](a, i, b, j)
	case dtype.Uint8:
		return compareAs[uint8](a, i, b, j)
	case dtype.Uint16:
		return compareAs[uint16](a, i, b, j)
	case dtype.Uint32:
		return compareAs[uint32](a, i, b, j)
	case dtype.Uint64:
		return compareAs[uint64](a, i, b, j)
	case dtype.Float32:
		return cmp.Compare(float32Bits(chunk.Values[float32](a)[i]), float32Bits(chunk.Values[float32](b)[j]))
	case dtype.Float64:
		return cmp.Compare(float64Bits(chunk.Values[float64](a)[i]), float64Bits(chunk.Values[float64](b)[j]))
	case dtype.Decimal128:
		x, y := &chunk.Values[[16]byte](a)[i], &chunk.Values[[16]byte](b)[j]
		if c := cmp.Compare(int64(binary.LittleEndian.Uint64(x[8:])), int64(binary.LittleEndian.Uint64(y[8:]))); c != 0 {
			return c
		}
		return cmp.Compare(binary.LittleEndian.Uint64(x[:8]), binary.LittleEndian.Uint64(y[:8]))
	}
	return bytes.Compare(textOf(a, i), textOf(b, j))
}

type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func compareAs[T integer](a *chunk.Vec, i int, b *chunk.Vec, j int) int {
	return cmp.Compare(chunk.Values[T](a)[i], chunk.Values[T](b)[j])
}

func bit(words []uint64, i int) uint64 { return words[i>>6] >> (uint(i) & 63) & 1 }

// textOf returns the bytes of a text value.
func textOf(v *chunk.Vec, i int) []byte {
	if v.Dict != nil {
		i = int(chunk.Values[uint32](v)[i])
		v = &v.Dict.Values
	}
	return v.Str[v.Off[i]:v.Off[i+1]]
}

// float64Bits maps floats to integers in their order: -0 to 0 and every NaN to
// the largest.
func float64Bits(x float64) uint64 {
	if x != x {
		return ^uint64(0)
	}
	u := math.Float64bits(x + 0) // -0 + 0 is 0
	return u ^ (uint64(int64(u)>>63) | 1<<63)
}

// float32Bits is float64Bits for 32 bits.
func float32Bits(x float32) uint32 {
	if x != x {
		return ^uint32(0)
	}
	u := math.Float32bits(x + 0)
	return u ^ (uint32(int32(u)>>31) | 1<<31)
}
