package array

import (
	"context"
	"fmt"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	"github.com/weft-data/weft/op"
)

// Strips computes elementwise programs.
var Strips = op.Register(op.Spec[StripsParams]{
	Name: stripsName, Version: 4, Class: op.Opaque,
	Doc: "computes an elementwise program over arrays, and the first step of a reduction, strip by strip",
	Infer: func(p StripsParams, in []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		if n := len(p.inputs()); n != len(in) {
			return op.Meta{}, fmt.Errorf("%d inputs for %d leaves", len(in), n)
		}
		kinds, err := p.columns()
		if p.Fold != nil {
			return Describe(p.States().Elements(), kinds...), err
		}
		return Describe(p.Space.Elements(), kinds...), err
	},
	Mem: func(p StripsParams, _ op.Meta) op.Need {
		n := p.outBytes()
		for i := range p.Leaves {
			switch l := &p.Leaves[i]; {
			case l.Kind == Stored && p.loads():
				n += l.File.scratch()
			case l.Kind == Input:
				n += p.regionBytes(i)
			case l.Kind == Stored:
				n += p.regionBytes(i) + l.File.scratch()
			}
		}
		return op.Need{Floor: n, Want: n}
	},
	Text:  func(p StripsParams) string { return p.text() },
	Block: bindStrips,
	Rules: op.Rules[StripsParams]{Pure: true, Take: take},
})

const stripsName = "array.strips"

// outBytes returns the bytes of the largest output block.
func (p *StripsParams) outBytes() (n int64) {
	kinds, err := p.columns()
	if err != nil {
		return 0
	}
	g := p.Space
	if p.Fold != nil {
		g = p.States()
	}
	for _, k := range kinds {
		n += mem.Size(int(g.MaxBlock()) * k.Width())
	}
	return n
}

// regionBytes bounds what a block of the space reads of a leaf, brought together.
func (p *StripsParams) regionBytes(leaf int) int64 {
	l := &p.Leaves[leaf]
	n := int64(l.Type.Width())
	for j, v := range l.View {
		if v.Axis >= 0 {
			step := max(v.Step, -v.Step)
			n *= min(max((p.Space[v.Axis].Max()-1)*step+1, 0), l.Grid[j].AtMost().Len())
		}
	}
	return mem.Size(int(n))
}

// small is the largest output of a task that needs no budget, and of the inputs
// of one that takes the direct door.
const small = 64 << 10

func bindStrips(p StripsParams) (op.Block, error) {
	b, tiny, err := newStrips(p)
	switch {
	case err != nil:
		return nil, err
	case tiny:
		return direct{b}, nil
	}
	return b, nil
}

// newStrips binds a program; tiny says that its tasks need no budget.
func newStrips(p StripsParams) (b *strips, tiny bool, err error) {
	if err := p.check(); err != nil {
		return nil, false, err
	}
	b = &strips{p: p, counts: p.Space.Counts()}
	if b.kinds, err = p.columns(); err != nil {
		return nil, false, err
	}
	if b.code, err = strip.Compile(p.program(), p.Outs); err != nil {
		return nil, false, err
	}
	for _, a := range p.Space {
		b.axes = append(b.axes, a.Lookup())
	}
	if b.loose, err = p.Space.Loose(); err != nil {
		return nil, false, err
	}
	tiny = b.p.outBytes() <= small
	for i := range p.Leaves {
		s, err := p.Leaves[i].source(p.Space)
		if err != nil {
			return nil, false, fmt.Errorf("leaf %d: %w", i, err)
		}
		tiny = tiny && p.Leaves[i].Kind != Stored && (p.Leaves[i].Kind != Input || p.regionBytes(i) <= small && p.Leaves[i].Grid.MaxBlock() <= small/16)
		b.sources = append(b.sources, s)
	}
	if p.Fold != nil {
		b.folded = make([]bool, len(p.Space))
		for _, a := range p.Fold.Axes {
			b.folded[a] = true
		}
	}
	b.copyRows, b.mirror, b.loads = vec.CopyRows(), mirrored(&b.p), p.loads()
	b.idle.New = func() any { return b.newNest() }
	return b, tiny, nil
}

// strips is a bound program. It is shared by all tasks of its layer.
type strips struct {
	p        StripsParams
	code     *strip.Code
	kinds    []elem.Kind // columns
	counts   []int32     // blocks of the space
	axes     []*grid.Lookup
	loose    int // the axis whose chunk sizes are not known, or -1
	folded   []bool
	sources  []source
	mirror   []int // see mirrored
	loads    bool  // see StripsParams.loads
	copyRows func(dst, src []byte, bytes, rows, stride, ahead int)
	idle     sync.Pool // of *nest
}

// Run implements op.Block.
func (b *strips) Run(t op.Task, in []op.In, out op.Out) error {
	n := b.idle.Get().(*nest)
	defer b.idle.Put(n)
	got, err := n.run(t.Context(), t, int32(t.Block()), in)
	if err != nil {
		return err
	}
	return out.Put(0, got)
}

// direct is a program whose blocks are small.
type direct struct{ *strips }

// Direct implements op.Direct.
func (d direct) Direct(ctx context.Context, block int, in []op.In) (chunk.Value, error) {
	n := d.idle.Get().(*nest)
	defer d.idle.Put(n)
	b, err := n.run(ctx, mem.Heap, int32(block), in)
	if err != nil {
		return nil, err
	}
	return one(b), nil
}

// one is a block of one batch.
func one(b *chunk.Batch) chunk.Value {
	if b.N == 0 {
		return chunk.NewBlock(nil)
	}
	return chunk.NewBlock([][]*chunk.Batch{{b}})
}

// newBatch allocates a block of n elements in columns of the given types.
func newBatch(a mem.Allocator, kinds []elem.Kind, n int64) (*chunk.Batch, error) {
	b := &chunk.Batch{N: int(n), Cols: make([]chunk.Vec, len(kinds))}
	var bufs [][]byte
	for i, k := range kinds {
		b.Cols[i] = chunk.Vec{Type: k.Storage(), N: int(n)}
		if n == 0 {
			continue
		}
		buf := a.Alloc(int(n) * k.Width())
		if buf == nil {
			for _, x := range bufs {
				a.Free(x)
			}
			return nil, fmt.Errorf("a block of %d %s: %w", n, k, mem.ErrBudget)
		}
		b.Cols[i].Data = buf
		bufs = append(bufs, buf)
	}
	if a != mem.Heap {
		b.Own(a, bufs)
	}
	return b, nil
}
