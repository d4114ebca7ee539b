package parquet

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A buffer is scratch from a task's allocator that grows and is kept.
type buffer struct{ b []byte }

// room returns n bytes; what was in the buffer is lost.
func (x *buffer) room(a mem.Allocator, n int) ([]byte, error) {
	if len(x.b) < n {
		a.Free(x.b)
		if x.b = a.Alloc(n + n/8); x.b == nil {
			return nil, fmt.Errorf("no memory for %d bytes: %w", n, mem.ErrBudget)
		}
	}
	return x.b[:n], nil
}

func (x *buffer) free(a mem.Allocator) { a.Free(x.b); x.b = nil }

// A layout is how the values of the current page lie.
type layout uint8

const (
	inPlain layout = iota // one after the other: PLAIN, or decoded to it
	inCodes               // codes of the dictionary
	inBits                // booleans
	inViews               // text by offsets
)

// A column reads the values of one leaf in one row group after the other, morsel by morsel. Rows of a page are
// decoded as they are asked for; a morsel lies within one page.
type column struct {
	task  op.Task
	leaf  int           // -1: every value is given
	given *expr.Literal // by the path of the file, or null where the file has no such column
	widen *expr.State   // from the file's type to the table's
	wide  chunk.Batch
	root  *nest        // of a nested column
	nest  *nested      // at work
	kept  *chunk.Batch // of a leaf of a nested column: what was given last
	info  *guard.Leaf
	typ   dtype.Type
	width int // bytes of a stored value, 0 for BOOLEAN and BYTE_ARRAY
	conv  conversion
	clean bool // there are no nulls: a required column

	pages *guard.Pages
	index *guard.PageIndex // nil: none
	head  guard.Header
	// largest is the header of the largest page of the row group so far.
	largest guard.Header
	first   int64 // row of the page's first value
	begun   bool  // the first page, which may be the dictionary, is behind
	expect  int64 // rows of the next page by the index; 0: not known
	rows    int64 // of the row group
	loaded  bool
	row     int64 // of the next value

	layout layout
	valid  []uint64 // of the page; nil: no nulls
	body   []byte   // values to come, in inPlain; text in inViews
	off    []int32  // inViews
	passed int      // values that are not null and passed, inBits and inViews
	codes  hybrid

	dict   *chunk.Dict // of text
	values []byte      // of the other types: the dictionary, converted …
	of     *Group      // … of this row group; nil: of none
	group  *Group      // the row group that is open; nil: within records
	words  chunk.Vec   // of Binary: the dictionary
	size   int         // entries of the dictionary
	shared *texts      // where dict and words are from; nil: from own
	own    texts

	bValid, bPage, bValues, bData, bCodes, bOff, bStr, bDict buffer
}

// open begins a row group.
func (c *column) open(f *guard.File, rg int, index *guard.PageIndex) (err error) {
	if c.pages != nil {
		c.pages.Close()
	}
	c.pages, c.index, c.row, c.dict = nil, nil, 0, nil
	if c.nest != nil {
		c.nest.close()
		c.nest = nil
	}
	if c.root != nil {
		return c.openNested(f, rg, c.root)
	}
	if c.leaf < 0 {
		return nil
	}
	c.info = f.Leaf(c.leaf)
	c.width, c.clean = c.info.Physical.Width(c.info.Length), c.info.MaxDef == 0
	c.conv = nil
	if c.width > 0 && !c.typ.Kind.IsVar() {
		c.conv = conversionOf(c.info, c.typ)
	}
	c.pages, err = f.Pages(rg, c.leaf, c.task)
	c.index, c.head, c.first, c.row, c.loaded, c.size = index, guard.Header{}, 0, 0, false, 0
	c.largest = guard.Header{}
	c.begun, c.expect, c.rows = false, 0, f.RowGroup(rg).Rows
	return err
}

func (c *column) close() {
	if c.nest != nil {
		c.nest.close()
		c.nest = nil
	}
	if c.kept != nil {
		c.kept.Release()
		c.kept = nil
	}
	if c.pages != nil {
		c.pages.Close()
		c.pages = nil
	}
	for _, b := range []*buffer{&c.bValid, &c.bPage, &c.bValues, &c.bData, &c.bCodes, &c.bOff, &c.bStr, &c.bDict} {
		b.free(c.task)
	}
	c.own.drop(c.task)
}

