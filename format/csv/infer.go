package csv

import (
	"bytes"

	"github.com/weft-data/weft/dtype"
)

// A class is what a field looks like. Classes are bits, so that a column's sample
// is the set of those seen.
type class uint16

const (
	isBool    class = 1 << iota
	isInt           // an integer without leading zeros that fits int64
	isBig           // one that does not fit
	isFloat         // a decimal or exponent, or -0
	isSpecial       // NaN, infinity
	isDate          // YYYY-MM-DD
	isTime          // date and time without an offset
	isInstant       // date and time with Z or an offset
	isText
	isEmpty // a quoted empty field
)

// A guess is what was seen of a column.
type guess struct {
	seen class
	nano bool // a timestamp had more than six digits of a second
}

// see adds a field's value.
func (g *guess) see(b []byte, quoted bool) {
	t := trim(b)
	if len(t) == 0 {
		if len(b) > 0 { // no number, quoted or not
			g.seen |= isText
		} else if quoted {
			g.seen |= isEmpty
		}
		return
	}
	if g.seen&isText != 0 {
		return
	}
	c, nano := classify(t)
	g.seen |= c
	g.nano = g.nano || nano
}

// classify says what a trimmed, non-empty field looks like. Integers with leading
// zeros or a plus sign are text: they are codes and phone numbers more often than
// quantities, and reading them as numbers loses digits.
func classify(b []byte) (c class, nano bool) {
	if _, ok := parseBool(b); ok {
		return isBool, false
	}
	if isSpecialFloat(b) {
		return isSpecial, false
	}
	if len(b) >= 10 && b[4] == '-' {
		if _, ok := parseDate(b); ok {
			return isDate, false
		}
		if s, ok := parseStamp(b); ok {
			if s.zoned {
				return isInstant, s.nanos%1000 != 0
			}
			return isTime, s.nanos%1000 != 0
		}
	}
	return classifyNumber(b), false
}

func classifyNumber(b []byte) class {
	s := b
	if s[0] == '-' {
		s = s[1:]
	}
	whole := digits(s)
	if whole > 1 && s[0] == '0' {
		return isText
	}
	if whole == len(s) && whole > 0 {
		if s[0] == '0' && len(b) > 1 {
			return isFloat // -0
		}
		if _, ok := parseInt(b); ok {
			return isInt
		}
		return isBig
	}
	if b[0] == '+' {
		return isText
	}
	if _, ok := parseFloat(b); ok {
		return isFloat
	}
	return isText
}

// digits returns the length of the run of digits at the start of b.
func digits(b []byte) int {
	for i, c := range b {
		if c-'0' > 9 {
			return i
		}
	}
	return len(b)
}

// trim cuts spaces and tabs off both ends.
func trim(b []byte) []byte { return bytes.Trim(b, " \t") }

// dtype returns the type that holds all that was seen. complete says that every
// value was: a column without any is null then, and text otherwise, which takes
// whatever comes.
func (g *guess) dtype(complete bool) dtype.Type {
	unit := dtype.Micro
	if g.nano {
		unit = dtype.Nano
	}
	has, only := func(c class) bool { return g.seen&c != 0 }, func(c class) bool { return g.seen&^(c|isEmpty) == 0 }
	switch {
	case g.seen == 0 && complete:
		return dtype.Of(dtype.Null)
	case only(0):
		return dtype.Of(dtype.Utf8)
	case only(isBool):
		return dtype.Of(dtype.Bool)
	case only(isInt):
		return dtype.Of(dtype.Int64)
	case only(isInt|isBig|isFloat|isSpecial) && (has(isFloat | isSpecial)):
		return dtype.Of(dtype.Float64)
	case only(isDate):
		return dtype.Of(dtype.Date)
	case only(isDate | isTime):
		return dtype.TimestampOf(unit, "")
	case only(isInstant):
		return dtype.TimestampOf(unit, "UTC")
	}
	return dtype.Of(dtype.Utf8)
}
