package vec

import "math"

// The functions of this file and of log.go and trig.go define what the vector loops of the same names compute, operation by
// operation: fused where they say math.FMA, else each rounded. So all levels give the same bits. Bounds of errors are
// in units of the last place (ULP) of the result, held by a test against 100 digits.

const (
	ln2Hi  = 6.93147180369123816490e-01 // 33 bits: products with exponents are exact
	ln2Lo  = 1.90821492927058770002e-10
	ln2Lo2 = 2.31904681384629955842e-17 // ln 2 - float64(ln 2)
)

// expTaylor are the coefficients of (exp(r)-1-r)/r^2, from that of r^11 down.
var expTaylor = [...]float64{1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880, 1. / 40320, 1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 0.5}

func horner(x float64, c []float64) float64 {
	p := c[0]
	for _, v := range c[1:] {
		p = math.FMA(p, x, v)
	}
	return p
}

// clamp returns x between lo and hi, and NaN of NaN.
func clamp(x, lo, hi float64) float64 {
	if x < lo {
		x = lo
	}
	if x > hi {
		x = hi
	}
	return x
}

// pow2 returns 2^k for an integer k from -1022 to 1023.
func pow2(k float64) float64 {
	return math.Float64frombits(math.Float64bits(k+(0x1.8p52+1023)) << 52)
}

// scale2 returns p*2^k, rounded once, for p near 1 and |k| < 2000.
func scale2(p, k float64) float64 {
	half := math.Floor(float64(k * 0.5))
	return float64(p*pow2(half)) * pow2(k-half)
}

// exp64 returns e^x within 1 ULP.
func exp64(x float64) float64 {
	x = clamp(x, -746, 711)
	k := math.RoundToEven(float64(x * math.Log2E))
	r := math.FMA(-k, ln2Hi, x)
	r = math.FMA(-k, ln2Lo, r)
	p := math.FMA(horner(r, expTaylor[:]), float64(r*r), r) + 1
	return scale2(p, k)
}

// exp2of64 returns 2^x within 1 ULP.
func exp2of64(x float64) float64 {
	x = clamp(x, -1080, 1030)
	k := math.RoundToEven(x)
	f := x - k
	r := float64(f * math.Ln2)
	lo := math.FMA(f, ln2Lo2, math.FMA(f, math.Ln2, -r))
	p := (math.FMA(horner(r, expTaylor[:]), float64(r*r), lo) + r) + 1
	return scale2(p, k)
}

// expm1of64 returns e^x - 1 within 1.5 ULP, for x up to expm1Max.
func expm1of64(x float64) float64 {
	y := clamp(x, -60, expm1Max)
	k := math.RoundToEven(float64(y * math.Log2E))
	h := math.FMA(-k, ln2Hi, y)
	r := math.FMA(-k, ln2Lo, h)
	lo := math.FMA(-k, ln2Lo, h-r)
	p := math.FMA(horner(r, expTaylor[:]), float64(r*r), lo) + r
	s := pow2(k)
	p = math.FMA(p, s, s-1)
	return math.Float64frombits(math.Float64bits(p) | math.Float64bits(x)&(1<<63))
}

// expm1Max is where 2^k of expm1of64 would overflow.
const expm1Max = 709

func expm1Any(x float64) float64 {
	if x > expm1Max {
		return exp64(x)
	}
	return expm1of64(x)
}

// tanh64 returns the hyperbolic tangent within 2 ULP: e/(e+2) with e = exp(2|x|)-1, or one minus the rest of that.
func tanh64(x float64) float64 {
	a := math.Abs(x)
	e := expm1of64(a + a)
	n := e
	if a > tanhSplit {
		n = 2
	}
	t := n / (e + 2)
	if a > tanhSplit {
		t = 1 - t
	}
	return math.Float64frombits(math.Float64bits(t) | math.Float64bits(x)&(1<<63))
}

const tanhSplit = 0.55

// sinhAny returns the hyperbolic sine within 2 ULP; the loops take |x| up to expm1Max.
func sinhAny(x float64) float64 {
	a := math.Abs(x)
	var s float64
	if a > expm1Max {
		s = exp64(float64(a * 0.5)) // e^a/2, the square of e^(a/2), would overflow later than e^a
		s = float64(s*0.5) * s
	} else {
		e := expm1of64(a)
		s = 0.5 * (e + e/(e+1))
	}
	return math.Copysign(s, x)
}

// coshAny returns the hyperbolic cosine within 2 ULP; the loops take |x| up to expm1Max.
func coshAny(x float64) float64 {
	a := math.Abs(x)
	if a > expm1Max {
		s := exp64(float64(a * 0.5))
		return float64(s*0.5) * s
	}
	e := exp64(a)
	return 0.5 * (e + 1/e)
}
