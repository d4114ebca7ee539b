// Package array has the operators on chunked arrays. A block of an array is one
// run with one batch whose rows are the elements in row-major order; columns are
// the array itself, or the state of a reduction. Shapes are in the parameters,
// as grids.
package array

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// A LeafKind says where the elements of a leaf come from.
type LeafKind uint8

// The leaf kinds. Their order is part of the canonical bytes: append only.
const (
	NoLeaf LeafKind = iota
	Input           // blocks of the next input of the layer
	Memory          // a slice of this process, see Keep
	Fill            // Nums[0] everywhere
	Range           // Nums[0] + i·Nums[1], i being the index along the only axis
	Spaced          // as Range in float64, but Nums[2] at index Nums[3]
	Eye             // 1 where column − row = Nums[0], else 0
	Random          // drawn for each element by its position: see Draw
	Stored          // of a file: see File
)

// A Leaf is what a program reads. It is an array, with chunks (Grid), seen from
// the index space of the program (View, one per axis of the array).
type Leaf struct {
	Kind LeafKind
	Type elem.Kind
	Grid grid.Grid
	View []grid.View
	ID   uint64 // Memory
	Draw Draw
	Nums []uint64 // bits of numbers: int64 for integers, float64 for the rest
	File *File    // Stored
}

// A FoldOver is the reduction at the end of a program: of each value one.
type FoldOver struct {
	Axes  []int32 // of the space, ascending
	Folds []strip.Fold
}

// StripsParams are the parameters of array.strips: the program is computed at
// every index of Space, block by block. Without Fold, Outs has one value, the
// output array, whose chunks are those of Space. With it, block b of the output
// is the state of the folds of what block b of the space gives, for each index
// along the axes that are not folded; or, where all of a square folds into one
// number, of what it and its mirror image give, see mirrored.
type StripsParams struct {
	Space  grid.Grid
	Leaves []Leaf
	Steps  []strip.Step
	Outs   []int32
	Fold   *FoldOver
	// Stay keeps the layer from being taken into its readers: its blocks are wanted
	// as they are.
	Stay bool
}

// Schema returns the columns of blocks with elements of the given types.
func Schema(kinds ...elem.Kind) (s dtype.Schema) {
	for i, k := range kinds {
		s = append(s, dtype.Field{Name: "v" + strconv.Itoa(i), Type: k.Storage()})
	}
	return s
}

// Describe is the description of an array.
func Describe(elements int64, kinds ...elem.Kind) op.Meta {
	w := 0
	for _, k := range kinds {
		w += k.Width()
	}
	return op.Meta{Schema: Schema(kinds...), Rows: float64(elements), Bytes: float64(elements) * float64(w)}
}

// program returns the strip program of p.
func (p *StripsParams) program() strip.Program {
	prog := strip.Program{Steps: p.Steps}
	for _, l := range p.Leaves {
		prog.Leaves = append(prog.Leaves, l.Type)
	}
	return prog
}

// inputs returns the leaves that are inputs of the layer, in edge order.
func (p *StripsParams) inputs() (at []int) {
	for i, l := range p.Leaves {
		if l.Kind == Input {
			at = append(at, i)
		}
	}
	return at
}

// columns returns the types of the output's columns.
func (p *StripsParams) columns() (kinds []elem.Kind, err error) {
	prog := p.program()
	for i, v := range p.Outs {
		k, err := prog.Kind(v)
		if err != nil {
			return nil, err
		}
		if p.Fold == nil {
			kinds = append(kinds, k)
			continue
		}
		st, err := p.Fold.Folds[i].State(k)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, st...)
	}
	return kinds, nil
}

// States returns the grid of the cells of a fold's output: one along the folded
// axes for every block.
func (p *StripsParams) States() grid.Grid { return States(p.Space, p.Fold.Axes) }

// States returns the grid of the states of a fold over axes of a space.
func States(space grid.Grid, axes []int32) grid.Grid {
	out := slices.Clone(space)
	for _, a := range axes {
		out[a] = grid.Axis{{Size: 1, Count: space[a].Blocks()}}
	}
	return out
}

