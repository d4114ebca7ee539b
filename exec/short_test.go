package exec

import (
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

var twoColumns = dtype.Schema{{Name: "i", Type: dtype.Of(dtype.Int64)}, {Name: "j", Type: dtype.Of(dtype.Int64)}}

// referring are rows (i, 10+i%3) from first on, the second column by a table.
type referring struct {
	table    *chunk.Table
	seq      uint64
	first, n int
}

func (r *referring) Morsel() *chunk.Batch {
	i, j := make([]int64, r.n), make([]int64, r.n)
	for k := range i {
		i[k], j[k] = int64(r.first+k), int64(10+(r.first+k)%3)
	}
	return &chunk.Batch{N: r.n, Seq: r.seq, Cols: []chunk.Vec{{Type: twoColumns[0].Type, N: r.n, Data: chunk.Bytes(i)}, {Type: twoColumns[0].Type, N: r.n, Data: chunk.Bytes(j)}}}
}
func (r *referring) Into(b *chunk.Builder) error { return b.Append(r.Morsel()) }
func (r *referring) Len() int                    { return r.n }
func (r *referring) Seq() uint64                 { return r.seq }
func (r *referring) Table() *chunk.Table         { return r.table }

func (r *referring) IntoShort(b *chunk.Builder) error {
	at := make([]uint32, r.n)
	for k := range at {
		at[k] = uint32((r.first + k) % 3)
	}
	return b.Append(&chunk.Batch{N: r.n, Cols: []chunk.Vec{r.Morsel().Cols[0], {Type: dtype.Of(dtype.Uint32), N: r.n, Data: chunk.Bytes(at)}}})
}

// threeRows is a table of 10, 11 and 12 for the second column.
func threeRows() *chunk.Table {
	rows := &chunk.Batch{N: 3, Cols: []chunk.Vec{{N: 3, Type: dtype.Of(dtype.Null)}, {Type: twoColumns[1].Type, N: 3, Data: chunk.Bytes([]int64{10, 11, 12})}}}
	rows.Own(mem.Heap, nil)
	return chunk.NewTable(rows)
}

// inOrder fails the test if a run is not the rows from first on.
func inOrder(t *testing.T, s *stored, run, first, n int) {
	t.Helper()
	at := first
	if err := chunk.Each(s, run, func(b *chunk.Batch) error {
		if len(b.Cols) != 2 || b.Table != nil {
			t.Fatalf("run %d has a batch that is not full", run)
		}
		for k := range b.N {
			if i, j := chunk.Values[int64](&b.Cols[0])[k], chunk.Values[int64](&b.Cols[1])[k]; i != int64(at) || j != int64(10+at%3) {
				t.Fatalf("row %d of run %d is %d, %d", at, run, i, j)
			}
			at++
		}
		return nil
	}); err != nil || at != first+n {
		t.Fatalf("run %d has %d rows of %d: %v", run, at-first, n, err)
	}
}

// TestShortBlocks: rows that refer to a table are kept short where they leave the process, until some do not refer to it.
// Who opens the block has full ones, from memory and from disk, and short ones if he asks for those and they are worth it.
func TestShortBlocks(t *testing.T) {
	const n = 5000
	tab, other := threeRows(), threeRows()
	for _, c := range []struct {
		name   string
		leaves bool
		tables []*chunk.Table // of the runs
		short  []bool
	}{
		{"stays", false, []*chunk.Table{tab, tab}, []bool{false, false}},
		{"leaves", true, []*chunk.Table{tab, tab}, []bool{true, true}},
		{"begins without", true, []*chunk.Table{nil, tab}, []bool{false, false}},
		{"goes on without", true, []*chunk.Table{tab, nil, tab}, []bool{true, false, false}},
		{"another", true, []*chunk.Table{tab, other, tab}, []bool{true, false, false}},
	} {
		nd := NewNode(Options{Memory: 8 << 20, SpillDir: t.TempDir()})
		tk, end := running(t, nd, op.Need{})
		tk.leaves, tk.out.schema = c.leaves, twoColumns
		l := (&collector{t: tk, schema: twoColumns, out: tk.outlet(), alloc: tk}).local()
		for run, table := range c.tables {
			for k := range 2 {
				if err := l.pushRows(&referring{table, uint64(run) << 32, (2*run + k) * n, n}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := l.Close(nil, false); err != nil {
			t.Fatal(err)
		}
		end()
		s := tk.out
		for run := range c.tables {
			r := &s.runs[run]
			short := slices.ContainsFunc(r.mem, func(b *chunk.Batch) bool { return b.Table != nil })
			if short != c.short[run] || len(r.mem) != 1 {
				t.Errorf("%s: run %d has %d batches, short %v, want one, %v", c.name, run, len(r.mem), short, c.short[run])
			}
			rd, err := s.Open(run)
			if err != nil {
				t.Fatal(err)
			}
			_, lasts := rd.(chunk.Lasting)
			x, ok := rd.(chunk.Shortened)
			if lasts == short || ok != short {
				t.Errorf("%s: run %d has batches that stay %v, that are short %v", c.name, run, lasts, ok)
			}
			if short {
				if b, err := x.Short().Next(); err != nil || b.Table != tab || b.N != 2*n {
					t.Errorf("%s: run %d gives %v as it is stored, %v", c.name, run, b, err)
				}
			}
			if err := rd.Close(); err != nil {
				t.Error(err)
			}
			if b := s.Batches(run); (b == nil) != short {
				t.Errorf("%s: run %d lends %d batches", c.name, run, len(b))
			} else if b != nil {
				s.unpin(run)
			}
			inOrder(t, s, run, 2*run*n, 2*n)
		}
		if _, err := s.evict(1 << 40); err != nil {
			t.Fatal(err)
		}
		for run := range c.tables {
			if !s.runs[run].disk {
				t.Errorf("%s: run %d is not on disk", c.name, run)
			}
			inOrder(t, s, run, 2*run*n, 2*n)
		}
		s.Release()
		over(t, nd)
	}
}

// TestFewShortRows: a block of so few rows that the table would be more is not given short. What a short batch may become counts for how large it gets.
func TestFewShortRows(t *testing.T) {
	nd := NewNode(Options{SpillDir: t.TempDir()})
	tk, end := running(t, nd, op.Need{})
	tk.leaves, tk.out.schema = true, twoColumns
	l := (&collector{t: tk, schema: twoColumns, out: tk.outlet(), alloc: tk}).local()
	tab := threeRows()
	if err := l.pushRows(&referring{tab, 0, 0, 11}); err != nil { // 24 bytes; each row saves 4
		t.Fatal(err)
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	rd, err := tk.out.Open(0)
	if err != nil {
		t.Fatal(err)
	}
	if x, ok := rd.(chunk.Shortened); !ok || x.Short() != nil {
		t.Error("11 rows and a table of 3 are given short")
	}
	if err := rd.Close(); err != nil {
		t.Error(err)
	}
	const n = flushBytes/20 + 1 // 12 bytes and 8 of the table
	if err := l.pushRows(&referring{tab, 0, 11, n}); err != nil {
		t.Fatal(err)
	}
	if l.b.Len() != 0 {
		t.Errorf("%d rows that may become more than %d bytes are gathered further", l.b.Len(), flushBytes)
	}
	if err := l.Close(nil, false); err != nil {
		t.Fatal(err)
	}
	inOrder(t, tk.out, 0, 0, 11+n)
	tk.out.Release()
	end()
	over(t, nd)
}
