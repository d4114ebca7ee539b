package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// EigenHeap is the number of bytes that the eigenvalues of an n x n matrix take beside what is given.
func EigenHeap(n int64, complex bool) int64 {
	if complex {
		return 8 * n * (n + perRotated + 8)
	}
	return 8 * (n*(2*n+perRotated+8) + condenserHeap(n, n))
}

// eigenReady checks the shapes of what Eigen gets.
func eigenReady[T vec.Float](rows, cols int, values []T) error {
	if rows != cols || len(values) != rows {
		return fmt.Errorf("linalg: eigenvalues of %d x %d: %d values do not fit", rows, cols, len(values))
	}
	return nil
}

// Eigen sets values to the eigenvalues of A, a symmetric matrix stored by rows of which the lower triangle is read, from the
// least to the greatest, and overwrites A with its eigenvectors, one a column, of length 1, if they are wanted. The first of
// the largest elements of a vector is positive. It is done in float64, by reflections that make it tridiagonal and implicit QR,
// and takes what EigenHeap says. A NaN or infinity is an error, and so is what stop, if not nil, returns: it is asked every few
// milliseconds.
func Eigen[T vec.Float](a gemm.Matrix[T], values []T, vectors bool, stop func() error) error {
	if err := eigenReady(a.Rows, a.Cols, values); err != nil {
		return err
	}
	n := a.Rows
	if n == 0 {
		return nil
	}
	x, top := blank(n, n), T(0)
	for i := range n {
		for j := range i + 1 {
			v := get(a, i, j)
			if v-v != 0 {
				return fmt.Errorf("linalg: eigenvalues: element (%d, %d) is %v", i, j, v)
			}
			top = max(top, abs(v))
		}
	}
	f := balance(float64(top))
	for i := range n {
		for j := range i + 1 {
			v := f * float64(get(a, i, j))
			set(x, i, j, v)
			set(x, j, i, v)
		}
	}
	h := newCondenser(n, stop)
	d, e, tau, err := h.tridiagonal(x)
	if err != nil {
		return err
	}
	zt := gemm.Matrix[float64]{}
	if vectors {
		zt = unitOf(n)
	}
	if err := tridiagonalEigen(d, e, zt, h.stop); err != nil {
		return err
	}
	for i, v := range d {
		values[i] = T(v / f)
	}
	if !vectors {
		return nil
	}
	z := zt
	if transposeSquare(z); n > 1 {
		if err := h.back(x.Slice(1, 0, n-1, n-1), tau, z.Slice(1, 0, n-1, n)); err != nil {
			return err
		}
	}
	for j := range n {
		best, sign := 0.0, 1.0
		for i := range n {
			if v := get(z, i, j); v > best || -v > best {
				best, sign = max(v, -v), 1
				if v < 0 {
					sign = -1
				}
			}
		}
		for i := range n {
			set(a, i, j, T(sign*get(z, i, j)))
		}
	}
	return nil
}

// Eigen is the function Eigen for a Hermitian matrix, of which the imaginary parts of the diagonal are not read. The first of
// the largest elements of a vector is real and positive.
//
// Reflections make A a real tridiagonal matrix (Golub and Van Loan, Matrix Computations, 8.3), whose values and vectors are
// found in float64; the vectors are reflected back. Tmp has what TmpForComplex says.
func (f *Complexes[T]) Eigen(a Complex[T], values []T, vectors bool) error {
	if err := eigenReady(a.Re.Rows, a.Re.Cols, values); err != nil {
		return err
	}
	if err := a.byRows("A"); err != nil {
		return err
	}
	n := a.Re.Rows
	if n == 0 {
		return nil
	}
	g := *f
	rows, cols := JoinShape(n)
	space, err := g.Env.take(2*rows*cols + 2*n)
	if err != nil {
		return err
	}
	joins := Planes(space[:2*rows*cols], rows, cols)
	d, e, err := g.tridiagonal(a, joins, space[2*rows*cols:])
	if err != nil {
		return err
	}
	zt := gemm.Matrix[float64]{}
	if vectors {
		zt = unitOf(n)
	}
	if err := tridiagonalEigen(d, e, zt, g.stop); err != nil {
		return err
	}
	for i, v := range d {
		values[i] = T(v)
	}
	if !vectors {
		return nil
	}
	return g.back(a, joins, zt)
}

