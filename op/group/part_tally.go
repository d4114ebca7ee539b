package group

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
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
	got     int
}

// A tally entry is 16 bytes: the key, and twice the count with a 1 that says that the
// entry is in use. Tables are doubled when three quarters are.
const (
	tallyBytes = 16
	tallyFirst = 4 // entries
)

// bucketShift is how many low bits of a float's order key a bucket leaves out: it
// keeps 6 bits of the mantissa, so that a bucket is at most 1/64 of its values wide.
const bucketShift = 46

func (p *tallyPart) reset() {
	p.regionPart.reset()
	if p.col != nil {
		p.col.reset()
	}
}

func (p *tallyPart) free() {
	p.regionPart.free()
	if p.col != nil {
		p.col.free()
	}
}

// load finds the keys of the valid values of a lap and their groups.
func (p *tallyPart) load(l *lap) bool {
	if p.keys == nil {
		p.keys, p.gid, p.codes = make([]int64, lapRows), make([]uint32, lapRows), make([]uint32, lapRows+1)
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
					x = floatOrder(fromKey(k, x))
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
		if !p.enter(g, p.keys[i]) {
			return false
		}
	}
	return true
}

func (p *tallyPart) update(*lap) {
	for i, g := range p.gid[:p.got] {
		p.count(g, p.keys[i], 1)
	}
}

// entryOf returns where key is in a table, or the empty entry where it belongs.
func entryOf(table []byte, key int64) []byte {
	mask := uint64(len(table)/tallyBytes - 1)
	for i := kernel.HashKey(uint64(key)); ; i++ {
		e := table[i&mask*tallyBytes:][:tallyBytes]
		if getInt64(e[8:]) == 0 || getInt64(e) == key {
			return e
		}
	}
}

// enter makes an entry for key.
func (p *tallyPart) enter(g uint32, key int64) bool {
	h := p.head(g)
	if h.cap > 0 {
		if e := entryOf(p.region(g), key); getInt64(e[8:]) != 0 {
			return true
		}
	}
	if 4*(h.n+1)*tallyBytes > 3*h.cap {
		next, old, ok := p.renew(g, max(2*int(h.cap), tallyFirst*tallyBytes))
		if !ok {
			return false
		}
		clear(next)
		for at := 0; at < len(old); at += tallyBytes {
			if getInt64(old[at+8:]) != 0 {
				copy(entryOf(next, getInt64(old[at:])), old[at:at+tallyBytes])
			}
		}
	}
	e := entryOf(p.region(g), key)
	putInt64(e, key)
	putInt64(e[8:], 1)
	h.n++
	return true
}

// count adds to an entry that exists.
func (p *tallyPart) count(g uint32, key, by int64) {
	e := entryOf(p.region(g), key)
	putInt64(e[8:], getInt64(e[8:])+2*by)
}

// each calls f for the values of a group and how often there are.
func (p *tallyPart) each(g uint32, f func(key, n int64)) {
	b := p.region(g)
	for at := 0; at < len(b); at += tallyBytes {
		if n := getInt64(b[at+8:]) >> 1; n > 0 {
			f(getInt64(b[at:]), n)
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
	ok, err := p.eachExtra(extra, func(key, _ int64) bool { return p.enter(g, key) })
	return ok || err != nil // mergeExtra says what is wrong
}

func (p *tallyPart) mergeExtra(g uint32, _, extra []byte) error {
	_, err := p.eachExtra(extra, func(key, n int64) bool { p.count(g, key, n); return true })
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
	type pair struct{ key, n int64 }
	var all []pair
	n := int64(0)
	p.each(g, func(key, k int64) { all = append(all, pair{key, k}); n += k })
	if n == 0 {
		return 0, false
	}
	slices.SortFunc(all, func(x, y pair) int {
		if x.key < y.key {
			return -1
		}
		return 1
	})
	rank, _ := rankOf(q, n)
	for _, x := range all {
		if rank -= x.n; rank < 0 {
			return bucketValue(x.key, whole), true
		}
	}
	return 0, false
}

func bucketValue(b int64, whole bool) float64 {
	lo := fromKey(dtype.Float64, b<<bucketShift)
	hi := fromKey(dtype.Float64, b<<bucketShift|(1<<bucketShift-1))
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
