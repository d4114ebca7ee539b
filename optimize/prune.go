package optimize

import (
	"slices"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// prune drops the blocks of a scan that no reader can find a row in. The
// predicates are those of the filters right above the scan. One block always
// stays, so that what follows has a block to say "nothing" with.
func prune(p *Plan) error {
	readers := p.readers()
	return p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			return 0, err
		}
		if e.Prune == nil || e.Keep == nil || e.Blocks == nil {
			return w.keep(i, l)
		}
		n := e.Blocks(l.Call.Params)
		keep, ok := keptBlocks(w.old, readers, i, e, l.Call.Params)
		if !ok || len(keep) >= n || n < 2 {
			return w.keep(i, l)
		}
		if len(keep) == 0 {
			keep = []int{0}
		}
		l.Call = e.Keep(l.Call.Params, keep)
		if l.N > 0 {
			l.N = int32(len(keep))
		}
		return w.keep(i, l)
	})
}

// keptBlocks joins what the readers of scan i need; ok is false when one of them
// needs every block.
func keptBlocks(g *graph.Graph, readers [][]reader, i graph.LayerID, e *op.Entry, params string) (keep []int, ok bool) {
	for _, r := range readers[i] {
		pred := testedAbove(g, readers, r)
		if pred.None() {
			return nil, false
		}
		keep = append(keep, e.Prune(params, pred)...)
	}
	slices.Sort(keep)
	return slices.Compact(keep), len(readers[i]) > 0
}

// testedAbove returns the predicate that every row read by r must pass: the
// conjuncts of filters one above the other, those left out that can fail.
func testedAbove(g *graph.Graph, readers [][]reader, r reader) expr.Expr {
	var tests []expr.Expr
	for r.layer >= 0 {
		l := &g.Layers[r.layer]
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			break
		}
		pred, ok := filterOf(e, l)
		if !ok {
			break
		}
		for _, c := range expr.Conjuncts(pred) {
			if moves(c, l.Out.Schema) {
				tests = append(tests, c)
			}
		}
		if len(readers[r.layer]) != 1 {
			break
		}
		r = readers[r.layer][0]
	}
	return expr.AndAll(tests)
}
