package array

import (
	"context"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/op"
)

// A walk is an affine function of the index within a block: element off +
// Σ stride·index of an operand. Reads, writes and positions are walks.
type walk struct {
	off    int64
	stride []int64 // per dimension of the nest
}

// A nest computes blocks on one thread: a loop over the dimensions of the block,
// the innermost one in strips.
//
// Dimensions are those of the space without the ones of length 1; neighbours
// through which every walk goes evenly become one, so that contiguous data is a
// single long row whatever its shape.
type nest struct {
	b     *strips
	state *strip.State
	folds []strip.Folder
	ends  [][][]byte // of each fold: the state of a group of cells

	band strip.Bander // of the only fold, if it has it
	rows []byte       // a band

	dims  []int64
	reads []read
	out   walk // element of the output, or cell of the state
	pos   walk // position along the folded axes, for arg folds
	walks []*walk
	at    []int64
	lo    []int64 // of the block in the space
	n     []int64

	ctx   context.Context
	count int
	row   int // of the tile
	batch *chunk.Batch
	cols  [][][]byte // of each fold, its columns of the output
	close []func()
}

// A read is a leaf at work in one task.
type read struct {
	walk
	src  *source
	axes []*grid.Lookup // those of the source; of a chunk of unknown size, as it is found to be
	data []byte
	last int64 // where the buffer of a broadcast element was filled from, -1 for nowhere

	turned bool // read across: from the tile
	tile   []byte
}

// group is how many rows are folded in the first-level cache before they are
// added to the state of their cells.
const group = 16

func (b *strips) newNest() *nest {
	n := &nest{b: b, state: b.code.NewState(), reads: make([]read, len(b.sources)),
		lo: make([]int64, len(b.axes)), n: make([]int64, len(b.axes)), at: make([]int64, len(b.axes)+1)}
	for i := range b.sources {
		s := &b.sources[i]
		n.reads[i].src, n.reads[i].axes = s, s.axes
		if s.leaf.Kind == Fill {
			s.fill(n.state.Buffer(i), b.code.Length())
		}
	}
	if f := b.p.Fold; f != nil {
		prog := b.p.program()
		for i, v := range b.p.Outs {
			k, _ := prog.Kind(v)
			fold, err := f.Folds[i].NewFolder(k)
			if err != nil {
				panic(err) // columns has looked
			}
			n.folds = append(n.folds, fold)
			st, _ := f.Folds[i].State(k)
			cols := make([][]byte, len(st))
			for c, k := range st {
				cols[c] = strip.Aligned(b.code.Length() * k.Width())
			}
			n.ends = append(n.ends, cols)
		}
		if len(n.folds) == 1 {
			n.band, _ = n.folds[0].(strip.Bander)
		}
	}
	return n
}

// run computes a block; its buffers come from a.
func (n *nest) run(ctx context.Context, a mem.Allocator, block int32, in []op.In) (_ *chunk.Batch, err error) {
	b := n.b
	n.ctx, n.count = ctx, 0
	var at [grid.MaxDims]int32
	grid.Coords(b.counts, block, at[:])
	cells, total := int64(1), int64(1)
	length, err := n.loosen(at[:], in)
	if err != nil {
		return nil, err
	}
	for i, l := range b.axes {
		lo, hi := l.Bounds(int64(at[i]))
		if i == b.loose {
			lo, hi = 0, length
		}
		n.lo[i], n.n[i] = lo, hi-lo
		total *= hi - lo
		if b.folded == nil || !b.folded[i] {
			cells *= hi - lo
		}
	}
	if n.batch, err = newBatch(a, b.kinds, cells); err != nil {
		return nil, err
	}
	defer n.end(&err)
	n.startFolds(int(cells))
	if total == 0 {
		return n.batch, nil
	}
	n.plan()
	edge := 0
	for i := range n.reads {
		r := &n.reads[i]
		r.last = -1
		mine := in
		if r.src.leaf.Kind == Input {
			mine = slices.DeleteFunc(slices.Clone(in), func(x op.In) bool { return x.Edge != edge })
			edge++
		}
		done, err := r.open(n, a, mine)
		if done != nil {
			n.close = append(n.close, done)
		}
		if err != nil {
			return nil, err
		}
	}
	n.collapse()
	if n.turn() {
		err = n.tiles()
	} else if n.folds == nil {
		err = n.each(n.store)
	} else if d := len(n.dims) - 1; n.out.stride[d] == 0 {
		err = n.each(n.foldRow)
	} else {
		err = n.foldCells()
	}
	return n.batch, err
}

