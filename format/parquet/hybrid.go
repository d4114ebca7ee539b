package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
)

// errf makes an error about bytes that break the format.
func errf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", guard.ErrCorrupt, fmt.Sprintf(format, args...))
}

var errCodes = errf("the codes end before the values do")

// A hybrid reads numbers of a fixed width from runs, of one number or bit-packed in eights (Parquet format,
// "Encodings", RLE/bit-packing hybrid). It keeps its place between calls.
type hybrid struct {
	b      []byte // runs to come
	width  uint
	repeat int // left of a run of value
	value  uint32
	packed []byte // from the bit-packed run on: loads may reach beyond it
	at     int    // numbers of it that are passed
	left   int    // numbers of it that are not
}

// start begins anew at b.
func (h *hybrid) start(b []byte, width uint) { *h = hybrid{b: b, width: width} }

// next opens the next run.
func (h *hybrid) next() error {
	head, k := binary.Uvarint(h.b)
	if k <= 0 {
		return errCodes
	}
	h.b = h.b[k:]
	if head>>1 == 0 {
		return errf("an empty run of codes")
	}
	if head&1 == 0 {
		size := int(h.width+7) / 8
		if len(h.b) < size {
			return errCodes
		}
		h.value = 0
		for i := range size {
			h.value |= uint32(h.b[i]) << (8 * i)
		}
		h.b, h.repeat = h.b[size:], int(min(head>>1, 1<<40))
		return nil
	}
	// The padding of the last eight may be cut off, so numbers are counted by the bytes that are there.
	n := int(min(head>>1, 1<<40)) * 8
	size := len(h.b)
	if h.width > 0 {
		if need := n / 8 * int(h.width); need <= size {
			size = need
		} else {
			n = size * 8 / int(h.width)
		}
	} else {
		size = 0
	}
	if n == 0 {
		return errCodes
	}
	h.packed, h.b, h.at, h.left = h.b, h.b[size:], 0, n
	return nil
}

// read fills dst.
func (h *hybrid) read(dst []uint32) error {
	for len(dst) > 0 {
		switch {
		case h.repeat > 0:
			k := min(h.repeat, len(dst))
			fill(dst[:k], h.value)
			h.repeat -= k
			dst = dst[k:]
		case h.left > 0:
			k := min(h.left, len(dst))
			unpack(dst[:k], h.packed, h.at, h.width)
			h.at, h.left = h.at+k, h.left-k
			dst = dst[k:]
		default:
			if err := h.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip passes n numbers.
func (h *hybrid) skip(n int) error {
	for n > 0 {
		k := min(n, h.repeat)
		h.repeat -= k
		n -= k
		k = min(n, h.left)
		h.at, h.left = h.at+k, h.left-k
		if n -= k; n > 0 {
			if err := h.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// bits puts n numbers of one bit into dst from bit at on.
func (h *hybrid) bits(dst []uint64, at, n int) error {
	for n > 0 {
		switch {
		case h.repeat > 0:
			k := min(h.repeat, n)
			if h.value > 1 {
				return errf("a level of %d where 1 is the largest", h.value)
			}
			kernel.SetRange(dst, at, at+k, h.value == 1)
			h.repeat -= k
			at, n = at+k, n-k
		case h.left > 0:
			k := min(h.left, n)
			copyBits(dst, at, h.packed, h.at, k)
			h.at, h.left = h.at+k, h.left-k
			at, n = at+k, n-k
		default:
			if err := h.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

func fill(dst []uint32, v uint32) {
	for i := range dst {
		dst[i] = v
	}
}

// copyBits copies n bits of src, from bit off on, into dst from bit at on.
func copyBits(dst []uint64, at int, src []byte, off, n int) {
	for n > 0 {
		k := min(n, 64-at&63, 57) // what one load gives, whatever off
		w := loadBits(src, off) & (1<<k - 1)
		p := &dst[at>>6]
		*p = *p&^((1<<k-1)<<(at&63)) | w<<(at&63)
		at, off, n = at+k, off+k, n-k
	}
}

// loadBits gives at least 57 bits from bit at on, least significant first, zeros beyond the end.
func loadBits(b []byte, at int) uint64 {
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

// unpack reads len(dst) numbers of width bits from number at on. It is exact for widths up to 32.
func unpack(dst []uint32, src []byte, at int, width uint) {
	if width == 0 {
		clear(dst)
		return
	}
	for len(dst) > 0 && at&7 != 0 {
		dst[0] = uint32(loadBits(src, at*int(width))) & uint32(1<<width-1)
		dst, at = dst[1:], at+1
	}
	src = src[min(at/8*int(width), len(src)):]
	done := unpackEights(dst, src, width)
	dst, src = dst[done:], src[min(done/8*int(width), len(src)):]
	for i := range dst {
		dst[i] = uint32(loadBits(src, i*int(width))) & uint32(1<<width-1)
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

var errDeltas = errors.New("the deltas end before the values do")
