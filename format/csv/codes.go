package csv

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	"github.com/zeebo/xxh3"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// A glossary numbers the distinct values of one text column while they are few: the
// column's vectors are then codes of a dictionary, and what follows looks at each
// value once instead of at each row. It is shared by all parsers of a source, so
// that equal text has one code everywhere.
//
// Fields are looked up as they stand in the file, quotes and null spellings
// included: what a field means is found out once per spelling.
type glossary struct {
	mu     sync.Mutex
	now    atomic.Pointer[edition]
	over   atomic.Bool // there were too many values: the column is plain text from then on
	most   int         // bytes that an edition may have
	values map[string]uint32
}

// An edition is a state of a glossary: it never changes. A later one has the
// entries and codes of those before it and a dictionary of its own.
type edition struct {
	dict    *chunk.Dict
	entries []entry  // entries[0] is no field's
	slots   []uint32 // by hash: position in entries, 0 if free
	shift   uint8    // slots are chosen by the upper 64-shift bits of the hash
	long    []string // by entry: the field, if its spelling is only a hash; nil before the first such one
	letters int      // bytes in long
}

// An entry is a field as it is spelled and the code of its value.
type entry struct {
	key  spelling
	code uint32
}

// A spelling is up to 31 bytes of a field, zeroes, and their number in the top
// byte; or for longer ones 128 bits of xxh3, the length, and longSpelling there.
type spelling [4]uint64

const (
	longSpelling = 255 << 56
	// nullCode marks entries that are null. Values[0] of every dictionary is an empty
	// text of no field, so that the other bits can be used as a code.
	nullCode = 1 << 31

	// editionBytes bounds an edition so that it stays in the second-level cache, and
	// glossaryBytes all glossaries of a reader: they are kept on the heap.
	editionBytes  = 512 << 10
	glossaryBytes = 1 << 20

	// slotsPerSpelling is how many slots there are for an entry at least.
	slotsPerSpelling = 4

	spell0, spell1, spell2, spell3 = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0xa0761d6478bd642f, 0xe7037ed1a0b428db
)

// spellingMasks[n] are the bits of n bytes.
var spellingMasks [32]spelling

func init() {
	for n := range spellingMasks {
		for w := range spellingMasks[n] {
			if k := min(max(n-8*w, 0), 8); k > 0 {
				spellingMasks[n][w] = ^uint64(0) >> (64 - 8*k)
			}
		}
	}
}

// hash mixes a spelling into its upper bits.
func (k *spelling) hash() uint64 {
	return k[0]*spell0 + k[1]*spell1 + k[2]*spell2 + k[3]*spell3
}

// longSpellingHash is the hash of long fields; a test makes it collide.
var longSpellingHash = xxh3.Hash128

// spell returns the spelling of a field, of which 31 bytes behind its start can be read.
func spell(p unsafe.Pointer, n uint32) spelling {
	if n > 31 {
		h := longSpellingHash(unsafe.Slice((*byte)(p), n))
		return spelling{h.Lo, h.Hi, uint64(n), longSpelling}
	}
	m := &spellingMasks[n&31]
	return spelling{
		*(*uint64)(p) & m[0],
		*(*uint64)(unsafe.Add(p, 8)) & m[1],
		*(*uint64)(unsafe.Add(p, 16)) & m[2],
		*(*uint64)(unsafe.Add(p, 24))&m[3] | uint64(n)<<56,
	}
}

// glossaries makes one for each column of text that is read, by its position in the
// files.
func (p *ReadParams) glossaries() map[int]*glossary {
	all := map[int]*glossary{}
	add := func(c int) {
		if p.Types[c].Kind == dtype.Utf8 && all[c] == nil && !slices.Contains(p.Keys, int32(c)) {
			all[c] = &glossary{values: map[string]uint32{}}
			all[c].now.Store(firstEdition())
		}
	}
	for _, c := range p.Cols {
		add(int(c))
	}
	for _, name := range expr.Columns(p.Where) {
		add(slices.Index(p.Names, name))
	}
	for _, g := range all {
		g.most = min(editionBytes, glossaryBytes/len(all))
	}
	return all
}

