package array

import (
	"context"
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
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

func (p *RechunkParams) made() (grid.Grid, elem.Kind) { return p.To, p.Kind }

// Split cuts blocks into the pieces that others are made of.
var Split = declare(declaration[SplitParams]{
	name: "array.split",
	doc:  "cuts the blocks of an array into the pieces that blocks of other chunks are made of",
	need: func(p *SplitParams) op.Need {
		n := 2 * blockBytes(p.Cut.From, p.Cut.Kind)
		return op.Need{Floor: n, Want: n}
	},
	text:  (*SplitParams).text,
	take:  takeMade,
	last:  true,
	block: (*SplitParams).bind,
})

// Join makes blocks of the pieces.
var Join = declare(declaration[RechunkParams]{
	name:   "array.join",
	doc:    "makes the blocks of an array of the pieces that its other blocks were cut into",
	text:   (*RechunkParams).text,
	shares: true,
	block: func(p *RechunkParams) (op.Block, error) {
		r := p.half(p.To, p.From)
		return joining{fillingOf(p.To, p.Kind, r.join), r}, nil
	},
})

// rechunk is a bound half: blocks of from, and the pieces that they have in common
// with those of to.
type rechunk struct {
	kind         elem.Kind
	from         grid.Grid
	mine, theirs []*grid.Lookup
}

func (p *RechunkParams) half(from, to grid.Grid) *rechunk {
	return &rechunk{kind: p.Kind, from: from, mine: lookups(from), theirs: lookups(to)}
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
	width := r.kind.Width()
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
		b, err := newBatch(t, []elem.Kind{r.kind}, n)
		if err != nil {
			return err
		}
		if err := copyUnless(t.Context(), b.Cols[0].Data, part, data, &box, part, len(r.from), width); err != nil {
			return err
		}
		return out.Put(run, b)
	})
}

// copyPart copies the elements of part from a buffer that has those of box to one
// that has those of to, both in row-major order.
func copyPart(dst []byte, to *region, src []byte, box, part *region, d, width int) {
	w := int64(width)
	_ = rowsOf(to, box, part, d, func(p, q, row int64) error { // which does not fail
		copy(dst[p*w:(p+row)*w], src[q*w:(q+row)*w])
		return nil
	})
}

// copyUnless is copyPart, unless the context ends before that.
func copyUnless(ctx context.Context, dst []byte, to *region, src []byte, box, part *region, d, width int) error {
	w, left := int64(width), int64(0) // bytes until it is asked
	return rowsOf(to, box, part, d, func(p, q, row int64) error {
		for to, from, n := dst[p*w:(p+row)*w], src[q*w:(q+row)*w], 0; len(to) > 0; to, from = to[n:], from[n:] {
			if left <= 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				left = readable
			}
			n = copy(to[:min(len(to), readable)], from)
			left -= int64(n)
		}
		return nil
	})
}

// rowsOf calls f for the rows of elements of part that lie together in both to and box, with where they begin in them.
func rowsOf(to, box, part *region, d int, f func(p, q, row int64) error) error {
	k, rows, row := together(to, box, part, d)
	at := region{lo: part.lo}
	for range rows {
		if err := f(flat(&at, to, d), flat(&at, box, d), row); err != nil {
			return err
		}
		for j := k - 1; j >= 0; j-- {
			if at.lo[j]++; at.lo[j] < part.hi[j] {
				break
			}
			at.lo[j] = part.lo[j]
		}
	}
	return nil
}

// join fills a block with the pieces it shares with others.
func (r *rechunk) join(t op.Task, _ []int64, in []op.In, out Piece) error {
	box, _ := r.block(int32(t.Block()))
	i := 0
	return r.pieces(&box, func(other *[grid.MaxDims]int64, part *region, n int64) error {
		if err := t.Context().Err(); err != nil {
			return err
		}
		if i++; i > len(in) {
			return fmt.Errorf("array: %d pieces where more are read", len(in))
		}
		if n == 0 {
			return nil
		}
		return copyBox(t.Context(), out.Data, &box, in[i-1].Value, r.run(other, &box), part, part, len(r.from), r.kind.Width())
	})
}

// joining is a filling that reads one run of each block.
type joining struct {
	*filling
	half *rechunk
}

// Picks implements op.Picker.
func (j joining) Picks(block, _, n int) []int {
	if int64(block) >= j.half.from.Blocks() {
		return nil
	}
	box, elements := j.half.block(int32(block))
	if elements == 0 {
		return nil
	}
	runs := make([]int, 0, n)
	_ = j.half.pieces(&box, func(other *[grid.MaxDims]int64, _ *region, _ int64) error {
		runs = append(runs, j.half.run(other, &box))
		return nil
	})
	return runs
}
