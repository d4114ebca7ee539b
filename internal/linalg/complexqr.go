package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// complexReflections is reflections for complex numbers: each maps a vector to a real multiple of the first unit vector, so
// that the diagonal of R is real. 1 - V·t·Vᴴ is the product of those of a panel; from the left A is multiplied with its
// conjugate transposed.
type complexReflections[T vec.Float] struct {
	*Complexes[T]
	a     Complex[T]
	k     int
	joins Complex[T] // for each panel the triangle t
	cols  []T        // a panel, column after column, each its real parts and then its imaginary ones; or by rows
	w, w2 []T
}

// newReflections borrows what all steps need; wide is how many columns they are applied to at most.
func (f *Complexes[T]) newReflections(a, joins Complex[T], wide int) (*complexReflections[T], error) {
	k := min(a.Re.Rows, a.Re.Cols)
	if rows, cols := JoinShape(k); joins.Re.Rows < rows || joins.Re.Cols != cols {
		return nil, fmt.Errorf("linalg: %d x %d elements to join the reflections of %d columns", joins.Re.Rows, joins.Re.Cols, k)
	}
	h := &complexReflections[T]{a: a, k: k, joins: joins}
	g := *f
	h.Complexes = &g
	for _, b := range []struct {
		s *[]T
		n int
	}{{&h.cols, 2 * panel * a.Re.Rows}, {&h.w, 2 * panel * wide}, {&h.w2, 2 * panel * wide}} {
		s, err := g.Env.take(b.n)
		if err != nil {
			return nil, err
		}
		*b.s = s
	}
	return h, nil
}

// reflectComplex makes of x the vector of the reflection 1 - tau·v·vᴴ whose conjugate transposed maps it to beta times the
// first unit vector: v without its first element, which is 1, in x behind x[0] (LAPACK Users' Guide, xLARFG).
func reflectComplex[T vec.Float](re, im []T) (tau number[T], beta T) {
	alpha := number[T]{re[0], im[0]}
	top := T(0)
	for i := range re {
		if re[i] != re[i] || im[i] != im[i] {
			return number[T]{}, re[i] + im[i] // R tells: not all that is made of it reads Q too
		}
		if i > 0 {
			top = max(top, abs(re[i]), abs(im[i]))
		}
	}
	if top == 0 && alpha.im == 0 {
		return number[T]{}, alpha.re
	}
	f := balance(max(top, abs(alpha.re), abs(alpha.im)))
	sum := 0.0
	for i := 1; i < len(re); i++ {
		re[i], im[i] = re[i]*f, im[i]*f
		sum += float64(re[i])*float64(re[i]) + float64(im[i])*float64(im[i])
	}
	alpha.re, alpha.im = alpha.re*f, alpha.im*f
	beta = hypot(alpha.re, alpha.im, T(sqrt(sum)))
	if alpha.re > 0 {
		beta = -beta
	}
	tau = number[T]{(beta - alpha.re) / beta, -alpha.im / beta}
	scale := number[T]{1, 0}.over(number[T]{alpha.re - beta, alpha.im})
	for i := 1; i < len(re); i++ {
		v := number[T]{re[i], im[i]}.times(scale)
		re[i], im[i] = v.re, v.im
	}
	return tau, beta / f
}

// column is column c of the panel of m rows, from row c on.
func (h *complexReflections[T]) column(c, m int) (re, im []T) {
	return h.cols[2*c*m:][c:m], h.cols[(2*c+1)*m:][c:m]
}

// join is the triangle of the panel that begins at column j.
func (h *complexReflections[T]) join(j int) Complex[T] { return h.joins.Slice(j, 0, panel, panel) }

// factor reflects columns j to j+w onto the diagonal and applies that to what is right of them.
func (h *complexReflections[T]) factor(j, w int) error {
	m := h.a.Re.Rows - j
	part := h.a.Slice(j, j, m, w)
	h.turn(h.cols, 2*m, part.Re.Data, part.Re.RowStride, m, w)
	h.turn(h.cols[m:], 2*m, part.Im.Data, part.Im.RowStride, m, w)
	t := h.join(j)
	t.clear()
	for c := range w {
		xr, xi := h.column(c, m)
		tau, beta := reflectComplex(xr, xi)
		xr[0], xi[0] = 1, 0
		for d := c + 1; d < w; d++ {
			yr, yi := h.cols[2*d*m:][c:m], h.cols[(2*d+1)*m:][c:m]
			h.minus(yr, yi, tau.conj().times(h.inner(xr, xi, yr, yi)), xr, xi)
		}
		h.joinOne(t, c, tau, func(i int) number[T] {
			return h.inner(h.cols[2*i*m:][c:m], h.cols[(2*i+1)*m:][c:m], xr, xi)
		})
		xr[0], xi[0] = beta, 0
	}
	h.turn(part.Re.Data, part.Re.RowStride, h.cols, 2*m, w, m)
	h.turn(part.Im.Data, part.Im.RowStride, h.cols[m:], 2*m, w, m)
	if right := h.a.Re.Cols - j - w; right > 0 {
		return h.apply(j, w, h.a.Slice(j, j+w, m, right), true)
	}
	return nil
}

