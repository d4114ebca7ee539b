package kernel

import "math/bits"

// And writes x & y to dst, word by word, for len(x) words. dst may be x or y.
func And(dst, x, y []uint64) {
	dst, y = dst[:len(x)], y[:len(x)]
	done := bitwiseASM(bitAnd, dst, x, y)
	andGo(dst[done:], x[done:], y[done:])
}

// Or writes x | y to dst, word by word, for len(x) words. dst may be x or y.
func Or(dst, x, y []uint64) {
	dst, y = dst[:len(x)], y[:len(x)]
	done := bitwiseASM(bitOr, dst, x, y)
	orGo(dst[done:], x[done:], y[done:])
}

// AndNot writes x &^ y to dst, word by word, for len(x) words. dst may be x or y.
func AndNot(dst, x, y []uint64) {
	dst, y = dst[:len(x)], y[:len(x)]
	done := bitwiseASM(bitAndNot, dst, x, y)
	andNotGo(dst[done:], x[done:], y[done:])
}

// Xor writes x ^ y to dst, word by word, for len(x) words. dst may be x or y.
func Xor(dst, x, y []uint64) {
	dst, y = dst[:len(x)], y[:len(x)]
	done := bitwiseASM(bitXor, dst, x, y)
	xorGo(dst[done:], x[done:], y[done:])
}

// bitwiseOp numbers the operations of bitwiseASM.
type bitwiseOp int

const (
	bitAnd bitwiseOp = iota
	bitOr
	bitAndNot
	bitXor
)

func andGo(dst, x, y []uint64) {
	for i := range dst {
		dst[i] = x[i] & y[i]
	}
}

func orGo(dst, x, y []uint64) {
	for i := range dst {
		dst[i] = x[i] | y[i]
	}
}

func andNotGo(dst, x, y []uint64) {
	for i := range dst {
		dst[i] = x[i] &^ y[i]
	}
}

func xorGo(dst, x, y []uint64) {
	for i := range dst {
		dst[i] = x[i] ^ y[i]
	}
}

// Not writes the complement of the first n bits of x to dst. dst may be x.
func Not(dst, x []uint64, n int) {
	w := Words(n)
	if w == 0 {
		return
	}
	dst, x = dst[:w], x[:w]
	for i, v := range x {
		dst[i] = ^v
	}
	dst[w-1] &= tailMask(n)
}

// PopCount returns the number of set bits among the first n.
func PopCount(words []uint64, n int) int {
	w := Words(n)
	if w == 0 {
		return 0
	}
	words = words[:w]
	c := bits.OnesCount64(words[w-1] & tailMask(n))
	words = words[:w-1]
	var a, b, d int
	for ; len(words) >= 4; words = words[4:] {
		a += bits.OnesCount64(words[0]) + bits.OnesCount64(words[1])
		b += bits.OnesCount64(words[2])
		d += bits.OnesCount64(words[3])
	}
	for _, v := range words {
		c += bits.OnesCount64(v)
	}
	return a + b + c + d
}

// AllSet reports whether the first n bits are all set. It is true for n == 0.
func AllSet(words []uint64, n int) bool {
	w := Words(n)
	if w == 0 {
		return true
	}
	words = words[:w]
	for _, v := range words[:w-1] {
		if v != ^uint64(0) {
			return false
		}
	}
	m := tailMask(n)
	return words[w-1]&m == m
}

// NoneSet reports whether none of the first n bits is set. It is true for n == 0.
func NoneSet(words []uint64, n int) bool {
	w := Words(n)
	if w == 0 {
		return true
	}
	words = words[:w]
	var or uint64
	for _, v := range words[:w-1] {
		or |= v
	}
	return or|words[w-1]&tailMask(n) == 0
}

// SetRange sets bits [from, to) to v and leaves all others alone. It does nothing if to <= from.
func SetRange(words []uint64, from, to int, v bool) {
	if to <= from {
		return
	}
	first, last := from>>6, (to-1)>>6
	head, tail := ^uint64(0)<<(uint(from)&63), tailMask(to)
	if first == last {
		head &= tail
		tail = head
	}
	words = words[first : last+1]
	put(&words[0], head, v)
	put(&words[len(words)-1], tail, v)
	if len(words) < 3 {
		return
	}
	fill := -b2u(v)
	for i := range words[1 : len(words)-1] {
		words[1+i] = fill
	}
}

// put sets the bits of mask in *w to v.
func put(w *uint64, mask uint64, v bool) { *w = *w&^mask | mask&-b2u(v) }

// CopyBits copies n bits of src from bit srcOff on to dst from bit dstOff on and leaves the other bits of dst
// alone. dst and src must not overlap. Neither is read or written beyond the words that hold these bits.
func CopyBits(dst []uint64, dstOff int, src []uint64, srcOff, n int) {
	if n <= 0 {
		return
	}
	// Up to the first word border of dst bit groups are merged; from there on whole words are written.
	if r := dstOff & 63; r != 0 {
		k := min(64-r, n)
		w := &dst[dstOff>>6]
		m := tailMask(k) << uint(r)
		*w = *w&^m | loadBits(src, srcOff, k)<<uint(r)&m
		dstOff, srcOff, n = dstOff+k, srcOff+k, n-k
		if n == 0 {
			return
		}
	}
	full := n >> 6
	copyWords(dst[dstOff>>6:][:full], src, srcOff)
	if r := n & 63; r != 0 {
		w := &dst[dstOff>>6+full]
		m := tailMask(r)
		*w = *w&^m | loadBits(src, srcOff+full<<6, r)&m
	}
}

// copyWords fills dst with the bits of src from bit off on.
func copyWords(dst, src []uint64, off int) {
	if len(dst) == 0 {
		return
	}
	s := uint(off) & 63
	src = src[off>>6:]
	if s == 0 {
		copy(dst, src[:len(dst)])
		return
	}
	src = src[:len(dst)+1]
	lo := src[0]
	for i := range dst {
		hi := src[i+1]
		dst[i] = lo>>s | hi<<(64-s)
		lo = hi
	}
}

// loadBits returns the n bits (1 to 64) of src from bit off on; the bits above them are undefined.
func loadBits(src []uint64, off, n int) uint64 {
	s := uint(off) & 63
	w := src[off>>6] >> s
	if int(s)+n > 64 {
		w |= src[off>>6+1] << (64 - s)
	}
	return w
}
