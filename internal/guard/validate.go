package guard

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Validate walks an array of any type and says what is wrong with it: buffers too short for its length,
// offsets that run backwards or out of the values, children of the wrong number or length, dictionary
// indices, view references, union codes and run ends out of range. Values themselves (UTF-8, decimals in
// range) are not looked at. A nil error means that reading any slot of the array stays in its buffers.
//
// Cost: one pass over offsets, indices and views, O(1) for plain values.
func Validate(a arrow.Array) error { return ValidateData(a.Data()) }

// ValidateData is Validate before an array exists: array.MakeFromData may panic on data that this refuses.
func ValidateData(d arrow.ArrayData) error { return validateData(d, 0) }

// maxTypeDepth bounds nesting of types; walks over types and data are recursive.
const maxTypeDepth = 64

func validateData(d arrow.ArrayData, depth int) error {
	if depth > maxTypeDepth {
		return overLimit("types nest deeper than %d", maxTypeDepth)
	}
	n, off := d.Len(), d.Offset()
	if n < 0 || off < 0 || off > math.MaxInt-n-64 {
		return corrupt("array of %d slots at offset %d", n, off)
	}
	if d.DataType().ID() == arrow.EXTENSION {
		storage := d.DataType().(arrow.ExtensionType).StorageType()
		return validateAs(d, storage, depth)
	}
	return validateAs(d, d.DataType(), depth)
}

func validateAs(d arrow.ArrayData, typ arrow.DataType, depth int) error {
	v := &view{d: d, end: d.Offset() + d.Len(), depth: depth}
	if err := v.validity(typ); err != nil {
		return err
	}
	if err := v.body(typ); err != nil {
		return err
	}
	return nil
}

// view is one array under examination: slots [d.Offset(), end) must be good.
type view struct {
	d     arrow.ArrayData
	end   int
	depth int
}

// buf gives buffer i, nil where there is none.
func (v *view) buf(i int) []byte {
	if bs := v.d.Buffers(); i < len(bs) && bs[i] != nil {
		return bs[i].Bytes()
	}
	return nil
}

func (v *view) need(what string, i int, bytes int) error {
	if have := len(v.buf(i)); have < bytes {
		return corrupt("the %s of a %s array have %d bytes, its %d slots need %d", what, v.d.DataType().Name(), have, v.end, bytes)
	}
	return nil
}

func hasValidity(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.NULL, arrow.SPARSE_UNION, arrow.DENSE_UNION, arrow.RUN_END_ENCODED:
		return false
	}
	return true
}

func (v *view) validity(t arrow.DataType) error {
	if !hasValidity(t) {
		return nil
	}
	if len(v.d.Buffers()) == 0 {
		return corrupt("a %s array without buffers", t.Name())
	}
	if v.d.Buffers()[0] == nil || len(v.buf(0)) == 0 && v.d.NullN() <= 0 {
		if v.d.NullN() > 0 {
			return corrupt("a %s array of %d nulls has no validity bitmap", t.Name(), v.d.NullN())
		}
		return nil
	}
	if v.d.NullN() > v.d.Len() {
		return corrupt("a %s array of %d slots has %d nulls", t.Name(), v.d.Len(), v.d.NullN())
	}
	return v.need("validity bits", 0, (v.end+7)/8)
}

func (v *view) body(typ arrow.DataType) error {
	switch t := typ.(type) {
	case *arrow.NullType:
		return nil
	case *arrow.BooleanType:
		return v.need("bits", 1, (v.end+7)/8)
	case *arrow.DictionaryType:
		return v.dictionary(t)
	case *arrow.StringType, *arrow.BinaryType:
		return v.bytes32()
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return v.bytes64()
	case arrow.BinaryViewDataType:
		return v.binaryViews()
	case *arrow.ListType, *arrow.MapType:
		return v.list32()
	case *arrow.LargeListType:
		return v.list64()
	case *arrow.ListViewType:
		return listViews[int32](v)
	case *arrow.LargeListViewType:
		return listViews[int64](v)
	case *arrow.FixedSizeListType:
		return v.fixedList(int(t.Len()))
	case *arrow.StructType:
		return v.structure(t)
	case arrow.UnionType:
		return v.union(t)
	case *arrow.RunEndEncodedType:
		return v.runs(t)
	case arrow.FixedWidthDataType:
		if t.BitWidth() < 0 || t.BitWidth()%8 != 0 || t.BitWidth() > 0 && v.end > math.MaxInt/t.BitWidth() {
			return corrupt("%d values of %d bits", v.end, t.BitWidth())
		}
		return v.need("values", 1, v.end*(t.BitWidth()/8))
	}
	return unsupported("arrays of type %s", typ)
}

