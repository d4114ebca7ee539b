package parquet

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A tail is a buffer of the task that is appended to.
type tail struct {
	b []byte
	n int // bytes in use
}

// room makes room for k bytes behind those in use, and returns it.
func (t *tail) room(a mem.Allocator, k int) ([]byte, error) {
	if len(t.b)-t.n < k {
		b := a.Alloc(max(t.n+k, 2*len(t.b), 4<<10))
		if b == nil {
			b = a.Alloc(t.n + k)
		}
		if b == nil {
			return nil, fmt.Errorf("no memory for %d bytes: %w", t.n+k, mem.ErrBudget)
		}
		copy(b, t.b[:t.n])
		a.Free(t.b)
		t.b = b
	}
	return t.b[t.n : t.n+k], nil
}

func (t *tail) free(a mem.Allocator) { a.Free(t.b); *t = tail{} }

// A leafWriter encodes one leaf of a file: values are gathered to a page, pages to the chunk of a row group.
//
// A chunk begins with a dictionary, unless an option or its type says otherwise, and goes on without one when that
// stops to pay: see keepsDict. Vectors of codes hand theirs over; every text of a dictionary is looked up once.
type leafWriter struct {
	stored
	name   string // of the column, for errors
	path   []string
	maxDef int
	maxRep int
	codec  int
	v2     bool
	opt    ColumnOptions
	alloc  mem.Allocator

	// The page: levels, and values as codes or as PLAIN has them. Booleans are bits.
	n       int // entries: values, nulls and empty lists
	rows    int
	present int
	valid   tail // bits, of a column that is not nested
	levels  bool // some value is null
	defs    tail // bytes, of a nested column
	reps    tail
	codes   tail
	plain   tail
	page    extent
	lanes   buffer // of a morsel: widened, without nulls
	lanes2  buffer

	// The chunk.
	dict    lookup
	inDict  bool
	first   bool // no page was made yet
	of      uint64
	remap   tail // by code of dictionary of: the own code + 1, 0: not known
	stamp   tail // by own code: the page that had it last
	stamped uint32
	chunk   extent
	hashes  tail // of values without a dictionary, for the bloom filter
	total   int64
	nulls   int64
	pages   []encoded

	made  []encoded // pages that are not kept yet
	slots []slot    // of made
	asked int       // bytes for the body of the last page

	// What the chunk has beside its pages, when they are made.
	whole    bool   // it is made
	dictPage []byte // the page of the dictionary, in the first slot's body until it is kept; nil: none
	dictOwn  []byte // where it is kept; nil: it is not
	dictRaw  int    // its bytes before compression
	filter   []byte // the bloom filter; nil: none
}

// A slot is where a page is until it is kept.
type slot struct{ body, out buffer }

func (s *slot) free(a mem.Allocator) {
	s.body.free(a)
	s.out.free(a)
}

// An encoded is a page as it will be written.
type encoded struct {
	b        []byte // of out, until the page is kept; nil: not compressed yet
	body     []byte
	levels   [2]int // bytes at the beginning of body
	raw      int    // bytes before compression, with the header
	rows     int
	entries  int
	nulls    int
	encoding guard.Encoding
	lo, hi   limit
	bounded  bool
	empty    bool // no value
}

// fail gives an error its column.
func (l *leafWriter) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("column %q: %w", l.name, err)
}

// usesDict reports whether chunks begin with a dictionary.
func (l *leafWriter) usesDict() bool {
	return l.opt.Encoding == "" && (l.width == 4 || l.width == 8 || l.physical == guard.ByteArray) && l.logical.Kind != guard.NullValues
}

// begin starts a chunk.
func (l *leafWriter) begin() {
	l.inDict, l.first, l.of = l.usesDict(), true, 0
	l.dict.reset()
	l.chunk.reset()
	l.stamped = 1 // no page
	l.dictPage, l.dictOwn, l.filter, l.whole = nil, nil, nil, false
	clear(l.stamp.b[:l.stamp.n])
	l.hashes.n, l.total, l.nulls = 0, 0, 0
}

