package optimize_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/optest"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/group"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/order"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/optimize"
)

var randomSeeds = flag.Int("seeds", 40, "optimize: how many random plans to run")

// TestRandomPlans runs random plans over random tables with each pass left out,
// with all and with none: the rows are equal as multisets.
func TestRandomPlans(t *testing.T) {
	seeds := *randomSeeds
	if testing.Short() {
		seeds = min(seeds, 8)
	}
	moved := map[string]int{}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomPlan(t, uint64(seed), moved) })
	}
	for _, pass := range []string{"merge", "filter", "project", "serve", "lower", "remerge", "fuse"} {
		if moved[pass] == 0 && !testing.Short() {
			t.Errorf("pass %s changed none of %d plans: the plans test it not at all", pass, seeds)
		}
	}
}

func randomPlan(t *testing.T, seed uint64, moved map[string]int) {
	w := newWriter(seed)
	defer w.close()
	for n := w.r.IntN(6) + 3; n > 0; n-- {
		w.grow()
	}
	want := w.layers[len(w.layers)-1]
	before := ""
	p, err := optimize.Run(&w.g, want, optimize.Options{Observe: func(pass string, p *optimize.Plan) error {
		if after := calls(p); after != before {
			if before != "" {
				moved[pass]++
			}
			before = after
		}
		return optimize.Verify(p)
	}})
	if err != nil {
		t.Fatal(err)
	}
	var off []string
	for _, pass := range optimize.Passes {
		if !pass.Must {
			off = append(off, pass.Name)
		}
	}
	run := func(o optest.Options) [][]any {
		got, _, err := optest.Collect(t, o, &w.g, want)
		if err != nil {
			t.Fatalf("without %v: %v\n%s", o.Off, err, optimize.Text(&optimize.Plan{Graph: &w.g, Want: want}, nil))
		}
		return got
	}
	plain := run(optest.Options{Off: off})
	defer func() {
		if t.Failed() {
			t.Logf("as built\n%s\nas run\n%s", optimize.Text(&optimize.Plan{Graph: &w.g, Want: want}, nil), optimize.Text(p, nil))
		}
	}()
	optest.SameRows(t, run(optest.Options{Threads: 2}), plain)
	for _, pass := range off {
		t.Logf("without %s", pass)
		optest.SameRows(t, run(optest.Options{Off: []string{pass}}), plain)
	}
}

// calls words the work of every layer.
func calls(p *optimize.Plan) string {
	s := ""
	for i := range p.Graph.Layers {
		l := &p.Graph.Layers[i]
		s += fmt.Sprintf("%s %q %v\n", l.Call.Op, l.Call.Params, l.In)
	}
	return s
}

// A writer of plans: each step puts an operator on layers that are there.
type writer struct {
	r      *rand.Rand
	g      graph.Graph
	layers []graph.LayerID
	tables []uint64
	joins  int
	// ordered are the layers whose rows have one order, whatever the plan: a limit
	// of others may give other rows.
	ordered map[graph.LayerID]bool
}

func newWriter(seed uint64) *writer {
	w := &writer{r: rand.New(rand.NewPCG(seed, 7)), ordered: map[graph.LayerID]bool{}}
	for range 2 {
		w.table()
	}
	return w
}

func (w *writer) close() {
	for _, id := range w.tables {
		rows.Drop(id)
	}
}

// table adds a table of a few hundred rows with nulls, NaN and -0.
func (w *writer) table() {
	s := dtype.Schema{{Name: "k", Type: dtype.Of(dtype.Int64), Nullable: true}, {Name: "v", Type: dtype.Of(dtype.Int64), Nullable: true},
		{Name: "x", Type: dtype.Of(dtype.Float64), Nullable: true}, {Name: "s", Type: dtype.Of(dtype.Utf8), Nullable: true}}
	data := make([][]any, 50+w.r.IntN(300))
	floats := []float64{1.5, -2.25, math.NaN(), math.Copysign(0, -1), 0, 1e300, 3}
	for i := range data {
		data[i] = []any{int64(w.r.IntN(60)), int64(w.r.IntN(9) - 4), floats[w.r.IntN(len(floats))], []string{"", "a", "bb", "a long text of more than fifteen bytes"}[w.r.IntN(4)]}
		if w.r.IntN(6) == 0 {
			data[i][w.r.IntN(4)] = nil
		}
	}
	tab := optest.Rows(s, data, 40)
	p := rows.Keep(tab.Schema, tab.Batches)
	p.Blocks = 1 + w.r.IntN(3)
	w.tables = append(w.tables, p.ID)
	w.add(rows.Memory.Call(p))
}

