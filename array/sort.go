package array

import (
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// Order. Ascending or descending, NaN is last, and -0 comes before 0; what is equal
// keeps its order.

// ordered makes the axis one chunk, for verbs that need all of it in one task.
func (x *Array) inOrder(verb string, a int) (y *Array, at int) {
	if x.err != nil {
		return x, 0
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err), 0
	}
	if x.kind.IsComplex() {
		return fail(verb, "%s has no order", x.kind), 0
	}
	g := slices.Clone(x.grid)
	g[at] = single(x.grid[at].Len())
	if !x.grid[at].Known() {
		return fail(verb, "axis %d of %s: %w", at, grid.Tuple(x.Shape()), grid.ErrUnknown), 0
	}
	return x.cut(verb, g), at
}

func (x *Array) sorted(verb string, a int, down, positions bool) *Array {
	if x.err == nil && len(x.grid) == 1 && x.grid[0].Known() && x.grid[0].Blocks() > 1 && (a == 0 || a == -1) && !x.kind.IsComplex() {
		return x.samplesorted(verb, down, positions)
	}
	y, at := x.inOrder(verb, a)
	if y.err != nil {
		return y
	}
	kind := y.kind
	if positions {
		kind = elem.Int64
	}
	o := &operation{CallParams: ops.CallParams{Kind: kind, Space: y.grid, Out: []grid.Grid{y.grid}, Ints: []int64{int64(at), truth(down), truth(positions)}}}
	o.read(y.result(), false, along(len(y.grid))...)
	return o.one(verb, ops.Sort).cut(verb, x.grid)
}

// mostRuns bounds the blocks that a vector is sorted in: there are as many pieces
// as the square of that.
const mostRuns = 256

// samplesorted sorts a vector in blocks, see ops.SortedRuns.
func (x *Array) samplesorted(verb string, down, positions bool) *Array {
	y := x
	if x.grid[0].Blocks() > mostRuns {
		y = x.cut(verb, grid.Grid{grid.Uniform(x.grid[0].Len(), (x.grid[0].Len()+mostRuns-1)/mostRuns)})
	}
	sizes := y.grid[0].All()
	b := int64(len(sizes))
	places, sample, begins := grid.Axis{{Size: 0, Count: b}}, grid.Axis{}, make([]int64, 0, b)
	if positions {
		places = y.grid[0]
	}
	begin := int64(0)
	for _, n := range sizes {
		sample = sample.Append(2*min(n, max(64, 4*b)), 1)
		if begin += n; len(begins)+1 < len(sizes) {
			begins = append(begins, begin)
		}
	}
	words := func(space, out grid.Grid, ints ...int64) *operation {
		return &operation{CallParams: ops.CallParams{Kind: elem.Uint64, Space: space, Out: []grid.Grid{out}, Ints: ints}}
	}
	o := words(y.grid, y.grid, truth(down))
	o.Out = append(o.Out, grid.Grid{places}, grid.Grid{sample})
	o.read(y.result(), false, 0)
	runs, bad := o.done(verb, ops.SortedRuns)
	if bad != nil {
		return bad
	}
	o = words(nil, grid.Grid{single(6 * (b - 1))}, sizes...)
	o.read(runs[2], false, ops.All)
	brackets, bad := o.done(verb, ops.Brackets)
	if bad != nil {
		return bad
	}
	var cut grid.Axis
	for _, n := range sizes {
		cut = cut.Append(grid.Unknown(n+b), 1)
	}
	loose := grid.Grid{cut}
	o = words(y.grid, loose)
	o.read(runs[0], false, 0)
	o.read(brackets[0], false, ops.All)
	within, bad := o.done(verb, ops.Within)
	if bad != nil {
		return bad
	}
	rows := grid.Axis{{Size: 1, Count: b - 1}}
	o = words(grid.Grid{rows}, grid.Grid{rows, single(b)}, begins...)
	o.read(within[0], true, ops.All)
	o.In[0].Mine = true
	cuts, bad := o.done(verb, ops.Cuts)
	if bad != nil {
		return bad
	}
	o = words(y.grid, loose, b)
	o.read(runs[0], false, 0)
	o.read(runs[1], false, 0)
	o.read(cuts[0], false, ops.All, ops.All)
	pieces, bad := o.done(verb, ops.Pieces)
	if bad != nil {
		return bad
	}
	o = words(y.grid, y.grid, truth(down))
	o.read(pieces[0], true, ops.All)
	o.In[0].Mine = true
	if o.Kind = y.kind; positions {
		o.Kind = elem.Int64
		o.read(pieces[0], true, ops.All)
		o.In[1].Mine, o.In[1].Run = true, int32(b)
	}
	return o.one(verb, ops.MergePieces).cut(verb, x.grid)
}

