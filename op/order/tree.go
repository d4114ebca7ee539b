package order

import (
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/op"
)

// A merger gives the rows of an interval of sorted runs in order, by a tree of
// losers over one cursor per run.
type merger struct {
	t       op.Task
	keys    []key
	schema  dtype.Schema
	cursors []*cursor
	lv      *level // nil: compared in full
	whole   bool   // words tell everything
	tree    []int32
	words   []uint64 // of each cursor's row
	done    []bool
	picks   []entry
	w       *writer
	stale   bool // the writer does not know the cursors' batches
	pages   []*page
}

// morselRows is how many rows a merger gives at a time.
const morselRows = 4096

// cursorBytes is about what a cursor holds: a frame and the words of its rows.
const cursorBytes = 2 * frameBytes

// merge pushes the rows of an interval, in batches that are valid during the
// call.
func merge(t op.Task, keys []key, schema dtype.Schema, refs []*runRef, iv interval, put func(b *chunk.Batch) error) (err error) {
	m := &merger{t: t, keys: keys, schema: schema, picks: make([]entry, 0, morselRows), stale: true}
	m.level(refs, iv)
	// Readers and words are scratch; what all runs together need is told to the
	// budget if it has room.
	if scratch := int64(len(refs)) * cursorBytes; t.Reserve(scratch) {
		defer t.Release(scratch)
	}
	defer func() {
		for _, c := range m.cursors {
			if e := c.close(); err == nil { // op.ErrEnough must stay what it is
				err = e
			}
		}
	}()
	for _, r := range refs {
		c := newCursor(keys, schema, r, iv, m.lv)
		m.cursors = append(m.cursors, c)
		some, err := c.load()
		if err != nil {
			return err
		}
		if !some {
			m.cursors = m.cursors[:len(m.cursors)-1]
		}
	}
	if len(m.cursors) == 0 {
		return nil
	}
	return m.run(put)
}

// level packs what the words of all rows within the interval can tell. Only of
// the first key the range is known: it is that of the rows at the ends.
func (m *merger) level(refs []*runRef, iv interval) {
	spreads := make([]spread, len(m.keys))
	for i, k := range m.keys {
		spreads[i] = anySpread(k.kind)
	}
	k := &m.keys[0]
	s := emptySpread()
	look := func(b *chunk.Batch, i int) {
		x := spreadAt(k.kind, &b.Cols[k.col], i)
		s.join(&x)
	}
	for _, r := range refs {
		if iv.lo == nil {
			look(r.samples, 0)
		}
		if iv.hi == nil {
			look(r.samples, r.samples.N-1)
		}
	}
	if iv.lo != nil {
		look(iv.lo.ref.samples, iv.lo.at)
	}
	if iv.hi != nil {
		look(iv.hi.ref.samples, iv.hi.at)
	}
	if !s.nulls && (s.lo <= s.hi || s.first != nil) {
		if k.kind == dtype.Decimal128 {
			s.lowLo, s.lowHi = 0, math.MaxUint64
		}
		s.minLen, s.maxLen = 0, math.MaxInt
		spreads[0] = s
	}
	levels := levelsOf(m.keys, spreads)
	if len(levels) > 0 {
		m.lv = &levels[0]
	}
	m.whole = len(levels) == 0 || len(levels) == 1 && !levels[0].text
}

// anySpread is a spread that every column of a kind fits into.
func anySpread(kind dtype.Kind) spread {
	s := emptySpread()
	s.nulls = true
	const sign = 1 << 63
	signed := func(bits uint) { s.lo, s.hi = sign-1<<(bits-1), sign-1+1<<(bits-1) }
	switch kind {
	case dtype.Null:
	case dtype.Bool:
		s.lo, s.hi = 0, 1
	case dtype.Int8:
		signed(8)
	case dtype.Int16:
		signed(16)
	case dtype.Int32, dtype.Date:
		signed(32)
	case dtype.Uint8:
		s.lo, s.hi = 0, math.MaxUint8
	case dtype.Uint16:
		s.lo, s.hi = 0, math.MaxUint16
	case dtype.Uint32, dtype.Float32:
		s.lo, s.hi = 0, math.MaxUint32
	default:
		s.lo, s.hi = 0, math.MaxUint64
		s.lowLo, s.lowHi = 0, math.MaxUint64
		s.first, s.shared, s.minLen, s.maxLen = []byte{}, 0, 0, math.MaxInt
	}
	return s
}

