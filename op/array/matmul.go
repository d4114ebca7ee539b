package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	"github.com/weft-data/weft/op"
)

// MatMulParams are the parameters of array.matmul: the product of two matrices,
// each perhaps transposed, which are cut equally along the axis that is summed. Axes
// before the last two are stacks of matrices: both have as many, of equal chunks or
// of length 1.
type MatMulParams struct {
	A, B   grid.Grid // as they are stored
	TA, TB bool      // the factor is the transposed one
	Kind   elem.Kind // float32, float64, int64 or complex128
}

// rows and cols are the axes of a factor.
func rows(g grid.Grid, turned bool) grid.Axis {
	if turned {
		return g[len(g)-1]
	}
	return g[len(g)-2]
}

func cols(g grid.Grid, turned bool) grid.Axis { return rows(g, !turned) }

// Out returns the grid of the product.
func (p *MatMulParams) Out() (out grid.Grid) {
	for i := range len(p.A) - 2 {
		if p.A[i].Len() == 1 {
			out = append(out, p.B[i])
		} else {
			out = append(out, p.A[i])
		}
	}
	return append(out, rows(p.A, p.TA), cols(p.B, p.TB))
}

// Wire returns the wiring of factor i: a block reads a row of blocks of the first
// and a column of blocks of the second, of its own matrices.
func (p *MatMulParams) Wire(i int) grid.Wiring {
	out := p.Out()
	x, stack := &grid.Box{Out: out.Counts()}, len(out)-2
	g, turned := p.A, p.TA
	if i == 1 {
		g, turned = p.B, p.TB
	}
	for j, a := range g[:stack] {
		b := grid.BoxAxis{Blocks: int32(a.Blocks()), Axis: int32(j), Step: 1, N: 1}
		if a.Len() == 1 {
			b.Axis, b.Step = -1, 0
		}
		x.In = append(x.In, b)
	}
	k := grid.BoxAxis{Blocks: int32(cols(p.A, p.TA).Blocks()), Axis: -1, N: int32(cols(p.A, p.TA).Blocks())}
	line := grid.BoxAxis{Blocks: x.Out[stack+i], Axis: int32(stack + i), Step: 1, N: 1}
	if (i == 0) != turned {
		x.In = append(x.In, line, k)
	} else {
		x.In = append(x.In, k, line)
	}
	return x.Wiring()
}

func (p *MatMulParams) check() error {
	if len(p.A) < 2 || len(p.A) != len(p.B) {
		return fmt.Errorf("factors of %d and %d axes", len(p.A), len(p.B))
	}
	for _, g := range []grid.Grid{p.A, p.B} {
		if err := g.Check(); err != nil {
			return err
		}
	}
	for i := range len(p.A) - 2 {
		if a, b := p.A[i], p.B[i]; !a.Equal(b) && a.Len() != 1 && b.Len() != 1 {
			return fmt.Errorf("chunks %s and %s of stacks of matrices", a, b)
		}
	}
	if !cols(p.A, p.TA).Equal(rows(p.B, p.TB)) {
		return fmt.Errorf("chunks %s and %s of the axis that is summed", cols(p.A, p.TA), rows(p.B, p.TB))
	}
	switch p.Kind {
	case elem.Float32, elem.Float64, elem.Int64, elem.Complex128:
		return nil
	}
	return fmt.Errorf("matrices of %s", p.Kind)
}

// room is the bytes of a task's packed panels.
func (p *MatMulParams) room(least bool) int64 {
	m, n, k := rows(p.A, p.TA).Max(), cols(p.B, p.TB).Max(), cols(p.A, p.TA).Max()
	switch {
	case p.Kind == elem.Float32 && least:
		return 4 * int64(gemm.MinBuffer[float32](1))
	case p.Kind == elem.Float64 && least:
		return 8 * int64(gemm.MinBuffer[float64](1))
	case p.Kind == elem.Float32:
		return 4 * int64(gemm.Buffer[float32](int(m), int(n), int(k), 1))
	case p.Kind == elem.Float64:
		return 8 * int64(gemm.Buffer[float64](int(m), int(n), int(k), 1))
	}
	return 0
}

// MatMul multiplies matrices.
var MatMul = op.Register(op.Spec[MatMulParams]{
	Name: "array.matmul", Version: 1, Class: op.Opaque,
	Doc: "multiplies matrices, a block at a time, adding up in place",
	Infer: func(p MatMulParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.Out().Elements(), p.Kind), nil
	},
	Mem: func(p MatMulParams, _ op.Meta) op.Need {
		n := int64(0)
		for _, g := range []grid.Grid{p.A, p.B, p.Out()} {
			n += mem.Size(int(g.MaxBlock()) * p.Kind.Width())
		}
		return op.Need{Floor: n + mem.Size(int(p.room(true))), Want: n + mem.Size(int(p.room(false)))}
	},
	Text: func(p MatMulParams) string {
		turned := map[bool]string{true: "ᵀ"}
		return fmt.Sprintf("x0%s · x1%s", turned[p.TA], turned[p.TB])
	},
	Block: func(p MatMulParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		switch p.Kind {
		case elem.Float32:
			return &matmul[float32]{p, p.Out(), viaGEMM[float32]}, nil
		case elem.Float64:
			return &matmul[float64]{p, p.Out(), viaGEMM[float64]}, nil
		case elem.Complex128:
			return &matmul[complex128]{p, p.Out(), viaRows[complex128]}, nil
		}
		return &matmul[int64]{p, p.Out(), viaRows[int64]}, nil
	},
	Rules: op.Rules[MatMulParams]{Pure: true},
})

