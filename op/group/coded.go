package group

import (
	"math/bits"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// When nearly every row is a group of its own and the task finishes its groups
// itself, rows are not passed on as columns but as records of a few words: the
// packed key and the arguments. Records are divided into 256 parts by the hash of
// some key columns, and a part is aggregated while it is in the cache.
//
// A layout says how a key is packed: integers as the distance from the least one,
// other values by their codes. All threads of a task share it. It grows with the
// values seen, and every version holds the values of those before it.

// codedParts is into how many parts records are divided.
const codedParts = 256

// A codedCol is one key column within the word.
type codedCol struct {
	raw   bool // an integer: the field is value − base
	null  bool // raw: field 0 is null and values begin at 1
	lo    uint64
	hi    uint64
	codes int // of a coded column: field < codes
	width uint8
	shift uint8
}

// first returns the field of value lo.
func (c *codedCol) first() uint64 {
	if c.null {
		return 1
	}
	return 0
}

type codedLayout struct {
	version int
	cols    []codedCol
}

// fit sets widths and shifts; false when 64 bits are too few.
func (l *codedLayout) fit() bool {
	at := 0
	for i := range l.cols {
		c := &l.cols[i]
		w := bits.Len(uint(max(c.codes-1, 0)))
		if c.raw {
			top := c.hi - c.lo
			if c.null {
				if top++; top == 0 {
					return false
				}
			}
			w = bits.Len64(top)
		}
		c.width, c.shift = uint8(w), uint8(at&63)
		at += w
	}
	return at <= 64
}

// codedShared is what the threads of a task have in common.
type codedShared struct {
	mu      sync.Mutex
	off     bool
	layouts []*codedLayout
	by      []int // columns whose hash chooses the part
}

// codable reports whether rows of pl can be records.
func (pl *plan) codable() bool {
	if pl.positional || pl.holistic || len(pl.keys) == 0 || len(pl.args) > 64 {
		return false
	}
	for _, a := range pl.args {
		if isText(a.t.Kind) {
			return false
		}
	}
	return true
}

// isRaw reports whether keys of kind k are packed as integers.
func isRaw(k dtype.Kind) bool {
	return k == dtype.Bool || k.IsInt() || k == dtype.Date || k == dtype.Timestamp || k == dtype.Time || k == dtype.Duration
}

// begin chooses the first layout from the columns of a table. False: keys of this
// kind are better passed on as they are.
func (s *codedShared) begin(pl *plan, t *table) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.keys.rows != nil {
		s.off = true // 64 bits are too few
	}
	if s.layouts != nil || s.off {
		return !s.off
	}
	l := &codedLayout{cols: make([]codedCol, len(pl.keys))}
	for i, c := range t.keys.cols {
		l.cols[i] = codedCol{raw: isRaw(c.t.Kind), codes: c.len()}
		if l.cols[i].raw {
			l.cols[i].setBounds(c)
		} else if float64(c.len()) > dictShare*float64(t.taken) {
			s.off = true // a dictionary as large as the table saves nothing
		}
	}
	s.off = s.off || !l.fit()
	s.layouts, s.by = []*codedLayout{l}, partBy(t.keys.cols)
	return !s.off
}

// partBy returns the columns with most values, until there are enough for parts
// of like size.
func partBy(cols []*column) (by []int) {
	product := 1
	used := make([]bool, len(cols))
	for len(by) < len(cols) && product < 16*codedParts {
		best := -1
		for i, c := range cols {
			if !used[i] && (best < 0 || c.len() > cols[best].len()) {
				best = i
			}
		}
		used[best] = true
		by = append(by, best)
		product *= max(cols[best].len(), 1)
	}
	return by
}

// setBounds takes the range of the integers of a column.
func (c *codedCol) setBounds(col *column) {
	w := &col.words
	c.null = w.null != 0
	first := true
	for code, k := range w.keys.s[:w.n] {
		if uint32(code)+1 == w.null {
			continue
		}
		if first {
			c.lo, c.hi, first = k, k, false
		}
		c.widen(k, k, col.t.Kind == dtype.Uint64)
	}
}

// widen makes [lo, hi] part of the range.
func (c *codedCol) widen(lo, hi uint64, unsigned bool) {
	if unsigned {
		c.lo, c.hi = min(c.lo, lo), max(c.hi, hi)
		return
	}
	c.lo, c.hi = uint64(min(int64(c.lo), int64(lo))), uint64(max(int64(c.hi), int64(hi)))
}

