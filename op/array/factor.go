package array

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/linalg"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// Factorizations of matrices. A matrix is cut into panels of whole columns; a
// panel is factored when those left of it have been applied to it, one after the
// other (left-looking, Golub and Van Loan, Matrix Computations, 3.2 and 5.2). So
// a task holds two panels, whatever the number of columns, and pivots are found
// among all rows. Threads of one task share its matrix products.

// QR factors blocks of at least as many rows as columns: the first result is Q,
// the second R, see linalg.QR. Blocks of unknown length may have fewer rows. They are factored
// with rows of zeros below, which change no product of Q and R that is as long as they are.
var QR = define("array.qr", "orthogonal and triangular factors of matrices", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		more := n * n
		if !p.Out[0][0].Known() {
			m, more = max(m, n), 3*n*n
		}
		return blocked(p.Kind, m, n, tmpFor(p.Kind, m, n, n)+more)
	},
	run: fields(qr[m32], qr[m64], qr[mc32], qr[mc64]),
})

func qr[M linalg.View[M]](c *Call, at setup[M]) error {
	m, n := sides(c.Out[0])
	in, out := c.In[0], c.Out[0]
	if m < n {
		for _, p := range []*Piece{&in, &out} {
			space, err := room[byte](c, n*n*p.Kind.Width())
			if err != nil {
				return err
			}
			clear(space[copy(space, p.Data):])
			*p = Piece{p.Kind, []int64{int64(n), int64(n)}, space}
		}
		m = n
	}
	b, err := at(c, int64(m), int64(n), tmpFor(c.P.Kind, int64(m), int64(n), int64(n)))
	if err != nil {
		return err
	}
	q, err := b.out(out, &in)
	if err != nil {
		return err
	}
	r, err := b.out(c.Out[1], nil)
	if err != nil {
		return err
	}
	if err := b.QR(q, r); err != nil {
		return err
	}
	b.save(q, out)
	b.save(r, c.Out[1])
	if len(out.Data) > len(c.Out[0].Data) {
		copy(c.Out[0].Data, out.Data)
	}
	return nil
}

// SVD gives U, the singular values and Vᵀ (Vᴴ of complex numbers, the values being
// complex then, too) of a matrix of at least as many rows as columns, see linalg.SVD.
var SVD = define("array.svd", "singular values and vectors of a matrix", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		tmp := tmpForSVD(p.Kind, m, n)
		if p.Kind.IsComplex() {
			tmp += n * n // the planes of Vᴴ
		}
		return blocked(p.Kind, m, n, tmp) + linalg.SVDHeap(n)
	},
	run: floating(svd[float32], svd[float64]),
})

func tmpForSVD(k elem.Kind, m, n int64) int64 {
	switch {
	case k.IsComplex():
		return int64(linalg.TmpForComplexSVD(int(m), int(n)))/2 + 1
	case m < 2*n: // all of it is of the heap
		return 0
	}
	return tmpFor(k, m, n, n)
}

func svd[T vec.Float](c *Call) error {
	rows, cols := sides(c.Out[0])
	m, n := int64(rows), int64(cols)
	if !c.Reserve(linalg.SVDHeap(n)) {
		return fmt.Errorf("array: singular values of a matrix of %d x %d: %w", m, n, mem.ErrBudget)
	}
	defer c.Release(linalg.SVDHeap(n))
	if !c.P.Kind.IsComplex() {
		u, s, vt := dense[T](c.Out[0]), values[T](c.Out[1]), dense[T](c.Out[2])
		copy(u.Data, values[T](c.In[0]))
		e, err := borrow[T](c, m, n, tmpForSVD(c.P.Kind, m, n))
		if err != nil {
			return err
		}
		return linalg.SVD(u, s, vt, e)
	}
	b, err := complexSteps[T](c, m, n, tmpForSVD(c.P.Kind, m, n))
	if err != nil {
		return err
	}
	u, err := b.out(c.Out[0], &c.In[0])
	if err != nil {
		return err
	}
	vt, err := b.out(c.Out[2], nil)
	if err != nil {
		return err
	}
	s, err := room[T](c, cols)
	if err != nil {
		return err
	}
	if err := b.Field.(*linalg.Complexes[T]).SVD(u, s, vt); err != nil {
		return err
	}
	b.save(u, c.Out[0])
	b.save(vt, c.Out[2])
	spread(c.Out[1], s)
	return nil
}

