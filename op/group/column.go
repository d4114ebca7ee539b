package group

import (
	"math"
	"slices"
	"unsafe"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// lapRows is how many rows of a morsel are taken through keys and states at a
// time: few enough that scratch stays in the cache, and many, because loops over
// rows that miss it overlap their misses and stop at the end of a lap. It is a
// multiple of 64, so that bitmaps are cut at words.
const lapRows = 2048

// nullHash is the canonical hash of a null key.
const nullHash = 0x9ae16a3b2f90404f

// A column numbers the distinct values of one column of type t.
type column struct {
	t     dtype.Type
	text  bool // texts has the values, else words
	words words
	texts texts
	tmp   []byte   // widened or compressed values of one lap
	bits  []uint64 // float keys
}

func newColumn(t dtype.Type, a mem.Allocator) *column {
	c := &column{t: t, text: t.Kind.IsVar() || t.Kind == dtype.Decimal128}
	c.words.a, c.texts.a = a, a
	c.words.spread = t.Kind.IsFloat()
	c.texts.fixed = t.Kind == dtype.Decimal128
	return c
}

func (c *column) len() int {
	if c.text {
		return c.texts.n
	}
	return c.words.n
}

func (c *column) bytes() int64 { return c.words.bytes() + c.texts.bytes() }

func (c *column) reset() { c.words.reset(); c.texts.reset() }
func (c *column) free()  { c.words.free(); c.texts.free() }

// null returns the code of null + 1, or 0 if there was none.
func (c *column) null() uint32 {
	if c.text {
		return c.texts.null
	}
	return c.words.null
}

// code writes the codes of the n values of v to out, which has room for one more; n is
// at most lapRows. False
// means that memory was refused.
func (c *column) code(v *chunk.Vec, n int, out []uint32) bool {
	if v.Type.Kind == dtype.Null || n > 0 && v.Valid != nil && !c.t.Kind.IsVar() && kernel.NoneSet(v.Valid, n) {
		return c.codeNulls(out[:n])
	}
	if c.t.Kind.IsVar() {
		return c.texts.code(v, n, out)
	}
	if v.Valid == nil || kernel.AllSet(v.Valid, n) {
		return c.codeValid(v, n, out[:n])
	}
	d, k := c.compress(v, n)
	if !c.codeValid(&d, k, out[:k]) || !c.codeNulls(out[k:k+1]) {
		return false
	}
	null := out[k]
	for i := n - 1; i >= 0; i-- {
		if v.Valid[i>>6]>>(uint(i)&63)&1 != 0 {
			k--
			out[i] = out[k]
		} else {
			out[i] = null
		}
	}
	return true
}

// codeNulls gives every row the code of null.
func (c *column) codeNulls(out []uint32) bool {
	var x uint32
	var ok bool
	if c.text {
		x, ok = c.texts.nullCode()
	} else {
		x, ok = c.words.nullCode()
	}
	for i := range out {
		out[i] = x
	}
	return ok
}

// compress copies the valid values of v together.
func (c *column) compress(v *chunk.Vec, n int) (d chunk.Vec, k int) {
	if len(c.tmp) == 0 {
		c.tmp = make([]byte, (lapRows+64)*16)
	}
	return compressVec(v, n, c.tmp)
}

// compressVec copies the valid ones of n fixed-width values together into tmp,
// which has room for 64 more.
func compressVec(v *chunk.Vec, n int, tmp []byte) (chunk.Vec, int) {
	d := chunk.Vec{Type: v.Type}
	k := 0
	valid := v.Valid[:chunk.Words(n)]
	switch v.Type.Width() {
	case 0:
		k = kernel.CompressBits(chunk.Slice[uint64](tmp, chunk.Words(n)), v.Bits(), valid, n)
	case 1:
		k = kernel.Compress(chunk.Slice[uint8](tmp, n+64), chunk.Values[uint8](v)[:n], valid)
	case 2:
		k = kernel.Compress(chunk.Slice[uint16](tmp, n+64), chunk.Values[uint16](v)[:n], valid)
	case 4:
		k = kernel.Compress(chunk.Slice[uint32](tmp, n+64), chunk.Values[uint32](v)[:n], valid)
	case 8:
		k = kernel.Compress(chunk.Slice[uint64](tmp, n+64), chunk.Values[uint64](v)[:n], valid)
	case 16:
		k = kernel.Compress(chunk.Slice[[16]byte](tmp, n+64), chunk.Values[[16]byte](v)[:n], valid)
	}
	d.N, d.Data = k, tmp
	return d, k
}

// codeValid codes n values of which none is null.
func (c *column) codeValid(v *chunk.Vec, n int, out []uint32) bool {
	w := &c.words
	switch v.Type.Kind {
	case dtype.Bool:
		return codeWords(w, c.expand(v, n), out)
	case dtype.Int8:
		return codeWords(w, chunk.Values[int8](v)[:n], out)
	case dtype.Int16:
		return codeWords(w, chunk.Values[int16](v)[:n], out)
	case dtype.Int32, dtype.Date:
		return codeWords(w, chunk.Values[int32](v)[:n], out)
	case dtype.Int64, dtype.Timestamp, dtype.Time, dtype.Duration:
		return codeWords(w, chunk.Values[int64](v)[:n], out)
	case dtype.Uint8:
		return codeWords(w, chunk.Values[uint8](v)[:n], out)
	case dtype.Uint16:
		return codeWords(w, chunk.Values[uint16](v)[:n], out)
	case dtype.Uint32:
		return codeWords(w, chunk.Values[uint32](v)[:n], out)
	case dtype.Uint64:
		return codeWords(w, chunk.Values[uint64](v)[:n], out)
	case dtype.Float32, dtype.Float64:
		return codeWords(w, c.floatKeys(v, n), out)
	}
	return c.texts.code(v, n, out)
}

func (c *column) scratch() []uint64 {
	if c.bits == nil {
		c.bits = make([]uint64, lapRows)
	}
	return c.bits
}

// expand turns bits into bytes of 0 and 1.
func (c *column) expand(v *chunk.Vec, n int) []uint8 {
	b := unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(c.scratch()))), lapRows)[:n]
	expandBits(v.Bits(), b)
	return b
}

