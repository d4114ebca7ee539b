package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// QR overwrites A (m x n, stored by rows) with Q in A = Q·R, and sets R. With k = min(m, n), Q is m x k with orthonormal
// columns (the first k of A), R is k x n, upper triangular (trapezoidal), with a diagonal that is not negative. Where A has
// full rank this makes both unique, whatever the algorithm.
//
// Tall matrices are done by two rounds of Cholesky factors of AᵀA, which is all matrix products and as orthogonal as
// Householder's reflections as long as the first round leaves columns near orthogonal (Yamamoto, Nakatsukasa, Yanagisawa and
// Fukaya, Roundoff error analysis of the CholeskyQR2 algorithm, 2015). That is looked at; where it does not hold, and for
// all other matrices, reflections are used, in blocks (Schreiber and Van Loan, A storage-efficient WY representation, 1989).
func QR[T vec.Float](a, r gemm.Matrix[T], env Env[T]) error {
	if err := byRows("A", a); err != nil {
		return err
	}
	k := min(a.Rows, a.Cols)
	if r.Rows != k || r.Cols != a.Cols {
		return fmt.Errorf("linalg: R of a matrix of %d x %d is %d x %d, not %d x %d", a.Rows, a.Cols, k, a.Cols, r.Rows, r.Cols)
	}
	if err := byRows("R", r); err != nil {
		return err
	}
	if k == 0 {
		return nil
	}
	if a.Rows < 4*a.Cols {
		return householder(a, r, env)
	}
	return tall(a, r, env)
}

// tall is QR by Cholesky factors.
func tall[T vec.Float](a, r gemm.Matrix[T], env Env[T]) error {
	n := a.Cols
	s, err := env.take(2 * n * n)
	if err != nil {
		return err
	}
	first, second := gemm.RowMajor(s[:n*n], n, n, n), gemm.RowMajor(s[n*n:], n, n, n)
	switch ok, err := gramFactor(a, first, 0, env); {
	case err != nil:
		return err
	case !ok:
		return householder(a, r, env)
	}
	if err := Solve(first, Triangle{}, a.T(), env); err != nil { // Q·Lᵀ = A
		return err
	}
	ok, err := gramFactor(a, second, 0.25, env)
	if err != nil {
		return err
	}
	if ok {
		if err := Solve(second, Triangle{}, a.T(), env); err != nil {
			return err
		}
	} else {
		// Columns are not near orthogonal: A has been divided well by its factor all the same, so the reflections go on
		// from there.
		if err := householder(a, second, env); err != nil {
			return err
		}
		transposeSquare(second)
	}
	// R = second' * first'.
	for i := range n {
		clear(row(r, i))
	}
	return gemm.Mul(r, second.T(), first.T(), env.Env)
}

// gramFactor sets l to the Cholesky factor of AᵀA. It is not ok if there is none, or if AᵀA differs from the unit matrix by
// limit or more (unless limit is 0).
func gramFactor[T vec.Float](a, l gemm.Matrix[T], limit T, env Env[T]) (ok bool, err error) {
	clear(l.Data)
	if err := gemm.Mul(l, a.T(), a, env.Env); err != nil {
		return false, err
	}
	for i := range l.Rows {
		for j, v := range row(l, i) {
			if i == j {
				v--
			}
			if limit > 0 && !(abs(v)*T(l.Rows) < limit) {
				return false, nil
			}
		}
	}
	switch err := Cholesky(l, env).(type) {
	case nil:
		return true, nil
	case NotPositive:
		return false, nil
	default:
		return false, err
	}
}

func transposeSquare[T vec.Float](m gemm.Matrix[T]) {
	for i := range m.Rows {
		for j := range i {
			v := get(m, i, j)
			set(m, i, j, get(m, j, i))
			set(m, j, i, v)
		}
	}
}

