package group

import (
	"context"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/quantile"
	"github.com/weft-data/weft/internal/radix"
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

	moved  []uint32    // being joined with another: the groups that these are there, as far as they are known
	sorted buf[uint64] // values by group, once finished: keys that order as unsigned words
	ends   buf[uint32]
	done   bool
}

func (p *medianPart) room(l *lap) bool {
	if p.off {
		return true
	}
	return p.roomFor(l.n)
}

// roomFor makes room for n more values, and to finish.
func (p *medianPart) roomFor(n int) bool {
	n += p.n
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

func (p *medianPart) reset() {
	p.n, p.done, p.off, p.picked, p.counts, p.moved = 0, false, false, nil, nil, nil
}

func (p *medianPart) free() {
	p.gids.free(p.t.mem)
	p.vals.free(p.t.mem)
	p.sorted.free(p.t.mem)
	p.ends.free(p.t.mem)
	p.reset()
}

// order moves the values of every group together: a counting sort by group. False means that memory was refused.
func (p *medianPart) order(ctx context.Context) (ok bool, err error) {
	if p.done || p.off {
		return true, nil
	}
	if !p.ends.grow(p.t.mem, 0, p.t.made+1) || !p.sorted.grow(p.t.mem, 0, p.n) {
		return false, nil
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
	for lo := 0; lo < p.n; lo += stretch {
		if err := ctx.Err(); err != nil {
			return true, err
		}
		vals := p.vals.s[lo:min(lo+stretch, p.n)]
		for i, g := range p.gids.s[lo:min(lo+stretch, p.n)] {
			p.sorted.s[st[g]] = uint64(vals[i]) ^ 1<<63
			st[g]++
		}
	}
	p.done = true // st[g] is now where group g ends
	return true, nil
}

// stretch is how many values of a group are moved between two looks at whether the task goes on: a millisecond or two.
const stretch = 1 << 17

// middle returns the two values of group g between which the quantile is, the same
// one twice when it is one of them, and how far it is from the first.
func (p *medianPart) middle(ctx context.Context, g uint32) (a, b int64, part float64, ok bool, err error) {
	if p.off {
		_, part = quantile.RankOf(p.q, p.counts[g])
		return p.picked[g][0], p.picked[g][1], part, p.counts[g] > 0, nil
	}
	lo := uint32(0)
	if g > 0 {
		lo = p.ends.s[g-1]
	}
	v := p.sorted.s[lo:p.ends.s[g]]
	if len(v) == 0 {
		return 0, 0, 0, false, nil
	}
	rank, part := quantile.RankOf(p.q, int64(len(v)))
	k := int(rank)
	if err := radix.Nth(ctx, v, k); err != nil {
		return 0, 0, 0, false, err
	}
	next := v[k]
	if part > 0 {
		next = slices.Min(v[k+1:])
	}
	return int64(v[k] ^ 1<<63), int64(next ^ 1<<63), part, true, nil
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