// Sort sorts along an axis; descending, if that is given and true, the largest
// first. The chunks are those of x. A vector is sorted in its blocks, which no task
// sees as a whole; of other arrays a task needs an axis of all its elements.
func (x *Array) Sort(a int, descending ...bool) *Array {
	return x.sorted("Sort", a, slices.Contains(descending, true), false)
}

// ArgSort is the positions, int64, of the elements that Sort would give.
func (x *Array) ArgSort(a int, descending ...bool) *Array {
	return x.sorted("ArgSort", a, slices.Contains(descending, true), true)
}

// top is the keys and positions of the first k along an axis, of an array of
// uint64, by a tree.
func (x *Array) top(verb string, k, a int) (keys, at result, axisAt int, bad *Array) {
	if x.err != nil {
		return keys, at, 0, x
	}
	axisAt, err := axis(a, len(x.grid))
	switch {
	case err != nil:
		return keys, at, 0, fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
	case x.kind.IsComplex():
		return keys, at, 0, fail(verb, "%s has no order", x.kind)
	case !x.grid[axisAt].Known():
		return keys, at, 0, fail(verb, "axis %d of %s: %w", axisAt, grid.Tuple(x.Shape()), grid.ErrUnknown)
	case k == 0 || max(k, -k) > int(x.grid[axisAt].Len()):
		return keys, at, 0, fail(verb, "%d of the %d elements of axis %d", k, x.grid[axisAt].Len(), axisAt)
	}
	n, in := int64(max(k, -k)), []*Array{x}
	for again := int64(0); ; again = 1 {
		g := slices.Clone(in[0].grid)
		g[axisAt] = nil
		for _, s := range in[0].grid[axisAt].All() {
			g[axisAt] = g[axisAt].Append(min(s, n), 1)
		}
		o := &operation{CallParams: ops.CallParams{Kind: elem.Uint64, Space: in[0].grid, Out: []grid.Grid{g, g}, Ints: []int64{int64(axisAt), n, truth(k > 0), again}}}
		for _, y := range in {
			o.read(y.result(), false, along(len(g))...)
		}
		out, bad := o.done(verb, ops.Top)
		if bad != nil {
			return keys, at, 0, bad
		}
		if keys, at = out[0], out[1]; g[axisAt].Blocks() == 1 {
			return keys, at, axisAt, nil
		}
		wide := slices.Clone(g)
		wide[axisAt] = grid.Uniform(g[axisAt].Len(), max(n*stacked, 1<<12))
		in = []*Array{keys.array(verb).cut(verb, wide), at.array(verb).cut(verb, wide)}
		if f := failed(in...); f != nil {
			return keys, at, 0, f
		}
	}
}

// TopK is the k largest elements along an axis, the largest first; of a negative k
// the -k smallest, the smallest first. Unlike Sort it needs no axis in one task.
func (x *Array) TopK(k, a int) *Array {
	keys, _, _, bad := x.top("TopK", k, a)
	if bad != nil {
		return bad
	}
	y := keys.array("TopK")
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Space: y.grid, Out: []grid.Grid{y.grid}, Ints: []int64{truth(k > 0)}}}
	o.read(y.result(), false, along(len(y.grid))...)
	return o.one("TopK", ops.Elements)
}

// ArgTopK is the positions, int64, of the elements that TopK would give.
func (x *Array) ArgTopK(k, a int) *Array {
	_, at, _, bad := x.top("ArgTopK", k, a)
	if bad != nil {
		return bad
	}
	return at.array("ArgTopK").As(elem.Int64)
}

