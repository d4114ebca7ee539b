package order

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// Rows are compared level by level. A level is a word of 64 bits per row: either
// bits of key columns of fixed width packed behind each other, or some bytes of
// a text column. The words of level 0 are sorted first; rows with equal words
// are sorted by the next level among themselves.
//
//	key columns   a int16 desc, b utf8, c float64
//	level 0       a's null bit and value, inverted
//	level 1       7 bytes of b and how many there are; as often as needed
//	level 2       c's null bit, the first 63 bits of its value
//	level 3       the last bit of c
type level struct {
	parts []part // of fixed width
	text  bool
	key   int    // first key column the level has bits of; the text column
	skip  int    // bytes that all values of the text column share
	whole bool   // of the text column: the 8 bytes after skip are all that differs
	short bool   // of the text column: no value has more than 7 bytes after skip
	first []byte // of the text column: a value
	rest  int    // of the text column, if whole: bytes after skip
}

// A part is a field of a level: the value of a key column, of which base is
// taken off, shifted into place.
type part struct {
	key         int
	null        bool // the field is the null bit
	high        bool // the upper half of a decimal
	flip        uint64
	base        uint64
	left, right uint // shifts, one of them 0
	width       int  // bits of the field
	exact       bool // the value can be had back from the field
}

// raw is value i of a fixed-width column as an unsigned number in its order.
func raw(kind dtype.Kind, v *chunk.Vec, i int, high bool) uint64 {
	const sign = 1 << 63
	switch kind {
	case dtype.Bool:
		return bit(v.Bits(), i)
	case dtype.Int8:
		return uint64(int64(chunk.Values[int8](v)[i])) ^ sign
	case dtype.Int16:
		return uint64(int64(chunk.Values[int16](v)[i])) ^ sign
	case dtype.Int32, dtype.Date:
		return uint64(int64(chunk.Values[int32](v)[i])) ^ sign
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return uint64(chunk.Values[int64](v)[i]) ^ sign
	case dtype.Uint8:
		return uint64(chunk.Values[uint8](v)[i])
	case dtype.Uint16:
		return uint64(chunk.Values[uint16](v)[i])
	case dtype.Uint32:
		return uint64(chunk.Values[uint32](v)[i])
	case dtype.Uint64:
		return chunk.Values[uint64](v)[i]
	case dtype.Float32:
		return uint64(float32Bits(chunk.Values[float32](v)[i]))
	case dtype.Float64:
		return float64Bits(chunk.Values[float64](v)[i])
	case dtype.Decimal128:
		d := &chunk.Values[[16]byte](v)[i]
		if high {
			return binary.LittleEndian.Uint64(d[8:]) ^ sign
		}
		return binary.LittleEndian.Uint64(d[:8])
	}
	return 0
}

// A spread is what a column of a page holds: whether there are nulls, and the
// range of the values that are not null (lo > hi when there are none).
type spread struct {
	nulls          bool
	folded         bool   // floats: there are NaN or -0, which are not told apart
	lo, hi         uint64 // of the value, of a decimal its upper half
	lowLo, lowHi   uint64 // of a decimal its lower half
	first          []byte // text: a value; the bytes shared are a prefix of it
	shared         int
	minLen, maxLen int
}

func emptySpread() spread {
	return spread{lo: math.MaxUint64, lowLo: math.MaxUint64, minLen: math.MaxInt}
}

// spreadOf looks through a key column of a page.
func spreadOf(kind dtype.Kind, v *chunk.Vec) spread {
	s := emptySpread()
	s.nulls = v.Nulls() > 0
	switch {
	case kind == dtype.Null:
	case kind.IsVar():
		s.spreadText(v)
	case kind == dtype.Decimal128:
		for i := range v.N {
			if !s.nulls || !v.IsNull(i) {
				hi, lo := raw(kind, v, i, true), raw(kind, v, i, false)
				s.lo, s.hi = min(s.lo, hi), max(s.hi, hi)
				s.lowLo, s.lowHi = min(s.lowLo, lo), max(s.lowHi, lo)
			}
		}
	case kind == dtype.Float64 && !s.nulls && s.spreadFloats(chunk.Values[float64](v)):
	case s.nulls || kind == dtype.Bool || kind.IsFloat():
		for i := range v.N {
			if !s.nulls || !v.IsNull(i) {
				x := raw(kind, v, i, false)
				s.lo, s.hi = min(s.lo, x), max(s.hi, x)
			}
		}
		s.folded = kind.IsFloat() && folded(kind, v)
	default:
		s.spreadInts(kind, v)
	}
	return s
}