// find moves to the page that holds a row at or behind the current one, and returns the rows from there to the end
// of the page. Pages before it are not read, by the index not even their headers.
func (c *column) find(row int64) (int, error) {
	switch {
	case c.root != nil:
		return c.nest.most, nil
	case c.leaf < 0:
		return morselRows, nil
	}
	end := c.first + int64(c.head.Values)
	for row >= end {
		if c.begun && c.index != nil {
			if err := c.jump(row); err != nil {
				return 0, err
			}
			end = c.first + int64(c.head.Values)
		}
		h, err := c.pages.Next()
		if err == io.EOF {
			return 0, c.pages.Fail(errf("the pages end before row %d", row))
		}
		if err != nil {
			return 0, err
		}
		c.begun = true
		c.note(h)
		if h.Dict {
			if err := c.readDict(h); err != nil {
				return 0, c.pages.Fail(err)
			}
			continue
		}
		if c.expect > 0 && int64(h.Values) != c.expect {
			return 0, c.pages.Fail(errf("a page of %d rows, the page index says %d", h.Values, c.expect))
		}
		c.head, c.first, c.loaded, c.expect = h, end, false, 0
		end += int64(h.Values)
	}
	return int(end - row), nil
}

// jump moves over pages by the index; the page it ends at must be as long as the index says.
func (c *column) jump(row int64) error {
	x := c.index
	i := pageOf(x, row)
	at := x.Rows[i]
	if at <= c.first+int64(c.head.Values) {
		return nil
	}
	if err := c.pages.Jump(x.Offsets[i], at); err != nil {
		return err
	}
	c.expect = c.rows - at
	if i+1 < len(x.Rows) {
		c.expect = x.Rows[i+1] - at
	}
	c.head, c.first, c.loaded = guard.Header{}, at, false
	return nil
}

// load reads the page of the current header and moves to row.
func (c *column) load() error {
	b, err := c.pages.Load()
	if err != nil {
		return err
	}
	n := c.head.Values
	c.valid = nil
	present := n
	if !c.clean {
		if present, err = c.levels(b, n); err != nil {
			return c.pages.Fail(err)
		}
	}
	if err := c.begin(b.Values, present); err != nil {
		return c.pages.Fail(fmt.Errorf("%s: %w", c.head.Encoding, err))
	}
	c.loaded, c.row, c.passed = true, c.first, 0
	return nil
}

// levels reads the definition levels of a page into valid and returns how many values are not null.
func (c *column) levels(b guard.Body, n int) (int, error) {
	raw, err := c.bValid.room(c.task, chunk.Words(n)*8)
	if err != nil {
		return 0, err
	}
	w := chunk.Slice[uint64](raw, chunk.Words(n))
	w[len(w)-1] = 0
	if b.OldDef { // most significant bit first
		clear(w)
		for i := range n {
			w[i>>6] |= uint64(b.Def[i>>3]>>(7-i&7)&1) << (i & 63)
		}
	} else {
		var h hybrid
		h.start(b.Def, 1)
		if err := h.bits(w, 0, n); err != nil {
			return 0, fmt.Errorf("definition levels: %w", err)
		}
	}
	present := kernel.PopCount(w, n)
	if present < n {
		c.valid = w
	}
	return present, nil
}

// begin prepares the values of a page, n of them.
func (c *column) begin(b []byte, n int) error {
	e := c.head.Encoding
	switch {
	case e.IsDict():
		return c.beginCodes(b, n)
	case c.info.Physical == guard.Boolean:
		return c.beginBits(b, n)
	case e == guard.Plain:
		c.layout, c.body = inPlain, b
		if c.width > 0 && n > len(b)/c.width {
			return errf("%d values of %d bytes in %d bytes", n, c.width, len(b))
		}
		return nil
	case e == guard.DeltaLength:
		return c.beginLengths(b, n)
	case e == guard.DeltaBytes:
		return c.beginPrefixes(b, n)
	}
	raw, err := c.bValues.room(c.task, n*c.width)
	if err != nil {
		return err
	}
	c.layout, c.body = inPlain, raw
	switch {
	case e == guard.ByteStreamSplit:
		return unsplit(raw, b, n, c.width)
	case c.width == 4:
		_, err = deltas(chunk.Slice[int32](raw, n), b, n)
	default:
		_, err = deltas(chunk.Slice[int64](raw, n), b, n)
	}
	return err
}

