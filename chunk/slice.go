package chunk

import "github.com/weft-data/weft/dtype"

// Slice returns rows [lo, hi) of b, borrowing its buffers; lo must be a multiple
// of 64 so that bitmaps start at a word.
func (b *Batch) Slice(lo, hi int) *Batch {
	out := &Batch{Cols: make([]Vec, len(b.Cols)), N: hi - lo, Seq: b.Seq, Sub: b.Sub}
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
