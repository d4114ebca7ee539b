package array

import (
	"math"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
)

// VectorNorm is the norm of the vectors along axes, of all elements when none is named:
// (Σ|x|^p)^(1/p) of order p, the largest |x| for +Inf, the smallest for -Inf, and the
// number of those that are not 0 for 0. Integers give float64, complex numbers the type
// of their parts.
func (x *Array) VectorNorm(order float64, axes ...int) *Array {
	return x.vectorNorm("VectorNorm", order, axes...)
}

func (x *Array) vectorNorm(verb string, p float64, axes ...int) *Array {
	if x.err != nil {
		return x
	}
	if math.IsNaN(p) {
		return fail(verb, "order NaN")
	}
	a := x.As(x.kind.Floating()).Abs() // in this order: the least integer of a type has no absolute value in it
	switch p {
	case 0:
		return a.CountNonzero(axes...).As(a.kind)
	case 1:
		return a.Sum(axes...)
	case 2:
		return a.Square().Sum(axes...).Sqrt()
	case math.Inf(1):
		return a.largest(axes...)
	case math.Inf(-1):
		return a.Min(axes...)
	}
	return a.Pow(p).Sum(axes...).Pow(1 / p)
}

// largest is Max of absolute values: 0 of none.
func (x *Array) largest(axes ...int) *Array {
	if x.err == nil && x.grid.Elements() == 0 {
		return x.Sum(axes...)
	}
	return x.Max(axes...)
}

// Norm is the norm of a vector or matrix: of order 2 for vectors and the root of
// the sum of squares for matrices (Frobenius) when none is given. Vectors have
// order p: (Σ|x|^p)^(1/p), the largest |x| for +Inf, the smallest for -Inf, and the
// number of those that are not 0 for 0. Matrices have 1 and -1, the largest and
// smallest sum of a column's |x|; ±Inf, of a row's; 2 and -2, the largest and
// smallest singular value.
func (x *Array) Norm(order ...float64) *Array {
	switch {
	case x.err != nil:
		return x
	case len(order) > 1:
		return fail("Norm", "%d orders", len(order))
	case len(order) == 0:
		return x.As(x.kind.Floating()).Abs().Square().Sum().Sqrt()
	case len(x.grid) == 1:
		return x.vectorNorm("Norm", order[0])
	case len(x.grid) == 2:
		return x.matrixNorm(order[0])
	}
	return fail("Norm", "shape %s: want a vector or a matrix", grid.Tuple(x.Shape()))
}

func (x *Array) matrixNorm(p float64) *Array {
	a := x.As(x.kind.Floating()).Abs()
	switch {
	case p == 1:
		return a.Sum(0).largest()
	case p == -1:
		return a.Sum(0).Min()
	case math.IsInf(p, 1):
		return a.Sum(1).largest()
	case math.IsInf(p, -1):
		return a.Sum(1).Min()
	case p == 2 || p == -2:
		_, s, _ := x.svd("Norm")
		if s.err != nil {
			return s
		}
		if p == 2 {
			return s.largest()
		}
		return s.Min()
	}
	return fail("Norm", "order %v of a matrix: want ±1, ±2 or ±Inf", p)
}

// Kron is the Kronecker product: the blocks x[i,j]·y, and so on for any number of axes.
// The one with fewer axes gets axes of length 1 in front.
func (x *Array) Kron(y *Array) *Array {
	if f := failed(x, y); f != nil {
		return f
	}
	n := max(len(x.grid), len(y.grid))
	x, y = x.AtLeast(n), y.AtLeast(n)
	shape := make([]int, n)
	for i := range shape {
		shape[i] = x.Shape()[i] * y.Shape()[i]
	}
	for i := range n {
		x, y = x.ExpandDims(2*i+1), y.ExpandDims(2*i)
	}
	return x.times(y).Reshape(shape...)
}

// Cross is the cross product of the vectors of three elements along an axis of both;
// the others are broadcast.
func (x *Array) Cross(y *Array, a int) *Array {
	const verb = "Cross"
	if f := failed(x, y); f != nil {
		return f
	}
	at, err := axis(a, len(x.grid))
	if err != nil || len(x.grid) != len(y.grid) || x.grid[at].Len() != 3 || y.grid[at].Len() != 3 {
		return fail(verb, "shapes %s: want three elements along axis %d of both", shapes([]*Array{x, y}), a)
	}
	of := func(z *Array, i int) *Array { return z.part(at, i, i+1) }
	var parts []*Array
	for i := range 3 {
		j, k := (i+1)%3, (i+2)%3
		parts = append(parts, of(x, j).Mul(of(y, k)).Sub(of(x, k).Mul(of(y, j))))
	}
	return concat(verb, at, parts)
}

// PInv is the pseudoinverse (Moore and Penrose) of a matrix, by SVD.
// Singular values of at most rtol times the largest count as 0; when it is not given it
// is as many roundings as the longer side has elements.
func (x *Array) PInv(rtol ...float64) *Array {
	u, s, vt, tiny := x.pseudo("PInv", rtol)
	if u.err != nil {
		return u
	}
	inverse := Where(tiny, 0.0, s.Reciprocal()).As(s.kind)
	return product("PInv", vt.adjoint().Mul(inverse), u.adjoint())
}

// MatrixRank is the number of singular values of a matrix that do not count as 0, see
// PInv: int64.
func (x *Array) MatrixRank(rtol ...float64) *Array {
	u, _, _, tiny := x.pseudo("MatrixRank", rtol)
	if u.err != nil {
		return u
	}
	return tiny.LogicalNot().CountNonzero()
}

// pseudo is SVD with which values count as 0.
func (x *Array) pseudo(verb string, rtol []float64) (u, s, vt, tiny *Array) {
	if len(rtol) > 1 || len(rtol) == 1 && !(rtol[0] >= 0) {
		u = fail(verb, "tolerances %v: want one of at least 0, or none", rtol)
		return u, u, u, u
	}
	if u, s, vt = x.svd(verb); u.err != nil {
		return u, u, u, u
	}
	if len(rtol) == 0 {
		eps := 0x1p-52
		if s.kind == elem.Float32 {
			eps = 0x1p-23
		}
		rtol = []float64{eps * float64(max(x.grid[0].Len(), x.grid[1].Len()))}
	}
	return u, s, vt, s.Le(s.end(0, true).Mul(rtol[0])) // the largest is the first, of an empty matrix there is none
}

// MatrixPower multiplies a square matrix by itself: x to the power of n, the unit matrix
// for 0, powers of the inverse for negative n.
func (x *Array) MatrixPower(n int) *Array {
	const verb = "MatrixPower"
	switch {
	case x.err != nil:
		return x
	case len(x.grid) != 2 || x.grid[0].Len() != x.grid[1].Len():
		return fail(verb, "shape %s: want as many rows as columns", grid.Tuple(x.Shape()))
	case x.kind == elem.Bool:
		return fail(verb, "%s: want numbers", x.kind)
	}
	left := uint(n)
	if n < 0 {
		x, left = x.Inv(), -left
	}
	var y *Array // the product of the powers of two so far
	for ; left > 0 && x.err == nil; left >>= 1 {
		if left&1 == 1 && y == nil {
			y = x
		} else if left&1 == 1 {
			y = y.MatMul(x)
		}
		if left > 1 {
			x = x.MatMul(x)
		}
	}
	switch {
	case x.err != nil:
		return x
	case y == nil:
		return Eye(int(x.grid[0].Len()), int(x.grid[1].Len()), 0, Of(x.kind)).cut(verb, x.grid)
	}
	return y
}
