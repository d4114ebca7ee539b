package group

import (
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// topPart keeps the best rows of every group, packed, in a heap whose root is the
// worst of them. Its row is a topHead.
type topPart struct {
	rowPart
	pl       *plan
	arg      int
	n        int64
	smallest bool

	entries buf[topEntry]
	used    int
	waste   int
	bytes   arena
	order   []int64
	rows    []uint32 // candidates of a lap
	touched int64    // keeps the fetch of entries from being optimised away
}

type topEntry struct {
	key    int64 // greater is better
	hi, lo uint64
	at, n  int // of the packed row
	null   bool
}

// better reports whether a comes before b.
func (a *topEntry) better(b *topEntry) bool {
	switch {
	case a.null != b.null:
		return b.null
	case a.key != b.key:
		return a.key > b.key
	case a.hi != b.hi:
		return a.hi < b.hi
	}
	return a.lo < b.lo
}

func (p *topPart) reset() { p.used, p.waste, p.bytes.used, p.bytes.waste = 0, 0, 0, 0 }

func (p *topPart) free() {
	p.entries.free(p.t.mem)
	p.bytes.b.free(p.t.mem)
	p.reset()
}

func (p *topPart) room(l *lap) bool {
	n := p.pl.rowSize * l.n
	for a := range l.args {
		if p.pl.args[a].t.Kind.IsVar() {
			n += byteCount(&l.args[a], l.n) + 4*l.n
		}
	}
	return p.space(l.gid[:l.n], l.n, n)
}

// need makes room for n bytes of packed entries.
func (p *topPart) need(gid []uint32, n int) bool {
	return p.space(gid, n/(packedTop+p.pl.rowSize)+1, n)
}

// space makes room for new rows of groups, n bytes in all. A full region of
// entries moves to one of twice the size, perhaps more than once: all of its
// moves take less than four times the entries it ends with.
func (p *topPart) space(gid []uint32, rows, n int) bool {
	want := 4*rows + 64
	if p.n <= smallTop {
		want = int(p.n)*rows + 64
		gid = nil
	}
	for _, g := range gid { // count each group once: a negative cap marks it
		if h := p.head(g); h.cap > 0 && int64(h.cap) < p.n {
			want += 4 * int(h.cap)
			h.cap = -h.cap
		}
	}
	for _, g := range gid {
		if h := p.head(g); h.cap < 0 {
			h.cap = -h.cap
		}
	}
	if p.used+want > len(p.entries.s) && p.waste > p.used/2 && !p.squeezeEntries(want) {
		return false
	}
	if !p.entries.grow(p.t.mem, p.used, p.used+want) {
		return false
	}
	if p.bytes.used+n > len(p.bytes.b.s) && p.bytes.waste > p.bytes.used/2 {
		return p.squeezeBytes(n)
	}
	return p.bytes.b.grow(p.t.mem, p.bytes.used, p.bytes.used+n)
}

// A topHead is the state of a group: where its entries begin, how many there are,
// for how many there is room, and the key that a further row must reach: that of
// the worst entry when there are enough.
type topHead struct {
	at     int64
	n, cap int32
	bar    int64
}

// smallTop is the number of rows up to which a group gets room for all of them at
// once.
const smallTop = 8

// raise sets the bar of a full group.
func (p *topPart) raise(h *topHead) {
	if e := &p.entries.s[h.at]; int64(h.n) >= p.n && !e.null {
		h.bar = e.key
	}
}

func (p *topPart) start(row []byte) { putInt64(row[16:], math.MinInt64) }

func (p *topPart) head(g uint32) *topHead {
	b, s := p.base()
	return (*topHead)(unsafe.Pointer(int64At(b, s, g, 0)))
}

func (p *topPart) list(g uint32) []topEntry {
	h := p.head(g)
	return p.entries.s[h.at : h.at+int64(h.n)]
}

func (p *topPart) squeezeEntries(want int) bool {
	var next buf[topEntry]
	if !next.grow(p.t.mem, 0, p.used-p.waste+want) {
		return p.entries.grow(p.t.mem, p.used, p.used+want)
	}
	used := 0
	for g := range p.t.made {
		h := p.head(uint32(g))
		copy(next.s[used:], p.list(uint32(g)))
		h.at = int64(used)
		used += int(h.cap)
	}
	p.entries.free(p.t.mem)
	p.entries, p.used, p.waste = next, used, 0
	return true
}

func (p *topPart) squeezeBytes(n int) bool {
	var next buf[byte]
	if !next.grow(p.t.mem, 0, p.bytes.used-p.bytes.waste+n) {
		return p.bytes.b.grow(p.t.mem, p.bytes.used, p.bytes.used+n)
	}
	used := 0
	for g := range p.t.made {
		list := p.list(uint32(g))
		for i := range list {
			e := &list[i]
			copy(next.s[used:], p.bytes.b.s[e.at:e.at+e.n])
			e.at = used
			used += e.n
		}
	}
	p.bytes.b.free(p.t.mem)
	p.bytes = arena{b: next, used: used}
	return true
}

func (p *topPart) update(l *lap) {
	if p.order == nil {
		p.order = make([]int64, lapRows)
	}
	v := &l.args[p.arg]
	orderKeys(v, p.order[:l.n])
	k := p.order[:l.n]
	if p.smallest {
		for i, x := range k {
			k[i] = ^x
		}
	}
	if v.Type.Kind == dtype.Null || v.Valid != nil && !kernel.AllSet(v.Valid, l.n) {
		for i := range k {
			if v.IsNull(i) {
				k[i] = math.MinInt64 // below every bar
			}
		}
	}
	for _, i := range p.candidates(k, l.gid[:l.n]) {
		g := l.gid[i]
		if k[i] < p.head(g).bar { // raised since
			continue
		}
		e := topEntry{key: k[i], hi: l.hi[i], lo: l.lo[i], null: v.IsNull(int(i))}
		if p.loses(g, &e) {
			continue
		}
		e.at = p.bytes.used
		packed := p.pl.packRow(l, int(i), p.bytes.b.s[:p.bytes.used])
		e.n = len(packed) - e.at
		p.bytes.used = len(packed)
		p.insert(g, e)
	}
}

// many is the number of entries from which they do not fit the second-level cache.
const many = 1 << 17

// candidates returns the rows that reach the bars of their groups, and fetches the entries
// these must beat: in two loops with few instructions many misses are under way at once.
func (p *topPart) candidates(k []int64, gid []uint32) []uint32 {
	if p.rows == nil {
		p.rows = make([]uint32, lapRows)
	}
	base, stride := p.base()
	rows, n := p.rows[:len(gid)], 0
	k = k[:len(gid)]
	for i, g := range gid {
		rows[n] = uint32(i)
		reach := 0
		if k[i] >= *int64At(base, stride, g, 2) {
			reach = 1
		}
		n += reach
	}
	rows = rows[:n]
	if p.used > many {
		sum := int64(0)
		for _, i := range rows {
			sum += p.entries.s[p.head(gid[i]).at].key
		}
		p.touched = sum
	}
	return rows
}

// loses reports whether e is worse than the n rows already kept.
func (p *topPart) loses(g uint32, e *topEntry) bool {
	h := p.head(g)
	return int64(h.n) >= p.n && !e.better(&p.entries.s[h.at])
}

// insert adds e, in place of the worst if the group is full.
func (p *topPart) insert(g uint32, e topEntry) {
	h := p.head(g)
	if int64(h.n) >= p.n {
		list := p.list(g)
		p.bytes.waste += list[0].n
		list[0] = e
		sink(list, 0)
		p.raise(h)
		return
	}
	if h.n == h.cap {
		size := int32(min(max(2*int64(h.cap), 1), p.n))
		if p.n <= smallTop {
			size = int32(p.n)
		}
		copy(p.entries.s[p.used:], p.list(g))
		p.waste += int(h.cap)
		h.at, h.cap = int64(p.used), size
		p.used += int(size)
	}
	h.n++
	list := p.list(g)
	i := len(list) - 1
	for list[i] = e; i > 0; {
		up := (i - 1) / 2
		if !list[up].better(&list[i]) {
			break
		}
		list[i], list[up] = list[up], list[i]
		i = up
	}
	p.raise(h)
}

// sink restores the heap below i: every entry is no better than those under it.
func sink(list []topEntry, i int) {
	for {
		c := 2*i + 1
		if c >= len(list) {
			return
		}
		if c+1 < len(list) && list[c].better(&list[c+1]) {
			c++
		}
		if !list[i].better(&list[c]) {
			return
		}
		list[i], list[c] = list[c], list[i]
		i = c
	}
}

// packedTop is the size of a packed entry without its row: null, key, position, length.
const packedTop = 1 + 8 + 16 + 4

func (p *topPart) pack(g uint32, dst []byte)                  { clear(dst[:p.w]) }
func (p *topPart) merge([]uint32, []byte, []int32, int) error { return nil }

func (p *topPart) packAll(gid []uint32, dst []byte, at, step int) {
	for i := range gid {
		clear(dst[i*step+at:][:p.w])
	}
}

func (p *topPart) plain() bool { return false }

func (p *topPart) extra(g uint32, dst []byte) []byte {
	for _, e := range p.list(g) {
		null := byte(0)
		if e.null {
			null = 1
		}
		dst = append(dst, null)
		dst = appendUint64(dst, uint64(e.key))
		dst = appendUint64(dst, e.hi)
		dst = appendUint64(dst, e.lo)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(e.n))
		dst = append(dst, p.bytes.b.s[e.at:e.at+e.n]...)
	}
	return dst
}

