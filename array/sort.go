package array

import (
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/quantile"
	ops "github.com/weft-data/weft/op/array"
)

// Order. Ascending or descending, NaN is last, and -0 comes before 0; what is equal
// keeps its order.

// inOrder makes the axis one chunk, for verbs that need all of it in one task.
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
	if !x.grid[at].Known() {
		return fail(verb, "axis %d of %s: %w", at, grid.Tuple(x.Shape()), grid.ErrUnknown), 0
	}
	return x.inLines(verb, at), at
}

func (x *Array) sorted(verb string, a int, down, positions bool) *Array {
	if x.err == nil && len(x.grid) == 1 && x.grid[0].Known() && x.grid[0].Blocks() > 1 && (a == 0 || a == -1) && !x.kind.IsComplex() {
		return x.samplesorted(verb, down, positions)
	}
	if at, err := axis(a, len(x.grid)); x.err == nil && err == nil && !x.kind.IsComplex() && x.far(at) {
		return x.eachLine(verb, at, func(line *Array) *Array { return line.samplesorted(verb, down, positions) }).cut(verb, x.grid)
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
// first. NaN is last in both directions, -0 comes before 0, and equals keep their
// order. The chunks are those of x. A vector is sorted in its blocks, which no task
// sees as a whole, and so is each line of another array that has more than 64 MiB;
// shorter lines are brought together, as many as make a block.
func (x *Array) Sort(a int, descending ...bool) *Array {
	return x.sorted("Sort", a, slices.Contains(descending, true), false)
}

// ArgSort is the positions, int64, of the elements that Sort would give.
func (x *Array) ArgSort(a int, descending ...bool) *Array {
	return x.sorted("ArgSort", a, slices.Contains(descending, true), true)
}

// A topping is what TopK and ArgTopK have in common: the first n elements along an axis of x are to be found.
type topping struct {
	verb string
	x    *Array
	axis int
	n    int64
	down bool
}

func (x *Array) topping(verb string, k, a int) (*topping, *Array) {
	if x.err != nil {
		return nil, x
	}
	at, err := axis(a, len(x.grid))
	switch {
	case err != nil:
		return nil, fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), err)
	case x.kind.IsComplex():
		return nil, fail(verb, "%s has no order", x.kind)
	case !x.grid[at].Known():
		return nil, fail(verb, "axis %d of %s: %w", at, grid.Tuple(x.Shape()), grid.ErrUnknown)
	case k == 0 || max(k, -k) > int(x.grid[at].Len()):
		return nil, fail(verb, "%d of the %d elements of axis %d", k, x.grid[at].Len(), at)
	}
	return &topping{verb, x, at, int64(max(k, -k)), k > 0}, nil
}

// abreast reports whether the lines are few elements of many lines beside each other, see ops.Best.
func (t *topping) abreast() bool {
	g := t.x.grid
	loose, err := g.Loose()
	return err == nil && loose < 0 && t.n <= ops.MostBest && g.MaxBlock()/max(g[t.axis].Max(), 1) >= ops.FewLines
}

// step begins a step of the tree that leaves the first n elements of groups of neighbours. What a task reads is bounded by
// DefaultBytes. The first step has groups only of blocks so short that what it leaves is more than an eighth of them.
func (t *topping) step(in grid.Grid, kind elem.Kind, results int, again bool) *operation {
	n, rows, block := in[t.axis].Blocks(), max(in[t.axis].Max(), 1), max(in.MaxBlock(), 1)
	k := max(1, min(n, DefaultBytes/int64(t.x.kind.Width())/block, (8*t.n+rows-1)/rows))
	if again {
		k = min(n, max(2, min(DefaultBytes/int64(kind.Width()*results)/block, max(stacked, 1<<12/t.n))))
	}
	space, out := slices.Clone(in), slices.Clone(in)
	space[t.axis], out[t.axis] = nil, nil
	for g := range slices.Chunk(in[t.axis].All(), int(k)) {
		sum := int64(0)
		for _, s := range g {
			sum += s
		}
		space[t.axis], out[t.axis] = space[t.axis].Append(sum, 1), out[t.axis].Append(min(sum, t.n), 1)
	}
	return &operation{CallParams: ops.CallParams{Kind: kind, Space: space, Out: slices.Repeat([]grid.Grid{out}, results), Ints: []int64{int64(t.axis), t.n, truth(t.down)}}}
}

// best are the elements, or the places, of lines beside each other.
func (t *topping) best(places bool) *Array {
	y, mode, kind := t.x, int64(ops.BestElements), t.x.kind
	if places {
		mode, kind = ops.BestPlaces, elem.Uint64
	}
	for {
		o := t.step(y.grid, kind, 1, y != t.x)
		o.Ints = append(o.Ints, mode)
		o.read(y.result(), true, along(len(y.grid))...)
		if y = o.one(t.verb, ops.Best); y.err != nil || y.grid[t.axis].Blocks() == 1 {
			return y
		}
		if places {
			mode = ops.BestAgain
		}
	}
}

// top is the keys and positions of the elements, of an array of uint64, by a tree.
func (t *topping) top() (keys, at result, bad *Array) {
	in := []result{t.x.result()}
	for {
		o := t.step(in[0].grid, elem.Uint64, 2, len(in) > 1)
		o.Ints = append(o.Ints, truth(len(in) > 1))
		for _, r := range in {
			o.read(r, false, along(len(r.grid))...)
		}
		out, bad := o.done(t.verb, ops.Top)
		if bad != nil {
			return keys, at, bad
		}
		if in = out; in[0].grid[t.axis].Blocks() == 1 {
			return in[0], in[1], nil
		}
	}
}

