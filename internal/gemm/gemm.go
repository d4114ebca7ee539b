// Package gemm multiplies dense matrices: C += A·B for float32 and float64.
//
// The product is blocked as in BLIS (Van Zee and van de Geijn, BLIS: A framework for rapidly instantiating BLAS
// functionality, 2015): a block of B is packed into panels that stay in the third cache, workers take blocks of rows of A,
// pack them for the second cache, and a micro-kernel multiplies two panels into a tile of C held in registers. Inputs are
// read through strides, so a transposed matrix needs no copy; packing makes it contiguous either way. Of a C of one panel A
// is not packed: all of it is read once.
//
// The package has no goroutines, and no memory but a few words for each worker: threads and buffers are the caller's. Sums over the inner dimension
// are in one order, whatever the number of workers and the size of the buffer, so results are equal bit for bit at one
// level of package cpu. AVX2 and AVX-512 agree, plain Go rounds products, too.
package gemm

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/vec"
)

// level chooses the code; tests change it.
var level = cpu.ISA()

// Matrix is a view of numbers in memory: element (i, j) is Data[i*RowStride + j*ColStride]. Strides are not negative; zero
// repeats a row or column.
type Matrix[T vec.Float] struct {
	Data                 []T
	Rows, Cols           int
	RowStride, ColStride int
}

// RowMajor is the view of rows one after the other, each stride elements after the last.
func RowMajor[T vec.Float](data []T, rows, cols, stride int) Matrix[T] {
	return Matrix[T]{data, rows, cols, stride, 1}
}

// T is the transposed view.
func (m Matrix[T]) T() Matrix[T] {
	return Matrix[T]{m.Data, m.Cols, m.Rows, m.ColStride, m.RowStride}
}

// Slice is the view of rows i to i+rows and columns j to j+cols.
func (m Matrix[T]) Slice(i, j, rows, cols int) Matrix[T] {
	if rows == 0 || cols == 0 {
		return Matrix[T]{nil, rows, cols, m.RowStride, m.ColStride}
	}
	return Matrix[T]{m.Data[i*m.RowStride+j*m.ColStride:], rows, cols, m.RowStride, m.ColStride}
}

func (m Matrix[T]) String() string {
	return fmt.Sprintf("%d x %d, strides %d and %d in %d elements", m.Rows, m.Cols, m.RowStride, m.ColStride, len(m.Data))
}

// check reports a view that does not lie within its data.
func (m Matrix[T]) check(name string) error {
	if m.Rows < 0 || m.Cols < 0 || m.RowStride < 0 || m.ColStride < 0 {
		return fmt.Errorf("gemm: %s is %v", name, m)
	}
	if m.Rows > 0 && m.Cols > 0 && (m.Rows-1)*m.RowStride+(m.Cols-1)*m.ColStride >= len(m.Data) {
		return fmt.Errorf("gemm: %s does not lie within its data: %v", name, m)
	}
	return nil
}

// Env is what a product borrows from its caller.
type Env[T vec.Float] struct {
	// Buf holds packed panels: at least MinBuffer elements for the workers, of use up to Buffer.
	Buf []T
	// Workers is the number of threads at most, at least 1.
	Workers int
	// Fork runs f(0) to f(n-1), at once or one after the other, and returns the first error. With one worker it is not called.
	Fork func(n int, f func(i int) error) error
	// Stop, if not nil, is asked every few milliseconds; an error ends the product, whose result is then undefined.
	Stop func() error
}

// Blocking by rows of A and by the inner dimension: a block of A fills most of the second cache, and kc products are
// added in registers before C is touched.
const (
	maxMC = 192
	maxKC = 512
	maxNC = 4080
)

// micro is a micro-kernel: it adds the product of mr rows of A and a packed panel of B, of k columns and rows, to a tile of
// mr x nr elements of C. Elements of A lie rs apart from row to row and cs from column to column: 1 and mr in a packed panel.
type micro[T vec.Float] struct {
	mr, nr int
	run    func(k int, a *T, rs, cs int, b, c *T, stride int)
}

// largest returns the most rows and columns that tiles have.
func largest[T vec.Float]() (mr, nr int) {
	for _, m := range tiles[T]() {
		mr, nr = max(mr, m.mr), max(nr, m.nr)
	}
	return mr, nr
}

// Buffer returns the number of elements with which a product of m x k by k x n is fastest.
func Buffer[T vec.Float](m, n, k, workers int) int {
	mr, nr := largest[T]()
	nc := min(maxNC, roundUp(max(n, m), nr)) // m, too: a C stored by columns is done the other way round
	return min(maxKC, max(k, 1))*(nc+nr+workers*(maxMC+mr)) + workers*maxTile
}

