// Package data moves blocks between processes. A ticket asks for ranges of runs of
// blocks; the answer is a stream of frames:
//
//	dict    text values, once for each dictionary the batches after it use
//	table   rows that short batches after it refer to, for readers that take them
//	batch   rows of one run of one block, their buffers in Arrow's layout
//	end     of a block: its runs, rows and frames, which must be what was received
//	fin     of the stream: without it the stream was cut
//	wait    it is not yet the turn of the reader, see room.go
//	failed  why a block does not come, in place of all that would follow
//
// A frame is a head and a part of a body of buffers. A body goes on in frames of the kind
// more after each part, which has at most partBytes: so what is sent is still in the caches
// of the processors when it was checked, and it is received where it stays. Over a slow
// link a part is packed, if a sample says that it comes sooner so; such a part has
// partBytes, but for the last one, and is not unpacked to more. Codes of dictionaries are the last of a body, and begin
// a part: a reader may keep the rest and not them. The head carries the xxh3 of
// itself and of its part of the body, as that travels. Nothing of a frame is looked at before that is right, and no
// length in it is believed.
//
// Workers and clients of weft have connections of their own for that (see conn.go), on which
// a part goes from the memory of one to the memory of the other with no copy but the
// system's; within a machine large bodies are not sent at all, but read where they lie (see near.go).
// Large buffers of blocks have checksums that stay with them (chunk.Sums), and go with them either way.
// Programs of others read blocks by Arrow Flight (DoGet), at the same port: see
// stream.go.
package data

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// Limits of the data plane.
const (
	MaxMessage = 64 << 20        // bytes of a message to Flight clients of other programs
	maxBody    = 64<<20 + 64<<10 // bytes of a batch, all parts together: a block of 64 MiB is not cut
	partBytes  = 256 << 10       // of a body in one frame
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
	kindMore  // of the body of the frame before
	kindWait  // it is not yet the turn of the reader
	kindAsk   // the ticket
	kindFail  // the stream ends here; the part says why
	kindGive  // the ticket of a block that comes the other way
	kindNear  // where the sender lies in the memory of the machine, see near.go
	kindTake  // the sender waits for word that all bodies that lay there were taken
	kindTaken // the reader has them
	kindTable // what the short batches after it refer to, see short.go
)

const (
	magic    = 0x33646677 // "wfd3"
	headSize = 64
)

// A head is the fixed part of a frame.
type head struct {
	kind  byte
	align byte   // batch, dict: what the parts of the body are filled up to
	pack  byte   // how the part of the body is packed, or that it lies elsewhere
	short byte   // batch: 1: it is one, of the table that came last
	ref   uint32 // position in the ticket
	run   uint32 // batch: the run; end: runs; fail: see cause
	rows  uint64 // of the frame; end: of the block
	seq   uint64 // batch: its Seq; dict: its number; end: frames; more: bytes before
	body  uint32 // bytes of all parts
	codes uint32 // batch: bytes of codes and of numbers of rows of a table, with which the body ends
	part  uint32 // bytes of this part as it travels, on a connection
	sum   uint64 // of them
}

// noBytes is the checksum of nothing.
var noBytes = xxh3.Hash(nil)

// over has h speak of one part that travels as it is.
func (h *head) over(part []byte) *head {
	h.part, h.sum = uint32(len(part)), xxh3.Hash(part)
	return h
}

// append encodes h, with the checksum over it.
func (h *head) append(dst []byte) []byte {
	at := len(dst)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, magic)
	dst = append(dst, h.kind, h.align, h.pack, h.short)
	dst = le.AppendUint32(dst, h.ref)
	dst = le.AppendUint32(dst, h.run)
	dst = le.AppendUint64(dst, h.rows)
	dst = le.AppendUint64(dst, h.seq)
	dst = le.AppendUint32(dst, h.body)
	dst = le.AppendUint32(dst, h.part)
	dst = le.AppendUint64(dst, uint64(h.codes))
	dst = le.AppendUint64(dst, xxh3.Hash(dst[at:]))
	return le.AppendUint64(dst, h.sum)
}

