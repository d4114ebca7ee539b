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
	// widths are those of what each fold folds, and picked is room for elements of short rows, see foldShort.
	widths []int
	picked []byte

	paired bool // the block is computed together with its mirror image
	fresh  bool // the states of cells are not set yet, see once

	join joined       // of the only fold, if it has it
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
	batch *chunk.Batch
	cols  [][][]byte // of each fold, its columns of the output
	room  [][]byte   // what cells returns
	close []func()
}

// A read is a leaf at work in one task.
type read struct {
	walk
	src  *source
	axes []*grid.Lookup // those of the source; of a chunk of unknown size, as it is found to be
	data []byte
	last int64 // where the buffer of a broadcast element was filled from, -1 for nowhere

	turned bool // read across
}

// group is how many rows are folded in the first-level cache before they are
// added to the state of their cells, and wide how many elements of rows that are folded
// as they lie: longer strips make the processor read ahead, but the states of their
// cells must stay in the first-level cache.
const group, wide = strip.Group, 1024

func (b *strips) newNest() *nest {
	n := &nest{b: b, state: b.code.NewState(), reads: make([]read, len(b.sources)),
		lo: make([]int64, len(b.axes)), n: make([]int64, len(b.axes)), at: make([]int64, len(b.axes)+1)}
	for i := range b.sources {
		s := &b.sources[i]
		n.reads[i].src, n.reads[i].axes = s, s.axes
		if s.leaf.Kind == Fill {
			s.fill(n.state.Buffer(i), b.code.Room())
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
			n.widths = append(n.widths, k.Width())
			st, _ := f.Folds[i].State(k)
			cols := make([][]byte, len(st))
			for c, k := range st {
				cols[c] = strip.Aligned(b.code.Length() * k.Width())
			}
			n.ends = append(n.ends, cols)
		}
		if len(n.folds) == 1 {
			n.band, _ = n.folds[0].(strip.Bander)
			n.join.find(n.folds[0], b.code, b.p.Outs[0])
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
	}
	return n.compute(a, in)
}

// compute computes n elements along each axis, from lo on.
func (n *nest) compute(a mem.Allocator, in []op.In) (_ *chunk.Batch, err error) {
	b := n.b
	cells, total := int64(1), int64(1)
	for i, k := range n.n {
		total *= k
		if b.folded == nil || !b.folded[i] {
			cells *= k
		}
	}
	if n.batch, err = newBatch(a, b.kinds, cells); err != nil {
		return nil, err
	}
	defer n.end(&err)
	n.startFolds()
	if n.mirror() || total == 0 {
		n.initFolds(int(cells))
		return n.batch, nil
	}
	if b.loads {
		r := &n.reads[-1-b.p.Outs[0]]
		need, _ := r.region(n)
		return n.batch, r.src.reader.read(n.ctx, a, n.batch.Cols[0].Data, &need)
	}
	n.plan()
	edge := 0
	for i := range n.reads {
		r := &n.reads[i]
		r.last = -1
		mine := in
		if r.src.leaf.Kind == Input {
			mine = ofEdge(in, edge)
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
	tiled := n.turn() || n.paired
	if n.fresh = !tiled && n.once(); !n.fresh {
		n.initFolds(int(cells))
	}
	if tiled {
		err = n.tiles()
	} else if n.folds == nil {
		err = n.each(n.store)
	} else if d := len(n.dims) - 1; n.out.stride[d] == 0 && d > 0 && n.out.stride[d-1] == 1 && n.raw(d-1) != nil {
		err = n.foldRows(n.raw(d - 1))
	} else if n.short() {
		err = n.foldShort()
	} else if n.out.stride[d] == 0 {
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
	length = -1
	edge := 0
	for i := range n.reads {
		r := &n.reads[i]
		if r.src.leaf.Kind != Input {
			continue
		}
		mine := ofEdge(in, edge)
		if edge++; r.src.loose < 0 || len(mine) == 0 {
			continue
		}
		axes, blocks := seen(r.src.axes, r.src.loose, int64(at[b.loose])), r.blocks(b, at)
		k, err := lengthOf(axes, &blocks, mine, blockRows)
		if err != nil {
			return 0, err
		}
		if length >= 0 && k >= 0 && k != length {
			return 0, belong(k, length)
		}
		length = max(length, k)
	}
	length = max(length, 0)
	for i := range n.reads {
		if r := &n.reads[i]; r.src.loose >= 0 {
			r.axes = found(r.src.axes, r.src.loose, int64(at[b.loose]), length)
		}
	}
	return length, nil
}

// blocks are those of an input that a block of the space reads.
func (r *read) blocks(b *strips, at []int32) (blocks region) {
	for j, v := range r.src.leaf.View {
		a := r.src.axes[j]
		if j == r.src.loose {
			blocks.lo[j], blocks.hi[j] = int64(at[b.loose]), int64(at[b.loose])+1
			continue
		}
		lo, hi := v.Start, v.Start+1
		if v.Axis >= 0 {
			lo, hi = v.Range(b.axes[v.Axis].Bounds(int64(at[v.Axis])))
		}
		if lo < hi {
			blocks.lo[j], blocks.hi[j] = a.Find(lo), a.Find(hi-1)+1
		}
	}
	return blocks
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

// startFolds finds the columns of the folds.
func (n *nest) startFolds() {
	n.cols = n.cols[:0]
	c := 0
	for i := range n.folds {
		cols := make([][]byte, len(n.ends[i]))
		for k := range cols {
			cols[k] = n.batch.Cols[c].Data
			c++
		}
		n.cols = append(n.cols, cols)
	}
}

// initFolds sets the states of the cells to that of no elements.
func (n *nest) initFolds(cells int) {
	for i, f := range n.folds {
		f.Init(n.cols[i], cells)
	}
}

// once reports whether foldCells comes to each cell for one run of rows: then the state of the first group of them is
// that of the cell, which need not be set before.
func (n *nest) once() bool {
	d := len(n.dims) - 1
	if n.folds == nil || n.band != nil || n.out.stride[d] == 0 {
		return false
	}
	outer := n.out.stride[:d]
	if d > 0 && outer[d-1] == 0 {
		outer = outer[:d-1]
	}
	return !slices.Contains(outer, 0)
}

// plan begins the dimensions, and the walks over the output and the positions.
func (n *nest) plan() {
	n.dims, n.walks = n.dims[:0], n.walks[:0]
	n.out, n.pos = walk{stride: n.out.stride[:0]}, walk{stride: n.pos.stride[:0]}
	for _, k := range n.n {
		if k != 1 {
			n.dims = append(n.dims, k)
			n.out.stride = append(n.out.stride, 0)
			n.pos.stride = append(n.pos.stride, 0)
		}
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
		ahead := s + int64(n.b.code.Early())
		if over := ahead - n.dims[inner]; over >= 0 && inner > 0 {
			ahead = over + r.stride[inner-1]
		}
		ahead += r.off
		r.load(n.state, i, r.off+s*r.stride[inner], r.stride[inner], k, ahead)
	}
	return nil
}

// store computes a row of the output array. Elements that are made of their indices, and not computed with, are made where they stay.
func (n *nest) store(length int64) error {
	made, inner := n.made(), len(n.dims)-1
	for s := int64(0); s < length; {
		k := int(min(length-s, int64(n.b.code.Length())))
		if made != nil {
			if n.count++; n.count&15 == 0 {
				if err := n.ctx.Err(); err != nil {
					return err
				}
			}
			k = int(min(length-s, madeAtOnce))
			made.copy(n.target(s, k), made.off+s*made.stride[inner], made.stride[inner], k)
			s += int64(k)
			continue
		}
		if err := n.load(s, k); err != nil {
			return err
		}
		n.put(s, k)
		s += int64(k)
	}
	return nil
}

// madeAtOnce is how many elements are made with one call: after a few of them it is looked whether the task is cancelled.
const madeAtOnce = 64 << 10

// made returns the operand that is the output, if it has no elements in memory; nil if there is none.
func (n *nest) made() *read {
	out := n.b.p.Outs[0]
	if out >= 0 {
		return nil
	}
	r := &n.reads[-1-out]
	if k := r.src.leaf.Kind; k != Range && k != Spaced || r.stride == nil {
		return nil
	}
	return r
}

// target is where k elements of the output row stay.
func (n *nest) target(s int64, k int) []byte {
	w := int64(n.b.kinds[0].Width())
	return n.batch.Cols[0].Data[(n.out.off+s)*w : (n.out.off+s+int64(k))*w]
}

// put computes a strip of the output array.
func (n *nest) put(s int64, k int) {
	out, to := n.b.p.Outs[0], n.target(s, k)
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
		f.End(n.cells(i, n.out.off))
	}
}

// joined is a fold that computes the last step of the program as it takes in its results.
type joined struct {
	add  func(x, y []byte, n int) // nil: the fold does not
	x, y int32                    // the operands
}

func (j *joined) find(f strip.Folder, c *strip.Code, out int32) {
	o, k, x, y, ok := c.Last(out)
	if f, can := f.(strip.Joiner); can && ok {
		j.add, j.x, j.y = f.Join(o, k), x, y
	}
}

// foldRow folds a row into one cell.
func (n *nest) foldRow(length int64) error {
	n.begin()
	for s := int64(0); s < length; {
		k := int(min(length-s, int64(n.b.code.Length())))
		if err := n.load(s, k); err != nil {
			return err
		}
		if n.join.add != nil {
			n.state.Operands(k)
			n.join.add(n.state.Value(n.join.x), n.state.Operand(n.join.y), k)
			s += int64(k)
			continue
		}
		n.state.Run(k)
		step := n.pos.stride[len(n.dims)-1]
		for i, f := range n.folds {
			f.Strip(n.state.Value(n.b.p.Outs[i]), k, n.pos.off+s*step, step)
		}
		s += int64(k)
	}
	n.finish()
	return nil
}

// cells returns the columns of fold i from a cell on, until it is called again.
func (n *nest) cells(i int, cell int64) [][]byte {
	n.room = n.room[:0]
	for c, col := range n.cols[i] {
		n.room = append(n.room, col[cell*n.stateWidth(i, c):])
	}
	return n.room
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
	raw := n.raw(d - 1)
	return n.loop(outer, func() error {
		if raw != nil {
			return n.foldColumns(raw, rows)
		}
		for g := int64(0); g < rows; g += group {
			k := min(group, rows-g)
			if err := n.foldGroup(k, d-1, n.fresh && g == 0); err != nil {
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

// foldGroup folds some rows of the same cells; the first ones of them become their states.
func (n *nest) foldGroup(rows int64, d int, first bool) error {
	length := n.dims[len(n.dims)-1]
	for s := int64(0); s < length; {
		k := int(min(length-s, int64(n.b.code.Length())))
		if n.band != nil {
			if err := n.foldBand(s, k, rows, d); err != nil {
				return err
			}
			s += int64(k)
			continue
		}
		for i, f := range n.folds {
			f.Init(n.ends[i], k)
		}
		for range rows {
			if err := n.load(s, k); err != nil {
				return err
			}
			n.state.Run(k)
			for i, f := range n.folds {
				f.Cells(n.ends[i], n.state.Value(n.b.p.Outs[i]), k, n.pos.off)
			}
			n.shift(d, 1, rows)
		}
		n.shift(d, -rows, rows)
		for i, f := range n.folds {
			cells := n.cells(i, n.out.off+s)
			if !first {
				f.Merge(cells, n.ends[i], k)
				continue
			}
			for c, col := range cells {
				copy(col, n.ends[i][c][:k*int(n.stateWidth(i, c))])
			}
		}
		s += int64(k)
	}
	return nil
}

// foldBand folds a strip of a band of rows when all of them are computed.
func (n *nest) foldBand(s int64, k int, rows int64, d int) error {
	out, w, length := n.b.p.Outs[0], 8, n.b.code.Length()
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
	n.band.Band(n.cells(0, n.out.off+s), n.rows, int(rows), length, k)
	return nil
}

// raw returns the operand that is folded as it lies, in bands of rows along a dimension;
// nil if there is none.
func (n *nest) raw(d int) *read {
	out := n.b.p.Outs[0]
	if n.band == nil || out >= 0 {
		return nil
	}
	r := &n.reads[-1-out]
	if r.data == nil || r.stride[len(n.dims)-1] != 1 || d >= 0 && r.stride[d] < 0 {
		return nil
	}
	return r
}

// foldColumns folds rows whose elements belong to a cell each, and so many rows to the
// same cells.
func (n *nest) foldColumns(r *read, rows int64) error {
	d := len(n.dims) - 1
	length, stride := n.dims[d], n.dims[d]
	if rows > 1 {
		stride = r.stride[d-1]
	}
	for s := int64(0); s < length; s += wide {
		k := min(wide, length-s)
		cells := n.cells(0, n.out.off+s)
		for g := int64(0); g < rows; g += group {
			if err := n.ctx.Err(); err != nil {
				return err
			}
			n.band.Band(cells, r.data[(r.off+s+g*stride)*8:], int(min(group, rows-g)), int(stride), int(k))
		}
	}
	return nil
}

// foldRows folds rows that belong to neighbouring cells.
func (n *nest) foldRows(r *read) error {
	d := len(n.dims) - 1
	rows, length, stride := n.dims[d-1], n.dims[d], r.stride[d-1]
	return n.loop(n.dims[:d-1], func() error {
		for g := int64(0); g < rows; g += group {
			if err := n.ctx.Err(); err != nil {
				return err
			}
			ahead := int64(0)
			if g+group < rows {
				ahead = group * stride
			}
			n.band.Rows(n.cells(0, n.out.off+g), r.data[(r.off+g*stride)*8:], int(min(group, rows-g)), int(stride), int(length), int(ahead))
		}
		return nil
	})
}

// kindsWidth is the bytes of one element in all columns.
func kindsWidth(kinds []elem.Kind) (n int) {
	for _, k := range kinds {
		n += k.Width()
	}
	return n
}
