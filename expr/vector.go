package expr

import (
	"fmt"
	"math"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A vector is a column that owns its scratch, which grows to the largest morsel
// and is then reused.
type vector struct {
	chunk.Vec
	data  []uint64
	valid []uint64
	off   []int32
	str   []byte
}

// pad is what buffers have beyond their values, in words: kernels over-read and
// over-write up to 64 bytes.
const pad = 8

func words(buf *[]uint64, n int) []uint64 {
	if cap(*buf) < n+pad {
		*buf = make([]uint64, n+n/4+pad)
	}
	return (*buf)[:n]
}

// reset makes v an empty column of n values of type t, to be filled.
func (v *vector) reset(t dtype.Type, n int) { v.Vec = chunk.Vec{Type: t, N: n} }

// fixed returns room for the N values of v.
func fixed[T chunk.Fixed](v *vector) []T {
	var one [1]T
	size := v.N * len(chunk.Bytes(one[:]))
	v.Data = chunk.Bytes(words(&v.data, (size+7)/8))[:size]
	return chunk.Values[T](&v.Vec)
}

// bits returns room for the N bits of the Bool v.
func (v *vector) bits() []uint64 {
	w := words(&v.data, chunk.Words(v.N))
	v.Data = chunk.Bytes(w)
	return w
}

// ownValid returns the validity as a bitmap that may be changed.
func (v *vector) ownValid() []uint64 {
	w := words(&v.valid, chunk.Words(v.N))
	switch {
	case v.Valid == nil:
		kernel.SetRange(w, 0, v.N, true)
	case len(w) > 0 && &v.Valid[0] != &w[0]:
		copy(w, v.Valid)
	}
	v.Valid = w
	return w
}

// setNull makes value i null.
func (v *vector) setNull(i int) { v.ownValid()[i>>6] &^= 1 << (uint(i) & 63) }

// offsets returns room for the N+1 offsets of text and empties the text.
func (v *vector) offsets() []int32 {
	if cap(v.off) < v.N+1 {
		v.off = make([]int32, v.N+v.N/4+1+2*pad)
	}
	v.off, v.str = v.off[:v.N+1], v.str[:0]
	v.off[0] = 0
	return v.off
}

// setText makes v the text gathered in str.
func (v *vector) setText() { v.Off, v.Str = v.off, v.str }

// A constant is a constant as a column. Text is a dictionary of one entry.
type constant struct {
	lit *Literal
	vector
	room int // values already filled in
}

// vec returns n times the constant.
func (c *constant) vec(n int) *chunk.Vec {
	if n > c.room || c.room == 0 {
		c.fill(max(n, 1))
	}
	k := c.lit.Type.Kind
	c.N = n
	switch {
	case k == dtype.Null:
	case k == dtype.Bool:
		c.Data = chunk.Bytes(c.data[:chunk.Words(n)])
	case k.IsVar():
		c.Data = chunk.Bytes(c.data[:(n+1)/2])[:n*4]
	default:
		c.Data = chunk.Bytes(c.data[:(n*k.Width()+7)/8])[:n*k.Width()]
	}
	if c.lit.Null && k != dtype.Null {
		c.Valid = c.valid[:chunk.Words(n)]
	}
	return &c.Vec
}

func (c *constant) fill(n int) {
	dict := c.Dict
	c.reset(c.lit.Type, n)
	c.room = n
	k := c.lit.Type.Kind
	switch {
	case k == dtype.Null:
		return
	case k == dtype.Bool:
		kernel.SetRange(c.bits(), 0, n, c.lit.I != 0)
	case k.IsVar():
		clear(fixed[uint32](&c.vector))
		if c.Dict = dict; dict == nil {
			c.Dict = chunk.NewDict(chunk.Vec{Type: c.lit.Type, N: 1, Off: []int32{0, int32(len(c.lit.S))}, Str: []byte(c.lit.S)})
		}
	default:
		fillFixed(&c.vector, *c.lit)
	}
	if c.lit.Null {
		clear(c.ownValid())
	}
}

// fillFixed sets all values of v.
func fillFixed(v *vector, l Literal) {
	switch v.Type.Kind {
	case dtype.Int8, dtype.Uint8:
		fill(fixed[int8](v), int8(l.I))
	case dtype.Int16, dtype.Uint16:
		fill(fixed[int16](v), int16(l.I))
	case dtype.Int32, dtype.Uint32, dtype.Date:
		fill(fixed[int32](v), int32(l.I))
	case dtype.Int64, dtype.Uint64, dtype.Timestamp, dtype.Time, dtype.Duration:
		fill(fixed[int64](v), l.I)
	case dtype.Float32:
		fill(fixed[float32](v), float32(l.F))
	case dtype.Float64:
		fill(fixed[float64](v), l.F)
	case dtype.Decimal128:
		fill(fixed[[16]byte](v), decimalOfLit(l).store())
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// literalAt reads value i of v; lists and structs come back as their records.
func literalAt(v *chunk.Vec, i int) Literal {
	l := Literal{Type: v.Type}
	if v.IsNull(i) {
		l.Null = true
		return l
	}
	k := v.Type.Kind
	switch {
	case k == dtype.Bool:
		l.I = int64(v.Bits()[i>>6] >> (uint(i) & 63) & 1)
	case k.IsVar():
		l.S = string([]byte(v.Text(i)))
	case k == dtype.Float32:
		l.F = float64(chunk.Values[float32](v)[i])
	case k == dtype.Float64:
		l.F = chunk.Values[float64](v)[i]
	case k == dtype.Decimal128:
		l.S = decimalText(loadDecimal(chunk.Values[[16]byte](v)[i]), v.Type)
	default:
		l.I = intAt(v, i)
	}
	return l
}

// intAt reads an integer, date or timestamp; uint64 keeps its bits.
func intAt(v *chunk.Vec, i int) int64 {
	switch v.Type.Kind {
	case dtype.Int8:
		return int64(chunk.Values[int8](v)[i])
	case dtype.Uint8:
		return int64(chunk.Values[uint8](v)[i])
	case dtype.Int16:
		return int64(chunk.Values[int16](v)[i])
	case dtype.Uint16:
		return int64(chunk.Values[uint16](v)[i])
	case dtype.Int32, dtype.Date:
		return int64(chunk.Values[int32](v)[i])
	case dtype.Uint32:
		return int64(chunk.Values[uint32](v)[i])
	}
	return chunk.Values[int64](v)[i]
}

// store writes a constant of v's type, not null, as value i; room was made.
func store(v *vector, i int, l Literal) {
	switch v.Type.Kind {
	case dtype.Bool:
		w := &v.Bits()[i>>6]
		*w = *w&^(1<<(uint(i)&63)) | uint64(l.I)<<(uint(i)&63)
	case dtype.Int8, dtype.Uint8:
		chunk.Values[int8](&v.Vec)[i] = int8(l.I)
	case dtype.Int16, dtype.Uint16:
		chunk.Values[int16](&v.Vec)[i] = int16(l.I)
	case dtype.Int32, dtype.Uint32, dtype.Date:
		chunk.Values[int32](&v.Vec)[i] = int32(l.I)
	case dtype.Float32:
		chunk.Values[float32](&v.Vec)[i] = float32(l.F)
	case dtype.Float64:
		chunk.Values[float64](&v.Vec)[i] = l.F
	case dtype.Decimal128:
		chunk.Values[[16]byte](&v.Vec)[i] = decimalOfLit(l).store()
	default:
		chunk.Values[int64](&v.Vec)[i] = l.I
	}
}

// allocate makes room for the fixed-width values or bits of v.
func (v *vector) allocate() {
	if v.Type.Kind == dtype.Bool {
		v.bits()
		return
	}
	size := v.N * v.Type.Width()
	v.Data = chunk.Bytes(words(&v.data, (size+7)/8))[:size]
}

// A frame is one run of a code.
type frame struct {
	n     int
	in    []*chunk.Vec // nil for constants that the binder takes as such
	out   *vector      // its Valid is set unless the code is lazy
	check []uint64     // rows on which errors matter; nil: all
	most  int          // bytes of text that may be made, see errLong; 0: any
	long  int          // the row where that was passed
	made  int          // bytes of text that were made
}

// checked reports whether an error in row i matters.
func (f *frame) checked(i int) bool {
	return f.check == nil || f.check[i>>6]>>(uint(i)&63)&1 != 0
}

// null reports whether the result is null in row i.
func (f *frame) null(i int) bool {
	return f.out.Valid != nil && f.out.Valid[i>>6]>>(uint(i)&63)&1 == 0
}

// fail makes an error of row i if it matters there; otherwise the row becomes
// null, which is how a dictionary entry remembers that it failed.
func (f *frame) fail(i int, format string, args ...any) error {
	if !f.checked(i) {
		f.out.setNull(i)
		return nil
	}
	return fmt.Errorf(format, args...)
}

// valueAt words value i of argument k for messages.
func (f *frame) valueAt(b *binding, k, i int) string {
	if l := b.lit(k); l != nil {
		return plainText(*l)
	}
	if f.in[k].Type.Kind.IsNested() && !f.in[k].IsNull(i) {
		return string(appendNested(nil, f.in[k].Type, []byte(f.in[k].Text(i))))
	}
	return plainText(literalAt(f.in[k], i))
}

// plainText words a value without its type; long text is cut.
func plainText(l Literal) string {
	switch {
	case l.Null:
		return "null"
	case l.Type.Kind.IsVar():
		if len(l.S) > 60 {
			return fmt.Sprintf("%q…", l.S[:57])
		}
		return fmt.Sprintf("%q", l.S)
	}
	s, err := textOf(l)
	if err != nil {
		return valueText(l)
	}
	return s
}

// texts reads text however it is stored.
type texts struct {
	off   []int32
	str   []byte
	codes []uint32
	vec   *chunk.Vec
	one   []byte // the constant, in all rows
	lit   string
	same  bool
}

// text returns argument k as text.
func (f *frame) text(b *binding, k int) texts {
	if l := b.lit(k); l != nil {
		return texts{one: []byte(l.S), lit: l.S, same: true}
	}
	return textsOf(f.in[k])
}

func textsOf(v *chunk.Vec) texts {
	if v.Dict != nil {
		return texts{off: v.Dict.Values.Off, str: v.Dict.Values.Str, codes: chunk.Values[uint32](v), vec: v}
	}
	return texts{off: v.Off, str: v.Str, vec: v}
}

// at returns text i, which must not be changed.
func (t *texts) at(i int) []byte {
	if t.same {
		return t.one
	}
	if t.codes != nil {
		i = int(t.codes[i])
	}
	return t.str[t.off[i]:t.off[i+1]]
}

// view is text i as a string without a copy; it must not outlive the morsel.
func (t *texts) view(i int) string {
	if t.same {
		return t.lit
	}
	return t.vec.Text(i)
}

// mostColumn is how many bytes of text a column may have: its offsets are int32.
const mostColumn = math.MaxInt32 - pad*8

// eachText builds text row by row; add appends the text of row i. Null rows are
// empty.
func (f *frame) eachText(add func(dst []byte, i int) ([]byte, error)) error {
	off := f.out.offsets()
	dst, most := f.out.str, mostColumn
	if f.most > 0 {
		most = min(most, f.most)
	}
	for i := range f.n {
		if !f.null(i) {
			var err error
			if dst, err = add(dst, i); err != nil {
				return err
			}
			if len(dst) > most {
				return f.tooMuch(dst, i)
			}
		}
		off[i+1] = int32(len(dst))
	}
	f.out.str, f.made = dst, len(dst)
	f.out.setText()
	return nil
}

// tooMuch ends eachText, which has made dst of the rows up to row.
func (f *frame) tooMuch(dst []byte, row int) error {
	if len(dst) > mostColumn {
		return fmt.Errorf("more than 2 GiB of text in %d rows", row+1)
	}
	f.out.str, f.made, f.long = dst, len(dst), row
	return errLong
}

// eachBit computes a Bool row by row; null rows are left out.
func (f *frame) eachBit(test func(i int) bool) {
	for w, out := 0, f.out.bits(); w < len(out); w++ {
		valid := ^uint64(0)
		if f.out.Valid != nil {
			valid = f.out.Valid[w]
		}
		var word uint64
		for k := range min(64, f.n-w*64) {
			if valid>>uint(k&63)&1 != 0 && test(w*64+k) {
				word |= 1 << uint(k&63)
			}
		}
		out[w] = word
	}
}

// eachInt computes an int64 row by row; null rows are zero.
func (f *frame) eachInt(get func(i int) int64) {
	out := fixed[int64](f.out)
	for i := range out {
		out[i] = 0
		if !f.null(i) {
			out[i] = get(i)
		}
	}
}
