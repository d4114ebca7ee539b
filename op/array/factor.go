package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/linalg"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// Factorizations of matrices. A matrix is cut into panels of whole columns; a
// panel is factored when those left of it have been applied to it, one after the
// other (left-looking, Golub and Van Loan, Matrix Computations, 3.2 and 5.2). So
// a task holds two panels, whatever the number of columns, and pivots are found
// among all rows. Threads of one task share its matrix products.

// floating calls f or g, for the type of a call's results.
func floating(f, g func(c *Call) error) func(c *Call) error {
	return func(c *Call) error {
		switch c.P.Kind {
		case elem.Float32:
			return f(c)
		case elem.Float64:
			return g(c)
		}
		return fmt.Errorf("matrices of %s are not factored: use float32 or float64", c.P.Kind)
	}
}

// blocked is what procedures on matrices of m x n need: panels for products, and
// tmp elements.
func blocked(k elem.Kind, m, n, tmp int64) int64 {
	if k == elem.Float32 {
		return 4 * (int64(gemm.Buffer[float32](int(m), int(n), int(max(m, n)), 1)) + tmp)
	}
	return 8 * (int64(gemm.Buffer[float64](int(m), int(n), int(max(m, n)), 1)) + tmp)
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

// dense views a piece as a matrix; one axis is a column.
func dense[T vec.Float](p Piece) gemm.Matrix[T] {
	cols := 1
	if len(p.Shape) > 1 {
		cols = int(p.Shape[1])
	}
	return gemm.RowMajor(values[T](p), int(p.Shape[0]), cols, cols)
}

// outShape is the largest block of result k of a matrix.
func (p *CallParams) outShape(k int) (m, n int64) {
	g := p.Out[k]
	if len(g) == 1 {
		return g[0].Max(), 1
	}
	return g[0].Max(), g[1].Max()
}

// QR factors blocks of at least as many rows as columns: the first result is Q,
// the second R, see linalg.QR.
var QR = define("array.qr", "orthogonal and triangular factors of matrices", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, int64(linalg.TmpFor(int(m), int(n))))
	},
	run: floating(qr[float32], qr[float64]),
})

func qr[T vec.Float](c *Call) error {
	q, r := dense[T](c.Out[0]), dense[T](c.Out[1])
	copy(q.Data, values[T](c.In[0]))
	e, err := borrow[T](c, int64(q.Rows), int64(q.Cols), int64(linalg.TmpFor(q.Rows, q.Cols)))
	if err != nil {
		return err
	}
	return linalg.QR(q, r, e)
}

// SVD gives U, the singular values and Vᵀ of a matrix of at least as many rows as
// columns, see linalg.SVD.
var SVD = define("array.svd", "singular values and vectors of a matrix", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, int64(linalg.TmpFor(int(m), int(n)))) + 8*8*n*n
	},
	run: floating(svd[float32], svd[float64]),
})

func svd[T vec.Float](c *Call) error {
	u, s, vt := dense[T](c.Out[0]), values[T](c.Out[1]), dense[T](c.Out[2])
	copy(u.Data, values[T](c.In[0]))
	e, err := borrow[T](c, int64(u.Rows), int64(u.Cols), int64(linalg.TmpFor(u.Rows, u.Cols)))
	if err != nil {
		return err
	}
	if n := 8 * 8 * int64(u.Cols) * int64(u.Cols); c.Reserve(n) { // what gonum makes of its own
		defer c.Release(n)
	}
	return linalg.SVD(u, s, vt, e)
}

// Product multiplies blocks: block i of the first input by block i of the second.
var Product = define("array.product", "products of blocks of matrices", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, 0)
	},
	run: floating(productOf[float32], productOf[float64]),
})

func productOf[T vec.Float](c *Call) error {
	out := dense[T](c.Out[0])
	e, err := borrow[T](c, int64(out.Rows), int64(out.Cols), 0)
	if err != nil {
		return err
	}
	clear(out.Data)
	return gemm.Mul(out, dense[T](c.In[0]), dense[T](c.In[1]), e.Env)
}

