package array

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weft-data/weft/format/zarr"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/whole"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/store"
)

// SaveParams are the parameters of array.save: blocks of In are written into an
// array of a file or of a store, from element At on. Blocks do not wait for each
// other and may be written again. To has the place; its size and time do not
// count, for they change. With New the chunks of a store hold nothing yet that is
// to be kept. Else no two blocks may meet one chunk.
type SaveParams struct {
	In   grid.Grid
	Kind elem.Kind
	To   File
	Full []int64 // shape of what is written into
	At   []int64
	New  bool
}

func (p *SaveParams) check() error {
	if err := p.In.Check(); err != nil {
		return err
	}
	d := len(p.In)
	if len(p.Full) != d || len(p.At) != d || !p.Kind.Valid() || p.To.Packed != nil || p.To.Offset < 0 {
		return fmt.Errorf("%s at %v of %v", grid.Tuple(p.In.Shape()), p.At, p.Full)
	}
	for i, a := range p.In {
		if p.At[i] < 0 || a.Len() > p.Full[i]-p.At[i] {
			return fmt.Errorf("shape %s from %s on does not fit into %s", grid.Tuple(p.In.Shape()), grid.Tuple(p.At), grid.Tuple(p.Full))
		}
	}
	if z := p.To.Zarr; z != nil {
		if len(z.Shape) != d || z.Kind != p.Kind {
			return fmt.Errorf("%s of %d axes into %s of %d", p.Kind, d, z.Kind, len(z.Shape))
		}
		return z.Check()
	}
	return nil
}

// Save writes an array. A block of the output is the number of elements written.
var Save = op.Register(op.Spec[SaveParams]{
	Name: "array.save", Version: 1, Class: op.Writing,
	Doc: "writes the blocks of an array into a file or a store",
	Infer: func(p SaveParams, _ []op.Meta) (op.Meta, error) {
		if err := p.check(); err != nil {
			return op.Meta{}, err
		}
		return Describe(p.In.Blocks(), elem.Int64), nil
	},
	Mem: func(p SaveParams, _ op.Meta) op.Need {
		n := mem.Size(int(p.In.MaxBlock())*p.Kind.Width()) + mem.Size(8) + mem.Size(sieve)
		if p.To.Zarr != nil {
			n += p.To.writing()
		}
		return op.Need{Floor: n, Want: n}
	},
	Text: func(p SaveParams) string { return filepath.Base(store.Name(p.To.Path)) },
	Block: func(p SaveParams) (op.Block, error) {
		if err := p.check(); err != nil {
			return nil, err
		}
		s := &saving{p: p, axes: lookups(p.In)}
		if z := p.To.Zarr; z != nil {
			c, err := zarr.NewCoder(z)
			if err != nil {
				return nil, err
			}
			s.to = &chunked{file: &p.To, kind: p.Kind, store: zarr.Folder{Dir: p.To.Path, Fresh: p.New && !store.IsRemote(p.To.Path)}, coder: c}
		}
		return s, nil
	},
})

type saving struct {
	p    SaveParams
	axes []*grid.Lookup
	to   *chunked // nil: one file
}

// Run implements op.Block.
func (s *saving) Run(t op.Task, in []op.In, out op.Out) (err error) {
	var at [grid.MaxDims]int32
	grid.Coords(s.p.In.Counts(), int32(t.Block()), at[:])
	var box region
	n := int64(1)
	for i, l := range s.axes {
		lo, hi := l.Bounds(int64(at[i]))
		box.lo[i], box.hi[i] = lo+s.p.At[i], hi+s.p.At[i]
		n *= hi - lo
	}
	if n > 0 {
		data, done, err := contiguous(t, in[0], 0, n, s.p.Kind.Width())
		defer done()
		if err == nil {
			err = s.write(t, data, &box)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", store.Name(s.p.To.Path), err)
		}
	}
	return putNumber(t, n, out)
}

func (s *saving) write(t op.Task, data []byte, box *region) error {
	d := len(s.axes)
	if s.to == nil {
		full := wholeOf(s.p.Full)
		return writeFile(t.Context(), t, s.p.To.Path, s.p.To.Offset, data, box, &full, box, d, s.p.Kind, s.p.To.Swap)
	}
	m := s.p.To.Zarr
	return s.to.chunks(box, func(at []int64, chunk, part *region) error {
		if m.Plain() && s.to.store.Fresh {
			path := zarr.Folder{Dir: s.p.To.Path}.Path(m.Key(at))
			if err := plainChunk(path, m.ChunkBytes()); err != nil {
				return err
			}
			return writeFile(t.Context(), t, path, 0, data, box, chunk, part, d, m.Kind, m.Swap)
		}
		return s.chunk(t, data, box, at, chunk, part)
	})
}

