package parquet

import (
	"fmt"
	"io"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
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
// structs of key and value, or of keys where it has no values.
func nestOf(f *guard.File, n *guard.Node, outer int) (x *nest, err error) {
	if n.Repeated {
		return listOf(f, n, n, outer)
	}
	if n.Leaf >= 0 {
		t, err := plainType(f.Leaf(n.Leaf))
		return &nest{name: n.Name, typ: t, leaf: n.Leaf, def: n.Def, rep: n.Rep, outer: outer}, err
	}
	if k := n.Logical.Kind; (k == guard.ListGroup || k == guard.MapGroup) && len(n.Kids) == 1 && n.Kids[0].Repeated {
		return listOf(f, n, &n.Kids[0], outer)
	}
	return structOf(f, n, outer)
}

// listOf makes the list n whose repeated field is r.
func listOf(f *guard.File, n, r *guard.Node, outer int) (*nest, error) {
	once := *r
	once.Repeated = false
	var elem *nest
	var err error
	switch {
	case r.Leaf >= 0 || n == r || len(r.Kids) != 1 || r.Name == "array" || r.Name == n.Name+"_tuple":
		elem, err = nestOf(f, &once, r.Def)
	default:
		elem, err = nestOf(f, &r.Kids[0], r.Def)
	}
	if err != nil {
		return nil, err
	}
	return &nest{name: n.Name, typ: dtype.ListOf(elem.typ), leaf: -1, list: true, def: r.Def, rep: r.Rep, outer: outer, kids: []*nest{elem}}, nil
}

func structOf(f *guard.File, n *guard.Node, outer int) (*nest, error) {
	x := &nest{name: n.Name, leaf: -1, def: n.Def, rep: n.Rep, outer: outer}
	var fields dtype.Schema
	for i := range n.Kids {
		k, err := nestOf(f, &n.Kids[i], outer)
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
func (n *nest) leaves(out []int) []int {
	if n.leaf >= 0 {
		return append(out, n.leaf)
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
}

// openNested opens the leaves of a nested column.
func (c *column) openNested(f *guard.File, rg int, root *nest) error {
	c.nest = &nested{root: root, streams: map[int]*stream{}}
	for _, l := range root.leaves(nil) {
		t, err := plainType(f.Leaf(l))
		if err != nil {
			return err
		}
		s := &stream{col: &column{task: c.task, typ: t, leaf: l}}
		s.values = chunk.NewBuilder(dtype.Schema{{Type: t}}, c.task)
		c.nest.streams[l] = s
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
}

// rows returns n rows from row on.
func (x *nested) rows(row int64, n int) (v chunk.Vec, err error) {
	if row > x.row {
		for _, s := range x.streams {
			for left := row - x.row; left > 0; left -= morselRows {
				if err := s.read(int(min(left, morselRows))); err != nil {
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
	if err == nil && p.vec.N != n {
		err = errf("%d values in %d rows", p.vec.N, n)
	}
	if err != nil {
		return v, x.streams[x.root.leaves(nil)[0]].col.pages.Fail(err)
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
		end := s.at
		for ; end < s.n; end++ {
			if s.rep == nil || s.rep[end] == 0 {
				if rows == n {
					break
				}
				rows++
			} else if rows == 0 {
				return errf("the first value does not start a row")
			}
		}
		if err := s.take(end); err != nil {
			return err
		}
		if s.at < s.n {
			return nil
		}
	}
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
	for _, d := range s.def {
		if int(d) < c.info.MaxDef {
			present--
		}
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
		for _, d := range s.def[s.at:end] {
			if int(d) < c.info.MaxDef {
				present--
			}
		}
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
		p.vec, err = n.packList(p)
	} else {
		p.vec, err = n.packStruct(p, kids)
	}
	return p, err
}

// part returns the values of a leaf, nulls where the closest list has an element without one.
func (s *stream) part(n *nest) (p part, err error) {
	p.def, p.rep = s.defs, s.reps
	b := s.values.Flush()
	idx, valid, at := make([]uint32, 0, len(s.defs)), newMarks(len(s.defs)), uint32(0)
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
	if int(at) != b.N {
		b.Release()
		return p, errf("%d values for %d places", b.N, at)
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
	if s.col.kept != nil {
		s.col.kept.Release()
	}
	s.col.kept = b
}

// packList makes lists of the values of kid. An entry belongs to a slot of this list when it does not repeat
// something deeper; it starts a slot when it repeats something further out, and the slot is there only when the
// closest list around is not empty.
func (n *nest) packList(kid part) (chunk.Vec, error) {
	off, valid := make([]int32, 1, len(kid.def)+1), newMarks(len(kid.def))
	total, open := 0, false
	for i, rep := range kid.rep {
		def := int(kid.def[i])
		if int(rep) > n.rep || def < n.outer {
			continue
		}
		if int(rep) == n.rep {
			if !open || def < n.def {
				return chunk.Vec{}, errf("a repeated value outside of a list")
			}
			total++
			off[len(off)-1] = int32(total)
			continue
		}
		if open = def >= n.def; open {
			total++
		}
		valid.add(def >= n.def-1)
		off = append(off, int32(total))
	}
	if total != kid.vec.N || total > math.MaxInt32 {
		return chunk.Vec{}, errf("lists of %d elements in all over %d values", total, kid.vec.N)
	}
	v, err := chunk.PackLists(off, valid.words(), &kid.vec)
	v.Type = n.typ
	return v, err
}

// packStruct makes structs of the values of kids; p has the levels.
func (n *nest) packStruct(p part, kids []part) (chunk.Vec, error) {
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
	return chunk.PackStructs(n.typ, valid.n, valid.words(), cols)
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