func (c *column) beginCodes(b []byte, n int) error {
	c.layout = inCodes
	c.codes.start(nil, 0)
	if n == 0 {
		return nil
	}
	if c.size == 0 {
		return errf("%d codes for an empty dictionary, or for none", n)
	}
	if len(b) == 0 || b[0] > 32 {
		return errf("codes without a bit width up to 32")
	}
	c.codes.start(b[1:], uint(b[0]))
	return nil
}

func (c *column) beginBits(b []byte, n int) error {
	c.layout, c.body = inBits, b
	if c.head.Encoding == guard.Plain {
		if (n+7)/8 > len(b) {
			return errf("%d booleans in %d bytes", n, len(b))
		}
		return nil
	}
	if n == 0 {
		return nil
	}
	if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
		return errf("booleans without a length that fits")
	}
	raw, err := c.bValues.room(c.task, chunk.Words(n)*8)
	if err != nil {
		return err
	}
	var h hybrid
	h.start(b[4:4+binary.LittleEndian.Uint32(b)], 1)
	c.body = raw
	return h.bits(chunk.Slice[uint64](raw, chunk.Words(n)), 0, n)
}

// decode returns n values from row on, which are in the page that find found.
func (c *column) decode(row int64, n int) (v chunk.Vec, err error) {
	switch {
	case c.root != nil:
		if v, err = c.nest.rows(row, n); err != nil {
			return v, err
		}
	case c.leaf < 0:
		return c.repeat(n)
	default:
		v, err = c.stored(row, n)
	}
	if err != nil || c.widen == nil {
		return v, err
	}
	c.wide.Cols, c.wide.N = append(c.wide.Cols[:0], v), n
	w, err := c.widen.Eval(&c.wide)
	if err != nil {
		return v, err
	}
	return *w, nil
}

// repeat returns n times the value that is given.
func (c *column) repeat(n int) (v chunk.Vec, err error) {
	v = chunk.Vec{Type: c.typ, N: n}
	if c.typ.Kind == dtype.Null {
		return v, nil
	}
	w, x := max(c.typ.Width(), 4), c.given
	raw, err := c.bData.room(c.task, (n+2)*w)
	if err != nil {
		return v, err
	}
	clear(raw)
	v.Data = raw[:n*w]
	if x.Null {
		bits, err := c.bPage.room(c.task, chunk.Words(n)*8)
		if err != nil {
			return v, err
		}
		clear(bits)
		v.Valid = chunk.Slice[uint64](bits, chunk.Words(n))
		if c.typ.Kind.IsVar() {
			v.Off, v.Data = chunk.Slice[int32](raw, n+1), nil
		}
		return v, nil
	}
	switch c.typ.Kind {
	case dtype.Utf8:
		if c.dict == nil {
			c.dict = chunk.NewDict(chunk.Vec{Type: c.typ, N: 1, Off: []int32{0, int32(len(x.S))}, Str: []byte(x.S)})
		}
		v.Dict = c.dict
	case dtype.Date:
		fill(chunk.Slice[uint32](raw, n), uint32(x.I))
	default:
		for i := range n {
			binary.LittleEndian.PutUint64(raw[8*i:], uint64(x.I))
		}
	}
	return v, nil
}

// stored returns n values of the leaf.
func (c *column) stored(row int64, n int) (v chunk.Vec, err error) {
	if !c.loaded {
		if err := c.load(); err != nil {
			return v, err
		}
	}
	if row > c.row {
		if err := c.skip(int(row - c.row)); err != nil {
			return v, c.pages.Fail(err)
		}
	}
	v = chunk.Vec{Type: c.typ, N: n}
	at, present := int(c.row-c.first), n
	if c.valid != nil {
		raw, err := c.bPage.room(c.task, chunk.Words(n)*8)
		if err != nil {
			return v, c.pages.Fail(err)
		}
		w := chunk.Slice[uint64](raw, chunk.Words(n))
		w[len(w)-1] = 0
		kernel.CopyBits(w, 0, c.valid, at, n)
		if present = kernel.PopCount(w, n); present < n {
			v.Valid = w
		}
	}
	if c.typ.Kind == dtype.Null {
		if present > 0 {
			return v, c.pages.Fail(errf("%d values in a column that says it has none", present))
		}
		c.row += int64(n)
		return v, nil
	}
	if err := c.decodeNext(&v, present); err != nil {
		return v, c.pages.Fail(fmt.Errorf("%s: %w", c.head.Encoding, err))
	}
	c.row += int64(n)
	c.passed += present
	return v, nil
}

