package csv

import (
	"bytes"
	"fmt"
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
	cells []written // by column, of the morsel in hand
}

// A written is a column of the morsel in hand as its values are written.
type written struct {
	form   form
	v      *chunk.Vec
	whole  []int64
	small  []int32
	number []float64
	codes  []uint32
	bare   []bool // by code
	off    []int32
	str    []byte
}

type form uint8

const (
	anything form = iota // see appendCell
	asWhole              // int64
	asSmall              // int32
	asNumber             // float64
	asText               // text none of which has a byte with a meaning
	asCodes              // of a dictionary whose entries were looked at
)

// appendRows appends the rows of m. Numbers and short texts are written where there is room for any of them, whole
// registers at once: what is behind their end is overwritten.
func (f *rowFormat) appendRows(dst []byte, m *chunk.Batch, schema dtype.Schema) ([]byte, error) {
	f.look(m)
	at, most := len(dst), len(f.cells)*(numeral.Room+1)
	dst = dst[:cap(dst)]
	for i := range m.N {
		if len(dst)-at < most {
			dst = room(dst, at, most)
		}
		for c := range f.cells {
			n, x := 0, &f.cells[c]
			switch x.form {
			case asWhole:
				n = numeral.PutInt(dst[at:], x.whole[i])
			case asSmall:
				n = numeral.PutInt(dst[at:], int64(x.small[i]))
			case asNumber:
				n = numeral.PutFloat(dst[at:], x.number[i], 64)
			case asText:
				n = x.put(dst[at:], i)
			case asCodes:
				if k := int(x.codes[i]); x.bare[k] {
					n = x.put(dst[at:], k)
				}
			}
			if n == 0 {
				var ok bool
				if dst, ok = f.appendCell(dst[:at], x.v, i); !ok {
					return dst, fmt.Errorf("csv: column %q: a %s outside the years 0000 to 9999 cannot be written", schema[c].Name, x.v.Type)
				}
				at = len(dst)
				dst = room(dst, at, most)
			}
			at += n
			dst[at] = f.delim
			at++
		}
		dst[at-1] = '\n'
	}
	return dst[:at], nil
}

// room makes space for n bytes behind the first at, and returns all the space there is.
func room(dst []byte, at, n int) []byte {
	dst = slices.Grow(dst[:at], n)
	return dst[:cap(dst)]
}

// put writes text i of a column if it is of 1 to 16 bytes and begins like none that a file must not begin with, and
// returns how many bytes that are; 0 for all others.
func (x *written) put(dst []byte, i int) int {
	lo, hi := int(x.off[i]), int(x.off[i+1])
	if n := hi - lo; n > 0 && n <= 16 && lo+16 <= len(x.str) && x.str[lo] < 0xef {
		*(*[16]byte)(dst) = *(*[16]byte)(x.str[lo:])
		return n
	}
	return 0
}

// appendCell appends value i of any column.
func (f *rowFormat) appendCell(dst []byte, v *chunk.Vec, i int) ([]byte, bool) {
	if v.Type.Kind == dtype.Null || v.Valid != nil && v.Valid[i>>6]>>(uint(i)&63)&1 == 0 {
		return append(dst, f.null...), true
	}
	return f.appendValue(dst, v, i)
}

// A lexicon says of the texts of a dictionary which are written as they are.
type lexicon struct {
	of   uint64
	bare []bool // nil: not looked at
}

// look finds out how the columns of m are written, about each dictionary once if it follows itself.
func (f *rowFormat) look(m *chunk.Batch) {
	for len(f.bare) < len(m.Cols) {
		f.bare = append(f.bare, lexicon{})
	}
	f.cells = f.cells[:0]
	for c := range m.Cols {
		v, l := &m.Cols[c], &f.bare[c]
		switch d := v.Dict; {
		case d == nil || d.ID != l.of && d.Values.N > 4*m.N:
			*l = lexicon{}
		case d.ID != l.of:
			l.of, l.bare = d.ID, slices.Grow(l.bare[:0], d.Values.N)[:d.Values.N]
			for k := range l.bare {
				s := d.Values.Text(k)
				l.bare[k] = s != "" && s != f.null && !f.special(s)
			}
		}
		f.cells = append(f.cells, f.written(v, l))
	}
}

// written finds out how a column is written; one with nulls is looked at value by value.
func (f *rowFormat) written(v *chunk.Vec, l *lexicon) written {
	x := written{v: v}
	switch kind := v.Type.Kind; {
	case v.Valid != nil || v.N == 0:
	case v.Dict != nil:
		if l.bare != nil {
			x.form, x.codes, x.bare, x.off, x.str = asCodes, chunk.Values[uint32](v), l.bare, v.Dict.Values.Off, v.Dict.Values.Str
		}
	case kind == dtype.Int64:
		x.form, x.whole = asWhole, chunk.Values[int64](v)
	case kind == dtype.Int32:
		x.form, x.small = asSmall, chunk.Values[int32](v)
	case kind == dtype.Float64:
		x.form, x.number = asNumber, chunk.Values[float64](v)
	case kind == dtype.Utf8 && f.null == "" && f.plain(v.Str[v.Off[0]:v.Off[v.N]]):
		x.form, x.off, x.str = asText, v.Off, v.Str
	}
	return x
}

// plain reports whether text has no byte with a meaning.
func (f *rowFormat) plain(s []byte) bool {
	for _, c := range [...]byte{f.delim, '"', '\n', '\r'} {
		if bytes.IndexByte(s, c) >= 0 {
			return false
		}
	}
	return true
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
		dst, err := expr.AppendText(dst, v, i)
		return dst, err == nil
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
