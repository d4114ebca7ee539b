package group

import (
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// An outVec builds one column of an output batch in scratch that is used again
// for the next batch. Batches have at most outRows rows.
type outVec struct {
	v     chunk.Vec
	dict  *chunk.Dict // set: data are its codes
	data  []byte
	valid []uint64
	off   []int32
	str   []byte
}

// outRows is how many groups are given out at a time.
const outRows = 4096

// begin starts a column of n values of type t, all valid.
func (o *outVec) begin(t dtype.Type, n int) {
	o.v, o.dict = chunk.Vec{Type: t, N: n}, nil
	switch k := t.Kind; {
	case k.IsVar():
		o.off, o.str = append(o.off[:0], 0), o.str[:0]
	case k == dtype.Bool:
		o.size(chunk.Words(n) * 8)
		clear(o.data[:chunk.Words(n)*8])
	default:
		o.size(n * t.Width())
	}
}

// size makes data at least n bytes long, with room for over-reads.
func (o *outVec) size(n int) {
	if len(o.data) < n+64 {
		w := make([]uint64, (max(n, 2*len(o.data))+71)/8)
		o.data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), len(w)*8)
	}
}

// setNull makes value i null.
func (o *outVec) setNull(i int) {
	if o.v.Valid == nil {
		n := chunk.Words(o.v.N)
		if len(o.valid) < n {
			o.valid = make([]uint64, max(n, chunk.Words(outRows)))
		}
		o.v.Valid = o.valid[:n]
		kernel.SetRange(o.v.Valid, 0, o.v.N, true)
	}
	o.v.Valid[i>>6] &^= 1 << (uint(i) & 63)
}

func (o *outVec) setBit(i int, b bool) {
	if b {
		chunk.Slice[uint64](o.data, chunk.Words(o.v.N))[i>>6] |= 1 << (uint(i) & 63)
	}
}

// fixedOut returns the n values of a fixed-width column.
func fixedOut[T chunk.Fixed](o *outVec, n int) []T { return chunk.Slice[T](o.data, n) }

func (o *outVec) fixed16(n int) []key16 {
	return unsafe.Slice((*key16)(unsafe.Pointer(unsafe.SliceData(o.data))), n)
}

// codes makes the column one of n codes of a dictionary, and returns them.
func (o *outVec) codes(d *chunk.Dict, n int) []uint32 {
	o.dict = d
	o.size(4 * n)
	return fixedOut[uint32](o, n)
}

// room makes str, of which the first n bytes are used, at least more bytes longer than that.
func (o *outVec) room(n, more int) {
	if cap(o.str) < n+more {
		next := make([]byte, n+more+(n+more)/4+64)
		copy(next, o.str[:n])
		o.str = next
	}
	o.str = o.str[:cap(o.str)]
}

func (o *outVec) addText(b []byte) {
	o.str = append(o.str, b...)
	o.off = append(o.off, int32(len(o.str)))
}

// vec returns the finished column; it lives until the next begin.
func (o *outVec) vec() chunk.Vec {
	switch k := o.v.Type.Kind; {
	case k == dtype.Null:
	case o.dict != nil:
		o.v.Dict, o.v.Data = o.dict, o.data[:o.v.N*4]
	case k.IsVar():
		o.v.Off, o.v.Str = o.off, o.str
	case k == dtype.Bool:
		o.v.Data = o.data[:chunk.Words(o.v.N)*8]
	default:
		o.v.Data = o.data[:o.v.N*o.v.Type.Width()]
	}
	return o.v
}