// Wire returns the wiring of input leaf k of the space.
func (l *Leaf) Wire(space grid.Grid) grid.Wiring { return grid.Wire(space, l.Grid, l.View) }

// check returns the first mistake in the parameters, whoever made them.
func (p *StripsParams) check() error {
	loose, err := p.Space.Loose()
	if err != nil {
		return fmt.Errorf("the space: %w", err)
	}
	for i := range p.Leaves {
		if err := p.Leaves[i].check(p.Space); err != nil {
			return fmt.Errorf("leaf %d: %w", i, err)
		}
	}
	if p.Fold == nil && len(p.Outs) != 1 {
		return fmt.Errorf("%d outputs without a fold", len(p.Outs))
	}
	if f := p.Fold; f != nil {
		if len(f.Folds) != len(p.Outs) || len(p.Outs) == 0 {
			return fmt.Errorf("%d folds of %d values", len(f.Folds), len(p.Outs))
		}
		for i, a := range f.Axes {
			if a < 0 || int(a) >= len(p.Space) || i > 0 && a <= f.Axes[i-1] {
				return fmt.Errorf("folds over axes %v of %d", f.Axes, len(p.Space))
			}
			if int(a) == loose && slices.ContainsFunc(f.Folds, strip.Fold.Positions) {
				return fmt.Errorf("positions along axis %d: %w", a, grid.ErrUnknown)
			}
		}
	}
	if _, err := strip.Compile(p.program(), p.Outs); err != nil {
		return err
	}
	_, err = p.columns()
	return err
}

var nums = [...]int{Fill: 1, Range: 2, Spaced: 4, Eye: 1}

func (l *Leaf) check(space grid.Grid) error {
	if !l.Type.Valid() || l.Kind == NoLeaf || l.Kind > Stored {
		return fmt.Errorf("kind %d of %s", l.Kind, l.Type)
	}
	loose, err := l.Grid.Loose()
	if err != nil {
		return err
	}
	if len(l.View) != len(l.Grid) {
		return fmt.Errorf("%d views of %d axes", len(l.View), len(l.Grid))
	}
	if loose >= 0 && l.Kind != Input {
		return fmt.Errorf("axis %d: %w", loose, grid.ErrUnknown)
	}
	if int(l.Kind) < len(nums) && len(l.Nums) < nums[l.Kind] {
		return fmt.Errorf("%d numbers", len(l.Nums))
	}
	if l.Kind == Random {
		if err := l.Draw.Dist.Check(l.Type, l.Nums); err != nil {
			return fmt.Errorf("%s: %w", l.Draw.Dist, err)
		}
	}
	empty := space.Elements() == 0
	for i, v := range l.View {
		if int(v.Axis) >= len(space) {
			return fmt.Errorf("view of axis %d of %d", v.Axis, len(space))
		}
		if i == loose || v.Axis >= 0 && !space[v.Axis].Known() {
			if v.Axis < 0 || v.Start != 0 || v.Step != 1 || !space[v.Axis].Equal(l.Grid[i]) {
				return fmt.Errorf("axis %d: %w", i, grid.ErrUnknown)
			}
			continue
		}
		n := int64(1)
		if v.Axis >= 0 {
			n = space[v.Axis].Len()
		}
		if v.Start < 0 || v.Start > 1<<56 || v.Step > 1<<56 || v.Step < -1<<56 {
			return fmt.Errorf("view %v", v)
		}
		lo, hi := v.Range(0, n)
		if n > 0 && !empty && (lo < 0 || hi > l.Grid[i].Len()) {
			return fmt.Errorf("reads [%d, %d) of an axis of %d", lo, hi, l.Grid[i].Len())
		}
	}
	switch {
	case l.Kind == Stored:
		return l.File.check(l)
	case l.Kind == Range || l.Kind == Spaced:
		if len(l.View) != 1 {
			return fmt.Errorf("%d axes", len(l.View))
		}
	case l.Kind == Eye && len(l.View) != 2:
		return fmt.Errorf("%d axes", len(l.View))
	}
	return nil
}
