package csv

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/scan"
)

// maxRows is the most rows of a morsel.
const maxRows = 16 << 10

// pad is how far behind the bytes of a chunk the typed loops may read.
const pad = 64

// A fault is a record that cannot be read: record row of a chunk (as counted by
// faultAt), field col, or -1 for the whole record.
type fault struct {
	row, col int
	msg      string
	typed    *column // set: the value is not of this column's type
}

// text words the fault, given the value at its place.
func (f *fault) text(value string) string {
	c := f.typed
	switch {
	case c == nil:
		return f.msg
	case c.guessed && c.typ.Kind != dtype.Utf8:
		return fmt.Sprintf("column %q: %s is not %s (types were inferred from a sample; override with option Types{%q: %s})", c.name, value, f.msg, c.name, c.wider(value))
	}
	return fmt.Sprintf("column %q: %s is not %s", c.name, value, f.msg)
}

// wider is a type that has the values of c and a quoted one that c has not.
func (c *column) wider(value string) dtype.Kind {
	if text, err := strconv.Unquote(value); err == nil && c.typ.Kind == dtype.Int64 {
		if d, ok := parseDecimal([]byte(text)); ok && d.exp < 0 { // without a point it is a code like 007, or too large
			return dtype.Float64
		}
	}
	return dtype.Utf8
}

// A parser turns chunks of whole records into columns. Its buffers are reused: a
// batch is valid until the next call.
type parser struct {
	p          *ReadParams
	layout     *Layout
	g          grammar
	nc         int
	cols       []column          // the output's in their order, then those that only the predicate reads
	outs       int               // how many of cols are output
	glossaries map[int]*glossary // of columns of text, by position in the files
	all        []int             // 0 … outs-1

	marks []uint32 // scratch of grammar.cut
	pos   []uint32 // ends of the fields of the chunk, nc per row
	first []uint32 // starts of the rows
	text  []byte   // what pos points into: the chunk, or norm
	norm  []byte   // the chunk rewritten
	quote bool     // there are quotes in text
	rows  int

	miss    []uint32 // rows whose spelling no glossary has yet
	fields  []field
	scratch []byte
	batch   chunk.Batch
	sieve   *sieve // nil without a predicate
}

// newParser makes a parser of files of a layout; where is the compiled predicate or nil.
func newParser(p *ReadParams, l *Layout, where *expr.Program, glossaries map[int]*glossary) *parser {
	r := &parser{p: p, layout: l, glossaries: glossaries, g: grammar{p.Delimiter, p.Quote, p.Comment}, nc: len(l.Cols), outs: len(p.Cols)}
	for i, c := range p.Cols {
		r.cols, r.all = append(r.cols, r.column(int(c))), append(r.all, i)
	}
	if where != nil {
		r.sift(where)
	}
	return r
}

func (r *parser) column(c int) column {
	k := column{name: r.p.Names[c], typ: r.p.Types[c], guessed: r.p.Guessed[c], at: -1, key: slices.Index(r.p.Keys, int32(c)), glossary: r.glossaries[c]}
	if k.key < 0 {
		k.at = slices.Index(r.layout.Cols, int32(c))
	}
	return k
}

// begin sets the columns that the path of a file gives.
func (r *parser) begin(f *File) {
	for i := range r.cols {
		if c := &r.cols[i]; c.key >= 0 {
			c.given = &scan.Given{Value: f.Keys[c.key]}
		}
	}
}

// load finds the fields of the records in b, which begins and ends at record
// borders and has pad bytes of room behind it. c says what is known of b's quotes.
func (r *parser) load(b []byte, c cut) *fault {
	if c.loaded {
		return nil
	}
	r.text, r.quote = b, c.quotes
	if r.g.comment == 0 && c.strict && int64(len(b)) <= r.p.MaxRecord {
		r.scan()
		if !c.quotes {
			c.records = kernel.CountQuotes(b, '\n')
		}
		if r.regular(c.records) {
			return nil
		}
	}
	if f := r.rewrite(b); f != nil {
		return f
	}
	r.text, r.quote = r.norm, r.g.quote != 0
	r.scan()
	if !r.regular(r.rows) {
		return &fault{0, -1, "the rewritten chunk is not regular: please report this file", nil}
	}
	return nil
}

// scan finds the ends of all fields of text and returns how many there are.
func (r *parser) scan() int {
	b, k := r.text, 0
	quote := byte(0)
	if r.quote {
		quote = r.g.quote
	}
	in := uint64(0)
	for base := 0; base < len(b); base += window {
		n := min(len(b)-base, window)
		if len(r.pos) < k+n+64 {
			grown := make([]uint32, max(k+n+64, min(2*len(r.pos), k+len(b)-base+64)))
			copy(grown, r.pos[:k])
			r.pos = grown
		}
		found, out := kernel.Structural(b[base:], n, r.g.delim, quote, in, r.pos[k:])
		if base > 0 {
			for i := range r.pos[k : k+found] {
				r.pos[k+i] += uint32(base)
			}
		}
		k, in = k+found, out
	}
	r.rows = k / r.nc
	if k%r.nc != 0 {
		r.rows = -1
	}
	return k
}

