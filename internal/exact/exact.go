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
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/kernel"
)

// An Acc is the state of one group within the window of its Sums. The zero Acc is
// the sum of nothing. Its magnitude stays below 2^119.
type Acc struct {
	Hi int64
	Lo uint64
}

// Accs are the Accs of groups 0, 1, …, at equal distances: a table has them in rows beside what else it knows of a group, so
// that a group is one place in memory.
type Accs struct {
	first unsafe.Pointer
	step  uintptr
	n     int
}

// Of returns the Accs of a slice.
func Of(accs []Acc) Accs {
	return Accs{unsafe.Pointer(unsafe.SliceData(accs)), unsafe.Sizeof(Acc{}), len(accs)}
}

// InRows returns the Accs at byte at of n rows of step bytes each. Both are multiples of 8, and rows begin at one.
func InRows(rows []byte, n, at, step int) Accs {
	if n == 0 {
		return Accs{}
	}
	last := rows[(n-1)*step+at:]
	_ = last[unsafe.Sizeof(Acc{})-1]
	return Accs{unsafe.Pointer(&rows[at]), uintptr(step), n}
}

// At returns the Acc of group g, which must be below the number of groups.
func (x Accs) At(g uint32) *Acc { return (*Acc)(unsafe.Add(x.first, uintptr(g)*x.step)) }

// A Float is what can be added; float32 is widened, which is exact.
type Float interface{ ~float32 | ~float64 }

const (
	// limit bounds Hi of an Acc: |Acc| < 2^119 leaves 8 bits of the packed state for the window.
	limit = 1 << 55
	// reach is the greatest shift of a significand within a window; a 64-bit word shifted by
	// more would need a third word. It is that of kernel.SplitFixed and kernel.SumFixed.
	reach = 63
	// step is the distance of windows in binary orders.
	step = 32
	// The windows that can serve as the common one. Below minWindow the loops would
	// have to tell subnormals from normal numbers.
	minWindow, maxWindow = -33, 30
)

// A Sums has what the groups of one aggregate share: the window and the wide
// states. The Accs themselves are the caller's, one per group, found by group
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

// base is the biased exponent of values that are added without a shift. It is at least 19.
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

// block is the number of values that are split before they are added: their words stay in the first-level cache, and
// at most 2^8·2^116 is added to an Acc below 2^119 before anybody looks whether it has run over.
const block = 256

// few is the number of values that are not worth a block.
const few = 24

// scalar says that there is no assembly to split a block: then it is quicker to add each value at once.
var scalar = cpu.ISA() == cpu.Generic

// AddAll adds vals[i] to group gids[i] for every i that is valid (nil: all); bits
// of valid beyond len(vals) do not matter. len(gids) is len(vals), and gids are
// below the number of accs.
//
// Zeros of either sign add nothing: the sum of zeros is +0.
func AddAll[T Float](s *Sums, accs Accs, gids []uint32, vals []T, valid []uint64) {
	gids = gids[:len(vals)]
	choose(s, vals, valid)
	switch {
	case !s.chosen || valid != nil && len(vals) < few:
		addEach(s, accs, gids, vals, valid)
	case valid != nil:
		addValid(s, accs, gids, vals, valid)
	default:
		addDense(s, accs, gids, vals)
	}
}

// addEach is AddAll for few values some of which may be null, and before a window is chosen: then there
// is nothing but zeros, NaN and infinities.
func addEach[T Float](s *Sums, accs Accs, gids []uint32, vals []T, valid []uint64) {
	for i, v := range vals {
		if v != 0 && (valid == nil || valid[i>>6]>>(uint(i)&63)&1 != 0) {
			s.add(accs.At(gids[i]), gids[i], float64(v))
		}
	}
}

// addValid adds the values that are valid, blocks of which are gathered.
func addValid[T Float](s *Sums, accs Accs, gids []uint32, vals []T, valid []uint64) {
	var v [block + 64]T // the fast way of Compress wants 64 more
	var g [block + 64]uint32
	for at := 0; at < len(vals); at += block {
		end, mask := min(at+block, len(vals)), valid[at>>6:]
		n := kernel.Compress(v[:], vals[at:end], mask)
		kernel.Compress(g[:], gids[at:end], mask)
		addDense(s, accs, g[:n], v[:n])
	}
}

