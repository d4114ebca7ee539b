package group

import (
	"errors"
	"fmt"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// TestGather: quantiles of few groups and of many, of one table and of several, with values and groups that are
// null, also where memory is short or refused now and then, so that what tables have gathered becomes rows.
func TestGather(t *testing.T) {
	old := limits
	t.Cleanup(func() { limits = old })
	limits.watchRows, limits.listGroups = 700, 60
	kinds := []dtype.Type{dtype.Of(dtype.Float64), dtype.Of(dtype.Int16), dtype.Of(dtype.Uint64), dtype.Of(dtype.Float32), dtype.Of(dtype.Duration), dtype.Of(dtype.Bool)}
	back, stayed, done, seeds := 0, 0, 0, effort.Of(60, 15)
	for seed := range uint64(seeds) {
		r := newRand(seed + 5)
		types := []dtype.Type{dtype.Of([]dtype.Kind{dtype.Int32, dtype.Utf8}[seed&1]), kinds[seed%6], dtype.Of(dtype.Int64), dtype.Of(dtype.Int8)}
		groups := []int{1, 7, 50, 3000}[r.IntN(4)]
		tab := randTable(r, 5000, types, []int{groups, 2000, 3, 100}, []float64{0.02, 0.3, 0.97, 0})
		p := Params{Keys: []string{"c0"}}
		if r.IntN(3) == 0 {
			p.Keys = append(p.Keys, "c3")
		}
		for i, c := range []string{"c1", "c2", "c1"} {
			a := Agg{Fn: []string{Median, Quantile, Quantile}[i], Col: c, Q: []float64{0, 0, 1}[i], As: fmt.Sprint("q", i)}
			if _, err := a.field(tab.schema, false); err == nil {
				p.Aggs = append(p.Aggs, a)
			}
		}
		ref, err := reference(t, p, tab)
		if err != nil {
			t.Fatal(err)
		}
		c := config{threads: 1 + int(seed%3), morsel: []int{512, 1024, 192}[seed%3], budget: []int64{0, 1 << 20, 4 << 20}[r.IntN(3)]}
		if c.budget == 4<<20 {
			c.moody = &moody{rand: newRand(seed), one: 4 << (seed % 6)}
		}
		task, got, err := runGroup(t, p, tab.schema, tab.batches(2048, nil), c)
		if errors.Is(err, mem.ErrBudget) {
			continue
		}
		if err != nil {
			t.Fatalf("%s %+v: %v", p.text(), c, err)
		}
		diff(t, fmt.Sprintf("%d %s %+v", seed, p.text(), c), rowsOf(tab.schema, got), ref)
		done++
		if task.counts["tables that became rows"] > 0 {
			back++
		} else if task.counts["rows passed on"] == 0 {
			stayed++
		}
	}
	if done < seeds*3/4 || back < seeds/6 || stayed < seeds/6 {
		t.Errorf("%d of %d runs ended with an answer, in %d tables became rows, in %d all were gathered", done, seeds, back, stayed)
	}
}