// tridiagonal reflects the columns of a Hermitian matrix onto their diagonal and what is below it, which it returns. The
// vectors of the reflections are below that in A. p has room for a column.
func (f *Complexes[T]) tridiagonal(a, joins Complex[T], p []T) (d, e []float64, err error) {
	n := a.Re.Rows
	for i := range n {
		for j := range i + 1 {
			x := a.at(i, j)
			if i == j {
				x.im = 0
			}
			if x.re-x.re != 0 || x.im-x.im != 0 {
				return nil, nil, fmt.Errorf("linalg: eigenvalues: element (%d, %d) is %v", i, j, complex(float64(x.re), float64(x.im)))
			}
			a.set(i, j, x)
			a.set(j, i, x.conj())
		}
	}
	d, e = make([]float64, n), make([]float64, n-1)
	joins.clear()
	for k := range n {
		d[k] = float64(get(a.Re, k, k))
		m := n - k - 1
		if m == 0 {
			break
		}
		if err := f.stop(); err != nil {
			return nil, nil, err
		}
		// The column below the diagonal is the conjugate of the row right of it, which is where the vector is worked on.
		vr, vi := row(a.Re, k)[k+1:], row(a.Im, k)[k+1:]
		for i, v := range vi {
			vi[i] = -v
		}
		tau, beta := reflectComplex(vr, vi)
		e[k] = float64(beta)
		vr[0], vi[0] = 1, 0
		rest := a.Slice(k+1, k+1, m, m)
		f.bothSides(rest, tau, vr, vi, p[:m], p[n:][:m])
		below := a.Slice(k+1, k, m, 1)
		for i := range m {
			below.set(i, 0, number[T]{vr[i], vi[i]})
		}
		set(joins.Re, k, k%panel, tau.re)
		set(joins.Im, k, k%panel, tau.im)
	}
	return d, e, nil
}

// bothSides multiplies a Hermitian matrix from the left with the conjugate transposed of 1 - tau·v·vᴴ, and from the right
// with it: A - v·wᴴ - w·vᴴ.
func (f *Complexes[T]) bothSides(a Complex[T], tau number[T], vr, vi, wr, wi []T) {
	for i := range wr {
		ar, ai := row(a.Re, i), row(a.Im, i)
		w := tau.times(number[T]{f.dot(ar, vr) - f.dot(ai, vi), f.dot(ar, vi) + f.dot(ai, vr)})
		wr[i], wi[i] = w.re, w.im
	}
	half := tau.times(f.inner(wr, wi, vr, vi))
	f.minus(wr, wi, number[T]{half.re / 2, half.im / 2}, vr, vi)
	for i := range wr {
		ar, ai := row(a.Re, i), row(a.Im, i)
		f.minusConj(ar, ai, number[T]{vr[i], vi[i]}, wr, wi)
		f.minusConj(ar, ai, number[T]{wr[i], wi[i]}, vr, vi)
	}
}

// minusConj subtracts z times the conjugate of a row from another.
func (f *Complexes[T]) minusConj(re, im []T, z number[T], xr, xi []T) {
	f.scaled(re, xr, -z.re)
	f.scaled(re, xi, -z.im)
	f.scaled(im, xi, z.re)
	f.scaled(im, xr, -z.im)
}

// back overwrites A, which tridiagonal has made, with the product of its reflections and real vectors, which are rows.
func (f *Complexes[T]) back(a, joins Complex[T], zt gemm.Matrix[float64]) error {
	n := a.Re.Rows
	g := *f
	space, err := g.Env.take(2 * n * n)
	if err != nil {
		return err
	}
	v := Planes(space, n, n)
	v.Copy(a)
	for i := range n {
		clear(row(a.Im, i))
		for j := range n {
			set(a.Re, i, j, T(get(zt, j, i)))
		}
	}
	if n > 1 {
		if err := g.reflectBack(v.Slice(1, 0, n-1, n-1), joins, a.Slice(1, 0, n-1, n)); err != nil {
			return err
		}
	}
	for j := range n {
		turn := f.turnOf(a.Slice(0, j, n, 1))
		for i := range n {
			a.set(i, j, a.at(i, j).times(turn))
		}
	}
	return nil
}

// turnOf is the number of size 1 that makes the first of the largest elements of a column real and positive.
func (f *Complexes[T]) turnOf(c Complex[T]) number[T] {
	best, at := T(0), -1
	for i := range c.Re.Rows {
		x := c.at(i, 0)
		if s := hypot(x.re, x.im); s > best {
			best, at = s, i
		}
	}
	if at < 0 {
		return number[T]{1, 0}
	}
	x := c.at(at, 0)
	return number[T]{x.re / best, -x.im / best}
}

// reflectBack multiplies C from the left with the product of reflections: their vectors are the columns of a matrix, from
// below its diagonal on, and the diagonals of the triangles that join them are set.
func (f *Complexes[T]) reflectBack(vectors, joins, c Complex[T]) error {
	h, err := f.newReflections(vectors, joins, c.Re.Cols)
	if err != nil {
		return err
	}
	m := vectors.Re.Rows
	for j := 0; j < h.k; j += panel {
		w := min(panel, h.k-j)
		t, x := h.join(j), vectors.Slice(j, j, m-j, w)
		for c := 1; c < w; c++ {
			h.joinOne(t, c, t.at(c, c), func(i int) number[T] {
				s := x.at(c, i).conj() // times the 1 of vector c
				for r := c + 1; r < m-j; r++ {
					p := x.at(r, i).conj().times(x.at(r, c))
					s.re, s.im = s.re+p.re, s.im+p.im
				}
				return s
			})
		}
	}
	return eachPanel(h.k, true, func(j, w int) error {
		return h.apply(j, w, c.Slice(j, 0, m-j, c.Re.Cols), false)
	})
}
