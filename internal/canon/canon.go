// Package canon turns parameter structs into canonical bytes and back.
//
// Equal values have equal bytes on every machine, so the bytes of an operator's parameters can stand for
// the work itself: they are compared, hashed, journaled and sent. Three laws hold and are fuzzed:
//
//	Decode(Append(v)) is deeply equal to v, with the bits of every float kept
//	Append(Decode(b)) is b for every b that Decode accepts
//	Decode never panics and never allocates more than a small multiple of len(b)
//
// The second law is why nothing here has variable width: a varint writes zero in more than one way.
//
//	bool                    1 byte, 0 or 1
//	int…, uint…             8 bytes, little-endian, sign-extended; out of the type's range is refused
//	float64, float32        8 and 4 bytes, IEEE bits, NaN payload and the sign of zero kept
//	string, []byte          8 bytes length, then the bytes
//	[N]byte                 N bytes
//	[]T                     8 bytes length, then the elements; a nil slice has the length 2^64-1 and no elements
//	[N]T, struct            elements, or fields in order of declaration, nothing between them
//	*T                      1 byte, 0 for nil, 1 before a value
//	interface               1 byte, 0 for nil, 1 before name (as string) and struct; see Register
//
// Everything else (maps, channels, functions, complex numbers, structs with unexported fields such as
// time.Time) is refused with an error that names the field. "Equal" means equal bits: 0 and -0 have
// different bytes, and so have a nil and an empty slice, because operators may tell them apart.
package canon

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
)

// MaxDepth bounds how many pointers, slices and interface values may be nested in each other. These are the only
// places where a type can contain itself, so the bound also ends the encoding of a cyclic value.
const MaxDepth = 1000

// nilLength is the length word of a nil slice. No real slice has it, since lengths are bounded by the input.
const nilLength = math.MaxUint64

// Append appends the canonical bytes of v to dst.
//
// The static type of v decides: a struct is written as a struct, a pointer to it with a tag byte before it.
// To write an interface value as a sum (name and struct), put it into a struct field or pass its address.
//
// Memory:  grows dst; one copy of v when it holds arrays.
// Errors:  v or something in it is of an unsupported or unregistered type, a nil pointer inside an interface,
// nesting beyond MaxDepth. dst is returned unchanged then.
func Append(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return dst, fmt.Errorf("canon: cannot encode an untyped nil")
	}
	p, err := planOf(reflect.TypeOf(v))
	if err != nil {
		return dst, err
	}
	out, err := p.append(dst, addressable(reflect.ValueOf(v)), 0)
	if err != nil {
		return dst, at(p.t.String(), err)
	}
	return out, nil
}

// Decode reads the canonical bytes b into *v, where v is a non-nil pointer to the type given to Append.
//
// Memory:  nothing of b is aliased. Allocations are bounded by a small multiple of len(b).
// Errors:  anything Append would not have written: too few or trailing bytes, a bool or tag other than 0
// and 1, a number beyond its type, a length beyond the bytes left, an unregistered name, nesting beyond
// MaxDepth. *v is unchanged then.
func Decode(b []byte, v any) error {
	ptr := reflect.ValueOf(v)
	if ptr.Kind() != reflect.Pointer || ptr.IsNil() {
		return fmt.Errorf("canon: Decode needs a non-nil pointer, not %T", v)
	}
	p, err := planOf(ptr.Type().Elem())
	if err != nil {
		return err
	}
	fresh := reflect.New(p.t).Elem()
	r := reader{b: b}
	if err := p.decode(&r, fresh, 0); err != nil {
		return fmt.Errorf("canon: at byte %d: %w", r.off, at(p.t.String(), err))
	}
	if left := len(r.b) - r.off; left != 0 {
		return fmt.Errorf("canon: at byte %d: %d trailing bytes after %s", r.off, left, p.t)
	}
	ptr.Elem().Set(fresh)
	return nil
}

// addressable returns v, or a copy of it, such that arrays inside can be read as byte slices.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// append is the encoder. v is addressable and of type p.t.
func (p *plan) append(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	switch p.form {
	case formBool:
		return append(dst, tag(v.Bool())), nil
	case formInt:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Int())), nil
	case formUint:
		return binary.LittleEndian.AppendUint64(dst, v.Uint()), nil
	case formFloat64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float())), nil
	case formFloat32:
		return binary.LittleEndian.AppendUint32(dst, float32bits(v)), nil
	case formString:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Len()))
		return append(dst, v.String()...), nil
	case formByteArray:
		return append(dst, v.Bytes()...), nil
	case formBytes:
		dst, _ = p.appendPresence(dst, v)
		return append(dst, v.Bytes()...), nil
	case formArray:
		return p.appendElems(dst, v, depth)
	case formStruct:
		return p.appendFields(dst, v, depth)
	}
	if depth++; depth > MaxDepth {
		return nil, errDepth
	}
	dst, full := p.appendPresence(dst, v)
	if !full {
		return dst, nil
	}
	switch p.form {
	case formSlice:
		return p.appendElems(dst, v, depth)
	case formPointer:
		return p.elem.append(dst, v.Elem(), depth)
	default:
		return p.appendSum(dst, v.Elem(), depth)
	}
}

// appendPresence writes the length of a slice or the tag of a pointer or interface, and reports whether v is not nil.
func (p *plan) appendPresence(dst []byte, v reflect.Value) ([]byte, bool) {
	full := !v.IsNil()
	if p.form == formPointer || p.form == formSum {
		return append(dst, tag(full)), full
	}
	n := uint64(nilLength)
	if full {
		n = uint64(v.Len())
	}
	return binary.LittleEndian.AppendUint64(dst, n), full
}

func (p *plan) appendElems(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	var err error
	for i := range v.Len() {
		if dst, err = p.elem.append(dst, v.Index(i), depth); err != nil {
			return nil, at(fmt.Sprintf("[%d]", i), err)
		}
	}
	return dst, nil
}

func (p *plan) appendFields(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	var err error
	for i, f := range p.fields {
		if dst, err = f.plan.append(dst, v.Field(i), depth); err != nil {
			return nil, at("."+f.name, err)
		}
	}
	return dst, nil
}

// appendSum writes the name and the struct of member v of the sum type p.t.
func (p *plan) appendSum(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	m, ok := memberByType(p.t, v.Type())
	if !ok {
		return nil, fmt.Errorf("%s is not registered as a %s", v.Type(), p.t)
	}
	mp, err := planOf(m.body())
	if err != nil {
		return nil, err
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil, fmt.Errorf("nil %s inside a %s", v.Type(), p.t)
		}
		v = v.Elem()
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(m.name)))
	dst = append(dst, m.name...)
	dst, err = mp.append(dst, addressable(v), depth)
	return dst, at("("+m.name+")", err)
}

func tag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

var float32Type = reflect.TypeFor[float32]()

// float32bits must not go through v.Float: widening to float64 makes a signalling NaN quiet.
func float32bits(v reflect.Value) uint32 {
	return math.Float32bits(v.Convert(float32Type).Interface().(float32))
}
