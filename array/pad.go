package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
)

// A Boundary says what lies beyond the ends of an axis.
type Boundary struct {
	mode  string
	value any
	n     int
	odd   bool
}

// The boundaries that repeat the array, as often as it takes.
var (
	Reflect  = Boundary{mode: "reflect"}  // c b a | a b c d | d c b (symmetric of NumPy)
	Periodic = Boundary{mode: "periodic"} // b c d | a b c d | a b c (wrap)
	Nearest  = Boundary{mode: "nearest"}  // a a a | a b c d | d d d (edge)
	Mirror   = Boundary{mode: "mirror"}   // d c b | a b c d | c b a (reflect)
	None     = Boundary{mode: "none"}     // nothing, of MapOverlap
)

// Constant is a boundary beyond which there is one value.
func Constant(v any) Boundary { return Boundary{mode: "constant", value: v} }

// Ramp is a boundary beyond which the elements go evenly from those at the end of the
// axis to a value at the end of the padding (linear_ramp of NumPy). Integers are rounded
// down.
func Ramp(to any) Boundary { return Boundary{mode: "ramp", value: to} }

// Level is a boundary beyond which there is what a reduction makes of the n elements
// nearest to it, of all if n is 0: the maximum, minimum, mean and median of NumPy.
// Means of integers are rounded to the nearest, the even one of two.
//
//	x.Pad(0, 5, 5, array.Level((*array.Array).Mean, 10))
func Level(reduce func(x *Array, axes ...int) *Array, n int) Boundary {
	return Boundary{mode: "level", value: reduce, n: n}
}

// Odd turns what Reflect and Mirror repeat over, so that the elements go on beyond the
// end as they went before it: twice the one at the end, less the reflected one
// (reflect_type odd of NumPy).
func (b Boundary) Odd() Boundary {
	b.odd = true
	return b
}

// Pad adds so many elements before and after an axis.
func (x *Array) Pad(a, before, after int, b Boundary) *Array {
	const verb = "Pad"
	at, bad := x.axisOf(verb, a)
	if bad != nil {
		return bad
	}
	n := int(x.grid[at].Len())
	switch {
	case before < 0 || after < 0:
		return fail(verb, "%d before and %d after", before, after)
	case b.odd && b.mode != "reflect" && b.mode != "mirror":
		return fail(verb, "only Reflect and Mirror are Odd")
	case b.odd && x.kind == elem.Bool:
		return fail(verb, "bools cannot be Odd")
	case n == 0 && b.mode != "constant" && max(before, after) > 0:
		return fail(verb, "axis %d has no elements", at)
	}
	var lo, hi []*Array
	switch b.mode {
	case "constant":
		nums, err := bits(b.value, x.kind)
		if err != nil {
			return fail(verb, "%w", err)
		}
		lo, hi = []*Array{x.constant(at, before, nums)}, []*Array{x.constant(at, after, nums)}
	case "ramp":
		lo, hi = []*Array{x.ramp(at, before, b.value, true)}, []*Array{x.ramp(at, after, b.value, false)}
	case "nearest":
		lo, hi = []*Array{x.end(at, true).wide(at, before)}, []*Array{x.end(at, false).wide(at, after)}
	case "level":
		lo, hi = []*Array{x.level(at, before, b, true)}, []*Array{x.level(at, after, b, false)}
	case "reflect", "mirror", "periodic":
		lo, hi = x.outward(at, before, b, true), x.outward(at, after, b, false)
	default:
		return fail(verb, "no boundary: take Reflect, Mirror, Periodic, Nearest, Constant, Ramp or Level")
	}
	return concat(verb, at, slices.Concat(lo, []*Array{x}, hi))
}

// constant has the shape and chunks of x, but for one axis.
func (x *Array) constant(at, n int, nums []uint64) *Array {
	if bad := x.loose("Pad"); bad != nil {
		return bad
	}
	g := slices.Clone(x.grid)
	g[at] = grid.Uniform(int64(n), 0)
	var p plan
	return p.done("Pad", g, p.fill(x.kind, nums...))
}

