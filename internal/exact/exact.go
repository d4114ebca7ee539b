// Package exact adds floats without rounding: the sum of any multiset of float64
// is kept exactly and rounded once at the end. Addition is then commutative and
// associative bit for bit, so that threads, chunking, spilling and shuffling
// cannot change a result.
//
// A group's sum is an Acc: a fixed-point integer of 120 bits in units of 2^(32·j).
// One window j serves all groups of a Sums; it is chosen from the first values, such that
// the greatest of them has at least 8 binary orders of room above and 24 below.
//
//	bit 119                                                  0
//	 ┌───────────┬──────────────────────────────────────────┐
//	 │ head room │   63+53 bits that a value can occupy     │ × 2^(32·j)
//	 └───────────┴──────────────────────────────────────────┘
//
// What does not fit (values of other magnitudes, NaN, ±Inf, an Acc that runs
// over) goes to a wide state of the group: a short list of further windows, on the
// heap, kept in a map. Groups without one cost 16 bytes.
//
// The idea of exact summation in a long fixed-point register is Kulisch's; the
// windows make it small enough for a state per group.
package exact

import (
	"math"
	"math/bits"
)

// An Acc is the state of one group within the window of its Sums. The zero Acc is
// the sum of nothing. Its magnitude stays below 2^119.
type Acc struct {
	Hi int64
	Lo uint64
}

// A Float is what can be added; float32 is widened, which is exact.
type Float interface{ ~float32 | ~float64 }

const (
	// limit bounds Hi of an Acc: |Acc| < 2^119 leaves 8 bits of the packed state for the window.
	limit = 1 << 55
	// reach is the greatest shift of a significand within a window; a 64-bit word shifted by
	// more would need a third word.
	reach = 63
	// step is the distance of windows in binary orders.
	step = 32
	// The windows that can serve as the common one. Below minWindow the loops would
	// have to tell subnormals from normal numbers.
	minWindow, maxWindow = -33, 30
)

// A Sums has what the groups of one aggregate share: the window and the wide
// states. The Accs themselves are the caller's, one per group, indexed by group
// number. The zero Sums is ready to use; it is for one goroutine.
type Sums struct {
	wide    map[uint32]*wide
	nWide   int64 // windows in all wide states
	window  int16
	chosen  bool
	lowered bool // the window was lowered once by a merge
}

// Reset forgets the window and all wide states; the caller clears its Accs.
func (s *Sums) Reset() { *s = Sums{} }

// Bytes estimates the heap bytes of the wide states: 0 when every group fits.
func (s *Sums) Bytes() int64 { return int64(len(s.wide))*96 + s.nWide*24 }

// base is the biased exponent of values that are added without a shift.
func (s *Sums) base() uint64 { return uint64(int64(s.window)*step + 1075) }

// windowOf returns the window for values whose greatest biased exponent is e.
func windowOf(e uint64) int16 {
	return int16(min(max((int64(e)-1075-24)>>5, minWindow), maxWindow))
}

// choose picks the window from the first values that are valid, finite and not
// zero.
func choose[T Float](s *Sums, vals []T, valid []uint64) {
	if s.chosen {
		return
	}
	top, seen := uint64(0), 0
	for i, v := range vals {
		if valid != nil && valid[i>>6]>>(uint(i)&63)&1 == 0 || v == 0 {
			continue
		}
		if e := math.Float64bits(float64(v)) >> 52 & 0x7ff; e != 0x7ff {
			top = max(top, e)
			if seen++; seen == 256 {
				break
			}
		}
	}
	if seen > 0 {
		s.window, s.chosen = windowOf(top), true
	}
}

