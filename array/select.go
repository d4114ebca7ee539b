package array

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	ops "github.com/weft-data/weft/op/array"
)

// Select is the elements of x where mask, an array of bool, is true, in row-major
// order: x[mask] of NumPy. mask has the shape of x, or of its first axes; these
// become one axis, whose length is not known before the plan has run: Shape and
// Chunks say -1. Such an array can be computed, take part in elementwise verbs with
// others selected by the same condition, be reduced by sums, means, deviations and
// extremes, be accumulated, be counted (Unique, Histogram, BinCount), be looked up, be
// selected from again, be transposed, be joined, be multiplied (MatMul, Cov), also with
// another such array along that axis, be factored if they are its rows (QR, SVD, LstSq),
// and given to functions of blocks. Along its other axes it is an array like any: sorted,
// transformed, shifted, its quantiles and positions found. What needs to know the chunks says
// so: ComputeChunkSizes finds them.
func (x *Array) Select(mask *Array) *Array {
	if f := failed(x, mask); f != nil {
		return f
	}
	d := len(mask.grid)
	if mask.kind != elem.Bool || d == 0 || d > len(x.grid) {
		return fail("Select", "a condition of %s and shape %s for %s: want bool", mask.kind, grid.Tuple(mask.Shape()), grid.Tuple(x.Shape()))
	}
	if d == 1 {
		return x.compress("Select", mask, 0)
	}
	shape := x.Shape()
	for i, a := range mask.grid {
		if int(a.Len()) != shape[i] {
			return fail("Select", "shapes %s do not fit: axis %d is %d and %d", shapes([]*Array{x, mask}), i, shape[i], a.Len())
		}
		if !a.Known() {
			return fail("Select", "axis %d: %w", i, grid.ErrUnknown)
		}
	}
	rows := 1
	for _, n := range shape[:d] {
		rows *= n
	}
	flat := x.Reshape(append([]int{rows}, shape[d:]...)...)
	if flat.err != nil {
		return flat
	}
	return flat.compress("Select", mask.Reshape(rows), 0)
}

// Compress is what of x lies along an axis where mask, a vector of bool, is true.
// See Select for what its chunks are.
func (x *Array) Compress(mask *Array, a int) *Array {
	if f := failed(x, mask); f != nil {
		return f
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail("Compress", "%w", err)
	}
	if mask.kind != elem.Bool || len(mask.grid) != 1 {
		return fail("Compress", "a condition of %s and shape %s: want a vector of bool", mask.kind, grid.Tuple(mask.Shape()))
	}
	return x.compress("Compress", mask, at)
}

func (x *Array) compress(verb string, mask *Array, at int) *Array {
	a, m := x.grid[at], mask.grid[0]
	if a.Len() != m.Len() || !a.Known() && !a.Equal(m) {
		return fail(verb, "shapes %s do not fit: axis %d is %d and the condition %d", shapes([]*Array{x, mask}), at, a.Len(), m.Len())
	}
	if mask = mask.cut(verb, grid.Grid{a}); mask.err != nil {
		return mask
	}
	p := ops.SelectParams{In: x.grid, Axis: int32(at), Kind: x.kind}
	y := add(verb, ops.Select, p, p.Out(), x.kind, link{x.n, grid.Wiring{One: true}}, link{mask.n, p.Mask()})
	if y.err == nil && y.grid.Elements() == 0 && len(y.grid) > 1 {
		y.n.gauge = mask.compress(verb, mask, 0)
	}
	return y
}

// FlatNonzero is the positions, in row-major order, of the elements that are not 0:
// int64 along an axis of a length that is not known, see Select.
func (x *Array) FlatNonzero() *Array {
	if x.err != nil {
		return x
	}
	flat := x.Reshape(-1)
	if flat.err != nil {
		return flat
	}
	var p plan
	whole := grid.Grid{grid.Uniform(flat.grid[0].Len(), 0)}
	at := p.done("FlatNonzero", flat.grid, p.leaf(ops.Leaf{Kind: ops.Range, Type: elem.Int64, Grid: whole, View: straight(1), Nums: []uint64{0, 1}}, 0))
	if at.err != nil {
		return at
	}
	return at.compress("FlatNonzero", flat.As(Bool), 0)
}

