package exact

import (
	"math/bits"

	"github.com/weft-data/weft/internal/kernel"
)

// A Slider moves a sum along: values enter it and leave it again. It has nothing but scratch; the
// zero Slider is ready to use.
type Slider struct {
	hi, lo, oldHi, oldLo [block]uint64
	odd, oldOdd          [block / 64]uint64
}

// Slide adds in[i] to the sum of group 0, takes out[i], which is in it, away and writes what is
// left, as Value gives it, to to[i], for one i after the other. Nil out takes nothing away. It ends
// before values that need a wide state, or where there is one, and returns how many it has done: of
// len(in), which out and to have too.
func (x *Slider) Slide(s *Sums, a *Acc, in, out, to []float64) int {
	if !s.chosen || len(s.wide) > 0 {
		return 0
	}
	for at := 0; at < len(in); at += block {
		n := min(block, len(in)-at)
		var gone []float64
		if out != nil {
			gone = out[at : at+n]
		}
		if k := x.slide(s, a, in[at:at+n], gone, to[at:at+n]); k < n {
			return at + k
		}
	}
	return len(in)
}

// slide is Slide for at most a block.
func (x *Slider) slide(s *Sums, a *Acc, in, out, to []float64) int {
	n, base := len(in), s.base()
	words := kernel.Words(n)
	kernel.SplitFixed(base, in, x.hi[:n], x.lo[:n], x.odd[:words])
	clear(x.oldOdd[:words])
	kernel.SplitFixed(base, out, x.oldHi[:len(out)], x.oldLo[:len(out)], x.oldOdd[:kernel.Words(len(out))])
	for w := range words {
		if odd := x.odd[w] | x.oldOdd[w]; odd != 0 {
			n = w<<6 + bits.TrailingZeros64(odd)
			break
		}
	}
	hi, lo, oldHi, oldLo := x.hi[:n], x.lo[:n], x.oldHi[:n], x.oldLo[:n]
	to = to[:n]
	now := *a
	for i := range to {
		l, c := bits.Add64(now.Lo, lo[i], 0)
		h, _ := bits.Add64(uint64(now.Hi), hi[i], c)
		if out != nil {
			l, c = bits.Sub64(l, oldLo[i], 0)
			h, _ = bits.Sub64(h, oldHi[i], c)
		}
		if h+limit >= 2*limit {
			*a = now
			return i
		}
		now = Acc{int64(h), l}
		to[i] = s.fixed(now)
	}
	*a = now
	return n
}
