package join

import (
	"math/bits"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// maxRows is the most rows of an output batch, and textBudget the most bytes of
// one text column in it.
const (
	maxRows    = 16 << 10
	textBudget = 4 << 20
)

// An emitter gathers output batches from pairs (probe row, build row). Its
// batches live until the next one.
type emitter struct {
	cols  []outCol
	build []*column // by output column; nil for probe columns
	rows  *rows
	outer bool // build ids may be none

	out    chunk.Batch
	bufs   []colBuf
	ids    []uint32 // build ids without none
	safe   []uint32 // scratch of ids
	hit    []uint64 // rows that have a build row
	seq    uint64
	sub    uint32
	begun  bool
	lifted bool // some id of this batch is none
	text   bool // a probe column may be plain text
}

// An outCol says where an output column comes from.
type outCol struct {
	build bool
	at    int
	typ   dtype.Type
}

// A colBuf is the scratch of one output column.
type colBuf struct {
	data  []uint64
	valid []uint64
	off   []int32
	str   []byte
}

func newEmitter(cols []outCol, t *table, outer bool) *emitter {
	e := &emitter{cols: cols, rows: &t.rows, outer: outer, build: make([]*column, len(cols)), bufs: make([]colBuf, len(cols))}
	e.out.Cols = make([]chunk.Vec, len(cols))
	for i, c := range cols {
		if c.build {
			e.build[i] = t.rows.columnOf(c.at, c.typ)
		}
		e.text = e.text || c.typ.Kind.IsVar() && !c.build
	}
	return e
}

// number gives the next output batch of m its place: batches of one morsel, or of
// several with the same Seq, count Sub up.
func (e *emitter) number(m *chunk.Batch) {
	if !e.begun || m.Seq != e.seq {
		e.seq, e.sub, e.begun = m.Seq, 0, true
	} else {
		e.sub++
	}
	e.out.Seq, e.out.Sub = e.seq, e.sub
}

// emit pushes the pairs (left[i], ids[i]). A nil left stands for all rows of m in
// order; ids is nil when no build column is wanted.
func (e *emitter) emit(m *chunk.Batch, left, ids []uint32, out op.Sink) error {
	n := len(left)
	if left == nil {
		n = m.N
	}
	if n == 0 {
		return nil
	}
	if n > 1 && (left != nil || ids != nil) && e.heavy(m, left, ids) {
		if left == nil {
			left = make([]uint32, n)
			for i := range left {
				left[i] = uint32(i)
			}
		}
		if err := e.emit(m, left[:n/2], head(ids, n/2), out); err != nil {
			return err
		}
		return e.emit(m, left[n/2:], tail(ids, n/2), out)
	}
	e.liftMisses(ids)
	for i, c := range e.cols {
		switch {
		case c.build:
			e.gatherBuild(i, ids)
		case left == nil:
			e.out.Cols[i] = m.Cols[c.at]
		default:
			e.gatherProbe(i, &m.Cols[c.at], left)
		}
	}
	e.out.N = n
	e.number(m)
	return out.Push(&e.out)
}

// masked pushes the n rows of m that are set in mask; no probe column is plain
// text.
func (e *emitter) masked(m *chunk.Batch, mask []uint64, n int, ids []uint32, out op.Sink) error {
	if n == 0 {
		return nil
	}
	if ids != nil && n > 1 && e.heavy(m, nil, ids) {
		left := make([]uint32, n+64)
		kernel.MaskToIndex(mask, m.N, left)
		return e.emit(m, left[:n], ids, out)
	}
	e.liftMisses(ids)
	for i, c := range e.cols {
		if c.build {
			e.gatherBuild(i, ids)
		} else {
			e.compressProbe(i, &m.Cols[c.at], mask, n)
		}
	}
	e.out.N = n
	e.number(m)
	return out.Push(&e.out)
}

// compressProbe fills output column i from the rows of v in mask.
func (e *emitter) compressProbe(i int, v *chunk.Vec, mask []uint64, n int) {
	b, o := &e.bufs[i], &e.out.Cols[i]
	*o = chunk.Vec{Type: v.Type, N: n, Dict: v.Dict}
	if v.Valid != nil {
		b.valid = room(b.valid, chunk.Words(n)+1)
		kernel.CompressBits(b.valid, v.Valid, mask, v.N)
		o.Valid = b.valid[:chunk.Words(n)]
	}
	switch w := v.Type.Width(); {
	case v.Type.Kind == dtype.Null:
	case v.Dict != nil, w == 4:
		compressOne[uint32](b, o, v, mask)
	case v.Type.Kind == dtype.Bool:
		b.data = room(b.data, chunk.Words(n)+1)
		kernel.CompressBits(b.data, v.Bits(), mask, v.N)
		o.Data = chunk.Bytes(b.data[:chunk.Words(n)])
	case w == 1:
		compressOne[uint8](b, o, v, mask)
	case w == 2:
		compressOne[uint16](b, o, v, mask)
	case w == 8:
		compressOne[uint64](b, o, v, mask)
	default:
		compressOne[[16]byte](b, o, v, mask)
	}
}

func compressOne[T element](b *colBuf, o *chunk.Vec, v *chunk.Vec, mask []uint64) {
	dst := scratch[T](b, o.N+64)
	kernel.Compress(dst, chunk.Values[T](v), mask)
	o.Data = chunk.Bytes(dst[:o.N])
}

func head(ids []uint32, n int) []uint32 {
	if ids == nil {
		return nil
	}
	return ids[:n]
}

func tail(ids []uint32, n int) []uint32 {
	if ids == nil {
		return nil
	}
	return ids[n:]
}

// heavy reports that a text column of the batch would be too long.
func (e *emitter) heavy(m *chunk.Batch, left, ids []uint32) bool {
	for i, c := range e.cols {
		if !c.typ.Kind.IsVar() {
			continue
		}
		n := int64(0)
		switch {
		case c.build && e.build[i].dict == nil:
			n = e.buildText(e.build[i], ids)
		case !c.build && m.Cols[c.at].Dict == nil && left != nil:
			off := m.Cols[c.at].Off
			for _, j := range left {
				n += int64(off[j+1] - off[j])
			}
		}
		if n > textBudget {
			return true
		}
	}
	return false
}

// buildText sums the text bytes of the given rows.
func (e *emitter) buildText(c *column, ids []uint32) (n int64) {
	mask := uint32(1)<<e.rows.shift - 1
	for _, id := range ids {
		if id != none {
			n += int64(len(c.text(id>>e.rows.shift, id&mask)))
		}
	}
	return n
}

// text returns the bytes of a text value without copying.
func (c *column) text(seg, row uint32) []byte {
	v := c.vecs[seg]
	if v.Dict != nil {
		row = chunk.Values[uint32](v)[row]
		v = &v.Dict.Values
	}
	return v.Str[v.Off[row]:v.Off[row+1]]
}

// liftMisses prepares ids for gathering: rows without a match are cleared in hit
// and point to row 0 in e.ids.
func (e *emitter) liftMisses(ids []uint32) {
	e.ids, e.lifted = ids, false
	if !e.outer || ids == nil {
		return
	}
	e.hit = room(e.hit, chunk.Words(len(ids)))
	misses := 0
	for w := range e.hit {
		part := ids[w<<6 : min(len(ids), w<<6+64)]
		b := uint64(0)
		for i, id := range part {
			b |= uint64(notNone(id)) << (uint(i) & 63)
		}
		e.hit[w] = b
		misses += len(part) - bits.OnesCount64(b)
	}
	if misses == 0 {
		return
	}
	e.lifted = true
	e.safe = room(e.safe, len(ids))
	for i, id := range ids {
		e.safe[i] = id & uint32(-notNone(id))
	}
	e.ids = e.safe
}

// gatherProbe fills output column i from the rows of v at left.
func (e *emitter) gatherProbe(i int, v *chunk.Vec, left []uint32) {
	b, o := &e.bufs[i], &e.out.Cols[i]
	n := len(left)
	*o = chunk.Vec{Type: v.Type, N: n, Dict: v.Dict}
	if v.Valid != nil {
		b.valid = room(b.valid, chunk.Words(n))
		kernel.GatherBits(b.valid, v.Valid, left)
		o.Valid = b.valid
	}
	switch {
	case v.Type.Kind == dtype.Null:
	case v.Dict != nil:
		take4(b, o, n, chunk.Values[uint32](v), left)
	case v.Type.Kind.IsVar():
		gatherText(b, o, v, left)
	case v.Type.Kind == dtype.Bool:
		b.data = room(b.data, chunk.Words(n))
		kernel.GatherBits(b.data, v.Bits(), left)
		o.Data = chunk.Bytes(b.data)
	default:
		gatherFixed(b, o, v, left)
	}
}

// scratch views the data buffer as n values of T.
func scratch[T chunk.Fixed](b *colBuf, n int) []T {
	var z T
	b.data = room(b.data, (n*int(unsafe.Sizeof(z))+7)/8)
	return chunk.Slice[T](chunk.Bytes(b.data), n)
}

func take4(b *colBuf, o *chunk.Vec, n int, src []uint32, left []uint32) {
	dst := scratch[uint32](b, n)
	kernel.Gather(dst, src, left)
	o.Data = chunk.Bytes(dst)
}

func gatherFixed(b *colBuf, o *chunk.Vec, v *chunk.Vec, left []uint32) {
	switch v.Type.Width() {
	case 1:
		gatherOne[uint8](b, o, v, left)
	case 2:
		gatherOne[uint16](b, o, v, left)
	case 4:
		gatherOne[uint32](b, o, v, left)
	case 8:
		gatherOne[uint64](b, o, v, left)
	default:
		gatherOne[[16]byte](b, o, v, left)
	}
}

type element interface {
	uint8 | uint16 | uint32 | uint64 | [16]byte
}

func gatherOne[T element](b *colBuf, o *chunk.Vec, v *chunk.Vec, left []uint32) {
	dst := scratch[T](b, len(left))
	kernel.Gather(dst, chunk.Values[T](v), left)
	o.Data = chunk.Bytes(dst)
}

// gatherText copies the text values of v at left; heavy has bounded their bytes.
func gatherText(b *colBuf, o *chunk.Vec, v *chunk.Vec, left []uint32) {
	total := 0
	for _, j := range left {
		total += int(v.Off[j+1] - v.Off[j])
	}
	b.off, b.str = room(b.off, len(left)+1), room(b.str, total+16)
	b.off[0] = 0
	at := 0
	for i, j := range left {
		at += copyText(b.str[at:], v.Str, int(v.Off[j]), int(v.Off[j+1]))
		b.off[i+1] = int32(at)
	}
	o.Off, o.Str = b.off, b.str[:at]
}

// copyText copies src[lo:hi] to the front of dst, which has 16 bytes to spare.
func copyText(dst, src []byte, lo, hi int) int {
	n := hi - lo
	if n <= 16 && lo+16 <= len(src) {
		*(*[16]byte)(dst) = *(*[16]byte)(src[lo:])
		return n
	}
	return copy(dst, src[lo:hi])
}

// gatherBuild fills output column i from the build rows e.ids.
func (e *emitter) gatherBuild(i int, ids []uint32) {
	c, b, o := e.build[i], &e.bufs[i], &e.out.Cols[i]
	n := len(ids)
	*o = chunk.Vec{Type: c.typ, N: n}
	if e.lifted || c.nulls {
		b.valid = room(b.valid, chunk.Words(n))
		switch {
		case !c.nulls:
			copy(b.valid, e.hit)
		default:
			e.gatherValid(c, b.valid)
			if e.lifted {
				kernel.And(b.valid, b.valid, e.hit)
			}
		}
		o.Valid = b.valid
	}
	switch {
	case c.kind == dtype.Null:
	case c.kind.IsVar() && c.dict == nil:
		e.gatherBuildText(c, b, o)
	case len(c.data) == 0:
		e.zeroes(c, b, o, n)
	case c.dict != nil:
		o.Dict = c.dict
		gatherSegs[uint32](e, c, b, o)
	case c.kind == dtype.Bool:
		e.gatherBuildBits(c, b, o)
	default:
		e.gatherBuildFixed(c, b, o)
	}
}

// zeroes is what a table without rows gives under its nulls.
func (e *emitter) zeroes(c *column, b *colBuf, o *chunk.Vec, n int) {
	size := n * c.kind.Width()
	if c.kind == dtype.Bool {
		size = chunk.Words(n) * 8
	}
	b.data = room(b.data, (size+7)/8)
	clear(b.data)
	o.Data = chunk.Bytes(b.data)[:size]
}

func (e *emitter) gatherBuildFixed(c *column, b *colBuf, o *chunk.Vec) {
	switch c.kind.Width() {
	case 1:
		gatherSegs[uint8](e, c, b, o)
	case 2:
		gatherSegs[uint16](e, c, b, o)
	case 4:
		gatherSegs[uint32](e, c, b, o)
	case 8:
		gatherSegs[uint64](e, c, b, o)
	default:
		gatherSegs[[16]byte](e, c, b, o)
	}
}

// gatherSegs gathers fixed-width values by row id.
func gatherSegs[T element](e *emitter, c *column, b *colBuf, o *chunk.Vec) {
	dst := scratch[T](b, len(e.ids))
	o.Data = chunk.Bytes(dst)
	if len(c.data) == 1 {
		kernel.Gather(dst, unsafe.Slice((*T)(c.data[0]), c.vecs[0].N), e.ids)
		return
	}
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	segs := c.data
	dst = dst[:len(e.ids)]
	for i, id := range e.ids {
		dst[i] = *(*T)(unsafe.Add(segs[id>>shift], uintptr(id&mask)*unsafe.Sizeof(dst[0])))
	}
}

func (e *emitter) gatherBuildBits(c *column, b *colBuf, o *chunk.Vec) {
	b.data = room(b.data, chunk.Words(len(e.ids)))
	clear(b.data)
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	for i, id := range e.ids {
		j := id & mask
		w := *(*uint64)(unsafe.Add(c.data[id>>shift], uintptr(j>>6)*8))
		b.data[i>>6] |= w >> (j & 63) & 1 << (uint(i) & 63)
	}
	o.Data = chunk.Bytes(b.data)
}

func (e *emitter) gatherValid(c *column, dst []uint64) {
	clear(dst)
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	for i, id := range e.ids {
		j, p := id&mask, c.valid[id>>shift]
		w := ^uint64(0)
		if p != nil {
			w = *(*uint64)(unsafe.Add(unsafe.Pointer(p), uintptr(j>>6)*8))
		}
		dst[i>>6] |= w >> (j & 63) & 1 << (uint(i) & 63)
	}
}

func (e *emitter) gatherBuildText(c *column, b *colBuf, o *chunk.Vec) {
	n := o.N
	b.off = room(b.off, n+1)
	b.off[0] = 0
	o.Off = b.off
	if len(c.vecs) == 0 {
		clear(b.off)
		return
	}
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	at := 0
	for i, id := range e.ids {
		t := c.text(id>>shift, id&mask)
		if e.lifted && e.hit[i>>6]>>(uint(i)&63)&1 == 0 {
			t = nil
		}
		if len(b.str) < at+len(t)+16 {
			grown := make([]byte, 2*(at+len(t)+16))
			copy(grown, b.str[:at])
			b.str = grown
		}
		at += copy(b.str[at:], t)
		b.off[i+1] = int32(at)
	}
	o.Str = b.str[:at]
}