// Nonzero is, for each axis, the index along it of the elements that are not 0, in
// row-major order, see FlatNonzero.
func (x *Array) Nonzero() []*Array {
	out := make([]*Array, len(x.grid))
	at := x.FlatNonzero()
	step := 1
	for i := len(out) - 1; i >= 0; i-- {
		n := int(x.grid[i].Len())
		out[i] = at.FloorDiv(step)
		if i > 0 {
			out[i] = out[i].Mod(max(n, 1))
		}
		step *= max(n, 1)
	}
	return out
}

// UnravelIndex is, for each axis of a shape, the index along it of the elements whose
// positions in row-major order x, of integers, has; a position that the shape has not is
// an error of the run. RavelIndex is the way back. A shape without axes is a mistake, which
// the only array returned carries.
func (x *Array) UnravelIndex(shape []int) []*Array {
	if len(shape) == 0 {
		if x.err == nil {
			x = fail("UnravelIndex", "shape (): want one axis or more")
		}
		return []*Array{x}
	}
	out := make([]*Array, len(shape))
	step, bad := elementsOf("UnravelIndex", shape)
	many := step
	if slices.Contains(shape, 0) {
		many = 0
	}
	at := x.inside("UnravelIndex", many)
	if bad != nil {
		at = bad
	}
	for i, n := range shape {
		if step /= max(int64(n), 1); at.err == nil {
			out[i] = at.FloorDiv(step).Mod(max(n, 1))
		} else {
			out[i] = at
		}
	}
	return out
}

// RavelIndex is the position in row-major order of the elements of a shape whose indices
// along its axes are given, arrays of integers that are broadcast; an index that the
// shape has not is an error of the run. ravel_multi_index of NumPy.
func RavelIndex(shape []int, at ...*Array) *Array {
	const verb = "RavelIndex"
	step, bad := elementsOf(verb, shape)
	if bad != nil {
		return bad
	}
	if len(at) != len(shape) || len(at) == 0 {
		return fail(verb, "%d indices of shape %s: want one for each axis", len(at), grid.Tuple(shape))
	}
	var sum *Array
	for i, x := range at {
		step /= max(int64(shape[i]), 1)
		y := x.inside(verb, int64(shape[i]))
		if y.err != nil {
			return y
		}
		if y = y.Mul(step); sum == nil {
			sum = y
		} else {
			sum = elementwise(verb, strip.Binary(vec.Add), false, sum, y)
		}
	}
	return sum
}

// elementsOf is how many elements a shape has, an axis of none counting as one.
func elementsOf(verb string, shape []int) (int64, *Array) {
	all := int64(1)
	for _, n := range shape {
		if n < 0 || n > 0 && all > math.MaxInt64/int64(n) {
			return 0, fail(verb, "shape %s: want lengths of 0 and more, and positions of 64 bits", grid.Tuple(shape))
		}
		all *= max(int64(n), 1)
	}
	return all, nil
}

// inside is x, of integers, all of which must lie from 0 to below n.
func (x *Array) inside(verb string, n int64) *Array {
	at := positionsOf(verb, x)
	if at.err != nil {
		return at
	}
	o := &operation{CallParams: ops.CallParams{Kind: elem.Int64, Space: at.grid, Out: []grid.Grid{at.grid}, Ints: []int64{n}}}
	o.read(at.result(), false, along(len(at.grid))...)
	return o.one(verb, ops.Inside)
}

// ArgWhere is the indices of the elements that are not 0, one a row.
func (x *Array) ArgWhere() *Array {
	if x.err != nil {
		return x
	}
	if len(x.grid) == 0 {
		return fail("ArgWhere", "of an array without axes")
	}
	return Stack(1, x.Nonzero()...)
}

// ComputeChunkSizes runs the plan as far as it takes to find the chunk sizes that
// are not known, and returns the array with them. What it computes is computed
// again with the array. An array whose chunks are known is returned as it is.
func (x *Array) ComputeChunkSizes(ctx context.Context, r graph.Runner, opts ...RunOption) (*Array, error) {
	if x.err != nil {
		return nil, x.err
	}
	loose, err := x.grid.Loose()
	if err != nil || loose < 0 {
		return x, err
	}
	var sizes []int64
	if g := x.n.gauge; g != nil {
		sizes, err = g.sizes(ctx, r, 0, opts)
	} else {
		sizes, err = x.sizes(ctx, r, loose, opts)
	}
	if err != nil {
		return nil, err
	}
	s := ops.SettleParams{Out: x.settled(loose, sizes), Kind: x.kind}
	z := add("ComputeChunkSizes", ops.Settle, s, s.Out, x.kind, link{x.n, grid.Wiring{One: true}})
	return z, z.err
}

