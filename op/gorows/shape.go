// Package gorows has Go structs as rows: tables made of slices of structs, rows
// decoded into structs, and users' functions from rows to rows.
//
//	rows.map        step: a function of one row
//	rows.mapbatch   step: a function of the rows of a morsel
//	rows.fold       step: states of a user's aggregate, by key, of the rows of a morsel
//	rows.foldend    step: the results of lists of such states
//	rows.mappartition  breaker: a function of a partition as one Arrow record
//
// A column is an exported field; its name is the field's, or that of its tag:
//
//	type Trip struct {
//		City  string     `weft:"city"`
//		Fare  *float64   `weft:"fare"`  // may be null
//		Start time.Time  `weft:"start"`
//		note  string                    // not exported: no column
//		Rest  []int      `weft:"-"`     // left out
//	}
//
// Fields are bools, integers, floats, strings, []byte, time.Time (timestamps in
// nanoseconds, UTC), time.Duration, and pointers to them, nil for null. A nil
// []byte is null too.
package gorows

import (
	"fmt"
	"reflect"
	"time"

	"github.com/weft-data/weft/dtype"
)

// A Shape is a struct type as columns.
type Shape struct {
	Type   reflect.Type
	Schema dtype.Schema
	fields []field
}

// A field is one column.
type field struct {
	index int
	kind  dtype.Kind
	elem  reflect.Type // without the pointer
	ptr   bool
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[[]byte]()
)

// ShapeOf returns the columns of a struct type.
//
// Errors: t is no struct, has no exported field, has two columns of one name, or a
// field of a type that is no column.
func ShapeOf(t reflect.Type) (*Shape, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("%s is no struct: rows are structs whose fields are columns", t)
	}
	s := &Shape{Type: t}
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("weft")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		x := field{index: i, elem: f.Type}
		if f.Type.Kind() == reflect.Pointer {
			x.ptr, x.elem = true, f.Type.Elem()
		}
		typ, ok := columnType(x.elem)
		if !ok {
			return nil, fmt.Errorf("field %s of %s has the type %s: want a bool, number, string, []byte, time.Time, time.Duration or a pointer to one; leave it out with the tag `weft:\"-\"`", f.Name, t, f.Type)
		}
		x.kind = typ.Kind
		s.fields = append(s.fields, x)
		s.Schema = append(s.Schema, dtype.Field{Name: name, Type: typ, Nullable: x.ptr || x.elem == bytesType})
	}
	if len(s.fields) == 0 {
		return nil, fmt.Errorf("%s has no exported fields: a table has at least one column", t)
	}
	return s, s.Schema.Unique()
}

var goKinds = map[reflect.Kind]dtype.Kind{
	reflect.Bool: dtype.Bool, reflect.Int: dtype.Int64, reflect.Int8: dtype.Int8, reflect.Int16: dtype.Int16, reflect.Int32: dtype.Int32,
	reflect.Int64: dtype.Int64, reflect.Uint: dtype.Uint64, reflect.Uint8: dtype.Uint8, reflect.Uint16: dtype.Uint16, reflect.Uint32: dtype.Uint32,
	reflect.Uint64: dtype.Uint64, reflect.Float32: dtype.Float32, reflect.Float64: dtype.Float64, reflect.String: dtype.Utf8,
}

func columnType(t reflect.Type) (dtype.Type, bool) {
	switch {
	case t == timeType:
		return dtype.TimestampOf(dtype.Nano, "UTC"), true
	case t == durationType:
		return dtype.DurationOf(dtype.Nano), true
	case t == bytesType:
		return dtype.Of(dtype.Binary), true
	}
	k, ok := goKinds[t.Kind()]
	return dtype.Of(k), ok
}
