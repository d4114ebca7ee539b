package array

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/linalg"
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
	// Held are factors that lie in memory and are read there, in place of an input: both
	// or none, of kind NoLeaf for a factor that is an input.
	Held []Leaf
}

// held returns the leaf of a factor that lies in memory, nil for an input.
func (p *MatMulParams) held(i int) *Leaf {
	if i >= len(p.Held) || p.Held[i].Kind == NoLeaf {
		return nil
	}
	return &p.Held[i]
}

// factor returns the grid of factor i as it is stored, and whether it is turned.
func (p *MatMulParams) factor(i int) (grid.Grid, bool) {
	if i == 0 {
		return p.A, p.TA
	}
	return p.B, p.TB
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
	g, turned := p.factor(i)
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
	for _, g := range []grid.Grid{p.A, p.B, p.Out()} {
		if _, err := g.Loose(); err != nil {
			return err
		}
	}
	for i := range len(p.A) - 2 {
		if a, b := p.A[i], p.B[i]; !a.Known() || !b.Known() {
			return fmt.Errorf("axis %d, of stacks of matrices: %w", i, grid.ErrUnknown)
		} else if !a.Equal(b) && a.Len() != 1 && b.Len() != 1 {
			return fmt.Errorf("chunks %s and %s of stacks of matrices", a, b)
		}
	}
	if !cols(p.A, p.TA).Equal(rows(p.B, p.TB)) {
		return fmt.Errorf("chunks %s and %s of the axis that is summed", cols(p.A, p.TA), rows(p.B, p.TB))
	}
	switch p.Kind {
	case elem.Float32, elem.Float64, elem.Int64, elem.Complex128:
	default:
		return fmt.Errorf("matrices of %s", p.Kind)
	}
	for i := range p.Held {
		l := p.held(i)
		if l == nil {
			continue
		}
		g, _ := p.factor(i)
		if len(p.Held) != 2 || !lies(l, p.Kind) || len(g) != 2 {
			return fmt.Errorf("factor %d of %d axes is not read in memory", i, len(g))
		}
		if err := l.check(g); err != nil {
			return fmt.Errorf("factor %d: %w", i, err)
		}
	}
	return nil
}

// lies reports whether a leaf is read by a product where it lies in memory: its rows and
// columns go forward.
func lies(l *Leaf, k elem.Kind) bool {
	return l.Kind == Memory && l.Type == k && !slices.ContainsFunc(l.View, func(v grid.View) bool { return v.Axis >= 0 && v.Step < 0 })
}

// takeHeld has a product read a factor that is a view of memory where it lies, which
// costs nothing whoever else reads it, instead of copying its blocks first.
func takeHeld(p MatMulParams, in []int, layer int, below op.Call, _ []int, _ op.Others) (MatMulParams, []op.Link, bool) {
	var q StripsParams
	if below.Op != stripsName || len(p.A) != 2 || canon.Decode([]byte(below.Params), &q) != nil || q.Stay || q.Fold != nil || !q.free() || !lies(&q.Leaves[0], p.Kind) {
		return p, nil, false
	}
	held, edge := make([]Leaf, 2), 0
	var links []op.Link
	for i := range held {
		if l := p.held(i); l != nil {
			held[i] = *l
			continue
		}
		if in[edge] == layer {
			if g, _ := p.factor(i); !g.Equal(q.Space) { // a view before it was given other axes
				return p, nil, false
			}
			held[i] = q.Leaves[0]
		} else {
			links = append(links, op.Link{Layer: in[edge], Wiring: p.Wire(i)})
		}
		edge++
	}
	p.Held = held
	return p, links, true
}

// long is how many rows or columns a block of the product has that the plan does not know:
// those of the blocks of the factor they are of, which is an input.
func (p *MatMulParams) long(at []int64, in []op.In) (int64, error) {
	i, d, sum := 0, len(p.A)-2, cols(p.A, p.TA).Blocks()
	if !cols(p.B, p.TB).Known() {
		i = 1
	}
	switch {
	case i == 1 && p.held(0) == nil:
		in = in[min(int64(len(in)), sum):]
	case i == 0:
		in = in[:min(int64(len(in)), sum)]
	}
	g, turned := p.factor(i)
	var blocks region
	for j := range d {
		if g[j].Len() > 1 {
			blocks.lo[j] = at[j]
		}
		blocks.hi[j] = blocks.lo[j] + 1
	}
	mine, other := d+i, d+1-i
	if turned {
		mine, other = other, mine
	}
	blocks.lo[mine], blocks.hi[mine], blocks.hi[other] = at[d+i], at[d+i]+1, sum
	return long(g, &blocks, in)
}

