package group

import (
	"encoding/binary"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// packRows appends the packed rows of a lap to o, one binary value per row.
func (pl *plan) packRows(l *lap, o *outVec) {
	o.begin(dtype.Of(dtype.Binary), l.n)
	if pl.texts {
		for i := range l.n {
			o.str = pl.packRow(l, i, o.str)
			o.off = append(o.off, int32(len(o.str)))
		}
		return
	}
	size := pl.rowSize
	if n := size * l.n; cap(o.str) < n+64 {
		o.str = make([]byte, 0, 2*n+64)
	}
	o.str = o.str[:size*l.n]
	clear(o.str)
	for i := 1; i <= l.n; i++ {
		o.off = append(o.off, int32(i*size))
	}
	if pl.positional {
		for i := range l.n {
			b := o.str[i*size+1+pl.seenBytes:]
			putInt64(b, int64(l.hi[i]))
			putInt64(b[8:], int64(l.lo[i]))
		}
	}
	for a := range l.args {
		pl.packArg(a, &l.args[a], l.n, o.str)
	}
}

// packArg writes one fixed-width argument of all rows.
func (pl *plan) packArg(a int, v *chunk.Vec, n int, b []byte) {
	if v.Type.Kind == dtype.Null {
		return
	}
	size := pl.rowSize
	at, bit := 1+a/8, byte(1)<<(a&7)
	for i := range n {
		if v.Valid == nil || v.Valid[i>>6]>>(uint(i)&63)&1 != 0 {
			b[i*size+at] |= bit
		}
	}
	b = b[pl.argOff[a]:]
	switch v.Type.Width() {
	case 0:
		for i := range n {
			if v.Bool(i) {
				b[i*size] = 1
			}
		}
	case 1:
		spreadOut(chunk.Values[uint8](v)[:n], b, size)
	case 2:
		spreadOut(chunk.Values[uint16](v)[:n], b, size)
	case 4:
		spreadOut(chunk.Values[uint32](v)[:n], b, size)
	case 8:
		spreadOut(chunk.Values[uint64](v)[:n], b, size)
	case 16:
		spreadOut(chunk.Values[[16]byte](v)[:n], b, size)
	}
}

// spreadOut writes v[i] at byte i·size of b.
func spreadOut[T chunk.Fixed](v []T, b []byte, size int) {
	var z T
	if len(v) == 0 {
		return
	}
	_ = b[(len(v)-1)*size+int(unsafe.Sizeof(z))-1]
	p := unsafe.Pointer(unsafe.SliceData(b))
	for i, x := range v {
		*(*T)(unsafe.Add(p, i*size)) = x
	}
}

// gatherIn reads v[i] at byte off[i]+at of b; every row was checked to be long
// enough.
func gatherIn[T chunk.Fixed](v []T, b []byte, off []int32, at int) {
	p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), at)
	for i := range v {
		v[i] = *(*T)(unsafe.Add(p, int(off[i])))
	}
}

// packRow appends row i of the lap.
func (pl *plan) packRow(l *lap, i int, dst []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, pl.rowSize)...)
	b := dst[at:]
	if pl.positional {
		putInt64(b[1+pl.seenBytes:], int64(l.hi[i]))
		putInt64(b[9+pl.seenBytes:], int64(l.lo[i]))
	}
	for a := range l.args {
		v := &l.args[a]
		if v.IsNull(i) {
			if pl.args[a].t.Kind.IsVar() {
				dst = binary.LittleEndian.AppendUint32(dst, 0)
				b = dst[at:]
			}
			continue
		}
		b[1+a/8] |= 1 << (a & 7)
		switch k := v.Type.Kind; {
		case k.IsVar():
			s := bytesOf(v, i, nil)
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
			dst = append(dst, s...)
			b = dst[at:]
		case k == dtype.Decimal128:
			copy(b[pl.argOff[a]:], v.Data[i*16:i*16+16])
		case k == dtype.Bool:
			b[pl.argOff[a]] = byte(fixedBits(v, i))
		default:
			w := v.Type.Width()
			copy(b[pl.argOff[a]:], v.Data[i*w:(i+1)*w])
		}
	}
	return dst
}

// A rowReader turns packed rows back into the columns of a lap.
type rowReader struct {
	pl   *plan
	cols []outVec
	at   []int32 // where the next text of each row begins
}

func newRowReader(pl *plan) *rowReader {
	return &rowReader{pl: pl, cols: make([]outVec, len(pl.args)), at: make([]int32, outRows)}
}

// read fills the arguments and positions of l from rows off[i] of b; off has one
// more entry than there are rows. The lap borrows the reader's buffers.
func (r *rowReader) read(l *lap, b []byte, off []int32) error {
	n := len(off) - 1
	for i := range n {
		if int(off[i+1]-off[i]) < r.pl.rowSize {
			return errCorrupt
		}
	}
	l.n, l.straight = n, false
	if r.pl.positional && l.hi != nil {
		gatherIn(l.hi[:n], b, off, 1+r.pl.seenBytes)
		gatherIn(l.lo[:n], b, off, 9+r.pl.seenBytes)
	}
	for i := range n {
		r.at[i] = off[i] + int32(r.pl.rowSize)
	}
	for a := range r.cols {
		if err := r.column(a, b, off); err != nil {
			return err
		}
		l.args[a] = r.cols[a].vec()
	}
	return nil
}

func (r *rowReader) column(a int, b []byte, off []int32) error {
	t := r.pl.args[a].t
	n := len(off) - 1
	o := &r.cols[a]
	o.begin(t, n)
	bit := byte(1) << (a & 7)
	for i := range n {
		if b[int(off[i])+1+a/8]&bit == 0 {
			o.setNull(i)
		}
	}
	at := r.pl.argOff[a]
	switch t.Width() {
	case 1:
		gatherIn(fixedOut[uint8](o, n), b, off, at)
	case 2:
		gatherIn(fixedOut[uint16](o, n), b, off, at)
	case 4:
		gatherIn(fixedOut[uint32](o, n), b, off, at)
	case 8:
		gatherIn(fixedOut[uint64](o, n), b, off, at)
	case 16:
		gatherIn(fixedOut[[16]byte](o, n), b, off, at)
	}
	switch {
	case t.Kind == dtype.Bool:
		for i := range n {
			o.setBit(i, b[int(off[i])+at] != 0)
		}
	case t.Kind.IsVar():
		for i := range n {
			p := r.at[i]
			if off[i+1]-p < 4 {
				return errCorrupt
			}
			size := int32(binary.LittleEndian.Uint32(b[p:]))
			if size < 0 || off[i+1]-p-4 < size {
				return errCorrupt
			}
			o.addText(b[p+4 : p+4+size])
			r.at[i] = p + 4 + size
		}
	}
	return nil
}
