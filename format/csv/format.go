package csv

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/numeral"
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

// appendValue appends value i, which is not null.
func (f *rowFormat) appendValue(dst []byte, v *chunk.Vec, i int) ([]byte, bool) {
	switch v.Type.Kind {
	case dtype.Int64:
		return numeral.AppendInt(dst, chunk.Values[int64](v)[i]), true
	case dtype.Float64:
		return numeral.AppendFloat(dst, chunk.Values[float64](v)[i], 64), true
	case dtype.Utf8, dtype.Binary:
		return f.appendText(dst, v.Text(i)), true
	case dtype.Int32:
		return numeral.AppendInt(dst, int64(chunk.Values[int32](v)[i])), true
	case dtype.Date:
		return appendDate(dst, int64(chunk.Values[int32](v)[i]))
	case dtype.Timestamp:
		return appendStamp(dst, chunk.Values[int64](v)[i], v.Type)
	case dtype.Bool:
		return strconv.AppendBool(dst, v.Bool(i)), true
	case dtype.Float32:
		return numeral.AppendFloat(dst, float64(chunk.Values[float32](v)[i]), 32), true
	case dtype.Decimal128:
		return appendDecimal(dst, chunk.Values[[16]byte](v)[i], int(v.Type.Scale)), true
	case dtype.Time, dtype.Duration, dtype.List, dtype.Struct:
		s, err := expr.AppendText(nil, v, i)
		return f.appendText(dst, string(s)), err == nil
	case dtype.Int16:
		return numeral.AppendInt(dst, int64(chunk.Values[int16](v)[i])), true
	case dtype.Int8:
		return numeral.AppendInt(dst, int64(chunk.Values[int8](v)[i])), true
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
