package chunk

import (
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// Slice returns rows [lo, hi) of b, borrowing its buffers; lo must be a multiple
// of 64 so that bitmaps start at a word.
func (b *Batch) Slice(lo, hi int) *Batch {
	out := &Batch{Cols: make([]Vec, len(b.Cols)), N: hi - lo, Seq: b.Seq, Sub: b.Sub, Table: b.Table}
	for i := range b.Cols {
		out.Cols[i] = b.Cols[i].Slice(lo, hi)
	}
	return out
}

// Slice returns values [lo, hi) of v, borrowing its buffers; lo must be a
// multiple of 64.
func (v *Vec) Slice(lo, hi int) Vec {
	out := Vec{Type: v.Type, N: hi - lo, Dict: v.Dict}
	if v.Valid != nil {
		out.Valid = v.Valid[lo>>6 : Words(hi)]
	}
	switch {
	case v.Type.Kind == dtype.Null:
	case v.Dict != nil:
		out.Data = v.Data[lo*4 : hi*4]
	case v.Type.Kind.IsVar():
		out.Off, out.Str = v.Off[lo:hi+1], v.Str
	case v.Type.Kind == dtype.Bool:
		out.Data = v.Data[(lo>>6)*8 : Words(hi)*8]
	default:
		w := v.Type.Width()
		out.Data = v.Data[lo*w : hi*w]
	}
	return out
}

// A Cutter gives stretches of morsels that may begin at any row: bitmaps that do not begin at a word there are moved into
// its own scratch, all else is borrowed. What it gives is valid until the next call. The zero Cutter is ready.
type Cutter struct {
	out  Batch
	bits [][2][]uint64 // of each column: validity, bools
}

// Cut returns rows [lo, hi) of m.
func (c *Cutter) Cut(m *Batch, lo, hi int) *Batch {
	for len(c.bits) < len(m.Cols) {
		c.bits = append(c.bits, [2][]uint64{})
	}
	c.out.Cols = c.out.Cols[:0]
	c.out.N, c.out.Seq, c.out.Sub = hi-lo, m.Seq, m.Sub
	for i := range m.Cols {
		v := &m.Cols[i]
		out := v.Slice(lo, hi)
		if lo&63 != 0 && v.Valid != nil {
			out.Valid = moveBits(&c.bits[i][0], v.Valid, lo, hi-lo)
		}
		if lo&63 != 0 && v.Type.Kind == dtype.Bool {
			out.Data = Bytes(moveBits(&c.bits[i][1], v.Bits(), lo, hi-lo))
		}
		c.out.Cols = append(c.out.Cols, out)
	}
	return &c.out
}

// moveBits returns n bits of src from lo on.
func moveBits(buf *[]uint64, src []uint64, lo, n int) []uint64 {
	w := scratch(buf, Words(n))
	kernel.CopyBits(w, 0, src, lo, n)
	return w
}
