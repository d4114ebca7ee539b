package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// FullLike has the shape, chunks and type of x, and one value.
func FullLike(x *Array, value any) *Array { return like("FullLike", x, value) }

// positionsAlong is the positions along an axis, as int64, in its chunks.
func positionsAlong(verb string, a grid.Axis) *Array {
	var p plan
	whole := grid.Grid{grid.Uniform(a.Len(), 0)}
	return p.done(verb, grid.Grid{a}, p.leaf(ops.Leaf{Kind: ops.Range, Type: elem.Int64, Grid: whole, View: straight(1), Nums: []uint64{0, 1}}, 0))
}

// Indices is, for each axis of a shape, the position along it of every element: int64.
func Indices(shape []int, opts ...Option) []*Array {
	o := settle(elem.Int64, opts)
	g, err := o.grid(shape)
	out := make([]*Array, len(shape))
	for i := range out {
		if err != nil {
			out[i] = fail("Indices", "%w", err)
			continue
		}
		view := []grid.View{{Axis: int32(i), Step: 1}}
		out[i] = positionsAlong("Indices", g[i]).seen("Indices", g, view).As(o.kind)
	}
	return out
}

// FromFunction is what f makes of the Indices of a shape.
func FromFunction(f func(at []*Array) *Array, shape []int, opts ...Option) *Array {
	at := Indices(shape, opts...)
	if bad := failed(at...); bad != nil {
		return bad
	}
	y := f(at)
	if y == nil {
		return fail("FromFunction", "the function returned nil")
	}
	return y
}

// Meshgrid repeats vectors along the axes of each other. With indexing "ij", axis i of
// the results goes along vector i; with "xy" the first two axes change places, as the
// array API standard has it by default.
func Meshgrid(indexing string, xs ...*Array) []*Array {
	out := make([]*Array, len(xs))
	space := grid.Grid{}
	at := make([]int32, len(xs))
	bad := failed(xs...)
	if bad == nil && indexing != "ij" && indexing != "xy" {
		bad = fail("Meshgrid", "indexing %q: want ij or xy", indexing)
	}
	for i, x := range xs {
		if bad == nil && len(x.grid) != 1 {
			bad = fail("Meshgrid", "shapes %s: want vectors", shapes(xs))
		}
		if bad != nil {
			return slices.Repeat([]*Array{bad}, len(xs))
		}
		space, at[i] = append(space, x.grid[0]), int32(i)
	}
	if indexing == "xy" && len(xs) > 1 {
		space[0], space[1], at[0], at[1] = space[1], space[0], 1, 0
	}
	for i, x := range xs {
		out[i] = x.seen("Meshgrid", space, []grid.View{{Axis: at[i], Step: 1}})
	}
	return out
}

// under is where column − row ≤ k in the last two axes of x.
func (x *Array) under(verb string, k int) *Array {
	d := len(x.grid)
	rows, cols := positionsAlong(verb, x.grid[d-2]), positionsAlong(verb, x.grid[d-1])
	return rows.Add(k).ExpandDims(1).Ge(cols)
}

// Tril is x with zeros above diagonal k of the last two axes: where column − row > k.
func (x *Array) Tril(k int) *Array { return x.triangle("Tril", k, true) }

// Triu is x with zeros below diagonal k of the last two axes: where column − row < k.
func (x *Array) Triu(k int) *Array { return x.triangle("Triu", k, false) }

func (x *Array) triangle(verb string, k int, lower bool) *Array {
	if bad := x.loose(verb); bad != nil {
		return bad
	}
	if len(x.grid) < 2 {
		return fail(verb, "shape %s: want two axes or more", grid.Tuple(x.Shape()))
	}
	if lower {
		return Where(x.under(verb, k), x, ZerosLike(x))
	}
	return Where(x.under(verb, k-1), ZerosLike(x), x)
}

// Tri is ones where column − row ≤ k, else zeros: float64 by default.
func Tri(rows, cols, k int, opts ...Option) *Array { return Ones([]int{rows, cols}, opts...).Tril(k) }

// TrilIndices is the rows and the columns of the places of a matrix of rows × cols where
// column − row ≤ k, in row-major order: two vectors of int64.
func TrilIndices(rows, cols, k int, opts ...Option) []*Array {
	k = min(max(k, -rows), cols)
	return corner("TrilIndices", rows, cols, below(rows, cols, k), opts, func(i *Array) (from, to *Array) {
		return ZerosLike(i), i.Add(k + 1)
	})
}

