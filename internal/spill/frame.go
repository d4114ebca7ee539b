package spill

import (
	"encoding/binary"
	"fmt"
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

// frameSize is the most bytes that the frame of b may have.
func frameSize(b *chunk.Batch) int {
	return header + int(b.Bytes()) + len(b.Cols)*5*align
}

// appendFrame encodes b as one frame.
func appendFrame(dst []byte, b *chunk.Batch) []byte {
	dst = append(dst, make([]byte, header)...)
	for i := range b.Cols {
		dst = appendVec(dst, &b.Cols[i])
	}
	copy(dst, magic)
	body := dst[header:]
	binary.LittleEndian.PutUint32(dst[4:], uint32(b.N))
	binary.LittleEndian.PutUint64(dst[8:], uint64(len(body)))
	binary.LittleEndian.PutUint64(dst[16:], xxh3.Hash(body))
	binary.LittleEndian.PutUint64(dst[24:], b.Seq)
	return dst
}

// appendVec encodes a vector: a descriptor of 64 bytes (has validity, dictionary
// id, text bytes), then validity, data or offsets, and text.
func appendVec(dst []byte, v *chunk.Vec) []byte {
	var d [align]byte
	bufs := v.Buffers()
	if v.Valid != nil {
		d[0] = 1
	}
	if v.Dict != nil {
		d[1] = 1
		binary.LittleEndian.PutUint64(d[8:], v.Dict.ID)
	} else {
		binary.LittleEndian.PutUint64(d[8:], uint64(len(bufs[2])))
	}
	dst = append(dst, d[:]...)
	for _, b := range bufs {
		dst = appendBuf(dst, b)
	}
	return dst
}

func appendBuf(dst, b []byte) []byte {
	dst = append(dst, b...)
	if r := len(b) % align; r != 0 {
		dst = append(dst, make([]byte, align-r)...)
	}
	return dst
}

// Next implements chunk.Reader. The batch lives in the reader's buffer.
func (r *reader) Next() (*chunk.Batch, error) {
	if r.i >= len(r.frames) {
		return nil, io.EOF
	}
	fr := r.frames[r.i]
	r.i++
	if r.buf == nil || cap(*r.buf) < fr.bytes+64 {
		if err := r.Close(); err != nil {
			return nil, err
		}
		r.buf = r.f.dir.buf(fr.bytes + 64)
	}
	buf := (*r.buf)[:fr.bytes]
	if _, err := r.f.f.ReadAt(buf, fr.at); err != nil {
		return nil, fmt.Errorf("spill: reading %d bytes at %d of %s: %w", fr.bytes, fr.at, r.f.f.Name(), err)
	}
	body := buf[header:]
	if string(buf[:4]) != magic || binary.LittleEndian.Uint64(buf[8:]) != uint64(len(body)) ||
		binary.LittleEndian.Uint64(buf[16:]) != xxh3.Hash(body) {
		return nil, fmt.Errorf("spill: the frame at %d of %s does not match its checksum: the disk or its memory is faulty", fr.at, r.f.f.Name())
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
	if d[0] != 0 {
		v.Valid = chunk.Slice[uint64](take(chunk.Words(n)*8), chunk.Words(n))
	}
	switch {
	case t.Kind == dtype.Null:
	case d[1] != 0:
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
