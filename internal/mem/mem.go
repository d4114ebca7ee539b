// Package mem owns the bytes of the house: a Pool hands out large buffers from
// slabs it maps and recycles, and counts every one of them against a budget.
//
// Buffers below SlabMin are pieces of shared slabs, the smallest ones come from the
// garbage-collected heap; all are counted. Nothing here blocks: an allocation that does not fit is refused, and the
// caller spills. First touch of fresh memory costs more than most kernels
// (0.4 ns per byte), so freed slabs are kept and reused while the budget lasts.
package mem

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"sync"
	"unsafe"
)

// SlabMin is the smallest buffer that is taken from slabs.
const SlabMin = 256 << 10

// recycled is the smallest buffer that is kept for reuse when it is freed.
const recycled = 1 << 10

// ErrBudget says that an allocation did not fit the budget and that nothing was
// left to spill.
var ErrBudget = errors.New("over the memory budget")

// An Allocator hands out buffers. Alloc returns n bytes, aligned to 64 bytes
// when n is at least SlabMin and to 8 otherwise, with undefined contents and
// capacity for at least 64 bytes of over-read; it returns nil when the budget
// refuses. Free takes back exactly what Alloc returned (re-sliced from its
// start is fine); freeing nil does nothing.
type Allocator interface {
	Alloc(n int) []byte
	Free(b []byte)
}

// Heap is the allocator without a budget: plain garbage-collected buffers.
// What users keep comes from here.
var Heap Allocator = heap{}

type heap struct{}

func (heap) Alloc(n int) []byte { return poisoned(words(n)) }
func (heap) Free([]byte)        {}

// pad is the over-read room behind every buffer.
const pad = 64

// words makes an 8-aligned buffer of n bytes with pad bytes of room. Large ones are
// not cleared: a strings.Builder is the one way to garbage-collected memory that
// leaves it as it is, and clearing cost a fifth of a join whose result is kept.
func words(n int) []byte {
	if n >= 32<<10 {
		var b strings.Builder
		size := (n + pad + 7) &^ 7
		b.Grow(size)
		b.WriteByte(0)
		return unsafe.Slice(unsafe.StringData(b.String()), size)[:n]
	}
	w := make([]uint64, (n+pad+7)/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), len(w)*8)[:n]
}

// advised is the smallest buffer for which huge pages are asked.
const advised = 4 << 20

// Advise asks the kernel to back a large buffer that was not touched yet by huge pages:
// as the pages of a pool are, and those of NumPy's arrays. Smaller ones are left alone.
func Advise(b []byte) {
	const page = 2 << 20
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := int(-at & (page - 1))
	if n := len(b) - skip; len(b) >= advised && n >= page {
		advise(b[skip : skip+n&^(page-1)])
	}
}

// A Pool is an Allocator with a budget. It is safe for concurrent use.
type Pool struct {
	mu      sync.Mutex
	limit   int64
	used    int64            // handed out, in class sizes
	cached  int64            // free slabs kept mapped
	peak    int64            // highest used
	free    map[int][][]byte // class size → slabs
	slabs   map[*byte]*shelf // first byte of every slab or piece handed out; nil for whole slabs
	shelves map[int][]*shelf // by class, those with free pieces
}

// NewPool returns a pool of at most limit bytes; limit <= 0 means no limit.
func NewPool(limit int64) *Pool {
	if limit <= 0 {
		limit = 1 << 62
	}
	return &Pool{limit: limit, free: map[int][][]byte{}, slabs: map[*byte]*shelf{}, shelves: map[int][]*shelf{}}
}

// Limit returns the budget in bytes.
func (p *Pool) Limit() int64 { return p.limit }

// Used returns the bytes handed out now.
func (p *Pool) Used() int64 { p.mu.Lock(); defer p.mu.Unlock(); return p.used }

// Peak returns the highest number of bytes ever handed out at once.
func (p *Pool) Peak() int64 { p.mu.Lock(); defer p.mu.Unlock(); return p.peak }

// Room returns the bytes that could still be handed out.
func (p *Pool) Room() int64 { p.mu.Lock(); defer p.mu.Unlock(); return p.limit - p.used }

