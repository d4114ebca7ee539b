package array

import (
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	ops "github.com/weft-data/weft/op/array"
)

// A part is one fold of a reduction: of a value of the program.
type part struct {
	value int32
	fold  strip.Fold
}

// A reduction is the program whose values are folded, and the axes.
type reduction struct {
	plan
	verb string
	x    *Array
	v    int32 // x in the program
	axes []int32
	n    int64 // elements that are folded into one, -1 if that is not known
}

// reduce begins a reduction over axes, all of them when none are given. Negative
// axes count from the end.
func (x *Array) reduce(verb string, axes []int) (*reduction, *Array) {
	if x.err != nil {
		return nil, &Array{err: x.err}
	}
	r := &reduction{verb: verb, x: x, n: 1}
	for _, a := range axes {
		i, err := axis(a, len(x.grid))
		if err != nil {
			return nil, fail(verb, "%w", err)
		}
		if slices.Contains(r.axes, int32(i)) {
			return nil, fail(verb, "axis %d is named twice", a)
		}
		r.axes = append(r.axes, int32(i))
	}
	if len(axes) == 0 {
		for i := range x.grid {
			r.axes = append(r.axes, int32(i))
		}
	}
	slices.Sort(r.axes)
	for _, a := range r.axes {
		r.n *= x.grid[a].AtMost().Len()
	}
	if slices.ContainsFunc(r.axes, func(a int32) bool { return !x.grid[a].Known() }) {
		r.n = -1
	} else if loose, _ := x.grid.Loose(); r.n == 0 && loose >= 0 {
		return nil, fail(verb, "axis %d of %s, over axes %v without elements: %w", loose, grid.Tuple(x.Shape()), r.axes, grid.ErrUnknown)
	}
	r.v = r.read(x, straight(len(x.grid)))
	return r, nil
}

// axis finds an axis of so many; negative ones count from the end.
func axis(a, dims int) (int, error) {
	i := a
	if i < 0 {
		i += dims
	}
	if i < 0 || i >= dims {
		return 0, fmt.Errorf("axis %d of an array with %d axes", a, dims)
	}
	return i, nil
}

// A finisher builds the program that makes results of states.
type finisher struct {
	plan
	cols []elem.Kind
}

func (f *finisher) col(i int) int32 {
	v := strip.Leaf(i)
	return f.note(v, f.cols[i])
}

// constant adds a constant, a leaf after the columns.
func (f *finisher) constant(k elem.Kind, x float64) int32 {
	nums, err := bits(x, k)
	if err != nil {
		nums = []uint64{uint64(int64(x))}
	}
	v := f.b.Leaf(ops.Leaf{Kind: ops.Fill, Type: k, Nums: nums}, 0)
	return f.note(v-int32(len(f.cols)), k)
}

// must is apply where the types are known to fit.
func (f *finisher) must(o strip.Op, vals ...int32) int32 {
	v, err := f.apply(o, vals...)
	if err != nil {
		panic("array: " + err.Error()) // a mistake in the verb, not of its user
	}
	return v
}

// fanIn bounds how many states a step of the tree merges: many small ones, fewer
// large ones.
const fanIn, fanInLarge, largeState = 64, 16, 4 << 10

