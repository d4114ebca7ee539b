package exact

import (
	"math"
	"math/big"
	"math/bits"
)

// A Long is the exact sum of floats of any size, for values that come and go: a number of 2144 bits in digits of 32, each
// with a sign and room for 2^30 additions of its own, so that none has to be carried while values come. What came and
// went leaves nothing behind. The zero Long is the sum of nothing.
//
// Source: Neal, "Fast exact summation using small and large superaccumulators", 2015.
type Long struct {
	digits [67]int64 // digit i counts 2^(32·i - 1074)
	lo, hi int       // digits in use are in [lo, hi)
	adds   int
}

const (
	longDigit = 32
	longMask  = 1<<longDigit - 1
	longAdds  = 1 << 30
)

// unit is what digit i counts; those of the last two are beyond the floats.
var unit = func() (u [69]float64) {
	for i := range u {
		u[i] = math.Ldexp(1, longDigit*i-1074)
	}
	return u
}()

// Add adds a number; what is none leaves the sum as it is.
func (l *Long) Add(x float64) {
	b := math.Float64bits(x)
	e, m := int(b>>52)&0x7ff, b&(1<<52-1)
	switch {
	case e == 0x7ff || b<<1 == 0:
		return
	case e == 0:
		e = 1
	default:
		m |= 1 << 52
	}
	at, s := (e-1)>>5, uint(e-1)&31
	d := (*[3]int64)(l.digits[at:])
	neg := int64(b) >> 63
	low, mid, top := int64(m<<s&longMask), int64(m<<s>>longDigit), int64(m>>1>>(63-s))
	d[0] += low ^ neg - neg
	d[1] += mid ^ neg - neg
	d[2] += top ^ neg - neg
	if l.hi == 0 {
		l.lo, l.hi = at, at+3
	}
	l.lo, l.hi = min(l.lo, at), max(l.hi, at+3)
	if l.adds++; l.adds == longAdds {
		l.carry()
	}
}

// carry moves what digits have beyond 32 bits to the next ones.
func (l *Long) carry() {
	l.adds = 1
	for i := l.lo; i < len(l.digits)-1; i++ {
		c := l.digits[i] >> longDigit
		l.digits[i] -= c << longDigit
		l.digits[i+1] += c
	}
	l.hi = len(l.digits)
}

// pair is the sum to 106 bits, an infinity beyond the floats.
func (l *Long) pair() pair {
	for l.hi > l.lo && l.digits[l.hi-1] == 0 {
		l.hi--
	}
	for l.lo < l.hi && l.digits[l.lo] == 0 {
		l.lo++
	}
	if l.lo == l.hi {
		l.lo, l.hi = 0, 0
		return pair{}
	}
	var room [70]uint32
	sum, neg := l.magnitude(&room)
	n := len(sum)
	for sum[n-1] == 0 {
		if n--; n == 0 {
			return pair{}
		}
	}
	var p pair
	if at := l.lo + n; at >= 8 && at <= len(unit)-6 {
		var d [5]uint32
		copy(d[max(0, 5-n):], sum[max(0, n-5):n])
		p = top(&d, at)
	} else {
		p = ofDigits(sum[:n], l.lo)
	}
	if neg != 0 {
		p.hi, p.lo = -p.hi, -p.lo
	}
	return p
}

// top is the sum of five digits, the last of which is not 0 and the one before digit at: the 117 bits from its first one on.
func top(d *[5]uint32, at int) pair {
	z := uint(bits.LeadingZeros32(d[4]))
	first, second, third := uint64(d[4])<<32|uint64(d[3]), uint64(d[2])<<32|uint64(d[1]), uint64(d[0])<<32
	first, second = first<<z|second>>1>>(63-z), second<<z|third>>1>>(63-z)
	scale := unit[at-2] * float64(uint64(1)<<(63-z)) * 0x1p-52 // of the last of 53 bits
	return twoSum(float64(first>>11)*scale, float64(first<<53|second>>11)*(scale*0x1p-64))
}

// ofDigits is the sum of digits, the first of which is digit lo. Five of them have 128 bits and more; they do not overlap.
func ofDigits(d []uint32, lo int) (p pair) {
	for i := len(d) - 1; i >= max(0, len(d)-5); i-- {
		if d[i] == 0 {
			continue
		}
		if lo+i >= len(unit) {
			return pair{hi: math.Inf(1)}
		}
		p = addPair(p, pair{hi: float64(d[i]) * unit[lo+i]})
	}
	return p
}

// magnitude returns the digits of the sum without its sign from digit lo on, and all ones if it is negative.
func (l *Long) magnitude(room *[70]uint32) ([]uint32, int64) {
	out, neg := room[:0], int64(0)
	for {
		c := int64(0)
		for _, d := range l.digits[l.lo:l.hi] {
			c += d ^ neg - neg
			out = append(out, uint32(c&longMask))
			c >>= longDigit
		}
		if c >= 0 {
			return append(out, uint32(c&longMask), uint32(c>>longDigit)), neg
		}
		out, neg = out[:0], -1
	}
}

// power is the sum as a long float.
func (l *Long) power() Power {
	var room [70]uint32
	sum, neg := l.magnitude(&room)
	x, w := new(big.Int), new(big.Int)
	for i := len(sum) - 1; i >= 0; i-- {
		x.Or(x.Lsh(x, longDigit), w.SetUint64(uint64(sum[i])))
	}
	if neg != 0 {
		x.Neg(x)
	}
	f := new(big.Float).SetPrec(powerPrec).SetInt(x)
	return Power{f.SetMantExp(f, longDigit*l.lo-1074)}
}

// Reset makes it the sum of nothing.
func (l *Long) Reset() {
	clear(l.digits[l.lo:l.hi])
	l.lo, l.hi, l.adds = 0, 0, 0
}
