package group

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// one aggregates a single column of values and returns what it shows.
func one(t *testing.T, a Agg, ty dtype.Type, vals ...any) (string, error) {
	t.Helper()
	tab := &refTable{schema: dtype.Schema{{Name: "x", Type: ty, Nullable: true}}, cols: [][]any{vals}, n: len(vals)}
	a.Col, a.As = "x", "a"
	if a.Fn == Len {
		a.Col = ""
	}
	var shown string
	for _, c := range configs {
		_, got, err := runGroup(t, Params{Aggs: []Agg{a}}, tab.schema, tab.batches(2, nil), c)
		if err != nil {
			return "", err
		}
		rows := rowsOf(tab.schema, got)
		if len(rows) != 1 {
			t.Fatalf("%s: %d rows", a, len(rows))
		}
		if shown != "" && shown != rows[0] {
			t.Fatalf("%s: %s and %s", a, shown, rows[0])
		}
		shown = rows[0]
	}
	return shown, nil
}

func TestFunctions(t *testing.T) {
	i64, u64, i8, f64, f32, text, boolean := dtype.Of(dtype.Int64), dtype.Of(dtype.Uint64), dtype.Of(dtype.Int8), dtype.Of(dtype.Float64), dtype.Of(dtype.Float32), dtype.Of(dtype.Utf8), dtype.Of(dtype.Bool)
	dec, date, null := dtype.DecimalOf(10, 2), dtype.Of(dtype.Date), dtype.Of(dtype.Null)
	nan, inf := math.NaN(), math.Inf(1)
	f := func(x float64) string { return showAny(x) }
	for _, c := range []struct {
		fn   string
		t    dtype.Type
		vals []any
		want string
	}{
		{Len, i64, nil, "0"}, {Len, i64, []any{nil, nil}, "2"},
		{Count, i64, nil, "0"}, {Count, i64, []any{nil, int64(1), nil}, "1"}, {Count, null, []any{nil}, "0"},
		{Sum, i64, nil, "null"}, {Sum, i64, []any{nil, nil}, "null"}, {Sum, i64, []any{nil, int64(3), int64(-5)}, "-2"},
		{Sum, i64, []any{int64(math.MaxInt64), int64(1), int64(-2)}, "9223372036854775806"},
		{Sum, u64, []any{uint64(math.MaxUint64), uint64(0)}, "18446744073709551615"}, {Sum, boolean, []any{true, nil, true, false}, "2"},
		{Sum, f64, []any{1e100, 1.0, -1e100}, f(1)}, {Sum, f64, []any{inf, 1.0}, f(inf)}, {Sum, f64, []any{inf, -inf}, "NaN"}, {Sum, f64, []any{nan, nil}, "NaN"},
		{Sum, f64, []any{math.Copysign(0, -1)}, f(0)}, {Sum, f64, []any{1.0, 0x1p-53, 0x1p-75}, f(1 + 0x1p-52)}, {Sum, f64, []any{-1.0, -0x1p-53, 0.0}, f(-1)}, {Sum, f32, []any{0.5, 0.25}, f(0.75)}, {Sum, f64, []any{5e-324, 5e-324}, f(1e-323)},
		{Sum, dec, []any{big.NewInt(1234), big.NewInt(-34)}, "1200"}, {Sum, null, []any{nil}, "null"},
		{Mean, i64, []any{int64(1), int64(2)}, f(1.5)}, {Mean, i64, []any{int64(math.MaxInt64), int64(math.MaxInt64)}, f(9223372036854775807)},
		{Mean, f64, nil, "null"}, {Mean, f64, []any{1e308, 1e308}, f(1e308)}, {Mean, dec, []any{big.NewInt(150), nil, big.NewInt(50)}, f(1)},
		{Var, f64, []any{1.0}, "null"}, {Var, f64, []any{1.0, 3.0}, f(2)}, {Var, i64, []any{int64(1), int64(1), nil}, f(0)}, {Var, f64, []any{nan, 1.0}, "NaN"},
		{Var, f64, []any{1e9 + 1, 1e9 + 2, 1e9 + 3}, f(1)}, {Var, i64, []any{int64(math.MaxInt64), int64(math.MaxInt64 - 2)}, f(2)},
		{Std, f64, []any{1e200, 3e200}, f(math.Sqrt(2) * 1e200)}, {Std, i8, []any{int64(-1), int64(1)}, f(math.Sqrt(2))}, {Std, null, []any{nil}, "null"},
		{Min, f64, []any{nan, 2.0, 1.0}, f(1)}, {Max, f64, []any{nan, 2.0}, "NaN"}, {Min, f64, []any{nan, nil}, "NaN"}, {Max, f64, []any{-inf}, f(-inf)},
		{Min, f64, []any{math.Copysign(0, -1)}, f(0)}, {Min, text, []any{"b", "", "a"}, ""}, {Max, text, []any{nil, "b", "a rather long text, longer than sixteen"}, "b"},
		{Min, text, nil, "null"}, {Max, u64, []any{uint64(1), uint64(math.MaxUint64)}, "18446744073709551615"}, {Min, boolean, []any{true, false}, "false"},
		{Min, dec, []any{big.NewInt(-5), big.NewInt(7)}, "-5"}, {Max, dec, []any{big.NewInt(-5), nil}, "-5"}, {Max, date, []any{int64(-3), int64(4)}, "4"},
		{Median, i64, []any{int64(3), int64(1), int64(2)}, f(2)}, {Median, i64, []any{int64(1), int64(2), nil}, f(1.5)}, {Median, f64, nil, "null"},
		{Median, i64, []any{int64(math.MaxInt64), int64(math.MaxInt64 - 1)}, f(9223372036854775807)}, {Median, f64, []any{nan, 1.0}, "NaN"},
		{Median, f64, []any{1.7e308, 1.7e308}, f(1.7e308)}, {Median, u64, []any{uint64(math.MaxUint64), uint64(0)}, f(9223372036854775807.5)},
		{First, i64, []any{nil, int64(1)}, "null"}, {Last, i64, []any{nil, int64(1)}, "1"}, {First, text, []any{"x", "y"}, "x"}, {Last, text, []any{"x", nil}, "null"},
		{First, dec, []any{big.NewInt(-7), nil}, "-7"}, {Last, boolean, []any{false, true}, "true"}, {First, i64, nil, "null"}, {Last, null, []any{nil}, "null"},
		{CountDistinct, f64, []any{nan, nan, math.Copysign(0, -1), 0.0, nil}, "2"}, {CountDistinct, text, []any{"a", "b", "a", nil}, "2"}, {CountDistinct, i64, nil, "0"},
		{Any, boolean, nil, "false"}, {Any, boolean, []any{nil, true}, "true"}, {All, boolean, nil, "true"}, {All, boolean, []any{nil, true, false}, "false"},
		{All, boolean, []any{nil}, "true"}, {Any, null, []any{nil}, "false"}, {All, null, []any{nil}, "true"},
	} {
		got, err := one(t, Agg{Fn: c.fn}, c.t, c.vals...)
		if err != nil || got != c.want {
			t.Errorf("%s of %s %v = %s, %v; want %s", c.fn, c.t, c.vals, got, err, c.want)
		}
	}
}

