package order

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// A runRef is a sorted run: the rows of run number run of a value, and the first
// row of each of its batches and its last row as samples.
type runRef struct {
	v       chunk.Value
	run     int
	order   int // among all runs, as their rows stand in the input
	samples *chunk.Batch
}

// batches is how many batches the run has.
func (r *runRef) batches() int { return r.samples.N - 1 }

// runsOf lists the sorted runs of values of order.runs in input order.
func runsOf(in []op.In, keys []key, schema dtype.Schema) ([]*runRef, error) {
	var out []*runRef
	for _, x := range in {
		first := len(out)
		for run := 0; run+1 < x.Runs(); run += 2 {
			b, err := readSamples(x.Value, run, schema)
			if err != nil {
				return nil, err
			}
			if b != nil {
				out = append(out, &runRef{v: x.Value, run: run + 1, samples: b})
			}
		}
		slices.SortStableFunc(out[first:], func(a, b *runRef) int { return cmp.Compare(a.samples.Seq, b.samples.Seq) })
	}
	for i, r := range out {
		r.order = i
	}
	return out, nil
}

// readSamples copies a run of samples; nil when it is empty.
func readSamples(v chunk.Value, run int, schema dtype.Schema) (out *chunk.Batch, err error) {
	c := chunk.NewBuilder(schema, mem.Heap)
	seq := uint64(0)
	err = chunk.Each(v, run, func(b *chunk.Batch) error {
		if c.Len() == 0 {
			seq = b.Seq
		}
		if err := c.Append(b); err != nil {
			return fmt.Errorf("samples of a sorted run: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c.Len() == 0 {
		return nil, nil
	}
	out = c.Flush()
	out.Seq = seq
	return out, nil
}

// A splitter is a place between rows: before the first row of batch number at of
// run ref. Rows of other runs lie before it when they come before that row, in
// key order and among equals in input order.
type splitter struct {
	ref *runRef
	at  int
}

// before compares row i of b, of run order, with the splitter.
func (s *splitter) before(keys []key, order int, b *chunk.Batch, i int) bool {
	c := compareRows(keys, b, i, s.ref.samples, s.at)
	return c < 0 || c == 0 && order < s.ref.order
}

// splittersOf returns n-1 places that divide the rows of all runs into n parts of
// about the same number of batches.
func splittersOf(keys []key, refs []*runRef, n int) []splitter {
	var all []splitter
	for _, r := range refs {
		for i := range r.batches() {
			all = append(all, splitter{r, i})
		}
	}
	slices.SortFunc(all, func(a, b splitter) int {
		return cmp.Or(compareRows(keys, a.ref.samples, a.at, b.ref.samples, b.at), cmp.Compare(a.ref.order, b.ref.order), cmp.Compare(a.at, b.at))
	})
	out := make([]splitter, n-1)
	for i := range out {
		out[i] = all[(i+1)*len(all)/n]
	}
	return out
}

// An interval is the rows from one splitter to another; nil is the end.
type interval struct{ lo, hi *splitter }

// intervals divides all rows into n.
func intervals(keys []key, refs []*runRef, n int) []interval {
	if len(refs) == 0 {
		return make([]interval, n)
	}
	s := splittersOf(keys, refs, n)
	out := make([]interval, n)
	for i := range s {
		out[i].hi, out[i+1].lo = &s[i], &s[i]
	}
	return out
}

// A cursor reads one run within an interval.
type cursor struct {
	page   // of the batch that is being read
	ref    *runRef
	iv     interval
	keys   []key
	lv     *level
	reader chunk.Reader // of a file; runs of other values are copied batch by batch
	next   int          // batch
	end    int          // batch after the last
	row    int
	rows   int // of the batch that are within the interval
	es     []entry
	own    page
	schema dtype.Schema
}

// bound returns how many batches of run r begin before the splitter.
func (s *splitter) bound(keys []key, r *runRef) int {
	if r == s.ref {
		return s.at
	}
	return sort.Search(r.batches(), func(i int) bool { return !s.before(keys, r.order, r.samples, i) })
}

func newCursor(keys []key, schema dtype.Schema, r *runRef, iv interval, lv *level) *cursor {
	c := &cursor{ref: r, iv: iv, keys: keys, lv: lv, schema: schema, end: r.batches()}
	if iv.lo != nil {
		c.next = iv.lo.bound(keys, r)
		if r != iv.lo.ref {
			c.next = max(c.next-1, 0)
		}
	}
	if iv.hi != nil {
		c.end = iv.hi.bound(keys, r)
	}
	return c
}

// load reads the next batch that has rows within the interval; false at the end.
func (c *cursor) load() (bool, error) {
	for c.next < c.end {
		b, err := c.read()
		if err != nil {
			return false, err
		}
		c.b = *b
		c.row, c.rows = 0, b.N
		if c.iv.lo != nil && c.ref != c.iv.lo.ref {
			c.row = sort.Search(b.N, func(i int) bool { return !c.iv.lo.before(c.keys, c.ref.order, b, i) })
		}
		if c.iv.hi != nil && c.ref != c.iv.hi.ref && c.next+1 >= c.end {
			c.rows = sort.Search(b.N, func(i int) bool { return !c.iv.hi.before(c.keys, c.ref.order, b, i) })
		}
		c.next++
		if c.row < c.rows {
			if cap(c.es) < b.N {
				c.es = make([]entry, b.N+b.N/4)
			}
			c.es = c.es[:b.N]
			if c.lv != nil {
				c.lv.fill(c.keys, &c.b, c.es, 0)
			}
			return true, nil
		}
	}
	return false, c.close()
}

func (c *cursor) read() (*chunk.Batch, error) {
	if c.reader == nil {
		r, err := c.ref.v.Open(c.ref.run)
		if err != nil {
			return nil, err
		}
		c.reader = r
		if err := r.Seek(c.next); err != nil {
			return nil, err
		}
	}
	b, err := c.reader.Next()
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("batch %d of %d of a sorted run: %w", c.next, c.ref.batches(), err)
	}
	if _, file := c.ref.v.(*spill.File); file {
		return b, nil
	}
	// A run in memory cannot be spilled while a reader of it is open.
	c.copyOf(b)
	return &c.own.b, c.close()
}

// copyOf copies a batch into the cursor's own page.
func (c *cursor) copyOf(b *chunk.Batch) {
	p := &c.own
	p.b.N = 0
	for i := range p.cols {
		p.cols[i].used = 0
		p.b.Cols[i].Valid = nil
		p.cols[i].valid = nil
	}
	if p.cap < b.N || !p.takes(b) || p.fit(b, 0, b.N) < b.N {
		*p = page{cap: max(p.cap, (b.N+63)&^63), cols: make([]pageCol, len(c.schema)), alloc: mem.Heap}
		p.b.Cols = make([]chunk.Vec, len(c.schema))
		p.buffers(c.schema, b, 0)
		for p.fit(b, 0, b.N) < b.N {
			p.widen(b)
		}
	}
	p.copy(b, 0, b.N)
}

// widen makes room for all text of b in an empty page.
func (p *page) widen(b *chunk.Batch) {
	for i := range p.cols {
		if v := &b.Cols[i]; v.Dict == nil && p.b.Cols[i].Type.Kind.IsVar() {
			if n := textLen(v, 0, b.N); n > len(p.cols[i].str) {
				p.cols[i].str = p.alloc.Alloc(n)
			}
		}
	}
}

func (c *cursor) close() error {
	if c.reader == nil {
		return nil
	}
	r := c.reader
	c.reader = nil
	return r.Close()
}