// class rounds n up to its size class: four classes per doubling, so that at
// most a quarter is lost; from 2 MiB on whole huge pages. With that few classes the
// free pieces of one buffer fit the next, whatever sizes come.
func class(n int) int {
	n += pad
	if n < recycled {
		return (n + 7) &^ 7
	}
	step := 1 << (bits.Len(uint(n-1)) - 3)
	c := (n + step - 1) &^ (step - 1)
	if c >= 2<<20 {
		c = (c + 2<<20 - 1) &^ (2<<20 - 1)
	}
	return c
}

// Address is where a buffer lies, for Peek in another process. Nothing moves it while it is used: it is a
// slab, or in the collector's heap.
func Address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

// Size returns the bytes that Alloc(n) would count against the budget.
func Size(n int) int64 { return int64(class(n)) }

// Alloc implements Allocator.
func (p *Pool) Alloc(n int) []byte { return poisoned(p.alloc(n)) }

// alloc takes a buffer of its size class, a free one or a new one.
func (p *Pool) alloc(n int) []byte {
	if refused() {
		return nil
	}
	c := class(n)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used+int64(c) > p.limit {
		return nil
	}
	if c >= recycled && c < SlabMin {
		b := p.small(c)
		if b == nil {
			return nil
		}
		p.take(int64(cap(b)))
		return b[:n]
	}
	p.take(int64(c))
	if c < recycled {
		return words(n)
	}
	if list := p.free[c]; len(list) > 0 {
		b := list[len(list)-1]
		p.free[c] = list[:len(list)-1]
		p.cached -= int64(c)
		p.slabs[unsafe.SliceData(b)] = nil
		return b[:n]
	}
	p.trim(p.limit - p.used)
	if p.used+p.cached > p.limit+p.slack() {
		p.used -= int64(c)
		return nil
	}
	b, err := mapSlab(c)
	if err != nil {
		p.used -= int64(c)
		return nil
	}
	p.slabs[unsafe.SliceData(b)] = nil
	return b[:n]
}

// take counts c bytes as handed out.
func (p *Pool) take(c int64) {
	p.used += c
	p.peak = max(p.peak, p.used)
}

// slack is how far what is mapped may exceed the budget: pieces of shelves that
// are partly in use cannot be given up.
func (p *Pool) slack() int64 { return max(p.limit/32, 1<<20) }

// trim unmaps cached slabs, largest first, then shelves, until at most keep bytes
// are cached.
func (p *Pool) trim(keep int64) {
	for p.cached > keep {
		big := 0
		for c, list := range p.free {
			if len(list) > 0 && c > big {
				big = c
			}
		}
		if big == 0 {
			p.trimShelves(keep)
			return
		}
		list := p.free[big]
		unmapSlab(list[len(list)-1])
		list[len(list)-1] = nil
		p.free[big] = list[:len(list)-1]
		p.cached -= int64(big)
	}
}

// Free implements Allocator. It panics on a buffer this pool did not hand out:
// that is a broken invariant of the house, never bad input.
func (p *Pool) Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b = b[:cap(b)]
	if len(b) < recycled {
		p.used -= int64(len(b))
		return
	}
	at := unsafe.SliceData(b)
	s, ok := p.slabs[at]
	if !ok {
		panic(fmt.Sprintf("mem: freed a buffer of %d bytes that is not handed out", len(b)))
	}
	delete(p.slabs, at)
	p.used -= int64(len(b))
	if s != nil {
		p.giveBack(s, b)
		return
	}
	p.cached += int64(len(b))
	p.free[len(b)] = append(p.free[len(b)], b)
}

// Reserve counts n bytes that are not buffers (maps, indexes); false means that
// they do not fit and the caller must spill.
func (p *Pool) Reserve(n int64) bool {
	if refused() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used+n > p.limit {
		return false
	}
	p.take(n)
	p.trim(p.limit - p.used)
	return true
}

// Release gives reserved bytes back.
func (p *Pool) Release(n int64) { p.mu.Lock(); p.used -= n; p.mu.Unlock() }

// Trim unmaps every cached slab.
func (p *Pool) Trim() { p.mu.Lock(); p.trim(0); p.mu.Unlock() }
