package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched/local"
)

// tables makes files of sales and of products.
func tables(t testing.TB, files, rows int) (sales, products *frame.Frame) {
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	for f := range files {
		var s strings.Builder
		s.WriteString("id,product,city,price,qty\n")
		for i := range rows {
			price := fmt.Sprintf("%.2f", rnd.Float64()*1000)
			if rnd.IntN(20) == 0 {
				price = ""
			}
			fmt.Fprintf(&s, "%d,p%03d,c%d,%s,%d\n", f*rows+i, rnd.IntN(500), rnd.IntN(7), price, rnd.IntN(10))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("sales-%02d.csv", f)), []byte(s.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var s strings.Builder
	s.WriteString("product,name\n")
	for i := range 400 {
		fmt.Fprintf(&s, "p%03d,name of %d\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "products.csv"), []byte(s.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return frame.ReadCSVWith(frame.CSVOptions{BlockBytes: 40 << 10, SplitBytes: 16 << 10}, filepath.Join(dir, "sales-*.csv")), frame.ReadCSV(filepath.Join(dir, "products.csv"))
}

// queries are the verbs that shuffle, and some that do not.
func queries(sales, products *frame.Frame) map[string]*frame.Frame {
	held, err := products.Collect(context.Background(), here)
	if err != nil {
		panic(err)
	}
	return map[string]*frame.Frame{
		"filter": sales.Filter(frame.Col("qty").Gt(7)).WithColumns(frame.Col("price").Mul(frame.Col("qty")).As("amount")),
		"group":  sales.GroupBy("product", "city").Agg(frame.Sum("price"), frame.Count().As("n"), frame.Mean("qty")),
		"few":    sales.GroupBy("city").Agg(frame.Sum("price"), frame.Max("id")),
		"join":   sales.Join(products, frame.Inner, "product"),
		"left":   sales.Filter(frame.Col("qty").Eq(3)).Join(products, frame.Left, "product"),
		"full": sales.Filter(frame.Col("qty").Eq(3), frame.Col("id").Mod(3).Gt(0)).Join(products.Filter(frame.Col("name").Ne("name of 7")).
			Concat(products.WithColumns(frame.Col("product").Str().Concat("x").As("product"))), frame.Full, "product"),
		"records": sales.Join(held.Frame(), frame.Inner, "product").GroupBy("name").Agg(frame.Sum("qty")),
		"within": sales.Filter(frame.Col("qty").Eq(3)).Select("id", "price").
			JoinOn(sales.GroupBy("product").Agg(frame.Min("price").As("lo"), frame.Mean("price").As("hi")), frame.JoinOn{Where: frame.Col("price").Ge(frame.Col("lo")).And(frame.Col("price").Lt(frame.Col("hi")))}).
			GroupBy("product").Agg(frame.Count().As("n"), frame.Sum("id")),
		"sort":     sales.Sort(frame.Desc("price"), frame.Asc("id")),
		"distinct": sales.Select("product", "qty").Distinct(),
		"top":      sales.Sort(frame.Asc("price"), frame.Asc("id")).Head(17),
		"all": sales.Filter(frame.Col("qty").Gt(1)).GroupBy("product").Agg(frame.Sum("price"), frame.Count().As("n")).
			Join(products, frame.Inner, "product").Sort(frame.Desc("price"), frame.Asc("product")),
	}
}

var here = local.New(local.Options{Threads: 2})

// lines are the rows of a table as text; of a table without an order sorted.
func lines(t *frame.Table, sorted bool) []string {
	var out []string
	for i := range int(t.NumRows()) {
		var b strings.Builder
		for c, f := range t.Schema {
			fmt.Fprintf(&b, "%s|", frame.Word(t.Value(i, c), f.Type))
		}
		out = append(out, b.String())
	}
	if !sorted {
		slices.Sort(out)
	}
	return out
}

// question returns the query with everything in it over tables of this size, and its answer.
func question(t testing.TB, files, rows int) (q *frame.Frame, want *frame.Table) {
	t.Helper()
	sales, products := tables(t, files, rows)
	q = queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	return q, want
}

// same runs a query there and here and compares.
func same(t testing.TB, name string, f *frame.Frame, r graph.Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	want, err := f.Collect(ctx, here)
	if err != nil {
		t.Fatal(name, err)
	}
	got, err := f.Collect(ctx, r)
	if err != nil {
		t.Fatal(name, err)
	}
	compare(t, name, got, want)
}

func compare(t testing.TB, name string, got, want *frame.Table) {
	t.Helper()
	ordered := name == "sort" || name == "top" || name == "all"
	a, b := lines(got, ordered), lines(want, ordered)
	if len(b) == 0 || !slices.Equal(a, b) {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		t.Fatalf("%s: %d rows, want %d; first difference at %d: %q, want %q", name, len(a), len(b), at, pick(a, at), pick(b, at))
	}
}

func pick(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

func TestSameAsLocal(t *testing.T) {
	sales, products := tables(t, 6, 4000)
	qs := queries(sales, products)
	for _, n := range effort.Some(1, []int{3, 1}) {
		r := newRig(t, n, cluster.WorkerOptions{})
		for name, q := range qs {
			t.Run(fmt.Sprintf("%d/%s", n, name), func(t *testing.T) { same(t, name, q, r.c) })
		}
	}
}

// wide makes shuffles have many small readers.
func wide(p *optimize.Plan) {
	for i := range p.Graph.Layers {
		if l := &p.Graph.Layers[i]; l.Late() {
			l.Size.TargetBytes = 4 << 10
		}
	}
}

// TestWideShuffles has many readers of many blocks, in workers with so little
// memory that they spill; and one that dies.
func TestWideShuffles(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	sales, products := tables(t, 12, 6000)
	qs := queries(sales, products)
	r := newRig(t, 3, cluster.WorkerOptions{Threads: 2, Pool: 64 << 20})
	r.c.Tune(wide)
	for _, name := range effort.Some(3, []string{"group", "distinct", "sort", "all", "join"}) {
		before := r.s.Finished()
		same(t, name, qs[name], r.c)
		if n := r.s.Finished() - before; name != "join" && n < 12+8 {
			t.Errorf("%s: %d tasks only", name, n)
		}
	}
	want, err := qs["all"].Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "all", collectDuring(t, r, qs["all"], 16, func() { _ = r.workers[2].Close() }), want)
}
