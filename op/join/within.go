package join

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/radix"
	"github.com/weft-data/weft/op"
)

// A Bound says that of the pairs of an inner join only those are of use in which
// the value of a left column stands so to that of a right one. A join may give
// others, too: who wants a condition filters its output. Of several bounds it
// follows the first ones.
type Bound struct {
	Left  string
	Op    Comparison
	Right string
}

// Bounds is how many bounds a join follows.
const Bounds = 2

// A Comparison is how the values of a Bound stand to each other.
type Comparison uint8

// The comparisons.
const (
	Less Comparison = iota
	LessOrEqual
	Greater
	GreaterOrEqual
)

func (c Comparison) String() string { return [...]string{"<", "<=", ">", ">="}[c&3] }

// Turned is the comparison of the values the other way round.
func (c Comparison) Turned() Comparison { return c ^ 2 }

func (b Bound) String() string { return fmt.Sprintf("%s %s %s", b.Left, b.Op, b.Right) }

// turned are the bounds of the join whose sides are swapped.
func turned(bs []Bound) (out []Bound) {
	for _, b := range bs {
		out = append(out, Bound{b.Right, b.Op.Turned(), b.Left})
	}
	return out
}

func boundText(bs []Bound) string {
	words := make([]string, len(bs))
	for i, b := range bs {
		words[i] = b.String()
	}
	if len(bs) == 0 {
		return ""
	}
	return " within " + strings.Join(words, ", ")
}

// Bounded reports whether values of type t have bounds.
func Bounded(t dtype.Type) bool {
	return t.Kind.IsNumeric() || t.Kind == dtype.Date || t.Kind == dtype.Timestamp || t.Kind == dtype.Time || t.Kind == dtype.Duration
}

// checkBounds finds the columns of the bounds of a join of kind k in the schemas.
func checkBounds(k Kind, bs []Bound, left, right dtype.Schema) error {
	if len(bs) > 0 && k != Inner {
		return fmt.Errorf("join: bounds of a join that is %s, want inner", k)
	}
	for _, b := range bs {
		i, err := left.Find(b.Left)
		if err != nil {
			return fmt.Errorf("join: bound: %w", err)
		}
		j, err := right.Find(b.Right)
		if err != nil {
			return fmt.Errorf("join: bound: %w", err)
		}
		if l, r := left[i].Type, right[j].Type; l != r || !Bounded(l) {
			return fmt.Errorf("join: bound %s compares %s with %s: want one type of numbers or times", b, l, r)
		}
	}
	return nil
}

// An edge is a Bound at work: table rows and rows that are looked up have places in
// an order, and the place of a table row is at most that of the other one.
type edge struct {
	probe, table int // columns
	typ          dtype.Type
	down         bool // the order is descending
	strict       bool // the places differ
}

// edges are the bounds that are followed; what is looked up is on their left.
func edges(bs []Bound, probe, table dtype.Schema) (out []edge) {
	for _, b := range bs[:min(Bounds, len(bs))] {
		e := edge{probe: probe.Index(b.Left), table: table.Index(b.Right)}
		e.typ = table[e.table].Type
		e.down = b.Op == Less || b.Op == LessOrEqual
		e.strict = b.Op == Less || b.Op == Greater
		out = append(out, e)
	}
	return out
}

// places writes where the values of v stand in the order. NaN is the greatest value.
func (e *edge) places(v *chunk.Vec, out []uint64) {
	switch e.typ.Kind {
	case dtype.Int8:
		signed[int8](v, out)
	case dtype.Int16:
		signed[int16](v, out)
	case dtype.Int32, dtype.Date:
		signed[int32](v, out)
	case dtype.Uint8:
		unsigned[uint8](v, out)
	case dtype.Uint16:
		unsigned[uint16](v, out)
	case dtype.Uint32:
		unsigned[uint32](v, out)
	case dtype.Uint64:
		unsigned[uint64](v, out)
	case dtype.Float32:
		floats[float32](v, out)
	case dtype.Float64:
		floats[float64](v, out)
	default:
		signed[int64](v, out)
	}
	if e.down {
		for i, x := range out {
			out[i] = ^x
		}
	}
}

func signed[T int8 | int16 | int32 | int64](v *chunk.Vec, out []uint64) {
	for i, x := range chunk.Values[T](v) {
		out[i] = uint64(x) ^ 1<<63
	}
}

func unsigned[T uint8 | uint16 | uint32 | uint64](v *chunk.Vec, out []uint64) {
	for i, x := range chunk.Values[T](v) {
		out[i] = uint64(x)
	}
}

