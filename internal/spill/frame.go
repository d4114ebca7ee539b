package spill

import (
	"encoding/binary"
	"io"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

const (
	magic  = "wft1"
	header = 64 // frame header, padded so that buffers stay aligned
	align  = 64
)

// frameSize is how many bytes the frame of b has.
func frameSize(b *chunk.Batch) int {
	n, _ := b.Written(align)
	return header + n
}

// setHeader makes the header of the frame of b, whose body has n bytes.
func setHeader(dst []byte, b *chunk.Batch, n int, sum uint64) {
	clear(dst[:header])
	copy(dst, magic)
	binary.LittleEndian.PutUint32(dst[4:], uint32(b.N))
	binary.LittleEndian.PutUint64(dst[8:], uint64(n))
	binary.LittleEndian.PutUint64(dst[16:], sum)
	binary.LittleEndian.PutUint64(dst[24:], b.Seq)
}

// appendFrame encodes b as one frame.
func appendFrame(dst []byte, b *chunk.Batch) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, header)...)
	for i := range b.Cols {
		dst = b.Cols[i].AppendTo(dst, align)
	}
	body := dst[at+header:]
	setHeader(dst[at:], b, len(body), xxh3.Hash(body))
	return dst
}

// A pourer writes a large frame: what is large as it lies in memory, all else gathered.
type pourer struct {
	f   *File
	at  int64
	buf []byte // gathered
	sum *xxh3.Hasher
}

const (
	gathered = 64 << 10     // bytes of a part from which it is not gathered
	pouring  = 4 * gathered // bytes that are
)

func (p *pourer) put(part []byte) error {
	if len(p.buf)+len(part) > pouring || len(part) >= gathered {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if len(part) >= gathered {
		return p.write(part)
	}
	p.buf = append(p.buf, part...)
	return nil
}

func (p *pourer) flush() error {
	b := p.buf
	p.buf = b[:0]
	return p.write(b)
}

func (p *pourer) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, _ = p.sum.Write(b) // never fails
	err := p.f.writeBytes(b, p.at)
	p.at += int64(len(b))
	return err
}

// pour writes b as a frame of n bytes at a place of the file.
func (f *File) pour(b *chunk.Batch, at int64, n int) error {
	buf := f.dir.bufs.take(pouring)
	defer f.dir.bufs.put(buf)
	p := pourer{f, at + header, buf.b[:0], xxh3.New()}
	for i := range b.Cols {
		if err := b.Cols[i].Write(align, p.put); err != nil {
			return err
		}
	}
	if err := p.flush(); err != nil {
		return err
	}
	head := buf.b[:header]
	setHeader(head, b, n-header, p.sum.Sum64())
	return f.writeBytes(head, at)
}

// Next implements chunk.Reader. The batch lives in the reader's buffer.
func (r *reader) Next() (*chunk.Batch, error) {
	if r.i >= len(r.frames) {
		return nil, io.EOF
	}
	fr := r.frames[r.i]
	r.i++
	if r.buf == nil || cap(r.buf.b) < fr.bytes+64 {
		if err := r.Close(); err != nil {
			return nil, err
		}
		r.buf = r.f.dir.bufs.take(fr.bytes + 64)
	}
	buf := r.buf.b[:fr.bytes]
	if _, err := r.f.f.ReadAt(buf, fr.at); err != nil {
		return nil, r.f.rotten(fr.at, err)
	}
	body := buf[header:]
	if string(buf[:4]) != magic || binary.LittleEndian.Uint64(buf[8:]) != uint64(len(body)) ||
		binary.LittleEndian.Uint64(buf[16:]) != xxh3.Hash(body) {
		return nil, r.f.rotten(fr.at, errChecksum)
	}
	r.batch.N, r.batch.Seq = fr.rows, binary.LittleEndian.Uint64(buf[24:])
	r.batch.Cols = r.batch.Cols[:0]
	for _, fd := range r.f.schema {
		var v chunk.Vec
		v, body = r.vec(fd.Type, fr.rows, body)
		r.batch.Cols = append(r.batch.Cols, v)
	}
	return &r.batch, nil
}

// vec decodes one vector; the checksum vouches for the lengths.
func (r *reader) vec(t dtype.Type, n int, b []byte) (chunk.Vec, []byte) {
	v := chunk.Vec{Type: t, N: n}
	d := b[:align]
	b = b[align:]
	take := func(n int) (x []byte) {
		x, b = b[:n], b[(n+align-1)/align*align:]
		return x
	}
	if d[0]&chunk.HasValid != 0 {
		v.Valid = chunk.Slice[uint64](take(chunk.Words(n)*8), chunk.Words(n))
	}
	switch {
	case t.Kind == dtype.Null:
	case d[0]&chunk.HasDict != 0:
		v.Dict = r.f.dict(binary.LittleEndian.Uint64(d[8:]))
		v.Data = take(n * 4)
	case t.Kind.IsVar():
		if n == 0 {
			v.Off = []int32{0}
			break
		}
		v.Off = chunk.Slice[int32](take((n+1)*4), n+1)
		base := v.Off[0]
		for i := range v.Off {
			v.Off[i] -= base
		}
		v.Str = take(int(binary.LittleEndian.Uint64(d[8:])))
	case t.Kind == dtype.Bool:
		v.Data = take(chunk.Words(n) * 8)
	default:
		v.Data = take(n * t.Width())
	}
	return v, b
}
