package vec

import "math"

// logTaylor are the coefficients of fdlibm's e_log.c for s^14 down to s^2.
var logTaylor = [...]float64{1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
	2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01}

// logBase is the pattern of sqrt(1/2): mantissas are taken from there to sqrt(2).
const logBase = 0x3fe6a09e667f3bcd

// logParts splits x = 2^k*(1+f), x positive and normal.
func logParts(x float64) (k, f float64) {
	t := math.Float64bits(x) - logBase
	k = math.Float64frombits((t+1024<<52)>>52|0x4330000000000000) - (0x1p52 + 1024)
	return k, math.Float64frombits(t&(1<<52-1)+logBase) - 1
}

// logSeries returns f*f/2 and the rest r in log(1+f) = f - (h - r).
func logSeries(f float64) (h, r float64) {
	s := f / (f + 2)
	z := float64(s * s)
	h = float64(float64(f*f) * 0.5)
	return h, float64(s * (h + float64(horner(z, logTaylor[:])*z)))
}

// logRange makes subnormal numbers normal; add is what that takes from the exponent.
func logRange(x float64) (scaled, add float64) {
	if x < 0x1p-1022 {
		return float64(x * 0x1p54), -54
	}
	return x, 0
}

// logEnds puts in what logarithms are where there is no series.
func logEnds(x, y float64) float64 {
	switch {
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case !(x < math.Inf(1)): // NaN, too
		return x
	}
	return y
}

// log64 returns the natural logarithm within 1 ULP.
func log64(x float64) float64 {
	n, add := logRange(x)
	k, f := logParts(n)
	k += add
	h, r := logSeries(f)
	r = math.FMA(k, ln2Lo, r)
	return logEnds(x, math.FMA(k, ln2Hi, f-(h-r)))
}

// logBoth returns a logarithm of another base: c1+c2 is that of e, d1+d2 that of 2, and d1 has so few bits that k*d1 is
// exact.
func logBoth(x, c1, c2, d1, d2 float64) float64 {
	n, add := logRange(x)
	k, f := logParts(n)
	k += add
	h, r := logSeries(f)
	hi := f - h
	lo := ((f - hi) - h) + r
	p := float64(hi * c1)
	q := math.FMA(lo, c1, math.FMA(hi, c2, math.FMA(hi, c1, -p)))
	q = math.FMA(k, d2, q)
	e := float64(k * d1)
	w := e + p
	b := w - e
	q += (e - (w - b)) + (p - b)
	return logEnds(x, w+q)
}

const (
	log2E1  = 1.4426950408889634074
	log2E2  = 2.0355273740931033e-17
	log10E1 = 4.3429448190325182765e-01
	log10E2 = 1.098319650216765e-17
	log10T1 = 3.01029995663611771306e-01
	log10T2 = 3.69423907715893078616e-13
)

// log2of64 returns the logarithm of base 2 within 1 ULP, exact for powers of 2.
func log2of64(x float64) float64 { return logBoth(x, log2E1, log2E2, 1, 0) }

// log10of64 returns the logarithm of base 10 within 1 ULP.
func log10of64(x float64) float64 { return logBoth(x, log10E1, log10E2, log10T1, log10T2) }

// log1pOf64 returns log(1+x) within 1.5 ULP.
func log1pOf64(x float64) float64 {
	u := 1 + x
	b := u - 1
	c := ((1 - (u - b)) + (x - b)) / u // 1+x = u*(1+c)
	k, f := logParts(u)
	h, r := logSeries(f)
	r = math.FMA(k, ln2Lo, c+r)
	y := math.FMA(k, ln2Hi, f-(h-r))
	switch {
	case x < -1:
		return math.NaN()
	case x == -1:
		return math.Inf(-1)
	case !(x < math.Inf(1)):
		return x
	case x == 0:
		return x // -0
	}
	return y
}
