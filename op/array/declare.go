package array

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// Operators each task of which makes one block of an array from whole blocks are
// declared here; those that bring their operands together first, and may have several
// results, by define.

// params are the parameters of such an operator: check says what is wrong with them,
// and made what it makes when nothing is.
type params[P any] interface {
	*P
	check() error
	made() (grid.Grid, elem.Kind)
}

// A declaration is what such an operator has of its own: block, or fill.
type declaration[P any] struct {
	name, doc string
	text      func(p *P) string
	// room is the bytes a task needs beside its output; need, if it is set, is all.
	room func(p *P) int64
	need func(p *P) op.Need
	// impure says that equal calls may give different elements.
	impure bool
	shares bool // see op.Rules
	block  func(p *P) (op.Block, error)
	fill   func(p *P) (filler, error)
	// long is how many elements the block at a position has along the axis whose chunk sizes are not
	// known, as its inputs tell; -1 if they do not. Without it they must be known.
	long func(p *P, at []int64, in []op.In) (int64, error)
	take func(p P, in []int, layer int, below op.Call, belowIn []int, others op.Others) (P, []op.Link, bool) // see op.Rules
	last bool                                                                                                // of op.Rules: TakesLast
}

// A filler computes all elements of the block at a position of the output; there is
// at least one, and they are undefined before.
type filler func(t op.Task, at []int64, in []op.In, out Piece) error

// declare registers an operator.
func declare[P any, Q params[P]](d declaration[P]) op.Op[P] {
	return op.Register(op.Spec[P]{
		Name: d.name, Version: 1, Class: op.Opaque, Doc: d.doc,
		Infer: func(p P, _ []op.Meta) (op.Meta, error) {
			if err := Q(&p).check(); err != nil {
				return op.Meta{}, err
			}
			g, k := Q(&p).made()
			return Describe(g.Elements(), k), nil
		},
		Mem: func(p P, _ op.Meta) op.Need {
			if d.need != nil {
				return d.need(&p)
			}
			g, k := Q(&p).made()
			n := blockBytes(g, k)
			if d.room != nil {
				n += d.room(&p)
			}
			return op.Need{Floor: n, Want: n}
		},
		Text: func(p P) string { return d.text(&p) },
		Block: func(p P) (op.Block, error) {
			if err := Q(&p).check(); err != nil {
				return nil, err
			}
			if d.block != nil {
				return d.block(&p)
			}
			g, k := Q(&p).made()
			f, err := d.fill(&p)
			r := fillingOf(g, k, f)
			if r.loose, _ = g.Loose(); d.long != nil {
				r.long = func(at []int64, in []op.In) (int64, error) { return d.long(&p, at, in) }
			}
			return r, err
		},
		Rules: op.Rules[P]{Pure: !d.impure, Shares: d.shares, Take: d.take, TakesLast: d.last},
	})
}

// blockBytes is the memory of the largest block.
func blockBytes(g grid.Grid, k elem.Kind) int64 { return mem.Size(int(g.MaxBlock()) * k.Width()) }

// lookups prepares the axes of a grid.
func lookups(g grid.Grid) (out []*grid.Lookup) {
	for _, a := range g {
		out = append(out, a.Lookup())
	}
	return out
}

// filling is an operator bound to its filler.
type filling struct {
	counts []int32
	axes   []*grid.Lookup
	kind   elem.Kind
	fill   filler
	loose  int // the axis whose chunk sizes are not known, or -1
	long   func(at []int64, in []op.In) (int64, error)
}

func fillingOf(g grid.Grid, k elem.Kind, f filler) *filling {
	return &filling{counts: g.Counts(), axes: lookups(g), kind: k, fill: f, loose: -1}
}

// Run implements op.Block.
func (f *filling) Run(t op.Task, in []op.In, out op.Out) error {
	var pos [grid.MaxDims]int32
	grid.Coords(f.counts, int32(t.Block()), pos[:])
	at, shape := make([]int64, len(f.axes)), make([]int64, len(f.axes))
	for i, a := range f.axes {
		lo, hi := a.Bounds(int64(pos[i]))
		at[i], shape[i] = int64(pos[i]), hi-lo
	}
	if f.loose >= 0 {
		n, err := f.long(at, in)
		if err != nil {
			return err
		}
		shape[f.loose] = 1
		if n < 0 && product(shape) > 0 { // inputs without elements tell nothing
			return fmt.Errorf("array: axis %d: %w", f.loose, grid.ErrUnknown)
		}
		shape[f.loose] = max(n, 0)
	}
	b, err := newBatch(t, []elem.Kind{f.kind}, product(shape))
	if err != nil || b.N == 0 {
		return err
	}
	if err := f.fill(t, at, in, Piece{f.kind, shape, b.Cols[0].Data}); err != nil {
		b.Release()
		return err
	}
	return out.Put(0, b) // which owns it then, also when it fails
}
