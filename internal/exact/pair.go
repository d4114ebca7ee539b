package exact

import (
	"math"
	"math/bits"
)

// A pair is a number hi + lo of about 106 bits, |lo| at most half a unit in the
// last place of hi. Source: Dekker, "A floating-point technique for extending the
// available precision", 1971.
type pair struct{ hi, lo float64 }

// pair returns the sum of a group without a wide state, to 106 bits.
func (s *Sums) pair(a Acc) pair {
	exp := int(s.window) * step
	neg, hi, lo := magnitude(a)
	head := round(false, hi, lo, 0, exp)
	if head == 0 {
		return pair{}
	}
	// The rounded head in units of the window is an integer again: what is left is exact.
	m, e := math.Frexp(head)
	top := uint64(math.Ldexp(m, 53))
	sh := e - 53 - exp
	var th, tl uint64
	switch {
	case sh >= 64:
		th = top << uint(sh-64)
	case sh >= 0:
		th, tl = top>>1>>uint(63-sh), top<<uint(sh)
	default:
		tl = top >> uint(-sh)
	}
	rl, c := bits.Sub64(lo, tl, 0)
	rh, _ := bits.Sub64(hi, th, c)
	rneg, rhi, rlo := magnitude(Acc{int64(rh), rl})
	p := pair{head, round(rneg, rhi, rlo, 0, exp)}
	if neg {
		p.hi, p.lo = -p.hi, -p.lo
	}
	return p
}

func twoSum(a, b float64) pair {
	s := a + b
	bb := s - a
	return pair{s, (a - (s - bb)) + (b - bb)}
}

func addPair(a, b pair) pair {
	s, t := twoSum(a.hi, b.hi), twoSum(a.lo, b.lo)
	s = twoSum(s.hi, s.lo+t.hi)
	return twoSum(s.hi, s.lo+t.lo)
}

func mulPair(a, b pair) pair {
	p := a.hi * b.hi
	e := math.FMA(a.hi, b.hi, -p)
	return twoSum(p, e+(a.hi*b.lo+a.lo*b.hi))
}
