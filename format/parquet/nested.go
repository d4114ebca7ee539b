package parquet

import (
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// A nest is a list, struct or leaf of a nested column. A value of it is there where the definition level is at least
// def; it has a place where the level is at least outer, that of the closest list around it.
type nest struct {
	name            string
	typ             dtype.Type
	leaf            int // -1: none
	list            bool
	def, rep, outer int
	kids            []*nest
}

// nestOf makes the nest of a field by the rules of LogicalTypes.md, those of old writers included: a list is a group
// LIST around a repeated field, or a repeated field without one; a map is a list of
// structs of key and value, or of keys where it has no values. was is the Arrow type that its writer had, nil where that
// is not known, and int96 the unit of timestamps of INT96.
func nestOf(f *guard.File, n *guard.Node, was arrow.DataType, outer int, int96 dtype.Unit) (x *nest, err error) {
	if n.Repeated {
		return listOf(f, n, n, was, outer, int96)
	}
	if n.Leaf >= 0 {
		t, err := plainType(f.Leaf(n.Leaf), int96)
		return &nest{name: n.Name, typ: asWritten(t, was), leaf: n.Leaf, def: n.Def, rep: n.Rep, outer: outer}, err
	}
	if k := n.Logical.Kind; (k == guard.ListGroup || k == guard.MapGroup) && len(n.Kids) == 1 && n.Kids[0].Repeated {
		return listOf(f, n, &n.Kids[0], was, outer, int96)
	}
	return structOf(f, n, was, outer, int96)
}

// listOf makes the list n whose repeated field is r.
func listOf(f *guard.File, n, r *guard.Node, was arrow.DataType, outer int, int96 dtype.Unit) (*nest, error) {
	once := *r
	once.Repeated = false
	var of arrow.DataType
	if l, ok := was.(arrow.ListLikeType); ok {
		of = l.Elem()
	}
	var elem *nest
	var err error
	switch {
	case r.Leaf >= 0 || n == r || len(r.Kids) != 1 || r.Name == "array" || r.Name == n.Name+"_tuple":
		elem, err = nestOf(f, &once, of, r.Def, int96)
	default:
		elem, err = nestOf(f, &r.Kids[0], of, r.Def, int96)
	}
	if err != nil {
		return nil, err
	}
	return &nest{name: n.Name, typ: dtype.ListOf(elem.typ), leaf: -1, list: true, def: r.Def, rep: r.Rep, outer: outer, kids: []*nest{elem}}, nil
}

func structOf(f *guard.File, n *guard.Node, was arrow.DataType, outer int, int96 dtype.Unit) (*nest, error) {
	x := &nest{name: n.Name, leaf: -1, def: n.Def, rep: n.Rep, outer: outer}
	var fields dtype.Schema
	for i := range n.Kids {
		var of arrow.DataType
		if st, ok := was.(*arrow.StructType); ok && st.NumFields() == len(n.Kids) {
			of = st.Field(i).Type
		}
		k, err := nestOf(f, &n.Kids[i], of, outer, int96)
		if err != nil {
			return nil, err
		}
		x.kids = append(x.kids, k)
		fields = append(fields, dtype.Field{Name: k.name, Type: k.typ, Nullable: true})
	}
	x.typ = dtype.StructOf(fields)
	return x, nil
}

// leaves lists the leaves below n.
func (n *nest) leaves(out []*nest) []*nest {
	if n.leaf >= 0 {
		return append(out, n)
	}
	for _, k := range n.kids {
		out = k.leaves(out)
	}
	return out
}

// A stream reads the entries of one leaf: levels, and values where there are any. Rows may go on in the next page.
type stream struct {
	col      *column
	def, rep []uint32 // of the page; nil where the largest level is 0
	bDef     buffer
	bRep     buffer
	at, n    int
	ended    bool

	// What the last read gave: the levels of every entry, the values of those that have one.
	defs, reps []uint32
	values     *chunk.Builder
}

// A nested reads the rows of a nested column.
type nested struct {
	root    *nest
	streams map[int]*stream
	row     int64
	records map[*nest]*buffer // of the morsel
	most    int               // rows of a morsel
}

// nestedBytes is what a morsel of a nested column may have, by the average of its rows: their records
// lie in one piece of memory for each level of nesting.
const nestedBytes = 64 << 20

// openNested opens the leaves of a nested column.
func (c *column) openNested(f *guard.File, rg int, root *nest) error {
	c.nest = &nested{root: root, streams: map[int]*stream{}, records: map[*nest]*buffer{}, most: morselRows}
	g := f.RowGroup(rg)
	for _, l := range root.leaves(nil) {
		if row := g.Chunks[l.leaf].Uncompressed / max(g.Rows, 1); row > nestedBytes/morselRows {
			c.nest.most = min(c.nest.most, int(max(1, nestedBytes/row)))
		}
		s := &stream{col: &column{task: c.task, typ: l.typ, leaf: l.leaf}}
		s.values = chunk.NewBuilder(dtype.Schema{{Type: l.typ}}, c.task)
		c.nest.streams[l.leaf] = s
		if err := s.col.open(f, rg, nil); err != nil {
			return err
		}
	}
	return nil
}

// close frees what the streams have.
func (x *nested) close() {
	for _, s := range x.streams {
		s.values.Close()
		s.bDef.free(s.col.task)
		s.bRep.free(s.col.task)
		s.col.close()
	}
	for _, b := range x.records {
		b.free(x.task())
	}
}

// task is the one that the streams read for.
func (x *nested) task() op.Task { return x.first().col.task }

// first is the stream of the first leaf.
func (x *nested) first() *stream { return x.streams[x.root.leaves(nil)[0].leaf] }

// room returns an empty piece of memory for n bytes of the records of a nest.
func (x *nested) room(n *nest, size int) ([]byte, error) {
	if x.records[n] == nil {
		x.records[n] = &buffer{}
	}
	b, err := x.records[n].room(x.task(), size)
	return b[:0], err
}

// rows returns n rows from row on.
func (x *nested) rows(row int64, n int) (v chunk.Vec, err error) {
	if row > x.row {
		for _, s := range x.streams {
			for left := row - x.row; left > 0; left -= int64(x.most) {
				if err := s.read(int(min(left, int64(x.most)))); err != nil {
					return v, s.col.pages.Fail(err)
				}
			}
		}
	}
	x.row = row + int64(n)
	for _, s := range x.streams {
		if err := s.read(n); err != nil {
			return v, s.col.pages.Fail(err)
		}
	}
	p, err := x.build(x.root)
	for _, s := range x.streams {
		s.hold(nil) // what is nested was copied
	}
	if err == nil && p.vec.N != n {
		err = errf("%d values in %d rows", p.vec.N, n)
	}
	if err != nil {
		return v, x.first().col.pages.Fail(err)
	}
	return p.vec, nil
}

// read takes the entries of the next n rows.
func (s *stream) read(n int) error {
	s.defs, s.reps = s.defs[:0], s.reps[:0]
	s.values.Flush().Release()
	for rows := 0; ; {
		if s.at == s.n {
			if s.ended {
				if rows < n {
					return errf("the pages end %d rows early", n-rows)
				}
				return nil
			}
			if err := s.page(); err != nil {
				return err
			}
			continue
		}
		if rows == 0 && s.rep != nil && s.rep[s.at] > 0 {
			return errf("the first value does not start a row")
		}
		end, all := s.rowsEnd(n - rows)
		rows += all
		if err := s.take(end); err != nil {
			return err
		}
		if s.at < s.n {
			return nil
		}
	}
}

// rowsEnd returns where the next n rows end in the page, and how many of them begin in it.
func (s *stream) rowsEnd(n int) (end, rows int) {
	if s.rep == nil {
		end = min(s.n, s.at+n)
		return end, end - s.at
	}
	for i, rep := range s.rep[s.at:s.n] {
		if rows += int(under(rep, 1)); rows > n {
			return s.at + i, n
		}
	}
	return s.n, rows
}

// under is 1 where a < b and 0 elsewhere, of levels: where the lengths of lists are at random a branch would not be
// foreseen.
func under(a, b uint32) uint32 { return (a - b) >> 31 }

// countAt counts the levels of at least least.
func countAt(levels []uint32, least int) int {
	n := uint32(len(levels))
	for _, d := range levels {
		n -= under(d, uint32(least))
	}
	return int(n)
}

// page loads the next page of values.
func (s *stream) page() error {
	c := s.col
	h, err := c.pages.Next()
	if err == io.EOF {
		s.ended = true
		return nil
	}
	if err != nil {
		return err
	}
	c.note(h)
	if h.Dict {
		return c.readDict(h)
	}
	b, err := c.pages.Load()
	if err != nil {
		return err
	}
	c.head, s.at, s.n = h, 0, h.Values
	if s.def, err = s.levels(&s.bDef, b.Def, c.info.MaxDef, b.OldDef); err != nil {
		return fmt.Errorf("definition levels: %w", err)
	}
	if s.rep, err = s.levels(&s.bRep, b.Rep, c.info.MaxRep, b.OldRep); err != nil {
		return fmt.Errorf("repetition levels: %w", err)
	}
	present := s.n
	if s.def != nil {
		present = countAt(s.def, c.info.MaxDef)
	}
	c.passed = 0
	if err := c.begin(b.Values, present); err != nil {
		return fmt.Errorf("%s: %w", h.Encoding, err)
	}
	return nil
}

// levels decodes the levels of a page.
func (s *stream) levels(buf *buffer, b []byte, most int, old bool) ([]uint32, error) {
	if most == 0 {
		return nil, nil
	}
	raw, err := buf.room(s.col.task, s.n*4)
	if err != nil {
		return nil, err
	}
	out := chunk.Slice[uint32](raw, s.n)
	width := uint(0)
	for 1<<width <= most {
		width++
	}
	if old { // most significant bit first
		for i := range out {
			v := uint32(0)
			for k := i * int(width); k < (i+1)*int(width); k++ {
				v = v<<1 | uint32(b[k/8]>>(7-k%8)&1)
			}
			out[i] = v
		}
	} else {
		var h hybrid
		h.start(b, width)
		if err := h.read(out); err != nil {
			return nil, err
		}
	}
	if r := kernel.MinMax(out, nil); int(r.Max) > most {
		return nil, errf("a level of %d where %d is the largest", r.Max, most)
	}
	return out, nil
}

// take keeps the entries up to end.
func (s *stream) take(end int) error {
	c, n := s.col, end-s.at
	present := n
	if s.def != nil {
		present = countAt(s.def[s.at:end], c.info.MaxDef)
		s.defs = append(s.defs, s.def[s.at:end]...)
	} else {
		for range n {
			s.defs = append(s.defs, 0)
		}
	}
	if s.rep != nil {
		s.reps = append(s.reps, s.rep[s.at:end]...)
	} else {
		for range n {
			s.reps = append(s.reps, 0)
		}
	}
	s.at = end
	for present > 0 { // as many at a time as a flat column decodes
		k := min(present, morselRows)
		v := chunk.Vec{Type: c.typ, N: k}
		if c.typ.Kind != dtype.Null {
			if err := c.decodeNext(&v, k); err != nil {
				return fmt.Errorf("%s: %w", c.head.Encoding, err)
			}
		}
		c.passed += k
		present -= k
		if err := s.values.Append(&chunk.Batch{N: k, Cols: []chunk.Vec{v}}); err != nil {
			return err
		}
	}
	return nil
}

// A part is a column of some nest's values, with the levels of one leaf below: they say where the lists and nulls
// around it are.
type part struct {
	vec      chunk.Vec
	def, rep []uint32
}

// build puts the values of a nest together (the record assembly of the Dremel paper, section 4, in columns).
func (x *nested) build(n *nest) (p part, err error) {
	if n.leaf >= 0 {
		return x.streams[n.leaf].part(n)
	}
	kids := make([]part, len(n.kids))
	for i, k := range n.kids {
		if kids[i], err = x.build(k); err != nil {
			return p, err
		}
	}
	p = kids[0]
	for _, k := range kids[1:] { // the levels that are the quickest to walk say the same of the parent
		if len(k.def) < len(p.def) {
			p = k
		}
	}
	if n.list {
		p.vec, err = x.packList(n, p)
	} else {
		p.vec, err = x.packStruct(n, p, kids)
	}
	return p, err
}

// part returns the values of a leaf, nulls where the closest list has an element without one.
func (s *stream) part(n *nest) (p part, err error) {
	p.def, p.rep = s.defs, s.reps
	b := s.values.Flush()
	places, there := countAt(s.defs, n.outer), countAt(s.defs, n.def)
	if there != b.N {
		b.Release()
		return p, errf("%d values for %d places", b.N, there)
	}
	if there == places {
		s.hold(b)
		p.vec = b.Cols[0]
		p.vec.Type = n.typ
		return p, nil
	}
	idx, valid, at := make([]uint32, 0, places), newMarks(places), uint32(0)
	for _, d := range s.defs {
		if int(d) < n.outer {
			continue
		}
		there := int(d) >= n.def
		valid.add(there)
		idx = append(idx, at)
		if there {
			at++
		}
	}
	out := chunk.NewBuilder(dtype.Schema{{Type: n.typ, Nullable: true}}, s.col.task)
	if b.N == 0 {
		err = out.Append(&chunk.Batch{N: len(idx), Cols: []chunk.Vec{{Type: dtype.Of(dtype.Null), N: len(idx)}}})
	} else {
		for i := range idx {
			idx[i] = min(idx[i], uint32(b.N-1))
		}
		err = out.AppendRows(b, idx)
	}
	b.Release()
	if err != nil {
		return p, err
	}
	whole := out.Flush()
	s.hold(whole)
	p.vec = whole.Cols[0]
	p.vec.Type = n.typ
	p.vec.Valid = valid.words()
	return p, nil
}

// hold keeps a batch until the next one.
func (s *stream) hold(b *chunk.Batch) {
	if s.col.kept != nil && s.col.kept != b {
		s.col.kept.Release()
	}
	s.col.kept = b
}

// packList makes lists of the values of kid. An entry belongs to a slot of this list when it does not repeat
// something deeper; it starts a slot when it repeats something further out, and the slot is there only when the
// closest list around is not empty.
func (x *nested) packList(n *nest, kid part) (chunk.Vec, error) {
	def, rep := kid.def, kid.rep[:len(kid.def)]
	off := make([]int32, len(def)+1)
	slots, total, nulls, bad, open := uint32(0), uint32(0), uint32(0), uint32(0), uint32(0)
	for i, d := range def {
		in := under(rep[i], uint32(n.rep)+1) &^ under(d, uint32(n.outer))
		starts, there := in&under(rep[i], uint32(n.rep)), in&^under(d, uint32(n.def))
		bad |= in &^ starts &^ (open & there)
		open = open&^in | there
		slots, total = slots+starts, total+there
		nulls += starts & under(d, uint32(n.def)-1)
		off[slots] = int32(total)
	}
	if bad != 0 {
		return chunk.Vec{}, errf("a repeated value outside of a list")
	}
	if int(total) != kid.vec.N || total > math.MaxInt32 {
		return chunk.Vec{}, errf("lists of %d elements in all over %d values", total, kid.vec.N)
	}
	off = off[:slots+1]
	valid := newMarks(int(slots))
	for i := 0; i < len(def) && nulls > 0; i++ {
		if int(rep[i]) < n.rep && int(def[i]) >= n.outer {
			valid.add(int(def[i]) >= n.def-1)
		}
	}
	room, err := x.room(n, chunk.ListsBytes(off, &kid.vec))
	if err != nil {
		return chunk.Vec{}, err
	}
	v, err := chunk.PackLists(room, off, valid.words(), &kid.vec)
	v.Type = n.typ
	return v, err
}

// packStruct makes structs of the values of kids; p has the levels.
func (x *nested) packStruct(n *nest, p part, kids []part) (chunk.Vec, error) {
	valid := newMarks(len(p.def))
	for i, def := range p.def {
		if int(def) >= n.outer && int(p.rep[i]) <= n.rep {
			valid.add(int(def) >= n.def)
		}
	}
	cols := make([]*chunk.Vec, len(kids))
	for i := range kids {
		if kids[i].vec.N != valid.n {
			return chunk.Vec{}, errf("a field of %d values in %d structs", kids[i].vec.N, valid.n)
		}
		cols[i] = &kids[i].vec
	}
	room, err := x.room(n, chunk.StructsBytes(valid.n, cols))
	if err != nil {
		return chunk.Vec{}, err
	}
	return chunk.PackStructs(room, n.typ, valid.n, valid.words(), cols)
}

// marks is a bitmap of valid values in the making.
type marks struct {
	w        []uint64
	n, nulls int
}

func newMarks(n int) *marks { return &marks{w: make([]uint64, 0, chunk.Words(n))} }

func (b *marks) add(valid bool) {
	if b.n&63 == 0 {
		b.w = append(b.w, 0)
	}
	if valid {
		b.w[b.n>>6] |= 1 << (b.n & 63)
	} else {
		b.nulls++
	}
	b.n++
}

// words is nil when all are valid.
func (b *marks) words() []uint64 {
	if b.nulls == 0 {
		return nil
	}
	return b.w
}
