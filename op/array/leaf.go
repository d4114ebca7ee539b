package array

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
	"github.com/weft-data/weft/op"
)

var kept struct {
	sync.RWMutex
	last uint64
	byID map[uint64][]byte
}

// Keep makes elements readable by leaves of kind Memory, until Drop. They are
// borrowed for as long. A plan that reads them cannot leave the process.
func Keep(data []byte) (id uint64) {
	kept.Lock()
	defer kept.Unlock()
	if kept.byID == nil {
		kept.byID = map[uint64][]byte{}
	}
	kept.last++
	kept.byID[kept.last] = data
	return kept.last
}

// Drop forgets what was kept.
func Drop(id uint64) { kept.Lock(); delete(kept.byID, id); kept.Unlock() }

// A source is a bound leaf, shared by all tasks.
type source struct {
	leaf   *Leaf
	axes   []*grid.Lookup
	memory []byte
	draw   drawer
	reader reader
	width  int64
	loose  int // the axis whose chunk sizes are not known, or -1
}

func (l *Leaf) source(space grid.Grid) (s source, err error) {
	s = source{leaf: l, width: int64(l.Type.Width()), axes: lookups(l.Grid)}
	if s.loose, err = l.Grid.Loose(); err != nil {
		return s, err
	}
	switch l.Kind {
	case Memory:
		kept.RLock()
		data, ok := kept.byID[l.ID]
		kept.RUnlock()
		if !ok {
			return s, fmt.Errorf("the elements of array %d are not in this process: a plan that reads them must run where they are", l.ID)
		}
		if int64(len(data)) != l.Grid.Elements()*s.width {
			return s, fmt.Errorf("%d bytes for %d elements of %s", len(data), l.Grid.Elements(), l.Type)
		}
		s.memory = data
	case Random:
		s.draw, err = l.Draw.bind(l.Type, l.Nums, l.Grid.Elements())
	case Stored:
		s.reader, err = l.reader()
	}
	return s, err
}

// fill writes a constant.
func (s *source) fill(dst []byte, n int) { fillWith(s.leaf.Type, dst, n, s.leaf.Nums) }

// fillWith writes n elements with a value given as bits.
func fillWith(k elem.Kind, dst []byte, n int, nums []uint64) {
	one := make([]byte, 16)
	PutNumber(k, one, nums)
	dst = dst[:n*k.Width()]
	const most = 64 << 10 // which stay in the cache
	for at := copy(dst, one[:k.Width()]); at < len(dst); {
		at += copy(dst[at:], dst[:min(at, most)])
	}
}

// PutNumber writes one element: nums has an int64 for integers and bool, float64
// bits for floats, two of them for complex numbers.
func PutNumber(k elem.Kind, dst []byte, nums []uint64) {
	f := math.Float64frombits(nums[0])
	switch k {
	case elem.Float64:
		strip.View[float64](dst, 1)[0] = f
	case elem.Float32:
		strip.View[float32](dst, 1)[0] = float32(f)
	case elem.Complex64, elem.Complex128:
		im := 0.0
		if len(nums) > 1 {
			im = math.Float64frombits(nums[1])
		}
		if k == elem.Complex128 {
			strip.View[float64](dst, 2)[0], strip.View[float64](dst, 2)[1] = f, im
		} else {
			strip.View[float32](dst, 2)[0], strip.View[float32](dst, 2)[1] = float32(f), float32(im)
		}
	case elem.Bool:
		dst[0] = 0
		if nums[0] != 0 {
			dst[0] = 1
		}
	default:
		for i := range k.Width() {
			dst[i] = byte(nums[0] >> (8 * i))
		}
	}
}

// open finds the data of a leaf for the block of n, and its walk. What is
// returned is to be called at the end.
func (r *read) open(n *nest, a mem.Allocator, in []op.In) (done func(), err error) {
	l := r.src.leaf
	if l.Kind == Fill {
		return nil, nil
	}
	if cap(r.stride) < len(n.dims) {
		r.stride = make([]int64, len(n.dims), len(n.b.axes)+1)
	}
	r.stride, r.off = r.stride[:len(n.dims)], 0
	clear(r.stride)
	n.walks = append(n.walks, &r.walk)
	switch l.Kind {
	case Range, Spaced:
		r.axis(n, 0, 1, 0)
	case Eye:
		r.axis(n, 0, -1, 0)
		r.axis(n, 1, 1, 0)
	case Memory, Random:
		r.data = r.src.memory
		s := int64(1)
		for j := len(l.View) - 1; j >= 0; j-- {
			r.axis(n, j, s, 0)
			s *= l.Grid[j].Len()
		}
	case Input:
		return r.input(n, a, in)
	case Stored:
		return r.stored(n, a)
	}
	return nil, nil
}