func TestSumOverflow(t *testing.T) {
	for _, c := range []struct {
		t    dtype.Type
		vals []any
		want string
	}{
		{dtype.Of(dtype.Int64), []any{int64(math.MaxInt64), int64(1)}, "sum of column x overflows int64; cast it to float64 first"},
		{dtype.Of(dtype.Int64), []any{int64(math.MinInt64), int64(-1)}, "overflows int64"},
		{dtype.Of(dtype.Uint64), []any{uint64(math.MaxUint64), uint64(1)}, "overflows uint64"},
		{dtype.DecimalOf(38, 0), []any{new(big.Int).Sub(tenTo38, big.NewInt(1)), big.NewInt(1)}, "overflows decimal(38, 0)"},
	} {
		if _, err := one(t, Agg{Fn: Sum}, c.t, c.vals...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.vals, err, c.want)
		}
	}
}

func TestMistakes(t *testing.T) {
	in := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Utf8)}, {Name: "v", Type: dtype.Of(dtype.Int64)}}
	for want, p := range map[string]Params{
		`no column "kk"`:                {Keys: []string{"kk"}},
		`key "k" is named twice`:        {Keys: []string{"k", "k"}},
		`two output columns`:            {Keys: []string{"k"}, Aggs: []Agg{{Fn: Sum, Col: "v", As: "k"}}},
		`sum of column "k": type utf8`:  {Aggs: []Agg{{Fn: Sum, Col: "k", As: "s"}}},
		`unknown aggregate function`:    {Aggs: []Agg{{Fn: "summ", Col: "v", As: "s"}}},
		`has no name`:                   {Aggs: []Agg{{Fn: Sum, Col: "v"}}},
		`no column "w"`:                 {Aggs: []Agg{{Fn: Corr, Col: "v", Col2: "w", As: "c"}}},
		`corr of column "k"`:            {Aggs: []Agg{{Fn: Corr, Col: "v", Col2: "k", As: "c"}}},
		`cannot be chosen by column`:    {Keys: []string{"v"}, Top: &Top{By: "k", N: 1}},
		`0 best rows per group`:         {Keys: []string{"k"}, Top: &Top{By: "v"}},
		`cannot be asked for at once`:   {Keys: []string{"k"}, Aggs: []Agg{{Fn: Len, As: "n"}}, Top: &Top{By: "v", N: 1}},
		`no output column "nothing"`:    {Keys: []string{"k"}, Out: []string{"nothing"}},
		`any of column "v": type int64`: {Aggs: []Agg{{Fn: Any, Col: "v", As: "a"}}},
	} {
		if _, err := inferBy(p, []op.Meta{{Schema: in}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", p, err, want)
		}
	}
}