// loosen finds the length of a block along the axis whose chunk sizes are not known:
// that of the inputs, which all must have it.
func (n *nest) loosen(at []int32, in []op.In) (length int64, err error) {
	b := n.b
	if b.loose < 0 {
		return 0, nil
	}
	edge, found := 0, false
	for i := range n.reads {
		r := &n.reads[i]
		l := r.src.leaf
		if l.Kind != Input {
			continue
		}
		k := slices.IndexFunc(in, func(x op.In) bool { return x.Edge == edge })
		if edge++; r.src.loose < 0 || k < 0 {
			continue
		}
		rest := int64(1) // of the first block of the input, without the axis
		for j, v := range l.View {
			if j == r.src.loose {
				continue
			}
			first := v.Start
			if v.Axis >= 0 {
				first, _ = v.Range(b.axes[v.Axis].Bounds(int64(at[v.Axis])))
			}
			lo, hi := r.src.axes[j].Bounds(r.src.axes[j].Find(first))
			rest *= hi - lo
		}
		if rest > 0 && !found {
			length, found = in[k].Rows()/rest, true
		}
		if err := full(in[k], length*rest); err != nil {
			return 0, err
		}
		r.axes = slices.Clone(r.src.axes)
		// the chunks before it do not count: it begins at 0
		r.axes[r.src.loose] = grid.Axis{{Size: 0, Count: int64(at[b.loose])}, {Size: length, Count: 1}}.Lookup()
	}
	return length, nil
}

// end lets go of the inputs, and of the output when there is an error.
func (n *nest) end(err *error) {
	for _, f := range n.close {
		f()
	}
	n.close = n.close[:0]
	for i := range n.reads {
		n.reads[i].data = nil
	}
	if *err != nil {
		n.batch.Release()
	}
	n.batch, n.ctx = nil, nil
}

// startFolds sets the states of the cells to that of no elements.
func (n *nest) startFolds(cells int) {
	n.cols = n.cols[:0]
	c := 0
	for i, f := range n.folds {
		cols := make([][]byte, len(n.ends[i]))
		for k := range cols {
			cols[k] = n.batch.Cols[c].Data
			c++
		}
		f.Init(cols, cells)
		n.cols = append(n.cols, cols)
	}
}

// plan begins the dimensions, and the walks over the output and the positions.
func (n *nest) plan() {
	n.dims, n.walks = n.dims[:0], n.walks[:0]
	n.out, n.pos = walk{stride: n.out.stride[:0]}, walk{stride: n.pos.stride[:0]}
	for i, k := range n.n {
		if k != 1 {
			n.dims = append(n.dims, k)
			n.out.stride = append(n.out.stride, 0)
			n.pos.stride = append(n.pos.stride, 0)
		}
		_ = i
	}
	if len(n.dims) == 0 {
		n.dims = append(n.dims, 1)
		n.out.stride = append(n.out.stride, 0)
		n.pos.stride = append(n.pos.stride, 0)
	}
	cell, pos, d := int64(1), int64(1), len(n.dims)-1
	for i := len(n.n) - 1; i >= 0; i-- {
		folded := n.b.folded != nil && n.b.folded[i]
		if n.n[i] != 1 {
			if folded {
				n.pos.stride[d] = pos
			} else {
				n.out.stride[d] = cell
			}
			d--
		}
		if folded {
			n.pos.off += n.lo[i] * pos
			pos *= n.b.p.Space[i].Len()
		} else {
			cell *= n.n[i]
		}
	}
	n.walks = append(n.walks, &n.out, &n.pos)
}

// collapse makes one dimension of neighbours through which all walks go evenly.
func (n *nest) collapse() {
	k := 0
	for d := 1; d < len(n.dims); d++ {
		even := true
		for _, w := range n.walks {
			even = even && w.stride[k] == w.stride[d]*n.dims[d]
		}
		if even {
			n.dims[k] *= n.dims[d]
		} else {
			k++
			n.dims[k] = n.dims[d]
		}
		for _, w := range n.walks {
			w.stride[k] = w.stride[d]
		}
	}
	n.dims = n.dims[:k+1]
	for _, w := range n.walks {
		w.stride = w.stride[:k+1]
	}
}

// each calls row for every row: at each index of the outer dimensions, with the
// walks at the row's begin.
func (n *nest) each(row func(length int64) error) error {
	d := len(n.dims) - 1
	return n.loop(n.dims[:d], func() error { return row(n.dims[d]) })
}

// loop steps the walks through all indices of the first dimensions, and back.
func (n *nest) loop(dims []int64, f func() error) error {
	at := n.at[:len(dims)]
	clear(at)
	for {
		if err := f(); err != nil {
			return err
		}
		d := len(dims) - 1
		for ; d >= 0; d-- {
			if at[d]++; at[d] < dims[d] {
				for _, w := range n.walks {
					w.off += w.stride[d]
				}
				break
			}
			at[d] = 0
			for _, w := range n.walks {
				w.off -= w.stride[d] * (dims[d] - 1)
			}
		}
		if d < 0 {
			return nil
		}
	}
}

