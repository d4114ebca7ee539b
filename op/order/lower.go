package order

import "github.com/weft-data/weft/op"

// topBytes is up to how many bytes of rows are kept by every thread to find the
// first rows; beyond, sorting all of them is as good.
const topBytes = 32 << 20

func lowerSort(p SortParams, f *op.Fragment) error {
	if p.Sorted {
		f.Same = true
		return nil
	}
	if p.First > 0 && float64(p.First)*topRowBytes(f.In[0]) <= topBytes {
		return lowerFirst(p.Keys, p.First, f)
	}
	if f.Blocks[0] == 1 {
		f.Step(runsOp.With(runsParams{p.Keys, true, p.First}), op.Input(0), f.Out)
		return nil
	}
	call, m, err := runsOp.Call(runsParams{Keys: p.Keys}, f.In[0])
	if err != nil {
		return err
	}
	m.Layout = op.Layout{}
	runs := f.Step(call, op.Input(0), m)
	merge := mergeOp.With(mergeParams{p.Keys, f.In[0].Schema, p.One})
	if p.One {
		f.Single(merge, runs, f.Out)
		return nil
	}
	f.Add(op.Node{Call: merge, Meta: f.Out, In: []op.Part{{From: runs, Wiring: op.Shuffled}},
		Size: op.Size{Runs: mergeRuns, TargetBytes: mergeBytes}})
	return nil
}

func lowerTopK(p TopKParams, f *op.Fragment) error {
	switch {
	case p.N == 0 || p.Sorted:
		return lowerLimit(LimitParams{p.N}, f)
	case float64(p.N)*topRowBytes(f.In[0]) <= topBytes:
		return lowerFirst(p.Keys, p.N, f)
	}
	if err := lowerSort(SortParams{Keys: p.Keys, First: p.N}, f); err != nil {
		return err
	}
	f.Narrow(firstOp.With(LimitParams{p.N}), op.Ref(len(f.Nodes)-1))
	return nil
}

// topRowBytes is what a row that may be among the first takes.
func topRowBytes(m op.Meta) float64 { return m.RowBytes() + 16 + scratchBytes }

// lowerFirst keeps the first rows of each block and then the first of these.
func lowerFirst(keys []op.SortKey, n int64, f *op.Fragment) error {
	f.Narrow(bestOp.With(bestParams{keys, n}), op.Input(0))
	return nil
}