// spreadAt is the spread of one value.
func spreadAt(kind dtype.Kind, v *chunk.Vec, i int) spread {
	s := emptySpread()
	switch {
	case v.IsNull(i):
		s.nulls = true
	case kind.IsVar():
		x := textOf(v, i)
		s.first, s.shared, s.minLen, s.maxLen = append([]byte{}, x...), len(x), len(x), len(x)
	default:
		s.lo = raw(kind, v, i, true)
		s.hi = s.lo
	}
	return s
}

// folded reports that a column of floats has values that raw does not tell apart.
func folded(kind dtype.Kind, v *chunk.Vec) bool {
	if kind == dtype.Float32 {
		for _, x := range chunk.Values[float32](v) {
			if x != x || x == 0 && math.Signbit(float64(x)) {
				return true
			}
		}
		return false
	}
	for _, x := range chunk.Values[float64](v) {
		if x != x || x == 0 && math.Signbit(x) {
			return true
		}
	}
	return false
}

// spreadFloats is for a column without nulls; false when it has NaN or -0. Without these the bits of a float are in the
// order of its value once those of the negative are inverted below the sign.
func (s *spread) spreadFloats(v []float64) bool {
	const zero, inf = math.MinInt64, 0x7ff << 52
	lo, hi, odd := int64(math.MaxInt64), int64(math.MinInt64), false
	for _, x := range v {
		u := int64(math.Float64bits(x))
		o := u ^ int64(uint64(u>>63)>>1)
		lo, hi = min(lo, o), max(hi, o)
		odd = odd || u == zero
	}
	if odd || len(v) > 0 && (hi > inf || lo < ^inf) {
		return false
	}
	s.lo, s.hi = uint64(lo)^1<<63, uint64(hi)^1<<63
	return true
}

func (s *spread) spreadInts(kind dtype.Kind, v *chunk.Vec) {
	const sign = 1 << 63
	signed := func(lo, hi int64) { s.lo, s.hi = uint64(lo)^sign, uint64(hi)^sign }
	if v.N == 0 {
		return
	}
	switch kind {
	case dtype.Int8:
		signed(minMax(chunk.Values[int8](v)))
	case dtype.Int16:
		signed(minMax(chunk.Values[int16](v)))
	case dtype.Int32, dtype.Date:
		signed(minMax(chunk.Values[int32](v)))
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		signed(minMax(chunk.Values[int64](v)))
	case dtype.Uint8:
		s.lo, s.hi = minMaxU(chunk.Values[uint8](v))
	case dtype.Uint16:
		s.lo, s.hi = minMaxU(chunk.Values[uint16](v))
	case dtype.Uint32:
		s.lo, s.hi = minMaxU(chunk.Values[uint32](v))
	case dtype.Uint64:
		s.lo, s.hi = minMaxU(chunk.Values[uint64](v))
	}
}

func minMax[T int8 | int16 | int32 | int64](v []T) (int64, int64) {
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	return int64(lo), int64(hi)
}

func minMaxU[T uint8 | uint16 | uint32 | uint64](v []T) (uint64, uint64) {
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	return uint64(lo), uint64(hi)
}

func (s *spread) spreadText(v *chunk.Vec) {
	for i := range v.N {
		if s.nulls && v.IsNull(i) {
			continue
		}
		x := textOf(v, i)
		s.minLen, s.maxLen = min(s.minLen, len(x)), max(s.maxLen, len(x))
		if s.first == nil {
			s.first, s.shared = x, len(x)
			if x == nil {
				s.first = []byte{}
			}
			continue
		}
		if s.shared > 0 {
			s.shared = prefix(s.first[:s.shared], x)
		}
	}
	if s.first != nil { // the spread outlives the page when the page goes to disk
		s.first = append([]byte{}, s.first[:s.shared]...)
	}
}

