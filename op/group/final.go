package group

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
)

// finalSource is group.final, ready to run.
type finalSource struct{ pl *plan }

// Open implements op.Source.
func (s finalSource) Open(t op.Task, in []op.In) (op.Feed, error) {
	f := &finalFeed{pl: s.pl, task: t}
	if len(s.pl.keys) == 0 {
		var all [][]piece
		all = append(all, f.pieces(in, 0, 1<<30))
		f.splits = append(f.splits, all)
		return f, nil
	}
	lo, hi := hashRuns, 0
	for _, x := range in {
		lo, hi = min(lo, x.Lo), max(hi, min(x.Hi, hashRuns))
	}
	// Runs are read one by one, but small ones share a split.
	var split [][]piece
	bytes := int64(0)
	for r := lo; r < hi; r++ {
		p := f.pieces(in, r, r+1)
		if len(p) == 0 {
			continue
		}
		split = append(split, p)
		for _, x := range p {
			bytes += x.value.RunBytes(x.run)
		}
		if bytes >= splitBytes {
			f.splits = append(f.splits, split)
			split, bytes = nil, 0
		}
	}
	if len(split) > 0 {
		f.splits = append(f.splits, split)
	}
	return f, nil
}

// splitBytes is how many bytes of runs make a split.
const splitBytes = 1 << 20

// A finalFeed gives the groups of its runs. A split is a list of runs, a run the
// list of its pieces.
type finalFeed struct {
	pl     *plan
	task   op.Task
	splits [][][]piece
}

// pieces lists what the inputs have of runs [lo, hi).
func (f *finalFeed) pieces(in []op.In, lo, hi int) (p []piece) {
	for _, x := range in {
		for r := max(lo, x.Lo); r < min(hi, x.Hi, x.Runs()); r++ {
			if x.RunBytes(r) > 0 {
				p = append(p, piece{x.Value, r})
			}
		}
	}
	return p
}

func (f *finalFeed) Splits() int  { return len(f.splits) }
func (f *finalFeed) Close() error { return nil }

func (f *finalFeed) Reader() (op.Reader, error) {
	return &finalReader{f: f, m: newMerger(f.pl, f.task)}, nil
}

type finalReader struct {
	f *finalFeed
	m *merger
}

// Read implements op.Reader.
func (r *finalReader) Read(split int, out op.Sink) error {
	seq := (uint64(r.f.task.Block())<<16 | uint64(split)) << 32
	runs := r.f.splits[split]
	put := func(b *chunk.Batch) error {
		b.Seq, b.Sub = seq, 0
		seq++
		return out.Push(b)
	}
	if r.small(runs) {
		var all []piece
		for _, p := range runs {
			all = append(all, p...)
		}
		return r.m.run(all, 0, put)
	}
	for _, p := range runs {
		if err := r.m.run(p, 1, put); err != nil {
			return err
		}
	}
	return nil
}

// small reports that the runs of a split are worth one table only. Together they
// are no single run, so they would be divided by the first bits again.
func (r *finalReader) small(runs [][]piece) bool {
	bytes := int64(0)
	for _, p := range runs {
		for _, x := range p {
			bytes += x.value.RunBytes(x.run)
		}
	}
	return len(runs) > 1 && bytes < splitBytes
}

// Close implements op.Reader.
func (r *finalReader) Close() error { r.m.close(); return nil }
