package parquet

import (
	"fmt"
	"math"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// readDict reads the dictionary page. Text keeps its codes, see texts. Other types are converted once, so that a value
// costs a look-up; what a split has read serves those that follow of the same row group.
func (c *column) readDict(h guard.Header) error {
	n := h.Values
	if c.typ.Kind.IsVar() {
		if err := c.textDict(n); err != nil {
			return fmt.Errorf("the dictionary: %w", err)
		}
		c.size = n
		return nil
	}
	if c.size == 0 && c.of != nil && c.of == c.group {
		c.size = n
		return nil
	}
	c.of = nil
	b, err := c.pages.Load()
	if err != nil {
		return err
	}
	switch {
	case c.width == 0:
		err = c.wideDict(b.Values, n)
	default:
		err = c.fixedDict(b.Values, n)
	}
	if err != nil {
		return fmt.Errorf("the dictionary: %w", err)
	}
	c.size, c.of = n, c.group
	return nil
}

func (c *column) fixedDict(b []byte, n int) error {
	if n > len(b)/c.width {
		return errf("%d values of %d bytes in %d bytes", n, c.width, len(b))
	}
	raw, err := c.bDict.room(c.task, n*c.typ.Width())
	if err != nil {
		return err
	}
	c.values = raw
	if c.conv == nil {
		copy(raw, b)
		return nil
	}
	return c.conv(raw, b, n)
}

// wideDict reads decimals that are stored as byte arrays.
func (c *column) wideDict(b []byte, n int) error {
	if n > len(b)/4 {
		return errf("%d values in %d bytes", n, len(b))
	}
	raw, err := c.bDict.room(c.task, n*16)
	if err != nil {
		return err
	}
	c.body, c.values = b, raw
	return c.readWide(raw, n)
}

// texts is a dictionary of text. Morsels keep its codes, so it is shared with whatever they go into and belongs to the
// garbage collector; its bytes are reserved while it is read with. Readers of several splits of a row group share
// it: it is read once, and the codes of one split mean the same in the others.
type texts struct {
	mu    sync.Mutex
	vec   chunk.Vec
	dict  *chunk.Dict // of vec, if it is Utf8
	bytes int64
}

// drop gives the memory of a dictionary back.
func (x *texts) drop(t op.Task) {
	t.Release(x.bytes)
	x.vec, x.dict, x.bytes = chunk.Vec{}, nil, 0
}

// textDict takes the dictionary of n texts that others have read, or reads it.
func (c *column) textDict(n int) error {
	x := c.shared
	if x == nil {
		x = &c.own
		x.drop(c.task)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bytes == 0 {
		b, err := c.pages.Load()
		if err != nil {
			return err
		}
		if err := c.readTexts(x, b.Values, n); err != nil {
			return err
		}
	}
	c.dict, c.words = x.dict, x.vec
	return nil
}

// readTexts reads n texts into memory of their own.
func (c *column) readTexts(x *texts, b []byte, n int) error {
	if c.width > 0 && n > len(b)/c.width || c.width == 0 && n > len(b)/4 {
		return errf("%d values in %d bytes", n, len(b))
	}
	size := int64(4*(n+1) + len(b))
	if !c.task.Reserve(size) {
		return fmt.Errorf("no memory for %d bytes of a dictionary: %w", size, mem.ErrBudget)
	}
	off, str := make([]int32, n+1), make([]byte, 0, len(b)+32)
	for i := range n {
		k := c.width
		if k == 0 {
			var err error
			if k, err = length(b); err != nil {
				c.task.Release(size)
				return err
			}
			b = b[4:]
		}
		if str = append(str, b[:k]...); len(str) > math.MaxInt32 {
			c.task.Release(size)
			return fmt.Errorf("%w: %d bytes of text", guard.ErrLimit, len(str))
		}
		off[i+1], b = int32(len(str)), b[k:]
	}
	x.vec, x.bytes = chunk.Vec{Type: c.typ, N: n, Off: off, Str: str}, size
	if c.typ.Kind == dtype.Utf8 {
		x.dict = chunk.NewDict(x.vec)
	}
	return nil
}

// decodeCodes reads codes, and looks them up unless the type is text.
func (c *column) decodeCodes(v *chunk.Vec, present int) error {
	if present == 0 {
		return c.nothing(v)
	}
	raw, err := c.bCodes.room(c.task, v.N*4)
	if err != nil {
		return err
	}
	all := chunk.Slice[uint32](raw, v.N)
	codes := all[:present]
	if err := c.codes.read(codes); err != nil {
		return err
	}
	if c.codes.width >= 32 || c.size < 1<<c.codes.width {
		if r := kernel.MinMax(codes, nil); int64(r.Max) >= int64(c.size) {
			return errf("code %d of a dictionary of %d", r.Max, c.size)
		}
	}
	switch {
	case c.dict != nil:
		if v.Valid != nil {
			spread(all, v, present)
		}
		v.Data, v.Dict = raw, c.dict
		return nil
	case c.typ.Kind.IsVar():
		return c.lookText(v, codes)
	}
	w := c.typ.Width()
	out, err := c.bData.room(c.task, v.N*w)
	if err != nil {
		return err
	}
	lookUp(out, c.values, codes, w)
	spreadBytes(out, w, v, present)
	v.Data = out
	return nil
}

// nothing makes v a vector of nulls.
func (c *column) nothing(v *chunk.Vec) error {
	w := c.typ.Width()
	raw, err := c.bData.room(c.task, max(v.N*w, (v.N+1)*4))
	if err != nil {
		return err
	}
	clear(raw)
	if c.typ.Kind.IsVar() {
		v.Off, v.Str = chunk.Slice[int32](raw, v.N+1), nil
	} else {
		v.Data = raw[:v.N*w]
	}
	return nil
}

// lookUp sets the values of width w of out to those that the codes stand for.
func lookUp(out, dict []byte, codes []uint32, w int) {
	n, size := len(codes), len(dict)/w
	switch w {
	case 1:
		kernel.Gather(out[:n], dict, codes)
	case 2:
		kernel.Gather(chunk.Slice[uint16](out, n), chunk.Slice[uint16](dict, size), codes)
	case 4:
		kernel.Gather(chunk.Slice[uint32](out, n), chunk.Slice[uint32](dict, size), codes)
	case 8:
		kernel.Gather(chunk.Slice[uint64](out, n), chunk.Slice[uint64](dict, size), codes)
	case 16:
		to, from := chunk.Slice[[16]byte](out, n), chunk.Slice[[16]byte](dict, size)
		for i, x := range codes {
			to[i] = from[x]
		}
	}
}

// lookText copies the texts that the codes stand for.
func (c *column) lookText(v *chunk.Vec, codes []uint32) error {
	raw, err := c.bOff.room(c.task, (v.N+1)*4)
	if err != nil {
		return err
	}
	off, d := chunk.Slice[int32](raw, v.N+1), &c.words
	total := int64(0)
	for _, x := range codes {
		total += int64(d.Off[x+1] - d.Off[x])
	}
	if total > math.MaxInt32 {
		return fmt.Errorf("%w: %d bytes of text in one morsel", guard.ErrLimit, total)
	}
	str, err := c.bStr.room(c.task, int(total)+1)
	if err != nil {
		return err
	}
	o := 0
	off[0] = 0
	for i, x := range codes {
		o += copy(str[o:], d.Str[d.Off[x]:d.Off[x+1]])
		off[i+1] = int32(o)
	}
	spreadOffsets(off, v, len(codes))
	v.Off, v.Str = off, str[:o]
	return nil
}

// beginLengths prepares a page of DELTA_LENGTH_BYTE_ARRAY: lengths, then the texts, which are used where they lie.
func (c *column) beginLengths(b []byte, n int) error {
	off, err := c.ends(n)
	if err != nil {
		return err
	}
	rest, err := deltas(off[1:], b, n)
	if err != nil {
		return err
	}
	sum := int64(0)
	for i, k := range off[1:] {
		if sum += int64(k); k < 0 || sum > int64(len(rest)) {
			return errf("value %d has %d bytes, %d are left", i, k, int64(len(rest))-sum+int64(k))
		}
		off[i+1] = int32(sum)
	}
	c.layout, c.off, c.body = inViews, off, rest
	return nil
}

// ends makes room for the ends of n texts of a page. The first is 0.
func (c *column) ends(n int) ([]int32, error) {
	raw, err := c.bValues.room(c.task, (n+1)*4)
	if err != nil {
		return nil, err
	}
	off := chunk.Slice[int32](raw, n+1)
	off[0] = 0
	return off, nil
}

// beginPrefixes prepares a page of DELTA_BYTE_ARRAY: how many bytes each value shares with the one before, and the
// other bytes.
func (c *column) beginPrefixes(b []byte, n int) error {
	off, err := c.ends(n)
	if err != nil {
		return err
	}
	tmp, err := c.bData.room(c.task, 8*n)
	if err != nil {
		return err
	}
	prefix, suffix := chunk.Slice[int32](tmp, n), chunk.Slice[int32](tmp[4*n:], n)
	if b, err = deltas(prefix, b, n); err == nil {
		b, err = deltas(suffix, b, n)
	}
	if err != nil {
		return err
	}
	size, last, left := int64(0), int64(0), int64(len(b))
	for i := range prefix {
		p, s := int64(prefix[i]), int64(suffix[i])
		if p < 0 || p > last || s < 0 || s > left {
			return errf("value %d shares %d of %d bytes and has %d more of %d", i, p, last, s, left)
		}
		last, left = p+s, left-s
		if c.width > 0 && last != int64(c.width) {
			return errf("value %d has %d bytes, the column %d", i, last, c.width)
		}
		if size += last; size > math.MaxInt32 {
			return fmt.Errorf("%w: the texts of a page have more than 2 GiB with the prefixes they share written out", guard.ErrLimit)
		}
		off[i+1] = int32(size)
	}
	c.note(guard.Header{Bytes: int(size), Stored: c.head.Stored})
	str, err := c.bStr.room(c.task, int(size)+1)
	if err != nil {
		return err
	}
	o, prev := 0, 0
	for i := range prefix {
		at := o
		o += copy(str[o:], str[prev:prev+int(prefix[i])])
		o += copy(str[o:], b[:suffix[i]])
		b, prev = b[suffix[i]:], at
	}
	c.layout, c.off, c.body = inViews, off, str[:o]
	if c.width > 0 && !c.typ.Kind.IsVar() {
		c.layout = inPlain // decimals: one after the other, all as long as the column
	}
	return nil
}
