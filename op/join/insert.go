package join

import (
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// ranges returns the least value and the span of every key column; false when a
// column has no packed form.
func (t *table) ranges() ([]field, bool) {
	fields := make([]field, t.keys)
	for c := range fields {
		kind := t.schema[c].Type.Kind
		if kind.IsVar() || kind == dtype.Decimal128 {
			return nil, false
		}
		lo, hi := uint64(math.MaxUint64), uint64(0)
		flip, _ := flipOf(kind) // floats in the order of their bits
		var words []uint64
		for _, s := range t.rows.segs {
			a, b := uint64(0), uint64(0)
			if a, b, words = span(&s.Cols[c], words); s.N > 0 {
				lo, hi = min(lo, a^flip), max(hi, b^flip)
			}
		}
		fields[c] = field{min: lo ^ flip, span: hi - lo}
	}
	return fields, true
}

// span returns the least and greatest canonical word of v, in the order of v's
// type; of floats in the order of their bits.
func span(v *chunk.Vec, words []uint64) (lo, hi uint64, scratch []uint64) {
	switch v.Type.Kind {
	case dtype.Bool:
		return 0, 1, words
	case dtype.Int8:
		return rangeOf[int8](v, words)
	case dtype.Int16:
		return rangeOf[int16](v, words)
	case dtype.Int32, dtype.Date:
		return rangeOf[int32](v, words)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return rangeOf[int64](v, words)
	case dtype.Uint8:
		return rangeOf[uint8](v, words)
	case dtype.Uint16:
		return rangeOf[uint16](v, words)
	case dtype.Uint32:
		return rangeOf[uint32](v, words)
	case dtype.Uint64:
		return rangeOf[uint64](v, words)
	}
	words = room(words, v.N)
	canonical(v, words)
	r := kernel.MinMax(words, nil)
	return r.Min, r.Max, words
}

func rangeOf[T kernel.Integer](v *chunk.Vec, words []uint64) (lo, hi uint64, scratch []uint64) {
	r := kernel.MinMax(chunk.Slice[T](v.Data, v.N), nil)
	return uint64(r.Min), uint64(r.Max), words
}

// shortText reports whether the key is one text column without long values.
func (t *table) shortText() bool {
	if t.keys != 1 || !t.schema[0].Type.Kind.IsVar() {
		return false
	}
	for _, s := range t.rows.segs {
		off, _, codes := textOf(&s.Cols[0])
		n := s.N
		if codes != nil {
			n = s.Cols[0].Dict.Values.N
		}
		for i := range n {
			if off[i+1]-off[i] > 15 {
				return false
			}
		}
	}
	return true
}

// normalise writes the key of every row's text.
func (t *table) normalise() error {
	all := take[[16]byte](t, int(t.rows.n))
	if all == nil {
		return mem.ErrBudget
	}
	keys := words128(all)
	for _, s := range t.rows.segs {
		textKeys(&s.Cols[0], 0, keys[:s.N])
		t.norm = append(t.norm, keys[:s.N:s.N])
		keys = keys[s.N:]
	}
	return nil
}

// insertRows is how many rows are hashed at a time.
const insertRows = 2048

// An inserter fills one region. It goes through the rows backwards: the row
// inserted last, the first in build order, becomes the head of its chain.
type inserter struct {
	t       *table
	region  int
	keys    *keyReader
	packed  []uint64
	pos     [insertRows]uint32
	nextBuf []byte
	dups    bool

	touch     [lapRows]uint64
	touchWide [lapRows][2]uint64
}

func (ins *inserter) run() error {
	t := ins.t
	lo, hi := t.segments(ins.region)
	for s := hi - 1; s >= lo; s-- {
		seg := t.rows.segs[s]
		for at := (seg.N - 1) &^ (insertRows - 1); at >= 0; at -= insertRows {
			if err := ins.rows(s, at, seg.Slice(at, min(seg.N, at+insertRows))); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows inserts the rows of m, which start at row at of segment s.
func (ins *inserter) rows(s, at int, m *chunk.Batch) error {
	t := ins.t
	id0 := uint32(s)<<t.rows.shift + uint32(at)
	if t.layout != tagged {
		ins.packed = room(ins.packed, m.N)
		ins.keys.pack(m, t.fields, ins.packed, nil)
	}
	if t.layout == direct {
		return ins.direct(id0, ins.packed)
	}
	h := t.slotHashes(ins.keys, m, ins.packed)
	base, span := t.base[ins.region], t.span[ins.region]
	for i, x := range h {
		ins.pos[i] = base + slotOf(x, span)
	}
	for hi := m.N; hi > 0; hi = (hi - 1) &^ (lapRows - 1) {
		if err := ins.lap((hi-1)&^(lapRows-1), hi, id0, h); err != nil {
			return err
		}
	}
	return nil
}

// lap inserts rows [lo, hi) of a batch, backwards. Loading their slots first
// lets these loads overlap.
func (ins *inserter) lap(lo, hi int, id0 uint32, h []uint64) (err error) {
	t := ins.t
	if t.layout == wide {
		kernel.Gather(ins.touchWide[:hi-lo], t.wides, ins.pos[lo:hi])
	} else {
		kernel.Gather(ins.touch[:hi-lo], t.slots, ins.pos[lo:hi])
	}
	end := t.base[ins.region] + t.size[ins.region] - 1 // the last slot stays empty
	for i := hi - 1; i >= lo && err == nil; i-- {
		switch p, id := ins.pos[i], id0+uint32(i); t.layout {
		case narrow:
			key := ins.packed[i]
			if t.raw {
				key += t.fields[0].min
			}
			err = ins.narrow(p, end, uint32(key), id)
		case wide:
			err = ins.wide(p, end, ins.packed[i], id)
		default:
			err = ins.tagged(p, end, h[i], id)
		}
	}
	return err
}

// slotHashes returns the hashes that place keys in slots. A single region may
// hash the packed key; regions by run must hash as the build side was divided.
func (t *table) slotHashes(k *keyReader, m *chunk.Batch, packed []uint64) []uint64 {
	if t.single && t.layout != tagged && t.keys > 1 {
		k.h = room(k.h, m.N)
		kernel.Hash64(packed, k.h)
		return k.h
	}
	return k.hashes(m)
}

func (ins *inserter) direct(id0 uint32, keys []uint64) error {
	ids := ins.t.ids
	for i := len(keys) - 1; i >= 0; i-- {
		id := id0 + uint32(i)
		old := ids[keys[i]]
		ids[keys[i]] = id
		if old != none {
			if err := ins.link(id, old); err != nil {
				return err
			}
		}
	}
	return nil
}

func (ins *inserter) narrow(p, end uint32, key, id uint32) error {
	slots := ins.t.slots
	for ; p < end; p++ {
		switch e := slots[p]; {
		case uint32(e) == none:
			slots[p] = uint64(key)<<32 | uint64(id)
			return nil
		case uint32(e>>32) == key:
			slots[p] = uint64(key)<<32 | uint64(id)
			return ins.link(id, uint32(e))
		}
	}
	return errFull
}

func (ins *inserter) wide(p, end uint32, key uint64, id uint32) error {
	slots := ins.t.wides
	for ; p < end; p++ {
		switch e := &slots[p]; {
		case uint32(e[1]) == none:
			e[0], e[1] = key, uint64(id)
			return nil
		case e[0] == key:
			old := uint32(e[1])
			e[1] = uint64(id)
			return ins.link(id, old)
		}
	}
	return errFull
}

func (ins *inserter) tagged(p, end uint32, h uint64, id uint32) error {
	slots := ins.t.slots
	for ; p < end; p++ {
		e := slots[p]
		if uint32(e) == none {
			slots[p] = h<<32 | uint64(id)
			return nil
		}
		if uint32(e>>32) == uint32(h) && ins.t.same(uint32(e), id) {
			slots[p] = h<<32 | uint64(id)
			return ins.link(id, uint32(e))
		}
	}
	return errFull
}

// link makes old the successor of id. The first time in a region it makes the
// chains of all its rows.
func (ins *inserter) link(id, old uint32) error {
	t := ins.t
	if !t.chain {
		return nil
	}
	if !ins.dups {
		if err := ins.makeChains(); err != nil {
			return err
		}
	}
	t.next[id>>t.rows.shift][id&(1<<t.rows.shift-1)] = old
	return nil
}

func (ins *inserter) makeChains() error {
	t := ins.t
	lo, hi := t.segments(ins.region)
	n := 0
	for _, s := range t.rows.segs[lo:hi] {
		n += s.N
	}
	if ins.nextBuf = t.alloc.Alloc(n * 4); ins.nextBuf == nil {
		return mem.ErrBudget
	}
	next := chunk.Slice[uint32](ins.nextBuf, n)
	fill(next, none)
	for i := lo; i < hi; i++ {
		k := t.rows.segs[i].N
		t.next[i], next = next[:k:k], next[k:]
	}
	ins.dups = true
	return nil
}

// follow returns the row after id in its chain, or none.
func (t *table) follow(id uint32) uint32 {
	next := t.next[id>>(t.rows.shift&31)]
	if next == nil {
		return none
	}
	return next[id&(1<<(t.rows.shift&31)-1)]
}
