package optimize

import (
	"slices"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// derive adds predicates that follow from others, for tables on which none lies yet:
//
//   - what holds for a key of a join holds for the key that equals it;
//   - of alternatives that speak of several tables, what each says of one table: from
//     (a.x = 1 and b.y = 2) or (a.x = 3 and b.y = 4) follows a.x = 1 or a.x = 3.
//
// Then all predicates sink once more. Keys that are floats are left alone: of equal ones
// a function can give different results.
func derive(p *Plan) error {
	d := &deriving{g: p.Graph, asked: map[reader][]conjunct{}, found: map[place][]conjunct{}}
	for i := range p.Graph.Layers {
		if err := d.layer(graph.LayerID(i)); err != nil {
			return err
		}
	}
	if len(d.asked) == 0 {
		return nil
	}
	s := &sinking{}
	err := p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		for k := range l.In {
			var err error
			if l.In[k].From, err = s.rest(w, l.In[k].From, d.asked[reader{i, k}]); err != nil {
				return 0, err
			}
		}
		return w.keep(i, l)
	})
	if err != nil {
		return err
	}
	return filter(p)
}

// deriving is the state of the pass: what is to hold on which edges besides.
type deriving struct {
	g     *graph.Graph
	asked map[reader][]conjunct
	found map[place][]conjunct // what held has found: layers are met in order, so it stays true
}

// A place is a column of a layer.
type place struct {
	layer graph.LayerID
	col   string
}

func (d *deriving) layer(i graph.LayerID) error {
	l := &d.g.Layers[i]
	if m, ok := matchOf(l); ok {
		for k := range m.Left {
			if err := d.equal(i, m, k); err != nil {
				return err
			}
		}
		return nil
	}
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return err
	}
	pred, ok := filterOf(e, l)
	if !ok {
		return nil
	}
	own, err := conjuncts(pred, e, l.Origin)
	if err != nil {
		return err
	}
	for _, c := range own {
		if err := d.alternatives(i, c, own); err != nil {
			return err
		}
	}
	return nil
}

// equal gives each side of a join what holds for key k of the other. Where left rows
// without a partner are kept, only what holds on the left goes to the right.
func (d *deriving) equal(i graph.LayerID, m op.Match, k int) error {
	l := &d.g.Layers[i]
	in := inputs(d.g, l)
	if f := in[0].Schema; f[f.Index(m.Left[k])].Type.Kind.IsFloat() {
		return nil
	}
	left, right := d.held(l.In[0].From, m.Left[k]), d.held(l.In[1].From, m.Right[k])
	if err := d.give(reader{i, 1}, m.Left[k], m.Right[k], left, right); err != nil {
		return err
	}
	if m.Kind == op.Kept || m.Kind == op.Lacking {
		return nil
	}
	return d.give(reader{i, 0}, m.Right[k], m.Left[k], right, left)
}

// give asks on an edge for what holds for a column of the other side, unless it holds.
func (d *deriving) give(to reader, from, col string, have, there []conjunct) error {
	for _, c := range have {
		x, err := c.with(expr.Rename(c.pred, map[string]string{from: col}))
		if err != nil {
			return err
		}
		if !contains(there, x.key) && !contains(d.asked[to], x.key) {
			d.asked[to] = append(d.asked[to], x)
		}
	}
	return nil
}

// held lists the predicates on one column that every row of a layer passes.
func (d *deriving) held(i graph.LayerID, col string) []conjunct {
	at := place{i, col}
	out, ok := d.found[at]
	if !ok {
		out = d.search(i, col)
		d.found[at] = out
	}
	return out
}

func (d *deriving) search(i graph.LayerID, col string) (out []conjunct) {
	l := &d.g.Layers[i]
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return nil
	}
	in := inputs(d.g, l)
	below := func(k int, name string) {
		for _, c := range slices.Concat(d.held(l.In[k].From, name), d.asked[reader{i, k}]) {
			if !only(c.pred, name) {
				continue
			}
			if x, err := c.with(expr.Rename(c.pred, map[string]string{name: col})); err == nil && !contains(out, x.key) {
				out = append(out, x)
			}
		}
	}
	if pred, ok := filterOf(e, l); ok {
		own, err := conjuncts(pred, e, l.Origin)
		if err != nil {
			return nil
		}
		for _, c := range own {
			if only(c.pred, col) && moves(c.pred, in[0].Schema) {
				out = append(out, c)
			}
		}
		below(0, col)
		return out
	}
	if e.Through == nil || e.Every {
		return nil
	}
	for k := range in {
		if l.In[k].Side || l.In[k].From == i {
			continue
		}
		if name, ok := throughTo(e, l, in, col, k); ok {
			below(k, name)
		}
	}
	return out
}

func only(e expr.Expr, col string) bool {
	cols := expr.Columns(e)
	return len(cols) == 1 && cols[0] == col
}

// alternatives adds what the alternatives of a conjunct say of each table to what layer
// i, which tests it, asks for.
func (d *deriving) alternatives(i graph.LayerID, c conjunct, own []conjunct) error {
	f, ok := c.pred.N.(expr.Func)
	if !ok || f.Fn != "or" || !moves(c.pred, inputs(d.g, &d.g.Layers[i])[0].Schema) {
		return nil
	}
	var tables []reader
	cols := map[reader][]string{}
	for _, col := range expr.Columns(c.pred) {
		at := d.origin(i, col)
		if cols[at] == nil {
			tables = append(tables, at)
		}
		cols[at] = append(cols[at], col)
	}
	if len(tables) < 2 {
		return nil
	}
	for _, at := range tables {
		pred, ok := about(f, cols[at])
		if !ok {
			continue
		}
		x, err := c.with(pred)
		if err != nil {
			return err
		}
		if e := (reader{i, 0}); !contains(own, x.key) && !contains(d.asked[e], x.key) {
			d.asked[e] = append(d.asked[e], x)
		}
	}
	return nil
}

// origin is the input of a join, the last one on its way, through which a predicate on a
// column of layer i sinks.
func (d *deriving) origin(i graph.LayerID, col string) (at reader) {
	for {
		input, below, ok := down(d.g, i, []string{col})
		if !ok {
			return at
		}
		if len(d.g.Layers[i].In) > 1 {
			at = reader{i, input}
		}
		i, col = d.g.Layers[i].In[input].From, below[0]
	}
}

// about is what alternatives say of some columns; false if one says nothing.
func about(f expr.Func, cols []string) (expr.Expr, bool) {
	var out []expr.Node
	for _, a := range f.Args {
		var mine []expr.Expr
		for _, c := range expr.Conjuncts(expr.Expr{N: a}) {
			if !slices.ContainsFunc(expr.Columns(c), func(name string) bool { return !slices.Contains(cols, name) }) {
				mine = append(mine, c)
			}
		}
		if len(mine) == 0 {
			return expr.Expr{}, false
		}
		out = append(out, expr.AndAll(mine).N)
	}
	return expr.Expr{N: expr.Func{Fn: "or", Args: out}}, true
}