// Cholesky factors a panel of a symmetric positive definite matrix: its columns
// from Ints[0] on. Input 0 is the panel of the matrix, the others those left of it,
// factored.
var Cholesky = define("array.cholesky", "a panel of the Cholesky factor of a matrix", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, int64(linalg.TmpFor(int(m), int(n))))
	},
	run: floating(cholesky[float32], cholesky[float64]),
})

func cholesky[T vec.Float](c *Call) error {
	a := dense[T](c.Out[0])
	copy(a.Data, values[T](c.In[0]))
	e, err := borrow[T](c, int64(a.Rows), int64(a.Cols), int64(linalg.TmpFor(a.Rows, a.Cols)))
	if err != nil {
		return err
	}
	j, w := int(c.P.Ints[0]), a.Cols
	below := a.Slice(j, 0, a.Rows-j, w)
	for i := 1; i < len(c.P.In); i++ {
		err := c.each(i, false, func(_ []int64, p Piece) error {
			l := dense[T](p)
			return gemm.Sub(below, l.Slice(j, 0, l.Rows-j, l.Cols), l.Slice(j, 0, w, l.Cols).T(), e.Env)
		})
		if err != nil {
			return err
		}
	}
	clear(a.Data[:j*w])
	top := below.Slice(0, 0, w, w)
	if err := linalg.Cholesky(top, e); err != nil {
		if n, ok := err.(linalg.NotPositive); ok {
			return linalg.NotPositive{Column: j + n.Column}
		}
		return err
	}
	return linalg.Solve(top, linalg.Triangle{}, below.Slice(w, 0, below.Rows-w, w).T(), e)
}

// LU factors a panel of a matrix, its columns from Ints[0] on, as linalg.LU does.
// The second result is the pivots of the panel, as the bits of integers. Input 0
// is the panel of the matrix, the others are in turn panels left of it, factored,
// and their pivots.
var LU = define("array.lu", "a panel of the triangular factors of a matrix", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, int64(linalg.TmpFor(int(m), int(n))+int(n)))
	},
	run: floating(lu[float32], lu[float64]),
})

// pivotsOf views pivots: integers as wide as the elements.
func pivotsOf(p Piece) []int {
	n := len(p.Data) / p.Kind.Width()
	out := make([]int, n)
	for i := range out {
		if p.Kind == elem.Float32 {
			out[i] = int(strip.View[int32](p.Data, n)[i])
		} else {
			out[i] = int(strip.View[int64](p.Data, n)[i])
		}
	}
	return out
}

func putPivots(p Piece, pivots []int) {
	for i, v := range pivots {
		if p.Kind == elem.Float32 {
			strip.View[int32](p.Data, len(pivots))[i] = int32(v)
		} else {
			strip.View[int64](p.Data, len(pivots))[i] = int64(v)
		}
	}
}

func lu[T vec.Float](c *Call) error {
	a := dense[T](c.Out[0])
	copy(a.Data, values[T](c.In[0]))
	e, err := borrow[T](c, int64(a.Rows), int64(a.Cols), int64(linalg.TmpFor(a.Rows, a.Cols)))
	if err != nil {
		return err
	}
	from := 0
	for i := 1; i < len(c.P.In); i += 2 {
		pivots := pivotsOf(c.In[i+1])
		err := c.each(i, false, func(_ []int64, p Piece) error {
			l := dense[T](p)
			rest := a.Slice(from, 0, a.Rows-from, a.Cols)
			if err := linalg.Permute(rest, pivots, false); err != nil {
				return err
			}
			return eliminate(rest, l.Slice(from, 0, l.Rows-from, l.Cols), e)
		})
		if err != nil {
			return err
		}
		from += len(pivots)
	}
	pivots := make([]int, product(c.Out[1].Shape))
	if err := linalg.LU(a.Slice(from, 0, a.Rows-from, a.Cols), pivots, e); err != nil {
		return err
	}
	putPivots(c.Out[1], pivots)
	return nil
}

// eliminate applies a factored panel, whose first row is that of its diagonal, to
// the same rows of other columns: a triangular solve, and what follows for the
// rows below.
func eliminate[T vec.Float](b, l gemm.Matrix[T], e linalg.Env[T]) error {
	k := min(l.Rows, l.Cols)
	top := b.Slice(0, 0, k, b.Cols)
	if err := linalg.Solve(l.Slice(0, 0, k, k), linalg.Triangle{Unit: true}, top, e); err != nil {
		return err
	}
	return gemm.Sub(b.Slice(k, 0, b.Rows-k, b.Cols), l.Slice(k, 0, l.Rows-k, k), top, e.Env)
}