// addColumn takes the values of a column that is not nested.
func (l *leafWriter) addColumn(v *chunk.Vec) error {
	if more := (chunk.Words(l.n+v.N)+1)*8 - l.valid.n; more > 0 {
		if _, err := l.valid.room(l.alloc, more); err != nil {
			return l.fail(err)
		}
		l.valid.n += more
	}
	bitmap := chunk.Slice[uint64](l.valid.b, chunk.Words(l.n+v.N))
	nulls := v.Nulls()
	switch {
	case nulls > 0 && l.maxDef == 0:
		return l.fail(fmt.Errorf("%d nulls in a column whose type has none", nulls))
	case l.maxDef == 0:
	case nulls == 0:
		kernel.SetRange(bitmap, l.n, l.n+v.N, true)
	case v.Valid == nil: // all are null
		l.levels = true
		kernel.SetRange(bitmap, l.n, l.n+v.N, false)
	default:
		l.levels = true
		kernel.CopyBits(bitmap, l.n, v.Valid, 0, v.N)
	}
	l.n, l.rows, l.total = l.n+v.N, l.rows+v.N, l.total+int64(v.N)
	l.nulls += int64(nulls)
	return l.fail(l.addValues(v, v.N-nulls))
}

// addEntries takes levels of a nested column and the values, none of them null, of those that have one.
func (l *leafWriter) addEntries(defs, reps []byte, rows int, v *chunk.Vec) error {
	for _, x := range []struct {
		to   *tail
		from []byte
	}{{&l.defs, defs}, {&l.reps, reps}} {
		b, err := x.to.room(l.alloc, len(x.from))
		if err != nil {
			return l.fail(err)
		}
		x.to.n += copy(b, x.from)
	}
	l.n, l.rows, l.total = l.n+len(defs), l.rows+rows, l.total+int64(len(defs))
	l.nulls += int64(len(defs) - v.N)
	return l.fail(l.addValues(v, v.N))
}

// addValues takes the values that are not null, present of them.
func (l *leafWriter) addValues(v *chunk.Vec, present int) error {
	if present == 0 {
		return nil
	}
	l.present += present
	switch {
	case l.physical == guard.Boolean:
		return l.addBits(v, present)
	case v.Type.Kind.IsVar() && v.Dict != nil:
		return l.addCodes(v, present)
	case v.Type.Kind.IsVar():
		return l.addTexts(v, nil, v.Valid, v.N)
	}
	raw, err := l.lanesOf(v, present)
	if err != nil {
		return err
	}
	l.page.addFixed(&l.stored, raw, present)
	if l.inDict {
		out, err := l.codes.room(l.alloc, 4*present)
		if err != nil {
			return err
		}
		ok := false
		if to := chunk.Slice[uint32](out, present); l.width == 8 {
			ok = codesOf(&l.dict, chunk.Slice[uint64](raw, present), to)
		} else {
			ok = codesOf(&l.dict, chunk.Slice[uint32](raw, present), to)
		}
		if ok {
			l.codes.n += 4 * present
			return nil
		}
		if err := l.leaveDict(); err != nil {
			return err
		}
	}
	b, err := l.plain.room(l.alloc, len(raw))
	if err != nil {
		return err
	}
	l.plain.n += copy(b, raw)
	return l.hash(raw, present)
}

