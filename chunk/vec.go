// Package chunk holds blocks in memory: vectors, the batches (morsels) made of
// them, and the Values that tasks hand to each other.
//
//	Vec     one column of a batch: fixed-width values, bits, or text by offsets
//	Batch   some rows of a table: one Vec per column
//	Builder gathers rows into batches it owns
//	Value   the output of a task: runs of batches, in memory or on disk
//
// Layouts follow Arrow (validity and bools as bits, least significant first;
// int32 offsets), so that conversion at the edges copies little.
package chunk

import (
	"unsafe"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A Fixed is a Go type that a fixed-width vector stores.
type Fixed interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64 | [16]byte
}

// A Vec is one column of a batch. Its zero value is an empty null column.
//
// Invariants: a nil Valid means that every value is valid; otherwise it has at
// least Words(N) words and bit i says whether value i is valid. Data holds
// N·Width bytes for fixed-width kinds and Words(N)·8 bytes of bits for Bool.
// Text has N+1 offsets into Str, Off[0] may be more than 0. With Dict set, Data
// holds N uint32 codes below Dict.Values.N and Off and Str are nil. The value
// under a null is arbitrary but never out of range (codes and offsets are always
// usable). Every buffer may be over-read by 64 bytes within its capacity, or is
// exactly as long as its values when it came from a user.
type Vec struct {
	Type  dtype.Type
	N     int
	Valid []uint64
	Data  []byte
	Off   []int32
	Str   []byte
	Dict  *Dict
}

// A Dict is the shared dictionary of a dictionary-encoded text vector. Values is
// a plain text vector without nulls. ID is unique in this process: two vectors
// with the same ID have the same codes for the same text.
type Dict struct {
	ID     uint64
	Values Vec
	Whole  bool // it is not of a part of a table, of which there are many: see Large
}

// Words returns the words of a bitmap of n bits.
func Words(n int) int { return (n + 63) >> 6 }

// Values returns the values of a fixed-width vector as a slice of T, which must
// be as wide as the kind (int32 for Date, int64 for Timestamp, uint32 for the
// codes of a dictionary vector).
func Values[T Fixed](v *Vec) []T {
	if v.N == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(v.Data))), v.N)
}

// Slice views b as n values of T.
func Slice[T Fixed](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// Bytes views values as bytes.
func Bytes[T Fixed](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	var z T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(z)))
}

// Bits returns the words of a Bool vector.
func (v *Vec) Bits() []uint64 { return Slice[uint64](v.Data, Words(v.N)) }

// IsNull reports whether value i is null.
func (v *Vec) IsNull(i int) bool {
	return v.Type.Kind == dtype.Null || v.Valid != nil && v.Valid[i>>6]>>(uint(i)&63)&1 == 0
}

// Nulls counts the nulls.
func (v *Vec) Nulls() int {
	switch {
	case v.Type.Kind == dtype.Null:
		return v.N
	case v.Valid == nil:
		return 0
	}
	return v.N - kernel.PopCount(v.Valid, v.N)
}

// Text returns text value i without copying; it is valid as long as the batch.
func (v *Vec) Text(i int) string {
	if v.Dict != nil {
		return v.Dict.Values.Text(int(Values[uint32](v)[i]))
	}
	b := v.Str[v.Off[i]:v.Off[i+1]]
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Bool returns bool value i.
func (v *Vec) Bool(i int) bool { return v.Bits()[i>>6]>>(uint(i)&63)&1 != 0 }

// Buffers returns what writes the vector down: its bitmap of validity, its values,
// codes or offsets, and its text (which starts at the first offset), each as long
// as the rows need; nil where there is none.
func (v *Vec) Buffers() (b [3][]byte) {
	if v.Valid != nil {
		b[0] = Bytes(v.Valid[:Words(v.N)])
	}
	switch {
	case v.Type.Kind == dtype.Null:
	case v.Dict != nil:
		b[1] = v.Data[:v.N*4]
	case v.Type.Kind.IsVar():
		if v.N > 0 {
			b[1], b[2] = Bytes(v.Off[:v.N+1]), v.Str[v.Off[0]:v.Off[v.N]]
		}
	case v.Type.Kind == dtype.Bool:
		b[1] = v.Data[:Words(v.N)*8]
	default:
		b[1] = v.Data[:v.N*v.Type.Width()]
	}
	return b
}

// Bytes returns the bytes the values occupy, without dictionaries.
func (v *Vec) Bytes() int64 {
	n := int64(len(v.Valid)) * 8
	switch {
	case v.Dict != nil:
		n += int64(v.N) * 4
	case v.Type.Kind.IsVar() && v.N > 0:
		n += int64(v.N+1)*4 + int64(v.Off[v.N]-v.Off[0])
	case v.Type.Kind == dtype.Bool:
		n += int64(Words(v.N)) * 8
	default:
		n += int64(v.N * v.Type.Width())
	}
	return n
}

// A Batch is some rows of a table. In a pipeline it is a morsel: borrowed by the
// step it is pushed to, valid until that call returns.
//
// Seq orders morsels as their rows stand in the input: split number in the high
// 32 bits, morsel number within the split in the low 32. A step that turns one
// morsel into several keeps Seq and counts Sub up, see Follow.
type Batch struct {
	Cols []Vec
	N    int
	Seq  uint64
	Sub  uint32

	Table *Table // whose rows the last column has the numbers of, in place of columns; nil: the batch is full

	own *region // buffers released with the batch; nil when borrowed or garbage-collected
}

// Follow gives b, the last morsel that a step has made, the place of the next one, which is made of m: of all that have
// one Seq, also when the step was given several of it, Sub counts on.
func (b *Batch) Follow(m *Batch) {
	if b.Seq == m.Seq {
		b.Sub++
	} else {
		b.Seq, b.Sub = m.Seq, 0
	}
}

// Bytes returns the bytes of all columns.
func (b *Batch) Bytes() int64 {
	n := int64(0)
	for i := range b.Cols {
		n += b.Cols[i].Bytes()
	}
	return n
}

// Pick returns a batch of the given columns that borrows b's buffers.
func (b *Batch) Pick(cols []int, into *Batch) *Batch {
	into.Cols = into.Cols[:0]
	for _, c := range cols {
		into.Cols = append(into.Cols, b.Cols[c])
	}
	into.N, into.Seq, into.Sub = b.N, b.Seq, b.Sub
	return into
}