// load brings k elements from s on along the row into the state's leaves.
func (n *nest) load(s int64, k int) error {
	if n.count++; n.count&1023 == 0 {
		if err := n.ctx.Err(); err != nil {
			return err
		}
	}
	inner := len(n.dims) - 1
	for i := range n.reads {
		r := &n.reads[i]
		if r.stride == nil {
			continue // a constant
		}
		if r.turned {
			at := n.row * n.b.code.Length() * int(r.src.width)
			n.state.Set(i, r.tile[at:at+k*int(r.src.width)])
			continue
		}
		ahead := s + int64(n.b.code.Early())
		if over := ahead - n.dims[inner]; over >= 0 && inner > 0 {
			ahead = over + r.stride[inner-1]
		}
		ahead += r.off
		r.load(n.state, i, r.off+s*r.stride[inner], r.stride[inner], k, ahead)
	}
	return nil
}

// store computes a row of the output array.
func (n *nest) store(length int64) error {
	for s := int64(0); s < length; {
		k := int(min(length-s, int64(n.b.code.Length())))
		if err := n.load(s, k); err != nil {
			return err
		}
		n.put(s, k)
		s += int64(k)
	}
	return nil
}

// foldRow folds a row into one cell.
func (n *nest) foldRow(length int64) error {
	n.begin()
	for s := int64(0); s < length; {
		k := int(min(length-s, int64(n.b.code.Length())))
		if err := n.load(s, k); err != nil {
			return err
		}
		n.foldAcross(s, k, true)
		s += int64(k)
	}
	n.finish()
	return nil
}

// cells appends the columns of fold i from a cell on.
func (n *nest) cells(dst [][]byte, i int, cell int64) [][]byte {
	for c, col := range n.cols[i] {
		dst = append(dst, col[cell*n.stateWidth(i, c):])
	}
	return dst
}

func (n *nest) stateWidth(i, c int) int64 { return int64(len(n.ends[i][c]) / n.b.code.Length()) }

// foldCells folds rows whose elements belong to a cell each: groups of rows of
// the same cells, strip by strip, in the first-level cache.
func (n *nest) foldCells() error {
	d := len(n.dims) - 1
	rows := int64(1)
	outer := n.dims[:d]
	if d > 0 && n.out.stride[d-1] == 0 {
		rows, outer = n.dims[d-1], n.dims[:d-1]
	}
	return n.loop(outer, func() error {
		for g := int64(0); g < rows; g += group {
			k := min(group, rows-g)
			if err := n.foldGroup(k, d-1); err != nil {
				return err
			}
			n.shift(d-1, k, rows)
		}
		n.shift(d-1, -rows, rows)
		return nil
	})
}

// shift moves all walks along a dimension, which is there if it is longer than 1.
func (n *nest) shift(d int, by, length int64) {
	if length == 1 {
		return
	}
	for _, w := range n.walks {
		w.off += by * w.stride[d]
	}
}

func (n *nest) foldGroup(rows int64, d int) error {
	length := n.dims[len(n.dims)-1]
	for s := int64(0); s < length; {
		k := int(min(length-s, int64(n.b.code.Length())))
		if n.band != nil {
			if err := n.foldBand(s, k, rows, d); err != nil {
				return err
			}
			n.merge(s, k)
			s += int64(k)
			continue
		}
		n.clear(k)
		for range rows {
			if err := n.load(s, k); err != nil {
				return err
			}
			n.foldAlong(s, k, true)
			n.shift(d, 1, rows)
		}
		n.shift(d, -rows, rows)
		n.merge(s, k)
		s += int64(k)
	}
	return nil
}

// foldBand folds a strip of a band of rows: as it lies in memory if that is what is
// folded, else when all its rows are computed.
func (n *nest) foldBand(s int64, k int, rows int64, d int) error {
	out, w, inner := n.b.p.Outs[0], 8, len(n.dims)-1
	n.clear(k)
	if out < 0 {
		r := &n.reads[-1-out]
		if r.data != nil && r.stride[inner] == 1 && (rows == 1 || r.stride[d] >= 0) {
			if err := n.ctx.Err(); err != nil {
				return err
			}
			stride := int64(k)
			if rows > 1 {
				stride = r.stride[d]
			}
			x := r.data[(r.off+s)*int64(w):]
			for i := range rows { // the strip after this one
				from := (i*stride + int64(k)) * int64(w)
				strip.Prefetch(x[min(from, int64(len(x))):min(from+int64(k*w), int64(len(x)))])
			}
			n.band.Band(n.ends[0], x, int(rows), int(stride), k)
			return nil
		}
	}
	length := n.b.code.Length()
	if n.rows == nil {
		n.rows = strip.Aligned(group * length * w)
	}
	for i := range rows {
		if err := n.load(s, k); err != nil {
			return err
		}
		to := n.rows[int(i)*length*w : (int(i)*length+k)*w]
		direct := n.state.Into(out, to)
		n.state.Run(k)
		if !direct {
			copy(to, n.state.Value(out))
		}
		n.shift(d, 1, rows)
	}
	n.shift(d, -rows, rows)
	n.band.Band(n.ends[0], n.rows, int(rows), length, k)
	return nil
}

// kindsWidth is the bytes of one element in all columns.
func kindsWidth(kinds []elem.Kind) (n int) {
	for _, k := range kinds {
		n += k.Width()
	}
	return n
}