// skip passes n rows of the page.
func (c *column) skip(n int) error {
	present := n
	if c.valid != nil {
		at := int(c.row - c.first)
		present = countBits(c.valid, at, n)
	}
	c.row += int64(n)
	c.passed += present
	switch {
	case c.layout == inCodes:
		return c.codes.skip(present)
	case c.layout == inPlain && c.width > 0:
		c.body = c.body[present*c.width:]
	case c.layout == inPlain:
		for range present {
			k, err := length(c.body)
			if err != nil {
				return err
			}
			c.body = c.body[4+k:]
		}
	}
	return nil
}

// countBits counts the bits set among n from bit at on.
func countBits(w []uint64, at, n int) int {
	if n <= 0 {
		return 0
	}
	return kernel.PopCount(w, at+n) - kernel.PopCount(w, at)
}

// length is that of the text at the start of b.
func length(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, errf("the values end before the page does")
	}
	k := int64(binary.LittleEndian.Uint32(b))
	if k > int64(len(b)-4) {
		return 0, errf("a value of %d bytes, %d are left", k, len(b)-4)
	}
	return int(k), nil
}

// decodeNext fills v with the next values, present of them not null.
func (c *column) decodeNext(v *chunk.Vec, present int) error {
	switch {
	case c.layout == inBits:
		return c.decodeBits(v, present)
	case c.layout == inCodes:
		return c.decodeCodes(v, present)
	case c.width == 0 && c.typ.Kind == dtype.Decimal128:
		return c.decodeWide(v, present)
	case c.layout == inViews:
		return c.decodeViews(v, present)
	case c.typ.Kind.IsVar():
		return c.decodeText(v, present)
	}
	return c.decodeFixed(v, present)
}

func (c *column) decodeBits(v *chunk.Vec, present int) error {
	raw, err := c.bData.room(c.task, chunk.Words(v.N)*8)
	if err != nil {
		return err
	}
	w := chunk.Slice[uint64](raw, chunk.Words(v.N))
	clear(w)
	copyBits(w, 0, c.body, c.passed, present)
	if v.Valid != nil {
		for i, j := v.N-1, present-1; i >= 0 && i > j; i-- {
			bit := uint64(0)
			if v.Valid[i>>6]>>(i&63)&1 != 0 {
				bit = w[j>>6] >> (j & 63) & 1
				j--
			}
			w[i>>6] = w[i>>6]&^(1<<(i&63)) | bit<<(i&63)
		}
	}
	v.Data = raw
	return nil
}

func (c *column) decodeFixed(v *chunk.Vec, present int) error {
	src := c.body[:present*c.width]
	c.body = c.body[present*c.width:]
	w := c.typ.Width()
	raw, err := c.bData.room(c.task, v.N*w)
	if err != nil {
		return err
	}
	if c.conv == nil {
		copy(raw, src)
	} else if err := c.conv(raw, src, present); err != nil {
		return err
	}
	spreadBytes(raw, w, v, present)
	v.Data = raw
	return nil
}

// decodeWide reads decimals that are stored as byte arrays.
func (c *column) decodeWide(v *chunk.Vec, present int) error {
	raw, err := c.bData.room(c.task, v.N*16)
	if err != nil {
		return err
	}
	if err := c.readWide(raw, present); err != nil {
		return err
	}
	spreadBytes(raw, 16, v, present)
	v.Data = raw
	return nil
}

// readWide takes n decimals off the page.
func (c *column) readWide(raw []byte, n int) error {
	for i := range n {
		var x []byte
		if c.layout == inViews {
			x = c.body[c.off[c.passed+i]:c.off[c.passed+i+1]]
		} else {
			k, err := length(c.body)
			if err != nil {
				return err
			}
			x, c.body = c.body[4:4+k], c.body[4+k:]
		}
		if len(x) > 16 {
			return fmt.Errorf("%w: a decimal of %d bytes, the most is 16", guard.ErrUnsupported, len(x))
		}
		bigDecimal(raw[16*i:], x)
	}
	return nil
}