func (w *writer) add(c op.Call, m op.Meta, err error, in ...graph.LayerID) {
	if err != nil {
		return // an operator that does not fit its inputs: the next step is another
	}
	l := graph.Layer{Call: c, Out: m}
	for _, from := range in {
		l.In = append(l.In, graph.Edge{From: from})
	}
	id := w.g.Add(l)
	w.layers = append(w.layers, id)
	w.ordered[id] = len(in) == 0 || len(in) == 1 && w.ordered[in[0]] && c.Op != "group.by"
}

// pick chooses a layer, mostly a late one.
func (w *writer) pick() (graph.LayerID, op.Meta) {
	i := len(w.layers) - 1
	if w.r.IntN(3) == 0 {
		i = w.r.IntN(len(w.layers))
	}
	return w.layers[i], w.g.Layers[w.layers[i]].Out
}

func (w *writer) column(s dtype.Schema, ok func(dtype.Kind) bool) (string, bool) {
	var names []string
	for _, f := range s {
		if ok(f.Type.Kind) {
			names = append(names, f.Name)
		}
	}
	if len(names) == 0 {
		return "", false
	}
	return names[w.r.IntN(len(names))], true
}

func isInt(k dtype.Kind) bool   { return k == dtype.Int64 }
func isFloat(k dtype.Kind) bool { return k == dtype.Float64 }
func anyKind(dtype.Kind) bool   { return true }

func (w *writer) grow() {
	in, m := w.pick()
	switch w.r.IntN(12) {
	case 0, 1, 2:
		c, _, err := rows.Filter.Call(rows.FilterParams{Pred: w.predicate(m.Schema)}, m)
		w.on(c, in, err)
	case 3, 4:
		w.project(in, m)
	case 5:
		w.join(in, m)
	case 6:
		w.group(in, m)
	case 7:
		c, _, err := rows.Single.Call(struct{}{}, m)
		w.on(c, in, err)
	case 8:
		w.twin(in)
	case 9:
		w.groupTwice(in, m)
	case 10:
		if c, ok := w.column(m.Schema, anyKind); ok {
			c, _, err := order.Sort.Call(order.SortParams{Keys: []op.SortKey{{Col: c, Desc: w.r.IntN(2) == 0}}}, m)
			w.on(c, in, err)
		}
	case 11:
		w.first(in, m)
	}
}

// first takes the first rows, of the table as it is or by a column.
func (w *writer) first(in graph.LayerID, m op.Meta) {
	if !w.ordered[in] {
		return
	}
	n := int64(w.r.IntN(200))
	if c, ok := w.column(m.Schema, anyKind); ok && w.r.IntN(2) == 0 {
		c, _, err := order.TopK.Call(order.TopKParams{Keys: []op.SortKey{{Col: c}}, N: n}, m)
		w.on(c, in, err)
		return
	}
	c, _, err := order.Limit.Call(order.LimitParams{N: n}, m)
	w.on(c, in, err)
}

// twin writes a layer a second time and joins the two.
func (w *writer) twin(in graph.LayerID) {
	l := w.g.Layers[in]
	m := l.Out
	c, ok := w.column(m.Schema, isInt)
	if w.joins++; !ok || w.joins > 2 {
		return
	}
	again := w.g.Add(l)
	p := join.Params{Left: []string{c}, Right: []string{c}, Kind: join.Semi}
	call, out, err := join.Hash.Call(p, m, m)
	w.add(call, out, err, in, again)
}

// groupTwice sums by a key and another column, and again by them.
func (w *writer) groupTwice(in graph.LayerID, m op.Meta) {
	k, ok := w.column(m.Schema, isInt)
	v, _ := w.column(m.Schema, isInt)
	if !ok {
		return
	}
	n := len(w.layers)
	c, _, err := group.By.Call(group.Params{Keys: []string{k}, Aggs: []group.Agg{{Fn: group.Count, Col: v, As: fmt.Sprintf("n%d", n)}}}, m)
	w.on(c, in, err)
	if len(w.layers) == n {
		return
	}
	in = w.layers[n]
	c, _, err = group.By.Call(group.Params{Keys: []string{k}, Aggs: []group.Agg{{Fn: group.Len, As: fmt.Sprintf("m%d", n)}}}, w.g.Layers[in].Out)
	w.on(c, in, err)
}

