package guard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/golang/snappy"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression codecs of Parquet (parquet.thrift, enum CompressionCodec).
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecBrotli = 4
	codecLZ4    = 5 // Hadoop's framing, or a bare block: the format never said
	codecZstd   = 6
	codecLZ4Raw = 7
)

var codecNames = [...]string{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"}

func codecName(c int64) string {
	if c >= 0 && c < int64(len(codecNames)) {
		return codecNames[c]
	}
	return fmt.Sprintf("CODEC(%d)", c)
}

func knownCodec(c int64) bool {
	switch c {
	case codecNone, codecSnappy, codecGzip, codecBrotli, codecLZ4, codecZstd, codecLZ4Raw:
		return true
	}
	return false
}

// decompress gives the n bytes that src holds, in dst when it is large enough. It allocates no more than
// n bytes and what the output already proved; n is bounded by the caller.
func decompress(codec int64, dst, src []byte, n int) (out []byte, err error) {
	switch codec {
	case codecNone:
		out = src
	case codecSnappy:
		out, err = unSnappy(dst, src, n)
	case codecGzip:
		out, err = unGzip(dst, src, n)
	case codecBrotli:
		out, err = readBounded(brotli.NewReader(bytes.NewReader(src)), dst, n)
	case codecZstd:
		out, err = unZstd(dst, src, n)
	case codecLZ4Raw:
		out, err = unLZ4(dst, src, n)
	case codecLZ4:
		out, err = unHadoopLZ4(dst, src, n)
	default:
		return nil, unsupported("codec %s", codecName(codec))
	}
	if err != nil {
		return nil, corrupt("%s: %v", codecName(codec), err)
	}
	if len(out) != n {
		return nil, corrupt("%s gave %d bytes, the header says %d", codecName(codec), len(out), n)
	}
	return out, nil
}

func sized(dst []byte, n int) []byte {
	if cap(dst) < n {
		return make([]byte, n)
	}
	return dst[:n]
}

func unSnappy(dst, src []byte, n int) ([]byte, error) {
	got, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	// A copy element of three bytes yields at most 64: more than that is a lie that need not be allocated.
	if got != n || got/32 > len(src)+1 {
		return nil, fmt.Errorf("block of %d bytes says it holds %d, the header says %d", len(src), got, n)
	}
	return snappy.Decode(sized(dst, n), src)
}

func unGzip(dst, src []byte, n int) ([]byte, error) {
	if len(src) == 0 && n == 0 {
		return nil, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(src)) // reads concatenated members
	if err != nil {
		return nil, err
	}
	return readBounded(r, dst, n)
}

// readBounded reads at most n bytes, growing with what came, and one more to see that the stream ends.
func readBounded(r io.Reader, dst []byte, n int) ([]byte, error) {
	out := dst[:0]
	if cap(out) == 0 {
		out = make([]byte, 0, min(n+1, 64<<10))
	}
	for {
		if len(out) == cap(out) {
			grown := make([]byte, len(out), min(2*cap(out), n+1)+1)
			copy(grown, out)
			out = grown
		}
		k, err := r.Read(out[len(out):cap(out)])
		out = out[:len(out)+k]
		if len(out) > n {
			return nil, fmt.Errorf("more than the %d bytes of the header", n)
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// zstdPool holds decoders without goroutines of their own (concurrency 1) that never write beyond the
// capacity they are given.
var zstdPool = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(4<<30))
	if err != nil {
		panic(err) // only for options that are wrong
	}
	return d
}}

func unZstd(dst, src []byte, n int) ([]byte, error) {
	if len(src) == 0 && n == 0 {
		return nil, nil
	}
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return nil, err
	}
	// One block of at most 128 KiB takes at least four bytes.
	if h.HasFCS && h.FrameContentSize > uint64(n) || n/(128<<10) > len(src)/4+1 {
		return nil, fmt.Errorf("frame of %d bytes cannot hold the %d bytes of the header", len(src), n)
	}
	d := zstdPool.Get().(*zstd.Decoder)
	defer zstdPool.Put(d)
	return d.DecodeAll(src, sized(dst, n)[:0])
}

func unLZ4(dst, src []byte, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if n/256 > len(src)+1 { // a length byte of LZ4 adds at most 255
		return nil, fmt.Errorf("block of %d bytes cannot hold %d", len(src), n)
	}
	out := sized(dst, n)
	k, err := lz4.UncompressBlock(src, out)
	if err != nil {
		return nil, err
	}
	return out[:k], nil
}

// unHadoopLZ4 reads Hadoop's framing, repeated (big-endian size, big-endian compressed size, block), and
// falls back to one bare block, which other writers left under the same codec number.
func unHadoopLZ4(dst, src []byte, n int) ([]byte, error) {
	if n/256 > len(src)+1 {
		return nil, fmt.Errorf("block of %d bytes cannot hold %d", len(src), n)
	}
	out := sized(dst, n)
	at, rest := 0, src
	for len(rest) >= 8 {
		u, c := int64(binary.BigEndian.Uint32(rest)), int64(binary.BigEndian.Uint32(rest[4:]))
		if c > int64(len(rest)-8) || u > int64(n-at) {
			break
		}
		k, err := lz4.UncompressBlock(rest[8:8+c], out[at:at+int(u)])
		if err != nil || int64(k) != u {
			break
		}
		at, rest = at+k, rest[8+c:]
	}
	if at == n && len(rest) == 0 {
		return out, nil
	}
	return unLZ4(out, src, n)
}
