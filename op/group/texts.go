package group

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A texts numbers distinct texts, or distinct 16-byte values, from 0 in order of
// appearance.
//
// A text is looked up by a key of 16 bytes: up to 15 bytes of text and the length
// in the top byte, or for longer ones 120 bits of xxh3 under the length 255 with
// the bytes kept apart and compared. The table has 4-byte slots with codes and a
// dense array of keys, probed for many rows at once so that cache misses
// overlap; tags in the slots would double them and save nothing while they are
// at most a quarter full.
type texts struct {
	a     mem.Allocator
	fixed bool // values are 16 bytes wide, keys are the values
	n     int
	null  uint32 // code of null + 1
	keys  buf[key16]

	slots buf[uint32] // code + 1; 0: free
	mask  uint64
	room  int

	long  buf[longRef] // by code, kept once there was a long text
	arena buf[byte]    // bytes of long texts
	used  int

	dicts []dictCodes
	// Scratch of one lap.
	k            []key16
	h            []uint64
	other, fresh []uint32
}

type key16 = [2]uint64

type longRef struct{ at, n int }

// slotsPerText is how many slots a text has at least: a row that does not find
// its text in the first one costs several times as much.
const slotsPerText = 4

// dictCodes remembers the codes of a dictionary's entries.
type dictCodes struct {
	id   uint64
	code buf[uint32] // + 1; 0: not looked up yet
	n    int
}

// nullKey cannot be a text: no length is 254.
var nullKey = key16{0, 254 << 56}

const longTag = 255 << 56

// textKeys writes the keys of n texts to out; nulls get nullKey. It reports
// whether a text was longer than 15 bytes.
func textKeys(v *chunk.Vec, n int, out []key16) (long bool) {
	if n == 0 {
		return false
	}
	off, out := v.Off[:n+1], out[:n]
	for at := kernel.TextKeys(v.Str, off, out); at < n; at += kernel.TextKeys(v.Str, off[at:], out[at:]) {
		out[at] = longKey(v.Str[off[at]:off[at+1]])
		long = true
		at++
	}
	if v.Valid != nil {
		for i := range out {
			if v.Valid[i>>6]>>(uint(i)&63)&1 == 0 {
				out[i] = nullKey
			}
		}
	}
	return long
}

// textKey returns the key of one text.
func textKey(s []byte) key16 {
	if len(s) > 15 {
		return longKey(s)
	}
	return kernel.TextKey(s)
}

// longHash is the hash of long texts; a test makes it collide.
var longHash = xxh3.Hash128

func longKey(s []byte) key16 {
	h := longHash(s)
	return key16{h.Lo, h.Hi&(1<<56-1) | longTag}
}

func isLong(k key16) bool { return k[1]>>56 == 255 }

// code writes the code of every value of v to out. False means that memory was
// refused.
func (t *texts) code(v *chunk.Vec, n int, out []uint32) bool {
	if v.Dict != nil {
		return t.codeDict(v, n, out)
	}
	t.scratch(n)
	k, h := t.k[:n], t.h[:n]
	long := false
	if t.fixed {
		copy(k, unsafe.Slice((*key16)(unsafe.Pointer(unsafe.SliceData(v.Data))), n))
	} else {
		long = textKeys(v, n, k)
	}
	kernel.Hash128(k, h)
	if long {
		return t.probeLong(k, h, v, out[:n])
	}
	return t.probe(k, h, out[:n])
}

func (t *texts) scratch(n int) {
	if cap(t.k) < n {
		n = max(n, lapRows)
		t.k, t.h = make([]key16, n), make([]uint64, n)
		t.other, t.fresh = make([]uint32, n), make([]uint32, n)
	}
}

// first looks at the first slots of keys: codes go to out, and the rows whose slot is
// free or another's are listed.
func (t *texts) first(k []key16, h []uint64, out []uint32) (other []uint32, ok bool) {
	if len(k) == 0 {
		return nil, true
	}
	if t.n == 0 {
		if _, ok := t.lookup(k[0], h[0]); !ok {
			return nil, false
		}
	}
	n := kernel.FirstSlots(k, h, t.slots.s[:t.mask+1], t.keys.s[:t.n], out, t.other)
	return t.other[:n], true
}

// probe looks keys up that are the whole value. Rows whose first slot is not theirs
// go on together from slot to slot; those that are not there yet come last, in their
// order.
func (t *texts) probe(k []key16, h []uint64, out []uint32) bool {
	if t.fixed && t.null == 1 {
		return t.probeEach(k, h, out)
	}
	other, ok := t.first(k, h, out)
	if !ok {
		return false
	}
	slots, mask, keys, fresh := t.slots.s[:t.mask+1], t.mask, t.keys.s, t.fresh[:0]
	for step := uint64(0); len(other) > 0; step++ {
		n := 0
		for _, i := range other {
			if s := slots[(h[i]+step)&mask]; s != 0 {
				out[i], other[n] = s-1, i
				n++
			} else {
				fresh = append(fresh, i)
			}
		}
		other = other[:n]
		if n = 0; step > 0 { // the first slots are known to be others'
			for _, i := range other {
				x, y := &k[i], &keys[out[i]]
				other[n] = i
				n += notZero((x[0] ^ y[0]) | (x[1] ^ y[1]))
			}
			other = other[:n]
		}
	}
	slices.Sort(fresh)
	for _, i := range fresh {
		if out[i], ok = t.lookup(k[i], h[i]); !ok {
			return false
		}
	}
	return true
}

