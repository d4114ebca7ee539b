package frame_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// Rows that one step makes many of, and another one many again, keep their order: for what goes by it, all of them.
func TestRowsMadeOfRowsMadeOfRows(t *testing.T) {
	const rows, each = 3, 6000
	i, b := frame.Col("i"), frame.Col("b")
	in := frame.FromColumns(frame.Values("i", []int64{0, 1, 2}))
	place := i.Mul(100_000).Add(b)
	twice := in.WithColumns(expr.ListRange(0, each/2).As("a")).Explode("a").
		WithColumns(expr.ListOf(frame.Col("a").Mul(2), frame.Col("a").Mul(2).Add(1)).As("b")).Explode("b")
	turned := in.WithColumns(expr.ListRange(0, each/2).As("a")).Explode("a").WithColumns(frame.Col("a").Mul(2).As("x"), frame.Col("a").Mul(2).Add(1).As("y")).
		Unpivot(frame.Unpivoted{Keep: []string{"i"}, Columns: []string{"x", "y"}, Name: "n", Value: "b"})
	var want []int64
	for r := range int64(rows) {
		for x := range int64(each) {
			want = append(want, r*100_000+x)
		}
	}
	for name, f := range map[string]*frame.Frame{"lists": twice, "columns": turned} {
		keepsOrder(t, name, f.Select(place.As("o")), want)
	}
}

// What long values are made of keeps its order, also when a morsel of them becomes several.
func TestRowsOfLongValues(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	const rows = 600
	var recs []arrow.Record // each of them a split
	var want []int64
	for lo := int64(0); lo < rows; lo += rows / 3 {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		for i := lo; i < lo+rows/3; i++ {
			b.Append(i)
			want = append(want, i)
		}
		recs = append(recs, array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64}}, nil), []arrow.Array{b.NewArray()}, rows/3))
	}
	in, i := frame.FromRecords(recs...), frame.Col("i")
	text := i.Cast(dtype.Of(dtype.Utf8)).Str().PadStart(7, "0").Str().Repeat(4000) // 28 kB
	end := frame.Col("t").Str().Right(7).Cast(dtype.Of(dtype.Int64)).As("o")
	long := in.WithColumns(text.As("t"))
	for name, f := range map[string]*frame.Frame{
		"texts":  long.Select(end),
		"filter": long.Filter(frame.Col("t").Str().EndsWith("0000005").Not()).Select(end),
		"lists":  in.WithColumns(expr.ListRange(i, i.Add(4000)).As("l")).WithColumns(frame.Col("l").List().Get(0).As("o")).Select("o"),
		"both":   long.WithColumns(frame.Col("t").Str().Split("5").As("l")).Filter(frame.Col("l").List().Len().Ge(0)).WithColumns(end).Select("o"),
	} {
		rest := want
		if name == "filter" {
			rest = slices.DeleteFunc(slices.Clone(want), func(i int64) bool { return i == 5 })
		}
		keepsOrder(t, name, f, rest)
	}
}

// keepsOrder holds that all that goes by the order of rows finds column o of f in that of want.
func keepsOrder(t *testing.T, name string, f *frame.Frame, want []int64) {
	t.Helper()
	key := func(x int64) int64 { return x % 100_000 % 7 }
	byKey := func(x, y int64) int { return cmp.Compare(key(x), key(y)) }
	sorted := slices.SortedStableFunc(slices.Values(want), byKey)
	last := slices.SortedFunc(slices.Values(want[len(want)-7:]), byKey)
	places := make([]int64, len(want))
	for i := range places {
		places[i] = int64(i)
	}
	f = f.WithColumns(frame.Col("o").Mod(100_000).Mod(7).As("m"))
	for _, threads := range effort.Some(1, []int{3, 1}) {
		r := local.New(local.Options{Threads: threads, Pool: 64 << 20, SpillDir: t.TempDir()})
		about := fmt.Sprintf("%s, %d threads: ", name, threads)
		check := func(what string, f *frame.Frame, want []int64) {
			t.Helper()
			tab, err := f.Select("o").Collect(t.Context(), r)
			if err != nil {
				t.Fatal(about, what, err)
			}
			got, err := frame.Column[int64](tab, "o")
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s%s: %d rows, %v; want %d", about, what, len(got), err, len(want))
			}
		}
		check("all", f, want)
		check("tail", f.Tail(400), want[len(want)-400:])
		check("sort", f.Sort("m"), sorted)
		check("topk", f.TopK(300, "m"), sorted[:300])
		check("first", f.GroupBy("m").Agg(frame.First("o").As("o")).Sort("m"), firsts(want, key))
		check("last", f.GroupBy("m").Agg(frame.Last("o").As("o")).Sort("m"), last)
		check("distinct", f.DistinctBy(frame.KeepLast, "m").Sort("m"), last)
		check("lists", f.GroupBy("m").Agg(frame.List("o").As("o")).Sort("m").Explode("o"), sorted)
		check("places", f.WithRowIndex("at").Drop("o").Rename(map[string]string{"at": "o"}), places)
		check("slice", f.Slice(100, 300), want[100:400])
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// firsts are the first values of each key, in the order of keys.
func firsts(of []int64, key func(int64) int64) []int64 {
	seen := map[int64]int64{}
	for _, x := range of {
		if _, ok := seen[key(x)]; !ok {
			seen[key(x)] = x
		}
	}
	out := make([]int64, 0, len(seen))
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, seen[k])
	}
	return out
}
