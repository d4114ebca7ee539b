package optimize

import (
	"math"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Limits of the pass joins.
const (
	// maxJoined is how many tables a chain may have: all ways to join them are looked
	// at, 3ⁿ pairs of parts.
	maxJoined = 10
	// gain is what the estimated work of the new order may be of that of the user's:
	// estimates are wrong by more than the difference of two orders that are alike.
	gain = 0.8
)

// joins brings the tables of a chain of inner joins into the order that is estimated to
// cost least: the plan of least cost for every set of tables, from the smaller sets on
// (Selinger et al., 1979), bushy ones included (Moerkotte and Neumann, 2006). Tables
// are joined on all keys that are equal by the user's, also by way of a third table.
//
// It needs estimates of all tables and columns that can be told by their names: those
// that two tables share are keys of their joins, and no floats, of which one value
// stands for others that are equal.
func joins(p *Plan) error {
	readers := p.readers()
	inner := make([]bool, len(p.Graph.Layers)) // a join whose only reader is another of its chain
	for i := range p.Graph.Layers {
		if _, ok := pairs(p.Graph, graph.LayerID(i)); !ok {
			continue
		}
		for _, e := range p.Graph.Layers[i].In {
			if _, ok := pairs(p.Graph, e.From); ok && len(readers[e.From]) == 1 {
				inner[e.From] = true
			}
		}
	}
	err := p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		if _, ok := pairs(p.Graph, i); ok && !inner[i] {
			c := &chain{g: p.Graph, inner: inner, class: map[string]string{}, with: op.Of(l.Call).WithMatch}
			if id, ok, err := c.reorder(w, i, l.Origin); ok || err != nil {
				return id, err
			}
		}
		return w.keep(i, l)
	})
	if err != nil {
		return err
	}
	return cull(p)
}

// pairs returns what a layer joins, if it is an inner join that gives all pairs of rows
// and all columns.
func pairs(g *graph.Graph, i graph.LayerID) (op.Match, bool) {
	m, ok := matchOf(&g.Layers[i])
	return m, ok && m.Kind == op.Pairs && !m.Some
}

// matchOf returns what a layer joins, if it is a join of two tables.
func matchOf(l *graph.Layer) (op.Match, bool) {
	e, err := op.Lookup(l.Call.Op)
	if err != nil || e.Match == nil || e.WithMatch == nil || len(l.In) != 2 {
		return op.Match{}, false
	}
	return e.Match(l.Call.Params)
}

// A chain is inner joins that read each other, and the tables they join. Columns that
// are equal in all rows are of one class, which one of them stands for.
type chain struct {
	g      *graph.Graph
	inner  []bool
	with   func(op.Match) op.Call
	tables []graph.LayerID // in the order of the user
	class  map[string]string
	work   float64 // estimated, in the order of the user
	parts  []part  // by the set of tables
}

// A part is the best way found to join a set of tables.
type part struct {
	set         uint
	meta        op.Meta // of the columns that are keys only
	work        float64
	left, right uint // sets; 0 for a table
}

// reorder adds the chain whose last join is layer i in a better order, if there is one.
func (c *chain) reorder(w *weaver, i graph.LayerID, origin string) (graph.LayerID, bool, error) {
	if !c.collect(i) || len(c.tables) < 3 || len(c.tables) > maxJoined {
		return 0, false, nil
	}
	c.search()
	all := uint(1)<<len(c.tables) - 1
	if !(c.parts[all].work < gain*c.work) {
		return 0, false, nil
	}
	id, err := c.build(w, all, origin)
	if err != nil {
		return 0, false, err
	}
	names := c.g.Layers[i].Out.Schema.Names()
	if slices.Equal(w.out.Layers[id].Out.Schema.Names(), names) {
		return id, true, nil
	}
	sel := projection()
	if sel == nil {
		return 0, false, nil
	}
	id, err = w.on(sel.Select(names), id, origin)
	return id, true, err
}

// collect lists the tables below a join and what is equal; false if it cannot be told.
func (c *chain) collect(i graph.LayerID) bool {
	m, _ := pairs(c.g, i)
	l := &c.g.Layers[i]
	a, b := &c.g.Layers[l.In[0].From].Out, &c.g.Layers[l.In[1].From].Out
	if a.Rows < 0 || b.Rows < 0 {
		return false
	}
	for k := range m.Left {
		x, y := c.stands(m.Left[k]), c.stands(m.Right[k])
		c.class[y] = x
	}
	for _, f := range b.Schema {
		if a.Schema.Index(f.Name) < 0 {
			continue
		}
		at := slices.Index(m.Right, f.Name)
		if at < 0 || m.Left[at] != f.Name || f.Type.Kind.IsFloat() {
			return false
		}
	}
	for _, e := range l.In {
		if c.inner[e.From] {
			if !c.collect(e.From) {
				return false
			}
		} else {
			c.tables = append(c.tables, e.From)
		}
	}
	c.work += work(a.Rows, b.Rows, l.Out.Rows)
	return true
}

