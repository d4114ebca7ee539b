// Package frame is lazy partitioned tables: a Frame is a plan, its verbs add to
// the plan, and nothing is read or computed before Collect, Iterate, Count or
// Write hand the plan to a Runner.
//
//	f := frame.ReadCSV("trips-*.csv").
//		Filter(frame.Col("fare").Gt(0)).
//		GroupBy("city").Agg(frame.Sum("fare"), frame.Count().As("trips")).
//		Sort(frame.Desc("fare"))
//	table, err := f.Collect(ctx, runner)
//
// Frames are immutable values and may be shared by goroutines. A mistake
// (unknown column, clashing types) is found when the verb is called, stays with
// the frame and everything made from it, and is returned, with the line of the
// call, by Err and by whatever runs the plan.
package frame

import (
	"errors"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A Frame is a lazy table.
type Frame struct {
	n   *node
	err error
}

// A node is one operator of a plan; frames share nodes.
type node struct {
	call   op.Call
	in     []*node
	out    op.Meta
	origin string
	keep   any // what must live as long as the plan
	// array is the plan of an array, in place of a call: what the node reads.
	array *graph.Graph
	want  graph.LayerID
}

// Col refers to a column by name.
func Col(name string) expr.Expr { return expr.Col(name) }

// Lit is a constant: bool, integer, float, string, time.Time or nil.
func Lit(v any) expr.Expr { return expr.Lit(v) }

// If begins a conditional: If(cond).Then(x).Else(y).
func If(cond any) expr.Branch { return expr.If(cond) }

// Err returns the first mistake made in building f, or nil. A nil Frame and the zero Frame are
// mistakes.
func (f *Frame) Err() error {
	if f == nil || f.n == nil && f.err == nil {
		return graph.Mistake("weft/frame", "no frame", errors.New("a nil or zero Frame: make one with ReadCSV, FromColumns or the like"))
	}
	return f.err
}

// failed is a frame that carries the mistake of f.
func (f *Frame) failed() *Frame { return &Frame{err: f.Err()} }

// Schema returns the names and types of the columns; nil after a mistake.
func (f *Frame) Schema() dtype.Schema {
	if f.Err() != nil {
		return nil
	}
	return f.n.out.Schema
}

// fail returns a frame that carries an error with the user's line.
func fail(verb string, err error) *Frame {
	return &Frame{err: graph.Mistake("weft/frame", verb, err)}
}

// A maker makes a call of an operator from the descriptions of its inputs.
type maker func(in ...op.Meta) (op.Call, op.Meta, error)

// calls is the maker of an operator with given parameters.
func calls[P any](o op.Op[P], p P) maker {
	return func(in ...op.Meta) (op.Call, op.Meta, error) { return o.Call(p, in...) }
}

// add puts an operator on top of frames.
func add(verb string, make maker, in ...*Frame) *Frame {
	n := &node{}
	var metas []op.Meta
	for _, f := range in {
		if f.Err() != nil {
			return f.failed()
		}
		n.in = append(n.in, f.n)
		metas = append(metas, f.n.out)
	}
	var err error
	if n.call, n.out, err = make(metas...); err != nil {
		return fail(verb, err)
	}
	n.origin = graph.Caller("weft/frame")
	return &Frame{n: n}
}

// hidden names a column that a verb makes for a while, unlike all names that are taken. Plans and errors show the text,
// see dtype.Shown.
func hidden(text string, taken ...[]string) string {
	if r := []rune(text); len(r) > hiddenText {
		text = string(r[:hiddenText]) + "…"
	}
	name := "\x00" + text
	for slices.ContainsFunc(taken, func(names []string) bool { return slices.Contains(names, name) }) {
		name += "'"
	}
	return name
}

// hiddenText is how many characters of a long expression name its column.
const hiddenText = 60

// plan lists the nodes of a frame as a graph.
func (f *Frame) plan() (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	at := map[*node]graph.LayerID{}
	var visit func(n *node) graph.LayerID
	visit = func(n *node) graph.LayerID {
		if id, ok := at[n]; ok {
			return id
		}
		if n.array != nil {
			at[n] = g.Splice(n.array, n.want)
			return at[n]
		}
		l := graph.Layer{Call: n.call, Out: n.out, Origin: n.origin}
		for _, in := range n.in {
			l.In = append(l.In, graph.Edge{From: visit(in)})
		}
		at[n] = g.Add(l)
		return at[n]
	}
	return g, visit(f.n)
}
