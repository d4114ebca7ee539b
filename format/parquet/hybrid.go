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
		if uint64(h.value)>>h.width != 0 { // nothing behind holds the numbers against what fits
			return errf("a run of %d in %d bits", h.value, h.width)
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
			kernel.Unpack(dst[:k], h.packed, h.at, h.width)
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
		w := kernel.PackedAt(src, off) & (1<<k - 1)
		p := &dst[at>>6]
		*p = *p&^((1<<k-1)<<(at&63)) | w<<(at&63)
		at, off, n = at+k, off+k, n-k
	}
}

var errDeltas = errors.New("the deltas end before the values do")
