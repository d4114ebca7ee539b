package optimize

import (
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// absorb gives the predicates of filters that lie on a reader to the reader,
// when nothing else reads it. What the reader leaves over stays in the filter;
// so does what can fail, because a reader may test in any order.
func absorb(p *Plan) error {
	a := &absorbing{readers: p.readers(), rest: map[graph.LayerID]expr.Expr{}}
	return p.weave(a.layer)
}

type absorbing struct {
	readers [][]reader
	rest    map[graph.LayerID]expr.Expr // of filters: what they still test
}

func (a *absorbing) layer(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return 0, err
	}
	if rest, ok := a.rest[i]; ok {
		if rest.None() {
			return l.In[0].From, nil
		}
		l.Call = e.WithPred(rest)
	}
	if e.Filter == nil {
		return w.keep(i, l)
	}
	for r := a.readers[i]; len(r) == 1 && r[0].layer >= 0; r = a.readers[r[0].layer] {
		f := &w.old.Layers[r[0].layer]
		fe, err := op.Lookup(f.Call.Op)
		if err != nil {
			return 0, err
		}
		pred, ok := filterOf(fe, f)
		if !ok {
			break
		}
		a.rest[r[0].layer] = give(e, &l, pred)
	}
	return w.keep(i, l)
}

// give hands the conjuncts that cannot fail to l and returns what is left to
// test above it.
func give(e *op.Entry, l *graph.Layer, pred expr.Expr) expr.Expr {
	var offer, stay []expr.Expr
	for _, c := range expr.Conjuncts(pred) {
		if moves(c, l.Out.Schema) {
			offer = append(offer, c)
		} else {
			stay = append(stay, c)
		}
	}
	if len(offer) == 0 {
		return pred
	}
	call, rest := e.Filter(l.Call.Params, expr.AndAll(offer))
	l.Call = call
	return expr.AndAll(append(expr.Conjuncts(rest), stay...))
}
