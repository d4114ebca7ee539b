package guard

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Scrub gives a record equal to rec with zeros wherever its buffers have no value: under nulls, at every level, and behind
// the last bit; buffers begin and end with the values. A builder leaves there what the memory had in it, or what it was
// told of a null: nobody's business, and it would give equal records unequal bytes. Buffers are copied where they must
// be changed. Records of chunk.ToRecord are so already; this is for those of users.
func Scrub(rec arrow.Record) (arrow.Record, error) {
	cols := make([]arrow.Array, rec.NumCols())
	for i, a := range rec.Columns() {
		err := caught("checking the column", func() error { return Validate(a) })
		if err == nil {
			a, err = Rebase(a)
		}
		if err != nil {
			return nil, &Error{File: "arrow", RowGroup: -1, Column: rec.ColumnName(i), Err: err}
		}
		cols[i] = scrub(a)
	}
	return array.NewRecord(rec.Schema(), cols, rec.NumRows()), nil
}

// scrub does so with an array that is valid and rebased; it is a itself when there is nothing to do.
func scrub(a arrow.Array) arrow.Array {
	if d := scrubbed(a.Data(), nil); d != a.Data() {
		return array.MakeFromData(d)
	}
	return a
}

// scrubbed is d without what no value is; live says which of its slots values above reach, nil all.
func scrubbed(d arrow.ArrayData, live []byte) arrow.ArrayData {
	n := d.Len()
	if n == 0 {
		return d
	}
	s := &scrubber{ArrayData: d, n: n, live: live, bufs: slices.Clone(d.Buffers()), kids: slices.Clone(d.Children())}
	if len(s.bufs) > 0 && s.bufs[0] != nil && s.bufs[0].Len() > 0 {
		if s.keepBits(0, nil); d.NullN() != 0 {
			s.live = both(live, s.bufs[0].Bytes(), n)
		}
	}
	switch t := storageOf(d).(type) {
	case *arrow.NullType, arrow.UnionType, *arrow.RunEndEncodedType, *arrow.ListViewType, *arrow.LargeListViewType:
		s.each(nil)
	case *arrow.BooleanType:
		s.keepBits(1, s.live)
	case *arrow.StringType, *arrow.BinaryType:
		scrubTexts[int32](s)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		scrubTexts[int64](s)
	case *arrow.ListType, *arrow.MapType:
		s.each(inside[int32](s))
	case *arrow.LargeListType:
		s.each(inside[int64](s))
	case *arrow.FixedSizeListType:
		s.each(repeated(s.live, n, int(t.Len())))
	case *arrow.StructType:
		s.each(s.live)
	case arrow.BinaryViewDataType:
		s.keepFixed(16)
	case arrow.FixedWidthDataType:
		s.keepFixed(t.BitWidth() / 8)
	}
	return s.done()
}

// A scrubber is an array that is made, of buffers that are copied where they must be.
type scrubber struct {
	arrow.ArrayData
	n       int
	live    []byte
	bufs    []*memory.Buffer
	kids    []arrow.ArrayData
	changed bool
}

func (s *scrubber) done() arrow.ArrayData {
	dict, _ := s.Dictionary().(*array.Data)
	if dict != nil {
		if words := scrubbed(dict, nil).(*array.Data); words != dict {
			dict, s.changed = words, true
		}
	}
	switch {
	case !s.changed:
		return s.ArrayData
	case dict != nil:
		return array.NewDataWithDictionary(s.DataType(), s.n, s.bufs, s.NullN(), 0, dict)
	}
	return array.NewData(s.DataType(), s.n, s.bufs, s.kids, s.NullN(), 0)
}

// each scrubs the children, of which the values reach the live slots.
func (s *scrubber) each(live []byte) {
	for i, kid := range s.kids {
		if k := scrubbed(kid, live); k != kid {
			s.kids[i], s.changed = k, true
		}
	}
}

// set replaces the bytes of a buffer.
func (s *scrubber) set(i int, b []byte) { s.bufs[i], s.changed = memory.NewBufferBytes(b), true }

