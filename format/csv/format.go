package csv

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// A rowFormat turns rows into text.
type rowFormat struct {
	delim byte
	null  string
	bare  []lexicon // by column
}

// appendRows appends the rows of m.
func (f *rowFormat) appendRows(dst []byte, m *chunk.Batch, schema dtype.Schema) ([]byte, error) {
	f.look(m)
	for i := range m.N {
		for c := range m.Cols {
			if c > 0 {
				dst = append(dst, f.delim)
			}
			v := &m.Cols[c]
			if b := f.bare[c].bare; b != nil && v.Valid == nil {
				if k := chunk.Values[uint32](v)[i]; b[k] {
					t := &v.Dict.Values
					dst = append(dst, t.Str[t.Off[k]:t.Off[k+1]]...)
					continue
				}
			}
			if v.Type.Kind == dtype.Null || v.Valid != nil && v.Valid[i>>6]>>(uint(i)&63)&1 == 0 {
				dst = append(dst, f.null...)
				continue
			}
			var ok bool
			if dst, ok = f.appendValue(dst, v, i); !ok {
				return dst, fmt.Errorf("csv: column %q: a %s outside the years 0000 to 9999 cannot be written", schema[c].Name, v.Type)
			}
		}
		dst = append(dst, '\n')
	}
	return dst, nil
}

// A lexicon says of the texts of a dictionary which are written as they are.
type lexicon struct {
	of   uint64
	bare []bool // nil: not looked at
}

// look finds out about the dictionaries of m, once for each that follows itself.
func (f *rowFormat) look(m *chunk.Batch) {
	for len(f.bare) < len(m.Cols) {
		f.bare = append(f.bare, lexicon{})
	}
	for c := range m.Cols {
		l, d := &f.bare[c], m.Cols[c].Dict
		switch {
		case d == nil || d.ID != l.of && d.Values.N > 4*m.N:
			*l = lexicon{}
		case d.ID != l.of:
			l.of, l.bare = d.ID, slices.Grow(l.bare[:0], d.Values.N)[:d.Values.N]
			for k := range l.bare {
				s := d.Values.Text(k)
				l.bare[k] = s != "" && s != f.null && !f.special(s)
			}
		}
	}
}

// pairs are the numbers 00 to 99.
var pairs = func() (t [200]byte) {
	for i := range 100 {
		t[2*i], t[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return t
}()

// appendInt appends a number; most have few digits.
func appendInt(dst []byte, v int64) []byte {
	if v < 0 || v >= 1e6 {
		return strconv.AppendInt(dst, v, 10)
	}
	u := uint32(v)
	switch {
	case u < 10:
		return append(dst, byte('0'+u))
	case u < 100:
		return append(dst, pairs[2*u], pairs[2*u+1])
	}
	hi, lo := u/100, u%100*2
	switch {
	case hi < 10:
		return append(dst, byte('0'+hi), pairs[lo], pairs[lo+1])
	case hi < 100:
		return append(dst, pairs[2*hi], pairs[2*hi+1], pairs[lo], pairs[lo+1])
	}
	top, mid := hi/100, hi%100*2
	if top < 10 {
		return append(dst, byte('0'+top), pairs[mid], pairs[mid+1], pairs[lo], pairs[lo+1])
	}
	return append(dst, pairs[2*top], pairs[2*top+1], pairs[mid], pairs[mid+1], pairs[lo], pairs[lo+1])
}

// appendValue appends value i, which is not null.
func (f *rowFormat) appendValue(dst []byte, v *chunk.Vec, i int) ([]byte, bool) {
	switch v.Type.Kind {
	case dtype.Int64:
		return appendInt(dst, chunk.Values[int64](v)[i]), true
	case dtype.Float64:
		return appendFloat(dst, chunk.Values[float64](v)[i]), true
	case dtype.Utf8, dtype.Binary:
		return f.appendText(dst, v.Text(i)), true
	case dtype.Int32:
		return appendInt(dst, int64(chunk.Values[int32](v)[i])), true
	case dtype.Date:
		return appendDate(dst, int64(chunk.Values[int32](v)[i]))
	case dtype.Timestamp:
		return appendStamp(dst, chunk.Values[int64](v)[i], v.Type)
	case dtype.Bool:
		return strconv.AppendBool(dst, v.Bool(i)), true
	case dtype.Float32:
		return appendFloat32(dst, chunk.Values[float32](v)[i]), true
	case dtype.Decimal128:
		return appendDecimal(dst, chunk.Values[[16]byte](v)[i], int(v.Type.Scale)), true
	case dtype.Time, dtype.Duration, dtype.List, dtype.Struct:
		s, err := expr.AppendText(nil, v, i)
		return f.appendText(dst, string(s)), err == nil
	case dtype.Int16:
		return appendInt(dst, int64(chunk.Values[int16](v)[i])), true
	case dtype.Int8:
		return appendInt(dst, int64(chunk.Values[int8](v)[i])), true
	case dtype.Uint64:
		return strconv.AppendUint(dst, chunk.Values[uint64](v)[i], 10), true
	case dtype.Uint32:
		return strconv.AppendUint(dst, uint64(chunk.Values[uint32](v)[i]), 10), true
	case dtype.Uint16:
		return strconv.AppendUint(dst, uint64(chunk.Values[uint16](v)[i]), 10), true
	}
	return strconv.AppendUint(dst, uint64(chunk.Values[uint8](v)[i]), 10), true
}

// appendText appends text, quoted if it is empty, looks like a null, or holds a
// byte with a meaning.
func (f *rowFormat) appendText(dst []byte, s string) []byte {
	if s != "" && s != f.null && !f.special(s) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return append(append(dst, s...), '"')
		}
		dst = append(append(dst, s[:i+1]...), '"')
		s = s[i+1:]
	}
}

