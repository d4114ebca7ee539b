package optimize_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/optimize"
)

func TestOrderOfPasses(t *testing.T) {
	if err := optimize.CheckOrder(optimize.Passes); err != nil {
		t.Fatal(err)
	}
	// Every constraint is one: turning its passes round breaks it or another.
	for _, c := range optimize.Constraints {
		p := slices.Clone(optimize.Passes)
		i := slices.IndexFunc(p, func(x optimize.Pass) bool { return x.Name == c.First })
		j := slices.IndexFunc(p, func(x optimize.Pass) bool { return x.Name == c.Then })
		p[i], p[j] = p[j], p[i]
		if err := optimize.CheckOrder(p); err == nil {
			t.Errorf("%s and %s may stand either way", c.First, c.Then)
		}
	}
	twice := append(slices.Clone(optimize.Passes), optimize.Passes[0])
	if err := optimize.CheckOrder(twice); err == nil || !strings.Contains(err.Error(), "a name of its own") {
		t.Error(err)
	}
	if err := optimize.CheckOrder(optimize.Passes[1:]); err == nil || !strings.Contains(err.Error(), "a pass that is not there") {
		t.Error(err)
	}
	// Every pass is in some constraint: its place has a reason that is checked.
	for _, p := range optimize.Passes {
		if !slices.ContainsFunc(optimize.Constraints, func(c optimize.Constraint) bool { return c.First == p.Name || c.Then == p.Name }) {
			t.Errorf("no constraint speaks of pass %s", p.Name)
		}
	}
}

// A table joined with itself again and again has as many paths as two to the number of
// joins; planning it takes no time.
func TestManyPaths(t *testing.T) {
	g := &graph.Graph{}
	c, m := scanOf(1, "a")
	at := g.Add(graph.Layer{Call: c, Out: m})
	for range 60 {
		call, meta, err := join.Hash.Call(join.Params{Left: []string{"a"}, Right: []string{"a"}}, m, m)
		if err != nil {
			t.Fatal(err)
		}
		m, at = meta, g.Add(graph.Layer{Call: call, Out: meta, In: []graph.Edge{{From: at}, {From: at}}})
	}
	if _, err := optimize.Run(g, at, optimize.Options{}); err != nil {
		t.Fatal(err)
	}
}

func scanOf(n int, cols ...string) (op.Call, op.Meta) {
	p := scanParams{File: "f", N: n, Rows: float64(n) * 100}
	for _, c := range cols {
		p.Schema = append(p.Schema, dtype.Field{Name: c, Type: dtype.Of(dtype.Int64)})
	}
	c, m, err := scanOp.Call(p)
	if err != nil {
		panic(err)
	}
	return c, m
}

func TestRunRefuses(t *testing.T) {
	g := &graph.Graph{}
	c, m := scanOf(1, "a")
	want := g.Add(graph.Layer{Call: c, Out: m})
	for _, x := range []struct {
		want graph.LayerID
		o    optimize.Options
		err  string
	}{
		{want, optimize.Options{Off: []string{"fus"}}, `no pass is called "fus"; the passes are [cull merge`},
		{want, optimize.Options{Off: []string{"lower"}}, `pass "lower" cannot be left out`},
		{7, optimize.Options{}, "layer 7 is wanted, the graph has 1"},
		{-1, optimize.Options{}, "layer -1 is wanted"},
		{want, optimize.Options{Observe: func(p string, _ *optimize.Plan) error { return errors.New("no") }}, "after pass cull: no"},
	} {
		if _, err := optimize.Run(g, x.want, x.o); err == nil || !strings.Contains(err.Error(), x.err) {
			t.Errorf("%v: want %q", err, x.err)
		}
	}
	g.Layers[0].Call.Op = "nowhere"
	if _, err := optimize.Run(g, want, optimize.Options{}); err == nil || !strings.Contains(err.Error(), `unknown operator "nowhere"`) {
		t.Error(err)
	}
}

// A pass that changes the columns of the result is named.
func TestGuiltyPassIsNamed(t *testing.T) {
	g := &graph.Graph{}
	c, m := scanOf(1, "a", "b")
	want := g.Add(graph.Layer{Call: c, Out: m})
	saved := optimize.Passes
	defer func() { optimize.Passes = saved }()
	optimize.Passes = []optimize.Pass{{Name: "spoil", Run: func(p *optimize.Plan) error {
		p.Graph.Layers[p.Want].Out.Schema = p.Graph.Layers[p.Want].Out.Schema[1:]
		return nil
	}}}
	if _, err := optimize.Run(g, want, optimize.Options{}); err == nil || !strings.Contains(err.Error(), "spoil: changed the columns of the result from (a int64, b int64) to (b int64)") {
		t.Error(err)
	}
}

