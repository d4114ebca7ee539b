package array

import (
	"bytes"
	"slices"

	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/grid"
)

// Mirrors. What x + xᵀ has at (i, j) and at (j, i) is made of the same two elements. Where
// all of it folds into one number, block (i, j) with i < j is computed together with its
// mirror image, block (j, i), whose own task has nothing to add: tile by tile, once with
// the operands as they were brought, and once with each in the place of the one that is
// its transpose. So every element comes from memory once instead of twice. A block of the
// diagonal is its own mirror image: of its tiles those above the diagonal are taken twice,
// those around it once.

// mirrored returns, for each leaf, the one that is read at (j, i) where it is read at
// (i, j); nil where there are none or the two need not be told apart from each other.
func mirrored(p *StripsParams) []int {
	if p.Fold == nil || len(p.Space) != 2 || len(p.Fold.Axes) != 2 || !p.Space[0].Known() || !p.Space[0].Equal(p.Space[1]) {
		return nil
	}
	for _, f := range p.Fold.Folds {
		if f.Positions() {
			return nil
		}
	}
	var leaves [][]byte
	for _, l := range p.Leaves {
		b, err := canon.Append(nil, l)
		if err != nil || l.Kind == Input { // two inputs may be different arrays
			return nil
		}
		leaves = append(leaves, b)
	}
	to, worth := make([]int, len(p.Leaves)), false
	for i, l := range p.Leaves {
		l.View = exchanged(l.View)
		b, err := canon.Append(nil, l)
		to[i] = slices.IndexFunc(leaves, func(x []byte) bool { return bytes.Equal(x, b) })
		if err != nil || to[i] < 0 {
			return nil
		}
		worth = worth || to[i] != i && (l.Kind == Memory || l.Kind == Stored || l.Kind == Random)
	}
	if !worth {
		return nil
	}
	return to
}

// exchanged is a view with axes 0 and 1 of the space in each other's place.
func exchanged(v []grid.View) []grid.View {
	out := slices.Clone(v)
	for i := range out {
		if out[i].Axis >= 0 {
			out[i].Axis = 1 - out[i].Axis
		}
	}
	return out
}

// mirror decides whether a block is computed together with its mirror image, from what
// both have in common, and reports whether that is the other one's task.
func (n *nest) mirror() (others bool) {
	n.paired = n.b.mirror != nil && min(n.n[0], n.n[1]) >= leastRows
	return n.paired && n.lo[0] > n.lo[1]
}

// corner is the column of the first tile of a row.
func (n *nest) corner(row int64) int64 {
	if !n.paired || n.lo[0] != n.lo[1] {
		return 0
	}
	side := max(n.tileRows(), tileCols) // one is a multiple of the other
	return row / side * side
}

// both reports whether a tile stands for its mirror image, too.
func (n *nest) both(t tile) bool {
	return n.paired && (n.lo[0] != n.lo[1] || t.col >= n.corner(t.row)+max(n.tileRows(), tileCols))
}