func (w *writer) on(c op.Call, in graph.LayerID, err error) {
	if err != nil {
		return
	}
	m, err := op.Of(c).Infer(c.Params, []op.Meta{w.g.Layers[in].Out})
	w.add(c, m, err, in)
}

// predicate makes up to three conjuncts; some of them can fail as far as types
// tell.
func (w *writer) predicate(s dtype.Schema) expr.Expr {
	var all []expr.Expr
	for range 1 + w.r.IntN(3) {
		if c, ok := w.column(s, isInt); ok {
			switch d, _ := w.column(s, isInt); w.r.IntN(6) {
			case 0:
				all = append(all, expr.Col(c).Gt(w.r.IntN(40)))
			case 1:
				all = append(all, expr.Col(c).Le(expr.Col(d)))
			case 2:
				all = append(all, expr.Col(c).Add(expr.Col(d)).Lt(w.r.IntN(60)))
			case 3:
				all = append(all, expr.Col(c).IsNotNull().Or(expr.Col(d).Eq(3)))
			case 4:
				all = append(all, expr.Col(c).Ne(w.r.IntN(5)))
			}
		}
		if c, ok := w.column(s, isFloat); ok && w.r.IntN(2) == 0 {
			all = append(all, expr.Col(c).Mul(2.0).Ge(-4.0))
		}
	}
	if len(all) == 0 {
		all = append(all, expr.Lit(true))
	}
	return expr.AndAll(all)
}

func (w *writer) project(in graph.LayerID, m op.Meta) {
	p := rows.ProjectParams{}
	for i, f := range m.Schema {
		switch w.r.IntN(8) {
		case 0:
		case 1:
			p.Exprs = append(p.Exprs, expr.Col(f.Name).As(fmt.Sprintf("r%d_%d", len(w.layers), i)))
		default:
			p.Exprs = append(p.Exprs, expr.Col(f.Name))
		}
	}
	if c, ok := w.column(m.Schema, isInt); ok {
		p.Exprs = append(p.Exprs, expr.Col(c).Mul(2).As(fmt.Sprintf("i%d", len(w.layers))))
	}
	if c, ok := w.column(m.Schema, isFloat); ok && w.r.IntN(2) == 0 {
		p.Exprs = append(p.Exprs, expr.Col(c).Add(0.5).As(fmt.Sprintf("f%d", len(w.layers))))
	}
	w.r.Shuffle(len(p.Exprs), func(i, j int) { p.Exprs[i], p.Exprs[j] = p.Exprs[j], p.Exprs[i] })
	c, _, err := rows.Project.Call(p, m)
	w.on(c, in, err)
}

func (w *writer) join(in graph.LayerID, m op.Meta) {
	right, rm := w.pick()
	l, ok := w.column(m.Schema, isInt)
	r, ok2 := w.column(rm.Schema, isInt)
	if w.joins++; !ok || !ok2 || w.joins > 2 {
		return
	}
	p := join.Params{Left: []string{l}, Right: []string{r}, Kind: join.Kind(w.r.IntN(4))}
	c, out, err := join.Hash.Call(p, m, rm)
	w.add(c, out, err, in, right)
	if p.Kind >= join.Semi && err == nil { // and once more: the table is built once for both
		p.Kind = join.Semi
		c, out, err = join.Hash.Call(p, out, rm)
		w.add(c, out, err, w.layers[len(w.layers)-1], right)
	}
}

func (w *writer) group(in graph.LayerID, m op.Meta) {
	p := group.Params{}
	for range 1 + w.r.IntN(2) {
		if c, ok := w.column(m.Schema, anyKind); ok && !slices.Contains(p.Keys, c) {
			p.Keys = append(p.Keys, c)
		}
	}
	for i := range w.r.IntN(4) {
		a := group.Agg{Fn: []string{group.Sum, group.Min, group.Max, group.Count, group.Len, group.Mean}[w.r.IntN(6)], As: fmt.Sprintf("a%d_%d", len(w.layers), i)}
		if c, ok := w.column(m.Schema, func(k dtype.Kind) bool { return k.IsNumeric() }); ok && a.Fn != group.Len {
			a.Col = c
		}
		p.Aggs = append(p.Aggs, a)
	}
	c, _, err := group.By.Call(p, m)
	w.on(c, in, err)
}