// probeEach is probe where the first code is that of null, and its key the value 0: what
// stands for a free slot would be taken for 0.
func (t *texts) probeEach(k []key16, h []uint64, out []uint32) (ok bool) {
	for i, x := range k {
		if out[i], ok = t.lookup(x, h[i]); !ok {
			return false
		}
	}
	return true
}

// notZero is 0 for 0 and 1 for all else.
func notZero(x uint64) int { return int((x | -x) >> 63) }

// probeLong is probe for laps with long texts, whose bytes must be compared.
func (t *texts) probeLong(k []key16, h []uint64, v *chunk.Vec, out []uint32) bool {
	other, ok := t.first(k, h, out)
	if !ok {
		return false
	}
	at := 0
	for i, x := range k {
		if at < len(other) && other[at] == uint32(i) {
			at++
		} else if !isLong(x) || t.holds(out[i], v, i) {
			continue
		}
		if out[i], ok = t.find(x, h[i], v, i); !ok {
			return false
		}
	}
	return true
}

// holds reports whether value i of v is the long text c. One that came first and was
// refused memory has no bytes.
func (t *texts) holds(c uint32, v *chunk.Vec, i int) bool {
	r := t.long.s[c]
	return r.n >= 0 && string(t.arena.s[r.at:r.at+r.n]) == string(v.Str[v.Off[i]:v.Off[i+1]])
}

// find returns the code of key x with hash h, which stands for value i of v.
func (t *texts) find(x key16, h uint64, v *chunk.Vec, i int) (uint32, bool) {
	var body []byte
	if !t.fixed && isLong(x) {
		body = v.Str[v.Off[i]:v.Off[i+1]]
	}
	return t.findKey(x, h, body)
}

func (t *texts) findKey(x key16, h uint64, body []byte) (uint32, bool) {
	for {
		c, ok := t.lookup(x, h)
		if !ok {
			return 0, false
		}
		if body == nil {
			return c, true
		}
		if int(c) == t.n-1 && t.long.s[c].n < 0 { // new: keep its bytes
			if !t.keep(c, body) {
				return 0, false
			}
			return c, true
		}
		if r := t.long.s[c]; string(t.arena.s[r.at:r.at+r.n]) == string(body) {
			return c, true
		}
		// Two texts with one 120-bit hash: the later one lives under the next key.
		x[0]++
		h = kernel.HashKey128(x)
	}
}

// keep stores the bytes of long text c.
func (t *texts) keep(c uint32, body []byte) bool {
	if !t.arena.grow(t.a, t.used, t.used+len(body)) {
		return false
	}
	copy(t.arena.s[t.used:], body)
	t.long.s[c] = longRef{t.used, len(body)}
	t.used += len(body)
	return true
}

// lookup returns the code of key x, a new one if there is none.
func (t *texts) lookup(x key16, h uint64) (uint32, bool) {
	for {
		if t.n >= t.room && !t.makeRoom() {
			return 0, false
		}
		for p := h; ; p++ {
			s := t.slots.s[p&t.mask]
			if s == 0 {
				if !t.fixed && isLong(x) && !t.growLong() {
					return 0, false
				}
				t.keys.s[t.n] = x
				if t.long.s != nil {
					t.long.s[t.n].n = -1
				}
				t.n++
				t.slots.s[p&t.mask] = uint32(t.n)
				if x == nullKey && !t.fixed {
					t.null = uint32(t.n)
				}
				return uint32(t.n) - 1, true
			}
			if t.keys.s[s-1] == x {
				return s - 1, true
			}
		}
	}
}

// growLong makes the references as many as the keys.
func (t *texts) growLong() bool {
	return t.long.grow(t.a, min(t.n, len(t.long.s)), len(t.keys.s))
}

// makeRoom prepares for one more code.
func (t *texts) makeRoom() bool {
	if t.n >= 1<<32-2 || !t.keys.grow(t.a, t.n, t.n+1) || t.long.s != nil && !t.growLong() {
		return false
	}
	if t.slots.s == nil || t.n >= int(t.mask+1)/slotsPerText {
		if !t.rehash() {
			return false
		}
	}
	t.room = min(int(t.mask+1)/slotsPerText, len(t.keys.s))
	return true
}

