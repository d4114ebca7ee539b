package group

import (
	"fmt"
	"testing"

	"github.com/weft-data/weft/dtype"
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
	for _, c := range []config{{threads: 1, morsel: 4096}, {threads: 2, morsel: 1024, blocks: 2}, {threads: 3, morsel: 2048}} {
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
	n := 60000
	text, i64, f64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64), dtype.Of(dtype.Float64)
	tab := manyGroupsTable(n, 30000, text, i64, f64, text)
	some := []Agg{{Fn: Len, As: "n"}, {Fn: Sum, Col: "c1", As: "s"}, {Fn: Mean, Col: "c2", As: "m"}, {Fn: Min, Col: "c3", As: "lo"},
		{Fn: Last, Col: "c3", As: "last"}, {Fn: Var, Col: "c2", As: "v"}}
	for _, keys := range [][]string{{"c0"}, {"c1"}, {"c0", "c1"}, {"c2", "c3"}} {
		forced(t, Params{Keys: keys, Aggs: some}, tab, 5<<20, "tables spilled")
	}
	forced(t, Params{Keys: []string{"c0"}, Top: &Top{By: "c1", N: 3}}, tab, 7<<20, "tables spilled")
}

func TestRunsAreDivided(t *testing.T) {
	text, i64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64)
	tab := manyGroupsTable(200000, 1<<30, i64, text)
	forced(t, Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: Min, Col: "c1", As: "lo"}, {Fn: Sum, Col: "c0", As: "s"}}}, tab, 2<<20, "tables spilled")
	forced(t, Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: CountDistinct, Col: "c1", As: "d"}, {Fn: Median, Col: "c0", As: "m"}}}, tab, 2<<20)
}

func TestHotKeys(t *testing.T) {
	i32, f64 := dtype.Of(dtype.Int32), dtype.Of(dtype.Float64)
	r := newRand(4)
	tab := randTable(r, 150000, []dtype.Type{i32, f64, dtype.Of(dtype.Utf8)}, []int{2, 1 << 30, 1 << 30}, []float64{0, 0.1, 0})
	aggs := []Agg{{Fn: Median, Col: "c1", As: "m"}, {Fn: CountDistinct, Col: "c2", As: "d"}, {Fn: Sum, Col: "c1", As: "s"}, {Fn: CountDistinct, Col: "c1", As: "e"}}
	forced(t, Params{Keys: []string{"c0"}, Aggs: aggs}, tab, 5<<20, "runs read in passes")
	forced(t, Params{Aggs: aggs}, tab, 5<<20, "runs read in passes")
}