// plainChunk makes the file of a chunk of zeros, if it is not there.
func plainChunk(path string, size int64) error {
	st, err := os.Stat(path)
	if err == nil && st.Size() == size {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// chunk writes one chunk, keeping those of its elements that are not in part.
func (s *saving) chunk(t op.Task, data []byte, box *region, at []int64, chunk, part *region) (err error) {
	m := s.p.To.Zarr
	n, more := m.ChunkBytes(), s.p.To.encoded()
	buf := t.Alloc(int(n))
	if buf == nil {
		return fmt.Errorf("%d bytes of a chunk: %w", n, mem.ErrBudget)
	}
	defer t.Free(buf)
	if !t.Reserve(more) {
		return fmt.Errorf("%d bytes of a chunk: %w", n, mem.ErrBudget)
	}
	defer t.Release(more)
	d, w := len(s.axes), m.Kind.Width()
	full := true // all of the chunk that is within the array
	for i, k := range m.Shape {
		full = full && part.lo[i] == chunk.lo[i] && part.hi[i] == min(chunk.hi[i], k)
	}
	if part.size(d) < chunk.size(d) { // not all of it is written
		fillWith(m.Kind, buf, len(buf)/w, m.Fill)
	}
	if !full {
		unlock, err := s.alone(m.Key(at))
		if err != nil {
			return err
		}
		defer unlock()
		o, x, err := s.to.store.Open(t.Context(), m.Key(at))
		switch {
		case err == nil:
			if err := errors.Join(s.to.object(t, buf, o, x.Size, chunk), o.Close()); err != nil {
				return err
			}
			if err := settleAll(t.Context(), buf, m.Kind, m.Swap); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if err := copyUnless(t.Context(), buf, chunk, data, box, part, d, w); err != nil {
		return err
	}
	if err := settleAll(t.Context(), buf, m.Kind, m.Swap); err != nil {
		return err
	}
	raw, err := s.to.encode(t, buf, chunk)
	if err != nil {
		return err
	}
	return s.to.store.Write(t.Context(), m.Key(at), raw)
}

// alone waits until no other program changes a part of a chunk, and keeps others away until unlock is called: what they have
// written is there then, and what is written now they will find.
func (s *saving) alone(key string) (unlock func(), err error) {
	if store.IsRemote(s.p.To.Path) {
		return func() {}, nil
	}
	dir := filepath.Dir(s.to.store.Path(key))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	return whole.Lock(dir)
}

// writeFile copies the elements of part from a buffer that has those of box into a
// file that has those of to, both in row-major order.
func writeFile(ctx context.Context, a mem.Allocator, path string, offset int64, src []byte, box, to, part *region, d int, k elem.Kind, swap bool) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return writeBox(ctx, a, f, offset, src, box, to, part, d, k, swap)
}

func writeBox(ctx context.Context, a mem.Allocator, f io.WriterAt, offset int64, src []byte, box, to, part *region, d int, kind elem.Kind, swap bool) error {
	w := int64(kind.Width())
	var buf []byte
	defer func() { a.Free(buf) }()
	return runs(ctx, to, part, d, w, func(run *region, at, n int64) error {
		if _, rows, _ := together(run, box, run, d); rows == 1 && !swap {
			p := flat(run, box, d) * w
			_, err := f.WriteAt(src[p:p+n*w], offset+at*w)
			return err
		}
		if int64(len(buf)) < n*w {
			a.Free(buf)
			if buf = a.Alloc(int(max(n*w, sieve))); buf == nil {
				return fmt.Errorf("%d bytes to write: %w", n*w, mem.ErrBudget)
			}
		}
		copyPart(buf, run, src, box, run, d, int(w))
		settle(buf[:n*w], kind, swap)
		_, err := f.WriteAt(buf[:n*w], offset+at*w)
		return err
	})
}

// runs divides a part of what a file has into runs that lie together in it, of sieve
// bytes or one row of the last axis. f gets where a run begins and how many elements it has.
func runs(ctx context.Context, file, part *region, d int, w int64, f func(run *region, at, n int64) error) error {
	first, rows, _ := together(file, file, part, d)
	if rows == 0 {
		return nil
	}
	// axis s is cut into steps, those before it into single positions
	s, inner := d-1, int64(1)
	for ; s > first; s-- {
		if n := inner * (part.hi[s] - part.lo[s]); n*w <= sieve {
			inner = n
			continue
		}
		break
	}
	if d == 0 {
		return f(part, 0, 1)
	}
	step := max(sieve/(inner*w), 1)
	run := *part
	for i := range s {
		run.hi[i] = run.lo[i] + 1
	}
	for {
		for x := part.lo[s]; x < part.hi[s]; x += step {
			if err := ctx.Err(); err != nil {
				return err
			}
			run.lo[s], run.hi[s] = x, min(x+step, part.hi[s])
			if err := f(&run, flat(&run, file, d), (run.hi[s]-x)*inner); err != nil {
				return err
			}
		}
		i := s - 1
		for ; i >= 0; i-- {
			if run.lo[i]++; run.lo[i] < part.hi[i] {
				run.hi[i] = run.lo[i] + 1
				break
			}
			run.lo[i], run.hi[i] = part.lo[i], part.lo[i]+1
		}
		if i < 0 {
			return nil
		}
	}
}
