package expr

import (
	"math"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are the same on machines that have none

	"github.com/weft-data/weft/dtype"
)

const secondsPerDay = 86400

// civil returns the proleptic Gregorian date of a day since 1970-01-01. Source:
// Hinnant, "chrono-compatible low-level date algorithms", in 64 bits.
func civil(day int64) (y int64, m, d int) {
	if day >= -eraShift && day < 1<<29 {
		return civil32(uint32(day + eraShift))
	}
	z := day + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

// eraShift moves day 0 to 1 March of a year that is a multiple of 400 and before
// any year of interest.
const eras, eraShift = 82, 719468 + 146097*82

// civil32 is civil for days counted from eraShift on, without wide divisions.
// Source: Neri and Schneider, "Euclidean affine functions and their application to calendar
// algorithms", 2022.
func civil32(n uint32) (y int64, m, d int) {
	n1 := 4*n + 3
	century, rest := n1/146097, n1%146097/4
	p := 2939745 * uint64(4*rest+3)
	year, dayOfYear := uint32(p>>32), uint32(p)/2939745/4
	n3 := 2141*dayOfYear + 197913
	next := (305 - dayOfYear) >> 31 // January and February belong to the next year
	return int64(100*century+year+next) - 400*eras, int(n3>>16 - 12*next), int(n3&0xffff/2141) + 1
}

// dayOf is the inverse of civil; m is 1 to 12, d may be any.
func dayOf(y int64, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	yoe := y - era*400
	doy := (153*int64(m-3)+2)/5 + int64(d) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// mulChecked returns a*b and whether it fits.
func mulChecked(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	p := a * b
	return p, p/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
}

// rescale converts a count of units from to units to, rounding down.
func rescale(v int64, from, to dtype.Unit) (int64, bool) {
	f, t := from.PerSecond(), to.PerSecond()
	if t >= f {
		return mulChecked(v, t/f)
	}
	return floorDiv(v, f/t), true
}

// A clock turns instants of one timestamp type into wall-clock time and back. It
// remembers the last offset of the zone and how long it holds, so that sorted
// or clustered instants cost no look-up.
type clock struct {
	per        int64 // units per second
	loc        *time.Location
	from, to   int64 // the seconds for which offset holds: [from, to)
	offset     int64 // seconds east of UTC
	fixedToUTC bool
}

func newClock(t dtype.Type) (*clock, error) {
	loc, err := Location(t.Zone)
	if err != nil {
		return nil, err
	}
	return &clock{per: t.Unit.PerSecond(), loc: loc, fixedToUTC: loc == time.UTC}, nil
}

// offsetAt returns the offset of the zone at a second since the epoch.
func (c *clock) offsetAt(sec int64) int64 {
	if c.fixedToUTC {
		return 0
	}
	if sec >= c.from && sec < c.to {
		return c.offset
	}
	t := time.Unix(sec, 0).In(c.loc)
	_, off := t.Zone()
	c.offset, c.from, c.to = int64(off), math.MinInt64, math.MaxInt64
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		c.from = start.Unix()
	}
	if !end.IsZero() {
		c.to = end.Unix()
	}
	return c.offset
}

// local splits an instant into its wall-clock day, the second of that day and the
// fraction in units.
func (c *clock) local(v int64) (day, sec, frac int64) {
	var s int64
	switch c.per { // divisions by constants are multiplications
	case 1:
		s = v
	case 1e3:
		s = floorDiv(v, 1e3)
	case 1e6:
		s = floorDiv(v, 1e6)
	default:
		s = floorDiv(v, 1e9)
	}
	frac = v - s*c.per
	s += c.offsetAt(s)
	day = floorDiv(s, secondsPerDay)
	return day, s - day*secondsPerDay, frac
}

// instant is the inverse of local. A wall-clock time that the zone skips is taken
// with the offset before the gap, one that occurs twice is the earlier.
func (c *clock) instant(day, sec, frac int64) (int64, bool) {
	s, ok := mulChecked(day, secondsPerDay)
	if !ok || s > 0 && s > math.MaxInt64-secondsPerDay {
		return 0, false
	}
	s += sec
	if !c.fixedToUTC {
		early := c.offsetAt(s - secondsPerDay) // in force well before
		late := c.offsetAt(s - early)
		if u := s - early; c.offsetAt(u) == early {
			s = u
		} else if u := s - late; c.offsetAt(u) == late {
			s = u
		} else {
			s -= early
		}
	}
	// One unit step at a time: s*per may only just fit together with frac.
	v, ok := mulChecked(s, c.per)
	if !ok && s < 0 {
		v, ok = mulChecked(s+1, c.per)
		frac -= c.per
	}
	r := v + frac
	return r, ok && (frac >= 0) == (r >= v)
}

// appendDate writes year-month-day.
func appendDate(dst []byte, day int64) []byte {
	y, m, d := civil(day)
	if y < 0 {
		dst = append(dst, '-')
		y = -y
	}
	dst = appendPadded(dst, y, 4)
	dst = append(dst, '-')
	dst = appendPadded(dst, int64(m), 2)
	dst = append(dst, '-')
	return appendPadded(dst, int64(d), 2)
}

func appendPadded(dst []byte, v int64, width int) []byte {
	switch {
	case width == 2 && uint64(v) < 100:
		return append(dst, '0'+byte(v/10), '0'+byte(v%10))
	case width == 4 && uint64(v) < 10000:
		high, low := v/100, v%100
		return append(dst, '0'+byte(high/10), '0'+byte(high%10), '0'+byte(low/10), '0'+byte(low%10))
	}
	var buf [20]byte
	s := strconv.AppendInt(buf[:0], v, 10)
	for range width - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// appendTimestamp writes date, time with the digits of the unit, and the offset
// if the type has a zone.
func appendTimestamp(dst []byte, c *clock, t dtype.Type, v int64) []byte {
	day, sec, frac := c.local(v)
	dst = append(appendDate(dst, day), ' ')
	dst = append(appendPadded(dst, sec/3600, 2), ':')
	dst = append(appendPadded(dst, sec/60%60, 2), ':')
	dst = appendPadded(dst, sec%60, 2)
	if t.Unit > dtype.Second {
		dst = appendPadded(append(dst, '.'), frac, 3*int(t.Unit))
	}
	if t.Zone == "" {
		return dst
	}
	off := c.offsetAt(floorDiv(v, c.per))
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	dst = appendPadded(append(dst, sign), off/3600, 2)
	dst = appendPadded(append(dst, ':'), off/60%60, 2)
	if off%60 != 0 {
		dst = appendPadded(append(dst, ':'), off%60, 2)
	}
	return dst
}

// digits reads n decimal digits.
func digits(s string, n int) (v int64, rest string, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for i := range n {
		c := s[i] - '0'
		if c > 9 {
			return 0, s, false
		}
		v = v*10 + int64(c)
	}
	return v, s[n:], true
}

// parseDate reads year-month-day.
func parseDate(s string) (day int64, rest string, ok bool) {
	y, s, ok1 := digits(s, 4)
	if !ok1 || len(s) < 6 || s[0] != '-' || s[3] != '-' {
		return 0, s, false
	}
	m, _, ok2 := digits(s[1:], 2)
	d, _, ok3 := digits(s[4:], 2)
	if !ok2 || !ok3 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, s, false
	}
	day = dayOf(y, int(m), int(d))
	if d > 28 {
		if _, _, back := civil(day); int64(back) != d {
			return 0, s, false
		}
	}
	return day, s[6:], true
}

// parseClock reads hh:mm, then :ss and a fraction if they are there.
func parseClock(s string) (sec, nano int64, rest string, ok bool) {
	h, s, ok1 := digits(s, 2)
	if !ok1 || h > 23 || len(s) < 3 || s[0] != ':' {
		return 0, 0, s, false
	}
	m, s, ok2 := digits(s[1:], 2)
	if !ok2 || m > 59 {
		return 0, 0, s, false
	}
	sec = h*3600 + m*60
	if len(s) < 3 || s[0] != ':' {
		return sec, 0, s, true
	}
	x, s, ok3 := digits(s[1:], 2)
	if !ok3 || x > 59 {
		return 0, 0, s, false
	}
	sec += x
	if len(s) < 2 || s[0] != '.' {
		return sec, 0, s, true
	}
	s = s[1:]
	n := 0
	for ; n < len(s) && s[n]-'0' <= 9; n++ {
		if n < 9 {
			nano = nano*10 + int64(s[n]-'0')
		} else if s[n] != '0' {
			return 0, 0, s, false // finer than any unit
		}
	}
	for i := n; i < 9; i++ {
		nano *= 10
	}
	return sec, nano, s[n:], n > 0
}

// parseOffset reads Z, ±hh:mm, ±hhmm or ±hh, and seconds as appendTimestamp writes them of zones before they had whole
// minutes: ±hh:mm:ss.
func parseOffset(s string) (off int64, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, rest, ok := digits(s[1:], 2)
	var m, sec int64
	if ok && rest != "" {
		m, rest, ok = digits(strings.TrimPrefix(rest, ":"), 2)
	}
	if ok && rest != "" {
		if ok = rest[0] == ':'; ok {
			sec, rest, ok = digits(rest[1:], 2)
		}
	}
	off = h*3600 + m*60 + sec
	if s[0] == '-' {
		off = -off
	}
	return off, ok && rest == "" && h <= 23 && m <= 59 && sec <= 59
}

// parseTimestamp reads "2006-01-02", with "T" or a space and a time after it, and
// an offset after that; without an offset the time is the zone's.
func parseTimestamp(s string, c *clock) (int64, bool) {
	day, rest, ok := parseDate(s)
	if !ok {
		return 0, false
	}
	var sec, nano int64
	if rest != "" {
		if rest[0] != 'T' && rest[0] != ' ' {
			return 0, false
		}
		if sec, nano, rest, ok = parseClock(rest[1:]); !ok {
			return 0, false
		}
	}
	step := 1_000_000_000 / c.per
	if nano%step != 0 {
		return 0, false // finer than the unit: no silent loss
	}
	if rest == "" {
		return c.instant(day, sec, nano/step)
	}
	off, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	utc := clock{per: c.per, fixedToUTC: true}
	return utc.instant(day, sec-off, nano/step)
}
