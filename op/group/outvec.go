package group

import (
	"slices"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// An outVec builds one column of an output batch in scratch that is used again
// for the next batch. Batches have at most outRows rows.
type outVec struct {
	v     chunk.Vec
	dict  *chunk.Dict // set: data are its codes
	lent  bool        // v has buffers of another
	data  []byte
	valid []uint64
	off   []int32
	str   []byte
	large buf[byte] // that str begins
}

// outRows is how many groups are given out at a time.
const outRows = 4096

// begin starts a column of n values of type t, all valid.
func (o *outVec) begin(t dtype.Type, n int) {
	o.v, o.dict, o.lent = chunk.Vec{Type: t, N: n}, nil, false
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

// largeText is from how many bytes on the text of a column comes from the budget: on the heap it would be garbage until the next
// collection.
const largeText = 256 << 10

// reserve makes room for n more bytes of text.
func (o *outVec) reserve(t op.Task, n int) {
	if n += len(o.str); n <= cap(o.str) {
		return
	}
	if n < largeText {
		o.str = slices.Grow(o.str, n-len(o.str))
		return
	}
	var next buf[byte]
	next.must(t, 0, n)
	o.str = next.s[:copy(next.s, o.str)]
	o.large.free(t)
	o.large = next
}

// release gives back what reserve took.
func (o *outVec) release(a mem.Allocator) {
	if o.large.s != nil {
		o.large.free(a)
		o.off, o.str = nil, nil
	}
}

func (o *outVec) addText(b []byte) {
	o.str = append(o.str, b...)
	o.off = append(o.off, int32(len(o.str)))
}

// lend makes v the column, whose buffers must live as long.
func (o *outVec) lend(v chunk.Vec) { o.v, o.dict, o.lent = v, nil, true }

// gather makes the column the values of v at idx.
func (o *outVec) gather(v *chunk.Vec, idx []uint32) {
	n := len(idx)
	o.begin(v.Type, n)
	if v.Valid != nil {
		if w := chunk.Words(n); len(o.valid) < w {
			o.valid = make([]uint64, max(w, chunk.Words(outRows)))
		}
		o.v.Valid = o.valid[:chunk.Words(n)]
		kernel.GatherBits(o.v.Valid, v.Valid, idx)
	}
	switch w := v.Type.Width(); {
	case v.Dict != nil:
		kernel.Gather(o.codes(v.Dict, n), chunk.Values[uint32](v), idx)
	case v.Type.Kind.IsVar():
		size := 0
		for _, i := range idx {
			size += int(v.Off[i+1] - v.Off[i])
		}
		o.room(0, size+16)
		o.off = slices.Grow(o.off, n)[:1+n]
		chunk.GatherText(o.off, o.str, v.Off, v.Str, idx)
		o.str = o.str[:size]
	case v.Type.Kind == dtype.Bool:
		kernel.GatherBits(chunk.Slice[uint64](o.data, chunk.Words(n)), v.Bits(), idx)
	case w == 1:
		kernel.Gather(fixedOut[uint8](o, n), chunk.Values[uint8](v), idx)
	case w == 2:
		kernel.Gather(fixedOut[uint16](o, n), chunk.Values[uint16](v), idx)
	case w == 4:
		kernel.Gather(fixedOut[uint32](o, n), chunk.Values[uint32](v), idx)
	case w == 8:
		kernel.Gather(fixedOut[uint64](o, n), chunk.Values[uint64](v), idx)
	case w == 16:
		out, in := o.fixed16(n), decimals(v, v.N)
		for i, j := range idx {
			out[i] = in[j]
		}
	}
}

// vec returns the finished column; it lives until the next begin.
func (o *outVec) vec() chunk.Vec {
	switch k := o.v.Type.Kind; {
	case k == dtype.Null || o.lent:
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
