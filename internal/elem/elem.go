// Package elem defines the element types of arrays, how they mix, and how
// elements are stored in the columns that blocks are made of. It imports
// nothing of the house but the column types.
package elem

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
)

// A Kind is the type of an array's elements.
type Kind uint8

// The kinds. Their order is part of the canonical bytes of plans: append only.
const (
	Invalid Kind = iota
	Bool         // one byte, 0 or 1
	Int8
	Int16
	Int32
	Int64
	Uint8
	Uint16
	Uint32
	Uint64
	Float32
	Float64
	Complex64  // two float32: real, imaginary
	Complex128 // two float64
)

// Kinds lists all kinds.
var Kinds = []Kind{Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float32, Float64, Complex64, Complex128}

var names = [...]string{"invalid", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
	"float32", "float64", "complex64", "complex128"}

func (k Kind) String() string {
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("elem.Kind(%d)", uint8(k))
}

// Parse returns the kind with the given name.
func Parse(name string) (Kind, error) {
	for k, n := range names {
		if n == name && k > 0 {
			return Kind(k), nil
		}
	}
	return Invalid, fmt.Errorf("no element type is called %q; there are %v", name, names[1:])
}

// Valid reports whether k is one of Kinds.
func (k Kind) Valid() bool { return k >= Bool && k <= Complex128 }

// Width returns the bytes of one element.
func (k Kind) Width() int {
	switch k {
	case Bool, Int8, Uint8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32:
		return 4
	case Int64, Uint64, Float64, Complex64:
		return 8
	case Complex128:
		return 16
	}
	return 0
}

// IsSigned reports whether k is a signed integer.
func (k Kind) IsSigned() bool { return k >= Int8 && k <= Int64 }

// IsUnsigned reports whether k is an unsigned integer.
func (k Kind) IsUnsigned() bool { return k >= Uint8 && k <= Uint64 }

// IsInt reports whether k is an integer.
func (k Kind) IsInt() bool { return k >= Int8 && k <= Uint64 }

// IsFloat reports whether k is a real floating-point number.
func (k Kind) IsFloat() bool { return k == Float32 || k == Float64 }

// IsComplex reports whether k is a complex number.
func (k Kind) IsComplex() bool { return k == Complex64 || k == Complex128 }

// IsReal reports whether k is an integer or a real floating-point number.
func (k Kind) IsReal() bool { return k.IsInt() || k.IsFloat() }

// Real returns the type of the parts of a complex number, and other kinds as
// they are.
func (k Kind) Real() Kind {
	switch k {
	case Complex64:
		return Float32
	case Complex128:
		return Float64
	}
	return k
}

// Floating returns the type in which functions such as sqrt compute: floating
// kinds as they are, everything else as float64.
func (k Kind) Floating() Kind {
	if k.IsFloat() || k.IsComplex() {
		return k
	}
	return Float64
}

// Promote returns the type of an operation on two arrays, as the array API
// standard has it, extended where the standard leaves it open in the way of
// NumPy: bool gives way to everything, an integer with a float gives a float
// that holds it (float32 for up to 16 bits), uint64 with a signed integer gives
// float64.
func Promote(a, b Kind) Kind {
	switch {
	case a == b:
		return a
	case a == Bool:
		return b
	case b == Bool:
		return a
	case a.IsComplex() || b.IsComplex():
		if half(a) && half(b) {
			return Complex64
		}
		return Complex128
	}
	t, err := dtype.Promote(a.Storage(), b.Storage())
	if err != nil {
		return Invalid
	}
	return Int8 + Kind(slices.Index(stored[Int8:], t.Kind)) // kinds of numbers have columns of their own
}

// half reports whether float32 holds what k does, or comes as near as any float.
func half(k Kind) bool {
	return k == Float32 || k == Complex64 || k.IsInt() && k.Width() <= 2 || k == Bool
}

// Storage returns the type of the column that elements are stored in, one value
// for each. Columns have no complex numbers: these are stored as words of the
// same width.
func (k Kind) Storage() dtype.Type {
	switch {
	case k == Complex128:
		return dtype.DecimalOf(38, 0)
	case k.Valid():
		return dtype.Of(stored[k])
	}
	return dtype.Type{}
}

var stored = [...]dtype.Kind{Int8: dtype.Int8, Int16: dtype.Int16, Int32: dtype.Int32, Int64: dtype.Int64,
	Uint8: dtype.Uint8, Uint16: dtype.Uint16, Uint32: dtype.Uint32, Uint64: dtype.Uint64,
	Float32: dtype.Float32, Float64: dtype.Float64, Bool: dtype.Uint8, Complex64: dtype.Int64}

// An Element is a Go type that an array holds.
type Element interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | complex64 | complex128
}

// Of returns the kind of a Go type.
func Of[T Element]() Kind {
	var z T
	return OfValue(z)
}

// OfValue returns the kind of a Go value, Invalid if arrays cannot hold it; int
// counts as int64 and uint as uint64.
func OfValue(v any) Kind {
	switch v.(type) {
	case bool:
		return Bool
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64, int:
		return Int64
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64, uint:
		return Uint64
	case float32:
		return Float32
	case float64:
		return Float64
	case complex64:
		return Complex64
	case complex128:
		return Complex128
	}
	return Invalid
}
