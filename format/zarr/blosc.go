package zarr

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/pierrec/lz4/v4"
)

// blosc reads and writes the containers of Blosc 1 (its header is described in README_CHUNK_FORMAT of c-blosc): blocks of equal
// size, each of one stream, or of one stream per byte of an element, compressed alone; within a block bytes or bits of
// elements may be shuffled.
type blosc struct {
	name         string
	level, width int
}

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

func (blosc) decode(ctx context.Context, dst, src []byte, limit int64) ([]byte, error) {
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
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		to := out[at:min(at+c.block, c.size)]
		shuffle := c.flags&byteShuffle != 0 && c.width > 1 || c.flags&bitShuffle != 0
		into := to
		if shuffle {
			scratch = room(scratch, len(to))
			into = scratch
		}
		if err := c.open(ctx, into, i); err != nil {
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

// written is the size of the blocks of containers that are made: shuffled, the bytes of float32 lie within the reach of lz4.
const written = 256 << 10

// encode makes a container whose blocks are of one stream. A stream that would not be shorter than its elements is them.
func (z blosc) encode(ctx context.Context, dst, src []byte) ([]byte, error) {
	width := min(max(z.width, 1), 255)
	block := max(min(written/width*width, len(src)), 1)
	kind, pack := z.packer()
	flags := byte(oneStream | kind<<5)
	if width > 1 {
		flags |= byteShuffle
	}
	blocks := (len(src) + block - 1) / block
	out := append(dst, 2, 1, flags, byte(width))
	head := len(out) - 4
	for _, n := range []int{len(src), block, 0} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	out = append(out, make([]byte, 4*blocks)...)
	scratch := make([]byte, 2*block)
	for i := range blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		from := src[i*block : min((i+1)*block, len(src))]
		if width > 1 {
			shuffle(scratch[:len(from)], from, width)
			from = scratch[:len(from)]
		}
		packed, err := pack(ctx, scratch[block:block], from)
		if err != nil {
			return nil, fmt.Errorf("blosc: %w", err)
		}
		if len(packed) == 0 || len(packed) >= len(from) {
			packed = from
		}
		binary.LittleEndian.PutUint32(out[head+16+4*i:], uint32(len(out)-head))
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(packed))), packed...)
	}
	if int64(len(out)-head) > math.MaxInt32 {
		return nil, fmt.Errorf("blosc: a chunk of %d bytes", len(src))
	}
	binary.LittleEndian.PutUint32(out[head+12:], uint32(len(out)-head))
	return out, nil
}

// packer is the number of what compresses streams, and how, into a buffer as long as the stream. What comes empty or longer
// is not used.
func (z blosc) packer() (kind int, pack func(ctx context.Context, dst, src []byte) ([]byte, error)) {
	switch z.name {
	case "snappy":
		return 2, func(_ context.Context, dst, src []byte) ([]byte, error) { return snappy.Encode(dst, src), nil }
	case "zlib":
		return 3, deflated{level: z.level}.encode
	case "zstd":
		return 4, zstandard{level: z.level}.encode
	case "lz4hc":
		return 1, func(_ context.Context, dst, src []byte) ([]byte, error) {
			n, err := lz4.CompressBlockHC(src, dst[:len(src)], lz4.CompressionLevel(1<<(8+min(max(z.level, 1), 9))), nil, nil)
			return dst[:n], unlessLong(err)
		}
	}
	return 1, func(_ context.Context, dst, src []byte) ([]byte, error) {
		n, err := lz4.CompressBlock(src, dst[:len(src)], nil)
		return dst[:n], unlessLong(err)
	}
}

// unlessLong is err, but nil for what does not become shorter.
func unlessLong(err error) error {
	if errors.Is(err, lz4.ErrInvalidSourceShortBuffer) {
		return nil
	}
	return err
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
func (c *container) open(ctx context.Context, to []byte, i int) error {
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
		if err := c.stream(ctx, part, c.src[at:at+k]); err != nil {
			return err
		}
		at += k
	}
	return nil
}

// stream decompresses a stream.
func (c *container) stream(ctx context.Context, to, src []byte) error {
	if len(src) == len(to) {
		copy(to, src)
		return nil
	}
	var out []byte
	var err error
	switch k := c.flags >> 5; k {
	case 0:
		out, err = openBloscLZ(to[:0:len(to)], src)
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
		out, err = readAll(ctx, to[:0:len(to)], r, int64(len(to)))
	case 4:
		out, err = zstandard{}.decode(ctx, to[:0:len(to)], src, int64(len(to)))
	default:
		return fmt.Errorf("compressed with method %d: blosclz, lz4, snappy, zlib and zstd, 0 to 4, are read", k)
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