// MinBuffer returns the number of elements that suffice for any product.
func MinBuffer[T vec.Float](workers int) int {
	mr, nr := largest[T]()
	return maxKC*(nr+workers*mr) + workers*maxTile
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

// Mul adds A·B to C. C must not overlap A, B or the buffer, and one of its strides must be 1. It returns an error if shapes
// do not fit or a view does not lie within its data, and errors of Fork and Stop.
func Mul[T vec.Float](c, a, b Matrix[T], env Env[T]) error { return multiply(c, a, b, env, nil) }

// Sub subtracts A·B from C, else as Mul.
func Sub[T vec.Float](c, a, b Matrix[T], env Env[T]) error {
	return multiply(c, a, b, env, vec.Unary[T](vec.Neg))
}

// multiply adds the product; negate, if not nil, is applied to packed panels.
func multiply[T vec.Float](c, a, b Matrix[T], env Env[T], negate func(dst, x []T)) error {
	if a.Rows != c.Rows || b.Cols != c.Cols || a.Cols != b.Rows {
		return fmt.Errorf("gemm: a matrix of %d x %d times one of %d x %d does not give one of %d x %d", a.Rows, a.Cols, b.Rows, b.Cols, c.Rows, c.Cols)
	}
	if err := errors.Join(c.check("C"), a.check("A"), b.check("B")); err != nil {
		return err
	}
	if c.ColStride != 1 && c.RowStride == 1 {
		c, a, b = c.T(), b.T(), a.T()
	}
	if c.ColStride != 1 || c.Rows > 1 && c.RowStride < c.Cols {
		return fmt.Errorf("gemm: C must be stored by rows or columns: %v", c)
	}
	if c.Rows == 0 || c.Cols == 0 || a.Cols == 0 {
		return nil
	}
	p := &product[T]{c: c, a: a, b: b, env: env, micro: tileFor[T](c.Cols), turn: vec.Transpose[T](), negate: negate}
	if err := p.plan(); err != nil {
		return err
	}
	return p.run()
}

// product is one call of Mul.
type product[T vec.Float] struct {
	c, a, b    Matrix[T]
	env        Env[T]
	micro      micro[T]
	turn       func(dst []T, ldd int, src []T, lds int, rows, cols int)
	negate     func(dst, x []T) // of panels of A, or nil
	mc, kc, nc int
	packed     []T // the block of B
	workers    []room[T]
}

// room is what a worker has: for the block of A, and for a tile at the edge of C.
type room[T vec.Float] struct{ block, tile []T }

// plan chooses the size of blocks and cuts the buffer. None of it changes the order of additions, which goes by kc, and that
// by the inner dimension alone.
func (p *product[T]) plan() error {
	w := p.env.Workers
	if w < 1 || w > 1 && p.env.Fork == nil {
		return fmt.Errorf("gemm: %d workers", w)
	}
	mr, nr := p.micro.mr, p.micro.nr
	p.kc = min(maxKC, p.a.Cols)
	// Few rows are cut finer, so that every worker has some.
	p.mc = min(maxMC, roundUp((p.c.Rows+2*w-1)/(2*w), mr))
	if w == 1 {
		p.mc = min(maxMC, roundUp(p.c.Rows, mr))
	}
	p.nc = min(maxNC/nr*nr, roundUp(p.c.Cols, nr))
	width := (len(p.env.Buf) - w*maxTile) / p.kc
	for p.mc > mr && w*p.mc+min(p.nc, 8*nr) > width {
		p.mc = roundUp(p.mc/2, mr)
	}
	p.nc = min(p.nc, (width-w*p.mc)/nr*nr)
	if p.nc < nr {
		return fmt.Errorf("gemm: a buffer of %d elements does not suffice for %d workers, want %d", len(p.env.Buf), w, MinBuffer[T](w))
	}
	buf := p.env.Buf
	p.packed, buf = buf[:p.kc*p.nc], buf[p.kc*p.nc:]
	for range w {
		p.workers = append(p.workers, room[T]{buf[:p.kc*p.mc], buf[p.kc*p.mc:][:maxTile]})
		buf = buf[p.kc*p.mc+maxTile:]
	}
	return nil
}

// run goes over blocks of B.
func (p *product[T]) run() error {
	for j := 0; j < p.c.Cols; j += p.nc {
		nc := min(p.nc, p.c.Cols-j)
		for k := 0; k < p.a.Cols; {
			kc := depth(p.a.Cols - k)
			if err := p.packB(k, j, kc, nc); err != nil {
				return err
			}
			if err := p.multiply(k, j, kc, nc); err != nil {
				return err
			}
			k += kc
		}
	}
	return nil
}

// depth returns how much of the rest of the inner dimension is done at a time: two last blocks are alike.
func depth(rest int) int {
	if rest > maxKC && rest < 2*maxKC {
		return roundUp((rest+1)/2, 4)
	}
	return min(rest, maxKC)
}

// share lets the workers take numbers from 0 to n in steps.
func (p *product[T]) share(n, step int, f func(worker, i int)) error {
	var next atomic.Int64
	work := func(worker int) error {
		for {
			i := int(next.Add(int64(step))) - step
			if i >= n {
				return nil
			}
			if p.env.Stop != nil {
				if err := p.env.Stop(); err != nil {
					return err
				}
			}
			f(worker, i)
		}
	}
	if p.env.Workers == 1 || n <= step {
		return work(0)
	}
	return p.env.Fork(min(p.env.Workers, (n+step-1)/step), work)
}

func (p *product[T]) packB(k, j, kc, nc int) error {
	const panels = 8 // at a time
	nr := p.micro.nr
	return p.share(nc, panels*nr, func(_, from int) {
		for i := from; i < min(nc, from+panels*nr); i += nr {
			w := min(nr, nc-i)
			p.pack(p.packed[i*kc:][:nr*kc], p.b.Slice(k, j+i, kc, w).T(), nr)
		}
	})
}

// pack writes a panel: of a matrix of at most width rows and kc columns, column after column, filled up with zeros.
func (p *product[T]) pack(dst []T, m Matrix[T], width int) {
	if m.Rows < width {
		clear(dst)
	}
	switch {
	case m.ColStride == 1:
		p.turn(dst, width, m.Data, m.RowStride, m.Rows, m.Cols)
	case m.RowStride == 1:
		for k := range m.Cols {
			copy(dst[k*width:][:m.Rows], m.Data[k*m.ColStride:])
		}
	default:
		for k := range m.Cols {
			for i := range m.Rows {
				dst[k*width+i] = m.Data[i*m.RowStride+k*m.ColStride]
			}
		}
	}
}

// multiply adds the product of a packed block of B and all rows of A.
func (p *product[T]) multiply(k, j, kc, nc int) error {
	mr := p.micro.mr
	return p.share(p.c.Rows, p.mc, func(worker, i int) {
		mc := min(p.mc, p.c.Rows-i)
		mine := p.workers[worker]
		// Of a C of one panel every element of A is needed once: whole tiles read it where it is.
		if p.negate == nil && p.c.Cols <= p.micro.nr {
			c := p.c.Slice(i, j, mc, nc)
			whole := mc / mr * mr
			for r := 0; r < whole; r += mr {
				a := p.a.Slice(i+r, k, mr, kc)
				p.tile(c, r, 0, kc, &a.Data[0], a.RowStride, a.ColStride, mine.tile)
			}
			if whole < mc {
				p.pack(mine.block[:mr*kc], p.a.Slice(i+whole, k, mc-whole, kc), mr)
				p.tile(c, whole, 0, kc, &mine.block[0], 1, mr, mine.tile)
			}
			return
		}
		for r := 0; r < mc; r += mr {
			panel := mine.block[r*kc:][:mr*kc]
			p.pack(panel, p.a.Slice(i+r, k, min(mr, mc-r), kc), mr)
			if p.negate != nil {
				p.negate(panel, panel)
			}
		}
		p.block(mine, p.c.Slice(i, j, mc, nc), kc)
	})
}

// block adds the product of a packed block of A and the packed block of B.
func (p *product[T]) block(mine room[T], c Matrix[T], kc int) {
	for j := 0; j < c.Cols; j += p.micro.nr {
		for i := 0; i < c.Rows; i += p.micro.mr {
			p.tile(c, i, j, kc, &mine.block[i*kc], 1, p.micro.mr, mine.tile)
		}
	}
}

// tile adds to the tile of C at row i and column j, given its rows of A. A tile at the edge of C is made in spare, from the
// elements that there are.
func (p *product[T]) tile(c Matrix[T], i, j, kc int, a *T, rs, cs int, spare []T) {
	mr, nr := p.micro.mr, p.micro.nr
	h, w := min(mr, c.Rows-i), min(nr, c.Cols-j)
	b := &p.packed[j*kc]
	if h == mr && w == nr {
		p.micro.run(kc, a, rs, cs, b, &c.Data[i*c.RowStride+j], c.RowStride)
		return
	}
	for r := range h {
		copy(spare[r*nr:][:w], c.Data[(i+r)*c.RowStride+j:])
	}
	p.micro.run(kc, a, rs, cs, b, &spare[0], nr)
	for r := range h {
		copy(c.Data[(i+r)*c.RowStride+j:][:w], spare[r*nr:])
	}
}

// maxTile is the size of the largest tile of a micro-kernel.
const maxTile = 8 * 48