// TriuIndices is TrilIndices of the places where column − row ≥ k.
func TriuIndices(rows, cols, k int, opts ...Option) []*Array {
	k = min(max(k, -rows), cols)
	return corner("TriuIndices", rows, cols, rows*cols-below(rows, cols, k-1), opts, func(i *Array) (from, to *Array) {
		return i.Add(k), FullLike(i, cols)
	})
}

// below is how many places of a matrix have column − row ≤ k: after rows without one come
// rows with one more each, then whole ones.
func below(rows, cols, k int) int {
	first := min(max(-k, 0), rows)
	whole := min(max(cols-k-1, first), rows)
	return (whole-first)*(first+whole+2*k+1)/2 + (rows-whole)*cols
}

// corner is the rows and columns of the places of a matrix, n in all, of which each row
// has those from one column to another; between says which, bounded by the matrix here.
func corner(verb string, rows, cols, n int, opts []Option, between func(row *Array) (from, to *Array)) []*Array {
	if rows < 0 || cols < 0 || rows > 0 && cols > 1<<56/rows {
		bad := fail(verb, "a matrix of %d × %d: want lengths of 0 and more, and at most 2^56 places", rows, cols)
		return []*Array{bad, bad}
	}
	from, to := between(Arange(0, rows, 1))
	from, to = from.Clip(0, cols), to.Clip(0, cols)
	ends := to.Sub(from).CumSum(0) // the places of a row and of those above it
	at := Arange(0, n, 1, append(slices.Clone(opts), Of(Int64))...)
	row := ends.SearchSorted(at, true)
	col := at.Add(to.Sub(ends).Gather(row, 0))
	kind := settle(Int64, opts).kind
	return []*Array{row.As(kind), col.As(kind)}
}

// Diag is a matrix with a vector on its diagonal k and zeros elsewhere.
func (x *Array) Diag(k int) *Array {
	if bad := x.loose("Diag"); bad != nil {
		return bad
	}
	if len(x.grid) != 1 {
		return fail("Diag", "shape %s: want a vector; Diagonal takes one out of a matrix", grid.Tuple(x.Shape()))
	}
	v := x.Pad(0, max(k, 0), max(-k, 0), Constant(0)) // along the columns
	if v.err != nil {
		return v
	}
	rows := positionsAlong("Diag", v.grid[0]).ExpandDims(1)
	return Where(rows.Add(k).Eq(positionsAlong("Diag", v.grid[0])), v, ZerosLike(v))
}

// Diagonal is diagonal k of the axes a and b: the elements whose positions along b are
// k more than along a. It is the last axis of the result, and a view.
func (x *Array) Diagonal(k, a, b int) *Array {
	if bad := x.loose("Diagonal"); bad != nil {
		return bad
	}
	i, err := axis(a, len(x.grid))
	j, err2 := axis(b, len(x.grid))
	if err != nil || err2 != nil || i == j {
		return fail("Diagonal", "axes %d and %d of shape %s", a, b, grid.Tuple(x.Shape()))
	}
	from, to := int64(max(-k, 0)), int64(max(k, 0))
	n := max(min(x.grid[i].Len()-from, x.grid[j].Len()-to), 0)
	space, view := grid.Grid{}, make([]grid.View, len(x.grid))
	for c, ax := range x.grid {
		if c != i && c != j {
			view[c] = grid.View{Axis: int32(len(space)), Step: 1}
			space = append(space, ax)
		}
	}
	last := int32(len(space))
	if n == 0 {
		from, to = 0, 0
	}
	view[i], view[j] = grid.View{Axis: last, Start: from, Step: 1}, grid.View{Axis: last, Start: to, Step: 1}
	cuts := grid.Refine(sliced(x.grid[i], from, n, 1), sliced(x.grid[j], to, n, 1))
	return x.seen("Diagonal", append(space, cuts), view)
}

// Repeat repeats each element so many times along an axis.
func (x *Array) Repeat(times, a int) *Array {
	if bad := x.loose("Repeat"); bad != nil {
		return bad
	}
	at, err := axis(a, len(x.grid))
	if err != nil || times < 0 {
		return fail("Repeat", "%d times along axis %d of %d", times, a, len(x.grid))
	}
	y := x.ExpandDims(at + 1)
	shape, out := y.Shape(), x.Shape()
	shape[at+1] = times
	out[at] *= times
	return y.BroadcastTo(shape).Reshape(out...)
}

