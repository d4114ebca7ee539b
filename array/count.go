package array

import (
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// Counting: how many elements, or points, lie where.

// counted adds up rows that blocks of vectors make.
func (x *Array) counted(o *operation, bins int64) {
	o.Space = x.grid
	o.Out = []grid.Grid{{{{Size: 1, Count: x.grid.Blocks()}}, single(bins)}}
}

// Histogram is how many elements lie between edges, in order: at or above one and
// below the next, the last one included. NaN is nowhere. With weights, of the shape
// of x, it is their sums.
func (x *Array) Histogram(edges []float64, weights ...*Array) *Array {
	const verb = "Histogram"
	if x.err != nil {
		return x
	}
	e := edgesOf(verb, edges)
	return histogram(verb, []*Array{x}, []*Array{e}, weights)
}

// edgesOf are edges of bins as an array.
func edgesOf(verb string, edges []float64) *Array {
	if len(edges) < 2 || !slices.IsSorted(edges) || slices.ContainsFunc(edges, math.IsNaN) {
		return fail(verb, "edges %v: want two or more in order", edges)
	}
	return FromSlice(slices.Clone(edges), []int{len(edges)}, Chunks(-1))
}

// Histogram2D is how many of the points, whose coordinates are the elements of x and of
// y, arrays of one shape, lie in each rectangle between edges: a matrix with a row for
// each bin of x, see Histogram.
//
//	x.Histogram2D(y, []float64{0, 1, 2}, []float64{0, 10, 20, 30})
func (x *Array) Histogram2D(y *Array, xEdges, yEdges []float64, weights ...*Array) *Array {
	const verb = "Histogram2D"
	return histogram(verb, []*Array{x, y}, []*Array{edgesOf(verb, xEdges), edgesOf(verb, yEdges)}, weights)
}

// HistogramDD is how many of the points, which are the rows of x, lie in each box
// between edges, of which there are a list for each column: an array with an axis for
// each of them, see Histogram. Weights are a vector. A task holds all bins.
func (x *Array) HistogramDD(edges [][]float64, weights ...*Array) *Array {
	const verb = "HistogramDD"
	if bad := x.loose(verb); bad != nil {
		return bad
	}
	if len(x.grid) != 2 || int(x.grid[1].Len()) != len(edges) || len(edges) == 0 {
		return fail(verb, "%d lists of edges for shape %s: want a matrix of points, and edges for each of its columns", len(edges), grid.Tuple(x.Shape()))
	}
	xs, es := make([]*Array, len(edges)), make([]*Array, len(edges))
	for i, e := range edges {
		xs[i], es[i] = x.Index(All, I(i)), edgesOf(verb, e)
	}
	return histogram(verb, xs, es, weights)
}

// HistogramBins is Histogram of so many bins of equal width from the least element
// to the greatest, and their edges; from 0 to 1 of an array without elements.
func (x *Array) HistogramBins(bins int, weights ...*Array) (counts, edges *Array) {
	const verb = "HistogramBins"
	if x.err != nil {
		return x, x
	}
	if bins < 1 || bins > mostBins {
		f := fail(verb, "%d bins: want 1 to %d", bins, mostBins)
		return f, f
	}
	lo, hi := Full([]int{}, 0.0), Full([]int{}, 1.0)
	if x.grid.Elements() > 0 {
		lo, hi = x.Min().As(elem.Float64), x.Max().As(elem.Float64)
	}
	if f := failed(lo, hi); f != nil {
		return f, f
	}
	flat := lo.Eq(hi) // a width of 1 around it
	lo, hi = Where(flat, lo.Sub(0.5), lo), Where(flat, hi.Add(0.5), hi)
	i := Arange(0, bins+1, 1, Chunks(-1))
	edges = Where(i.Eq(bins), hi, lo.Add(hi.Sub(lo).Mul(i.Div(float64(bins)))))
	return histogram(verb, []*Array{x}, []*Array{edges}, weights), edges
}

// mostBins bounds the bins that a task counts into.
const mostBins = 1 << 28

// histogram counts points, whose coordinates are xs, between edges.
func histogram(verb string, xs, edges []*Array, weights []*Array) *Array {
	if f := failed(slices.Concat(xs, edges)...); f != nil {
		return f
	}
	bins, shape := int64(1), make([]int, len(edges))
	for i, e := range edges {
		shape[i] = int(e.grid[0].Len() - 1)
		if bins *= int64(shape[i]); bins > mostBins {
			return fail(verb, "%d bins and more: at most %d are counted", bins, mostBins)
		}
	}
	var first, w *Array
	o := &operation{CallParams: ops.CallParams{Ints: []int64{int64(len(xs))}}}
	for i, x := range xs {
		if x.kind.IsComplex() {
			return fail(verb, "%s has no order", x.kind)
		}
		var bad *Array
		if i == 0 {
			first, w, bad = x.weighed(verb, x.kind, weights)
			x = first
		} else if !slices.Equal(x.Shape(), xs[0].Shape()) {
			return fail(verb, "shapes %s do not fit: want coordinates of one shape", shapes(xs))
		} else {
			x = x.cut(verb, first.grid)
		}
		if bad != nil {
			return bad
		}
		if x.err != nil {
			return x
		}
		o.read(x.result(), false, along(len(x.grid))...)
	}
	for _, e := range edges {
		o.read(e.result(), false, ops.All)
	}
	first.counted(o, bins)
	if o.Kind = elem.Int64; w != nil {
		o.Kind = elem.Float64
		o.read(w.result(), false, along(len(first.grid))...)
	}
	sum := o.one(verb, ops.Histogram).Sum(0)
	if len(shape) == 1 || sum.err != nil {
		return sum
	}
	return sum.Reshape(shape...)
}

// weighed converts x, and brings weights to its chunks.
func (x *Array) weighed(verb string, k elem.Kind, weights []*Array) (y, w *Array, bad *Array) {
	if y = x.As(k); y.err != nil {
		return nil, nil, y
	}
	if len(weights) == 0 {
		return y, nil, nil
	}
	w = weights[0]
	if f := failed(weights...); f != nil {
		return nil, nil, f
	}
	if len(weights) > 1 || !slices.Equal(w.Shape(), x.Shape()) || w.kind.IsComplex() {
		return nil, nil, fail(verb, "shapes %s: want one array of weights, real numbers of the shape of x", shapes(append([]*Array{x}, weights...)))
	}
	if w = w.As(elem.Float64).cut(verb, y.grid); w.err != nil {
		return nil, nil, w
	}
	return y, w, nil
}

// BinCount is how often each of the numbers from 0 to bins-1 occurs in an array of
// integers; others are an error of the run. With weights, of the shape of x, it is
// their sums.
func (x *Array) BinCount(bins int, weights ...*Array) *Array {
	const verb = "BinCount"
	switch {
	case x.err != nil:
		return x
	case !x.kind.IsInt() && x.kind != elem.Bool:
		return fail(verb, "%s: want integers", x.kind)
	case bins < 1:
		return fail(verb, "%d bins", bins)
	}
	x, w, bad := x.weighed(verb, elem.Int64, weights)
	if bad != nil {
		return bad
	}
	o := &operation{CallParams: ops.CallParams{Ints: []int64{int64(bins)}}}
	x.counted(o, int64(bins))
	o.read(x.result(), false, along(len(x.grid))...)
	if o.Kind = elem.Int64; w != nil {
		o.Kind = elem.Float64
		o.read(w.result(), false, along(len(x.grid))...)
	}
	return o.one(verb, ops.BinCount).Sum(0)
}
