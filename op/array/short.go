package array

import (
	"github.com/weft-data/weft/internal/strip"
)

// Short rows. Where rows of a few elements are folded into a cell each, as neighbours are that become one, a strip has as
// many rows as fit, so that a step of the program is not taken for every few elements. Then the first elements of all
// rows are added to the cells, the second ones, and so on.

// shortRow is the longest row for which that is faster: what it costs is a copy.
const shortRow = 32

// short reports whether the rows are short, belong to neighbouring cells, and lie one after the other.
func (n *nest) short() bool {
	d := len(n.dims) - 1
	if d == 0 || n.out.stride[d] != 0 || n.out.stride[d-1] != 1 || n.dims[d] > min(shortRow, int64(n.b.code.Length())) {
		return false
	}
	for i := range n.reads {
		if r := &n.reads[i]; r.stride != nil && r.stride[d-1] != r.stride[d]*n.dims[d] {
			return false
		}
	}
	return true
}

// foldShort folds short rows.
func (n *nest) foldShort() error {
	d := len(n.dims) - 1
	cells, length := n.dims[d-1], int(n.dims[d])
	most := n.b.code.Length() / length
	if n.picked == nil {
		n.picked = strip.Aligned(n.b.code.Length() * widest)
	}
	return n.loop(n.dims[:d-1], func() error {
		for c := int64(0); c < cells; c += int64(most) {
			k := int(min(int64(most), cells-c))
			if err := n.load(c*int64(length), k*length); err != nil {
				return err
			}
			n.state.Run(k * length)
			for i, f := range n.folds {
				f.Init(n.ends[i], k)
				for j := range length {
					x := n.picked[:k*n.widths[i]]
					pick(x, n.state.Value(n.b.p.Outs[i]), int64(j), int64(length), k, n.widths[i])
					f.Cells(n.ends[i], x, k, n.pos.off+int64(j)*n.pos.stride[d])
				}
				f.Merge(n.cells(i, n.out.off+c), n.ends[i], k)
			}
		}
		return nil
	})
}

// widest is the bytes of the widest elements.
const widest = 16
