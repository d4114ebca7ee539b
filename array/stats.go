package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
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
	kind := elem.Promote(x.kind, weights.kind).Floating()
	sum := x.As(kind).Mul(weights.As(kind)).Sum(axes...)
	if sum.err != nil {
		return sum
	}
	all := weights.As(kind).BroadcastTo(x.Shape()).Sum(axes...)
	return sum.Div(all)
}

// Cov is the matrix of covariances of the rows of x: each row is a variable, each
// column an observation. The sums are divided by the number of columns less ddof.
func (x *Array) Cov(ddof float64) *Array {
	y := x.matrix("Cov")
	if y.err != nil {
		return y
	}
	d := y.Sub(y.Mean(1).ExpandDims(1))
	return product("Cov", d, d.T()).Div(max(float64(y.grid[1].Len())-ddof, 0))
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
func (x *Array) NanArgMin(axes ...int) *Array { return x.nanArg(x.NanMin(axes...), axes) }

// NanArgMax is the position of the first largest element that is not NaN, 0 when
// there is none.
func (x *Array) NanArgMax(axes ...int) *Array { return x.nanArg(x.NanMax(axes...), axes) }

func (x *Array) nanArg(best *Array, axes []int) *Array {
	if best.err != nil {
		return best
	}
	return x.Eq(best.restore(x, axes)).ArgMax(axes...)
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