// done makes the reduction: a first step with the program, and a tree of steps
// that merge neighbours; the last one computes the result.
func (r *reduction) done(parts []part, finish func(f *finisher) int32) *Array {
	p := ops.StripsParams{Space: r.space(), Leaves: r.b.Leaves, Steps: r.b.Steps, Fold: &ops.FoldOver{Axes: r.axes}}
	f := &finisher{}
	var folds []ops.FoldOf
	for _, q := range parts {
		p.Outs = append(p.Outs, q.value)
		p.Fold.Folds = append(p.Fold.Folds, q.fold)
		k := r.kinds[q.value]
		cols, err := q.fold.State(k)
		if err != nil {
			return fail(r.verb, "%w", err)
		}
		f.cols = append(f.cols, cols...)
		folds = append(folds, ops.FoldOf{Fold: q.fold, Kind: k})
	}
	out := finish(f)
	end := &ops.Finish{Steps: f.b.Steps, Fills: f.b.Leaves, Out: out}
	if y, ok := r.moving(parts, f, *end); ok {
		return y
	}
	states := p.States()
	x := add(r.verb, ops.Strips, p, states, f.cols[0], r.links(p.Space)...)
	for x.err == nil {
		c := ops.CombineParams{In: states, Factor: r.factors(states, f.cols), Folds: folds}
		if c.Out().Equal(ops.States(c.Out(), r.axes)) && r.single(c.Out()) {
			c.Finish = end
		}
		from := link{x.n, c.Wire()}
		states = c.Out()
		if c.Finish == nil {
			x = add(r.verb, ops.Combine, c, states, f.cols[0], from)
			continue
		}
		x = add(r.verb, ops.Combine, c, states, f.kinds[out], from)
		break
	}
	if x.err != nil {
		return x
	}
	kept := grid.Grid{}
	for i, a := range states {
		if !slices.Contains(r.axes, int32(i)) {
			kept = append(kept, a)
		}
	}
	return &Array{n: x.n, grid: kept, kind: x.kind}
}

// A task that folds the last axis of an array in memory reads runs of at least longRun bytes
// of it, in place of short rows that end where its chunk does: the processor reads ahead of
// each, in vain beyond the end. But leastTasks are left, for many threads.
const longRun, leastTasks = 64 << 10, 64

// space is how the first step is cut: as the array, or with neighbours along the last axis as one.
// It does not depend on the machine, so neither does how sums are rounded.
func (r *reduction) space() grid.Grid {
	g := r.x.grid
	last := len(g) - 1
	if last < 1 || !slices.Contains(r.axes, int32(last)) || slices.ContainsFunc(r.nodes, func(n *node) bool { return !ops.Resident(n.call) }) {
		return g
	}
	run := max(1, g[last].Max()*int64(r.x.kind.Width()))
	many := min((longRun+run-1)/run, g.Blocks()/leastTasks)
	if many < 2 {
		return g
	}
	g = slices.Clone(g)
	var joined grid.Axis
	for c := range slices.Chunk(g[last].All(), int(many)) {
		size := int64(0)
		for _, n := range c {
			size += n
		}
		joined = joined.Append(size, 1)
	}
	g[last] = joined
	return g
}

// single reports whether there is one block along each folded axis.
func (r *reduction) single(g grid.Grid) bool {
	for _, a := range r.axes {
		if g[a].Blocks() != 1 {
			return false
		}
	}
	return true
}

// factors says how many neighbours the next step merges along each axis.
func (r *reduction) factors(states grid.Grid, cols []elem.Kind) []int32 {
	width := int64(0)
	for _, k := range cols {
		width += int64(k.Width())
	}
	limit, split := float64(fanIn), r.x.split
	if states.MaxBlock()*width > largeState {
		limit = fanInLarge
	}
	if len(split) == 1 {
		limit = float64(split[0])
	}
	f := make([]int32, len(states))
	long := 0
	for i := range f {
		f[i] = 1
		if slices.Contains(r.axes, int32(i)) && states[i].Blocks() > 1 {
			long++
		}
	}
	for _, a := range r.axes {
		n := states[a].Blocks()
		if n > 1 && len(split) > 1 {
			f[a] = int32(min(n, int64(split[a])))
		} else if n > 1 {
			f[a] = int32(min(n, max(2, int64(math.Pow(limit, 1/float64(long))+1e-9))))
		}
	}
	return f
}

// wide is the type in which sums and products of k are accumulated.
func wide(k elem.Kind) elem.Kind {
	switch {
	case k.IsComplex():
		return elem.Complex128
	case k.IsFloat():
		return elem.Float64
	case k.IsUnsigned():
		return elem.Uint64
	}
	return elem.Int64
}

// narrow is the type of the sum of elements of type k.
func narrow(k elem.Kind) elem.Kind {
	if k.IsFloat() || k.IsComplex() {
		return k
	}
	return wide(k)
}

