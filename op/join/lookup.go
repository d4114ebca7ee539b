package join

import (
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A prober looks probe rows up in a table: per row it gives the id of the first
// matching build row, or none. One thread uses it.
type prober struct {
	t       *table
	cols    []int // key columns of the probe batches
	keys    *keyReader
	heads   []uint32
	packed  []uint64
	low     []uint32
	pos     []uint32
	norm    [][2]uint64
	miss    []uint32
	pending [lapRows]uint32
	like    [lapRows]uint32
	ents    [lapRows]uint64
	wides   [lapRows][2]uint64
	memo    map[uint64][]uint32 // dictionary → head of every entry
	offer   dictOffer
	filter  sieve
}

func newProber(t *table, cols []int) *prober {
	return &prober{t: t, cols: cols, keys: newKeyReader(cols), memo: map[uint64][]uint32{}}
}

// lookup returns the heads of all rows of m, scratch until the next call.
func (p *prober) lookup(m *chunk.Batch) []uint32 {
	p.heads = room(p.heads, m.N)
	p.miss = p.miss[:0]
	if p.t.layout == empty {
		fill(p.heads, none)
		return p.heads
	}
	if v := &m.Cols[p.cols[0]]; len(p.cols) == 1 && v.Dict != nil && p.offer.worth(v) {
		heads := p.dictHeads(v.Dict)
		for i, c := range chunk.Values[uint32](v) {
			p.heads[i] = heads[c]
		}
	} else {
		p.find(m)
	}
	for _, i := range p.miss {
		p.heads[i] = none
	}
	if valid := p.keys.validity(m); valid != nil {
		dropNulls(p.heads, valid)
	}
	return p.heads
}

// dropNulls sets the heads of the rows whose bit is clear to none.
func dropNulls(heads []uint32, valid []uint64) {
	for w, v := range valid[:chunk.Words(len(heads))] {
		for v = ^v; v != 0; v &= v - 1 {
			if i := w<<6 + bits.TrailingZeros64(v); i < len(heads) {
				heads[i] = none
			}
		}
	}
}

// dictHeads looks every entry of a dictionary up, once.
func (p *prober) dictHeads(d *chunk.Dict) []uint32 {
	h, ok := p.memo[d.ID]
	if ok {
		return h
	}
	if len(p.memo) >= maxDicts {
		clear(p.memo)
	}
	q := newProber(p.t, []int{0})
	h = q.lookup(&chunk.Batch{Cols: []chunk.Vec{d.Values}, N: d.Values.N})
	p.memo[d.ID] = h
	return h
}

// find fills heads for rows without nulls; p.miss gets rows whose head must be
// none.
func (p *prober) find(m *chunk.Batch) {
	t := p.t
	v := &m.Cols[p.cols[0]]
	switch {
	case t.layout == direct && t.raw:
		directNarrow(chunk.Values[uint32](v), uint32(t.fields[0].min), t.ids, p.heads)
	case t.layout == direct && t.keys == 1 && (v.Type.Kind == dtype.Int64 || v.Type.Kind == dtype.Uint64 || v.Type.Kind == dtype.Timestamp || v.Type.Kind == dtype.Time || v.Type.Kind == dtype.Duration):
		directWide(chunk.Values[uint64](v), t.fields[0].min, t.ids, p.heads)
	case t.layout == tagged && t.norm != nil:
		p.norm, p.keys.h = room(p.norm, m.N), room(p.keys.h, m.N)
		textKeys(v, 0, p.norm)
		kernel.Hash128(p.norm, p.keys.h)
		p.place(p.keys.h)
		p.findShort()
	case t.layout == tagged:
		p.place(t.slotHashes(p.keys, m, nil))
		p.findTagged(m)
	case t.layout == narrow && t.raw:
		p.place(t.slotHashes(p.keys, m, nil))
		p.findNarrow(chunk.Values[uint32](v))
	default:
		p.packed = room(p.packed, m.N)
		p.miss = p.keys.pack(m, t.fields, p.packed, p.miss)
		if t.layout == direct {
			directWide(p.packed, 0, t.ids, p.heads)
			return
		}
		p.place(t.slotHashes(p.keys, m, p.packed))
		if t.layout == wide {
			p.findWide()
			return
		}
		p.low = room(p.low, m.N)
		for i, k := range p.packed {
			p.low[i] = uint32(k)
		}
		p.findNarrow(p.low)
	}
}

// directNarrow looks 4-byte keys up. The last id is none: keys outside the domain
// are clamped there, without a branch.
func directNarrow(keys []uint32, lo uint32, ids, heads []uint32) {
	last := uint32(len(ids) - 1)
	heads = heads[:len(keys)]
	for i, k := range keys {
		heads[i] = ids[min(k-lo, last)]
	}
}

func directWide(keys []uint64, lo uint64, ids, heads []uint32) {
	last := uint64(len(ids) - 1)
	heads = heads[:len(keys)]
	for i, k := range keys {
		heads[i] = ids[min(k-lo, last)]
	}
}

// place computes the first slot of every row from its hash.
func (p *prober) place(h []uint64) {
	t := p.t
	p.pos = room(p.pos, len(h))
	pos := p.pos[:len(h)]
	if t.single {
		span := t.span[0]
		for i, x := range h {
			pos[i] = slotOf(x, span)
		}
		return
	}
	for i, x := range h {
		r := x >> 58 & 63
		pos[i] = t.base[r] + slotOf(x, t.span[r])
	}
}

// lapRows is how many rows are looked up at a time: the slots they touch stay in
// the first-level cache.
const lapRows = 512

// findNarrow loads the first slot of every row, then looks at them without a
// branch, so that the loads of many rows overlap and unpredictable misses cost
// nothing; rows that met another key go on together, slot by slot.
func (p *prober) findNarrow(keys []uint32) {
	if p.filter.on(p.t) {
		p.sieveNarrow(keys)
		return
	}
	for lo := 0; lo < len(keys); lo += lapRows {
		hi := min(len(keys), lo+lapRows)
		p.lapNarrow(keys[lo:hi], p.pos[lo:hi], p.heads[lo:hi])
	}
	p.filter.count(p.heads)
}

func (p *prober) lapNarrow(keys, pos, heads []uint32) {
	slots, ents, pending := p.t.slots, &p.ents, &p.pending
	kernel.Gather(ents[:len(keys)], slots, pos)
	n := 0
	for i, k := range keys {
		e := ents[i&(lapRows-1)]
		id, other := uint32(e), differ(uint32(e>>32), k)
		heads[i] = id | uint32(-other)
		pending[n&(lapRows-1)] = uint32(i)
		n += other & notNone(id)
	}
	for n > 0 {
		m := 0
		for _, i := range pending[:n] {
			pos[i]++
			e := slots[pos[i]]
			id, other := uint32(e), differ(uint32(e>>32), keys[i])
			heads[i] = id | uint32(-other)
			pending[m] = i
			m += other & notNone(id)
		}
		n = m
	}
}

// differ is 1 when a and b differ and 0 when they are equal.
func differ(a, b uint32) int { return int((uint64(a^b) + 1<<32 - 1) >> 32) }

// notNone is 1 for a row and 0 for none.
func notNone(id uint32) int { return int((uint64(id)+1)>>32 ^ 1) }

// chaseNarrow looks a key up from slot at on.
func chaseNarrow(slots []uint64, at, key uint32) uint32 {
	for ; ; at++ {
		if e := slots[at]; uint32(e>>32) == key || uint32(e) == none {
			return uint32(e) | uint32(-differ(uint32(e>>32), key))
		}
	}
}

// findWide is findNarrow for keys of 64 bits.
func (p *prober) findWide() {
	if p.filter.on(p.t) {
		p.sieveWide()
		return
	}
	for lo := 0; lo < len(p.packed); lo += lapRows {
		hi := min(len(p.packed), lo+lapRows)
		p.lapWide(p.packed[lo:hi], p.pos[lo:hi], p.heads[lo:hi])
	}
	p.filter.count(p.heads)
}

func (p *prober) lapWide(keys []uint64, pos, heads []uint32) {
	slots, ents, pending := p.t.wides, &p.wides, &p.pending
	kernel.Gather(ents[:len(keys)], slots, pos)
	n := 0
	for i, k := range keys {
		e := &ents[i&(lapRows-1)]
		id, other := uint32(e[1]), differWide(e[0], k)
		heads[i] = id | uint32(-other)
		pending[n&(lapRows-1)] = uint32(i)
		n += other & notNone(id)
	}
	for n > 0 {
		m := 0
		for _, i := range pending[:n] {
			pos[i]++
			e := &slots[pos[i]]
			id, other := uint32(e[1]), differWide(e[0], keys[i])
			heads[i] = id | uint32(-other)
			pending[m] = i
			m += other & notNone(id)
		}
		n = m
	}
}

// differWide is differ for 64 bits.
func differWide(a, b uint64) int {
	x := a ^ b
	return int((x | -x) >> 63)
}

func chaseWide(slots [][2]uint64, at uint32, key uint64) uint32 {
	for ; ; at++ {
		if e := &slots[at]; uint32(e[1]) == none || e[0] == key {
			return uint32(e[1])
		}
	}
}

// findShort is findNarrow for short texts: where tags agree the 16-byte forms are
// compared.
func (p *prober) findShort() {
	h := p.keys.h[:len(p.norm)]
	if p.filter.on(p.t) {
		passed := 0
		for i, x := range h {
			p.heads[i] = none
			if p.filter.bloom.maybe(uint32(x)) {
				passed++
				p.heads[i] = p.t.chase(p.pos[i], uint32(x), func(id uint32) bool { return *p.t.normOf(id) == p.norm[i] })
			}
		}
		p.filter.saw(len(h), passed)
		return
	}
	for lo := 0; lo < len(h); lo += lapRows {
		hi := min(len(h), lo+lapRows)
		p.lapShort(h[lo:hi], p.norm[lo:hi], p.pos[lo:hi], p.heads[lo:hi])
	}
	p.filter.count(p.heads)
}

// normOf returns the 16-byte form of a build row's key.
func (t *table) normOf(id uint32) *[2]uint64 {
	shift := t.rows.shift & 31
	return &t.norm[id>>shift][id&(1<<shift-1)]
}

func (p *prober) lapShort(h []uint64, norm [][2]uint64, pos, heads []uint32) {
	slots, ents, pending, like := p.t.slots, &p.ents, &p.pending, &p.like
	kernel.Gather(ents[:len(h)], slots, pos)
	m, c := 0, 0
	for i, x := range h {
		e := ents[i&(lapRows-1)]
		id, other := uint32(e), differ(uint32(e>>32), uint32(x))
		heads[i] = id | uint32(-other)
		live := notNone(id)
		like[c&(lapRows-1)] = uint32(i)
		c += (other ^ 1) & live
		pending[m&(lapRows-1)] = uint32(i)
		m += other & live
	}
	for m = p.confirm(c, m, norm, heads); m > 0; m = p.confirm(c, m, norm, heads) {
		n := m
		m, c = 0, 0
		for _, i := range pending[:n] {
			pos[i]++
			e := slots[pos[i]]
			id, other := uint32(e), differ(uint32(e>>32), uint32(h[i]))
			heads[i] = id | uint32(-other)
			live := notNone(id)
			like[c&(lapRows-1)] = i
			c += (other ^ 1) & live
			pending[m] = i
			m += other & live
		}
	}
}

// confirm compares the keys of the first c rows of like, whose tags agree, and adds
// those that differ to the m rows of pending.
func (p *prober) confirm(c, m int, norm [][2]uint64, heads []uint32) int {
	if all := p.t.norm; len(all) == 1 {
		for _, i := range p.like[:c] {
			if k, x := &all[0][heads[i]], &norm[i]; k[0]^x[0]|k[1]^x[1] != 0 {
				heads[i] = none
				p.pending[m] = i
				m++
			}
		}
		return m
	}
	for _, i := range p.like[:c] {
		if *p.t.normOf(heads[i]) != norm[i] {
			heads[i] = none
			p.pending[m] = i
			m++
		}
	}
	return m
}

// findTagged compares the key columns where tags agree.
func (p *prober) findTagged(m *chunk.Batch) {
	t, h := p.t, p.keys.h[:m.N]
	use := p.filter.on(t)
	passed, hits := 0, 0
	for i, x := range h {
		p.heads[i] = none
		if use && !p.filter.bloom.maybe(uint32(x)) {
			continue
		}
		passed++
		p.heads[i] = t.chase(p.pos[i], uint32(x), func(id uint32) bool { return t.equals(m, p.cols, i, id) })
		hits += notNone(p.heads[i])
	}
	if use {
		hits = passed
	}
	p.filter.saw(m.N, hits)
}

// chase looks a tag up from slot at on and asks same about rows that have it.
func (t *table) chase(at, tag uint32, same func(id uint32) bool) uint32 {
	for ; ; at++ {
		e := t.slots[at]
		if uint32(e) == none || uint32(e>>32) == tag && same(uint32(e)) {
			return uint32(e)
		}
	}
}

// sieveNarrow is findNarrow behind the filter.
func (p *prober) sieveNarrow(keys []uint32) {
	f, passed := p.filter.bloom, 0
	for i, k := range keys {
		if !f.maybe(uint32(kernel.HashKey(uint64(k)))) {
			p.heads[i] = none
			continue
		}
		passed++
		p.heads[i] = chaseNarrow(p.t.slots, p.pos[i], k)
	}
	p.filter.saw(len(keys), passed)
}

// sieveWide is findWide behind the filter.
func (p *prober) sieveWide() {
	f, passed := p.filter.bloom, 0
	for i, k := range p.packed {
		if !f.maybe(uint32(kernel.HashKey(k))) {
			p.heads[i] = none
			continue
		}
		passed++
		p.heads[i] = chaseWide(p.t.wides, p.pos[i], k)
	}
	p.filter.saw(len(p.packed), passed)
}