// peek decodes a head and checks it, not the body.
func (h *head) peek(b []byte) error {
	if len(b) != headSize {
		return corrupt("a head of %d bytes, want %d", len(b), headSize)
	}
	le := binary.LittleEndian
	if le.Uint32(b) != magic || le.Uint64(b[48:]) != xxh3.Hash(b[:48]) {
		return corrupt("the head does not match its checksum")
	}
	h.kind, h.align, h.pack, h.short, h.ref, h.run = b[4], b[5], b[6], b[7], le.Uint32(b[8:]), le.Uint32(b[12:])
	h.rows, h.seq, h.body = le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint32(b[32:])
	h.part, h.codes, h.sum = le.Uint32(b[36:]), le.Uint32(b[40:]), le.Uint64(b[56:])
	if h.pack >= packs && h.pack != lies {
		return corrupt("a part that is packed in way %d", h.pack)
	}
	if h.short > 1 || h.short > 0 && h.kind != kindBatch && h.kind != kindMore {
		return corrupt("a frame of kind %d that is short in way %d", h.kind, h.short)
	}
	if h.rows > 1<<31-1 && h.kind != kindEnd {
		return corrupt("a frame of %d rows", h.rows)
	}
	if h.codes > h.body || h.codes > 0 && h.kind != kindBatch && h.kind != kindMore {
		return corrupt("%d bytes of codes in a body of %d, in a frame of kind %d", h.codes, h.body, h.kind)
	}
	return nil
}

// check compares a part of the body with its checksum.
func (h *head) check(part []byte) error {
	if h.sum != xxh3.Hash(part) {
		return corrupt("%d bytes do not match their checksum", len(part))
	}
	return nil
}

// aligned is what the buffers of b are filled up to: large ones to what kernels like
// best, where that adds little.
func aligned(b *chunk.Batch) int {
	if b.Bytes() >= 64<<10 {
		return 64
	}
	return 8
}

// bodySize is how many bytes the body of b has.
func bodySize(b *chunk.Batch, align int) int {
	n, _ := b.Written(align)
	return n
}

// A body is where the buffers of a batch or a dictionary are that comes.
type body struct {
	rest  []byte // all but
	codes []byte
}

// split takes apart a body that lies together; peek has looked at the lengths.
func (h *head) split(b []byte) body {
	n := len(b) - int(h.codes)
	return body{b[:n:n], b[n:]}
}

// size is how many bytes the body has.
func (b *body) size() int { return len(b.rest) + len(b.codes) }

// from is what follows the first n bytes and lies together.
func (b *body) from(n int) []byte {
	if n < len(b.rest) {
		return b.rest[n:]
	}
	return b.codes[n-len(b.rest):]
}

// The dictionaries of a stream are known to both ends, until before the next one there are too many of them or too many bytes: then both
// forget them all, and what is used again is sent again. So what a reader has of them is bounded, however long the stream is.
const (
	mostDicts = 1 << 16
	dictBytes = 128 << 20
)

// A lexicon counts the dictionaries of a stream. Both ends count the same.
type lexicon struct {
	n, bytes int
	fresh    int // of them since the last batch
}

// full reports whether all are to be forgotten before another one comes: never between those that a batch needs.
func (l *lexicon) full() bool { return l.fresh == 0 && (l.n >= mostDicts/2 || l.bytes > dictBytes) }

// add counts a dictionary with a body of so many bytes.
func (l *lexicon) add(body int) { l.n, l.bytes, l.fresh = l.n+1, l.bytes+body, l.fresh+1 }

// A decoder turns bodies into batches that borrow them.
type decoder struct {
	dicts map[uint64]*chunk.Dict
	batch chunk.Batch
}

// dict takes a dictionary for the batches that come.
func (d *decoder) dict(h *head, from body) error {
	c := bodyReader{body: from, align: uint64(h.align)}
	v := c.vec(d, dtype.Of(dtype.Utf8), h.rows)
	switch {
	case c.err != nil:
		return c.err
	case v.Valid != nil || v.Dict != nil || c.size() > 0 || v.N == 0:
		return corrupt("a dictionary of %d values that is no plain text", v.N)
	case len(d.dicts) >= mostDicts:
		return corrupt("more than %d dictionaries", len(d.dicts))
	}
	v.Off, v.Str = append([]int32(nil), v.Off...), append(make([]byte, 0, len(v.Str)+64), v.Str...)
	if d.dicts == nil {
		d.dicts = map[uint64]*chunk.Dict{}
	}
	d.dicts[h.seq] = sent(v)
	return nil
}

// sent makes a dictionary that came with blocks. It is not large beside them: who stored
// them has looked.
func sent(values chunk.Vec) *chunk.Dict {
	d := chunk.NewDict(values)
	d.Whole = true
	return d
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
		x = sent(v)
		d.dicts[n] = x
	}
	return x
}

