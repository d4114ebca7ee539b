package optimize

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// project drops columns that nobody reads. From the results down it collects
// which columns of each layer are read; then, from the readers up, every operator
// that can give less is told to, and a projection is put in where columns would
// be carried for nothing: into an operator that keeps whole rows (a sort), and
// onto a layer that is stored for several readers. Projections that keep their
// input as it is are taken out.
//
// Nothing is narrowed to no column at all: counting rows takes one.
func project(p *Plan) error {
	n := len(p.Graph.Layers)
	r := &narrowing{g: p.Graph, readers: p.readers(), need: make([]columns, n), uses: make([][][]string, n), sel: projection()}
	for i := n - 1; i >= 0; i-- {
		if err := r.ask(graph.LayerID(i)); err != nil {
			return err
		}
	}
	return p.weave(r.layer)
}

// projection returns the operator that keeps columns as they are, if this binary
// has one.
func projection() *op.Entry {
	for _, e := range op.Book() {
		if e.Select != nil {
			return e
		}
	}
	return nil
}

// columns is a set of columns, or all of them.
type columns struct {
	all  bool
	some map[string]bool
}

func (c *columns) add(names []string) {
	if c.some == nil {
		c.some = map[string]bool{}
	}
	for _, n := range names {
		c.some[n] = true
	}
}

// of returns the set in the order of a schema. It is never empty when the schema
// is not: then it is the narrowest column.
func (c *columns) of(s dtype.Schema) []string {
	if c.all {
		return s.Names()
	}
	var out []string
	for _, f := range s {
		if c.some[f.Name] {
			out = append(out, f.Name)
		}
	}
	if len(out) == 0 && len(s) > 0 {
		out = append(out, narrowest(s))
	}
	return out
}

func narrowest(s dtype.Schema) string {
	width := func(f dtype.Field) int {
		switch {
		case f.Type.Kind.IsVar():
			return 1 << 10
		case f.Type.Kind == dtype.Bool || f.Type.Kind == dtype.Null:
			return 0
		}
		return f.Type.Width()
	}
	return slices.MinFunc(s, func(a, b dtype.Field) int { return width(a) - width(b) }).Name
}

// narrowing is the state of the pass.
type narrowing struct {
	g       *graph.Graph
	readers [][]reader
	need    []columns    // of each layer's output
	uses    [][][]string // of each layer: per input what it reads, nil if all of every input
	sel     *op.Entry
}

// ask tells the inputs of layer i what it reads of them.
func (r *narrowing) ask(i graph.LayerID) error {
	l := &r.g.Layers[i]
	if len(r.readers[i]) == 0 || slices.ContainsFunc(r.readers[i], func(x reader) bool { return x.layer < 0 || x.layer == i }) {
		r.need[i].all = true
	}
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return err
	}
	if e.Uses != nil && len(l.In) > 0 {
		in := inputs(r.g, l)
		r.uses[i] = e.Uses(l.Call.Params, in, r.need[i].of(l.Out.Schema))
		if len(r.uses[i]) != len(l.In) {
			return fmt.Errorf("%s says which columns it reads of %d inputs and has %d", l.Call.Op, len(r.uses[i]), len(l.In))
		}
	}
	for k, edge := range l.In {
		if r.uses[i] == nil {
			r.need[edge.From].all = true
		} else {
			r.need[edge.From].add(r.uses[i][k])
		}
	}
	return nil
}

// layer narrows one layer.
func (r *narrowing) layer(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return 0, err
	}
	want := r.need[i].of(l.Out.Schema)
	if e.Project != nil && len(want) < len(l.Out.Schema) {
		l.Call = e.Project(l.Call.Params, want)
	}
	if err := r.carried(w, i, &l, e); err != nil {
		return 0, err
	}
	if e.Select != nil && len(l.In) == 1 && l.In[0].Wiring == op.OneToOne && l.Call == e.Select(w.out.Layers[l.In[0].From].Out.Schema.Names()) {
		return l.In[0].From, nil
	}
	id, err := w.keep(i, l)
	if err != nil {
		return 0, err
	}
	out := w.out.Layers[id].Out.Schema
	at := out.Places()
	for _, c := range want {
		if _, ok := at[c]; !ok {
			return 0, fmt.Errorf("was narrowed to %v and no longer gives column %q", out.Names(), c)
		}
	}
	if stored := len(r.readers[i]) > 1; stored && !r.need[i].all && len(out) > len(want) && r.sel != nil {
		return w.on(r.sel.Select(want), id, l.Origin)
	}
	return id, nil
}

// carried puts projections under a layer that keeps whole rows and would carry
// columns that nobody reads.
func (r *narrowing) carried(w *weaver, i graph.LayerID, l *graph.Layer, e *op.Entry) error {
	if r.uses[i] == nil || r.need[i].all || r.sel == nil {
		return nil
	}
	if e.Class != op.Breaking && e.Class != op.Gathering && e.Class != op.Logical {
		return nil
	}
	out, err := e.Infer(l.Call.Params, inputs(w.out, l))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(out.Schema, func(f dtype.Field) bool { return !r.need[i].some[f.Name] }) {
		return nil
	}
	for k := range l.In {
		use := columns{}
		use.add(r.uses[i][k])
		in := w.out.Layers[l.In[k].From].Out.Schema
		if names := use.of(in); len(names) < len(in) {
			if l.In[k].From, err = w.on(r.sel.Select(names), l.In[k].From, l.Origin); err != nil {
				return err
			}
		}
	}
	return nil
}
