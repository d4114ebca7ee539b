package group

import (
	"math"
	"math/bits"

	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A words numbers distinct 64-bit words from 0 in order of appearance: integers
// (sign-extended), the canonical bits of floats, or packed codes.
//
// While the words span a small range it is an array from word to code. Otherwise
// it is an open-addressing table of {word, code} with linear probing: key and
// code in one cache line, at most half full. Slots are chosen by the low bits of
// the hash, because the high ones are equal in a run.
type words struct {
	a      mem.Allocator
	n      int         // codes given
	keys   buf[uint64] // word of each code
	null   uint32      // code of null + 1; 0: none yet
	spread bool        // words are no integers: their range means nothing

	dense bool
	base  uint64
	lut   buf[uint32] // code + 1 of word base + i, 0: none
	span  int         // entries of lut in use

	slots buf[slot]
	mask  uint64
	room  int // codes until the table must grow
}

type slot struct {
	key  uint64
	code uint32 // + 1; 0: free
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

const (
	smallSpan = 1 << 16 // always worth an array
	largeSpan = 4 << 20 // never
	minSlots  = 256
)

// codeWords writes the code of every value to out. False means that memory was
// refused; codes given so far stay.
func codeWords[T integer](w *words, v []T, out []uint32) bool {
	if w.n == 0 && len(v) > 0 && !w.spread && !w.dense {
		w.begin(kernelRange(v))
	}
	for at := 0; at < len(v); {
		if w.dense {
			at += codeDense(w, v[at:], out[at:])
		} else {
			at += codeHashed(w, v[at:], out[at:])
		}
		if at < len(v) && !w.makeRoom(uint64(v[at])) {
			return false
		}
	}
	return true
}

func kernelRange[T integer](v []T) (lo, hi uint64, signed bool) {
	r := kernel.MinMax(v, nil)
	var z T
	return uint64(r.Min), uint64(r.Max), z-1 < z
}

// codeDense stops at a word outside the array or when codes run out.
func codeDense[T integer](w *words, v []T, out []uint32) int {
	lut, base := w.lut.s[:w.span], w.base
	out = out[:len(v)]
	for i, x := range v {
		p := uint64(x) - base
		if p >= uint64(len(lut)) {
			return i
		}
		c := lut[p]
		if c == 0 {
			if w.n >= w.room {
				return i
			}
			w.keys.s[w.n] = uint64(x)
			w.n++
			c = uint32(w.n)
			lut[p] = c
		}
		out[i] = c - 1
	}
	return len(v)
}

// codeHashed stops when codes run out.
func codeHashed[T integer](w *words, v []T, out []uint32) int {
	slots, mask := w.slots.s, w.mask
	if len(slots) == 0 {
		return 0
	}
	slots = slots[:mask+1]
	out = out[:len(v)]
	for i, x := range v {
		k := uint64(x)
		p := kernel.HashKey(k)
		for {
			s := &slots[p&mask]
			if s.code != 0 && s.key == k {
				out[i] = s.code - 1
				break
			}
			if s.code == 0 {
				if w.n >= w.room {
					return i
				}
				w.keys.s[w.n] = k
				w.n++
				*s = slot{k, uint32(w.n)}
				out[i] = uint32(w.n) - 1
				break
			}
			p++
		}
	}
	return len(v)
}

// nullCode returns the code of null.
func (w *words) nullCode() (uint32, bool) {
	if w.null == 0 {
		if !w.keys.grow(w.a, w.n, w.n+1) {
			return 0, false
		}
		w.keys.s[w.n] = 0
		w.n++
		w.null = uint32(w.n)
		w.room = min(w.limit(), len(w.keys.s))
	}
	return w.null - 1, true
}

// limit is how many codes the present table may hold.
func (w *words) limit() int {
	if w.dense {
		return w.span + 1
	}
	if len(w.slots.s) == 0 {
		return 0
	}
	return int(w.mask+1) / 2
}

// begin chooses the array for the first words when they lie close together.
func (w *words) begin(lo, hi uint64, signed bool) {
	if !signed && hi > 1<<63 || hi-lo >= smallSpan/2 {
		return
	}
	w.setArray(lo, hi)
}

// setArray makes the array cover [lo, hi] and enters every key.
func (w *words) setArray(lo, hi uint64) bool {
	span := int(hi-lo) + 1
	var lut buf[uint32]
	if !lut.grow(w.a, 0, span) {
		return false
	}
	clear(lut.s[:span])
	for c, k := range w.keys.s[:w.n] {
		if uint32(c)+1 != w.null {
			lut.s[k-lo] = uint32(c) + 1
		}
	}
	w.lut.free(w.a)
	w.slots.free(w.a)
	w.lut, w.span, w.base, w.dense = lut, span, lo, true
	w.room = min(w.limit(), len(w.keys.s))
	return true
}

// tryArray moves to an array that holds all keys and k, if it is worth it. The
// array gets room on the side of k, so that keys in order are not entered again
// and again.
func (w *words) tryArray(k uint64) bool {
	lo, hi := w.bounds(k)
	span := uint64(hi) - uint64(lo)
	if !worthArray(span, w.n) {
		return false
	}
	spare := int64(max(1024, span/2))
	if lo < hi && int64(k) == lo && lo > math.MinInt64+spare {
		lo -= spare
	} else if hi < math.MaxInt64-spare {
		hi += spare
	}
	return w.setArray(uint64(lo), uint64(hi))
}

// bounds returns the range of the keys and of k, as signed integers.
func (w *words) bounds(k uint64) (lo, hi int64) {
	lo, hi = int64(k), int64(k)
	for c, x := range w.keys.s[:w.n] {
		if uint32(c)+1 != w.null {
			lo, hi = min(lo, int64(x)), max(hi, int64(x))
		}
	}
	return lo, hi
}

// worthArray reports whether n keys that span a range deserve an array: it costs
// at most as much as the table would.
func worthArray(span uint64, n int) bool {
	return span < smallSpan || span < largeSpan && span < 8*uint64(n)
}

// makeRoom prepares for key k, at which coding stopped.
func (w *words) makeRoom(k uint64) bool {
	if w.n >= 1<<32-2 {
		return false
	}
	if w.dense && k-w.base >= uint64(w.span) {
		return w.tryArray(k) || w.rehash()
	}
	if w.n >= len(w.keys.s) && !w.keys.grow(w.a, w.n, w.n+1) {
		return false
	}
	if w.n < w.limit() {
		w.room = min(w.limit(), len(w.keys.s))
		return true
	}
	return !w.spread && w.n > minSlots && w.tryArray(k) || w.rehash()
}

// rehash enters every key into a table for twice as many.
func (w *words) rehash() bool {
	n := max(minSlots, 1<<bits.Len(uint(4*w.n)))
	if w.n > 1<<12 {
		n /= 2
	}
	var slots buf[slot]
	if !slots.grow(w.a, 0, n) {
		if n /= 2; n/2 <= w.n || !slots.grow(w.a, 0, n) {
			return false
		}
	}
	s := slots.s[:n]
	clear(s)
	mask := uint64(n - 1)
	for c, k := range w.keys.s[:w.n] {
		if uint32(c)+1 == w.null {
			continue
		}
		p := kernel.HashKey(k)
		for s[p&mask].code != 0 {
			p++
		}
		s[p&mask] = slot{k, uint32(c) + 1}
	}
	w.slots.free(w.a)
	w.lut.free(w.a)
	w.slots, w.mask, w.dense, w.span = slots, mask, false, 0
	w.room = min(w.limit(), len(w.keys.s))
	return true
}

// reset forgets every word but keeps the memory.
func (w *words) reset() {
	switch {
	case w.dense:
		for c, k := range w.keys.s[:w.n] {
			if uint32(c)+1 != w.null {
				w.lut.s[k-w.base] = 0
			}
		}
	case w.n > 0 && len(w.slots.s) > 0:
		clear(w.slots.s[:w.mask+1])
	}
	w.n, w.null = 0, 0
}

// free gives the memory back.
func (w *words) free() {
	w.keys.free(w.a)
	w.lut.free(w.a)
	w.slots.free(w.a)
	*w = words{a: w.a, spread: w.spread}
}

func (w *words) bytes() int64 { return w.keys.bytes() + w.lut.bytes() + w.slots.bytes() }