// quick loads the whole records of a window of text with quotes that starts at a
// record border, if they are regular and no quote is doubled or stray: then every
// quoted field ends with a quote, and these are all there are. It returns where
// they end, or 0. That costs a look at each field, cheaper than one at each quote.
func (r *parser) quick(b []byte) int {
	r.text, r.quote = b, true
	k := r.scan()
	for k > 0 && b[r.pos[k-1]] != '\n' {
		k--
	}
	r.rows = k / r.nc
	if k == 0 || k%r.nc != 0 {
		return 0
	}
	if len(r.first) < r.rows+1 {
		r.first = make([]uint32, r.rows+1+r.rows/4)
	}
	q, pos, start, fields := r.g.quote, r.pos[:k], uint32(0), 0
	for i := range r.rows {
		r.first[i] = start
		row := pos[:r.nc]
		pos = pos[r.nc:]
		for c, e := range row {
			stop := e
			if last := c == len(row)-1; last != (b[e] == '\n') {
				return 0
			} else if last && e > start && b[e-1] == '\r' {
				stop--
				row[c] = stop
			}
			if b[start] == q {
				if stop < start+2 || b[stop-1] != q {
					return 0
				}
				fields++
			}
			start = e + 1
		}
	}
	if kernel.CountQuotes(b[:start], q) != 2*fields {
		return 0
	}
	return int(start)
}

// regular reports whether every record has nc fields: the number of records is
// that of the newlines outside quotes, and every nc-th end is a newline. It notes
// where the rows begin and takes carriage returns off their ends.
func (r *parser) regular(records int) bool {
	if r.rows != records {
		return false
	}
	if len(r.first) < r.rows+1 {
		r.first = make([]uint32, r.rows+1+r.rows/4)
	}
	b, pos, first := r.text, r.pos[:r.rows*r.nc], r.first[:r.rows+1]
	start := uint32(0)
	for i, k := 0, r.nc-1; k < len(pos); i, k = i+1, k+r.nc {
		first[i] = start
		e := pos[k]
		if b[e] != '\n' {
			return false
		}
		if e > start && b[e-1] == '\r' {
			pos[k] = e - 1
		}
		start = e + 1
	}
	return true
}

// rewrite copies the records of b to norm in a form that the fast road takes: no
// comments and blank lines, every record with nc fields, stray quotes in quoted
// fields. Errors of shape are found here.
func (r *parser) rewrite(b []byte) *fault {
	r.norm, r.rows = r.norm[:0], 0
	for at := 0; at < len(b); {
		rec := b[at:]
		if r.p.OneLine {
			rec = rec[:bytes.IndexByte(rec, '\n')+1]
		}
		next, f, kind := r.g.record(rec, 0, r.fields)
		r.fields = f
		switch {
		case kind == lineOpen:
			return &fault{r.rows, -1, "a quoted field is not closed", nil}
		case int64(next-1) > r.p.MaxRecord && kind != lineComment:
			return &fault{r.rows, -1, fmt.Sprintf("the record has %d bytes, at most %d are allowed (option MaxRecordBytes)", next-1, r.p.MaxRecord), nil}
		case kind == lineRecord || kind == lineBlank && r.nc == 1:
			if ft := r.rewriteRecord(rec, f); ft != nil {
				return ft
			}
			r.rows++
		}
		at += next
	}
	r.norm = append(r.norm, make([]byte, pad)...)
	r.norm = r.norm[:len(r.norm)-pad]
	return nil
}

func (r *parser) rewriteRecord(b []byte, f []field) *fault {
	for i, x := range f {
		if x.bad {
			return &fault{r.rows, i, fmt.Sprintf("%s: text after the closing quote of a field", clip(b[x.lo:x.hi])), nil}
		}
	}
	if len(f) > r.nc || len(f) < r.nc && !r.p.Pad {
		more := ""
		if len(f) < r.nc {
			more = " (option Ragged: RaggedPad makes the missing ones null)"
		}
		return &fault{r.rows, -1, fmt.Sprintf("the record has %d fields, expected %d%s", len(f), r.nc, more), nil}
	}
	q := r.g.quote
	for _, x := range f {
		s := b[x.lo:x.hi]
		switch {
		case x.quoted:
			r.norm = append(r.norm, b[x.lo-1:x.hi+1]...)
		case q != 0 && bytes.IndexByte(s, q) >= 0:
			r.norm = append(r.norm, q)
			for _, c := range s {
				if c == q {
					r.norm = append(r.norm, q)
				}
				r.norm = append(r.norm, c)
			}
			r.norm = append(r.norm, q)
		default:
			r.norm = append(r.norm, s...)
		}
		r.norm = append(r.norm, r.g.delim)
	}
	for range r.nc - len(f) {
		r.norm = append(r.norm, r.g.delim)
	}
	// An unquoted last field that ends in a carriage return lost one to the newline.
	last := f[len(f)-1]
	if len(f) == r.nc && !last.quoted && last.hi > last.lo && b[last.hi-1] == '\r' {
		r.norm[len(r.norm)-1] = '\r'
		r.norm = append(r.norm, r.g.delim)
	}
	r.norm[len(r.norm)-1] = '\n'
	return nil
}