// least and room are the bytes of a task's packed panels: those it cannot do without,
// and those with which so many workers are fastest.
func (p *MatMulParams) least() int64 {
	switch p.Kind {
	case elem.Float32:
		return 4 * int64(gemm.MinBuffer[float32](1))
	case elem.Float64:
		return 8 * int64(gemm.MinBuffer[float64](1))
	case elem.Complex128:
		return 8*int64(gemm.MinBuffer[float64](1)) + p.planes()
	}
	return 0
}

// planes is the bytes of the sums of complex numbers, whose parts are apart.
func (p *MatMulParams) planes() int64 { return 16 * rows(p.A, p.TA).Max() * cols(p.B, p.TB).Max() }

func (p *MatMulParams) room(workers int) int64 {
	m, n, k := int(rows(p.A, p.TA).Max()), int(cols(p.B, p.TB).Max()), int(cols(p.A, p.TA).Max())
	switch p.Kind {
	case elem.Float32:
		return 4 * int64(gemm.Buffer[float32](m, n, k, workers))
	case elem.Float64:
		return 8 * int64(gemm.Buffer[float64](m, n, k, workers))
	case elem.Complex128:
		return 8*int64(gemm.Buffer[float64](m, n, k, workers)) + p.planes()
	}
	return 0
}

// panels borrows memory for packed panels. A task shares its products among the threads
// of the node when there are not as many blocks as threads.
func (p *MatMulParams) panels(t op.Task) (buf []byte, workers int, err error) {
	if p.least() == 0 {
		return nil, 1, nil
	}
	if n := t.Threads(); p.Out().Blocks() < int64(n) {
		if buf = t.Alloc(int(p.room(n))); buf != nil {
			return buf, n, nil
		}
	}
	if buf = t.Alloc(int(p.room(1))); buf == nil {
		if buf = t.Alloc(int(p.least())); buf == nil {
			return nil, 0, fmt.Errorf("array: packed panels of a product: %w", mem.ErrBudget)
		}
	}
	return buf, 1, nil
}

func (p *MatMulParams) made() (grid.Grid, elem.Kind) { return p.Out(), p.Kind }

// MatMul multiplies matrices.
var MatMul = declare(declaration[MatMulParams]{
	name: "array.matmul",
	doc:  "multiplies matrices, a block at a time, adding up in place",
	need: func(p *MatMulParams) op.Need {
		n := blockBytes(p.Out(), p.Kind)
		for i := range 2 {
			if g, _ := p.factor(i); p.held(i) == nil {
				n += blockBytes(g, p.Kind)
			}
		}
		return op.Need{Floor: n + mem.Size(int(p.least())), Want: n + mem.Size(int(p.room(1)))}
	},
	text: func(p *MatMulParams) string {
		var text [2]string
		for i := range text {
			kind, turned := 'x', ""
			if p.held(i) != nil {
				kind = 'm'
			}
			if _, t := p.factor(i); t {
				turned = "ᵀ"
			}
			text[i] = fmt.Sprintf("%c%d%s", kind, i, turned)
		}
		return text[0] + " · " + text[1]
	},
	take: takeHeld,
	long: (*MatMulParams).long,
	fill: func(p *MatMulParams) (filler, error) {
		switch p.Kind {
		case elem.Float32:
			return bindMatMul(p, viaGEMM[float32])
		case elem.Float64:
			return bindMatMul(p, viaGEMM[float64])
		case elem.Complex128:
			return bindMatMul(p, viaPlanes)
		}
		return bindMatMul(p, viaRows)
	},
})

// A matrix is a view of a block in memory.
type matrix[T any] struct {
	data       []T
	rows, cols int
	rs, cs     int // strides
}