// less orders cursors by their rows, equal ones as the runs stand in the input.
func (m *merger) less(a, b int32) bool {
	if m.done[a] || m.done[b] {
		return !m.done[a]
	}
	if m.words[a] != m.words[b] {
		return m.words[a] < m.words[b]
	}
	if !m.whole {
		x, y := m.cursors[a], m.cursors[b]
		if c := compareRows(m.keys, &x.b, x.row, &y.b, y.row); c != 0 {
			return c < 0
		}
	}
	return a < b
}

// build plays all matches below node n and returns the winner.
func (m *merger) build(n int) int32 {
	k := len(m.cursors)
	if n >= k {
		return int32(n - k)
	}
	l, r := m.build(2*n), m.build(2*n+1)
	if m.less(l, r) {
		m.tree[n] = r
		return l
	}
	m.tree[n] = l
	return r
}

// run is the merge.
func (m *merger) run(put func(b *chunk.Batch) error) error {
	k := len(m.cursors)
	m.tree, m.words, m.done, m.pages = make([]int32, k), make([]uint64, k), make([]bool, k), make([]*page, k)
	for i, c := range m.cursors {
		m.words[i], m.pages[i] = c.es[c.row].k, &c.page
	}
	if k == 1 {
		return m.single(put)
	}
	w := m.build(1)
	for left := k; ; {
		c := m.cursors[w]
		m.picks = append(m.picks, entry{id: uint32(w)<<pageBits | uint32(c.row)})
		if len(m.picks) == morselRows {
			if err := m.give(put); err != nil {
				return err
			}
		}
		if c.row++; c.row < c.rows {
			m.words[w] = c.es[c.row].k
		} else {
			more, err := m.advance(w, put)
			if err != nil {
				return err
			}
			if !more {
				if left--; left == 0 {
					return nil
				}
			}
		}
		for n := (int(w) + k) >> 1; n > 0; n >>= 1 {
			if l := m.tree[n]; m.words[l] < m.words[w] || m.words[l] == m.words[w] && m.less(l, w) {
				m.tree[n], w = w, l
			}
		}
	}
}

// advance loads the next batch of a cursor, after the rows picked so far were
// given: they may be of its last one.
func (m *merger) advance(w int32, put func(b *chunk.Batch) error) (bool, error) {
	if err := m.give(put); err != nil {
		return false, err
	}
	m.stale = true
	c := m.cursors[w]
	more, err := c.load()
	if err != nil || !more {
		m.done[w], m.words[w] = true, math.MaxUint64
		return false, err
	}
	m.words[w] = c.es[c.row].k
	return true, nil
}

// give pushes the picked rows.
func (m *merger) give(put func(b *chunk.Batch) error) error {
	if len(m.picks) == 0 {
		return nil
	}
	if err := m.t.Context().Err(); err != nil {
		return err
	}
	if m.stale {
		w := newWriter(m.schema, m.pages, nil)
		if m.w != nil {
			w.buf, w.lens = m.w.buf, m.w.lens
		}
		m.w, m.stale = w, false
	}
	b, err := m.w.gather(m.picks)
	if err != nil {
		return err
	}
	m.picks = m.picks[:0]
	return put(b)
}

// single gives the rows of the only run.
func (m *merger) single(put func(b *chunk.Batch) error) error {
	c := m.cursors[0]
	for {
		for ; c.row < c.rows; c.row++ {
			if m.picks = append(m.picks, entry{id: uint32(c.row)}); len(m.picks) == morselRows {
				if err := m.give(put); err != nil {
					return err
				}
			}
		}
		if more, err := m.advance(0, put); err != nil || !more {
			return err
		}
	}
}
