package order

import (
	"math"
	"sort"

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
	ranker  ranker
	tree    []rank // the losers
	picks   []entry
	w       *writer
	stale   bool // the writer does not know the cursors' batches
	pages   []*page
	cuts    []*splitter // places between rows; no batch has rows of both sides
	cut     int         // how many were passed
	passed  func()      // is called then, for each
}

// morselRows is how many rows a merger gives at a time.
const morselRows = 4096

// cursorBytes is about what a cursor holds: a frame and the words of its rows.
const cursorBytes = 2 * frameBytes

// merge pushes the rows of an interval, in batches that are valid during the
// call.
func merge(t op.Task, keys []key, schema dtype.Schema, refs []*runRef, iv interval, put func(b *chunk.Batch) error) error {
	return newMerger(t, keys, schema).merge(refs, iv, put)
}

func newMerger(t op.Task, keys []key, schema dtype.Schema) *merger {
	return &merger{t: t, keys: keys, schema: schema, picks: make([]entry, 0, morselRows), stale: true}
}

func (m *merger) merge(refs []*runRef, iv interval, put func(b *chunk.Batch) error) (err error) {
	t, keys, schema := m.t, m.keys, m.schema
	m.ranker.level(keys, refs, iv)
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
		c := newCursor(keys, schema, r, iv, &m.ranker)
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

// before orders rows that have the same words: by what the words do not tell, then as the runs stand in the input.
func (m *merger) before(x, y rank) bool {
	if !m.ranker.whole && x.from < ended && y.from < ended {
		a, b := m.cursors[x.from], m.cursors[y.from]
		if c := compareRows(m.keys, &a.b, a.row, &b.b, b.row); c != 0 {
			return c < 0
		}
	}
	return x.from < y.from
}

// build plays all matches below node n and returns the winner.
func (m *merger) build(n int) rank {
	k := len(m.cursors)
	if n >= k {
		return m.rank(n - k)
	}
	l, r := m.build(2*n), m.build(2*n+1)
	if l.wide == r.wide && m.before(r, l) || l.wide != r.wide && r.below(l) == 1 {
		l, r = r, l
	}
	m.tree[n] = r
	return l
}

// rank is that of a cursor's row.
func (m *merger) rank(w int) rank {
	c := m.cursors[w]
	return rank{c.words[c.row], uint64(w)}
}

// run is the merge.
func (m *merger) run(put func(b *chunk.Batch) error) error {
	k := len(m.cursors)
	m.tree, m.pages = make([]rank, k), make([]*page, k)
	for i, c := range m.cursors {
		m.pages[i] = &c.page
	}
	if k == 1 {
		return m.single(put)
	}
	at := m.build(1)
	for left := k; ; {
		w := int(at.from)
		c := m.cursors[w]
		m.picks = append(m.picks, entry{id: uint32(w)<<pageBits | uint32(c.row)})
		if len(m.picks) == morselRows {
			if err := m.give(put); err != nil {
				return err
			}
		}
		if c.row++; c.row < c.rows {
			at.wide = c.words[c.row]
		} else {
			more, err := m.advance(c, put)
			if err != nil {
				return err
			}
			if more {
				at = m.rank(w)
			} else if left--; left == 0 {
				return nil
			} else {
				at = rank{wide{math.MaxUint64, math.MaxUint64}, ended + uint64(w)}
			}
		}
		at = m.climb((w+k)>>1, at)
	}
}

// climb plays the matches from node n to the top and returns the winner. Which of two ranks is the lower one is a
// toss-up, so they change places without a branch; the branch that is there nearly always goes the same way.
func (m *merger) climb(n int, at rank) rank {
	tree, whole := m.tree, m.ranker.whole
	for ; n > 0; n >>= 1 {
		x := &tree[n]
		if !whole && x.wide == at.wide {
			if m.before(*x, at) {
				*x, at = at, *x
			}
			continue
		}
		swap := -x.below(at)
		hi, lo, from := (x.hi^at.hi)&swap, (x.lo^at.lo)&swap, (x.from^at.from)&swap
		x.hi, x.lo, x.from = x.hi^hi, x.lo^lo, x.from^from
		at.hi, at.lo, at.from = at.hi^hi, at.lo^lo, at.from^from
	}
	return at
}

// advance loads the next batch of a cursor, after the rows picked so far were
// given: they may be of its last one.
func (m *merger) advance(c *cursor, put func(b *chunk.Batch) error) (bool, error) {
	if err := m.give(put); err != nil {
		return false, err
	}
	m.stale = true
	return c.load()
}

// give pushes the picked rows.
func (m *merger) give(put func(b *chunk.Batch) error) error {
	if len(m.picks) == 0 {
		return nil
	}
	if err := m.t.Context().Err(); err != nil {
		return err
	}
	picks := m.picks
	m.picks = m.picks[:0]
	for m.cut < len(m.cuts) {
		n := sort.Search(len(picks), func(i int) bool { return !m.beforeCut(picks[i]) })
		if n == len(picks) {
			break
		}
		if n > 0 {
			if err := m.put(picks[:n], put); err != nil {
				return err
			}
		}
		picks = picks[n:]
		m.cut++
		m.passed()
	}
	return m.put(picks, put)
}

// beforeCut reports whether a picked row lies before the next cut.
func (m *merger) beforeCut(e entry) bool {
	return m.cursors[e.id>>pageBits].before(m.cuts[m.cut], m.cut, int(e.id&(1<<pageBits-1)))
}

// put pushes rows.
func (m *merger) put(picks []entry, put func(b *chunk.Batch) error) error {
	if m.stale {
		w := newWriter(m.schema, m.pages, nil)
		if m.w != nil {
			w.buf, w.lens = m.w.buf, m.w.lens
		}
		m.w, m.stale = w, false
	}
	b, err := m.w.gather(picks)
	if err != nil {
		return err
	}
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
		if more, err := m.advance(c, put); err != nil || !more {
			return err
		}
	}
}
