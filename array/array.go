// Package array is lazy chunked arrays of any number of dimensions: an Array is a
// plan, its verbs add to the plan, and nothing is computed before Compute hands
// the plan to a Runner.
//
//	x := array.Random(42).Normal(0, 1, []int{100_000, 1_000})
//	z := x.Sub(x.Mean(0)).Div(x.Std(0, 0))
//	r, err := z.Square().Sum().Compute(ctx, runner)
//
// Verbs follow the Python array API standard, and NumPy where the standard is
// silent. Arrays are immutable values and may be shared by goroutines. A mistake
// (shapes that do not fit, a function that a type does not have) is found when
// the verb is called, stays with the array and everything made from it, and is
// returned, with the line of the call, by Err and by whatever runs the plan.
//
// An array is cut into blocks by a grid: each axis has its chunk sizes. Chains of
// elementwise verbs, with the slices and transpositions before them and the first
// step of a reduction after them, run as one task per block without temporary
// arrays; Explain shows them.
package array

import (
	"fmt"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
	ops "github.com/weft-data/weft/op/array"
)

// A DType is the type of an array's elements.
type DType = elem.Kind

// The element types.
const (
	Bool       = elem.Bool
	Int8       = elem.Int8
	Int16      = elem.Int16
	Int32      = elem.Int32
	Int64      = elem.Int64
	Uint8      = elem.Uint8
	Uint16     = elem.Uint16
	Uint32     = elem.Uint32
	Uint64     = elem.Uint64
	Float32    = elem.Float32
	Float64    = elem.Float64
	Complex64  = elem.Complex64
	Complex128 = elem.Complex128
)

// An Array is a lazy chunked array.
type Array struct {
	n    *node
	grid grid.Grid
	kind elem.Kind
	err  error
	// turned is the matrix that this one is the transposed of, if it is one.
	turned *Array
	// uncut is the array as it was before it was cut anew, if it was.
	uncut *Array
	// windows says that the last axis is a window that moves along an axis of another array.
	windows *windows
	// split is what SplitEvery was told.
	split []int
}

// A node is one layer of a plan; arrays share nodes.
type node struct {
	call   op.Call
	in     []link
	out    op.Meta
	blocks int32
	origin string
	keep   any         // what must live as long as the plan
	lent   *graph.Lent // blocks that a runner keeps, see Persist
	// table is a plan of rows, in place of a call: what the node reads.
	table *Table
	// gauge is a vector of the same length, of one that is not known where another axis has
	// no elements: blocks without elements do not tell how long they are.
	gauge *Array
}

// A Table is a plan that gives rows, as package frame makes it.
type Table struct {
	Graph *graph.Graph
	Want  graph.LayerID
	Keep  any // what must live as long as the plan
}

// A link is an input of a node.
type link struct {
	from   *node
	wiring grid.Wiring
}

// Err returns the first mistake made in building x, or nil.
func (x *Array) Err() error { return x.err }

// DType returns the type of the elements.
func (x *Array) DType() DType { return x.kind }

// NDim returns the number of axes.
func (x *Array) NDim() int { return len(x.grid) }

// Shape returns the length of every axis, -1 for one that is not known before the
// plan has run (see Select); nil after a mistake.
func (x *Array) Shape() []int {
	s := make([]int, len(x.grid))
	for i, a := range x.grid {
		s[i] = int(a.Len())
	}
	return s
}

// Size returns the number of elements, at most.
func (x *Array) Size() int { return int(x.grid.Elements()) }

// NBytes returns the bytes of all elements, at most.
func (x *Array) NBytes() int64 { return x.grid.Elements() * int64(x.kind.Width()) }

// Chunks returns the chunk sizes along every axis, -1 for those that are not known.
func (x *Array) Chunks() [][]int {
	out := make([][]int, len(x.grid))
	for i, a := range x.grid {
		for _, n := range a.All() {
			out[i] = append(out[i], int(max(n, -1)))
		}
	}
	return out
}

// NumBlocks returns the number of blocks.
func (x *Array) NumBlocks() int { return int(x.grid.Blocks()) }

// Tasks returns the number of tasks of the plan as built, before the optimizer
// makes one of several.
func (x *Array) Tasks() (n int64) {
	if x.err != nil {
		return 0
	}
	seen := map[*node]bool{}
	var visit func(*node)
	visit = func(m *node) {
		if seen[m] {
			return
		}
		seen[m] = true
		n += int64(m.blocks)
		for _, l := range m.in {
			visit(l.from)
		}
	}
	visit(x.n)
	return n
}

