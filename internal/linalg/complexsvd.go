package linalg

import (
	"fmt"
)

// TmpForComplexSVD is the number of elements of Env.Tmp that suffice for the singular values of m x n, n being the fewer.
func TmpForComplexSVD(m, n int) int { return TmpForComplex(m, n, n) + 2*(2*Joins(n)+5*n*n+2*n) }

// SVD is the function SVD for a matrix of at least as many rows as columns: A = U·diag(s)·Vᴴ. The first of the largest
// elements of each row of Vᴴ is real and positive. Tmp has what TmpForComplexSVD says.
//
// R of A is made a real bidiagonal matrix by reflections from both sides (Golub and Kahan, Calculating the singular values and
// pseudo-inverse of a matrix, 1965), whose values and vectors are found in float64; these are reflected back.
func (f *Complexes[T]) SVD(a Complex[T], s []T, vt Complex[T]) error {
	m, n := a.Re.Rows, a.Re.Cols
	if m < n || len(s) != n || vt.Re.Rows != n || vt.Re.Cols != n {
		return fmt.Errorf("linalg: singular values of %d x %d: %d values and %d x %d vectors do not fit", m, n, len(s), vt.Re.Rows, vt.Re.Cols)
	}
	for i := range m {
		for j := range n {
			if x := a.at(i, j); x.re-x.re != 0 || x.im-x.im != 0 {
				return fmt.Errorf("linalg: singular values: element (%d, %d) is %v", i, j, complex(float64(x.re), float64(x.im)))
			}
		}
	}
	if n == 0 {
		return nil
	}
	g := *f
	rows, cols := JoinShape(n)
	space, err := g.Env.take(2 * (2*rows*cols + 4*n*n + 2*n))
	if err != nil {
		return err
	}
	next := func(rows, cols int) Complex[T] {
		p := Planes(space[:2*rows*cols], rows, cols)
		space = space[2*rows*cols:]
		return p
	}
	left, right, r, vectors, u, v := next(rows, cols), next(rows, cols), next(n, n), next(n, n), next(n, n), next(n, n)
	if err := g.QR(a, r); err != nil {
		return err
	}
	d, e, err := g.bidiagonal(r, left, right, next(n, 1), next(n, 1))
	if err != nil {
		return err
	}
	ut, turned := unitOf(n), unitOf(n)
	if err := bidiagonalSVD(d, e, ut, turned, g.stop); err != nil {
		return err
	}
	u.clear()
	v.clear()
	for i := range n {
		s[i] = T(d[i])
		for j := range n {
			set(u.Re, i, j, T(get(ut, j, i)))
			set(v.Re, i, j, T(get(turned, j, i)))
		}
	}
	if err := g.reflectBack(r, left, u); err != nil {
		return err
	}
	if n > 1 { // the vectors of the right side lie in rows
		vectors.Copy(r.T())
		if err := g.reflectBack(vectors.Slice(1, 0, n-1, n-1), right, v.Slice(1, 0, n-1, n)); err != nil {
			return err
		}
	}
	for j := range n {
		turn := g.turnOf(v.Slice(0, j, n, 1))
		for i := range n {
			vt.set(j, i, v.at(i, j).times(turn).conj())
			u.set(i, j, u.at(i, j).times(turn))
		}
	}
	return g.inRows(a, u)
}

// inRows overwrites A with A·U, some rows at a time.
func (f *Complexes[T]) inRows(a, u Complex[T]) error {
	g := *f
	n := a.Re.Cols
	part, err := g.Env.take(2 * tile * n)
	if err != nil {
		return err
	}
	for i := 0; i < a.Re.Rows; i += tile {
		rows := a.Slice(i, 0, min(tile, a.Re.Rows-i), n)
		q := Planes(part[:2*rows.Re.Rows*n], rows.Re.Rows, n)
		q.Copy(rows)
		rows.clear()
		if err := g.Mul(rows, q, u); err != nil {
			return err
		}
	}
	return nil
}

// bidiagonal reflects the columns of a square matrix onto the diagonal, and its rows onto the diagonal above it, and returns
// these. The vectors are what is left in A: in columns below the diagonal, and in rows right of the one above. x and w have
// room for a column.
func (f *Complexes[T]) bidiagonal(a, left, right, x, w Complex[T]) (d, e []float64, err error) {
	n := a.Re.Rows
	d, e = make([]float64, n), make([]float64, n-1)
	left.clear()
	right.clear()
	for k := range n {
		if err := f.stop(); err != nil {
			return nil, nil, err
		}
		m := n - k
		vr, vi, wr, wi := x.Re.Data[:m], x.Im.Data[:m], w.Re.Data[:m-1], w.Im.Data[:m-1]
		for i := range m {
			p := a.at(k+i, k)
			vr[i], vi[i] = p.re, p.im
		}
		tau, beta := reflectComplex(vr, vi)
		vr[0], vi[0] = 1, 0
		d[k] = float64(beta)
		set(left.Re, k, k%panel, tau.re)
		set(left.Im, k, k%panel, tau.im)
		clear(wr)
		clear(wi)
		for i := range m { // w = vᴴ·A
			f.minus(wr, wi, number[T]{-vr[i], vi[i]}, row(a.Re, k+i)[k+1:], row(a.Im, k+i)[k+1:])
		}
		for i := range m {
			f.minus(row(a.Re, k+i)[k+1:], row(a.Im, k+i)[k+1:], tau.conj().times(number[T]{vr[i], vi[i]}), wr, wi)
			if i > 0 {
				a.set(k+i, k, number[T]{vr[i], vi[i]})
			}
		}
		if m == 1 {
			break
		}
		yr, yi := row(a.Re, k)[k+1:], row(a.Im, k)[k+1:] // the row, conjugated, is the column to be reflected
		for i, v := range yi {
			yi[i] = -v
		}
		tau, beta = reflectComplex(yr, yi)
		yr[0], yi[0] = 1, 0
		e[k] = float64(beta)
		set(right.Re, k, k%panel, tau.re)
		set(right.Im, k, k%panel, tau.im)
		for i := k + 1; i < n; i++ {
			ar, ai := row(a.Re, i)[k+1:], row(a.Im, i)[k+1:]
			s := number[T]{f.dot(ar, yr) - f.dot(ai, yi), f.dot(ar, yi) + f.dot(ai, yr)}
			f.minusConj(ar, ai, tau.times(s), yr, yi)
		}
	}
	return d, e, nil
}