// axis adds to the walk what leaf axis j contributes: its elements lie stride
// apart and begin at first.
func (r *read) axis(n *nest, j int, stride, first int64) {
	v := r.src.leaf.View[j]
	if v.Axis < 0 {
		r.off += (v.Start - first) * stride
		return
	}
	r.off += (v.At(n.lo[v.Axis]) - first) * stride
	if n.n[v.Axis] == 1 {
		return
	}
	d := 0
	for _, k := range n.n[:v.Axis] {
		if k != 1 {
			d++
		}
	}
	r.stride[d] += v.Step * stride
}

// A region is a box of elements of a leaf: what a task reads.
type region struct{ lo, hi [grid.MaxDims]int64 }

// size is how many elements it has along so many axes.
func (r *region) size(d int) int64 {
	n := int64(1)
	for j := range d {
		n *= r.hi[j] - r.lo[j]
	}
	return n
}

// input lends the block that holds what the task reads if there is one in
// memory, else it brings the region together in a buffer.
func (r *read) input(n *nest, a mem.Allocator, in []op.In) (done func(), err error) {
	l := r.src.leaf
	var need, first region // first and last blocks, by axis
	for j, v := range l.View {
		lo, hi := v.Start, v.Start+1
		if v.Axis >= 0 {
			lo, hi = v.Range(n.lo[v.Axis], n.lo[v.Axis]+n.n[v.Axis])
		}
		need.lo[j], need.hi[j] = lo, hi
		first.lo[j], first.hi[j] = r.axes[j].Find(lo), r.axes[j].Find(hi-1)+1
	}
	d := len(l.View)
	if len(in) == 1 && first.size(d) == 1 {
		var bounds region
		for j := range d {
			bounds.lo[j], bounds.hi[j] = r.axes[j].Bounds(first.lo[j])
		}
		data, done, err := lend(in[0], 0, bounds.size(d))
		if err != nil || data != nil {
			r.data = data
			r.rows(n, &bounds)
			return done, err
		}
	}
	size := need.size(d)
	buf := a.Alloc(int(size * r.src.width))
	if buf == nil {
		return nil, fmt.Errorf("bringing together %d elements of an input: %w", size, mem.ErrBudget)
	}
	r.data = buf
	r.rows(n, &need)
	return func() { a.Free(buf) }, gather(n.ctx, buf, r.axes, 0, int(r.src.width), &need, &first, in)
}

// rows sets the walk over a box in row-major order.
func (r *read) rows(n *nest, b *region) {
	s := int64(1)
	for j := len(r.src.leaf.View) - 1; j >= 0; j-- {
		r.axis(n, j, s, b.lo[j])
		s *= b.hi[j] - b.lo[j]
	}
}

// full reports a block that has not the elements it should have.
func full(x op.In, elements int64) error { return belong(x.Rows(), elements) }

// belong is full for a block that has n elements.
func belong(n, elements int64) error {
	if n != elements {
		return fmt.Errorf("array: a block has %d elements where %d belong: were the arrays selected by different conditions?", n, elements)
	}
	return nil
}

// lend returns the elements of a run of a block that lies in memory as one batch.
func lend(in op.In, run int, size int64) (data []byte, done func(), err error) {
	if in.Runs() <= run {
		return nil, nil, nil
	}
	rd, err := in.Open(run)
	if err != nil {
		return nil, nil, err
	}
	b, err := rd.Next()
	if err == nil && int64(b.N) == size {
		return b.Cols[0].Data, func() { _ = rd.Close() }, nil
	}
	if err == io.EOF {
		err = nil
	}
	return nil, nil, errors.Join(err, rd.Close())
}

// gather copies a region of an array (a run of its blocks) with the given chunks: of several blocks, or
// of one that is on disk.
func gather(ctx context.Context, dst []byte, axes []*grid.Lookup, run, width int, need, first *region, in []op.In) error {
	d := len(axes)
	return eachBlock(axes, first, len(in), func(k int, box *region) error {
		var part region
		for j := range d {
			part.lo[j], part.hi[j] = max(box.lo[j], need.lo[j]), min(box.hi[j], need.hi[j])
		}
		return copyBox(ctx, dst, need, in[k].Value, run, box, &part, d, width)
	})
}

