package join

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// A matcher joins probe batches with one table and emits what the kind of the
// join gives. One thread uses it.
type matcher struct {
	kind   Kind
	t      *table
	probe  *prober
	emit   *emitter
	left   []uint32
	ids    []uint32
	mask   []uint64
	noCols bool // no build column is wanted
	walk   walk
	within within
	lone   *loner // of a full join: rows without a match
}

func newMatcher(p *probing, t *table) *matcher {
	x := &matcher{kind: p.p.Kind, t: t, probe: newProber(t, p.keys), noCols: true}
	for _, c := range p.cols {
		x.noCols = x.noCols && !c.build
	}
	x.emit = newEmitter(p.cols, t, p.p.Kind == Left)
	if x.kind == Full {
		x.lone = newLoner(p.lone, x.emit.places)
	}
	return x
}

// match joins the rows of m that are set in here; nil means all.
func (x *matcher) match(m *chunk.Batch, here []uint64, out op.Sink) error {
	heads := x.probe.lookup(m)
	x.left = room(x.left, max(m.N, maxRows)+64) // kernels write a little more than they give
	switch {
	case x.kind == Semi:
		return x.chosen(m, heads, here, kernel.Ne, nil, out)
	case x.kind == Anti:
		return x.chosen(m, heads, here, kernel.Eq, nil, out)
	case x.kind == Full:
		x.t.meet(heads)
		if err := x.partnerless(m, heads, here, out); err != nil {
			return err
		}
	}
	return x.pairs(m, heads, here, out)
}

// partnerless emits the rows of here that have no match.
func (x *matcher) partnerless(m *chunk.Batch, heads []uint32, here []uint64, out op.Sink) error {
	x.mask = room(x.mask, chunk.Words(m.N))
	kernel.CmpConst(kernel.Eq, heads, none, x.mask)
	if here != nil {
		kernel.And(x.mask, x.mask, here)
	}
	return x.lone.masked(m, x.mask, kernel.PopCount(x.mask, m.N), out)
}

// pairs emits the rows of here with their partners, and in a left join those without.
func (x *matcher) pairs(m *chunk.Batch, heads []uint32, here []uint64, out op.Sink) error {
	x.ids = room(x.ids, max(m.N, maxRows)+64)
	switch {
	case x.t.shelf != nil && x.kind == Inner:
		return x.expandWithin(m, heads, here, out)
	case x.t.dups:
		return x.expand(m, heads, here, out)
	case x.kind != Left && x.noCols:
		return x.chosen(m, heads, here, kernel.Ne, nil, out)
	case x.kind != Left:
		return x.chosen(m, heads, here, kernel.Ne, heads, out)
	}
	if x.noCols {
		heads = nil
	}
	if here == nil {
		return x.emit.emit(m, nil, heads, out)
	}
	return x.compress(m, here, heads, out)
}

// chosen emits the rows of here whose head is (Ne) or is not (Eq) a row, with
// their heads if ids are wanted.
func (x *matcher) chosen(m *chunk.Batch, heads []uint32, here []uint64, cmp kernel.CmpOp, ids []uint32, out op.Sink) error {
	x.mask = room(x.mask, chunk.Words(m.N))
	kernel.CmpConst(cmp, heads, none, x.mask)
	if here != nil {
		kernel.And(x.mask, x.mask, here)
	}
	return x.compress(m, x.mask, ids, out)
}

// compress emits the rows of mask, with their ids if there are any.
func (x *matcher) compress(m *chunk.Batch, mask []uint64, ids []uint32, out op.Sink) error {
	n := kernel.PopCount(mask, m.N)
	if n == m.N {
		return x.emit.emit(m, nil, ids, out)
	}
	if ids != nil {
		kernel.Compress(x.ids, ids, mask)
		ids = x.ids[:n]
	}
	return x.emit.masked(m, mask, n, ids, out)
}

// push emits rows, in place when they are all rows of m.
func (x *matcher) push(m *chunk.Batch, left, ids []uint32, out op.Sink) error {
	if len(left) == 0 {
		return nil
	}
	if x.noCols {
		ids = nil
	}
	return x.emit.emit(m, left, ids, out)
}

