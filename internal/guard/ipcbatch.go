package guard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/pierrec/lz4/v4"
)

// maxSlots bounds array lengths, so that sizes in bits do not overflow. Arrays without buffers (null, run
// ends) may be long without being large.
const maxSlots = 1 << 40

// batch lays out the arrays of one RecordBatch table over its body.
type batch struct {
	body    []byte
	nodes   []byte // 16 bytes each: length, null count
	bufs    []byte // 16 bytes each: offset, length
	views   []byte // 8 bytes each: number of data buffers of a view column
	version int16
	codec   int64 // codecNone, codecZstd, or codecLZ4 for LZ4 frames
	left    int64 // bytes that decompression may still make
	rows    int64
	dicts   *dictStore
}

func newBatch(t flatTable, body []byte, version int16, lim Limits, dicts *dictStore) (*batch, error) {
	b := &batch{body: body, nodes: t.vec(1, 16), bufs: t.vec(2, 16), views: t.vec(4, 8), version: version,
		codec: codecNone, left: lim.Body, rows: t.i64(0, 0), dicts: dicts}
	if c, ok := t.sub(3); ok {
		switch c.byte(0) {
		case 0:
			b.codec = codecLZ4
		case 1:
			b.codec = codecZstd
		default:
			return nil, unsupported("body compression %d", c.byte(0))
		}
		if c.byte(1) != 0 {
			return nil, unsupported("body compression method %d", c.byte(1))
		}
	}
	if t.f.err != nil {
		return nil, t.f.err
	}
	if b.rows < 0 || b.rows > maxSlots {
		return nil, corrupt("a batch of %d rows", b.rows)
	}
	return b, nil
}

func (b *batch) node() (n, nulls int, err error) {
	if len(b.nodes) < 16 {
		return 0, 0, corrupt("the batch has fewer nodes than its schema")
	}
	l, k := int64(binary.LittleEndian.Uint64(b.nodes)), int64(binary.LittleEndian.Uint64(b.nodes[8:]))
	b.nodes = b.nodes[16:]
	if l < 0 || l > maxSlots || k < 0 || k > l {
		return 0, 0, corrupt("an array of %d slots with %d nulls", l, k)
	}
	return int(l), int(k), nil
}

// buffer gives the next buffer of the body, decompressed. Buffers that are not on an 8-byte boundary are
// copied, because their numbers are read in place.
func (b *batch) buffer() (*memory.Buffer, error) {
	if len(b.bufs) < 16 {
		return nil, corrupt("the batch has fewer buffers than its schema")
	}
	off, n := int64(binary.LittleEndian.Uint64(b.bufs)), int64(binary.LittleEndian.Uint64(b.bufs[8:]))
	b.bufs = b.bufs[16:]
	if off < 0 || n < 0 || off > int64(len(b.body)) || n > int64(len(b.body))-off {
		return nil, corrupt("a buffer of %d bytes at %d in a body of %d", n, off, len(b.body))
	}
	raw := b.body[off : off+n : off+n]
	if n == 0 {
		return memory.NewBufferBytes(nil), nil
	}
	if b.codec != codecNone {
		out, err := b.inflate(raw)
		return memory.NewBufferBytes(out), err
	}
	if off%8 != 0 {
		if err := b.take(n); err != nil {
			return nil, err
		}
		raw = bytes.Clone(raw)
	}
	return memory.NewBufferBytes(raw), nil
}

// take books n bytes that are about to be allocated.
func (b *batch) take(n int64) error {
	if n > b.left {
		return overLimit("the buffers of a message need %d bytes, %d are left", n, b.left)
	}
	b.left -= n
	return nil
}

// inflate decompresses a buffer: its length, or -1 for bytes as they are, then a frame.
func (b *batch) inflate(raw []byte) ([]byte, error) {
	if len(raw) < 8 {
		return nil, corrupt("a compressed buffer of %d bytes", len(raw))
	}
	n := int64(binary.LittleEndian.Uint64(raw))
	raw = raw[8:]
	if n == -1 {
		return bytes.Clone(raw), nil
	}
	if n < 0 {
		return nil, corrupt("a compressed buffer says it holds %d bytes", n)
	}
	if err := b.take(n); err != nil {
		return nil, err
	}
	if b.codec == codecZstd {
		if err := plausible(codecZstd, raw, int(n)); err != nil {
			return nil, err
		}
		return decompress(codecZstd, make([]byte, n), raw, int(n))
	}
	out, err := readBounded(lz4.NewReader(bytes.NewReader(raw)), nil, int(n))
	if err == nil && int64(len(out)) != n {
		err = corrupt("LZ4 gave %d bytes, the buffer says %d", len(out), n)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: LZ4 frame: %w", ErrCorrupt, err)
	}
	return out, nil
}

