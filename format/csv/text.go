package csv

import (
	"math/bits"
	"unicode/utf8"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// tz8 returns which byte of z, lowest first, has the lowest set bit; 8 if none.
func tz8(z uint64) uint32 { return uint32(bits.TrailingZeros64(z)) >> 3 }

// parseText copies text to offsets and bytes. Short values are copied as whole
// registers, behind their end too: the next one overwrites it.
func (r *parser) parseText(c *column, e *ends, n int) *fault {
	if c.glossary != nil && !c.glossary.over.Load() {
		if f, ok := r.parseCodes(c, e, n); ok {
			return f
		}
		c.reset(n)
	}
	c.dict = nil
	if r.quote || len(r.p.Nulls) > 0 {
		r.parseQuoted(c, e, n)
	} else {
		r.parsePlain(c, e, n)
	}
	if c.typ.Kind != dtype.Utf8 {
		return nil
	}
	return c.checkUTF8(n)
}

// room makes space for n more bytes at o, and for what a whole-register copy
// writes behind them.
func (c *column) room(o, n int) {
	grown := make([]byte, max(2*len(c.str), o+n+pad, 4096))
	copy(grown, c.str[:o])
	c.str = grown
}

// parsePlain is parseText without quotes and null spellings.
func (r *parser) parsePlain(c *column, e *ends, n int) {
	f := *e
	off := c.off[:n+1]
	off[0] = 0
	o := 0
	for i := range n {
		s, t := f.at(i)
		l := int(t - s)
		if o+l+pad > len(c.str) {
			c.room(o, l)
		}
		src, dst := unsafe.Add(f.base, s), unsafe.Pointer(&c.str[o])
		if l <= 16 {
			*(*[16]byte)(dst) = *(*[16]byte)(src)
			if l == 0 {
				c.null(i, n)
			}
		} else {
			copy(c.str[o:], r.text[s:t])
		}
		o += l
		off[i+1] = int32(o)
	}
}

// parseQuoted is parseText for chunks with quotes, and for any with null
// spellings.
func (r *parser) parseQuoted(c *column, e *ends, n int) {
	f := *e
	off := c.off[:n+1]
	off[0] = 0
	o := 0
	quote := r.g.quote
	quotes := uint64(quote) * ones8
	for i := range n {
		s, t := f.at(i)
		l := int(t - s)
		if o+l+pad > len(c.str) {
			c.room(o, l)
		}
		src := unsafe.Add(f.base, s)
		switch {
		case l == 0:
			c.null(i, n)
		case r.quote && *(*byte)(src) == quote:
			if l <= 18 && firstByte(unsafe.Add(src, 1), quotes) >= uint32(l-2) {
				*(*[16]byte)(unsafe.Pointer(&c.str[o])) = *(*[16]byte)(unsafe.Add(src, 1))
				o += l - 2
			} else {
				o = len(unquote(c.str[:o], r.text[s+1:t-1], quote))
			}
		case len(r.p.Nulls) > 0 && r.isNull(r.text[s:t]):
			c.null(i, n)
		case l <= 16:
			*(*[16]byte)(unsafe.Pointer(&c.str[o])) = *(*[16]byte)(src)
			o += l
		default:
			o += copy(c.str[o:], r.text[s:t])
		}
		off[i+1] = int32(o)
	}
}

// firstByte returns the position of the first of 16 bytes at p that is the byte
// repeated in pattern, 16 if none is.
func firstByte(p unsafe.Pointer, pattern uint64) uint32 {
	y := *(*uint64)(p) ^ pattern
	if z := (y - ones8) &^ y & high8; z != 0 {
		return tz8(z)
	}
	y = *(*uint64)(unsafe.Add(p, 8)) ^ pattern
	return 8 + tz8((y-ones8)&^y&high8)
}

const notUTF8 = "valid UTF-8 (convert the file, or read the column with Types as binary)"

// checkUTF8 refuses text that is not UTF-8.
func (c *column) checkUTF8(n int) *fault {
	if c.ascii(int(c.off[n])) {
		return nil
	}
	for i := range n {
		if !utf8.Valid(c.str[c.off[i]:c.off[i+1]]) {
			return wrong(c, i, notUTF8)
		}
	}
	return nil
}

// ascii reports whether the first n bytes of text are ASCII.
func (c *column) ascii(n int) bool {
	if n == 0 {
		return true
	}
	clear(c.str[n : n+8])
	words := chunk.Slice[uint64](c.str, (n+7)/8)
	var a, b, x, d uint64
	for ; len(words) >= 4; words = words[4:] {
		a, b, x, d = a|words[0], b|words[1], x|words[2], d|words[3]
	}
	for _, w := range words {
		a |= w
	}
	return (a|b|x|d)&high8 == 0
}