func (x *Array) accumulate(verb string, fold strip.Fold, axes []int) *Array {
	r, bad := x.reduce(verb, axes)
	if bad != nil {
		return bad
	}
	return r.done([]part{{r.cast(r.v, wide(x.kind)), fold}}, func(f *finisher) int32 { return f.cast(f.col(0), narrow(x.kind)) })
}

// Sum adds over axes, over all when none is named; so do the other reductions.
// Integers give int64 or uint64 and wrap around, bools are counted, floats keep
// their type and are added pairwise in float64, in an order that is fixed by the
// chunks. The sum of nothing is 0.
func (x *Array) Sum(axes ...int) *Array { return x.accumulate("Sum", strip.Sum, axes) }

// Prod multiplies; types are those of Sum, the product of nothing is 1.
func (x *Array) Prod(axes ...int) *Array { return x.accumulate("Prod", strip.Prod, axes) }

// Mean is the sum divided by the number of elements: float64 for integers, else
// the type of x; NaN of nothing.
func (x *Array) Mean(axes ...int) *Array {
	r, bad := x.reduce("Mean", axes)
	if bad != nil {
		return bad
	}
	k := wide(x.kind.Floating())
	parts := []part{{r.cast(r.v, k), strip.Sum}}
	if r.n < 0 {
		parts = append(parts, part{r.fill(k, math.Float64bits(1), 0), strip.Sum})
	}
	return r.done(parts, func(f *finisher) int32 {
		n := f.constant(k, float64(r.n))
		if r.n < 0 {
			n = f.col(1)
		}
		return f.cast(f.must(strip.Binary(vec.Div), f.col(0), n), x.kind.Floating())
	})
}

// Var is the variance: the squared distances from the mean, added and divided by
// the number of elements less ddof. It is of real numbers.
func (x *Array) Var(ddof float64, axes ...int) *Array { return x.variance("Var", ddof, axes, false) }

// Std is the square root of Var.
func (x *Array) Std(ddof float64, axes ...int) *Array { return x.variance("Std", ddof, axes, true) }

func (x *Array) variance(verb string, ddof float64, axes []int, root bool) *Array {
	r, bad := x.reduce(verb, axes)
	if bad != nil {
		return bad
	}
	if x.kind.IsComplex() {
		return fail(verb, "there is no variance of %s", x.kind)
	}
	return r.done([]part{{r.cast(r.v, elem.Float64), strip.Moments}}, func(f *finisher) int32 {
		n := f.must(strip.Binary(vec.Max), f.must(strip.Binary(vec.Sub), f.col(0), f.constant(elem.Float64, ddof)), f.constant(elem.Float64, 0))
		v := f.must(strip.Binary(vec.Div), f.col(2), n)
		if root {
			v = f.must(strip.Unary(vec.Sqrt), v)
		}
		return f.cast(v, x.kind.Floating())
	})
}

func (x *Array) extreme(verb string, fold strip.Fold, axes []int) *Array {
	r, bad := x.reduce(verb, axes)
	if bad != nil {
		return bad
	}
	if x.kind.IsComplex() {
		return fail(verb, "%s has no order", x.kind)
	}
	if r.n == 0 {
		return fail(verb, "zero-size array: shape %s has no %s over %v", grid.Tuple(x.Shape()), fold, axes)
	}
	if r.n < 0 && !fold.Positions() {
		return r.some(fold)
	}
	last := 0
	if fold == strip.ArgMin || fold == strip.ArgMax {
		last = 1
	}
	return r.done([]part{{r.v, fold}}, func(f *finisher) int32 { return f.col(last) })
}

// some is the extreme of what may be nothing: then the run fails.
func (r *reduction) some(fold strip.Fold) *Array {
	parts := []part{{r.v, fold}, {r.fill(elem.Int64, 1), strip.Sum}}
	y, n := r.done(parts, func(f *finisher) int32 { return f.col(0) }), r.done(parts, func(f *finisher) int32 { return f.col(1) })
	if f := failed(y, n); f != nil {
		return f
	}
	o := &operation{CallParams: ops.CallParams{Kind: y.kind, Space: y.grid, Out: []grid.Grid{y.grid}}}
	o.read(y.result(), false, along(len(y.grid))...)
	o.read(n.result(), false, along(len(y.grid))...)
	return o.one(r.verb, ops.Some)
}