// bodyBuffers is the number of buffers after the validity of a type, -1 for types that need their own code.
func bodyBuffers(t arrow.DataType) int {
	switch t.ID() {
	case arrow.NULL, arrow.STRUCT, arrow.FIXED_SIZE_LIST, arrow.RUN_END_ENCODED:
		return 0
	case arrow.STRING, arrow.BINARY, arrow.LARGE_STRING, arrow.LARGE_BINARY, arrow.LIST_VIEW, arrow.LARGE_LIST_VIEW, arrow.DENSE_UNION:
		return 2
	case arrow.STRING_VIEW, arrow.BINARY_VIEW:
		return -1
	}
	return 1
}

// load lays out one field and validates it before it becomes an array.
func (b *batch) load(p *plan) (arrow.ArrayData, error) {
	n, nulls, err := b.node()
	if err != nil {
		return nil, err
	}
	var bufs []*memory.Buffer
	if p.typ.ID() != arrow.NULL && p.typ.ID() != arrow.RUN_END_ENCODED {
		var v *memory.Buffer
		if v, nulls, err = b.validity(p.typ, n, nulls); err != nil {
			return nil, err
		}
		bufs = append(bufs, v)
	}
	more := bodyBuffers(p.typ)
	if more < 0 {
		if more, err = b.variadic(); err != nil {
			return nil, err
		}
	}
	for i := 0; i < more; i++ {
		buf, err := b.buffer()
		if err != nil {
			return nil, err
		}
		bufs = append(bufs, buf)
	}
	if p.narrow > 0 {
		if bufs[1], err = b.widened(bufs[1].Bytes(), n, p.narrow); err != nil {
			return nil, err
		}
	}
	var kids []arrow.ArrayData
	for i, kp := range p.kids {
		kid, err := b.load(kp)
		if err != nil {
			return nil, fmt.Errorf("child %d: %w", i, err)
		}
		kids = append(kids, kid)
	}
	if p.typ.ID() == arrow.NULL {
		nulls = n
	}
	return b.finish(p, n, nulls, bufs, kids)
}

func (b *batch) finish(p *plan, n, nulls int, bufs []*memory.Buffer, kids []arrow.ArrayData) (arrow.ArrayData, error) {
	bufs = fillEmpty(p.typ, n, bufs)
	if p.typ.ID() == arrow.RUN_END_ENCODED {
		bufs, nulls = []*memory.Buffer{nil}, 0
	}
	var data arrow.ArrayData
	if p.dict {
		dict, err := b.dicts.get(p.dictID)
		if err != nil {
			return nil, err
		}
		data = array.NewDataWithDictionary(p.full, n, bufs, nulls, 0, dict)
	} else {
		data = array.NewData(p.full, n, bufs, kids, nulls, 0)
	}
	return data, nil
}

// widened makes n decimals of 16 bytes of narrower ones.
func (b *batch) widened(in []byte, n, width int) (*memory.Buffer, error) {
	if len(in) < n*width {
		return nil, corrupt("%d decimals of %d bytes in %d", n, width, len(in))
	}
	if err := b.take(16 * int64(n)); err != nil {
		return nil, err
	}
	out := make([]byte, 16*n)
	for i := range n {
		x := int64(int32(binary.LittleEndian.Uint32(in[width*i:])))
		if width == 8 {
			x = int64(binary.LittleEndian.Uint64(in[width*i:]))
		}
		binary.LittleEndian.PutUint64(out[16*i:], uint64(x))
		binary.LittleEndian.PutUint64(out[16*i+8:], uint64(x>>63))
	}
	return memory.NewBufferBytes(out), nil
}

