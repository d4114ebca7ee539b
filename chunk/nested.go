package chunk

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weft-data/weft/dtype"
)

// Lists and structs are stored like text: Off and Str, one self-contained record
// per value. So whatever moves rows (filters, sorts, joins, shuffles, spilling)
// carries nested columns without knowing of them, and one row is one piece of
// memory. Equal values have equal bytes, except that floats keep the sign of zero
// and the bits of NaN. All numbers are little-endian and unaligned.
//
//	list      "" when empty, else u32 2·n+h, [bitmap of ⌈n/8⌉ bytes if h], values
//	struct    bitmap of ⌈fields/8⌉ bytes, values in the order of the fields
//	values    fixed-width ones as they are (bools as one byte, null as none), variable ones as u32 ends
//	          counted from behind the values, where their bytes follow
//
// A set bit is a valid value. Values under a null are zero or empty.

// recordWidth is the bytes of one value in the values of a record; var says that
// it is an end.
func recordWidth(k dtype.Kind) (w int, isVar bool) {
	switch {
	case k == dtype.Bool:
		return 1, false
	case k.IsVar():
		return 4, true
	}
	return k.Width(), false
}

// A ListView reads the record of a list. The zero ListView is an empty list.
type ListView struct {
	N     int
	valid []byte // nil: all valid
	vals  []byte // values, at their width
	tail  []byte // bytes of variable values
	w     int
	null  bool // all elements are
}

// ViewList reads a record of a list of elem, as Vec.Text or the bytes of a row
// give it. Broken records, which no list column has, are empty.
func ViewList(elem dtype.Kind, rec []byte) (l ListView) {
	l.w, _ = recordWidth(elem)
	n, at, nulls := listHead(rec, l.w)
	if n == 0 {
		return ListView{}
	}
	l.N, l.null = n, elem == dtype.Null
	if nulls {
		l.valid = rec[4:at]
	}
	l.vals, l.tail = rec[at:at+n*l.w], rec[at+n*l.w:]
	return l
}

// listHead returns how many values of w bytes the record of a list has, where they begin, and whether
// the bits of those that are valid lie before them.
func listHead(rec []byte, w int) (n, at int, nulls bool) {
	if len(rec) < 4 {
		return 0, 0, false
	}
	head := binary.LittleEndian.Uint32(rec)
	n, at, nulls = int(head>>1), 4, head&1 != 0
	if nulls {
		at += (n + 7) / 8
	}
	if n*w > len(rec)-at {
		return 0, 0, false
	}
	return n, at, nulls
}

// ListLen returns the number of elements of a record.
func ListLen(rec []byte) int {
	if len(rec) < 4 {
		return 0
	}
	return int(binary.LittleEndian.Uint32(rec) >> 1)
}

// Bytes returns the bytes of the values.
func (l *ListView) Bytes() int64 { return int64(len(l.vals) + len(l.tail)) }

// IsNull reports whether element i is null.
func (l *ListView) IsNull(i int) bool {
	return l.null || l.valid != nil && l.valid[i>>3]>>(uint(i)&7)&1 == 0
}

// HasNulls reports whether some element is null.
func (l *ListView) HasNulls() bool { return l.N > 0 && (l.null || l.valid != nil) }

// Values returns the fixed-width elements one after the other; bools have a byte
// each.
func (l *ListView) Values() []byte { return l.vals }

// Fixed returns the bytes of the fixed-width element i.
func (l *ListView) Fixed(i int) []byte { return l.vals[i*l.w : i*l.w+l.w] }

// Var returns the bytes of element i of variable length: text, or a record.
func (l *ListView) Var(i int) []byte {
	lo := uint32(0)
	if i > 0 {
		lo = binary.LittleEndian.Uint32(l.vals[i*4-4:])
	}
	return l.tail[lo:binary.LittleEndian.Uint32(l.vals[i*4:])]
}

// A StructShape says where the fields of the records of a struct type lie.
type StructShape struct {
	kinds  []dtype.Kind
	at     []int // offset of the value, or of the end, of a field
	before []int // the variable field before it, -1 for none
	tail   int   // where the bytes of variable fields begin
}

