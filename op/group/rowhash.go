package group

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A rowHasher computes the canonical hash of the keys of rows, the same that
// keyset.hash gives of their group.
type rowHasher struct {
	cols  []*column // for their scratch only
	h     []uint64
	next  []uint64
	k     []key16
	dicts map[uint64][]uint64 // dictionary → hash of each entry, 0: not known yet
}

func newRowHasher(types []dtype.Type) *rowHasher {
	r := &rowHasher{h: make([]uint64, lapRows), next: make([]uint64, lapRows)}
	for _, t := range types {
		r.cols = append(r.cols, newColumn(t, nil))
	}
	return r
}

// rows returns the hashes of n rows, at most lapRows; they live until the next
// call.
func (r *rowHasher) rows(keys []chunk.Vec, n int) []uint64 {
	if len(r.cols) == 0 {
		clear(r.h[:n])
		return r.h[:n]
	}
	for i := range r.cols {
		if i == 0 {
			r.column(i, &keys[i], n, r.h)
			continue
		}
		r.column(i, &keys[i], n, r.next)
		kernel.HashCombine(r.h[:n], r.next[:n])
	}
	return r.h[:n]
}

func (r *rowHasher) column(i int, v *chunk.Vec, n int, out []uint64) {
	out = out[:n]
	c := r.cols[i]
	switch k := v.Type.Kind; {
	case k == dtype.Null:
		for i := range out {
			out[i] = nullHash
		}
		return
	case v.Dict != nil:
		r.dict(v, n, out)
	case k.IsVar():
		if r.k == nil {
			r.k = make([]key16, lapRows)
		}
		textKeys(v, n, r.k)
		kernel.Hash128(r.k[:n], out)
	case k == dtype.Decimal128:
		for i, x := range chunk.Values[[16]byte](v)[:n] {
			out[i] = kernel.HashKey128(decimalKey(x))
		}
	case k.IsFloat():
		kernel.Hash64(c.floatKeys(v, n), out)
	default:
		hashInts(c, v, n, out)
	}
	if v.Valid != nil {
		for i := range out {
			if v.Valid[i>>6]>>(uint(i)&63)&1 == 0 {
				out[i] = nullHash
			}
		}
	}
}

func hashInts(c *column, v *chunk.Vec, n int, out []uint64) {
	switch v.Type.Kind {
	case dtype.Bool:
		widen(c.expand(v, n), out)
	case dtype.Int8:
		widen(chunk.Values[int8](v)[:n], out)
	case dtype.Int16:
		widen(chunk.Values[int16](v)[:n], out)
	case dtype.Int32, dtype.Date:
		widen(chunk.Values[int32](v)[:n], out)
	case dtype.Uint8:
		widen(chunk.Values[uint8](v)[:n], out)
	case dtype.Uint16:
		widen(chunk.Values[uint16](v)[:n], out)
	case dtype.Uint32:
		kernel.Hash32(chunk.Values[uint32](v)[:n], out)
		return
	default:
		kernel.Hash64(chunk.Values[uint64](v)[:n], out)
		return
	}
	kernel.Hash64(out, out)
}

func widen[T integer](v []T, out []uint64) {
	out = out[:len(v)]
	for i, x := range v {
		out[i] = uint64(x)
	}
}

// dict hashes dictionary codes; each entry's text is hashed once.
func (r *rowHasher) dict(v *chunk.Vec, n int, out []uint64) {
	h := r.dicts[v.Dict.ID]
	if len(h) < v.Dict.Values.N {
		if r.dicts == nil || len(r.dicts) >= maxDicts {
			r.dicts = map[uint64][]uint64{}
		}
		h = make([]uint64, v.Dict.Values.N)
		r.dicts[v.Dict.ID] = h
	}
	val := &v.Dict.Values
	for i, x := range chunk.Values[uint32](v)[:n] {
		if h[x] == 0 {
			h[x] = kernel.HashKey128(textKey(val.Str[val.Off[x]:val.Off[x+1]]))
		}
		out[i] = h[x]
	}
}
