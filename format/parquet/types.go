package parquet

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
)

// fieldType is the type that stores the values of a field, and how a nested one is built. int96 is the option of this name.
func fieldType(f *guard.File, n *guard.Node, int96 string) (t dtype.Type, x *nest, err error) {
	was := f.ArrowType(n.Name)
	if n.Leaf < 0 || n.Repeated {
		if x, err = nestOf(f, n, was, 0, int96Units[int96]); err == nil {
			t = x.typ
			err = t.Check()
		}
	} else {
		t, err = plainType(f.Leaf(n.Leaf), int96Units[int96])
		t = asWritten(t, was)
	}
	if err != nil {
		return t, nil, fmt.Errorf("column %q: %w", n.Name, err)
	}
	return t, x, nil
}

// asWritten is a type with what Parquet does not keep of the Arrow type that its writer had: names of time zones, and that
// integers are durations.
func asWritten(t dtype.Type, was arrow.DataType) dtype.Type {
	switch a := was.(type) {
	case *arrow.TimestampType:
		if t.Kind == dtype.Timestamp && (a.TimeZone == "") == (t.Zone == "") {
			t.Zone = a.TimeZone
		}
	case *arrow.DurationType:
		if t.Kind == dtype.Int64 {
			t = dtype.DurationOf(dtype.Unit(a.Unit))
		}
	}
	return t
}

// int96Units are the values of Options.Int96.
var int96Units = map[string]dtype.Unit{"": dtype.Nano, "ns": dtype.Nano, "us": dtype.Micro, "ms": dtype.Milli}

// plainType is the type that stores the values of a leaf; those of INT96 are timestamps in the unit int96.
func plainType(l *guard.Leaf, int96 dtype.Unit) (dtype.Type, error) {
	switch l.Logical.Kind {
	case guard.NullValues:
		return dtype.Of(dtype.Null), nil
	case guard.TimeValues:
		if u := l.Logical.Unit; u < 0 || u > 2 || (u == 0) != (l.Physical == guard.Int32) || u > 0 && l.Physical != guard.Int64 {
			return dtype.Type{}, errf("times of day in unit %d stored as %s", u, l.Physical)
		}
		return dtype.TimeOf(dtype.Milli + dtype.Unit(l.Logical.Unit)), nil
	case guard.DecimalValues:
		return decimalType(l)
	}
	switch l.Physical {
	case guard.Boolean:
		return dtype.Of(dtype.Bool), nil
	case guard.Int32:
		switch l.Logical.Kind {
		case guard.DateValues:
			return dtype.Of(dtype.Date), nil
		case guard.IntValues:
			return intType(l, 32)
		}
		return dtype.Of(dtype.Int32), nil
	case guard.Int64:
		switch l.Logical.Kind {
		case guard.TimestampValues:
			return timestampType(l)
		case guard.IntValues:
			return intType(l, 64)
		}
		return dtype.Of(dtype.Int64), nil
	case guard.Int96:
		return dtype.TimestampOf(int96, ""), nil
	case guard.Float:
		return dtype.Of(dtype.Float32), nil
	case guard.Double:
		return dtype.Of(dtype.Float64), nil
	case guard.ByteArray:
		if l.Logical.Kind == guard.TextValues {
			return dtype.Of(dtype.Utf8), nil
		}
	case guard.FixedLenByteArray:
		if l.Logical.Kind == guard.HalfValues && l.Length == 2 {
			return dtype.Of(dtype.Float32), nil
		}
	}
	return dtype.Of(dtype.Binary), nil
}

func intType(l *guard.Leaf, most int) (dtype.Type, error) {
	size := bits.TrailingZeros(uint(l.Logical.Bits)) - 3
	if size < 0 || size > 3 || 8<<size != l.Logical.Bits || l.Logical.Bits > most {
		return dtype.Type{}, errf("integers of %d bits stored as %s", l.Logical.Bits, l.Physical)
	}
	if l.Logical.Signed {
		return dtype.Of(dtype.Int8 + dtype.Kind(size)), nil
	}
	return dtype.Of(dtype.Uint8 + dtype.Kind(size)), nil
}

func timestampType(l *guard.Leaf) (dtype.Type, error) {
	if l.Logical.Unit < 0 || l.Logical.Unit > 2 {
		return dtype.Type{}, fmt.Errorf("%w: timestamps in unit %d", guard.ErrUnsupported, l.Logical.Unit)
	}
	zone := ""
	if l.Logical.UTC {
		zone = "UTC"
	}
	return dtype.TimestampOf(dtype.Milli+dtype.Unit(l.Logical.Unit), zone), nil
}

func decimalType(l *guard.Leaf) (dtype.Type, error) {
	p, s := l.Logical.Precision, l.Logical.Scale
	if p < 1 || s > 38 || s < -38 {
		return dtype.Type{}, errf("decimals of precision %d and scale %d", p, s)
	}
	if p > 38 || l.Physical == guard.FixedLenByteArray && l.Length > 16 {
		return dtype.Type{}, fmt.Errorf("%w: decimals of precision %d in %d bytes, the most is 38 in 16", guard.ErrUnsupported, p, l.Length)
	}
	switch l.Physical {
	case guard.Int32, guard.Int64, guard.ByteArray, guard.FixedLenByteArray:
		return dtype.DecimalOf(uint8(p), int8(s)), nil
	}
	return dtype.Type{}, errf("decimals stored as %s", l.Physical)
}

