package zarr

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/weft-data/weft/internal/kernel"
)

// A Coder turns the bytes of chunks into elements and back. It is safe for concurrent use.
type Coder struct{ steps []step }

// A step is a codec at work. decode appends to dst what comes of src, at most limit bytes. Both end soon after the context does:
// what is long is done in pieces.
type step interface {
	decode(ctx context.Context, dst, src []byte, limit int64) ([]byte, error)
	encode(ctx context.Context, dst, src []byte) ([]byte, error)
}

// piece is how many bytes of elements are done between two looks at the context.
const piece = 1 << 20

// pieces are the parts of b between which a codec can end. When the context has ended they are cut short, and err says so.
func pieces(ctx context.Context, b []byte, err *error) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			if *err = ctx.Err(); *err != nil {
				return
			}
			n := min(piece, len(b))
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// NewCoder makes the coder of an array. Errors: codecs that are not known.
func NewCoder(m *Meta) (*Coder, error) {
	c := &Coder{}
	for _, k := range m.codecs() {
		var s step
		switch k.Name {
		case "gzip":
			s = deflated{level: k.Level, gzip: true}
		case "zlib":
			s = deflated{level: k.Level}
		case "zstd":
			s = zstandard{level: k.Level}
		case "lz4":
			s = framedLZ4{}
		case "blosc":
			s = blosc{name: k.Inner, level: k.Level, width: k.Width}
		case "crc32c":
			s = checked{}
		case "shuffle":
			if k.Width < 1 || k.Width > 256 {
				return nil, fmt.Errorf("shuffle of elements of %d bytes", k.Width)
			}
			s = shuffled{k.Width}
		default:
			return nil, fmt.Errorf("codec %q: want gzip, zlib, zstd, lz4, blosc, crc32c or shuffle", k.Name)
		}
		c.steps = append(c.steps, s)
	}
	return c, nil
}

// slack is how much longer than its elements the bytes of a chunk may become between two codecs.
const slack = 1 << 16

// Most bounds the bytes of the object of a chunk of n bytes.
func Most(n int64) int64 { return n + n/8 + slack }

// Decode fills dst with the elements of a chunk, given its object, which it may overwrite. Errors: bytes that are broken, or of
// another length, and the end of the context.
func (c *Coder) Decode(ctx context.Context, dst, src []byte) (err error) {
	for i := len(c.steps) - 1; i >= 0; i-- {
		var to []byte
		if i == 0 {
			to = dst[:0]
		}
		if src, err = c.steps[i].decode(ctx, to, src, Most(int64(len(dst)))); err != nil {
			return err
		}
	}
	if len(src) != len(dst) {
		return fmt.Errorf("%d bytes of elements where a chunk has %d", len(src), len(dst))
	}
	if len(dst) > 0 && &src[0] != &dst[0] {
		copy(dst, src)
	}
	return nil
}

// Encode returns the object of a chunk. Without codecs that is src itself. The codec lz4 is one call, which
// ends when it is done; the others end soon after the context.
func (c *Coder) Encode(ctx context.Context, src []byte) (out []byte, err error) {
	out = src
	for _, s := range c.steps {
		if out, err = s.encode(ctx, nil, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// readAll appends what r gives, refusing more than limit bytes.
func readAll(ctx context.Context, dst []byte, r io.Reader, limit int64) ([]byte, error) {
	from := len(dst)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if int64(len(dst)-from) > limit {
			return nil, fmt.Errorf("more than %d bytes of elements", limit)
		}
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), max(2*cap(dst), 64<<10))
			copy(grown, dst)
			dst = grown
		}
		n, err := r.Read(dst[len(dst):min(len(dst)+piece, cap(dst))])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

type deflated struct {
	level int
	gzip  bool
}

func (d deflated) decode(ctx context.Context, dst, src []byte, limit int64) ([]byte, error) {
	var r io.Reader
	var err error
	if d.gzip {
		r, err = gzip.NewReader(bytes.NewReader(src))
	} else {
		r, err = zlib.NewReader(bytes.NewReader(src))
	}
	if err != nil {
		return nil, err
	}
	return readAll(ctx, dst, r, limit)
}

func (d deflated) encode(ctx context.Context, dst, src []byte) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	var w io.WriteCloser
	var err error
	if d.gzip {
		w, err = gzip.NewWriterLevel(b, min(d.level, 9))
	} else {
		w, err = zlib.NewWriterLevel(b, min(d.level, 9))
	}
	if err != nil {
		return nil, err
	}
	return packed(ctx, w, b, src)
}

// packed returns what w writes to b of src, piece by piece.
func packed(ctx context.Context, w io.WriteCloser, b *bytes.Buffer, src []byte) (out []byte, err error) {
	for part := range pieces(ctx, src, &err) {
		if _, err = w.Write(part); err != nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

type zstandard struct{ level int }

// The decoders and encoders of all coders: making one is dear.
var (
	zstdReaders = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(512<<20))
		if err != nil {
			panic(err) // the options are right
		}
		return d
	}}
	zstdWriters sync.Map     // of zstd.EncoderLevel
	zstdStreams [8]sync.Pool // the same for what is written in pieces, by zstd.EncoderLevel
)

const (
	// atOnce is how many bytes of elements are read at once: by pieces takes 1.4 times as long.
	atOnce = 32 << 20
	// window is the most that what is read in pieces may look back: as much is held beside the elements.
	window = 16 << 20
)