// lanesOf returns the values that are not null at the stored width.
func (l *leafWriter) lanesOf(v *chunk.Vec, present int) ([]byte, error) {
	room, err := l.lanes.room(l.alloc, max(l.width, v.Type.Width())*v.N+64)
	if err != nil {
		return nil, err
	}
	if v.N > present {
		// Without its nulls first, so that what is under them is not looked at.
		own := *v
		own.Data, own.N, own.Valid = room, present, nil
		switch v.Type.Width() {
		case 1:
			kernel.Compress(chunk.Slice[uint8](room, v.N), chunk.Values[uint8](v), v.Valid)
		case 2:
			kernel.Compress(chunk.Slice[uint16](room, v.N), chunk.Values[uint16](v), v.Valid)
		case 4:
			kernel.Compress(chunk.Slice[uint32](room, v.N), chunk.Values[uint32](v), v.Valid)
		case 8:
			kernel.Compress(chunk.Slice[uint64](room, v.N), chunk.Values[uint64](v), v.Valid)
		default:
			at, out := 0, chunk.Slice[[16]byte](room, v.N)
			for i, x := range chunk.Values[[16]byte](v) {
				if !v.IsNull(i) {
					out[at], at = x, at+1
				}
			}
		}
		v = &own
		if room, err = l.lanes2.room(l.alloc, l.width*v.N+64); err != nil {
			return nil, err
		}
	}
	raw, err := l.widen(room, v)
	if raw == nil && err == nil {
		raw = v.Data[:v.N*l.width]
	}
	return raw, err
}

func (l *leafWriter) addBits(v *chunk.Vec, present int) error {
	at := l.present - present
	if _, err := l.plain.room(l.alloc, (chunk.Words(l.present)+1)*8-l.plain.n); err != nil {
		return err
	}
	room, err := l.lanes.room(l.alloc, chunk.Words(v.N)*8+64)
	if err != nil {
		return err
	}
	to, from := chunk.Slice[uint64](l.plain.b, chunk.Words(l.present)), v.Bits()
	if present < v.N {
		own := chunk.Slice[uint64](room, chunk.Words(v.N))
		kernel.CompressBits(own, from, v.Valid, v.N)
		from = own
	}
	kernel.CopyBits(to, at, from, 0, present)
	if over := uint(l.present) % 64; over > 0 { // the bits behind the last value are written with it
		to[len(to)-1] &= 1<<over - 1
	}
	l.plain.n = (l.present + 7) / 8
	if set := kernel.PopCount(from, present); present > 0 {
		lo, hi := int64(0), int64(0)
		if set == present {
			lo = 1
		}
		if set > 0 {
			hi = 1
		}
		l.page.addRange(lo, hi)
	}
	return nil
}

// addCodes takes text that has codes.
func (l *leafWriter) addCodes(v *chunk.Vec, present int) error {
	codes := chunk.Values[uint32](v)
	words := v.Dict.Values.N
	if !l.inDict || v.Dict.ID != l.of && words > 8*present+1024 {
		return l.addTexts(&v.Dict.Values, codes, v.Valid, v.N)
	}
	if v.Dict.ID != l.of {
		l.remap.n = 0
		b, err := l.remap.room(l.alloc, 4*words)
		if err != nil {
			return err
		}
		clear(b)
		l.of, l.remap.n = v.Dict.ID, 4*words
	}
	if present < v.N {
		room, err := l.lanes.room(l.alloc, 4*v.N+64)
		if err != nil {
			return err
		}
		own := chunk.Slice[uint32](room, v.N)
		kernel.Compress(own, codes, v.Valid)
		codes = own[:present]
	}
	b, err := l.codes.room(l.alloc, 4*present)
	if err != nil {
		return err
	}
	out, known := chunk.Slice[uint32](b, present), chunk.Slice[uint32](l.remap.b, words)
	stamps := chunk.Slice[uint32](l.stamp.b, l.stamp.n/4)
	for i, c := range codes {
		k := known[c]
		if k == 0 || int(k) > len(stamps) || stamps[k-1] != l.stamped {
			own, ok := k-1, k != 0
			if !ok {
				if own, ok = l.dict.code(textOf(&v.Dict.Values, int(c))); ok {
					known[c] = own + 1
				}
			}
			if ok {
				ok = l.see(own)
				stamps = chunk.Slice[uint32](l.stamp.b, l.stamp.n/4)
			}
			if !ok { // the dictionary is full: the rest as it stands
				l.codes.n += 4 * i
				if err := l.leaveDict(); err != nil {
					return err
				}
				return l.addTexts(&v.Dict.Values, codes[i:present], nil, present-i)
			}
			k = own + 1
		}
		out[i] = k - 1
	}
	l.codes.n += 4 * present
	return nil
}

