package exact

import (
	"math"
	"math/bits"
)

// A wide is the part of a group's sum that its Acc cannot hold: further windows,
// and which values that are no numbers were seen. The exact sum is that of the
// Acc and all windows; how it is divided among them has no meaning.
type wide struct {
	parts []part
	odd   odd
}

type part struct {
	acc    Acc
	window int16
}

type odd uint8

const (
	posInf odd = 1 << iota
	negInf
	nan
)

// state returns the wide state of group g, made if there is none.
func (s *Sums) state(g uint32) *wide {
	w := s.wide[g]
	if w == nil {
		if s.wide == nil {
			s.wide = map[uint32]*wide{}
		}
		w = &wide{}
		s.wide[g] = w
	}
	return w
}

// addWide adds the value with bits b, which is not in the window.
func (s *Sums) addWide(a *Acc, g uint32, b uint64) {
	e, m := b>>52&0x7ff, b&(1<<52-1)
	switch {
	case b<<1 == 0:
		return
	case e == 0x7ff && m != 0:
		s.state(g).odd |= nan
		return
	case e == 0x7ff && b>>63 == 0:
		s.state(g).odd |= posInf
		return
	case e == 0x7ff:
		s.state(g).odd |= negInf
		return
	case e == 0:
		e = 1
	default:
		m |= 1 << 52
	}
	neg := int64(b) >> 63
	if s.chosen {
		// A value below the window that has no bits there (an integer, a price) still fits.
		if sh := int64(s.base()) - int64(e); sh > 0 && sh <= 52 && m&(1<<uint(sh)-1) == 0 {
			s.addShifted(a, g, neg, 0, m>>uint(sh))
			return
		}
	}
	s.addScaled(g, neg, 0, m, int(e)-1075)
}

// addScaled adds ±(hi, lo)·2^exp to the wide state of g.
func (s *Sums) addScaled(g uint32, neg int64, hi, lo uint64, exp int) {
	w := s.state(g)
	j := exp >> 5
	sh := uint(exp & 31)
	// Shifted to the grid the two words may need 159 bits: each goes to a window of its own.
	s.addPart(w, signed(neg, lo>>1>>(63-sh), lo<<sh), int16(j))
	if hi != 0 {
		s.addPart(w, signed(neg, hi>>1>>(63-sh), hi<<sh), int16(j+2))
	}
}

func signed(neg int64, hi, lo uint64) Acc {
	n := uint64(neg)
	l, c := bits.Add64(lo^n, 0, n&1)
	h, _ := bits.Add64(hi^n, 0, c)
	return Acc{int64(h), l}
}

// addPart adds x, in units of window j and below 2^119 in magnitude.
func (s *Sums) addPart(w *wide, x Acc, j int16) {
	for i := range w.parts {
		p := &w.parts[i]
		if p.window != j {
			continue
		}
		p.acc = sum(p.acc, x)
		if over(p.acc) {
			// The upper part moves two windows up, which is 64 bits: Lo stays as a magnitude.
			up := Acc{p.acc.Hi >> 63, uint64(p.acc.Hi)}
			p.acc.Hi = 0
			s.addPart(w, up, j+2)
		}
		return
	}
	w.parts = append(w.parts, part{x, j})
	s.nWide++
}

// runOver moves an Acc that has left its range to the wide state.
func (s *Sums) runOver(a *Acc, g uint32) {
	w := s.state(g)
	s.addPart(w, Acc{a.Hi >> 63, uint64(a.Hi)}, s.window+2)
	a.Hi = 0
}

func over(a Acc) bool { return uint64(a.Hi)+limit >= 2*limit }

func sum(a, b Acc) Acc {
	lo, c := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), c)
	return Acc{int64(hi), lo}
}

// Value returns the exact sum of group g, rounded to the nearest float64, ties to
// even. NaN anywhere, or infinities of both signs, give NaN; infinities of one
// sign that infinity. A sum beyond the largest float64 gives an infinity, a sum
// of zero is +0.
func (s *Sums) Value(a Acc, g uint32) float64 {
	if len(s.wide) > 0 {
		if w := s.wide[g]; w != nil {
			return s.wideValue(a, w)
		}
	}
	return s.fixed(a)
}

// fixed is the sum of an Acc alone, rounded.
func (s *Sums) fixed(a Acc) float64 {
	neg, hi, lo := magnitude(a)
	return round(neg, hi, lo, 0, int(s.window)*step)
}

func (s *Sums) wideValue(a Acc, w *wide) float64 {
	if v, ok := w.odd.value(); ok {
		return v
	}
	var r register
	r.load(s, a, w)
	return r.value(r.abs(), 0)
}

// Parts writes the exact sum of group g as floats that add up to it, the largest
// first; of a sum that is no number, none.
func (s *Sums) Parts(a *Acc, g uint32) (out []float64) {
	for {
		x := s.Value(*a, g)
		if x == 0 || x != x || math.IsInf(x, 0) {
			break
		}
		out = append(out, x)
		s.Add(a, g, -x)
	}
	for _, x := range out {
		s.Add(a, g, x)
	}
	return out
}

