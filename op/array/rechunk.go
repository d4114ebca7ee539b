package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// RechunkParams are the parameters of array.split and array.join, which together
// cut an array anew: a split block has a run for each block of To that it meets,
// with the elements that both have, in the order of those blocks; a joined block
// reads its run of all that it meets. So each element is moved twice, and goes to
// disk and back at most once, whatever the grids are.
type RechunkParams struct {
	From, To grid.Grid
	Kind     elem.Kind
}

// Wire returns the wiring of the join.
func (p *RechunkParams) Wire() grid.Wiring {
	views := make([]grid.View, len(p.To))
	for i := range views {
		views[i] = grid.View{Axis: int32(i), Step: 1}
	}
	return grid.Wire(p.To, p.From, views)
}

func (p *RechunkParams) check() error {
	if err := p.From.Check(); err != nil {
		return err
	}
	if err := p.To.Check(); err != nil {
		return err
	}
	if len(p.From) != len(p.To) || !p.Kind.Valid() {
		return fmt.Errorf("from %s to %s", p.From, p.To)
	}
	for i := range p.From {
		if p.From[i].Len() != p.To[i].Len() {
			return fmt.Errorf("from %s to %s: lengths differ", p.From, p.To)
		}
	}
	return nil
}

func (p *RechunkParams) text() string {
	return fmt.Sprintf("%s to %s", grid.Tuple(p.From.Counts()), grid.Tuple(p.To.Counts()))
}

func (p *RechunkParams) infer() (op.Meta, error) {
	if err := p.check(); err != nil {
		return op.Meta{}, err
	}
	return Describe(p.From.Elements(), p.Kind), nil
}

// Split cuts blocks into the pieces that others are made of.
var Split = op.Register(op.Spec[RechunkParams]{
	Name: "array.split", Version: 1, Class: op.Opaque,
	Doc:   "cuts the blocks of an array into the pieces that blocks of other chunks are made of",
	Infer: func(p RechunkParams, _ []op.Meta) (op.Meta, error) { return p.infer() },
	Mem: func(p RechunkParams, _ op.Meta) op.Need {
		n := mem.Size(int(p.From.MaxBlock()) * p.Kind.Width())
		return op.Need{Floor: 2 * n, Want: 2 * n}
	},
	Text:  func(p RechunkParams) string { return p.text() },
	Block: func(p RechunkParams) (op.Block, error) { return p.bind(true) },
	Rules: op.Rules[RechunkParams]{Pure: true},
})

// Join makes blocks of the pieces.
var Join = op.Register(op.Spec[RechunkParams]{
	Name: "array.join", Version: 1, Class: op.Opaque,
	Doc:   "makes the blocks of an array of the pieces that its other blocks were cut into",
	Infer: func(p RechunkParams, _ []op.Meta) (op.Meta, error) { return p.infer() },
	Mem: func(p RechunkParams, _ op.Meta) op.Need {
		n := mem.Size(int(p.To.MaxBlock()) * p.Kind.Width())
		return op.Need{Floor: n, Want: n}
	},
	Text:  func(p RechunkParams) string { return p.text() },
	Block: func(p RechunkParams) (op.Block, error) { return p.bind(false) },
	Rules: op.Rules[RechunkParams]{Pure: true},
})

func (p RechunkParams) bind(split bool) (op.Block, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	r := &rechunk{p: p, from: p.From, to: p.To}
	if !split {
		r.from, r.to = p.To, p.From
	}
	for i := range r.from {
		r.mine, r.theirs = append(r.mine, r.from[i].Lookup()), append(r.theirs, r.to[i].Lookup())
	}
	if split {
		return splitting{r}, nil
	}
	return joining{r}, nil
}

// rechunk is a bound half: blocks of from, and the pieces that they have in common
// with those of to.
type rechunk struct {
	p            RechunkParams
	from, to     grid.Grid
	mine, theirs []*grid.Lookup
}