// spread writes real numbers into a piece of real or complex ones.
func spread[T vec.Float](p Piece, x []T) {
	step := p.Kind.Width() / widthOf[T]()
	clear(p.Data)
	for i, v := range x {
		values[T](p)[i*step] = v
	}
}

// Eigh gives the eigenvalues of a symmetric or Hermitian matrix, as numbers of the type
// of its parts, or with Ints[0] = 1 eigenvectors, and values whose imaginary parts are
// 0: see linalg.Eigen.
var Eigh = define("array.eigh", "eigenvalues and vectors of a symmetric matrix", procedure{
	room: func(p *CallParams) int64 {
		n, k := p.In[0].Grid[0].Len(), p.In[0].Kind
		bytes := 8*n + linalg.EigenHeap(n, k.IsComplex())
		if k.IsComplex() { // what real matrices take is of the heap
			bytes += blocked(k, n, n, tmpFor(k, n, n, n))
		}
		return bytes
	},
	run: floating(eigh[float32], eigh[float64]),
})

func eigh[T vec.Float](c *Call) error {
	n, of := int(c.In[0].Shape[0]), c.In[0]
	heap := linalg.EigenHeap(int64(n), of.Kind.IsComplex())
	if !c.Reserve(heap) {
		return fmt.Errorf("array: eigenvalues of a matrix of %d x %d: %w", n, n, mem.ErrBudget)
	}
	defer c.Release(heap)
	vectors, last := c.P.Ints[0] == 1, c.Out[len(c.Out)-1]
	found, err := room[T](c, n)
	if err != nil {
		return err
	}
	if of.Kind.IsComplex() {
		b, err := complexSteps[T](c, int64(n), int64(n), tmpFor(of.Kind, int64(n), int64(n), int64(n)))
		if err != nil {
			return err
		}
		a, err := b.out(of, &of) // planes of its own
		if err != nil {
			return err
		}
		if err := b.Field.(*linalg.Complexes[T]).Eigen(a, found, vectors); err != nil {
			return err
		}
		if vectors {
			b.save(a, c.Out[0])
		}
	} else {
		a := dense[T](of) // read only, unless vectors are to be there
		if vectors {
			a = dense[T](c.Out[0])
			copy(a.Data, values[T](of))
		}
		if err := linalg.Eigen(a, found, vectors, c.Context().Err); err != nil {
			return err
		}
	}
	spread(last, found)
	return nil
}

// Product multiplies blocks: block i of the first input by block i of the second.
var Product = define("array.product", "products of blocks of matrices", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, 0)
	},
	run: fields(productOf[m32], productOf[m64], productOf[mc32], productOf[mc64]),
})

func productOf[M linalg.View[M]](c *Call, at setup[M]) error {
	m, n := sides(c.Out[0])
	b, err := at(c, int64(m), int64(n), 0)
	if err != nil {
		return err
	}
	out, err := b.out(c.Out[0], nil)
	if err != nil {
		return err
	}
	if err := b.Mul(out, b.in(c.In[0]), b.in(c.In[1])); err != nil {
		return err
	}
	b.save(out, c.Out[0])
	return nil
}

// Cholesky factors a panel of a symmetric positive definite matrix: its columns
// from Ints[0] on. Input 0 is the panel of the matrix, the others those left of it,
// factored.
var Cholesky = define("array.cholesky", "a panel of the Cholesky factor of a matrix", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, tmpFor(p.Kind, m, n, n))
	},
	run: fields(cholesky[m32], cholesky[m64], cholesky[mc32], cholesky[mc64]),
})