// joinOne adds reflection c, whose products with the vectors before it are inner(i), to a triangle.
func (h *complexReflections[T]) joinOne(t Complex[T], c int, tau number[T], inner func(i int) number[T]) {
	t.set(c, c, tau)
	minus := number[T]{-tau.re, -tau.im}
	for i := range c {
		t.set(i, c, minus.times(inner(i)))
	}
	for i := range c {
		var s number[T]
		for l := i; l < c; l++ {
			p := t.at(i, l).times(t.at(l, c))
			s.re, s.im = s.re+p.re, s.im+p.im
		}
		t.set(i, c, s)
	}
}

// apply multiplies C, rows j on, from the left with 1 - V·t·Vᴴ of a panel, or the conjugate transposed of it.
func (h *complexReflections[T]) apply(j, w int, c Complex[T], transposed bool) error {
	m := c.Re.Rows
	v := Planes(h.cols[:2*m*w], m, w)
	from := h.a.Slice(j, j, m, w)
	for i := range m {
		xr, xi := row(v.Re, i), row(v.Im, i)
		for l := range min(i, w) {
			x := from.at(i, l)
			xr[l], xi[l] = x.re, x.im
		}
		if i < w {
			clear(xr[i:])
			clear(xi[i:])
			xr[i] = 1
		}
	}
	t := h.join(j).Slice(0, 0, w, w)
	if transposed {
		t = t.H()
	}
	a, b := Planes(h.w[:2*w*c.Re.Cols], w, c.Re.Cols), Planes(h.w2[:2*w*c.Re.Cols], w, c.Re.Cols)
	a.clear()
	b.clear()
	if err := h.Mul(a, v.H(), c); err != nil {
		return err
	}
	if err := h.Mul(b, t, a); err != nil {
		return err
	}
	return h.Sub(c, v, b)
}

// Reflect implements Field: the diagonal of R is real.
func (f *Complexes[T]) Reflect(a, joins Complex[T]) error {
	if err := a.byRows("A"); err != nil {
		return err
	}
	h, err := f.newReflections(a, joins, a.Re.Cols)
	if err != nil {
		return err
	}
	for j := 0; j < h.k; j += panel {
		if err := f.stop(); err != nil {
			return err
		}
		if err := h.factor(j, min(panel, h.k-j)); err != nil {
			return err
		}
	}
	return nil
}

// ApplyReflections implements Field.
func (f *Complexes[T]) ApplyReflections(a, joins, c Complex[T], transposed bool) error {
	if err := c.byRows("C"); err != nil {
		return err
	}
	if a.Re.Rows != c.Re.Rows {
		return fmt.Errorf("linalg: reflections of %d rows do not fit %d", a.Re.Rows, c.Re.Rows)
	}
	h, err := f.newReflections(a, joins, c.Re.Cols)
	if err != nil {
		return err
	}
	return eachPanel(h.k, !transposed, func(j, w int) error {
		return h.apply(j, w, c.Slice(j, 0, c.Re.Rows-j, c.Re.Cols), transposed)
	})
}

// QR implements Field, by reflections.
func (f *Complexes[T]) QR(a, r Complex[T]) error {
	k := min(a.Re.Rows, a.Re.Cols)
	if r.Re.Rows != k || r.Re.Cols != a.Re.Cols {
		return fmt.Errorf("linalg: R of a matrix of %d x %d is %d x %d, not %d x %d", a.Re.Rows, a.Re.Cols, k, a.Re.Cols, r.Re.Rows, r.Re.Cols)
	}
	if k == 0 {
		return nil
	}
	g := *f
	space, err := g.Env.take(2 * (Joins(k) + a.Re.Rows*k))
	if err != nil {
		return err
	}
	rows, cols := JoinShape(k)
	joins := Planes(space[:2*rows*cols], rows, cols)
	if err := g.Reflect(a, joins); err != nil {
		return err
	}
	vectors := Planes(space[2*rows*cols:][:2*a.Re.Rows*k], a.Re.Rows, k)
	vectors.Copy(a.Slice(0, 0, a.Re.Rows, k))
	for i := range k {
		for _, p := range [2][2]gemm.Matrix[T]{{r.Re, a.Re}, {r.Im, a.Im}} {
			x := row(p[0], i)
			clear(x[:i])
			copy(x[i:], row(p[1], i)[i:])
		}
	}
	q := a.Slice(0, 0, a.Re.Rows, k)
	q.clear()
	for i := range k {
		sign := T(1)
		if get(r.Re, i, i) < 0 {
			sign = -1
			for _, p := range [2]gemm.Matrix[T]{r.Re, r.Im} {
				for j, v := range row(p, i) {
					row(p, i)[j] = -v
				}
			}
		}
		set(q.Re, i, i, sign)
	}
	return g.ApplyReflections(vectors, joins, q, false)
}
