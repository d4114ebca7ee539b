package data

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A reader that says so in its ticket gets short batches (chunk.Table) as they are stored. Their table comes before the first batch of a block that refers to it, in a frame of its own.
// A batch refers to the table that came last for its block.

// fullSize is how many bytes the body of b has, or would have at most if it were full.
func fullSize(b *chunk.Batch, align int) int {
	n := bodySize(b, align)
	if b.Table != nil {
		n += b.N * b.Table.Wide
	}
	return n
}

// mostTable bounds the body of a table.
const mostTable = 4 << 20

// shorten has a run read as it is stored, if its reader takes that.
func (w *writer) shorten(in chunk.Reader) chunk.Reader {
	if x, ok := in.(chunk.Shortened); ok && w.short {
		if s := x.Short(); s != nil {
			return s
		}
	}
	return in
}

// tell sends the table of a short batch, if the reader does not have it.
func (w *writer) tell(t *chunk.Table, ref uint32) error {
	if t == nil || t == w.table {
		return nil
	}
	w.table = t
	return w.body(&head{kind: kindTable, ref: ref, rows: uint64(t.Rows.N)}, t.Rows)
}

// take takes the table of the batches that come.
func (g *getter) take(h *head, from body) error {
	schema := g.schemas[g.ref]
	if !g.t.Short {
		return corrupt("a table, and short batches were not asked for")
	}
	t, err := table(h, schema, from)
	if err == nil {
		g.table, g.short = t, t.Short(schema)
	}
	return err
}

// table decodes a table for batches of schema; it borrows the body.
func table(h *head, schema dtype.Schema, from body) (*chunk.Table, error) {
	c := bodyReader{body: from, align: uint64(h.align), holes: true}
	b := &chunk.Batch{Cols: make([]chunk.Vec, len(schema)), N: int(h.rows)}
	b.Own(mem.Heap, nil)
	for i, f := range schema {
		b.Cols[i] = c.vec(&decoder{}, f.Type, h.rows)
		if c.err != nil {
			return nil, c.err
		}
	}
	if n := c.size(); n > 0 {
		return nil, corrupt("%d bytes after the last column of a table", n)
	}
	t := chunk.NewTable(b)
	if t == nil {
		return nil, corrupt("a table of %d rows that is none", b.N)
	}
	return t, nil
}

// numbered looks whether the table has all rows that a short batch refers to.
func (g *getter) numbered(b *chunk.Batch) error {
	v := &b.Cols[len(b.Cols)-1]
	if r := kernel.MinMax(chunk.Values[uint32](v), nil); v.N > 0 && int(r.Max) >= g.table.Rows.N {
		return corrupt("row %d of a table of %d", r.Max, g.table.Rows.N)
	}
	if n := b.N * g.table.Wide; n > maxBody {
		return corrupt("%d rows that may become %d bytes, at most %d are allowed", b.N, n, maxBody)
	}
	b.Table = g.table
	return nil
}