// extend returns a layout that also holds what f adds to column i; nil when there
// is none. f is first asked for more than is needed, so that keys in rising order
// do not change the layout with every lap.
func (s *codedShared) extend(i int, f func(c *codedCol, more bool)) *codedLayout {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.layouts[len(s.layouts)-1]
	for _, more := range []bool{true, false} {
		l := &codedLayout{version: len(s.layouts), cols: append([]codedCol(nil), old.cols...)}
		if f(&l.cols[i], more); !s.off && l.fit() {
			s.layouts = append(s.layouts, l)
			return l
		}
	}
	s.off = true
	return nil
}

// double makes the range twice as long on the sides where it has grown from old.
func (c *codedCol) double(old codedCol, unsigned bool) {
	span := c.hi - c.lo
	if c.hi != old.hi {
		if hi := c.hi + span; unsigned && hi >= c.hi || !unsigned && int64(hi) >= int64(c.hi) {
			c.hi = hi
		}
	}
	if c.lo != old.lo {
		if lo := c.lo - span; unsigned && lo <= c.lo || !unsigned && int64(lo) <= int64(c.lo) {
			c.lo = lo
		}
	}
}

// A codedRows has the records of one thread.
type codedRows struct {
	pl     *plan
	shared *codedShared
	t      *table // whose columns give the codes; it takes no more rows
	layout *codedLayout
	size   int  // words of a record
	nulls  bool // records have a word of valid bits

	cur    [codedParts]codedBlock // being filled
	blocks []codedBlock           // in the order of their memory
	parts  [codedParts][]int32    // blocks of each part
	slabs  [][]byte
	cut    int      // slabs that have begun to be cut into blocks
	free   []uint64 // rest of the slab being cut

	word []uint64
	hash []uint64
	next []uint64
	tmp  []uint64
	code []uint32
	arg  [][]uint64
	lut  [][]uint64 // by key column: hash of each code
}

// A codedBlock is some records under one layout.
type codedBlock struct {
	b       []uint64
	n       int // words used
	version int
	at      int // position in blocks
}

// dictShare is the share of different values among the first rows up to which a
// column is worth a dictionary: 0.9 of 100,000 rows means about half a million
// values if all are equally frequent.
const dictShare = 0.9

const (
	codedBlockWords = 2048
	codedSlab       = 63 * codedBlockWords * 8 // with its padding 1 MiB
)

func newCodedRows(pl *plan, shared *codedShared, t *table) *codedRows {
	r := &codedRows{pl: pl, shared: shared, t: t, size: 1 + len(pl.args), lut: make([][]uint64, len(pl.keys))}
	shared.mu.Lock()
	r.layout = shared.layouts[len(shared.layouts)-1]
	shared.mu.Unlock()
	for _, a := range pl.args {
		r.nulls = r.nulls || pl.in[a.col].Nullable
		r.arg = append(r.arg, make([]uint64, lapRows))
	}
	if r.nulls {
		r.size++
		r.arg = append([][]uint64{make([]uint64, lapRows)}, r.arg...)
	}
	r.word, r.hash, r.next, r.tmp = make([]uint64, lapRows), make([]uint64, lapRows), make([]uint64, lapRows), make([]uint64, lapRows)
	r.code = make([]uint32, lapRows+1)
	return r
}

// push adds the rows of a lap. False means that they must go another way: memory
// was refused, or the keys need more than 64 bits.
func (r *codedRows) push(l *lap) bool {
	for again := true; again; {
		again = false
		old := r.layout
		for i := range r.pl.keys {
			if !r.field(i, &l.keys[i], l.n) {
				return false
			}
		}
		again = r.layout != old // fields before the change have old places
	}
	r.hashes(l)
	r.loadArgs(l)
	return r.scatter(l.n)
}

// field puts key column i into the words of the lap.
func (r *codedRows) field(i int, v *chunk.Vec, n int) bool {
	w := r.word[:n]
	if i == 0 {
		clear(w)
	}
	c := &r.layout.cols[i]
	if !c.raw {
		col := r.t.keys.cols[i]
		if !col.code(v, n, r.code) {
			return false
		}
		if k := col.len(); k > c.codes {
			l := r.shared.extend(i, func(c *codedCol, more bool) {
				if c.codes = max(c.codes, 1<<bits.Len(uint(k-1))); more {
					c.codes *= 2
				}
			})
			if l == nil {
				return false
			}
			r.layout = l
			c = &l.cols[i]
		}
		pack(w, r.code[:n], c.shift, false)
		return true
	}
	return r.rawField(i, v, n)
}

