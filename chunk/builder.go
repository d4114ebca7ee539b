package chunk

import (
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A Builder gathers rows into batches that own their buffers. Buffers come from
// its allocator and grow by doubling; when the allocator refuses, Append returns
// mem.ErrBudget and the builder still holds every row appended before: the
// caller flushes or spills and appends again.
type Builder struct {
	schema dtype.Schema
	alloc  mem.Allocator
	cols   []colBuilder
	n      int
}

type colBuilder struct {
	kind   dtype.Kind
	width  int    // of one fixed value; 0 for text and bools
	data   []byte // values, bits or offsets
	str    []byte // text
	valid  []byte // bits, nil until the first null
	strLen int
	dict   *Dict // shared by everything appended so far, nil once mixed or plain
	coded  bool  // data holds codes of dict
	// What the last batch took: the next one begins with that, without growing
	// (and copying) its way up again.
	lastData, lastStr, lastValid int
}

// NewBuilder returns an empty builder. Dictionary vectors are kept as codes
// while every appended vector has the same dictionary, and decoded otherwise; and at
// the end if the dictionary is large beside the rows, unless the memory is refused.
func NewBuilder(schema dtype.Schema, alloc mem.Allocator) *Builder {
	b := &Builder{schema: schema, alloc: alloc, cols: make([]colBuilder, len(schema))}
	for i, f := range schema {
		b.cols[i] = colBuilder{kind: f.Type.Kind, width: f.Type.Width()}
	}
	return b
}

// Expect has the next batch begin with room for n rows, texts of 8 bytes, so that
// its buffers need not grow their way up. It allocates nothing yet.
func (b *Builder) Expect(n int) {
	for i := range b.cols {
		switch c := &b.cols[i]; {
		case c.kind.IsVar():
			c.lastData, c.lastStr = n*4+4, n*8
		case c.kind == dtype.Bool:
			c.lastData = Words(n) * 8
		default:
			c.lastData = n * c.width
		}
	}
}

// Len returns the rows gathered since the last Flush.
func (b *Builder) Len() int { return b.n }

// Bytes returns the bytes of the gathered rows.
func (b *Builder) Bytes() int64 {
	n := int64(0)
	for i := range b.cols {
		n += int64(cap(b.cols[i].data)) + int64(cap(b.cols[i].str)) + int64(cap(b.cols[i].valid))
	}
	return n
}

// Filled returns the bytes of the gathered rows without the room behind them.
func (b *Builder) Filled() int64 {
	n := int64(0)
	for i := range b.cols {
		c := &b.cols[i]
		switch {
		case c.coded:
			n += int64(b.n) * 4
		case c.kind.IsVar():
			n += int64(b.n)*4 + int64(c.strLen)
		default:
			n += int64(b.n * c.width)
		}
	}
	return n
}

// margin is what the next batch begins with, given what the last one had.
func margin(n int) int { return n + n/8 }

// Append copies all rows of m.
func (b *Builder) Append(m *Batch) error { return b.add(m, nil, m.N) }

// AppendRows copies the rows of m at idx, in that order; indices must be below
// m.N and may repeat.
func (b *Builder) AppendRows(m *Batch, idx []uint32) error { return b.add(m, idx, len(idx)) }

// add grows every column first, so that a refusal leaves no column longer than
// another.
func (b *Builder) add(m *Batch, idx []uint32, k int) error {
	if err := b.reserve(m, idx, k); err != nil {
		return err
	}
	for i := range b.cols {
		b.cols[i].copy(b.n, &m.Cols[i], idx, k)
	}
	b.n += k
	return nil
}

// reserve makes room for k rows of m in every column. A builder without rows that
// is refused one column gives back what the others got: one that Len says is empty
// is neither flushed nor closed by those who fill many.
func (b *Builder) reserve(m *Batch, idx []uint32, k int) error {
	for i := range b.cols {
		if err := b.cols[i].grow(b, &m.Cols[i], idx, k); err != nil {
			if b.n == 0 {
				b.Close()
			}
			return err
		}
	}
	return nil
}

// room makes buf hold at least n bytes.
func room(alloc mem.Allocator, buf *[]byte, used, n, hint int) error {
	if n <= len(*buf) {
		return nil
	}
	want := max(n, 2*len(*buf), 1024)
	if *buf == nil {
		want = max(want, hint)
	}
	next := alloc.Alloc(want)
	if next == nil && want > n {
		next = alloc.Alloc(n)
	}
	if next == nil {
		return mem.ErrBudget
	}
	next = next[:cap(next)-64]
	copy(next, (*buf)[:min(used, len(*buf))])
	alloc.Free(*buf)
	*buf = next
	return nil
}

// textBytes counts the bytes of the chosen text values.
func textBytes(v *Vec, idx []uint32, k int) int {
	if v.Type.Kind == dtype.Null {
		return 0
	}
	if v.Dict == nil && idx == nil {
		if k == 0 {
			return 0
		}
		return int(v.Off[k] - v.Off[0])
	}
	n := 0
	off := v.Off
	if v.Dict != nil {
		off = v.Dict.Values.Off
		codes := Values[uint32](v)
		if idx == nil {
			for _, c := range codes[:k] {
				n += int(off[c+1] - off[c])
			}
			return n
		}
		for _, i := range idx {
			c := codes[i]
			n += int(off[c+1] - off[c])
		}
		return n
	}
	for _, i := range idx {
		n += int(off[i+1] - off[i])
	}
	return n
}

func (c *colBuilder) grow(b *Builder, v *Vec, idx []uint32, k int) error {
	if err := c.growValid(b, k, v.Valid != nil || v.Type.Kind == dtype.Null && c.kind != dtype.Null); err != nil {
		return err
	}
	if !c.kind.IsVar() {
		return c.growData(b, k)
	}
	text := 0
	if v.Dict == nil || b.n > 0 && !(c.coded && c.dict.ID == v.Dict.ID) {
		text = textBytes(v, idx, k)
	}
	return c.growText(b, v.Dict, text, k)
}

// decode turns the codes gathered so far into text.
func (c *colBuilder) decode(b *Builder) error {
	v := Vec{Type: dtype.Of(c.kind), N: b.n, Data: c.data[:b.n*4], Dict: c.dict}
	plain, bufs, ok := v.Plain(b.alloc)
	if !ok {
		return mem.ErrBudget
	}
	b.alloc.Free(c.data)
	b.alloc.Free(c.str)
	c.data, c.str = bufs[0], bufs[1]
	c.coded, c.dict, c.strLen = false, nil, len(plain.Str)
	return nil
}

func (c *colBuilder) copy(at int, v *Vec, idx []uint32, k int) {
	if c.valid != nil {
		copyValid(Slice[uint64](c.valid, Words(at+k)), at, v, idx, k)
	}
	if v.Type.Kind == dtype.Null && c.kind != dtype.Null {
		c.copyNull(at, k)
		return
	}
	switch {
	case c.kind == dtype.Bool:
		if idx == nil {
			kernel.CopyBits(Slice[uint64](c.data, Words(at+k)), at, v.Bits(), 0, k)
		} else {
			gatherBits(Slice[uint64](c.data, Words(at+k)), at, v.Bits(), idx)
		}
	case c.coded:
		gather(Slice[uint32](c.data, at+k)[at:], Values[uint32](v), idx)
	case c.kind.IsVar():
		c.copyText(at, v, idx, k)
	default:
		c.copyFixed(at, v, idx, k)
	}
}

// copyNull appends k nulls whose values are zero.
func (c *colBuilder) copyNull(at, k int) {
	switch {
	case c.kind == dtype.Bool:
		kernel.SetRange(Slice[uint64](c.data, Words(at+k)), at, at+k, false)
	case c.coded:
		clear(Slice[uint32](c.data, at+k)[at:])
	case c.kind.IsVar():
		off := Slice[int32](c.data, at+k+1)
		for i := at; i < at+k; i++ {
			off[i+1] = off[i]
		}
	default:
		clear(c.data[at*c.width : (at+k)*c.width])
	}
}

func (c *colBuilder) copyFixed(at int, v *Vec, idx []uint32, k int) {
	if idx == nil {
		copy(c.data[at*c.width:(at+k)*c.width], v.Data)
		return
	}
	switch c.width {
	case 1:
		gather(Slice[uint8](c.data, at+k)[at:], Values[uint8](v), idx)
	case 2:
		gather(Slice[uint16](c.data, at+k)[at:], Values[uint16](v), idx)
	case 4:
		gather(Slice[uint32](c.data, at+k)[at:], Values[uint32](v), idx)
	case 8:
		gather(Slice[uint64](c.data, at+k)[at:], Values[uint64](v), idx)
	case 16:
		gather(Slice[[16]byte](c.data, at+k)[at:], Values[[16]byte](v), idx)
	}
}

func gather[T Fixed](dst, src []T, idx []uint32) {
	if idx == nil {
		copy(dst, src)
		return
	}
	dst = dst[:len(idx)]
	for i, j := range idx {
		dst[i] = src[j]
	}
}

func gatherBits(dst []uint64, at int, src []uint64, idx []uint32) {
	for i, j := range idx {
		bit := src[j>>6] >> (j & 63) & 1
		p := at + i
		dst[p>>6] = dst[p>>6]&^(1<<(uint(p)&63)) | bit<<(uint(p)&63)
	}
}

func copyValid(dst []uint64, at int, v *Vec, idx []uint32, k int) {
	switch {
	case v.Type.Kind == dtype.Null:
		kernel.SetRange(dst, at, at+k, false)
	case v.Valid == nil:
		kernel.SetRange(dst, at, at+k, true)
	case idx == nil:
		kernel.CopyBits(dst, at, v.Valid, 0, k)
	default:
		gatherBits(dst, at, v.Valid, idx)
	}
}

// copyText appends text values; room was made by growText.
func (c *colBuilder) copyText(at int, v *Vec, idx []uint32, k int) {
	off := Slice[int32](c.data, at+k+1)
	if v.Dict == nil && idx == nil {
		if k == 0 {
			return
		}
		base := v.Off[0]
		copy(c.str[c.strLen:], v.Str[base:v.Off[k]])
		shift := int32(c.strLen) - base
		for i, o := range v.Off[1 : k+1] {
			off[at+i+1] = o + shift
		}
		c.strLen += int(v.Off[k] - base)
		return
	}
	src, from := v.Str, v.Off
	if v.Dict != nil {
		src, from = v.Dict.Values.Str, v.Dict.Values.Off
		codes := Values[uint32](v)
		if idx != nil {
			picked := make([]uint32, len(idx))
			gather(picked, codes, idx)
			codes = picked
		}
		idx = codes
	}
	GatherText(off[at:], c.str, from, src, idx[:k])
	c.strLen = int(off[at+k])
}

// Flush returns the gathered rows as a batch that owns its buffers, and leaves
// the builder empty. A builder without rows gives an empty batch.
func (b *Builder) Flush() *Batch {
	out := &Batch{Cols: make([]Vec, len(b.cols)), N: b.n}
	var bufs [][]byte
	keep := func(p *[]byte) {
		if *p != nil {
			bufs = append(bufs, *p)
			*p = nil
		}
	}
	for i := range b.cols {
		c := &b.cols[i]
		if c.coded && c.dict.Large(b.n) {
			_ = c.decode(b) // the codes are as good
		}
		v := &out.Cols[i]
		*v = c.vec(b.schema[i].Type, b.n)
		if v.Valid != nil && kernel.AllSet(v.Valid, b.n) {
			v.Valid = nil
		}
		c.lastValid, c.lastData, c.lastStr = margin(len(v.Valid)*8), margin(len(v.Data)+len(v.Off)*4), margin(len(v.Str))
		keep(&c.valid)
		keep(&c.data)
		keep(&c.str)
		c.strLen, c.dict, c.coded = 0, nil, false
	}
	out.Own(b.alloc, bufs)
	b.n = 0
	return out
}

// vec returns the n gathered values; the buffers stay the builder's.
func (c *colBuilder) vec(t dtype.Type, n int) Vec {
	v := Vec{Type: t, N: n}
	if c.valid != nil {
		v.Valid = Slice[uint64](c.valid, Words(n))
	}
	switch {
	case c.coded:
		v.Data, v.Dict = c.data[:n*4], c.dict
	case c.kind.IsVar():
		if c.data != nil {
			v.Off = Slice[int32](c.data, n+1)
		} else {
			v.Off = []int32{0}
		}
		v.Str = c.str[:c.strLen]
	case c.kind == dtype.Bool:
		v.Data = c.data[:Words(n)*8]
	default:
		v.Data = c.data[:n*c.width]
	}
	return v
}

// View makes m the gathered rows. They stay the builder's, and are there until it
// is changed.
func (b *Builder) View(m *Batch) {
	m.Cols, m.N = m.Cols[:0], b.n
	for i := range b.cols {
		m.Cols = append(m.Cols, b.cols[i].vec(b.schema[i].Type, b.n))
	}
}

// Clear forgets the gathered rows but keeps their buffers for those to come.
func (b *Builder) Clear() {
	for i := range b.cols {
		c := &b.cols[i]
		b.alloc.Free(c.valid)
		c.valid, c.strLen, c.dict, c.coded = nil, 0, nil, false
	}
	b.n = 0
}

// Close frees the builder's buffers and the rows in them.
func (b *Builder) Close() { b.Flush().Release() }
