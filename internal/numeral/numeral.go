// Package numeral writes numbers as text.
package numeral

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Room is how many bytes there must be for PutInt and PutFloat: more than a number has.
const Room = 32

// zeros are eight digits 0.
const zeros = 0x3030303030303030

// AppendInt appends v.
func AppendInt(dst []byte, v int64) []byte {
	dst = slices.Grow(dst, Room)
	return dst[:len(dst)+PutInt(dst[len(dst):cap(dst)], v)]
}

// AppendFloat appends v as PutFloat writes it.
func AppendFloat(dst []byte, v float64, bits int) []byte {
	dst = slices.Grow(dst, Room)
	return dst[:len(dst)+PutFloat(dst[len(dst):cap(dst)], v, bits)]
}

// PutInt writes v to b and returns how many bytes it has. What follows them is overwritten.
func PutInt(b []byte, v int64) int {
	if v < 0 {
		b[0] = '-'
		return 1 + putUint(b[1:], -uint64(v))
	}
	return putUint(b, uint64(v))
}

// few are the numbers below 100 as text, the first digit in the lower byte.
var few = func() (t [100]uint16) {
	for i := range uint16(100) {
		if t[i] = '0' + i; i >= 10 {
			t[i] = '0' + i/10 | ('0'+i%10)<<8
		}
	}
	return t
}()

func putUint(b []byte, u uint64) int {
	if u < 100 {
		binary.LittleEndian.PutUint16(b, few[u])
		return 1 + int((u+256-10)>>8)
	}
	if u >= 1e8 {
		return len(strconv.AppendUint(b[:0], u, 10))
	}
	d := eight(uint32(u))
	lead := bits.TrailingZeros64(d) &^ 7
	binary.LittleEndian.PutUint64(b, (d|zeros)>>(uint(lead)&63))
	return 8 - lead/8
}

// eight returns the eight digits of a number below 10^8, one a byte, the first in the lowest. Numbers of four, two and
// one digits are divided side by side in their lanes; the factors are 1/100 and 1/10, as exact as the lanes need.
func eight(u uint32) uint64 {
	high := u / 10000
	x := uint64(high) | uint64(u-high*10000)<<32
	q := x * 10486 >> 20 & 0x7f_0000_007f
	x = q | (x-q*100)<<16
	q = x * 103 >> 10 & 0xf_000f_000f_000f
	return q | (x-q*10)<<8
}

// PutFloat writes to b the shortest decimal that reads back as v, a float of 32 or 64 bits, with a point or an exponent
// always, and returns how many bytes it has; infinities are inf and -inf. What follows them is overwritten.
//
// When a float64 is a whole number of millionths below 10^15 of them, its digits are that number's: two decimals of
// at most 15 digits are never the same float64, so none is shorter.
func PutFloat(b []byte, v float64, size int) int {
	a := math.Abs(v)
	m := a * 1e6
	if size == 32 || !(m < 1e15) {
		return len(pointed(appendAny(b[:0], v, size)))
	}
	u := uint64(m + 0.5)
	if float64(u)/1e6 != a {
		return len(pointed(appendAny(b[:0], v, size)))
	}
	n := 0
	if math.Signbit(v) {
		b[0] = '-'
		n = 1
	}
	whole := u / 1e6
	n += putUint(b[n:], whole)
	d := eight(uint32(u-whole*1e6)) >> 16
	binary.LittleEndian.PutUint64(b[n:], '.'|(d|zeros>>16)<<8)
	return n + 1 + max(1, (bits.Len64(d)+7)/8)
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

// pointed adds ".0" to a number that would read back as an integer.
func pointed(b []byte) []byte {
	for _, c := range b {
		if c != '-' && c-'0' > 9 {
			return b
		}
	}
	return append(b, ".0"...)
}
