package parquet

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
)

// A stored is how values of a type lie in a file that is written: the inverse of plainType.
type stored struct {
	physical guard.Physical
	length   int // of FIXED_LEN_BYTE_ARRAY
	logical  guard.Logical
	width    int // of a value, 0 for BOOLEAN and BYTE_ARRAY
	order    order
}

// storedAs says how a type is written; types that Parquet has no place for are errors.
func storedAs(t dtype.Type) (s stored, err error) {
	s.order = signed
	switch t.Kind {
	case dtype.Null:
		s.physical, s.logical.Kind, s.order = guard.Int32, guard.NullValues, unordered
	case dtype.Bool:
		s.physical = guard.Boolean
	case dtype.Int8, dtype.Int16, dtype.Uint8, dtype.Uint16, dtype.Uint32, dtype.Uint64:
		s.physical = guard.Int32
		if t.Width() == 8 {
			s.physical = guard.Int64
		}
		s.logical = guard.Logical{Kind: guard.IntValues, Bits: 8 * t.Width(), Signed: t.Kind.IsSigned()}
		if !t.Kind.IsSigned() {
			s.order = unsigned
		}
	case dtype.Int32:
		s.physical = guard.Int32
	case dtype.Int64, dtype.Duration:
		s.physical = guard.Int64
	case dtype.Float32:
		s.physical, s.order = guard.Float, floating
	case dtype.Float64:
		s.physical, s.order = guard.Double, floating
	case dtype.Utf8:
		s.physical, s.logical.Kind, s.order = guard.ByteArray, guard.TextValues, bytewise
	case dtype.Binary:
		s.physical, s.order = guard.ByteArray, bytewise
	case dtype.Date:
		s.physical, s.logical.Kind = guard.Int32, guard.DateValues
	case dtype.Timestamp:
		s.physical = guard.Int64
		s.logical = guard.Logical{Kind: guard.TimestampValues, Unit: int(max(t.Unit, dtype.Milli) - dtype.Milli), UTC: t.Zone != ""}
	case dtype.Time:
		s.physical = guard.Int64
		if t.Unit <= dtype.Milli {
			s.physical = guard.Int32
		}
		s.logical = guard.Logical{Kind: guard.TimeValues, Unit: int(max(t.Unit, dtype.Milli) - dtype.Milli)} // of the wall, in no zone
	case dtype.Decimal128:
		if t.Scale < 0 || int(t.Scale) > int(t.Precision) {
			return s, fmt.Errorf("%w: Parquet stores decimals of scales from 0 to the precision, not %s: cast it first", guard.ErrUnsupported, t)
		}
		s.logical = guard.Logical{Kind: guard.DecimalValues, Precision: int(t.Precision), Scale: int(t.Scale)}
		switch {
		case t.Precision <= 9:
			s.physical = guard.Int32
		case t.Precision <= 18:
			s.physical = guard.Int64
		default:
			s.physical, s.order = guard.FixedLenByteArray, wide
			s.length = int(math.Ceil((float64(t.Precision)*math.Log2(10) + 1) / 8))
		}
	default:
		return s, fmt.Errorf("%w: type %s has no place in Parquet: cast it first", guard.ErrUnsupported, t)
	}
	s.width = s.physical.Width(s.length)
	return s, nil
}

// widen makes lanes of the stored width of the values of a column that is neither of variable length nor boolean;
// dst has room for v.N of them. Nil is returned when the values are such lanes already.
func (s *stored) widen(dst []byte, v *chunk.Vec) ([]byte, error) {
	t := v.Type
	switch {
	case t.Kind == dtype.Decimal128:
		return s.decimals(dst, v), nil
	case t.Unit == dtype.Second && (t.Kind == dtype.Timestamp || t.Kind == dtype.Time):
		return s.millis(dst, v)
	case t.Kind == dtype.Time && t.Unit == dtype.Milli:
		for i, x := range chunk.Values[int64](v) {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(x))
		}
	case t.Kind == dtype.Int8:
		widenTo32(dst, chunk.Values[int8](v))
	case t.Kind == dtype.Int16:
		widenTo32(dst, chunk.Values[int16](v))
	case t.Kind == dtype.Uint8:
		widenTo32(dst, chunk.Values[uint8](v))
	case t.Kind == dtype.Uint16:
		widenTo32(dst, chunk.Values[uint16](v))
	default:
		return nil, nil
	}
	return dst[:v.N*s.width], nil
}

func widenTo32[T int8 | int16 | uint8 | uint16](dst []byte, src []T) {
	out := chunk.Slice[int32](dst, len(src))
	for i, x := range src {
		out[i] = int32(x)
	}
}

// millis turns seconds, which Parquet has no unit for, into milliseconds.
func (s *stored) millis(dst []byte, v *chunk.Vec) ([]byte, error) {
	for i, x := range chunk.Values[int64](v) {
		if x > math.MaxInt64/1000 || x < math.MinInt64/1000 {
			if !v.IsNull(i) {
				return nil, fmt.Errorf("%d s does not fit in milliseconds, the coarsest unit of Parquet", x)
			}
			x = 0
		}
		if s.width == 4 {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(x*1000))
		} else {
			binary.LittleEndian.PutUint64(dst[8*i:], uint64(x*1000))
		}
	}
	return dst[:v.N*s.width], nil
}

// decimals writes the low bytes of 128-bit integers: little-endian numbers, or big-endian bytes.
func (s *stored) decimals(dst []byte, v *chunk.Vec) []byte {
	for i, x := range chunk.Values[[16]byte](v) {
		at := dst[i*s.width : (i+1)*s.width]
		if s.physical != guard.FixedLenByteArray {
			copy(at, x[:])
			continue
		}
		for k := range at {
			at[k] = x[s.width-1-k]
		}
	}
	return dst[:v.N*s.width]
}
