package order

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/rows"
)

// chain runs operators one after the other on a table.
func chain(t *testing.T, o optest.Options, in optest.Table, steps ...func(in []op.Meta) (op.Call, op.Meta, error)) ([][]any, string) {
	t.Helper()
	p := rows.Keep(in.Schema, in.Batches)
	defer rows.Drop(p.ID)
	p.Blocks = max(1, in.Blocks)
	c, m, err := rows.Memory.Call(p)
	if err != nil {
		t.Fatal(err)
	}
	g := &graph.Graph{}
	at := g.Add(graph.Layer{Call: c, Out: m})
	for _, s := range steps {
		if c, m, err = s([]op.Meta{m}); err != nil {
			t.Fatal(err)
		}
		at = g.Add(graph.Layer{Call: c, In: []graph.Edge{{From: at}}, Out: m})
	}
	got, rep, err := optest.Collect(t, o, g, at)
	if err != nil {
		t.Fatal(err)
	}
	return got, rep.After
}

func head(n int64) func(in []op.Meta) (op.Call, op.Meta, error) {
	return func(in []op.Meta) (op.Call, op.Meta, error) { return Limit.Call(LimitParams{N: n}, in...) }
}

// TestRules: what the optimizer makes of sorts, and that rows stay the same.
func TestRules(t *testing.T) {
	s, all := table(5, 3000, 8, "few", "text", "i64")
	two := []op.SortKey{{Col: "few", Desc: true}, {Col: "text"}}
	filter := func(in []op.Meta) (op.Call, op.Meta, error) {
		return rows.Filter.Call(rows.FilterParams{Pred: expr.Col("few").Gt(0)}, in...)
	}
	single := func(in []op.Meta) (op.Call, op.Meta, error) { return rows.Single.Call(struct{}{}, in...) }
	want := refSort(s, all, two)
	var some [][]any
	for _, r := range want {
		if x, ok := r[0].(int64); ok && x > 0 {
			some = append(some, r)
		}
	}
	for _, sh := range shapes {
		in := optest.Rows(s, all, 200)
		in.Blocks = sh.blocks
		o := optest.Options{Threads: sh.threads}
		for _, c := range []struct {
			name      string
			steps     []func(in []op.Meta) (op.Call, op.Meta, error)
			want      [][]any
			has, lack string
		}{
			{"limit of a sort", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), head(20)}, want[:20], "order.best", "order.runs"},
			{"limit 0 of a sort", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), head(0)}, nil, "order.first", "order.runs"},
			{"large limit of a sort", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), head(1 << 40)}, want, "order.runs", "order.best"},
			{"sorted already", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), sorted(two[:1])}, want, "order.runs(few desc, text)", "order.runs(few desc)"},
			{"first of sorted rows", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), top(two[:1], 7)}, want[:7], "order.first", "order.best(first 7 by few desc)"},
			{"filter above", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), filter}, some, "rows.filter", ""},
			{"one block of a sort", []func(in []op.Meta) (op.Call, op.Meta, error){sorted(two), single, filter}, some, "order.runs", "rows.pass"},
			{"limit of a limit", []func(in []op.Meta) (op.Call, op.Meta, error){head(500), head(30)}, all[:30], "order.first(30)", ""},
			{"limit of top-k", []func(in []op.Meta) (op.Call, op.Meta, error){top(two, 50), head(30)}, want[:30], "order.best", ""},
		} {
			t.Run(fmt.Sprint(c.name, sh), func(t *testing.T) {
				got, plan := chain(t, o, in, c.steps...)
				same(t, got, c.want)
				if !strings.Contains(plan, c.has) || c.lack != "" && strings.Contains(plan, c.lack) {
					t.Errorf("want %q, not %q, in\n%s", c.has, c.lack, plan)
				}
			})
		}
	}
}

// TestWideRows sorts rows that are larger than a batch on disk should be.
func TestWideRows(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	s := dtype.Schema{{Name: "a", Type: dtype.Of(dtype.Utf8), Nullable: true}, {Name: "pos", Type: dtype.Of(dtype.Int64)}}
	var all [][]any
	for i := range 150 {
		size := []int{10, 300_000, 1 << 20, 0}[i%4]
		all = append(all, []any{fmt.Sprint(strings.Repeat("w", size), i*7919%150), int64(i)})
	}
	for _, k := range effort.Some(2, directions("a")) {
		want := refSort(s, all, []op.SortKey{k})
		for _, sh := range effort.Some(1, shapes[:3]) {
			in := optest.Rows(s, all, 11)
			in.Blocks = sh.blocks
			got, rep, err := optest.Run(t, optest.Options{Threads: sh.threads, Pool: 24 << 20}, []optest.Table{in}, sorted([]op.SortKey{k}))
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i][1] != want[i][1] || got[i][0] != want[i][0] {
					t.Fatalf("row %d is %v, want %v", i, got[i][1], want[i][1])
				}
			}
			if len(got) != len(want) || rep.Spilled == 0 {
				t.Error(len(got), "rows;", rep.Spilled, "bytes spilled")
			}
		}
	}
}

func TestLimitStopsReading(t *testing.T) {
	for _, blocks := range []int{1, 4} {
		p := numberParams{Rows: 64 << 20, Blocks: blocks}
		c, m, err := numbers.Call(p)
		if err != nil {
			t.Fatal(err)
		}
		g := &graph.Graph{}
		at := g.Add(graph.Layer{Call: c, Out: m})
		if c, m, err = head(10)([]op.Meta{m}); err != nil {
			t.Fatal(err)
		}
		numbersRead.Store(0)
		got, _, err := optest.Collect(t, optest.Options{Threads: 2}, g, g.Add(graph.Layer{Call: c, In: []graph.Edge{{From: at}}, Out: m}))
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 10 || got[9][1] != int64(9) {
			t.Error(got)
		}
		if n := numbersRead.Load(); n > int64(blocks)*2*4096 {
			t.Errorf("%d rows of %d blocks were made for 10", n, blocks)
		}
	}
}