func (p *topPart) mergeExtra(g uint32, _, b []byte) error {
	for len(b) > 0 {
		if len(b) < packedTop {
			return errCorrupt
		}
		n := int(binary.LittleEndian.Uint32(b[25:]))
		if n < p.pl.rowSize || len(b) < packedTop+n {
			return errCorrupt
		}
		e := topEntry{null: b[0] != 0, key: getInt64(b[1:]), hi: uint64(getInt64(b[9:])), lo: uint64(getInt64(b[17:]))}
		p.keep(g, e, b[packedTop:packedTop+n])
		b = b[packedTop+n:]
	}
	return nil
}

// keep adds an entry from elsewhere with its packed row, unless it is too bad.
func (p *topPart) keep(g uint32, e topEntry, row []byte) {
	if !p.loses(g, &e) {
		e.at, e.n = p.bytes.used, len(row)
		p.bytes.used += copy(p.bytes.b.s[p.bytes.used:], row)
		p.insert(g, e)
	}
}

// sorted returns the entries of a group, best first, and leaves no heap.
func (p *topPart) sorted(g uint32) []topEntry {
	list := p.list(g)
	slices.SortFunc(list, func(a, b topEntry) int {
		if a.better(&b) {
			return -1
		}
		return 1
	})
	return list
}