// end is the element at an end of an axis, nothing of an axis without elements.
func (x *Array) end(at int, left bool) *Array {
	n := int(x.grid[at].Len())
	if left {
		return x.part(at, 0, min(1, n))
	}
	return x.part(at, max(n-1, 0), n)
}

// wide repeats an axis of length 1.
func (x *Array) wide(at, n int) *Array {
	shape := x.Shape()
	if n == 0 || x.err != nil {
		return x.part(at, 0, 0)
	}
	shape[at] = n
	return x.BroadcastTo(shape)
}

// ramp goes from a value, next to which it begins at the left, to the end of x.
func (x *Array) ramp(at, n int, to any, left bool) *Array {
	wide := elem.Float64
	if x.kind.IsComplex() {
		wide = elem.Complex128
	}
	first := Full([]int{}, to)
	if first.err != nil {
		return fail("Pad", "%w", first.err)
	}
	if n == 0 {
		return x.part(at, 0, 0)
	}
	shape := slices.Repeat([]int{1}, len(x.grid))
	shape[at] = n
	i := Arange(0, n, 1, Chunks(-1)).Reshape(shape...)
	if !left {
		i = i.Flip(at)
	}
	step := x.end(at, left).As(wide).Sub(first.As(wide)).Div(n)
	y := step.Mul(i).Add(first.As(wide))
	if x.kind.IsInt() {
		y = y.Floor()
	}
	return y.As(x.kind)
}

// level is what a reduction makes of the elements at one end.
func (x *Array) level(at, n int, b Boundary, left bool) *Array {
	reduce, ok := b.value.(func(*Array, ...int) *Array)
	size := int(x.grid[at].Len())
	if !ok || reduce == nil || b.n < 0 {
		return fail("Pad", "Level of %d elements: want a reduction, and a number from 0 on", b.n)
	}
	k := min(b.n, size)
	if b.n == 0 {
		k = size
	}
	from := size - k
	if left {
		from = 0
	}
	if n == 0 {
		return x.part(at, 0, 0)
	}
	y := reduce(x.part(at, from, from+k), at)
	if y.err == nil && x.kind.IsInt() && !y.kind.IsInt() {
		y = y.Round()
	}
	if y = y.As(x.kind); y.err != nil {
		return y
	}
	return y.ExpandDims(at).wide(at, n)
}

// mostRepeats bounds how often a boundary repeats an axis: each time is a part of the
// plan.
const mostRepeats = 1 << 10

// outward lists what lies beyond an end: reflections of x, or x itself, one after the
// other. Those of the left end stand in the order of the axis too.
func (x *Array) outward(at, count int, b Boundary, left bool) (pieces []*Array) {
	n := int(x.grid[at].Len())
	if count > mostRepeats*n {
		return []*Array{fail("Pad", "%d elements beyond axis %d, which has %d: at most %d times as many are possible", count, at, n, mostRepeats)}
	}
	c, k := x, n // what is next, and how much of it is new
	if b.mode == "mirror" && n > 1 {
		k = n - 1 // without the element that it is reflected at
	}
	for count > 0 {
		if b.mode != "periodic" {
			c = c.reflected(at, b.odd, left)
		}
		if c.err != nil {
			return []*Array{c}
		}
		m := min(count, k)
		count -= m
		if left {
			pieces = slices.Insert(pieces, 0, c.part(at, k-m, k))
		} else {
			pieces = append(pieces, c.part(at, n-k, n-k+m))
		}
	}
	return pieces
}

// reflected is x in the opposite direction, turned over about one of its ends if odd is
// set.
func (x *Array) reflected(at int, odd, left bool) *Array {
	y := x.Flip(at)
	if !odd {
		return y
	}
	return x.end(at, left).Mul(2).Sub(y)
}
