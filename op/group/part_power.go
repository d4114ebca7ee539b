package group

import (
	"math"
	"math/big"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
)

// powerPart is an exact sum of some of the floats that add up to powers of the
// values: x² is two, x³ four and x⁴ six of them, those of like size in one sum.
// Integers are taken as floats.
type powerPart struct {
	floatSumPart
	term        powerTerm
	first, more []float64
}

// A powerTerm is a power and how far its floats are below it: 53 bits each time.
type powerTerm struct{ power, below int }

// powerTerms are those of skew, and of kurtosis.
var powerTerms = []powerTerm{{1, 0}, {2, 0}, {2, 1}, {3, 0}, {3, 1}, {3, 2}, {4, 0}, {4, 1}, {4, 2}, {4, 3}}

func (p *powerPart) update(l *lap) {
	a := &l.lanes[p.arg]
	if a.n == 0 {
		return
	}
	if p.first == nil {
		p.first, p.more = make([]float64, lapRows), make([]float64, lapRows)
	}
	k := a.v.Type.Kind
	x, y := p.first[:a.n], p.more[:a.n]
	if k == dtype.Float64 {
		copy(x, values[float64](a))
	} else {
		for i, o := range a.keys() {
			x[i] = fromKey(k, o)
		}
	}
	some := false
	for i, v := range x {
		x[i], y[i] = p.term.of(v)
		some = some || y[i] != 0
	}
	exact.AddAll(&p.sums, p.acc.s[:p.n], a.g, x, nil)
	if some {
		exact.AddAll(&p.sums, p.acc.s[:p.n], a.g, y, nil)
	}
}

// of returns the floats of one value: one, or two of like size.
func (t powerTerm) of(x float64) (float64, float64) {
	if t.power == 1 {
		return x, 0
	}
	two, rest := product(x, x)
	switch t {
	case powerTerm{2, 0}:
		return two, 0
	case powerTerm{2, 1}:
		return rest, 0
	}
	if t.power == 3 {
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

// total returns the sum of power k from the parts of skew or kurtosis, the count
// and then powerTerms; nil when it is no number.
func (t *table) total(parts []int, k int, g uint32) *big.Float {
	sum := new(big.Float).SetPrec(powerPrec)
	for i, term := range powerTerms[:len(parts)-1] {
		if term.power != k {
			continue
		}
		p := t.parts[parts[i+1]].(*powerPart)
		if x := p.sums.Value(p.acc.s[g], g); x != x || math.IsInf(x, 0) {
			return nil
		}
		for _, x := range p.sums.Parts(&p.acc.s[g], g) {
			sum.Add(sum, new(big.Float).SetFloat64(x))
		}
	}
	return sum
}

// powerPrec is enough for 2^40 fourth powers of values that differ by 2^40.
const powerPrec = 400

// shape returns the third standardized moment corrected for bias (G1), as kurtosis
// does the fourth less that of a normal distribution (G2): Joanes and Gill, 1998. ok is
// false below three values, or four.
func (t *table) shape(a *aggPlan, g uint32) (x float64, ok bool) {
	n := countOf(t.parts[a.parts[0]], g)
	top := int64(3)
	if a.fn == Kurtosis {
		top = 4
	}
	if n < top {
		return 0, false
	}
	var s [5]*big.Float
	for k := 1; k <= int(top); k++ {
		if s[k] = t.total(a.parts, k, g); s[k] == nil {
			return math.NaN(), true
		}
	}
	s[0] = big.NewFloat(float64(n)).SetPrec(powerPrec)
	m2 := central(s[:], 2)
	if m2.Sign() <= 0 {
		return math.NaN(), true
	}
	f := float64(n)
	if top == 3 {
		// The quotient M3 / M2^1.5, where M are sums of powers of x - mean.
		r := new(big.Float).SetPrec(powerPrec).Sqrt(m2)
		r.Quo(central(s[:], 3), r.Mul(r, m2))
		y, _ := r.Float64()
		return y * f * math.Sqrt(f-1) / (f - 2), true
	}
	r := m2.Quo(central(s[:], 4), new(big.Float).SetPrec(powerPrec).Mul(m2, m2))
	y, _ := r.Float64()
	return y*f*(f+1)*(f-1)/((f-2)*(f-3)) - 3*(f-1)*(f-1)/((f-2)*(f-3)), true
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
