package order

import (
	"cmp"
	"errors"
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
// row of each of its batches and its last row as samples, of long texts their beginnings.
type runRef struct {
	v       chunk.Value
	run     int
	order   int // among all runs, as their rows stand in the input
	block   int // of the input
	samples *chunk.Batch
	starts  []int // of a run that others were merged into, within intervals: the batches that these begin with, and the end
}

// batches is how many batches the run has.
func (r *runRef) batches() int { return r.samples.N - 1 }

// runsOf appends the sorted runs of a value of order.runs to out, in input order.
func runsOf(out []*runRef, v chunk.Value, keys []key, schema dtype.Schema) ([]*runRef, error) {
	first := len(out)
	for run := 1; run+1 < v.Runs(); run += 2 {
		b, err := readSamples(v, run, schema)
		if err != nil {
			return nil, err
		}
		if b != nil {
			out = append(out, &runRef{v: v, run: run + 1, samples: b})
		}
	}
	slices.SortStableFunc(out[first:], func(a, b *runRef) int { return cmp.Compare(a.samples.Seq, b.samples.Seq) })
	for i := first; i < len(out); i++ {
		out[i].order = i
	}
	return out, nil
}

// blocksOf lists the sorted runs of blocks, and the marks of those that have rows.
func blocksOf(in []op.In, keys []key, schema dtype.Schema) (out []*runRef, marks []*chunk.Batch, err error) {
	for _, x := range in {
		first := len(out)
		if out, err = runsOf(out, x.Value, keys, schema); err != nil {
			return nil, nil, err
		}
		if len(out) == first {
			continue
		}
		b, err := readSamples(x.Value, 0, schema)
		if err != nil {
			return nil, nil, err
		}
		if b == nil {
			return nil, nil, errors.New("sorted runs without marks")
		}
		for _, r := range out[first:] {
			r.block = len(marks)
		}
		marks = append(marks, b)
	}
	return out, marks, nil
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

// A cursor reads one run within an interval.
type cursor struct {
	page   // of the batch that is being read
	ref    *runRef
	iv     interval
	keys   []key
	ranker *ranker
	reader chunk.Reader // of a file; runs of other values are copied batch by batch
	next   int          // batch
	end    int          // batch after the last
	row    int
	rows   int    // of the batch that are within the interval
	words  []wide // of the rows of the batch
	own    page
	schema dtype.Schema
}

// bound returns how many batches of run r begin before the splitter.
func (s *splitter) bound(keys []key, r *runRef) int {
	return sort.Search(r.batches(), func(i int) bool { return !s.before(keys, r.block, r.samples, i) })
}

func newCursor(keys []key, schema dtype.Schema, r *runRef, iv interval, rk *ranker) *cursor {
	c := &cursor{ref: r, iv: iv, keys: keys, ranker: rk, schema: schema, end: r.batches()}
	if r.starts != nil {
		c.next, c.end = r.starts[iv.n], r.starts[iv.end]
		return c
	}
	if iv.lo != nil {
		c.next = max(iv.lo.bound(keys, r)-1, 0)
	}
	if iv.hi != nil {
		c.end = iv.hi.bound(keys, r)
	}
	return c
}

// before reports whether row i of the batch that is being read lies before a splitter, which the n-th interval ends with.
func (c *cursor) before(s *splitter, n, i int) bool {
	if c.ref.starts != nil {
		return c.next-1 < c.ref.starts[n+1]
	}
	return s.before(c.keys, c.ref.block, &c.b, i)
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
		if c.iv.lo != nil && c.ref.starts == nil {
			c.row = sort.Search(b.N, func(i int) bool { return !c.iv.lo.before(c.keys, c.ref.block, b, i) })
		}
		if c.iv.hi != nil && c.ref.starts == nil && c.next+1 >= c.end {
			c.rows = sort.Search(b.N, func(i int) bool { return !c.iv.hi.before(c.keys, c.ref.block, b, i) })
		}
		c.next++
		if c.row < c.rows {
			c.words = c.ranker.fill(&c.b, c.row, c.rows, c.words)
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
