package frame_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	warray "github.com/weft-data/weft/array"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestFoundApart: the values of groups that are large, whose plans are of their own, beside what is computed in plain Go;
// of two columns at once and beside other aggregates, in memory that holds the pairs and in such that does not.
func TestFoundApart(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	ctx, c := context.Background(), frame.Col
	const rows = 400_000
	i64, text := dtype.Of(dtype.Int64), dtype.Of(dtype.Utf8)
	here := local.New(local.Options{Threads: 2, SpillDir: t.TempDir()})
	defer here.Close()
	file := filepath.Join(t.TempDir(), "pairs.parquet")
	of := func(col string, n int) expr.Expr { return c(col).Mul(n).Floor().Cast(i64) }
	made := frame.FromArray(warray.Random(3).Uniform(0, 1, []int{rows, 3}, warray.Chunks(rows/4, 3)), "a", "b", "c").
		Select(of("a", 3).As("g"), of("b", 90_000).As("x"), expr.If(c("c").Gt(0.3)).Then(of("c", 60_000).Cast(text)).Else(nil).As("s"), of("c", 100).As("y"))
	if _, err := made.WriteParquet(ctx, here, file); err != nil {
		t.Fatal(err)
	}
	aggs := []frame.Aggregate{frame.CountDistinct("x").As("xs"), frame.CountDistinct("s").As("ss"), frame.Mode("s").As("most"), frame.Sum("y").As("y"), frame.First("x").As("x")}
	read := frame.ReadParquet(file)
	all, err := read.Collect(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range effort.Some(1, [][]any{{"g"}, nil}) {
		q := read.GroupBy(by...).Agg(aggs...)
		if plan, err := q.Explain(ctx, here); err != nil || !strings.Contains(fmt.Sprint(plan), "group.found") {
			t.Fatalf("%v: %v\n%v", by, err, plan)
		}
		want := foundHere(all, len(by) > 0)
		for _, o := range effort.Some(2, []local.Options{{Threads: 1}, {Threads: 8}, {Threads: 2, Memory: 64 << 20}}) {
			o.SpillDir = t.TempDir()
			r := local.New(o)
			got, err := q.Collect(ctx, r)
			if err != nil {
				t.Fatalf("%v %+v: %v", by, o, err)
			}
			var lines []string
			for i := range int(got.NumRows()) {
				lines = append(lines, fmt.Sprint(got.Row(i)...))
			}
			slices.Sort(lines)
			if !slices.Equal(lines, want) {
				t.Errorf("%v %+v:\n%v\nwant\n%v", by, o, lines, want)
			}
			r.Close()
		}
	}
}

// TestFoundInPieces: tables one after the other are read where they are.
func TestFoundInPieces(t *testing.T) {
	ctx, c := context.Background(), frame.Col
	r := local.New(local.Options{Threads: 2, SpillDir: t.TempDir()})
	defer r.Close()
	part := frame.FromArray(warray.Arange(0, 300_000, 1).Reshape(-1, 1), "x").Select(c("x").Mod(1000).As("x"), c("x").Mod(70_000).As("y"))
	q := part.Concat(part.Select(c("x").Add(500).As("x"), "y")).GroupBy().Agg(frame.CountDistinct("x").As("xs"), frame.Mode("x").As("most"), frame.CountDistinct("y").As("ys"), frame.Count().As("n"))
	plan, err := q.Explain(ctx, r)
	if n := strings.Count(fmt.Sprint(plan), "group.apart"); err != nil || n != 2 {
		t.Fatalf("read in %d places, %v:\n%v", n, err, plan)
	}
	got, err := q.Collect(ctx, r)
	if err != nil || fmt.Sprint(got.Row(0)...) != fmt.Sprint(1500, 500, 70_000, 600_000) {
		t.Errorf("%v, %v", got, err)
	}
}

// foundHere is what TestFoundApart asks for, sorted.
func foundHere(all *frame.Table, keyed bool) (lines []string) {
	type group struct {
		xs    map[any]bool
		ss    map[any]int
		y     int64
		first any
	}
	groups := map[any]*group{}
	for i := range int(all.NumRows()) {
		k := any(nil)
		if keyed {
			k = all.Value(i, 0)
		}
		g := groups[k]
		if g == nil {
			g = &group{map[any]bool{}, map[any]int{}, 0, all.Value(i, 1)}
			groups[k] = g
		}
		g.xs[all.Value(i, 1)] = true
		if s := all.Value(i, 2); s != nil {
			g.ss[s]++
		}
		g.y += all.Value(i, 3).(int64)
	}
	for k, g := range groups {
		best, most := "", 0
		for s, n := range g.ss {
			if s := s.(string); n > most || n == most && s < best {
				best, most = s, n
			}
		}
		row := []any{len(g.xs), len(g.ss), best, g.y, g.first}
		if keyed {
			row = append([]any{k}, row...)
		}
		lines = append(lines, fmt.Sprint(row...))
	}
	slices.Sort(lines)
	return lines
}