// decodeText copies text, of which PLAIN has the lengths between.
func (c *column) decodeText(v *chunk.Vec, present int) error {
	raw, err := c.bOff.room(c.task, (v.N+1)*4)
	if err != nil {
		return err
	}
	off := chunk.Slice[int32](raw, v.N+1)
	var str []byte
	if c.width > 0 {
		size := present * c.width
		if size > math.MaxInt32 {
			return fmt.Errorf("%w: %d bytes of text in one morsel", guard.ErrLimit, size)
		}
		str, c.body = c.body[:size], c.body[size:]
		for i := range off[:present+1] {
			off[i] = int32(i * c.width)
		}
	} else if str, err = c.copyText(off, present); err != nil {
		return err
	}
	v.Off, v.Str = off, str
	spreadOffsets(off, v, present)
	return nil
}

// copyText takes n texts off the page; their ends go to off.
func (c *column) copyText(off []int32, n int) ([]byte, error) {
	b := c.body
	if n == 1 { // it may be long, and lies in one piece
		k, err := length(b)
		if err != nil {
			return nil, err
		}
		off[0], off[1], c.body = 0, int32(k), b[4+k:]
		return b[4 : 4+k], nil
	}
	// The texts of n values and their lengths are at most what is left of the page.
	size := 0
	for i, at := 0, 0; i < n; i++ {
		if len(b)-at < 4 {
			return nil, errf("the values end before the page does")
		}
		k := int(binary.LittleEndian.Uint32(b[at:]))
		if k > len(b)-at-4 {
			return nil, errf("a value of %d bytes, %d are left", k, len(b)-at-4)
		}
		at += 4 + k
		size = at - 4*(i+1)
	}
	if size > math.MaxInt32 {
		return nil, fmt.Errorf("%w: %d bytes of text in one morsel", guard.ErrLimit, size)
	}
	str, err := c.bStr.room(c.task, size+32)
	if err != nil {
		return nil, err
	}
	o := 0
	off[0] = 0
	for i := range n {
		k := int(binary.LittleEndian.Uint32(b))
		if b = b[4:]; k <= 16 && len(b) >= 16 {
			*(*[16]byte)(str[o:]) = *(*[16]byte)(b)
		} else {
			copy(str[o:], b[:k])
		}
		b = b[k:]
		o += k
		off[i+1] = int32(o)
	}
	c.body = b
	return str[:o], nil
}

func (c *column) decodeViews(v *chunk.Vec, present int) error {
	off := c.off[c.passed : c.passed+present+1]
	if v.Valid != nil {
		raw, err := c.bOff.room(c.task, (v.N+1)*4)
		if err != nil {
			return err
		}
		own := chunk.Slice[int32](raw, v.N+1)
		copy(own, off)
		off = own
		spreadOffsets(off, v, present)
	}
	v.Off, v.Str = off, c.body
	return nil
}

// spreadOffsets moves the ends of present texts to where the values that are not null stand.
func spreadOffsets(off []int32, v *chunk.Vec, present int) {
	if v.Valid == nil {
		return
	}
	for i, j := v.N, present; i > 0 && i >= j; i-- {
		off[i] = off[j]
		j -= int(v.Valid[(i-1)>>6] >> (uint(i-1) & 63) & 1)
	}
}

// spreadBytes moves present values of width w to where the values that are not null stand; what is under a null is
// one of the values.
func spreadBytes(b []byte, w int, v *chunk.Vec, present int) {
	if v.Valid == nil {
		return
	}
	if present == 0 {
		clear(b)
		return
	}
	switch w {
	case 1:
		spread(b, v, present)
	case 2:
		spread(chunk.Slice[uint16](b, v.N), v, present)
	case 4:
		spread(chunk.Slice[uint32](b, v.N), v, present)
	case 8:
		spread(chunk.Slice[uint64](b, v.N), v, present)
	case 16:
		spread(chunk.Slice[[16]byte](b, v.N), v, present)
	}
}

func spread[T chunk.Fixed](x []T, v *chunk.Vec, present int) {
	j := present - 1
	for i := v.N - 1; i >= 0 && i > j; i-- {
		x[i] = x[max(j, 0)]
		j -= int(v.Valid[i>>6] >> (uint(i) & 63) & 1)
	}
}
