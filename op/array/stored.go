package array

import (
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"github.com/weft-data/weft/format/zarr"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/store"
)

// A File says where the elements of a leaf of kind Stored lie: in one file, in
// row-major order, from Offset on; or, with Zarr, in the chunks of a folder.
type File struct {
	store.Info // of the file, or only the path of the folder
	Offset     int64
	Stride     int64   // how far places along the first axis lie apart, in bytes; 0 when there are no gaps
	Swap       bool    // elements are big-endian
	Packed     *Packed // nil when the elements lie as they are
	Zarr       *zarr.Meta
}

// Packed is a deflated stream in a file, in which Offset counts.
type Packed struct{ At, Length int64 }

// check returns what is wrong with a stored leaf.
func (f *File) check(l *Leaf) error {
	if f == nil {
		return fmt.Errorf("no file")
	}
	if z := f.Zarr; z != nil {
		if err := z.Check(); err != nil {
			return err
		}
		if z.Kind != l.Type || len(z.Shape) != len(l.Grid) {
			return fmt.Errorf("%s of %d axes from %s of %d", l.Type, len(l.Grid), z.Kind, len(z.Shape))
		}
		for i, n := range z.Shape {
			if l.Grid[i].Len() != n {
				return fmt.Errorf("axis %d is %d, in the store %d", i, l.Grid[i].Len(), n)
			}
		}
		return nil
	}
	n := l.Grid.Elements() * int64(l.Type.Width())
	if f.Stride != 0 && n > 0 {
		if len(l.Grid) == 0 {
			return fmt.Errorf("places %d bytes apart of an array without axes", f.Stride)
		}
		places := l.Grid[0].Len()
		row := n / places
		if f.Packed != nil || f.Stride < row || places-1 > (math.MaxInt64-row)/f.Stride {
			return fmt.Errorf("%d places of %d bytes lie %d bytes apart", places, row, f.Stride)
		}
		n = (places-1)*f.Stride + row
	}
	if f.Offset < 0 || f.Packed == nil && n > f.Size-f.Offset || f.Packed != nil && (f.Packed.At < 0 || f.Packed.Length < 0) {
		return fmt.Errorf("%d bytes at %d of a file of %d", n, f.Offset, f.Size)
	}
	return nil
}

// cells reports whether elements can only be read together with those around
// them, so that each is to be read once.
func (f *File) cells() bool { return f.Packed != nil || f.Zarr != nil && !f.Zarr.Plain() }

// scratch is what reading needs beside the elements.
func (f *File) scratch() int64 {
	if f.Zarr == nil || f.Zarr.Plain() {
		return mem.Size(sieve)
	}
	n := f.Zarr.UnitBytes()
	need := mem.Size(int(n)) + mem.Size(int(zarr.Most(n)))
	if f.Zarr.Inner != nil {
		need += mem.Size(int(f.Zarr.IndexBytes())) + mem.Size(sieve)
	}
	return need
}

// A reader reads the elements of a box of a stored array, in row-major order.
type reader interface {
	read(ctx context.Context, a mem.Allocator, dst []byte, box *region) error
}

// reader binds a stored leaf.
func (l *Leaf) reader() (reader, error) {
	f := l.File
	if f.Zarr == nil {
		return &oneFile{file: f, kind: l.Type, whole: wholeOf(l.Grid.Shape()), d: len(l.Grid)}, nil
	}
	c, err := zarr.NewCoder(f.Zarr)
	if err != nil {
		return nil, err
	}
	return &chunked{file: f, kind: l.Type, store: zarr.Folder{Dir: f.Path}, coder: c}, nil
}

func wholeOf(shape []int64) (r region) {
	copy(r.hi[:], shape)
	return r
}

// oneFile is an array in one file.
type oneFile struct {
	file  *File
	kind  elem.Kind
	whole region
	d     int
}

func (f *oneFile) read(ctx context.Context, a mem.Allocator, dst []byte, box *region) (err error) {
	o, err := f.file.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	var src io.ReaderAt = o
	if p := f.file.Packed; p != nil {
		s := &stream{ctx: ctx, Reader: flate.NewReader(io.NewSectionReader(o, p.At, p.Length))}
		src = s
		defer func() { err = errors.Join(err, s.Reader.(io.Closer).Close()) }()
	}
	if f.file.Stride > 0 {
		err = f.places(ctx, a, src, dst, box)
	} else {
		err = readBox(ctx, a, src, f.file.Offset, dst, box, &f.whole, box, f.d, f.kind.Width(), f.file.Packed != nil)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", store.Name(f.file.Path), err)
	}
	return settleAll(ctx, dst, f.kind, f.file.Swap)
}

// page is how much a disk reads at least.
const page = 4 << 10

