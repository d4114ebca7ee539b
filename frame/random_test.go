package frame_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/optimize"
)

var (
	chains = flag.Int("chains", 200, "random plans of TestRandomPlans")
	seed   = flag.Uint64("seed", 1, "first seed of TestRandomPlans")
)

// TestRandomPlans runs random chains of verbs on random small tables and compares
// with the oracle, each in three rooms that are drawn, too. A failure prints a
// script.
func TestRandomPlans(t *testing.T) {
	n := effort.Of(*chains, *chains/8)
	all := rooms()
	runners := map[string]graph.Runner{}
	kind := func(m room) string { return fmt.Sprint(m.threads, m.pool, m.workers, m.cut) }
	for _, m := range all {
		if k := kind(m); runners[k] == nil {
			runners[k] = m.open(t)
		}
	}
	for i := range uint64(n) {
		rnd := rand.New(rand.NewPCG(*seed+i, 7))
		w := newWeaver(rnd)
		w.weave(1 + rnd.IntN(6))
		want := strings.Join(w.t.lines(), "\n")
		for range 3 {
			m := all[rnd.IntN(len(all))]
			h := &hall{room: m, r: runners[kind(m)], dir: t.TempDir(), tables: map[string]*frame.Frame{}}
			if got := h.answer(t, w); got != want {
				t.Fatalf("seed %d, room %s:\n%s\n--- want\n%s\n--- got\n%s", *seed+i, m.name, w.script(), want, got)
			}
		}
	}
}

// A cutting runner cuts every layer at every join that allows it, whatever the sizes are.
type cutting struct{ graph.Runner }

// cuts is at how many places it did.
var cuts int

func (c cutting) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	all := optimize.Passes
	defer func() { optimize.Passes = all }()
	optimize.Passes = slices.Insert(slices.Clone(all), slices.Index(optimize.Names(), "divide")+1, optimize.Pass{Name: "cut", Run: func(p *optimize.Plan) error {
		for i := range p.Graph.Layers {
			l := &p.Graph.Layers[i]
			l.Cuts = slices.Clone(l.Cuts)
			for k := range l.Cuts {
				l.Cuts[k].Rows = -1
				cuts++
			}
		}
		return nil
	}})
	return c.Runner.Start(ctx, q)
}

// TestRandomCuts runs random chains of verbs with joins, cut wherever they can be.
func TestRandomCuts(t *testing.T) {
	n := effort.Of(*chains, *chains/8)
	const pool = 256 << 20
	before := cuts
	var runners []graph.Runner
	for _, m := range []room{{threads: 1, pool: pool, cut: true}, {threads: 3, pool: pool, cut: true}, {threads: 2, pool: pool, workers: 2, cut: true}} {
		runners = append(runners, m.open(t))
	}
	for i := range uint64(n) {
		rnd := rand.New(rand.NewPCG(*seed+i, 11))
		w := newWeaver(rnd)
		w.join()
		w.weave(rnd.IntN(3))
		w.join()
		w.weave(rnd.IntN(3))
		want := strings.Join(w.t.lines(), "\n")
		h := &hall{room: room{source: []string{"csv", "whole", "parquet"}[rnd.IntN(3)]}, r: runners[rnd.IntN(3)], dir: t.TempDir(), tables: map[string]*frame.Frame{}}
		if got := h.answer(t, w); got != want {
			t.Fatalf("seed %d:\n%s\n--- want\n%s\n--- got\n%s", *seed+i, w.script(), want, got)
		}
	}
	if made := cuts - before; made < n/2 {
		t.Errorf("%d plans had %d cuts", n, made)
	}
}

// answer runs the chain of w in a room.
func (h *hall) answer(t *testing.T, w *weaver) string {
	h.write(t, w)
	return h.chained(w)
}

// write makes the tables of w.
func (h *hall) write(t *testing.T, w *weaver) {
	for name, x := range w.base {
		f, err := h.table(name, x.text())
		if err != nil {
			t.Fatalf("table %s: %v\n%s", name, err, w.script())
		}
		h.tables[name] = f
	}
}

func (h *hall) chained(w *weaver) string {
	f, err := h.chain(w.chain.String())
	var tab *frame.Table
	if err == nil {
		ctx := h.ctx
		if ctx == nil {
			ctx = context.Background()
		}
		tab, err = f.Collect(ctx, h.r, frame.Without(h.off...))
	}
	if err != nil {
		return "error: " + err.Error()
	}
	var names []string
	for _, c := range w.t.cols {
		names = append(names, c.name)
	}
	if got := tab.Schema.Names(); !slices.Equal(got, names) {
		return fmt.Sprintf("columns %v, want %v", got, names)
	}
	o := otable{cols: w.t.cols, ordered: w.t.ordered}
	for i := range int(tab.NumRows()) {
		o.rows = append(o.rows, tab.Row(i))
	}
	return strings.Join(o.lines(), "\n")
}

// A weaver draws tables and a chain of verbs, and keeps the oracle's answer.
type weaver struct {
	rnd   *rand.Rand
	base  map[string]*otable
	t     *otable
	chain strings.Builder
	names int
}

