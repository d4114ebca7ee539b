package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// A View is a matrix of which parts can be viewed.
type View[M any] interface {
	// Slice is the view of rows i to i+rows and columns j to j+cols.
	Slice(i, j, rows, cols int) M
}

// A Field is the steps on matrices of one kind of numbers, so that what is put together of them is written once: M is
// gemm.Matrix for real numbers (Reals) and Complex for complex ones (Complexes).
type Field[M any] interface {
	// Mul adds A·B to C, Sub subtracts it.
	Mul(c, a, b M) error
	Sub(c, a, b M) error
	// H is the transposed view, of the conjugate.
	H(m M) M
	// Solve overwrites B with X in A·X = B, see the function Solve.
	Solve(a M, t Triangle, b M) error
	// SolveRight overwrites B with X in X·Lᴴ = B, L being lower triangular.
	SolveRight(b, l M) error
	// Cholesky overwrites A with L in A = L·Lᴴ, see the function Cholesky.
	Cholesky(a M) error
	// LU and Permute are as the functions of their names.
	LU(a M, pivots []int) error
	Permute(b M, pivots []int, back bool) error
	// Reflect, ApplyReflections and QR are as the functions of their names. What joins reflections is a matrix, see JoinShape.
	Reflect(a, joins M) error
	ApplyReflections(a, joins, c M, transposed bool) error
	QR(a, r M) error
}

// JoinShape is the shape of the matrix that joins the reflections of k columns.
func JoinShape(k int) (rows, cols int) { return Joins(k) / panel, panel }

// Reals are the steps on real matrices.
type Reals[T vec.Float] struct{ Env Env[T] }

// Mul implements Field.
func (f Reals[T]) Mul(c, a, b gemm.Matrix[T]) error { return gemm.Mul(c, a, b, f.Env.Env) }

// Sub implements Field.
func (f Reals[T]) Sub(c, a, b gemm.Matrix[T]) error { return gemm.Sub(c, a, b, f.Env.Env) }

// H implements Field.
func (f Reals[T]) H(m gemm.Matrix[T]) gemm.Matrix[T] { return m.T() }

// Solve implements Field.
func (f Reals[T]) Solve(a gemm.Matrix[T], t Triangle, b gemm.Matrix[T]) error {
	return Solve(a, t, b, f.Env)
}

// SolveRight implements Field.
func (f Reals[T]) SolveRight(b, l gemm.Matrix[T]) error { return Solve(l, Triangle{}, b.T(), f.Env) }

// Cholesky implements Field.
func (f Reals[T]) Cholesky(a gemm.Matrix[T]) error { return Cholesky(a, f.Env) }

// LU implements Field.
func (f Reals[T]) LU(a gemm.Matrix[T], pivots []int) error { return LU(a, pivots, f.Env) }

// Permute implements Field.
func (f Reals[T]) Permute(b gemm.Matrix[T], pivots []int, back bool) error {
	return Permute(b, pivots, back)
}

// Reflect implements Field.
func (f Reals[T]) Reflect(a, joins gemm.Matrix[T]) error { return Reflect(a, joins.Data, f.Env) }

// ApplyReflections implements Field.
func (f Reals[T]) ApplyReflections(a, joins, c gemm.Matrix[T], transposed bool) error {
	return ApplyReflections(a, joins.Data, c, transposed, f.Env)
}

// QR implements Field.
func (f Reals[T]) QR(a, r gemm.Matrix[T]) error { return QR(a, r, f.Env) }

// halves overwrites B (n x cols) with X in A·X = B, A a triangular matrix: it is cut in halves, so that most is a product,
// until small solves what is left.
func halves[M View[M]](n, cols int, a, b M, upper bool, sub func(c, a, b M) error, small func(a, b M) error) error {
	if n <= leaf {
		return small(a, b)
	}
	h := (n/2 + leaf - 1) / leaf * leaf
	first, last := b.Slice(0, 0, h, cols), b.Slice(h, 0, n-h, cols)
	a1, a2 := a.Slice(0, 0, h, h), a.Slice(h, h, n-h, n-h)
	if upper {
		if err := halves(n-h, cols, a2, last, upper, sub, small); err != nil {
			return err
		}
		if err := sub(first, a.Slice(0, h, h, n-h), last); err != nil {
			return err
		}
		return halves(h, cols, a1, first, upper, sub, small)
	}
	if err := halves(h, cols, a1, first, upper, sub, small); err != nil {
		return err
	}
	if err := sub(last, a.Slice(h, 0, n-h, h), first); err != nil {
		return err
	}
	return halves(n-h, cols, a2, last, upper, sub, small)
}

// luBlocks is LU of a matrix of rows x cols by panels, which step factors by loops.
func luBlocks[M View[M]](f Field[M], a M, rows, cols int, pivots []int, step func(a M, j, w int, pivots []int)) error {
	n := min(rows, cols)
	if len(pivots) < n {
		return fmt.Errorf("linalg: %d pivots for %d columns", len(pivots), n)
	}
	for j := 0; j < n; j += panel {
		w := min(panel, n-j)
		step(a, j, w, pivots)
		right := cols - j - w
		if right == 0 {
			continue
		}
		top := a.Slice(j, j+w, w, right)
		if err := f.Solve(a.Slice(j, j, w, w), Triangle{Unit: true}, top); err != nil {
			return err
		}
		below := rows - j - w
		if err := f.Sub(a.Slice(j+w, j+w, below, right), a.Slice(j+w, j, below, w), top); err != nil {
			return err
		}
	}
	return nil
}