// Run leaves the graph of the user alone: other results are made from it.
func TestRunChangesACopy(t *testing.T) {
	g := &graph.Graph{}
	c, m := scanOf(3, "a", "b")
	s := g.Add(graph.Layer{Call: c, Out: m})
	fc, fm, err := rows.Filter.Call(rows.FilterParams{Pred: expr.Col("a").Gt(12)}, m)
	if err != nil {
		t.Fatal(err)
	}
	want := g.Add(graph.Layer{Call: fc, Out: fm, In: []graph.Edge{{From: s}}})
	before := optimize.Text(&optimize.Plan{Graph: g, Want: want}, nil)
	if _, err := optimize.Run(g, want, optimize.Options{}); err != nil {
		t.Fatal(err)
	}
	if after := optimize.Text(&optimize.Plan{Graph: g, Want: want}, nil); after != before {
		t.Errorf("before\n%safter\n%s", before, after)
	}
}

func TestVerifyFindsFaults(t *testing.T) {
	fresh := func() *optimize.Plan {
		g := &graph.Graph{}
		c, m := scanOf(3, "a", "b")
		s := g.Add(graph.Layer{Call: c, Out: m, N: 3})
		fc, fm, err := rows.Filter.Call(rows.FilterParams{Pred: expr.Col("a").Gt(12)}, m)
		if err != nil {
			t.Fatal(err)
		}
		want := g.Add(graph.Layer{Call: fc, Out: fm, N: 3, In: []graph.Edge{{From: s}}})
		return &optimize.Plan{Graph: g, Want: want}
	}
	if err := optimize.Verify(fresh()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(p *optimize.Plan)
		want  string
	}{
		{func(p *optimize.Plan) { p.Want = 2 }, "layer 2 is wanted"},
		{func(p *optimize.Plan) { p.Graph.Layers[1].In[0].From = 1 }, "leads to layer 1"},
		{func(p *optimize.Plan) { p.Graph.Layers[1].N = 4 }, "4 blocks one by one from 3"},
		{func(p *optimize.Plan) { p.Graph.Layers[1].Out.Schema = p.Graph.Layers[1].Out.Schema[:1] }, "has the columns (a int64), but its operator gives (a int64, b int64)"},
		{func(p *optimize.Plan) {
			s := slices.Clone(p.Graph.Layers[0].Out.Schema)
			s[1].Name = "a"
			p.Graph.Layers[0].Out.Schema = s
		}, `two columns are called "a"`},
		{func(p *optimize.Plan) {
			p.Graph.Layers[1].In[0] = graph.Edge{From: 0, Wiring: op.Listed, At: []int32{0, 1, 2, 2}, List: []int32{0, 3}}
		}, "task 1 reads block 3"},
		{func(p *optimize.Plan) {
			p.Graph.Layers[1].In[0] = graph.Edge{From: 0, Wiring: op.Listed, At: []int32{0}}
		}, "0 lists for 3 tasks"},
		{func(p *optimize.Plan) { p.Rank = []int32{1, 0} }, "has rank 0, before layer 0, which it reads, with 1"},
		{func(p *optimize.Plan) { p.Need = make([]op.Need, 1) }, "1 needs for 2 layers"},
		{func(p *optimize.Plan) {
			a, b := p.Graph.Layers[0].Call, p.Graph.Layers[1].Call
			in := p.Graph.Layers[0].Out
			p.Graph.Layers[1].Call = op.Fuse([]op.FusedPart{{Call: b, In: in}, {Call: a, In: in}})
		}, "part 2"},
	} {
		p := fresh()
		c.spoil(p)
		if err := optimize.Verify(p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: want %q", err, c.want)
		}
	}
}