func (r *codedRows) rawField(i int, v *chunk.Vec, n int) bool {
	t := r.tmp[:n]
	rawWords(r.t.keys.cols[i], v, n, t)
	unsigned := r.pl.types[i].Kind == dtype.Uint64
	nulls := v.Type.Kind == dtype.Null || v.Valid != nil && !kernel.AllSet(v.Valid, n)
	c := &r.layout.cols[i]
	if nulls {
		// The value below a null must not widen the range.
		for j := range t {
			if v.IsNull(j) {
				t[j] = c.lo
			}
		}
	}
	lo, hi := wordRange(t, unsigned)
	inside := codedCol{lo: c.lo, hi: c.hi}
	inside.widen(lo, hi, unsigned)
	if inside.lo != c.lo || inside.hi != c.hi || nulls && !c.null {
		l := r.shared.extend(i, func(c *codedCol, more bool) {
			old := *c
			c.widen(lo, hi, unsigned)
			c.null = c.null || nulls
			if more {
				c.double(old, unsigned)
			}
		})
		if l == nil {
			return false
		}
		r.layout = l
		c = &l.cols[i]
	}
	w := r.word[:n]
	base, shift := c.lo-c.first(), c.shift
	if nulls {
		for j, x := range t {
			if !v.IsNull(j) {
				w[j] |= (x - base) << (shift & 63)
			}
		}
		return true
	}
	for j, x := range t {
		w[j] |= (x - base) << (shift & 63)
	}
	return true
}

func wordRange(t []uint64, unsigned bool) (lo, hi uint64) {
	if unsigned {
		x := kernel.MinMax(t, nil)
		return x.Min, x.Max
	}
	s := chunk.Slice[int64](chunk.Bytes(t), len(t))
	x := kernel.MinMax(s, nil)
	return uint64(x.Min), uint64(x.Max)
}

// rawWords widens n integers to words; those of nulls are arbitrary.
func rawWords(c *column, v *chunk.Vec, n int, out []uint64) {
	switch v.Type.Kind {
	case dtype.Null:
		clear(out)
	case dtype.Bool:
		widen(c.expand(v, n), out)
	case dtype.Int8:
		widen(chunk.Values[int8](v)[:n], out)
	case dtype.Int16:
		widen(chunk.Values[int16](v)[:n], out)
	case dtype.Int32, dtype.Date:
		widen(chunk.Values[int32](v)[:n], out)
	case dtype.Uint8:
		widen(chunk.Values[uint8](v)[:n], out)
	case dtype.Uint16:
		widen(chunk.Values[uint16](v)[:n], out)
	case dtype.Uint32:
		widen(chunk.Values[uint32](v)[:n], out)
	default:
		copy(out, chunk.Values[uint64](v)[:n])
	}
}

// hashes computes the hash of the columns that choose the part, from the fields.
func (r *codedRows) hashes(l *lap) {
	n := l.n
	for k, i := range r.shared.by {
		out := r.hash[:n]
		if k > 0 {
			out = r.next[:n]
		}
		c := &r.layout.cols[i]
		m := uint64(1)<<c.width - 1
		if c.raw {
			base := c.lo - c.first()
			for j, w := range r.word[:n] {
				out[j] = kernel.HashKey(w>>(c.shift&63)&m + base)
			}
			if c.null {
				for j, w := range r.word[:n] {
					if w>>(c.shift&63)&m == 0 {
						out[j] = nullHash
					}
				}
			}
		} else {
			lut := r.table(i)
			for j, w := range r.word[:n] {
				out[j] = lut[w>>(c.shift&63)&m]
			}
		}
		if k > 0 {
			kernel.HashCombine(r.hash[:n], r.next[:n])
		}
	}
}

// table returns the hashes of the codes of key column i.
func (r *codedRows) table(i int) []uint64 {
	c := r.t.keys.cols[i]
	for k := len(r.lut[i]); k < c.len(); k++ {
		r.lut[i] = append(r.lut[i], c.hash(uint32(k)))
	}
	return r.lut[i]
}

// loadArgs widens the arguments to words.
func (r *codedRows) loadArgs(l *lap) {
	at := 0
	if r.nulls {
		at = 1
		valid := r.arg[0][:l.n]
		clear(valid)
		for a := range l.args {
			v := &l.args[a]
			for i := range valid {
				if !v.IsNull(i) {
					valid[i] |= 1 << (uint(a) & 63)
				}
			}
		}
	}
	for a := range l.args {
		v := &l.args[a]
		out := r.arg[at+a][:l.n]
		switch v.Type.Width() {
		case 1:
			widen(chunk.Values[uint8](v)[:l.n], out)
		case 2:
			widen(chunk.Values[uint16](v)[:l.n], out)
		case 4:
			widen(chunk.Values[uint32](v)[:l.n], out)
		case 8:
			copy(out, chunk.Values[uint64](v)[:l.n])
		default:
			for i := range out {
				out[i] = 0
				if v.Type.Kind == dtype.Bool && v.Bool(i) {
					out[i] = 1
				}
			}
		}
	}
}

