package zarr

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"
)

// blosc reads the containers of Blosc 1 (its header is described in README_CHUNK_FORMAT of c-blosc): blocks of equal
// size, each of one stream, or of one stream per byte of an element, compressed alone; within a block bytes or bits of
// elements may be shuffled.
type blosc struct{}

// Flags of the container.
const (
	byteShuffle = 1 << 0
	asItIs      = 1 << 1
	bitShuffle  = 1 << 2
	oneStream   = 1 << 4
)

// A container is a parsed header.
type container struct {
	src         []byte
	flags       byte
	width       int
	size, block int64
}

func (blosc) decode(dst, src []byte, limit int64) ([]byte, error) {
	c, err := openBlosc(src, limit)
	if err != nil {
		return nil, fmt.Errorf("blosc: %w", err)
	}
	out := room(dst, int(c.size))
	if c.flags&asItIs != 0 {
		if int64(len(c.src))-16 < c.size {
			return nil, fmt.Errorf("blosc: %d bytes of %d", len(c.src)-16, c.size)
		}
		copy(out, c.src[16:])
		return out, nil
	}
	var scratch []byte
	for i, at := 0, int64(0); at < c.size; i, at = i+1, at+c.block {
		to := out[at:min(at+c.block, c.size)]
		shuffle := c.flags&byteShuffle != 0 && c.width > 1 || c.flags&bitShuffle != 0
		into := to
		if shuffle {
			scratch = room(scratch, len(to))
			into = scratch
		}
		if err := c.open(into, i); err != nil {
			return nil, fmt.Errorf("blosc: block %d: %w", i, err)
		}
		switch {
		case !shuffle:
		case c.flags&bitShuffle != 0:
			unshuffleBits(to, into, c.width)
		default:
			unshuffle(to, into, c.width)
		}
	}
	return out, nil
}

func (blosc) encode(_, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("blosc containers are read, not written: take zstd, gzip or none")
}

func openBlosc(src []byte, limit int64) (c container, err error) {
	if len(src) < 16 {
		return c, fmt.Errorf("%d bytes", len(src))
	}
	c = container{src: src, flags: src[2], width: int(src[3]), size: int64(binary.LittleEndian.Uint32(src[4:])), block: int64(binary.LittleEndian.Uint32(src[8:]))}
	total := int64(binary.LittleEndian.Uint32(src[12:]))
	if src[0] > 2 {
		return c, fmt.Errorf("format version %d", src[0])
	}
	if c.size > limit || c.size > 0 && c.block < 1 || c.width < 1 || total != int64(len(src)) {
		return c, fmt.Errorf("a header of %d bytes of elements, blocks of %d, %d bytes in all, in an object of %d", c.size, c.block, total, len(src))
	}
	if c.flags&asItIs == 0 && c.size > 0 {
		if blocks := (c.size + c.block - 1) / c.block; 16+4*blocks > int64(len(src)) {
			return c, fmt.Errorf("%d blocks in %d bytes", blocks, len(src))
		}
	}
	return c, nil
}

// open decompresses block i.
func (c *container) open(to []byte, i int) error {
	at := int64(binary.LittleEndian.Uint32(c.src[16+4*i:]))
	streams := 1
	if c.flags&oneStream == 0 && c.width <= 16 && c.block/int64(c.width) >= 128 && int64(len(to)) == c.block {
		streams = c.width
	}
	n := len(to) / streams
	for j := range streams {
		if at < 16 || at+4 > int64(len(c.src)) {
			return fmt.Errorf("a stream at byte %d of %d", at, len(c.src))
		}
		k := int64(int32(binary.LittleEndian.Uint32(c.src[at:])))
		if at += 4; k < 0 || at+k > int64(len(c.src)) {
			return fmt.Errorf("a stream of %d bytes at byte %d of %d", k, at, len(c.src))
		}
		part := to[j*n : (j+1)*n]
		if j == streams-1 {
			part = to[j*n:]
		}
		if err := c.stream(part, c.src[at:at+k]); err != nil {
			return err
		}
		at += k
	}
	return nil
}

var inner = [...]string{"blosclz", "lz4", "snappy", "zlib", "zstd"}

// stream decompresses a stream.
func (c *container) stream(to, src []byte) error {
	if len(src) == len(to) {
		copy(to, src)
		return nil
	}
	var out []byte
	var err error
	switch k := c.flags >> 5; k {
	case 1:
		n := 0
		n, err = lz4.UncompressBlock(src, to)
		out = to[:max(n, 0)]
	case 2:
		var n int
		if n, err = snappy.DecodedLen(src); err == nil && n == len(to) {
			out, err = snappy.Decode(to, src)
		}
	case 3:
		r, e := zlib.NewReader(bytes.NewReader(src))
		if e != nil {
			return e
		}
		out, err = readAll(to[:0:len(to)], r, int64(len(to)))
	case 4:
		out, err = zstandard{}.decode(to[:0:len(to)], src, int64(len(to)))
	default:
		name := fmt.Sprint(k)
		if int(k) < len(inner) {
			name = inner[k]
		}
		return fmt.Errorf("compressed with %s: lz4, zstd, zlib and snappy are read", name)
	}
	if err != nil {
		return err
	}
	if len(out) != len(to) {
		return fmt.Errorf("%d bytes of %d", len(out), len(to))
	}
	if &out[0] != &to[0] {
		copy(to, out)
	}
	return nil
}

// unshuffleBits undoes the shuffle of bits: bit k of byte j of all elements lies together. Blocks whose number of
// elements is no multiple of 8 are not shuffled.
func unshuffleBits(dst, src []byte, width int) {
	n := len(src) / width
	if n%8 != 0 {
		copy(dst, src)
		return
	}
	clear(dst[:n*width])
	for j := range width {
		for k := range 8 {
			plane := src[(j*8+k)*(n/8):][:n/8]
			for i := range n {
				dst[i*width+j] |= plane[i/8] >> (i % 8) & 1 << k
			}
		}
	}
	copy(dst[n*width:], src[n*width:])
}
