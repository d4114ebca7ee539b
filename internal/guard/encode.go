package guard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// CodecNone is the number of the codec that leaves pages as they are.
const CodecNone = codecNone

// CodecNumber returns the number of a codec that pages can be written with.
func CodecNumber(name string) (int, error) {
	switch name {
	case "none":
		return codecNone, nil
	case "snappy":
		return codecSnappy, nil
	case "gzip":
		return codecGzip, nil
	case "zstd":
		return codecZstd, nil
	case "lz4":
		return codecLZ4Raw, nil
	}
	return 0, fmt.Errorf("codec %q: want zstd, snappy, gzip, lz4 or none", name)
}

// CompressBound is how many bytes n bytes have compressed, at most.
func CompressBound(codec, n int) int {
	switch codec {
	case codecNone:
		return n
	case codecSnappy:
		return s2.MaxEncodedLen(n)
	}
	return n + n/128 + 1024 // blocks that do not shrink are stored, with a few bytes each
}

var (
	zstdWriters = sync.Pool{New: func() any {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
		if err != nil {
			panic(err) // only for options that are wrong
		}
		return w
	}}
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	lz4Writers  = sync.Pool{New: func() any { return new(lz4.Compressor) }}
)

// Compress puts src, compressed, into dst, which has room for CompressBound, and returns how many bytes it has.
func Compress(codec int, dst, src []byte) int {
	switch codec {
	case codecSnappy:
		return len(s2.EncodeSnappy(dst, src))
	case codecZstd:
		w := zstdWriters.Get().(*zstd.Encoder)
		defer zstdWriters.Put(w)
		return len(placed(dst, w.EncodeAll(src, dst[:0])))
	case codecGzip:
		w := gzipWriters.Get().(*gzip.Writer)
		defer gzipWriters.Put(w)
		b := bytes.NewBuffer(dst[:0])
		w.Reset(b)
		_, _ = w.Write(src) // a Buffer takes everything
		_ = w.Close()
		return len(placed(dst, b.Bytes()))
	case codecLZ4Raw:
		c := lz4Writers.Get().(*lz4.Compressor)
		defer lz4Writers.Put(c)
		if n, err := c.CompressBlock(src, dst); err == nil && n > 0 {
			return n
		}
		return copy(dst, lz4Literals(src))
	}
	return copy(dst, src)
}

// placed sees that b is in dst: an encoder that needed more room has taken its own.
func placed(dst, b []byte) []byte {
	if len(b) > len(dst) {
		panic(fmt.Sprintf("guard: %d bytes where %d are the most", len(b), len(dst)))
	}
	if len(b) > 0 && &b[0] != &dst[0] {
		copy(dst, b)
	}
	return b
}

// lz4Literals is a block of literals only: for what does not shrink, which the library leaves out.
func lz4Literals(src []byte) []byte {
	out := make([]byte, 0, len(src)+len(src)/255+16)
	n := len(src)
	if n < 15 {
		return append(append(out, byte(n)<<4), src...)
	}
	out = append(out, 15<<4)
	for n -= 15; n >= 255; n -= 255 {
		out = append(out, 255)
	}
	return append(append(out, byte(n)), src...)
}

// BloomAdd adds a hash (xxHash64 with seed 0 of a value's PLAIN bytes) to a bloom filter: blocks of 32 bytes.
func BloomAdd(filter []byte, hash uint64) {
	block, _ := bits.Mul64(hash>>32<<32, uint64(len(filter)/32))
	w := filter[block*32:]
	for i, salt := range bloomSalt {
		b := w[4*i : 4*i+4]
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)|1<<(uint32(hash)*salt>>27))
	}
}

// StoredSchema is an Arrow schema as Parquet files have it beside their own: the message of an IPC stream.
func StoredSchema(s *arrow.Schema) ([]byte, error) {
	var b bytes.Buffer
	w, err := NewIPCWriter(&b, s, IPCWriteOptions{})
	if err == nil {
		err = w.Close() // writes the message, too
	}
	return b.Bytes(), err
}

// noClose hides Close: Arrow closes a writer that has it.
type noClose struct{ io.Writer }
