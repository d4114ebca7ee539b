package optimize

import (
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/op"
)

// maxDearer is by how many nodes a predicate may grow when it is rewritten for
// the input of an operator: it then computes again what the operator computes
// for the rows that are left, which pays while it is a few instructions.
const maxDearer = 4

// filter moves predicates toward the readers. It cuts the predicates of filters
// into conjuncts and lets each sink as far as the operators' rules let it; where
// conjuncts come to rest they are one filter again, in simplified form.
//
// A conjunct that can fail on some row stays where it is: below, it would see
// rows that an operator in between removes. Conjuncts that stay see fewer rows
// than before, so a plan may succeed whose failing rows nobody reads, never the
// other way round. A conjunct sinks into a layer with several readers only when
// all of them ask for it.
func filter(p *Plan) error {
	n := len(p.Graph.Layers)
	s := &sinking{g: p.Graph, readers: p.readers(), edge: make([][]asks, n), above: make([][]conjunct, n), stay: make([][]conjunct, n)}
	for i := n - 1; i >= 0; i-- {
		s.edge[i] = make([]asks, len(p.Graph.Layers[i].In))
	}
	for i := n - 1; i >= 0; i-- {
		if err := s.sink(graph.LayerID(i)); err != nil {
			return err
		}
	}
	return p.weave(s.place)
}

// A conjunct is a predicate on its way down, with the operator that tests it and
// the line of the user's that asked for it.
type conjunct struct {
	pred   expr.Expr
	key    string // canonical bytes
	by     *op.Entry
	origin string
}

