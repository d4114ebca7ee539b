package guard

import (
	"encoding/binary"
	"math"
)

// Stats are what a column chunk's statistics are good for. Bounds are there only when both are: a value of
// the chunk that is neither null nor NaN lies in [Min, Max] by the order of its type.
//
// The dynamic type of Min and Max is bool, int64 (any signed integer, date, time, timestamp or the unscaled
// value of a decimal of INT32 or INT64), uint64 (unsigned integers), float64 (FLOAT and DOUBLE), or string
// (BYTE_ARRAY and FIXED_LEN_BYTE_ARRAY in byte order). Bounds of strings may be truncated: they hold, but
// need not occur.
type Stats struct {
	Min, Max any
	// NullCount is the number of nulls, or -1 when it is not known. It counts null leaves: in a nested column
	// also those of an empty or null list.
	NullCount int64
	// Dict is how many bytes of the file the dictionary page takes, 0 without one.
	Dict int64
}

// statsOf decodes the statistics of a chunk, dropping what cannot be trusted:
//   - the deprecated min and max wherever the signed byte order of old writers differs from the order of the
//     type: byte arrays and unsigned integers;
//   - min_value and max_value without a declared type order, or of types without an order (INT96, decimals in
//     bytes, interval, and annotations this build does not know);
//   - float bounds that are NaN; a zero bound is widened to the zero of the other sign, as the format asks;
//   - bounds in the wrong order, and a null count that is negative, larger than the chunk or, for a required
//     column, not zero.
func statsOf(c *chunkMeta, l *leaf, typeOrder bool) Stats {
	s := Stats{NullCount: -1, Dict: c.dataOffset - c.start()}
	if l.MaxDef == 0 {
		s.NullCount = 0
	}
	if !c.hasStats {
		return s
	}
	if n := c.stats.nulls; c.stats.hasNulls && l.MaxDef > 0 && n >= 0 && n <= c.values {
		s.NullCount = n
	}
	lo, hi := c.stats.min, c.stats.max
	if lo == nil || hi == nil || !typeOrder {
		lo, hi = c.stats.oldMin, c.stats.oldMax
		if l.typ == physBytes || l.typ == physFixed || l.logical == logicalUint {
			return s
		}
	}
	if lo == nil || hi == nil {
		return s
	}
	if a, b, ok := decodeBounds(lo, hi, l); ok {
		s.Min, s.Max = a, b
	}
	return s
}

func decodeBounds(lo, hi []byte, l *leaf) (any, any, bool) {
	width := map[int64]int{physBool: 1, physInt32: 4, physInt64: 8, physFloat: 4, physDouble: 8}[l.typ]
	if width > 0 && (len(lo) != width || len(hi) != width) {
		return nil, nil, false
	}
	switch l.typ {
	case physBool:
		return lo[0] != 0, hi[0] != 0, lo[0] <= hi[0] && hi[0] <= 1
	case physInt32:
		a, b := binary.LittleEndian.Uint32(lo), binary.LittleEndian.Uint32(hi)
		if l.logical == logicalUint {
			return uint64(a), uint64(b), a <= b
		}
		return int64(int32(a)), int64(int32(b)), l.logical != logicalOther && int32(a) <= int32(b)
	case physInt64:
		a, b := binary.LittleEndian.Uint64(lo), binary.LittleEndian.Uint64(hi)
		if l.logical == logicalUint {
			return a, b, a <= b
		}
		return int64(a), int64(b), l.logical != logicalOther && int64(a) <= int64(b)
	case physFloat:
		a, b := math.Float32frombits(binary.LittleEndian.Uint32(lo)), math.Float32frombits(binary.LittleEndian.Uint32(hi))
		return floatBounds(float64(a), float64(b))
	case physDouble:
		return floatBounds(math.Float64frombits(binary.LittleEndian.Uint64(lo)), math.Float64frombits(binary.LittleEndian.Uint64(hi)))
	case physBytes, physFixed:
		ok := (l.logical == logicalString || l.logical == logicalNone) && string(lo) <= string(hi)
		return string(lo), string(hi), ok
	}
	return nil, nil, false
}

// floatBounds applies the rules of the format (parquet.thrift, ColumnOrder): NaN bounds are ignored, a zero
// minimum may stand for -0 and a zero maximum for +0.
func floatBounds(a, b float64) (any, any, bool) {
	if !(a <= b) {
		return nil, nil, false
	}
	if a == 0 {
		a = math.Copysign(0, -1)
	}
	if b == 0 {
		b = 0
	}
	return a, b, true
}