// ShapeOf returns the shape of a struct type.
func ShapeOf(t dtype.Type) *StructShape {
	fields := t.Fields()
	s := &StructShape{tail: (len(fields) + 7) / 8}
	last := -1
	for i, f := range fields {
		w, isVar := recordWidth(f.Type.Kind)
		s.kinds, s.at, s.before = append(s.kinds, f.Type.Kind), append(s.at, s.tail), append(s.before, last)
		s.tail += w
		if isVar {
			last = i
		}
	}
	return s
}

// IsNull reports whether field i of a record is null.
func (s *StructShape) IsNull(rec []byte, i int) bool {
	return s.kinds[i] == dtype.Null || len(rec) < s.tail || rec[i>>3]>>(uint(i)&7)&1 == 0
}

// Fixed returns the bytes of the fixed-width field i of a record.
func (s *StructShape) Fixed(rec []byte, i int) []byte {
	w, _ := recordWidth(s.kinds[i])
	return rec[s.at[i] : s.at[i]+w]
}

// Var returns the bytes of field i of variable length.
func (s *StructShape) Var(rec []byte, i int) []byte {
	lo := uint32(0)
	if b := s.before[i]; b >= 0 {
		lo = binary.LittleEndian.Uint32(rec[s.at[b]:])
	}
	return rec[s.tail:][lo:binary.LittleEndian.Uint32(rec[s.at[i]:])]
}

// A nestError is what goes wrong when records are made.
func nestError(n int) error {
	return fmt.Errorf("%d bytes of nested values in one block, the most is 2 GiB: use smaller batches", n)
}

// AppendList appends the record of the list of rows [lo, hi) of v.
func AppendList(dst []byte, v *Vec, lo, hi int) []byte {
	n := hi - lo
	if n == 0 {
		return dst
	}
	nulls := uint32(0)
	if v.Valid != nil {
		for i := lo; i < hi && nulls == 0; i++ {
			if v.IsNull(i) {
				nulls = 1
			}
		}
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n)<<1|nulls)
	if nulls != 0 {
		at := len(dst)
		dst = append(dst, make([]byte, (n+7)/8)...)
		for i := range n {
			if !v.IsNull(lo + i) {
				dst[at+i>>3] |= 1 << (uint(i) & 7)
			}
		}
	}
	return appendValues(dst, v, lo, hi)
}

// appendValues appends the values of rows [lo, hi) of v, then their bytes.
func appendValues(dst []byte, v *Vec, lo, hi int) []byte {
	k := v.Type.Kind
	switch {
	case k == dtype.Null:
	case k == dtype.Bool:
		for i := lo; i < hi; i++ {
			b := byte(0)
			if v.Bool(i) && !v.IsNull(i) {
				b = 1
			}
			dst = append(dst, b)
		}
	case k.IsVar():
		end := uint32(0)
		for i := lo; i < hi; i++ {
			if !v.IsNull(i) {
				end += uint32(len(v.Text(i)))
			}
			dst = binary.LittleEndian.AppendUint32(dst, end)
		}
		for i := lo; i < hi; i++ {
			if !v.IsNull(i) {
				dst = append(dst, v.Text(i)...)
			}
		}
	default:
		w, at := v.Type.Width(), len(dst)
		dst = append(dst, v.Data[lo*w:hi*w]...)
		if v.Valid != nil {
			for i := lo; i < hi; i++ {
				if v.IsNull(i) {
					clear(dst[at+(i-lo)*w : at+(i-lo+1)*w])
				}
			}
		}
	}
	return dst
}

// AppendStruct appends the record whose fields are row i of cols.
func AppendStruct(dst []byte, cols []*Vec, i int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, (len(cols)+7)/8)...)
	end := uint32(0)
	for k, v := range cols {
		null := v.IsNull(i)
		if !null {
			dst[at+k>>3] |= 1 << (uint(k) & 7)
		}
		w, isVar := recordWidth(v.Type.Kind)
		switch {
		case isVar:
			if !null {
				end += uint32(len(v.Text(i)))
			}
			dst = binary.LittleEndian.AppendUint32(dst, end)
		case null:
			dst = append(dst, make([]byte, w)...)
		case v.Type.Kind == dtype.Bool:
			b := byte(0)
			if v.Bool(i) {
				b = 1
			}
			dst = append(dst, b)
		default:
			dst = append(dst, v.Data[i*w:i*w+w]...)
		}
	}
	for _, v := range cols {
		if v.Type.Kind.IsVar() && !v.IsNull(i) {
			dst = append(dst, v.Text(i)...)
		}
	}
	return dst
}