// Mean returns the exact sum of group g divided by n > 0, rounded once; NaN and
// infinities as Value.
func (s *Sums) Mean(a Acc, g uint32, n int64) float64 {
	w := s.wide[g]
	if w != nil {
		if v, ok := w.odd.value(); ok {
			return v
		}
		var r register
		r.load(s, a, w)
		neg := r.abs()
		return r.value(neg, r.divide(uint64(n)))
	}
	neg, hi, lo := magnitude(a)
	if hi|lo == 0 {
		return 0
	}
	// Shifted to the top first, so that the quotient has at least 64 bits.
	exp := int(s.window) * step
	if hi == 0 {
		hi, lo, exp = lo, 0, exp-64
	}
	z := uint(bits.LeadingZeros64(hi))
	hi, lo, exp = hi<<z|lo>>1>>(63-z), lo<<z, exp-int(z)
	qh, rem := bits.Div64(0, hi, uint64(n))
	ql, rem := bits.Div64(rem, lo, uint64(n))
	return round(neg, qh, ql, rem, exp)
}

// value returns the result that NaN and infinities decide.
func (o odd) value() (float64, bool) {
	switch o {
	case 0:
		return 0, false
	case posInf:
		return math.Inf(1), true
	case negInf:
		return math.Inf(-1), true
	}
	return math.NaN(), true
}

func magnitude(a Acc) (neg bool, hi, lo uint64) {
	m := signed(a.Hi>>63, uint64(a.Hi), a.Lo)
	return a.Hi < 0, uint64(m.Hi), m.Lo
}

// round returns ±(hi, lo)·2^exp rounded once; sticky is not zero when there are
// further bits below.
func round(neg bool, hi, lo, sticky uint64, exp int) float64 {
	if hi|lo == 0 {
		return 0
	}
	// Normalise to 64 bits with everything below in the last.
	if hi != 0 {
		n := uint(bits.LeadingZeros64(hi))
		top := hi<<n | lo>>1>>(63-n)
		sticky |= lo << n
		lo, exp = top, exp+64-int(n)
	} else {
		n := bits.LeadingZeros64(lo)
		lo, exp = lo<<uint(n), exp-n
	}
	lo |= b2u(sticky != 0)
	if exp >= -1022 && exp <= 1023-64 { // neither lo nor the product leaves the normal numbers: one rounding, that of lo
		x := float64(lo) * math.Float64frombits(uint64(exp+1023)<<52)
		return math.Float64frombits(math.Float64bits(x) | b2u(neg)<<63)
	}
	// 53 bits are kept, fewer below the normal range: the last has at least the weight 2^-1074.
	drop := 11
	if exp+drop < -1074 {
		drop = -1074 - exp
	}
	if drop > 64 {
		return math.Copysign(0, sign(neg))
	}
	m := lo >> uint(drop)
	rest, half := lo<<uint(64-drop), uint64(1)<<63
	if rest > half || rest == half && m&1 == 1 {
		m++
	}
	return math.Copysign(math.Ldexp(float64(m), exp+drop), sign(neg))
}

func sign(neg bool) float64 {
	if neg {
		return -1
	}
	return 1
}

// A register is a fixed-point number long enough for every exact sum and product:
// two's complement, bit 0 has the weight 2^lowest.
type register struct {
	w [(highest - lowest) / 64]uint64
}

const (
	lowest  = -2240 // below 2^-2148, the square of the least float64; a multiple of 64
	highest = 2496  // far above the sum of any number of squares
)

// add adds x in units of 2^exp.
func (r *register) add(x Acc, exp int) {
	at := uint(exp - lowest)
	i, sh := at>>6, at&63
	ext := uint64(x.Hi >> 63)
	var c uint64
	r.w[i], c = bits.Add64(r.w[i], x.Lo<<sh, 0)
	r.w[i+1], c = bits.Add64(r.w[i+1], x.Lo>>1>>(63-sh)|uint64(x.Hi)<<sh, c)
	r.w[i+2], c = bits.Add64(r.w[i+2], uint64(x.Hi)>>1>>(63-sh)|ext<<sh, c)
	for k := i + 3; k < uint(len(r.w)); k++ {
		r.w[k], c = bits.Add64(r.w[k], ext, c)
	}
}

// load adds the exact sum of a group.
func (r *register) load(s *Sums, a Acc, w *wide) {
	r.add(a, int(s.window)*step)
	if w != nil {
		for _, p := range w.parts {
			r.add(p.acc, int(p.window)*step)
		}
	}
}

// value rounds a magnitude once; sticky is not zero if there is more below it.
func (r *register) value(neg bool, sticky uint64) float64 {
	top := len(r.w) - 1
	for top > 1 && r.w[top] == 0 {
		top--
	}
	for _, v := range r.w[:top-1] {
		sticky |= v
	}
	return round(neg, r.w[top], r.w[top-1], sticky, lowest+64*(top-1))
}

// divide divides the magnitude by n and returns what is not zero if there is a
// remainder.
func (r *register) divide(n uint64) (rest uint64) {
	for i := len(r.w) - 1; i >= 0; i-- {
		r.w[i], rest = bits.Div64(rest, r.w[i], n)
	}
	return rest
}

// abs makes the number its magnitude and reports its sign.
func (r *register) abs() (neg bool) {
	neg = r.w[len(r.w)-1]>>63 != 0
	if neg {
		c := uint64(1)
		for i := range r.w {
			r.w[i], c = bits.Add64(^r.w[i], 0, c)
		}
	}
	return neg
}
