package kernel

import (
	"math/bits"
	"unsafe"
)

// Element is anything of 1, 2, 4, 8 or 16 bytes without pointers: what Compress and Gather move.
type Element interface {
	Number | ~[2]uint64 | ~[16]byte
}

// Compress copies src[i] to dst, in order, for every set bit i of mask, and returns how many it copied. The
// elements are those of src; dst needs room for the selected ones only, but the fast path stops 64 elements
// before len(dst), so pass spare room when there is some: elements of dst after the result, up to 64 of them, are
// undefined. dst may be src. Bits of mask beyond len(src) are ignored.
func Compress[T Element](dst, src []T, mask []uint64) int {
	n := len(src)
	mask = mask[:Words(n)]
	done, k := compressASM(dst, src, mask)
	for w := done; w < len(mask); w++ {
		m := mask[w]
		if w == len(mask)-1 {
			m &= tailMask(n)
		}
		k += compressWord(dst[k:], src[w<<6:], m)
	}
	return k
}

// compressWord copies the elements of one mask word.
func compressWord[T Element](dst, src []T, m uint64) int {
	if m == ^uint64(0) {
		return copy(dst[:64], src[:64])
	}
	k := 0
	for ; m != 0; m &= m - 1 {
		dst[k] = src[bits.TrailingZeros64(m)]
		k++
	}
	return k
}

// MaskToIndex writes the positions of the set bits among the first n of mask to out, in ascending order, and
// returns how many there are. out needs room for these only, but the fast path stops 64 elements before
// len(out), so pass spare room when there is some: up to 64 elements after the result are undefined.
func MaskToIndex(mask []uint64, n int, out []uint32) int {
	mask = mask[:Words(n)]
	done, k := maskToIndexASM(mask, n, out)
	for w := done; w < len(mask); w++ {
		m := mask[w]
		if w == len(mask)-1 {
			m &= tailMask(n)
		}
		for base := uint32(w << 6); m != 0; m &= m - 1 {
			out[k] = base + uint32(bits.TrailingZeros64(m))
			k++
		}
	}
	return k
}

// CompressBits packs the bits of src whose bit in mask is set, among the first n, and returns how many there
// are: it is Compress for a bitmap. dst must have Words(popcount) words; the bits beyond the result in its last
// word are zero. dst may be src.
func CompressBits(dst, src, mask []uint64, n int) int {
	w := Words(n)
	src, mask = src[:w], mask[:w]
	done, k, acc, fill := compressBitsASM(dst, src[:n>>6], mask)
	for i := done; i < w; i++ {
		m := mask[i]
		if i == w-1 {
			m &= tailMask(n)
		}
		v := extractGo(src[i], m)
		c := uint(bits.OnesCount64(m))
		acc |= v << fill
		if fill += c; fill < 64 {
			continue
		}
		dst[k] = acc
		k++
		fill -= 64
		acc = v >> (c - fill)
	}
	if fill > 0 {
		dst[k] = acc
	}
	return k<<6 + int(fill)
}

// extractGo gathers the bits of v under m at the low end: the PEXT instruction. Warren, Hacker's Delight,
// section 7-4 has faster ways; masks here are mostly all ones or sparse.
func extractGo(v, m uint64) (r uint64) {
	if m == ^uint64(0) {
		return v
	}
	for i := uint(0); m != 0; i++ {
		r |= v >> (uint(bits.TrailingZeros64(m)) & 63) & 1 << (i & 63)
		m &= m - 1
	}
	return r
}

// sizeOf returns the number of bytes of an element.
func sizeOf[T any]() uintptr {
	var z T
	return unsafe.Sizeof(z)
}
