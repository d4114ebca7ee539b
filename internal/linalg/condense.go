package linalg

import (
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// A condenser makes matrices of float64 bidiagonal or tridiagonal by reflections from both sides. What it takes beside the
// matrix is of the heap. It is one thread's, and asks stop once a column.
type condenser struct {
	reflections[float64]
	stop func() error
}

// newCondenser is one for matrices of at most so many rows.
func newCondenser(rows int, stop func() error) *condenser {
	if stop == nil {
		stop = func() error { return nil }
	}
	k := &condenser{stop: stop}
	k.env = Env[float64]{Env: gemm.Env[float64]{Buf: make([]float64, gemm.MinBuffer[float64](1)), Workers: 1, Stop: stop}}
	k.dot, k.scaled, k.turn = vec.Dot[float64](), vec.AddScaled[float64](), vec.Transpose[float64]()
	k.times, k.over = vec.BinaryRight[float64](vec.Mul), vec.BinaryRight[float64](vec.Div)
	k.v = make([]float64, panel*rows)
	return k
}

// condenserHeap is the number of elements that a condenser takes for matrices of m rows, and for back to multiply one of n columns.
func condenserHeap(m, n int64) int64 {
	return int64(gemm.MinBuffer[float64](1)) + panel*m + panel*(m+panel) + 2*panel*n
}

// bidiagonal reflects the columns of A, which has at least as many rows, onto the diagonal d, and its rows onto the diagonal
// above it, e. What is left in A are the vectors: in columns below the diagonal, and in rows right of the one above; left and
// right are the factors of the reflections (Golub and Kahan, Calculating the singular values and pseudo-inverse of a matrix,
// 1965). Each column costs one look at what is right of and below it, and one change.
func (h *condenser) bidiagonal(a gemm.Matrix[float64]) (d, e, left, right []float64, err error) {
	m, n := a.Rows, a.Cols
	d, e, left, right = make([]float64, n), make([]float64, max(n-1, 0)), make([]float64, n), make([]float64, max(n-1, 0))
	v, w := make([]float64, m), make([]float64, n)
	for k := range n {
		if err := h.stop(); err != nil {
			return nil, nil, nil, nil, err
		}
		v, w := v[k:], w[k+1:]
		for i := range v {
			v[i] = get(a, k+i, k)
		}
		left[k] = h.reflect(v)
		d[k], v[0] = v[0], 1
		clear(w)
		for i, x := range v {
			if i > 0 {
				set(a, k+i, k, x)
			}
			h.scaled(w, row(a, k+i)[k+1:], x)
		}
		y := row(a, k)[k+1:]
		h.scaled(y, w, -left[k])
		if len(y) == 0 {
			continue
		}
		right[k] = h.reflect(y)
		e[k], y[0] = y[0], 1
		for i := 1; i < len(v); i++ {
			x := row(a, k+i)[k+1:]
			h.scaled(x, w, -left[k]*v[i])
			h.scaled(x, y, -right[k]*h.dot(x, y))
		}
	}
	return d, e, left, right, nil
}

// tridiagonal reflects the columns of A, which is symmetric, onto the diagonal d and the one below it, e. What is left below
// that are the vectors; tau are the factors of the reflections. Each column costs one change of what is right of and below it.
func (h *condenser) tridiagonal(a gemm.Matrix[float64]) (d, e, tau []float64, err error) {
	n := a.Rows
	d, e, tau = make([]float64, n), make([]float64, n-1), make([]float64, n-1)
	v, w, next, p := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for k := range n {
		if err := h.stop(); err != nil {
			return nil, nil, nil, err
		}
		// What is right of and below column k-1 is changed by v and w of that column, which are of its length, as it is looked at
		// for column k. Row k is the first of it.
		x := row(a, k)[k:]
		if k > 0 {
			h.scaled(x, w[:n-k], -v[0])
			h.scaled(x, v[:n-k], -w[0])
		}
		d[k] = x[0]
		m := n - k - 1
		if m == 0 {
			break
		}
		y, q := next[:m], p[:m]
		copy(y, x[1:])
		tau[k] = h.reflect(y)
		e[k], y[0] = y[0], 1
		for i := range m {
			x := row(a, k+1+i)[k+1:]
			if k > 0 {
				h.scaled(x, w[1:m+1], -v[i+1])
				h.scaled(x, v[1:m+1], -w[i+1])
			}
			q[i] = tau[k] * h.dot(x, y)
			set(a, k+1+i, k, y[i])
		}
		h.scaled(q, y, -tau[k]/2*h.dot(q, y))
		v, next, w, p = next, v, p, w
	}
	return d, e, tau, nil
}

// back multiplies C from the left with the product of reflections: their vectors are the columns of a matrix, from below its
// diagonal on, tau their factors.
func (h *condenser) back(vectors gemm.Matrix[float64], tau []float64, c gemm.Matrix[float64]) error {
	h.a, h.k = vectors, len(tau)
	h.cols, h.joins = make([]float64, panel*vectors.Rows), make([]float64, panel*panel)
	h.w, h.w2 = make([]float64, panel*c.Cols), make([]float64, panel*c.Cols)
	return eachPanel(h.k, true, func(j, w int) error {
		m := vectors.Rows - j
		h.joinPanel(j, w, tau)
		return h.applyJoined(gemm.RowMajor(h.joins, panel, panel, panel), j, w, c.Slice(j, 0, m, c.Cols), false)
	})
}

// joinPanel sets the triangle that joins the reflections of a panel (Schreiber and Van Loan, see QR).
func (h *condenser) joinPanel(j, w int, tau []float64) {
	m := h.a.Rows - j
	h.turn(h.cols, m, h.a.Data[j*h.a.RowStride+j:], h.a.RowStride, m, w)
	t := gemm.RowMajor(h.joins, panel, panel, panel)
	clear(t.Data)
	for c := range w {
		x := h.cols[c*m:][c:m]
		x[0] = 1
		h.joinOne(t, c, tau[j+c], func(i int) float64 { return h.dot(h.cols[i*m:][c:m], x) })
	}
}
