package array

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	ops "github.com/weft-data/weft/op/array"
)

// Ptp is the distance from the least element to the greatest, over axes, over all
// when none is named; so do the other verbs here.
func (x *Array) Ptp(axes ...int) *Array {
	lo, hi := x.Min(axes...), x.Max(axes...)
	if f := failed(lo, hi); f != nil {
		return f
	}
	return hi.Sub(lo)
}

// Moment is the mean of the distances from the mean, to the power of order.
func (x *Array) Moment(order int, axes ...int) *Array {
	if x.err != nil {
		return x
	}
	if order < 0 || x.kind.IsComplex() {
		return fail("Moment", "order %d of %s: want real numbers and an order of 0 or more", order, x.kind)
	}
	mean := x.Mean(axes...)
	if mean.err != nil {
		return mean
	}
	return x.As(x.kind.Floating()).Sub(mean.restore(x, axes)).Pow(order).Mean(axes...)
}

// Average is the sum of x times weights, divided by the sum of the weights. Weights
// have the shape of x, or are a vector along the only axis that is named.
func (x *Array) Average(weights *Array, axes ...int) *Array {
	const verb = "Average"
	if f := failed(x, weights); f != nil {
		return f
	}
	if len(weights.grid) == 1 && len(x.grid) > 1 && len(axes) == 1 {
		at, err := axis(axes[0], len(x.grid))
		if err != nil {
			return fail(verb, "%w", err)
		}
		for range x.grid[at+1:] {
			weights = weights.ExpandDims(-1)
		}
	} else if !slices.Equal(weights.Shape(), x.Shape()) {
		return fail(verb, "shapes %s: want weights of the shape of x, or a vector along the axis", shapes([]*Array{x, weights}))
	}
	kind := elem.Promote(x.kind.Floating(), weights.kind)
	sum := x.As(kind).Mul(weights.As(kind)).Sum(axes...)
	if sum.err != nil {
		return sum
	}
	if weights.NDim() < x.NDim() { // a vector, with an axis for each of x behind its own
		return sum.Div(weights.As(kind).Sum())
	}
	return sum.Div(weights.As(kind).Sum(axes...))
}

// Cov is the matrix of covariances of the rows of x: each row is a variable, each
// column an observation. The sums are divided by the number of columns less ddof.
func (x *Array) Cov(ddof float64) *Array {
	y := x.plane("Cov")
	if y.err != nil {
		return y
	}
	if y.kind.IsComplex() {
		return fail("Cov", "shape %s of %s: want real numbers", grid.Tuple(x.Shape()), x.kind)
	}
	d := y.Sub(y.Mean(1).ExpandDims(1))
	c := product("Cov", d, d.T())
	if !y.grid[1].Known() {
		return c.Div(y.counts("Cov", 1).Sub(ddof).Maximum(0).As(y.kind))
	}
	return c.Div(max(float64(y.grid[1].Len())-ddof, 0))
}

// counts is how many elements lie along an axis, for each line: for lengths that are not known.
func (x *Array) counts(verb string, a int) *Array {
	r, bad := x.reduce(verb, []int{a})
	if bad != nil {
		return bad
	}
	// x is read for how long its blocks are, and so its sum is there, too
	parts := []part{{r.cast(r.v, wide(x.kind)), strip.Sum}, {r.fill(elem.Float64, math.Float64bits(1), 0), strip.Sum}}
	return r.done(parts, func(f *finisher) int32 { return f.col(1) })
}

// CorrCoef is the matrix of correlations of the rows of x, see Cov.
func (x *Array) CorrCoef() *Array {
	c := x.Cov(0)
	if c.err != nil {
		return c
	}
	n := int(c.grid[0].Len())
	s := Where(Eye(n, n, 0, Of(Bool)), c, Zeros(nil, Of(c.kind))).Sum(1).Sqrt()
	return c.Div(s.ExpandDims(1)).Div(s).Clip(-1, 1)
}

// NanArgMin is the position of the first smallest element that is not NaN, 0 when
// there is none, see ArgMin.
func (x *Array) NanArgMin(axes ...int) *Array { return x.nanArg("NanArgMin", strip.NanArgMin, axes) }

// NanArgMax is the position of the first largest element that is not NaN, 0 when
// there is none.
func (x *Array) NanArgMax(axes ...int) *Array { return x.nanArg("NanArgMax", strip.NanArgMax, axes) }

func (x *Array) nanArg(verb string, fold strip.Fold, axes []int) *Array {
	r, bad := x.reduce(verb, axes)
	if bad == nil {
		bad = r.withNaN()
	}
	if bad != nil {
		return bad
	}
	if r.n == 0 {
		return r.nothing()
	}
	return r.done([]part{{r.v, fold}}, func(f *finisher) int32 {
		return f.must(strip.Binary(vec.Max), f.col(1), f.constant(elem.Int64, 0))
	})
}

// A Reducer is a reduction of the user's own. Its functions fold a block into one
// that has length 1 along the folded axes.
type Reducer struct {
	// Chunk makes the state of a block of elements, of type State.
	Chunk Mapper
	State DType
	// Combine makes one state of those of neighbours, which it gets as one block.
	// The order and the groups depend on the chunks: it must be associative.
	Combine Mapper
	// Final makes the result, of type Result, of the last state; without it that is
	// the state.
	Final  Mapper
	Result DType
}