func (z zstandard) decode(ctx context.Context, dst, src []byte, limit int64) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(src); err != nil {
		return nil, err
	}
	if h.HasFCS && h.FrameContentSize > uint64(limit) {
		return nil, fmt.Errorf("zstd: %d bytes of elements where at most %d are possible", h.FrameContentSize, limit)
	}
	d := zstdReaders.Get().(*zstd.Decoder)
	defer zstdReaders.Put(d)
	if h.HasFCS && (h.FrameContentSize <= atOnce || h.WindowSize > window) { // DecodeAll writes no more than there is room for
		return d.DecodeAll(src, room(dst, int(h.FrameContentSize))[:0])
	}
	if err := d.Reset(bytes.NewReader(src)); err != nil {
		return nil, err
	}
	if h.HasFCS {
		dst = room(dst, int(h.FrameContentSize))[:0]
	}
	out, err := readAll(ctx, dst, d, limit)
	return out, errors.Join(err, d.Reset(nil))
}

func (z zstandard) encode(ctx context.Context, dst, src []byte) ([]byte, error) {
	level := zstd.EncoderLevelFromZstd(z.level)
	if len(src) > piece {
		return zstdInPieces(ctx, level, dst, src)
	}
	w, ok := zstdWriters.Load(level)
	if !ok {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(2))
		if err != nil {
			return nil, err
		}
		w, _ = zstdWriters.LoadOrStore(level, e)
	}
	return w.(*zstd.Encoder).EncodeAll(src, dst), nil
}

// zstdInPieces is one frame that says how long its content is, which readers in C want to know.
func zstdInPieces(ctx context.Context, level zstd.EncoderLevel, dst, src []byte) (out []byte, err error) {
	pool := &zstdStreams[level]
	e, ok := pool.Get().(*zstd.Encoder)
	if !ok {
		if e, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1)); err != nil {
			return nil, err
		}
	}
	defer pool.Put(e)
	b := bytes.NewBuffer(dst)
	e.ResetContentSize(b, int64(len(src)))
	defer e.Reset(nil)
	return packed(ctx, e, b, src)
}

// framedLZ4 is a block of lz4 after its length, as numcodecs has it.
type framedLZ4 struct{}

func (framedLZ4) decode(ctx context.Context, dst, src []byte, limit int64) ([]byte, error) {
	if len(src) < 4 {
		return nil, fmt.Errorf("lz4: %d bytes", len(src))
	}
	n := int64(binary.LittleEndian.Uint32(src))
	if n > limit {
		return nil, fmt.Errorf("lz4: %d bytes of elements where at most %d are possible", n, limit)
	}
	out := room(dst, int(n))
	k, err := lz4.UncompressBlock(src[4:], out)
	if err == nil && k != int(n) {
		err = fmt.Errorf("lz4: %d bytes of %d", k, n)
	}
	return out, err
}

func (framedLZ4) encode(ctx context.Context, dst, src []byte) ([]byte, error) {
	out := room(dst, 4+lz4.CompressBlockBound(len(src)))
	binary.LittleEndian.PutUint32(out, uint32(len(src)))
	n, err := lz4.CompressBlock(src, out[4:], nil)
	if err == nil && n == 0 && len(src) > 0 {
		err = fmt.Errorf("lz4: %d bytes were not compressed", len(src))
	}
	return out[:4+n], err
}

// room returns n bytes, those of dst if they suffice.
func room(dst []byte, n int) []byte {
	if cap(dst) >= n {
		return dst[:n]
	}
	return make([]byte, n)
}

// checked has the CRC-32C of what is before it at the end.
type checked struct{}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (checked) decode(ctx context.Context, _, src []byte, _ int64) ([]byte, error) {
	n := len(src) - 4
	if n < 0 {
		return nil, fmt.Errorf("crc32c: %d bytes", len(src))
	}
	if want, got := binary.LittleEndian.Uint32(src[n:]), crc32.Checksum(src[:n], castagnoli); want != got {
		return nil, fmt.Errorf("crc32c: the bytes have %08x, not %08x: they are broken", got, want)
	}
	return src[:n], nil
}

func (checked) encode(ctx context.Context, dst, src []byte) ([]byte, error) {
	return binary.LittleEndian.AppendUint32(append(dst, src...), crc32.Checksum(src, castagnoli)), nil
}

// shuffled has the first bytes of all elements, then the second ones, and so on.
type shuffled struct{ width int }

func (s shuffled) decode(ctx context.Context, dst, src []byte, limit int64) ([]byte, error) {
	out, n := room(dst, len(src)), len(src)/s.width
	copy(out[n*s.width:], src[n*s.width:])
	for at := 0; at < n; at += piece {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kernel.Weave(out[at*s.width:], src[at:], min(piece, n-at), n, s.width)
	}
	return out, nil
}

func (s shuffled) encode(ctx context.Context, dst, src []byte) ([]byte, error) {
	out, n := room(dst, len(src)), len(src)/s.width
	copy(out[n*s.width:], src[n*s.width:])
	for at := 0; at < n; at += piece {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		kernel.Unweave(out[at:], src[at*s.width:], min(piece, n-at), n, s.width)
	}
	return out, nil
}

func shuffle(dst, src []byte, width int) {
	n := len(src) / width
	kernel.Unweave(dst, src, n, n, width)
	copy(dst[n*width:], src[n*width:])
}

func unshuffle(dst, src []byte, width int) {
	n := len(src) / width
	kernel.Weave(dst, src, n, n, width)
	copy(dst[n*width:], src[n*width:])
}
