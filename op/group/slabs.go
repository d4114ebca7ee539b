package group

import (
	"encoding/binary"
	"math/bits"

	"github.com/weft-data/weft/internal/mem"
)

// slabs give out pieces of budgeted buffers that never move: what outgrows its piece
// takes a larger one. The address of a piece is the number of its buffer and how many
// words it lies behind its beginning.
type slabs struct {
	list [][]byte
	used int                 // bytes of the last buffer
	all  int                 // bytes of all
	free [slabLog + 1]uint32 // lists of pieces that were given back, by the logarithm of their size; 0 is the end
}

const (
	slabLog  = 23 // of the bytes of the largest buffer that has several pieces
	slabMost = 1 << slabLog
	slabLow  = 4 << 10 // bytes of the least buffer
	slabBits = slabLog - 3
)

// alloc returns a piece of n bytes, which are undefined. False means that memory was
// refused. No piece has address 0.
func (s *slabs) alloc(a mem.Allocator, n int) (at uint32, ok bool) {
	n = max((n+7)&^7, 8)
	if k := bits.Len(uint(n)) - 1; n == 1<<k && k <= slabLog && s.free[k] != 0 {
		at = s.free[k]
		s.free[k] = binary.LittleEndian.Uint32(s.at(at))
		return at, true
	}
	if last := len(s.list) - 1; last < 0 || s.used+n > len(s.list[last]) {
		if !s.more(a, n) {
			return 0, false
		}
	}
	at = uint32(len(s.list)-1)<<slabBits | uint32(s.used/8)
	if s.used += n; n >= slabMost {
		s.used = len(s.list[len(s.list)-1])
	}
	return at, true
}

// more begins a buffer with at least n bytes beside the first word, which is no piece.
func (s *slabs) more(a mem.Allocator, n int) bool {
	if len(s.list) == 1<<(32-slabBits) {
		return false
	}
	b := a.Alloc(roundSize(max(n+8, min(max(s.all/8, slabLow), slabMost-64))))
	if b == nil {
		if b = a.Alloc(roundSize(n + 8)); b == nil {
			return false
		}
	}
	s.list, s.used, s.all = append(s.list, b), 8, s.all+len(b)
	return true
}

// at returns the bytes from a piece on.
func (s *slabs) at(at uint32) []byte {
	return s.list[at>>slabBits][int(at&(1<<slabBits-1))*8:]
}

// give takes back a piece of n bytes. One that is a buffer of its own goes back to the
// budget.
func (s *slabs) give(a mem.Allocator, at uint32, n int) {
	switch k := bits.Len(uint(n)) - 1; {
	case n >= slabMost:
		i := at >> slabBits
		s.all -= len(s.list[i])
		a.Free(s.list[i])
		s.list[i] = nil
	case n >= 8 && n == 1<<k:
		binary.LittleEndian.PutUint32(s.at(at), s.free[k])
		s.free[k] = at
	}
}

// release gives all memory back.
func (s *slabs) release(a mem.Allocator) {
	for _, b := range s.list {
		if b != nil {
			a.Free(b)
		}
	}
	*s = slabs{list: s.list[:0]}
}

// reset forgets all pieces and keeps the first buffer.
func (s *slabs) reset(a mem.Allocator) {
	if len(s.list) == 0 {
		return
	}
	keep := s.list[0]
	s.list[0] = nil
	s.release(a)
	if keep != nil {
		s.list, s.used, s.all = append(s.list, keep), 8, len(keep)
	}
}
