package order

import (
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// A peeler takes from rows what samples and marks of them are not asked for: texts and lists that are no keys, and the ends of
// long texts that are. They stay in memory outside of the budget while there are runs to be merged, and long rows would be
// most of it.
type peeler struct {
	most int   // bytes of a key
	cols []int // that are no keys
	keys []int // texts that are
	cut  chunk.Cutter
	out  chunk.Batch
	text [][]byte  // of the keys, cut
	off  [][]int32 // of these
}

// Marks have so many bytes of a text, and samples one more. So one is before, equal to or behind the other as the whole text of the
// sample is: to tell it from a text that is not longer than a mark takes one byte more than that has.
const (
	markText   = 256
	sampleText = markText + 1
)

func newPeeler(s dtype.Schema, keys []key, most int) *peeler {
	p := &peeler{most: most}
	for i, f := range s {
		text, isKey := textual(f.Type.Kind), slices.ContainsFunc(keys, func(k key) bool { return k.col == i })
		switch {
		case text && isKey:
			p.keys = append(p.keys, i)
		case (text || f.Type.Kind == dtype.List || f.Type.Kind.IsVar() && f.Nullable) && !isKey:
			p.cols = append(p.cols, i)
		}
	}
	p.text, p.off = make([][]byte, len(p.keys)), make([][]int32, len(p.keys))
	return p
}

func textual(k dtype.Kind) bool { return k == dtype.Utf8 || k == dtype.Binary }

// row is of for one row.
func (p *peeler) row(b *chunk.Batch, i int) *chunk.Batch { return p.of(p.cut.Cut(b, i, i+1)) }

// of returns rows like those of b, until the next call: texts that are no keys and lists are empty, structs null if they may be.
func (p *peeler) of(b *chunk.Batch) *chunk.Batch {
	if len(p.cols)+len(p.keys) == 0 {
		return b
	}
	p.out.Cols = append(p.out.Cols[:0], b.Cols...)
	p.out.N, p.out.Seq, p.out.Sub = b.N, b.Seq, b.Sub
	for _, c := range p.cols {
		v := chunk.AllNull(b.Cols[c].Type, b.N)
		if textual(v.Type.Kind) || v.Type.Kind == dtype.List {
			v.Valid = nil
		}
		p.out.Cols[c] = v
	}
	for i, c := range p.keys {
		p.shorten(i, &p.out.Cols[c])
	}
	return &p.out
}

// shorten cuts the texts of a key, if one of them is too long.
func (p *peeler) shorten(key int, v *chunk.Vec) {
	long := false
	for i := 0; i < v.N && !long; i++ {
		long = !v.IsNull(i) && len(textOf(v, i)) > p.most
	}
	if !long {
		return
	}
	text, off := p.text[key][:0], append(p.off[key][:0], 0)
	for i := range v.N {
		if !v.IsNull(i) {
			x := textOf(v, i)
			text = append(text, x[:min(len(x), p.most)]...)
		}
		off = append(off, int32(len(text)))
	}
	p.text[key], p.off[key] = text, off
	*v = chunk.Vec{Type: v.Type, N: v.N, Valid: v.Valid, Off: off, Str: text}
}

// samples returns the first of every step entries and the last one, a few of which are gathered at a time. The writer
// needs no allocator.
func (w *writer) samples(es []entry, step int, keys []key) (*chunk.Batch, error) {
	peel, c := newPeeler(w.schema, keys, sampleText), chunk.NewBuilder(w.schema, mem.Heap)
	var some []entry
	put := func() error {
		b, err := w.gather(some)
		if err == nil {
			err = c.Append(peel.of(b))
		}
		some = some[:0]
		return err
	}
	for lo := 0; lo < len(es); lo += step {
		if some = append(some, es[lo]); len(some) == min(step, 1024) {
			if err := put(); err != nil {
				return nil, err
			}
		}
	}
	some = append(some, es[len(es)-1])
	if err := put(); err != nil {
		return nil, err
	}
	return c.Flush(), nil
}