func TestRules(t *testing.T) {
	in := op.Meta{Schema: dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Utf8)}, {Name: "v", Type: dtype.Of(dtype.Int64)}, {Name: "w", Type: dtype.Of(dtype.Int64)}}, Rows: 100, Bytes: 1000}
	p := Params{Keys: []string{"k"}, Aggs: []Agg{{Fn: Sum, Col: "v", As: "s"}, {Fn: Corr, Col: "v", Col2: "w", As: "c"}}}
	call, meta, err := By.Call(p, in)
	if err != nil || meta.Schema.String() != "k utf8, s int64, c float64?" || !slices.Equal(meta.Layout.Hashed, []string{"k"}) {
		t.Fatalf("%v: %v %v", err, meta.Schema, meta.Layout)
	}
	e := op.Of(call)
	if u := e.Uses(call.Params, []op.Meta{in}, []string{"s"}); !slices.Equal(u[0], []string{"k", "v"}) {
		t.Errorf("uses %v", u)
	}
	narrow, _ := By.Decode(e.Project(call.Params, []string{"s"}))
	if m, err := inferBy(narrow, []op.Meta{in}); err != nil || m.Schema.String() != "s int64" || m.Layout.Hashed != nil {
		t.Errorf("projected: %v %v", m, err)
	}
	if _, ok := e.Through(call.Params, []op.Meta{in}, expr.Col("k").Eq("x"), 0); !ok {
		t.Error("a predicate on a key may pass")
	}
	if _, ok := e.Through(call.Params, []op.Meta{in}, expr.Col("s").Gt(1), 0); ok {
		t.Error("a predicate on an aggregate may not pass")
	}
	if got := e.Text(call.Params); got != "by k; sum(v) as s; corr(v, w) as c" {
		t.Errorf("text %q", got)
	}
	in.Layout.Hashed = []string{"k"}
	served, ok := e.Serves(call.Params, []op.Meta{in})
	if !ok {
		t.Fatal("an input hashed by the key serves")
	}
	f := &op.Fragment{In: []op.Meta{in}, Blocks: []int{7}, Out: meta}
	if err := op.Of(served).Lower(served.Params, f); err != nil || len(f.Nodes) != 1 {
		t.Errorf("served: %d nodes, %v", len(f.Nodes), err)
	}
	f = &op.Fragment{In: []op.Meta{in}, Blocks: []int{7}, Out: meta}
	if err := e.Lower(call.Params, f); err != nil || len(f.Nodes) != 2 || f.Nodes[1].Size.Runs != hashRuns {
		t.Errorf("lowered: %+v, %v", f.Nodes, err)
	}
	in.Layout.Hashed = nil
	part := in
	part.Schema = slices.Clone(in.Schema) // which columns may be null is known of all pieces only
	for i := range part.Schema {
		part.Schema[i].Nullable = !part.Schema[i].Nullable
	}
	pieces := [][]op.Piece{{{Meta: in, Blocks: 3}, {Meta: part, Blocks: 1}}}
	for name, c := range map[string]struct {
		p     Params
		nodes int
	}{
		"a text":       {p, 3},
		"no key":       {Params{Aggs: []Agg{{Fn: Count, Col: "v", As: "n"}}}, 3},
		"an integer":   {Params{Keys: []string{"v"}}, 1},
		"two integers": {Params{Keys: []string{"v", "w"}}, 1},
		"one and text": {Params{Keys: []string{"v", "k"}}, 3},
	} {
		call, meta, _ = By.Call(c.p, in)
		f = &op.Fragment{In: []op.Meta{in}, Blocks: []int{1}, Pieces: pieces, Out: meta}
		if err := e.Lower(call.Params, f); err != nil || len(f.Nodes) != c.nodes {
			t.Errorf("%s: lowered to %d nodes, %v", name, len(f.Nodes), err)
		} else if c.nodes == 3 && (len(f.Nodes[2].In) != 2 || !slices.Equal(f.Nodes[0].Meta.Schema, f.Nodes[1].Meta.Schema)) {
			t.Errorf("%s: lowered in pieces: %+v", name, f.Nodes)
		}
	}
	call, meta, _ = By.Call(Params{Aggs: []Agg{{Fn: First, Col: "v", As: "f"}}}, in)
	f = &op.Fragment{In: []op.Meta{in}, Blocks: []int{1}, Pieces: pieces, Out: meta}
	if err := e.Lower(call.Params, f); err != nil || len(f.Nodes) != 1 {
		t.Errorf("with a position, lowered to %d nodes, %v", len(f.Nodes), err)
	}
}