// block is the box of a block.
func (r *rechunk) block(b int32) (box region, n int64) {
	var at [grid.MaxDims]int32
	grid.Coords(r.from.Counts(), b, at[:])
	n = 1
	for i, l := range r.mine {
		box.lo[i], box.hi[i] = l.Bounds(int64(at[i]))
		n *= box.hi[i] - box.lo[i]
	}
	return box, n
}

// pieces calls f for each block of the other grid that meets a box, in order, with
// the part that they share.
func (r *rechunk) pieces(box *region, f func(other *[grid.MaxDims]int64, part *region, n int64) error) error {
	d := len(r.theirs)
	var at, first, last [grid.MaxDims]int64
	for i, l := range r.theirs {
		first[i], last[i] = l.Find(box.lo[i]), l.Find(box.hi[i]-1)
	}
	at = first
	for {
		var part region
		n := int64(1)
		for i, l := range r.theirs {
			lo, hi := l.Bounds(at[i])
			part.lo[i], part.hi[i] = max(lo, box.lo[i]), min(hi, box.hi[i])
			n *= max(part.hi[i]-part.lo[i], 0)
		}
		if err := f(&at, &part, n); err != nil {
			return err
		}
		i := d - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] <= last[i] {
				break
			}
			at[i] = first[i]
		}
		if i < 0 {
			return nil
		}
	}
}

// run is the number of the piece that another block, by its position, has in common
// with a box of one block, among all the pieces it is cut into.
func (r *rechunk) run(other *[grid.MaxDims]int64, box *region) (n int) {
	for i, l := range r.theirs {
		lo, hi := l.Bounds(other[i])
		first, last := r.mine[i].Find(lo), r.mine[i].Find(hi-1)
		n = n*int(last-first+1) + int(r.mine[i].Find(box.lo[i])-first)
	}
	return n
}

type splitting struct{ *rechunk }

// Run implements op.Block.
func (r splitting) Run(t op.Task, in []op.In, out op.Out) error {
	box, n := r.block(int32(t.Block()))
	if n == 0 {
		return nil
	}
	width := r.p.Kind.Width()
	data, done, err := contiguous(t, in[0], 0, n, width)
	defer done()
	if err != nil {
		return err
	}
	run := -1
	return r.pieces(&box, func(_ *[grid.MaxDims]int64, part *region, n int64) error {
		if run++; n == 0 {
			return nil
		}
		if err := t.Context().Err(); err != nil {
			return err
		}
		b, err := newBatch(t, []elem.Kind{r.p.Kind}, n)
		if err != nil {
			return err
		}
		copyPart(b.Cols[0].Data, part, data, &box, part, len(r.from), width)
		return out.Put(run, b)
	})
}

// copyPart copies the elements of part from a buffer that has those of box to one
// that has those of to, both in row-major order.
func copyPart(dst []byte, to *region, src []byte, box, part *region, d, width int) {
	k, rows, row := together(to, box, part, d)
	at := region{lo: part.lo}
	w := int64(width)
	for range rows {
		p, q := flat(&at, to, d)*w, flat(&at, box, d)*w
		copy(dst[p:p+row*w], src[q:q+row*w])
		for j := k - 1; j >= 0; j-- {
			if at.lo[j]++; at.lo[j] < part.hi[j] {
				break
			}
			at.lo[j] = part.lo[j]
		}
	}
}

type joining struct{ *rechunk }

// Run implements op.Block.
func (r joining) Run(t op.Task, in []op.In, out op.Out) (err error) {
	box, n := r.block(int32(t.Block()))
	b, err := newBatch(t, []elem.Kind{r.p.Kind}, n)
	if err != nil || n == 0 {
		return err
	}
	i := 0
	err = r.pieces(&box, func(other *[grid.MaxDims]int64, part *region, n int64) error {
		if err := t.Context().Err(); err != nil {
			return err
		}
		if i++; i > len(in) {
			return fmt.Errorf("array: %d pieces where more are read", len(in))
		}
		if n == 0 {
			return nil
		}
		return copyBox(b.Cols[0].Data, &box, in[i-1].Value, r.run(other, &box), part, part, len(r.from), r.p.Kind.Width())
	})
	if err != nil {
		b.Release()
		return err
	}
	return out.Put(0, b)
}