// expand follows the chains of rows with equal keys and emits a batch whenever
// it is full.
func (x *matcher) expand(m *chunk.Batch, heads []uint32, here []uint64, out op.Sink) error {
	n := 0
	far := x.t.rows.n >= farRows && !x.t.one
	for i, id := range heads {
		if far && i%lanes == 0 {
			x.walk.begin(x.t, heads[i:min(i+lanes, len(heads))])
		}
		if here != nil && here[i>>6]>>(uint(i)&63)&1 == 0 {
			continue
		}
		if id == none && x.kind == Left {
			x.left[n], x.ids[n] = uint32(i), none
			n++
		}
		if far {
			if n+depth > maxRows {
				if err := x.push(m, x.left[:n], x.ids[:n], out); err != nil {
					return err
				}
				n = 0
			}
			k := copy(x.ids[n:], x.walk.steps(i%lanes))
			fill(x.left[n:n+k], uint32(i))
			n, id = n+k, x.walk.next[i%lanes]
		}
		if x.t.one && id != none {
			var err error
			if n, err = x.pairAll(m, uint32(i), n, out); err != nil {
				return err
			}
			continue
		}
		for {
			if n >= maxRows {
				if err := x.push(m, x.left[:n], x.ids[:n], out); err != nil {
					return err
				}
				n = 0
			}
			if id == none {
				break
			}
			x.left[n], x.ids[n] = uint32(i), id
			n++
			id = x.t.follow(id)
		}
	}
	return x.push(m, x.left[:n], x.ids[:n], out)
}

// pairAll adds to the n pairs gathered those of row i of m with all rows of the table, which are
// one chain: no row is asked for the next one. Where it leads from a row of a segment is the id of
// the row after it, so what the chain holds is what is wanted.
func (x *matcher) pairAll(m *chunk.Batch, i uint32, n int, out op.Sink) (int, error) {
	for s, seg := range x.t.rows.segs {
		for lo := 0; lo < seg.N; {
			if n >= maxRows {
				if err := x.push(m, x.left[:n], x.ids[:n], out); err != nil {
					return 0, err
				}
				n = 0
			}
			k := min(maxRows-n, seg.N-lo)
			ids := x.ids[n : n+k]
			if lo == 0 {
				ids[0] = uint32(s) << x.t.rows.shift
				copy(ids[1:], x.t.next[s])
			} else {
				copy(ids, x.t.next[s][lo-1:])
			}
			fill(x.left[n:n+k], i)
			n, lo = n+k, lo+k
		}
	}
	return n, nil
}

// A walk takes the first steps of several chains side by side. Each step of a chain
// waits for the one before it, and where the chains of a table do not fit the cache
// that is for memory: so several are on their way at once.
type walk struct {
	ids  [lanes][depth]uint32
	n    [lanes]int
	next [lanes]uint32 // after those steps
}

// lanes and depth are how many chains are walked at once, and how far; farRows is from
// how many rows on that pays: the links of fewer are in the second-level cache.
const lanes, depth, farRows = 16, 16, 1 << 18

func (w *walk) begin(t *table, heads []uint32) {
	var on [lanes]uint8 // chains that go on
	k := 0
	for i, id := range heads {
		w.n[i], w.next[i] = 0, id
		if id != none {
			on[k] = uint8(i)
			k++
		}
	}
	for step := 0; step < depth && k > 0; step++ {
		more := 0
		for _, i := range on[:k] {
			id := w.next[i&(lanes-1)]
			w.ids[i&(lanes-1)][step] = id
			w.n[i&(lanes-1)] = step + 1
			id = t.follow(id)
			w.next[i&(lanes-1)] = id
			on[more] = i
			if id != none {
				more++
			}
		}
		k = more
	}
}

// steps are the rows that chain i has given.
func (w *walk) steps(i int) []uint32 { return w.ids[i][:w.n[i]] }
