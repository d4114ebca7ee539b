package linalg

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// Complex is a view of a matrix of complex numbers: its real parts and its imaginary ones, so that products are four of the
// real kernels. With Conj the imaginary parts count negated.
type Complex[T vec.Float] struct {
	Re, Im gemm.Matrix[T]
	Conj   bool
}

// Planes views data, of 2*rows*cols elements, as a matrix whose parts are stored by rows, one after the other.
func Planes[T vec.Float](data []T, rows, cols int) Complex[T] {
	return Complex[T]{Re: gemm.RowMajor(data[:rows*cols], rows, cols, cols), Im: gemm.RowMajor(data[rows*cols:], rows, cols, cols)}
}

// Pairs views numbers whose two parts lie beside each other, row after row.
func Pairs[T vec.Float](data []T, rows, cols int) Complex[T] {
	if len(data) == 0 {
		return Planes(data, rows, cols)
	}
	m := gemm.Matrix[T]{Data: data, Rows: rows, Cols: cols, RowStride: 2 * cols, ColStride: 2}
	im := m
	im.Data = data[1:]
	return Complex[T]{Re: m, Im: im}
}

// Copy sets the elements of m, whose parts are stored by rows or beside each other, to those of x.
func (m Complex[T]) Copy(x Complex[T]) {
	for i := range m.Re.Rows {
		for j := range m.Re.Cols {
			m.set(i, j, x.at(i, j))
		}
	}
}

// number is an element.
type number[T vec.Float] struct{ re, im T }

func (x number[T]) conj() number[T] { return number[T]{x.re, -x.im} }

func (x number[T]) times(y number[T]) number[T] {
	return number[T]{T(x.re*y.re) - T(x.im*y.im), T(x.re*y.im) + T(x.im*y.re)}
}

// over divides without overflow on the way.
func (x number[T]) over(y number[T]) number[T] {
	z := complex(float64(x.re), float64(x.im)) / complex(float64(y.re), float64(y.im))
	return number[T]{T(real(z)), T(imag(z))}
}

func (m Complex[T]) at(i, j int) number[T] {
	x := number[T]{get(m.Re, i, j), get(m.Im, i, j)}
	if m.Conj {
		return x.conj()
	}
	return x
}

func (m Complex[T]) set(i, j int, x number[T]) {
	set(m.Re, i, j, x.re)
	set(m.Im, i, j, x.im)
}

// Slice is the view of rows i to i+rows and columns j to j+cols.
func (m Complex[T]) Slice(i, j, rows, cols int) Complex[T] {
	return Complex[T]{m.Re.Slice(i, j, rows, cols), m.Im.Slice(i, j, rows, cols), m.Conj}
}

// T is the transposed view, H that of the conjugate.
func (m Complex[T]) T() Complex[T] { return Complex[T]{m.Re.T(), m.Im.T(), m.Conj} }

// H is the transposed view of the conjugate.
func (m Complex[T]) H() Complex[T] { return Complex[T]{m.Re.T(), m.Im.T(), !m.Conj} }

// clear sets all elements, stored by rows, to zero.
func (m Complex[T]) clear() {
	for i := range m.Re.Rows {
		clear(row(m.Re, i))
		clear(row(m.Im, i))
	}
}

func (m Complex[T]) byRows(name string) error {
	if m.Conj {
		return fmt.Errorf("linalg: %s is a conjugate view", name)
	}
	if err := byRows(name, m.Re); err != nil {
		return err
	}
	return byRows(name, m.Im)
}

// MulComplex adds A·B to C, which is no conjugate view; else as gemm.Mul.
func MulComplex[T vec.Float](c, a, b Complex[T], env gemm.Env[T]) error {
	return mulComplex(c, a, b, false, env)
}

func mulComplex[T vec.Float](c, a, b Complex[T], negate bool, env gemm.Env[T]) error {
	for _, p := range []struct {
		c, a, b gemm.Matrix[T]
		minus   bool
	}{
		{c.Re, a.Re, b.Re, negate},
		{c.Re, a.Im, b.Im, (a.Conj == b.Conj) != negate},
		{c.Im, a.Re, b.Im, b.Conj != negate},
		{c.Im, a.Im, b.Re, a.Conj != negate},
	} {
		add := gemm.Mul[T]
		if p.minus {
			add = gemm.Sub[T]
		}
		if err := add(p.c, p.a, p.b, env); err != nil {
			return err
		}
	}
	return nil
}

