package parquet

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
)

// An order is how the values of a column compare in its statistics.
type order uint8

const (
	unordered order = iota // no statistics
	signed
	unsigned
	floating
	bytewise
	wide // big-endian two's complement
)

// Bounds of a page or chunk being written: the least and the greatest value that is not null. Numbers are mapped to
// integers of the same order, values of several bytes are kept as they are.
//
// With a NaN there are none, though the format allows those of the other values: readers to whom NaN is the greatest
// value, or unequal to all, leave out its rows by such bounds (DuckDB 2.0 does, pyarrow 26 with !=), and DuckDB's own
// writer gives none either.
type extent struct {
	any    bool
	nan    bool
	lo, hi int64
	blo    []byte // bytewise and wide
	bhi    []byte
}

// addFixed takes n lanes of the stored width.
func (e *extent) addFixed(s *stored, b []byte, n int) {
	switch {
	case n == 0 || s.order == unordered:
	case s.order == wide:
		for i := range n {
			e.addBytes(s, b[i*s.width:(i+1)*s.width])
		}
	case s.physical == guard.Float:
		r := kernel.MinMax(chunk.Slice[float32](b, n), nil)
		if e.nan = e.nan || r.NaN; r.Any {
			e.addRange(rank(float64(r.Min)), rank(float64(r.Max)))
		}
	case s.physical == guard.Double:
		r := kernel.MinMax(chunk.Slice[float64](b, n), nil)
		if e.nan = e.nan || r.NaN; r.Any {
			e.addRange(rank(r.Min), rank(r.Max))
		}
	case s.width == 4 && s.order == unsigned:
		r := kernel.MinMax(chunk.Slice[uint32](b, n), nil)
		e.addRange(int64(r.Min), int64(r.Max))
	case s.width == 4:
		r := kernel.MinMax(chunk.Slice[int32](b, n), nil)
		e.addRange(int64(r.Min), int64(r.Max))
	case s.order == unsigned:
		r := kernel.MinMax(chunk.Slice[uint64](b, n), nil)
		e.addRange(int64(r.Min^1<<63), int64(r.Max^1<<63))
	default:
		r := kernel.MinMax(chunk.Slice[int64](b, n), nil)
		e.addRange(r.Min, r.Max)
	}
}

// rank maps a float to an integer of the same order.
func rank(x float64) int64 {
	b := int64(math.Float64bits(x))
	return b ^ b>>63&math.MaxInt64
}

func unrank(r int64) float64 { return math.Float64frombits(uint64(r ^ r>>63&math.MaxInt64)) }

func (e *extent) addRange(lo, hi int64) {
	if !e.any {
		e.any, e.lo, e.hi = true, lo, hi
		return
	}
	e.lo, e.hi = min(e.lo, lo), max(e.hi, hi)
}

// addBytes takes one value, which it copies when it is a bound.
func (e *extent) addBytes(s *stored, b []byte) {
	if !e.any {
		e.any = true
		e.blo, e.bhi = append(e.blo[:0], b...), append(e.bhi[:0], b...)
		return
	}
	if compareStored(s.order, b, e.blo) < 0 {
		e.blo = append(e.blo[:0], b...)
	} else if compareStored(s.order, b, e.bhi) > 0 {
		e.bhi = append(e.bhi[:0], b...)
	}
}

func compareStored(o order, a, b []byte) int {
	if o == wide && (a[0]^b[0])&0x80 != 0 { // of different sign
		if a[0]&0x80 != 0 {
			return -1
		}
		return 1
	}
	return bytes.Compare(a, b)
}

// merge takes in what another extent has.
func (e *extent) merge(s *stored, o *extent) {
	e.nan = e.nan || o.nan
	switch {
	case !o.any:
	case s.order == bytewise || s.order == wide:
		e.addBytes(s, o.blo)
		e.addBytes(s, o.bhi)
	default:
		e.addRange(o.lo, o.hi)
	}
}

func (e *extent) reset() { e.any, e.nan = false, false }

// longest is how many bytes a bound has at most; longer ones are cut.
const longest = 64

// A limit is a bound as it is written; exact says that the value occurs.
type limit struct {
	b     []byte
	exact bool
}

// limits returns the bounds in the form of the file; false if there are none.
func (e *extent) limits(s *stored) (lo, hi limit, ok bool) {
	if !e.any || e.nan {
		return lo, hi, false
	}
	lo.exact, hi.exact = true, true
	switch {
	case s.order == bytewise:
		text := s.logical.Kind == guard.TextValues
		lo.b, lo.exact = cutBelow(e.blo, text), len(e.blo) <= longest
		if hi.b, hi.exact = bytes.Clone(e.bhi), true; len(e.bhi) > longest {
			hi.b, hi.exact = cutAbove(e.bhi, text), false
		}
		return lo, hi, hi.b != nil
	case s.order == wide:
		lo.b, hi.b = bytes.Clone(e.blo), bytes.Clone(e.bhi)
		return lo, hi, true
	case s.physical == guard.Boolean:
		lo.b, hi.b = []byte{byte(e.lo)}, []byte{byte(e.hi)}
		return lo, hi, true
	}
	lo.b, hi.b = s.number(e.lo, math.Copysign(0, -1)), s.number(e.hi, 0)
	return lo, hi, true
}

// number is a bound as it is stored; a zero of floats becomes the given one, since -0 and 0 are equal.
func (s *stored) number(v int64, zero float64) []byte {
	switch s.physical {
	case guard.Float, guard.Double:
		f := unrank(v)
		if f == 0 {
			f = zero
		}
		if s.physical == guard.Float {
			return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(f)))
		}
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))
	case guard.Int32:
		return binary.LittleEndian.AppendUint32(nil, uint32(v))
	}
	if s.order == unsigned {
		v = int64(uint64(v) ^ 1<<63)
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(v))
}

// cutBelow returns the first bytes of b, in text whole characters: not more than b.
func cutBelow(b []byte, text bool) []byte {
	if len(b) <= longest {
		return append([]byte{}, b...)
	}
	n := longest
	for text && n > longest-utf8.UTFMax && !utf8.RuneStart(b[n]) {
		n--
	}
	return bytes.Clone(b[:n])
}

// cutAbove returns something short that is not less than b: its first bytes, the last of them one higher. Nil if
// there is none.
func cutAbove(b []byte, text bool) []byte {
	b = cutBelow(b, text)
	for len(b) > 0 {
		if !text || !utf8.Valid(b) {
			if last := len(b) - 1; b[last] < 0xff {
				b[last]++
				return b
			}
			b = b[:len(b)-1]
			continue
		}
		r, n := utf8.DecodeLastRune(b)
		b = b[:len(b)-n]
		if r++; r == 0xd800 {
			r = 0xe000
		}
		if r <= utf8.MaxRune {
			return utf8.AppendRune(b, r)
		}
	}
	return nil
}
