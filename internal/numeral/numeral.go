// Package numeral writes numbers as text.
package numeral

import (
	"math"
	"strconv"
)

// pairs are the numbers 00 to 99.
var pairs = func() (t [200]byte) {
	for i := range 100 {
		t[2*i], t[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return t
}()

// AppendInt appends v; most numbers have few digits.
func AppendInt(dst []byte, v int64) []byte {
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

// AppendFloat appends the shortest decimal that reads back as v, a float of 32 or 64 bits, with a point or an exponent
// always; infinities are inf and -inf.
//
// When a float64 is a whole number of millionths below 10^15 of them, its digits are that number's: two decimals of
// at most 15 digits are never the same float64, so none is shorter.
func AppendFloat(dst []byte, v float64, bits int) []byte {
	if bits == 32 {
		return pointed(appendAny(dst, v, 32), len(dst))
	}
	a := math.Abs(v)
	m := a * 1e6
	if !(m < 1e15) {
		return pointed(appendAny(dst, v, 64), len(dst))
	}
	u := uint64(m + 0.5)
	if float64(u)/1e6 != a {
		return pointed(appendAny(dst, v, 64), len(dst))
	}
	if math.Signbit(v) {
		dst = append(dst, '-')
	}
	dst = AppendInt(dst, int64(u/1e6))
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

func appendAny(dst []byte, v float64, bits int) []byte {
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