func (t *texts) rehash() bool {
	n := max(8*minSlots, 1<<bits.Len(uint(2*slotsPerText*t.n)))
	if t.n > 1<<14 {
		n /= 2
	}
	var slots buf[uint32]
	if !slots.grow(t.a, 0, n) {
		return false
	}
	s := slots.s[:n]
	clear(s)
	mask := uint64(n - 1)
	for c, x := range t.keys.s[:t.n] {
		if t.fixed && uint32(c)+1 == t.null {
			continue
		}
		p := kernel.HashKey128(x)
		for s[p&mask] != 0 {
			p++
		}
		s[p&mask] = uint32(c) + 1
	}
	t.slots.free(t.a)
	t.slots, t.mask = slots, mask
	return true
}

// nullCode returns the code of null.
func (t *texts) nullCode() (uint32, bool) {
	if t.null != 0 {
		return t.null - 1, true
	}
	if !t.fixed {
		return t.lookup(nullKey, kernel.HashKey128(nullKey))
	}
	// All 16-byte values are taken: the code of null has no slot.
	if t.n >= t.room && !t.makeRoom() {
		return 0, false
	}
	t.keys.s[t.n] = key16{}
	t.n++
	t.null = uint32(t.n)
	return t.null - 1, true
}

// codeDict maps dictionary codes; each entry is looked up once.
func (t *texts) codeDict(v *chunk.Vec, n int, out []uint32) bool {
	d := t.dict(v.Dict)
	if d == nil {
		return false
	}
	in := chunk.Values[uint32](v)[:n]
	out = out[:n]
	m := d.code.s
	for i, x := range in {
		if v.Valid != nil && v.Valid[i>>6]>>(uint(i)&63)&1 == 0 {
			c, ok := t.nullCode()
			if !ok {
				return false
			}
			out[i] = c
			continue
		}
		c := m[x]
		if c == 0 {
			val := &v.Dict.Values
			body := val.Str[val.Off[x]:val.Off[x+1]]
			k := textKey(body)
			if !isLong(k) {
				body = nil
			}
			got, ok := t.findKey(k, kernel.HashKey128(k), body)
			if !ok {
				return false
			}
			c = got + 1
			m[x] = c
		}
		out[i] = c - 1
	}
	return true
}

// maxDicts is how many dictionaries are remembered at once.
const maxDicts = 4

// dict returns the remembered codes of a dictionary; nil when memory was refused.
func (t *texts) dict(d *chunk.Dict) *dictCodes {
	for i := range t.dicts {
		if t.dicts[i].id == d.ID {
			if i > 0 {
				t.dicts[0], t.dicts[i] = t.dicts[i], t.dicts[0]
			}
			return t.dicts[0].sized(t.a, d.Values.N)
		}
	}
	if len(t.dicts) < maxDicts {
		t.dicts = append(t.dicts, dictCodes{})
	}
	last := len(t.dicts) - 1
	t.dicts[0], t.dicts[last] = t.dicts[last], t.dicts[0]
	t.dicts[0].code.free(t.a)
	t.dicts[0] = dictCodes{id: d.ID}
	return t.dicts[0].sized(t.a, d.Values.N)
}

func (d *dictCodes) sized(a mem.Allocator, n int) *dictCodes {
	if n <= d.n && d.code.s != nil {
		return d
	}
	if !d.code.grow(a, d.n, max(n, 1)) {
		return nil
	}
	clear(d.code.s[d.n:n])
	d.n = n
	return d
}

// text returns the bytes of code c, which must not be null; buf backs short ones.
func (t *texts) text(c uint32, short *[16]byte) []byte {
	k := t.keys.s[c]
	if isLong(k) {
		r := t.long.s[c]
		return t.arena.s[r.at : r.at+r.n]
	}
	*short = *(*[16]byte)(unsafe.Pointer(&k))
	return short[:k[1]>>56]
}

// hash returns the canonical hash of code c.
func (t *texts) hash(c uint32) uint64 {
	if c+1 == t.null {
		return nullHash
	}
	k := t.keys.s[c]
	if !t.fixed && isLong(k) { // the key may have moved on after a collision
		r := t.long.s[c]
		k = longKey(t.arena.s[r.at : r.at+r.n])
	}
	return kernel.HashKey128(k)
}

// reset forgets every text but keeps the memory.
func (t *texts) reset() {
	if t.n > 0 {
		clear(t.slots.s[:t.mask+1])
	}
	t.n, t.null, t.used = 0, 0, 0
	for i := range t.dicts {
		clear(t.dicts[i].code.s[:t.dicts[i].n])
	}
}

func (t *texts) free() {
	t.keys.free(t.a)
	t.slots.free(t.a)
	t.long.free(t.a)
	t.arena.free(t.a)
	for i := range t.dicts {
		t.dicts[i].code.free(t.a)
	}
	*t = texts{a: t.a, fixed: t.fixed, k: t.k, h: t.h, other: t.other, fresh: t.fresh}
}

func (t *texts) bytes() (n int64) {
	n = t.keys.bytes() + t.slots.bytes() + t.long.bytes() + t.arena.bytes()
	for i := range t.dicts {
		n += t.dicts[i].code.bytes()
	}
	return n
}

// decimalKey views a 16-byte value as a key.
func decimalKey(x [16]byte) key16 { return *(*key16)(unsafe.Pointer(&x)) }
