package exact

import (
	"math"
	"math/big"
)

// A constancy knows whether the last values that came are all the same: then they do not vary, whatever came before.
type constancy struct {
	last float64
	n    int64
}

func (c *constancy) came(x float64) {
	if x != c.last || c.n == 0 {
		c.last, c.n = x, 0
	}
	c.n++
}

// Powers are the exact sums of the first powers of values that come and go in the same order.
type Powers struct {
	Top  int // the highest power: 2 for the variance, 3 for skew, 4 for kurtosis
	n    int64
	odd  int64 // values that are no number, or have a power that is none
	same constancy
	sums [4]Long
}

// Reset forgets all values.
func (p *Powers) Reset() {
	p.n, p.odd, p.same = 0, 0, constancy{}
	for i := range p.sums {
		p.sums[i].Reset()
	}
}

// Enter takes a value in, Leave takes it out again.
func (p *Powers) Enter(x float64) { p.same.came(x); p.by(x, 1) }

// Leave takes the value out that came first.
func (p *Powers) Leave(x float64) { p.by(x, -1) }

func (p *Powers) by(x float64, by int64) {
	p.n += by
	two := x * x
	if top := two * [...]float64{1, x, two}[p.Top-2]; top-top != 0 {
		p.odd += by
		return
	}
	for _, t := range Terms {
		if t.Power > p.Top {
			break
		}
		a, b := t.Of(x)
		p.sums[t.Power-1].Add(float64(by) * a)
		if b != 0 {
			p.sums[t.Power-1].Add(float64(by) * b)
		}
	}
}

// Variance is that with ddof 1, to 2^-50 of its size; ok is false below two values.
func (p *Powers) Variance() (x float64, ok bool) {
	switch n := float64(p.n); {
	case p.n < 2:
		return 0, false
	case p.odd > 0:
		return math.NaN(), true
	case p.same.n >= p.n:
		return 0, true
	default:
		s, q := p.sums[0].pair(), p.sums[1].pair()
		if m, size := addTerms(q, scaled(mulPair(divPair(s, n), s), -1)); size*slack <= 0x1p-54*m.hi {
			return quotient(m.hi, m.lo, n-1), true
		}
		x, _ = central(p.long(2), 2).Float64()
		return x / (n - 1), true
	}
}

// long is the number of values and the sums of their powers as long floats.
func (p *Powers) long(top int) []*big.Float {
	s := []*big.Float{new(big.Float).SetPrec(powerPrec).SetInt64(p.n)}
	for i := range top {
		s = append(s, p.sums[i].power().f)
	}
	return s
}

// Shape is the skew, or the kurtosis, as function Shape has it, but that it may be off by 2^-48, or by as much of its size; ok is false below three values, or
// four.
func (p *Powers) Shape() (x float64, ok bool) {
	switch {
	case p.n < int64(p.Top):
		return 0, false
	case p.odd > 0 || p.same.n >= p.n:
		return math.NaN(), true
	}
	if x, ok = p.quick(); ok {
		return x, true
	}
	return shape(p.n, p.long(p.Top)), true
}

// slack is what a few operations on pairs lose of the terms they add up.
const slack = 0x1p-98

// quick is Shape in pairs of floats; false where these cancel out too much.
func (p *Powers) quick() (float64, bool) {
	var s [5]pair
	for i := range p.Top {
		s[i+1] = p.sums[i].pair()
	}
	n := float64(p.n)
	mean := divPair(s[1], n)
	square := mulPair(mean, mean)
	second, size2 := addTerms(s[2], scaled(mulPair(mean, s[1]), -1))
	m2 := second.hi
	if !(size2*slack <= 0x1p-54*m2) {
		return 0, false
	}
	if p.Top == 3 {
		m3, size3 := addTerms(s[3], scaled(mulPair(mean, s[2]), -3), scaled(mulPair(square, s[1]), 2))
		unit := m2 * math.Sqrt(m2)
		if !(size3*slack*math.Sqrt(n) <= 0x1p-52*unit) {
			return 0, false
		}
		return skewOf(n, m3.hi/unit), true
	}
	m4, size4 := addTerms(s[4], scaled(mulPair(mean, s[3]), -4), scaled(mulPair(square, s[2]), 6), scaled(mulPair(mulPair(square, mean), s[1]), -3))
	if !(size4*slack*n <= 0x1p-52*m2*m2) {
		return 0, false
	}
	return kurtosisOf(n, m4.hi/(m2*m2)), true
}

// addTerms adds pairs, and their sizes.
func addTerms(terms ...pair) (sum pair, size float64) {
	for _, x := range terms {
		sum = addPair(sum, x)
		size += math.Abs(x.hi)
	}
	return sum, size
}