// places reads what lies apart along the first axis, place after place: many at once, with
// what is between them, if that is not much more.
func (f *oneFile) places(ctx context.Context, a mem.Allocator, src io.ReaderAt, dst []byte, box *region) error {
	w, stride := f.kind.Width(), f.file.Stride
	row, full := int64(w), int64(w) // bytes of a place: that are asked for, and that there are
	for j := 1; j < f.d; j++ {
		row *= box.hi[j] - box.lo[j]
		full *= f.whole.hi[j]
	}
	one, all := *box, f.whole
	many, n := int64(1), box.hi[0]-box.lo[0]
	var buf []byte
	if n > 1 && (stride <= 4*row || stride <= page) && stride < sieve/2 {
		if buf = a.Alloc(sieve); buf != nil {
			many = min(n, sieve/stride)
		}
		defer a.Free(buf)
	}
	for i := box.lo[0]; i < box.hi[0]; i += many {
		if err := ctx.Err(); err != nil {
			return err
		}
		one.lo[0], one.hi[0], all.lo[0], all.hi[0] = i, i+1, i, i+1
		from := f.file.Offset + i*stride
		if many == 1 {
			if err := readBox(ctx, a, src, from, dst[:row], &one, &all, &one, f.d, w, false); err != nil {
				return err
			}
			dst = dst[row:]
			continue
		}
		step := min(many, box.hi[0]-i)
		b := buf[:(step-1)*stride+full]
		if k, err := src.ReadAt(b, from); k < len(b) {
			return short(from, len(b), err)
		}
		for k := range step {
			if row == full {
				copy(dst, b[k*stride:][:full])
			} else {
				copyPart(dst[:row], &one, b[k*stride:], &all, &one, f.d, w)
			}
			dst = dst[row:]
		}
	}
	return nil
}

// A stream reads forward only.
type stream struct {
	io.Reader
	ctx context.Context
	at  int64
}

// Read reads little enough that the context is asked every few milliseconds.
func (s *stream) Read(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.Reader.Read(b[:min(len(b), sieve)])
}

// ReadAt reads at a place that is not before the end of what was read last.
func (s *stream) ReadAt(b []byte, at int64) (int, error) {
	if at < s.at {
		return 0, fmt.Errorf("byte %d of a stream that is at %d", at, s.at)
	}
	n, err := io.CopyN(io.Discard, s, at-s.at)
	if s.at += n; err != nil {
		return 0, err
	}
	k, err := io.ReadFull(s, b)
	s.at += int64(k)
	return k, err
}

// sieve is the buffer through which short rows are read: together with what is
// between them, if that is not much more.
const sieve = 1 << 20

// readBox copies the elements of part from a file that has those of box from
// offset on, in row-major order, to dst, which has those of to.
func readBox(ctx context.Context, a mem.Allocator, src io.ReaderAt, offset int64, dst []byte, to, box, part *region, d, width int, forward bool) error {
	k, rows, row := together(to, box, part, d)
	if rows == 0 {
		return nil
	}
	w := int64(width)
	if _, long, _ := together(box, box, part, d); long < rows { // more lies together in the file than in dst
		return readRuns(ctx, a, src, offset, dst, to, box, part, d, w)
	}
	at := region{lo: part.lo}
	var buf []byte
	many, stride := int64(1), int64(0) // rows that are read at once, and how far they lie apart
	if k > 0 {
		stride = w
		for j := k; j < d; j++ {
			stride *= box.hi[j] - box.lo[j]
		}
		if n := part.hi[k-1] - part.lo[k-1]; !forward && n > 1 && stride <= 4*row*w && stride < sieve/2 {
			many = min(n, sieve/stride)
			if buf = a.Alloc(sieve); buf == nil {
				many = 1
			}
			defer a.Free(buf)
		}
	}
	for done := int64(0); done < rows; {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, q := flat(&at, to, d)*w, offset+flat(&at, box, d)*w
		step := int64(1)
		if many > 1 {
			step = min(many, part.hi[k-1]-at.lo[k-1])
			b := buf[:(step-1)*stride+row*w]
			if n, err := src.ReadAt(b, q); n < len(b) {
				return short(q, len(b), err)
			}
			apart := w
			for j := k; j < d; j++ {
				apart *= to.hi[j] - to.lo[j]
			}
			for i := range step {
				copy(dst[p+i*apart:][:row*w], b[i*stride:])
			}
		} else if n, err := src.ReadAt(dst[p:p+row*w], q); int64(n) < row*w {
			return short(q, int(row*w), err)
		}
		done += step
		if k == 0 {
			continue
		}
		at.lo[k-1] += step
		for j := k - 1; j > 0 && at.lo[j] >= part.hi[j]; j-- {
			at.lo[j] = part.lo[j]
			at.lo[j-1]++
		}
	}
	return nil
}

