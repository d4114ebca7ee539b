package linalg

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

func sqrt[T vec.Float](x T) T { return T(math.Sqrt(float64(x))) }

func abs[T vec.Float](x T) T {
	if x < 0 {
		return -x
	}
	return x
}

// LU overwrites A (m x n, stored by rows) with L and U in P·A = L·U: L below the diagonal, its ones not stored, U on and
// above it. pivots gets min(m, n) numbers of rows: row i was exchanged with row pivots[i], in this order. The largest element
// of a column is the pivot, the first of equals; NaN is never one. A column without one leaves a zero (or NaN) on U's
// diagonal; it is for the caller to look there.
func LU[T vec.Float](a gemm.Matrix[T], pivots []int, env Env[T]) error {
	if err := byRows("A", a); err != nil {
		return err
	}
	scaled := vec.AddScaled[T]()
	return luBlocks(Reals[T]{env}, a, a.Rows, a.Cols, pivots, func(a gemm.Matrix[T], j, w int, pivots []int) {
		luPanel(a, j, w, pivots, scaled)
	})
}

// luPanel factors columns j to j+w from row j on, and exchanges whole rows.
func luPanel[T vec.Float](a gemm.Matrix[T], j, w int, pivots []int, scaled func(dst, x []T, c T)) {
	for k := j; k < j+w; k++ {
		p, best := k, T(-1)
		for i := k; i < a.Rows; i++ {
			if v := abs(get(a, i, k)); v > best {
				p, best = i, v
			}
		}
		pivots[k] = p
		if p != k {
			exchange(row(a, p), row(a, k))
		}
		x := row(a, k)[k : j+w]
		d := x[0]
		if d == 0 {
			continue
		}
		for i := k + 1; i < a.Rows; i++ {
			y := row(a, i)[k : j+w]
			if y[0] == 0 {
				continue
			}
			y[0] /= d
			scaled(y[1:], x[1:], -y[0])
		}
	}
}

func exchange[T any](x, y []T) {
	for i, v := range x {
		x[i], y[i] = y[i], v
	}
}

// Permute exchanges the rows of B as LU did those of A, or back.
func Permute[T vec.Float](b gemm.Matrix[T], pivots []int, back bool) error {
	if err := byRows("B", b); err != nil {
		return err
	}
	for k := range pivots {
		i := k
		if back {
			i = len(pivots) - 1 - k
		}
		if p := pivots[i]; p < 0 || p >= b.Rows {
			return fmt.Errorf("linalg: pivot %d is row %d of %d", i, p, b.Rows)
		} else if p != i {
			exchange(row(b, p), row(b, i))
		}
	}
	return nil
}