var ways = []string{ops.QuantileLinear: "linear", ops.QuantileLower: "lower", ops.QuantileHigher: "higher", ops.QuantileMidpoint: "midpoint", ops.QuantileNearest: "nearest"}

// quantiles is exact: all elements of the axes are sorted in one task.
func (x *Array) quantiles(verb string, qs []float64, way string, skip bool, axes []int) *Array {
	if x.err != nil {
		return x
	}
	if skip && !x.kind.IsFloat() {
		return fail(verb, "%s has no NaN: use the verb without Nan", x.kind)
	}
	w := slices.Index(ways, way)
	if way == "" {
		w = ops.QuantileLinear
	}
	if w < 0 {
		return fail(verb, "way %q: want one of %q", way, ways)
	}
	for _, q := range qs {
		if !(q >= 0 && q <= 1) {
			return fail(verb, "quantile %v: want 0 to 1", q)
		}
	}
	if len(axes) == 0 {
		axes = others(len(x.grid), nil)
	}
	at := make([]int, len(axes))
	for i, a := range axes {
		var err error
		if at[i], err = axis(a, len(x.grid)); err != nil {
			return fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
		}
		if slices.Contains(at[:i], at[i]) {
			return fail(verb, "axis %d is named twice", a)
		}
	}
	rest := others(len(x.grid), at)
	y := x
	if len(at) != 1 || at[0] != len(x.grid)-1 { // the axes become the last one
		y = y.Transpose(append(slices.Clone(rest), at...)...).Reshape(append(x.lengths(rest), times(x.lengths(at)))...)
	}
	y, last := y.inOrder(verb, -1)
	if y.err != nil {
		return y
	}
	kind := x.kind.Floating()
	y = y.As(elem.Float64)
	g := slices.Clone(y.grid)
	g[last] = single(int64(len(qs)))
	o := &operation{CallParams: ops.CallParams{Kind: elem.Float64, Space: y.grid, Out: []grid.Grid{g}, Ints: []int64{int64(last), int64(w), truth(skip)}, Nums: qs}}
	o.read(y.result(), false, along(len(g))...)
	z := o.one(verb, ops.Quantile)
	if z.err != nil {
		return z
	}
	return z.MoveAxis(-1, 0).As(kind)
}

// Quantile is the quantile q, from 0 to 1, over axes, over all when none is named.
// It is exact, whatever the chunks; between two elements it is found as way says:
// "linear", "lower", "higher", "midpoint" or "nearest". NaN of nothing and where
// there is a NaN. All elements of the axes are sorted in one task.
func (x *Array) Quantile(q float64, way string, axes ...int) *Array {
	return x.quantiles("Quantile", []float64{q}, way, false, axes).dropped(0)
}

// Quantiles is Quantile for several q, along a new first axis.
func (x *Array) Quantiles(qs []float64, way string, axes ...int) *Array {
	return x.quantiles("Quantiles", qs, way, false, axes)
}

// Percentile is Quantile of hundredths, linear between two elements.
func (x *Array) Percentile(p float64, axes ...int) *Array {
	return x.quantiles("Percentile", []float64{p / 100}, "", false, axes).dropped(0)
}

// Median is the middle element, or the mean of the two in the middle, see Quantile.
func (x *Array) Median(axes ...int) *Array {
	return x.quantiles("Median", []float64{0.5}, "", false, axes).dropped(0)
}

// NanQuantile is Quantile of what is not NaN, NaN when that is nothing.
func (x *Array) NanQuantile(q float64, way string, axes ...int) *Array {
	return x.quantiles("NanQuantile", []float64{q}, way, true, axes).dropped(0)
}

// NanPercentile is Percentile of what is not NaN.
func (x *Array) NanPercentile(p float64, axes ...int) *Array {
	return x.quantiles("NanPercentile", []float64{p / 100}, "", true, axes).dropped(0)
}