// scaled is a pair times a small whole number.
func scaled(a pair, k float64) pair { return mulPair(a, pair{hi: k}) }

func divPair(a pair, n float64) pair {
	q := a.hi / n
	rest := math.FMA(-q, n, a.hi) + a.lo
	return twoSum(q, rest/n)
}

// Comoments are the exact sums of pairs of values that come and go in the same order, of their squares and products.
type Comoments struct {
	n, odd int64 // odd are pairs with a value that is no number, or whose products are none
	same   [2]constancy
	sums   [5]Long // Σx, Σy, Σxy, Σx², Σy²
}

// Reset forgets all pairs.
func (c *Comoments) Reset() {
	c.n, c.odd, c.same = 0, 0, [2]constancy{}
	for i := range c.sums {
		c.sums[i].Reset()
	}
}

// Enter takes a pair in.
func (c *Comoments) Enter(x, y float64) {
	c.same[0].came(x)
	c.same[1].came(y)
	c.by(x, y, 1)
}

// Leave takes the pair out that came first.
func (c *Comoments) Leave(x, y float64) { c.by(x, y, -1) }

func (c *Comoments) by(x, y float64, by int64) {
	c.n += by
	k := float64(by)
	xy, rest := product(k*x, y)
	xx, more := product(k*x, x)
	yy, most := product(k*y, y)
	if odd := xy + xx + yy; odd-odd != 0 {
		c.odd += by
		return
	}
	c.sums[0].Add(k * x)
	c.sums[1].Add(k * y)
	for i, t := range [3][2]float64{{xy, rest}, {xx, more}, {yy, most}} {
		c.sums[2+i].Add(t[0])
		c.sums[2+i].Add(t[1])
	}
}

// moment is Σ(x-mean x)·(y-mean y) of two sums of values and that of their products, to within error.
func (c *Comoments) moment(products, x, y pair) (m pair, err float64) {
	m, size := addTerms(products, scaled(divPair(mulPair(x, y), float64(c.n)), -1))
	return m, size * slack
}

// slow is moment in long floats.
func (c *Comoments) slow(products, i, j int) *big.Float {
	n := new(big.Float).SetPrec(powerPrec).SetInt64(c.n)
	p := new(big.Float).SetPrec(powerPrec).Mul(c.sums[i].power().f, c.sums[j].power().f)
	return p.Sub(c.sums[products].power().f, p.Quo(p, n))
}

// Cov is the covariance with ddof 1; ok is false below two pairs.
func (c *Comoments) Cov() (x float64, ok bool) {
	switch {
	case c.n < 2:
		return 0, false
	case c.odd > 0:
		return math.NaN(), true
	case c.same[0].n >= c.n || c.same[1].n >= c.n:
		return 0, true
	}
	d := float64(c.n - 1)
	if m, err := c.moment(c.sums[2].pair(), c.sums[0].pair(), c.sums[1].pair()); err <= 0x1p-54*math.Abs(m.hi) {
		return quotient(m.hi, m.lo, d), true
	}
	m, _ := c.slow(2, 0, 1).Float64()
	return m / d, true
}

// Corr is Pearson's coefficient, NaN when one of the values does not vary; ok is false below two pairs.
func (c *Comoments) Corr() (x float64, ok bool) {
	switch {
	case c.n < 2:
		return 0, false
	case c.odd > 0 || c.same[0].n >= c.n || c.same[1].n >= c.n:
		return math.NaN(), true
	}
	var s [5]pair
	for i := range s {
		s[i] = c.sums[i].pair()
	}
	m, e := c.moment(s[2], s[0], s[1])
	vv, ev := c.moment(s[3], s[0], s[0])
	ww, ew := c.moment(s[4], s[1], s[1])
	v, w := vv.hi, ww.hi
	unit := math.Sqrt(v * w)
	if v < 0x1p-500 || v > 0x1p500 || w < 0x1p-500 || w > 0x1p500 {
		unit = math.Sqrt(v) * math.Sqrt(w)
	}
	if ev <= 0x1p-54*v && ew <= 0x1p-54*w && e <= 0x1p-54*unit {
		return min(max(m.hi/unit, -1), 1), true
	}
	long, wide := c.slow(3, 0, 0), c.slow(4, 1, 1)
	if long.Sign() <= 0 || wide.Sign() <= 0 {
		return math.NaN(), true
	}
	x, _ = long.Quo(c.slow(2, 0, 1), long.Sqrt(long.Mul(long, wide))).Float64()
	return min(max(x, -1), 1), true
}
