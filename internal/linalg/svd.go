package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// SVD overwrites A (m x n, stored by rows) with U in A = U·diag(s)·Vᵀ, and sets s and Vᵀ. With k = min(m, n), U is m x k (the
// first k columns of A), s holds k values from the greatest to the least, Vᵀ is k x n; columns of U and rows of Vᵀ are
// orthonormal. The sign of each pair is such that the first of the largest elements of a row of Vᵀ is positive.
//
// A tall matrix is reduced to its R first; what is left is done in float64, by reflections that make it bidiagonal and implicit
// QR, and takes what SVDHeap says. A NaN or infinity is an error.
func SVD[T vec.Float](a gemm.Matrix[T], s []T, vt gemm.Matrix[T], env Env[T]) error {
	if err := byRows("A", a); err != nil {
		return err
	}
	k := min(a.Rows, a.Cols)
	if len(s) != k || vt.Rows != k || vt.Cols != a.Cols {
		return fmt.Errorf("linalg: singular values of %d x %d: %d values and %d x %d vectors do not fit", a.Rows, a.Cols, len(s), vt.Rows, vt.Cols)
	}
	if err := byRows("V", vt); err != nil {
		return err
	}
	if k == 0 {
		return nil
	}
	if a.Rows < 2*a.Cols {
		return smallSVD(a, a, s, vt, env.Stop)
	}
	space, err := env.take(2*k*k + a.Cols*tile)
	if err != nil {
		return err
	}
	r, u := gemm.RowMajor(space[:k*k], k, k, k), gemm.RowMajor(space[k*k:2*k*k], k, k, k)
	if err := QR(a, r, env); err != nil {
		return err
	}
	if err := smallSVD(r, u, s, vt, env.Stop); err != nil {
		return err
	}
	// U = Q·u, some rows at a time.
	part := space[2*k*k:]
	for i := 0; i < a.Rows; i += tile {
		rows := a.Slice(i, 0, min(tile, a.Rows-i), k)
		q := gemm.RowMajor(part, rows.Rows, k, k)
		for j := range rows.Rows {
			copy(row(q, j), row(rows, j))
			clear(row(rows, j))
		}
		if err := gemm.Mul(rows, q, u, env.Env); err != nil {
			return err
		}
	}
	return nil
}

// SVDHeap is the number of bytes that the singular values of a matrix of n columns, and fewer than 2n rows, take beside what
// is given.
func SVDHeap(n int64) int64 { return 8 * (n*(6*n+2*perRotated+16) + condenserHeap(2*n, n)) }

// smallSVD is SVD without a QR before it. u may be a.
func smallSVD[T vec.Float](a, u gemm.Matrix[T], s []T, vt gemm.Matrix[T], stop func() error) error {
	for i := range a.Rows {
		for j, v := range row(a, i) {
			if v-v != 0 {
				return fmt.Errorf("linalg: singular values: element (%d, %d) is %v", i, j, v)
			}
		}
	}
	x := a
	if a.Cols > a.Rows {
		x = a.T()
	}
	d, left, right, err := factorsOf(x, stop)
	if err != nil {
		return err
	}
	if a.Cols > a.Rows {
		left, right = right, left
	}
	for c := range s {
		s[c] = T(d[c])
		best, sign := 0.0, 1.0
		for j := range a.Cols {
			if v := get(right, j, c); v > best || -v > best {
				best, sign = max(v, -v), 1
				if v < 0 {
					sign = -1
				}
			}
		}
		for j := range a.Cols {
			set(vt, c, j, T(sign*get(right, j, c)))
		}
		for i := range a.Rows {
			set(u, i, c, T(sign*get(left, i, c)))
		}
	}
	return nil
}

// factorsOf finds the singular values and vectors, in columns, of a matrix of at least as many rows as columns.
func factorsOf[T vec.Float](a gemm.Matrix[T], stop func() error) (d []float64, u, v gemm.Matrix[float64], err error) {
	m, n := a.Rows, a.Cols
	x := blank(m, n)
	top := T(0)
	for i := range m {
		for j := range n {
			top = max(top, abs(get(a, i, j)))
		}
	}
	f := balance(float64(top))
	for i := range m {
		for j := range n {
			set(x, i, j, f*float64(get(a, i, j)))
		}
	}
	h := newCondenser(m, stop)
	d, e, left, right, err := h.bidiagonal(x)
	if err != nil {
		return nil, u, v, err
	}
	ut, vt := unitOf(n), unitOf(n)
	if err := bidiagonalSVD(d, e, ut, vt, h.stop); err != nil {
		return nil, u, v, err
	}
	for i := range d {
		d[i] /= f
	}
	if transposeSquare(ut); m == n {
		u = ut
	} else {
		u = blank(m, n)
		copy(u.Data, ut.Data)
	}
	if err := h.back(x, left, u); err != nil || n < 2 {
		return d, u, vt, err
	}
	transposeSquare(vt)
	rows := x.Slice(0, 0, n, n) // in which vectors lie
	transposeSquare(rows)
	return d, u, vt, h.back(rows.Slice(1, 0, n-1, n-1), right, vt.Slice(1, 0, n-1, n))
}

func blank(m, n int) gemm.Matrix[float64] { return gemm.RowMajor(make([]float64, m*n), m, n, n) }

func unitOf(n int) gemm.Matrix[float64] {
	m := blank(n, n)
	for i := range n {
		set(m, i, i, 1)
	}
	return m
}