// Min is the smallest element, NaN if there is one. Of a selection that turns out to
// be empty there is none: the run fails.
func (x *Array) Min(axes ...int) *Array { return x.extreme("Min", strip.Min, axes) }

// Max is the largest element, NaN if there is one, see Min.
func (x *Array) Max(axes ...int) *Array { return x.extreme("Max", strip.Max, axes) }

// ArgMin is the position of the first smallest element, of the first NaN if there
// is one, along an axis, or in row-major order when none is named. It is int64.
func (x *Array) ArgMin(axes ...int) *Array { return x.extreme("ArgMin", strip.ArgMin, axes) }

// ArgMax is the position of the first largest element, see ArgMin.
func (x *Array) ArgMax(axes ...int) *Array { return x.extreme("ArgMax", strip.ArgMax, axes) }

func (x *Array) truth(verb string, fold strip.Fold, axes []int) *Array {
	r, bad := x.reduce(verb, axes)
	if bad != nil {
		return bad
	}
	return r.done([]part{{r.cast(r.v, elem.Bool), fold}}, func(f *finisher) int32 { return f.col(0) })
}

// Any is whether one element is true, that is not 0; false of nothing.
func (x *Array) Any(axes ...int) *Array { return x.truth("Any", strip.Max, axes) }

// All is whether all elements are true, that is not 0; true of nothing.
func (x *Array) All(axes ...int) *Array { return x.truth("All", strip.Min, axes) }

// CountNonzero is the number of elements that are not 0, as int64.
func (x *Array) CountNonzero(axes ...int) *Array { return x.As(Bool).Sum(axes...) }

// SplitEvery is x of which a step of a reduction merges the states of at most so many blocks:
// in all, or of so many neighbours along each axis where a number is given for each. Fewer
// make more steps, of less memory each, and another order in which floats are added. It is
// for the reductions of the result itself, among them Reduction, and not for what is
// computed of it first; without it the size of the states decides.
//
//	x.SplitEvery(8).Mean(0)
//
// Errors: numbers below 2, and another number of them than 1 and that of the axes.
func (x *Array) SplitEvery(blocks ...int) *Array {
	if x.err != nil {
		return x
	}
	if len(blocks) != 1 && len(blocks) != len(x.grid) || len(blocks) == 0 {
		return fail("SplitEvery", "%d numbers of blocks for an array of %d axes: want one, or one for each", len(blocks), len(x.grid))
	}
	for _, n := range blocks {
		if n < 2 {
			return fail("SplitEvery", "%d blocks: want 2 or more, else no step would merge any", n)
		}
	}
	y := *x
	y.split = slices.Clone(blocks)
	return &y
}

// withNaN is a mistake if the elements cannot be NaN, else nil.
func (r *reduction) withNaN() *Array {
	if !r.x.kind.IsFloat() {
		return fail(r.verb, "%s has no NaN: use the verb without Nan", r.x.kind)
	}
	return nil
}

// nothing is the mistake of an extreme of no elements.
func (r *reduction) nothing() *Array {
	return fail(r.verb, "zero-size array: shape %s", grid.Tuple(r.x.Shape()))
}

// withoutNaN begins a reduction in which NaN is replaced by another value.
func (x *Array) withoutNaN(verb string, axes []int, instead float64) (r *reduction, v, isNaN int32, bad *Array) {
	if r, bad = x.reduce(verb, axes); bad != nil {
		return nil, 0, 0, bad
	}
	if bad = r.withNaN(); bad != nil {
		return nil, 0, 0, bad
	}
	isNaN, _ = r.apply(strip.Test(vec.IsNaN), r.v)
	v, _ = r.apply(strip.Where, isNaN, r.fill(x.kind, math.Float64bits(instead)), r.v)
	return r, v, isNaN, nil
}

// NanSum is Sum of what is not NaN. The Nan verbs take floats.
func (x *Array) NanSum(axes ...int) *Array {
	r, v, _, bad := x.withoutNaN("NanSum", axes, 0)
	if bad != nil {
		return bad
	}
	return r.done([]part{{r.cast(v, elem.Float64), strip.Sum}}, func(f *finisher) int32 { return f.cast(f.col(0), x.kind) })
}

