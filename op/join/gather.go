package join

import (
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A colBuf is the scratch of one output column.
type colBuf struct {
	data  []uint64
	valid []uint64
	off   []int32
	str   []byte
}

// reserve makes room for the rows in column i of b. Columns that pass through a
// vector are gathered here already.
func (e *emitter) reserve(b *chunk.Builder, i int) error {
	c := e.cols[i]
	if e.whole(i) {
		e.column(i)
		return b.ReserveVec(i, &e.out.Cols[i])
	}
	text, nulls := 0, false
	if c.build {
		nulls = e.lifted || e.build[i].nulls
	} else {
		nulls = e.m.Cols[c.at].Valid != nil
	}
	switch {
	case !c.typ.Kind.IsVar():
	case !c.build:
		text = int(e.probeText(&e.m.Cols[c.at]))
	case e.n*e.build[i].longest <= 1<<20:
		text = e.n * e.build[i].longest
	default:
		text = int(e.buildText(e.build[i], e.ids))
	}
	return b.Reserve(i, e.n, text+textPad, nulls)
}

// whole reports that column i is given as a vector: as it is in the probe batch,
// or of a kind for which a second copy costs next to nothing.
func (e *emitter) whole(i int) bool {
	c := e.cols[i]
	if k := c.typ.Kind; k == dtype.Bool || k == dtype.Null {
		return true
	}
	if c.build {
		return e.build[i].dict != nil || len(e.build[i].vecs) == 0
	}
	return e.all() || e.m.Cols[c.at].Dict != nil
}

// fill gathers all columns.
func (e *emitter) fill() {
	if e.pack != nil {
		e.locate()
	}
	for i := range e.cols {
		switch {
		case e.into != nil && e.whole(i):
			e.into.Put(i, &e.out.Cols[i])
		case e.pack != nil && e.pack.at[i] != nil:
			e.unpack(i, e.pack.at[i])
		default:
			e.column(i)
		}
	}
}

// column gathers column i.
func (e *emitter) column(i int) {
	if c := e.cols[i]; c.build {
		e.gatherBuild(i)
	} else {
		e.gatherProbe(i, &e.m.Cols[c.at])
	}
}

// fixed returns where the values of column i go, w bytes each: room for n at
// least, most often for 64 more.
func (e *emitter) fixed(i, w int) []byte {
	if e.into != nil {
		return e.into.Fixed(i)
	}
	b := &e.bufs[i]
	b.data = room(b.data, ((e.n+64)*w+7)/8)
	e.out.Cols[i].Data = chunk.Bytes(b.data)[:e.n*w]
	return chunk.Bytes(b.data)
}

// values is fixed as values of T.
func values[T chunk.Fixed](e *emitter, i int) []T {
	var z T
	b := e.fixed(i, int(unsafe.Sizeof(z)))
	return chunk.Slice[T](b, len(b)/int(unsafe.Sizeof(z)))
}

// textPad is how many bytes behind a text may be overwritten.
const textPad = 32

// text returns where the n texts of column i go, of so many bytes at most: see
// chunk.Builder.Text.
func (e *emitter) text(i, bytes int) (off []int32, str []byte) {
	if e.into != nil {
		return e.into.Text(i, e.n)
	}
	b := &e.bufs[i]
	b.off, b.str = room(b.off, e.n+1), room(b.str, bytes+textPad)
	b.off[0] = 0
	return b.off, b.str
}

// textEnd notes that the texts of column i are written.
func (e *emitter) textEnd(i int) {
	if e.into != nil {
		e.into.SetText(i, e.n)
		return
	}
	b := &e.bufs[i]
	e.out.Cols[i].Off, e.out.Cols[i].Str = b.off, b.str[:b.off[e.n]]
}

// valid notes which values of column i are not null; nil means all.
func (e *emitter) valid(i int, words []uint64) {
	if e.into != nil {
		e.into.SetValid(i, e.n, words)
		return
	}
	e.out.Cols[i].Valid = words
}

// begin makes the vector of column i in scratch.
func (e *emitter) begin(i int, t dtype.Type, d *chunk.Dict) {
	if e.into == nil {
		e.out.Cols[i] = chunk.Vec{Type: t, N: e.n, Dict: d}
	}
}

// dense reports that compressing by mask costs less than gathering by index.
func (e *emitter) dense() bool { return e.left == nil && e.n*8 >= e.m.N }

// gatherProbe gives the chosen rows of v as column i.
func (e *emitter) gatherProbe(i int, v *chunk.Vec) {
	if e.all() {
		e.out.Cols[i] = *v
		return
	}
	e.begin(i, v.Type, v.Dict)
	e.valid(i, e.gatherBits(&e.bufs[i].valid, v.Valid))
	switch w := v.Type.Width(); {
	case v.Type.Kind == dtype.Null:
	case v.Dict != nil, w == 4:
		gatherOne[uint32](e, i, v)
	case v.Type.Kind.IsVar():
		off, str := e.text(i, int(e.probeText(v)))
		chunk.GatherText(off, str, v.Off, v.Str, e.index())
		e.textEnd(i)
	case v.Type.Kind == dtype.Bool:
		e.out.Cols[i].Data = chunk.Bytes(e.gatherBits(&e.bufs[i].data, v.Bits()))
	case w == 1:
		gatherOne[uint8](e, i, v)
	case w == 2:
		gatherOne[uint16](e, i, v)
	case w == 8:
		gatherOne[uint64](e, i, v)
	default:
		gatherOne[[16]byte](e, i, v)
	}
}

// gatherBits returns the bits of the chosen rows in buf, nil for nil.
func (e *emitter) gatherBits(buf *[]uint64, src []uint64) []uint64 {
	switch {
	case src == nil:
		return nil
	case e.dense():
		*buf = room(*buf, chunk.Words(e.n)+1)
		kernel.CompressBits(*buf, src, e.mask, e.m.N)
	default:
		*buf = room(*buf, chunk.Words(e.n))
		kernel.GatherBits(*buf, src, e.index())
	}
	return (*buf)[:chunk.Words(e.n)]
}

type element interface {
	uint8 | uint16 | uint32 | uint64 | [16]byte
}

func gatherOne[T element](e *emitter, i int, v *chunk.Vec) {
	dst := values[T](e, i)
	if e.dense() {
		kernel.Compress(dst, chunk.Values[T](v), e.mask)
	} else {
		kernel.Gather(dst, chunk.Values[T](v), e.index())
	}
}

// gatherBuild gives the build rows e.ids as column i.
func (e *emitter) gatherBuild(i int) {
	c := e.build[i]
	e.begin(i, c.typ, nil)
	e.valid(i, e.buildValid(c, &e.bufs[i]))
	switch {
	case c.kind == dtype.Null:
	case len(c.vecs) == 0:
		e.zeroes(i, c)
	case c.dict != nil:
		e.out.Cols[i].Dict = c.dict
		gatherSegs[uint32](e, i, c)
	case c.kind.IsVar():
		e.gatherBuildText(i, c)
	case c.kind == dtype.Bool:
		e.gatherBuildBits(i, c)
	default:
		e.gatherBuildFixed(i, c)
	}
}

// buildValid returns which of the build rows have a value that is not null; nil
// means all.
func (e *emitter) buildValid(c *column, b *colBuf) []uint64 {
	if !e.lifted && !c.nulls {
		return nil
	}
	b.valid = room(b.valid, chunk.Words(e.n))
	if !c.nulls {
		copy(b.valid, e.hit)
		return b.valid
	}
	e.gatherValid(c, b.valid)
	if e.lifted {
		kernel.And(b.valid, b.valid, e.hit)
	}
	return b.valid
}

// zeroes is what a table without rows gives under its nulls.
func (e *emitter) zeroes(i int, c *column) {
	b, o := &e.bufs[i], &e.out.Cols[i]
	if c.kind.IsVar() {
		b.off = room(b.off, e.n+1)
		clear(b.off)
		o.Off = b.off
		return
	}
	size := e.n * c.kind.Width()
	if c.kind == dtype.Bool {
		size = chunk.Words(e.n) * 8
	}
	b.data = room(b.data, (size+7)/8)
	clear(b.data)
	o.Data = chunk.Bytes(b.data)[:size]
}

func (e *emitter) gatherBuildFixed(i int, c *column) {
	switch c.kind.Width() {
	case 1:
		gatherSegs[uint8](e, i, c)
	case 2:
		gatherSegs[uint16](e, i, c)
	case 4:
		gatherSegs[uint32](e, i, c)
	case 8:
		gatherSegs[uint64](e, i, c)
	default:
		gatherSegs[[16]byte](e, i, c)
	}
}

// gatherSegs gathers fixed-width values by row id.
func gatherSegs[T element](e *emitter, i int, c *column) {
	dst := values[T](e, i)
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

func (e *emitter) gatherBuildBits(i int, c *column) {
	b := &e.bufs[i]
	b.data = room(b.data, chunk.Words(len(e.ids)))
	clear(b.data)
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	for i, id := range e.ids {
		j := id & mask
		w := *(*uint64)(unsafe.Add(c.data[id>>shift], uintptr(j>>6)*8))
		b.data[i>>6] |= w >> (j & 63) & 1 << (uint(i) & 63)
	}
	e.out.Cols[i].Data = chunk.Bytes(b.data)
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

// gatherBuildText copies the texts of the build rows; heavy has bounded their
// bytes.
func (e *emitter) gatherBuildText(i int, c *column) {
	bytes := e.n * c.longest
	if bytes > 1<<20 && e.into == nil {
		bytes = int(e.buildText(c, e.ids))
	}
	off, str := e.text(i, bytes)
	defer e.textEnd(i)
	if v := c.vecs[0]; len(c.vecs) == 1 && v.Dict == nil {
		if e.lifted {
			chunk.GatherTextSome(off, str, v.Off, v.Str, e.ids, e.hit)
		} else {
			chunk.GatherText(off, str, v.Off, v.Str, e.ids)
		}
		return
	}
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	at := int(off[0])
	for i, id := range e.ids {
		t := c.text(id>>shift, id&mask)
		if e.lifted && e.hit[i>>6]>>(uint(i)&63)&1 == 0 {
			t = nil
		}
		at += copy(str[at:], t)
		off[i+1] = int32(at)
	}
}
