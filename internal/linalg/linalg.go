// Package linalg holds the dense steps of one block: triangular solves, Cholesky, LU and QR factorizations, singular
// values. They work in place on views of package gemm, in float32 and float64.
//
// Most of the work is matrix products; what is left are short loops of package vec. Threads and buffers are the caller's,
// and do not change a bit of the results.
package linalg

import (
	"fmt"

	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// Env is what a step borrows from its caller.
type Env[T vec.Float] struct {
	gemm.Env[T]
	// Tmp holds intermediate results: at least what TmpFor returns.
	Tmp []T
}

// TmpFor returns the number of elements of Env.Tmp that suffice for all steps on matrices of at most m x n.
func TmpFor(m, n int) int {
	k := min(m, n)
	return max(tile*max(k, panel), panel*m) + 2*panel*max(m, n) + 4*panel*panel + 4*k*k
}

const (
	// panel is the width of the part of a matrix that is factored by loops.
	panel = 32
	// tile is the number of rows that a triangular solve from the right turns at a time.
	tile = 128
)

// take cuts n elements off the intermediate buffer.
func (e *Env[T]) take(n int) ([]T, error) {
	if n > len(e.Tmp) {
		return nil, fmt.Errorf("linalg: the intermediate buffer has %d elements too few, see TmpFor", n-len(e.Tmp))
	}
	s := e.Tmp[:n:n]
	e.Tmp = e.Tmp[n:]
	return s, nil
}

// row returns the elements of a row stored without gaps.
func row[T vec.Float](m gemm.Matrix[T], i int) []T {
	return m.Data[i*m.RowStride:][:m.Cols]
}

func get[T vec.Float](m gemm.Matrix[T], i, j int) T { return m.Data[i*m.RowStride+j*m.ColStride] }

func set[T vec.Float](m gemm.Matrix[T], i, j int, v T) { m.Data[i*m.RowStride+j*m.ColStride] = v }

// byRows reports an error unless the view's rows have no gaps.
func byRows[T vec.Float](name string, m gemm.Matrix[T]) error {
	if m.Cols > 1 && m.ColStride != 1 || m.Rows > 1 && m.RowStride < m.Cols {
		return fmt.Errorf("linalg: %s must be stored by rows: %v", name, m)
	}
	if m.Rows > 0 && m.Cols > 0 && (m.Rows-1)*m.RowStride+m.Cols > len(m.Data) {
		return fmt.Errorf("linalg: %s does not lie within its data: %v", name, m)
	}
	return nil
}

// Triangle says what a triangular matrix is.
type Triangle struct {
	// Upper says that elements below the diagonal are zero, else those above; they are not read.
	Upper bool
	// Unit says that the diagonal is one; it is not read.
	Unit bool
}

// Solve overwrites B with X in A·X = B, A a triangular matrix of any layout, B stored by rows or by columns. For X·A = B pass
// the transposed views (and the other Upper). The error Singular names a zero on the diagonal; B is then as it was.
//
// Every column of X solves a system near the given one (backward stable); larger matrices are cut in halves, so that most
// is a matrix product.
func Solve[T vec.Float](a gemm.Matrix[T], t Triangle, b gemm.Matrix[T], env Env[T]) error {
	if a.Rows != a.Cols || a.Rows != b.Rows {
		return fmt.Errorf("linalg: a triangle of %d x %d does not fit %d x %d", a.Rows, a.Cols, b.Rows, b.Cols)
	}
	byColumns := b.ColStride != 1
	if byColumns {
		if err := byRows("B", b.T()); err != nil {
			return err
		}
	} else if err := byRows("B", b); err != nil {
		return err
	}
	if err := singular(t, b.Rows, func(i int) bool { return get(a, i, i) == 0 }); err != nil {
		return err
	}
	s := &solver[T]{env: env, t: t, scaled: vec.AddScaled[T](), times: vec.BinaryRight[T](vec.Div), turn: vec.Transpose[T]()}
	if byColumns {
		var err error
		if s.tile, err = s.env.take(tile * min(b.Rows, leaf)); err != nil {
			return err
		}
	}
	return s.solve(a, b)
}

// Singular is the error of Solve: which element of the diagonal is zero.
type Singular struct{ At int }

func (e Singular) Error() string {
	return fmt.Sprintf("linalg: the matrix is singular: element (%d, %[1]d) of its triangular factor is 0", e.At)
}

// singular finds the first zero of a diagonal of n elements.
func singular(t Triangle, n int, zero func(i int) bool) error {
	for i := range n {
		if !t.Unit && zero(i) {
			return Singular{i}
		}
	}
	return nil
}

// leaf is the size of triangles that are solved by loops.
const leaf = 64

type solver[T vec.Float] struct {
	env    Env[T]
	t      Triangle
	tile   []T // room for turned columns, or nil if B is stored by rows
	scaled func(dst, x []T, c T)
	times  func(dst, x []T, c T)
	turn   func(dst []T, ldd int, src []T, lds int, rows, cols int)
}

func (s *solver[T]) solve(a, b gemm.Matrix[T]) error {
	sub := func(c, a, b gemm.Matrix[T]) error { return gemm.Sub(c, a, b, s.env.Env) }
	return halves(a.Rows, b.Cols, a, b, s.t.Upper, sub, s.small)
}

// small solves by loops over rows of B. Columns are turned to rows first, a tile at a time.
func (s *solver[T]) small(a, b gemm.Matrix[T]) error {
	if s.tile == nil {
		s.rows(a, b)
		return s.stop()
	}
	n := a.Rows
	for j := 0; j < b.Cols; j += tile {
		w := min(tile, b.Cols-j)
		part := gemm.RowMajor(s.tile, n, w, tile)
		s.turn(part.Data, tile, b.Data[j*b.ColStride:], b.ColStride, w, n)
		s.rows(a, part)
		s.turn(b.Data[j*b.ColStride:], b.ColStride, part.Data, tile, n, w)
		if j%(64*tile) == 0 {
			if err := s.stop(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *solver[T]) stop() error {
	if s.env.Stop == nil {
		return nil
	}
	return s.env.Stop()
}

func (s *solver[T]) rows(a, b gemm.Matrix[T]) {
	n := a.Rows
	for k := range n {
		i := k
		if s.t.Upper {
			i = n - 1 - k
		}
		x := row(b, i)
		from, to := 0, i
		if s.t.Upper {
			from, to = i+1, n
		}
		for j := from; j < to; j++ {
			s.scaled(x, row(b, j), -get(a, i, j))
		}
		if !s.t.Unit {
			s.times(x, x, get(a, i, i))
		}
	}
}

// NotPositive is the error of Cholesky.
type NotPositive struct{ Column int }

func (e NotPositive) Error() string {
	return fmt.Sprintf("linalg: the matrix is not positive definite: the leading block of %d columns has no Cholesky factor", e.Column+1)
}

// Cholesky overwrites A, symmetric and positive definite, stored by rows, with L in A = L·Lᵀ. Only the lower triangle of A is
// read; what is above the diagonal becomes zero. The error NotPositive names the first column at which it fails; A is then
// undefined.
func Cholesky[T vec.Float](a gemm.Matrix[T], env Env[T]) error {
	if a.Rows != a.Cols {
		return fmt.Errorf("linalg: a matrix of %d x %d has no Cholesky factor", a.Rows, a.Cols)
	}
	if err := byRows("A", a); err != nil {
		return err
	}
	n, dot := a.Rows, vec.Dot[T]()
	for j := 0; j < n; j += leaf {
		w := min(leaf, n-j)
		diagonal := a.Slice(j, j, w, w)
		if c := choleskySmall(diagonal, dot); c >= 0 {
			return NotPositive{j + c}
		}
		for i := range w {
			clear(row(a, j+i)[j+i+1:])
		}
		rest := n - j - w
		if rest == 0 {
			break
		}
		below := a.Slice(j+w, j, rest, w)
		if err := Solve(diagonal, Triangle{}, below.T(), env); err != nil {
			return err
		}
		const wide = 4 * leaf // columns updated at a time: what lies above the diagonal is work for nothing
		for i := 0; i < rest; i += wide {
			c := min(wide, rest-i)
			left, top := below.Slice(i, 0, rest-i, w), below.Slice(i, 0, c, w)
			if err := gemm.Sub(a.Slice(j+w+i, j+w+i, rest-i, c), left, top.T(), env.Env); err != nil {
				return err
			}
		}
	}
	return nil
}

// choleskySmall returns the first column that fails, or -1.
func choleskySmall[T vec.Float](a gemm.Matrix[T], dot func(x, y []T) T) int {
	for i := range a.Rows {
		x := row(a, i)
		for j := range i {
			y := row(a, j)
			x[j] = (x[j] - dot(x[:j], y[:j])) / y[j]
		}
		d := x[i] - dot(x[:i], x[:i])
		if !(d > 0) || d-d != 0 {
			return i
		}
		x[i] = sqrt(d)
	}
	return -1
}
