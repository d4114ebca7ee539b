package chunk

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/dtype"
)

// fromArrowNested returns the type that stores a nested Arrow type: lists of any
// kind are lists, maps are lists of structs of key and value. The zero Type means
// that t is not nested.
func fromArrowNested(t arrow.DataType) (dtype.Type, error) {
	var elem arrow.DataType
	switch x := t.(type) {
	case *arrow.StructType:
		fields := make(dtype.Schema, x.NumFields())
		for i, f := range x.Fields() {
			ft, err := FromArrowType(f.Type)
			if err != nil {
				return dtype.Type{}, fmt.Errorf("field %q: %w", f.Name, err)
			}
			fields[i] = dtype.Field{Name: f.Name, Type: ft, Nullable: true}
		}
		out := dtype.StructOf(fields)
		return out, out.Check()
	case *arrow.MapType:
		elem = x.Elem()
	case arrow.ListLikeType:
		elem = x.Elem()
	default:
		return dtype.Type{}, nil
	}
	et, err := FromArrowType(elem)
	if err != nil {
		return dtype.Type{}, fmt.Errorf("elements: %w", err)
	}
	out := dtype.ListOf(et)
	return out, out.Check()
}

// toArrowNested is the inverse of fromArrowNested for the types that are stored.
func toArrowNested(t dtype.Type) arrow.DataType {
	if t.Kind == dtype.List {
		return arrow.ListOf(ToArrowType(t.Elem()))
	}
	fields := t.Fields()
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = arrow.Field{Name: f.Name, Type: ToArrowType(f.Type), Nullable: true}
	}
	return arrow.StructOf(out...)
}

// fromNested copies a nested array; v has its type, length and validity.
func fromNested(a arrow.Array, v Vec) (Vec, error) {
	if s, ok := a.(*array.Struct); ok {
		cols := make([]*Vec, s.NumField())
		for i := range cols {
			c, err := FromArray(s.Field(i))
			if err != nil {
				return Vec{}, fmt.Errorf("field %q: %w", v.Type.Fields()[i].Name, err)
			}
			cols[i] = &c
		}
		return PackStructs(make([]byte, 0, StructsBytes(v.N, cols)), v.Type, v.N, v.Valid, cols)
	}
	l, ok := a.(array.ListLike)
	if !ok {
		return Vec{}, fmt.Errorf("arrow array of %s is not supported", a.DataType())
	}
	child, err := FromArray(l.ListValues())
	if err != nil {
		return Vec{}, err
	}
	out := Vec{Type: v.Type, N: v.N, Valid: v.Valid, Off: make([]int32, v.N+1)}
	for i := range v.N {
		if !v.IsNull(i) {
			lo, hi := l.ValueOffsets(i)
			if lo < 0 || hi < lo || hi > int64(child.N) {
				return Vec{}, fmt.Errorf("list %d has elements %d to %d of %d", i, lo, hi, child.N)
			}
			out.Str = AppendList(out.Str, &child, int(lo), int(hi))
		}
		if len(out.Str) > 1<<31-1 {
			return Vec{}, nestError(len(out.Str))
		}
		out.Off[i+1] = int32(len(out.Str))
	}
	return out, nil
}

// nestedData makes the Arrow data of a nested column; it copies.
func nestedData(t arrow.DataType, v *Vec) arrow.ArrayData {
	bufs := []*memory.Buffer{nil}
	nulls := v.Nulls()
	if nulls > 0 {
		bufs[0] = memory.NewBufferBytes(Bytes(v.Valid[:Words(v.N)]))
	}
	var kids []arrow.ArrayData
	if v.Type.Kind == dtype.List {
		off, child := UnpackLists(v)
		bufs = append(bufs, memory.NewBufferBytes(Bytes(off)))
		a := toArray(t.(arrow.ListLikeType).Elem(), &child)
		defer a.Release()
		kids = append(kids, a.Data())
	} else {
		cols := UnpackStructs(v)
		for i := range cols {
			a := toArray(t.(*arrow.StructType).Field(i).Type, &cols[i])
			defer a.Release()
			kids = append(kids, a.Data())
		}
	}
	return array.NewData(t, v.N, bufs, kids, nulls, 0)
}