// NanProd is Prod of what is not NaN.
func (x *Array) NanProd(axes ...int) *Array {
	r, v, _, bad := x.withoutNaN("NanProd", axes, 1)
	if bad != nil {
		return bad
	}
	return r.done([]part{{r.cast(v, elem.Float64), strip.Prod}}, func(f *finisher) int32 { return f.cast(f.col(0), x.kind) })
}

// number adds the count of what is not NaN.
func (r *reduction) number(isNaN int32) part {
	ok, _ := r.apply(strip.Unary(vec.Not), isNaN)
	return part{r.cast(ok, elem.Int64), strip.Sum}
}

// NanMean is Mean of what is not NaN, NaN when that is nothing.
func (x *Array) NanMean(axes ...int) *Array {
	r, v, isNaN, bad := x.withoutNaN("NanMean", axes, 0)
	if bad != nil {
		return bad
	}
	return r.done([]part{{r.cast(v, elem.Float64), strip.Sum}, r.number(isNaN)}, func(f *finisher) int32 {
		return f.cast(f.must(strip.Binary(vec.Div), f.col(0), f.cast(f.col(1), elem.Float64)), x.kind)
	})
}

// NanVar is Var of what is not NaN, in two passes: the mean, then the distances.
func (x *Array) NanVar(ddof float64, axes ...int) *Array {
	mean := x.NanMean(axes...)
	if mean.err != nil {
		return &Array{err: mean.err}
	}
	d := x.As(elem.Float64).Sub(mean.As(elem.Float64).restore(x, axes))
	missing := x.IsNaN()
	n := missing.Not().Sum(axes...).As(elem.Float64).Sub(ddof).Maximum(0.0)
	return Where(missing, 0.0, d.Square()).Sum(axes...).Div(n).As(x.kind)
}

// NanStd is the square root of NanVar.
func (x *Array) NanStd(ddof float64, axes ...int) *Array { return x.NanVar(ddof, axes...).Sqrt() }

// KeepDims folds x over axes, over all when none is named, by a reduction such as
// (*Array).Mean, and keeps the folded axes with length 1, so that the result broadcasts
// against x: keepdims of NumPy.
//
//	x.Sub(x.KeepDims((*array.Array).Mean, 1))
func (x *Array) KeepDims(reduce func(x *Array, axes ...int) *Array, axes ...int) *Array {
	y := reduce(x, axes...)
	if y.err != nil || len(axes) > 0 {
		return y.restore(x, axes)
	}
	return y.restore(x, others(len(x.grid), nil))
}

// restore gives a reduction its axes back, with length 1, so that it broadcasts
// against what it was made from.
func (x *Array) restore(from *Array, axes []int) *Array {
	if len(axes) == 0 || x.err != nil {
		return x
	}
	at := make([]int, len(axes))
	for i, a := range axes {
		at[i], _ = axis(a, len(from.grid))
	}
	slices.Sort(at)
	for _, a := range at {
		x = x.ExpandDims(a)
	}
	return x
}

func (x *Array) nanExtreme(verb string, fold strip.Fold, none float64, axes []int) *Array {
	r, v, isNaN, bad := x.withoutNaN(verb, axes, none)
	if bad != nil {
		return bad
	}
	if r.n == 0 {
		return r.nothing()
	}
	all, _ := r.apply(strip.Unary(vec.Not), isNaN)
	return r.done([]part{{v, fold}, {all, strip.Max}}, func(f *finisher) int32 {
		return f.must(strip.Where, f.col(1), f.col(0), f.constant(x.kind, math.NaN()))
	})
}

// NanMin is Min of what is not NaN, NaN when that is nothing.
func (x *Array) NanMin(axes ...int) *Array {
	return x.nanExtreme("NanMin", strip.Min, math.Inf(1), axes)
}

// NanMax is Max of what is not NaN, NaN when that is nothing.
func (x *Array) NanMax(axes ...int) *Array {
	return x.nanExtreme("NanMax", strip.Max, math.Inf(-1), axes)
}
