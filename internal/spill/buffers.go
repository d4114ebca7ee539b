package spill

import (
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
)

// maxIdle bounds the bytes of the buffers that wait to be used again. They are on the Go heap, and no budget counts them:
// in a sync.Pool those of every reader of a merge stayed for two collections, of which there are few while pages of the
// budget are in use, and a collector that sees them lets as much garbage be.
const maxIdle = 4 << 20

// largeFrame is from how many bytes a frame is written piece by piece, and read into a buffer of the budget if that has room.
// One row may be a list of many megabytes: on the heap each such frame would be garbage until the next collection.
const largeFrame = 1 << 20

// A buffer is the memory of a frame.
type buffer struct {
	b    []byte
	from mem.Allocator // whom it goes back to, nil for the heap
}

// Buffers are the memory of frames that are being written or read.
type buffers struct {
	mem mem.Allocator // of large ones; nil: the heap

	mu    sync.Mutex
	idle  []*buffer // by capacity
	bytes int
}

func (s *buffers) search(n int) int {
	i, _ := slices.BinarySearchFunc(s.idle, n, func(b *buffer, n int) int { return cap(b.b) - n })
	return i
}

// take returns a buffer with room for n bytes: a large one of the budget, else the smallest idle one, unless that is much
// too large, or a new one.
func (s *buffers) take(n int) *buffer {
	if s.mem != nil && n >= largeFrame {
		if b := s.mem.Alloc(n); b != nil {
			return &buffer{b[:0], s.mem}
		}
	}
	s.mu.Lock()
	if i := s.search(n); i < len(s.idle) && cap(s.idle[i].b) <= 4*n+4096 {
		b := s.idle[i]
		s.idle = slices.Delete(s.idle, i, i+1)
		s.bytes -= cap(b.b)
		s.mu.Unlock()
		return b
	}
	s.mu.Unlock()
	return &buffer{b: chunk.Bytes(make([]uint64, (n+n/8+7)/8))[:0]}
}

// put gives a buffer back. Where there are enough of them the largest go.
func (s *buffers) put(b *buffer) {
	if b.from != nil {
		b.from.Free(b.b)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = slices.Insert(s.idle, s.search(cap(b.b)), b)
	for s.bytes += cap(b.b); s.bytes > maxIdle; {
		last := len(s.idle) - 1
		s.bytes -= cap(s.idle[last].b)
		s.idle = slices.Delete(s.idle, last, last+1)
	}
}