// byRows views data as matrices, row after row.
func byRows[T any](data []byte, rows, cols int64) matrix[T] {
	return matrix[T]{strip.View[T](data, len(data)/widthOf[T]()), int(rows), int(cols), int(cols), 1}
}

// turn is the transposed view.
func (m matrix[T]) turn() matrix[T] { return matrix[T]{m.data, m.cols, m.rows, m.cs, m.rs} }

type matmul[T any] struct {
	p    *MatMulParams
	mul  func(t op.Task, buf []byte, workers int, c, a, b matrix[T]) error
	held [2]*source        // of factors that lie in memory
	axes [2][]*grid.Lookup // of these, as they are stored
}

func bindMatMul[T any](p *MatMulParams, mul func(t op.Task, buf []byte, workers int, c, a, b matrix[T]) error) (filler, error) {
	x := &matmul[T]{p: p, mul: mul}
	for i := range x.held {
		g, _ := p.factor(i)
		if l := p.held(i); l != nil {
			s, err := l.source(g)
			if err != nil {
				return nil, fmt.Errorf("factor %d: %w", i, err)
			}
			x.held[i], x.axes[i] = &s, lookups(g)
		}
	}
	return x.fill, nil
}

// fill adds products in the order of the blocks.
func (x *matmul[T]) fill(t op.Task, at []int64, in []op.In, out Piece) error {
	shape := out.Shape
	clear(out.Data)
	buf, workers, err := x.p.panels(t)
	if err != nil {
		return err
	}
	defer t.Free(buf)
	d := len(shape) - 2
	sum := cols(x.p.A, x.p.TA)
	blocks := int(sum.Blocks())
	second := in // the blocks of the second factor come after those of the first
	if x.held[0] == nil {
		second = in[blocks:]
	}
	lookup := sum.Lookup()
	for k := range blocks {
		var n int64 // how many products are added
		if sum.Known() {
			lo, hi := lookup.Bounds(int64(k))
			n = hi - lo
		} else {
			n = in[k].Rows() / shape[d]
			if err := errors.Join(full(in[k], n*shape[d]), full(second[k], n*shape[d+1])); err != nil {
				return err
			}
		}
		if n == 0 {
			continue
		}
		a, done, err := x.factor(t, 0, in, k, shape, [2]int64{at[d], int64(k)}, [2]int64{shape[d], n})
		if err != nil {
			done()
			return err
		}
		b, done2, err := x.factor(t, 1, second, k, shape, [2]int64{int64(k), at[d+1]}, [2]int64{n, shape[d+1]})
		if err == nil {
			err = x.stack(t, buf, workers, out.Data, shape, a, b)
		}
		done()
		done2()
		if err != nil {
			return err
		}
	}
	return nil
}

// factors are the matrices of a block of a factor: the first of them, how many elements
// there are from one to the next, and how many matrices along each axis of the stack.
type factors[T any] struct {
	first matrix[T]
	size  int64
	step  []int64
}

// at is the matrix that lies i matrices after the first.
func (f *factors[T]) at(i int64) matrix[T] {
	m := f.first
	if i > 0 {
		m.data = m.data[i*f.size:]
	}
	return m
}

