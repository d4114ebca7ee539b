package suite

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/weft-data/weft/benchmarks/tpch"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestMain lets this binary be the child that the driver starts, and a worker of its cluster.
func TestMain(m *testing.M) {
	if cluster.RanAsWorker() {
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "child" {
		if err := runChild(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	tiny       = 20_000
	tinyOrders = tpch.ScaleOne / 100
)

// A naive table is rows of int64, float64, string and nil.
type naive struct {
	names []string
	rows  [][]any
}

// collected reads a generated table.
func collected(t *table) naive {
	var out naive
	for _, c := range t.cols {
		out.names = append(out.names, c.name)
	}
	_ = t.batches(func(cols [][]int64, n int) error {
		for i := range n {
			row := make([]any, len(cols))
			for c := range cols {
				switch v := cols[c][i]; t.cols[c].form {
				case micro:
					row[c] = float64(v) / 1e6
				case tenth:
					row[c] = float64(v) / 10
				case number:
					row[c] = v
				default:
					row[c] = string(t.cols[c].appendText(nil, v))
				}
			}
			out.rows = append(out.rows, row)
		}
		return nil
	})
	return out
}

func (n naive) at(name string) int { return slices.Index(n.names, name) }

// by groups rows in a map and applies functions to columns.
func (n naive) by(keys []string, aggs ...agg) naive {
	groups, order := map[string][][]any{}, []string{}
	for _, r := range n.rows {
		k := ""
		for _, c := range keys {
			k += fmt.Sprint(r[n.at(c)]) + "\x00"
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	out := naive{names: slices.Clone(keys)}
	for _, a := range aggs {
		out.names = append(out.names, a.as)
	}
	for _, k := range order {
		var row []any
		for _, c := range keys {
			row = append(row, groups[k][0][n.at(c)])
		}
		for _, a := range aggs {
			var xs []any
			for _, r := range groups[k] {
				xs = append(xs, r[max(0, n.at(a.col))])
			}
			row = append(row, a.f(xs))
		}
		out.rows = append(out.rows, row)
	}
	return out
}

type agg struct {
	as, col string
	f       func([]any) any
}

func asFloat(v any) float64 { x, _ := float(v); return x }

func total(xs []any) any {
	if _, ok := xs[0].(int64); !ok {
		n := 0.0
		for _, x := range xs {
			n += asFloat(x)
		}
		return n
	}
	n := int64(0)
	for _, x := range xs {
		n += x.(int64)
	}
	return n
}
func mean(xs []any) any    { return asFloat(total(xs)) / float64(len(xs)) }
func largest(xs []any) any { return slices.MaxFunc(xs, cmpValues) }
func least(xs []any) any   { return slices.MinFunc(xs, cmpValues) }
func count(xs []any) any   { return int64(len(xs)) }
func median(xs []any) any {
	s := slices.SortedFunc(slices.Values(xs), cmpValues)
	return (asFloat(s[(len(s)-1)/2]) + asFloat(s[len(s)/2])) / 2
}
func deviation(xs []any) any {
	if len(xs) < 2 {
		return nil
	}
	m, s := asFloat(mean(xs)), 0.0
	for _, x := range xs {
		s += (asFloat(x) - m) * (asFloat(x) - m)
	}
	return math.Sqrt(s / float64(len(xs)-1))
}

func sum1(cols ...string) (out []agg) {
	for _, c := range cols {
		out = append(out, agg{c, c, total})
	}
	return out
}

// correlation squares Pearson's coefficient of v1 and v2.
func correlation(n naive) naive {
	groups := map[string][][]any{}
	for _, r := range n.rows {
		k := fmt.Sprint(r[1], r[3])
		groups[k] = append(groups[k], r)
	}
	out := naive{names: []string{"id2", "id4", "r2"}}
	for _, g := range groups {
		var sx, sy, sxx, syy, sxy float64
		for _, r := range g {
			x, y := asFloat(r[6]), asFloat(r[7])
			sx, sy, sxx, syy, sxy = sx+x, sy+y, sxx+x*x, syy+y*y, sxy+x*y
		}
		m := float64(len(g))
		var r2 any
		if vx, vy := m*sxx-sx*sx, m*syy-sy*sy; len(g) > 1 {
			r := (m*sxy - sx*sy) / math.Sqrt(vx*vy)
			r2 = r * r
		}
		out.rows = append(out.rows, []any{g[0][1], g[0][3], r2})
	}
	return out
}

// joinRows matches rows on a column; the right columns other than the key get a
// name in front if the left side has them.
func joinRows(l, r naive, prefix, key string, left bool) naive {
	index := map[any][][]any{}
	for _, row := range r.rows {
		index[row[r.at(key)]] = append(index[row[r.at(key)]], row)
	}
	out := naive{names: slices.Clone(l.names)}
	var cols []int
	for i, c := range r.names {
		if c == key {
			continue
		}
		cols = append(cols, i)
		if strings.HasPrefix(c, "id") {
			c = prefix + "_" + c
		}
		out.names = append(out.names, c)
	}
	for _, row := range l.rows {
		found := index[row[l.at(key)]]
		if found == nil && left {
			found = [][]any{make([]any, len(r.names))}
		}
		for _, match := range found {
			o := slices.Clone(row)
			for _, c := range cols {
				o = append(o, match[c])
			}
			out.rows = append(out.rows, o)
		}
	}
	return out
}

// answer makes the answer of naive rows.
func (n naive) answer(t *testing.T) *answer {
	t.Helper()
	var fields []arrow.Field
	for i, name := range n.names {
		f := arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64, Nullable: true}
		at := slices.IndexFunc(n.rows, func(r []any) bool { return r[i] != nil })
		switch n.rows[max(0, at)][i].(type) {
		case float64:
			f.Type = arrow.PrimitiveTypes.Float64
		case string:
			f.Type = arrow.BinaryTypes.String
		}
		fields = append(fields, f)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, r := range n.rows {
		for i, v := range r {
			switch x := v.(type) {
			case nil:
				b.Field(i).AppendNull()
			case int64:
				b.Field(i).(*array.Int64Builder).Append(x)
			case float64:
				b.Field(i).(*array.Float64Builder).Append(x)
			case string:
				b.Field(i).(*array.StringBuilder).Append(x)
			}
		}
	}
	c := &checker{}
	if err := c.add(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	return c.answer()
}

// expected are the answers of all queries from naive code.
func expected(t *testing.T) map[string]*answer {
	g := collected(g1(tiny, groups(tiny)))
	out := map[string]naive{
		"h2o-groupby/q1": g.by([]string{"id1"}, sum1("v1")...),
		"h2o-groupby/q2": g.by([]string{"id1", "id2"}, sum1("v1")...),
		"h2o-groupby/q3": g.by([]string{"id3"}, agg{"v1", "v1", total}, agg{"v3", "v3", mean}),
		"h2o-groupby/q4": g.by([]string{"id4"}, agg{"v1", "v1", mean}, agg{"v2", "v2", mean}, agg{"v3", "v3", mean}),
		"h2o-groupby/q5": g.by([]string{"id6"}, sum1("v1", "v2", "v3")...),
		"h2o-groupby/q6": g.by([]string{"id4", "id5"}, agg{"median_v3", "v3", median}, agg{"sd_v3", "v3", deviation}),
		"h2o-groupby/q9": correlation(g),
		"h2o-groupby/q10": g.by([]string{"id1", "id2", "id3", "id4", "id5", "id6"},
			agg{"v3", "v3", total}, agg{"count", "", count}),
		"csv/all": g.by([]string{"id1"}, append([]agg{{"id2", "id2", largest}, {"id3", "id3", largest}},
			sum1("id4", "id5", "id6", "v1", "v2", "v3")...)...),
		"1brc/stations": collected(brc(tiny)).by([]string{"station"}, agg{"min", "temperature", least},
			agg{"mean", "temperature", mean}, agg{"max", "temperature", largest}),
	}
	q7 := g.by([]string{"id3"}, agg{"hi", "v1", largest}, agg{"lo", "v2", least})
	q8 := g.by([]string{"id6"}, agg{"all", "v3", func(xs []any) any { return xs }})
	range7, top8 := naive{names: []string{"id3", "range_v1_v2"}}, naive{names: []string{"id6", "largest2_v3"}}
	for _, r := range q7.rows {
		range7.rows = append(range7.rows, []any{r[0], r[1].(int64) - r[2].(int64)})
	}
	for _, r := range q8.rows {
		s := slices.SortedFunc(slices.Values(r[1].([]any)), func(a, b any) int { return cmp.Compare(asFloat(b), asFloat(a)) })
		for _, v := range s[:min(2, len(s))] {
			top8.rows = append(top8.rows, []any{r[0], v})
		}
	}
	out["h2o-groupby/q7"], out["h2o-groupby/q8"] = range7, top8
	out["outofcore/sort"] = naive{names: []string{"id6", "v1", "v3"}}
	for _, r := range g.rows {
		s := out["outofcore/sort"]
		s.rows = append(s.rows, []any{r[5], r[6], r[8]})
		out["outofcore/sort"] = s
	}
	j := map[string]naive{}
	_ = joinTables(tiny, func(t *table) error { j[t.name] = collected(t); return nil })
	for q, on := range map[string][]string{"q1": {"small", "id1"}, "q2": {"medium", "id2"}, "q3": {"medium", "id2"}, "q4": {"medium", "id5"}, "q5": {"big", "id3"}} {
		out["h2o-join/"+q] = joinRows(j["j1_x"], j["j1_"+on[0]], on[0], on[1], q == "q3")
	}
	for name, vs := range plainArrays(tiny) {
		n := naive{names: []string{"v"}}
		for _, v := range vs {
			n.rows = append(n.rows, []any{v})
		}
		out["array/"+name] = n
	}
	m := int(math.Sqrt(numbersOfRow * tiny))
	sums := make([]float64, m)
	for i, v := range fractions(m*m, factorX) {
		sums[i%m] += v
	}
	cut := naive{names: []string{"v"}}
	for _, v := range sums {
		cut.rows = append(cut.rows, []any{v})
	}
	out["outofcore/rechunk"] = cut
	edge := squareSide(tiny)
	square := naive{names: []string{"v"}}
	for _, v := range columnsOfProduct(small(0, edge*edge, factorX), small(0, edge*edge, factorX), edge) {
		square.rows = append(square.rows, []any{v})
	}
	out["outofcore/matmul"] = square
	for name, vs := range plainMatrices(tiny) {
		n := naive{names: []string{"v"}}
		for _, v := range vs {
			n.rows = append(n.rows, []any{v})
		}
		out["linalg/"+name] = n
	}
	for _, q := range sortQueries {
		n := naive{names: []string{"id3", "id6", "v1", "v3"}}
		for _, r := range g.rows {
			n.rows = append(n.rows, []any{r[2], r[5], r[6], r[8]})
		}
		out["sort/"+q.name] = n
	}
	out["write/csv"], out["write/parquet"] = g, g
	bytes := func(xs []any) any {
		n := int64(0)
		for _, x := range xs {
			n += int64(len(x.(string)))
		}
		return n
	}
	all := []agg{{"id1", "id1", bytes}, {"id2", "id2", bytes}, {"id3", "id3", bytes}, {"id4", "id4", mean}, {"id5", "id5", mean}, {"id6", "id6", mean},
		{"v1", "v1", mean}, {"v2", "v2", mean}, {"v3", "v3", mean}}
	out["scan/columns"] = g.by(nil, all...)
	out["scan/codes"] = g.by(nil, append(slices.Clone(all[:2]), all[3:8]...)...)
	for _, q := range windowQueries {
		out["window/"+q.name] = naiveWindow(g, q.name)
	}
	ticks := map[string]naive{}
	_ = tickTables(tiny, func(t *table) error { ticks[t.name] = collected(t); return nil })
	out["asof/time"] = naiveAsOf(ticks["ticks_x"], ticks["ticks_y"], false)
	out["asof/by"] = naiveAsOf(ticks["ticks_x"], ticks["ticks_y"], true)
	answers := map[string]*answer{}
	for name, n := range out {
		answers[name] = n.answer(t)
	}
	return answers
}

// naiveWindow does a window query by sorting rows and looking at all those of a partition.
func naiveWindow(g naive, query string) naive {
	cols, added := []string{"id6", "v3"}, map[string][]string{"whole": {"total", "middle"}, "few": {"most"}, "text": {"middle"},
		"rank": {"place"}, "running": {"total", "before"}, "moving": {"middle"}}[query]
	switch query {
	case "whole":
		cols = []string{"id6", "v1", "v3"}
	case "few":
		cols = []string{"id4", "v3"}
	case "text":
		cols = []string{"id3", "v3"}
	}
	key, v := g.at(cols[0]), g.at("v3")
	rows := slices.SortedFunc(slices.Values(g.rows), func(a, b []any) int {
		return cmp.Or(cmpValues(a[key], b[key]), cmpValues(a[v], b[v]))
	})
	out := naive{names: append(slices.Clone(cols), added...)}
	for lo := 0; lo < len(rows); {
		hi := lo
		var v1, v3 []any
		for ; hi < len(rows) && rows[hi][key] == rows[lo][key]; hi++ {
			v1, v3 = append(v1, rows[hi][g.at("v1")]), append(v3, rows[hi][v])
		}
		for i, r := range rows[lo:hi] {
			var o []any
			for _, c := range cols {
				o = append(o, r[g.at(c)])
			}
			switch query {
			case "whole":
				o = append(o, total(v1), mean(v3))
			case "few":
				o = append(o, largest(v3))
			case "text":
				o = append(o, mean(v3))
			case "rank":
				o = append(o, int64(1+slices.Index(v3, v3[i])))
			case "running":
				before := any(nil)
				if i > 0 {
					before = v3[i-1]
				}
				o = append(o, total(v3[:i+1]), before)
			case "moving":
				o = append(o, mean(v3[max(0, i-6):i+1]))
			}
			out.rows = append(out.rows, o)
		}
		lo = hi
	}
	return out
}

// naiveAsOf keeps the last y of each key, or of all, while it goes through both tables.
func naiveAsOf(x, y naive, by bool) naive {
	out := naive{names: []string{"t", "v1", "t_right", "v2"}}
	if by {
		out.names = []string{"t", "k", "v1", "t_right", "v2"}
	}
	last, at := map[any][]any{}, 0
	for _, r := range x.rows {
		key := any(nil)
		for ; at < len(y.rows) && y.rows[at][0].(int64) <= r[0].(int64); at++ {
			if by {
				key = y.rows[at][1]
			}
			last[key] = y.rows[at]
		}
		o := []any{r[0], r[2]}
		if by {
			key, o = r[1], slices.Clone(r)
		}
		if m := last[key]; m != nil {
			o = append(o, m[0], m[2])
		} else {
			o = append(o, nil, nil)
		}
		out.rows = append(out.rows, o)
	}
	return out
}

// agreedOn adds the answers of TPC-H, on which the specification and other systems
// agree.
func agreedOn(t *testing.T, want map[string]*answer) {
	known, err := readAgreed()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range known {
		if strings.HasPrefix(k.Case, "tpch/") && k.Rows == tinyOrders {
			want[k.Case] = k.Answer
		}
	}
}

func TestEveryCaseAgainstNaiveCode(t *testing.T) {
	want := expected(t)
	data := t.TempDir()
	s := &store{dir: data, say: t.Logf}
	if err := s.need([]string{"g1", "brc", "j1_x", "j1_medium", "j1_big"}, tiny); err != nil {
		t.Fatal(err)
	}
	agreedOn(t, want)
	var trades []string
	_ = trade(tpch.Smallest, func(x *table) error { trades = append(trades, x.name); return nil })
	if err := s.need(trades, tinyOrders); err != nil {
		t.Fatal(err)
	}
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	if _, err := frame.ReadCSV(s.path("g1", tiny)).WriteParquet(t.Context(), r, s.path("g1", tiny)+".parquet"); err != nil {
		t.Fatal(err)
	}
	for _, b := range effort.Some(8, benches) {
		t.Run(b.name, func(t *testing.T) {
			rows := tiny
			if b.orders {
				rows = tinyOrders
				for _, name := range b.tables {
					if s.columns(name, rows) == "" {
						if err := s.writeColumns(t.Context(), name, rows); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			res, err := runOrder(t.Context(), order{Case: b.name, Rows: rows, Threads: 2, Memory: b.memory, Reps: 2, Data: data, Scale: 100})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Reps) != 2 || res.Reps[0].Wall <= 0 {
				t.Errorf("repetitions: %v", res.Reps)
			}
			if b.file != nil && (len(res.Copies) != 2 || res.Copies[0].Wall <= 0) {
				t.Errorf("copies of the file: %v", res.Copies)
			}
			if b.from == hardware {
				if res.Rate <= 0 {
					t.Errorf("measured %g", res.Rate)
				}
				return
			}
			if b.from == nothing {
				if res.Tasks == 0 || res.Alloc <= 0 {
					t.Errorf("%d tasks of %g bytes", res.Tasks, res.Alloc)
				}
				return
			}
			if want[queryName(b.name)] == nil {
				t.Fatalf("no naive answer of %s", queryName(b.name))
			}
			if d := want[queryName(b.name)].differ(res.Answer); d != "" {
				t.Errorf("naive code and weft: %s", d)
			}
		})
	}
}

// The driver starts processes, interleaves them, compares and reports.
func TestCampaign(t *testing.T) {
	var out, log, keep bytes.Buffer
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cases, err := find([]string{"h2o-groupby/q1", "h2o-groupby/q3", "csv/q1", "parquet/q1", "outofcore/q3", "sched/chain"})
	if err != nil {
		t.Fatal(err)
	}
	es, err := choose("none", true)
	if err != nil {
		t.Fatal(err)
	}
	c := &campaign{Cases: cases, Engines: es, Size: scale{rows: tiny, big: tiny, tasks: 100}, Threads: 2, Runs: 2, Reps: 1, Data: t.TempDir(),
		lab: lab{self: []string{self}, timeOut: time.Minute}, log: &log, keep: &keep}
	if err := c.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := c.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * (5*2 + 1); len(all) != want {
		t.Fatalf("%d results, want %d", len(all), want)
	}
	if all[0].Engine != "weft" || all[1].Engine != weftOne || all[1].Threads != 1 || all[11].Engine != weftOne {
		t.Errorf("the engines do not take turns: %s %s … %s", all[0].Engine, all[1].Engine, all[11].Engine)
	}
	f := &flags{json: filepath.Join(t.TempDir(), "r.json"), md: filepath.Join(t.TempDir(), "r.md"), html: filepath.Join(t.TempDir(), "r.html")}
	if err := os.WriteFile(f.json, keep.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.report(&out); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(f.html)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"uPlot=function", `"cases":["q1","q3"]`, "<td>parquet/q1</td>", "prefers-color-scheme: dark"} {
		if !bytes.Contains(html, []byte(part)) {
			t.Errorf("the page has no %q", part)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(f.html), ".page*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	md, err := os.ReadFile(f.md)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"h2o-groupby/q1", "csv/q1", "largest resident size over the budget (outofcore/q3)", "sched/chain: wall time of a task"} {
		if !strings.Contains(out.String(), s) || !strings.Contains(string(md), s) {
			t.Errorf("the report does not say %q", s)
		}
	}
	for _, command := range []string{
		"h2o-groupby/q1 h2o-groupby/q3 csv/q1 parquet/q1 sched/chain --scale tiny --peers none --runs 2 --reps 1\n",
		"outofcore/q3 --big-rows 20000 --peers none --runs 2 --reps 1\n",
	} {
		if want := "    weft bench run " + command; !strings.Contains(string(md), want) {
			t.Errorf("no %q in\n%s", want, md)
		}
	}
}

func result1(engine string, cpu float64, sum string) *result {
	return &result{Engine: engine, Case: "h2o-groupby/q1", Rows: 1000, Reps: []use{{Wall: cpu, CPU: cpu}, {Wall: 3 * cpu, CPU: 2 * cpu}},
		Answer: &answer{Rows: 1, Cols: []colAnswer{{Name: "v", Kind: "int", N: 1, Sum: json.Number(sum), Dot: "0"}}}}
}

func TestNoTimesOfAWrongAnswer(t *testing.T) {
	for _, c := range []struct {
		sum   string
		times bool
	}{{"7", true}, {"8", false}} {
		r := newReport([]*result{result1("weft", 0.125, "7"), result1("duckdb", 0.25, c.sum)}, nil, "")
		var b bytes.Buffer
		r.print(&b, false)
		if strings.Contains(b.String(), "0.125") != c.times {
			t.Errorf("sum %s: times shown: %v\n%s", c.sum, !c.times, b.String())
		}
		if strings.Contains(b.String(), "geometric mean of CPU") != c.times {
			t.Errorf("sum %s: counted for a goal: %v\n%s", c.sum, !c.times, b.String())
		}
		if (len(r.wrong()) == 0) != c.times {
			t.Errorf("sum %s: %v", c.sum, r.wrong())
		}
	}
}

func TestGoals(t *testing.T) {
	var all []*result
	for _, x := range []struct {
		name string
		cpu  float64
	}{{"weft", 0.2}, {weftOne, 0.3}, {"duckdb", 0.4}, {"duckdb-arrow", 0.1}, {"polars", 0.01}} {
		all = append(all, result1(x.name, x.cpu, "7"))
	}
	got := map[string]string{}
	for _, g := range goals(sumUp(all, nil, "")) {
		got[g.what] = fmt.Sprintf("%.2f %s", g.measured, g.state())
	}
	want := map[string]string{
		"Group-by, tables in memory: geometric mean of CPU against duckdb":                         "2.00 missed", // the better variant counts
		"Group-by, tables in memory: largest CPU against duckdb (h2o-groupby/q1)":                  "2.00 met",
		"all threads against one, cases above 200 ms: smallest gain in wall time (h2o-groupby/q1)": "1.50 missed",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %q, want %q; all: %v", k, got[k], v, got)
		}
	}
}

func TestFindNamesWhatThereIs(t *testing.T) {
	some, err := find([]string{"csv", "h2o-join/q5"})
	if err != nil || len(some) != 6 || some[0].name != "h2o-join/q5" {
		t.Errorf("%d cases, %v", len(some), err)
	}
	if _, err := find([]string{"csv", "h20"}); err == nil || !strings.Contains(err.Error(), "called h20; there are h2o-groupby, h2o-join, csv") {
		t.Error(err)
	}
	if _, err := (&flags{scale: "huge"}).sizes(); err == nil || !strings.Contains(err.Error(), "tiny, small or full") {
		t.Error(err)
	}
	if _, err := (&flags{scale: "tiny", rows: 3}).sizes(); err == nil || !strings.Contains(err.Error(), "--rows 3") {
		t.Error(err)
	}
}

// The gain of a second thread comes from repetitions that nothing disturbed, where there are some.
func TestGainOfCalmRepetitions(t *testing.T) {
	one, two := result1(weftOne, 1, "7"), result1("weft", 1, "7")
	one.Reps = []use{{Wall: 1.2, CPU: 1, Others: 0.01}, {Wall: 1, CPU: 1, Others: 0.01}, {Wall: 3, CPU: 1, Others: 2}}
	two.Reps = []use{{Wall: 0.9, CPU: 1, Others: 0.01}, {Wall: 0.5, CPU: 1, Others: 0.01}, {Wall: 0.4, CPU: 1, Others: 0.4}}
	l := sumUp([]*result{one, two}, nil, "")[0]
	if gain, calm := l.speedUp(); gain != 2 || !calm {
		t.Errorf("gain %v, calm %v", gain, calm)
	}
	two.Reps = two.Reps[2:]
	l = sumUp([]*result{one, two}, nil, "")[0]
	if gain, calm := l.speedUp(); gain != 2.5 || calm {
		t.Errorf("gain %v, calm %v", gain, calm)
	}
}

// What a busy machine spoils is neither called met nor missed.
func TestGoalsOnABusyMachine(t *testing.T) {
	for _, c := range []struct {
		g    goal
		want string
	}{
		{goal{measured: 2, limit: 1.7, atLeast: true, clock: wallRatio, busy: true}, "undecided: busy machine"},
		{goal{measured: 1, limit: 1.7, atLeast: true, clock: wallRatio, busy: true}, "undecided: busy machine"},
		{goal{measured: 2, limit: 1.7, atLeast: true, clock: wallRatio}, "met"},
		{goal{measured: 900, limit: 1000, clock: wallClock, busy: true}, "met"},
		{goal{measured: 1100, limit: 1000, clock: wallClock, busy: true}, "missed on a busy machine"},
		{goal{measured: 1100, limit: 1000, clock: wallClock}, "missed"},
		{goal{measured: 1.1, limit: 1, busy: true}, "missed"},
		{goal{measured: math.NaN(), limit: 1}, "not measured"},
	} {
		if got := c.g.state(); got != c.want {
			t.Errorf("%+v: %s, want %s", c.g, got, c.want)
		}
	}
	for _, load := range []float64{1, 100} {
		a, b := result1("weft", 0.2, "7"), result1(weftOne, 0.5, "7")
		a.Load, b.Load = load, load
		for i := range a.Reps { // no repetition is calm
			a.Reps[i].Others = load
		}
		g := scaling(sumUp([]*result{a, b}, nil, ""))
		if len(g) != 1 || g[0].busy != (load == 100) {
			t.Errorf("load %v: %+v", load, g)
		}
	}
}

// A goal that one scale was not measured for, and another was, is listed once.
func TestGoalsOnce(t *testing.T) {
	none := math.NaN()
	got := once([]goal{{what: "a", measured: none}, {what: "b", measured: none}, {what: "a", measured: 2}, {what: "b", measured: none}})
	if len(got) != 3 || got[0].what != "b" || got[1].what != "a" || got[1].measured != 2 || got[2].what != "b" {
		t.Errorf("%+v", got)
	}
}

func TestAnswersDiffer(t *testing.T) {
	base := func() naive {
		return naive{[]string{"id1", "v1", "v3"}, [][]any{{"id007", int64(1), 0.5}, {"id008", int64(2), nil}, {"id009", int64(3), 2.5}, {"id010", int64(4), 1.5}}}
	}
	for what, change := range map[string]func(n *naive){
		"rows": func(n *naive) { n.rows = n.rows[:3] },
		"columns": func(n *naive) {
			n.names = n.names[:2]
			for i := range n.rows {
				n.rows[i] = n.rows[i][:2]
			}
		},
		"sum":        func(n *naive) { n.rows[3][1] = int64(5) },
		"float":      func(n *naive) { n.rows[3][2] = 1.500001 },
		"null":       func(n *naive) { n.rows[3][2] = nil },
		"text":       func(n *naive) { n.rows[3][0] = "id0100" },
		"swapped":    func(n *naive) { n.rows[2][1], n.rows[3][1] = n.rows[3][1], n.rows[2][1] },
		"first rows": func(n *naive) { n.rows[0][0], n.rows[1][0] = "id008", "id007" },
	} {
		n := base()
		change(&n)
		if d := base().answer(t).differ(n.answer(t)); d == "" {
			t.Errorf("%s: no difference found", what)
		}
	}
	a, b := base(), base()
	a.rows[0][2], b.rows[0][2] = nil, math.NaN()
	if d := a.answer(t).differ(b.answer(t)); d != "" {
		t.Errorf("null and NaN: %s", d)
	}
	if _, err := json.Marshal(b.answer(t)); err != nil {
		t.Error(err)
	}
	for least, same := range map[float64]bool{1e-36: true, 1e-14: false} {
		a, b := base(), base()
		a.rows[0][2], b.rows[0][2] = 0.0, least
		a.rows[1][0], b.rows[1][0] = "id001", "id001" // other rows come first
		a.rows[2][0], b.rows[2][0] = "id002", "id002"
		a.rows[3][0], b.rows[3][0] = "id003", "id003"
		if d := a.answer(t).differ(b.answer(t)); (d == "") != same {
			t.Errorf("a least value of 0 and of %g: %q", least, d)
		}
	}
	n := base()
	n.rows[0], n.rows[3] = n.rows[3], n.rows[0]
	n.rows[0][2] = 1.5 + 1e-12
	if d := base().answer(t).differ(n.answer(t)); d != "" {
		t.Errorf("another order and rounding: %s", d)
	}
}

func TestInOrder(t *testing.T) {
	rec := func(rows ...[]any) arrow.Record {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
			{Name: "v3", Type: arrow.PrimitiveTypes.Float64}, {Name: "id6", Type: arrow.PrimitiveTypes.Int64}}, nil))
		for _, r := range rows {
			b.Field(0).(*array.Float64Builder).Append(r[0].(float64))
			b.Field(1).(*array.Int64Builder).Append(r[1].(int64))
		}
		return b.NewRecord()
	}
	o := inOrder{by: []string{"v3", "id6"}}
	if err := o.add(rec([]any{1.0, int64(5)}, []any{1.0, int64(6)}, []any{2.0, int64(1)})); err != nil {
		t.Fatal(err)
	}
	if err := o.add(rec([]any{2.0, int64(0)})); err == nil || !strings.Contains(err.Error(), "row 3") {
		t.Fatalf("a row out of order: %v", err)
	}
}
