package optimize

import (
	"slices"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Limits of the pass reduce.
const (
	// reduced is the share of rows that may be left at most: reading a join's keys
	// twice must be paid by what is spared.
	reduced = 0.3
	// reduceRows is how many rows there must be to spare some of.
	reduceRows = 1 << 15
	// smaller is how many times more rows there must be than keys that reduce them.
	smaller = 4
)

// reduce keeps rows that no row of a join's other side will match from being grouped,
// or from being put into the table of the join: it puts a semi join on the keys of the
// other side as far down as a predicate on the keys would go (the magic sets of
// Bancilhon et al., 1986). The other side is then read twice, so it is small.
func reduce(p *Plan) error {
	readers := p.readers()
	for i := len(p.Graph.Layers) - 1; i >= 0; i-- {
		m, ok := matchOf(&p.Graph.Layers[i])
		if !ok {
			continue
		}
		for side := range 2 {
			if at, keys, ok := reducible(p.Graph, readers, graph.LayerID(i), m, side); ok {
				if err := p.semi(at, keys, graph.LayerID(i), m, 1-side); err != nil {
					return err
				}
				return reduce(p) // the layers have other numbers now
			}
		}
	}
	return nil
}

// keysOf are the keys of one side of a join.
func keysOf(m op.Match, side int) []string {
	if side == 0 {
		return m.Left
	}
	return m.Right
}

// reducible looks for the place at which rows of a side of join i are worth leaving
// out: an edge, and the keys as they are called there.
func reducible(g *graph.Graph, readers [][]reader, i graph.LayerID, m op.Match, side int) (at reader, keys []string, ok bool) {
	l := &g.Layers[i]
	if side == 0 && m.Kind != op.Pairs {
		return at, nil, false // left rows are kept, or left out by the join itself
	}
	by := g.Layers[l.In[1-side].From].Out
	if by.Rows < 0 || by.Bytes > storeLimit {
		return at, nil, false
	}
	built := m.Kind != op.Pairs // the side is made a table; the sides of others are swapped
	at, keys = reader{i, side}, keysOf(m, side)
	grouped := false
	for {
		from := g.Layers[at.layer].In[at.edge].From
		if len(readers[from]) != 1 || alreadyHaving(g, from, l.In[1-side].From) {
			return at, nil, false
		}
		input, below, passes := down(g, from, keys)
		if !passes {
			break
		}
		e := op.Of(g.Layers[from].Call)
		grouped = grouped || e.Class != op.RowWise && e.Match == nil
		at, keys = reader{from, input}, below
	}
	rows := g.Layers[g.Layers[at.layer].In[at.edge].From].Out
	if !built && !grouped || rows.Rows < reduceRows || rows.Rows < smaller*by.Rows {
		return at, nil, false
	}
	share := op.Matching(rows, by, keys, keysOf(m, 1-side))
	return at, keys, share >= 0 && share <= reduced
}

// alreadyHaving reports whether a layer is a semi join with the other side, as this
// pass makes them.
func alreadyHaving(g *graph.Graph, i, by graph.LayerID) bool {
	m, ok := matchOf(&g.Layers[i])
	return ok && m.Kind == op.Having && g.Layers[i].In[1].From == by
}

// down finds the input of a layer at which rows can be left out by their keys instead of
// after the layer, with the keys' names there.
func down(g *graph.Graph, i graph.LayerID, keys []string) (input int, below []string, ok bool) {
	l := &g.Layers[i]
	e, err := op.Lookup(l.Call.Op)
	if err != nil || e.Through == nil || e.Every {
		return 0, nil, false
	}
	in := inputs(g, l)
	for k := range in {
		if l.In[k].Side || l.In[k].From == i || l.In[k].Wiring != op.OneToOne {
			continue
		}
		below = below[:0]
		for _, key := range keys {
			name, passes := throughTo(e, l, in, key, k)
			if !passes {
				break
			}
			below = append(below, name)
		}
		if len(below) == len(keys) {
			return k, below, true
		}
	}
	return 0, nil, false
}

// throughTo follows a column through a layer to one of its inputs: a predicate on the
// column may be tested there instead, on a column of that name.
func throughTo(e *op.Entry, l *graph.Layer, in []op.Meta, col string, input int) (string, bool) {
	pred, ok := e.Through(l.Call.Params, in, expr.Col(col).IsNotNull(), input)
	if !ok {
		return "", false
	}
	f, ok := pred.N.(expr.Func)
	if !ok || len(f.Args) != 1 {
		return "", false
	}
	c, ok := f.Args[0].(expr.Column)
	return c.Name, ok
}

// semi puts a semi join on an edge: rows that have a partner among those of side by of
// join i.
func (p *Plan) semi(at reader, keys []string, i graph.LayerID, m op.Match, by int) error {
	g := p.Graph
	join := &g.Layers[i]
	e := &g.Layers[at.layer].In[at.edge]
	call := op.Of(join.Call).WithMatch(op.Match{Left: keys, Right: keysOf(m, by), Kind: op.Having})
	l := graph.Layer{Call: call, In: []graph.Edge{{From: e.From}, {From: join.In[by].From}}, Origin: join.Origin}
	e.From = graph.LayerID(len(g.Layers))
	g.Layers = append(g.Layers, l)
	return p.arrange(e.From)
}

// arrange brings the layers into an order in which inputs come before their readers,
// and describes a new one, and what reads it, anew.
func (p *Plan) arrange(made graph.LayerID) (err error) {
	old := p.Graph.Layers
	changed := make([]bool, len(old))
	at := make([]graph.LayerID, len(old))
	for i := range at {
		at[i] = -1
	}
	out := &graph.Graph{}
	var visit func(i graph.LayerID)
	visit = func(i graph.LayerID) {
		if at[i] >= 0 {
			return
		}
		l := old[i]
		l.In = slices.Clone(l.In)
		changed[i] = i == made
		for _, e := range l.In {
			if e.From != i {
				visit(e.From)
				changed[i] = changed[i] || changed[e.From]
			}
		}
		at[i] = graph.LayerID(len(out.Layers))
		for k := range l.In {
			l.In[k].From = at[l.In[k].From]
		}
		if changed[i] && err == nil {
			err = describe(out, &l)
		}
		out.Layers = append(out.Layers, l)
	}
	visit(p.Want)
	p.Graph, p.Want = out, at[p.Want]
	return err
}
