package order

import (
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A page holds gathered rows in buffers of fixed capacity. Rows of a page follow
// each other in the input.
type page struct {
	b     chunk.Batch // N rows, its vectors view the buffers
	cap   int
	cols  []pageCol
	alloc mem.Allocator
	cut   bool  // the rows before this page, on this thread, are not its predecessors
	spare int64 // reserved for sorting
}

type pageCol struct {
	data, valid, str []byte
	used             int // bytes of str
}

const (
	pageBits = 16
	// pageRows makes columns of 4, 8 and 16 bytes fill a size class of the pool.
	pageRows  = 1<<pageBits - 64
	pageBytes = 4 << 20 // of wide rows, about
	firstRows = 4096    // of the first page, for small tables
	maxPages  = 1 << (32 - pageBits)
)

// scratchBytes is what sorting needs for a row, beside the row.
const scratchBytes = 2 * entryBytes

// A gatherer fills pages with morsels on one thread.
type gatherer struct {
	schema dtype.Schema
	t      op.Task
	pages  []*page
	rows   int
	must   bool // take small pages of the heap when the budget refuses
}

func (g *gatherer) last() *page {
	if len(g.pages) == 0 {
		return nil
	}
	return g.pages[len(g.pages)-1]
}

// add copies the rows of m from lo on, as far as memory allows, and returns how
// many it took. Fewer than all means that the budget refused.
func (g *gatherer) add(m *chunk.Batch, lo int, cut bool) (int, error) {
	done := 0
	for lo+done < m.N {
		p := g.last()
		if p == nil || p.b.N == p.cap || cut && done == 0 || !p.takes(m) {
			if len(g.pages) >= maxPages {
				return done, nil
			}
			if p != nil {
				p.settle()
			}
			if p = g.newPage(m, lo+done, g.nextCap(p, m, lo+done)); p == nil {
				return done, nil
			}
			p.cut = cut && done == 0
			g.pages = append(g.pages, p)
		}
		n := p.fit(m, lo+done, min(m.N-lo-done, p.cap-p.b.N))
		if n == 0 && !p.grow(m, lo+done) {
			switch {
			case p.b.N > 0:
				p.cap = p.b.N
				continue
			case g.must && p.alloc != mem.Heap:
				g.swap(m, lo+done) // the budget had a page, and no room for one long row
				continue
			}
			return done, nil
		}
		if n == 0 {
			n = 1
		}
		p.copy(m, lo+done, n)
		done += n
		g.rows += n
	}
	return done, nil
}

// swap puts a page of the heap in the place of the last one, which is empty.
func (g *gatherer) swap(m *chunk.Batch, lo int) {
	old := g.last()
	old.free(g.t)
	p := blankPage(g.schema, m, min(old.cap, firstRows), mem.Heap)
	p.buffers(g.schema, m, lo)
	p.cut = old.cut
	g.pages[len(g.pages)-1] = p
}

// nextCap sizes the page after p for rows like those of m from row lo on: small
// for small tables and where dictionaries change often.
func (g *gatherer) nextCap(p *page, m *chunk.Batch, lo int) int {
	width := max(int(op.RowBytes(g.schema)), 1)
	for i := range m.Cols {
		if v := &m.Cols[i]; v.Dict == nil && g.schema[i].Type.Kind.IsVar() {
			width += textLen(v, lo, m.N) / (m.N - lo)
		}
	}
	most := max(min(pageRows, pageBytes/width), 64) &^ 63
	switch {
	case p == nil:
		return min(firstRows, most)
	case p.b.N < p.cap/4:
		return min(most, max(firstRows, 2*p.b.N))
	}
	return most
}

// newPage makes a page for rows like those of m from row lo on; nil when the
// budget refuses.
func (g *gatherer) newPage(m *chunk.Batch, lo, rows int) *page {
	if spare := int64(rows) * scratchBytes; g.t.Reserve(spare) {
		p := blankPage(g.schema, m, rows, g.t)
		if p.spare = spare; p.buffers(g.schema, m, lo) {
			return p
		}
		p.free(g.t)
	}
	if !g.must {
		return nil
	}
	p := blankPage(g.schema, m, min(rows, firstRows), mem.Heap)
	p.buffers(g.schema, m, lo)
	return p
}

func blankPage(s dtype.Schema, m *chunk.Batch, rows int, alloc mem.Allocator) *page {
	p := &page{cap: rows, cols: make([]pageCol, len(s)), alloc: alloc}
	p.b.Cols = make([]chunk.Vec, len(s))
	p.b.Seq, p.b.Sub = m.Seq, m.Sub
	return p
}

func (p *page) buffers(s dtype.Schema, m *chunk.Batch, lo int) bool {
	for i, f := range s {
		c, v := &p.cols[i], &p.b.Cols[i]
		*v = chunk.Vec{Type: f.Type, Dict: m.Cols[i].Dict}
		size := p.cap * f.Type.Width()
		switch {
		case f.Type.Kind == dtype.Null:
			continue
		case v.Dict != nil:
			size = p.cap * 4
		case f.Type.Kind == dtype.Bool:
			size = chunk.Words(p.cap) * 8
		case f.Type.Kind.IsVar():
			size = (p.cap + 1) * 4
			per := (textLen(&m.Cols[i], lo, m.N) + m.N - lo - 1) / (m.N - lo)
			if c.str = p.alloc.Alloc(min(pageBytes, (per+per/8+1)*p.cap)); c.str == nil {
				return false
			}
		}
		if c.data = p.alloc.Alloc(size); c.data == nil {
			return false
		}
		if v.Dict == nil && f.Type.Kind.IsVar() {
			chunk.Slice[int32](c.data, 1)[0] = 0
		}
	}
	return true
}

// textLen counts the bytes of text in rows [lo, hi).
func textLen(v *chunk.Vec, lo, hi int) int {
	if v.Type.Kind == dtype.Null || hi == lo {
		return 0
	}
	return int(v.Off[hi] - v.Off[lo])
}

// settle ends a page: codes become text where their dictionary is large beside the rows,
// unless the memory is refused.
func (p *page) settle() {
	for i := range p.cols {
		c, v := &p.cols[i], &p.b.Cols[i]
		if v.Dict == nil || !v.Dict.Large(p.b.N) {
			continue
		}
		plain, bufs, ok := v.Plain(p.alloc)
		if !ok {
			continue
		}
		p.alloc.Free(c.data)
		c.data, c.str, c.used, *v = bufs[0], bufs[1], len(plain.Str), plain
	}
}

// takes reports whether m is coded as the page is. A page never mixes
// dictionaries, nor codes and text.
func (p *page) takes(m *chunk.Batch) bool {
	for i := range p.b.Cols {
		x, y := p.b.Cols[i].Dict, m.Cols[i].Dict
		if (x == nil) != (y == nil) || x != nil && x.ID != y.ID {
			return false
		}
	}
	return true
}

// fit returns how many of the k rows of m from row lo on have room for their
// text and their validity.
func (p *page) fit(m *chunk.Batch, lo, k int) int {
	for i := range p.cols {
		c, v := &p.cols[i], &m.Cols[i]
		if (v.Valid != nil || v.Type.Kind == dtype.Null && p.b.Cols[i].Type.Kind != dtype.Null) && c.valid == nil && !p.makeValid(c) {
			return 0
		}
		if v.Dict != nil || !p.b.Cols[i].Type.Kind.IsVar() {
			continue
		}
		for room := len(c.str) - c.used; k > 0 && textLen(v, lo, lo+k) > room; {
			k /= 2
		}
	}
	return k
}

func (p *page) makeValid(c *pageCol) bool {
	if c.valid = p.alloc.Alloc(chunk.Words(p.cap) * 8); c.valid == nil {
		return false
	}
	kernel.SetRange(chunk.Slice[uint64](c.valid, chunk.Words(p.cap)), 0, p.cap, true)
	return true
}

// grow makes room for the one row lo of m, whose text is long.
func (p *page) grow(m *chunk.Batch, lo int) bool {
	for i := range p.cols {
		c, v := &p.cols[i], &m.Cols[i]
		if (v.Valid != nil || v.Type.Kind == dtype.Null && p.b.Cols[i].Type.Kind != dtype.Null) && c.valid == nil {
			return false
		}
		if v.Dict != nil || !p.b.Cols[i].Type.Kind.IsVar() {
			continue
		}
		need := c.used + textLen(v, lo, lo+1)
		if need <= len(c.str) {
			continue
		}
		if c.used > 0 && (p.b.N >= p.cap/2 || c.used >= pageBytes) {
			return false
		}
		size := max(need, min(2*len(c.str), 2*pageBytes))
		next := p.alloc.Alloc(size)
		if next == nil {
			return false
		}
		copy(next, c.str[:c.used])
		p.alloc.Free(c.str)
		c.str = next
		p.b.Cols[i].Str = next[:c.used] // also if another column has no room and the page is closed
	}
	return true
}

// copy appends k rows of m from row lo on; there is room.
func (p *page) copy(m *chunk.Batch, lo, k int) {
	at := p.b.N
	p.b.N += k
	for i := range p.cols {
		c, src, v := &p.cols[i], &m.Cols[i], &p.b.Cols[i]
		v.N = p.b.N
		if v.Type.Kind == dtype.Null {
			continue
		}
		if c.valid != nil {
			v.Valid = chunk.Slice[uint64](c.valid, chunk.Words(p.cap))
			if src.Type.Kind == dtype.Null {
				copyNull(c, v, at, k)
				continue
			} else if src.Valid == nil {
				kernel.SetRange(v.Valid, at, at+k, true)
			} else {
				kernel.CopyBits(v.Valid, at, src.Valid, lo, k)
			}
		}
		switch {
		case v.Dict != nil:
			copy(c.data[at*4:], src.Data[lo*4:(lo+k)*4])
			v.Data = c.data[:p.b.N*4]
		case v.Type.Kind.IsVar():
			copyText(c, v, at, src, lo, k)
		case v.Type.Kind == dtype.Bool:
			kernel.CopyBits(chunk.Slice[uint64](c.data, chunk.Words(p.cap)), at, src.Bits(), lo, k)
			v.Data = c.data[:chunk.Words(p.b.N)*8]
		default:
			w := v.Type.Width()
			copy(c.data[at*w:], src.Data[lo*w:(lo+k)*w])
			v.Data = c.data[:p.b.N*w]
		}
	}
}

// copyNull appends k nulls to a column of another type.
func copyNull(c *pageCol, v *chunk.Vec, at, k int) {
	kernel.SetRange(v.Valid, at, at+k, false)
	switch {
	case v.Type.Kind == dtype.Bool:
		kernel.SetRange(chunk.Slice[uint64](c.data, chunk.Words(at+k)), at, at+k, false)
		v.Data = c.data[:chunk.Words(v.N)*8]
	case v.Type.Kind.IsVar():
		v.Off = chunk.Slice[int32](c.data, v.N+1)
		for i := at; i < at+k; i++ {
			v.Off[i+1] = int32(c.used)
		}
		v.Str = c.str[:c.used]
	default:
		w := v.Type.Width()
		v.Data = c.data[:v.N*w]
		clear(v.Data[at*w:])
	}
}

func copyText(c *pageCol, v *chunk.Vec, at int, src *chunk.Vec, lo, k int) {
	v.Off = chunk.Slice[int32](c.data, at+k+1)
	base := src.Off[lo]
	n := copy(c.str[c.used:], src.Str[base:src.Off[lo+k]])
	shift := int32(c.used) - base
	dst := v.Off[at+1 : at+k+1]
	for i, o := range src.Off[lo+1 : lo+k+1] {
		dst[i] = o + shift
	}
	c.used += n
	v.Str = c.str[:c.used]
}

// free gives the buffers of a page back.
func (p *page) free(t op.Task) {
	for i := range p.cols {
		c := &p.cols[i]
		p.alloc.Free(c.data)
		p.alloc.Free(c.valid)
		p.alloc.Free(c.str)
		*c = pageCol{}
	}
	p.release(t)
}

// release gives back what was reserved for sorting.
func (p *page) release(t op.Task) {
	if p.spare > 0 {
		t.Release(p.spare)
		p.spare = 0
	}
}

func freePages(t op.Task, pages []*page) {
	for _, p := range pages {
		p.free(t)
	}
}

// tooSmall words that not even one page found room.
func tooSmall(s dtype.Schema) error {
	return fmt.Errorf("sort: no room for %d rows of about %d bytes: %w", firstRows, int(op.RowBytes(s)), mem.ErrBudget)
}
