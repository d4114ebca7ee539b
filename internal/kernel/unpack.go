package kernel

import "encoding/binary"

// PackedAt gives at least 57 bits of b from bit at on, least significant first, zeros beyond the end.
func PackedAt(b []byte, at int) uint64 {
	b = b[min(at/8, len(b)):]
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b) >> (at % 8)
	}
	var v uint64
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	return v >> (at % 8)
}

// Unpack sets dst to the numbers of width bits (0 to 32) that lie one behind the other in src, least significant bits
// first, from number at on. What src ends before is zero.
func Unpack(dst []uint32, src []byte, at int, width uint) {
	if width == 0 {
		clear(dst)
		return
	}
	for len(dst) > 0 && at&7 != 0 {
		dst[0] = uint32(PackedAt(src, at*int(width))) & uint32(1<<width-1)
		dst, at = dst[1:], at+1
	}
	src = src[min(at/8*int(width), len(src)):]
	done := unpackASM(dst, src, width)
	if done == 0 {
		done = unpackEights(dst, src, width)
	}
	dst, src = dst[done:], src[min(done/8*int(width), len(src)):]
	for i := range dst {
		dst[i] = uint32(PackedAt(src, i*int(width))) & uint32(1<<width-1)
	}
}

// unpackEights unpacks whole eights while eight bytes may be read at each place, and returns how many numbers these
// were. A load holds as many numbers as fit in 64 bits behind the odd bits before them.
func unpackEights(dst []uint32, src []byte, width uint) (done int) {
	w, mask := int(width), uint64(1)<<width-1
	// The last load of an eight ends at most 8 bytes behind its begin.
	n := min(len(dst)/8, (len(src)-8)/w)
	switch {
	case w <= 8:
		for i := range n {
			x := binary.LittleEndian.Uint64(src[i*w:])
			four((*[4]uint32)(dst[i*8:]), x, width, mask)
			four((*[4]uint32)(dst[i*8+4:]), x>>(4*width&63), width, mask)
		}
	case w <= 16:
		half, odd := w/2, uint(4*w)&7
		for i := range n {
			s := src[i*w:]
			four((*[4]uint32)(dst[i*8:]), binary.LittleEndian.Uint64(s), width, mask)
			four((*[4]uint32)(dst[i*8+4:]), binary.LittleEndian.Uint64(s[half:])>>(odd&63), width, mask)
		}
	case w <= 30:
		n = min(len(dst)/8, (len(src)-16)/w)
		for i := range n {
			s, d := src[i*w:], (*[8]uint32)(dst[i*8:])
			two(d, 0, s, width, mask)
			two(d, 1, s, width, mask)
			two(d, 2, s, width, mask)
			two(d, 3, s, width, mask)
		}
	default:
		n = min(len(dst)/8, (len(src)-16)/w)
		for i := range n {
			s := src[i*w:]
			for k := 0; k < 8; k++ {
				bit := uint(k) * width
				dst[i*8+k] = uint32(binary.LittleEndian.Uint64(s[bit>>3:]) >> (bit & 7) & mask)
			}
		}
	}
	return max(n, 0) * 8
}

// four unpacks the four lowest numbers of x. Shifts are cut to 63, which they never reach, so that no instruction
// is spent on larger ones.
func four(d *[4]uint32, x uint64, width uint, mask uint64) {
	d[0] = uint32(x & mask)
	d[1] = uint32(x >> (width & 63) & mask)
	d[2] = uint32(x >> (2 * width & 63) & mask)
	d[3] = uint32(x >> (3 * width & 63) & mask)
}

// two unpacks pair k of an eight.
func two(d *[8]uint32, k uint, s []byte, width uint, mask uint64) {
	bit := 2 * k * width
	x := binary.LittleEndian.Uint64(s[bit>>3:]) >> (bit & 7)
	d[2*k&7], d[(2*k+1)&7] = uint32(x&mask), uint32(x>>(width&63)&mask)
}