// special reports whether s holds a delimiter, quote, newline or carriage return,
// or begins like a byte order mark, which would be dropped at the start of a file.
func (f *rowFormat) special(s string) bool {
	if s[0] >= 0xef && (strings.HasPrefix(s, "\ufeff") || strings.HasPrefix(s, "\xff\xfe") || strings.HasPrefix(s, "\xfe\xff")) {
		return true
	}
	for i := range len(s) {
		if c := s[i]; c == f.delim || c == '"' || c == '\n' || c == '\r' {
			return true
		}
	}
	return false
}

// appendFloat appends the shortest decimal that reads back as v. When v is a whole
// number of millionths below 10^15 of them, its digits are that number's: two
// decimals of at most 15 digits are never the same float64, so none is shorter.
func appendFloat(dst []byte, v float64) []byte {
	a := math.Abs(v)
	m := a * 1e6
	if !(m < 1e15) {
		return pointed(appendSpecial(dst, v, 64), len(dst))
	}
	u := uint64(m + 0.5)
	if float64(u)/1e6 != a {
		return pointed(appendSpecial(dst, v, 64), len(dst))
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	dst = appendInt(dst, int64(u/1e6))
	frac := uint32(u % 1e6)
	if frac == 0 {
		return append(dst, ".0"...)
	}
	a2, b2, c2 := frac/10000*2, frac/100%100*2, frac%100*2
	d := [7]byte{'.', pairs[a2], pairs[a2+1], pairs[b2], pairs[b2+1], pairs[c2], pairs[c2+1]}
	n := 7
	for d[n-1] == '0' {
		n--
	}
	return append(dst, d[:n]...)
}

func appendFloat32(dst []byte, v float32) []byte {
	return pointed(appendSpecial(dst, float64(v), 32), len(dst))
}

func appendSpecial(dst []byte, v float64, bits int) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

// pointed adds ".0" to a number from dst[at:] that would read back as an integer.
func pointed(dst []byte, at int) []byte {
	for _, c := range dst[at:] {
		if c != '-' && c-'0' > 9 {
			return dst
		}
	}
	return append(dst, ".0"...)
}

const (
	firstDay = -719528 // 0000-01-01
	lastDay  = 2932896 // 9999-12-31
)

// appendDate appends YYYY-MM-DD.
func appendDate(dst []byte, day int64) ([]byte, bool) {
	if day < firstDay || day > lastDay {
		return dst, false
	}
	y, m, d := time.Unix(day*86400, 0).UTC().Date()
	dst = append(dst, byte('0'+y/1000), byte('0'+y/100%10))
	dst = appendTwo(dst, y%100)
	dst = appendTwo(append(dst, '-'), int(m))
	return appendTwo(append(dst, '-'), d), true
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendStamp appends YYYY-MM-DDTHH:MM:SS, the fraction if there is one, and Z if
// the type has a zone.
func appendStamp(dst []byte, v int64, t dtype.Type) ([]byte, bool) {
	per := t.Unit.PerSecond()
	secs, frac := v/per, v%per
	if frac < 0 {
		secs, frac = secs-1, frac+per
	}
	day, sec := secs/86400, secs%86400
	if sec < 0 {
		day, sec = day-1, sec+86400
	}
	dst, ok := appendDate(dst, day)
	if !ok {
		return dst, false
	}
	dst = appendTwo(append(dst, 'T'), int(sec/3600))
	dst = appendTwo(append(dst, ':'), int(sec/60%60))
	dst = appendTwo(append(dst, ':'), int(sec%60))
	if frac > 0 {
		var d [10]byte
		d[0] = '.'
		n := 1 + 3*int(t.Unit)
		for i := n - 1; i > 0; i-- {
			d[i] = byte('0' + frac%10)
			frac /= 10
		}
		for d[n-1] == '0' {
			n--
		}
		dst = append(dst, d[:n]...)
	}
	if t.Zone != "" {
		dst = append(dst, 'Z')
	}
	return dst, true
}

// appendDecimal appends a 128-bit little-endian integer scaled by 10^-scale.
func appendDecimal(dst []byte, b [16]byte, scale int) []byte {
	lo, hi := binary.LittleEndian.Uint64(b[:]), int64(binary.LittleEndian.Uint64(b[8:]))
	v := new(big.Int).Lsh(big.NewInt(hi), 64)
	v.Or(v, new(big.Int).SetUint64(lo))
	if v.Sign() < 0 {
		dst = append(dst, '-')
		v.Neg(v)
	}
	s := v.String()
	if scale <= 0 {
		dst = append(dst, s...)
		if v.Sign() != 0 {
			dst = append(dst, strings.Repeat("0", -scale)...)
		}
		return dst
	}
	if len(s) <= scale {
		s = strings.Repeat("0", scale-len(s)+1) + s
	}
	dst = append(dst, s[:len(s)-scale]...)
	return append(append(dst, '.'), s[len(s)-scale:]...)
}
