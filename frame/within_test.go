package frame_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// edgy draws numbers that conditions find hard, of which not all fit type t.
func edgy(r *rand.Rand, t dtype.Type) any {
	switch n := r.IntN(20); {
	case n == 0:
		return nil
	case t.Kind.IsFloat() && n < 8:
		return []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 1e-300, -1e300}[n-1]
	case t.Kind == dtype.Int64 && n < 3:
		return []int64{math.MinInt64, math.MaxInt64}[n-1]
	}
	return int64(r.IntN(60))
}

// edges is a frame of n rows with columns a and b of type t.
func edges(t *testing.T, r *rand.Rand, to dtype.Type, n int) *frame.Frame {
	from := dtype.Of(dtype.Int64)
	if to.Kind.IsFloat() {
		from = dtype.Of(dtype.Float64)
	}
	var lines strings.Builder
	lines.WriteString("id,a,b\n")
	for i := range n {
		fmt.Fprintf(&lines, "%d", i)
		for range 2 {
			if v := edgy(r, to); v == nil {
				lines.WriteString(",")
			} else {
				fmt.Fprintf(&lines, ",%v", v)
			}
		}
		lines.WriteString("\n")
	}
	f := small(t, lines.String())
	a, b := frame.Col("a").TryCast(from).TryCast(to).As("a"), frame.Col("b").TryCast(from).TryCast(to).As("b")
	return f.Select("id", a, b)
}

// TestWithin: joins with comparisons as conditions give what they give when nothing
// is known of the condition, for every type and comparison.
func TestWithin(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	engines := []*local.Runner{
		local.New(local.Options{Threads: 1, Pool: 64 << 20, SpillDir: t.TempDir()}),
		local.New(local.Options{Threads: 8, Pool: 64 << 20, SpillDir: t.TempDir()}),
	}
	for _, e := range engines {
		defer e.Close()
	}
	compare := []func(a, b expr.Expr) expr.Expr{
		func(a, b expr.Expr) expr.Expr { return a.Lt(b) }, func(a, b expr.Expr) expr.Expr { return a.Le(b) },
		func(a, b expr.Expr) expr.Expr { return a.Gt(b) }, func(a, b expr.Expr) expr.Expr { return a.Ge(b) },
		func(a, b expr.Expr) expr.Expr { return a.Ne(b) },
	}
	columns := []string{"id", "a", "b", "id_right", "a_right", "b_right"}
	for i, name := range []string{"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "date", "timestamp[us, UTC]",
		"time[ms]", "duration[ns]", "decimal(10, 2)", "utf8"} {
		to, err := dtype.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		for round := range effort.Of(12, 3) {
			left, right := edges(t, r, to, r.IntN(300)), edges(t, r, to, r.IntN(300))
			var where []expr.Expr
			for range 1 + r.IntN(3) {
				x, y := frame.Col(columns[1+r.IntN(2)]), frame.Col(columns[4+r.IntN(2)])
				if r.IntN(2) == 0 {
					x, y = y, x
				}
				where = append(where, compare[r.IntN(len(compare))](x, y))
			}
			on := frame.JoinOn{Kind: []frame.JoinKind{frame.Inner, frame.Left, frame.Anti, frame.Full}[r.IntN(4)], Where: expr.AndAll(where)}
			switch r.IntN(4) {
			case 0: // few rows of many keys
				k := frame.Col("id").Mod(r.IntN(40) + 1).As("k")
				left, right, on.On = left.WithColumns(k), right.WithColumns(k), []string{"k"}
			case 1: // many rows of few keys, null among them
				k := frame.If(frame.Col("id").Mod(7).Eq(0)).Then(expr.Null(dtype.Of(dtype.Int64))).Else(frame.Col("id").Mod(3)).As("k")
				left, right, on.On = left.WithColumns(k), right.WithColumns(k.Add(1).Cast(dtype.Int32).As("k")), []string{"k"}
				where = append(where, frame.Col("k").Lt(frame.Col("id_right")))
				on.Where = expr.AndAll(where)
			case 2: // keys that are compared, too
				on.Left, on.Right = []string{"a"}, []string{"b"}
			}
			hidden := on
			hidden.Where = frame.If(on.Where).Then(true).Else(false)
			want := sorted(collect(t, left.JoinOn(right, hidden), engines[0]))
			for _, e := range engines {
				if got := sorted(collect(t, left.JoinOn(right, on), e)); !slices.Equal(got, want) {
					t.Fatalf("%s (%d, %d): %s join where %s: %d rows, want %d", name, i, round, on.Kind, on.Where, len(got), len(want))
				}
			}
		}
	}
}

// TestWithinKeys: the condition of a join with keys is an index, too; it does not take a
// left column for the right key that is called so in joins without a suffix.
func TestWithinKeys(t *testing.T) {
	left := small(t, "k,k_right,at\n1,5,10\n1,0,20\n2,5,10\n")
	right := small(t, "k,from\n1,5\n1,15\n2,15\n1,\n")
	on := frame.JoinOn{On: []string{"k"}, Where: frame.Col("from").Lt(frame.Col("at"))}
	if plan, err := left.JoinOn(right, on).Explain(t.Context(), runner(t)); err != nil || !strings.Contains(plan.String(), "within at > from") {
		t.Errorf("no index in the plan (%v):\n%s", err, plan)
	}
	got := sorted(collect(t, left.JoinOn(right, on), runner(t)))
	if want := []string{"[1 0 20 15]", "[1 0 20 5]", "[1 5 10 5]"}; !slices.Equal(got, want) {
		t.Errorf("rows are %v, want %v", got, want)
	}
	on.Where = frame.Col("at").Gt(frame.Col("k_right")).And(frame.Col("k_right").Ge(frame.Col("from")))
	got = sorted(collect(t, left.JoinOn(right, on), runner(t)))
	if want := []string{"[1 5 10 5]"}; !slices.Equal(got, want) {
		t.Errorf("rows are %v, want %v", got, want)
	}
}

// sorted are the rows of a table as text, in order.
func sorted(x *frame.Table) (out []string) {
	for i := range int(x.NumRows()) {
		out = append(out, fmt.Sprint(x.Row(i)))
	}
	slices.Sort(out)
	return out
}
