package group

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"unsafe"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/quantile"
)

// tallyPart counts how often values occur in a group: a hash table of keys and
// counts. Keys are order keys of fixed-width values; the codes that col gives to
// texts and decimals; or, for quantiles within a bound of error, numbers of buckets.
type tallyPart struct {
	regionPart
	buckets bool
	col     *column // for texts and decimals
	codes   []uint32
	keys    []int64
	gid     []uint32
	at      []int32 // their entries, where nothing was moved since
	got     int
	found   []tallied // of one group
	entries int64     // of all groups
}

// A tallied value is its key, and how often it occurs. In a table n is twice that, with a 1 that says that the entry is in
// use. Tables are doubled when three quarters are.
type tallied struct{ key, n int64 }

const (
	tallyBytes = int(unsafe.Sizeof(tallied{}))
	tallyFirst = 4 // entries
)

// tallies views a region as its table.
func tallies(b []byte) []tallied {
	return unsafe.Slice((*tallied)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/tallyBytes)
}

// bucketShift is how many low bits of a float's order key a bucket leaves out: it
// keeps 6 bits of the mantissa, so that a bucket is at most 1/64 of its values wide.
const bucketShift = 46

func (p *tallyPart) reset() {
	p.regionPart.reset()
	p.entries = 0
	if p.col != nil {
		p.col.reset()
	}
}

func (p *tallyPart) free() {
	p.regionPart.free()
	p.entries = 0
	if p.col != nil {
		p.col.free()
	}
}

func (p *tallyPart) swells() bool {
	return p.slabs.all > limits.tallyBytes && 4*p.entries > p.t.taken
}

// load finds the keys of the valid values of a lap and their groups.
func (p *tallyPart) load(l *lap) bool {
	if p.keys == nil {
		p.keys, p.gid, p.codes = make([]int64, lapRows), make([]uint32, lapRows), make([]uint32, lapRows+1)
		p.at = make([]int32, lapRows)
	}
	a := &l.lanes[p.arg]
	p.got = 0
	if p.col == nil {
		p.got = a.n
		copy(p.gid, a.g[:a.n])
		copy(p.keys, a.keys())
		if p.buckets {
			k := a.v.Type.Kind
			for i, x := range p.keys[:a.n] {
				if !k.IsFloat() {
					x = quantile.KeyOf(quantile.Value(k, x))
				}
				p.keys[i] = x >> bucketShift
			}
		}
		return true
	}
	v := &l.args[p.arg]
	if v.Type.Kind == dtype.Null {
		return true
	}
	if !p.col.code(v, l.n, p.codes) {
		return false
	}
	for i, g := range l.gid[:l.n] {
		if !v.IsNull(i) {
			p.keys[p.got], p.gid[p.got] = int64(p.codes[i]), g
			p.got++
		}
	}
	return true
}

// room gives every value of a lap an entry; those that are new count nothing yet.
func (p *tallyPart) room(l *lap) bool {
	if !p.load(l) {
		return false
	}
	for i, g := range p.gid[:p.got] {
		at, ok := p.enter(g, p.keys[i])
		if !ok {
			return false
		}
		p.at[i] = int32(at)
	}
	return true
}

func (p *tallyPart) update(*lap) {
	for i, g := range p.gid[:p.got] {
		t := tallies(p.region(g))
		e := &t[p.at[i]]
		if e.n == 0 || e.key != p.keys[i] { // a later value of the lap made the table longer
			e = &t[entryOf(t, p.keys[i])]
		}
		e.n += 2
	}
}

// entryOf returns where key is in a table, or the empty entry where it belongs.
func entryOf(t []tallied, key int64) int {
	mask := uint64(len(t) - 1)
	for i := kernel.HashKey(uint64(key)) & mask; ; i = (i + 1) & mask {
		if e := &t[i]; e.n == 0 || e.key == key {
			return int(i)
		}
	}
}

// enter returns where the entry for key is, which it makes if there is none; false when there is no memory for it.
func (p *tallyPart) enter(g uint32, key int64) (at int, ok bool) {
	h := p.head(g)
	t := tallies(p.region(g))
	if len(t) > 0 {
		if at = entryOf(t, key); t[at].n != 0 {
			return at, true
		}
	}
	if 4*(h.n+1)*int64(tallyBytes) > 3*h.cap {
		if !p.renew(g, max(2*int(h.cap), tallyFirst*tallyBytes), func(next, old []byte) {
			t := tallies(next)
			for _, e := range tallies(old) {
				if e.n != 0 {
					t[entryOf(t, e.key)] = e
				}
			}
		}) {
			return 0, false
		}
		t = tallies(p.region(g))
		at = entryOf(t, key)
	}
	t[at] = tallied{key, 1}
	h.n++
	p.entries++
	return at, true
}

// each calls f for the values of a group and how often there are.
func (p *tallyPart) each(g uint32, f func(key, n int64)) {
	for _, e := range tallies(p.region(g)) {
		if n := e.n >> 1; n > 0 {
			f(e.key, n)
		}
	}
}