// Rot90 turns the plane of two axes by 90 degrees so many times, from the first to the
// second one.
func (x *Array) Rot90(times, a, b int) *Array {
	if bad := x.loose("Rot90"); bad != nil {
		return bad
	}
	i, err := axis(a, len(x.grid))
	j, err2 := axis(b, len(x.grid))
	if err != nil || err2 != nil || i == j {
		return fail("Rot90", "axes %d and %d of shape %s", a, b, grid.Tuple(x.Shape()))
	}
	switch (times%4 + 4) % 4 {
	case 1:
		return x.Flip(j).SwapAxes(i, j)
	case 2:
		return x.Flip(i, j)
	case 3:
		return x.SwapAxes(i, j).Flip(j)
	}
	return x
}

// AtLeast puts axes of length 1 in front until there are so many.
func (x *Array) AtLeast(dims int) *Array {
	for x.err == nil && len(x.grid) < dims {
		x = x.ExpandDims(0)
	}
	return x
}

// Flatten is Ravel.
func (x *Array) Flatten() *Array { return x.Ravel() }

// BroadcastArrays gives all arrays the shape that they broadcast to.
func BroadcastArrays(xs ...*Array) []*Array {
	out := make([]*Array, len(xs))
	bad := failed(xs...)
	space, views, err := grid.Grid(nil), [][]grid.View(nil), error(nil)
	if bad == nil {
		space, views, err = broadcast(xs)
	}
	for i, x := range xs {
		switch {
		case bad != nil:
			out[i] = bad
		case err != nil:
			out[i] = fail("BroadcastArrays", "%w", err)
		default:
			out[i] = x.seen("BroadcastArrays", space, views[i])
		}
	}
	return out
}

// UnifyChunks cuts arrays that broadcast together at the ends of the chunks of all of
// them.
func UnifyChunks(xs ...*Array) []*Array {
	if bad := failed(xs...); bad != nil {
		return slices.Repeat([]*Array{bad}, len(xs))
	}
	space, views, err := broadcast(xs)
	out := make([]*Array, len(xs))
	for i, x := range xs {
		if err != nil {
			out[i] = fail("UnifyChunks", "%w", err)
			continue
		}
		g := slices.Clone(x.grid)
		for j, v := range views[i] {
			if v.Axis >= 0 {
				g[j] = space[v.Axis]
			}
		}
		out[i] = x.cut("UnifyChunks", g)
	}
	return out
}

// HStack joins arrays along the second axis, vectors along the only one.
func HStack(xs ...*Array) *Array { return joined("HStack", 1, 1, xs) }

// VStack joins arrays along the first axis; vectors are rows.
func VStack(xs ...*Array) *Array { return joined("VStack", 0, 2, xs) }

// DStack joins arrays along the third axis; matrices get one of length 1 at the end,
// vectors too, as rows.
func DStack(xs ...*Array) *Array {
	deep := make([]*Array, len(xs))
	for i, x := range xs {
		if deep[i] = x.AtLeast(2); deep[i].err == nil && len(deep[i].grid) == 2 {
			deep[i] = deep[i].ExpandDims(2)
		}
	}
	return joined("DStack", 2, 3, deep)
}

func joined(verb string, a, dims int, xs []*Array) *Array {
	if f := failed(xs...); f != nil {
		return f
	}
	deep := make([]*Array, len(xs))
	for i, x := range xs {
		deep[i] = x.AtLeast(dims)
	}
	if len(deep) > 0 && len(deep[0].grid) == 1 {
		a = 0
	}
	return concat(verb, a, deep)
}

// Mosaic joins rows of arrays: those of a row along the last axis, the rows along the
// one before it. It is block of NumPy for two levels.
func Mosaic(rows [][]*Array) *Array {
	bands := make([]*Array, len(rows))
	for i, row := range rows {
		for _, x := range row {
			if x.err == nil && len(x.grid) == 0 {
				return fail("Mosaic", "an array without axes")
			}
		}
		if bands[i] = concat("Mosaic", -1, row); bands[i].err != nil {
			return bands[i]
		}
		bands[i] = bands[i].AtLeast(2)
	}
	return concat("Mosaic", -2, bands)
}

// Insert puts values in front of a position along an axis; they have the shape of x but
// for that axis.
func (x *Array) Insert(values *Array, at, a int) *Array {
	if f := failed(x, values); f != nil {
		return f
	}
	i, bad := x.axisOf("Insert", a)
	if bad != nil {
		return bad
	}
	n := int(x.grid[i].Len())
	k := at
	if k < 0 {
		k += n
	}
	if k < 0 || k > n {
		return fail("Insert", "position %d of axis %d of %s", at, a, grid.Tuple(x.Shape()))
	}
	return concat("Insert", i, []*Array{x.part(i, 0, k), values, x.part(i, k, n)})
}