// stack multiplies all matrices of a block.
func (x *matmul[T]) stack(t op.Task, buf []byte, workers int, out []byte, shape []int64, a, b factors[T]) error {
	d := len(shape) - 2
	c := factors[T]{first: byRows[T](out, shape[d], shape[d+1]), size: shape[d] * shape[d+1]}
	var at [grid.MaxDims]int64
	for i := range product(shape[:d]) {
		pa, pb := int64(0), int64(0)
		for j := range d {
			pa, pb = pa+at[j]*a.step[j], pb+at[j]*b.step[j]
		}
		if err := x.mul(t, buf, workers, c.at(i), a.at(pa), b.at(pb)); err != nil {
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

// factor reads block k of factor i of a task: its matrices, at a place among the blocks
// of a matrix, have the given rows and columns.
func (x *matmul[T]) factor(t op.Task, i int, in []op.In, k int, shape []int64, at, size [2]int64) (factors[T], func(), error) {
	g, turned := x.p.factor(i)
	if turned {
		at[0], at[1] = at[1], at[0]
	}
	if s := x.held[i]; s != nil {
		return factors[T]{first: x.lying(s, i, at, size, turned)}, func() {}, nil
	}
	f := factors[T]{size: size[0] * size[1], step: make([]int64, len(shape)-2)}
	n := int64(1)
	for j := len(f.step) - 1; j >= 0; j-- {
		if g[j].Len() > 1 {
			f.step[j] = n
			n *= shape[j]
		}
	}
	data, done, err := contiguous(t, in[k], 0, n*f.size, x.p.Kind.Width())
	if turned {
		size[0], size[1] = size[1], size[0]
	}
	if err == nil {
		f.first = byRows[T](data, size[0], size[1])
	}
	if turned {
		f.first = f.first.turn()
	}
	return f, done, err
}

// lying is a block of a factor that lies in memory: at says where it is in the factor as
// it is stored, size are its rows and columns as the product has them.
func (x *matmul[T]) lying(s *source, i int, at, size [2]int64, turned bool) matrix[T] {
	m := matrix[T]{rows: int(size[0]), cols: int(size[1])}
	if turned {
		m = m.turn()
	}
	first, stride := int64(0), int64(1)
	for j := len(s.leaf.View) - 1; j >= 0; j-- {
		v := s.leaf.View[j]
		from := v.Start
		if v.Axis >= 0 {
			lo, _ := x.axes[i][v.Axis].Bounds(at[v.Axis])
			from = v.At(lo)
			if v.Axis == 0 {
				m.rs += int(v.Step * stride)
			} else {
				m.cs += int(v.Step * stride)
			}
		}
		first += from * stride
		stride *= s.leaf.Grid[j].Len()
	}
	m.data = strip.View[T](s.memory, len(s.memory)/widthOf[T]())[first:]
	if turned {
		m = m.turn()
	}
	return m
}

func viaGEMM[T vec.Float](t op.Task, buf []byte, workers int, c, a, b matrix[T]) error {
	to := func(m matrix[T]) gemm.Matrix[T] {
		return gemm.Matrix[T]{Data: m.data, Rows: m.rows, Cols: m.cols, RowStride: m.rs, ColStride: m.cs}
	}
	return gemm.Mul(to(c), to(a), to(b), gemm.Env[T]{Buf: strip.View[T](buf, len(buf)/widthOf[T]()), Workers: workers, Fork: t.Fork, Stop: t.Context().Err})
}

// viaPlanes multiplies complex matrices as four products of their parts, which are read
// where they lie; the sums come together in planes.
func viaPlanes(t op.Task, buf []byte, workers int, c, a, b matrix[complex128]) error {
	if c.rows == 0 || c.cols == 0 {
		return nil
	}
	n, space := c.rows*c.cols, strip.View[float64](buf, len(buf)/8)
	sum := linalg.Planes(space[:2*n], c.rows, c.cols)
	clear(space[:2*n])
	env := gemm.Env[float64]{Buf: space[2*n:], Workers: workers, Fork: t.Fork, Stop: t.Context().Err}
	if err := linalg.MulComplex(sum, inPairs(a), inPairs(b), env); err != nil {
		return err
	}
	for i := range c.rows {
		row := c.data[i*c.rs : i*c.rs+c.cols]
		for j := range row {
			row[j] += complex(space[i*c.cols+j], space[n+i*c.cols+j])
		}
	}
	return nil
}

// inPairs views complex numbers as the pairs of their parts.
func inPairs(m matrix[complex128]) linalg.Complex[float64] {
	parts := func(i int) gemm.Matrix[float64] {
		p := gemm.Matrix[float64]{Rows: m.rows, Cols: m.cols, RowStride: 2 * m.rs, ColStride: 2 * m.cs}
		if len(m.data) > 0 {
			p.Data = strip.View[float64](strip.Raw(m.data), 2*len(m.data))[i:]
		}
		return p
	}
	return linalg.Complex[float64]{Re: parts(0), Im: parts(1)}
}

// viaRows adds multiples of rows: for integers, which have no kernel of their own.
func viaRows(t op.Task, _ []byte, _ int, c, a, b matrix[int64]) error {
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