// eachBlock calls f for each block of a region of n blocks, in row-major order, with its number in
// it and the box of its elements.
func eachBlock(axes []*grid.Lookup, blocks *region, n int, f func(k int, box *region) error) error {
	d, at := len(axes), blocks.lo
	if want := blocks.size(d); want != int64(n) {
		return fmt.Errorf("array: %d blocks where %d are read", n, want)
	}
	for k := range n {
		var box region
		for j := range d {
			box.lo[j], box.hi[j] = axes[j].Bounds(at[j])
		}
		if err := f(k, &box); err != nil {
			return err
		}
		for j := d - 1; j >= 0; j-- {
			if at[j]++; at[j] < blocks.hi[j] {
				break
			}
			at[j] = blocks.lo[j]
		}
	}
	return nil
}

// copyBox copies the elements of part from a run of a block that has those of
// box, in row-major order, to dst, which has those of to.
func copyBox(ctx context.Context, dst []byte, to *region, v chunk.Value, run int, box, part *region, d, width int) (err error) {
	d, rows, row := together(to, box, part, d)
	if rows == 0 {
		return nil
	}
	rd, err := v.Open(run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rd.Close()) }()
	c := cursor{rd: rd, width: width}
	var at region
	at.lo = part.lo
	step := max(readable/int64(width), 1)
	left := int64(0) // elements until it is asked whether to go on
	for range rows {
		p, q := flat(&at, to, len(at.lo)), flat(&at, box, len(at.lo))
		for done := int64(0); done < row; {
			if left <= 0 {
				if err := ctx.Err(); err != nil {
					return err
				}
				left = step
			}
			n := min(row-done, step)
			if err := c.copy(dst[(p+done)*int64(width):], q+done, n); err != nil {
				return err
			}
			done, left = done+n, left-n
		}
		for j := d - 1; j >= 0; j-- {
			if at.lo[j]++; at.lo[j] < part.hi[j] {
				break
			}
			at.lo[j] = part.lo[j]
		}
	}
	return nil
}

// together returns how many elements of part, of d axes, lie together in two boxes:
// rows of so many, at each index of the first k axes.
func together(to, box, part *region, d int) (k int, rows, row int64) {
	rows, row, k = 1, 1, d
	whole := true
	for j := d - 1; j >= 0; j-- {
		n := part.hi[j] - part.lo[j]
		if n <= 0 {
			return 0, 0, 0
		}
		if !whole {
			rows *= n
			continue
		}
		row *= n
		k = j
		whole = n == box.hi[j]-box.lo[j] && n == to.hi[j]-to.lo[j]
	}
	return k, rows, row
}

// flat is the position of an element in a box, in row-major order. Axes beyond
// those of the array have length 0 and do not count.
func flat(at, box *region, d int) (p int64) {
	for j := range d {
		if n := box.hi[j] - box.lo[j]; n > 0 {
			p = p*n + at.lo[j] - box.lo[j]
		}
	}
	return p
}

// A cursor reads a run from its begin to its end.
type cursor struct {
	rd    chunk.Reader
	b     *chunk.Batch
	from  int64 // position of the batch
	width int
}

// copy copies n elements from position p on, which is not before what was copied
// last.
func (c *cursor) copy(dst []byte, p, n int64) (err error) {
	for n > 0 {
		for c.b == nil || p >= c.from+int64(c.b.N) {
			if c.b != nil {
				c.from += int64(c.b.N)
			}
			if c.b, err = c.rd.Next(); err != nil {
				if err == io.EOF {
					err = fmt.Errorf("array: a block ends at element %d", c.from)
				}
				return err
			}
		}
		k := min(n, c.from+int64(c.b.N)-p)
		w := int64(c.width)
		copy(dst[:k*w], c.b.Cols[0].Data[(p-c.from)*w:])
		dst, p, n = dst[k*w:], p+k, n-k
	}
	return nil
}

// load brings k elements into leaf i of a state: idx, idx+stride, …
func (r *read) load(s *strip.State, i int, idx, stride int64, k int, ahead int64) {
	w := r.src.width
	switch {
	case r.data != nil && (stride == 1 || k == 1):
		s.Set(i, r.data[idx*w:(idx+int64(k))*w])
		if ahead >= 0 {
			s.Ahead(r.data[min(ahead*w, int64(len(r.data))):min((ahead+int64(k))*w, int64(len(r.data)))])
		}
	case r.data != nil && stride == 0:
		buf := s.Buffer(i)
		if r.last != idx {
			repeat(buf, r.data[idx*w:(idx+1)*w])
			r.last = idx
		}
	default:
		r.copy(s.Buffer(i), idx, stride, k)
	}
}

