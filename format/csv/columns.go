package csv

import (
	"math"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/scan"
)

// A column is one column being read: the field it is, -1 if the files lack it, its
// type, and the values of the current morsel.
type column struct {
	name    string
	typ     dtype.Type
	guessed bool
	at      int
	key     int         // which of the columns that paths give; -1: none
	given   *scan.Given // its values

	data  []uint64 // values or bits, at least what the rows need
	off   []int32
	str   []byte
	valid []uint64
	nulls bool // valid is meant

	glossary *glossary   // of a column of text
	dict     *chunk.Dict // set: data are its codes
}

// reset makes room for n values.
func (c *column) reset(n int) {
	c.nulls = false
	words := (n*max(c.typ.Width(), 1)+7)/8 + pad/8
	if c.typ.Kind.IsVar() {
		words = 0
		if c.glossary != nil {
			words = n/2 + pad/8
		}
		if len(c.off) < n+1+pad/4 {
			c.off = make([]int32, n+1+pad/4+n/8)
		}
	}
	if len(c.data) < words {
		c.data = make([]uint64, words+words/8)
	}
}

// null marks value i of n.
func (c *column) null(i, n int) {
	if !c.nulls {
		c.allValid(n)
	}
	c.valid[i>>6] &^= 1 << (uint(i) & 63)
}

func (c *column) allValid(n int) {
	w := chunk.Words(n)
	if len(c.valid) < w {
		c.valid = make([]uint64, w+w/8+8)
	}
	for i := range c.valid[:w] {
		c.valid[i] = ^uint64(0)
	}
	c.nulls = true
}

// lack makes n nulls.
func (c *column) lack(n int) {
	c.allValid(n)
	clear(c.valid[:chunk.Words(n)])
	clear(c.data)
	if c.typ.Kind.IsVar() {
		c.dict = nil
		clear(c.off[:n+1])
	}
}

// vec returns the first n values, borrowed.
func (c *column) vec(n int) chunk.Vec {
	if c.given != nil {
		return c.given.Vec(n)
	}
	v := chunk.Vec{Type: c.typ, N: n}
	if c.nulls {
		v.Valid = c.valid[:chunk.Words(n)]
	}
	bytes := chunk.Bytes(c.data)
	switch {
	case c.typ.Kind == dtype.Null:
		v.Valid = nil
	case c.typ.Kind.IsVar() && n == 0:
		v.Off = []int32{0}
	case c.dict != nil:
		v.Data, v.Dict = bytes[:n*4], c.dict
	case c.typ.Kind.IsVar():
		v.Off = c.off[:n+1]
		v.Str = c.str[:c.off[n]]
	case c.typ.Kind == dtype.Bool:
		v.Data = bytes[:chunk.Words(n)*8]
	default:
		v.Data = bytes[:n*c.typ.Width()]
	}
	return v
}

// as views the values of c.
func as[T chunk.Fixed](c *column, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(c.data))), n)
}

// parse reads rows [lo, lo+n) of a column.
func (r *parser) parse(c *column, lo, n int) *fault {
	if c.given != nil {
		return nil
	}
	c.reset(n)
	if c.at < 0 {
		c.lack(n)
		return nil
	}
	e := r.ends(c.at, lo)
	switch c.typ.Kind {
	case dtype.Int64:
		return r.parseInts(c, &e, n)
	case dtype.Int32:
		return parseNarrow[int32](r, c, &e, n)
	case dtype.Int16:
		return parseNarrow[int16](r, c, &e, n)
	case dtype.Int8:
		return parseNarrow[int8](r, c, &e, n)
	case dtype.Uint64:
		return parseUnsigned[uint64](r, c, &e, n)
	case dtype.Uint32:
		return parseUnsigned[uint32](r, c, &e, n)
	case dtype.Uint16:
		return parseUnsigned[uint16](r, c, &e, n)
	case dtype.Uint8:
		return parseUnsigned[uint8](r, c, &e, n)
	case dtype.Float64:
		return r.parseFloats(c, &e, n)
	case dtype.Utf8, dtype.Binary:
		return r.parseText(c, &e, n)
	case dtype.Bool:
		return r.parseBools(c, &e, n)
	}
	return r.parseRare(c, &e, n)
}