// scatter writes the records of the lap to their parts. Blocks for the worst case
// are there before the first record is written.
func (r *codedRows) scatter(n int) bool {
	if !r.room(n) {
		return false
	}
	size, version := r.size, r.layout.version
	w, h := r.word[:n], r.hash[:n]
	if size == 2 {
		r.scatterPairs(w, h, r.arg[0][:n])
		return true
	}
	for i, x := range w {
		p := h[i] >> 56
		c := &r.cur[p]
		if c.n+size > len(c.b) || c.version != version {
			r.turn(int(p))
		}
		rec := c.b[c.n : c.n+size]
		c.n += size
		rec[0] = x
		for a, v := range r.arg {
			rec[1+a] = v[i]
		}
	}
	return true
}

// scatterPairs is scatter for one argument.
func (r *codedRows) scatterPairs(w, h, arg []uint64) {
	version := r.layout.version
	h, arg = h[:len(w)], arg[:len(w)]
	for i, x := range w {
		p := h[i] >> 56
		c := &r.cur[p]
		k := c.n
		if k+2 > len(c.b) || c.version != version {
			r.turn(int(p))
			k = 0
		}
		rec := c.b[k:]
		_ = rec[1]
		rec[0], rec[1] = x, arg[i]
		c.n = k + 2
	}
}

// room makes sure that n more records find blocks, whatever their parts.
func (r *codedRows) room(n int) bool {
	per := codedBlockWords / r.size
	need := (min(n, codedParts) + n/per + 1) * codedBlockWords
	for r.left() < need {
		b := r.t.mem.Alloc(codedSlab)
		if b == nil {
			return false
		}
		r.slabs = append(r.slabs, b)
	}
	return true
}

// left returns the words not yet in blocks.
func (r *codedRows) left() int {
	return len(r.free) + (len(r.slabs)-r.cut)*(codedSlab/8)
}

// turn closes the current block of a part and begins a new one.
func (r *codedRows) turn(p int) {
	c := &r.cur[p]
	if c.n > 0 {
		r.blocks[c.at].n = c.n
	}
	if len(r.free) == 0 {
		r.free = chunk.Slice[uint64](r.slabs[r.cut], codedSlab/8)
		r.cut++
	}
	*c = codedBlock{b: r.free[:codedBlockWords:codedBlockWords], version: r.layout.version, at: len(r.blocks)}
	r.free = r.free[codedBlockWords:]
	r.blocks = append(r.blocks, *c)
	r.parts[p] = append(r.parts[p], int32(c.at))
}

// seal closes all current blocks.
func (r *codedRows) seal() {
	for p := range r.cur {
		if c := &r.cur[p]; c.n > 0 {
			r.blocks[c.at].n = c.n
		}
		r.cur[p] = codedBlock{}
	}
}

func (r *codedRows) close() {
	for _, b := range r.slabs {
		r.t.mem.Free(b)
	}
	r.slabs, r.free, r.cut, r.blocks = nil, nil, 0, nil
	r.cur, r.parts = [codedParts]codedBlock{}, [codedParts][]int32{}
}

// each calls f with the records of a block, at most lapRows at a time.
func (r *codedRows) each(b *codedBlock, f func(words []uint64, n int) error) error {
	for at := 0; at < b.n; {
		n := min(lapRows, (b.n-at)/r.size)
		if err := f(b.b[at:at+n*r.size], n); err != nil {
			return err
		}
		at += n * r.size
	}
	return nil
}

// args reads the arguments of n records into the lap; o backs them.
func (r *codedRows) args(rec []uint64, n int, l *lap, o []outVec) {
	l.n = n
	at := 1
	if r.nulls {
		at = 2
	}
	for a, x := range r.pl.args {
		v := &o[a]
		v.begin(x.t, n)
		if r.nulls {
			bit := uint64(1) << (uint(a) & 63)
			for i := range n {
				if rec[i*r.size+1]&bit == 0 {
					v.setNull(i)
				}
			}
		}
		switch x.t.Width() {
		case 1:
			pick(rec, at+a, r.size, fixedOut[uint8](v, n))
		case 2:
			pick(rec, at+a, r.size, fixedOut[uint16](v, n))
		case 4:
			pick(rec, at+a, r.size, fixedOut[uint32](v, n))
		case 8:
			pick(rec, at+a, r.size, fixedOut[uint64](v, n))
		default:
			for i := range n {
				if x.t.Kind == dtype.Bool {
					v.setBit(i, rec[i*r.size+at+a] != 0)
				}
			}
		}
		l.args[a] = v.vec()
	}
}

// pick reads word at of every record.
func pick[T uint8 | uint16 | uint32 | uint64](rec []uint64, at, size int, out []T) {
	for i := range out {
		out[i] = T(rec[at])
		at += size
	}
}
