package csv

import (
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"time"
	"unsafe"
)

// view returns b as a string that is valid as long as b is unchanged.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseBool reads true and false in lower case, upper case or capitalised.
func parseBool(b []byte) (v, ok bool) {
	switch string(b) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// parseUint reads decimal digits. False also means that they exceed 64 bits.
func parseUint(b []byte) (v uint64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		d := uint64(c - '0')
		hi, lo := bits.Mul64(v, 10)
		v = lo + d
		if d > 9 || hi != 0 || v < lo {
			return 0, false
		}
	}
	return v, true
}

// parseInt reads an optional sign and decimal digits.
func parseInt(b []byte) (int64, bool) {
	neg := false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg, b = b[0] == '-', b[1:]
	}
	u, ok := parseUint(b)
	if neg {
		return -int64(u), ok && u <= 1<<63
	}
	return int64(u), ok && u < 1<<63
}

// isSpecialFloat knows NaN and the infinities, in lower case, upper case or the
// usual mix.
func isSpecialFloat(b []byte) bool {
	if b[0] == '-' || b[0] == '+' {
		b = b[1:]
	}
	switch string(b) {
	case "nan", "NaN", "NAN", "inf", "Inf", "INF", "infinity", "Infinity", "INFINITY":
		return true
	}
	return false
}

// powersOfTen are the powers of ten that a float64 holds exactly.
var powersOfTen = [23]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// A decimal is the digits of a number: mant·10^exp.
type decimal struct {
	mant   uint64
	exp    int
	neg    bool
	digits int // significant ones; beyond 19 mant has overflowed
}

// parseDecimal reads [sign] digits [. digits] [e [sign] digits] with at least one
// digit before the exponent.
func parseDecimal(b []byte) (d decimal, ok bool) {
	i := 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		d.neg = b[i] == '-'
		i++
	}
	any, point := false, false
	for ; i < len(b); i++ {
		c := b[i] - '0'
		if c <= 9 {
			any = true
			if point {
				d.exp--
			}
			if d.digits > 0 || c != 0 {
				d.mant = d.mant*10 + uint64(c)
				d.digits++
			}
			continue
		}
		if b[i] != '.' || point {
			break
		}
		point = true
	}
	if !any {
		return d, false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		e := b[i+1:]
		neg := len(e) > 0 && e[0] == '-'
		if neg || len(e) > 0 && e[0] == '+' {
			e = e[1:]
		}
		if len(e) == 0 || digits(e) != len(e) {
			return d, false
		}
		x := 0
		for _, c := range e {
			x = min(x*10+int(c-'0'), 1<<20)
		}
		if neg {
			x = -x
		}
		d.exp += x
		return d, true
	}
	return d, i == len(b)
}

// parseFloat reads a decimal number, NaN or an infinity and rounds to nearest.
// A number that is too large is refused. Up to 2^53 and 10^±22 both factors are
// exact, so one division or multiplication rounds correctly (Clinger, How to Read
// Floating Point Numbers Accurately, 1990); the rest is left to strconv.
func parseFloat(b []byte) (float64, bool) {
	d, ok := parseDecimal(b)
	if !ok {
		if len(b) > 0 && isSpecialFloat(b) {
			v, err := strconv.ParseFloat(view(b), 64)
			return v, err == nil
		}
		return 0, false
	}
	if d.digits <= 19 && d.mant < 1<<53 && d.exp >= -22 && d.exp <= 22 {
		v := float64(d.mant)
		if d.exp < 0 {
			v /= powersOfTen[-d.exp]
		} else {
			v *= powersOfTen[d.exp]
		}
		if d.neg {
			v = -v
		}
		return v, true
	}
	v, err := strconv.ParseFloat(view(b), 64)
	return v, err == nil
}

// parseFloat32 is parseFloat rounded once to float32.
func parseFloat32(b []byte) (float32, bool) {
	if _, ok := parseFloat(b); !ok {
		return 0, false
	}
	v, err := strconv.ParseFloat(view(b), 32)
	return float32(v), err == nil
}

// two reads two digits.
func two(b []byte, i int) (v int, ok bool) {
	x, y := b[i]-'0', b[i+1]-'0'
	return int(x)*10 + int(y), x <= 9 && y <= 9
}

// parseDate reads YYYY-MM-DD as days since 1970-01-01.
func parseDate(b []byte) (int32, bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	c, ok0 := two(b, 0)
	y, ok1 := two(b, 2)
	m, ok2 := two(b, 5)
	d, ok3 := two(b, 8)
	y += c * 100
	if !(ok0 && ok1 && ok2 && ok3) || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return daysOf(y, m, d), true
}

func daysIn(y, m int) int {
	if m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		return 29
	}
	return [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
}

