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
// each perhaps transposed, which are cut equally along the axis that is summed.
type MatMulParams struct {
	A, B   grid.Grid // as they are stored
	TA, TB bool      // the factor is the transposed one
	Kind   elem.Kind // float32, float64, int64 or complex128
}

// rows and cols are the axes of a factor.
func rows(g grid.Grid, turned bool) grid.Axis {
	if turned {
		return g[1]
	}
	return g[0]
}

func cols(g grid.Grid, turned bool) grid.Axis { return rows(g, !turned) }

// Out returns the grid of the product.
func (p *MatMulParams) Out() grid.Grid { return grid.Grid{rows(p.A, p.TA), cols(p.B, p.TB)} }

// Wire returns the wiring of factor i: a block reads a row of blocks of the first
// and a column of blocks of the second.
func (p *MatMulParams) Wire(i int) grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	k := grid.BoxAxis{Blocks: int32(cols(p.A, p.TA).Blocks()), Axis: -1, N: int32(cols(p.A, p.TA).Blocks())}
	line := grid.BoxAxis{Blocks: x.Out[i], Axis: int32(i), Step: 1, N: 1}
	if (i == 0) != (i == 0 && p.TA || i == 1 && p.TB) {
		x.In = []grid.BoxAxis{line, k}
	} else {
		x.In = []grid.BoxAxis{k, line}
	}
	return x.Wiring()
}

func (p *MatMulParams) check() error {
	if len(p.A) != 2 || len(p.B) != 2 {
		return fmt.Errorf("factors of %d and %d axes", len(p.A), len(p.B))
	}
	for _, g := range []grid.Grid{p.A, p.B} {
		if err := g.Check(); err != nil {
			return err
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
	c := viewOf[T](r.Cols[0].Data, shape[0], shape[1], false)
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
		a, done, err := x.factor(t, in[k], shape[0], hi-lo, x.p.TA, width)
		if err != nil {
			done()
			return err
		}
		b, done2, err := x.factor(t, in[half+k], hi-lo, shape[1], x.p.TB, width)
		if err == nil && hi > lo {
			err = x.mul(t, buf, c, a, b)
		}
		done()
		done2()
		if err != nil {
			return err
		}
	}
	return out.Put(0, r)
}

// factor reads a block of a factor with the given rows and columns.
func (x *matmul[T]) factor(t op.Task, in op.In, rows, cols int64, turned bool, width int) (matrix[T], func(), error) {
	data, done, err := contiguous(t, in, rows*cols, width)
	if turned {
		rows, cols = cols, rows
	}
	if err != nil {
		return matrix[T]{}, done, err
	}
	return viewOf[T](data, rows, cols, turned), done, nil
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