func firstEdition() *edition {
	e := &edition{entries: make([]entry, 1, 16)}
	e.entries[0].key[3] = longSpelling // and no length: never equal to a field
	e.place()
	e.publish([]int32{0, 0}, nil)
	return e
}

// place makes the slots.
func (e *edition) place() {
	// Mostly empty while small: a row whose first slot is not its own is mispredicted.
	b := max(bits.Len(uint(slotsPerSpelling*len(e.entries))), 8)
	if b < 14 {
		b++
	}
	e.slots, e.shift = make([]uint32, 1<<b), uint8(64-b)
	for i := 1; i < len(e.entries); i++ {
		e.enter(uint32(i))
	}
}

func (e *edition) enter(i uint32) {
	p := e.entries[i].key.hash() >> e.shift
	for e.slots[p] != 0 {
		p = (p + 1) & uint64(len(e.slots)-1)
	}
	e.slots[p] = i
}

// publish gives the edition its dictionary.
func (e *edition) publish(off []int32, str []byte) {
	e.dict = chunk.NewDict(chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(off) - 1, Off: off, Str: str})
	e.dict.Whole = true
}

// find returns the entry of a spelling, 0 if there is none. raw is the field if it
// is too long for its spelling to be all of it.
func (e *edition) find(k *spelling, raw []byte) (at uint32, collides bool) {
	for p := k.hash() >> e.shift; ; p = (p + 1) & uint64(len(e.slots)-1) {
		if at = e.slots[p]; at == 0 || e.entries[at].key == *k {
			return at, at != 0 && len(raw) > 31 && e.long[at] != string(raw)
		}
	}
}

// bytes returns the size of an edition with a dictionary of so much text.
func (e *edition) bytes(values, text int) int {
	return len(e.entries)*int(unsafe.Sizeof(entry{})) + 4*len(e.slots) + len(e.long)*int(unsafe.Sizeof("")) + e.letters + 4*values + text
}

// A draft is an edition being made of the last one.
type draft struct {
	edition
	off []int32
	str []byte
}

func (e *edition) draft() *draft {
	d := &draft{edition: edition{slots: slices.Clone(e.slots), shift: e.shift, long: slices.Clone(e.long), letters: e.letters}}
	d.entries = append(make([]entry, 0, len(e.entries)+len(e.entries)/8+64), e.entries...)
	v := &e.dict.Values
	d.off = append(make([]int32, 0, len(v.Off)+len(v.Off)/8+64), v.Off...)
	d.str = append(make([]byte, 0, len(v.Str)+len(v.Str)/8+1024), v.Str...)
	return d
}

// add enters a field whose value has a code.
func (d *draft) add(k *spelling, raw []byte, code uint32) {
	if len(raw) > 31 && d.long == nil {
		d.long = make([]string, len(d.entries), cap(d.entries))
	}
	if d.long != nil {
		field := ""
		if len(raw) > 31 {
			field = string(raw)
		}
		d.long, d.letters = append(d.long, field), d.letters+len(field)
	}
	d.entries = append(d.entries, entry{*k, code})
	if len(d.entries)*slotsPerSpelling > len(d.slots) {
		d.place()
	} else {
		d.enter(uint32(len(d.entries) - 1))
	}
}

// learn returns an edition that has the fields of the rows in miss; nil when the
// glossary is given up. bad is the first of these rows that is not UTF-8, else -1.
func (g *glossary) learn(r *parser, f *ends, miss []uint32) (next *edition, bad int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over.Load() {
		return nil, -1
	}
	next, bad = g.now.Load(), -1
	var d *draft
	for _, i := range miss {
		raw := r.value(f, int(i))
		k := spell(unsafe.Pointer(unsafe.SliceData(raw)), uint32(len(raw)))
		at, collides := next.find(&k, raw)
		if collides {
			return g.end(), -1
		}
		if at != 0 { // another row of these has it, or another thread was faster
			continue
		}
		if d == nil {
			d = next.draft()
			next = &d.edition
		}
		code, ok := g.code(r, d, raw)
		if !ok {
			bad = int(i)
			break
		}
		if d.add(&k, raw, code); d.bytes(len(d.off), len(d.str)) > g.most {
			return g.end(), -1
		}
	}
	if d != nil {
		d.publish(d.off, d.str)
		g.now.Store(next)
	}
	return next, bad
}

