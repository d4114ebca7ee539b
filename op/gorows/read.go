package gorows

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// A Reader sets structs to rows of tables of one schema.
type Reader struct {
	s    *Shape
	in   dtype.Schema
	cols []int                                             // of each field
	set  []func(v *chunk.Vec, i int, x reflect.Value) bool // false: does not fit
}

// NewReader finds a column for every field. Other columns are not looked at.
//
// Errors: a field without a column, or with one of a type that it cannot hold.
// Integers and floats go into fields of any width (whether a value fits is seen
// when it is read), decimals into none: cast them.
func NewReader(s *Shape, in dtype.Schema) (*Reader, error) {
	r := &Reader{s: s, in: in}
	for i, f := range s.fields {
		c, err := in.Find(s.Schema[i].Name)
		if err != nil {
			return nil, fmt.Errorf("field %s of %s: %w", s.Type.Field(f.index).Name, s.Type, err)
		}
		set := setter(in[c].Type, &f)
		if set == nil {
			return nil, fmt.Errorf("column %q is %s: field %s of %s, a %s, cannot hold it; cast the column", in[c].Name, in[c].Type, s.Type.Field(f.index).Name, s.Type, f.elem)
		}
		r.cols, r.set = append(r.cols, c), append(r.set, set)
	}
	return r, nil
}

// Read sets x, which can be set and has the shape's type, to row i of b. Texts are
// copies.
//
// Errors: a null for a field that is no pointer, a number that does not fit.
func (r *Reader) Read(b *chunk.Batch, i int, x reflect.Value) error {
	for k := range r.s.fields {
		f := &r.s.fields[k]
		v, dst := &b.Cols[r.cols[k]], x.Field(f.index)
		if v.IsNull(i) {
			if !f.ptr && f.elem != bytesType {
				return fmt.Errorf("column %q is null: field %s of %s cannot hold it; make it a pointer, or fill the nulls", r.in[r.cols[k]].Name, r.s.Type.Field(f.index).Name, r.s.Type)
			}
			dst.SetZero()
			continue
		}
		if f.ptr {
			p := reflect.New(f.elem)
			dst.Set(p)
			dst = p.Elem()
		}
		if !r.set[k](v, i, dst) {
			return fmt.Errorf("a value of column %q, %s, does not fit into field %s of %s, a %s", r.in[r.cols[k]].Name, v.Type, r.s.Type.Field(f.index).Name, r.s.Type, f.elem)
		}
	}
	return nil
}

// setter returns how a value of a type gets into a field; nil if it does not.
func setter(t dtype.Type, f *field) func(v *chunk.Vec, i int, x reflect.Value) bool {
	switch {
	case t.Kind == dtype.Null:
		return func(*chunk.Vec, int, reflect.Value) bool { return true }
	case f.elem == timeType:
		return timeSetter(t)
	case f.elem == durationType:
		if t.Kind != dtype.Duration {
			return nil
		}
		unit := int64(time.Second) / t.Unit.PerSecond()
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			n := chunk.Values[int64](v)[i]
			x.SetInt(n * unit)
			return n <= math.MaxInt64/unit && n >= math.MinInt64/unit
		}
	case f.elem == bytesType:
		if t.Kind != dtype.Binary {
			return nil
		}
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			x.SetBytes([]byte(v.Text(i)))
			return true
		}
	case t.Kind == dtype.Bool && f.kind == dtype.Bool:
		return func(v *chunk.Vec, i int, x reflect.Value) bool { x.SetBool(v.Bool(i)); return true }
	case t.Kind == dtype.Utf8 && f.kind == dtype.Utf8:
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			x.SetString(string([]byte(v.Text(i))))
			return true
		}
	case t.Kind.IsFloat() && f.kind.IsFloat():
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			y := floatAt(v, i)
			x.SetFloat(y)
			return x.Float() == y || y != y
		}
	case t.Kind.IsInt() && f.kind.IsFloat():
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			s, u := integerAt(v, i)
			if x.SetFloat(float64(s)); s < 0 && u != 0 {
				x.SetFloat(float64(u))
			}
			y := x.Float()
			return u != 0 && s < 0 && y < 1<<64 && uint64(y) == u || (u == 0 || s >= 0) && math.Abs(y) < 1<<63 && int64(y) == s
		}
	case t.Kind.IsInt() && f.kind.IsSigned():
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			s, u := integerAt(v, i)
			x.SetInt(s)
			return x.Int() == s && (u == 0 || s >= 0)
		}
	case t.Kind.IsInt() && f.kind.IsUnsigned():
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			s, u := integerAt(v, i)
			n := uint64(s)
			if u != 0 {
				n = u
			}
			x.SetUint(n)
			return x.Uint() == n && (u != 0 || s >= 0)
		}
	}
	return nil
}

func timeSetter(t dtype.Type) func(v *chunk.Vec, i int, x reflect.Value) bool {
	switch t.Kind {
	case dtype.Date:
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			x.Set(reflect.ValueOf(time.Unix(int64(chunk.Values[int32](v)[i])*86400, 0).UTC()))
			return true
		}
	case dtype.Timestamp:
		loc := time.UTC
		if l, err := expr.Location(t.Zone); err == nil {
			loc = l
		}
		per := t.Unit.PerSecond()
		return func(v *chunk.Vec, i int, x reflect.Value) bool {
			n := chunk.Values[int64](v)[i]
			sec, part := n/per, n%per
			x.Set(reflect.ValueOf(time.Unix(sec, part*(int64(time.Second)/per)).In(loc)))
			return true
		}
	}
	return nil
}

func floatAt(v *chunk.Vec, i int) float64 {
	if v.Type.Kind == dtype.Float32 {
		return float64(chunk.Values[float32](v)[i])
	}
	return chunk.Values[float64](v)[i]
}

// integerAt reads an integer; u is it, too, if it is of an unsigned type.
func integerAt(v *chunk.Vec, i int) (s int64, u uint64) {
	switch v.Type.Kind {
	case dtype.Int8:
		s = int64(chunk.Values[int8](v)[i])
	case dtype.Int16:
		s = int64(chunk.Values[int16](v)[i])
	case dtype.Int32:
		s = int64(chunk.Values[int32](v)[i])
	case dtype.Int64:
		s = chunk.Values[int64](v)[i]
	case dtype.Uint8:
		u = uint64(chunk.Values[uint8](v)[i])
	case dtype.Uint16:
		u = uint64(chunk.Values[uint16](v)[i])
	case dtype.Uint32:
		u = uint64(chunk.Values[uint32](v)[i])
	case dtype.Uint64:
		u = chunk.Values[uint64](v)[i]
	}
	if u != 0 {
		s = int64(u)
	}
	return s, u
}
