package vec

import (
	"math"
	"math/bits"
)

// The angle is reduced to |r| <= pi/4 by subtracting k*pi/2, pi/2 in three parts (Cody and Waite with fused operations),
// and its rest lo is kept. Polynomials are those of fdlibm's k_sin.c and k_cos.c.
const (
	halfPi1 = 1.5707963267948966192
	halfPi2 = 6.1232339957367658860e-17
	halfPi3 = -1.4973849048591833184e-33
	// trigMax is how large angles may be for three parts to suffice.
	trigMax = 1 << 20
)

var sinTaylor = [...]float64{1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06, -1.98412698298579493134e-04, 8.33333333332248946124e-03}

const sinFirst = -1.66666666666666324348e-01

var cosTaylor = [...]float64{-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07, 2.48015872894767294178e-05,
	-1.38888888888741095749e-03, 4.16666666666666019037e-02}

// reduceAngle returns x - k*pi/2 as r+lo, for |x| up to trigMax, and k.
func reduceAngle(x float64) (r, lo, k float64) {
	k = math.RoundToEven(float64(x * (2 / math.Pi)))
	r0 := math.FMA(-k, halfPi1, x) // exact
	t := float64(-k * halfPi2)
	te := math.FMA(-k, halfPi2, -t)
	r = r0 + t
	b := r - r0
	lo = (r0 - (r - b)) + (t - b)
	lo = math.FMA(-k, halfPi3, lo+te)
	return r, lo, k
}

// sinCosNear returns sine and cosine of r+lo.
func sinCosNear(r, lo float64) (sin, cos float64) {
	z := float64(r * r)
	v := float64(z * r)
	p := horner(z, sinTaylor[:])
	a := float64(z*math.FMA(-v, p, float64(0.5*lo))) - lo
	sin = r - math.FMA(-v, sinFirst, a)
	q := horner(z, cosTaylor[:])
	h := float64(0.5 * z)
	w := 1 - h
	u := math.FMA(float64(z*z), q, -float64(r*lo))
	cos = w + (((1 - w) - h) + u)
	return sin, cos
}

// quadrant returns the low two bits of k plus a shift.
func quadrant(k float64, shift uint64) uint64 {
	return (math.Float64bits(k+0x1.8p52) + shift) & 3
}

// pickQuadrant returns sine (shift 0) or cosine (1).
func pickQuadrant(sin, cos float64, q uint64) float64 {
	y := sin
	if q&1 != 0 {
		y = cos
	}
	return math.Float64frombits(math.Float64bits(y) ^ q>>1<<63)
}

// sinAny returns the sine within 1 ULP, of any angle.
func sinAny(x float64) float64 {
	if x == 0 {
		return x
	}
	r, lo, k := reduceAny(x)
	s, c := sinCosNear(r, lo)
	return pickQuadrant(s, c, quadrant(k, 0))
}

// cosAny returns the cosine within 1 ULP, of any angle.
func cosAny(x float64) float64 {
	r, lo, k := reduceAny(x)
	s, c := sinCosNear(r, lo)
	return pickQuadrant(s, c, quadrant(k, 1))
}

// tanAny returns the tangent within 2.5 ULP, of any angle.
func tanAny(x float64) float64 {
	if x == 0 {
		return x
	}
	r, lo, k := reduceAny(x)
	s, c := sinCosNear(r, lo)
	if quadrant(k, 0)&1 != 0 {
		return -c / s
	}
	return s / c
}

// reduceAny is reduceAngle for all numbers; k is what it is modulo 4. Infinities give NaN.
func reduceAny(x float64) (r, lo, k float64) {
	a := math.Abs(x)
	if a <= trigMax {
		return reduceAngle(x)
	}
	if !(a < math.Inf(1)) {
		return math.NaN(), 0, 0
	}
	r, lo, q := reduceFar(math.Float64bits(a))
	if x < 0 {
		return -r, -lo, -float64(q)
	}
	return r, lo, float64(q)
}

// reduceFar reduces a positive number of at least 2^20, given by its bits, by multiplying it with those bits of 2/pi that
// matter: the ones before are multiples of 4, the ones after too small (Payne and Hanek, Radian reduction for
// trigonometric functions, 1983).
func reduceFar(x uint64) (r, lo float64, k uint64) {
	exp := int(x>>52) - 1075
	m := x&(1<<52-1) | 1<<52 // the number is m*2^exp
	// The value is m*W/2^254 for the 256 bits W from place exp-2 on; multiples of 4 lie beyond 2^256.
	from := uint(exp - 2 + 64)
	var w [4]uint64
	for i := range w {
		j, s := from/64+uint(i), from%64
		w[i] = twoOverPi[j]<<s | twoOverPi[j+1]>>1>>(63-s)
	}
	_, l3 := bits.Mul64(w[0], m)
	h2, l2 := bits.Mul64(w[1], m)
	h1, l1 := bits.Mul64(w[2], m)
	h0, _ := bits.Mul64(w[3], m)
	p0, c := bits.Add64(l1, h0, 0)
	p1, c := bits.Add64(l2, h1, c)
	p2, _ := bits.Add64(l3, h2, c)
	k = p2 >> 62
	f2, f1, f0 := p2<<2|p1>>62, p1<<2|p0>>62, p0<<2
	negative := f2>>63 != 0 // more than one half: the next multiple is nearer
	if negative {
		k++
		f0, f1, f2 = -f0, ^f1, ^f2
		if f0 == 0 {
			f1++
			if f1 == 0 {
				f2++
			}
		}
	}
	hi, low := fraction(f2, f1, f0)
	r = hi * halfPi1
	lo = math.FMA(hi, halfPi1, -r) + math.FMA(hi, halfPi2, low*halfPi1)
	if negative {
		r, lo = -r, -lo
	}
	return r, lo, k & 3
}

// fraction returns 0.f2f1f0 as a sum of two numbers.
func fraction(f2, f1, f0 uint64) (hi, lo float64) {
	shift := 0
	for f2 == 0 && shift < 192 {
		f2, f1, f0 = f1, f0, 0
		shift += 64
	}
	s := uint(bits.LeadingZeros64(f2))
	if s > 0 && s < 64 {
		f2, f1 = f2<<s|f1>>(64-s), f1<<s|f0>>(64-s)
	}
	shift += int(s)
	hi = math.Ldexp(float64(f2>>11), -53-shift)
	lo = math.Ldexp(float64(f2&(1<<11-1)<<42|f1>>22), -106-shift)
	return hi, lo
}

// twoOverPi holds the bits of 2/pi after 64 zeros.
var twoOverPi = [...]uint64{
	0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
	0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
	0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
	0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
	0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
	0xf0cfbc209af4361d, 0xa9e391615ee61b08,
}
