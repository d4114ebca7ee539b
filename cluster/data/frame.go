// Package data moves blocks between processes by Arrow Flight (DoGet). A ticket
// asks for ranges of runs of blocks; the answer is a stream of frames:
//
//	dict    text values, once for each dictionary the batches after it use
//	batch   rows of one run of one block, their buffers in Arrow's layout
//	end     of a block: its runs, rows and frames, which must be what was received
//	fin     of the stream: without it the stream was cut
//
// A frame is a FlightData message: a head in app_metadata, buffers in data_body.
// The head carries the xxh3 of itself and the body. Nothing of a frame is looked at
// before that is right, and no length in it is believed.
package data

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// Limits of the data plane.
const (
	MaxMessage = 64 << 20 // bytes of a message
	maxBody    = MaxMessage - 1<<10
	maxRuns    = 1 << 20
)

// ErrCorrupt marks bytes that are not what was sent, and streams that were cut.
var ErrCorrupt = errors.New("data: corrupt frame")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

const (
	kindDict = iota + 1
	kindBatch
	kindEnd
	kindFin
)

const (
	magic    = 0x31646677 // "wfd1"
	headSize = 56
)

// A head is the fixed part of a frame.
type head struct {
	kind byte
	ref  uint32 // position in the ticket
	run  uint32 // batch: the run; end: runs
	rows uint64 // of the frame; end: of the block
	seq  uint64 // batch: its Seq; dict: its number; end: frames
	body uint64 // bytes
}

// append encodes h, with the checksum over it and body.
func (h *head) append(dst, body []byte) []byte {
	at := len(dst)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, magic)
	dst = append(dst, h.kind, 0, 0, 0)
	dst = le.AppendUint32(dst, h.ref)
	dst = le.AppendUint32(dst, h.run)
	dst = le.AppendUint64(dst, h.rows)
	dst = le.AppendUint64(dst, h.seq)
	dst = le.AppendUint64(dst, uint64(len(body)))
	dst = le.AppendUint64(dst, xxh3.Hash(dst[at:]))
	return le.AppendUint64(dst, xxh3.Hash(body))
}

// peek decodes a head and checks it, not the body.
func (h *head) peek(b []byte) error {
	if len(b) != headSize {
		return corrupt("a head of %d bytes, want %d", len(b), headSize)
	}
	le := binary.LittleEndian
	if le.Uint32(b) != magic || le.Uint64(b[40:]) != xxh3.Hash(b[:40]) {
		return corrupt("the head does not match its checksum")
	}
	h.kind, h.ref, h.run = b[4], le.Uint32(b[8:]), le.Uint32(b[12:])
	h.rows, h.seq, h.body = le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:])
	if h.rows > 1<<31-1 && h.kind != kindEnd {
		return corrupt("a frame of %d rows", h.rows)
	}
	return nil
}

// parse decodes and checks a frame.
func (h *head) parse(b, body []byte) error {
	if err := h.peek(b); err != nil {
		return err
	}
	if h.body != uint64(len(body)) || binary.LittleEndian.Uint64(b[48:]) != xxh3.Hash(body) {
		return corrupt("%d bytes do not match their checksum", len(body))
	}
	return nil
}

const (
	hasValid = 1 << iota
	hasDict
)

// bodySize is the most bytes that the body of b may have.
func bodySize(b *chunk.Batch) int { return int(b.Bytes()) + len(b.Cols)*(16+4*8) + 64 }

// appendBody encodes the vectors of a batch: for each 16 bytes (what there is; the
// number of its dictionary or the bytes of its text), then its buffers, each filled
// up to a multiple of 8 bytes.
func appendBody(dst []byte, b *chunk.Batch) []byte {
	for i := range b.Cols {
		dst = appendVec(dst, &b.Cols[i])
	}
	return dst
}