// see takes the text of a code into the bounds of the page, once per page.
func (l *leafWriter) see(c uint32) bool {
	if n := l.dict.n * 4; l.stamp.n < n {
		b, err := l.stamp.room(l.alloc, n-l.stamp.n)
		if err != nil {
			return false
		}
		clear(b)
		l.stamp.n = n
	}
	if s := chunk.Slice[uint32](l.stamp.b, l.stamp.n/4); s[c] != l.stamped {
		s[c] = l.stamped
		l.page.addBytes(&l.stored, l.dict.bytes(c))
	}
	return true
}

func textOf(v *chunk.Vec, i int) []byte { return v.Str[v.Off[i]:v.Off[i+1]] }

// addTexts takes n byte arrays one by one: those of values, or of values at codes.
func (l *leafWriter) addTexts(values *chunk.Vec, codes []uint32, valid []uint64, n int) error {
	if l.inDict {
		if _, err := l.codes.room(l.alloc, 4*n); err != nil {
			return err
		}
	}
	for i := range n {
		if valid != nil && valid[i>>6]>>(i&63)&1 == 0 {
			continue
		}
		at := i
		if codes != nil {
			at = int(codes[i])
		}
		x := textOf(values, at)
		if l.inDict {
			c, ok := l.dict.code(x)
			if ok && l.see(c) {
				binary.LittleEndian.PutUint32(l.codes.b[l.codes.n:], c)
				l.codes.n += 4
				continue
			}
			if err := l.leaveDict(); err != nil {
				return err
			}
		}
		l.page.addBytes(&l.stored, x)
		b, err := l.plain.room(l.alloc, 4+len(x))
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint32(b, uint32(len(x)))
		l.plain.n += 4 + copy(b[4:], x)
		if l.opt.Bloom {
			if err := l.hashOne(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// hash keeps the hashes of n lanes for the bloom filter.
func (l *leafWriter) hash(raw []byte, n int) error {
	for i := 0; i < n && l.opt.Bloom; i++ {
		if err := l.hashOne(raw[i*l.width : (i+1)*l.width]); err != nil {
			return err
		}
	}
	return nil
}

func (l *leafWriter) hashOne(x []byte) error {
	b, err := l.hashes.room(l.alloc, 8)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b, xxhash.Sum64(x))
	l.hashes.n += 8
	return nil
}

// leaveDict turns the page's codes to values; the chunk goes on without a dictionary.
func (l *leafWriter) leaveDict() error {
	l.inDict = false
	codes := chunk.Slice[uint32](l.codes.b, l.codes.n/4)
	for _, c := range codes {
		x := l.dict.entry(c)
		b, err := l.plain.room(l.alloc, len(x))
		if err != nil {
			return err
		}
		l.plain.n += copy(b, x)
		if l.opt.Bloom && l.first { // later the dictionary, which has it, stays
			if err := l.hashOne(x[len(x)-l.sizeOf(x):]); err != nil {
				return err
			}
		}
	}
	l.codes.n = 0
	if l.first {
		l.dict.free()
	}
	return nil
}

// sizeOf is the number of bytes of a value in its plain form.
func (l *leafWriter) sizeOf(x []byte) int {
	if l.width > 0 {
		return l.width
	}
	return len(x) - 4
}

// keepsDict decides behind a page whether the dictionary pays. The first page of n values with d distinct ones is taken
// as a sample of equally likely ones: then there are about n²/2(n-d) in all, and they should be a fourth of the
// values at most. Later that is asked of a dictionary of more than a mebibyte.
func (l *leafWriter) keepsDict(groupRows int64) bool {
	n, d := float64(l.present), float64(l.dict.n)
	if l.first {
		return n < 256 || n*n <= (n-d)*2*float64(groupRows)/4
	}
	return l.dict.plain.n <= softDict || 4*int64(l.dict.n) <= l.total-l.nulls
}

// bytes is what the page has gathered.
func (l *leafWriter) bytes() int { return l.plain.n + l.codes.n + l.defs.n + l.reps.n }

// keep moves the pages that were made to memory of their own, that of a dictionary too; false when that is refused.
func (l *leafWriter) keep() bool {
	if l.dictPage != nil {
		if l.dictOwn = l.alloc.Alloc(len(l.dictPage)); l.dictOwn == nil {
			return false
		}
		l.dictPage = l.dictOwn[:copy(l.dictOwn, l.dictPage)]
	}
	for i := range l.made {
		p := l.made[i]
		b := l.alloc.Alloc(len(p.b))
		if b == nil {
			l.made = append(l.made[:0], l.made[i:]...)
			return false
		}
		copy(b, p.b)
		p.b, p.body = b, nil
		l.pages = append(l.pages, p)
	}
	l.made = l.made[:0]
	return true
}

// all are the pages of the chunk.
func (l *leafWriter) all() []encoded {
	return append(l.pages[:len(l.pages):len(l.pages)], l.made...)
}

// undo frees what the chunk has beside its pages.
func (l *leafWriter) undo() {
	if l.dictPage != nil {
		l.slots[0].body.free(l.alloc)
	}
	l.alloc.Free(l.dictOwn)
	l.alloc.Free(l.filter)
	l.dictPage, l.dictOwn, l.filter, l.whole = nil, nil, nil, false
}

// hand appends the pages of the chunk. Those that were not kept are in buffers which the next pages take.
func (l *leafWriter) hand(all []written) []written {
	if l.dictPage != nil {
		all = append(all, written{l.dictPage, l.dictOwn})
	}
	for _, p := range l.pages {
		all = append(all, written{p.b, p.b})
	}
	for _, p := range l.made {
		all = append(all, written{b: p.b})
	}
	l.pages, l.made, l.dictOwn = l.pages[:0], l.made[:0], nil
	return all
}

// drop frees the pages that were kept.
func (l *leafWriter) drop() {
	for _, p := range l.pages {
		l.alloc.Free(p.b)
	}
	l.pages, l.made = l.pages[:0], l.made[:0]
	l.undo()
}

// close frees everything.
func (l *leafWriter) close() {
	l.drop()
	l.dict.free()
	for _, t := range []*tail{&l.valid, &l.defs, &l.reps, &l.codes, &l.plain, &l.remap, &l.stamp, &l.hashes} {
		t.free(l.alloc)
	}
	for _, b := range []*buffer{&l.lanes, &l.lanes2} {
		b.free(l.alloc)
	}
	for i := range l.slots {
		l.slots[i].free(l.alloc)
	}
	l.of = 0
}

// bloomBits is how many bits of a bloom filter there are for a distinct value: one in a hundred other values passes.
const bloomBits = 10.5

// makeFilter makes the bloom filter of the chunk if somebody asked for one.
func (l *leafWriter) makeFilter() error {
	if !l.opt.Bloom || l.physical == guard.Boolean || l.logical.Kind == guard.NullValues {
		return nil
	}
	n := l.dict.n + l.hashes.n/8
	size := 32
	for float64(size*8) < bloomBits*float64(n) && size < 16<<20 {
		size *= 2
	}
	b := l.alloc.Alloc(size)
	if b == nil {
		return l.fail(fmt.Errorf("no memory for a bloom filter of %d bytes: %w", size, mem.ErrBudget))
	}
	clear(b)
	for c := range l.dict.n {
		x := l.dict.entry(uint32(c))
		guard.BloomAdd(b, xxhash.Sum64(x[len(x)-l.sizeOf(x):]))
	}
	for i := 0; i < l.hashes.n; i += 8 {
		guard.BloomAdd(b, binary.LittleEndian.Uint64(l.hashes.b[i:]))
	}
	l.filter = b
	return nil
}

// nullable reports whether values may be null.
func nullable(f dtype.Field) bool {
	return f.Nullable || f.Type.Kind == dtype.Null || f.Type.Kind.IsNested()
}