// Lower makes a panel of L of a factored one: ones on the diagonal, its rows
// exchanged as the later panels have exchanged theirs. Ints[0] is the first row of
// the panel's diagonal; the inputs are the panel and the later pivots, in order.
var Lower = define("array.lower", "a panel of the lower triangular factor", procedure{run: floating(lower[float32], lower[float64])})

func lower[T vec.Float](c *Call) error {
	a, j := dense[T](c.Out[0]), int(c.P.Ints[0])
	from := dense[T](c.In[0])
	for i := range a.Rows {
		row := a.Data[i*a.RowStride:][:a.Cols]
		copy(row, from.Data[i*from.RowStride:])
		if d := i - j; d < a.Cols {
			clear(row[max(d, 0):])
			if d >= 0 {
				row[d] = 1
			}
		}
	}
	for at, i := j+int(min(c.Out[0].Shape[1], c.Out[0].Shape[0]-int64(j))), 1; i < len(c.In); i++ {
		pivots := pivotsOf(c.In[i])
		if err := linalg.Permute(a.Slice(at, 0, a.Rows-at, a.Cols), pivots, false); err != nil {
			return err
		}
		at += len(pivots)
	}
	return nil
}

// Upper takes the upper triangle of a panel whose first column is column Ints[0]
// of its matrix. With a second input, signs, rows are multiplied by those.
var Upper = define("array.upper", "a panel of the upper triangular factor", procedure{run: floating(upper[float32], upper[float64])})

func upper[T vec.Float](c *Call) error {
	a, from, j := dense[T](c.Out[0]), dense[T](c.In[0]), int(c.P.Ints[0])
	for i := range a.Rows {
		row, first := a.Data[i*a.RowStride:][:a.Cols], max(0, min(i-j, a.Cols))
		clear(row[:first])
		copy(row[first:], from.Data[i*from.RowStride+first:][:a.Cols-first])
	}
	i := 0
	for _, s := range c.In[1:] {
		for _, v := range values[T](s) {
			if row := a.Data[i*a.RowStride:][:a.Cols]; v < 0 {
				for k := range row {
					row[k] = -row[k]
				}
			}
			i++
		}
	}
	return nil
}

// Permuted exchanges the rows of a block as the pivots do, in order: the inputs
// are the block and the pivots of all panels. With Ints[0] = 1 it exchanges them
// back.
var Permuted = define("array.permuted", "rows exchanged by pivots", procedure{run: floating(permuted[float32], permuted[float64])})

func permuted[T vec.Float](c *Call) error {
	a := dense[T](c.Out[0])
	copy(a.Data, values[T](c.In[0]))
	var all []int
	for _, p := range c.In[1:] {
		at := len(all)
		for _, v := range pivotsOf(p) {
			all = append(all, v+at)
		}
	}
	return linalg.Permute(a, all, c.P.Ints[0] == 1)
}

// Triangular solves A·X = B for a triangular A, given by its panels (the streamed
// input 0), and a panel of B. Ints are 1 or 0 for upper and for a diagonal of ones.
var Triangular = define("array.triangular", "the solution of a triangular system", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, int64(linalg.TmpFor(int(m), int(max(n, p.In[0].Grid[1].Max())))))
	},
	run: floating(triangular[float32], triangular[float64]),
})

