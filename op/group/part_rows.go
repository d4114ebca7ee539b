package group

import (
	"math"
	"math/big"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// medianPart gathers all valid values of its groups, as order keys. It is never
// packed: rows travel instead.
type medianPart struct {
	rowPart
	arg  int
	q    float64 // 0.5 for the median
	gids buf[uint32]
	vals buf[int64]
	n    int

	off    bool       // values are looked at in passes, not gathered
	picked [][2]int64 // the middle values that passes found, by group
	counts []int64    // and how many there were

	sorted buf[int64] // values by group, once finished
	ends   buf[uint32]
	done   bool
}

func (p *medianPart) room(l *lap) bool {
	if p.off {
		return true
	}
	n := p.n + l.n
	m := p.t.mem
	return p.gids.grow(m, p.n, n) && p.vals.grow(m, p.n, n) && p.sorted.grow(m, 0, n) && p.ends.grow(m, 0, p.t.made+1)
}

func (p *medianPart) update(l *lap) {
	if p.off {
		return
	}
	a := &l.lanes[p.arg]
	copy(p.gids.s[p.n:], a.g[:a.n])
	copy(p.vals.s[p.n:], a.keys())
	p.n += a.n
}

func (p *medianPart) merge([]uint32, []byte, []int32, int) error { return errCorrupt }

func (p *medianPart) reset() { p.n, p.done, p.off, p.picked, p.counts = 0, false, false, nil, nil }

func (p *medianPart) free() {
	p.gids.free(p.t.mem)
	p.vals.free(p.t.mem)
	p.sorted.free(p.t.mem)
	p.ends.free(p.t.mem)
	p.reset()
}

// order moves the values of every group together: a counting sort by group.
func (p *medianPart) order() bool {
	if p.done || p.off {
		return true
	}
	if !p.ends.grow(p.t.mem, 0, p.t.made+1) || !p.sorted.grow(p.t.mem, 0, p.n) {
		return false
	}
	st := p.ends.s[:p.t.made+1]
	clear(st)
	for _, g := range p.gids.s[:p.n] {
		st[g]++
	}
	sum := uint32(0)
	for g, c := range st {
		st[g] = sum
		sum += c
	}
	for i, g := range p.gids.s[:p.n] {
		p.sorted.s[st[g]] = p.vals.s[i]
		st[g]++
	}
	p.done = true // st[g] is now where group g ends
	return true
}

// rankOf returns where quantile q of n values in order is: behind which of them, and
// how much of the way to the next.
func rankOf(q float64, n int64) (rank int64, part float64) {
	at := q * float64(n-1)
	rank = min(int64(at), n-1)
	return rank, at - float64(rank)
}

// middle returns the two values of group g between which the quantile is, the same
// one twice when it is one of them, and how far it is from the first.
func (p *medianPart) middle(g uint32) (a, b int64, part float64, ok bool) {
	if p.off {
		_, part = rankOf(p.q, p.counts[g])
		return p.picked[g][0], p.picked[g][1], part, p.counts[g] > 0
	}
	lo := uint32(0)
	if g > 0 {
		lo = p.ends.s[g-1]
	}
	v := p.sorted.s[lo:p.ends.s[g]]
	if len(v) == 0 {
		return 0, 0, 0, false
	}
	rank, part := rankOf(p.q, int64(len(v)))
	k := int(rank)
	a = quickSelect(v, k)
	b = a
	if part > 0 {
		b = math.MaxInt64
		for _, x := range v[k+1:] {
			b = min(b, x)
		}
	}
	return a, b, part, true
}

// quickSelect moves the k-th least value to v[k], lesser ones before it and
// greater ones after it, and returns it. Hoare's algorithm with the median of
// three as pivot.
func quickSelect(v []int64, k int) int64 {
	lo, hi := 0, len(v)-1
	for hi > lo {
		mid := lo + (hi-lo)/2
		a, b, c := v[lo], v[mid], v[hi]
		pivot := max(min(a, b), min(max(a, b), c))
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return v[k]
		}
	}
	return v[k]
}

