package order

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
)

// TestCarry holds what entries carry, and that a writer gets every value back: from them, from words that ties were
// sorted beneath, and from the pages.
func TestCarry(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	for _, c := range effort.Some(3, []struct {
		cols  []string
		keys  []string
		nulls int
		want  []string // carried
	}{
		{[]string{"rand", "few", "u64", "one"}, []string{"rand"}, 0, []string{"one", "few", "pos"}},
		{[]string{"rand", "few", "date", "i8", "text"}, []string{"rand", "few"}, 0, []string{"few", "i8", "date"}},
		{[]string{"few", "i8", "i32", "bool"}, []string{"few", "i8"}, 5, []string{"pos"}}, // what is in the words needs no room
		{[]string{"f64", "u16", "time", "i16"}, []string{"f64"}, 5, []string{"u16", "i16"}},
		{[]string{"text", "u32", "dec", "f32"}, []string{"text", "u32"}, 7, []string{"pos"}},
		{[]string{"i64", "u8", "code"}, []string{"i64"}, 6, []string{"code", "u8", "pos"}},
	}) {
		var keys []op.SortKey
		for i, k := range c.keys {
			keys = append(keys, op.SortKey{Col: k, Desc: i == 1, NullsFirst: i == 0})
		}
		n := carryRows + 500
		s, in, rows := codedTable(n, c.nulls, c.cols)
		want := refSort(s, rows, keys)
		for _, threads := range effort.Some(1, []int{3, 1}) {
			task := forker(threads)
			g := gatherer{schema: s, t: task}
			for _, b := range in {
				if took, err := g.add(b, 0, false); took != b.N || err != nil {
					t.Fatal(took, err)
				}
			}
			bound, err := bindKeys(keys, s)
			if err != nil {
				t.Fatal(err)
			}
			so := newSorter(task, bound, g.pages)
			so.columns = len(s)
			if err := so.sort(threads > 1); err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, x := range so.load {
				names = append(names, s[x.key.col].Name)
			}
			if !slices.Equal(names, c.want) {
				t.Errorf("%v by %v: entries carry %v, want %v", c.cols, c.keys, names, c.want)
			}
			w := newWriter(s, g.pages, mem.Heap)
			so.decode(w)
			b, err := w.gather(so.es)
			if err != nil {
				t.Fatal(err)
			}
			got, err := optest.Read(nil, chunk.NewBlock([][]*chunk.Batch{{b}}))
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, want)
		}
	}
}

// codedTable is a table of batches; a column called "code" is text in codes of one dictionary.
func codedTable(n, nulls int, cols []string) (dtype.Schema, []*chunk.Batch, [][]any) {
	plain := slices.Clone(cols)
	at := slices.Index(cols, "code")
	if at >= 0 {
		plain[at] = "few"
	}
	s, rows := table(11, n, nulls, plain...)
	if at < 0 {
		return s, optest.Rows(s, rows, 3000).Batches, rows
	}
	dict := &chunk.Dict{ID: 1 << 61, Values: chunk.Vec{Type: dtype.Of(dtype.Utf8), N: len(words), Off: []int32{0}}}
	for _, w := range words {
		dict.Values.Str = append(dict.Values.Str, w...)
		dict.Values.Off = append(dict.Values.Off, int32(len(dict.Values.Str)))
	}
	in := optest.Rows(s, rows, 3000).Batches
	s = slices.Clone(s)
	s[at].Name, s[at].Type = "code", dict.Values.Type
	for i, b := range in {
		codes := make([]uint32, b.N)
		for j := range codes {
			codes[j] = uint32((i*3000 + j) % 5 * 2)
			if row := rows[i*3000+j]; row[at] != nil {
				row[at] = words[codes[j]]
			}
		}
		v := &b.Cols[at]
		v.Type, v.Dict, v.Data = dict.Values.Type, dict, chunk.Bytes(codes)
	}
	return s, in, rows
}

// TestSpreadOfFloats holds the quick way through floats to the slow one.
func TestSpreadOfFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	some := []float64{0, 1, -1, math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.SmallestNonzeroFloat64, math.NaN(), math.Copysign(0, -1), math.Float64frombits(0xfff8000000000001)}
	quick := 0
	for range 5000 {
		v := make([]float64, r.IntN(4))
		lo, hi, odd := uint64(math.MaxUint64), uint64(0), false
		for i := range v {
			v[i] = some[r.IntN(len(some))]
			odd = odd || v[i] != v[i] || v[i] == 0 && math.Signbit(v[i])
			lo, hi = min(lo, float64Bits(v[i])), max(hi, float64Bits(v[i]))
		}
		x := emptySpread()
		if x.spreadFloats(v) {
			quick++
		} else if !odd {
			t.Fatalf("%v is said to have NaN or -0", v)
		}
		x = spreadOf(dtype.Float64, &chunk.Vec{Type: dtype.Of(dtype.Float64), N: len(v), Data: chunk.Bytes(v)})
		if x.folded != odd || len(v) > 0 && (x.lo != lo || x.hi != hi) || len(v) == 0 && x.lo <= x.hi {
			t.Fatalf("the spread of %v is %x to %x, folded %v; want %x to %x, %v", v, x.lo, x.hi, x.folded, lo, hi, odd)
		}
	}
	if quick < 500 {
		t.Errorf("%d quick ways", quick)
	}
}
