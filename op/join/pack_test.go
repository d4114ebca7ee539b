package join

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// TestPackedRows gives the same pairs from packed rows and from columns: all
// types, texts of all lengths around the steps of 16 bytes, with nulls and
// without, rows that are missing, segments of several sizes.
func TestPackedRows(t *testing.T) {
	var schema dtype.Schema
	for k := dtype.Null; k <= dtype.Decimal128; k++ {
		schema = append(schema, dtype.Field{Name: k.String(), Type: dtype.Of(k), Nullable: true})
	}
	longest := []int{0, 1, 8, 15, 16, 17, 31, packText, packText + 1}
	for i := range longest {
		schema = append(schema, dtype.Field{Name: fmt.Sprint("t", i), Type: dtype.Of(dtype.Utf8), Nullable: true})
	}
	first := len(schema) - len(longest)
	for seed := range effort.Of[uint64](12, 4) {
		r := rand.New(rand.NewPCG(seed, 6))
		g := &gen{Rand: r, domain: 300, nulls: float64(seed%3) / 5}
		in := g.table(schema, 700)
		for _, b := range in.batches {
			for i, n := range longest {
				b.Cols[first+i] = ragged(r, &b.Cols[first+i], n)
			}
			if seed%4 == 3 { // what every row lacks
				b.Cols[5].Valid = make([]uint64, chunk.Words(b.N))
			}
		}
		tab := &table{alloc: mem.NewPool(0), schema: schema}
		var batches [runs][]*chunk.Batch
		for i, b := range in.batches {
			batches[i%runs] = append(batches[i%runs], b)
		}
		if !tab.rows.arrange(&batches) {
			t.Fatal("not arranged")
		}
		cols := []outCol{{false, 0, dtype.Of(dtype.Int32)}}
		for _, c := range r.Perm(len(schema)) { // rows have no room for all
			cols = append(cols, outCol{true, c, schema[c].Type})
		}
		if err := tab.view(cols, serially); err != nil {
			t.Fatal(err)
		}
		plain := newEmitter(cols, tab, seed%2 == 0)
		if err := tab.packRows(serially); err != nil || tab.pack == nil {
			t.Fatal("not packed", err)
		}
		pack := newEmitter(cols, tab, seed%2 == 0)
		for range 20 {
			m := &chunk.Batch{N: 500, Cols: []chunk.Vec{g.vec(dtype.Of(dtype.Int32), 500)}}
			ids := make([]uint32, 1+r.IntN(m.N))
			for i := range ids {
				s := r.IntN(len(tab.rows.segs))
				ids[i] = uint32(s)<<tab.rows.shift | uint32(r.IntN(tab.rows.segs[s].N))
				if plain.outer && r.IntN(5) == 0 {
					ids[i] = none
				}
			}
			left := make([]uint32, len(ids))
			for i := range left {
				left[i] = uint32(r.IntN(m.N))
			}
			var want []string
			if err := plain.emit(m, left, ids, sinkFunc(func(b *chunk.Batch) error { want = texts(b); return nil })); err != nil {
				t.Fatal(err)
			}
			out := dtype.Schema{{Name: "probe", Type: dtype.Of(dtype.Int32)}}
			for _, c := range cols[1:] {
				out = append(out, schema[c.at])
			}
			rs := &rowSink{b: chunk.NewBuilder(out, &moody{mem.Heap, r.IntN(13)}), n: uint32(r.IntN(20))}
			var got []string
			rs.sink = func(b *chunk.Batch) error { got = append(got, texts(b)...); return nil }
			if err := pack.emit(m, left, ids, rs); err != nil {
				t.Fatal(err)
			}
			if err := rs.flush(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: packed rows give\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		tab.release()
	}
}

func texts(b *chunk.Batch) (out []string) {
	for i := range b.N {
		out = append(out, strings.Join(rowText(b, i, false), " "))
	}
	return out
}

// ragged has texts of up to most bytes in the place of those of v.
func ragged(r *rand.Rand, v *chunk.Vec, most int) chunk.Vec {
	out := chunk.Vec{Type: v.Type, N: v.N, Valid: v.Valid, Off: []int32{0}}
	for range v.N {
		for range r.IntN(most + 1) {
			out.Str = append(out.Str, byte('a'+r.IntN(26)))
		}
		out.Off = append(out.Off, int32(len(out.Str)))
	}
	return out
}

// TestPackedWhere looks at which tables have packed rows.
func TestPackedWhere(t *testing.T) {
	schema := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int32)}, {Name: "a", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}}
	g := &gen{Rand: rand.New(rand.NewPCG(1, 6)), domain: 1 << 20}
	for _, c := range []struct {
		rows  int
		cols  string
		limit int64
		want  bool
	}{{1000, "a s", 0, false}, {singleRows + 5000, "a s", 0, true}, {singleRows + 5000, "s", 0, true}, {singleRows + 5000, "a", 0, false}, {singleRows + 5000, "a s", 1 << 20, false}} {
		b := []*chunk.Batch{{N: c.rows}}
		for _, f := range schema {
			b[0].Cols = append(b[0].Cols, g.vec(f.Type, c.rows))
		}
		tab := &table{alloc: mem.NewPool(c.limit), schema: schema}
		if !tab.rows.arrange(&[runs][]*chunk.Batch{b}) {
			t.Fatal("not arranged")
		}
		var cols []outCol
		for _, name := range strings.Fields(c.cols) {
			i := schema.Index(name)
			cols = append(cols, outCol{true, i, schema[i].Type})
		}
		if err := tab.view(cols, serially); err != nil {
			t.Fatal(err)
		}
		if got := tab.pack != nil; got != c.want {
			t.Errorf("%d rows of %s in %d bytes: packed %v, want %v", c.rows, c.cols, c.limit, got, c.want)
		}
		tab.release()
	}
}
