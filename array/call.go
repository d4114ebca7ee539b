package array

import (
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
	ops "github.com/weft-data/weft/op/array"
)

// A result is one of the results of an operator on whole blocks, see ops.CallParams.
type result struct {
	n    *node
	run  int
	grid grid.Grid
	kind elem.Kind
	many bool // the operator has several
}

// result is x as the input of such an operator.
func (x *Array) result() result { return result{n: x.n, grid: x.grid, kind: x.kind} }

// array is a result as an array.
func (r result) array(verb string) *Array {
	if !r.many {
		return &Array{n: r.n, grid: r.grid, kind: r.kind}
	}
	return add(verb, ops.Part, ops.PartParams{Grid: r.grid, Kind: r.kind, Run: int32(r.run)}, r.grid, r.kind,
		link{r.n, grid.Wiring{One: true}})
}

// An operation is an operator on whole blocks being put together.
type operation struct {
	ops.CallParams
	from []*node
}

// read adds an input; axes says how it is read, see ops.Operand.
func (o *operation) read(r result, stream bool, axes ...int32) {
	o.In = append(o.In, ops.Operand{Grid: r.grid, Kind: r.kind, Run: int32(r.run), Axes: axes, Stream: stream})
	o.from = append(o.from, r.n)
}

// done makes the layer. A mistake is in the array returned.
func (o *operation) done(verb string, f op.Op[ops.CallParams]) ([]result, *Array) {
	links := make([]link, len(o.from))
	for i, n := range o.from {
		links[i] = link{n, o.Wire(i)}
	}
	x := add(verb, f, o.CallParams, o.Out[0], o.Kind, links...)
	if x.err != nil {
		return nil, x
	}
	out := make([]result, len(o.Out))
	for i, g := range o.Out {
		out[i] = result{n: x.n, run: i, grid: g, kind: o.Kind, many: len(o.Out) > 1}
	}
	return out, nil
}

// one is done for operations with one result.
func (o *operation) one(verb string, f op.Op[ops.CallParams]) *Array {
	r, bad := o.done(verb, f)
	if bad != nil {
		return bad
	}
	return r[0].array(verb)
}

// single is an axis of one chunk.
func single(n int64) grid.Axis { return grid.Uniform(n, 0) }
