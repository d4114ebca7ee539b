package array

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/op"
)

// SplitParams are the parameters of array.split.
type SplitParams struct {
	Cut RechunkParams
	// Of makes the elements, piece by piece, when there is no input that has them. Its blocks have them in the same order, but
	// perhaps along one axis.
	Of *StripsParams
}

func (p *SplitParams) check() error {
	err := p.Cut.check()
	if err != nil || p.Of == nil {
		return err
	}
	kinds, err := p.Of.columns()
	if err := errors.Join(err, p.Of.check()); err != nil {
		return err
	}
	if !p.Of.nothing() || !p.over(p.Of.Space) || kinds[0] != p.Cut.Kind {
		return fmt.Errorf("a program over %s that does not make the %s of %s of nothing", p.Of.Space, p.Cut.Kind, p.Cut.From)
	}
	return nil
}

// over reports whether a program over a space may make the blocks.
func (p *SplitParams) over(space grid.Grid) bool {
	return space.Equal(p.Cut.From) || len(space) == 1 && space[0].Known() && space.Blocks() == p.Cut.From.Blocks() && space.Elements() == p.Cut.From.Elements()
}

func (p *SplitParams) text() string {
	if p.Of == nil {
		return p.Cut.text()
	}
	return p.Cut.text() + " of " + p.Of.text()
}

func (p *SplitParams) made() (grid.Grid, elem.Kind) { return p.Cut.made() }

// nothing reports whether a program makes an array of indices, constants and numbers that are drawn: any part of it, and
// nothing is read for that.
func (p *StripsParams) nothing() bool {
	return p.Fold == nil && !slices.ContainsFunc(p.Leaves, func(l Leaf) bool { return l.Kind == Input || l.Kind == Stored || l.Kind == Memory })
}

// leastRow is how many elements the rows of pieces have, if elements are made where the pieces stay: beginning a row costs as much as
// copying some of them.
const leastRow = 256

// takeMade has the pieces of an array that is made of nothing made where they stay, instead of cut out of a block that is made first.
func takeMade(p SplitParams, _ []int, _ int, below op.Call, _ []int, others op.Others) (SplitParams, []op.Link, bool) {
	var q StripsParams
	if p.Of != nil || others != op.NoOthers || below.Op != stripsName || canon.Decode([]byte(below.Params), &q) != nil || q.Stay || !q.nothing() || !p.over(q.Space) {
		return p, nil, false
	}
	if d := len(p.Cut.To) - 1; d < 0 || p.Cut.To[d].Len() < leastRow*p.Cut.To[d].Blocks() {
		return p, nil, false
	}
	p.Of = &q
	return p, nil, true
}

// bind binds what cuts the blocks, or makes their pieces.
func (p *SplitParams) bind() (op.Block, error) {
	half := p.Cut.half(p.Cut.From, p.Cut.To)
	if p.Of == nil {
		return splitting{half}, nil
	}
	of, _, err := newStrips(*p.Of)
	return making{half, of, !p.Of.Space.Equal(p.Cut.From)}, err
}

// making is a splitting of an array that a program makes.
type making struct {
	*rechunk
	of    *strips
	along bool // the space of the program has one axis
}

// Run implements op.Block.
func (m making) Run(t op.Task, _ []op.In, out op.Out) error {
	box, n := m.block(int32(t.Block()))
	if n == 0 {
		return nil
	}
	at := m.of.idle.Get().(*nest)
	defer m.of.idle.Put(at)
	run := -1
	return m.pieces(&box, func(_ *[grid.MaxDims]int64, part *region, size int64) (err error) {
		if run++; size == 0 {
			return nil
		}
		if err := t.Context().Err(); err != nil {
			return err
		}
		var b *chunk.Batch
		if m.along {
			b, err = at.rowsIn(t, &box, part, len(m.from), n, size)
		} else {
			b, err = at.part(t, part)
		}
		if err != nil {
			return err
		}
		return out.Put(run, b)
	})
}

// part computes the elements of a box of the space, of a program without inputs.
func (n *nest) part(t op.Task, box *region) (*chunk.Batch, error) {
	n.ctx, n.count = t.Context(), 0
	for i := range n.b.axes {
		n.lo[i], n.n[i] = box.lo[i], box.hi[i]-box.lo[i]
	}
	return n.compute(t, nil)
}

// rowsIn computes the size elements of a part of a box of d axes, whose elements are those of a block of a program without inputs over
// one axis.
func (n *nest) rowsIn(t op.Task, box, part *region, d int, elements, size int64) (_ *chunk.Batch, err error) {
	n.ctx, n.count = t.Context(), 0
	lo, hi := n.b.axes[0].Bounds(int64(t.Block()))
	if hi-lo != elements {
		return nil, fmt.Errorf("array: block %d has %d elements, and is made of %d", t.Block(), elements, hi-lo)
	}
	n.lo[0], n.n[0] = lo, hi-lo
	if n.batch, err = newBatch(t, n.b.kinds, size); err != nil {
		return nil, err
	}
	defer n.end(&err)
	n.plan()
	for i := range n.reads {
		n.reads[i].last = -1
		if _, err = n.reads[i].open(n, t, nil); err != nil {
			return nil, err
		}
	}
	last := int64(0)
	err = rowsOf(part, box, part, d, func(to, from, row int64) error {
		for _, w := range n.walks {
			w.off += (from - last) * w.stride[0]
		}
		n.out.off, last = to, from
		return n.store(row)
	})
	return n.batch, err
}