// Delete leaves out positions along an axis.
func (x *Array) Delete(index []int, a int) *Array {
	at, bad := x.axisOf("Delete", a)
	if bad != nil {
		return bad
	}
	list, err := positions(index, at, x)
	if err != nil {
		return fail("Delete", "%w", err)
	}
	slices.Sort(list)
	var parts []*Array
	from := 0
	for _, k := range append(list, x.grid[at].Len()) {
		if int(k) > from {
			parts = append(parts, x.part(at, from, int(k)))
		}
		from = int(k) + 1
	}
	if parts == nil {
		return x.part(at, 0, 0)
	}
	return concat("Delete", at, parts)
}

// BlockAt is the block at a position along each axis, as an array of one block.
func (x *Array) BlockAt(at ...int) *Array {
	const verb = "BlockAt"
	if x.err == nil && len(at) != len(x.grid) {
		return fail(verb, "%d positions for the shape %s", len(at), grid.Tuple(x.Shape()))
	}
	ix := make([]Ix, len(at))
	for i, k := range at {
		ix[i] = I(k)
	}
	return x.blocksAt(verb, ix)
}

// BlocksAt selects blocks as Index selects elements: S(1, 3) is the second and the third
// along an axis, S(0, 10, 2) every other one, I(0) the first, whose axis stays. It is a view.
//
//	x.BlocksAt(array.All, array.S(0, 2))
func (x *Array) BlocksAt(ix ...Ix) *Array { return x.blocksAt("BlocksAt", ix) }

func (x *Array) blocksAt(verb string, ix []Ix) *Array {
	if bad := x.loose(verb); bad != nil {
		return bad
	}
	ix, err := x.expand(ix)
	if err != nil {
		return fail(verb, "%w", err)
	}
	y := x
	for i, s := range ix {
		if s.newAxis {
			return fail(verb, "a new axis has no blocks of x: want positions of blocks")
		}
		n := int(x.grid[i].Blocks())
		lo, count := 0, 1
		if s.at != nil {
			if lo = *s.at; lo < 0 {
				lo += n
			}
			if lo < 0 || lo >= n {
				return fail(verb, "block %d of %d along axis %d", *s.at, n, i)
			}
		} else if lo, count, err = s.bounds(n); err != nil {
			return fail(verb, "%w", err)
		}
		y = y.blocksAlong(verb, i, lo, count, s.step)
	}
	return y
}

// blocksAlong is so many blocks of x along an axis, from one on by steps.
func (x *Array) blocksAlong(verb string, at, lo, count, step int) *Array {
	l := x.grid[at].Lookup()
	if count == 0 {
		return x.part(at, 0, 0)
	}
	if step == 1 || count == 1 {
		from, _ := l.Bounds(int64(lo))
		_, to := l.Bounds(int64(lo + count - 1))
		return x.part(at, int(from), int(to))
	}
	parts := make([]*Array, count)
	for k := range parts {
		from, to := l.Bounds(int64(lo + k*step))
		parts[k] = x.part(at, int(from), int(to))
	}
	return concat(verb, at, parts)
}

// Coarsen folds neighbours together: factors[i] of them along axis i, by a reduction
// such as (*Array).Mean. Factors divide the lengths of their axes.
//
//	x.Coarsen([]int{2, 2}, (*array.Array).Mean)
func (x *Array) Coarsen(factors []int, reduce func(x *Array, axes ...int) *Array) *Array {
	if bad := x.loose("Coarsen"); bad != nil {
		return bad
	}
	if len(factors) != len(x.grid) {
		return fail("Coarsen", "%d factors for the shape %s", len(factors), grid.Tuple(x.Shape()))
	}
	var shape, axes []int
	for i, f := range factors {
		n := int(x.grid[i].Len())
		if f < 1 || n%f != 0 {
			return fail("Coarsen", "axis %d of %s is no multiple of %d: take a slice that is", i, grid.Tuple(x.Shape()), f)
		}
		axes = append(axes, len(shape)+1)
		shape = append(shape, n/f, f)
	}
	return reduce(x.Reshape(shape...), axes...)
}

