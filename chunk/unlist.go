package chunk

import (
	"encoding/binary"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// An Unlister takes the elements out of columns of lists, into buffers that it uses
// again for the next column.
type Unlister struct {
	off, ends []int32
	valid     []uint64
	data      []uint64
	str       []byte
	nulls     bool
	most      int // elements there may be
}

// unlistPad is how many words may be read behind the last value.
const unlistPad = 8

// UnpackLists is the inverse of PackLists: the elements of all lists one after
// the other, and where those of each list begin. It copies.
func UnpackLists(v *Vec) (off []int32, child Vec) { return new(Unlister).Unpack(v, false) }

// Unpack is UnpackLists into buffers that live until the next call. With blanks, a list
// that is null or empty has one element, which is null.
func (u *Unlister) Unpack(v *Vec, blanks bool) (off []int32, child Vec) {
	elem := v.Type.Elem()
	k := elem.Kind
	w, isVar := recordWidth(k)
	u.begin(v, k, w)
	n := 0
	for i := range v.N {
		var rec []byte
		if !v.IsNull(i) {
			rec = v.bytesAt(i)
		}
		switch l, at, nulls := listHead(rec, w); {
		case w == 0 && (l > 0 || blanks): // nulls of no type
			n += max(l, 1)
		case l > 0:
			if isVar {
				u.texts(rec[at:], n, l)
			} else {
				u.fixed(rec[at:at+l*w], n, l, k)
			}
			if nulls {
				u.holes(rec[4:at], n, l)
			}
			n += l
		case blanks:
			u.setNull(n)
			switch {
			case isVar:
				u.ends[n+1] = int32(len(u.str))
			case k != dtype.Bool:
				clear(Bytes(u.data)[n*w:][:w])
			}
			n++
		}
		u.off[i+1] = int32(n)
	}
	child = Vec{Type: elem, N: n}
	if u.nulls {
		child.Valid = u.valid[:Words(n)]
	}
	switch {
	case isVar:
		child.Off, child.Str = u.ends[:n+1], u.str
	case k == dtype.Bool:
		child.Data = Bytes(u.data)[:Words(n)*8]
	case k != dtype.Null:
		child.Data = Bytes(u.data)[:n*w]
	}
	return u.off, child
}

// begin makes room for as many elements of w bytes as the bytes of the lists can hold.
func (u *Unlister) begin(v *Vec, k dtype.Kind, w int) {
	bytes := 0
	switch {
	case v.Dict != nil:
		for i := range v.N {
			bytes += len(v.bytesAt(i))
		}
	case v.N > 0:
		bytes = int(v.Off[v.N] - v.Off[0])
	}
	u.off = sized(u.off, v.N+1)
	u.off[0], u.nulls, u.most = 0, false, v.N
	if w == 0 {
		return
	}
	u.most += bytes / w
	switch {
	case k.IsVar():
		u.ends = sized(u.ends, u.most+1)
		u.ends[0] = 0
		u.str = sized(u.str, bytes+8*unlistPad)[:0]
	case k == dtype.Bool:
		u.data = sized(u.data, Words(u.most)+unlistPad)
		clear(u.data)
	default:
		u.data = sized(u.data, (u.most*w+7)/8+unlistPad)
	}
}

// sized returns n values of any bits, in s if it has room.
func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// texts takes the l elements at the beginning of rec, whose lengths vary, as those from n on.
func (u *Unlister) texts(rec []byte, n, l int) {
	base, end := int32(len(u.str)), int32(0)
	ends := u.ends[n+1:][:l]
	for j := range ends {
		end = int32(binary.LittleEndian.Uint32(rec[4*j:]))
		ends[j] = base + end
	}
	u.str = append(u.str, rec[4*l:][:end]...)
}

// fixed takes l elements of one width as those from n on.
func (u *Unlister) fixed(vals []byte, n, l int, k dtype.Kind) {
	if k != dtype.Bool {
		copy(Bytes(u.data)[n*len(vals)/l:], vals)
		return
	}
	for i, x := range vals {
		if x != 0 {
			u.data[(n+i)>>6] |= 1 << (uint(n+i) & 63)
		}
	}
}

// holes makes those of l elements from n on null whose bits are not set.
func (u *Unlister) holes(valid []byte, n, l int) {
	for i := range l {
		if valid[i>>3]>>(uint(i)&7)&1 == 0 {
			u.setNull(n + i)
		}
	}
}

// setNull makes element i null.
func (u *Unlister) setNull(i int) {
	if !u.nulls {
		u.nulls = true
		u.valid = sized(u.valid, Words(u.most)+unlistPad)
		kernel.SetRange(u.valid, 0, u.most, true)
	}
	u.valid[i>>6] &^= 1 << (uint(i) & 63)
}