// parseRare reads the types that have no loop of their own.
func (r *parser) parseRare(c *column, e *ends, n int) *fault {
	for i := range n {
		b := r.value(e, i)
		if len(b) == 0 {
			c.null(i, n)
			continue
		}
		v, null := r.clean(b)
		if null {
			c.null(i, n)
			continue
		}
		if !c.rare(i, n, v) {
			what := c.typ.String()
			switch c.typ.Kind {
			case dtype.Date:
				what = "a date (YYYY-MM-DD)"
			case dtype.Timestamp:
				what = "a " + what + " (ISO 8601)"
			case dtype.Decimal128:
				what = "a " + what
			}
			return wrong(c, i, what)
		}
	}
	return nil
}

// rare stores value i of n.
func (c *column) rare(i, n int, v []byte) bool {
	var ok bool
	switch c.typ.Kind {
	case dtype.Date:
		as[int32](c, n)[i], ok = parseDate(v)
	case dtype.Timestamp:
		var s stamp
		if s, ok = parseStamp(v); ok {
			as[int64](c, n)[i], ok = s.units(c.typ.Unit.PerSecond())
		}
	case dtype.Float32:
		as[float32](c, n)[i], ok = parseFloat32(v)
	case dtype.Decimal128:
		as[[16]byte](c, n)[i], ok = parseFixed(v, int(c.typ.Precision), int(c.typ.Scale))
	}
	return ok
}

const (
	zeros8 = 0x3030303030303030
	high8  = 0x8080808080808080
	ones8  = 0x0101010101010101
)

// digits8 converts the first l (1 to 8) bytes of x, lowest first, from decimal
// digits: pairs, then fours, then eights are added up in one register (Lemire,
// Number Parsing at a Gigabyte per Second, 2021).
func digits8(x uint64, l uint32) (v uint64, ok bool) {
	x = (x ^ zeros8) << ((64 - 8*l) & 63)
	return weigh(x), areDigits(x)
}

// areDigits reports whether the bytes of x are 0 to 9.
func areDigits(x uint64) bool { return (x|(x+0x7676767676767676))&high8 == 0 }

// weigh returns the number whose eight digits are the bytes of x.
func weigh(x uint64) uint64 {
	x = x*10 + x>>8
	return ((x&0x000000FF000000FF)*0x000F424000000064 + ((x>>16)&0x000000FF000000FF)*0x0000271000000001) >> 32
}

func load8(base unsafe.Pointer, at uint32) uint64 { return *(*uint64)(unsafe.Add(base, at)) }

// powers8 is as long as a masked index, which saves its check.
var powers8 = [16]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// digits16 is digits8 for 9 to 16 bytes.
func digits16(base unsafe.Pointer, s, l uint32) (uint64, bool) {
	hi, ok0 := digits8(load8(base, s), 8)
	lo, ok1 := digits8(load8(base, s+8), l-8)
	return hi*powers8[(l-8)&15] + lo, ok0 && ok1
}

// parseInts is the loop for int64.
func (r *parser) parseInts(c *column, e *ends, n int) *fault {
	dst := as[int64](c, n)
	f := *e
	for i := range dst {
		s, t := f.at(i)
		l := t - s
		minus := *(*byte)(unsafe.Add(f.base, s)) == '-' && l > 1
		neg := int64(0)
		if minus {
			neg, s, l = -1, s+1, l-1
		}
		var u uint64
		ok := false
		if l-1 < 8 {
			u, ok = digits8(load8(f.base, s), l)
		} else if l-1 < 16 {
			u, ok = digits16(f.base, s, l)
		}
		if ok {
			dst[i] = (int64(u) ^ neg) - neg
			continue
		}
		v, null := r.clean(r.value(e, i))
		if null {
			c.null(i, n)
			continue
		}
		if dst[i], ok = parseInt(v); !ok {
			return wrong(c, i, "int64")
		}
	}
	return nil
}

// parseNarrow reads signed integers narrower than int64.
func parseNarrow[T int8 | int16 | int32](r *parser, c *column, e *ends, n int) *fault {
	dst := as[T](c, n)
	f := *e
	for i := range dst {
		s, t := f.at(i)
		l := t - s
		if l-1 < 8 {
			if u, ok := digits8(load8(f.base, s), l); ok && u < 1<<(unsafe.Sizeof(dst[0])*8-1) {
				dst[i] = T(u)
				continue
			}
		}
		v, null := r.clean(r.text[s:t])
		if null {
			c.null(i, n)
			continue
		}
		x, ok := parseInt(v)
		if dst[i] = T(x); !ok || int64(dst[i]) != x {
			return wrong(c, i, c.typ.String())
		}
	}
	return nil
}