func floats[T float32 | float64](v *chunk.Vec, out []uint64) {
	for i, x := range chunk.Values[T](v) {
		switch b := math.Float64bits(float64(x)); {
		case x != x:
			out[i] = math.MaxUint64
		case x == 0:
			out[i] = 1 << 63
		case b>>63 != 0:
			out[i] = ^b
		default:
			out[i] = b | 1<<63
		}
	}
}

// A shelf has the rows of every key that has many of them in the order of the first
// edge, so that those at most at some place come first. It is read from the last of these backwards: every
// row has the least place at the second edge of those up to it, which ends the way where no other row is in reach, as
// it soon is among intervals that are short; and over the places at the second edge lies a tree of minima,
// by which rows out of reach are left out many at a time, however long others are.
//
// Source: the two orders as in IEJoin (Khayyat et al., "Lightning Fast and Space
// Efficient Inequality Joins", 2015), with a tree in place of its bit array.
type shelf struct {
	edges  []edge
	ids    []uint32
	first  []uint64    // places at the first edge, ascending for each key
	second []reach     // if there is a second edge
	least  [][]uint64  // the least places at the second edge of 16, of 256, …
	spans  []shelfSpan // in the order of their first rows
	dir    []uint32    // see shelfSpan.upTo
	on     []uint64    // whether a row is the first of a span
	rank   []uint32    // how many are, before those of a word of on
}

// A reach is the place of a row at the second edge, and the least of its span up to it.
type reach struct{ place, least uint64 }

// A shelfSpan are the rows of a key: lo ≤ position < hi.
type shelfSpan struct {
	lo, hi int
	base   uint64   // the least place at the first edge
	shift  uint     // of what is above base, for dir
	dir    []uint32 // how many rows come before those whose places, so shifted, are its position
}

const (
	fanBits = 4 // of the tree
	// longChain is how many rows a key must have to be on a shelf: fewer are all tried.
	longChain = 16
)

// shelve makes the shelf of a table whose rows have chains.
func (t *table) shelve() error {
	t.shelf = nil
	if len(t.edges) == 0 || !t.dups {
		return nil
	}
	s := &shelf{edges: t.edges}
	s.ids = take[uint32](t, int(t.rows.n))
	words := chunk.Words(len(t.rows.segs) << t.rows.shift)
	s.on, s.rank = take[uint64](t, words), take[uint32](t, words)
	if s.ids == nil || s.on == nil || s.rank == nil {
		return mem.ErrBudget
	}
	clear(s.on)
	n := 0
	for _, head := range t.heads() {
		lo := n
		for id := head; id != none; id = t.follow(id) {
			s.ids[n] = id
			n++
		}
		if n-lo < longChain {
			n = lo
			continue
		}
		s.spans = append(s.spans, shelfSpan{lo: lo, hi: n})
		s.on[head>>6] |= 1 << (head & 63)
	}
	if s.ids = s.ids[:n]; n == 0 {
		return nil
	}
	before := uint32(0)
	for i, w := range s.on {
		s.rank[i] = before
		before += uint32(bits.OnesCount64(w))
	}
	if err := s.sort(t); err != nil {
		return err
	}
	t.shelf = s
	return nil
}

// heads returns the first rows of all chains that have a second one.
func (t *table) heads() (out []uint32) {
	after := make([][]uint64, len(t.rows.segs)) // rows behind others
	for i, s := range t.rows.segs {
		after[i] = make([]uint64, chunk.Words(s.N))
	}
	for i, next := range t.next {
		for _, id := range next[:min(len(next), t.rows.segs[i].N)] {
			if id != none {
				row := id & (1<<t.rows.shift - 1)
				after[id>>t.rows.shift][row>>6] |= 1 << (row & 63)
			}
		}
	}
	for i, next := range t.next {
		for row, id := range next[:min(len(next), t.rows.segs[i].N)] {
			if id != none && after[i][row>>6]>>(uint(row)&63)&1 == 0 {
				out = append(out, uint32(i)<<t.rows.shift|uint32(row))
			}
		}
	}
	return out
}

