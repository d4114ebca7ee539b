package array

import (
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// Tiles. An operand that is read across its rows (a transposed one) has its
// neighbours along another dimension than the innermost. Read strip by strip, each
// element would cost a cache line. So the dimension of its neighbours is moved next
// to the innermost one, and strips of as many rows as fill cache lines are
// transposed at once; the other operands are read as always, row by row.

// tileRows is how many rows a tile has: two cache lines of float64.
const tileRows = 16

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
			if t < 0 && r.stride[k] == 1 && n.dims[k] >= tileRows/2 {
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
	for i := range n.reads {
		if r := &n.reads[i]; r.turned && len(r.tile) == 0 {
			r.tile = strip.Aligned(tileRows * strip.Bytes)
		}
	}
	return true
}

// tiles computes a block whose operands are partly read across.
func (n *nest) tiles() error {
	d := len(n.dims) - 1
	return n.loop(n.dims[:d-1], func() error {
		for g := int64(0); g < n.dims[d-1]; g += tileRows {
			rows := min(tileRows, n.dims[d-1]-g)
			if err := n.tile(rows); err != nil {
				return err
			}
			n.move(d-1, rows)
		}
		n.move(d-1, -n.dims[d-1])
		return nil
	})
}

// move steps all walks along a dimension.
func (n *nest) move(d int, by int64) {
	for _, w := range n.walks {
		w.off += by * w.stride[d]
	}
}

// tile computes a band of rows, strip by strip.
func (n *nest) tile(rows int64) error {
	d := len(n.dims) - 1
	shared := n.out.stride[d-1] == 0 // rows fold into the same cells
	across := n.out.stride[d] == 0   // the elements of a row fold into one cell
	if n.folds != nil && across && shared {
		n.begin()
	}
	for s := int64(0); s < n.dims[d]; {
		k := int(min(n.dims[d]-s, int64(n.b.code.Length())))
		n.transpose(s, k, rows)
		if n.folds != nil && !across && shared {
			n.clear(k)
		}
		for r := range rows {
			n.row = int(r)
			if err := n.load(s, k); err != nil {
				return err
			}
			switch {
			case n.folds == nil:
				n.put(s, k)
			case across:
				n.foldAcross(s, k, shared)
			default:
				n.foldAlong(s, k, shared)
			}
			n.move(d-1, 1)
		}
		n.move(d-1, -rows)
		if n.folds != nil && !across && shared {
			n.merge(s, k)
		}
		s += int64(k)
	}
	if n.folds != nil && across && shared {
		n.finish()
	}
	return nil
}

// transpose brings a strip of a band of rows of the operands that are read across
// into their tiles.
func (n *nest) transpose(s int64, k int, rows int64) {
	d := len(n.dims) - 1
	for i := range n.reads {
		r := &n.reads[i]
		if !r.turned {
			continue
		}
		w := int(r.src.width)
		from := (r.off + s*r.stride[d]) * int64(w)
		turners[w](r.tile, n.b.code.Length(), r.data[from:], int(r.stride[d]), k, int(rows))
	}
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

// put computes a strip of the output array.
func (n *nest) put(s int64, k int) {
	out, w := n.b.p.Outs[0], int64(n.b.kinds[0].Width())
	to := n.batch.Cols[0].Data[(n.out.off+s)*w : (n.out.off+s+int64(k))*w]
	direct := n.state.Into(out, to)
	n.state.Run(k)
	if !direct {
		copy(to, n.state.Value(out))
	}
}

// begin and finish surround strips that fold into one cell.
func (n *nest) begin() {
	for _, f := range n.folds {
		f.Begin()
	}
}

func (n *nest) finish() {
	for i, f := range n.folds {
		var room [4][]byte
		f.End(n.cells(room[:0], i, n.out.off))
	}
}

// clear and merge surround rows that fold into the same k cells.
func (n *nest) clear(k int) {
	for i, f := range n.folds {
		f.Init(n.ends[i], k)
	}
}

func (n *nest) merge(s int64, k int) {
	for i, f := range n.folds {
		var room [4][]byte
		f.Merge(n.cells(room[:0], i, n.out.off+s), n.ends[i], k)
	}
}

// foldAcross folds a strip into the cell of its row.
func (n *nest) foldAcross(s int64, k int, shared bool) {
	step := n.pos.stride[len(n.dims)-1]
	n.state.Run(k)
	if !shared {
		n.begin()
	}
	for i, f := range n.folds {
		f.Strip(n.state.Value(n.b.p.Outs[i]), k, n.pos.off+s*step, step)
	}
	if !shared {
		n.finish()
	}
}

// foldAlong folds each element of a strip into a cell of its own.
func (n *nest) foldAlong(s int64, k int, shared bool) {
	n.state.Run(k)
	if !shared {
		n.clear(k)
	}
	for i, f := range n.folds {
		f.Cells(n.ends[i], n.state.Value(n.b.p.Outs[i]), k, n.pos.off)
	}
	if !shared {
		n.merge(s, k)
	}
}
