package array

import (
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// MatMul is the matrix product: of two matrices; of a matrix and a vector; of two
// vectors, a number. Axes before the last two are stacks of matrices, which are
// broadcast. Floats of a block are added in an order that its size fixes, blocks in
// their order; integers wrap. A factor that is a transposed matrix is not copied.
func (x *Array) MatMul(y *Array) *Array { return product("MatMul", x, y) }

func product(verb string, x, y *Array) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	if len(x.grid) == 0 || len(y.grid) == 0 {
		return fail(verb, "shapes %s: want vectors or matrices", shapes([]*Array{x, y}))
	}
	if len(x.grid) == 1 {
		z := product(verb, x.ExpandDims(0), y)
		return z.dropped(len(z.grid) - min(len(y.grid), 2))
	}
	if len(y.grid) == 1 {
		z := product(verb, x, y.ExpandDims(1))
		return z.dropped(len(z.grid) - 1)
	}
	m, n := len(x.grid)-1, len(y.grid)-2
	if x.grid[m].Len() != y.grid[n].Len() {
		return fail(verb, "shapes %s do not fit: %d columns and %d rows", shapes([]*Array{x, y}), x.grid[m].Len(), y.grid[n].Len())
	}
	kind := elem.Promote(x.kind, y.kind)
	in := kind
	switch {
	case kind.IsComplex():
		in = elem.Complex128
	case !kind.IsFloat():
		in = elem.Int64
	}
	for len(x.grid) < len(y.grid) {
		x = x.ExpandDims(0)
	}
	for len(y.grid) < len(x.grid) {
		y = y.ExpandDims(0)
	}
	d := len(x.grid)
	ga, gb := slices.Clone(x.grid), slices.Clone(y.grid)
	for i := range d - 2 {
		for _, g := range []grid.Grid{ga, gb} {
			if g[i].Len() == 1 { // no chunk of it is empty: the first one is what all others are multiplied with
				g[i] = single(1)
			}
		}
		switch a, b := ga[i].Len(), gb[i].Len(); {
		case a == b:
			ga[i] = grid.Refine(ga[i], gb[i])
			gb[i] = ga[i]
		case a != 1 && b != 1:
			return fail(verb, "shapes %s do not fit: axis %d is %d and %d", shapes([]*Array{x, y}), i, a, b)
		}
	}
	ga[d-1] = grid.Refine(ga[d-1], gb[d-2])
	gb[d-2] = ga[d-1]
	a, ta := x.factor(verb, in, ga)
	b, tb := y.factor(verb, in, gb)
	if f := failed(a, b); f != nil {
		return f
	}
	p := ops.MatMulParams{A: a.grid, B: b.grid, TA: ta, TB: tb, Kind: in}
	return add(verb, ops.MatMul, p, p.Out(), in, link{a.n, p.Wire(0)}, link{b.n, p.Wire(1)}).As(kind)
}

// dropped is Squeeze of an axis, unless there is a mistake.
func (x *Array) dropped(a int) *Array {
	if x.err != nil {
		return x
	}
	return x.Squeeze(a)
}

// factor is x with a type and a grid, or what x is the transposed of.
func (x *Array) factor(verb string, k elem.Kind, g grid.Grid) (*Array, bool) {
	if x.turned != nil {
		return x.turned.As(k).cut(verb, grid.Grid{g[1], g[0]}), true
	}
	return x.As(k).cut(verb, g), false
}

// Outer is the products of all elements of a vector with all of another.
func (x *Array) Outer(y *Array) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	if len(x.grid) != 1 || len(y.grid) != 1 {
		return fail("Outer", "shapes %s: want vectors", shapes([]*Array{x, y}))
	}
	return x.ExpandDims(1).times(y)
}

// times is Mul, of bools And: they have products where matrices of them do.
func (x *Array) times(y *Array) *Array {
	if x.kind == elem.Bool && y.kind == elem.Bool {
		return x.And(y)
	}
	return x.Mul(y)
}

// Outer is what an elementwise function of two arrays makes of all elements of x with all
// of y, as the outer method of NumPy's ufuncs: (*Array).Sub or whatever takes two arrays
// and returns one element for element.
//
//	distances := array.Outer((*array.Array).Sub, x, y).Abs()
//
// Shapes: the axes of x, then those of y.
// Chunks: those of x, then those of y.
// Errors: a function that gives another shape.
func Outer[Y any](f func(x *Array, y Y) *Array, x, y *Array) *Array {
	if bad := failed(x, y); bad != nil {
		return bad
	}
	second, ok := any(y).(Y)
	if !ok {
		return fail("Outer", "a %T: want a function of two arrays", f)
	}
	space := slices.Clone(x.grid)
	for range y.grid {
		space = append(space, grid.Uniform(1, 1))
	}
	z := f(x.seen("Outer", space, straight(len(x.grid))), second)
	if z.err != nil {
		return z
	}
	if want := append(x.Shape(), y.Shape()...); !slices.Equal(z.Shape(), want) {
		return fail("Outer", "the function gives shape %s: want %s", grid.Tuple(z.Shape()), grid.Tuple(want))
	}
	return z
}

