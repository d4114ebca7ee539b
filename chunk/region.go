package chunk

import (
	"sync/atomic"

	"github.com/weft-data/weft/internal/mem"
)

// A region is the set of buffers that one or more batches own together.
type region struct {
	refs  atomic.Int32
	alloc mem.Allocator
	bufs  [][]byte
	sums  atomic.Pointer[Sums]
}

// Own makes b the owner of bufs: when its last reference is released they go
// back to alloc.
func (b *Batch) Own(alloc mem.Allocator, bufs [][]byte) {
	b.own = &region{alloc: alloc, bufs: bufs}
	b.own.refs.Store(1)
}

// Retain adds a reference to the buffers of an owned batch.
func (b *Batch) Retain() {
	if b.own != nil {
		b.own.refs.Add(1)
	}
}

// Release gives a reference back; after the last one the batch must not be
// used. Batches that own nothing ignore it.
func (b *Batch) Release() {
	if b.own == nil {
		return
	}
	switch n := b.own.refs.Add(-1); {
	case n == 0:
		for _, buf := range b.own.bufs {
			b.own.alloc.Free(buf)
		}
		b.own.bufs = nil
	case n < 0:
		panic("chunk: a batch was released more often than retained")
	}
}

// Rehome hands the buffers of an owned batch from one allocator over to another
// that counts in the same pool, and returns them; nil when they are not from's.
func (b *Batch) Rehome(from, to mem.Allocator) [][]byte {
	if b.own == nil || b.own.alloc != from {
		return nil
	}
	b.own.alloc = to
	return b.own.bufs
}

// Owned reports whether b owns its buffers.
func (b *Batch) Owned() bool { return b.own != nil }