func cholesky[M linalg.View[M]](c *Call, at setup[M]) error {
	rows, w := sides(c.Out[0])
	b, err := at(c, int64(rows), int64(w), tmpFor(c.P.Kind, int64(rows), int64(w), int64(w)))
	if err != nil {
		return err
	}
	a, err := b.out(c.Out[0], &c.In[0])
	if err != nil {
		return err
	}
	j := int(c.P.Ints[0])
	below := a.Slice(j, 0, rows-j, w)
	for i := 1; i < len(c.P.In); i++ {
		err := c.each(i, false, func(_ []int64, p Piece) error {
			l := b.in(p)
			n, cols := sides(p)
			return b.Sub(below, l.Slice(j, 0, n-j, cols), b.H(l.Slice(j, 0, w, cols)))
		})
		if err != nil {
			return err
		}
	}
	top := below.Slice(0, 0, w, w)
	if err := b.Cholesky(top); err != nil {
		if n, ok := err.(linalg.NotPositive); ok {
			return linalg.NotPositive{Column: j + n.Column}
		}
		return err
	}
	if err := b.SolveRight(below.Slice(w, 0, rows-j-w, w), top); err != nil {
		return err
	}
	b.save(a, c.Out[0])
	clear(c.Out[0].Data[:j*w*c.P.Kind.Width()])
	return nil
}

// LU factors a panel of a matrix, its columns from Ints[0] on, as linalg.LU does.
// The second result is the pivots of the panel, as the bits of integers. Input 0
// is the panel of the matrix, the others are in turn panels left of it, factored,
// and their pivots.
var LU = define("array.lu", "a panel of the triangular factors of a matrix", procedure{
	room: func(p *CallParams) int64 {
		m, n := p.outShape(0)
		return blocked(p.Kind, m, n, tmpFor(p.Kind, m, n, n)+n)
	},
	run: fields(lu[m32], lu[m64], lu[mc32], lu[mc64]),
})

// pivotsOf reads pivots: integers as wide as the parts of elements.
func pivotsOf(p Piece) []int {
	out := make([]int, len(p.Data)/p.Kind.Width())
	s := parts(p.Kind)
	for i := range out {
		if p.Kind.Real() == elem.Float32 {
			out[i] = int(values[int32](p)[i*s])
		} else {
			out[i] = int(values[int64](p)[i*s])
		}
	}
	return out
}

func putPivots(p Piece, pivots []int) {
	clear(p.Data)
	s := parts(p.Kind)
	for i, v := range pivots {
		if p.Kind.Real() == elem.Float32 {
			values[int32](p)[i*s] = int32(v)
		} else {
			values[int64](p)[i*s] = int64(v)
		}
	}
}

// parts is how many floats a number has.
func parts(k elem.Kind) int { return k.Width() / k.Real().Width() }

func lu[M linalg.View[M]](c *Call, at setup[M]) error {
	rows, cols := sides(c.Out[0])
	b, err := at(c, int64(rows), int64(cols), tmpFor(c.P.Kind, int64(rows), int64(cols), int64(cols)))
	if err != nil {
		return err
	}
	a, err := b.out(c.Out[0], &c.In[0])
	if err != nil {
		return err
	}
	from := 0
	for i := 1; i < len(c.P.In); i += 2 {
		pivots := pivotsOf(c.In[i+1])
		err := c.each(i, false, func(_ []int64, p Piece) error {
			n, w := sides(p)
			if err := b.Permute(a.Slice(from, 0, rows-from, cols), pivots, false); err != nil {
				return err
			}
			// What the panel eliminates: a triangular solve, and what follows for the rows below.
			l, k := b.in(p).Slice(from, 0, n-from, w), min(n-from, w)
			top := a.Slice(from, 0, k, cols)
			if err := b.Solve(l.Slice(0, 0, k, k), linalg.Triangle{Unit: true}, top); err != nil {
				return err
			}
			return b.Sub(a.Slice(from+k, 0, rows-from-k, cols), l.Slice(k, 0, n-from-k, k), top)
		})
		if err != nil {
			return err
		}
		from += len(pivots)
	}
	pivots := make([]int, product(c.Out[1].Shape))
	if err := b.LU(a.Slice(from, 0, rows-from, cols), pivots); err != nil {
		return err
	}
	b.save(a, c.Out[0])
	putPivots(c.Out[1], pivots)
	return nil
}