// daysOf counts days from 1970-01-01 in the proleptic Gregorian calendar, with
// years that begin in March (Hinnant, chrono-Compatible Low-Level Date Algorithms).
func daysOf(y, m, d int) int32 {
	if m <= 2 {
		y--
		m += 12
	}
	if y < 0 { // January and February of the year 0
		return int32(-719528 + (m-13)*31 + d - 1)
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	return int32(era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468)
}

// A stamp is a point in time: seconds since 1970 and nanoseconds of the second.
type stamp struct {
	secs  int64
	nanos int64
	zoned bool
}

// parseStamp reads YYYY-MM-DD, then T or a space, HH:MM, optional :SS, optional
// fraction of one to nine digits, optional Z, ±HH, ±HHMM or ±HH:MM. A date alone
// is its midnight.
func parseStamp(b []byte) (s stamp, ok bool) {
	if len(b) < 10 {
		return s, false
	}
	day, ok := parseDate(b[:10])
	if !ok {
		return s, false
	}
	s.secs = int64(day) * 86400
	if len(b) == 10 {
		return s, true
	}
	if len(b) < 16 || b[10] != 'T' && b[10] != ' ' || b[13] != ':' {
		return s, false
	}
	h, ok0 := two(b, 11)
	m, ok1 := two(b, 14)
	if !ok0 || !ok1 || h > 23 || m > 59 {
		return s, false
	}
	s.secs += int64(h*3600 + m*60)
	b = b[16:]
	if len(b) >= 3 && b[0] == ':' {
		sec, ok := two(b, 1)
		if !ok || sec > 59 {
			return s, false
		}
		s.secs += int64(sec)
		if b = b[3:]; len(b) > 0 && b[0] == '.' {
			n := digits(b[1:])
			if n < 1 || n > 9 {
				return s, false
			}
			for i := range 9 {
				s.nanos *= 10
				if i < n {
					s.nanos += int64(b[1+i] - '0')
				}
			}
			b = b[1+n:]
		}
	}
	off, ok := parseOffset(b)
	s.secs -= off
	s.zoned = len(b) > 0
	return s, ok
}

// parseOffset reads what follows the time, as seconds east of UTC.
func parseOffset(b []byte) (int64, bool) {
	switch {
	case len(b) == 0 || string(b) == "Z":
		return 0, true
	case b[0] != '+' && b[0] != '-' || len(b) != 3 && len(b) != 5 && len(b) != 6:
		return 0, false
	}
	h, ok := two(b, 1)
	m, okm := 0, true
	if len(b) == 5 {
		m, okm = two(b, 3)
	} else if len(b) == 6 {
		m, okm = two(b, 4)
		okm = okm && b[3] == ':'
	}
	if !ok || !okm || h > 23 || m > 59 {
		return 0, false
	}
	off := int64(h*3600 + m*60)
	if b[0] == '-' {
		off = -off
	}
	return off, true
}

// units converts to a count of 1/perSecond; false when digits would be lost or it
// does not fit.
func (s stamp) units(perSecond int64) (int64, bool) {
	step := int64(time.Second) / perSecond
	hi, lo := bits.Mul64(uint64(max(s.secs, -s.secs)), uint64(perSecond))
	if hi != 0 || lo > math.MaxInt64 || s.nanos%step != 0 {
		return 0, false
	}
	v := int64(lo)
	if s.secs < 0 {
		v = -v
	}
	sum := v + s.nanos/step
	return sum, sum >= v
}

// parseFixed reads a decimal number as a 128-bit integer scaled by 10^-scale,
// little-endian; false when digits would be lost or more than precision are
// needed.
func parseFixed(b []byte, precision, scale int) (out [16]byte, ok bool) {
	d, ok := parseDecimal(b)
	if !ok {
		return out, false
	}
	var v *big.Int
	if d.digits <= 19 {
		v = new(big.Int).SetUint64(d.mant)
	} else {
		v = wideMantissa(b)
	}
	shift := d.exp + scale
	if v.Sign() == 0 {
		shift = 0
	}
	if shift > 40 || shift < -len(b)-1 {
		return out, false
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(shift, -shift))), nil)
	if shift >= 0 {
		v.Mul(v, ten)
	} else {
		r := new(big.Int)
		if v.QuoRem(v, ten, r); r.Sign() != 0 {
			return out, false
		}
	}
	if v.Cmp(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)) >= 0 {
		return out, false
	}
	if d.neg {
		v.Sub(new(big.Int).Lsh(big.NewInt(1), 128), v)
		v.And(v, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)))
	}
	be := v.FillBytes(make([]byte, 16))
	for i, c := range be {
		out[15-i] = c
	}
	return out, true
}

// wideMantissa returns all digits before the exponent as one integer.
func wideMantissa(b []byte) *big.Int {
	var t []byte
	for _, c := range b {
		if c|0x20 == 'e' {
			break
		}
		if c-'0' <= 9 {
			t = append(t, c)
		}
	}
	v, _ := new(big.Int).SetString(string(t), 10)
	return v
}
