package group

import (
	"math"
	"math/bits"
)

// second returns (n·q − a·b) / (n·(n−1)) of three sums in fixed point, times 2^exp, rounded once; false when 256 bits do not
// hold what is computed, or the result is near an end of the range of floats: big numbers are then asked.
func second(n int64, q, a, b [4]uint64, exp int) (x float64, ok bool) {
	if n < 2 || n >= 1<<31 {
		return 0, false
	}
	left, minusLeft := magnitude(q)
	x0, minusA := magnitude(a)
	y0, minusB := magnitude(b)
	if left, ok = times(left, uint64(n)); !ok || x0[2]|x0[3]|y0[2]|y0[3] != 0 {
		return 0, false
	}
	right, minus := product(x0, y0), minusA == minusB // of −a·b
	var d [4]uint64
	if minusLeft == minus {
		d, ok = sum(left, right)
	} else if d, ok = difference(left, right); !ok {
		minusLeft = minus
		d, ok = difference(right, left)
	}
	if !ok || d == [4]uint64{} {
		return 0, ok
	}
	if x, ok = divided(d, uint64(n)*uint64(n-1), exp); minusLeft {
		x = -x
	}
	return x, ok
}

// magnitude returns a number of two's complement without its sign.
func magnitude(a [4]uint64) (m [4]uint64, neg bool) {
	if int64(a[3]) >= 0 {
		return a, false
	}
	m, _ = difference([4]uint64{}, a)
	return m, true
}

// times returns a·n; false when that has more than 256 bits.
func times(a [4]uint64, n uint64) (p [4]uint64, ok bool) {
	var over, c uint64
	for i, w := range a {
		hi, lo := bits.Mul64(w, n)
		p[i], c = bits.Add64(lo, over, 0)
		over = hi + c
	}
	return p, over == 0
}

// product returns a·b of numbers of 128 bits.
func product(a, b [4]uint64) (p [4]uint64) {
	p, _ = times([4]uint64{a[0], a[1]}, b[0])
	up, _ := times([4]uint64{a[0], a[1]}, b[1])
	p, _ = sum(p, [4]uint64{0, up[0], up[1], up[2]})
	return p
}

// sum returns a+b; false when that has more than 256 bits.
func sum(a, b [4]uint64) (s [4]uint64, ok bool) {
	var c uint64
	for i := range a {
		s[i], c = bits.Add64(a[i], b[i], c)
	}
	return s, c == 0
}

// difference returns a−b; false when that is negative.
func difference(a, b [4]uint64) (d [4]uint64, ok bool) {
	var c uint64
	for i := range a {
		d[i], c = bits.Sub64(a[i], b[i], c)
	}
	return d, c == 0
}

// divided returns a / d · 2^exp, rounded once, for a > 0 and 1 < d < 2^62; false near the ends of the range of floats.
func divided(a [4]uint64, d uint64, exp int) (float64, bool) {
	for a[3] == 0 {
		a, exp = [4]uint64{0, a[0], a[1], a[2]}, exp-64
	}
	k := bits.LeadingZeros64(a[3]) // shifts by 64 give 0
	hi, lo := a[3]<<k|a[2]>>(64-k), a[2]<<k|a[1]>>(64-k)
	rest := a[1]<<k | a[0]
	exp += 128 - k // a is hi:lo and a bit of rest, times 2^exp
	q1, r := bits.Div64(0, hi, d)
	q0, r := bits.Div64(r, lo, d)
	k = bits.LeadingZeros64(q1) // at most 62, as hi has its highest bit
	m := q1<<k | q0>>(64-k)
	exp += 64 - k
	if rest|r|q0<<k != 0 {
		m |= 1 // below what the float keeps: only whether there is anything counts
	}
	if exp+63 > 1000 || exp+63 < -1000 {
		return 0, false
	}
	return math.Ldexp(float64(m), exp), true
}