func appendVec(dst []byte, v *chunk.Vec) []byte {
	var d [16]byte
	bufs := v.Buffers()
	if v.Valid != nil {
		d[0] |= hasValid
	}
	if v.Dict != nil {
		d[0] |= hasDict
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
	if r := len(b) % 8; r != 0 {
		dst = append(dst, make([]byte, 8-r)...)
	}
	return dst
}

// A decoder turns bodies into batches that borrow them.
type decoder struct {
	dicts map[uint64]*chunk.Dict
	batch chunk.Batch
}

// dict takes a dictionary for the batches that come.
func (d *decoder) dict(h *head, body []byte) error {
	c := bodyReader{b: body}
	v := c.vec(d, dtype.Of(dtype.Utf8), h.rows)
	switch {
	case c.err != nil:
		return c.err
	case v.Valid != nil || v.Dict != nil || len(c.b) > 0 || v.N == 0:
		return corrupt("a dictionary of %d values that is no plain text", v.N)
	case len(d.dicts) >= 1<<16:
		return corrupt("more than %d dictionaries in one stream", len(d.dicts))
	}
	v.Off, v.Str = append([]int32(nil), v.Off...), append(make([]byte, 0, len(v.Str)+64), v.Str...)
	if d.dicts == nil {
		d.dicts = map[uint64]*chunk.Dict{}
	}
	d.dicts[h.seq] = chunk.NewDict(v)
	return nil
}

// dictOf returns dictionary n for a column of type t. Dictionaries come as text, and
// binary, lists and structs lie in memory like it.
func (d *decoder) dictOf(n uint64, t dtype.Type) *chunk.Dict {
	x := d.dicts[n]
	if x == nil || !t.Kind.IsVar() {
		return nil
	}
	if x.Values.Type != t {
		v := x.Values
		v.Type = t
		x = chunk.NewDict(v)
		d.dicts[n] = x
	}
	return x
}

// rows decodes a batch of schema; it is good until the next call or as long as body.
func (d *decoder) rows(h *head, schema dtype.Schema, body []byte) (*chunk.Batch, error) {
	c := bodyReader{b: body}
	d.batch = chunk.Batch{Cols: d.batch.Cols[:0], N: int(h.rows), Seq: h.seq}
	for _, f := range schema {
		d.batch.Cols = append(d.batch.Cols, c.vec(d, f.Type, h.rows))
		if c.err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, c.err)
		}
	}
	if len(c.b) > 0 {
		return nil, corrupt("%d bytes after the last of %d columns", len(c.b), len(schema))
	}
	return &d.batch, nil
}

type bodyReader struct {
	b   []byte
	err error
}

// take cuts off n bytes and what fills them up to 8.
func (c *bodyReader) take(n uint64) []byte {
	full := (n + 7) / 8 * 8
	if c.err == nil && (n > maxBody || full > uint64(len(c.b))) {
		c.err = corrupt("a buffer of %d bytes, %d are left", n, len(c.b))
	}
	if c.err != nil {
		return nil
	}
	x := c.b[:n:full]
	c.b = c.b[full:]
	return x
}

// vec decodes a vector and checks that reading any value of it stays within it.
func (c *bodyReader) vec(d *decoder, t dtype.Type, rows uint64) chunk.Vec {
	v := chunk.Vec{Type: t, N: int(rows)}
	desc := c.take(16)
	if c.err != nil || rows > maxBody*8 {
		return v
	}
	words := uint64(chunk.Words(int(rows)))
	if desc[0]&hasValid != 0 {
		v.Valid = view[uint64](c.take(words*8), int(words))
	}
	n := binary.LittleEndian.Uint64(desc[8:])
	switch {
	case c.err != nil || t.Kind == dtype.Null:
	case desc[0]&hasDict != 0:
		v.Data = c.take(rows * 4)
		if v.Dict = d.dictOf(n, t); v.Dict == nil {
			c.fail("dictionary %d was not sent, or the values of the column have a fixed width", n)
			return v
		}
		c.codes(&v)
	case t.Kind.IsVar():
		v.Off = []int32{0}
		if rows > 0 {
			v.Off = view[int32](c.take((rows+1)*4), int(rows)+1)
			v.Str = c.take(n)
			c.offsets(&v)
		}
	case t.Kind == dtype.Bool:
		v.Data = c.take(words * 8)
	default:
		v.Data = c.take(rows * uint64(t.Width()))
	}
	return v
}

func (c *bodyReader) fail(format string, args ...any) {
	if c.err == nil {
		c.err = corrupt(format, args...)
	}
}

func (c *bodyReader) codes(v *chunk.Vec) {
	if c.err != nil {
		return
	}
	top := uint32(0)
	for _, x := range chunk.Values[uint32](v) {
		top = max(top, x)
	}
	if v.N > 0 && int(top) >= v.Dict.Values.N {
		c.fail("code %d in a dictionary of %d values", top, v.Dict.Values.N)
	}
}

// offsets moves the offsets to the beginning of the text.
func (c *bodyReader) offsets(v *chunk.Vec) {
	if c.err != nil {
		return
	}
	base, last := v.Off[0], v.Off[0]
	for i, o := range v.Off {
		if o < last {
			c.fail("offset %d of value %d is below the one before", o, i)
			return
		}
		last = o
		v.Off[i] = o - base
	}
	if int64(last)-int64(base) != int64(len(v.Str)) {
		c.fail("offsets end at %d of %d bytes of text", int64(last)-int64(base), len(v.Str))
	}
}

// view is chunk.Slice of bytes that may be nil after an error.
func view[T chunk.Fixed](b []byte, n int) []T {
	if len(b) == 0 {
		return nil
	}
	return chunk.Slice[T](b, n)
}
