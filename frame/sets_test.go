package frame_test

import (
	"errors"
	"math"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestSetsOfManyRows: Union, Intersect and Except of tables with nulls, NaN, both zeros and rows that are there many times, of keys of
// every kind, are what counts of the rows of either side say, whatever the threads and the memory.
func TestSetsOfManyRows(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	n := effort.Of(30_000, 6_000)
	for name, sides := range map[string][2]*frame.Frame{
		"mostly different": {setSide(0, n, 1, n), setSide(n/3, 2*n, 2, 2*n)},
		"mostly equal":     {setSide(0, n, 1, 97), setSide(0, n, 1, 60)},
		"nothing right":    {setSide(0, n, 3, n), setSide(0, n, 1, n).Filter(expr.Lit(false))},
		"one row left":     {setSide(n/2, n/2+1, 1, n), setSide(0, n, 1, n)},
	} {
		for _, cols := range effort.Some(3, [][]any{{"i"}, {"f"}, {"s"}, {"s", "i"}, {"i", "f", "s"}}) {
			l, r := sides[0].Select(cols...), sides[1].Select(cols...)
			var want [3]map[string]int
			for _, o := range effort.Some(2, []local.Options{{Threads: 1, Pool: 1 << 30}, {Threads: 2, Pool: 24 << 20}, {Threads: 8, Pool: 24 << 20}}) {
				o.SpillDir = t.TempDir()
				run := local.New(o)
				count := func(f *frame.Frame) map[string]int {
					tab, err := f.Collect(t.Context(), run)
					if err != nil {
						t.Fatal(name, cols, err)
					}
					rows := map[string]int{}
					for k := range int(tab.NumRows()) {
						row := make([]any, len(cols))
						for c := range row {
							row[c] = tab.Value(k, c)
						}
						rows[key(row...)]++
					}
					return rows
				}
				if want[0] == nil {
					a, b := count(l), count(r)
					want = [3]map[string]int{{}, {}, {}}
					for row := range a {
						want[0][row] = 1
						if b[row] > 0 {
							want[1][row] = 1
						} else {
							want[2][row] = 1
						}
					}
					for row := range b {
						want[0][row] = 1
					}
				}
				for k, got := range []map[string]int{count(l.Union(r)), count(l.Intersect(r)), count(l.Except(r))} {
					if !sameCounts(got, want[k]) {
						t.Errorf("%s, %v, %d threads: set %d has %d rows, want %d, each once", name, cols, o.Threads, k, len(got), len(want[k]))
					}
				}
				if err := run.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// setSide has rows from, from+step … below to, modulo kinds.
func setSide(from, to, step, kinds int) *frame.Frame {
	i, f, n := frame.Col("i"), frame.Col("f"), frame.Col("n")
	odd := expr.If(i.Mod(7).Eq(0)).Then(math.NaN()).ElseIf(i.Mod(7).Eq(1)).Then(math.Copysign(0, -1)).ElseIf(i.Mod(7).Eq(2)).Then(0.0).Else(f)
	return frame.FromColumns(frame.Values("one", []int64{0})).WithColumns(expr.ListRange(0, (to-from+step-1)/step).As("n")).Explode("n").
		Select(n.Mul(step).Add(from).Mod(kinds).As("i")).WithColumns(i.Mul(0.5).As("f")).
		WithColumns(odd.As("f"), expr.ConcatWS("", "the name of thing ", i.Cast(dtype.Of(dtype.Utf8))).As("s")).
		WithColumns(expr.If(i.Mod(5).Eq(0)).Then(nil).Else(frame.Col("s")).As("s"), expr.If(i.Mod(11).Eq(0)).Then(nil).Else(i).As("i"))
}

// TestSetsOnDisk: sets that do not fit the memory are those that do.
func TestSetsOnDisk(t *testing.T) {
	effort.Long(t, "fills memory until it spills")
	n := effort.Of(200_000, 130_000)
	l, r := setSide(0, n, 1, n), setSide(n/3, 2*n, 2, 2*n)
	for name, f := range map[string]*frame.Frame{"union": l.Union(r), "intersect": l.Intersect(r), "except": l.Except(r)} {
		var want uint64
		for _, o := range effort.Some(2, []local.Options{{Threads: 2, Pool: 1 << 30}, {Threads: 1, Pool: 24 << 20}, {Threads: 8, Pool: 24 << 20}}) {
			o.SpillDir = t.TempDir()
			run := local.New(o)
			got, rows, err := sum(f, run)
			spilled := run.Node().Spilled()
			if err = errors.Join(err, run.Close()); err != nil {
				t.Fatalf("%s, %+v: %v", name, o, err)
			}
			if want == 0 {
				want = got
			}
			if got != want || rows == 0 || (spilled > 0) != (o.Pool < 1<<30) {
				t.Errorf("%s, %+v: checksum %x of %d rows, want %x; %d bytes spilled", name, o, got, rows, want, spilled)
			}
		}
	}
}

func sameCounts(a, b map[string]int) bool {
	for k, n := range a {
		if b[k] != n {
			return false
		}
	}
	return len(a) == len(b)
}

// TestSetsOfNothing: a column of nulls of no type has one value, though its rows take no bytes.
func TestSetsOfNothing(t *testing.T) {
	f := setSide(0, 5000, 1, 5000).Select(expr.Lit(nil).As("n"))
	for name, f := range map[string]*frame.Frame{"distinct": f.Distinct(), "union": f.Union(f), "intersect": f.Intersect(f)} {
		n, err := f.Count(t.Context(), runner(t))
		if err != nil || n != 1 {
			t.Errorf("%s: %d rows, %v; want 1", name, n, err)
		}
	}
}
