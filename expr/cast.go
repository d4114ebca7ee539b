package expr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weft-data/weft/dtype"
)

// castRule says which conversions exist. Numbers convert to each other (floats
// to integers by truncation), everything to and from text, integers to and from
// dates (days) and timestamps (units), dates and timestamps to each other. A value
// that the target does not hold does not convert. Instants keep their UTC value
// when the zone changes.
func castRule(c Cast, x operand) (*sig, error) {
	if err := checkType(c.To); err != nil {
		return nil, err
	}
	s := &sig{In: []dtype.Type{x.T}, Out: c.To, Null: x.Null, Args: []operand{x}}
	if !castable(x.T.Kind, c.To.Kind) || x.T.Kind.IsNested() && c.To.Kind != dtype.Utf8 && !nestedCast(x.T, c.To) {
		return nil, fmt.Errorf("%s does not convert to %s", x.T, c.To)
	}
	s.Null = s.Null || !c.Strict && castFails(x.T, c.To)
	return s, nil
}

// nestedCast reports whether lists and structs convert part by part.
func nestedCast(from, to dtype.Type) bool {
	if from.Kind == dtype.List && to.Kind == dtype.List {
		a, b := from.Elem(), to.Elem()
		return castable(a.Kind, b.Kind) && (!a.Kind.IsNested() || nestedCast(a, b))
	}
	return from == to
}

func castable(from, to dtype.Kind) bool {
	num := func(k dtype.Kind) bool { return k.IsNumeric() || k == dtype.Bool }
	switch {
	case from == dtype.Utf8 && to.IsNested(), from == dtype.Binary && to.IsNested():
		return false
	case from == to, from == dtype.Null, to == dtype.Utf8, from == dtype.Utf8 && to != dtype.Null:
		return true
	case to == dtype.Null:
		return false
	case num(from) && to.IsNumeric(), from.IsInt() && to == dtype.Bool:
		return true
	case from.IsInt() && isClock(to), isClock(from) && to.IsInt(), from == dtype.Timestamp && to == dtype.Time, isClock(from) && isClock(to):
		return true
	case from.IsInt() && isTime(to), isTime(from) && to.IsInt(), isTime(from) && isTime(to):
		return true
	case from == dtype.Decimal128 && to.IsNumeric(), from.IsNumeric() && to == dtype.Decimal128:
		return true
	}
	return false
}

// castFails reports whether some value of type from has no counterpart in to.
func castFails(from, to dtype.Type) bool {
	f, t := from.Kind, to.Kind
	switch {
	case from == to, f == dtype.Null, f == dtype.Bool, t == dtype.Bool && f.IsInt():
		return false
	case t.IsFloat():
		return f == dtype.Utf8
	case t == dtype.Utf8:
		return f == dtype.Binary
	case t == dtype.Binary:
		return false
	case f.IsInt() && t.IsInt():
		p, err := dtype.Promote(from, to)
		return err != nil || p != to
	case f.IsInt() && t == dtype.Date:
		return f.IsUnsigned() && f.Width() >= 4 || f.Width() == 8
	case f.IsInt() && t == dtype.Timestamp:
		return f == dtype.Uint64
	case f == dtype.Date && t.IsInt():
		return t.Width() < 4 || t.IsUnsigned()
	case f == dtype.Timestamp && t.IsInt():
		return t != dtype.Int64
	case f == dtype.Date && t == dtype.Timestamp:
		return to.Unit == dtype.Nano || to.Zone != ""
	case f == dtype.Timestamp && t == dtype.Date:
		return from.Unit == dtype.Second
	case f == dtype.Timestamp && t == dtype.Timestamp:
		return to.Unit > from.Unit
	case f == dtype.Timestamp && t == dtype.Time, f == dtype.Time && t == dtype.Time:
		return false
	case isClock(f) && isClock(t):
		return t == dtype.Time || to.Unit > from.Unit && f == dtype.Duration
	case f.IsInt() && t == dtype.Duration:
		return f == dtype.Uint64
	case isClock(f) && t.IsInt():
		return t != dtype.Int64
	case t == dtype.Decimal128 && (f.IsInt() || f == dtype.Decimal128):
		d, _ := dtype.AsDecimal(from)
		rounds := 0
		if d.Scale > to.Scale {
			rounds = 1
		}
		return int(d.Precision)-int(d.Scale)+rounds > int(to.Precision)-int(to.Scale)
	case f == dtype.List && t == dtype.List:
		return castFails(from.Elem(), to.Elem())
	}
	return true
}

var errRange = errors.New("out of range")