func triangular[T vec.Float](c *Call) error {
	x := dense[T](c.Out[0])
	copy(x.Data, values[T](c.In[1]))
	e, err := borrow[T](c, int64(x.Rows), int64(x.Cols), int64(linalg.TmpFor(x.Rows, max(x.Cols, int(c.P.In[0].Grid[1].Max())))))
	if err != nil {
		return err
	}
	t := linalg.Triangle{Upper: c.P.Ints[0] == 1, Unit: c.P.Ints[1] == 1}
	return c.each(0, t.Upper, func(lo []int64, p Piece) error {
		a, j := dense[T](p), int(lo[1])
		w := a.Cols
		mine := x.Slice(j, 0, w, x.Cols)
		if err := linalg.Solve(a.Slice(j, 0, w, w), t, mine, e); err != nil {
			return err
		}
		if t.Upper {
			return gemm.Sub(x.Slice(0, 0, j, x.Cols), a.Slice(0, 0, j, w), mine, e.Env)
		}
		rest := a.Rows - j - w
		return gemm.Sub(x.Slice(j+w, 0, rest, x.Cols), a.Slice(j+w, 0, rest, w), mine, e.Env)
	})
}

// Reflect factors a panel of a matrix, its columns from Ints[0] on, by reflections:
// see linalg.Reflect. The second result joins the reflections, the third are the
// signs of the diagonal. Input 0 is the panel of the matrix, the others in turn
// panels left of it, factored, and what joins them.
var Reflect = define("array.reflect", "a panel of the orthogonal factors of a matrix", procedure{
	room: reflectRoom,
	run:  floating(reflect[float32], reflect[float64]),
})

func reflectRoom(p *CallParams) int64 {
	m, n := p.outShape(0)
	wide := p.widest()
	return blocked(p.Kind, m, wide, int64(linalg.TmpForReflections(int(m), int(wide), int(n))))
}

// widest is the width of the widest panel.
func (p *CallParams) widest() int64 {
	_, n := p.outShape(0)
	for _, o := range p.In {
		if len(o.Grid) == 2 {
			n = max(n, o.Grid[1].Max())
		}
	}
	return n
}

// reflected applies the panels of inputs from, from+2, … and what joins them, in
// order or in the opposite one.
func reflected[T vec.Float](c *Call, a gemm.Matrix[T], from int, q bool, e linalg.Env[T]) error {
	panels := (len(c.P.In) - from) / 2
	for k := range panels {
		if q {
			k = panels - 1 - k
		}
		err := c.each(from+2*k, false, func(_ []int64, p Piece) error {
			v, j := dense[T](p), int(c.P.Ints[1+k])
			if j >= v.Rows {
				return nil
			}
			return linalg.ApplyReflections(v.Slice(j, 0, v.Rows-j, v.Cols), values[T](c.In[from+2*k+1]), a.Slice(j, 0, a.Rows-j, a.Cols), !q, e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func reflect[T vec.Float](c *Call) error {
	a, j := dense[T](c.Out[0]), int(c.P.Ints[0])
	copy(a.Data, values[T](c.In[0]))
	wide := int(c.P.widest())
	e, err := borrow[T](c, int64(a.Rows), int64(wide), int64(linalg.TmpForReflections(a.Rows, wide, a.Cols)))
	if err != nil {
		return err
	}
	if err := reflected(c, a, 1, false, e); err != nil || j >= a.Rows {
		return err
	}
	below := a.Slice(j, 0, a.Rows-j, a.Cols)
	clear(c.Out[1].Data)
	if err := linalg.Reflect(below, values[T](c.Out[1]), e); err != nil {
		return err
	}
	for i := range values[T](c.Out[2]) {
		values[T](c.Out[2])[i] = 1
		if below.Data[i*below.RowStride+i] < 0 {
			values[T](c.Out[2])[i] = -1
		}
	}
	return nil
}

// Orthogonal makes a panel of Q, its columns from Ints[0] on, of reflections:
// input 0 are the signs of the columns, the others in turn panels and what joins
// them.
var Orthogonal = define("array.orthogonal", "a panel of the orthogonal factor", procedure{
	room: reflectRoom,
	run:  floating(orthogonal[float32], orthogonal[float64]),
})

func orthogonal[T vec.Float](c *Call) error {
	a, j := dense[T](c.Out[0]), int(c.P.Ints[0])
	wide := int(c.P.widest())
	e, err := borrow[T](c, int64(a.Rows), int64(wide), int64(linalg.TmpForReflections(a.Rows, wide, a.Cols)))
	if err != nil {
		return err
	}
	clear(a.Data)
	for i, s := range values[T](c.In[0]) {
		a.Data[(j+i)*a.RowStride+i] = s
	}
	return reflected(c, a, 1, true, e)
}