// Complexes are the steps on complex matrices.
type Complexes[T vec.Float] struct {
	Env    Env[T]
	scaled func(dst, x []T, c T)
	dot    func(x, y []T) T
	turn   func(dst []T, ldd int, src []T, lds int, rows, cols int)
}

// NewComplexes binds the steps to what they borrow.
func NewComplexes[T vec.Float](env Env[T]) *Complexes[T] {
	return &Complexes[T]{Env: env, scaled: vec.AddScaled[T](), dot: vec.Dot[T](), turn: vec.Transpose[T]()}
}

// TmpForComplex returns the number of elements of Env.Tmp that suffice for all steps on complex matrices of at most m x n,
// and for reflections of n columns applied to w others.
func TmpForComplex(m, n, w int) int {
	k := min(m, n)
	return 2 * (tile*max(k, panel) + panel*m + 2*panel*max(m, n, w) + Joins(k) + m*k + panel*panel)
}

// Mul implements Field.
func (f *Complexes[T]) Mul(c, a, b Complex[T]) error { return mulComplex(c, a, b, false, f.Env.Env) }

// Sub implements Field.
func (f *Complexes[T]) Sub(c, a, b Complex[T]) error { return mulComplex(c, a, b, true, f.Env.Env) }

// H implements Field.
func (f *Complexes[T]) H(m Complex[T]) Complex[T] { return m.H() }

func (f *Complexes[T]) stop() error {
	if f.Env.Stop == nil {
		return nil
	}
	return f.Env.Stop()
}

// minus subtracts z times a row from another.
func (f *Complexes[T]) minus(re, im []T, z number[T], xr, xi []T) {
	f.scaled(re, xr, -z.re)
	f.scaled(re, xi, z.im)
	f.scaled(im, xi, -z.re)
	f.scaled(im, xr, -z.im)
}

// inner is the sum of the conjugate of x times y.
func (f *Complexes[T]) inner(xr, xi, yr, yi []T) number[T] {
	return number[T]{f.dot(xr, yr) + f.dot(xi, yi), f.dot(xr, yi) - f.dot(xi, yr)}
}

// Solve implements Field, see Solve; B is stored by rows.
func (f *Complexes[T]) Solve(a Complex[T], t Triangle, b Complex[T]) error {
	if a.Re.Rows != a.Re.Cols || a.Re.Rows != b.Re.Rows {
		return fmt.Errorf("linalg: a triangle of %d x %d does not fit %d x %d", a.Re.Rows, a.Re.Cols, b.Re.Rows, b.Re.Cols)
	}
	if err := b.byRows("B"); err != nil {
		return err
	}
	if err := singular(t, b.Re.Rows, func(i int) bool { return a.at(i, i) == number[T]{} }); err != nil {
		return err
	}
	return halves(a.Re.Rows, b.Re.Cols, a, b, t.Upper, f.Sub, func(a, b Complex[T]) error {
		f.substitute(a, t, b)
		return f.stop()
	})
}

// substitute solves by loops over rows.
func (f *Complexes[T]) substitute(a Complex[T], t Triangle, b Complex[T]) {
	n := a.Re.Rows
	for k := range n {
		i, from, to := k, 0, k
		if t.Upper {
			i, from, to = n-1-k, n-k, n
		}
		re, im := row(b.Re, i), row(b.Im, i)
		for j := from; j < to; j++ {
			f.minus(re, im, a.at(i, j), row(b.Re, j), row(b.Im, j))
		}
		if t.Unit {
			continue
		}
		d := a.at(i, i)
		for j, v := range re {
			x := number[T]{v, im[j]}.over(d)
			re[j], im[j] = x.re, x.im
		}
	}
}

// SolveRight implements Field: rows of B are turned to columns, some at a time.
func (f *Complexes[T]) SolveRight(b, l Complex[T]) error {
	n := l.Re.Rows
	g := *f
	space, err := g.Env.take(2 * tile * n)
	if err != nil {
		return err
	}
	conj := l
	conj.Conj = !l.Conj
	for i := 0; i < b.Re.Rows; i += tile {
		h := min(tile, b.Re.Rows-i)
		part := Planes(space[:2*n*h], n, h)
		for _, p := range [2][2]gemm.Matrix[T]{{part.Re, b.Re}, {part.Im, b.Im}} {
			f.turn(p[0].Data, h, p[1].Data[i*p[1].RowStride:], p[1].RowStride, h, n)
		}
		if err := g.Solve(conj, Triangle{}, part); err != nil {
			return err
		}
		for _, p := range [2][2]gemm.Matrix[T]{{part.Re, b.Re}, {part.Im, b.Im}} {
			f.turn(p[1].Data[i*p[1].RowStride:], p[1].RowStride, p[0].Data, h, n, h)
		}
	}
	return nil
}