func conjuncts(e expr.Expr, by *op.Entry, origin string) (out []conjunct, err error) {
	for _, c := range expr.Conjuncts(expr.Simplify(e)) {
		x, err := conjunct{by: by, origin: origin}.with(c)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// with is c with another predicate.
func (c conjunct) with(e expr.Expr) (conjunct, error) {
	c.pred = expr.Expr{N: expr.Simplify(e).N}
	key, err := canon.Append(nil, c.pred)
	c.key = string(key)
	return c, err
}

// holds reports that every row passes.
func (c conjunct) holds() bool {
	l, ok := c.pred.N.(expr.Literal)
	return ok && !l.Null && l.Type.Kind == dtype.Bool && l.I == 1
}

// moves reports whether e, over columns of s, may be evaluated elsewhere, on more
// rows.
func moves(e expr.Expr, s dtype.Schema) bool {
	return expr.Deterministic(e) && !expr.CanErrorIn(e, s)
}

func contains(cs []conjunct, key string) bool {
	return slices.ContainsFunc(cs, func(c conjunct) bool { return c.key == key })
}

// sinking is the state of the pass: for every edge what its reader asks of it,
// and for every layer what comes to rest on it.
type sinking struct {
	g       *graph.Graph
	readers [][]reader
	edge    [][]asks     // of layer and input: to hold there
	above   [][]conjunct // to rest on the layer
	stay    [][]conjunct // of a filter: what does not leave it
}

// asks are conjuncts that are to hold on an edge, each once. A filter adds its own before
// those that it was asked for, so they are kept from the last to the first: what a chain of
// filters asks for goes down all of it as one.
type asks struct {
	back []conjunct     // without an operator where an equal one comes earlier
	at   map[string]int // of each key
}

func (a *asks) has(key string) bool {
	_, ok := a.at[key]
	return ok
}

// first makes c hold before all others.
func (a *asks) first(c conjunct) {
	if c.holds() {
		return
	}
	if i, ok := a.at[c.key]; ok {
		a.back[i].by = nil
	}
	if a.at == nil {
		a.at = map[string]int{}
	}
	a.at[c.key] = len(a.back)
	a.back = append(a.back, c)
}

// list returns the conjuncts in their order.
func (a *asks) list() []conjunct {
	out := make([]conjunct, 0, len(a.at))
	for _, c := range slices.Backward(a.back) {
		if c.by != nil {
			out = append(out, c)
		}
	}
	return out
}

// only leaves out what others do not ask for, or, without, what they do.
func (a *asks) only(without bool, others *asks) (out asks) {
	for _, c := range a.back {
		if c.by != nil && others.has(c.key) != without {
			out.first(c)
		}
	}
	return out
}

// sink decides what becomes of what all readers of layer i ask for.
func (s *sinking) sink(i graph.LayerID) error {
	l := &s.g.Layers[i]
	common := s.common(i)
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return err
	}
	if pred, ok := filterOf(e, l); ok {
		own, err := conjuncts(pred, e, l.Origin)
		if err != nil {
			return err
		}
		s.edge[i][0] = common
		for _, c := range slices.Backward(own) {
			if moves(c.pred, inputs(s.g, l)[0].Schema) {
				s.edge[i][0].first(c)
			} else {
				s.stay[i] = append(s.stay[i], c)
			}
		}
		slices.Reverse(s.stay[i])
		return nil
	}
	for _, c := range common.back {
		if c.by == nil {
			continue
		}
		went, err := s.through(i, e, c)
		if err != nil {
			return err
		}
		if !went {
			s.above[i] = append(s.above[i], c)
		}
	}
	slices.Reverse(s.above[i])
	return nil
}

// filterOf returns the predicate of a layer that is a plain filter.
func filterOf(e *op.Entry, l *graph.Layer) (expr.Expr, bool) {
	if e.Pred == nil || e.WithPred == nil || len(l.In) != 1 || l.In[0].Wiring != op.OneToOne {
		return expr.Expr{}, false
	}
	return e.Pred(l.Call.Params)
}

// common takes off all edges to layer i what every one of them asks for.
func (s *sinking) common(i graph.LayerID) (all asks) {
	for n, r := range s.readers[i] {
		if r.layer < 0 || r.layer == i {
			return asks{}
		}
		if asked := &s.edge[r.layer][r.edge]; n == 0 {
			all = *asked
		} else {
			all = all.only(false, asked)
		}
	}
	for _, r := range s.readers[i] {
		asked := &s.edge[r.layer][r.edge]
		if len(s.readers[i]) == 1 {
			*asked = asks{} // all of it went on
		} else {
			*asked = asked.only(true, &all)
		}
	}
	return all
}

// through sends c to the inputs of layer i if its rules let it.
func (s *sinking) through(i graph.LayerID, e *op.Entry, c conjunct) (bool, error) {
	l := &s.g.Layers[i]
	if e.Through == nil {
		return false, nil
	}
	in := inputs(s.g, l)
	below := make([]conjunct, len(in))
	went := 0
	for k := range in {
		if l.In[k].Side || l.In[k].From == i {
			continue
		}
		pred, ok := e.Through(l.Call.Params, in, c.pred, k)
		if !ok || !moves(pred, in[k].Schema) || weight(pred.N) > weight(c.pred.N)+maxDearer {
			continue
		}
		var err error
		if below[k], err = c.with(pred); err != nil {
			return false, err
		}
		went++
	}
	if went == 0 || e.Every && went < len(in) {
		return false, nil
	}
	for k := range below {
		if below[k].by != nil {
			s.edge[i][k].first(below[k])
		}
	}
	return true, nil
}

// weight counts the nodes of a predicate that are work.
func weight(n expr.Node) (w int) {
	sum := func(ns []expr.Node) {
		for _, k := range ns {
			w += weight(k)
		}
	}
	switch n := n.(type) {
	case expr.Func:
		w++
		sum(n.Args)
	case expr.Cast:
		w += 1 + weight(n.X)
	case expr.Member:
		w += 1 + weight(n.X)
	case expr.When:
		w++
		sum(n.If)
		sum(n.Then)
		sum([]expr.Node{n.Else})
	}
	return w
}

// place builds the plan anew with predicates where they came to rest.
func (s *sinking) place(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
	for k := range l.In {
		var err error
		if l.In[k].From, err = s.rest(w, l.In[k].From, s.edge[i][k].list()); err != nil {
			return 0, err
		}
	}
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return 0, err
	}
	if _, ok := filterOf(e, &l); ok {
		if len(s.stay[i]) == 0 {
			return l.In[0].From, nil
		}
		l.Call = e.WithPred(all(s.stay[i]))
	}
	id, err := w.keep(i, l)
	if err != nil {
		return 0, err
	}
	return s.rest(w, id, s.above[i])
}

// rest adds filters over a layer: one for each operator that tests.
func (s *sinking) rest(w *weaver, id graph.LayerID, cs []conjunct) (graph.LayerID, error) {
	for len(cs) > 0 {
		by := cs[0].by
		var mine, others []conjunct
		for _, c := range cs {
			if c.by == by {
				mine = append(mine, c)
			} else {
				others = append(others, c)
			}
		}
		var err error
		if id, err = w.on(by.WithPred(all(mine)), id, mine[0].origin); err != nil {
			return 0, err
		}
		cs = others
	}
	return id, nil
}

func all(cs []conjunct) expr.Expr {
	es := make([]expr.Expr, len(cs))
	for i, c := range cs {
		es[i] = c.pred
	}
	return expr.AndAll(es)
}
