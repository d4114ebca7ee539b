package vec

import "math"

// pow64 returns x^y within 1 ULP: exp(y*log|x|) with the logarithm and its product to twice the digits, where x and the
// result are normal numbers; else what package math says. Negative x need a whole y, an odd one gives a negative result.
func pow64(x, y float64) float64 {
	a := math.Abs(x)
	if !(a >= 0x1p-1022 && a < math.Inf(1)) {
		return math.Pow(x, y)
	}
	whole := 0.0
	if x < 0 {
		whole = y
	}
	if whole != math.RoundToEven(whole) {
		return math.Pow(x, y)
	}
	h, l := logTwice(a)
	eh := float64(y * h)
	if !(math.Abs(eh) <= powMax) {
		return math.Pow(x, y)
	}
	p := expTwice(eh, math.FMA(y, l, math.FMA(y, h, -eh)))
	if half := float64(whole * 0.5); half != math.Floor(half) {
		p = -p
	}
	return p
}

// powMax bounds the exponents for which results are normal.
const powMax = 708

// powTaylor are 2/(2k+1), from k = 12 down to 2.
var powTaylor = [...]float64{2. / 25, 2. / 23, 2. / 21, 2. / 19, 2. / 17, 2. / 15, 2. / 13, 2. / 11, 2. / 9, 2. / 7, 2. / 5}

const (
	twoThirds  = 2. / 3
	twoThirdsL = 3.70074341541718826e-17 // 2/3 - float64(2/3)
)

// logTwice returns log(x) as a sum of two numbers, with an error of about 2^-65 of it: twice the area tangent of
// s = f/(2+f) by its series, of which the first two terms are taken to twice the digits.
func logTwice(x float64) (h, l float64) {
	k, f := logParts(x)
	d := f + 2
	dl := f - (d - 2)
	s := f / d
	sl := math.FMA(-s, dl, math.FMA(-s, d, f)) / d
	z := float64(s * s)
	zl := math.FMA(s, s, -z)
	zl = math.FMA(s+s, sl, zl)
	c := float64(z * s)
	cl := math.FMA(z, s, -c)
	cl = math.FMA(z, sl, cl)
	cl = math.FMA(zl, s, cl)
	q := float64(c * twoThirds)
	ql := math.FMA(c, twoThirds, -q)
	ql = math.FMA(cl, twoThirds, ql)
	ql = math.FMA(c, twoThirdsL, ql)
	ql = math.FMA(float64(c*z), horner(z, powTaylor[:]), ql)
	a := s + s
	hi := a + q
	lo := (a - hi) + q
	lo += (sl + sl) + ql
	e := float64(k * ln2Hi)
	h = e + hi
	l = (e - h) + hi
	l += math.FMA(k, ln2Lo, lo)
	t := h + l
	return t, (h - t) + l
}

// expTwice returns exp(h+l) for a result that is normal.
func expTwice(h, l float64) float64 {
	k := math.RoundToEven(float64(h * math.Log2E))
	a := math.FMA(-k, ln2Hi, h)
	b := math.FMA(-k, ln2Lo, a)
	c := math.FMA(-k, ln2Lo, a-b) + l
	r := b + c
	lo := (b - r) + c
	p := (math.FMA(horner(r, expTaylor[:]), float64(r*r), lo) + r) + 1
	return scale2(p, k)
}
