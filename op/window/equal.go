package window

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// changes sets fresh[i], from < i, where value i of a column differs from the one
// before. NaN equals NaN, -0 equals 0 and null equals null.
func changes(v *chunk.Vec, from int, fresh []bool) {
	fresh = fresh[:v.N]
	if v.Valid != nil {
		for i := from + 1; i < v.N; i++ {
			if v.IsNull(i) || v.IsNull(i-1) {
				fresh[i] = fresh[i] || v.IsNull(i) != v.IsNull(i-1)
			} else if !fresh[i] {
				fresh[i] = !equalValues(v, i-1, v, i)
			}
		}
		return
	}
	switch k := v.Type.Kind; {
	case k == dtype.Null:
	case v.Dict != nil:
		codes := chunk.Values[uint32](v)
		for i := from + 1; i < v.N; i++ {
			if codes[i] != codes[i-1] && !fresh[i] {
				fresh[i] = v.Dict.Values.Text(int(codes[i])) != v.Dict.Values.Text(int(codes[i-1]))
			}
		}
	case k == dtype.Float64:
		changesOf(chunk.Values[float64](v), from, fresh)
	case k == dtype.Float32:
		changesOf(chunk.Values[float32](v), from, fresh)
	case k == dtype.Bool || k.IsVar() || v.Type.Width() == 16:
		for i := from + 1; i < v.N; i++ {
			fresh[i] = fresh[i] || !equalValues(v, i-1, v, i)
		}
	default:
		switch v.Type.Width() {
		case 1:
			changesOf(chunk.Values[uint8](v), from, fresh)
		case 2:
			changesOf(chunk.Values[uint16](v), from, fresh)
		case 4:
			changesOf(chunk.Values[uint32](v), from, fresh)
		case 8:
			changesOf(chunk.Values[uint64](v), from, fresh)
		}
	}
}

func changesOf[T uint8 | uint16 | uint32 | uint64 | float32 | float64](x []T, from int, fresh []bool) {
	for i := from + 1; i < len(x); i++ {
		a, b := x[i-1], x[i]
		if a != b && (a == a || b == b) {
			fresh[i] = true
		}
	}
}

// equal compares two values as keys.
func equal(a *chunk.Vec, i int, b *chunk.Vec, j int) bool {
	x, y := a.IsNull(i), b.IsNull(j)
	if x || y {
		return x == y
	}
	return equalValues(a, i, b, j)
}

// equalValues compares two values that are not null.
func equalValues(a *chunk.Vec, i int, b *chunk.Vec, j int) bool {
	switch k := a.Type.Kind; {
	case k == dtype.Null:
		return true
	case k.IsVar():
		return a.Text(i) == b.Text(j)
	case k == dtype.Bool:
		return a.Bool(i) == b.Bool(j)
	case k == dtype.Float64:
		x, y := chunk.Values[float64](a)[i], chunk.Values[float64](b)[j]
		return x == y || x != x && y != y
	case k == dtype.Float32:
		x, y := chunk.Values[float32](a)[i], chunk.Values[float32](b)[j]
		return x == y || x != x && y != y
	}
	w := a.Type.Width()
	return string(a.Data[i*w:i*w+w]) == string(b.Data[j*w:j*w+w])
}