// extra is, for every value, its count and its key; for texts and decimals the
// length and the bytes in place of the key.
func (p *tallyPart) extra(g uint32, dst []byte) []byte {
	var short [16]byte
	p.each(g, func(key, n int64) {
		dst = appendUint64(dst, uint64(n))
		if p.col == nil {
			dst = appendUint64(dst, uint64(key))
			return
		}
		b := p.bytesOf(uint32(key), &short)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
		dst = append(dst, b...)
	})
	return dst
}

// bytesOf returns the value of a code as bytes that compare as values do.
func (p *tallyPart) bytesOf(code uint32, short *[16]byte) []byte {
	if p.col.t.Kind != dtype.Decimal128 {
		return p.col.texts.text(code, short)
	}
	d := p.col.texts.keys.s[code]
	binary.BigEndian.PutUint64(short[:], d[1]^1<<63)
	binary.BigEndian.PutUint64(short[8:], d[0])
	return short[:]
}

// codeOf is the inverse of bytesOf.
func (p *tallyPart) codeOf(b []byte) (uint32, bool) {
	t := &p.col.texts
	if p.col.t.Kind == dtype.Decimal128 {
		k := decimalOf(b)
		return t.lookup(k, kernel.HashKey128(k))
	}
	if len(b) <= 15 {
		k := textKey(b)
		return t.findKey(k, kernel.HashKey128(k), nil)
	}
	k := longKey(b)
	return t.findKey(k, kernel.HashKey128(k), b)
}

// eachExtra calls f for the entries of an extra; ok is what f returned.
func (p *tallyPart) eachExtra(b []byte, f func(key, n int64) bool) (ok bool, err error) {
	for len(b) > 0 {
		if len(b) < 12 {
			return true, errCorrupt
		}
		n, key := getInt64(b), int64(0)
		if p.col == nil {
			if len(b) < 16 {
				return true, errCorrupt
			}
			key, b = getInt64(b[8:]), b[16:]
		} else {
			size := int(binary.LittleEndian.Uint32(b[8:]))
			if len(b)-12 < size || p.col.t.Kind == dtype.Decimal128 && size != 16 {
				return true, errCorrupt
			}
			code, ok := p.codeOf(b[12 : 12+size])
			if !ok {
				return false, nil
			}
			key, b = int64(code), b[12+size:]
		}
		if !f(key, n) {
			return false, nil
		}
	}
	return true, nil
}

func (p *tallyPart) prepare(g uint32, extra []byte) bool {
	ok, err := p.eachExtra(extra, func(key, _ int64) bool { _, ok := p.enter(g, key); return ok })
	return ok || err != nil // mergeExtra says what is wrong
}

func (p *tallyPart) mergeExtra(g uint32, _, extra []byte) error {
	t := tallies(p.region(g)) // with an entry for each, as prepare made them
	_, err := p.eachExtra(extra, func(key, n int64) bool { t[entryOf(t, key)].n += 2 * n; return true })
	return err
}

// mode returns the key of the value that occurs most often, the least of several.
func (p *tallyPart) mode(g uint32) (best int64, ok bool) {
	most := int64(0)
	var a, b [16]byte
	p.each(g, func(key, n int64) {
		less := key < best
		if p.col != nil && n == most {
			less = bytes.Compare(p.bytesOf(uint32(key), &a), p.bytesOf(uint32(best), &b)) < 0
		}
		if n > most || n == most && less {
			best, most = key, n
		}
	})
	return best, most > 0
}

// quantile returns the middle of the bucket in which the value of rank ⌊q·(n-1)⌋ is;
// of whole numbers the only one in it if there is only one.
func (p *tallyPart) quantile(g uint32, q float64, whole bool) (float64, bool) {
	p.found = p.found[:0]
	n := int64(0)
	p.each(g, func(key, k int64) { p.found = append(p.found, tallied{key, k}); n += k })
	if n == 0 {
		return 0, false
	}
	slices.SortFunc(p.found, func(x, y tallied) int { return cmp.Compare(x.key, y.key) })
	rank, _ := quantile.RankOf(q, n)
	for _, x := range p.found {
		if rank -= x.n; rank < 0 {
			return bucketValue(x.key, whole), true
		}
	}
	return 0, false
}

func bucketValue(b int64, whole bool) float64 {
	lo := quantile.Value(dtype.Float64, b<<bucketShift)
	hi := quantile.Value(dtype.Float64, b<<bucketShift|(1<<bucketShift-1))
	switch {
	case math.IsInf(hi, -1):
		return hi
	case math.IsInf(lo, 1) || lo != lo:
		return lo
	case b == 0 || b == -1: // below the least normal number
		return 0
	case whole && math.Ceil(lo) <= hi && math.Ceil(lo)+1 > hi:
		return math.Ceil(lo)
	}
	return lo/2 + hi/2
}
