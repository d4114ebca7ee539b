// Package codec compresses and expands files as a whole: gzip, zstd, lz4 and snappy, known by the names of files or
// their first bytes. Several compressed pieces one after the other are the pieces' content one after the other, in
// each of the formats, so that threads compress by themselves.
package codec

import (
	"bytes"
	"errors"
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

// endings are the ends of names.
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
		return Plain, store.Named(path, err)
	}
	for _, m := range magics {
		if bytes.HasPrefix(b[:n], []byte(m.b)) {
			return m.codec, nil
		}
	}
	if c := OfName(path); (c == Zstd || c == LZ4) && skippable(b[:n]) {
		return c, nil
	} else if c != Plain && n > 0 {
		return c, fmt.Errorf("%s is named like a %s file but does not begin like one", store.Name(path), c)
	}
	return Plain, nil
}

// skippable reports that b begins with a frame that both Zstd and LZ4 pass over: pzstd begins with one.
func skippable(b []byte) bool {
	return len(b) >= 4 && b[0]&0xf0 == 0x50 && string(b[1:4]) == "\x2a\x4d\x18"
}

// NewReader expands r. done frees what the reader has; it does not close r. A file that ends in the middle is an error
// that says so.
func NewReader(r io.Reader, c Codec) (out io.Reader, done func(), err error) {
	if c == Plain {
		return r, func() {}, nil
	}
	if out, done, err = expand(r, c); err != nil {
		return nil, nil, short(err, c)
	}
	return &checked{out, c}, done, nil
}

// checked words the errors of a reader.
type checked struct {
	io.Reader
	codec Codec
}

// Read implements io.Reader.
func (r *checked) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = short(err, r.codec)
	}
	return n, err
}

// short says what an end in the middle means; libraries only say that it came.
func short(err error, c Codec) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the %s data ends in the middle: the file is cut short", c)
	}
	return err
}

// expand returns the library's reader of a codec.
func expand(r io.Reader, c Codec) (out io.Reader, done func(), err error) {
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
	zs    *zstd.Encoder
	w     resetter // of the other codecs
}

type resetter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// NewPacker returns a packer of a codec.
func NewPacker(c Codec) *Packer { return &Packer{codec: c} }

// open makes the compressor, which is dear, for the first piece.
func (p *Packer) open() (err error) {
	switch p.codec {
	case Gzip:
		p.w = gzip.NewWriter(nil)
	case Zstd:
		p.zs, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	case LZ4:
		p.w = lz4.NewWriter(nil)
	case Snappy:
		p.w = s2.NewWriter(nil, s2.WriterSnappyCompat(), s2.WriterConcurrency(1))
	}
	return err
}

// sliceWriter appends to a slice.
type sliceWriter struct{ b *[]byte }

// Write implements io.Writer.
func (s sliceWriter) Write(p []byte) (int, error) { *s.b = append(*s.b, p...); return len(p), nil }

// Pack appends src to dst as a piece of its own.
func (p *Packer) Pack(dst, src []byte) ([]byte, error) {
	if p.zs == nil && p.w == nil {
		if err := p.open(); err != nil {
			return nil, err
		}
	}
	switch {
	case p.zs != nil:
		return p.zs.EncodeAll(src, dst), nil
	case p.w == nil: // Plain
		return append(dst, src...), nil
	}
	p.w.Reset(sliceWriter{&dst})
	if _, err := p.w.Write(src); err != nil {
		return nil, err
	}
	err := p.w.Close()
	return dst, err
}
