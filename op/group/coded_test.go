package group

import (
	"fmt"
	"math"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/kernel"
)

// lowLimits makes tables of a few hundred groups pass rows on.
func lowLimits(t *testing.T) {
	old := limits
	limits.watchRows, limits.manyGroups, limits.someGroups, limits.nearlyNew, limits.mostlyNew = 1000, 500, 800, 0.6, 0.3
	t.Cleanup(func() { limits = old })
}

// codedRun checks p in complete tasks and returns what happened.
func codedRun(t *testing.T, p Params, r *refTable, dict map[string]bool, budget int64) map[string]int64 {
	t.Helper()
	ref, refErr := reference(t, p, r)
	happened := map[string]int64{}
	for _, c := range []config{{threads: 1, morsel: 1024}, {threads: 3, morsel: 512}} {
		c.budget = budget * int64(c.threads)
		task, got, err := runGroup(t, p, r.schema, r.batches(3000, dict), c)
		if (err != nil) != (refErr != nil) {
			t.Fatalf("%+v: %v, want %v", c, err, refErr)
		}
		if err != nil {
			continue
		}
		diff(t, fmt.Sprintf("%s %+v", p.text(), c), rowsOf(r.schema, got), ref)
		for k, n := range task.counts {
			happened[k] += n
		}
	}
	return happened
}

func TestRecords(t *testing.T) {
	lowLimits(t)
	kinds := []dtype.Type{dtype.Of(dtype.Int32), dtype.Of(dtype.Int64), dtype.Of(dtype.Uint64), dtype.Of(dtype.Utf8), dtype.Of(dtype.Bool), dtype.Of(dtype.Date),
		dtype.Of(dtype.Float64), dtype.DecimalOf(20, 2), dtype.Of(dtype.Uint8), dtype.Of(dtype.Int8)}
	used := int64(0)
	seeds := effort.Of[uint64](24, 4)
	for seed := range seeds {
		r := newRand(seed + 1000)
		nk := 1 + r.IntN(4)
		var types []dtype.Type
		var cards []int
		var nulls []float64
		var keys []string
		dict := map[string]bool{}
		for i := range nk {
			types = append(types, kinds[r.IntN(len(kinds))])
			cards = append(cards, []int{30, 500, 100000}[r.IntN(3)])
			nulls = append(nulls, []float64{0, 0.05}[r.IntN(2)])
			keys = append(keys, fmt.Sprintf("c%d", i))
			if types[i].Kind == dtype.Utf8 && r.IntN(2) == 0 {
				dict[keys[i]] = true
			}
		}
		for range 2 {
			types = append(types, allTypes[r.IntN(11)])
			cards, nulls = append(cards, 1000), append(nulls, []float64{0, 0.2}[r.IntN(2)])
		}
		tab := randTable(r, 9000, types, cards, nulls)
		p := Params{Keys: keys, Aggs: aggsFor(tab.schema[nk:], false)}
		p.Aggs = removeFn(p.Aggs, First, Last, ArgMin, ArgMax, List, StringJoin)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { used += codedRun(t, p, tab, dict, 0)["threads with records"] })
	}
	if used < int64(20*seeds/24) {
		t.Errorf("records were used only %d times by %d seeds", used, seeds)
	}
}

func TestTablesAreJoinedInParts(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	old := limits
	limits.joinGroups = 100
	t.Cleanup(func() { limits = old })
	for seed := range effort.Of[uint64](6, 2) {
		r := newRand(seed)
		tab := randTable(r, 6000, []dtype.Type{dtype.Of(dtype.Int32), dtype.Of(dtype.Utf8), dtype.Of(dtype.Float64), dtype.Of(dtype.Int64)},
			[]int{40, 10, 100, 1000}, []float64{0.1, 0.1, 0.1, 0})
		p := Params{Keys: [][]string{{"c0", "c1"}, {"c0"}, {"c1", "c2"}}[seed%3], Aggs: removeFn(aggsFor(tab.schema[2:], false), First, Last, ArgMin, ArgMax, List, StringJoin)}
		codedRun(t, p, tab, nil, 0)
	}
}