// reflections is QR by Householder's reflections: the vectors of a panel of columns below the diagonal of A, and for each
// panel the triangle that joins them.
type reflections[T vec.Float] struct {
	a      gemm.Matrix[T]
	k      int
	env    Env[T]
	cols   []T // a panel, column after column
	joins  []T // for each panel the triangle t: the product of reflections is 1 - V·t·Vᵀ
	v      []T // a panel's vectors with zeros and ones, by rows
	w, w2  []T // panel x columns
	dot    func(x, y []T) T
	scaled func(dst, x []T, c T)
	times  func(dst, x []T, c T)
	over   func(dst, x []T, c T)
	turn   func(dst []T, ldd int, src []T, lds int, rows, cols int)
}

func householder[T vec.Float](a, r gemm.Matrix[T], env Env[T]) error {
	k := min(a.Rows, a.Cols)
	joins, err := env.take(Joins(k))
	if err != nil {
		return err
	}
	h, err := newReflections(a, joins, env)
	if err != nil {
		return err
	}
	for j := 0; j < k; j += panel {
		if err := h.factor(j, min(panel, k-j)); err != nil {
			return err
		}
	}
	for i := range k {
		x := row(r, i)
		clear(x[:i])
		copy(x[i:], row(a, i)[i:])
	}
	if err := h.form(); err != nil {
		return err
	}
	positive(a, r, h.w[:k])
	return nil
}

// factor reflects columns j to j+w onto the diagonal and applies that to what is right of them.
func (h *reflections[T]) factor(j, w int) error {
	m := h.a.Rows - j
	h.turn(h.cols, m, h.a.Data[j*h.a.RowStride+j:], h.a.RowStride, m, w)
	t := h.join(j)
	clear(t.Data)
	for c := range w {
		x := h.cols[c*m:][c:m]
		tau := h.reflect(x)
		v0 := x[0]
		x[0] = 1
		for d := c + 1; d < w; d++ {
			y := h.cols[d*m:][c:m]
			h.scaled(y, x, -tau*h.dot(x, y))
		}
		h.joinOne(t, c, tau, func(i int) T { return h.dot(h.cols[i*m:][c:m], x) })
		x[0] = v0
	}
	h.turn(h.a.Data[j*h.a.RowStride+j:], h.a.RowStride, h.cols, m, w, m)
	if right := h.a.Cols - j - w; right > 0 {
		return h.apply(j, w, h.a.Slice(j, j+w, m, right), true)
	}
	return nil
}

// joinOne adds reflection c, whose products with the vectors before it are inner(i), to a triangle: what is above t[c, c] is
// -tau * t[:c, :c] * Vᵀ·v.
func (h *reflections[T]) joinOne(t gemm.Matrix[T], c int, tau T, inner func(i int) T) {
	set(t, c, c, tau)
	for i := range c {
		set(t, i, c, -tau*inner(i))
	}
	for i := range c {
		var s T
		for l := i; l < c; l++ {
			s += T(get(t, i, l) * get(t, l, c))
		}
		set(t, i, c, s)
	}
}

// join is the triangle of the panel that begins at column j.
func (h *reflections[T]) join(j int) gemm.Matrix[T] {
	return gemm.RowMajor(h.joins[j*panel:][:panel*panel], panel, panel, panel)
}

// reflect makes of x the vector of the reflection that maps it to a multiple of the first unit vector: that multiple in x[0],
// the rest of the vector behind it, its first element being 1.
func (h *reflections[T]) reflect(x []T) (tau T) {
	var rest T
	for _, v := range x[1:] {
		if v != v {
			x[0] = v // R tells: not all that is made of it reads Q too
			return 0
		}
		rest = max(rest, abs(v))
	}
	if rest == 0 {
		return 0
	}
	f := balance(max(rest, abs(x[0])))
	if f != 1 {
		h.times(x, x, f)
	}
	norm := sqrt(h.dot(x, x))
	if x[0] > 0 {
		norm = -norm
	}
	d := x[0] - norm
	h.over(x[1:], x[1:], d)
	x[0] = norm / f
	return -d / norm
}