// String describes the array on one line.
func (x *Array) String() string {
	if x.err != nil {
		return fmt.Sprintf("array with a mistake: %v", x.err)
	}
	return fmt.Sprintf("array %s %s, %s, chunks %s, %d tasks", grid.Tuple(x.Shape()), x.kind, bytes(x.NBytes()), x.grid, x.Tasks())
}

// bytes words a number of bytes.
func bytes(n int64) string {
	f, unit := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	for f >= 1023.5 && len(unit) > 1 {
		f, unit = f/1024, unit[1:]
	}
	return fmt.Sprintf("%.4g %s", f, unit[0])
}

// fail returns an array that carries an error with the user's line.
func fail(verb string, format string, args ...any) *Array {
	return &Array{err: graph.Mistake("weft/array", verb, fmt.Errorf(format, args...))}
}

// loose is a mistake if a verb needs chunk sizes of x that are not known, else nil.
func (x *Array) loose(verb string) *Array {
	if x.err != nil {
		return x
	}
	for i, a := range x.grid {
		if !a.Known() {
			return fail(verb, "axis %d of %s: %w", i, grid.Tuple(x.Shape()), grid.ErrUnknown)
		}
	}
	return nil
}

// axisOf is the axis that a verb goes along, whose chunk sizes it needs, or the mistake.
func (x *Array) axisOf(verb string, a int) (at int, bad *Array) {
	if x.err != nil {
		return 0, x
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return 0, fail(verb, "%w", err)
	}
	if !x.grid[at].Known() {
		return 0, x.loose(verb)
	}
	return at, nil
}

// Failed is an array that carries a mistake made elsewhere.
func Failed(err error) *Array { return &Array{err: err} }

// failed returns the first array that carries a mistake.
func failed(xs ...*Array) *Array {
	for _, x := range xs {
		if x.err != nil {
			return &Array{err: x.err}
		}
	}
	return nil
}

// add makes a node of an operator. links say what it reads.
func add[P any](verb string, o op.Op[P], p P, out grid.Grid, kind elem.Kind, links ...link) *Array {
	loose, err := out.Loose()
	if err != nil {
		return fail(verb, "the result has %w", err)
	}
	n := &node{in: links, blocks: int32(out.Blocks())}
	metas := make([]op.Meta, len(links))
	for i, l := range links {
		metas[i] = l.from.out
		if g := l.from.gauge; g != nil && loose >= 0 && g.grid[0].Equal(out[loose]) && out.Elements() == 0 {
			n.gauge = g
		}
	}
	if n.call, n.out, err = o.Call(p, metas...); err != nil {
		return fail(verb, "%w", err)
	}
	n.origin = graph.Caller("weft/array")
	return &Array{n: n, grid: out, kind: kind}
}

// straight is the view of an array from its own index space.
func straight(dims int) []grid.View { return grid.Straight(dims) }

// A plan is one program being built by a verb.
type plan struct {
	b     ops.Builder
	nodes []*node
	kinds map[int32]elem.Kind
}

// leaf adds a leaf.
func (p *plan) leaf(l ops.Leaf, layer int) int32 {
	v := p.b.Leaf(l, layer)
	return p.note(v, l.Type)
}

func (p *plan) note(v int32, k elem.Kind) int32 {
	if p.kinds == nil {
		p.kinds = map[int32]elem.Kind{}
	}
	p.kinds[v] = k
	return v
}

// read adds an array, seen through a view.
func (p *plan) read(x *Array, view []grid.View) int32 {
	at := -1
	for i, n := range p.nodes {
		if n == x.n {
			at = i
		}
	}
	if at < 0 {
		at = len(p.nodes)
		p.nodes = append(p.nodes, x.n)
	}
	return p.leaf(ops.Leaf{Kind: ops.Input, Type: x.kind, Grid: x.grid, View: view}, at)
}

// fill adds a constant, given as bits, see ops.PutNumber.
func (p *plan) fill(k elem.Kind, nums ...uint64) int32 {
	return p.leaf(ops.Leaf{Kind: ops.Fill, Type: k, Nums: nums}, 0)
}

// links returns the inputs of the layer that computes the program.
func (p *plan) links(space grid.Grid) (out []link) {
	for _, l := range p.b.Links(space) {
		out = append(out, link{p.nodes[l.Layer], l.Wiring})
	}
	return out
}

// done makes the array of a value.
func (p *plan) done(verb string, space grid.Grid, v int32) *Array {
	return add(verb, ops.Strips, ops.StripsParams{Space: space, Leaves: p.b.Leaves, Steps: p.b.Steps, Outs: []int32{v}},
		space, p.kinds[v], p.links(space)...)
}