// A conversion turns n stored values of fixed width into values of a type. Nil means that they are the same.
type conversion func(dst, src []byte, n int) error

// conversionOf returns the conversion of a leaf of fixed width to its type.
func conversionOf(l *guard.Leaf, t dtype.Type) conversion {
	switch {
	case l.Physical == guard.Int96:
		return fromInt96(t.Unit)
	case t.Kind == dtype.Time && l.Physical == guard.Int32:
		return func(dst, src []byte, n int) error {
			for i := range n {
				binary.LittleEndian.PutUint64(dst[8*i:], uint64(int64(int32(binary.LittleEndian.Uint32(src[4*i:])))))
			}
			return nil
		}
	case t.Kind == dtype.Decimal128 && l.Physical == guard.Int32:
		return func(dst, src []byte, n int) error {
			for i := range n {
				putDecimal(dst[16*i:], int64(int32(binary.LittleEndian.Uint32(src[4*i:]))))
			}
			return nil
		}
	case t.Kind == dtype.Decimal128 && l.Physical == guard.Int64:
		return func(dst, src []byte, n int) error {
			for i := range n {
				putDecimal(dst[16*i:], int64(binary.LittleEndian.Uint64(src[8*i:])))
			}
			return nil
		}
	case t.Kind == dtype.Decimal128:
		return func(dst, src []byte, n int) error {
			for i := range n {
				bigDecimal(dst[16*i:], src[l.Length*i:][:l.Length])
			}
			return nil
		}
	case l.Logical.Kind == guard.HalfValues && t.Kind == dtype.Float32:
		return func(dst, src []byte, n int) error {
			for i := range n {
				binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(chunk.Half(binary.LittleEndian.Uint16(src[2*i:]))))
			}
			return nil
		}
	case t.Width() == 1:
		return func(dst, src []byte, n int) error {
			for i := range n {
				dst[i] = src[4*i]
			}
			return nil
		}
	case t.Width() == 2:
		return func(dst, src []byte, n int) error {
			for i := range n {
				dst[2*i], dst[2*i+1] = src[4*i], src[4*i+1]
			}
			return nil
		}
	}
	return nil
}

func putDecimal(dst []byte, v int64) {
	binary.LittleEndian.PutUint64(dst, uint64(v))
	binary.LittleEndian.PutUint64(dst[8:], uint64(v>>63))
}

// bigDecimal reads a big-endian two's complement number of at most 16 bytes.
func bigDecimal(dst, src []byte) {
	fill := byte(0)
	if len(src) > 0 && src[0] >= 0x80 {
		fill = 0xff
	}
	for i := range 16 {
		if i < len(src) {
			dst[i] = src[len(src)-1-i]
		} else {
			dst[i] = fill
		}
	}
}

const (
	julianEpoch = 2440588 // Julian day of 1970-01-01
	dayNanos    = 86400 * 1e9
)

// fromInt96 reads the timestamps of Impala, Hive and Spark: nanoseconds of the day, and the Julian day. What is finer than the
// unit is cut off.
func fromInt96(unit dtype.Unit) conversion {
	ofDay := 86400 * unit.PerSecond()
	nanos := dayNanos / ofDay
	return func(dst, src []byte, n int) error {
		for i := range n {
			in, day := int64(binary.LittleEndian.Uint64(src[12*i:])), int64(int32(binary.LittleEndian.Uint32(src[12*i+8:])))-julianEpoch
			v := day*ofDay + in/nanos
			if us, ok := wrapped(day, in); ok && unit != dtype.Nano {
				v = us / (nanos / 1000)
			} else if in < 0 || in > 2*dayNanos || !fits(day, ofDay, in/nanos) {
				return fmt.Errorf("%w: a timestamp of day %d and %d ns does not fit in 64 bits of %s (option Int96 asks for coarser units)", guard.ErrUnsupported, day, in, unit)
			}
			binary.LittleEndian.PutUint64(dst[8*i:], uint64(v))
		}
		return nil
	}
}

// fits reports whether day*ofDay + in is an int64; in is not negative and small.
func fits(day, ofDay, in int64) bool {
	hi, lo := bits.Mul64(uint64(max(day, -day)), uint64(ofDay))
	if day < 0 {
		return hi == 0 && lo <= 1<<63+uint64(in)
	}
	return hi == 0 && lo <= uint64(math.MaxInt64-in)
}

// wrapped returns the microseconds of a timestamp whose microseconds since the first Julian day were too many for
// Spark's 64 bits: then it has written a negative part of a day, and the same arithmetic leads back.
func wrapped(day, in int64) (us int64, ok bool) {
	us = day*86400e6 + in/1000
	return us, in < 0 && in > -dayNanos && us > math.MaxInt64-julianEpoch*86400e6
}