// balance returns a power of two by which numbers of at most top are multiplied before they are squared, so that neither sums
// of squares overflow nor the greatest of them underflow.
func balance[T vec.Float](top T) T {
	low, high, up, down := 1e-140, 1e140, 0x1p600, 0x1p-600
	if T(1)+T(1e-10) == 1 { // float32
		low, high, up, down = 1e-14, 1e14, 0x1p90, 0x1p-80
	}
	switch v := float64(top); {
	case v < low:
		return T(up)
	case v > high:
		return T(down)
	}
	return 1
}

// apply multiplies C, rows j on, from the left with the reflections of a panel: 1 - V·t·Vᵀ, or with t transposed.
func (h *reflections[T]) apply(j, w int, c gemm.Matrix[T], transposed bool) error {
	return h.applyJoined(h.join(j), j, w, c, transposed)
}

// applyJoined is apply with the triangle t of the panel.
func (h *reflections[T]) applyJoined(t gemm.Matrix[T], j, w int, c gemm.Matrix[T], transposed bool) error {
	m := c.Rows
	v := gemm.RowMajor(h.v, m, w, w)
	for i := range m {
		x := row(v, i)
		copy(x, row(h.a, j+i)[j:j+w])
		if i < w {
			x[i] = 1
			clear(x[i+1:])
		}
	}
	t = t.Slice(0, 0, w, w)
	if transposed {
		t = t.T()
	}
	a, b := gemm.RowMajor(h.w, w, c.Cols, c.Cols), gemm.RowMajor(h.w2, w, c.Cols, c.Cols)
	clear(h.w[:w*c.Cols])
	clear(h.w2[:w*c.Cols])
	if err := gemm.Mul(a, v.T(), c, h.env.Env); err != nil {
		return err
	}
	if err := gemm.Mul(b, t, a, h.env.Env); err != nil {
		return err
	}
	return gemm.Sub(c, v, b, h.env.Env)
}

// form overwrites the vectors with Q: the unit matrix is multiplied with the panels from the last to the first; columns left
// of a panel are still to come, so they are still vectors.
func (h *reflections[T]) form() error {
	last := (h.k - 1) / panel * panel
	for j := last; j >= 0; j -= panel {
		w := min(panel, h.k-j)
		m := h.a.Rows - j
		// Right of the panel is what the later ones made; above it stand zeros.
		if right := h.k - j - w; right > 0 {
			for i := range w {
				clear(row(h.a, j+i)[j+w : h.k])
			}
			if err := h.apply(j, w, h.a.Slice(j, j+w, m, right), false); err != nil {
				return err
			}
		}
		if err := h.formPanel(j, w); err != nil {
			return err
		}
	}
	return nil
}

// formPanel overwrites a panel with the first w columns of 1 - V·t·Vᵀ, which are E - V·(t·V1ᵀ), V1 being the first w rows.
func (h *reflections[T]) formPanel(j, w int) error {
	m := h.a.Rows - j
	v := gemm.RowMajor(h.v, m, w, w)
	for i := range m {
		x := row(v, i)
		y := row(h.a, j+i)[j : j+w]
		copy(x, y)
		clear(y)
		if i < w {
			x[i] = 1
			clear(x[i+1:])
			y[i] = 1
		}
	}
	b := gemm.RowMajor(h.w, w, w, w)
	clear(b.Data[:w*w])
	if err := gemm.Mul(b, h.join(j).Slice(0, 0, w, w), v.Slice(0, 0, w, w).T(), h.env.Env); err != nil {
		return err
	}
	return gemm.Sub(h.a.Slice(j, j, m, w), v, b, h.env.Env)
}

// positive turns columns of Q and rows of R whose diagonal is negative. signs has room for k elements.
func positive[T vec.Float](q, r gemm.Matrix[T], signs []T) {
	turned := false
	for i := range signs {
		signs[i] = 1
		if x := row(r, i)[i:]; x[0] < 0 {
			signs[i], turned = -1, true
			for j, v := range x {
				x[j] = -v
			}
		}
	}
	if !turned {
		return
	}
	times := vec.Binary[T](vec.Mul)
	for i := range q.Rows {
		x := row(q, i)[:len(signs)]
		times(x, x, signs)
	}
}
