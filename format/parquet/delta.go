package parquet

import (
	"fmt"

	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/varint"
)

// deltas decodes a run of DELTA_BINARY_PACKED whose header must say n values into dst, which has room for n, and
// returns the bytes after it (Parquet format, "Encodings", delta encoding). Sums wrap, as the format asks; T is the
// width that they wrap at.
func deltas[T int32 | int64](dst []T, b []byte, n int) ([]byte, error) {
	r := varint.Reader{B: b}
	block, parts, total := r.Unsigned(), r.Unsigned(), r.Unsigned()
	value := T(r.Signed())
	switch {
	case r.Bad:
		return nil, errf("the header of the deltas is cut")
	case total != uint64(n):
		return nil, errf("%d deltas, the page has %d values", total, n)
	case block == 0 || block%128 != 0 || block > 1<<20 || parts == 0 || parts > block/32 || block%parts != 0 || block/parts%32 != 0:
		return nil, errf("blocks of %d values in %d parts", block, parts)
	case n == 0:
		return r.B, nil
	}
	dst = dst[:n]
	dst[0] = value
	per := int(block / parts)
	for at := 1; at < n; {
		least := T(r.Signed())
		if r.Bad || len(r.B) < int(parts) {
			return nil, fmt.Errorf("%w: %w", guard.ErrCorrupt, errDeltas)
		}
		widths := r.B[:parts]
		r.B = r.B[parts:]
		for _, w := range widths {
			if at == n {
				break
			}
			if w > 64 || len(r.B) < per/8*int(w) {
				return nil, errf("a part of %d deltas of %d bits in %d bytes", per, w, len(r.B))
			}
			part := dst[at:min(n, at+per)]
			value = sumPacked(part, r.B, uint(w), value, least)
			at, r.B = at+len(part), r.B[per/8*int(w):]
		}
	}
	return r.B, nil
}

// sumPacked adds least and the next number of width bits to value, over and over.
func sumPacked[T int32 | int64](dst []T, src []byte, width uint, value, least T) T {
	switch {
	case width == 0:
		for i := range dst {
			value += least
			dst[i] = value
		}
	case width <= 32:
		var tmp [64]uint32
		for at := 0; at < len(dst); at += len(tmp) {
			part := dst[at:min(len(dst), at+len(tmp))]
			kernel.Unpack(tmp[:len(part)], src, at, width)
			for i := range part {
				value += least + T(tmp[i])
				part[i] = value
			}
		}
	default:
		mask := ^uint64(0) >> (64 - width)
		for i := range dst {
			bit := i * int(width)
			x := kernel.PackedAt(src, bit)
			if got := 64 - bit%8; int(width) > got {
				x |= kernel.PackedAt(src, bit+got) << got
			}
			value += least + T(x&mask)
			dst[i] = value
		}
	}
	return value
}

// unsplit turns BYTE_STREAM_SPLIT (byte k of every value together) into values one after the other.
func unsplit(dst, b []byte, n, width int) error {
	if n > len(b)/width {
		return errf("%d values of %d bytes in %d bytes", n, width, len(b))
	}
	kernel.Weave(dst[:n*width], b, n, len(b)/width, width)
	return nil
}
