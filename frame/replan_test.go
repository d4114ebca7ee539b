package frame_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// A deed has a key of a part; what plans are told of Rare is true of one row only.
type deed struct {
	K     *int64
	Rare  int64
	Price float64
}

// deedsAndParts are tables in files, of which plans think that the first has next to no rows.
func deedsAndParts(t testing.TB, rows, keys int) (many, few *frame.Frame) {
	deeds := make([]deed, rows)
	for i := range deeds {
		deeds[i] = deed{Rare: 5, Price: float64(i%977) * 1.1}
		if k := int64(i*7919) % int64(2*keys); i%50 > 0 {
			deeds[i].K = &k
		}
	}
	deeds[0].Rare = 1e9
	parts := make([]part, keys)
	for i := range parts {
		parts[i] = part{int64(i), fmt.Sprint("name ", i%700)}
	}
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	dir := t.TempDir()
	file := func(name string, f *frame.Frame) *frame.Frame {
		path := filepath.Join(dir, name)
		if _, err := f.WriteParquetWith(t.Context(), r, path, frame.ParquetOptions{RowGroupRows: 50_000}); err != nil {
			t.Fatal(err)
		}
		return frame.ReadParquet(path)
	}
	return file("deeds.parquet", frame.FromStructs(deeds)).Filter(frame.Col("Rare").Lt(10)), file("parts.parquet", frame.FromStructs(parts))
}

// A join of few rows with many, of which plans think that they are next to none: the table is
// made of the few, or, without cuts, of the many.
func BenchmarkWrongEstimate(b *testing.B) {
	many, few := deedsAndParts(b, 4_000_000, 20_000)
	f := few.JoinOn(many, frame.JoinOn{Left: []string{"Key"}, Right: []string{"K"}}).GroupBy("Name").Agg(frame.Sum("Price").As("sum"))
	for _, off := range [][]string{nil, {"divide"}} {
		b.Run(fmt.Sprint("without ", off), func(b *testing.B) { run(b, f, frame.Without(off...)) })
	}
}

// Joins of which a side was estimated far too small are cut before the step that would make
// a table of it, and have the same bits however they run.
func TestSameBitsWhenJoinsAreCut(t *testing.T) {
	effort.Long(t, "many ways to do the same")
	many, few := deedsAndParts(t, 300_000, 20_000)
	write := local.New(local.Options{Threads: 2})
	defer write.Close()
	on := func(kind frame.JoinKind) frame.JoinOn {
		return frame.JoinOn{Kind: kind, Left: []string{"Key"}, Right: []string{"K"}}
	}
	sums := func(f *frame.Frame) *frame.Frame {
		return f.GroupBy("Name").Agg(frame.Sum("Price").As("sum"), frame.Count().As("n")).Sort("Name")
	}
	counts := func(f *frame.Frame) *frame.Frame { return f.GroupBy("Name").Agg(frame.Count().As("n")).Sort("Name") }
	for _, c := range effort.Some(2, []struct {
		name string
		f    *frame.Frame
	}{
		{"inner", sums(few.JoinOn(many, on(frame.Inner)))},
		{"left", sums(few.JoinOn(many, on(frame.Left)))},
		{"semi", counts(few.JoinOn(many, on(frame.Semi)))},
		{"anti", counts(few.JoinOn(many, on(frame.Anti)))},
		{"a join behind it", sums(few.JoinOn(many, on(frame.Inner)).JoinOn(few.Rename(map[string]string{"Name": "other"}), frame.JoinOn{Kind: frame.Left, Left: []string{"Key"}, Right: []string{"Key"}}))},
	}) {
		want := planned(t, write, c.f, "divide")
		for _, o := range effort.Some(2, []local.Options{{Threads: 1}, {Threads: 4}, {Threads: 2, Pool: 52 << 20}}) {
			r := local.New(o)
			defer r.Close()
			if got := planned(t, r, c.f); fmt.Sprint(got.rows) != fmt.Sprint(want.rows) || len(want.rows) == 0 {
				t.Errorf("%s, %d threads: %d rows are others than without cuts, where there are %d", c.name, o.Threads, len(got.rows), len(want.rows))
			}
			rep, err := c.f.Analyze(context.Background(), r)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(rep.After, "join.match(") || !strings.Contains(rep.After, "planned as a table of ") || strings.Contains(rep.Picture, "more layers") {
				t.Errorf("%s was not cut\n%s", c.name, rep.After)
			}
			tables := int64(0)
			for _, l := range rep.Layers {
				tables += l.Counts["tables of the other side"]
			}
			if tables == 0 {
				t.Errorf("%s: the side that was larger than planned was made a table everywhere\n%s", c.name, rep.After)
			}
		}
		// A plan that does not run shows what was planned.
		rep, err := c.f.Explain(context.Background(), write)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(rep.After, "join.match(") || strings.Contains(rep.Picture, "join.match(") || !strings.Contains(rep.After, "join.probe(") {
			t.Errorf("%s is cut before it runs\n%s", c.name, rep.After)
		}
	}
}

// How many tasks finish the groups is decided by what the layer before has made, and whether rows are grouped before
// they are divided by the rows that were looked at: whatever the plan has thought.
func TestGroupsAreCountedWhileThePlanRuns(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	deeds, _ := deedsAndParts(t, 450_000, 225_000) // nearly each row has a K of its own, and 977 have the same Price
	deeds = deeds.Repartition(2)
	few := deeds.GroupBy("Price").Agg(frame.Count().As("n"))
	many := deeds.GroupBy("K").Agg(frame.Sum("Price").As("sum"), frame.Std("Price").As("std"), frame.Skew("Price").As("skew"), frame.Kurtosis("Price").As("kurtosis"))
	for _, o := range effort.Some(1, []local.Options{{Threads: 1}, {Threads: 3, Pool: 96 << 20}}) {
		r := local.New(o)
		defer r.Close()
		for _, c := range []struct {
			f      *frame.Frame
			groups int64
			one    bool // few enough for one task, and to be worth grouping rows before
		}{{few, 977, true}, {many, 441_001, false}} {
			rep, err := c.f.Explain(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(rep.After, "  1..64") {
				t.Errorf("the plan knows how many tasks finish the groups\n%s", rep.After)
			}
			if rep, err = c.f.Analyze(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			final, states := rep.Layers[len(rep.Layers)-1], rep.Layers[len(rep.Layers)-2].Bytes
			if one := states <= 64<<20; c.one && !one || o.Threads == 1 && one != c.one { // several threads pass on as many rows as they happen to
				t.Errorf("%d threads: %d groups have states of %d bytes", o.Threads, c.groups, states)
			} else if final.Name != "group.final" || (final.Tasks == 1) != one || final.Rows != c.groups || final.EstRows > 1 {
				t.Errorf("%d threads: %s gave %d groups in %d tasks\n%s", o.Threads, final.Name, final.Rows, final.Tasks, rep.After)
			}
			passed := rep.Layers[len(rep.Layers)-2].Counts["rows passed on"]
			if c.one && passed > 0 || !c.one && o.Threads == 1 && passed == 0 {
				t.Errorf("%d threads: %d rows were passed on\n%s", o.Threads, passed, rep.After)
			}
		}
	}
}