// A matrix is a view of a block in memory.
type matrix[T any] struct {
	data       []T
	rows, cols int
	rs, cs     int // strides
}

func viewOf[T any](data []byte, rows, cols int64, turned bool) matrix[T] {
	m := matrix[T]{strip.View[T](data, int(rows*cols)), int(rows), int(cols), int(cols), 1}
	if turned {
		return matrix[T]{m.data, m.cols, m.rows, m.cs, m.rs}
	}
	return m
}

type matmul[T any] struct {
	p   MatMulParams
	out grid.Grid
	mul func(t op.Task, buf []byte, c, a, b matrix[T]) error
}

// Run implements op.Block. Products are added in the order of the blocks.
func (x *matmul[T]) Run(t op.Task, in []op.In, out op.Out) (err error) {
	shape := blockShape(x.out, int32(t.Block()))
	width := x.p.Kind.Width()
	r, err := newBatch(t, []elem.Kind{x.p.Kind}, product(shape))
	if err != nil || r.N == 0 {
		return err
	}
	defer func() {
		if err != nil {
			r.Release()
		}
	}()
	clear(r.Cols[0].Data)
	buf := t.Alloc(int(x.p.room(false)))
	if buf == nil && x.p.room(true) > 0 {
		if buf = t.Alloc(int(x.p.room(true))); buf == nil {
			return fmt.Errorf("array: packed panels of a product: %w", mem.ErrBudget)
		}
	}
	defer t.Free(buf)
	sum := cols(x.p.A, x.p.TA).Lookup()
	half := len(in) / 2
	for k := range half {
		lo, hi := sum.Bounds(int64(k))
		if lo == hi {
			continue
		}
		a, done, err := x.factor(t, in[k], x.p.A, shape, shape[len(shape)-2], hi-lo, x.p.TA, width)
		if err != nil {
			done()
			return err
		}
		b, done2, err := x.factor(t, in[half+k], x.p.B, shape, hi-lo, shape[len(shape)-1], x.p.TB, width)
		if err == nil {
			err = x.stack(t, buf, r.Cols[0].Data, shape, a, b)
		}
		done()
		done2()
		if err != nil {
			return err
		}
	}
	return out.Put(0, r)
}

// factors are the matrices of a block of a factor.
type factors[T any] struct {
	data       []byte
	rows, cols int64
	turned     bool
	step       []int64 // from one matrix to the next along each axis of the stack
}

// at is the matrix that lies i matrices after the first.
func (f *factors[T]) at(i int64) matrix[T] {
	n := int(f.rows*f.cols) * widthOf[T]()
	if f.turned {
		return viewOf[T](f.data[int(i)*n:], f.cols, f.rows, true)
	}
	return viewOf[T](f.data[int(i)*n:], f.rows, f.cols, false)
}

// stack multiplies all matrices of a block.
func (x *matmul[T]) stack(t op.Task, buf, out []byte, shape []int64, a, b factors[T]) error {
	d := len(shape) - 2
	c := factors[T]{data: out, rows: shape[d], cols: shape[d+1]}
	var at [grid.MaxDims]int64
	for i := range product(shape[:d]) {
		pa, pb := int64(0), int64(0)
		for j := range d {
			pa, pb = pa+at[j]*a.step[j], pb+at[j]*b.step[j]
		}
		if err := x.mul(t, buf, c.at(i), a.at(pa), b.at(pb)); err != nil {
			return err
		}
		for j := d - 1; j >= 0; j-- {
			if at[j]++; at[j] < shape[j] {
				break
			}
			at[j] = 0
		}
	}
	return nil
}

// factor reads a block of a factor, whose matrices have the given rows and columns.
func (x *matmul[T]) factor(t op.Task, in op.In, g grid.Grid, shape []int64, rows, cols int64, turned bool, width int) (factors[T], func(), error) {
	f := factors[T]{rows: rows, cols: cols, turned: turned, step: make([]int64, len(shape)-2)}
	n := int64(1)
	for j := len(f.step) - 1; j >= 0; j-- {
		if g[j].Len() > 1 {
			f.step[j] = n
			n *= shape[j]
		}
	}
	data, done, err := contiguous(t, in, 0, n*rows*cols, width)
	f.data = data
	return f, done, err
}

func viaGEMM[T vec.Float](t op.Task, buf []byte, c, a, b matrix[T]) error {
	var z [1]T
	to := func(m matrix[T]) gemm.Matrix[T] {
		return gemm.Matrix[T]{Data: m.data, Rows: m.rows, Cols: m.cols, RowStride: m.rs, ColStride: m.cs}
	}
	return gemm.Mul(to(c), to(a), to(b), gemm.Env[T]{Buf: strip.View[T](buf, len(buf)/len(strip.Raw(z[:]))), Workers: 1, Stop: t.Context().Err})
}

// viaRows adds multiples of rows: for types without a kernel of their own.
func viaRows[T int64 | complex128](t op.Task, _ []byte, c, a, b matrix[T]) error {
	for i := range c.rows {
		if err := t.Context().Err(); err != nil {
			return err
		}
		row := c.data[i*c.rs : i*c.rs+c.cols]
		for k := range a.cols {
			x := a.data[i*a.rs+k*a.cs]
			for j := range row {
				row[j] += x * b.data[k*b.rs+j*b.cs]
			}
		}
	}
	return nil
}
