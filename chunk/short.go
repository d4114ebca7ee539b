package chunk

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A Table is a few rows that many rows of a result are put together from: those of the small side of a join. A short
// batch has for each of its rows the number of one of them, in a last column, in place of the columns that the table has.
// So the values are copied to where they stay once, by who keeps them, and what goes to another process is small.
//
// Short batches are in blocks that leave the process, and nowhere else: who reads a block gets full ones, unless he asks for short ones
// (Shortened).
type Table struct {
	ID   uint64 // unique in this process
	Rows *Batch // one column for each of the full batch, plain; of type Null where a short batch has the column itself
	Wide int    // bytes of its widest row at most
}

var tableIDs atomic.Uint64

// NewTable makes a table of rows in memory of the collector, see Table.Rows. It returns nil if some column has a text or a type that is not for
// tables: what a full batch may take must not be much more than what a short one shows.
func NewTable(rows *Batch) *Table {
	t := &Table{ID: tableIDs.Add(1), Rows: rows}
	for i := range rows.Cols {
		v := &rows.Cols[i]
		switch {
		case v.Type.Kind == dtype.Null:
		case v.Dict != nil:
			return nil
		case v.Type.Kind.IsVar():
			longest := 0
			for k := range v.N {
				longest = max(longest, int(v.Off[k+1]-v.Off[k]))
			}
			t.Wide += 4 + longest
		default:
			t.Wide += max(1, v.Type.Width())
		}
	}
	if rows.N == 0 || t.Wide > mostWide {
		return nil
	}
	return t
}

// mostWide is the most that the widest row of a table may have.
const mostWide = 1 << 10

// Has reports whether the table has column i of the full batches.
func (t *Table) Has(i int) bool { return t.Rows.Cols[i].Type.Kind != dtype.Null }

// Short is the schema of short batches: what the table has not of schema, and the numbers of its rows.
func (t *Table) Short(schema dtype.Schema) dtype.Schema {
	var out dtype.Schema
	for i, f := range schema {
		if !t.Has(i) {
			out = append(out, f)
		}
	}
	return append(out, dtype.Field{Type: dtype.Of(dtype.Uint32), Nullable: true})
}

// Saves reports whether n rows that are short, and the table, are fewer bytes than full rows, by as much as
// makes up for the table.
func (t *Table) Saves(n int64) bool {
	b := t.Rows.Bytes()
	return n*(b/int64(t.Rows.N)-4) >= 2*b
}

// Full returns all columns of a short batch: its own as they are, and those of the table in memory of the collector.
func (b *Batch) Full() (*Batch, error) {
	t, last := b.Table, len(b.Cols)-1
	f := filler{n: b.N, at: &b.Cols[last]}
	if err := f.reserve(t); err != nil {
		return nil, err
	}
	out := &Batch{Cols: make([]Vec, len(t.Rows.Cols)), N: b.N, Seq: b.Seq, Sub: b.Sub}
	own := b.Cols[:last]
	for i := range out.Cols {
		if t.Has(i) {
			out.Cols[i] = f.column(&t.Rows.Cols[i], f.sized[i])
		} else {
			out.Cols[i], own = own[0], own[1:]
		}
	}
	return out, nil
}

// A filler gathers columns of a table into one piece of memory.
type filler struct {
	n     int
	at    *Vec   // which rows; null where there is none
	sized []size // of the columns of the table: counting the bytes of texts is work
	room  []byte
}

// A size is the bytes of what a column of the table becomes: its bitmap, its values or offsets, and its text.
type size struct{ valid, data, text int }

// textRoom is how many bytes behind a text may be overwritten while it is gathered.
const textRoom = 32

// size is that of a column.
func (f *filler) size(v *Vec) (s size) {
	if v.Type.Kind == dtype.Null {
		return s
	}
	if v.Valid != nil || f.at.Valid != nil {
		s.valid = 8 * Words(f.n)
	}
	switch {
	case v.Type.Kind.IsVar():
		s.data, s.text = 4*(f.n+1), textBytes(v, f.rows(), f.n)+textRoom
	case v.Type.Kind == dtype.Bool:
		s.data = 8 * Words(f.n)
	default:
		s.data = f.n * v.Type.Width()
	}
	return s
}

// rows are the numbers; those of rows that are null are some row's.
func (f *filler) rows() []uint32 { return Values[uint32](f.at) }

// reserve makes room for all columns of the table.
func (f *filler) reserve(t *Table) error {
	all := 0
	for i := range t.Rows.Cols {
		s := f.size(&t.Rows.Cols[i])
		if s.text > math.MaxInt32 {
			return fmt.Errorf("chunk: more than 2 GiB of text in %d rows: read fewer rows at a time", f.n)
		}
		f.sized = append(f.sized, s)
		all += upTo64(s.valid) + upTo64(s.data) + upTo64(s.text)
	}
	f.room = mem.Heap.Alloc(all)
	return nil
}

func upTo64(n int) int { return (n + 63) &^ 63 }

// take cuts off n bytes.
func (f *filler) take(n int) []byte {
	b := f.room[:n:upTo64(n)]
	f.room = f.room[upTo64(n):]
	return b
}

// column gathers one column.
func (f *filler) column(v *Vec, s size) Vec {
	out := Vec{Type: v.Type, N: f.n}
	if s.valid > 0 {
		out.Valid = Slice[uint64](f.take(s.valid), Words(f.n))
		f.valid(out.Valid, v.Valid)
	}
	values := f.take(s.data)
	switch {
	case v.Type.Kind.IsVar():
		out.Off = Slice[int32](values, f.n+1)
		out.Off[0] = 0
		out.Str = f.take(s.text)
		GatherText(out.Off, out.Str, v.Off, v.Str, f.rows())
		out.Str = out.Str[:out.Off[f.n]]
		return out
	case v.Type.Kind == dtype.Bool:
		kernel.GatherBits(Slice[uint64](values, Words(f.n)), v.Bits(), f.rows())
	default:
		f.fixed(values, v)
	}
	out.Data = values
	return out
}

// valid says which values are not null: those of rows that are there, and are not null there.
func (f *filler) valid(dst, src []uint64) {
	switch {
	case src == nil:
		copy(dst, f.at.Valid)
		return
	case f.n > 0:
		kernel.GatherBits(dst, src, f.rows())
	}
	if f.at.Valid != nil {
		kernel.And(dst, dst, f.at.Valid[:len(dst)])
	}
}

func (f *filler) fixed(dst []byte, v *Vec) {
	switch v.Type.Width() {
	case 1:
		kernel.Gather(Slice[uint8](dst, f.n), Values[uint8](v), f.rows())
	case 2:
		kernel.Gather(Slice[uint16](dst, f.n), Values[uint16](v), f.rows())
	case 4:
		kernel.Gather(Slice[uint32](dst, f.n), Values[uint32](v), f.rows())
	case 8:
		kernel.Gather(Slice[uint64](dst, f.n), Values[uint64](v), f.rows())
	default:
		kernel.Gather(Slice[[16]byte](dst, f.n), Values[[16]byte](v), f.rows())
	}
}

// A Shortened reader gives full batches of what is kept as short ones. Short returns one that gives those as they are kept, in its place; nil where
// there are so few of them that the table would be more.
type Shortened interface {
	Reader
	Short() Reader
}
