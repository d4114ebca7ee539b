package array

import (
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// Tiles. An operand that is read across its rows (a transposed one) has its
// neighbours along another dimension than the innermost. Read strip by strip, each
// element would cost a cache line. So the dimension of its neighbours is moved next
// to the innermost one, and the block is computed tile by tile: as many rows of
// tileCols elements as make a strip together. Operands that are read across are
// transposed into the strip, others are copied to it row by row. All that a tile
// reads and all that the next one does stay in the first-level cache; what comes next
// is asked for, because the processor does not see that rows so far apart belong
// together.

// tileCols is how many elements the rows of a tile have. There are 16 rows of float64,
// so that both ways whole cache lines are read.
const tileCols = 32

// leastRows is how many rows there must be: fewer are read element by element.
const leastRows = 8

// turn looks for operands that are read across, and moves the dimension of their
// neighbours next to the innermost one. It reports whether there are any.
func (n *nest) turn() bool {
	d := len(n.dims) - 1
	t := -1
	for i := range n.reads {
		r := &n.reads[i]
		r.turned = false
		if r.data == nil || r.stride == nil || d < 1 || r.stride[d] <= 1 {
			continue
		}
		for k := range d {
			if t < 0 && r.stride[k] == 1 && n.dims[k] >= leastRows {
				t = k
			}
		}
		r.turned = t >= 0 && r.stride[t] == 1
	}
	if t < 0 {
		return false
	}
	for k := t; k < d-1; k++ {
		n.dims[k], n.dims[k+1] = n.dims[k+1], n.dims[k]
		for _, w := range n.walks {
			w.stride[k], w.stride[k+1] = w.stride[k+1], w.stride[k]
		}
	}
	return true
}

// A tile is a box of the last two dimensions.
type tile struct{ row, col, rows, cols int64 }

// tileRows is the most rows of a tile.
func (n *nest) tileRows() int64 { return int64(n.b.code.Room() / tileCols) }

// after is the tile that comes after t, of no rows after the last one.
func (n *nest) after(t tile) tile {
	d := len(n.dims) - 1
	if t.col += t.cols; t.col >= n.dims[d] {
		t.row += t.rows
		t.col = n.corner(t.row)
	}
	t.rows, t.cols = min(n.tileRows(), n.dims[d-1]-t.row), min(tileCols, n.dims[d]-t.col)
	return t
}

// tiles computes a block whose operands are partly read across.
func (n *nest) tiles() error {
	d := len(n.dims) - 1
	total := n.folds != nil && n.out.stride[d-1] == 0 && n.out.stride[d] == 0 // all fold into one cell
	return n.loop(n.dims[:d-1], func() error {
		if total {
			n.begin()
		}
		for t := n.after(tile{}); t.rows > 0; {
			next := n.after(t)
			if err := n.bring(t, next); err != nil {
				return err
			}
			n.runTile(t)
			if n.both(t) {
				for i, k := range n.b.mirror {
					n.state.Swap(i, k)
				}
				n.runTile(t)
			}
			t = next
		}
		if total {
			n.finish()
		}
		return nil
	})
}

// runTile computes a tile.
func (n *nest) runTile(t tile) {
	n.state.Run(int(t.rows * t.cols))
	if n.folds == nil {
		n.putTile(t)
	} else {
		n.foldTile(t)
	}
}

// to is where the walk is at an element of the last two dimensions.
func (w *walk) to(row, col int64) int64 {
	d := len(w.stride) - 1
	return w.off + row*w.stride[d-1] + col*w.stride[d]
}

// bring brings the operands of a tile into the state's leaves, and asks for those of the
// next one.
func (n *nest) bring(t, next tile) error {
	if n.count++; n.count&1023 == 0 {
		if err := n.ctx.Err(); err != nil {
			return err
		}
	}
	d := len(n.dims) - 1
	for i := range n.reads {
		r := &n.reads[i]
		if r.stride == nil {
			continue // a constant
		}
		w, dst := r.src.width, n.state.Buffer(i)
		along, across := r.stride[d], r.stride[d-1]
		switch {
		case r.turned:
			turners[int(w)](dst, int(t.cols), r.data[r.to(t.row, t.col)*w:], int(along), int(t.cols), int(t.rows))
			if next.rows > 0 {
				strip.PrefetchRows(r.data[r.to(next.row, next.col)*w:], int(along*w), int(next.cols), int(next.rows*w))
			}
			continue
		case along == 1 && across >= 0 && r.data != nil:
			at, ahead := r.to(t.row, t.col), r.to(next.row, next.col)
			if next.rows == 0 {
				ahead = at
			}
			n.b.copyRows(dst, r.data[at*w:], int(t.cols*w), int(t.rows), int(across*w), int((ahead-at)*w))
			continue
		}
		for k := range t.rows {
			r.copy(dst[k*t.cols*w:(k+1)*t.cols*w], r.to(t.row+k, t.col), along, int(t.cols))
		}
	}
	return nil
}

// turners transpose elements by their width in bytes.
var turners = map[int]func(dst []byte, ldd int, src []byte, lds, rows, cols int){
	1: turner[uint8](), 2: turner[uint16](), 4: turner[float32](), 8: turner[float64](), 16: turner[complex128](),
}

func turner[T uint8 | uint16 | float32 | float64 | complex128]() func(dst []byte, ldd int, src []byte, lds, rows, cols int) {
	f, w := vec.Transpose[T](), widthOf[T]()
	return func(dst []byte, ldd int, src []byte, lds, rows, cols int) {
		f(strip.View[T](dst, len(dst)/w), ldd, strip.View[T](src, len(src)/w), lds, rows, cols)
	}
}

// putTile copies a computed tile to the output array.
func (n *nest) putTile(t tile) {
	v, w := n.state.Value(n.b.p.Outs[0]), int64(n.b.kinds[0].Width())
	for k := range t.rows {
		copy(n.batch.Cols[0].Data[n.out.to(t.row+k, t.col)*w:], v[k*t.cols*w:(k+1)*t.cols*w])
	}
}

// foldTile folds a computed tile.
func (n *nest) foldTile(t tile) {
	d := len(n.dims) - 1
	shared := n.out.stride[d-1] == 0 // rows fold into the same cells
	across := n.out.stride[d] == 0   // the elements of a row fold into one cell
	cols, step := int(t.cols), n.pos.stride[d]
	for i, f := range n.folds {
		v, w := n.state.Value(n.b.p.Outs[i]), n.stateWidth(i, 0)
		switch {
		case shared && across && !n.b.p.Fold.Folds[i].Positions():
			f.Strip(v, int(t.rows)*cols, 0, 0)
			continue
		case n.band != nil && across && n.out.stride[d-1] == 1:
			n.band.Rows(n.cells(i, n.out.to(t.row, t.col)), v, int(t.rows), cols, cols, 0)
			continue
		case n.band != nil && !across && shared:
			n.band.Band(n.cells(i, n.out.to(t.row, t.col)), v, int(t.rows), cols, cols)
			continue
		}
		for k := range t.rows {
			x, at, cell := v[k*t.cols*w:], n.pos.to(t.row+k, t.col), n.out.to(t.row+k, t.col)
			switch {
			case across && shared:
				f.Strip(x, cols, at, step)
			case across:
				f.Begin()
				f.Strip(x, cols, at, step)
				f.End(n.cells(i, cell))
			default:
				if !shared || k == 0 {
					f.Init(n.ends[i], cols)
				}
				f.Cells(n.ends[i], x, cols, at)
				if !shared || k == t.rows-1 {
					f.Merge(n.cells(i, cell), n.ends[i], cols)
				}
			}
		}
	}
}
