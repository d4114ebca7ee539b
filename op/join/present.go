package join

import (
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A presence has a bit for every value between the least and the greatest one of a key
// column of the build rows, set for those that are there. Numbers of rows, codes and
// days lie dense enough for that: such a bitmap stays in the cache where the slots of the
// keys do not, so that a row without a match is told in a nanosecond.
type presence struct {
	field
	words []uint64 // the bit after the greatest value is clear: where values beyond are looked up
}

// presences are those of the key columns that have one, made when first asked for. A row
// that is in all of them may have a match, any other has none.
type presences struct {
	once sync.Once
	cols []presence
	of   []int // key columns
	bufs [][]byte
}

// A bitmap is made of up to presentBits, as far as caches go, and of presentSpread bits for
// every build row, which is an eighth of its slots or less.
const (
	presentBits   = 1 << 23
	presentSpread = 16
)

// dense reports that the values of a key column get a bitmap.
func (t *table) dense(f field) bool {
	return f.span < max(presentBits, presentSpread*uint64(t.rows.n))
}

// present returns the bitmaps of the table's keys; none where values lie too far apart, or
// where there is no memory for them.
func (t *table) present() *presences {
	p := &t.there
	p.once.Do(func() {
		for c, f := range t.fields {
			if !t.dense(f) {
				continue
			}
			n := int(f.span+1)/64 + 1
			b := t.alloc.Alloc(n * 8)
			if b == nil {
				continue
			}
			x := presence{f, chunk.Slice[uint64](b, n)}
			clear(x.words)
			for _, s := range t.rows.segs {
				x.add(&s.Cols[c])
			}
			p.cols, p.of, p.bufs = append(p.cols, x), append(p.of, c), append(p.bufs, b)
		}
	})
	return p
}

// add sets the bits of a key column's values.
func (p *presence) add(v *chunk.Vec) {
	words := make([]uint64, min(v.N, insertRows))
	for lo := 0; lo < v.N; lo += insertRows {
		part := v.Slice(lo, min(v.N, lo+insertRows))
		canonical(&part, words[:part.N])
		for _, w := range words[:part.N] {
			if w -= p.min; w <= p.span { // a row with a null has any value
				p.words[w>>6] |= 1 << (w & 63)
			}
		}
	}
}

// test clears the bits of mask of the rows of v whose value is not there.
func (p *presence) test(v *chunk.Vec, scratch *[]uint64, mask []uint64) {
	switch k := v.Type.Kind; {
	case rawKind(k):
		among(chunk.Values[uint32](v), uint32(p.min), p.span, p.words, mask)
	case k.Width() == 8 && k != dtype.Float64:
		among(chunk.Values[uint64](v), p.min, p.span, p.words, mask)
	default:
		*scratch = room(*scratch, v.N)
		canonical(v, *scratch)
		among(*scratch, p.min, p.span, p.words, mask)
	}
}

// among is test for values as they are stored.
func among[T uint32 | uint64](x []T, lo T, span uint64, words, mask []uint64) {
	beyond := span + 1
	for i := 0; i < len(x); i += 64 {
		m := uint64(0)
		for j, v := range x[i:min(i+64, len(x))] {
			at := min(uint64(v-lo), beyond)
			m |= words[at>>6] >> (at & 63) & 1 << (j & 63)
		}
		mask[i>>6] &= m
	}
}

// A keySieve keeps the rows that may have a match. It looks them up as the join does until
// it sees that few have one: then it asks the bitmaps, if there are any.
type keySieve struct {
	probe      *prober
	quick      bool // the bitmaps are asked, or would be
	rows, hits int
	there      *presences // nil: rows are looked up
	mask       []uint64
	scratch    []uint64
}

func newKeySieve(t *table) *keySieve {
	return &keySieve{probe: newProber(t, seq(t.keys)), quick: slices.ContainsFunc(t.fields, t.dense)}
}

// Sift implements op.Sieve.
func (s *keySieve) Sift(m *chunk.Batch) ([]uint64, int) {
	s.mask = room(s.mask, chunk.Words(m.N))
	if s.there != nil && s.quick {
		return s.ask(m)
	}
	kernel.CmpConst(kernel.Ne, s.probe.lookup(m), none, s.mask)
	n := kernel.PopCount(s.mask, m.N)
	if s.rows, s.hits = s.rows+m.N, s.hits+n; s.quick && s.rows >= sieveRows {
		if 2*s.hits <= s.rows {
			s.there = s.probe.t.present()
			s.quick = len(s.there.cols) > 0
		}
		s.rows, s.hits = 0, 0
	}
	return s.mask, n
}

// Quick implements op.Sieve.
func (s *keySieve) Quick() bool { return s.quick }

func (s *keySieve) ask(m *chunk.Batch) ([]uint64, int) {
	fill(s.mask, ^uint64(0))
	if r := m.N & 63; r > 0 {
		s.mask[m.N>>6] = 1<<r - 1
	}
	for i := range s.there.cols {
		s.there.cols[i].test(&m.Cols[s.probe.cols[s.there.of[i]]], &s.scratch, s.mask)
	}
	if valid := s.probe.keys.validity(m); valid != nil {
		kernel.And(s.mask, s.mask, valid)
	}
	return s.mask, kernel.PopCount(s.mask, m.N)
}
