package join

import (
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// partnerless are the output columns of rows without a partner: of rows that are looked up,
// or of rows of the table. What the other side gives is null, but for a shared key, which
// they have themselves.
func (p probeParams) partnerless(cols []outCol, in dtype.Schema, ofTable bool) []outCol {
	mine := in
	if ofTable {
		mine = p.Build
	}
	out := make([]outCol, len(cols))
	for i, c := range cols {
		if c.build = c.build != ofTable; c.build && p.Cols[i].Shared {
			c = outCol{false, mine.Index(p.Cols[i].In), c.typ}
		}
		out[i] = c
	}
	return out
}

// A loner emits rows without a partner. One thread uses it.
type loner struct {
	emit  *emitter
	nulls bool // some column is of the other side
	ids   []uint32
}

func newLoner(cols []outCol, at *places) *loner {
	l, t := &loner{}, &table{cols: make([]*column, len(cols))}
	for i, c := range cols {
		if c.build {
			t.cols[i], l.nulls = t.rows.columnOf(c.at, c.typ), true
		}
	}
	l.emit = newEmitter(cols, t, true)
	l.emit.places = at
	return l
}

// partners are those of n rows.
func (l *loner) partners(n int) []uint32 {
	if !l.nulls {
		return nil
	}
	if len(l.ids) < n {
		l.ids = room(l.ids, max(n, maxRows))
		fill(l.ids, none)
	}
	return l.ids[:n]
}

// all emits the rows of m.
func (l *loner) all(m *chunk.Batch, out op.Sink) error {
	return l.emit.emit(m, nil, l.partners(m.N), out)
}

// rows emits some rows of m.
func (l *loner) rows(m *chunk.Batch, which []uint32, out op.Sink) error {
	if len(which) == 0 {
		return nil
	}
	return l.emit.emit(m, which, l.partners(len(which)), out)
}

// masked emits the n rows of m that are set in mask.
func (l *loner) masked(m *chunk.Batch, mask []uint64, n int, out op.Sink) error {
	if n == m.N {
		mask = nil
	}
	return l.emit.masked(m, mask, n, l.partners(n), out)
}

// makeMarks makes a bit for every row of a table, in words of its segment. They are set of
// rows that have been found: by meet only of the first row of a chain, which stands for all of it.
func (t *table) makeMarks() bool {
	words := 0
	t.before = make([]int, len(t.rows.segs)+1)
	for i, s := range t.rows.segs {
		t.before[i] = words
		words += chunk.Words(s.N)
	}
	t.before[len(t.rows.segs)] = words
	if t.marks = take[uint64](t, words); t.marks == nil {
		return words == 0
	}
	clear(t.marks)
	return true
}

func (t *table) markOf(id uint32) (word *uint64, bit uint64) {
	row := id & (1<<(t.rows.shift&31) - 1)
	return &t.marks[t.before[id>>(t.rows.shift&31)]+int(row>>6)], 1 << (row & 63)
}

// meet marks the rows that lookups have found. Several threads may do so: most
// rows are found more than once, so looking comes first.
func (t *table) meet(heads []uint32) {
	if t.rows.n == 0 {
		return
	}
	for _, id := range heads {
		if id == none {
			continue
		}
		if word, bit := t.markOf(id); atomic.LoadUint64(word)&bit == 0 {
			atomic.OrUint64(word, bit)
		}
	}
}

// spread marks all rows of the chains whose first row is marked. Chains go from a row to later
// ones of the same region, so that one way through the rows is enough, and regions may go theirs side by side.
func (t *table) spread(do fork) error {
	if !t.dups {
		return nil
	}
	regions := runs
	if t.single {
		regions = 1
	}
	return do(regions, func(r int) error {
		lo, hi := t.segments(r)
		for s := lo; s < hi; s++ {
			for row, id := range t.next[s] {
				if id != none && t.marks[t.before[s]+row>>6]>>(uint(row)&63)&1 != 0 {
					word, bit := t.markOf(id)
					*word |= bit
				}
			}
		}
		return nil
	})
}

// lonely emits the rows of some segments that are, or that are not, marked, as they are without a partner.
func (t *table) lonely(lo, hi int, want bool, l *loner, out op.Sink) error {
	var which []uint32
	for seg, s := range t.rows.segs[lo:hi] {
		marks := t.marks[t.before[lo+seg]:]
		for at := 0; at < s.N; at += maxRows {
			m := s.Slice(at, min(s.N, at+maxRows))
			m.Seq, which = l.emit.seq, which[:0]
			for i := range m.N {
				if marks[(at+i)>>6]>>(uint(at+i)&63)&1 != 0 == want {
					which = append(which, uint32(i))
				}
			}
			if err := l.rows(m, which, out); err != nil {
				return err
			}
		}
	}
	return nil
}
