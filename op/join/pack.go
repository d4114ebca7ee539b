package join

import (
	"slices"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A packed table holds build rows a second time, each one's columns side by side,
// so that a match costs one or two cache misses and not one per column and two
// per text. It is made when the rows are too many for the cache and memory is
// there; without it values are gathered from the columns.
//
// Source: the row layout of the join tables of MonetDB/X100 (Zukowski et al.,
// "DSM vs. NSM", DaMoN 2008) and DuckDB.
type packed struct {
	data   []byte
	stride uintptr
	base   []uintptr // number of each segment's first row
	at     []*place  // by output column; nil for those that are not in the rows
	order  []int     // output columns as they stand in a row
}

// A place is where a column is in a packed row: size bytes from off on, a value or
// the bytes of a text. The byte at flag has the length of a text, noText for a
// null, or 1 for a fixed value that is not null; there is none for fixed values
// without nulls.
type place struct {
	off, size, flag uintptr
	flagged         bool
}

// The longest text and the longest row that are packed.
const (
	packText  = 32
	packBytes = 128
	noText    = 255
)

// layRows places the columns in rows, texts first; nil when that would save no cache
// misses.
func layRows(build []*column) *packed {
	p := &packed{at: make([]*place, len(build))}
	for _, text := range []bool{true, false} {
		for i, c := range build {
			if c != nil && c.dict == nil && c.kind != dtype.Bool && c.kind != dtype.Null && c.longest <= packText && c.kind.IsVar() == text {
				p.order = append(p.order, i)
			}
		}
	}
	end, saved := uintptr(0), -1
	for k := 0; k < len(p.order); k++ {
		i := p.order[k]
		c := build[i]
		pl := &place{off: end, size: uintptr(c.kind.Width()), flagged: c.nulls}
		misses := 1
		if c.kind.IsVar() {
			pl.size, pl.flagged, misses = uintptr(c.longest), true, 2
		}
		pl.flag = end + pl.size
		next := pl.flag
		if pl.flagged {
			next++
		}
		if next > packBytes {
			p.order = slices.Delete(p.order, k, k+1)
			k--
			continue
		}
		p.at[i], end, saved = pl, next, saved+misses
	}
	if saved < 1 {
		return nil
	}
	p.stride = (end + 7) &^ 7
	return p
}

// packRows makes the packed rows of t, if that saves misses and there is room.
func (t *table) packRows(do fork) error {
	build := t.cols
	p := layRows(build)
	if p == nil {
		return nil
	}
	// Texts are read in steps of 16 bytes.
	if p.data = take[uint8](t, int(t.rows.n)*int(p.stride)+packText); p.data == nil {
		return nil
	}
	at := uintptr(0)
	for _, s := range t.rows.segs {
		p.base = append(p.base, at)
		at += uintptr(s.N)
	}
	t.pack = p
	return do(len(t.rows.segs), func(s int) error {
		p.segment(build, s, t.rows.segs[s].N)
		return nil
	})
}

// packTile is how many rows are packed, column by column, at a time.
const packTile = 256

func (p *packed) segment(build []*column, s, rows int) {
	for lo := 0; lo < rows; lo += packTile {
		hi := min(rows, lo+packTile)
		row := unsafe.Pointer(&p.data[(p.base[s]+uintptr(lo))*p.stride])
		for _, i := range p.order {
			pl := p.at[i]
			pl.write(unsafe.Add(row, pl.off), p.stride, build[i], s, lo, hi)
			if pl.flagged {
				pl.writeFlags(unsafe.Add(row, pl.flag), p.stride, build[i].vecs[s], lo, hi)
			}
		}
	}
}

// write puts rows [lo, hi) of segment s to dst, a row every stride bytes, and the
// lengths of texts behind them.
func (pl *place) write(dst unsafe.Pointer, stride uintptr, c *column, s, lo, hi int) {
	switch {
	case c.kind.IsVar():
		pl.writeTexts(dst, stride, c.vecs[s], lo, hi)
	case pl.size == 1:
		scatter[uint8](dst, stride, c.vecs[s], lo, hi)
	case pl.size == 2:
		scatter[uint16](dst, stride, c.vecs[s], lo, hi)
	case pl.size == 4:
		scatter[uint32](dst, stride, c.vecs[s], lo, hi)
	case pl.size == 8:
		scatter[uint64](dst, stride, c.vecs[s], lo, hi)
	default:
		scatter[[16]byte](dst, stride, c.vecs[s], lo, hi)
	}
}

// writeTexts may write 16 bytes of short texts where the row has them: columns
// behind this one are written later.
func (pl *place) writeTexts(dst unsafe.Pointer, stride uintptr, v *chunk.Vec, lo, hi int) {
	wide := pl.size <= 16 && pl.off+16 <= stride
	off, str, codes := textOf(v)
	str = str[:cap(str)]
	for r := lo; r < hi; r++ {
		j := uint32(r)
		if codes != nil {
			j = codes[r]
		}
		from, n := int(off[j]), int(off[j+1]-off[j])
		if wide && from+16 <= len(str) {
			*(*[16]byte)(dst) = *(*[16]byte)(str[from:])
		} else {
			copy(unsafe.Slice((*byte)(dst), pl.size), str[from:from+n])
		}
		*(*byte)(unsafe.Add(dst, pl.size)) = byte(n)
		dst = unsafe.Add(dst, stride)
	}
}

func scatter[T element](dst unsafe.Pointer, stride uintptr, v *chunk.Vec, lo, hi int) {
	for _, x := range chunk.Values[T](v)[lo:hi] {
		*(*T)(dst) = x
		dst = unsafe.Add(dst, stride)
	}
}

// writeFlags marks the nulls of rows [lo, hi), and the other rows where there is no
// length.
func (pl *place) writeFlags(dst unsafe.Pointer, stride uintptr, v *chunk.Vec, lo, hi int) {
	text := v.Type.Kind.IsVar()
	if text && v.Valid == nil {
		return
	}
	for r := lo; r < hi; r++ {
		switch null := v.IsNull(r); {
		case !text:
			*(*byte)(dst) = 1
			if null {
				*(*byte)(dst) = 0
			}
		case null:
			*(*byte)(dst) = noText
		}
		dst = unsafe.Add(dst, stride)
	}
}

// locate finds the packed rows of e.ids and brings them into the cache: loads that
// do not depend on each other, so that many are on their way at once.
func (e *emitter) locate() {
	p := e.pack
	e.at = room(e.at, e.n)
	shift := e.rows.shift & 31
	mask := uint32(1)<<shift - 1
	data, last := unsafe.Pointer(unsafe.SliceData(p.data)), p.stride-1
	warm := uint8(0)
	at := e.at[:len(e.ids)]
	for i, id := range e.ids {
		o := (p.base[id>>shift] + uintptr(id&mask)) * p.stride
		at[i] = o
		row := unsafe.Add(data, o)
		warm += *(*uint8)(row) + *(*uint8)(unsafe.Add(row, last))
	}
	e.warm += warm
}

// unpack gives column i, which is at pl in the packed rows.
func (e *emitter) unpack(i int, pl *place) {
	c := e.build[i]
	e.begin(i, c.typ, nil)
	valid := e.packedValid(i, pl)
	e.valid(i, valid)
	data := unsafe.Pointer(unsafe.SliceData(e.pack.data))
	switch {
	case c.kind.IsVar():
		off, str := e.text(i, e.n*c.longest)
		switch {
		case valid != nil:
			unpackSome(off, str, unsafe.Add(data, pl.off), pl.size, e.at, valid)
		case pl.size <= 16:
			unpackText[[16]byte](off, str, unsafe.Add(data, pl.off), pl.size, e.at)
		default:
			unpackText[[packText]byte](off, str, unsafe.Add(data, pl.off), pl.size, e.at)
		}
		e.textEnd(i)
	case pl.size == 1:
		unpackFixed[uint8](e, i, unsafe.Add(data, pl.off))
	case pl.size == 2:
		unpackFixed[uint16](e, i, unsafe.Add(data, pl.off))
	case pl.size == 4:
		unpackFixed[uint32](e, i, unsafe.Add(data, pl.off))
	case pl.size == 8:
		unpackFixed[uint64](e, i, unsafe.Add(data, pl.off))
	default:
		unpackFixed[[16]byte](e, i, unsafe.Add(data, pl.off))
	}
}

func unpackFixed[T element](e *emitter, i int, data unsafe.Pointer) {
	dst := values[T](e, i)[:len(e.at)]
	for i, o := range e.at {
		dst[i] = *(*T)(unsafe.Add(data, o))
	}
}

// unpackText writes texts of at most the bytes of T behind off[0]. Text that was
// reserved has textPad bytes to spare.
func unpackText[T [16]byte | [packText]byte](off []int32, str []byte, data unsafe.Pointer, size uintptr, rows []uintptr) {
	dst, at := unsafe.Pointer(unsafe.SliceData(str)), uintptr(off[0])
	off = off[1 : len(rows)+1]
	for i, o := range rows {
		row := unsafe.Add(data, o)
		*(*T)(unsafe.Add(dst, at)) = *(*T)(row)
		at += uintptr(*(*uint8)(unsafe.Add(row, size)))
		off[i] = int32(at)
	}
}

// unpackSome is unpackText with nulls, which have no bytes.
func unpackSome(off []int32, str []byte, data unsafe.Pointer, size uintptr, rows []uintptr, valid []uint64) {
	dst, at := unsafe.Pointer(unsafe.SliceData(str)), uintptr(off[0])
	off = off[1 : len(rows)+1]
	for i, o := range rows {
		row := unsafe.Add(data, o)
		*(*[packText]byte)(unsafe.Add(dst, at)) = *(*[packText]byte)(row)
		n := uintptr(*(*uint8)(unsafe.Add(row, size)))
		at += n & -uintptr(valid[i>>6]>>(uint(i)&63)&1)
		off[i] = int32(at)
	}
}

// packedValid is buildValid for a column in packed rows.
func (e *emitter) packedValid(i int, pl *place) []uint64 {
	c, b := e.build[i], &e.bufs[i]
	if !e.lifted && !c.nulls {
		return nil
	}
	b.valid = room(b.valid, chunk.Words(e.n))
	if !c.nulls {
		copy(b.valid, e.hit)
		return b.valid
	}
	clear(b.valid)
	data := unsafe.Pointer(&e.pack.data[pl.flag])
	text := c.kind.IsVar()
	for i, o := range e.at {
		f := *(*uint8)(unsafe.Add(data, o))
		if text {
			f = (f ^ noText) | (f^noText)>>4 // any bit
			f |= f >> 2
			f |= f >> 1
		}
		b.valid[i>>6] |= uint64(f&1) << (uint(i) & 63)
	}
	if e.lifted {
		kernel.And(b.valid, b.valid, e.hit)
	}
	return b.valid
}
