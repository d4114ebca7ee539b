package array

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	"github.com/weft-data/weft/op"
)

// contiguous lends the elements of a run of an input block, or copies them when they are
// on disk. done is to be called when they are no longer read.
func contiguous(a mem.Allocator, in op.In, run int, elements int64, width int) (data []byte, done func(), err error) {
	nothing := func() {}
	if elements == 0 {
		return nil, nothing, nil
	}
	if data, done, err = lend(in, run, elements); err != nil {
		return nil, nothing, err
	} else if data != nil {
		return data, done, nil
	}
	buf := a.Alloc(int(elements) * width)
	if buf == nil {
		return nil, nothing, fmt.Errorf("an input block of %d elements: %w", elements, mem.ErrBudget)
	}
	free := func() { a.Free(buf) }
	at := 0
	err = chunk.Each(in, 0, func(b *chunk.Batch) error {
		at += copy(buf[at:], b.Cols[0].Data[:b.N*width])
		return nil
	})
	if err == nil && at != len(buf) {
		err = fmt.Errorf("array: a block ends at element %d of %d", at/width, elements)
	}
	return buf, free, err
}

// blockShape returns the lengths of a block.
func blockShape(g grid.Grid, b int32) []int64 {
	var at [grid.MaxDims]int32
	grid.Coords(g.Counts(), b, at[:])
	s := make([]int64, len(g))
	for i, a := range g {
		lo, hi := a.Lookup().Bounds(int64(at[i]))
		s[i] = hi - lo
	}
	return s
}

func product(s []int64) int64 {
	n := int64(1)
	for _, k := range s {
		n *= k
	}
	return n
}

// ConcatParams are the parameters of array.concat: the inputs, cut equally but
// along Axis, one after the other.
type ConcatParams struct {
	Axis int32
	In   []grid.Grid
	Kind elem.Kind
}

// Out returns the grid of the output.
func (p *ConcatParams) Out() grid.Grid {
	out := slices.Clone(p.In[0])
	a := grid.Axis{}
	for _, g := range p.In {
		for _, r := range g[p.Axis] {
			a = a.Append(r.Size, r.Count)
		}
	}
	out[p.Axis] = a
	return out
}

// Wire returns the wiring of input i.
func (p *ConcatParams) Wire(i int) grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	first := int64(0)
	for _, g := range p.In[:i] {
		first -= g[p.Axis].Blocks()
	}
	for j, n := range p.In[i].Counts() {
		a := grid.BoxAxis{Blocks: n, Axis: int32(j), Step: 1, N: 1}
		if int32(j) == p.Axis {
			a.First = int32(first)
		}
		x.In = append(x.In, a)
	}
	return x.Wiring()
}

func (p *ConcatParams) check() error {
	if len(p.In) == 0 || !p.Kind.Valid() {
		return fmt.Errorf("%d inputs of %s", len(p.In), p.Kind)
	}
	for _, g := range p.In {
		if _, err := g.Loose(); err != nil {
			return err
		}
		if len(g) != len(p.In[0]) || p.Axis < 0 || int(p.Axis) >= len(g) {
			return fmt.Errorf("axis %d of %d and %d", p.Axis, len(g), len(p.In[0]))
		}
		for i := range g {
			if int32(i) != p.Axis && !g[i].Equal(p.In[0][i]) {
				return fmt.Errorf("chunks %s and %s differ along axis %d", g, p.In[0], i)
			}
		}
	}
	_, err := p.Out().Loose()
	return err
}

// Concat joins arrays along an axis.
var Concat = op.Register(op.Spec[ConcatParams]{
	Name: "array.concat", Version: 1, Class: op.Opaque,
	Doc: "joins arrays along an axis",
	Infer: func(p ConcatParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.Out().Elements(), p.Kind), nil
	},
	Mem: func(p ConcatParams, _ op.Meta) op.Need {
		n := mem.Size(int(p.Out().MaxBlock()) * p.Kind.Width())
		return op.Need{Floor: n, Want: n}
	},
	Text: func(p ConcatParams) string { return fmt.Sprintf("%d along axis %d", len(p.In), p.Axis) },
	Block: func(p ConcatParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		loose, err := p.Out().Loose()
		return &concat{p, p.Out(), loose}, err
	},
	Rules: op.Rules[ConcatParams]{Pure: true},
})

type concat struct {
	p     ConcatParams
	out   grid.Grid
	loose int
}

