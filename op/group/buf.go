package group

import (
	"math/bits"
	"unsafe"

	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A buf is a growing array of values without pointers in a budgeted buffer. All
// of s may be used; what was never written is undefined.
type buf[T any] struct {
	s   []T
	raw []byte
}

// grow makes room for at least need values and keeps the first used ones. False
// means that the budget refused; nothing has changed then.
func (b *buf[T]) grow(a mem.Allocator, used, need int) bool {
	if need <= len(b.s) {
		return true
	}
	var z T
	size := int(unsafe.Sizeof(z))
	raw := a.Alloc(roundSize(max(need, 2*len(b.s), 512/size) * size))
	if raw == nil {
		if raw = a.Alloc(roundSize(need * size)); raw == nil {
			return false
		}
	}
	n := (cap(raw) - 64) / size
	s := unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n)
	copy(s[:used], b.s[:used])
	b.free(a)
	b.s, b.raw = s, raw
	return true
}

// must is grow where something cannot be given out without the room: what the budget refuses is taken from the heap, and
// counted.
func (b *buf[T]) must(t op.Task, used, need int) {
	if b.grow(t, used, need) {
		return
	}
	s := make([]T, need)
	copy(s, b.s[:used])
	b.free(t)
	b.s = s
	t.Count("bytes beyond the budget", int64(need)*int64(unsafe.Sizeof(s[0])))
}

// free gives the buffer back.
func (b *buf[T]) free(a mem.Allocator) {
	if b.raw != nil {
		a.Free(b.raw)
	}
	b.s, b.raw = nil, nil
}

// bytes returns the bytes held.
func (b *buf[T]) bytes() int64 { return int64(cap(b.raw)) }

// roundSize rounds a size up to four per doubling, the padding of a buffer
// included: buffers that are freed then fit the next request.
func roundSize(n int) int {
	const pad = 64
	step := 1 << max(bits.Len(uint(n+pad-1))-3, 4)
	return (n+pad+step-1)/step*step - pad
}