// Cholesky implements Field. Imaginary parts of the diagonal are not read.
func (f *Complexes[T]) Cholesky(a Complex[T]) error {
	if a.Re.Rows != a.Re.Cols {
		return fmt.Errorf("linalg: a matrix of %d x %d has no Cholesky factor", a.Re.Rows, a.Re.Cols)
	}
	if err := a.byRows("A"); err != nil {
		return err
	}
	n := a.Re.Rows
	for j := 0; j < n; j += leaf {
		w := min(leaf, n-j)
		diagonal := a.Slice(j, j, w, w)
		if c := f.choleskySmall(diagonal); c >= 0 {
			return NotPositive{j + c}
		}
		for i := range w {
			clear(row(a.Re, j+i)[j+i+1:])
			clear(row(a.Im, j+i)[j+i:])
		}
		rest := n - j - w
		if rest == 0 {
			break
		}
		below := a.Slice(j+w, j, rest, w)
		if err := f.SolveRight(below, diagonal); err != nil {
			return err
		}
		const wide = 4 * leaf
		for i := 0; i < rest; i += wide {
			c := min(wide, rest-i)
			if err := f.Sub(a.Slice(j+w+i, j+w+i, rest-i, c), below.Slice(i, 0, rest-i, w), below.Slice(i, 0, c, w).H()); err != nil {
				return err
			}
		}
	}
	return nil
}

// choleskySmall returns the first column that fails, or -1.
func (f *Complexes[T]) choleskySmall(a Complex[T]) int {
	for i := range a.Re.Rows {
		xr, xi := row(a.Re, i), row(a.Im, i)
		for j := range i {
			yr, yi := row(a.Re, j), row(a.Im, j)
			s := f.inner(yr[:j], yi[:j], xr[:j], xi[:j])
			xr[j], xi[j] = (xr[j]-s.re)/yr[j], (xi[j]-s.im)/yr[j]
		}
		d := xr[i] - f.dot(xr[:i], xr[:i]) - f.dot(xi[:i], xi[:i])
		if !(d > 0) || d-d != 0 {
			return i
		}
		xr[i] = sqrt(d)
	}
	return -1
}

// LU implements Field, see LU. The size of an element is the sum of those of its parts.
func (f *Complexes[T]) LU(a Complex[T], pivots []int) error {
	if err := a.byRows("A"); err != nil {
		return err
	}
	return luBlocks(f, a, a.Re.Rows, a.Re.Cols, pivots, f.luPanel)
}

// luPanel factors columns j to j+w from row j on, and exchanges whole rows.
func (f *Complexes[T]) luPanel(a Complex[T], j, w int, pivots []int) {
	for k := j; k < j+w; k++ {
		p, best := k, T(-1)
		for i := k; i < a.Re.Rows; i++ {
			if v := abs(get(a.Re, i, k)) + abs(get(a.Im, i, k)); v > best {
				p, best = i, v
			}
		}
		pivots[k] = p
		if p != k {
			exchange(row(a.Re, p), row(a.Re, k))
			exchange(row(a.Im, p), row(a.Im, k))
		}
		d := a.at(k, k)
		if d.re == 0 && d.im == 0 {
			continue
		}
		xr, xi := row(a.Re, k)[k+1:j+w], row(a.Im, k)[k+1:j+w]
		for i := k + 1; i < a.Re.Rows; i++ {
			y := a.at(i, k)
			if y.re == 0 && y.im == 0 {
				continue
			}
			y = y.over(d)
			a.set(i, k, y)
			f.minus(row(a.Re, i)[k+1:j+w], row(a.Im, i)[k+1:j+w], y, xr, xi)
		}
	}
}

// Permute implements Field.
func (f *Complexes[T]) Permute(b Complex[T], pivots []int, back bool) error {
	if err := Permute(b.Re, pivots, back); err != nil {
		return err
	}
	return Permute(b.Im, pivots, back)
}

// hypot is the length of a vector of real numbers, without overflow on the way.
func hypot[T vec.Float](xs ...T) T {
	h := 0.0
	for _, x := range xs {
		h = math.Hypot(h, float64(x))
	}
	return T(h)
}
