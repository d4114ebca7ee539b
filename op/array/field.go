package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/linalg"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// What factorizations have in common, whatever the type of their numbers.

// floating calls f or g, for the type of a call's results or of their parts.
func floating(f, g func(c *Call) error) func(c *Call) error {
	return func(c *Call) error {
		switch c.P.Kind.Real() {
		case elem.Float32:
			return f(c)
		case elem.Float64:
			return g(c)
		}
		return fmt.Errorf("matrices of %s are not factored: use floats or complex numbers", c.P.Kind)
	}
}

// The matrices of the four types of numbers.
type (
	m32  = gemm.Matrix[float32]
	m64  = gemm.Matrix[float64]
	mc32 = linalg.Complex[float32]
	mc64 = linalg.Complex[float64]
)

// steps are those of a procedure on matrices, and how it sees the elements of pieces.
// Complex numbers lie in planes while they are worked on.
type steps[M linalg.View[M]] struct {
	linalg.Field[M]
	// out is a matrix for a piece that is to be filled, with the elements of from, if that
	// is not nil, else with zeros; save ends the work on it.
	out  func(p Piece, from *Piece) (M, error)
	save func(m M, p Piece)
	// in views a piece that is read.
	in func(p Piece) M
}

// A setup readies steps for procedures on matrices of m x n that need tmp elements, or
// twice as many for complex numbers.
type setup[M linalg.View[M]] func(c *Call, m, n, tmp int64) (*steps[M], error)

// fields calls the procedure for the type of a call's results.
func fields(f32 func(*Call, setup[m32]) error, f64 func(*Call, setup[m64]) error, c64 func(*Call, setup[mc32]) error, c128 func(*Call, setup[mc64]) error) func(c *Call) error {
	return func(c *Call) error {
		switch c.P.Kind {
		case elem.Float32:
			return f32(c, realSteps[float32])
		case elem.Float64:
			return f64(c, realSteps[float64])
		case elem.Complex64:
			return c64(c, complexSteps[float32])
		case elem.Complex128:
			return c128(c, complexSteps[float64])
		}
		return fmt.Errorf("matrices of %s are not factored: use floats or complex numbers", c.P.Kind)
	}
}

func realSteps[T vec.Float](c *Call, m, n, tmp int64) (*steps[gemm.Matrix[T]], error) {
	e, err := borrow[T](c, m, n, tmp)
	return &steps[gemm.Matrix[T]]{
		Field: linalg.Reals[T]{Env: e},
		out: func(p Piece, from *Piece) (gemm.Matrix[T], error) {
			m := dense[T](p)
			if from != nil {
				copy(m.Data, values[T](*from))
			} else {
				clear(m.Data)
			}
			return m, nil
		},
		save: func(gemm.Matrix[T], Piece) {},
		in:   dense[T],
	}, err
}

func complexSteps[T vec.Float](c *Call, m, n, tmp int64) (*steps[linalg.Complex[T]], error) {
	e, err := borrow[T](c, m, n, 2*tmp)
	return &steps[linalg.Complex[T]]{
		Field: linalg.NewComplexes(e),
		out: func(p Piece, from *Piece) (m linalg.Complex[T], err error) {
			rows, cols := sides(p)
			s, err := room[T](c, 2*rows*cols)
			if err != nil {
				return m, err
			}
			m = linalg.Planes(s, rows, cols)
			if from != nil {
				m.Copy(pairs[T](*from))
			} else {
				clear(s)
			}
			return m, nil
		},
		save: func(m linalg.Complex[T], p Piece) { pairs[T](p).Copy(m) },
		in:   pairs[T],
	}, err
}

// sides are the rows and columns of a piece as a matrix; one axis is a column.
func sides(p Piece) (rows, cols int) {
	if len(p.Shape) > 1 {
		return int(p.Shape[0]), int(p.Shape[1])
	}
	return int(p.Shape[0]), 1
}

// pairs views a piece of complex numbers as a matrix.
func pairs[T vec.Float](p Piece) linalg.Complex[T] {
	rows, cols := sides(p)
	return linalg.Pairs(values[T](p), rows, cols)
}

// joinsOf is a piece that joins reflections as a matrix.
func joinsOf(p Piece, k int) Piece {
	rows, cols := linalg.JoinShape(k)
	p.Shape = []int64{int64(rows), int64(cols)}
	return p
}

// blocked is what procedures on matrices of m x n need: panels for products, and
// tmp elements.
func blocked(k elem.Kind, m, n, tmp int64) int64 {
	if k.IsComplex() { // the planes, too
		tmp = 2 * (tmp + 2*m*n)
	}
	if k.Real() == elem.Float32 {
		return 4 * (int64(gemm.Buffer[float32](int(m), int(n), int(max(m, n)), 1)) + tmp)
	}
	return 8 * (int64(gemm.Buffer[float64](int(m), int(n), int(max(m, n)), 1)) + tmp)
}

// tmpFor is how many elements procedures on matrices of m x n need, that apply what
// they find to w other columns; half of them for complex numbers.
func tmpFor(k elem.Kind, m, n, w int64) int64 {
	if k.IsComplex() {
		return int64(linalg.TmpForComplex(int(m), int(n), int(w))) / 2
	}
	wide := int(max(n, w))
	return int64(max(linalg.TmpFor(int(m), wide), linalg.TmpForReflections(int(m), wide, int(n))))
}

// borrow takes it.
func borrow[T vec.Float](c *Call, m, n, tmp int64) (e linalg.Env[T], err error) {
	e.Workers = max(1, c.Threads())
	e.Fork, e.Stop = c.Fork, c.Context().Err
	size := gemm.Buffer[T](int(m), int(n), int(max(m, n)), e.Workers)
	if e.Workers > 1 {
		if b := c.Alloc(size * widthOf[T]()); b != nil {
			e.Buf = strip.View[T](b, size)
		} else {
			e.Workers = 1
		}
	}
	if e.Workers == 1 {
		if e.Buf, err = room[T](c, gemm.Buffer[T](int(m), int(n), int(max(m, n)), 1)); err != nil {
			return e, err
		}
	}
	e.Tmp, err = room[T](c, int(tmp))
	return e, err
}

// flatParts views a piece of numbers as a matrix of their parts.
func flatParts[T vec.Float](p Piece) (m gemm.Matrix[T], s int) {
	rows, cols := sides(p)
	s = parts(p.Kind)
	return gemm.RowMajor(values[T](p), rows, cols*s, cols*s), s
}

// dense views a piece as a matrix; one axis is a column.
func dense[T vec.Float](p Piece) gemm.Matrix[T] {
	rows, cols := sides(p)
	return gemm.RowMajor(values[T](p), rows, cols, cols)
}

// outShape is the largest block of result k of a matrix.
func (p *CallParams) outShape(k int) (m, n int64) {
	g := p.Out[k]
	if len(g) == 1 {
		return g[0].Max(), 1
	}
	return g[0].Max(), g[1].Max()
}
