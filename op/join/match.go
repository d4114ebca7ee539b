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
}

func newMatcher(p *probing, t *table) *matcher {
	x := &matcher{kind: p.p.Kind, t: t, probe: newProber(t, p.keys), noCols: true}
	for _, c := range p.cols {
		x.noCols = x.noCols && !c.build
	}
	x.emit = newEmitter(p.cols, t, p.p.Kind == Left)
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
	}
	x.ids = room(x.ids, max(m.N, maxRows)+64)
	switch {
	case x.t.dups:
		return x.expand(m, heads, here, out)
	case x.kind == Inner && x.noCols:
		return x.chosen(m, heads, here, kernel.Ne, nil, out)
	case x.kind == Inner:
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
	for i, id := range heads {
		if here != nil && here[i>>6]>>(uint(i)&63)&1 == 0 {
			continue
		}
		if id == none && x.kind == Left {
			x.left[n], x.ids[n] = uint32(i), none
			n++
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
