package chunk

import (
	"math"
	"sync/atomic"

	"github.com/weft-data/weft/internal/mem"
)

// dictIDs numbers the dictionaries of this process.
var dictIDs atomic.Uint64

// NewDict makes a dictionary of plain text values without nulls.
func NewDict(values Vec) *Dict { return &Dict{ID: dictIDs.Add(1), Values: values} }

// Bytes returns the bytes of the values.
func (d *Dict) Bytes() int64 { return int64(len(d.Values.Str)) + 4*int64(len(d.Values.Off)) }

// Large reports whether a dictionary takes more memory than the codes of n rows, and more
// than what a batch takes anyway. No budget
// counts dictionaries: the collector frees them, and many vectors share one. So rows
// that are kept are kept as text where it is large, or the few rows that a filter leaves
// of every part of a table would keep the dictionaries of all of it. One that is there for
// the whole is not large: however many rows are kept, there is no second.
func (d *Dict) Large(n int) bool { return !d.Whole && d.Bytes() > max(1<<10, 4*int64(n)) }

// Plain returns the text of a vector of codes in two buffers of alloc, and these. False
// means that alloc refused, or that the text is 2 GiB or more.
func (v *Vec) Plain(alloc mem.Allocator) (out Vec, bufs [2][]byte, ok bool) {
	n := textBytes(v, nil, v.N)
	if n > math.MaxInt32 {
		return Vec{}, bufs, false
	}
	offs, str := alloc.Alloc(4*(v.N+1)), alloc.Alloc(n)
	if offs == nil || str == nil {
		alloc.Free(offs)
		alloc.Free(str)
		return Vec{}, bufs, false
	}
	out = Vec{Type: v.Type, N: v.N, Valid: v.Valid, Off: Slice[int32](offs, v.N+1)}
	out.Off[0] = 0
	src, so := v.Dict.Values.Str, v.Dict.Values.Off
	room := str[:n+16] // short values are copied as 16 bytes: what is behind them is overwritten by the next
	nulls, o := v.Nulls() > 0, 0
	for i, c := range Values[uint32](v) {
		lo, hi := int(so[c]), int(so[c+1])
		switch {
		case nulls && v.IsNull(i):
		case hi-lo <= 16 && lo+16 <= len(src):
			*(*[16]byte)(room[o:]) = *(*[16]byte)(src[lo:])
			o += hi - lo
		default:
			o += copy(room[o:], src[lo:hi])
		}
		out.Off[i+1] = int32(o)
	}
	out.Str = str[:o]
	return out, [2][]byte{offs, str}, true
}