// addDense adds values that are all valid.
func addDense[T Float](s *Sums, accs Accs, gids []uint32, vals []T) {
	if scalar || len(vals) < few {
		addSingly(s, accs, gids, vals)
	} else {
		addBlocks(s, accs, gids, vals)
	}
}

// addSingly is s.add in a loop.
func addSingly[T Float](s *Sums, accs Accs, gids []uint32, vals []T) {
	base := s.base()
	room := min(reach+1, 0x7ff-base)
	gids = gids[:len(vals)]
	for i, v := range vals {
		b := math.Float64bits(float64(v))
		g := gids[i]
		a := accs.At(g)
		sh := b>>52&0x7ff - base
		if sh >= room {
			s.addWide(a, g, b)
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

// addBlocks splits blocks of values into words of 128-bit integers, and adds those.
func addBlocks[T Float](s *Sums, accs Accs, gids []uint32, vals []T) {
	var hi, lo [block]uint64
	var odd [block / 64]uint64
	for at := 0; at < len(vals); at += block {
		v := vals[at:min(at+block, len(vals))]
		g, o := gids[at:at+len(v)], odd[:kernel.Words(len(v))]
		kernel.SplitFixed(s.base(), v, hi[:len(v)], lo[:len(v)], o)
		if addWords(accs, g, &hi, &lo) {
			s.runOvers(accs, g)
		}
		for w, bad := range o {
			for ; bad != 0; bad &= bad - 1 {
				i := w<<6 + bits.TrailingZeros64(bad)
				s.addWide(accs.At(g[i]), g[i], math.Float64bits(float64(v[i])))
			}
		}
	}
}

// addWords adds a block of integers of two words and reports whether an Acc may
// have left its range.
func addWords(accs Accs, gids []uint32, hi, lo *[block]uint64) bool {
	gids = gids[:min(len(gids), block)]
	var above uint64
	for i, g := range gids {
		a := accs.At(g)
		l, c := bits.Add64(a.Lo, lo[i], 0)
		h, _ := bits.Add64(uint64(a.Hi), hi[i], c)
		a.Lo, a.Hi = l, int64(h)
		above |= h + limit
	}
	return above >= 2*limit
}

// runOvers looks for the groups that have left their range.
func (s *Sums) runOvers(accs Accs, gids []uint32) {
	for _, g := range gids {
		if a := accs.At(g); over(*a) {
			s.runOver(a, g)
		}
	}
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// add adds one value to a.
func (s *Sums) add(a *Acc, g uint32, v float64) {
	b := math.Float64bits(v)
	e := b >> 52 & 0x7ff
	sh := e - s.base()
	if sh > reach || e == 0x7ff || !s.chosen {
		s.addWide(a, g, b)
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
	if valid == nil {
		addSlice(s, a, g, vals)
		return
	}
	var v [block + 64]T
	for at := 0; at < len(vals); at += block {
		n := kernel.Compress(v[:], vals[at:min(at+block, len(vals))], valid[at>>6:])
		addSlice(s, a, g, v[:n])
	}
}

// addSlice adds values that are all valid.
func addSlice[T Float](s *Sums, a *Acc, g uint32, vals []T) {
	if !s.chosen {
		for _, v := range vals {
			s.add(a, g, float64(v))
		}
		return
	}
	var odd [kernel.SumFixedMax / 64]uint64
	for at := 0; at < len(vals); at += kernel.SumFixedMax {
		v := vals[at:min(at+kernel.SumFixedMax, len(vals))]
		o := odd[:kernel.Words(len(v))]
		*a = sum(*a, Acc(kernel.SumFixed(s.base(), v, o)))
		if over(*a) {
			s.runOver(a, g)
		}
		for w, bad := range o {
			for ; bad != 0; bad &= bad - 1 {
				s.addWide(a, g, math.Float64bits(float64(v[w<<6+bits.TrailingZeros64(bad)])))
			}
		}
	}
}

// Add adds one value to group g.
func (s *Sums) Add(a *Acc, g uint32, v float64) {
	if !s.chosen {
		one := [1]float64{v}
		choose(s, one[:], nil)
	}
	s.add(a, g, v)
}