// sort puts the ids of every span into the order of the first edge, leaves out the
// rows that are null there or at the second, and makes what they are found by.
func (s *shelf) sort(t *table) error {
	type item struct {
		first, second uint64
		id            uint32
	}
	b := t.alloc.Alloc(2 * len(s.ids) * int(unsafe.Sizeof(item{})))
	if b == nil {
		return mem.ErrBudget
	}
	defer t.alloc.Free(b)
	items := unsafe.Slice((*item)(unsafe.Pointer(unsafe.SliceData(b))), 2*len(s.ids))
	items, scratch := items[:len(s.ids)], items[len(s.ids):]
	readers := make([]placeReader, len(s.edges))
	for i := range s.edges {
		buf := t.alloc.Alloc(8 * int(t.rows.n))
		if buf == nil {
			return mem.ErrBudget
		}
		defer t.alloc.Free(buf)
		readers[i] = newPlaceReader(&s.edges[i], t, chunk.Slice[uint64](buf, int(t.rows.n)))
	}
	if !s.reserve(t) {
		return mem.ErrBudget
	}
	free := s.dir
	for k := range s.spans {
		sp, n := &s.spans[k], 0
		group := items[sp.lo:sp.hi]
		for _, id := range s.ids[sp.lo:sp.hi] {
			first, second, ok, also := uint64(0), uint64(0), true, true
			if first, ok = readers[0].at(id); len(readers) > 1 {
				second, also = readers[1].at(id)
			}
			if ok && also {
				group[n] = item{first, second, id}
				n++
			}
		}
		group, sp.hi = group[:n], sp.lo+n
		radix.Sort(group, scratch[sp.lo:sp.hi], false) // stable, and a chain is in the order of its rows
		least := uint64(math.MaxUint64)
		for i, it := range group {
			at := sp.lo + i
			s.ids[at], s.first[at] = it.id, it.first
			if s.second == nil {
				continue
			}
			least = min(least, it.second)
			s.second[at] = reach{it.second, least}
			for k, level := range s.least {
				level[at>>(fanBits*(k+1))] = min(level[at>>(fanBits*(k+1))], it.second)
			}
		}
		free = sp.index(s.first[sp.lo:sp.hi], free)
	}
	return nil
}

// reserve allocates what sort fills in. False means that memory was refused.
func (s *shelf) reserve(t *table) bool {
	n := len(s.ids)
	s.first, s.dir = take[uint64](t, n), take[uint32](t, 2*n+len(s.spans))
	if s.first == nil || s.dir == nil || len(s.edges) == 1 {
		return s.first != nil && s.dir != nil
	}
	b := t.alloc.Alloc(n * int(unsafe.Sizeof(reach{})))
	if b == nil {
		return false
	}
	t.bufs = append(t.bufs, b)
	s.second = unsafe.Slice((*reach)(unsafe.Pointer(unsafe.SliceData(b))), n)
	for n > 1<<fanBits {
		n = (n + 1<<fanBits - 1) >> fanBits
		level := take[uint64](t, n)
		if level == nil {
			return false
		}
		fill(level, math.MaxUint64)
		s.least = append(s.least, level)
	}
	return true
}

// index makes dir, of up to two entries per row and one more, at the front of free. It returns what is left.
func (sp *shelfSpan) index(first []uint64, free []uint32) []uint32 {
	if len(first) == 0 {
		return free
	}
	sp.base = first[0]
	top := bits.Len(uint(len(first) - 1))
	sp.shift = uint(max(0, bits.Len64(first[len(first)-1]-sp.base)-top))
	sp.dir = free[: 1<<top+1 : 1<<top+1]
	clear(sp.dir)
	for _, p := range first {
		sp.dir[(p-sp.base)>>sp.shift+1]++
	}
	for i := range 1 << top {
		sp.dir[i+1] += sp.dir[i]
	}
	return free[1<<top+1:]
}

// upTo returns the position after the rows of the span whose places at the first edge are at most most.
func (sp *shelfSpan) upTo(first []uint64, most uint64) int {
	if most < sp.base || sp.lo == sp.hi {
		return sp.lo
	}
	k := (most - sp.base) >> sp.shift
	if k >= uint64(len(sp.dir)-1) {
		return sp.hi
	}
	lo, hi := sp.lo+int(sp.dir[k]), sp.lo+int(sp.dir[k+1])
	return lo + upTo(first[lo:hi], most)
}

// A placeReader gives the places of table rows at an edge.
type placeReader struct {
	t      *table
	column int
	places [][]uint64
}

func newPlaceReader(e *edge, t *table, places []uint64) placeReader {
	r := placeReader{t: t, column: e.table}
	for _, s := range t.rows.segs {
		e.places(&s.Cols[e.table], places[:s.N])
		r.places, places = append(r.places, places[:s.N]), places[s.N:]
	}
	return r
}

