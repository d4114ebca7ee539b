package group

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
)

// forced runs p under budgets that do not hold it and checks the result and that
// the named things happened.
func forced(t *testing.T, p Params, r *refTable, budget int64, want ...string) {
	t.Helper()
	ref, err := reference(t, p, r)
	if err != nil {
		t.Fatal(err)
	}
	happened := map[string]int64{}
	for _, c := range effort.Some(1, []config{{threads: 1, morsel: 4096}, {threads: 2, morsel: 1024, blocks: 2}, {threads: 3, morsel: 2048}}) {
		c.budget = budget * int64(c.threads)
		task, got, err := runGroup(t, p, r.schema, r.batches(8192, nil), c)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		diff(t, fmt.Sprintf("%s %+v", p.text(), c), rowsOf(r.schema, got), ref)
		for k, n := range task.counts {
			happened[k] += n
		}
		if task.Peak() > c.budget {
			t.Errorf("peak %d of a budget of %d", task.Peak(), c.budget)
		}
	}
	for _, w := range want {
		if happened[w] == 0 {
			t.Errorf("%s did not happen: %v", w, happened)
		}
	}
}

func manyGroupsTable(n, card int, types ...dtype.Type) *refTable {
	r := newRand(9)
	cards, nulls := make([]int, len(types)), make([]float64, len(types))
	for i := range cards {
		cards[i], nulls[i] = card, 0.01
	}
	return randTable(r, n, types, cards, nulls)
}

func TestEviction(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	n := effort.Of(60000, 40000)
	text, i64, f64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64), dtype.Of(dtype.Float64)
	tab := manyGroupsTable(n, n/2, text, i64, f64, text)
	some := []Agg{{Fn: Len, As: "n"}, {Fn: Sum, Col: "c1", As: "s"}, {Fn: Mean, Col: "c2", As: "m"}, {Fn: Min, Col: "c3", As: "lo"},
		{Fn: Last, Col: "c3", As: "last"}, {Fn: Var, Col: "c2", As: "v"}}
	for _, keys := range effort.Some(2, [][]string{{"c0"}, {"c1"}, {"c0", "c1"}, {"c2", "c3"}}) {
		forced(t, Params{Keys: keys, Aggs: some}, tab, 5<<20, "tables spilled")
	}
	forced(t, Params{Keys: []string{"c0"}, Top: &Top{By: "c1", N: 3}}, tab, 7<<20, "tables spilled")
}

func TestRunsAreDivided(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	text, i64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64)
	tab := manyGroupsTable(effort.Of(200000, 80000), 1<<30, i64, text)
	forced(t, Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: Min, Col: "c1", As: "lo"}, {Fn: Sum, Col: "c0", As: "s"}}}, tab, 2<<20, "tables spilled")
	forced(t, Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: CountDistinct, Col: "c1", As: "d"}, {Fn: Median, Col: "c0", As: "m"}}}, tab, 2<<20)
}

func TestHotKeys(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	i32, f64 := dtype.Of(dtype.Int32), dtype.Of(dtype.Float64)
	r := newRand(4)
	tab := randTable(r, effort.Of(150000, 90000), []dtype.Type{i32, f64, dtype.Of(dtype.Utf8)}, []int{2, 1 << 30, 1 << 30}, []float64{0, 0.1, 0})
	aggs := []Agg{{Fn: Median, Col: "c1", As: "m"}, {Fn: CountDistinct, Col: "c2", As: "d"}, {Fn: Sum, Col: "c1", As: "s"}, {Fn: CountDistinct, Col: "c1", As: "e"}}
	forced(t, Params{Keys: []string{"c0"}, Aggs: aggs}, tab, 5<<20, "runs read in passes")
	forced(t, Params{Aggs: aggs}, tab, 5<<20, "runs read in passes")
}

// TestQuantilesShareTheirPasses holds that the rows of a run that does not fit are read nine times, however many quantiles there are.
func TestQuantilesShareTheirPasses(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	i32, f64 := dtype.Of(dtype.Int32), dtype.Of(dtype.Float64)
	tab := randTable(newRand(5), 150000, []dtype.Type{i32, f64, f64}, []int{2, 1 << 30, 1 << 30}, []float64{0, 0.1, 0})
	p := Params{Keys: []string{"c0"}}
	for i, q := range []float64{0, 0.1, 0.25, 0.75, 0.999, 1} {
		for _, col := range []string{"c1", "c2"} {
			p.Aggs = append(p.Aggs, Agg{Fn: Quantile, Col: col, Q: q, As: fmt.Sprint(col, i)})
		}
	}
	ref, err := reference(t, p, tab)
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range effort.Some(1, []int{1, 2}) {
		task, got, err := runGroup(t, p, tab.schema, tab.batches(8192, nil), config{threads: threads, morsel: 4096, budget: 10 << 20})
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "quantiles", rowsOf(tab.schema, got), ref)
		runs, passes := task.counts["runs read in passes"], task.counts["passes over a run"]
		// where another thread has the memory for a moment, the columns of a run are shared out among two turns of nine
		if least := 9 * runs; runs == 0 || passes < least || passes%9 > 0 || threads == 1 && passes > least {
			t.Errorf("%d threads: %d passes over %d runs", threads, passes, runs)
		}
	}
}

// TestEmptyTextsAreMoved replaces a text by longer ones until what is left of the old ones is squeezed
// out of the buffer: texts of no bytes, too, must lie in the new one.
func TestEmptyTextsAreMoved(t *testing.T) {
	tab := &refTable{schema: dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "s", Type: dtype.Of(dtype.Utf8)}}, cols: make([][]any, 2)}
	for i := range 400 {
		tab.cols[0] = append(tab.cols[0], int64(0), int64(i+1))
		tab.cols[1] = append(tab.cols[1], fmt.Sprintf("%04d", i)+strings.Repeat("z", i), "")
	}
	tab.n = len(tab.cols[0])
	p := Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: Last, Col: "s", As: "last"}, {Fn: Max, Col: "s", As: "max"}, {Fn: First, Col: "s", As: "first"}}}
	check(t, p, tab, nil, 2, config{threads: 1, morsel: 2, budget: 64 << 20}, config{threads: 2, morsel: 2, budget: 64 << 20})
}