// Dot is NumPy's: of vectors and matrices MatMul; of numbers, which are arrays
// without axes, Mul; else the sum over the last axis of x and the last but one of y.
func (x *Array) Dot(y *Array) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	switch {
	case len(x.grid) == 0 || len(y.grid) == 0:
		return x.times(y)
	case len(x.grid) <= 2 && len(y.grid) <= 2:
		return product("Dot", x, y)
	}
	return contract("Dot", x, y, []int{len(x.grid) - 1}, []int{max(len(y.grid)-2, 0)})
}

// VDot is the sum of all elements of x, conjugated, times those of y.
func (x *Array) VDot(y *Array) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	if x.Size() != y.Size() {
		return fail("VDot", "shapes %s have %d and %d elements", shapes([]*Array{x, y}), x.Size(), y.Size())
	}
	return product("VDot", x.Ravel().Conj(), y.Ravel())
}

// VecDot is the sum over an axis of x, conjugated, times y; both are broadcast. Its type
// is that of the products: integers wrap, and of bools it is whether one is true.
func (x *Array) VecDot(y *Array, a int) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	z := x.Conj().times(y)
	return z.Sum(a).As(z.kind)
}

// TensorDot is the sum of products over axes: axes[0] of x and axes[1] of y, in
// pairs of equal lengths. What remains are the other axes of x, then those of y.
func (x *Array) TensorDot(y *Array, axes [2][]int) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	return contract("TensorDot", x, y, axes[0], axes[1])
}

// contract sums products over pairs of axes, by a product of matrices.
func contract(verb string, x, y *Array, ax, ay []int) *Array {
	if len(ax) != len(ay) {
		return fail(verb, "%d axes and %d", len(ax), len(ay))
	}
	ax, ay = slices.Clone(ax), slices.Clone(ay)
	for i := range ax {
		var err error
		if ax[i], err = axis(ax[i], len(x.grid)); err != nil {
			return fail(verb, "shapes %s: %w", shapes([]*Array{x, y}), err)
		}
		if ay[i], err = axis(ay[i], len(y.grid)); err != nil {
			return fail(verb, "shapes %s: %w", shapes([]*Array{x, y}), err)
		}
		if slices.Contains(ax[:i], ax[i]) || slices.Contains(ay[:i], ay[i]) {
			return fail(verb, "axes %v and %v: one is named twice", ax, ay)
		}
		if n, m := x.grid[ax[i]].Len(), y.grid[ay[i]].Len(); n != m {
			return fail(verb, "shapes %s do not fit: axis %d is %d, axis %d is %d", shapes([]*Array{x, y}), ax[i], n, ay[i], m)
		}
	}
	left, rest := others(len(x.grid), ax), others(len(y.grid), ay)
	out := append(x.lengths(left), y.lengths(rest)...)
	a := x.Transpose(append(slices.Clone(left), ax...)...).Reshape(times(x.lengths(left)), times(x.lengths(ax)))
	b := y.Transpose(append(slices.Clone(ay), rest...)...).Reshape(times(y.lengths(ay)), times(y.lengths(rest)))
	return product(verb, a, b).Reshape(out...)
}

// others are the axes of d that are not among some.
func others(d int, some []int) (out []int) {
	for i := range d {
		if !slices.Contains(some, i) {
			out = append(out, i)
		}
	}
	return out
}

// lengths are those of some axes.
func (x *Array) lengths(axes []int) []int {
	out := make([]int, len(axes))
	for i, a := range axes {
		out[i] = int(x.grid[a].Len())
	}
	return out
}

func times(s []int) int {
	n := 1
	for _, k := range s {
		n *= k
	}
	return n
}

// Trace is the sum of the diagonal of the last two axes; offset moves it to the
// right.
func (x *Array) Trace(offset int) *Array {
	if x.err != nil {
		return x
	}
	d := len(x.grid)
	if d < 2 {
		return fail("Trace", "shape %s: want a matrix", grid.Tuple(x.Shape()))
	}
	eye := Eye(int(x.grid[d-2].Len()), int(x.grid[d-1].Len()), offset, Of(Bool))
	return Where(eye, x, Zeros(nil, Of(x.kind))).Sum(d-2, d-1)
}
