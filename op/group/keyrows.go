package group

import (
	"math"
	"math/bits"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A keyRows numbers distinct rows of several columns from 0, in order of
// appearance unless hashes collide. A row is looked up once, by the hash of all
// its columns, and lies in columns as it was: equal values have the same bits
// there, so that rows are compared column by column and given out without a
// further look.
//
// The table has open addressing with linear probing. A slot holds the upper half
// of the hash and the number + 1; slots are chosen by the low bits of the hash,
// because the high ones are equal in a run. At most half of them are in use.
type keyRows struct {
	a     mem.Allocator
	n     int // rows numbered
	rows  *chunk.Builder
	held  chunk.Batch // the rows of the builder
	hash  buf[uint64] // of each row
	slots buf[uint64]
	mask  uint64

	// hashOf returns the canonical hash of each of n rows of columns.
	hashOf func(cols []chunk.Vec, n int) []uint64
	// Of one lap.
	in      chunk.Batch // its keys, floats by their canonical bits
	canon   [][]uint64  // by column: these bits
	at      []uint64    // slot where each row goes on
	all     []uint32    // 0, 1, 2 …
	like    []uint32    // rows that have met their tag
	fresh   []uint32    // rows that are new
	place   []uint64    // and their slots
	diff    []uint64    // of like: 0 when the row is the one met
	one     []uint64    // diff of one column
	touched uint64
}

func newKeyRows(types []dtype.Type, a mem.Allocator) *keyRows {
	k := &keyRows{a: a, hashOf: newRowHasher(types).rows, canon: make([][]uint64, len(types)),
		at: make([]uint64, lapRows), all: make([]uint32, lapRows), like: make([]uint32, 0, lapRows),
		fresh: make([]uint32, 0, lapRows), place: make([]uint64, 0, lapRows),
		diff: make([]uint64, lapRows), one: make([]uint64, lapRows)}
	s := make(dtype.Schema, len(types))
	for i, t := range types {
		s[i].Type = t
		if t.Kind.IsFloat() {
			k.canon[i] = make([]uint64, lapRows)
		}
	}
	for i := range k.all {
		k.all[i] = uint32(i)
	}
	k.rows = chunk.NewBuilder(s, rounded{a})
	k.rows.View(&k.held)
	return k
}

// rounded is an allocator for buffers of many sizes: see roundSize.
type rounded struct{ mem.Allocator }

// Alloc implements mem.Allocator.
func (r rounded) Alloc(n int) []byte { return r.Allocator.Alloc(roundSize(n)) }

// code writes the number of each of n rows, at most lapRows, to gid. False means
// that memory was refused; rows numbered so far stay.
func (k *keyRows) code(keys []chunk.Vec, n int, gid []uint32) bool {
	if !k.room(n) {
		return false
	}
	k.canonical(keys, n)
	h := k.hashOf(k.in.Cols, n)
	// The first slots are fetched all at once: whether they are free decides what
	// comes next, and each would be waited for.
	slots, touched := k.slots.s[:k.mask+1], uint64(0)
	for i, x := range h {
		p := x & k.mask
		k.at[i] = p
		touched |= slots[p]
	}
	k.touched = touched
	for todo := k.all[:n]; len(todo) > 0; {
		k.probe(todo, h, gid)
		if !k.keep() {
			return false
		}
		todo = k.others(gid)
	}
	return true
}

// add numbers n rows, at most lapRows, that differ from all others, in their order. False
// means that memory was refused and nothing was added.
func (k *keyRows) add(keys []chunk.Vec, n int) bool {
	if !k.room(n) {
		return false
	}
	k.canonical(keys, n)
	err := k.rows.Append(&k.in)
	k.rows.View(&k.held)
	if err != nil {
		return false
	}
	for _, h := range k.hashOf(k.in.Cols, n) {
		k.hash.s[k.n] = h
		k.n++
		enter(k.slots.s, k.mask, h, k.n)
	}
	return true
}

// enter puts the row with number code - 1 into slots.
func enter(slots []uint64, mask, h uint64, code int) {
	p := h & mask
	for slots[p] != 0 {
		p = (p + 1) & mask
	}
	slots[p] = h&^math.MaxUint32 | uint64(code)
}

// probe goes from slot to slot for each of the listed rows, until it has met its
// tag or is new.
func (k *keyRows) probe(todo []uint32, h []uint64, gid []uint32) {
	slots, mask, n := k.slots.s[:k.mask+1], k.mask, k.n
	like, fresh, place := k.like[:0], k.fresh[:0], k.place[:0]
	for _, i := range todo {
		x := h[i]
		for p := k.at[i]; ; p = (p + 1) & mask {
			s := slots[p]
			if s == 0 {
				k.hash.s[n] = x
				gid[i] = uint32(n)
				n++
				slots[p] = x&^math.MaxUint32 | uint64(n)
				fresh, place = append(fresh, i), append(place, p)
				break
			}
			if (s^x)>>32 == 0 {
				gid[i] = uint32(s) - 1
				k.at[i] = (p + 1) & mask
				like = append(like, i)
				break
			}
		}
	}
	k.like, k.fresh, k.place, k.n = like, fresh, place, n
}

// keep stores the new rows. When memory is refused they are no rows any more.
func (k *keyRows) keep() bool {
	if len(k.fresh) == 0 {
		return true
	}
	var err error
	if len(k.fresh) == k.in.N { // all, and in their order
		err = k.rows.Append(&k.in)
	} else {
		err = k.rows.AppendRows(&k.in, k.fresh)
	}
	k.rows.View(&k.held) // when memory is refused, too, columns may lie elsewhere
	if err != nil {
		for _, p := range k.place { // they are the last ones entered: no row was looked for beyond them
			k.slots.s[p] = 0
		}
		k.n -= len(k.fresh)
		return false
	}
	return true
}

// others returns the rows that met the tag of another row.
func (k *keyRows) others(gid []uint32) []uint32 {
	diff := k.diff[:len(k.like)]
	clear(diff)
	for c := range k.in.Cols {
		s, v := &k.held.Cols[c], &k.in.Cols[c]
		if s.Valid == nil && v.Valid == nil && v.Type.Kind != dtype.Null {
			differ(s, v, k.like, gid, diff)
			continue
		}
		one := k.one[:len(diff)]
		clear(one)
		if v.Type.Kind != dtype.Null && s.Type.Kind != dtype.Null {
			differ(s, v, k.like, gid, one)
		}
		for j, i := range k.like {
			switch a, b := s.IsNull(int(gid[i])), v.IsNull(int(i)); {
			case a != b:
				diff[j] = 1
			case !a:
				diff[j] |= one[j]
			}
		}
	}
	n := 0
	for j, i := range k.like {
		k.like[n] = i
		n += notZero(diff[j])
	}
	return k.like[:n]
}

// differ adds to diff the bits in which the values of v at row differ from those
// of s with their numbers.
func differ(s, v *chunk.Vec, row, gid []uint32, diff []uint64) {
	switch w := v.Type.Width(); {
	case v.Type.Kind.IsVar():
		differText(s, v, row, gid, diff)
	case v.Type.Kind == dtype.Bool:
		a, b := s.Bits(), v.Bits()
		for j, i := range row {
			g := gid[i]
			diff[j] |= (a[g>>6]>>(g&63) ^ b[i>>6]>>(i&63)) & 1
		}
	case w == 1:
		differWords(chunk.Values[uint8](s), chunk.Values[uint8](v), row, gid, diff)
	case w == 2:
		differWords(chunk.Values[uint16](s), chunk.Values[uint16](v), row, gid, diff)
	case w == 4:
		differWords(chunk.Values[uint32](s), chunk.Values[uint32](v), row, gid, diff)
	case w == 8:
		differWords(chunk.Values[uint64](s), chunk.Values[uint64](v), row, gid, diff)
	default:
		a, b := decimals(s, s.N), decimals(v, v.N)
		for j, i := range row {
			x, y := a[gid[i]], b[i]
			diff[j] |= x[0] ^ y[0] | x[1] ^ y[1]
		}
	}
}

func differWords[T uint8 | uint16 | uint32 | uint64](s, v []T, row, gid []uint32, diff []uint64) {
	diff = diff[:len(row)]
	for j, i := range row {
		diff[j] |= uint64(s[gid[i]] ^ v[i])
	}
}

func differText(s, v *chunk.Vec, row, gid []uint32, diff []uint64) {
	if s.Dict != nil && v.Dict != nil && s.Dict.ID == v.Dict.ID {
		differWords(chunk.Values[uint32](s), chunk.Values[uint32](v), row, gid, diff)
		return
	}
	for j, i := range row {
		if s.Text(int(gid[i])) != v.Text(int(i)) {
			diff[j] = 1
		}
	}
}

// canonical makes k.in the keys of the lap, with equal bits for equal values.
func (k *keyRows) canonical(keys []chunk.Vec, n int) {
	k.in.Cols, k.in.N = append(k.in.Cols[:0], keys...), n
	for i := range k.in.Cols {
		v := &k.in.Cols[i]
		v.N = n
		switch out := k.canon[i]; v.Type.Kind {
		case dtype.Float64:
			kernel.FloatKeys(chunk.Values[float64](v), out[:n])
			v.Data = chunk.Bytes(out[:n])
		case dtype.Float32:
			narrow := chunk.Slice[float32](chunk.Bytes(out), n)
			for j, x := range chunk.Values[float32](v) {
				narrow[j] = float32(math.Float64frombits(floatKey(float64(x))))
			}
			v.Data = chunk.Bytes(narrow)
		}
	}
}

// room prepares for n more rows.
func (k *keyRows) room(n int) bool {
	need := k.n + n
	if need >= 1<<32-2 || !k.hash.grow(k.a, k.n, need) {
		return false
	}
	if k.slots.s != nil && 2*need <= int(k.mask+1) {
		return true
	}
	size := max(minSlots, 1<<bits.Len(uint(2*need-1)))
	var slots buf[uint64]
	if !slots.grow(k.a, 0, size) {
		if size /= 2; size-size/4 < need || !slots.grow(k.a, 0, size) {
			return false
		}
	}
	s, mask := slots.s[:size], uint64(size-1)
	clear(s)
	for i, h := range k.hash.s[:k.n] {
		enter(s, mask, h, i+1)
	}
	k.slots.free(k.a)
	k.slots, k.mask = slots, mask
	return true
}

// hashes writes the canonical hashes of rows to out.
func (k *keyRows) hashes(gid []uint32, out []uint64) {
	kernel.Gather(out[:len(gid)], k.hash.s[:k.n], gid)
}

// emit writes the keys of rows to one outVec per column. Rows that follow each
// other are lent.
func (k *keyRows) emit(gid []uint32, o []outVec) {
	lo := 0
	if len(gid) > 0 {
		lo = int(gid[0])
	}
	straight := true
	for i, g := range gid {
		straight = straight && int(g) == lo+i
	}
	for i := range o {
		if v := &k.held.Cols[i]; straight {
			o[i].lend(cut(v, lo, lo+len(gid)))
		} else {
			o[i].gather(v, gid)
		}
	}
}

// reset forgets every row but keeps the memory.
func (k *keyRows) reset() {
	if k.n > 0 {
		clear(k.slots.s[:k.mask+1])
	}
	k.n = 0
	k.rows.Clear()
	k.rows.View(&k.held)
}

func (k *keyRows) free() {
	k.n, k.mask = 0, 0
	k.rows.Close()
	k.rows.View(&k.held)
	k.hash.free(k.a)
	k.slots.free(k.a)
}

func (k *keyRows) bytes() int64 { return k.rows.Bytes() + k.hash.bytes() + k.slots.bytes() }