// between returns the value a part of the way between two, given as order keys.
func between(k dtype.Kind, a, b int64, part float64) float64 {
	x, y := fromKey(k, a), fromKey(k, b)
	switch {
	case a == b:
		return x
	case part != 0.5 && math.Abs(y-x) <= math.MaxFloat64:
		return x + (y-x)*part
	case part != 0.5:
		return x*(1-part) + y*part
	case math.Abs(x) > math.MaxFloat64/2 || math.Abs(y) > math.MaxFloat64/2:
		return x/2 + y/2
	}
	if k.IsInt() && (math.Abs(x) >= 1<<52 || math.Abs(y) >= 1<<52) {
		return wideMiddle(k, a, b)
	}
	return (x + y) / 2
}

// wideMiddle is the middle of two large integers, rounded once.
func wideMiddle(k dtype.Kind, a, b int64) float64 {
	whole := func(o int64) *big.Int {
		if k == dtype.Uint64 {
			return new(big.Int).SetUint64(uint64(o) ^ 1<<63)
		}
		return big.NewInt(o)
	}
	f, _ := new(big.Float).SetInt(whole(a).Add(whole(a), whole(b))).Float64()
	return f / 2
}

func fromKey(k dtype.Kind, o int64) float64 {
	switch k {
	case dtype.Uint64:
		return float64(uint64(o) ^ 1<<63)
	case dtype.Float32, dtype.Float64:
		return math.Float64frombits(uint64(o ^ int64(uint64(o>>63)>>1)))
	}
	return float64(o)
}

// distinctPart counts the distinct valid values of its groups: a coder numbers
// values, and a table the pairs of group and value. It is never packed.
type distinctPart struct {
	rowPart
	arg           int
	col           *column
	pairs         words
	codes         []uint32
	pair          []uint64
	seen          int // pairs counted
	got           int // pairs of the lap
	gid           []uint32
	off           bool   // values are counted in passes
	slice, slices uint64 // only values whose hash falls into this slice are counted
	hash          *rowHasher
	mask          []uint64
}

func (p *distinctPart) room(l *lap) bool {
	if p.off {
		p.got = 0
		return true
	}
	v := &l.args[p.arg]
	if p.codes == nil {
		p.codes, p.pair, p.gid = make([]uint32, lapRows+1), make([]uint64, lapRows), make([]uint32, lapRows)
	}
	if p.slices > 1 {
		v = p.masked(v, l.n)
	}
	if !p.col.code(v, l.n, p.codes) {
		return false
	}
	k := 0
	null := p.col.null()
	for i, c := range p.codes[:l.n] {
		if c+1 == null {
			continue
		}
		p.pair[k], p.gid[k] = uint64(l.gid[i])<<32|uint64(c), l.gid[i]
		k++
	}
	p.got = k
	return codeWords(&p.pairs, p.pair[:k], p.codes)
}

// masked returns v with only the values of the slice, the others as nulls.
func (p *distinctPart) masked(v *chunk.Vec, n int) *chunk.Vec {
	if v.Type.Kind == dtype.Null {
		return v
	}
	if p.hash == nil {
		p.hash, p.mask = newRowHasher([]dtype.Type{p.col.t}), make([]uint64, chunk.Words(lapRows))
	}
	mask := p.mask[:chunk.Words(n)]
	clear(mask)
	for i, h := range p.hash.rows([]chunk.Vec{*v}, n) {
		if h>>20%p.slices == p.slice && !v.IsNull(i) {
			mask[i>>6] |= 1 << (uint(i) & 63)
		}
	}
	w := *v
	w.Valid = mask
	return &w
}

func (p *distinctPart) update(*lap) {
	b, s := p.base()
	for i, c := range p.codes[:p.got] {
		if int(c) == p.seen { // numbers are given in order: this pair is new
			p.seen++
			*int64At(b, s, p.gid[i], 0)++
		}
	}
}

func (p *distinctPart) merge([]uint32, []byte, []int32, int) error { return errCorrupt }

func (p *distinctPart) reset() { p.forget(); p.off, p.slices = false, 0 }
func (p *distinctPart) free()  { p.reset(); p.col.free(); p.pairs.free() }

// forget drops the values but keeps the counts: the next slice of values is
// counted on top.
func (p *distinctPart) forget() { p.col.reset(); p.pairs.reset(); p.seen = 0 }