func TestProjectedOutput(t *testing.T) {
	r := newRand(8)
	tab := randTable(r, 500, []dtype.Type{allTypes[3], allTypes[11], allTypes[4]}, []int{9, 4, 50}, []float64{0, 0, 0})
	p := Params{Keys: []string{"c0", "c1"}, Aggs: []Agg{{Fn: Len, As: "n"}, {Fn: Max, Col: "c2", As: "m"}}, Out: []string{"m", "c1"}}
	full := p
	full.Out = nil
	ref, _ := reference(t, full, tab)
	var want []string
	for _, row := range ref {
		x := strings.Split(row, " | ")
		want = append(want, x[3]+" | "+x[1])
	}
	slices.Sort(want)
	for _, c := range configs {
		_, got, err := runGroup(t, p, tab.schema, tab.batches(100, nil), c)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "projected", rowsOf(tab.schema, got), want)
	}
}

// TestNoGarbage: once tables and scratch have their size, a morsel costs no
// allocation.
func TestNoGarbage(t *testing.T) {
	r := newRand(3)
	tab := randTable(r, 4096, []dtype.Type{allTypes[11], allTypes[3], allTypes[10], allTypes[4]}, []int{50, 20, 100, 100}, []float64{0.1, 0.1, 0, 0.1})
	for c := range tab.cols[2] { // no NaN: they have states on the heap
		tab.cols[2][c] = float64(c)
	}
	p := Params{Keys: []string{"c0", "c1"}, Aggs: []Agg{{Fn: Sum, Col: "c2", As: "s"}, {Fn: Mean, Col: "c3", As: "m"}, {Fn: Max, Col: "c3", As: "x"}, {Fn: Len, As: "n"}, {Fn: Min, Col: "c0", As: "t"}}}
	pl, err := newPlan(p, tab.schema)
	if err != nil {
		t.Fatal(err)
	}
	task := newFakeTask(t, 0, 1)
	st, _ := partialPipe{pl, true}.Open(task, nil)
	defer st.Close()
	l, _ := st.Local()
	b := tab.batches(4096, nil)[0]
	push := func() {
		if err := l.Push(b, nil); err != nil {
			t.Fatal(err)
		}
	}
	push()
	if n := testing.AllocsPerRun(20, push); n > 0 {
		t.Errorf("%v allocations per morsel", n)
	}
	if err := l.Close(nil, false); err != nil {
		t.Fatal(err)
	}
}