// NanMedian is Median of what is not NaN.
func (x *Array) NanMedian(axes ...int) *Array {
	return x.quantiles("NanMedian", []float64{0.5}, "", true, axes).dropped(0)
}

// distinct finds the distinct elements: keys, counts and first positions.
func (x *Array) distinct(verb string) ([]result, *Array) {
	if x.err != nil {
		return nil, x
	}
	if x.kind.IsComplex() {
		return nil, fail(verb, "%s has no order", x.kind)
	}
	y := x
	if len(x.grid) != 1 {
		y = x.Ravel()
	}
	if y.err != nil {
		return nil, y
	}
	if !y.grid[0].Known() {
		return nil, fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), grid.ErrUnknown)
	}
	var loose grid.Axis
	for _, r := range y.grid[0] {
		loose = loose.Append(grid.Unknown(r.Size), r.Count)
	}
	g := grid.Grid{loose}
	o := &operation{CallParams: ops.CallParams{Kind: elem.Uint64, Space: y.grid, Out: []grid.Grid{g, g, g}}}
	o.read(y.result(), false, 0)
	out, bad := o.done(verb, ops.Distinct)
	if bad != nil {
		return nil, bad
	}
	g = grid.Grid{{{Size: grid.Unknown(y.grid[0].Len()), Count: 1}}}
	o = &operation{CallParams: ops.CallParams{Kind: elem.Uint64, Out: []grid.Grid{g, g, g}}}
	for _, r := range out {
		o.read(r, true, ops.All)
	}
	return o.done(verb, ops.Union)
}

// elements makes elements of keys.
func (r result) elements(verb string, k elem.Kind) *Array {
	y := r.array(verb)
	if y.err != nil {
		return y
	}
	o := &operation{CallParams: ops.CallParams{Kind: k, Out: []grid.Grid{y.grid}, Ints: []int64{0}}}
	o.read(y.result(), false, ops.All)
	return o.one(verb, ops.Elements)
}

// Unique is the distinct elements in order, along an axis of a length that is not
// known, see Select. -0 is 0, and NaN is one element. They are held by one task,
// with how often and where they occur.
func (x *Array) Unique() *Array {
	r, bad := x.distinct("Unique")
	if bad != nil {
		return bad
	}
	return r[0].elements("Unique", x.kind)
}

// UniqueCounts is Unique, and how often each element occurs.
func (x *Array) UniqueCounts() (u, counts *Array) {
	r, bad := x.distinct("UniqueCounts")
	if bad != nil {
		return bad, bad
	}
	return r[0].elements("UniqueCounts", x.kind), r[1].array("UniqueCounts").As(elem.Int64)
}

// UniqueAll is Unique, the position in row-major order where each element occurs
// first, for each element of x its position in the result, and how often each occurs.
func (x *Array) UniqueAll() (u, first, inverse, counts *Array) {
	const verb = "UniqueAll"
	r, bad := x.distinct(verb)
	if bad != nil {
		return bad, bad, bad, bad
	}
	u = r[0].elements(verb, x.kind)
	return u, r[2].array(verb).As(elem.Int64), u.search(verb, x, false), r[1].array(verb).As(elem.Int64)
}

// UniqueInverse is Unique, and for each element of x its position in it.
func (x *Array) UniqueInverse() (u, inverse *Array) {
	u, _, inverse, _ = x.UniqueAll()
	return u, inverse
}

// search looks the elements of y up in x.
func (x *Array) search(verb string, y *Array, right bool) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	if len(x.grid) != 1 {
		return fail(verb, "shape %s: want a vector", grid.Tuple(x.Shape()))
	}
	kind := elem.Promote(x.kind, y.kind)
	if kind.IsComplex() {
		return fail(verb, "%s has no order", kind)
	}
	a, b := x.As(kind), y.As(kind)
	if f := failed(a, b); f != nil {
		return f
	}
	o := &operation{CallParams: ops.CallParams{Kind: elem.Int64, Space: b.grid, Out: []grid.Grid{b.grid}, Ints: []int64{truth(right)}}}
	o.read(a.result(), true, ops.All)
	o.read(b.result(), false, along(len(b.grid))...)
	return o.one(verb, ops.Search)
}