// prefix returns how many bytes a and b share at the beginning.
func prefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// join adds what another page holds.
func (s *spread) join(o *spread) {
	s.nulls, s.folded = s.nulls || o.nulls, s.folded || o.folded
	s.lo, s.hi = min(s.lo, o.lo), max(s.hi, o.hi)
	s.lowLo, s.lowHi = min(s.lowLo, o.lowLo), max(s.lowHi, o.lowHi)
	s.minLen, s.maxLen = min(s.minLen, o.minLen), max(s.maxLen, o.maxLen)
	switch {
	case o.first == nil:
	case s.first == nil:
		s.first, s.shared = o.first, o.shared
	default:
		s.shared = min(s.shared, o.shared, prefix(s.first, o.first))
	}
}

// levelsOf packs the keys into levels as tightly as their spreads allow.
func levelsOf(keys []key, spreads []spread) []level {
	var out []level
	var run []part
	flush := func() {
		out = append(out, pack(run)...)
		run = nil
	}
	for i, k := range keys {
		s := &spreads[i]
		if k.kind.IsVar() {
			flush()
			if s.first == nil {
				continue // nothing but nulls
			}
			rest := s.maxLen - s.shared
			out = append(out, level{text: true, key: i, skip: s.shared, first: s.first, rest: rest, short: rest <= 7, whole: !s.nulls && s.minLen == s.maxLen && rest <= 8})
			continue
		}
		if s.lo > s.hi {
			continue
		}
		if s.nulls {
			run = append(run, part{key: i, null: true, width: 1})
		}
		run = append(run, valuePart(i, k.desc, k.kind == dtype.Decimal128, s.lo, s.hi))
		run[len(run)-1].exact = !s.folded && k.kind.Width() > 0 && k.kind != dtype.Decimal128
		if k.kind == dtype.Decimal128 {
			run = append(run, valuePart(i, k.desc, false, s.lowLo, s.lowHi))
		}
	}
	flush()
	return out
}

func valuePart(key int, desc, high bool, lo, hi uint64) part {
	f := part{key: key, high: high, base: lo, width: bits.Len64(hi - lo)}
	if desc {
		f.flip, f.base = ^uint64(0), ^hi
	}
	return f
}

// pack places fields behind each other. One that does not fit into the rest of a
// word continues in the next.
func pack(fields []part) []level {
	var out []level
	at := 0 // bits placed
	for _, f := range fields {
		if f.width == 0 {
			continue
		}
		for w := at / 64; w*64 < at+f.width; w++ {
			for len(out) <= w {
				out = append(out, level{key: f.key})
			}
			p := f
			if s := 64*(w+1) - (at + f.width); s >= 0 {
				p.left = uint(s)
			} else {
				p.right = uint(-s)
			}
			out[w].parts = append(out[w].parts, p)
		}
		at += f.width
	}
	return out
}

// wordAt computes the word of one row. Off is how many bytes of a text column
// were compared before.
func (l *level) wordAt(keys []key, b *chunk.Batch, i, off int) (w uint64) {
	if l.text {
		return l.textWord(&keys[l.key], &b.Cols[keys[l.key].col], i, off)
	}
	for j := range l.parts {
		p := &l.parts[j]
		k := &keys[p.key]
		v := &b.Cols[k.col]
		null := v.IsNull(i)
		switch {
		case p.null:
			if null != k.nullsFirst {
				w |= 1 << p.left
			}
		case !null:
			w |= ((raw(k.kind, v, i, p.high) ^ p.flip) - p.base) >> p.right << p.left
		}
	}
	return w
}