// parseUnsigned reads unsigned integers.
func parseUnsigned[T uint8 | uint16 | uint32 | uint64](r *parser, c *column, e *ends, n int) *fault {
	dst := as[T](c, n)
	f := *e
	for i := range dst {
		s, t := f.at(i)
		l := t - s
		if l-1 < 8 {
			if u, ok := digits8(load8(f.base, s), l); ok && u <= uint64(^T(0)) {
				dst[i] = T(u)
				continue
			}
		}
		v, null := r.clean(r.text[s:t])
		if null {
			c.null(i, n)
			continue
		}
		if len(v) > 1 && v[0] == '+' {
			v = v[1:]
		}
		x, ok := parseUint(v)
		if dst[i] = T(x); !ok || uint64(dst[i]) != x {
			return wrong(c, i, c.typ.String())
		}
	}
	return nil
}

// parseFloats is the loop for float64. Numbers of up to sixteen bytes behind the sign
// with the point, if there is one, among the first eight are taken as one or two
// registers: the point is cut out, and what is left is a whole number below 10^15, so
// that one division rounds correctly as in parseFloat. Signs, lengths and places of
// the point differ from row to row, so there are no branches on them.
func (r *parser) parseFloats(c *column, e *ends, n int) *fault {
	dst := as[float64](c, n)
	f := *e
	for i := range dst {
		s, t := f.at(i)
		sign := uint32(0)
		if *(*byte)(unsafe.Add(f.base, s)) == '-' {
			sign = 1
		}
		s += sign
		l := t - s
		x := load8(f.base, s)
		d := min(pointOf(x), l)
		low := uint64(1)<<(8*d) - 1
		if l-1 < 8 {
			k := l - uint32(int32(d-l)>>31&1)
			if m, ok := digits8(x&low|x>>8&^low, k); ok {
				dst[i] = fraction(m, k-d, sign)
				continue
			}
		} else if l-1 < 16 && d < 8 {
			y := load8(f.base, s+8)
			if m, ok := digits15(x&low|(x>>8|y<<56)&^low, y>>8, l-1); ok {
				dst[i] = fraction(m, l-1-d, sign)
				continue
			}
		}
		if !r.slowFloat(c, e, i, n, dst) {
			return wrong(c, i, "float64")
		}
	}
	return nil
}

// pointOf returns which byte of x, lowest first, is the first point; 8 if none is.
func pointOf(x uint64) uint32 {
	y := x ^ 0x2e2e2e2e2e2e2e2e
	return tz8((y - ones8) &^ y & high8)
}

// fraction returns m/10^k, rounded once, with a sign. m is below 2^53, k at most 15.
func fraction(m uint64, k, sign uint32) float64 {
	return math.Float64frombits(math.Float64bits(float64(int64(m))/powersOfTen[k&15]) | uint64(sign)<<63)
}

// digits15 is digits8 for 8 to 15 bytes in two words.
func digits15(x, y uint64, l uint32) (v uint64, ok bool) {
	k := l - 8
	hi, ok0 := digits8(x, 8)
	y = (y ^ zeros8) << (64 - 8*k) // nothing is left of no digits
	return hi*powers8[k&15] + weigh(y), ok0 && areDigits(y)
}

func (r *parser) slowFloat(c *column, e *ends, i, n int, dst []float64) bool {
	b := r.value(e, i)
	if len(b) == 0 {
		c.null(i, n)
		return true
	}
	v, null := r.clean(b)
	if null {
		c.null(i, n)
		return true
	}
	var ok bool
	dst[i], ok = parseFloat(v)
	return ok
}

func (r *parser) parseBools(c *column, e *ends, n int) *fault {
	words := as[uint64](c, chunk.Words(n))
	clear(words)
	for i := range n {
		v, null := r.clean(r.value(e, i))
		if null {
			c.null(i, n)
			continue
		}
		b, ok := parseBool(v)
		if !ok {
			return wrong(c, i, "bool (true or false)")
		}
		if b {
			words[i>>6] |= 1 << (uint(i) & 63)
		}
	}
	return nil
}
