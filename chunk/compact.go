package chunk

import (
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// A Compactor keeps the selected rows of morsels. Its output reuses its own
// scratch: it is valid until the next call. The zero Compactor is ready.
type Compactor struct {
	out  Batch
	cols []compactCol
	idx  []uint32
}

type compactCol struct {
	valid []uint64
	data  []uint64 // backs fixed-width values and bits
	off   []int32
	str   []byte
}

// Keep returns the n rows of m whose bits are set in mask, in order. When all
// rows are kept it returns m itself.
func (c *Compactor) Keep(m *Batch, mask []uint64, n int) *Batch {
	if n == m.N {
		return m
	}
	for len(c.cols) < len(m.Cols) {
		c.cols = append(c.cols, compactCol{})
	}
	c.out.Cols = c.out.Cols[:0]
	c.out.N, c.out.Seq, c.out.Sub = n, m.Seq, m.Sub
	c.idx = c.idx[:0]
	for i := range m.Cols {
		c.out.Cols = append(c.out.Cols, c.keep(&c.cols[i], &m.Cols[i], mask, n))
	}
	return &c.out
}

// scratch returns w words that may be over-written by 64 bytes.
func scratch(buf *[]uint64, w int) []uint64 {
	if cap(*buf) < w+8 {
		*buf = make([]uint64, w+w/4+8)
	}
	*buf = (*buf)[:cap(*buf)]
	return (*buf)[:w]
}

func (c *Compactor) keep(s *compactCol, v *Vec, mask []uint64, n int) Vec {
	out := Vec{Type: v.Type, N: n, Dict: v.Dict}
	if v.Valid != nil {
		out.Valid = scratch(&s.valid, Words(n))
		kernel.CompressBits(s.valid, v.Valid, mask, v.N)
	}
	switch {
	case v.Type.Kind == dtype.Null:
	case v.Dict != nil:
		out.Data = compress[uint32](s, v, mask, n)
	case v.Type.Kind.IsVar():
		c.keepText(s, v, mask, n, &out)
	case v.Type.Kind == dtype.Bool:
		out.Data = Bytes(scratch(&s.data, Words(n)))
		kernel.CompressBits(s.data, v.Bits(), mask, v.N)
	default:
		switch v.Type.Width() {
		case 1:
			out.Data = compress[uint8](s, v, mask, n)
		case 2:
			out.Data = compress[uint16](s, v, mask, n)
		case 4:
			out.Data = compress[uint32](s, v, mask, n)
		case 8:
			out.Data = compress[uint64](s, v, mask, n)
		case 16:
			out.Data = c.keepWide(s, v, mask, n)
		}
	}
	return out
}

func compress[T uint8 | uint16 | uint32 | uint64](s *compactCol, v *Vec, mask []uint64, n int) []byte {
	w := v.Type.Width()
	if v.Dict != nil {
		w = 4
	}
	scratch(&s.data, (n*w+7)/8+8*w)
	dst := Slice[T](Bytes(s.data), len(s.data)*8/w)
	kernel.Compress(dst, Values[T](v), mask)
	return Bytes(s.data)[:n*w]
}

// rows lists the selected rows, once per morsel.
func (c *Compactor) rows(mask []uint64, total, n int) []uint32 {
	if len(c.idx) != n {
		if cap(c.idx) < n+64 {
			c.idx = make([]uint32, n+n/4+64)
		}
		c.idx = c.idx[:cap(c.idx)]
		kernel.MaskToIndex(mask, total, c.idx)
		c.idx = c.idx[:n]
	}
	return c.idx
}

func (c *Compactor) keepWide(s *compactCol, v *Vec, mask []uint64, n int) []byte {
	dst := Slice[[16]byte](Bytes(scratch(&s.data, 2*n)), n)
	src := Values[[16]byte](v)
	for i, j := range c.rows(mask, v.N, n) {
		dst[i] = src[j]
	}
	return Bytes(dst)
}

func (c *Compactor) keepText(s *compactCol, v *Vec, mask []uint64, n int, out *Vec) {
	idx := c.rows(mask, v.N, n)
	if cap(s.off) < n+1 {
		s.off = make([]int32, n+n/4+1)
	}
	off := s.off[:n+1]
	total := 0
	for _, j := range idx {
		total += int(v.Off[j+1] - v.Off[j])
	}
	if cap(s.str) < total+64 {
		s.str = make([]byte, total+total/4+64)
	}
	off[0] = 0
	GatherText(off, s.str[:cap(s.str)], v.Off, v.Str, idx)
	out.Off, out.Str = off, s.str[:off[n]]
}