func expandBits(words []uint64, out []uint8) {
	for i := range out {
		out[i] = uint8(words[i>>6] >> (uint(i) & 63) & 1)
	}
}

// floatKeys returns the canonical bits of n floats.
func (c *column) floatKeys(v *chunk.Vec, n int) []uint64 {
	k := c.scratch()[:n]
	if v.Type.Kind == dtype.Float32 {
		for i, x := range chunk.Values[float32](v)[:n] {
			k[i] = floatKey(float64(x))
		}
		return k
	}
	kernel.FloatKeys(chunk.Values[float64](v)[:n], k)
	return k
}

func floatKey(x float64) uint64 {
	if x != x {
		return 0x7ff8 << 48
	}
	return math.Float64bits(x + 0)
}

// hash returns the canonical hash of a code's value: equal values of one type
// hash alike however they were coded.
func (c *column) hash(code uint32) uint64 {
	if c.text {
		return c.texts.hash(code)
	}
	if code+1 == c.words.null {
		return nullHash
	}
	return kernel.HashKey(c.words.keys.s[code])
}

// emit writes the values of codes to a vector built in o.
func (c *column) emit(codes []uint32, o *outVec) {
	o.begin(c.t, len(codes))
	null := c.null()
	if null != 0 {
		for i, x := range codes {
			if x+1 == null {
				o.setNull(i)
			}
		}
	}
	switch k := c.t.Kind; {
	case k == dtype.Null:
	case k.IsVar():
		c.emitText(codes, o)
	case k == dtype.Decimal128:
		d := o.fixed16(len(codes))
		for i, x := range codes {
			d[i] = c.texts.keys.s[x]
		}
	case k == dtype.Bool:
		for i, x := range codes {
			o.setBit(i, c.words.keys.s[x] != 0)
		}
	case k == dtype.Float32:
		d := fixedOut[float32](o, len(codes))
		for i, x := range codes {
			d[i] = float32(math.Float64frombits(c.words.keys.s[x]))
		}
	default:
		c.emitWords(codes, o)
	}
}

func (c *column) emitWords(codes []uint32, o *outVec) {
	keys := c.words.keys.s
	switch c.t.Width() {
	case 1:
		narrow(keys, codes, fixedOut[uint8](o, len(codes)))
	case 2:
		narrow(keys, codes, fixedOut[uint16](o, len(codes)))
	case 4:
		narrow(keys, codes, fixedOut[uint32](o, len(codes)))
	case 8:
		narrow(keys, codes, fixedOut[uint64](o, len(codes)))
	}
}

func narrow[T uint8 | uint16 | uint32 | uint64](keys []uint64, codes []uint32, out []T) {
	for i, x := range codes {
		out[i] = T(keys[x])
	}
}

// emitText copies short texts as whole keys: what is behind a text is overwritten by the next.
func (c *column) emitText(codes []uint32, o *outVec) {
	t := &c.texts
	keys := t.keys.s[:t.n]
	o.off = slices.Grow(o.off[:1], len(codes))[:1+len(codes)]
	off, n := o.off[1:], 0
	o.room(0, 16*len(codes))
	for i, x := range codes {
		k := &keys[x]
		l := int(k[1] >> 56)
		switch {
		case l <= 15:
			*(*key16)(unsafe.Pointer(&o.str[n])) = *k
			n += l
		case x+1 != t.null:
			r := t.long.s[x]
			o.room(n, r.n+16*(len(codes)-i))
			n += copy(o.str[n:], t.arena.s[r.at:r.at+r.n])
		}
		off[i] = int32(n)
	}
	o.str = o.str[:n]
}