// ListsBytes is the most that the records of lists take: see PackLists.
func ListsBytes(off []int32, child *Vec) int {
	n := len(off) - 1
	return 5*n + valuesBytes(child, int(off[0]), int(off[n]))
}

// StructsBytes is the most that the records of n structs take: see PackStructs.
func StructsBytes(n int, cols []*Vec) int {
	size := n * ((len(cols) + 7) / 8)
	for _, v := range cols {
		size += valuesBytes(v, 0, n)
	}
	return size
}

// valuesBytes is the most that rows [lo, hi) of v take in records, a bit for each that says whether it is null included.
func valuesBytes(v *Vec, lo, hi int) int {
	w, isVar := recordWidth(v.Type.Kind)
	size := (hi-lo)*w + (hi-lo)/8
	switch {
	case !isVar || hi == lo:
	case v.Dict == nil:
		size += int(v.Off[hi] - v.Off[lo])
	default:
		off := v.Dict.Values.Off
		for _, c := range Values[uint32](v)[lo:hi] {
			size += int(off[c+1] - off[c])
		}
	}
	return size
}

// PackLists makes a column of lists: list i has rows off[i] to off[i+1] of child.
// Valid may be nil; it is kept. Records go to dst, which grows if it is shorter than ListsBytes.
//
// Errors: more than 2 GiB of records.
func PackLists(dst []byte, off []int32, valid []uint64, child *Vec) (Vec, error) {
	n := len(off) - 1
	out := Vec{Type: dtype.ListOf(child.Type), N: n, Valid: valid, Off: make([]int32, n+1), Str: dst[:0]}
	for i := range n {
		if !out.IsNull(i) {
			out.Str = AppendList(out.Str, child, int(off[i]), int(off[i+1]))
		}
		if len(out.Str) > math.MaxInt32 {
			return Vec{}, nestError(len(out.Str))
		}
		out.Off[i+1] = int32(len(out.Str))
	}
	return out, nil
}

// PackStructs makes a column of n structs of type t from a column per field.
// Valid may be nil; it is kept. Records go to dst, which grows if it is shorter than StructsBytes.
//
// Errors: more than 2 GiB of records.
func PackStructs(dst []byte, t dtype.Type, n int, valid []uint64, cols []*Vec) (Vec, error) {
	out := Vec{Type: t, N: n, Valid: valid, Off: make([]int32, n+1), Str: dst[:0]}
	for i := range n {
		if !out.IsNull(i) {
			out.Str = AppendStruct(out.Str, cols, i)
		}
		if len(out.Str) > math.MaxInt32 {
			return Vec{}, nestError(len(out.Str))
		}
		out.Off[i+1] = int32(len(out.Str))
	}
	return out, nil
}

// A gatherer builds a column value by value from the values of records.
type gatherer struct {
	v     Vec
	valid []uint64
	data  []byte
	str   []byte
	off   []int32
	nulls bool
}

func newGatherer(t dtype.Type) *gatherer {
	return &gatherer{v: Vec{Type: t}, off: []int32{0}}
}

// add appends a value; rec is its fixed bytes, or text, or a record.
func (g *gatherer) add(rec []byte, null bool) {
	i := g.v.N
	g.v.N++
	if i&63 == 0 {
		g.valid = append(g.valid, 0)
		if g.v.Type.Kind == dtype.Bool {
			g.data = append(g.data, make([]byte, 8)...)
		}
	}
	if null {
		g.nulls = true
	} else {
		g.valid[i>>6] |= 1 << (uint(i) & 63)
	}
	switch k := g.v.Type.Kind; {
	case k == dtype.Null:
	case k == dtype.Bool:
		if !null && rec[0] != 0 {
			g.data[i>>3] |= 1 << (uint(i) & 7)
		}
	case k.IsVar():
		if !null {
			g.str = append(g.str, rec...)
		}
		g.off = append(g.off, int32(len(g.str)))
	case null:
		g.data = append(g.data, make([]byte, k.Width())...)
	default:
		g.data = append(g.data, rec...)
	}
}