func (r *placeReader) at(id uint32) (uint64, bool) {
	seg, row := id>>r.t.rows.shift, id&(1<<r.t.rows.shift-1)
	if v := r.t.rows.segs[seg].Cols[r.column].Valid; v != nil && v[row>>6]>>(row&63)&1 == 0 {
		return 0, false
	}
	return r.places[seg][row], true
}

// last returns the last position from lo to at whose place at the second edge is at most most;
// one that is less than lo if there is none.
func (s *shelf) last(lo, at int, most uint64) int {
	if s.second == nil {
		return at
	}
	level, apart := 0, 0 // blocks of 16 to the power of level
	for at >= lo {
		place := s.second[at].place
		if level > 0 {
			place = s.least[level-1][at>>apart]
		} else if s.second[at].least > most {
			return -1
		}
		switch {
		case place > most:
			at -= 1 << apart
			if level < len(s.least) && (at+1)&(1<<(apart+fanBits)-1) == 0 {
				level, apart = level+1, apart+fanBits
			}
		case level == 0:
			return at
		default:
			level, apart = level-1, apart-fanBits
		}
	}
	return at
}

// A within finds the rows of the table that a row may be paired with.
type within struct {
	s      *shelf
	places [2][]uint64
	valid  [2][]uint64
	span   []uint32 // by row: which has the rows with its key, none where they are not on the shelf
	end    []int    // the position after those that are at most at its place at the first edge
}

// read takes the places of the rows of m.
func (w *within) read(m *chunk.Batch) {
	for i := range w.s.edges {
		e := &w.s.edges[i]
		v := &m.Cols[e.probe]
		w.places[i], w.valid[i] = room(w.places[i], m.N), v.Valid
		e.places(v, w.places[i][:m.N])
	}
}

// find looks for the rows whose first partners are heads. It goes through all rows before any partner is
// looked at, so that what they wait for from memory is on its way at once.
func (w *within) find(heads []uint32) {
	w.span, w.end = room(w.span, len(heads)), room(w.end, len(heads))
	for i, id := range heads {
		if w.span[i] = none; id == none || w.s.on[id>>6]>>(id&63)&1 == 0 {
			continue
		}
		k := w.s.rank[id>>6] + uint32(bits.OnesCount64(w.s.on[id>>6]&(1<<(id&63)-1)))
		sp := &w.s.spans[k]
		w.span[i], w.end[i] = k, sp.lo
		if most, ok := w.most(0, i); ok {
			w.end[i] = sp.upTo(w.s.first, most)
		}
	}
}

// most is the greatest place at edge k of partners of row i; false where there can be none.
func (w *within) most(k, i int) (uint64, bool) {
	place, strict := w.places[k][i], w.s.edges[k].strict
	if v := w.valid[k]; v != nil && v[i>>6]>>(uint(i)&63)&1 == 0 || strict && place == 0 {
		return 0, false
	}
	if strict {
		place--
	}
	return place, true
}

// upTo returns how many of the ascending places are at most most.
func upTo(places []uint64, most uint64) (n int) {
	for size := len(places); size > 0; {
		half := (size + 1) / 2
		if places[n+half-1] <= most {
			n += half
		}
		size -= half
	}
	return n
}

// expandWithin is expand for a table with a shelf.
func (x *matcher) expandWithin(m *chunk.Batch, heads []uint32, here []uint64, out op.Sink) error {
	w, s := &x.within, x.t.shelf
	w.s = s
	w.read(m)
	w.find(heads)
	n := 0
	add := func(i int, id uint32) (err error) {
		if n >= maxRows {
			err = x.push(m, x.left[:n], x.ids[:n], out)
			n = 0
		}
		x.left[n], x.ids[n] = uint32(i), id
		n++
		return err
	}
	for i, id := range heads {
		if id == none || here != nil && here[i>>6]>>(uint(i)&63)&1 == 0 {
			continue
		}
		if w.span[i] == none {
			for ; id != none; id = x.t.follow(id) {
				if err := add(i, id); err != nil {
					return err
				}
			}
			continue
		}
		most, ok := uint64(0), true
		if len(s.edges) > 1 {
			most, ok = w.most(1, i)
		}
		if !ok {
			continue
		}
		lo := s.spans[w.span[i]].lo
		for at := s.last(lo, w.end[i]-1, most); at >= lo; at = s.last(lo, at-1, most) {
			if err := add(i, s.ids[at]); err != nil {
				return err
			}
		}
	}
	return x.push(m, x.left[:n], x.ids[:n], out)
}