// Reduction folds x over axes, over all when none is named, by functions of the
// user: blocks first, then states by a tree.
func Reduction(x *Array, r Reducer, axes ...int) *Array {
	const verb = "Reduction"
	q, bad := x.reduce(verb, axes)
	if bad != nil {
		return bad
	}
	if !r.Chunk.valid() || !r.Combine.valid() || !r.State.Valid() || r.Final.valid() && !r.Result.Valid() {
		return fail(verb, "functions and types of a Reducer: want Chunk, State and Combine, and with Final Result")
	}
	folded := func(g grid.Grid) grid.Grid {
		out := slices.Clone(g)
		for _, a := range q.axes {
			out[a] = grid.Axis{{Size: 1, Count: g[a].Blocks()}}
		}
		return out
	}
	y := x.applied(verb, r.Chunk, r.State, folded(x.grid))
	for y.err == nil && !q.single(y.grid) {
		g := slices.Clone(y.grid)
		for i, f := range q.factors(y.grid, []elem.Kind{r.State}) {
			if f > 1 {
				g[i] = grid.Uniform(g[i].Len(), int64(f))
			}
		}
		y = y.cut(verb, g)
		if y.err == nil {
			y = y.applied(verb, r.Combine, r.State, folded(g))
		}
	}
	if y.err == nil && r.Final.valid() {
		y = y.applied(verb, r.Final, r.Result, y.grid)
	}
	if y.err != nil {
		return y
	}
	var drop []int
	for _, a := range q.axes {
		drop = append(drop, int(a))
	}
	if len(drop) == 0 {
		return y
	}
	return y.Squeeze(drop...)
}

func (f Mapper) valid() bool { return f.name != "" || f.id != 0 }

// ApplyAlong calls a function for blocks of x of which axis a is the last and has one
// chunk: apply_along_axis of NumPy, when f is made by ByLine. In the result axis a has
// the given length, and elements are of type k; Squeeze drops a length of 1.
//
//	spread := array.Closure(array.ByLine(func(line, out []float64) error {
//		out[0] = slices.Max(line) - slices.Min(line)
//		return nil
//	}))
//	x.ApplyAlong(spread, array.Float64, 1, 0).Squeeze(0)
func (x *Array) ApplyAlong(f Mapper, k DType, length, a int) *Array {
	const verb = "ApplyAlong"
	at, bad := x.axisOf(verb, a)
	if bad != nil {
		return bad
	}
	if !k.Valid() || !f.valid() || length < 0 {
		return fail(verb, "lines of shape %s become %d elements of %s: want a function from Register or Closure", grid.Tuple(x.Shape()), length, k)
	}
	y := x.MoveAxis(at, -1)
	if y.err != nil {
		return y
	}
	last := len(y.grid) - 1
	if y = y.inLines(verb, last); y.err != nil {
		return y
	}
	g := slices.Clone(y.grid)
	g[last] = single(int64(length))
	if y = y.applied(verb, f, k, g); y.err != nil {
		return y
	}
	return y.MoveAxis(-1, at)
}

// ByLine makes a function of blocks, for ApplyAlong, of one of lines: vectors along the
// last axis of a block of S, which it may change, and of the result, a block of D, which
// come with zeros. A block without axes is one line.
func ByLine[S, D elem.Element](f func(line []S, out []D) error) BlockFunc {
	return func(ctx context.Context, _ []int, in []*Block, out *Block) error {
		if s, d := elem.Of[S](), elem.Of[D](); in[0].DType != s || out.DType != d {
			return fmt.Errorf("array: a function from lines of %s to %s for blocks of %s and %s", s, d, in[0].DType, out.DType)
		}
		x, y := Elements[S](in[0]), Elements[D](out)
		lines := times(in[0].Shape[:max(len(in[0].Shape)-1, 0)])
		for i := range lines {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, m := len(x)/lines, len(y)/lines
			if err := f(x[i*n:][:n:n], y[i*m:][:m:m]); err != nil {
				return err
			}
		}
		return nil
	}
}

// ApplyOver folds x over axes one after the other by a reduction such as
// (*Array).Median, and keeps them with length 1: apply_over_axes of NumPy. For
// reductions that are not sums or extremes this is another result than folding over all
// at once.
func (x *Array) ApplyOver(reduce func(x *Array, axes ...int) *Array, axes ...int) *Array {
	if x.err != nil {
		return x
	}
	y := x
	for _, a := range axes {
		at, err := axis(a, len(x.grid))
		if err != nil {
			return fail("ApplyOver", "shape %s: %w", grid.Tuple(x.Shape()), err)
		}
		if y = y.KeepDims(reduce, at); y.err != nil {
			return y
		}
	}
	return y
}

// applied calls a function for every block of x: it makes that of out.
func (x *Array) applied(verb string, f Mapper, k DType, out grid.Grid) *Array {
	o := &operation{CallParams: ops.CallParams{Kind: k, Space: x.grid, Out: []grid.Grid{out}, Func: f.name, ID: f.id}}
	o.read(x.result(), false, along(len(x.grid))...)
	y := o.one(verb, ops.Apply)
	if y.err == nil {
		y.n.keep = f.keep
	}
	return y
}