// sizes finds the sizes of chunks along an axis, -1 where no block has any elements.
func (x *Array) sizes(ctx context.Context, r graph.Runner, loose int, opts []RunOption) ([]int64, error) {
	p := ops.SizesParams{In: x.grid, Axis: int32(loose)}
	counts := make(grid.Grid, len(x.grid))
	for i, a := range x.grid {
		if i != loose && a.Len() == 0 {
			return nil, fmt.Errorf("array: what is selected along axis %d of %s cannot be counted: axis %d has no elements", loose, grid.Tuple(x.Shape()), i)
		}
		counts[i] = grid.Axis{{Size: 1, Count: a.Blocks()}}
	}
	y := add("ComputeChunkSizes", ops.Sizes, p, counts, elem.Int64, link{x.n, grid.Wiring{One: true}})
	sizes := slices.Repeat([]int64{-1}, int(x.grid[loose].Blocks()))
	_, err := y.blocks(ctx, r, graph.Run, opts, func(d graph.Delivered) error {
		return chunk.EachOfAll(d.Value, func(b *chunk.Batch) error {
			return note(sizes, x.grid, loose, d.Block, strip.View[int64](b.Cols[0].Data, 1)[0])
		})
	})
	return sizes, err
}

// settled is the grid with the sizes that the chunks of an axis have.
func (x *Array) settled(loose int, sizes []int64) grid.Grid {
	g := slices.Clone(x.grid)
	for i, n := range sizes { // -1 where all blocks are empty in another direction
		sizes[i] = max(n, 0)
	}
	g[loose] = grid.Sizes(sizes...)
	return g
}

// note records how long a block is along an axis.
func note(sizes []int64, g grid.Grid, loose int, block int32, n int64) error {
	var at [grid.MaxDims]int32
	grid.Coords(g.Counts(), block, at[:])
	was := &sizes[at[loose]]
	if n >= 0 && *was >= 0 && *was != n {
		return fmt.Errorf("array: blocks of %d and %d elements lie side by side: were they selected by different conditions?", *was, n)
	}
	*was = max(*was, n)
	return nil
}

// computeLoose is Compute when the sizes of chunks along an axis are not known: the
// blocks are kept until all of them are there.
func (x *Array) computeLoose(ctx context.Context, r graph.Runner, loose int, opts []RunOption) (*Result, error) {
	if x.grid.Elements() == 0 {
		y, err := x.ComputeChunkSizes(ctx, r, opts...)
		if err != nil {
			return nil, err
		}
		return y.Compute(ctx, r, opts...)
	}
	type block struct {
		n    int32
		data *chunk.Batch
	}
	var all []block
	sizes := slices.Repeat([]int64{-1}, int(x.grid[loose].Blocks()))
	counts := x.grid.Counts()
	w := x.kind.Width()
	_, err := x.blocks(ctx, r, graph.Run, opts, func(d graph.Delivered) error {
		rest := int64(1)
		var at [grid.MaxDims]int32
		grid.Coords(counts, d.Block, at[:])
		for i, a := range x.grid {
			if i != loose {
				lo, hi := a.Lookup().Bounds(int64(at[i]))
				rest *= hi - lo
			}
		}
		n := d.Value.Rows()
		if rest > 0 {
			if err := note(sizes, x.grid, loose, d.Block, n/rest); err != nil {
				return err
			}
		}
		b := block{d.Block, &chunk.Batch{N: int(n), Cols: []chunk.Vec{{Type: x.kind.Storage(), N: int(n), Data: strip.Aligned(int(n) * w)}}}}
		k := 0
		err := chunk.EachOfAll(d.Value, func(p *chunk.Batch) error {
			k += copy(b.data.Cols[0].Data[k:], p.Cols[0].Data[:p.N*w])
			return nil
		})
		all = append(all, b)
		return err
	})
	if err != nil {
		return nil, err
	}
	y := &Array{grid: x.settled(loose, sizes), kind: x.kind}
	res := &Result{Shape: y.Shape(), DType: x.kind, data: strip.Aligned(y.Size() * w)}
	place := newPlacer(y.grid, w)
	for _, b := range all {
		if err := place.block(ctx, res.data, b.n, chunk.NewBlock([][]*chunk.Batch{{b.data}})); err != nil {
			return nil, err
		}
	}
	return res, nil
}
