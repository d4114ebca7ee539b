// Package codec compresses and expands files as a whole: gzip, zstd, lz4 and snappy, known by the names of files or
// their first bytes. Several compressed pieces one after the other are the pieces' content one after the other, in
// each of the formats, so that threads compress by themselves.
package codec

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/weft-data/weft/store"
)

// A Codec is how a file is compressed. The numbers are part of the canonical bytes of plans: append only.
type Codec uint8

// The codecs.
const (
	ByName Codec = iota // of options: by the first bytes of a file, or by its name
	Plain
	Gzip
	Zstd
	LZ4    // frames
	Snappy // the framing format
)

func (c Codec) String() string {
	return [...]string{"by name", "plain", "gzip", "zstd", "lz4", "snappy", "?", "?"}[c&7]
}

// endings are the ends of names, those without a dot behind them first.
var endings = []struct {
	end   string
	codec Codec
}{{".gz", Gzip}, {".zst", Zstd}, {".zstd", Zstd}, {".lz4", LZ4}, {".snappy", Snappy}, {".sz", Snappy}}

// OfName returns the codec that the name of a file says.
func OfName(path string) Codec {
	for _, e := range endings {
		if store.Ends(path, e.end) {
			return e.codec
		}
	}
	return Plain
}

// Trim returns the name of a file, without a query, and without the ending of its codec.
func Trim(path string) string {
	path = store.Name(path)
	for _, e := range endings {
		if store.Ends(path, e.end) {
			return path[:len(path)-len(e.end)]
		}
	}
	return path
}

// magics are the first bytes of compressed files.
var magics = []struct {
	b     string
	codec Codec
}{{"\x1f\x8b", Gzip}, {"\x28\xb5\x2f\xfd", Zstd}, {"\x04\x22\x4d\x18", LZ4}, {"\xff\x06\x00\x00sNaPpY", Snappy}}

// OfFile finds out how a file is compressed: by its first bytes. One that is named like a compressed file must
// begin like one, unless it is empty.
func OfFile(f io.ReaderAt, path string) (Codec, error) {
	var b [10]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && err != io.EOF {
		return Plain, fmt.Errorf("%s: %w", store.Name(path), err)
	}
	for _, m := range magics {
		if bytes.HasPrefix(b[:n], []byte(m.b)) {
			return m.codec, nil
		}
	}
	if c := OfName(path); c != Plain && n > 0 {
		return c, fmt.Errorf("%s is named like a %s file but does not begin like one", store.Name(path), c)
	}
	return Plain, nil
}

// NewReader expands r. done frees what the reader has; it does not close r.
func NewReader(r io.Reader, c Codec) (out io.Reader, done func(), err error) {
	switch c {
	case Gzip:
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case Zstd:
		// One decoder thread: whoever reads overlaps decoding with its own work by itself.
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case LZ4:
		return &frames{in: r}, func() {}, nil
	case Snappy:
		return s2.NewReader(r), func() {}, nil
	}
	return r, func() {}, nil
}

// frames reads lz4 frames one after the other: the library stops behind the first.
type frames struct {
	in io.Reader
	z  *lz4.Reader
}

// Read implements io.Reader.
func (f *frames) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if f.z == nil {
			var first [1]byte // the end of the file, or another frame
			if _, err := io.ReadFull(f.in, first[:]); err != nil {
				return 0, err
			}
			f.z = lz4.NewReader(io.MultiReader(bytes.NewReader(first[:]), f.in))
		}
		n, err := f.z.Read(p)
		if err == io.EOF {
			f.z, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// A Packer compresses pieces. It is for one goroutine.
type Packer struct {
	codec Codec
	gz    *gzip.Writer
	zs    *zstd.Encoder
	lz    *lz4.Writer
	sn    *s2.Writer
}

// NewPacker returns a packer of a codec.
func NewPacker(c Codec) *Packer { return &Packer{codec: c} }

// sliceWriter appends to a slice.
type sliceWriter struct{ b *[]byte }

// Write implements io.Writer.
func (s sliceWriter) Write(p []byte) (int, error) { *s.b = append(*s.b, p...); return len(p), nil }

// Pack appends src to dst as a piece of its own.
func (p *Packer) Pack(dst, src []byte) ([]byte, error) {
	var w interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	switch p.codec {
	case Gzip:
		if p.gz == nil {
			p.gz = gzip.NewWriter(nil)
		}
		w = p.gz
	case Zstd:
		if p.zs == nil {
			z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			p.zs = z
		}
		return p.zs.EncodeAll(src, dst), nil
	case LZ4:
		if p.lz == nil {
			p.lz = lz4.NewWriter(nil)
		}
		w = p.lz
	case Snappy:
		if p.sn == nil {
			p.sn = s2.NewWriter(nil, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
		}
		w = p.sn
	default:
		return append(dst, src...), nil
	}
	w.Reset(sliceWriter{&dst})
	if _, err := w.Write(src); err != nil {
		return nil, err
	}
	err := w.Close()
	return dst, err
}