// SearchSorted is, for each element of y, where it belongs in the vector x, which is
// sorted: the number of elements below it, or, with right, not above it.
func (x *Array) SearchSorted(y *Array, right bool) *Array { return x.search("SearchSorted", y, right) }

// Digitize is the number of the bin of each element: of the edges, in order, the
// number of those at or below it; with right, of those below it. Of edges from the
// largest to the smallest, of those above it, or, with right, at or above it.
func (x *Array) Digitize(edges []float64, right bool) *Array {
	if x.err != nil {
		return x
	}
	down := len(edges) > 1 && edges[0] > edges[len(edges)-1]
	up := slices.Clone(edges)
	if down {
		slices.Reverse(up)
	}
	if !slices.IsSorted(up) || slices.ContainsFunc(up, math.IsNaN) {
		return fail("Digitize", "edges %v: want them in order", edges)
	}
	e := FromSlice(up, []int{len(up)}, Chunks(-1))
	n := e.search("Digitize", x, !right)
	if n.err == nil && down {
		return n.Neg().Add(len(up))
	}
	return n
}

// counted adds up rows that blocks of vectors make.
func (x *Array) counted(verb string, o *operation, bins int64) *operation {
	o.Space = x.grid
	o.Out = []grid.Grid{{{{Size: 1, Count: x.grid.Blocks()}}, single(bins)}}
	return o
}

// Histogram is how many elements lie between edges, in order: at or above one and
// below the next, the last one included. NaN is nowhere. With weights, of the shape
// of x, it is their sums.
func (x *Array) Histogram(edges []float64, weights ...*Array) *Array {
	const verb = "Histogram"
	if x.err != nil {
		return x
	}
	if len(edges) < 2 || !slices.IsSorted(edges) || slices.ContainsFunc(edges, math.IsNaN) {
		return fail(verb, "edges %v: want two or more in order", edges)
	}
	return x.histogram(verb, FromSlice(slices.Clone(edges), []int{len(edges)}, Chunks(-1)), weights)
}

// HistogramBins is Histogram of so many bins of equal width from the least element
// to the greatest, and their edges.
func (x *Array) HistogramBins(bins int, weights ...*Array) (counts, edges *Array) {
	const verb = "HistogramBins"
	if x.err != nil {
		return x, x
	}
	if bins < 1 {
		f := fail(verb, "%d bins", bins)
		return f, f
	}
	lo, hi := x.Min().As(elem.Float64), x.Max().As(elem.Float64)
	if f := failed(lo, hi); f != nil {
		return f, f
	}
	flat := lo.Eq(hi) // a width of 1 around it
	lo, hi = Where(flat, lo.Sub(0.5), lo), Where(flat, hi.Add(0.5), hi)
	i := Arange(0, bins+1, 1, Chunks(-1))
	edges = Where(i.Eq(bins), hi, lo.Add(hi.Sub(lo).Mul(i.Div(float64(bins)))))
	return x.histogram(verb, edges, weights), edges
}

func (x *Array) histogram(verb string, edges *Array, weights []*Array) *Array {
	if x.kind.IsComplex() {
		return fail(verb, "%s has no order", x.kind)
	}
	x, w, bad := x.weighed(verb, elem.Float64, weights)
	if bad != nil {
		return bad
	}
	o := x.counted(verb, &operation{}, edges.grid[0].Len()-1)
	o.read(x.result(), false, along(len(x.grid))...)
	o.read(edges.result(), false, ops.All)
	if o.Kind = elem.Int64; w != nil {
		o.Kind = elem.Float64
		o.read(w.result(), false, along(len(x.grid))...)
	}
	return o.one(verb, ops.Histogram).Sum(0)
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
	o := x.counted(verb, &operation{}, int64(bins))
	o.Ints = []int64{int64(bins)}
	o.read(x.result(), false, along(len(x.grid))...)
	if o.Kind = elem.Int64; w != nil {
		o.Kind = elem.Float64
		o.read(w.result(), false, along(len(x.grid))...)
	}
	return o.one(verb, ops.BinCount).Sum(0)
}
