package join

import (
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
)

// mostShort bounds the bytes of the build rows that short batches refer to: what is gathered from should be in the
// cache of a processor, and goes to every reader.
const mostShort = 1 << 20

// Table implements op.Referring: the build rows, where they are few, lie together, and have more than a number of each row would.
func (e *emitter) Table() *chunk.Table {
	e.t.once.Do(func() { e.t.short = e.t.shortRows(e.cols) })
	return e.t.short
}

// shortRows copies the build columns to memory that outlives the table.
func (t *table) shortRows(cols []outCol) *chunk.Table {
	if t.pack != nil || len(t.rows.segs) != 1 {
		return nil
	}
	from := t.rows.segs[0]
	b := &chunk.Batch{Cols: make([]chunk.Vec, len(cols)), N: from.N}
	schema := make(dtype.Schema, len(cols))
	for i, c := range cols {
		switch {
		case !c.build:
			b.Cols[i] = chunk.Vec{Type: dtype.Of(dtype.Null), N: from.N}
		case c.typ.Kind == dtype.Null:
			return nil
		default:
			b.Cols[i] = from.Cols[c.at]
		}
		schema[i].Type = b.Cols[i].Type
	}
	if b.Bytes() > mostShort {
		return nil
	}
	kept, err := chunk.Kept(schema, b)
	if err != nil || kept.Bytes() > mostShort || kept.Bytes() < 8*int64(kept.N) {
		return nil
	}
	return chunk.NewTable(kept)
}

// mine is an emitter of the columns that are not of build rows, with the rows of e.
func (e *emitter) mine() *emitter {
	if e.own == nil {
		cols := slices.DeleteFunc(slices.Clone(e.cols), func(c outCol) bool { return c.build })
		e.own = newEmitter(cols, e.t, false)
		e.own.build = nil
	}
	o := e.own
	o.m, o.n, o.left, o.mask = e.m, e.n, e.left, e.mask
	return o
}

// IntoShort implements op.Referring.
func (e *emitter) IntoShort(b *chunk.Builder) error {
	o := e.mine()
	last := len(o.cols)
	at := chunk.Vec{Type: dtype.Of(dtype.Uint32), N: e.n, Data: chunk.Bytes(e.ids)}
	if e.lifted {
		at.Valid = e.hit
	}
	for i := range o.cols {
		if err := o.reserve(b, i); err != nil {
			return err
		}
	}
	if err := b.ReserveVec(last, &at); err != nil {
		return err
	}
	o.into = b
	o.fill()
	o.into = nil
	b.Put(last, &at)
	b.Commit(e.n)
	return nil
}