func newWeaver(rnd *rand.Rand) *weaver {
	w := &weaver{rnd: rnd, base: map[string]*otable{}}
	cols := randomColumns(rnd)
	w.base["ta"] = randomTable(rnd, cols)
	if rnd.IntN(3) == 0 {
		cols = randomColumns(rnd)
	}
	w.base["tb"] = randomTable(rnd, cols)
	w.t = w.base["ta"]
	w.chain.WriteString("from ta\n")
	return w
}

// script words the tables and the chain for testdata.
func (w *weaver) script() string {
	var b strings.Builder
	for _, name := range []string{"ta", "tb"} {
		fmt.Fprintf(&b, "table %s\n%s----\n\n", name, w.base[name].text())
	}
	order := " unordered"
	if w.t.ordered {
		order = ""
	}
	fmt.Fprintf(&b, "run%s\n%s----\n", order, w.chain.String())
	return b.String()
}

// randomColumns draws a schema: three columns or more, among them more than one of a
// kind.
func randomColumns(rnd *rand.Rand) (cols []ocol) {
	all := []ocol{{"k", kInt}, {"n", kInt}, {"x", kFloat}, {"s", kText}, {"b", kBool}, {"y", kFloat}, {"u", kText}, {"g", kBig}}
	for _, i := range rnd.Perm(len(all))[:3+rnd.IntN(5)] {
		cols = append(cols, all[i])
	}
	return cols
}

