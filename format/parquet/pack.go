package parquet

import (
	"encoding/binary"
	"math/bits"
)

// shortest is how many equal values make a run: below it packing them is as short.
const shortest = 16

// appendHybrid appends values of a width in the hybrid encoding of runs and packed groups of eight (Parquet format,
// "Encodings", RLE/bit-packing hybrid).
func appendHybrid[T uint8 | uint32](dst []byte, v []T, width uint) []byte {
	from := 0 // values before it are written
	for at := 0; at+8 <= len(v); {
		g := v[at : at+8 : at+8]
		x := g[0]
		if (g[1]^x)|(g[2]^x)|(g[3]^x)|(g[4]^x)|(g[5]^x)|(g[6]^x)|(g[7]^x) != 0 {
			at += 8
			continue
		}
		end := at + 8
		for end < len(v) && v[end] == x {
			end++
		}
		if end-at < shortest {
			at += 8
			continue
		}
		dst = appendGroups(dst, v[from:at], width)
		dst = binary.AppendUvarint(dst, uint64(end-at)<<1)
		for k := uint(0); k < width; k += 8 {
			dst = append(dst, byte(uint32(x)>>k))
		}
		from, at = end, end
	}
	return appendGroups(dst, v[from:], width)
}

// appendGroups appends packed groups of eight; the last is filled with zeros.
func appendGroups[T uint8 | uint32](dst []byte, v []T, width uint) []byte {
	if len(v) == 0 {
		return dst
	}
	groups := (len(v) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	n := len(dst)
	dst = appendPacked(dst, v, width)
	for len(dst) < n+groups*int(width) {
		dst = append(dst, 0)
	}
	return dst
}

// appendPacked appends values of a width of at most 32 bits, the least significant bits first.
func appendPacked[T uint8 | uint32 | uint64](dst []byte, v []T, width uint) []byte {
	acc, fill := uint64(0), uint(0)
	for _, x := range v {
		acc |= uint64(x) << fill
		if fill += width; fill >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			fill -= 64
			acc = uint64(x) >> (width - fill)
		}
	}
	for ; fill > 0; fill -= min(fill, 8) {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// Deltas are in blocks of 128 values, in four parts of 32.
const (
	deltaBlock = 128
	deltaParts = 4
	deltaPart  = deltaBlock / deltaParts
)

// appendDeltas appends values in DELTA_BINARY_PACKED; differences wrap at the width of T.
func appendDeltas[T int32 | int64](dst []byte, v []T) []byte {
	dst = binary.AppendUvarint(dst, deltaBlock)
	dst = binary.AppendUvarint(dst, deltaParts)
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	if len(v) == 0 {
		return append(dst, 0)
	}
	mask := ^uint64(0)
	if one := T(1); one<<31 < 0 {
		mask >>= 32
	}
	dst = binary.AppendVarint(dst, int64(v[0]))
	for at := 1; at < len(v); at += deltaBlock {
		part := v[at:min(len(v), at+deltaBlock)]
		least := part[0] - v[at-1]
		for i, x := range part {
			least = min(least, x-v[at+i-1])
		}
		dst = binary.AppendVarint(dst, int64(least))
		widths := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		for p := range deltaParts {
			lo, hi := p*deltaPart, min(len(part), (p+1)*deltaPart)
			if lo >= hi {
				break
			}
			var rest [deltaPart]uint64
			all := uint64(0)
			for i := lo; i < hi; i++ {
				rest[i-lo] = uint64(part[i]-v[at+i-1]-least) & mask
				all |= rest[i-lo]
			}
			width := uint(bits.Len64(all))
			dst[widths+p] = byte(width)
			dst = appendPacked(dst, rest[:], width)
		}
	}
	return dst
}

// appendSplit appends values of a width in BYTE_STREAM_SPLIT: byte k of every value together.
func appendSplit(dst, values []byte, width int) []byte {
	n := len(values) / width
	at := len(dst)
	dst = append(dst, values...)
	out := dst[at:]
	for k := range width {
		lane := out[k*n : (k+1)*n]
		for i := range lane {
			lane[i] = values[i*width+k]
		}
	}
	return dst
}