// readRuns is readBox by what lies together in the file.
func readRuns(ctx context.Context, a mem.Allocator, src io.ReaderAt, offset int64, dst []byte, to, box, part *region, d int, w int64) error {
	var buf []byte
	defer func() { a.Free(buf) }()
	return runs(ctx, box, part, d, w, func(run *region, at, n int64) error {
		if int64(len(buf)) < n*w {
			a.Free(buf)
			if buf = a.Alloc(int(max(n*w, sieve))); buf == nil {
				return fmt.Errorf("%d bytes to read: %w", n*w, mem.ErrBudget)
			}
		}
		if k, err := src.ReadAt(buf[:n*w], offset+at*w); int64(k) < n*w {
			return short(offset+at*w, int(n*w), err)
		}
		copyPart(dst, to, buf, run, run, d, int(w))
		return nil
	})
}

func short(at int64, n int, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%d bytes at %d: %w", n, at, err)
}

// settleAll is settle, unless the context ends before that.
func settleAll(ctx context.Context, b []byte, k elem.Kind, swap bool) error {
	if k != elem.Bool && !swap {
		return nil
	}
	for ; len(b) > 0; b = b[min(len(b), sieve):] { // of whole elements
		if err := ctx.Err(); err != nil {
			return err
		}
		settle(b[:min(len(b), sieve)], k, swap)
	}
	return nil
}

// settle makes elements of file bytes: of this machine's byte order, and bools 0 or 1.
func settle(b []byte, k elem.Kind, swap bool) {
	if k == elem.Bool {
		for i, v := range b {
			if v > 1 {
				b[i] = 1
			}
		}
	}
	if !swap {
		return
	}
	switch k.Real().Width() {
	case 2:
		for ; len(b) >= 2; b = b[2:] {
			b[0], b[1] = b[1], b[0]
		}
	case 4:
		for ; len(b) >= 4; b = b[4:] {
			b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
		}
	case 8:
		for ; len(b) >= 8; b = b[8:] {
			b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7] = b[7], b[6], b[5], b[4], b[3], b[2], b[1], b[0]
		}
	}
}

// chunked is an array in the chunks of a store.
type chunked struct {
	file  *File
	kind  elem.Kind
	store zarr.Folder
	coder *zarr.Coder
}

// tiles calls f for every tile of a size that meets a box, with its position among the
// tiles, what it covers, and the part that the two share.
func tiles(box *region, size []int64, f func(at []int64, tile, part *region) error) error {
	d := len(size)
	at := make([]int64, d)
	for i := range d {
		if box.lo[i] >= box.hi[i] {
			return nil
		}
		at[i] = box.lo[i] / size[i]
	}
	for {
		var tile, part region
		for i, n := range size {
			tile.lo[i], tile.hi[i] = at[i]*n, at[i]*n+n
			part.lo[i], part.hi[i] = max(tile.lo[i], box.lo[i]), min(tile.hi[i], box.hi[i])
		}
		if err := f(at, &tile, &part); err != nil {
			return err
		}
		i := d - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i]*size[i] < box.hi[i] {
				break
			}
			at[i] = box.lo[i] / size[i]
		}
		if i < 0 {
			return nil
		}
	}
}

// chunks calls f for every object whose elements meet a box, with the part that they
// share.
func (c *chunked) chunks(box *region, f func(at []int64, chunk, part *region) error) error {
	m := c.file.Zarr
	return tiles(box, m.Chunk, func(at []int64, chunk, part *region) error {
		if err := f(at, chunk, part); err != nil {
			return fmt.Errorf("%s, chunk %s: %w", store.Name(c.file.Path), m.Key(at), err)
		}
		return nil
	})
}

func (c *chunked) read(ctx context.Context, a mem.Allocator, dst []byte, box *region) (err error) {
	m := c.file.Zarr
	var buf []byte
	defer func() { a.Free(buf) }()
	err = c.chunks(box, func(at []int64, chunk, part *region) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		o, x, err := c.store.Open(ctx, m.Key(at))
		src := io.ReaderAt(o)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			src = nil
		case err != nil:
			return err
		default:
			defer func() { err = errors.Join(err, o.Close()) }()
		}
		if m.Inner != nil {
			return c.shard(ctx, a, src, x.Size, dst, box, part)
		}
		return c.piece(ctx, a, &buf, src, 0, x.Size, dst, box, chunk, part)
	})
	if err == nil {
		err = settleAll(ctx, dst, m.Kind, m.Swap)
	}
	return err
}

