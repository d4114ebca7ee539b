package linalg

import (
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// A rotation turns two rows x and y of a matrix into c·x + s·y and c·y - s·x, c not being negative: as three shears, each of
// which adds a multiple of a row to the other.
type rotation struct {
	x, y int32
	s, t float64 // t = s/(1+c)
}

// Rotations are those of the rows of a matrix, which are put off until there are enough of them to be applied to a few
// columns at a time: those stay in the cache then.
type rotations struct {
	m      gemm.Matrix[float64] // stored by rows; of no rows: nobody wants them
	list   []rotation
	scaled func(dst, x []float64, c float64)
	stop   func() error
}

const (
	// sweeps is for how many turns of each row of a matrix the rotations have room.
	sweeps = 32
	// perRotated is the number of float64 that rotations take for each row.
	perRotated = 3 * sweeps
	// turned is how many columns are rotated at a time.
	turned = 128
	// slack is the relative error of a float64 operation.
	slack = 0x1p-53
)

func newRotations(m gemm.Matrix[float64], stop func() error) *rotations {
	return &rotations{m: m, list: make([]rotation, 0, sweeps*m.Rows), scaled: vec.AddScaled[float64](), stop: stop}
}

// add puts a rotation of two rows off.
func (r *rotations) add(x, y int, c, s float64) error {
	if r.m.Rows == 0 || s == 0 {
		return nil
	}
	r.list = append(r.list, rotation{int32(x), int32(y), s, s / (1 + c)})
	if len(r.list) < cap(r.list) {
		return nil
	}
	return r.apply()
}

// apply rotates what was put off. It asks whether to stop before each few columns.
func (r *rotations) apply() error {
	for j := 0; j < r.m.Cols; j += turned {
		if err := r.stop(); err != nil {
			return err
		}
		w := min(turned, r.m.Cols-j)
		for _, g := range r.list {
			x, y := row(r.m, int(g.x))[j:][:w], row(r.m, int(g.y))[j:][:w]
			r.scaled(x, y, g.t)
			r.scaled(y, x, -g.s)
			r.scaled(x, y, g.t)
		}
	}
	r.list = r.list[:0]
	return nil
}

// turn is the rotation that maps (f, g) to (r, 0), r having the sign of f.
func turn(f, g float64) (c, s, r float64) {
	if g == 0 {
		return 1, 0, f
	}
	r = math.Copysign(math.Hypot(f, g), f)
	return f / r, g / r, r
}

// bidiagonalSVD finds U, s and V in B = U·diag(s)·Vᵀ: B has a diagonal d, which becomes s, and above it e, which is
// overwritten. ut and vt have as many rows as B and get Uᵀ and Vᵀ multiplied from the left. Values are not negative and fall.
//
// It is implicit QR with the least singular value of the last two columns as shift (Golub and Van Loan, Matrix Computations,
// 8.6.3). It asks stop once a sweep, and more often while it rotates.
func bidiagonalSVD(d, e []float64, ut, vt gemm.Matrix[float64], stop func() error) error {
	b := &bidiagonal{d: d, e: e, u: newRotations(ut, stop), v: newRotations(vt, stop)}
	for i := range d {
		b.norm = max(b.norm, math.Abs(d[i]))
		if i < len(e) {
			b.norm = max(b.norm, math.Abs(e[i]))
		}
	}
	for q, left := len(d)-1, 40*len(d); q > 0; left-- {
		if left == 0 {
			return fmt.Errorf("linalg: singular values of %d x %d: no convergence", len(d), len(d))
		}
		if err := stop(); err != nil {
			return err
		}
		p := b.block(q)
		if p == q {
			q--
			continue
		}
		if err := b.sweep(p, q); err != nil {
			return err
		}
	}
	for _, r := range []*rotations{b.u, b.v} {
		if err := r.apply(); err != nil {
			return err
		}
	}
	for i, x := range d {
		if x < 0 {
			d[i] = -x
			for j, y := range row(vt, i) {
				row(vt, i)[j] = -y
			}
		}
	}
	sortRows(d, func(x, y float64) bool { return x > y }, ut, vt)
	return nil
}

// A bidiagonal matrix becomes diagonal.
type bidiagonal struct {
	d, e []float64
	u, v *rotations
	norm float64 // the largest element
}

// block returns the first column of the block that ends with q, setting to 0 what is small.
func (b *bidiagonal) block(q int) int {
	p := q
	for ; p > 0; p-- {
		if math.Abs(b.e[p-1]) <= slack*(math.Abs(b.d[p-1])+math.Abs(b.d[p])) || math.Abs(b.e[p-1]) <= slack*slack*b.norm {
			b.e[p-1] = 0
			break
		}
	}
	return p
}

// sweep is a step on columns p to q, no element of which above the diagonal is 0.
func (b *bidiagonal) sweep(p, q int) error {
	d, e := b.d, b.e
	for k := q; k >= p; k-- { // a zero on the diagonal divides the block
		if math.Abs(d[k]) <= slack*b.norm {
			d[k] = 0
			if k < q {
				return b.clearRow(k, q)
			}
			return b.clearColumn(p, q)
		}
	}
	shift := leastOf(d[q-1], e[q-1], d[q])
	f, g := (math.Abs(d[p])-shift)*(math.Copysign(1, d[p])+shift/d[p]), e[p]
	for k := p; k < q; k++ {
		c, s, r := turn(f, g)
		if k > p {
			e[k-1] = r
		}
		f, e[k] = c*d[k]+s*e[k], c*e[k]-s*d[k]
		g, d[k+1] = s*d[k+1], c*d[k+1]
		if err := b.v.add(k, k+1, c, s); err != nil {
			return err
		}
		c, s, d[k] = turn(f, g)
		f, d[k+1] = c*e[k]+s*d[k+1], c*d[k+1]-s*e[k]
		if k < q-1 {
			g, e[k+1] = s*e[k+1], c*e[k+1]
		}
		if err := b.u.add(k, k+1, c, s); err != nil {
			return err
		}
	}
	e[q-1] = f
	return nil
}

// clearRow makes a row whose diagonal is 0 all zeros.
func (b *bidiagonal) clearRow(k, q int) error {
	f := b.e[k]
	b.e[k] = 0
	for i := k + 1; i <= q && f != 0; i++ {
		c, s, r := turn(b.d[i], f)
		b.d[i] = r
		if i < q {
			f, b.e[i] = -s*b.e[i], c*b.e[i]
		}
		if err := b.u.add(i, k, c, s); err != nil {
			return err
		}
	}
	return nil
}

// clearColumn makes the last column, whose diagonal is 0, all zeros.
func (b *bidiagonal) clearColumn(p, q int) error {
	f := b.e[q-1]
	b.e[q-1] = 0
	for i := q - 1; i >= p && f != 0; i-- {
		c, s, r := turn(b.d[i], f)
		b.d[i] = r
		if i > p {
			f, b.e[i-1] = -s*b.e[i-1], c*b.e[i-1]
		}
		if err := b.v.add(i, q, c, s); err != nil {
			return err
		}
	}
	return nil
}

// leastOf is the least singular value of the matrix of rows (f, g) and (0, h): the greatest divides the determinant.
func leastOf(f, g, h float64) float64 {
	f, h = math.Abs(f), math.Abs(h)
	most := math.Hypot(f+h, g)/2 + math.Hypot(f-h, g)/2
	if most == 0 {
		return 0
	}
	return min(f, h) / most * max(f, h)
}

// tridiagonalEigen finds the eigenvalues of a symmetric matrix whose diagonal is d, which gets them from the least to the
// greatest, and beside it e, which is overwritten. zt has as many rows, or none, and gets Zᵀ multiplied from the left, whose
// rows are the vectors.
//
// It is implicit QR with Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3.3), and asks stop as bidiagonalSVD.
func tridiagonalEigen(d, e []float64, zt gemm.Matrix[float64], stop func() error) error {
	norm := 0.0
	for i := range d {
		norm = max(norm, math.Abs(d[i]))
		if i < len(e) {
			norm = max(norm, math.Abs(e[i]))
		}
	}
	z := newRotations(zt, stop)
	for q, left := len(d)-1, 40*len(d); q > 0; left-- {
		if left == 0 {
			return fmt.Errorf("linalg: eigenvalues of %d x %d: no convergence", len(d), len(d))
		}
		if err := stop(); err != nil {
			return err
		}
		p := q
		for ; p > 0; p-- {
			if math.Abs(e[p-1]) <= slack*(math.Abs(d[p-1])+math.Abs(d[p])) || math.Abs(e[p-1]) <= slack*slack*norm {
				e[p-1] = 0
				break
			}
		}
		if p == q {
			q--
			continue
		}
		if err := tridiagonalSweep(d, e, p, q, z); err != nil {
			return err
		}
	}
	if err := z.apply(); err != nil {
		return err
	}
	sortRows(d, func(x, y float64) bool { return x < y }, zt)
	return nil
}

// tridiagonalSweep is a step on rows p to q.
func tridiagonalSweep(d, e []float64, p, q int, z *rotations) error {
	half, b := (d[q-1]-d[q])/2, e[q-1]
	f, g := d[p]-(d[q]-b/(half+math.Copysign(math.Hypot(half, b), half))*b), e[p]
	for k := p; k < q; k++ {
		c, s, r := turn(f, g)
		if k > p {
			e[k-1] = r
		}
		w := s*(d[k+1]-d[k]) + 2*c*e[k]
		d[k] += s * w
		d[k+1] -= s * w
		e[k] = c*w - e[k]
		f = e[k]
		if k < q-1 {
			g, e[k+1] = s*e[k+1], c*e[k+1]
		}
		if err := z.add(k, k+1, c, s); err != nil {
			return err
		}
	}
	return nil
}

// sortRows orders values, and with them the rows of matrices that have any.
func sortRows(d []float64, before func(x, y float64) bool, ms ...gemm.Matrix[float64]) {
	order := make([]int, len(d))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case before(d[i], d[j]):
			return -1
		case before(d[j], d[i]):
			return 1
		}
		return 0
	})
	was := slices.Clone(d)
	for i, k := range order {
		d[i] = was[k]
	}
	for i, k := range order {
		for k < i { // what was there has been moved on
			k = order[k]
		}
		if k == i {
			continue
		}
		for _, m := range ms {
			if m.Rows > 0 {
				x, y := row(m, i), row(m, k)
				for j, v := range x {
					x[j], y[j] = y[j], v
				}
			}
		}
	}
}