// end gives the glossary up. Those who still read an edition have it in hand.
func (g *glossary) end() *edition {
	g.over.Store(true)
	g.now.Store(firstEdition())
	g.values = nil
	return nil
}

// code returns the code of a field's value; false if that is not UTF-8.
func (g *glossary) code(r *parser, d *draft, raw []byte) (code uint32, ok bool) {
	switch {
	case len(raw) == 0:
		return nullCode, true
	case r.quote && raw[0] == r.g.quote:
		r.scratch = unquote(r.scratch[:0], raw[1:len(raw)-1], r.g.quote)
		raw = r.scratch
	case r.isNull(raw):
		return nullCode, true
	}
	if !utf8.Valid(raw) {
		return 0, false
	}
	code, ok = g.values[string(raw)]
	if !ok {
		code = uint32(len(d.off) - 1)
		g.values[string(raw)] = code
		d.str = append(d.str, raw...)
		d.off = append(d.off, int32(len(d.str)))
	}
	return code, true
}

// parseCodes reads text as codes. False means that there are too many values.
func (r *parser) parseCodes(c *column, f *ends, n int) (*fault, bool) {
	ed := c.glossary.now.Load()
	some := r.code(as[uint32](c, n), ed, f)
	if len(r.miss) > 0 {
		var bad int
		if ed, bad = c.glossary.learn(r, f, r.miss); bad >= 0 {
			return wrong(c, bad, notUTF8), true
		}
		if ed == nil {
			return nil, false
		}
		for _, i := range r.miss {
			raw := r.value(f, int(i))
			k := spell(unsafe.Pointer(unsafe.SliceData(raw)), uint32(len(raw)))
			at, _ := ed.find(&k, raw)
			as[uint32](c, n)[i] = ed.entries[at].code
			some |= ed.entries[at].code
		}
	}
	c.dict = ed.dict
	if some&nullCode != 0 {
		c.codedNulls(n)
	}
	return nil, true
}

// code writes the codes of fields to out, notes the rows that the edition does not know,
// and returns all codes or'ed. It is spell and find in one loop for what is not long.
func (r *parser) code(out []uint32, ed *edition, f *ends) (some uint32) {
	e := *f
	r.miss = r.miss[:0]
	slots, shift := ed.slots, ed.shift&63
	first := unsafe.Pointer(unsafe.SliceData(ed.entries))
	for i := range out {
		s, t := e.at(i)
		l := t - s
		if l > 31 {
			some |= r.codeLong(out, ed, i, r.text[s:t])
			continue
		}
		p, m := unsafe.Add(e.base, s), &spellingMasks[l]
		k0, k1 := *(*uint64)(p)&m[0], *(*uint64)(unsafe.Add(p, 8))&m[1]
		k2, k3 := *(*uint64)(unsafe.Add(p, 16))&m[2], *(*uint64)(unsafe.Add(p, 24))&m[3]|uint64(l)<<56
		for h := (k0*spell0 + k1*spell1 + k2*spell2 + k3*spell3) >> shift; ; h++ {
			at := slots[h&uint64(len(slots)-1)]
			x := (*entry)(unsafe.Add(first, uintptr(at)*unsafe.Sizeof(entry{})))
			if x.key[0]^k0|x.key[1]^k1|x.key[2]^k2|x.key[3]^k3 == 0 {
				out[i] = x.code
				some |= x.code
				break
			}
			if at == 0 {
				r.miss = append(r.miss, uint32(i))
				break
			}
		}
	}
	return some
}

// codeLong is code for one long field.
func (r *parser) codeLong(out []uint32, ed *edition, i int, raw []byte) uint32 {
	k := spell(unsafe.Pointer(unsafe.SliceData(raw)), uint32(len(raw)))
	at, collides := ed.find(&k, raw)
	if at == 0 || collides {
		r.miss = append(r.miss, uint32(i))
		return 0
	}
	out[i] = ed.entries[at].code
	return out[i]
}

// codedNulls makes the marked codes of n null.
func (c *column) codedNulls(n int) {
	out := as[uint32](c, n)
	for i, x := range out {
		if x&nullCode != 0 {
			c.null(i, n)
			out[i] = x &^ nullCode
		}
	}
}
