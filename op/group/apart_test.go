package group

import (
	"fmt"
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// runApart runs p as it is lowered where values are found apart, with two blocks of group.found.
func runApart(t testing.TB, task *fakeTask, p Params, in dtype.Schema, data []*chunk.Batch, c config, schema dtype.Schema) ([]*chunk.Batch, error) {
	t.Helper()
	a, err := mustApart(p, in)
	if err != nil {
		return nil, err
	}
	var read, found []op.In
	for b := range c.blocks {
		part := data[b*len(data)/c.blocks : (b+1)*len(data)/c.blocks]
		v, err := runPartial(t, task, apartOp, partialParams{By: p}, in, part, c, a.base.partialSchema())
		if err != nil {
			return nil, err
		}
		defer v.Release()
		read = append(read, op.In{Value: v})
	}
	for b := range 2 {
		for i := range read {
			read[i].Lo, read[i].Hi = b*hashRuns*a.base.shelf.sets/2, (b+1)*hashRuns*a.base.shelf.sets/2
		}
		out := &fakeOut{schema: a.pl.partialSchema()}
		if err := (foundBlock{a}).Run(task, read, out); err != nil {
			return nil, err
		}
		found = append(found, op.In{Value: out.result(), Hi: hashRuns})
	}
	return runFinal(task, a.pl, found, schema)
}

var apartConfigs = []config{
	{threads: 1, morsel: 4096, blocks: 1, apart: true},
	{threads: 2, morsel: 1024, blocks: 3, apart: true},
	{threads: 8, morsel: 192, blocks: 1, apart: true},
}

// TestFoundApart compares random queries on random tables with the reference: values of one column or two, beside other
// aggregates or not, of any type and any number of groups.
func TestFoundApart(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	for seed := range effort.Of[uint64](150, 25) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkApart(t, seed) })
	}
}

func FuzzFoundApart(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(checkApart)
}

func checkApart(t *testing.T, seed uint64) {
	r := newRand(seed)
	nk, nv := r.IntN(4), 1+r.IntN(3)
	var types []dtype.Type
	var cards []int
	var nulls []float64
	var p Params
	dict := map[string]bool{}
	for i := range nk + nv {
		ty := allTypes[r.IntN(len(allTypes))]
		if i > nk && r.IntN(3) == 0 {
			ty = types[nk] // they lie in one column
		}
		types = append(types, ty)
		cards = append(cards, []int{1, 3, 20, 400, 100000}[r.IntN(5)])
		nulls = append(nulls, []float64{0, 0, 0.1, 0.9, 1}[r.IntN(5)])
		if i < nk {
			p.Keys = append(p.Keys, fmt.Sprintf("c%d", i))
		}
		if ty.Kind.IsVar() && r.IntN(2) == 0 {
			dict[fmt.Sprintf("c%d", i)] = true
		}
	}
	tab := randTable(r, []int{0, 1, 2, 700, 3000}[r.IntN(5)], types, cards, nulls)
	some := false
	for i := range nv {
		col := fmt.Sprintf("c%d", nk+i)
		for _, fn := range []string{CountDistinct, Mode} {
			if r.IntN(2) == 0 {
				p.Aggs = append(p.Aggs, Agg{Fn: fn, Col: col, As: fn + col})
				some = some || types[nk+i].Kind != dtype.Null
			}
		}
	}
	if !some {
		return // nothing is found apart
	}
	if r.IntN(2) == 0 {
		for _, a := range aggsFor(tab.schema[nk:], false) {
			if a.Fn != Mode && r.IntN(3) == 0 {
				p.Aggs = append(p.Aggs, a)
			}
		}
	}
	check(t, p, tab, dict, 1+r.IntN(2000), apartConfigs...)
}

// pairsTable has few groups of many values.
func pairsTable(rows int) *refTable {
	text, i64 := dtype.Of(dtype.Utf8), dtype.Of(dtype.Int64)
	return randTable(newRand(4), rows, []dtype.Type{i64, text, i64, text, dtype.Of(dtype.Float64)}, []int{20, 30000, 30000, 5, 100}, []float64{0.01, 0.01, 0, 0.1, 0.1})
}

var pairsParams = []Params{
	{Keys: []string{"c0"}, Aggs: []Agg{{Fn: CountDistinct, Col: "c1", As: "d1"}, {Fn: CountDistinct, Col: "c2", As: "d2"}, {Fn: Sum, Col: "c4", As: "s"}, {Fn: Last, Col: "c3", As: "l"}}},
	{Aggs: []Agg{{Fn: CountDistinct, Col: "c1", As: "d1"}, {Fn: Mode, Col: "c2", As: "m2"}, {Fn: Mean, Col: "c4", As: "m"}, {Fn: CountDistinct, Col: "c3", As: "d3"}}},
	{Keys: []string{"c3"}, Aggs: []Agg{{Fn: Mode, Col: "c1", As: "m1"}}},
	{Keys: []string{"c2"}, Aggs: []Agg{{Fn: CountDistinct, Col: "c1", As: "d1"}, {Fn: StringJoin, Col: "c3", As: "j"}}}, // many groups after all
}

// Tables that are refused memory are spilled, the largest of a thread first, and pairs that do not fit are divided.
func TestApartInLittleMemory(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	tab := pairsTable(60000)
	happened := map[string]int64{}
	for _, p := range effort.Some(2, pairsParams) {
		ref, err := reference(t, p, tab)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range effort.Some(1, []config{{threads: 1, blocks: 1}, {threads: 2, blocks: 2}, {threads: 8, blocks: 1}}) {
			c.apart, c.morsel, c.budget = true, 2048, int64(c.threads)*6<<20
			task, got, err := runGroup(t, p, tab.schema, tab.batches(8192, nil), c)
			if err != nil {
				t.Fatalf("%s %+v: %v", p.text(), c, err)
			}
			diff(t, fmt.Sprintf("%s %+v", p.text(), c), rowsOf(tab.schema, got), ref)
			for k, n := range task.counts {
				happened[k] += n
			}
			if task.Peak() > c.budget {
				t.Errorf("peak %d of a budget of %d", task.Peak(), c.budget)
			}
		}
	}
	for _, w := range []string{"tables spilled", "rows passed on"} {
		if happened[w] == 0 {
			t.Errorf("%s did not happen: %v", w, happened)
		}
	}
}

// What is refused, wherever it is, leaves the answer right and nothing handed out.
func TestApartRefusedAtRandom(t *testing.T) {
	effort.Long(t, "refuses memory one piece at a time")
	tab := pairsTable(10000)
	done, all := 0, 0
	for _, p := range pairsParams {
		d, a := refused(t, p, tab, func(seed uint64) config {
			return config{apart: true, threads: 1 + int(seed%3), morsel: 1024, blocks: 1 + int(seed%2), budget: 8 << 20}
		})
		done, all = done+d, all+a
	}
	if done < all/2 {
		t.Errorf("%d of %d runs ended with an answer", done, all)
	}
}