// SlidingWindow adds an axis at the end along which lie the elements of the window that
// begins at each position of an axis. The axis becomes shorter by what a window has
// more than one. The windows are not copied before they are needed, and not at all by
// sums, means, deviations and extremes over that axis:
//
//	x.SlidingWindow(30, 0).NanMean(-1)
func (x *Array) SlidingWindow(window, a int) *Array {
	at, bad := x.axisOf("SlidingWindow", a)
	if bad != nil {
		return bad
	}
	n := int(x.grid[at].Len())
	if window < 1 || window > n {
		return fail("SlidingWindow", "a window of %d along axis %d of %s", window, a, grid.Tuple(x.Shape()))
	}
	// blocks are cut alike, at the ends of chunks of x, whatever the window begins with
	cuts := sliced(x.grid[at], 0, int64(n-window+1), 1)
	shifted := make([]*Array, window)
	for k := range shifted {
		space, view := slices.Clone(x.grid), straight(len(x.grid))
		space[at], view[at].Start = cuts, int64(k)
		shifted[k] = x.seen("SlidingWindow", space, view).ExpandDims(len(x.grid))
	}
	y := concat("SlidingWindow", len(x.grid), shifted)
	y.windows = &windows{of: x, axis: at, size: window, cuts: cuts}
	return y
}

// windows are those of SlidingWindow. Reductions of them read the array they are of, once, and not all its windows.
type windows struct {
	of         *Array
	axis, size int
	cuts       grid.Axis
}

// moving is the reduction of windows, ok false if it is another one: over other axes, or to positions.
func (r *reduction) moving(parts []part, f *finisher, end ops.Finish) (y *Array, ok bool) {
	w := r.x.windows
	if w == nil || len(r.axes) != 1 || int(r.axes[0]) != len(w.of.grid) || r.b.Leaves[0].Kind != ops.Input {
		return nil, false
	}
	if loose, _ := w.of.grid.Loose(); loose >= 0 {
		return nil, false
	}
	p := ops.MovingParams{In: w.of.grid, Kind: w.of.kind, Axis: int32(w.axis), Window: int64(w.size), Fills: r.b.Leaves[1:], Steps: r.b.Steps, Finish: end, Cut: w.cuts}
	for _, q := range parts {
		if q.fold.Positions() {
			return nil, false
		}
		p.Outs = append(p.Outs, q.value)
		p.Folds = append(p.Folds, ops.FoldOf{Fold: q.fold, Kind: r.kinds[q.value]})
	}
	return add(r.verb, ops.Moving, p, p.Out(), f.kinds[end.Out], link{w.of.n, p.Wire()}), true
}

// Piecewise is values[i] where conds[i] is the first condition that is true, else
// otherwise. Values are arrays or numbers.
func Piecewise(conds []*Array, values []any, otherwise any) *Array {
	if len(conds) != len(values) || len(conds) == 0 {
		return fail("Piecewise", "%d conditions for %d values", len(conds), len(values))
	}
	y := otherwise
	for i := len(conds) - 1; i >= 0; i-- {
		z := Where(conds[i], values[i], y)
		if z.err != nil {
			return z
		}
		y = z
	}
	return y.(*Array)
}

// Choose takes each element from the choice that x, of integers, numbers: the first for
// numbers below 0, the last for those beyond.
func (x *Array) Choose(choices ...any) *Array {
	if x.err != nil {
		return x
	}
	if !x.kind.IsInt() || len(choices) == 0 {
		return fail("Choose", "%d choices by %s: want integers", len(choices), x.kind)
	}
	conds := make([]*Array, len(choices)-1)
	for i := range conds {
		conds[i] = x.Le(i)
	}
	if len(conds) == 0 {
		return Where(OnesLike(x).As(Bool), choices[0], choices[0])
	}
	return Piecewise(conds, choices[:len(conds)], choices[len(conds)])
}

// NaNToNum is x with 0 for NaN and the largest and smallest numbers for infinities.
func (x *Array) NaNToNum() *Array {
	if x.err != nil || !x.kind.IsFloat() {
		return x
	}
	largest := 0x1.fffffffffffffp+1023
	if x.kind == elem.Float32 {
		largest = 0x1.fffffep127
	}
	return Where(x.IsNaN(), 0, x).Clip(-largest, largest)
}

// IsClose is whether |x − y| ≤ atol + rtol·|y|; equal infinities are close, NaN is only
// with equalNaN close to NaN.
func (x *Array) IsClose(y any, rtol, atol float64, equalNaN bool) *Array {
	if x.err != nil {
		return x
	}
	z, ok := y.(*Array)
	if !ok {
		z = Full([]int{}, y)
	}
	if f := failed(z); f != nil {
		return f
	}
	near := x.Sub(z).Abs().Le(z.Abs().Mul(rtol).Add(atol)).And(z.IsFinite())
	near = near.Or(x.Eq(z))
	if equalNaN {
		near = near.Or(x.IsNaN().And(z.IsNaN()))
	}
	return near
}

// AllClose is whether all elements are close, see IsClose.
func (x *Array) AllClose(y any, rtol, atol float64, equalNaN bool) *Array {
	return x.IsClose(y, rtol, atol, equalNaN).All()
}
