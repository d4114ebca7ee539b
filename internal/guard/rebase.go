package guard

import (
	"bytes"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Rebase gives an array equal to a whose offset is 0 at every level and whose first string or list starts at
// 0 of its values; a itself when it is so already. Arrow v17's binary kernels compute the last byte of
// validity wrongly for some pairs of slices (arrow/bitutil/bitmaps.go, endMask), its IPC writer mistakes
// shifted offsets, and its Concatenate gives run ends of slices that are off by the slice's start; the copy
// is therefore made here. It takes the bytes of the slice, not of its parent; dictionaries and the data
// buffers of views are shared. Arrays must be valid (Validate).
func Rebase(a arrow.Array) (out arrow.Array, err error) {
	if !needsRebase(a.Data()) {
		return a, nil
	}
	err = caught("rebasing "+a.DataType().String(), func() error {
		d, err := rebase(a.Data())
		if err == nil {
			out = array.MakeFromData(d)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// needsRebase says whether some level of the array starts elsewhere than at its first slot or byte.
func needsRebase(d arrow.ArrayData) bool {
	if d.Offset() != 0 || firstOffset(d) != 0 {
		return true
	}
	for _, kid := range d.Children() {
		if needsRebase(kid) {
			return true
		}
	}
	return false
}

// storageOf is the type whose layout the array has.
func storageOf(d arrow.ArrayData) arrow.DataType {
	if ext, ok := d.DataType().(arrow.ExtensionType); ok {
		return ext.StorageType()
	}
	return d.DataType()
}

// firstOffset is the first of the offsets of a string or list array, 0 for other types.
func firstOffset(d arrow.ArrayData) int64 {
	bs := d.Buffers()
	if len(bs) < 2 || bs[1] == nil || bs[1].Len() == 0 {
		return 0
	}
	switch storageOf(d).ID() {
	case arrow.STRING, arrow.BINARY, arrow.LIST, arrow.MAP:
		return int64(cast[int32](bs[1].Bytes())[d.Offset()])
	case arrow.LARGE_STRING, arrow.LARGE_BINARY, arrow.LARGE_LIST:
		return cast[int64](bs[1].Bytes())[d.Offset()]
	}
	return 0
}

func rebase(d arrow.ArrayData) (arrow.ArrayData, error) {
	n, off := d.Len(), d.Offset()
	var bufs []*memory.Buffer
	if bs := d.Buffers(); len(bs) > 0 {
		bufs = append(bufs, copyBits(bs[0], off, n))
	}
	var kids []arrow.ArrayData
	var err error
	switch t := storageOf(d).(type) {
	case *arrow.NullType:
	case *arrow.BooleanType:
		bufs = append(bufs, copyBits(d.Buffers()[1], off, n))
	case *arrow.StringType, *arrow.BinaryType:
		bufs = append(bufs, rebaseStrings[int32](d)...)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		bufs = append(bufs, rebaseStrings[int64](d)...)
	case *arrow.ListType, *arrow.MapType:
		bufs, kids, err = rebaseLists[int32](d, bufs)
	case *arrow.LargeListType:
		bufs, kids, err = rebaseLists[int64](d, bufs)
	case *arrow.ListViewType:
		bufs = append(bufs, copyFixed(d, 1, 4), copyFixed(d, 2, 4))
		kids, err = rebaseKids(d, 0, -1)
	case *arrow.LargeListViewType:
		bufs = append(bufs, copyFixed(d, 1, 8), copyFixed(d, 2, 8))
		kids, err = rebaseKids(d, 0, -1)
	case arrow.BinaryViewDataType:
		bufs = append(append(bufs, copyFixed(d, 1, 16)), d.Buffers()[2:]...)
	case *arrow.FixedSizeListType:
		kids, err = rebaseKids(d, off*int(t.Len()), n*int(t.Len()))
	case *arrow.StructType:
		kids, err = rebaseKids(d, off, n)
	case *arrow.SparseUnionType:
		bufs = append(bufs, copyFixed(d, 1, 1))
		kids, err = rebaseKids(d, off, n)
	case *arrow.DenseUnionType:
		bufs = append(bufs, copyFixed(d, 1, 1), copyFixed(d, 2, 4))
		kids, err = rebaseKids(d, 0, -1)
	case *arrow.RunEndEncodedType:
		kids, err = rebaseRuns(d)
	case arrow.FixedWidthDataType:
		bufs = append(bufs, copyFixed(d, 1, t.BitWidth()/8))
	default:
		err = unsupported("rebasing %s", t)
	}
	if err != nil {
		return nil, err
	}
	if dict, ok := d.Dictionary().(*array.Data); ok && dict != nil {
		return array.NewDataWithDictionary(d.DataType(), n, bufs, d.NullN(), 0, dict), nil
	}
	return array.NewData(d.DataType(), n, bufs, kids, d.NullN(), 0), nil
}

func copyBits(b *memory.Buffer, off, n int) *memory.Buffer {
	if b == nil || b.Len() == 0 {
		return nil
	}
	out := make([]byte, (n+7)/8)
	bitutil.CopyBitmap(b.Bytes(), off, n, out, 0)
	return memory.NewBufferBytes(out)
}

// copyFixed copies the slots of buffer i, which has width bytes for each.
func copyFixed(d arrow.ArrayData, i, width int) *memory.Buffer {
	if d.Len() == 0 || d.Buffers()[i] == nil {
		return memory.NewBufferBytes(nil)
	}
	return memory.NewBufferBytes(bytes.Clone(d.Buffers()[i].Bytes()[d.Offset()*width : (d.Offset()+d.Len())*width]))
}

// rebaseOffsets copies the offsets of the slots, made to start at 0, and gives the range of values they cover.
func rebaseOffsets[T int32 | int64](d arrow.ArrayData) (b *memory.Buffer, first, last T) {
	out := make([]T, d.Len()+1)
	if bs := d.Buffers(); len(bs) > 1 && bs[1] != nil && bs[1].Len() > 0 {
		o := cast[T](bs[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
		first, last = o[0], o[len(o)-1]
		for i, x := range o {
			out[i] = x - first
		}
	}
	return memory.NewBufferBytes(arrow.GetBytes(out)), first, last
}

func rebaseStrings[T int32 | int64](d arrow.ArrayData) []*memory.Buffer {
	offsets, first, last := rebaseOffsets[T](d)
	var values []byte
	if first < last {
		values = bytes.Clone(d.Buffers()[2].Bytes()[first:last])
	}
	return []*memory.Buffer{offsets, memory.NewBufferBytes(values)}
}

func rebaseLists[T int32 | int64](d arrow.ArrayData, bufs []*memory.Buffer) ([]*memory.Buffer, []arrow.ArrayData, error) {
	offsets, first, last := rebaseOffsets[T](d)
	kids, err := rebaseKids(d, int(first), int(last-first))
	return append(bufs, offsets), kids, err
}

// rebaseKids rebases slots [off, off+n) of every child, all of them when n is negative.
func rebaseKids(d arrow.ArrayData, off, n int) ([]arrow.ArrayData, error) {
	kids := make([]arrow.ArrayData, len(d.Children()))
	for i, kid := range d.Children() {
		if n >= 0 {
			kid = array.NewSliceData(kid, int64(off), int64(off+n))
		}
		if needsRebase(kid) {
			var err error
			if kid, err = rebase(kid); err != nil {
				return nil, err
			}
		}
		kids[i] = kid
	}
	return kids, nil
}

// rebaseRuns cuts the runs to the slice and counts their ends from its start.
func rebaseRuns(d arrow.ArrayData) ([]arrow.ArrayData, error) {
	if d.Len() == 0 {
		return rebaseKids(d, 0, 0)
	}
	switch d.Children()[0].DataType().ID() {
	case arrow.INT16:
		return cutRuns[int16](d)
	case arrow.INT32:
		return cutRuns[int32](d)
	}
	return cutRuns[int64](d)
}

func cutRuns[T int16 | int32 | int64](d arrow.ArrayData) ([]arrow.ArrayData, error) {
	ends, values := d.Children()[0], d.Children()[1]
	from, to := int64(d.Offset()), int64(d.Offset()+d.Len())
	var out []T
	skip := 0
	for _, e := range cast[T](ends.Buffers()[1].Bytes())[ends.Offset() : ends.Offset()+ends.Len()] {
		if int64(e) <= from {
			skip++
			continue
		}
		if out = append(out, T(min(int64(e), to)-from)); int64(e) >= to {
			break
		}
	}
	kid := array.NewSliceData(values, int64(skip), int64(skip+len(out)))
	if needsRebase(kid) {
		var err error
		if kid, err = rebase(kid); err != nil {
			return nil, err
		}
	}
	newEnds := array.NewData(ends.DataType(), len(out), []*memory.Buffer{nil, memory.NewBufferBytes(arrow.GetBytes(out))}, nil, 0, 0)
	return []arrow.ArrayData{newEnds, kid}, nil
}