func (g *gatherer) vec() Vec {
	out := g.v
	if g.nulls && out.Type.Kind != dtype.Null {
		out.Valid = g.valid
	}
	switch {
	case out.Type.Kind.IsVar():
		out.Off, out.Str = g.off, g.str
	case out.Type.Kind != dtype.Null:
		out.Data = aligned(g.data, 16)
	}
	return out
}

// UnpackStructs is the inverse of PackStructs: a column per field, null where the
// struct is. It copies.
func UnpackStructs(v *Vec) []Vec {
	shape := ShapeOf(v.Type)
	out := make([]Vec, len(shape.kinds))
	for k, f := range v.Type.Fields() {
		g := newGatherer(f.Type)
		for i := range v.N {
			rec := v.bytesAt(i)
			switch {
			case v.IsNull(i) || shape.IsNull(rec, k):
				g.add(nil, true)
			case f.Type.Kind.IsVar():
				g.add(shape.Var(rec, k), false)
			default:
				g.add(shape.Fixed(rec, k), false)
			}
		}
		out[k] = g.vec()
	}
	return out
}

// bytesAt returns value i of a column of variable length.
func (v *Vec) bytesAt(i int) []byte {
	if v.Dict != nil {
		return v.Dict.Values.bytesAt(int(Values[uint32](v)[i]))
	}
	return v.Str[v.Off[i]:v.Off[i+1]]
}

// AppendListHead appends what the record of a list of n > 0 elements of fixed width, none
// of them null, begins with. The caller appends their values.
func AppendListHead(dst []byte, n int) []byte {
	return binary.LittleEndian.AppendUint32(dst, uint32(n)<<1)
}

// AppendParts appends the record of a list of n elements of kind elem, which part
// gives as their bytes in records; it is asked twice for each.
func AppendParts(dst []byte, elem dtype.Kind, n int, part func(i int) (b []byte, null bool)) []byte {
	if n == 0 {
		return dst
	}
	at := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(n)<<1)
	for i := 0; i < n && elem != dtype.Null && dst[at]&1 == 0; i++ {
		if _, null := part(i); null {
			dst[at] |= 1
		}
	}
	if dst[at]&1 != 0 {
		bits := len(dst)
		dst = append(dst, make([]byte, (n+7)/8)...)
		for i := range n {
			if _, null := part(i); !null {
				dst[bits+i>>3] |= 1 << (uint(i) & 7)
			}
		}
	}
	w, isVar := recordWidth(elem)
	end := uint32(0)
	for i := range n {
		b, null := part(i)
		switch {
		case isVar:
			if !null {
				end += uint32(len(b))
			}
			dst = binary.LittleEndian.AppendUint32(dst, end)
		case null:
			dst = append(dst, make([]byte, w)...)
		default:
			dst = append(dst, b[:w]...)
		}
	}
	for i := range n {
		if b, null := part(i); isVar && !null {
			dst = append(dst, b...)
		}
	}
	return dst
}

// Part returns element i as its bytes in the record, and whether it is null.
func (l *ListView) Part(elem dtype.Kind, i int) (b []byte, null bool) {
	switch {
	case l.IsNull(i):
		return nil, true
	case elem.IsVar():
		return l.Var(i), false
	}
	return l.Fixed(i), false
}

// PartOf returns value i of a column as its bytes in records, and whether it is
// null. A bool is written to scratch.
func PartOf(v *Vec, i int, scratch *[1]byte) (b []byte, null bool) {
	k := v.Type.Kind
	switch {
	case v.IsNull(i):
		return nil, true
	case k == dtype.Bool:
		scratch[0] = 0
		if v.Bool(i) {
			scratch[0] = 1
		}
		return scratch[:], false
	case k.IsVar():
		return v.bytesAt(i), false
	}
	w := k.Width()
	return v.Data[i*w : i*w+w], false
}