// stands returns the column that stands for those equal to a column.
func (c *chain) stands(col string) string {
	for c.class[col] != "" && c.class[col] != col {
		col = c.class[col]
	}
	return col
}

// keyed reports whether a column is a key of some join.
func (c *chain) keyed(col string) bool {
	if c.class[col] != "" {
		return true
	}
	for _, to := range c.class {
		if to == col {
			return true
		}
	}
	return false
}

// Work of a join by rows: a row put into a table costs more than one looked up, more
// so where the table is not in the cache, and either more than one that is passed on.
const (
	buildWork  = 4
	probeWork  = 1
	outWork    = 0.5
	cachedRows = 1 << 16
)

// work estimates a join of two tables, the smaller of which is built.
func work(left, right, out float64) float64 {
	build, probe := min(left, right), max(left, right)
	far := 1 + max(0, math.Log2(max(build, 1)/cachedRows))/4
	return (buildWork*build+probeWork*probe)*far + outWork*out
}

// search finds the best part for every set of tables that are connected.
func (c *chain) search() {
	c.parts = make([]part, 1<<len(c.tables))
	for t, id := range c.tables {
		m := c.g.Layers[id].Out
		known := op.Known{}
		for _, f := range m.Schema { // keys of which nothing is known connect, too
			if c.keyed(f.Name) {
				fact, _ := m.Known.Of(f.Name)
				known = append(known, op.NamedFact{Col: f.Name, Fact: fact})
			}
		}
		c.parts[1<<t] = part{set: 1 << t, meta: op.Meta{Rows: m.Rows, Known: known}}
	}
	for set := uint(1); set < uint(len(c.parts)); set++ {
		if bits.OnesCount(set) < 2 {
			continue
		}
		for left := (set - 1) & set; left > 0; left = (left - 1) & set {
			if right := set &^ left; left > right {
				c.try(left, right)
			}
		}
	}
}

// try joins two parts and keeps the result if it is the best for its set.
func (c *chain) try(left, right uint) {
	a, b := &c.parts[left], &c.parts[right]
	if a.set == 0 || b.set == 0 {
		return
	}
	lk, rk := c.keys(a.meta.Known, b.meta.Known)
	if len(lk) == 0 {
		return
	}
	out := &c.parts[left|right]
	if out.set == 0 { // rows are those of the first way found, so that all ways compare
		rows := op.PairsOf(a.meta, b.meta, lk, rk)
		if rows < 0 {
			rows = max(a.meta.Rows, b.meta.Rows)
		}
		*out = part{set: left | right, work: math.Inf(1)}
		out.meta = op.Meta{Rows: rows, Known: op.Paired(a.meta, b.meta, lk, rk, rows)}
	}
	if n := a.work + b.work + work(a.meta.Rows, b.meta.Rows, out.meta.Rows); n < out.work {
		out.work, out.left, out.right = n, left, right
	}
}

// keys pairs the columns of two parts that are equal: those of one name, and of every
// other class one of each side.
func (c *chain) keys(a, b op.Known) (left, right []string) {
	done := map[string]bool{}
	for _, x := range a {
		if _, both := b.Of(x.Col); both {
			left, right = append(left, x.Col), append(right, x.Col)
			done[c.stands(x.Col)] = true
		}
	}
	for _, x := range a {
		class := c.stands(x.Col)
		if done[class] {
			continue
		}
		at := slices.IndexFunc(b, func(o op.NamedFact) bool { return c.stands(o.Col) == class })
		if at >= 0 {
			left, right = append(left, x.Col), append(right, b[at].Col)
			done[class] = true
		}
	}
	return left, right
}

// build adds the joins of a part, the table that is to be built on the right.
func (c *chain) build(w *weaver, set uint, origin string) (graph.LayerID, error) {
	p := &c.parts[set]
	if p.left == 0 {
		return w.moved[c.tables[bits.TrailingZeros(set)]], nil
	}
	l, r := p.left, p.right
	if c.parts[l].meta.Rows < c.parts[r].meta.Rows {
		l, r = r, l
	}
	left, err := c.build(w, l, origin)
	if err != nil {
		return 0, err
	}
	right, err := c.build(w, r, origin)
	if err != nil {
		return 0, err
	}
	m := op.Match{Kind: op.Pairs}
	m.Left, m.Right = c.keys(c.parts[l].meta.Known, c.parts[r].meta.Known)
	join := graph.Layer{Call: c.with(m), In: []graph.Edge{{From: left}, {From: right}}, Origin: origin}
	if err := w.infer(&join); err != nil {
		return 0, err
	}
	return w.out.Add(join), nil
}