func removeFn(aggs []Agg, fns ...string) (out []Agg) {
	for _, a := range aggs {
		keep := true
		for _, f := range fns {
			keep = keep && a.Fn != f
		}
		if keep {
			out = append(out, a)
		}
	}
	return out
}

// rising is a table whose keys grow row by row, so that layouts must grow too.
func rising(n int, step func(i int) []any, types ...dtype.Type) *refTable {
	r := &refTable{n: n, cols: make([][]any, len(types))}
	for c, t := range types {
		r.schema = append(r.schema, dtype.Field{Name: fmt.Sprintf("c%d", c), Type: t, Nullable: true})
	}
	for i := range n {
		for c, x := range step(i) {
			r.cols[c] = append(r.cols[c], x)
		}
	}
	return r
}

func TestRecordLayoutsGrow(t *testing.T) {
	lowLimits(t)
	i64, text := dtype.Of(dtype.Int64), dtype.Of(dtype.Utf8)
	aggs := []Agg{{Fn: Sum, Col: "c2", As: "s"}, {Fn: Len, As: "n"}, {Fn: Min, Col: "c2", As: "m"}}
	p := Params{Keys: []string{"c0", "c1"}, Aggs: aggs}
	for name, step := range map[string]func(i int) []any{
		"up":    func(i int) []any { return []any{int64(i), fmt.Sprint(i / 7), int64(i % 5)} },
		"down":  func(i int) []any { return []any{int64(-i * 1000), fmt.Sprint(i % 300), int64(1)} },
		"nulls": func(i int) []any { return []any{nilFrom(i, 5000, int64(i)), nilFrom(i, 7000, "x"), int64(2)} },
		"too wide at last": func(i int) []any {
			if i == 8000 {
				return []any{int64(math.MinInt64), "x", int64(1)}
			}
			if i > 8000 && i%2 == 0 {
				return []any{int64(math.MaxInt64 - i), fmt.Sprint(i), int64(1)}
			}
			return []any{int64(i), fmt.Sprint(i % 100), int64(1)}
		},
		"many texts": func(i int) []any {
			if i < 3000 {
				return []any{int64(i), "a", int64(1)}
			}
			return []any{int64(1 << 50), fmt.Sprintf("a rather long text %d", i), int64(1)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := codedRun(t, p, rising(10000, step, i64, text, i64), nil, 0)
			if got["threads with records"] == 0 {
				t.Errorf("no records: %v", got)
			}
		})
	}
}

func nilFrom(i, from int, x any) any {
	if i > from && i%10 == 0 {
		return nil
	}
	return x
}

func TestRecordsShortOfMemory(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	lowLimits(t)
	i64, text := dtype.Of(dtype.Int64), dtype.Of(dtype.Utf8)
	// All keys, the null too, belong to one part, so that its table is large.
	var keys []int64
	for x := uint64(0); len(keys) < 25000; x++ {
		if kernel.HashKey(x)>>56 == nullHash>>56 {
			keys = append(keys, int64(x))
		}
	}
	step := func(i int) []any {
		return []any{nilFrom(i, 200, keys[i%len(keys)]), fmt.Sprint(i % 100), int64(i % 5)}
	}
	tab := rising(40000, step, i64, text, i64)
	p := Params{Keys: []string{"c0"}, Aggs: []Agg{{Fn: Sum, Col: "c2", As: "s"}, {Fn: Len, As: "n"}, {Fn: Corr, Col: "c2", Col2: "c0", As: "c"}}}
	happened := map[string]int64{}
	for _, mib := range effort.Some(2, []int64{6, 12, 16, 20}) {
		for k, n := range codedRun(t, p, tab, nil, mib<<20) {
			happened[k] += n
		}
	}
	for _, k := range []string{"threads with records", "threads that gave up records", "parts spilled"} {
		if happened[k] == 0 {
			t.Errorf("%s: never; %v", k, happened)
		}
	}
}