// Run implements op.Block: an output block is one input block.
func (c *concat) Run(t op.Task, in []op.In, out op.Out) error {
	if len(in) != 1 {
		return fmt.Errorf("array: %d blocks for one", len(in))
	}
	n := in[0].Rows()
	if c.loose < 0 {
		n = product(blockShape(c.out, int32(t.Block())))
	}
	return copyBlock(t, in[0], c.p.Kind, n, out)
}

// ScanParams are the parameters of array.scan: running sums or products along an
// axis. Input 0 is the array, input 1 the totals of its blocks along the axis, as
// array.strips folds them: a block reads those before its own.
type ScanParams struct {
	In   grid.Grid
	Axis int32
	Fold strip.Fold // Sum or Prod
	Kind elem.Kind
}

// Totals returns the wiring of the totals.
func (p *ScanParams) Totals() grid.Wiring {
	counts := p.In.Counts()
	x := &grid.Box{Out: counts}
	for i, n := range counts {
		a := grid.BoxAxis{Blocks: n, Axis: int32(i), Step: 1, N: 1}
		if int32(i) == p.Axis {
			a.Step, a.N, a.Table = 0, 0, make([]int32, 2*n)
			for c := range n {
				a.Table[2*c+1] = c
			}
		}
		x.In = append(x.In, a)
	}
	return grid.Wiring{Box: x}
}

func (p *ScanParams) check() error {
	if err := p.In.Check(); err != nil {
		return err
	}
	if p.Axis < 0 || int(p.Axis) >= len(p.In) || p.Fold != strip.Sum && p.Fold != strip.Prod {
		return fmt.Errorf("%s along axis %d of %d", p.Fold, p.Axis, len(p.In))
	}
	_, err := p.Fold.State(p.Kind)
	return err
}

// Scan computes running sums and products.
var Scan = op.Register(op.Spec[ScanParams]{
	Name: "array.scan", Version: 1, Class: op.Opaque,
	Doc: "computes running sums or products along an axis",
	Infer: func(p ScanParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.In.Elements(), p.Kind), nil
	},
	Mem: func(p ScanParams, _ op.Meta) op.Need {
		n := 3 * mem.Size(int(p.In.MaxBlock())*p.Kind.Width())
		return op.Need{Floor: n, Want: n}
	},
	Text: func(p ScanParams) string { return fmt.Sprintf("%s along axis %d", p.Fold, p.Axis) },
	Block: func(p ScanParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		switch p.Kind {
		case elem.Float64:
			return &scan[float64]{p}, nil
		case elem.Complex128:
			return &scan[complex128]{p}, nil
		}
		return &scan[int64]{p}, nil // of uint64 the same bits
	},
	Rules: op.Rules[ScanParams]{Pure: true},
})

type scan[T int64 | float64 | complex128] struct{ p ScanParams }

// Run implements op.Block. Totals are added in the order of the blocks.
func (s *scan[T]) Run(t op.Task, in []op.In, out op.Out) (err error) {
	shape := blockShape(s.p.In, int32(t.Block()))
	n, width := product(shape), s.p.Kind.Width()
	b, err := newBatch(t, []elem.Kind{s.p.Kind}, n)
	if err != nil || n == 0 {
		return err
	}
	defer func() {
		if err != nil {
			b.Release()
		}
	}()
	ax := int(s.p.Axis)
	outer, length, inner := product(shape[:ax]), shape[ax], product(shape[ax+1:])
	o := vec.Add
	buf := strip.View[T](t.Alloc(int(outer*inner)*width), int(outer*inner))
	if len(buf) == 0 {
		return fmt.Errorf("array: %d running totals: %w", outer*inner, mem.ErrBudget)
	}
	clear(buf)
	if s.p.Fold == strip.Prod {
		o = vec.Mul
		vec.Fill(buf, T(1))
	}
	merge := vec.Binary[T](o)
	for _, x := range in[1:] {
		data, done, err := contiguous(t, x, 0, outer*inner, width)
		if err == nil {
			merge(buf, buf, strip.View[T](data, len(buf)))
		}
		done()
		if err != nil {
			return err
		}
	}
	data, done, err := contiguous(t, in[0], 0, n, width)
	defer done()
	if err != nil {
		return err
	}
	x, y := strip.View[T](data, int(n)), strip.View[T](b.Cols[0].Data, int(n))
	for i := range outer {
		if err := t.Context().Err(); err != nil {
			return err
		}
		last := buf[i*inner : (i+1)*inner]
		for j := range length {
			at := (i*length + j) * inner
			merge(y[at:at+inner], last, x[at:at+inner])
			last = y[at : at+inner]
		}
	}
	return out.Put(0, b)
}

