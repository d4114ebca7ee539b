package exact

import (
	"math"
	"math/big"
)

// A Term is one of the floats that add up to a power of a value: those of like size, 53 bits below each other. x² is two
// floats, x³ four and x⁴ six.
type Term struct{ Power, below int }

// Terms are those of skew, up to the third power, and of kurtosis, which needs all.
var Terms = []Term{{1, 0}, {2, 0}, {2, 1}, {3, 0}, {3, 1}, {3, 2}, {4, 0}, {4, 1}, {4, 2}, {4, 3}}

// Of returns the floats of one value: one, or two of like size.
func (t Term) Of(x float64) (float64, float64) {
	if t.Power == 1 {
		return x, 0
	}
	two, rest := product(x, x)
	switch t {
	case Term{2, 0}:
		return two, 0
	case Term{2, 1}:
		return rest, 0
	}
	if t.Power == 3 {
		a, b := product(two, x)
		c, d := product(rest, x)
		return [3]float64{a, b, d}[t.below], [3]float64{0, c, 0}[t.below]
	}
	a, b := product(two, two)
	c, d := product(2*two, rest)
	e, f := product(rest, rest)
	return [4]float64{a, b, d, f}[t.below], [4]float64{0, c, e, 0}[t.below]
}

// product returns x·y as two floats, exactly unless one of them is out of range.
func product(x, y float64) (float64, float64) {
	z := x * y
	return z, math.FMA(x, y, -z)
}

// powerPrec is enough for 2^40 fourth powers of values that differ by 2^40.
const powerPrec = 400

// A Power is the exact sum of a power of the values.
type Power struct{ f *big.Float }

// PowerOf adds up floats.
func PowerOf(parts ...float64) Power {
	p := Power{new(big.Float).SetPrec(powerPrec)}
	p.Add(parts...)
	return p
}

// Add adds floats.
func (p Power) Add(parts ...float64) {
	for _, x := range parts {
		p.f.Add(p.f, new(big.Float).SetFloat64(x))
	}
}

// Shape returns the third standardized moment corrected for bias (G1) of n values, three or more, from
// the sums of their first three powers; with a fourth, the fourth moment less that of a normal distribution (G2) of four or more: Joanes and
// Gill, 1998. It is NaN when the values do not vary.
func Shape(n int64, powers ...Power) float64 {
	s := []*big.Float{new(big.Float).SetPrec(powerPrec).SetInt64(n)}
	for _, p := range powers {
		s = append(s, p.f)
	}
	return shape(n, s)
}

// shape is Shape of n and the sums.
func shape(n int64, s []*big.Float) float64 {
	m2 := central(s, 2)
	if m2.Sign() <= 0 {
		return math.NaN()
	}
	f := float64(n)
	if len(s) == 4 {
		// The quotient M3 / M2^1.5, where M are sums of powers of x - mean.
		r := new(big.Float).SetPrec(powerPrec).Sqrt(m2)
		r.Quo(central(s, 3), r.Mul(r, m2))
		y, _ := r.Float64()
		return skewOf(f, y)
	}
	r := m2.Quo(central(s, 4), new(big.Float).SetPrec(powerPrec).Mul(m2, m2))
	y, _ := r.Float64()
	return kurtosisOf(f, y)
}

// skewOf corrects M3 / M2^1.5 for bias, kurtosisOf M4 / M2².
func skewOf(n, y float64) float64 { return y * n * math.Sqrt(n-1) / (n - 2) }

func kurtosisOf(n, y float64) float64 {
	return y*n*(n+1)*(n-1)/((n-2)*(n-3)) - 3*(n-1)*(n-1)/((n-2)*(n-3))
}

// central returns Σ(x-mean)^k of the power sums s, where s[0] is their number: the
// binomial sum of C(k, i)·s[k-i]·(-mean)^i, in which the last two are one.
func central(s []*big.Float, k int) *big.Float {
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(powerPrec).SetFloat64(x) }
	mean := num(0).Quo(s[1], s[0])
	sum, power, choose := num(0), num(1), 1.0
	for i := range k + 1 {
		term := num(choose)
		sum.Add(sum, term.Mul(term.Mul(term, s[k-i]), power))
		power.Mul(power, mean)
		power.Neg(power)
		choose = choose * float64(k-i) / float64(i+1)
	}
	return sum
}