// cast views bytes as numbers, leaving out an incomplete one at the end. Buffers that come from files are on
// 8-byte boundaries (batch.buffer sees to that).
func cast[T arrow.FixedWidthType](b []byte) []T {
	var one [1]T
	return arrow.GetData[T](b[:len(b)-len(b)%len(arrow.GetBytes(one[:]))])
}

// checkOffsets holds that offsets [Offset, end] never run backwards and stay within limit.
func checkOffsets[T int32 | int64](v *view, limit int) error {
	o := cast[T](v.buf(1))
	if v.end == 0 && len(o) == 0 {
		return nil // an empty array may leave its offsets out
	}
	if len(o) <= v.end {
		return corrupt("%d offsets for %d slots", len(o), v.end)
	}
	o = o[v.d.Offset() : v.end+1]
	prev := o[0]
	bad := prev < 0
	for _, x := range o {
		bad = bad || x < prev
		prev = x
	}
	if bad {
		return corrupt("offsets of a %s array run backwards", v.d.DataType().Name())
	}
	if int64(prev) > int64(limit) {
		return corrupt("offsets of a %s array reach %d of %d values", v.d.DataType().Name(), prev, limit)
	}
	return nil
}

func (v *view) bytes32() error { return checkOffsets[int32](v, len(v.buf(2))) }
func (v *view) bytes64() error { return checkOffsets[int64](v, len(v.buf(2))) }

func (v *view) child(i, want int) (arrow.ArrayData, error) {
	kids := v.d.Children()
	if len(kids) != want {
		return nil, corrupt("a %s array has %d children, not %d", v.d.DataType().Name(), len(kids), want)
	}
	if err := validateData(kids[i], v.depth+1); err != nil {
		return nil, err
	}
	return kids[i], nil
}

func (v *view) list32() error {
	kid, err := v.child(0, 1)
	if err != nil {
		return err
	}
	return checkOffsets[int32](v, kid.Len())
}

func (v *view) list64() error {
	kid, err := v.child(0, 1)
	if err != nil {
		return err
	}
	return checkOffsets[int64](v, kid.Len())
}

func listViews[T int32 | int64](v *view) error {
	kid, err := v.child(0, 1)
	if err != nil {
		return err
	}
	o, s := cast[T](v.buf(1)), cast[T](v.buf(2))
	if len(o) < v.end || len(s) < v.end {
		return corrupt("%d offsets and %d sizes for %d list views", len(o), len(s), v.end)
	}
	for i := v.d.Offset(); i < v.end; i++ {
		if o[i] < 0 || s[i] < 0 || int64(o[i]) > int64(kid.Len()) || int64(s[i]) > int64(kid.Len())-int64(o[i]) {
			return corrupt("list view %d is [%d, +%d) of %d values", i, o[i], s[i], kid.Len())
		}
	}
	return nil
}

func (v *view) fixedList(size int) error {
	kid, err := v.child(0, 1)
	if err != nil {
		return err
	}
	if size < 0 || size > 0 && v.end > kid.Len()/size {
		return corrupt("%d lists of %d over %d values", v.end, size, kid.Len())
	}
	return nil
}

func (v *view) structure(t *arrow.StructType) error {
	if len(v.d.Children()) != t.NumFields() {
		return corrupt("a struct of %d fields has %d children", t.NumFields(), len(v.d.Children()))
	}
	for i, f := range t.Fields() {
		kid, err := v.child(i, t.NumFields())
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		if kid.Len() < v.end {
			return corrupt("field %s has %d of %d slots", f.Name, kid.Len(), v.end)
		}
	}
	return nil
}

func (v *view) dictionary(t *arrow.DictionaryType) error {
	bytes := t.IndexType.(arrow.FixedWidthDataType).BitWidth() / 8
	if err := v.need("indices", 1, v.end*bytes); err != nil {
		return err
	}
	dict, _ := v.d.Dictionary().(*array.Data)
	if dict == nil {
		return corrupt("a dictionary array without a dictionary")
	}
	if !arrow.TypeEqual(dict.DataType(), t.ValueType) {
		return corrupt("a dictionary of %s where %s belongs", dict.DataType(), t.ValueType)
	}
	if err := validateData(dict, v.depth+1); err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	switch t.IndexType.ID() {
	case arrow.INT8:
		return checkIndices[int8](v, dict.Len())
	case arrow.UINT8:
		return checkIndices[uint8](v, dict.Len())
	case arrow.INT16:
		return checkIndices[int16](v, dict.Len())
	case arrow.UINT16:
		return checkIndices[uint16](v, dict.Len())
	case arrow.INT32:
		return checkIndices[int32](v, dict.Len())
	case arrow.UINT32:
		return checkIndices[uint32](v, dict.Len())
	case arrow.INT64:
		return checkIndices[int64](v, dict.Len())
	case arrow.UINT64:
		return checkIndices[uint64](v, dict.Len())
	}
	return corrupt("dictionary indices of type %s", t.IndexType)
}