// AddAll adds vals[i] to group gids[i] for every i that is valid (nil: all); bits
// of valid beyond len(vals) do not matter. len(gids) is len(vals), and gids are
// below len(accs).
//
// Zeros of either sign add nothing: the sum of zeros is +0.
func AddAll[T Float](s *Sums, accs []Acc, gids []uint32, vals []T, valid []uint64) {
	choose(s, vals, valid)
	if !s.chosen {
		addEach(s, accs, gids, vals, valid)
		return
	}
	if valid == nil {
		addDense(s, accs, gids, vals)
		return
	}
	for at := 0; at < len(vals); at += 64 {
		end := min(at+64, len(vals))
		switch w := valid[at>>6] | ^uint64(0)<<(uint(end-at)&63)&-b2u(end-at < 64); w {
		case ^uint64(0):
			addDense(s, accs, gids[at:end], vals[at:end])
		default:
			w &= ^uint64(0) >> (uint(at-end) & 63)
			for ; w != 0; w &= w - 1 {
				i := at + bits.TrailingZeros64(w)
				s.add(&accs[gids[i]], gids[i], float64(vals[i]))
			}
		}
	}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// addEach is AddAll before a window is chosen: there is nothing but zeros, NaN
// and infinities.
func addEach[T Float](s *Sums, accs []Acc, gids []uint32, vals []T, valid []uint64) {
	for i, v := range vals {
		if valid == nil || valid[i>>6]>>(uint(i)&63)&1 != 0 {
			s.addWide(&accs[gids[i]], gids[i], math.Float64bits(float64(v)))
		}
	}
}

// addDense is the loop for values that are all valid.
func addDense[T Float](s *Sums, accs []Acc, gids []uint32, vals []T) {
	base := s.base()
	gids = gids[:len(vals)]
	for i, v := range vals {
		b := math.Float64bits(float64(v))
		g := gids[i]
		a := &accs[g]
		sh := b>>52&0x7ff - base
		if sh > reach {
			if b<<1 != 0 {
				s.addWide(a, g, b)
			}
			continue
		}
		m := b&(1<<52-1) | 1<<52
		neg := uint64(int64(b) >> 63)
		lo, c := bits.Add64(a.Lo, m<<(sh&63)^neg, neg&1)
		hi, _ := bits.Add64(uint64(a.Hi), m>>1>>(^sh&63)^neg, c)
		a.Lo, a.Hi = lo, int64(hi)
		if hi+limit >= 2*limit {
			s.runOver(a, g)
		}
	}
}

// add adds one value to a.
func (s *Sums) add(a *Acc, g uint32, v float64) {
	b := math.Float64bits(v)
	sh := b>>52&0x7ff - s.base()
	if sh > reach {
		if b<<1 != 0 {
			s.addWide(a, g, b)
		}
		return
	}
	m := b&(1<<52-1) | 1<<52
	s.addShifted(a, g, int64(b)>>63, m>>1>>(^sh&63), m<<(sh&63))
}

// addShifted adds ±(hi, lo), a magnitude in units of the window.
func (s *Sums) addShifted(a *Acc, g uint32, neg int64, hi, lo uint64) {
	n := uint64(neg)
	l, c := bits.Add64(a.Lo, lo^n, n&1)
	h, _ := bits.Add64(uint64(a.Hi), hi^n, c)
	a.Lo, a.Hi = l, int64(h)
	if h+limit >= 2*limit {
		s.runOver(a, g)
	}
}

// AddSlice adds all valid values to group g.
func AddSlice[T Float](s *Sums, a *Acc, g uint32, vals []T, valid []uint64) {
	choose(s, vals, valid)
	for at := 0; at < len(vals); at += 64 {
		end := min(at+64, len(vals))
		w := ^uint64(0) >> (uint(at-end) & 63)
		if valid != nil {
			w &= valid[at>>6]
		}
		if s.chosen && w == ^uint64(0) {
			addBlock(s, a, g, vals[at:end])
			continue
		}
		for ; w != 0; w &= w - 1 {
			v := float64(vals[at+bits.TrailingZeros64(w)])
			if s.chosen {
				s.add(a, g, v)
			} else {
				s.addWide(a, g, math.Float64bits(v))
			}
		}
	}
}

// addBlock adds at most 64 values in two local registers; they cannot run over
// before the end: 64 values are below 2^122.
func addBlock[T Float](s *Sums, a *Acc, g uint32, vals []T) {
	base := s.base()
	var hi, lo uint64
	for _, v := range vals {
		b := math.Float64bits(float64(v))
		sh := b>>52&0x7ff - base
		if sh > reach {
			if b<<1 != 0 {
				s.addWide(a, g, b)
			}
			continue
		}
		m := b&(1<<52-1) | 1<<52
		neg := uint64(int64(b) >> 63)
		var c uint64
		lo, c = bits.Add64(lo, m<<(sh&63)^neg, neg&1)
		hi, _ = bits.Add64(hi, m>>1>>(^sh&63)^neg, c)
	}
	l, c := bits.Add64(a.Lo, lo, 0)
	h, _ := bits.Add64(uint64(a.Hi), hi, c)
	a.Lo, a.Hi = l, int64(h)
	if h+limit >= 2*limit {
		s.runOver(a, g)
	}
}

// Add adds one value to group g.
func (s *Sums) Add(a *Acc, g uint32, v float64) {
	if !s.chosen {
		one := [1]float64{v}
		AddSlice(s, a, g, one[:], nil)
		return
	}
	s.add(a, g, v)
}