// clip quotes the start of a value for a message.
func clip(b []byte) string {
	if len(b) > 60 {
		return fmt.Sprintf("%q…", b[:57])
	}
	return fmt.Sprintf("%q", b)
}

// emit parses rows [lo, hi) of the loaded chunk. The batch has those that the
// predicate keeps and is borrowed from the parser. Columns and rows that are not
// wanted are not read, so what is wrong in them is not seen.
func (r *parser) emit(lo, hi int) (*chunk.Batch, *fault, error) {
	n, cols := hi-lo, r.all
	var kept []uint32
	if s := r.sieve; s != nil {
		var ft *fault
		var err error
		if n, ft, err = s.choose(r, lo, n); ft != nil || err != nil {
			return nil, ft, err
		}
		kept, cols = s.rows, s.also
	}
	if n > 0 {
		if ft := r.parseAll(cols, lo, n); ft != nil {
			if len(kept) > 0 {
				ft.row = lo + int(kept[ft.row-lo])
			}
			return nil, ft, nil
		}
	}
	m := &r.batch
	m.Cols, m.N = m.Cols[:0], n
	for i := range r.cols[:r.outs] {
		m.Cols = append(m.Cols, r.cols[i].vec(n))
	}
	return m, nil, nil
}

// parseAll reads some columns of rows [lo, lo+n). Of several faults it returns the
// first record's, so that it does not depend on the order of the columns.
func (r *parser) parseAll(cols []int, lo, n int) *fault {
	var first *fault
	for _, i := range cols {
		f := r.parse(&r.cols[i], lo, n)
		if f != nil && (first == nil || f.row < first.row || f.row == first.row && f.col < first.col) {
			first = f
		}
	}
	if first != nil {
		first.row += lo
	}
	return first
}

// ends are the starts and ends of one column's fields: value i begins at
// *(start + i·sstep) + add and ends at *(end + i·estep).
type ends struct {
	base, start, end unsafe.Pointer
	sstep, estep     uintptr
	add              uint32
}

// at returns where value i begins and ends in the text.
func (e *ends) at(i int) (uint32, uint32) {
	return *(*uint32)(unsafe.Add(e.start, uintptr(i)*e.sstep)) + e.add, *(*uint32)(unsafe.Add(e.end, uintptr(i)*e.estep))
}

// ends returns the fields of column c from row lo on; there is at least one row.
func (r *parser) ends(c, lo int) ends {
	e := ends{base: unsafe.Pointer(unsafe.SliceData(r.text)), end: unsafe.Pointer(&r.pos[lo*r.nc+c]), estep: uintptr(r.nc) * 4}
	if c == 0 {
		e.start, e.sstep = unsafe.Pointer(&r.first[lo]), 4
	} else {
		e.start, e.sstep, e.add = unsafe.Pointer(&r.pos[lo*r.nc+c-1]), uintptr(r.nc)*4, 1
	}
	return e
}

// value returns the raw bytes of value i.
func (r *parser) value(e *ends, i int) []byte {
	s, t := e.at(i)
	return r.text[s:t]
}

// clean returns the value of a field for a typed column: without quotes, spaces
// and tabs; null says that it is null there.
func (r *parser) clean(b []byte) (v []byte, null bool) {
	if r.quote && len(b) >= 2 && b[0] == r.g.quote {
		b = b[1 : len(b)-1]
		if bytes.IndexByte(b, r.g.quote) >= 0 {
			r.scratch = unquote(r.scratch[:0], b, r.g.quote)
			b = r.scratch
		}
	}
	if len(b) == 0 || r.isNull(b) {
		return nil, true
	}
	return trim(b), false
}

// isNull reports whether b is a null spelling.
func (r *parser) isNull(b []byte) bool {
	for _, s := range r.p.Nulls {
		if string(b) == s {
			return true
		}
	}
	return false
}

// faultAt returns where record row of the chunk b, and its field col, begin.
func (r *parser) faultAt(b []byte, row, col int) (offset int, value string) {
	for at := 0; at < len(b); {
		rec := b[at:]
		if r.p.OneLine {
			rec = rec[:bytes.IndexByte(rec, '\n')+1]
		}
		next, f, kind := r.g.record(rec, 0, r.fields)
		r.fields = f
		if kind == lineOpen {
			return at, ""
		}
		if kind == lineRecord || kind == lineBlank && r.nc == 1 {
			if row == 0 && col >= 0 && col < len(f) {
				return at + f[col].lo, clip(r.g.text(nil, rec, f[col]))
			}
			if row == 0 {
				return at, ""
			}
			row--
		}
		at += next
	}
	return len(b), ""
}

// wrong makes the fault of a value that is not of its column's type.
func wrong(c *column, i int, what string) *fault { return &fault{i, c.at, what, c} }
