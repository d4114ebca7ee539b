package join

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// seat is a table of n build rows of schema, in so many segments, and its output columns behind one of the probe side.
func seat(t *testing.T, g *gen, schema dtype.Schema, n, segments int) (*table, []outCol) {
	t.Helper()
	tab := &table{alloc: mem.NewPool(0), schema: schema}
	var b []*chunk.Batch
	for range segments {
		x := &chunk.Batch{N: n}
		for _, f := range schema {
			x.Cols = append(x.Cols, g.vec(f.Type, n))
		}
		b = append(b, x)
	}
	if !tab.rows.arrange(&[runs][]*chunk.Batch{b}) {
		t.Fatal("not arranged")
	}
	cols := []outCol{{false, 0, dtype.Of(dtype.Int32)}, {false, 1, dtype.Of(dtype.Utf8)}}
	for _, c := range g.Perm(len(schema)) {
		cols = append(cols, outCol{true, c, schema[c].Type})
	}
	cols[0], cols[len(cols)-1] = cols[len(cols)-1], cols[0]
	if err := tab.view(cols, serially); err != nil {
		t.Fatal(err)
	}
	return tab, cols
}

// shortSink keeps rows as short batches, and gives them as full ones. Some times its allocator refuses.
type shortSink struct {
	t      *testing.T
	table  *chunk.Table
	schema dtype.Schema
	b      *chunk.Builder
	got    []string
}

func (s *shortSink) Push(*chunk.Batch) error { panic("rows were asked for") }

func (s *shortSink) PushRows(r op.Rows) error {
	x := r.(op.Referring)
	if s.b == nil {
		s.table = x.Table()
		s.b = chunk.NewBuilder(s.table.Short(s.schema), &moody{Allocator: mem.Heap})
	}
	if x.Table() != s.table {
		s.t.Error("two tables")
	}
	before := s.b.Len()
	for x.IntoShort(s.b) == mem.ErrBudget {
		if s.b.Len() != before && s.b.Len() != 0 {
			s.t.Fatalf("%d rows after a refusal, %d before", s.b.Len(), before)
		}
		s.flush()
	}
	return nil
}

func (s *shortSink) flush() {
	if s.b.Len() == 0 {
		return
	}
	b := s.b.Flush()
	b.Table = s.table
	full, err := b.Full()
	if err != nil {
		s.t.Fatal(err)
	}
	s.got = append(s.got, texts(full)...)
}

// TestShortRows: short batches and their table are the rows that a morsel has, of all types, with nulls, and without a partner.
func TestShortRows(t *testing.T) {
	var schema dtype.Schema
	for k := dtype.Bool; k <= dtype.Decimal128; k++ {
		schema = append(schema, dtype.Field{Name: k.String(), Type: dtype.Of(k), Nullable: true})
	}
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 17))
		g := &gen{Rand: r, domain: 300, nulls: float64(seed%3) / 5}
		tab, cols := seat(t, g, schema, 1+r.IntN(700), 1)
		outer := seed%2 == 0
		plain, short := newEmitter(cols, tab, outer), newEmitter(cols, tab, outer)
		var out dtype.Schema
		for _, c := range cols {
			out = append(out, dtype.Field{Type: c.typ, Nullable: true})
		}
		to := &shortSink{t: t, schema: out}
		var want []string
		for round := range 20 {
			m := &chunk.Batch{N: 500, Cols: []chunk.Vec{g.vec(dtype.Of(dtype.Int32), 500), g.vec(dtype.Of(dtype.Utf8), 500)}}
			n := 1 + r.IntN(m.N)
			var left []uint32
			if round%4 == 0 {
				n = m.N
			} else {
				for range n {
					left = append(left, uint32(r.IntN(m.N)))
				}
			}
			ids := make([]uint32, n)
			for i := range ids {
				ids[i] = uint32(r.IntN(int(tab.rows.n)))
				if outer && r.IntN(5) == 0 {
					ids[i] = none
				}
			}
			if err := plain.emit(m, left, ids, sinkFunc(func(b *chunk.Batch) error { want = append(want, texts(b)...); return nil })); err != nil {
				t.Fatal(err)
			}
			if err := short.emit(m, left, ids, to); err != nil {
				t.Fatal(err)
			}
		}
		to.flush()
		if !slices.Equal(to.got, want) {
			t.Fatalf("seed %d: short rows are\n%s\nwant\n%s", seed, strings.Join(to.got, "\n"), strings.Join(want, "\n"))
		}
		tab.release()
	}
}

// TestShortWhere looks at which tables short batches may have.
func TestShortWhere(t *testing.T) {
	all := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Int64)}, {Name: "b", Type: dtype.Of(dtype.Int32)}, {Name: "n", Type: dtype.Of(dtype.Null)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}}
	g := &gen{Rand: rand.New(rand.NewPCG(1, 17)), domain: 1000}
	for _, c := range []struct {
		cols     []int
		rows     int
		segments int
		want     bool
	}{
		{[]int{0, 1}, 1000, 1, true},
		{[]int{0, 1}, 1000, 2, false},
		{[]int{0, 2}, 1000, 1, false},
		{[]int{1}, 1000, 1, false}, // as wide as the number of a row
		{[]int{0}, mostShort / 8, 1, true},
		{[]int{0}, mostShort/8 + 64, 1, false},
		{nil, 1000, 1, false},
		{[]int{0, 3}, 1000, 1, true},
		{[]int{0, 3}, 0, 1, false},
	} {
		tab, cols := seat(t, g, all.Pick(c.cols), c.rows, c.segments)
		if got := newEmitter(cols, tab, true).Table(); (got != nil) != c.want {
			t.Errorf("columns %v, %d rows in %d segments: a table %v, want %v", c.cols, c.rows, c.segments, got != nil, c.want)
		}
		tab.release()
	}
}