// randomTable has few values, so that keys meet, and many nulls; now and then a
// column of nothing else.
func randomTable(rnd *rand.Rand, cols []ocol) *otable {
	t := &otable{ordered: true, cols: cols}
	rows := []int{0, 1, 2, 5, 17, 30, 90}[rnd.IntN(7)]
	hollow := rnd.IntN(20)
	for range rows {
		row := make([]any, len(t.cols))
		for c, col := range t.cols {
			switch {
			case c == hollow || rnd.IntN(6) == 0: // null
			case col.k == kFloat && rnd.IntN(6) == 0:
				row[c] = math.NaN()
			default:
				row[c] = constant(rnd, col.k).f(nil)
			}
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func (w *weaver) fresh() string { w.names++; return fmt.Sprintf("c%d", w.names) }

func (w *weaver) line(format string, args ...any) { fmt.Fprintf(&w.chain, format+"\n", args...) }

func (w *weaver) weave(verbs int) {
	for range verbs {
		if len(w.t.rows) > 2000 { // after joins
			return
		}
		switch n := w.rnd.IntN(11 + furtherVerbs); n {
		case 0, 1:
			p := w.t.expression(w.rnd, kBool, 3)
			w.line("filter %s", p.text)
			w.t = w.t.filter(p.f)
		case 2:
			w.pick()
		case 3:
			w.with()
		case 4:
			w.rename()
		case 5:
			w.distinct()
		case 6, 7:
			w.group()
		case 8:
			if w.rnd.IntN(2) == 0 {
				w.joinWhere()
			} else {
				w.join()
			}
		case 9:
			w.sort()
		case 10:
			w.head()
		default:
			w.further(n - 11)
		}
	}
}

func (w *weaver) pick() {
	var cols []ocol
	var fs []func([]any) any
	var words []string
	for range 1 + w.rnd.IntN(4) {
		e := w.t.expression(w.rnd, kind(w.rnd.IntN(4)), 2)
		name := w.fresh()
		words = append(words, e.text+" as "+name)
		cols, fs = append(cols, ocol{name, e.k}), append(fs, e.f)
	}
	w.line("select %s", strings.Join(words, "; "))
	w.t = w.t.pick(cols, fs)
}

// with adds a column and replaces another.
func (w *weaver) with() {
	cols := slices.Clone(w.t.cols)
	var fs []func([]any) any
	for i := range cols {
		fs = append(fs, func(r []any) any { return r[i] })
	}
	e := w.t.expression(w.rnd, kind(w.rnd.IntN(4)), 2)
	name := w.fresh()
	words := e.text + " as " + name
	if at := w.rnd.IntN(len(cols)); w.rnd.IntN(2) == 0 {
		y := w.t.expression(w.rnd, kind(w.rnd.IntN(4)), 2)
		words += "; " + y.text + " as " + cols[at].name
		cols[at].k, fs[at] = y.k, y.f
	}
	w.line("with %s", words)
	w.t = w.t.pick(append(cols, ocol{name, e.k}), append(fs, e.f))
}

func (w *weaver) rename() {
	cols := slices.Clone(w.t.cols)
	at, name := w.rnd.IntN(len(cols)), w.fresh()
	w.line("rename %s=%s", cols[at].name, name)
	cols[at].name = name
	w.t = &otable{cols, w.t.rows, w.t.ordered}
}

// some draws up to n different columns.
func (w *weaver) some(n int) []int {
	p := w.rnd.Perm(len(w.t.cols))
	return p[:min(len(p), n)]
}

func (w *weaver) words(at []int) []string {
	var out []string
	for _, i := range at {
		out = append(out, w.t.cols[i].name)
	}
	return out
}

func (w *weaver) distinct() {
	cols := w.some(1 + w.rnd.IntN(3))
	w.line("distinct %s", strings.Join(w.words(cols), " "))
	w.t = w.t.group(cols, nil)
}

var functions = map[kind][]string{
	kBool:  {"count", "any", "all", "min", "max", "count_distinct", "mode"},
	kInt:   {"sum", "mean", "min", "max", "count", "median", "count_distinct", "mode", "quantile_30", "approx_count_distinct"},
	kFloat: {"sum", "mean", "min", "max", "count", "median", "count_distinct", "mode", "quantile_30", "approx_count_distinct"},
	kText:  {"min", "max", "count", "count_distinct", "mode", "approx_count_distinct"},
	kBig:   {"min", "max", "count", "count_distinct", "mode", "approx_count_distinct"},
}

func (w *weaver) group() {
	keys := w.some(w.rnd.IntN(3))
	var aggs []oagg
	var words []string
	for range 1 + w.rnd.IntN(4) {
		a := oagg{fn: "len", name: w.fresh()}
		text := "len"
		if w.rnd.IntN(5) > 0 {
			a.at = w.rnd.IntN(len(w.t.cols))
			fns := functions[w.t.cols[a.at].k]
			if w.t.ordered {
				fns = append(slices.Clone(fns), "first", "last")
				if w.t.cols[a.at].k == kText {
					fns = append(fns, "join_comma")
				}
			}
			a.fn = fns[w.rnd.IntN(len(fns))]
			text = a.fn + " " + w.t.cols[a.at].name
		}
		aggs, words = append(aggs, a), append(words, text+" as "+a.name)
	}
	if at := w.rnd.IntN(len(w.t.cols)); w.rnd.IntN(8) == 0 { // alone
		a := oagg{fn: "count_distinct", at: at, name: w.fresh()}
		aggs, words = []oagg{a}, []string{a.fn + " " + w.t.cols[at].name + " as " + a.name}
	}
	w.line("group %s | %s", strings.Join(w.words(keys), "; "), strings.Join(words, "; "))
	w.t = w.t.group(keys, aggs)
	w.t.ordered = len(keys) == 0
}

func (w *weaver) join() {
	u := w.base["tb"]
	var l, r []int
	var words [2][]string
	for _, i := range w.some(1 + w.rnd.IntN(2)) {
		for _, j := range w.rnd.Perm(len(u.cols)) {
			if u.cols[j].k == w.t.cols[i].k && !slices.Contains(r, j) {
				l, r = append(l, i), append(r, j)
				words[0], words[1] = append(words[0], w.t.cols[i].name), append(words[1], u.cols[j].name)
				break
			}
		}
	}
	if len(l) == 0 {
		return
	}
	how := []string{"inner", "left", "semi", "anti"}[w.rnd.IntN(4)]
	suffix := "_" + w.fresh()
	w.line("join %s tb left=%s right=%s suffix=%s", how, strings.Join(words[0], ","), strings.Join(words[1], ","), suffix)
	w.t = w.t.join(u, how, l, r, suffix)
}

// joinWhere is a join with a condition, with a pair of keys or none.
func (w *weaver) joinWhere() {
	u := w.base["tb"]
	var l, r []int
	i, j := w.rnd.IntN(len(w.t.cols)), w.rnd.IntN(len(u.cols))
	suffix := "_" + w.fresh()
	on := ""
	if w.t.cols[i].k == u.cols[j].k {
		l, r = []int{i}, []int{j}
		on = fmt.Sprintf(" left=%s right=%s", w.t.cols[i].name, u.cols[j].name)
	} else if len(w.t.rows)*len(u.rows) > 2000 {
		return
	}
	how := []string{"inner", "left", "semi", "anti", "right", "full"}[w.rnd.IntN(6)]
	cols, _ := w.t.beside(u, l, r, suffix)
	where := (&otable{cols: cols}).expression(w.rnd, kBool, 3)
	w.line("join %s tb%s suffix=%s where=%s", how, on, suffix, where.text)
	w.t = w.t.joinWhere(u, how, l, r, suffix, where.f)
}

// keys draws sort keys; all columns when only that makes the order certain.
func (w *weaver) keys() (keys []okey, words string) {
	n := 1 + w.rnd.IntN(2)
	if !w.t.ordered {
		n = len(w.t.cols)
	}
	var list []string
	for _, i := range w.some(n) {
		k := okey{i, w.rnd.IntN(2) == 0}
		keys = append(keys, k)
		list = append(list, w.t.cols[i].name+map[bool]string{true: " desc"}[k.desc])
	}
	return keys, strings.Join(list, "; ")
}

func (w *weaver) sort() {
	keys, words := w.keys()
	w.line("sort %s", words)
	w.t = w.t.sort(keys)
}

func (w *weaver) head() {
	n := w.rnd.IntN(12)
	if w.t.ordered && w.rnd.IntN(2) == 0 {
		w.line("head %d", n)
		w.t = w.t.head(n)
		return
	}
	keys, words := w.keys()
	w.line("topk %d %s", n, words)
	w.t = w.t.sort(keys).head(n)
}