// checkIndices holds every index in the dictionary. Slots that are null may hold anything; they are looked
// at one by one only when something out of range was seen.
func checkIndices[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](v *view, n int) error {
	idx := cast[T](v.buf(1))[:v.end]
	bad := false
	for _, x := range idx[v.d.Offset():] {
		bad = bad || uint64(x) >= uint64(n)
	}
	if !bad {
		return nil
	}
	valid := v.buf(0)
	for i := v.d.Offset(); i < v.end; i++ {
		if uint64(idx[i]) >= uint64(n) && (valid == nil || valid[i/8]>>(i%8)&1 == 1) {
			return corrupt("index %d of a dictionary of %d", idx[i], n)
		}
	}
	return nil
}

// binaryViews checks the 16-byte views of string_view: up to 12 bytes inline, else buffer and offset.
func (v *view) binaryViews() error {
	if err := v.need("views", 1, v.end*16); err != nil {
		return err
	}
	words := cast[int32](v.buf(1)) // four per view: length, prefix, buffer, offset
	valid := v.buf(0)
	for i := v.d.Offset(); i < v.end; i++ {
		if valid != nil && valid[i/8]>>(i%8)&1 == 0 {
			continue
		}
		n, buf, off := words[4*i], words[4*i+2], words[4*i+3]
		if n < 0 {
			return corrupt("view %d has length %d", i, n)
		}
		if n <= 12 {
			continue
		}
		if buf < 0 || int(buf) >= len(v.d.Buffers())-2 {
			return corrupt("view %d is in buffer %d of %d", i, buf, len(v.d.Buffers())-2)
		}
		if have := int64(len(v.buf(int(buf) + 2))); off < 0 || int64(off)+int64(n) > have {
			return corrupt("view %d is [%d, +%d) of %d bytes", i, off, n, have)
		}
	}
	return nil
}

func (v *view) union(t arrow.UnionType) error {
	if err := v.need("type codes", 1, v.end); err != nil {
		return err
	}
	if len(v.d.Children()) != t.NumFields() || len(t.TypeCodes()) != t.NumFields() {
		return corrupt("a union of %d fields has %d children", t.NumFields(), len(v.d.Children()))
	}
	var lens [128]int
	for i := range lens {
		lens[i] = -1
	}
	for i, c := range t.TypeCodes() {
		kid, err := v.child(i, t.NumFields())
		if err != nil {
			return err
		}
		if c < 0 {
			return corrupt("union type code %d", c)
		}
		lens[c] = kid.Len()
	}
	codes := cast[int8](v.buf(1))
	var offs []int32
	if t.Mode() == arrow.DenseMode {
		if err := v.need("offsets", 2, v.end*4); err != nil {
			return err
		}
		offs = cast[int32](v.buf(2))
	}
	for i := v.d.Offset(); i < v.end; i++ {
		if codes[i] < 0 || lens[codes[i]] < 0 {
			return corrupt("slot %d has union type code %d, which the type has not", i, codes[i])
		}
		at := int32(i)
		if offs != nil {
			at = offs[i]
		}
		if at < 0 || int(at) >= lens[codes[i]] {
			return corrupt("slot %d of a union is at %d of a child of %d", i, at, lens[codes[i]])
		}
	}
	return nil
}

func (v *view) runs(t *arrow.RunEndEncodedType) error {
	ends, err := v.child(0, 2)
	if err != nil {
		return err
	}
	vals, err := v.child(1, 2)
	if err != nil {
		return err
	}
	if ends.NullN() > 0 || ends.Len() > vals.Len() {
		return corrupt("%d run ends (%d null) over %d values", ends.Len(), ends.NullN(), vals.Len())
	}
	switch b := ends.Buffers()[1]; {
	case ends.Len() == 0:
		return checkRunEnds[int64](nil, v.end)
	case t.RunEnds().ID() == arrow.INT16:
		return checkRunEnds(cast[int16](b.Bytes())[ends.Offset():ends.Offset()+ends.Len()], v.end)
	case t.RunEnds().ID() == arrow.INT32:
		return checkRunEnds(cast[int32](b.Bytes())[ends.Offset():ends.Offset()+ends.Len()], v.end)
	case t.RunEnds().ID() == arrow.INT64:
		return checkRunEnds(cast[int64](b.Bytes())[ends.Offset():ends.Offset()+ends.Len()], v.end)
	}
	return corrupt("run ends of type %s", t.RunEnds())
}

func checkRunEnds[T int16 | int32 | int64](ends []T, n int) error {
	var last T
	for _, e := range ends {
		if e <= last {
			return corrupt("run end %d after %d", e, last)
		}
		last = e
	}
	if int64(last) < int64(n) {
		return corrupt("runs of %d slots for an array of %d", last, n)
	}
	return nil
}
