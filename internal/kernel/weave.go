package kernel

import "encoding/binary"

// Weave turns byte planes into elements: byte k of element i is src[k*stride+i]. dst has n elements of a width. It is the
// way back from the shuffle filter of Blosc and from the encoding BYTE_STREAM_SPLIT of Parquet.
//
// Eight elements at a time are transposed in registers, by swaps between words of what lies off the diagonal, of ever
// smaller squares.
func Weave(dst, src []byte, n, stride, width int) {
	i := 0
	switch width {
	case 2:
		for a, b := src[:n], src[stride:][:n]; i+8 <= n; i += 8 {
			weave2(dst[2*i:][:16], word(a[i:]), word(b[i:]))
		}
	case 4:
		for a, b, c, d := src[:n], src[stride:][:n], src[2*stride:][:n], src[3*stride:][:n]; i+8 <= n; i += 8 {
			weave4(dst[4*i:][:32], word(a[i:]), word(b[i:]), word(c[i:]), word(d[i:]))
		}
	case 8:
		for ; i+8 <= n; i += 8 {
			var w [8]uint64
			for k := range w {
				w[k] = word(src[k*stride+i:])
			}
			weave8(dst[8*i:][:64], &w)
		}
	}
	for k := range width {
		for j, x := range src[k*stride:][:n][i:] {
			dst[(i+j)*width+k] = x
		}
	}
}

// Unweave is the way back: it puts byte k of element i at dst[k*stride+i].
func Unweave(dst, src []byte, n, stride, width int) {
	i := 0
	switch width {
	case 2:
		for ; i+8 <= n; i += 8 {
			a, b := unweave2(src[2*i:][:16])
			putWord(dst[i:], a)
			putWord(dst[stride+i:], b)
		}
	case 4:
		for ; i+8 <= n; i += 8 {
			a, b, c, d := unweave4(src[4*i:][:32])
			putWord(dst[i:], a)
			putWord(dst[stride+i:], b)
			putWord(dst[2*stride+i:], c)
			putWord(dst[3*stride+i:], d)
		}
	case 8:
		for ; i+8 <= n; i += 8 {
			var w [8]uint64
			for k := range w {
				w[k] = word(src[8*i:][:64][8*k:])
			}
			turn8(&w)
			for k, x := range w {
				putWord(dst[k*stride+i:], x)
			}
		}
	}
	for k := range width {
		to := dst[k*stride:][:n]
		for j := i; j < n; j++ {
			to[j] = src[j*width+k]
		}
	}
}

func putWord(b []byte, x uint64) { binary.LittleEndian.PutUint64(b, x) }

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// swap exchanges the bits of y that mask names with those of x that lie so many places higher.
func swap(x, y, mask uint64, places int) (uint64, uint64) {
	t := (x>>places ^ y) & mask
	return x ^ t<<places, y ^ t
}

// The bits of a word that lie below the diagonal, for squares of one, two and four bytes.
const (
	squares1 = 0x00FF00FF00FF00FF
	squares2 = 0x0000FFFF0000FFFF
	squares4 = 0x00000000FFFFFFFF
)

func weave2(dst []byte, a, b uint64) {
	a, b = swap(a, b, squares1, 8)               // elements 0 2 4 6, and 1 3 5 7
	lo := a&squares2 | b&squares2<<16            // 0 1 and 4 5
	hi := a>>16&squares2 | b & ^uint64(squares2) // 2 3 and 6 7
	putWord(dst, lo&squares4|hi<<32)
	putWord(dst[8:], lo>>32 | hi & ^uint64(squares4))
}

func weave4(dst []byte, a, b, c, d uint64) {
	a, b, c, d = turn4(a, b, c, d) // elements 0 4, 1 5, 2 6 and 3 7
	putWord(dst, a&squares4|b<<32)
	putWord(dst[8:], c&squares4|d<<32)
	putWord(dst[16:], a>>32 | b & ^uint64(squares4))
	putWord(dst[24:], c>>32 | d & ^uint64(squares4))
}

// unweave2 undoes weave2, as unweave4 does weave4.
func unweave2(src []byte) (a, b uint64) {
	x, y := word(src), word(src[8:])                      // elements 0 1 2 3, and 4 5 6 7
	lo, hi := x&squares4|y<<32, x>>32|y&^uint64(squares4) // 0 1 4 5, and 2 3 6 7
	a, b = lo&squares2|hi&squares2<<16, lo>>16&squares2|hi&^uint64(squares2)
	return swap(a, b, squares1, 8)
}

func unweave4(src []byte) (a, b, c, d uint64) {
	p, q, r, s := word(src), word(src[8:]), word(src[16:]), word(src[24:])
	return turn4(p&squares4|r<<32, p>>32|r&^uint64(squares4), q&squares4|s<<32, q>>32|s&^uint64(squares4))
}

// turn4 transposes two squares of four bytes, one in the lower and one in the upper halves of words.
func turn4(a, b, c, d uint64) (uint64, uint64, uint64, uint64) {
	a, c = swap(a, c, squares2, 16)
	b, d = swap(b, d, squares2, 16)
	a, b = swap(a, b, squares1, 8)
	c, d = swap(c, d, squares1, 8)
	return a, b, c, d
}

func weave8(dst []byte, w *[8]uint64) {
	turn8(w)
	for k, x := range w {
		putWord(dst[8*k:], x)
	}
}

// turn8 transposes a square of eight bytes.
func turn8(w *[8]uint64) {
	for k := range 4 {
		w[k], w[k+4] = swap(w[k], w[k+4], squares4, 32)
	}
	for _, k := range [4]int{0, 1, 4, 5} {
		w[k], w[k+2] = swap(w[k], w[k+2], squares2, 16)
	}
	for k := 0; k < 8; k += 2 {
		w[k], w[k+1] = swap(w[k], w[k+1], squares1, 8)
	}
}