// Lower makes a panel of L of a factored one: ones on the diagonal, its rows
// exchanged as the later panels have exchanged theirs. Ints[0] is the first row of
// the panel's diagonal; the inputs are the panel and the later pivots, in order.
var Lower = define("array.lower", "a panel of the lower triangular factor", procedure{run: floating(lower[float32], lower[float64])})

func lower[T vec.Float](c *Call) error {
	j := int(c.P.Ints[0])
	a, s := flatParts[T](c.Out[0])
	from, _ := flatParts[T](c.In[0])
	for i := range a.Rows {
		row := a.Data[i*a.RowStride:][:a.Cols]
		copy(row, from.Data[i*from.RowStride:])
		if d := (i - j) * s; d < a.Cols {
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
	j := int(c.P.Ints[0])
	a, parts := flatParts[T](c.Out[0])
	from, _ := flatParts[T](c.In[0])
	for i := range a.Rows {
		row, first := a.Data[i*a.RowStride:][:a.Cols], max(0, min((i-j)*parts, a.Cols))
		clear(row[:first])
		copy(row[first:], from.Data[i*from.RowStride+first:][:a.Cols-first])
	}
	i := 0
	for _, s := range c.In[1:] {
		for at := 0; at < len(values[T](s)); at += parts {
			if row := a.Data[i*a.RowStride:][:a.Cols]; values[T](s)[at] < 0 {
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
	a, _ := flatParts[T](c.Out[0])
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
		return blocked(p.Kind, m, n, tmpFor(p.Kind, m, n, p.In[0].Grid[1].Max()))
	},
	run: fields(triangular[m32], triangular[m64], triangular[mc32], triangular[mc64]),
})

func triangular[M linalg.View[M]](c *Call, at setup[M]) error {
	rows, cols := sides(c.Out[0])
	b, err := at(c, int64(rows), int64(cols), tmpFor(c.P.Kind, int64(rows), int64(cols), c.P.In[0].Grid[1].Max()))
	if err != nil {
		return err
	}
	x, err := b.out(c.Out[0], &c.In[1])
	if err != nil {
		return err
	}
	t := linalg.Triangle{Upper: c.P.Ints[0] == 1, Unit: c.P.Ints[1] == 1}
	err = c.each(0, t.Upper, func(lo []int64, p Piece) error {
		a, j := b.in(p), int(lo[1])
		n, w := sides(p)
		mine := x.Slice(j, 0, w, cols)
		if err := b.Solve(a.Slice(j, 0, w, w), t, mine); err != nil {
			if s, ok := err.(linalg.Singular); ok {
				return linalg.Singular{At: j + s.At}
			}
			return err
		}
		if t.Upper {
			return b.Sub(x.Slice(0, 0, j, cols), a.Slice(0, 0, j, w), mine)
		}
		rest := n - j - w
		return b.Sub(x.Slice(j+w, 0, rest, cols), a.Slice(j+w, 0, rest, w), mine)
	})
	if err == nil {
		b.save(x, c.Out[0])
	}
	return err
}

// Reflect factors a panel of a matrix, its columns from Ints[0] on, by reflections:
// see linalg.Reflect. The second result joins the reflections, the third are the
// signs of the diagonal. Input 0 is the panel of the matrix, the others in turn
// panels left of it, factored, and what joins them.
var Reflect = define("array.reflect", "a panel of the orthogonal factors of a matrix", procedure{
	room: reflectRoom,
	run:  fields(reflect[m32], reflect[m64], reflect[mc32], reflect[mc64]),
})

func reflectRoom(p *CallParams) int64 {
	m, n := p.outShape(0)
	wide := p.widest()
	return blocked(p.Kind, m, wide, tmpFor(p.Kind, m, n, wide)+int64(linalg.Joins(int(n))))
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
func reflected[M linalg.View[M]](c *Call, b *steps[M], a M, from int, q bool) error {
	panels := (len(c.P.In) - from) / 2
	rows, cols := sides(c.Out[0])
	for k := range panels {
		if q {
			k = panels - 1 - k
		}
		err := c.each(from+2*k, false, func(_ []int64, p Piece) error {
			j := int(c.P.Ints[1+k])
			n, w := sides(p)
			if j >= n {
				return nil
			}
			joins := b.in(joinsOf(c.In[from+2*k+1], min(n-j, w)))
			return b.ApplyReflections(b.in(p).Slice(j, 0, n-j, w), joins, a.Slice(j, 0, rows-j, cols), !q)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func reflect[M linalg.View[M]](c *Call, at setup[M]) error {
	rows, cols := sides(c.Out[0])
	j, wide := int(c.P.Ints[0]), c.P.widest()
	b, err := at(c, int64(rows), wide, tmpFor(c.P.Kind, int64(rows), int64(cols), wide))
	if err != nil {
		return err
	}
	a, err := b.out(c.Out[0], &c.In[0])
	if err != nil {
		return err
	}
	if err := reflected(c, b, a, 1, false); err != nil {
		return err
	}
	k := int(product(c.Out[2].Shape))
	if k > 0 {
		joins := joinsOf(c.Out[1], k)
		t, err := b.out(joins, nil)
		if err != nil {
			return err
		}
		if err := b.Reflect(a.Slice(j, 0, rows-j, cols), t); err != nil {
			return err
		}
		b.save(t, joins)
	}
	b.save(a, c.Out[0])
	putSigns(c.Out[2], c.Out[0], j)
	return nil
}

// putSigns writes the signs, 1 or -1, of the diagonal that begins at row j of a panel,
// whose elements are real.
func putSigns(signs, panel Piece, j int) {
	_, cols := sides(panel)
	for i := range product(signs.Shape) {
		at := (int64(j)+i)*int64(cols) + i
		v := partAt(panel.Kind, panel.Data, at)
		s := 1.0
		if v < 0 {
			s = -1
		}
		PutNumber(signs.Kind, signs.Data[i*int64(signs.Kind.Width()):], []uint64{math.Float64bits(s)})
	}
}

// partAt is the real part of element i.
func partAt(k elem.Kind, data []byte, i int64) float64 {
	if at := int(i) * parts(k); k.Real() == elem.Float32 {
		return float64(strip.View[float32](data, at+1)[at])
	} else {
		return strip.View[float64](data, at+1)[at]
	}
}

// Orthogonal makes a panel of Q, its columns from Ints[0] on, of reflections:
// input 0 are the signs of the columns, the others in turn panels and what joins
// them.
var Orthogonal = define("array.orthogonal", "a panel of the orthogonal factor", procedure{
	room: reflectRoom,
	run:  fields(orthogonal[m32], orthogonal[m64], orthogonal[mc32], orthogonal[mc64]),
})

func orthogonal[M linalg.View[M]](c *Call, at setup[M]) error {
	rows, cols := sides(c.Out[0])
	j, wide := int64(c.P.Ints[0]), c.P.widest()
	b, err := at(c, int64(rows), wide, tmpFor(c.P.Kind, int64(rows), int64(cols), wide))
	if err != nil {
		return err
	}
	clear(c.Out[0].Data)
	w := int64(c.P.Kind.Width())
	for i := range product(c.In[0].Shape) {
		copy(c.Out[0].Data[((j+i)*int64(cols)+i)*w:][:w], c.In[0].Data[i*w:])
	}
	a, err := b.out(c.Out[0], &c.Out[0])
	if err != nil {
		return err
	}
	if err := reflected(c, b, a, 1, true); err != nil {
		return err
	}
	b.save(a, c.Out[0])
	return nil
}
