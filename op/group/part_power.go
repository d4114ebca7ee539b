package group

import (
	"math"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/exact"
	"github.com/weft-data/weft/internal/quantile"
)

// powerPart is an exact sum of some of the floats that add up to powers of the
// values: x² is two, x³ four and x⁴ six of them, those of like size in one sum.
// Integers are taken as floats.
type powerPart struct {
	floatSumPart
	term        exact.Term
	first, more []float64
}

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
			x[i] = quantile.Value(k, o)
		}
	}
	some := false
	for i, v := range x {
		x[i], y[i] = p.term.Of(v)
		some = some || y[i] != 0
	}
	exact.AddAll(&p.sums, p.accs(), a.g, x, nil)
	if some {
		exact.AddAll(&p.sums, p.accs(), a.g, y, nil)
	}
}

// total returns the sum of power k from the parts of skew or kurtosis, the count
// and then exact.Terms; false when it is no number.
func (t *table) total(parts []int, k int, g uint32) (exact.Power, bool) {
	sum := exact.PowerOf()
	for i, term := range exact.Terms[:len(parts)-1] {
		if term.Power != k {
			continue
		}
		p := t.parts[parts[i+1]].(*powerPart)
		a := p.accs().At(g)
		if x := p.sums.Value(*a, g); x != x || math.IsInf(x, 0) {
			return sum, false
		}
		sum.Add(p.sums.Parts(a, g)...)
	}
	return sum, true
}

// shape returns the skew or the kurtosis of a group; ok is false below three values, or four.
func (t *table) shape(a *aggPlan, g uint32) (x float64, ok bool) {
	n := countOf(t.parts[a.parts[0]], g)
	top := int64(3)
	if a.fn == Kurtosis {
		top = 4
	}
	if n < top {
		return 0, false
	}
	var s []exact.Power
	for k := 1; k <= int(top); k++ {
		p, ok := t.total(a.parts, k, g)
		if !ok {
			return math.NaN(), true
		}
		s = append(s, p)
	}
	return exact.Shape(n, s...), true
}
