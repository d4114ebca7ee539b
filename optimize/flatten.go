package optimize

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// flatten makes one projection of a chain of operators that compute columns of rows: what
// each computes is a step, of the columns of the input and the steps before, and the output is
// taken from them. Columns are then passed on once and not by every operator, and the passes
// after this one see the columns of the table once. Expressions are not put into each other:
// one that is read twice is computed once.
//
// Cost: O(layers + nodes of the expressions + columns of the input and of what selects).
func flatten(p *Plan) error {
	made := projection()
	if made == nil || made.WithComputed == nil {
		return nil
	}
	f := &flattening{g: p.Graph, with: made.WithComputed, inner: make([]bool, len(p.Graph.Layers))}
	readers := p.readers()
	for i := range p.Graph.Layers {
		if !computes(&p.Graph.Layers[i]) {
			continue
		}
		if from := p.Graph.Layers[i].In[0].From; len(readers[from]) == 1 && computes(&p.Graph.Layers[from]) {
			f.inner[from] = true
		}
	}
	return p.weave(f.layer)
}

// computes reports whether a layer computes columns of rows, and the user said nothing of how.
func computes(l *graph.Layer) bool {
	e, err := op.Lookup(l.Call.Op)
	return err == nil && e.Computes != nil && len(l.In) == 1 && l.In[0].Wiring == op.OneToOne && l.Retry == op.Retry{}
}

// flattening is the state of the pass.
type flattening struct {
	g     *graph.Graph
	with  func(steps, cols []expr.Expr) op.Call
	inner []bool // layers that the one above takes in
}

// layer leaves a layer of a chain out, and makes a projection of the last.
func (f *flattening) layer(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
	if f.inner[i] {
		return l.In[0].From, nil
	}
	if !computes(&l) {
		return w.keep(i, l)
	}
	chain := []graph.LayerID{i}
	for from := f.g.Layers[i].In[0].From; f.inner[from]; from = f.g.Layers[from].In[0].From {
		chain = append(chain, from)
	}
	if _, others := op.Of(l.Call).Computes(l.Call.Params); len(chain) == 1 && !others {
		return w.keep(i, l)
	}
	c := newUnrolled(w.out.Layers[l.In[0].From].Out.Schema)
	for _, k := range slices.Backward(chain) {
		x := &f.g.Layers[k]
		c.apply(op.Of(x.Call).Computes(x.Call.Params))
	}
	l.Call = f.with(c.output(l.Out.Schema))
	return w.keep(i, l)
}

// An unrolled is what a chain computes, up to one of its operators.
type unrolled struct {
	now   map[string]expr.Node // the columns: those of the input, or steps
	taken map[string]int       // names: of columns of the input, and of steps; and what they were counted on to
	steps []expr.Expr
}

func newUnrolled(s dtype.Schema) *unrolled {
	c := &unrolled{now: make(map[string]expr.Node, len(s)), taken: make(map[string]int, len(s))}
	for _, f := range s {
		c.now[f.Name] = expr.Column{Name: f.Name}
		c.taken[f.Name] = 1
	}
	return c
}

// apply has the next operator compute columns, none of which sees another.
func (c *unrolled) apply(cols []expr.Expr, others bool) {
	made := make([]expr.Node, len(cols))
	for k, e := range cols {
		x := expr.Substitute(e, c.now)
		if _, plain := x.N.(expr.Column); !plain {
			x.Name = c.name(e.OutName())
			c.steps = append(c.steps, x)
			x.N = expr.Column{Name: x.Name}
		}
		made[k] = x.N
	}
	if !others {
		c.now = make(map[string]expr.Node, len(cols))
	}
	for k, e := range cols {
		c.now[e.OutName()] = made[k]
	}
}

// name is a name for a step that is not taken yet.
func (c *unrolled) name(want string) string {
	name := want
	for c.taken[name] > 0 {
		c.taken[want]++
		name = fmt.Sprint(want, "_", c.taken[want])
	}
	c.taken[name] = 1
	return name
}

// output returns the steps and the columns of s. A step that is nothing but one of these is none.
func (c *unrolled) output(s dtype.Schema) (steps, cols []expr.Expr) {
	uses := map[string]int{} // of steps, by others
	for _, e := range c.steps {
		for _, name := range expr.Columns(e) {
			uses[name]++
		}
	}
	at := map[string]int{} // the column that a step is
	for k, f := range s {
		col := expr.Expr{N: c.now[f.Name]}
		if x := col.N.(expr.Column).Name; x != f.Name {
			col = col.As(f.Name)
		}
		cols = append(cols, col)
		uses[col.N.(expr.Column).Name]++
		at[col.N.(expr.Column).Name] = k
	}
	for _, e := range c.steps {
		if k, ok := at[e.Name]; ok && uses[e.Name] == 1 {
			cols[k] = expr.Expr{N: e.N}
			if cols[k].OutName() != s[k].Name {
				cols[k] = cols[k].As(s[k].Name)
			}
		} else {
			steps = append(steps, e)
		}
	}
	return steps, cols
}