// copy brings k elements to dst: idx, idx+stride, …
func (r *read) copy(dst []byte, idx, stride int64, k int) {
	w := r.src.width
	switch r.src.leaf.Kind {
	case Memory, Input, Stored:
		switch stride {
		case 1:
			copy(dst, r.data[idx*w:(idx+int64(k))*w])
		case 0:
			repeat(dst[:int64(k)*w], r.data[idx*w:(idx+1)*w])
		default:
			pick(dst, r.data, idx, stride, k, int(w))
		}
	case Random:
		r.src.draw(dst, uint64(idx), uint64(stride), k)
	default:
		r.src.make(dst, idx, stride, k)
	}
}

// repeat fills dst with one element.
func repeat(dst, one []byte) {
	n := copy(dst, one)
	for n < len(dst) {
		n += copy(dst[n:], dst[:n])
	}
}

// pick copies k elements that lie stride apart.
func pick(dst, src []byte, idx, stride int64, k, width int) {
	switch width {
	case 1:
		pickAs[uint8](dst, src, idx, stride, k)
	case 2:
		pickAs[uint16](dst, src, idx, stride, k)
	case 4:
		pickAs[uint32](dst, src, idx, stride, k)
	case 8:
		pickAs[uint64](dst, src, idx, stride, k)
	default:
		pickAs[[2]uint64](dst, src, idx, stride, k)
	}
}

func pickAs[T uint8 | uint16 | uint32 | uint64 | [2]uint64](dst, src []byte, idx, stride int64, k int) {
	d := strip.View[T](dst, k)
	s := strip.View[T](src, len(src)/widthOf[T]())
	for i := range d {
		d[i] = s[idx]
		idx += stride
	}
}

func widthOf[T any]() int {
	var z [1]T
	return len(strip.Raw(z[:]))
}

// make computes the elements of a leaf that is made from its indices.
func (s *source) make(dst []byte, idx, stride int64, k int) {
	switch l := s.leaf; l.Kind {
	case Spaced:
		start, step, stop, last := math.Float64frombits(l.Nums[0]), math.Float64frombits(l.Nums[1]), math.Float64frombits(l.Nums[2]), int64(l.Nums[3])
		d := strip.View[float64](dst, k)
		for i := range d {
			if x := idx + int64(i)*stride; x == last {
				d[i] = stop
			} else {
				d[i] = start + float64(x)*step
			}
		}
	case Eye:
		clear(dst[:k*int(s.width)])
		one := make([]byte, 16)
		PutNumber(l.Type, one, oneOf(l.Type))
		for i := range k {
			if idx+int64(i)*stride == int64(l.Nums[0]) {
				copy(dst[i*int(s.width):(i+1)*int(s.width)], one)
			}
		}
	case Range:
		ramp(l.Type, dst, l.Nums, idx, stride, k)
	}
}

func oneOf(k elem.Kind) []uint64 {
	if k.IsInt() || k == elem.Bool {
		return []uint64{1}
	}
	return []uint64{math.Float64bits(1), 0}
}

// ramp writes start + i·step.
func ramp(k elem.Kind, dst []byte, nums []uint64, idx, stride int64, n int) {
	switch k {
	case elem.Int8, elem.Uint8, elem.Bool:
		rampInt[uint8](dst, nums, idx, stride, n)
	case elem.Int16, elem.Uint16:
		rampInt[uint16](dst, nums, idx, stride, n)
	case elem.Int32, elem.Uint32:
		rampInt[uint32](dst, nums, idx, stride, n)
	case elem.Int64, elem.Uint64:
		rampInt[uint64](dst, nums, idx, stride, n)
	case elem.Float32:
		rampFloat[float32](dst, nums, idx, stride, n)
	case elem.Float64:
		rampFloat[float64](dst, nums, idx, stride, n)
	}
}

func rampInt[T vec.Integer](dst []byte, nums []uint64, idx, stride int64, n int) {
	x, by := nums[0]+uint64(idx)*nums[1], uint64(stride)*nums[1]
	for i := range strip.View[T](dst, n) {
		strip.View[T](dst, n)[i] = T(x)
		x += by
	}
}

func rampFloat[T vec.Float](dst []byte, nums []uint64, idx, stride int64, n int) {
	start, step := math.Float64frombits(nums[0]), math.Float64frombits(nums[1])
	d := strip.View[T](dst, n)
	for i := range d {
		d[i] = T(start + float64(idx+int64(i)*stride)*step)
	}
}