// textWord is 7 bytes of text from off on and one more than how many there are,
// up to 8; a null is below or above all of them.
func (l *level) textWord(k *key, v *chunk.Vec, i, off int) uint64 {
	if v.IsNull(i) {
		if k.nullsFirst {
			return 0
		}
		return ^uint64(0)
	}
	x := textOf(v, i)
	x = x[min(off, len(x)):] // rows of a batch before the interval being merged may be shorter; nobody reads their words
	var w uint64
	if l.whole {
		w = bigEndian(x)
	} else {
		w = bigEndian(x)&^0xff | uint64(min(len(x), 8)+1)
	}
	if k.desc {
		return ^w
	}
	return w
}

// ended reports that rows with this word of a text column are equal in it.
func (l *level) ended(k *key, w uint64) bool {
	if l.whole || l.short || w == 0 || w == ^uint64(0) {
		return true
	}
	if k.desc {
		w = ^w
	}
	return w&0xff < 9
}

// bigEndian returns the first 8 bytes of x, padded with zeros.
func bigEndian(x []byte) uint64 {
	if len(x) >= 8 {
		return binary.BigEndian.Uint64(x)
	}
	w := uint64(0)
	for i, c := range x {
		w |= uint64(c) << (56 - 8*i)
	}
	return w
}

// fill makes the entries of all rows of b: entry i gets the word of row i, and its
// id is base + i.
func (l *level) fill(keys []key, b *chunk.Batch, es []entry, base uint32) {
	es = es[:b.N]
	for i := range es {
		es[i] = entry{id: base + uint32(i)}
	}
	l.words(keys, b, es)
}

// words sets the words of the rows of b, which are 0, and nothing else of their entries.
func (l *level) words(keys []key, b *chunk.Batch, es []entry) {
	if l.text {
		k := &keys[l.key]
		v := &b.Cols[k.col]
		for i := range es {
			es[i].k = l.textWord(k, v, i, l.skip)
		}
		return
	}
	for j := range l.parts {
		l.parts[j].fill(&keys[l.parts[j].key], b, es)
	}
}

// fill adds one field to the words.
func (p *part) fill(k *key, b *chunk.Batch, es []entry) {
	v := &b.Cols[k.col]
	if p.null {
		for i := range es {
			if v.IsNull(i) != k.nullsFirst {
				es[i].k |= 1 << p.left
			}
		}
		return
	}
	const sign = 1 << 63
	switch {
	case v.Valid != nil || v.Type.Kind == dtype.Null:
		for i := range es {
			if !v.IsNull(i) {
				es[i].k |= ((raw(k.kind, v, i, p.high) ^ p.flip) - p.base) >> p.right << p.left
			}
		}
	case k.kind == dtype.Int64 || k.kind == dtype.Timestamp || k.kind == dtype.Time || k.kind == dtype.Duration:
		fillAs(p, es, unsafeInts[uint64](v), sign)
	case k.kind == dtype.Uint64:
		fillAs(p, es, chunk.Values[uint64](v), 0)
	case k.kind == dtype.Int32 || k.kind == dtype.Date:
		fillAs(p, es, chunk.Values[int32](v), sign)
	case k.kind == dtype.Uint32:
		fillAs(p, es, chunk.Values[uint32](v), 0)
	case k.kind == dtype.Float64:
		for i, x := range chunk.Values[float64](v)[:len(es)] {
			es[i].k |= ((float64Bits(x) ^ p.flip) - p.base) >> (p.right & 63) << (p.left & 63)
		}
	default:
		for i := range es {
			es[i].k |= ((raw(k.kind, v, i, p.high) ^ p.flip) - p.base) >> p.right << p.left
		}
	}
}

func unsafeInts[T uint64 | uint32](v *chunk.Vec) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(v.Data))), v.N)
}

// fillAs adds the field of a column of integers without nulls.
func fillAs[T int32 | uint32 | uint64](p *part, es []entry, v []T, sign uint64) {
	flip := p.flip ^ sign
	for i, x := range v[:len(es)] {
		es[i].k |= ((uint64(int64(x)) ^ flip) - p.base) >> (p.right & 63) << (p.left & 63)
	}
}
