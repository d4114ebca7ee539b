package join

import (
	"github.com/weft-data/weft/chunk"
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
	x.left = room(x.left, max(m.N, maxRows))
	n := 0
	switch x.kind {
	case Semi:
		n = selectRows(x.left, heads, here, 0)
	case Anti:
		n = selectRows(x.left, heads, here, 1)
	default:
		return x.pairs(m, heads, here, out)
	}
	return x.push(m, x.left[:n], nil, out)
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

// selectRows lists the rows of here whose head is a row (miss = 0) or none
// (miss = 1).
func selectRows(left, heads []uint32, here []uint64, miss int) (n int) {
	if here == nil {
		for i, id := range heads {
			left[n] = uint32(i)
			n += notNone(id) ^ miss
		}
		return n
	}
	for i, id := range heads {
		left[n] = uint32(i)
		n += (notNone(id) ^ miss) & int(here[i>>6]>>(uint(i)&63)&1)
	}
	return n
}

// pairs emits the matches of an inner or left join.
func (x *matcher) pairs(m *chunk.Batch, heads []uint32, here []uint64, out op.Sink) error {
	x.ids = room(x.ids, max(m.N, maxRows))
	if x.t.dups {
		return x.expand(m, heads, here, out)
	}
	if x.kind == Left && here == nil {
		if x.noCols {
			heads = nil
		}
		return x.emit.emit(m, nil, heads, out)
	}
	n := 0
	outer := 0
	if x.kind == Left {
		outer = 1
	}
	left, ids := x.left, x.ids
	for i, id := range heads {
		left[n], ids[n] = uint32(i), id
		in := 1
		if here != nil {
			in = int(here[i>>6] >> (uint(i) & 63) & 1)
		}
		n += (notNone(id) | outer) & in
	}
	if n == m.N {
		if x.noCols {
			ids = nil
		}
		return x.emit.emit(m, nil, head(ids, n), out)
	}
	return x.push(m, left[:n], ids[:n], out)
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