// TopK is the k largest elements along an axis, the largest first; of a negative k
// the -k smallest, the smallest first. Unlike Sort it needs no axis in one task.
func (x *Array) TopK(k, a int) *Array {
	t, bad := x.topping("TopK", k, a)
	if bad != nil {
		return bad
	}
	if t.abreast() {
		return t.best(false)
	}
	keys, _, bad := t.top()
	if bad != nil {
		return bad
	}
	o := &operation{CallParams: ops.CallParams{Kind: x.kind, Space: keys.grid, Out: []grid.Grid{keys.grid}, Ints: []int64{truth(k > 0)}}}
	o.read(keys, false, along(len(keys.grid))...)
	return o.one("TopK", ops.Elements)
}

// ArgTopK is the positions, int64, of the elements that TopK would give.
func (x *Array) ArgTopK(k, a int) *Array {
	t, bad := x.topping("ArgTopK", k, a)
	if bad != nil {
		return bad
	}
	if t.abreast() && ops.Placed(x.kind, x.grid[t.axis].Len()) {
		return t.best(true).And(uint64(math.MaxUint32)).As(elem.Int64)
	}
	_, at, bad := t.top()
	if bad != nil {
		return bad
	}
	return at.array("ArgTopK").As(elem.Int64)
}

// quantiles is exact: all elements of the axes are sorted, see Sort.
func (x *Array) quantiles(verb string, qs []float64, way string, skip bool, axes []int) *Array {
	if x.err != nil {
		return x
	}
	if skip && !x.kind.IsFloat() {
		return fail(verb, "%s has no NaN: use the verb without Nan", x.kind)
	}
	w := slices.Index(quantile.Methods, way)
	if way == "" {
		w = int(quantile.Linear)
	}
	if w < 0 {
		return fail(verb, "way %q: want one of %q", way, quantile.Methods)
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
		y = y.Transpose(append(slices.Clone(rest), at...)...)
	}
	if len(at) != 1 {
		y = y.Reshape(append(x.lengths(rest), times(x.lengths(at)))...)
	}
	kind := x.kind.Floating()
	if y.err == nil && !y.kind.IsComplex() && y.far(len(y.grid)-1) {
		return y.As(elem.Float64).quantilesFar(verb, qs, quantile.Method(w), skip).MoveAxis(-1, 0).As(kind)
	}
	y, last := y.inOrder(verb, -1)
	if y.err != nil {
		return y
	}
	if y.kind != elem.Float32 {
		y = y.As(elem.Float64)
	}
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
// It is exact, whatever the chunks. Where it is and what lies between two elements
// is as way says, one of NumPy's methods: "linear", which "" means, too, "lower",
// "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
// "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull",
// "median_unbiased" or "normal_unbiased". NaN of nothing and where there is a NaN.
// All elements of the axes are sorted, see Sort.
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

// distinct finds the distinct elements: keys, counts and first positions; places says
// that these are wanted.
func (x *Array) distinct(verb string, places bool) ([]result, *Array) {
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
	if !y.grid[0].Known() && places {
		return nil, fail(verb, "shape %s: %w", grid.Tuple(x.Shape()), grid.ErrUnknown)
	}
	var loose grid.Axis
	for _, r := range y.grid[0].AtMost() {
		loose = loose.Append(grid.Unknown(r.Size), r.Count)
	}
	g := grid.Grid{loose}
	o := &operation{CallParams: ops.CallParams{Kind: elem.Uint64, Space: y.grid, Out: []grid.Grid{g, g, g}}}
	o.read(y.result(), false, 0)
	out, bad := o.done(verb, ops.Distinct)
	if bad != nil {
		return nil, bad
	}
	g = grid.Grid{{{Size: grid.Unknown(y.grid[0].AtMost().Len()), Count: 1}}}
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
	r, bad := x.distinct("Unique", false)
	if bad != nil {
		return bad
	}
	return r[0].elements("Unique", x.kind)
}

// Union is the distinct elements of x and y in order, see Unique.
func (x *Array) Union(y *Array) *Array {
	const verb = "Union"
	if f := failed(x, y); f != nil {
		return f
	}
	r, bad := concat(verb, 0, []*Array{x.Ravel(), y.Ravel()}).distinct(verb, false)
	if bad != nil {
		return bad
	}
	return r[0].elements(verb, elem.Promote(x.kind, y.kind))
}

// UniqueCounts is Unique, and how often each element occurs.
func (x *Array) UniqueCounts() (u, counts *Array) {
	r, bad := x.distinct("UniqueCounts", false)
	if bad != nil {
		return bad, bad
	}
	return r[0].elements("UniqueCounts", x.kind), r[1].array("UniqueCounts").As(elem.Int64)
}

// UniqueAll is Unique, the position in row-major order where each element occurs
// first, for each element of x its position in the result, and how often each occurs.
func (x *Array) UniqueAll() (u, first, inverse, counts *Array) {
	const verb = "UniqueAll"
	r, bad := x.distinct(verb, true)
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

// IsIn is whether each element of x is one of those of y, of any shape; NaN is none.
func (x *Array) IsIn(y *Array) *Array {
	const verb = "IsIn"
	if f := failed(x, y); f != nil {
		return f
	}
	if len(y.grid) != 1 {
		y = y.Ravel()
	}
	s := y.sorted(verb, 0, false, false)
	in := s.search(verb, x, true).Gt(s.search(verb, x, false))
	if !x.kind.IsFloat() {
		return in
	}
	return in.And(x.IsNaN().Not())
}

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
