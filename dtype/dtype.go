// Package dtype defines the types of frame columns and array elements, and the
// schemas made of them. It imports nothing of the house.
package dtype

import "fmt"

// A Kind is the storage class of a value.
type Kind uint8

// The kinds. Their order is part of the canonical bytes of plans: append only.
const (
	Invalid    Kind = iota
	Null            // a column in which every value is null
	Bool            // stored as one bit per value
	Int8            //
	Int16           //
	Int32           //
	Int64           //
	Uint8           //
	Uint16          //
	Uint32          //
	Uint64          //
	Float32         //
	Float64         //
	Utf8            // variable-length UTF-8 text, int32 offsets; may be dictionary-encoded in memory
	Binary          // variable-length bytes, int32 offsets
	Date            // int32 days since 1970-01-01
	Timestamp       // int64 units since 1970-01-01T00:00:00Z
	Decimal128      // 16-byte two's complement integer scaled by 10^-Scale
	Time            // int64 units since midnight, a time of day
	Duration        // int64 units, signed
	List            // any number of values of one type; stored as one record per value, see package chunk
	Struct          // one value for each of some named fields; stored as List is
)

var kindNames = [...]string{"invalid", "null", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
	"float32", "float64", "utf8", "binary", "date", "timestamp", "decimal", "time", "duration", "list", "struct"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// A Unit is the resolution of a timestamp, time of day or duration.
type Unit uint8

// The units, coarsest first; the zero value is seconds.
const (
	Second Unit = iota
	Milli
	Micro
	Nano
)

func (u Unit) String() string { return [...]string{"s", "ms", "us", "ns"}[u&3] }

// PerSecond returns how many units make a second.
func (u Unit) PerSecond() int64 { return [...]int64{1, 1e3, 1e6, 1e9}[u&3] }

// A Type is the logical type of a column. Types are comparable with ==.
//
// Unit belongs to Timestamp, Time and Duration, Zone to Timestamp (an empty Zone
// means local wall time without a zone; instants are always stored in UTC),
// Precision and Scale to Decimal128. Inner says in text what List and Struct are
// made of (see ListOf and StructOf, Elem and Fields), which keeps types
// comparable. Dictionary encoding is not a type but a way a vector is stored.
type Type struct {
	Kind      Kind
	Unit      Unit
	Zone      string
	Precision uint8
	Scale     int8
	Inner     string
}

// Of returns the plain type of kind k.
func Of(k Kind) Type { return Type{Kind: k} }

// TimestampOf returns a timestamp type.
func TimestampOf(u Unit, zone string) Type { return Type{Kind: Timestamp, Unit: u, Zone: zone} }

// DecimalOf returns a decimal type of the given precision (1..38) and scale.
func DecimalOf(precision uint8, scale int8) Type {
	return Type{Kind: Decimal128, Precision: precision, Scale: scale}
}

// TimeOf returns the type of times of day.
func TimeOf(u Unit) Type { return Type{Kind: Time, Unit: u} }

// DurationOf returns a duration type.
func DurationOf(u Unit) Type { return Type{Kind: Duration, Unit: u} }

// String returns the text form, which Parse reads back.
func (t Type) String() string {
	switch t.Kind {
	case Time, Duration:
		return fmt.Sprintf("%s[%s]", t.Kind, t.Unit)
	case List, Struct:
		return t.Kind.String() + "(" + t.Inner + ")"
	case Timestamp:
		if t.Zone != "" {
			return fmt.Sprintf("timestamp[%s, %s]", t.Unit, t.Zone)
		}
		return fmt.Sprintf("timestamp[%s]", t.Unit)
	case Decimal128:
		return fmt.Sprintf("decimal(%d, %d)", t.Precision, t.Scale)
	}
	return t.Kind.String()
}

// Width returns the bytes of one stored value: 0 for Null, Bool (bits) and the
// variable-length kinds.
func (t Type) Width() int { return t.Kind.Width() }

// Width returns the bytes of one stored value, see Type.Width.
func (k Kind) Width() int {
	switch k {
	case Int8, Uint8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32, Date:
		return 4
	case Int64, Uint64, Float64, Timestamp, Time, Duration:
		return 8
	case Decimal128:
		return 16
	}
	return 0
}

// IsPlain tells if types of kind k have no parameters.
func (k Kind) IsPlain() bool { return k > Invalid && k <= Date }

// IsVar reports whether values have a variable length: text, bytes, and the
// records of lists and structs.
func (k Kind) IsVar() bool { return k == Utf8 || k == Binary || k == List || k == Struct }

// IsNested reports whether values are made of values.
func (k Kind) IsNested() bool { return k == List || k == Struct }

// IsOrdered reports whether values can be compared, sorted and used as keys:
// all but lists, structs and null.
func (k Kind) IsOrdered() bool { return k >= Bool && k <= Duration }

// IsSigned reports whether k is a signed integer.
func (k Kind) IsSigned() bool { return k >= Int8 && k <= Int64 }

// IsUnsigned reports whether k is an unsigned integer.
func (k Kind) IsUnsigned() bool { return k >= Uint8 && k <= Uint64 }

// IsInt reports whether k is an integer.
func (k Kind) IsInt() bool { return k >= Int8 && k <= Uint64 }

// IsFloat reports whether k is a floating-point number.
func (k Kind) IsFloat() bool { return k == Float32 || k == Float64 }

// IsNumeric reports whether arithmetic is defined on k.
func (k Kind) IsNumeric() bool { return k.IsInt() || k.IsFloat() }

// Promote returns the type in which values of a and b are computed with: the wider of two integers of one sign, the next
// wider signed one for mixed signs (uint64 with a signed integer gives
// float64), float64 for an integer with a float (float32 for integers of at
// most 16 bits with float32), the finer unit of two timestamps, times or
// durations, the decimal with all digits of two decimals or of a decimal and an
// integer (of more than 38, those behind the point: a value that has no room before
// it is an error where it is cast, and none is rounded), float64 for a decimal with a float, lists of the common type of their elements, and Null
// with anything gives the other.
func Promote(a, b Type) (Type, error) {
	switch {
	case a == b:
		return a, nil
	case a.Kind == Null:
		return b, nil
	case b.Kind == Null:
		return a, nil
	case a.Kind.IsNumeric() && b.Kind.IsNumeric():
		return Of(promoteNumeric(a.Kind, b.Kind)), nil
	case a.Kind == Timestamp && b.Kind == Timestamp && a.Zone == b.Zone:
		return TimestampOf(max(a.Unit, b.Unit), a.Zone), nil
	case a.Kind == Timestamp && b.Kind == Date:
		return a, nil
	case a.Kind == Date && b.Kind == Timestamp:
		return b, nil
	case a.Kind == b.Kind && (a.Kind == Time || a.Kind == Duration):
		return Type{Kind: a.Kind, Unit: max(a.Unit, b.Unit)}, nil
	case a.Kind == Decimal128 || b.Kind == Decimal128:
		return promoteDecimal(a, b)
	case a.Kind == List && b.Kind == List:
		e, err := Promote(a.Elem(), b.Elem())
		if err != nil {
			return Type{}, err
		}
		return ListOf(e), nil
	}
	return Type{}, fmt.Errorf("types %s and %s have no common type", a, b)
}

// Common returns the type in which values of a and b are compared, or stand in one
// column: that of Promote, but of uint64 and a signed integer the decimal of all
// their values, as different integers may be one float64.
func Common(a, b Type) (Type, error) {
	if a.Kind == List && b.Kind == List {
		e, err := Common(a.Elem(), b.Elem())
		if err != nil {
			return Type{}, err
		}
		return ListOf(e), nil
	}
	t, err := Promote(a, b)
	if err == nil && t.Kind == Float64 && a.Kind.IsInt() && b.Kind.IsInt() {
		return promoteDecimal(a, b)
	}
	return t, err
}

func promoteNumeric(a, b Kind) Kind {
	switch {
	case a.IsFloat() && b.IsFloat():
		return Float64
	case a.IsFloat() || b.IsFloat():
		f, i := a, b
		if b.IsFloat() {
			f, i = b, a
		}
		if f == Float32 && i.Width() <= 2 {
			return Float32
		}
		return Float64
	case a.IsSigned() == b.IsSigned():
		return max(a, b)
	}
	s, u := a, b
	if b.IsSigned() {
		s, u = b, a
	}
	switch w := max(s.Width(), 2*u.Width()); w {
	case 2:
		return Int16
	case 4:
		return Int32
	case 8:
		return Int64
	}
	return Float64
}

// promoteDecimal is Promote where one of two different types is a decimal.
func promoteDecimal(a, b Type) (Type, error) {
	if a.Kind.IsFloat() || b.Kind.IsFloat() {
		return Of(Float64), nil
	}
	x, okx := AsDecimal(a)
	y, oky := AsDecimal(b)
	if !okx || !oky {
		return Type{}, fmt.Errorf("types %s and %s have no common type", a, b)
	}
	whole := max(int(x.Precision)-int(x.Scale), int(y.Precision)-int(y.Scale))
	scale := max(x.Scale, y.Scale)
	return DecimalOf(uint8(min(38, whole+int(scale))), scale), nil
}

// AsDecimal returns the decimal type that holds every value of a decimal or
// integer type.
func AsDecimal(t Type) (Type, bool) {
	switch {
	case t.Kind == Decimal128:
		return t, true
	case t.Kind.IsInt():
		digits := [...]uint8{1: 3, 2: 5, 4: 10, 8: 19}[t.Width()]
		if t.Kind == Uint64 {
			digits = 20
		}
		return DecimalOf(digits, 0), true
	}
	return Type{}, false
}