// TakeParams are the parameters of array.take: elements along an axis, in the
// order of Index. Out is Index cut into chunks; the other axes stay as they are.
type TakeParams struct {
	In    grid.Grid
	Axis  int32
	Index []int64
	Cut   grid.Axis
	Kind  elem.Kind
}

// Out returns the grid of the output.
func (p *TakeParams) Out() grid.Grid {
	out := slices.Clone(p.In)
	out[p.Axis] = p.Cut
	return out
}

// Wire returns the wiring: of the axis, the chunks from the first to the last that
// a chunk of the output reads.
func (p *TakeParams) Wire() grid.Wiring {
	x := &grid.Box{Out: p.Out().Counts()}
	in := p.In[p.Axis].Lookup()
	for i, n := range p.In.Counts() {
		a := grid.BoxAxis{Blocks: n, Axis: int32(i), Step: 1, N: 1}
		if int32(i) == p.Axis {
			a.Step, a.N = 0, 0
			cut := p.Cut.Lookup()
			for c := range p.Cut.Blocks() {
				lo, hi := cut.Bounds(c)
				if lo == hi {
					a.Table = append(a.Table, 0, 0)
					continue
				}
				list := p.Index[lo:hi]
				a.Table = append(a.Table, int32(in.Find(slices.Min(list))), int32(in.Find(slices.Max(list))+1))
			}
		}
		x.In = append(x.In, a)
	}
	return x.Wiring()
}

func (p *TakeParams) check() error {
	if err := p.In.Check(); err != nil {
		return err
	}
	if p.Axis < 0 || int(p.Axis) >= len(p.In) || !p.Kind.Valid() || p.Cut.Check() != nil || p.Cut.Len() != int64(len(p.Index)) {
		return fmt.Errorf("%d elements of %s along axis %d", len(p.Index), p.Kind, p.Axis)
	}
	n := p.In[p.Axis].Len()
	for _, i := range p.Index {
		if i < 0 || i >= n {
			return fmt.Errorf("index %d is out of range: axis %d has %d", i, p.Axis, n)
		}
	}
	return p.Out().Check()
}

// Take selects elements by a list of positions.
var Take = op.Register(op.Spec[TakeParams]{
	Name: "array.take", Version: 1, Class: op.Opaque,
	Doc: "selects elements along an axis by a list of positions",
	Infer: func(p TakeParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.Out().Elements(), p.Kind), nil
	},
	Mem: func(p TakeParams, _ op.Meta) op.Need {
		n := mem.Size(int(p.Out().MaxBlock())*p.Kind.Width()) + mem.Size(int(p.In.MaxBlock())*p.Kind.Width())
		return op.Need{Floor: n, Want: n}
	},
	Text: func(p TakeParams) string { return fmt.Sprintf("%d along axis %d", len(p.Index), p.Axis) },
	Block: func(p TakeParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		return &taking{p, p.Out(), p.In[p.Axis].Lookup(), p.Cut.Lookup()}, nil
	},
	Rules: op.Rules[TakeParams]{Pure: true},
})

type taking struct {
	p       TakeParams
	out     grid.Grid
	in, cut *grid.Lookup
}

// Run implements op.Block: one input block at a time.
func (k *taking) Run(t op.Task, in []op.In, out op.Out) (err error) {
	shape := blockShape(k.out, int32(t.Block()))
	n, width := product(shape), int64(k.p.Kind.Width())
	b, err := newBatch(t, []elem.Kind{k.p.Kind}, n)
	if err != nil || n == 0 {
		return err
	}
	defer func() {
		if err != nil {
			b.Release()
		}
	}()
	ax := int(k.p.Axis)
	outer, inner := product(shape[:ax]), product(shape[ax+1:])*width
	var at [grid.MaxDims]int32
	grid.Coords(k.out.Counts(), int32(t.Block()), at[:])
	lo, hi := k.cut.Bounds(int64(at[ax]))
	list, dst := k.p.Index[lo:hi], b.Cols[0].Data
	first := k.in.Find(slices.Min(list))
	for c, x := range in {
		if err := t.Context().Err(); err != nil {
			return err
		}
		from, to := k.in.Bounds(first + int64(c))
		data, done, err := contiguous(t, x, 0, outer*(to-from)*inner/width, int(width))
		if err != nil {
			done()
			return err
		}
		for i, p := range list {
			if p < from || p >= to {
				continue
			}
			for o := range outer {
				copy(dst[(o*int64(len(list))+int64(i))*inner:][:inner], data[(o*(to-from)+p-from)*inner:])
			}
		}
		done()
	}
	return out.Put(0, b)
}
