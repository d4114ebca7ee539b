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
		all = append(all, pieces(in, 0, 1<<30))
		f.splits = append(f.splits, all)
		return f, nil
	}
	lo, hi := bounds(in, hashRuns)
	f.splits = splitRuns(in, lo, hi, 0, 1)
	return f, nil
}

// bounds returns which of n runs some of the inputs have.
func bounds(in []op.In, n int) (lo, hi int) {
	lo = n
	for _, x := range in {
		lo, hi = min(lo, x.Lo), max(hi, min(x.Hi, n))
	}
	return lo, hi
}

// splitRuns makes splits of the runs [lo, hi) that leave the rest set when divided by sets. Runs are read one by
// one, but small ones share a split.
func splitRuns(in []op.In, lo, hi, set, sets int) (splits [][][]piece) {
	var split [][]piece
	bytes := int64(0)
	for r := lo; r < hi; r++ {
		if r%sets != set {
			continue
		}
		p := pieces(in, r, r+1)
		if len(p) == 0 {
			continue
		}
		split = append(split, p)
		bytes += bytesIn(p)
		if bytes >= splitBytes {
			splits = append(splits, split)
			split, bytes = nil, 0
		}
	}
	if len(split) > 0 {
		splits = append(splits, split)
	}
	return splits
}

func bytesIn(p []piece) (n int64) {
	for _, x := range p {
		n += x.value.RunBytes(x.run)
	}
	return n
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
func pieces(in []op.In, lo, hi int) (p []piece) {
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
	return r.m.runAll(runs, put)
}

// Close implements op.Reader.
func (r *finalReader) Close() error { r.m.close(); return nil }