// castLit converts one constant; it is also what the evaluator does, value by
// value, where it has no faster loop.
func castLit(l Literal, to dtype.Type) (Literal, error) {
	from, out := l.Type, Literal{Type: to}
	switch {
	case l.Null:
		out.Null = true
		return out, nil
	case from == to:
		return l, nil
	case from.Kind.IsNested() || to.Kind.IsNested():
		return out, errors.New("no constant")
	case !castable(from.Kind, to.Kind):
		return out, fmt.Errorf("%s does not convert to %s", from, to)
	}
	var err error
	switch {
	case from.Kind == dtype.Decimal128 || to.Kind == dtype.Decimal128:
		err = castDecimalLit(l, &out)
	case to.Kind == dtype.Utf8:
		out.S, err = textOf(l)
	case from.Kind == dtype.Utf8:
		err = parseLit(l.S, &out)
	case to.Kind == dtype.Binary:
		out.S = l.S
	case to.Kind.IsFloat():
		out.F = litFloat(l)
		if to.Kind == dtype.Float32 {
			out.F = float64(intToFloat32(l, out.F))
		}
	case from.Kind.IsFloat():
		out.I, err = truncFloat(l.F, to.Kind)
	case isTime(from.Kind) && isTime(to.Kind):
		out.I, err = castTime(l.I, from, to)
	case (isClock(from.Kind) || from.Kind == dtype.Timestamp) && isClock(to.Kind):
		out.I, err = castClock(l.I, from, to)
	case to.Kind == dtype.Time:
		if out.I, err = fitInt(l.I, from.Kind, dtype.Int64); err == nil && (out.I < 0 || out.I >= secondsPerDay*to.Unit.PerSecond()) {
			err = errRange
		}
	case to.Kind == dtype.Bool:
		if l.I != 0 {
			out.I = 1
		}
	default:
		out.I, err = fitInt(l.I, from.Kind, to.Kind)
	}
	if err != nil {
		return out, fmt.Errorf("%s is no %s: %w", valueText(l), to, err)
	}
	return out, nil
}

// valueText words a constant for messages.
func valueText(l Literal) string {
	var w writer
	w.literal(l)
	return w.String()
}

// litFloat converts a number or bool to float64.
func litFloat(l Literal) float64 {
	switch {
	case l.Type.Kind.IsFloat():
		return l.F
	case l.Type.Kind == dtype.Uint64:
		return float64(uint64(l.I))
	}
	return float64(l.I)
}

// intToFloat32 rounds once: going through float64 would round integers twice.
func intToFloat32(l Literal, f float64) float32 {
	switch {
	case l.Type.Kind.IsFloat():
		return float32(f)
	case l.Type.Kind == dtype.Uint64:
		return float32(uint64(l.I))
	}
	return float32(l.I)
}

// fitInt checks an integer against another integer kind, date or timestamp.
func fitInt(v int64, from, to dtype.Kind) (int64, error) {
	if from == dtype.Uint64 && v < 0 { // beyond 2^63
		if to == dtype.Uint64 {
			return v, nil
		}
		return 0, errRange
	}
	if to == dtype.Uint64 {
		if v < 0 {
			return 0, errRange
		}
		return v, nil
	}
	if lo, hi := intRange(to); v < lo || v > hi {
		return 0, errRange
	}
	return v, nil
}

// truncFloat drops the fraction.
func truncFloat(f float64, to dtype.Kind) (int64, error) {
	f = math.Trunc(f)
	if to == dtype.Uint64 {
		if !(f >= 0 && f < 1<<64) {
			return 0, errRange
		}
		return int64(uint64(f)), nil
	}
	if !(f >= -1<<63 && f < 1<<63) {
		return 0, errRange
	}
	return fitInt(int64(f), dtype.Int64, to)
}

// castTime converts between dates and timestamps; the day of an instant is that
// of its zone.
func castTime(v int64, from, to dtype.Type) (int64, error) {
	ok := true
	switch {
	case from.Kind == dtype.Timestamp && to.Kind == dtype.Timestamp:
		v, ok = rescale(v, from.Unit, to.Unit)
	case from.Kind == dtype.Date:
		c, err := newClock(to)
		if err != nil {
			return 0, err
		}
		v, ok = c.instant(v, 0, 0)
	default:
		c, err := newClock(from)
		if err != nil {
			return 0, err
		}
		v, _, _ = c.local(v)
		ok = v >= math.MinInt32 && v <= math.MaxInt32
	}
	if !ok {
		return 0, errRange
	}
	return v, nil
}