// piece copies part of the elements of a chunk, which lies in n bytes at off of an
// object, to a buffer that has those of box. A chunk without an object is missing: its
// elements have the fill value. buf is what chunks are decoded into.
func (c *chunked) piece(ctx context.Context, a mem.Allocator, buf *[]byte, o io.ReaderAt, off, n int64, dst []byte, box, chunk, part *region) error {
	m := c.file.Zarr
	d, width, whole := len(m.Shape), m.Kind.Width(), m.UnitBytes()
	if o != nil && !m.Encoded() {
		if n != whole {
			return fmt.Errorf("%d bytes where a chunk has %d", n, whole)
		}
		return readBox(ctx, a, o, off, dst, box, chunk, part, d, width, false)
	}
	if _, rows, row := together(box, chunk, part, d); rows == 1 && row*int64(width) == whole && o != nil { // it stays as it is decoded
		at := region{lo: part.lo}
		p := flat(&at, box, d) * int64(width)
		return c.decode(ctx, a, dst[p:p+whole:p+whole], o, off, n)
	}
	if *buf == nil {
		if *buf = a.Alloc(int(whole)); *buf == nil {
			return fmt.Errorf("%d bytes of a chunk: %w", whole, mem.ErrBudget)
		}
	}
	if o == nil {
		fillWith(m.Kind, *buf, len(*buf)/width, m.Fill)
		if m.Swap {
			settle(*buf, m.Kind, true) // back when all is there, with the others
		}
	} else if err := c.decode(ctx, a, *buf, o, off, n); err != nil {
		return err
	}
	return copyUnless(ctx, dst, box, *buf, chunk, part, d, width)
}

// readable is how many bytes of a file are read between two looks at whether the task goes on.
const readable = 8 << 20

// decode reads a chunk whole, of size bytes at off.
func (c *chunked) decode(ctx context.Context, a mem.Allocator, buf []byte, o io.ReaderAt, off, size int64) error {
	if most := zarr.Most(int64(len(buf))); size > most {
		return fmt.Errorf("%d bytes where at most %d are possible", size, most)
	}
	raw := a.Alloc(int(size))
	if raw == nil {
		return fmt.Errorf("%d bytes of a chunk: %w", size, mem.ErrBudget)
	}
	defer a.Free(raw)
	for part, at := raw, off; len(part) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := len(part)
		if !store.IsRemote(c.file.Path) { // of which each read is a request, that ends with the context
			n = min(n, readable)
		}
		if k, err := o.ReadAt(part[:n], at); k < n {
			return short(at, n, err)
		}
		part, at = part[n:], at+int64(n)
	}
	return c.coder.Decode(ctx, buf, raw)
}

// stored brings what a task reads of a stored leaf together in a buffer.
func (r *read) stored(n *nest, a mem.Allocator) (done func(), err error) {
	need, size := r.region(n)
	buf := a.Alloc(int(size * r.src.width))
	if buf == nil {
		return nil, fmt.Errorf("reading %d elements: %w", size, mem.ErrBudget)
	}
	r.data = buf
	r.rows(n, &need)
	return func() { a.Free(buf) }, r.src.reader.read(n.ctx, a, buf, &need)
}

// region is what a task reads of a leaf, and how many elements these are.
func (r *read) region(n *nest) (need region, size int64) {
	size = 1
	for j, v := range r.src.leaf.View {
		need.lo[j], need.hi[j] = v.Start, v.Start+1
		if v.Axis >= 0 {
			need.lo[j], need.hi[j] = v.Range(n.lo[v.Axis], n.lo[v.Axis]+n.n[v.Axis])
		}
		size *= need.hi[j] - need.lo[j]
	}
	return need, size
}

// loads reports whether the program only reads a stored leaf, element after element as they lie: then blocks are read to
// where they stay.
func (p *StripsParams) loads() bool {
	if p.Fold != nil || len(p.Outs) != 1 || p.Outs[0] >= 0 || p.Leaves[-1-p.Outs[0]].Kind != Stored {
		return false
	}
	next := int32(0)
	for _, v := range p.Leaves[-1-p.Outs[0]].View {
		if v.Axis < 0 {
			continue
		}
		if v.Axis != next || v.Step != 1 {
			return false
		}
		next++
	}
	return int(next) == len(p.Space)
}

// apart reports whether the blocks of a space, seen through views, read each chunk
// of a stored leaf at most once.
func (f *File) apart(space grid.Grid, views []grid.View) bool {
	if f.Packed != nil {
		return space.Blocks() == 1
	}
	for j, v := range views {
		if v.Axis < 0 {
			continue
		}
		l := space[v.Axis].Lookup()
		chunk, last := f.Zarr.Unit()[j], int64(-1)
		n := space[v.Axis].Blocks()
		for c := range n {
			if v.Step < 0 {
				c = n - 1 - c
			}
			lo, hi := v.Range(l.Bounds(c))
			if lo < hi {
				if lo/chunk <= last {
					return false
				}
				last = (hi - 1) / chunk
			}
		}
	}
	return true
}
