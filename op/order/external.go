package order

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// maxRuns is how many runs are merged at once: a reader holds a batch of each.
const maxRuns = 64

// fewer merges runs that follow each other in the input until there are at most
// maxRuns, each within some intervals that follow each other, and returns them.
func fewer(t op.Task, keys []key, schema dtype.Schema, refs []*runRef, ivs []interval) ([]*runRef, error) {
	for len(refs) > maxRuns {
		groups := (len(refs) + maxRuns - 1) / maxRuns
		f, err := t.Spill(schema, 2*groups)
		if err != nil {
			return nil, err
		}
		next := make([]*runRef, groups)
		if err := t.Fork(groups, func(i int) (err error) {
			next[i], err = rewrite(t, keys, schema, refs[i*len(refs)/groups:(i+1)*len(refs)/groups], ivs, f, 2*i+1)
			return err
		}); err != nil {
			return nil, err
		}
		refs = refs[:0:0]
		for _, r := range next {
			if r != nil {
				r.order = len(refs)
				refs = append(refs, r)
			}
		}
		t.Count("merge passes", 1)
	}
	return refs, nil
}

// rewrite merges runs into one of a file; nil when the intervals hold nothing.
func rewrite(t op.Task, keys []key, schema dtype.Schema, refs []*runRef, ivs []interval, f *spill.File, run int) (*runRef, error) {
	c := chunk.NewBuilder(schema, mem.Heap)
	peel := newPeeler(schema, keys, sampleText)
	sample := func(b *chunk.Batch, i int) error { return c.Append(peel.row(b, i)) }
	tail := chunk.NewBuilder(schema, mem.Heap) // the last row so far
	m, starts := newMerger(t, keys, schema), []int{0}
	begin := func() { starts = append(starts, c.Len()) } // it has a row of each batch
	iv, cuts := all(ivs)
	m.cuts, m.passed = cuts, begin
	err := m.merge(refs, iv, func(b *chunk.Batch) error {
		if err := sample(b, 0); err != nil {
			return err
		}
		tail.Close()
		if err := tail.Append(peel.row(b, b.N-1)); err != nil {
			return err
		}
		return f.Write(run, b)
	})
	if err != nil || c.Len() == 0 {
		return nil, err
	}
	for len(starts) <= len(ivs) {
		begin()
	}
	if err := c.Append(tail.Flush()); err != nil {
		return nil, err
	}
	return &runRef{v: f, run: run, samples: c.Flush(), starts: starts}, nil
}

// An interval has about so many batches of every run at least, or marks of every block: as many batches on disk, or half of
// them in memory. Of each run two batches are read for the neighbours too.
const (
	rangeBatches = 4
	rangeMarks   = 16
)

// parts returns into how many intervals to divide rows, at most most, that have at least so many marks each.
func parts(marks []*chunk.Batch, least, most int) int {
	rows := 0
	for _, b := range marks {
		rows += b.N
	}
	return max(1, min(most, rows/max(1, least)))
}

// mergeAll gives all rows of the runs: interval i becomes run i of the output.
func mergeAll(t op.Task, keys []key, schema dtype.Schema, refs []*runRef, out op.Out) error {
	var marks []*chunk.Batch // the task alone reads these runs: each is as good as a block, and its samples as marks
	for i, r := range refs {
		r.block = i
		m := chunk.NewBuilder(schema, mem.Heap)
		if err := m.Append(newPeeler(schema, keys, markText).of(r.samples)); err != nil {
			return err
		}
		marks = append(marks, m.Flush())
	}
	ivs := intervals(keys, marks, parts(marks, rangeBatches*len(refs), 256))
	refs, err := fewer(t, keys, schema, refs, ivs)
	if err != nil {
		return err
	}
	return t.Fork(len(ivs), func(i int) error {
		g := gatherer{schema: schema, t: t}
		defer func() { freePages(t, g.pages) }()
		flush := func() error {
			for len(g.pages) > 0 {
				p := g.pages[0]
				g.pages = g.pages[1:]
				if err := out.Put(i, p.give(t)); err != nil {
					return err
				}
			}
			g.rows = 0
			return nil
		}
		if err := merge(t, keys, schema, refs, ivs[i], func(b *chunk.Batch) error {
			for lo := 0; lo < b.N; {
				n, err := g.add(b, lo, false)
				if err != nil {
					return err
				}
				lo += n
				if len(g.pages) > 1 || lo < b.N {
					if err := flush(); err != nil {
						return err
					}
				}
				g.must = n == 0 // then nothing of ours is in the way
			}
			return nil
		}); err != nil {
			return err
		}
		return flush()
	})
}