// fillEmpty gives empty arrays the one zero offset that writers may leave out and Arrow's arrays index. Others write one
// there from the middle of what they have cut the array from.
func fillEmpty(t arrow.DataType, n int, bufs []*memory.Buffer) []*memory.Buffer {
	switch t.ID() {
	case arrow.STRING, arrow.BINARY, arrow.LIST, arrow.MAP, arrow.LARGE_STRING, arrow.LARGE_BINARY, arrow.LARGE_LIST:
		if n == 0 {
			bufs[1] = memory.NewBufferBytes(make([]byte, 8))
		}
	}
	return bufs
}

// validity reads the validity bitmap and counts it: a null count that is not true makes later code skip or
// read what it must not.
func (b *batch) validity(t arrow.DataType, n, nulls int) (*memory.Buffer, int, error) {
	const v5 = 4
	if !hasValidity(t) {
		if b.version >= v5 {
			return nil, 0, nil
		}
		buf, err := b.buffer() // unions had a bitmap before format 1.0
		if err == nil && nulls != 0 && buf.Len() > 0 {
			err = unsupported("a union of format 0.x with nulls of its own")
		}
		return nil, 0, err
	}
	buf, err := b.buffer()
	if err != nil || nulls == 0 {
		return nil, 0, err
	}
	if buf.Len() < (n+7)/8 {
		return nil, 0, corrupt("%d validity bytes for %d slots", buf.Len(), n)
	}
	if got := n - bitutil.CountSetBits(buf.Bytes(), 0, n); got != nulls {
		return nil, 0, corrupt("%d nulls by the bitmap, %d by the node", got, nulls)
	}
	return buf, nulls, nil
}

// variadic is the number of buffers of a view column: views, then data.
func (b *batch) variadic() (int, error) {
	if len(b.views) < 8 {
		return 0, corrupt("the batch has no buffer count for a view column")
	}
	k := int64(binary.LittleEndian.Uint64(b.views))
	b.views = b.views[8:]
	if k < 0 || k > int64(len(b.bufs)/16) {
		return 0, corrupt("a view column of %d buffers, the batch has %d more", k, len(b.bufs)/16)
	}
	return int(k) + 1, nil
}

// array loads one field and checks all of it.
func (b *batch) array(p *plan) (arrow.Array, error) {
	data, err := b.load(p)
	if err != nil {
		return nil, err
	}
	if err := ValidateData(data); err != nil {
		return nil, err
	}
	var a arrow.Array
	err = caught("making the array", func() error { a = array.MakeFromData(data); return nil })
	return a, err
}

// dictStore holds the dictionaries of a reader. Deltas are joined when the dictionary is next used.
type dictStore struct {
	plans map[int64]*plan
	parts map[int64][]arrow.Array
}

func newDictStore(plans map[int64]*plan) *dictStore {
	return &dictStore{plans: plans, parts: map[int64][]arrow.Array{}}
}

func (s *dictStore) get(id int64) (*array.Data, error) {
	parts := s.parts[id]
	if len(parts) == 0 {
		return nil, corrupt("dictionary %d is used before it is there", id)
	}
	if len(parts) > 1 {
		var all arrow.Array
		err := caught("joining dictionaries", func() (err error) {
			all, err = array.Concatenate(parts, memory.DefaultAllocator)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("dictionary %d: %w", id, err)
		}
		parts = []arrow.Array{all}
		s.parts[id] = parts
	}
	return parts[0].Data().(*array.Data), nil
}

// add loads a DictionaryBatch.
func (s *dictStore) add(t flatTable, body []byte, version int16, lim Limits) error {
	id, delta := t.i64(0, 0), t.bool(2)
	data, ok := t.sub(1)
	if !ok {
		return corrupt("a dictionary batch without data")
	}
	p := s.plans[id]
	if p == nil {
		return corrupt("dictionary %d is not in the schema", id)
	}
	b, err := newBatch(data, body, version, lim, s)
	if err != nil {
		return fmt.Errorf("dictionary %d: %w", id, err)
	}
	a, err := b.array(p)
	if err != nil {
		return fmt.Errorf("dictionary %d: %w", id, err)
	}
	if int64(a.Len()) != b.rows {
		return corrupt("dictionary %d has %d values, its batch says %d", id, a.Len(), b.rows)
	}
	if !delta {
		s.parts[id] = nil
	}
	s.parts[id] = append(s.parts[id], a)
	return nil
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
