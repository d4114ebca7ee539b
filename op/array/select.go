package array

import (
	"context"
	"fmt"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// SelectParams are the parameters of array.select: of input 0 what lies along Axis
// where input 1, bools along that axis cut alike, is true. How much that is, is
// known when it is done.
type SelectParams struct {
	In   grid.Grid
	Axis int32
	Kind elem.Kind
}

// Out returns the grid of the output.
func (p *SelectParams) Out() grid.Grid {
	out := slices.Clone(p.In)
	var a grid.Axis
	for _, r := range out[p.Axis].AtMost() {
		a = a.Append(grid.Unknown(r.Size), r.Count)
	}
	out[p.Axis] = a
	return out
}

// Mask returns the wiring of the condition.
func (p *SelectParams) Mask() grid.Wiring {
	x := &grid.Box{Out: p.In.Counts()}
	x.In = []grid.BoxAxis{{Blocks: x.Out[p.Axis], Axis: p.Axis, Step: 1, N: 1}}
	return x.Wiring()
}

func (p *SelectParams) check() error {
	if p.Axis < 0 || int(p.Axis) >= len(p.In) || !p.Kind.Valid() {
		return fmt.Errorf("axis %d of %d", p.Axis, len(p.In))
	}
	loose, err := p.In.Loose()
	if err == nil && loose >= 0 && loose != int(p.Axis) {
		err = fmt.Errorf("axis %d: %w", loose, grid.ErrUnknown)
	}
	return err
}

func (p *SelectParams) made() (grid.Grid, elem.Kind) { return p.Out(), p.Kind }

// Select selects elements by a condition.
var Select = declare(declaration[SelectParams]{
	name: "array.select",
	doc:  "selects what lies along an axis where a condition is true",
	room: func(p *SelectParams) int64 {
		return blockBytes(p.In, p.Kind) + mem.Size(int(p.In[p.Axis].Max()))
	},
	text:  func(p *SelectParams) string { return fmt.Sprintf("along axis %d", p.Axis) },
	block: func(p *SelectParams) (op.Block, error) { return &selecting{p}, nil },
})

type selecting struct{ p *SelectParams }

// Run implements op.Block.
func (s *selecting) Run(t op.Task, in []op.In, out op.Out) (err error) {
	if len(in) != 2 {
		return fmt.Errorf("array: %d blocks for an array and a condition", len(in))
	}
	length := int64(0)
	if a := s.p.In[s.p.Axis]; a.Known() {
		length = blockShape(s.p.In, int32(t.Block()))[s.p.Axis]
	} else {
		length = in[1].Rows()
	}
	mask, done, err := contiguous(t, in[1], 0, length, 1)
	defer done()
	if err != nil {
		return err
	}
	outer, inner := aside(s.p.In, s.p.Axis, int32(t.Block()))
	if !s.p.In[s.p.Axis].Known() {
		if err := full(in[0], outer*length*inner); err != nil {
			return err
		}
	}
	hits := int64(0)
	for _, m := range mask {
		hits += int64(m)
	}
	w := int64(s.p.Kind.Width())
	b, err := newBatch(t, []elem.Kind{s.p.Kind}, outer*hits*inner)
	if err != nil || b.N == 0 {
		return err
	}
	data, done, err := contiguous(t, in[0], 0, outer*length*inner, int(w))
	defer done()
	if err != nil {
		b.Release()
		return err
	}
	dst, row := b.Cols[0].Data, inner*w
	for o := range outer {
		src := data[o*length*row:]
		if inner == 1 {
			dst = dst[keep(dst, src, mask, int(w)):]
			continue
		}
		for i := int64(0); i < length; {
			j := i
			for j < length && mask[j] != 0 {
				j++
			}
			dst = dst[copy(dst, src[i*row:j*row]):]
			for i = j; i < length && mask[i] == 0; i++ {
			}
		}
	}
	return out.Put(0, b)
}

// aside is the product of the lengths of a block before and after an axis.
func aside(g grid.Grid, axis, block int32) (outer, inner int64) {
	var at [grid.MaxDims]int32
	grid.Coords(g.Counts(), block, at[:])
	outer, inner = 1, 1
	for i, a := range g {
		if i == int(axis) {
			outer, inner = inner, 1
			continue
		}
		lo, hi := a.Lookup().Bounds(int64(at[i]))
		inner *= hi - lo
	}
	return outer, inner
}

// keep copies the elements of src where the mask is 1, and returns their bytes.
func keep(dst, src, mask []byte, width int) int {
	switch width {
	case 1:
		return keepAs[uint8](dst, src, mask)
	case 2:
		return keepAs[uint16](dst, src, mask)
	case 4:
		return keepAs[uint32](dst, src, mask)
	case 8:
		return keepAs[uint64](dst, src, mask)
	}
	return keepAs[[2]uint64](dst, src, mask)
}

// keepAs writes every element and steps on where the mask is 1, so that no branch
// is guessed; the last ones, for which there may be no room, are looked at.
func keepAs[T uint8 | uint16 | uint32 | uint64 | [2]uint64](dst, src, mask []byte) int {
	w := widthOf[T]()
	d, s := strip.View[T](dst, len(dst)/w), strip.View[T](src, len(mask))
	k := 0
	for i, m := range mask {
		if k >= len(d) {
			break
		}
		d[k] = s[i]
		k += int(m)
	}
	return k * w
}

// SettleParams are the parameters of array.settle: an array of which chunk sizes
// were not known, and the grid that it was found to have.
type SettleParams struct {
	Out  grid.Grid
	Kind elem.Kind
}

func (p *SettleParams) check() error { return p.Out.Check() }

func (p *SettleParams) made() (grid.Grid, elem.Kind) { return p.Out, p.Kind }

// Settle checks that blocks have the sizes that they are now known to have.
var Settle = declare(declaration[SettleParams]{
	name:  "array.settle",
	doc:   "checks that blocks have the sizes that they were found to have",
	text:  func(p *SettleParams) string { return grid.Tuple(p.Out.Shape()) },
	block: func(p *SettleParams) (op.Block, error) { return settling{p}, nil },
})

type settling struct{ p *SettleParams }

// Run implements op.Block.
func (s settling) Run(t op.Task, in []op.In, out op.Out) error {
	n := product(blockShape(s.p.Out, int32(t.Block())))
	if err := full(in[0], n); err != nil {
		return err
	}
	return copyBlock(t, in[0], s.p.Kind, n, out)
}

// copyBlock makes the output block of one input block as it is.
func copyBlock(t op.Task, in op.In, k elem.Kind, n int64, out op.Out) error {
	b, err := newBatch(t, []elem.Kind{k}, n)
	if err != nil || n == 0 {
		return err
	}
	if err := copyAll(t.Context(), Piece{k, []int64{n}, b.Cols[0].Data}, in); err != nil {
		b.Release()
		return err
	}
	return out.Put(0, b)
}

// copyAll copies the elements of a block as they are.
func copyAll(ctx context.Context, to Piece, in op.In) error {
	var box region
	box.hi[0] = product(to.Shape)
	return copyBox(ctx, to.Data, &box, in.Value, 0, &box, &box, 1, to.Kind.Width())
}

// SizesParams are the parameters of array.sizes: how long the blocks of an array
// are along an axis.
type SizesParams struct {
	In   grid.Grid
	Axis int32
}

// Sizes finds the lengths of blocks: each block of the output is one int64, -1 where
// it cannot be told because the block is empty in another direction.
var Sizes = op.Register(op.Spec[SizesParams]{
	Name: "array.sizes", Version: 1, Class: op.Opaque,
	Doc: "finds how long blocks are along the axis whose chunk sizes are not known",
	Infer: func(p SizesParams, _ []op.Meta) (op.Meta, error) {
		if _, err := p.In.Loose(); err != nil || p.Axis < 0 || int(p.Axis) >= len(p.In) {
			return op.Meta{}, fmt.Errorf("axis %d of %s: %w", p.Axis, p.In, err)
		}
		return Describe(p.In.Blocks(), elem.Int64), nil
	},
	Text: func(p SizesParams) string { return fmt.Sprintf("along axis %d", p.Axis) },
	Block: func(p SizesParams) (op.Block, error) {
		if _, err := p.In.Loose(); err != nil || p.Axis < 0 || int(p.Axis) >= len(p.In) {
			return nil, fmt.Errorf("axis %d of %s", p.Axis, p.In)
		}
		return sizing{p}, nil
	},
	Rules: op.Rules[SizesParams]{Pure: true},
})

type sizing struct{ p SizesParams }

// Run implements op.Block.
func (s sizing) Run(t op.Task, in []op.In, out op.Out) error {
	outer, inner := aside(s.p.In, s.p.Axis, int32(t.Block()))
	n := int64(-1)
	if outer*inner > 0 {
		n = in[0].Rows() / (outer * inner)
	}
	return putNumber(t, n, out)
}

// putNumber makes the output block of one int64.
func putNumber(t op.Task, n int64, out op.Out) error {
	b, err := newBatch(t, []elem.Kind{elem.Int64}, 1)
	if err != nil {
		return err
	}
	strip.View[int64](b.Cols[0].Data, 1)[0] = n
	return out.Put(0, b)
}