// give makes a batch of a page, which owns its buffers.
func (p *page) give(t op.Task) *chunk.Batch {
	p.release(t)
	b := p.b
	var bufs [][]byte
	for i := range p.cols {
		c := &p.cols[i]
		for _, x := range [][]byte{c.data, c.valid, c.str} {
			if x != nil {
				bufs = append(bufs, x)
			}
		}
	}
	b.Own(p.alloc, bufs)
	p.cols = nil
	return &b
}

// mergeParams are the parameters of order.merge.
type mergeParams struct {
	Keys   []op.SortKey
	Schema dtype.Schema
	One    bool // there is one block, which reads all runs
}

// mergeRuns is the most blocks that order.merge has, and mergeBytes about how
// many bytes each gives.
const (
	mergeRuns  = 64
	mergeBytes = 64 << 20
	// mostIntervals is about how many intervals all blocks together have at most.
	mostIntervals = 1024
)

// mergeOp merges the sorted runs of all blocks of order.runs. Block b of n gives
// the rows of the b-th of n intervals of the keys. The wiring tells it n: of
// mergeRuns shares it is given mergeRuns/n.
var mergeOp = op.Register(op.Spec[mergeParams]{
	Name: "order.merge", Version: 3, Class: op.Gathering,
	Doc:   "merges the sorted runs of all blocks within a range of the keys",
	Infer: func(p mergeParams, in []op.Meta) (op.Meta, error) { return inferSorted(p.Keys, in[0]) },
	Mem:   func(mergeParams, op.Meta) op.Need { return op.Need{Floor: 16 << 20, Want: 32 << 20} },
	Text:  func(p mergeParams) string { return keysText(p.Keys) },
	Source: func(p mergeParams) (op.Source, error) {
		k, err := bindKeys(p.Keys, p.Schema)
		return mergeSource{k, p.Schema, p.One}, err
	},
})

type mergeSource struct {
	keys   []key
	schema dtype.Schema
	one    bool
}

// Whole says that a task looks into all runs of its inputs: where its share of them
// begins and ends is found in their indexes.
func (s mergeSource) Whole() bool { return true }

// Open implements op.Source.
func (s mergeSource) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &mergeFeed{mergeSource: s, t: t}
	refs, marks, err := blocksOf(in, s.keys, s.schema)
	if err != nil || len(refs) == 0 {
		return f, err
	}
	n, b := 1, 0
	if !s.one {
		n, b = mergeRuns/max(1, in[0].Hi-in[0].Lo), t.Block()
	}
	k := parts(marks, n*rangeMarks*len(marks), mostIntervals/n)
	f.ivs = intervals(s.keys, marks, n*k)[b*k : (b+1)*k]
	for i := range f.ivs {
		f.ivs[i].n, f.ivs[i].end = i, i+1
	}
	f.refs, err = fewer(t, s.keys, s.schema, refs, f.ivs)
	return f, err
}

// A mergeFeed gives the rows of its intervals, each a split.
type mergeFeed struct {
	mergeSource
	t    op.Task
	refs []*runRef
	ivs  []interval
}

func (f *mergeFeed) Splits() int                { return len(f.ivs) }
func (f *mergeFeed) Reader() (op.Reader, error) { return mergeReader{f}, nil }
func (f *mergeFeed) Close() error               { return nil }

type mergeReader struct{ f *mergeFeed }

func (mergeReader) Close() error { return nil }

// Read implements op.Reader.
func (r mergeReader) Read(split int, out op.Sink) error {
	seq := (uint64(r.f.t.Block())<<16 | uint64(split)) << 32
	return merge(r.f.t, r.f.keys, r.f.schema, r.f.refs, r.f.ivs[split], func(b *chunk.Batch) error {
		b.Seq = seq
		seq++
		return out.Push(b)
	})
}
