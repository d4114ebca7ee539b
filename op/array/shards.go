package array

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/weft-data/weft/format/zarr"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// Shards: objects of a store that hold many chunks. Of them the index is read, and of
// the chunks those that are wanted; they are written as a whole.

// shard copies part of the elements of a shard of size bytes to a buffer that has those
// of box; nil is a shard that the store does not have.
func (c *chunked) shard(ctx context.Context, a mem.Allocator, o io.ReaderAt, size int64, dst []byte, box, part *region) error {
	m := c.file.Zarr
	var index zarr.Index
	if o != nil {
		raw := a.Alloc(int(m.IndexBytes()))
		if raw == nil {
			return fmt.Errorf("%d bytes of the index of a shard: %w", m.IndexBytes(), mem.ErrBudget)
		}
		defer a.Free(raw)
		at, err := m.IndexAt(size)
		if err != nil {
			return err
		}
		if n, err := o.ReadAt(raw, at); n < len(raw) {
			return short(at, len(raw), err)
		}
		if index, err = m.NewIndex(raw, size); err != nil {
			return err
		}
	}
	var buf []byte
	defer func() { a.Free(buf) }()
	return tiles(part, m.Inner.Chunk, func(at []int64, chunk, part *region) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		off, n, ok, err := index.Find(m.Slot(at))
		if err != nil {
			return err
		}
		src := o
		if !ok {
			src = nil
		}
		return c.piece(ctx, a, &buf, src, off, n, dst, box, chunk, part)
	})
}

// object reads the elements of an object whole, into a buffer for them.
func (c *chunked) object(t op.Task, buf []byte, o io.ReaderAt, size int64, chunk *region) error {
	if c.file.Zarr.Inner != nil {
		return c.shard(t.Context(), t, o, size, buf, chunk, chunk)
	}
	return c.decode(t.Context(), t, buf, o, 0, size)
}

// encode makes an object of its elements. Of a shard, chunks that lie outside of the
// array are missing.
func (c *chunked) encode(t op.Task, buf []byte, chunk *region) ([]byte, error) {
	m := c.file.Zarr
	if m.Inner == nil {
		return c.coder.Encode(t.Context(), buf)
	}
	tmp := t.Alloc(int(m.UnitBytes()))
	if tmp == nil {
		return nil, fmt.Errorf("%d bytes of a chunk: %w", m.UnitBytes(), mem.ErrBudget)
	}
	defer t.Free(tmp)
	parts := make([][]byte, m.Slots())
	err := tiles(chunk, m.Inner.Chunk, func(at []int64, tile, _ *region) error {
		for i, n := range m.Shape {
			if tile.lo[i] >= n {
				return nil
			}
		}
		if err := copyUnless(t.Context(), tmp, tile, buf, chunk, tile, len(m.Shape), m.Kind.Width()); err != nil {
			return err
		}
		raw, err := c.coder.Encode(t.Context(), tmp)
		if err == nil && !m.Encoded() {
			raw = bytes.Clone(raw)
		}
		parts[m.Slot(at)] = raw
		return err
	})
	if err != nil {
		return nil, err
	}
	return m.Assemble(parts), nil
}

// perChunk is what codecs put around the bytes of a chunk.
const perChunk = 64

// encoded bounds the bytes that a task makes of the elements of an object; of a shard
// they are there twice, as chunks and together.
func (f *File) encoded() int64 {
	if m := f.Zarr; m.Inner != nil {
		return 2 * (zarr.Most(m.ChunkBytes()) + m.ChunkBytes()/m.UnitBytes()*perChunk + m.IndexBytes())
	}
	return zarr.Most(f.Zarr.ChunkBytes())
}

// writing is what a task needs that writes objects one after the other: their
// elements and bytes, and those that were there before.
func (f *File) writing() int64 {
	n := mem.Size(int(f.Zarr.ChunkBytes())) + mem.Size(int(f.encoded())) + f.scratch()
	if f.Zarr.Inner != nil {
		n += mem.Size(int(f.Zarr.UnitBytes()))
	}
	return n
}