// rows decodes a batch of schema; it is good until the next call or as long as body.
func (d *decoder) rows(h *head, schema dtype.Schema, from body) (*chunk.Batch, error) {
	c := bodyReader{body: from, align: uint64(h.align)}
	d.batch = chunk.Batch{Cols: d.batch.Cols[:0], N: int(h.rows), Seq: h.seq}
	for i, f := range schema {
		c.last = h.short > 0 && i == len(schema)-1
		d.batch.Cols = append(d.batch.Cols, c.vec(d, f.Type, h.rows))
		if c.err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, c.err)
		}
	}
	if n := c.size(); n > 0 {
		return nil, corrupt("%d bytes after the last of %d columns", n, len(schema))
	}
	return &d.batch, nil
}

// A bodyReader has what is left of a body.
type bodyReader struct {
	body
	align uint64
	last  bool // what comes is numbers of rows of a table
	holes bool // columns may be missing
	err   error
}

// take cuts off n bytes and what fills them up.
func (c *bodyReader) take(n uint64) []byte { return c.cut(&c.rest, n) }

func (c *bodyReader) cut(from *[]byte, n uint64) []byte {
	if c.err == nil && c.align != 8 && c.align != 64 {
		c.err = corrupt("buffers are filled up to %d bytes, want 8 or 64", c.align)
	}
	full := (n + c.align - 1) &^ (c.align - 1)
	if c.err == nil && (n > maxBody || full > uint64(len(*from))) {
		c.err = corrupt("a buffer of %d bytes, %d are left", n, len(*from))
	}
	if c.err != nil {
		return nil
	}
	x := (*from)[:n:full]
	*from = (*from)[full:]
	return x
}

// vec decodes a vector and checks that reading any value of it stays within it.
func (c *bodyReader) vec(d *decoder, t dtype.Type, rows uint64) chunk.Vec {
	v := chunk.Vec{Type: t, N: int(rows)}
	desc := c.take(16)
	if rows > maxBody*8 && t.Kind != dtype.Null { // more than there are bits
		c.fail("%d rows in a body of at most %d bytes", rows, maxBody)
	}
	if c.err != nil {
		return v
	}
	if c.holes && desc[0]&chunk.HasNothing != 0 {
		v.Type = dtype.Of(dtype.Null)
		return v
	}
	words := uint64(chunk.Words(int(rows)))
	if desc[0]&chunk.HasValid != 0 {
		v.Valid = view[uint64](c.take(words*8), int(words))
	}
	n := binary.LittleEndian.Uint64(desc[8:])
	switch {
	case c.err != nil || t.Kind == dtype.Null:
	case desc[0]&chunk.HasDict != 0:
		v.Data = c.cut(&c.codes, rows*4)
		if v.Dict = d.dictOf(n, t); v.Dict == nil {
			c.fail("dictionary %d was not sent, or the values of the column have a fixed width", n)
			return v
		}
		c.known(&v)
	case t.Kind.IsVar():
		v.Off = []int32{0}
		if rows > 0 {
			v.Off = view[int32](c.take((rows+1)*4), int(rows)+1)
			v.Str = c.take(n)
			c.offsets(&v)
		}
	case t.Kind == dtype.Bool:
		v.Data = c.take(words * 8)
	case c.last:
		v.Data = c.cut(&c.codes, rows*4)
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

// known looks whether the dictionary has all codes.
func (c *bodyReader) known(v *chunk.Vec) {
	if c.err != nil {
		return
	}
	if r := kernel.MinMax(chunk.Values[uint32](v), nil); v.N > 0 && int(r.Max) >= v.Dict.Values.N {
		c.fail("code %d in a dictionary of %d values", r.Max, v.Dict.Values.N)
	}
}

// offsets moves the offsets to the beginning of the text.
func (c *bodyReader) offsets(v *chunk.Vec) {
	if c.err != nil {
		return
	}
	base := v.Off[0]
	last, falls := int64(base), int64(0)
	for _, o := range v.Off {
		falls |= int64(o) - last // negative from then on
		last = int64(o)
	}
	if falls < 0 {
		for i, o := range v.Off[1:] {
			if o < v.Off[i] {
				c.fail("offset %d of value %d is below the one before", o, i+1)
				return
			}
		}
	}
	if base != 0 {
		for i := range v.Off {
			v.Off[i] -= base
		}
	}
	if last-int64(base) != int64(len(v.Str)) {
		c.fail("offsets end at %d of %d bytes of text", last-int64(base), len(v.Str))
	}
}

// view is chunk.Slice of bytes that may be nil after an error.
func view[T chunk.Fixed](b []byte, n int) []T {
	if len(b) == 0 {
		return nil
	}
	return chunk.Slice[T](b, n)
}