func TestMeasuredFigures(t *testing.T) {
	g := &graph.Graph{}
	c, m := scanOf(3, "a", "b")
	s := g.Add(graph.Layer{Call: c, Out: m, Origin: "main.go:4"})
	fc, fm, err := rows.Filter.Call(rows.FilterParams{Pred: expr.Col("a").Add(expr.Col("b")).Gt(12)}, m)
	if err != nil {
		t.Fatal(err)
	}
	want := g.Add(graph.Layer{Call: fc, Out: fm, In: []graph.Edge{{From: s}}, Origin: "main.go:5"})
	p, err := optimize.Run(g, want, optimize.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rep := graph.Report{Wall: 1500 * time.Millisecond, Peak: 3 << 20, Budget: 1 << 30, Spilled: 5 << 10, Layers: []graph.LayerReport{
		{Name: "t.scan", Tasks: 3, Rows: 1234567, Time: 2345 * time.Millisecond, Counts: map[string]int64{"rows skipped": 12, "bytes read": 1 << 20}},
		{Name: "rows.filter", Tasks: 3, Rows: 12, Bytes: 96, Time: 1234 * time.Microsecond, PeakTaskBytes: 1 << 20, Spilled: 5 << 10, Retries: 2},
	}}
	optimize.Describe(&rep, g, want, p)
	wantAfter := `operator                    tasks  est. rows   rows  est. bytes  bytes    time  memory         peak  spilled  counts                             from
#0 rows.filter(a + b > 12)      3        100     12    1.56 KiB   96 B  1.23ms  1 MiB..2 MiB  1 MiB    5 KiB  retries 2                          main.go:5
┊  t.scan(f: a, b)                       300  1.23M                      2.35s                                bytes read 1.05M, rows skipped 12
1.5s, peak 3 MiB of 1 GiB, spilled 5 KiB
`
	if rep.After != wantAfter {
		t.Errorf("got\n%s\nwant\n%s", rep.After, wantAfter)
	}
	if !strings.Contains(rep.Before, "#1 rows.filter(a + b > 12)") || !strings.Contains(rep.Before, "#0     main.go:5") {
		t.Error(rep.Before)
	}
	rep.Layers = rep.Layers[:1] // of another plan
	if text := optimize.Text(p, &rep); strings.Contains(text, "1.23M") {
		t.Error(text)
	}
}

func TestPictureEscapes(t *testing.T) {
	g := &graph.Graph{}
	want := g.Add(graph.Layer{Call: callOp.With(callParams{"a\"b<i>&amp;#1;`x`\n\\ end"}), N: 2, Out: op.Meta{Rows: -1}})
	want = g.Add(graph.Layer{Call: callOp.With(callParams{"g"}), N: 1, Out: op.Meta{Rows: 3}, In: []graph.Edge{{From: want, Wiring: op.AllToAll, Side: true}}})
	got := optimize.Picture(&optimize.Plan{Graph: g, Want: want})
	const text = `flowchart BT
  L0["t.call(a#quot;b#lt;i#gt;#amp;amp#59;#35;1#59;#96;x#96; #92; end)<br/><i>#35;0, 2 tasks</i>"]
  L1["t.call(g)<br/><i>#35;1, 1 task, about 3 rows</i>"]
  L0 ==>|"all side"| L1
`
	if got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
}

// Plans of many layers stay readable: lines are counted, parameters cut.
func TestLargePlansAreCut(t *testing.T) {
	g := &graph.Graph{}
	want := g.Add(graph.Layer{Call: callOp.With(callParams{strings.Repeat("ä", 1000)}), N: 1})
	for range 5000 {
		want = g.Add(graph.Layer{Call: callOp.With(callParams{"g"}), N: 1, In: []graph.Edge{{From: want}}})
	}
	p := &optimize.Plan{Graph: g, Want: want}
	if text := optimize.Text(p, nil); !strings.HasSuffix(text, "… and 4001 more layers\n") || len(text) > 200<<10 {
		t.Errorf("%d bytes, ends in %q", len(text), text[len(text)-100:])
	}
	if pic := optimize.Picture(p); !strings.Contains(pic, "4001 more layers") || !strings.Contains(pic, "ä…") {
		t.Error("the picture is not cut")
	}
	q, err := optimize.Run(g, want, optimize.Options{})
	if err != nil || len(q.Graph.Layers) != 5001 {
		t.Fatal(err)
	}
}

// A task of many operators, branches of branches and an operator of many inputs are no longer in
// print than other plans.
func TestLargeTextsAreCut(t *testing.T) {
	scan := graph.Layer{Call: callOp.With(callParams{"s"}), N: 1}
	steps := make([]op.FusedPart, 3000)
	for i := range steps {
		steps[i].Call = callOp.With(callParams{fmt.Sprint("step", i)})
	}
	long, deep, wide := &graph.Graph{}, &graph.Graph{}, &graph.Graph{}
	long.Add(graph.Layer{Call: op.Fuse(steps), N: 1})
	last, all := deep.Add(scan), []graph.Edge(nil)
	for range 3000 {
		last = deep.Add(graph.Layer{Call: callOp.With(callParams{"u"}), N: 1, In: []graph.Edge{{From: last}, {From: deep.Add(scan)}}})
		all = append(all, graph.Edge{From: wide.Add(scan)})
	}
	wide.Add(graph.Layer{Call: callOp.With(callParams{"u"}), N: 1, In: all})
	for _, x := range []struct {
		g    *graph.Graph
		ends string
	}{{long, "… and 2000 more operators of the last task above\n"}, {deep, "… and 5001 more layers\n"}, {wide, "… and 2001 more layers\n"}} {
		p := &optimize.Plan{Graph: x.g, Want: graph.LayerID(len(x.g.Layers) - 1)}
		if text := optimize.Text(p, nil); !strings.HasSuffix(text, x.ends) || len(text) > 300<<10 {
			t.Errorf("%d bytes, ends in %q, want %q", len(text), text[len(text)-100:], x.ends)
		}
		if pic := optimize.Picture(p); len(pic) > 300<<10 {
			t.Errorf("%d bytes of picture", len(pic))
		}
	}
}

// tenMillion builds a scan of ten million blocks, with two steps and a shuffle.
func tenMillion() (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	c, m := scanOf(1e7, "a", "b")
	at := g.Add(graph.Layer{Call: c, Out: m})
	step := func(c op.Call, m op.Meta, err error) {
		if err != nil {
			panic(err)
		}
		at = g.Add(graph.Layer{Call: c, Out: m, In: []graph.Edge{{From: at}}})
	}
	last := func() op.Meta { return g.Layers[at].Out }
	step(rows.Project.Call(rows.ProjectParams{Exprs: []expr.Expr{expr.Col("a"), expr.Col("b").Mul(2).As("c")}}, last()))
	step(rows.Filter.Call(rows.FilterParams{Pred: expr.Col("c").IsNotNull()}, last()))
	step(sumOp.Call(sumParams{Keys: []string{"a"}, Sums: []string{"c"}}, last()))
	return g, at
}

func planTenMillion() (string, error) {
	g, want := tenMillion()
	p, err := optimize.Run(g, want, optimize.Options{Off: []string{"prune"}, Budget: 1 << 40})
	if err != nil {
		return "", err
	}
	rep := graph.Report{}
	optimize.Describe(&rep, g, want, p)
	return rep.Before + rep.After, nil
}

func TestTenMillionTasksTakeKilobytes(t *testing.T) {
	text, err := planTenMillion()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "10000000") || len(text) > 2000 {
		t.Errorf("%d bytes:\n%s", len(text), text)
	}
	var a, b runtime.MemStats
	runtime.ReadMemStats(&a)
	if _, err := planTenMillion(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&b)
	if used := b.TotalAlloc - a.TotalAlloc; used > 512<<10 {
		t.Errorf("building, optimizing and printing allocates %d KiB, want kilobytes", used>>10)
	}
}

func BenchmarkTenMillionTasks(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := planTenMillion(); err != nil {
			b.Fatal(err)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, c := range []struct {
		x           float64
		count, size string
	}{
		{0, "0", "0 B"}, {1, "1", "1 B"}, {999, "999", "999 B"}, {999.6, "1k", "1000 B"}, {1023, "1.02k", "1023 B"}, {1023.7, "1.02k", "1 KiB"},
		{1024, "1.02k", "1 KiB"}, {99949, "99.9k", "97.6 KiB"}, {999999, "1M", "977 KiB"}, {1536 * 1024, "1.57M", "1.5 MiB"},
		{math.MaxInt64, "9223372T", "8388608 TiB"},
	} {
		p := &optimize.Plan{Graph: &graph.Graph{Layers: []graph.Layer{{Call: callOp.With(callParams{"f"}), N: 1, Out: op.Meta{Rows: c.x, Bytes: c.x}}}}}
		got := strings.Fields(strings.Split(optimize.Text(p, nil), "\n")[1])
		if want := fmt.Sprintf("t.call(f) 1 %s %s", c.count, c.size); strings.Join(got[1:], " ") != want {
			t.Errorf("%v: got %q, want %q", c.x, strings.Join(got[1:], " "), want)
		}
	}
}