// end gives buffer i, which ends after size bytes.
func (s *scrubber) end(i, size int) []byte {
	b := s.bufs[i]
	if b == nil {
		return nil
	}
	if b.Len() > size {
		s.set(i, b.Bytes()[:size])
	}
	return s.bufs[i].Bytes()
}

// keepBits clears the bits of buffer i that are not among keep, nil all, and those behind the last.
func (s *scrubber) keepBits(i int, keep []byte) {
	size := (s.n + 7) / 8
	b, own := s.end(i, size), false
	for k := range size {
		mask := byte(0xff)
		if k == size-1 {
			mask >>= uint(8*size - s.n)
		}
		if keep != nil {
			mask &= keep[k]
		} else if k < size-1 {
			continue
		}
		if b[k]&^mask == 0 {
			continue
		}
		if !own {
			b, own = bytes.Clone(b), true
		}
		b[k] &= mask
	}
	if own {
		s.set(i, b)
	}
}

// keepFixed clears the values of width bytes that nobody reaches.
func (s *scrubber) keepFixed(width int) {
	b, own := s.end(1, s.n*width), false
	if s.live == nil {
		return
	}
	zero := make([]byte, width)
	for i := range dead(s.live, s.n) {
		v := b[i*width : (i+1)*width]
		if bytes.Equal(v, zero) {
			continue
		}
		if !own {
			b, own = bytes.Clone(b), true
			v = b[i*width : (i+1)*width]
		}
		clear(v)
	}
	if own {
		s.set(1, b)
	}
}

// offsets are those of texts or lists.
func offsets[T int32 | int64](s *scrubber) []T {
	var t T
	return cast[T](s.end(1, (s.n+1)*binary.Size(t)))
}

// scrubTexts leaves out texts that nobody reaches.
func scrubTexts[T int32 | int64](s *scrubber) {
	off := offsets[T](s)
	s.end(2, int(off[s.n]))
	if s.live == nil || !covers(s, off) {
		return
	}
	text, out, words := s.bufs[2].Bytes(), make([]T, s.n+1), []byte(nil)
	for i := range s.n {
		if s.live[i/8]>>(i%8)&1 != 0 {
			words = append(words, text[off[i]:off[i+1]]...)
		}
		out[i+1] = T(len(words))
	}
	s.set(1, arrow.GetBytes(out))
	s.set(2, words)
}

// covers says whether a slot that nobody reaches has something.
func covers[T int32 | int64](s *scrubber, off []T) bool {
	for i := range dead(s.live, s.n) {
		if off[i] != off[i+1] {
			return true
		}
	}
	return false
}

// inside says which elements the lists that values reach have, nil all.
func inside[T int32 | int64](s *scrubber) []byte {
	off := offsets[T](s)
	if s.live == nil || !covers(s, off) {
		return nil
	}
	out := bytes.Repeat([]byte{0xff}, (s.kids[0].Len()+7)/8)
	for i := range dead(s.live, s.n) {
		for k := off[i]; k < off[i+1]; k++ {
			out[k/8] &^= 1 << (k % 8)
		}
	}
	return out
}

// repeated says of each bit of live what it says of k elements.
func repeated(live []byte, n, k int) []byte {
	if live == nil {
		return nil
	}
	out := bytes.Repeat([]byte{0xff}, (n*k+7)/8)
	for i := range dead(live, n) {
		for e := i * k; e < (i+1)*k; e++ {
			out[e/8] &^= 1 << (e % 8)
		}
	}
	return out
}

// both is the conjunction of n bits of a, nil all, and b.
func both(a, b []byte, n int) []byte {
	if a == nil {
		return b
	}
	out := bytes.Clone(b[:(n+7)/8])
	for i := range out {
		out[i] &= a[i]
	}
	return out
}

// dead yields the places among n at which live has no bit.
func dead(live []byte, n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for w, b := range live[:(n+7)/8] {
			for none := ^b; none != 0; none &= none - 1 {
				if i := 8*w + bits.TrailingZeros8(none); i >= n || !yield(i) {
					return
				}
			}
		}
	}
}