// textOf writes a value as text: what a cast to utf8 gives.
func textOf(l Literal) (string, error) {
	switch k := l.Type.Kind; {
	case k == dtype.Binary && !utf8.ValidString(l.S):
		return "", errors.New("not UTF-8")
	case k == dtype.Binary, k == dtype.Utf8, k == dtype.Decimal128:
		return l.S, nil
	}
	b, err := appendPlain(nil, l)
	return string(b), err
}

// appendPlain writes a value that is neither text nor decimal.
func appendPlain(dst []byte, l Literal) ([]byte, error) {
	switch k := l.Type.Kind; {
	case k == dtype.Timestamp:
		c, err := newClock(l.Type)
		if err != nil {
			return dst, err
		}
		return appendTimestamp(dst, c, l.Type, l.I), nil
	case isClock(k):
		return appendClock(dst, l.Type, l.I), nil
	}
	return appendScalar(dst, l.Type.Kind, l.I, l.F), nil
}

// appendScalar writes a bool, number or date.
func appendScalar(dst []byte, k dtype.Kind, i int64, f float64) []byte {
	switch {
	case k == dtype.Bool:
		return strconv.AppendBool(dst, i != 0)
	case k.IsFloat():
		return appendFloat(dst, f, k.Width()*8)
	case k == dtype.Date:
		return appendDate(dst, i)
	case k.IsUnsigned():
		return strconv.AppendUint(dst, uint64(i), 10)
	}
	return strconv.AppendInt(dst, i, 10)
}

// appendFloat writes the shortest text that reads back as f, without an exponent
// between 1e-6 and 1e21.
func appendFloat(dst []byte, f float64, bits int) []byte {
	abs := math.Abs(f)
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case abs > math.MaxFloat64:
		if f > 0 {
			return append(dst, "Inf"...)
		}
		return append(dst, "-Inf"...)
	case abs != 0 && (abs < 1e-6 || abs >= 1e21):
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
	if strings.IndexByte(string(dst[start:]), '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

var (
	errSyntax = errors.New("malformed")
	errPlaces = errors.New("it has digits behind the last decimal place: round it, or use a larger scale")
)

// parseLit reads text as out.Type.
func parseLit(s string, out *Literal) (err error) {
	k := out.Type.Kind
	switch {
	case k == dtype.Binary:
		out.S = s
	case k == dtype.Bool:
		var b bool
		if b, err = strconv.ParseBool(s); err != nil {
			return errSyntax
		}
		if b {
			out.I = 1
		}
	case k.IsFloat():
		out.F, err = parseFloat(s, k.Width()*8)
	case k == dtype.Uint64:
		var u uint64
		if zero, minus := strings.CutPrefix(s, "-"); minus && strings.Trim(zero, "0") == "" {
			s = zero // -0 is 0, as for other integers
		}
		u, err = strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
		out.I, err = int64(u), numError(err)
	case k.IsInt():
		if out.I, err = strconv.ParseInt(s, 10, 64); err != nil {
			return numError(err)
		}
		out.I, err = fitInt(out.I, dtype.Int64, k)
	case k == dtype.Date:
		day, rest, ok := parseDate(s)
		if !ok || rest != "" {
			return errors.New(`want "2006-01-02"`)
		}
		out.I = day
	case k == dtype.Time:
		sec, nano, rest, ok := parseClock(s)
		step := 1_000_000_000 / out.Type.Unit.PerSecond()
		if !ok || rest != "" || nano%step != 0 {
			return fmt.Errorf(`want "15:04:05" within the unit %s`, out.Type.Unit)
		}
		out.I = sec*out.Type.Unit.PerSecond() + nano/step
	case k == dtype.Duration:
		var ok bool
		if out.I, ok = parseDuration(s, out.Type.Unit); !ok {
			return fmt.Errorf(`want "1d2h3m4.5s" within the unit %s`, out.Type.Unit)
		}
	case k == dtype.Timestamp:
		c, err := newClock(out.Type)
		if err != nil {
			return err
		}
		var ok bool
		if out.I, ok = parseTimestamp(s, c); !ok {
			return fmt.Errorf(`want "2006-01-02 15:04:05" within the unit %s`, out.Type.Unit)
		}
	}
	return err
}

func numError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return errRange
	}
	return errSyntax
}

// parseFloat reads decimal notation, NaN and Inf; numbers beyond the largest
// float become infinite, as IEEE 754 rounds them.
func parseFloat(s string, bits int) (float64, error) {
	if strings.ContainsAny(s, "_xX") {
		return 0, errSyntax
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errSyntax
	}
	return f, nil
}
