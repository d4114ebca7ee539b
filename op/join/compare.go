package join

import (
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// A comparer says whether value i of a equals value j of b as a key; both are
// valid and of one type.
type comparer func(a *chunk.Vec, i int, b *chunk.Vec, j int) bool

func comparerOf(k dtype.Kind) comparer {
	switch {
	case k.IsVar():
		return func(a *chunk.Vec, i int, b *chunk.Vec, j int) bool { return a.Text(i) == b.Text(j) }
	case k == dtype.Bool:
		return func(a *chunk.Vec, i int, b *chunk.Vec, j int) bool { return a.Bool(i) == b.Bool(j) }
	case k == dtype.Float32:
		return sameFloat[float32]
	case k == dtype.Float64:
		return sameFloat[float64]
	case k == dtype.Null:
		return func(*chunk.Vec, int, *chunk.Vec, int) bool { return false }
	}
	switch k.Width() {
	case 1:
		return sameFixed[uint8]
	case 2:
		return sameFixed[uint16]
	case 4:
		return sameFixed[uint32]
	case 8:
		return sameFixed[uint64]
	}
	return sameFixed[[16]byte]
}

func sameFixed[T chunk.Fixed](a *chunk.Vec, i int, b *chunk.Vec, j int) bool {
	return chunk.Values[T](a)[i] == chunk.Values[T](b)[j]
}

func sameFloat[T float32 | float64](a *chunk.Vec, i int, b *chunk.Vec, j int) bool {
	x, y := chunk.Values[T](a)[i], chunk.Values[T](b)[j]
	return x == y || x != x && y != y
}

// same reports whether two build rows have equal keys.
func (t *table) same(a, b uint32) bool {
	mask := uint32(1)<<t.rows.shift - 1
	i, j := a&mask, b&mask
	if t.norm != nil {
		return *t.normOf(a) == *t.normOf(b)
	}
	x, y := t.rows.segs[a>>t.rows.shift], t.rows.segs[b>>t.rows.shift]
	for c, eq := range t.cmp {
		if !eq(&x.Cols[c], int(i), &y.Cols[c], int(j)) {
			return false
		}
	}
	return true
}

// equals reports whether row i of m, with its keys at cols, has the key of build
// row id.
func (t *table) equals(m *chunk.Batch, cols []int, i int, id uint32) bool {
	s := t.rows.segs[id>>t.rows.shift]
	j := int(id & (1<<t.rows.shift - 1))
	for c, eq := range t.cmp {
		if !eq(&m.Cols[cols[c]], i, &s.Cols[c], j) {
			return false
		}
	}
	return true
}

// words128 views 16-byte values as pairs of words.
func words128(b [][16]byte) [][2]uint64 {
	return unsafe.Slice((*[2]uint64)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
}
