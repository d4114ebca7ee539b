package guard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
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

func bitsFor(maxValue int) int { return bits.Len(uint(maxValue)) }

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

// plausible refuses sizes that the bytes cannot expand to, before room is made for them.
func plausible(codec int64, src []byte, n int) (err error) {
	most := int64(1) << 62
	switch k := int64(len(src)); codec {
	case codecSnappy:
		got, e := s2.DecodedLen(src)
		if err = e; err == nil && got != n {
			err = fmt.Errorf("a block of %d bytes says it holds %d, the header says %d", len(src), got, n)
		}
		most = 32 * (k + 2) // a copy of three bytes gives at most 64
	case codecGzip:
		most = 1032 * (k + 1)
	case codecZstd:
		var h zstd.Header
		if k > 0 {
			err = h.Decode(src)
		}
		if err == nil && h.HasFCS && h.FrameContentSize > uint64(n) {
			err = fmt.Errorf("a frame of %d bytes says it holds %d, the header says %d", len(src), h.FrameContentSize, n)
		}
		most = (k/4 + 2) * (128 << 10) // a block of at most 128 KiB takes at least four bytes
	case codecBrotli:
		most = (k/9 + 1) << 24 // a meta-block of at most 16 MiB takes 77 bits, its three prefix codes included
	case codecLZ4Raw, codecLZ4:
		most = 256 * (k + 2) // a byte of length adds at most 255
	}
	if err == nil && int64(n) > most {
		err = fmt.Errorf("%d bytes cannot hold the %d bytes of the header", len(src), n)
	}
	if err != nil {
		return corrupt("%s: %v", codecName(codec), err)
	}
	return nil
}

// decompress gives the n bytes that src holds in dst, which is at least that long; n is plausible.
func decompress(codec int64, dst, src []byte, n int) (out []byte, err error) {
	dst = dst[:n:n]
	switch {
	case n == 0 && len(src) == 0:
		return dst, nil
	case codec == codecSnappy:
		out, err = s2.Decode(dst, src)
	case codec == codecGzip:
		out, err = unGzip(dst, src)
	case codec == codecBrotli:
		r := brotliPool.Get().(*brotli.Reader)
		if err = r.Reset(bytes.NewReader(src)); err == nil {
			out, err = readAll(r, dst)
		}
		brotliPool.Put(r)
	case codec == codecZstd:
		d := zstdPool.Get().(*zstd.Decoder)
		out, err = d.DecodeAll(src, dst[:0])
		zstdPool.Put(d)
	case codec == codecLZ4Raw:
		out, err = unLZ4(dst, src)
	case codec == codecLZ4:
		out, err = unHadoopLZ4(dst, src)
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

func unGzip(dst, src []byte) ([]byte, error) {
	r := gzipPool.Get().(*gzip.Reader)
	defer gzipPool.Put(r)
	if err := r.Reset(bytes.NewReader(src)); err != nil { // reads concatenated members
		return nil, err
	}
	return readAll(r, dst)
}

// Readers of gzip and brotli have some 40 and 70 KB of their own, more than many pages.
var (
	gzipPool   = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brotliPool = sync.Pool{New: func() any { return new(brotli.Reader) }}
)

// readAll fills dst and sees that the stream ends there.
func readAll(r io.Reader, dst []byte) ([]byte, error) {
	n, err := io.ReadFull(r, dst)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return dst[:n], nil
	}
	if err != nil {
		return nil, err
	}
	var more [1]byte
	switch k, err := io.ReadFull(r, more[:]); {
	case k > 0:
		return nil, fmt.Errorf("more than the %d bytes of the header", len(dst))
	case err != io.EOF:
		return nil, err
	}
	return dst, nil
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

func unLZ4(dst, src []byte) ([]byte, error) {
	k, err := lz4.UncompressBlock(src, dst)
	if err != nil {
		return nil, err
	}
	return dst[:k], nil
}

// unHadoopLZ4 reads Hadoop's framing, repeated (big-endian size, big-endian compressed size, block), and
// falls back to one bare block, which other writers left under the same codec number.
func unHadoopLZ4(out, src []byte) ([]byte, error) {
	at, rest := 0, src
	for len(rest) >= 8 {
		u, c := int64(binary.BigEndian.Uint32(rest)), int64(binary.BigEndian.Uint32(rest[4:]))
		if c > int64(len(rest)-8) || u > int64(len(out)-at) {
			break
		}
		k, err := lz4.UncompressBlock(rest[8:8+c], out[at:at+int(u)])
		if err != nil || int64(k) != u {
			break
		}
		at, rest = at+k, rest[8+c:]
	}
	if at == len(out) && len(rest) == 0 {
		return out, nil
	}
	return unLZ4(out, src)
}
