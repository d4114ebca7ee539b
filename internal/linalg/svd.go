package linalg

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// SVD overwrites A (m x n, stored by rows) with U in A = U·diag(s)·Vᵀ, and sets s and Vᵀ. With k = min(m, n), U is m x k (the
// first k columns of A), s holds k values from the greatest to the least, Vᵀ is k x n; columns of U and rows of Vᵀ are
// orthonormal. The sign of each pair is such that the first of the largest elements of a row of Vᵀ is positive.
//
// A tall matrix is reduced to its R first; the square that is left is done in float64 by gonum (bidiagonalization and implicit
// QR), which allocates a few times k*k elements. A NaN or infinity is an error.
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
		return smallSVD(a, a, s, vt)
	}
	space, err := env.take(2*k*k + a.Cols*tile)
	if err != nil {
		return err
	}
	r, u := gemm.RowMajor(space[:k*k], k, k, k), gemm.RowMajor(space[k*k:2*k*k], k, k, k)
	if err := QR(a, r, env); err != nil {
		return err
	}
	if err := smallSVD(r, u, s, vt); err != nil {
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

// smallSVD uses gonum. u may be a.
func smallSVD[T vec.Float](a, u gemm.Matrix[T], s []T, vt gemm.Matrix[T]) error {
	d := mat.NewDense(a.Rows, a.Cols, nil)
	for i := range a.Rows {
		for j, v := range row(a, i) {
			if v-v != 0 {
				return fmt.Errorf("linalg: singular values: element (%d, %d) is %v", i, j, v)
			}
			d.Set(i, j, float64(v))
		}
	}
	var f mat.SVD
	if !f.Factorize(d, mat.SVDThin) {
		return fmt.Errorf("linalg: singular values of %d x %d: no convergence", a.Rows, a.Cols)
	}
	for i, v := range f.Values(nil) {
		s[i] = T(v)
	}
	var left, right mat.Dense
	f.UTo(&left)
	f.VTo(&right)
	for c := range s {
		best, sign := 0.0, 1.0
		for j := range a.Cols {
			if v := right.At(j, c); v > best || -v > best {
				best, sign = max(v, -v), 1
				if v < 0 {
					sign = -1
				}
			}
		}
		for j := range a.Cols {
			set(vt, c, j, T(sign*right.At(j, c)))
		}
		for i := range a.Rows {
			set(u, i, c, T(sign*left.At(i, c)))
		}
	}
	return nil
}
