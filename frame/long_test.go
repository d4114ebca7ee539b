package frame_test

import (
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// Sums of floats are the same bits whether the rows come in whole morsels or in what long values beside them leave of these.
func TestBitsBesideLongValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rows = 20_000
	x, k := make([]float64, rows), make([]int64, rows)
	for i := range x {
		x[i], k[i] = r.NormFloat64()*math.Exp(5*r.NormFloat64()), r.Int64N(50)
	}
	in := frame.FromColumns(frame.Values("x", x), frame.Values("k", k))
	text := frame.Col("k").Cast(dtype.Of(dtype.Utf8)).Str().Repeat(frame.Col("k").Mul(frame.Col("k"))) // 7 MB of 4096 rows
	long := in.WithColumns(text.As("t")).WithColumns(expr.If(frame.Col("t").Str().Len().Ge(0)).Then(frame.Col("x")).Else(0.0).As("x")).Select("x", "k")
	names := []string{"sum", "mean", "std", "corr", "skew", "near"}
	for _, by := range [][]any{{}, {"k"}} {
		var want [][]uint64
		for _, f := range []*frame.Frame{in, long} {
			run := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
			f = f.WithColumns(frame.Col("x").Mul(frame.Col("x")).As("y")).GroupBy(by...).Agg(frame.Sum("x").As("sum"), frame.Mean("x").As("mean"), frame.Std("x").As("std"),
				frame.Corr("x", "y").As("corr"), frame.Skew("x").As("skew"), frame.ApproxQuantile("x", 0.3).As("near"))
			if len(by) > 0 {
				f = f.Sort("k")
			}
			tab, err := f.Collect(t.Context(), run)
			if err = errors.Join(err, run.Close()); err != nil {
				t.Fatal(err)
			}
			var got [][]uint64
			for _, name := range names {
				var bits []uint64
				col, err := frame.Column[float64](tab, name)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range col {
					bits = append(bits, math.Float64bits(v))
				}
				got = append(got, bits)
			}
			if want == nil {
				want = got
			}
			for i, name := range names {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%s by %v: %x, want %x", name, by, got[i], want[i])
				}
			}
		}
	}
}

// longJobs make texts and lists of hundreds of megabytes of a morsel, in all places where something is computed.
func longJobs() map[string]*frame.Frame {
	ids := make([]int64, 1000)
	for i := range ids {
		ids[i] = int64(i)
	}
	in, i := frame.FromColumns(frame.Values("i", ids)), frame.Col("i")
	list, text := expr.ListRange(i, i.Add(25_000)), i.Cast(dtype.Of(dtype.Utf8)).Str().PadStart(200_000, "x")
	many := in.Select(i, expr.ListRange(0, 8).As("n")).Explode("n").WithColumns(i.Cast(dtype.Of(dtype.Utf8)).Str().PadStart(60_000, "x").As("t"))
	return map[string]*frame.Frame{
		"list":    in.WithColumns(list.As("l")).WithColumns(frame.Col("l").List().Sum().As("n")).GroupBy().Agg(frame.Sum("n")),
		"explode": in.Select(list.As("l")).Explode("l").GroupBy().Agg(frame.Sum("l")),
		"where":   in.Filter(text.Str().EndsWith("7")).GroupBy().Agg(frame.Sum("i")),
		"key":     in.GroupBy(text.Str().Right(2).As("k")).Agg(frame.Max(text.Str().Len()).As("n")).Sort("k"),
		"join":    in.WithColumns(text.Str().Right(3).As("k")).Join(in.Select(list.List().Len().Add(i).Cast(dtype.Of(dtype.Utf8)).Str().Right(3).As("k")), frame.Semi, "k"),
		"sort":    many.Sort(frame.Desc("n"), frame.Asc("i")),
		"sort by": many.Sort("t", "n"),
		"collect": many.WithColumns(i.Mod(64).As("k")).GroupBy("k").Agg(frame.StringJoin("t", "").As("j"), frame.List("t").As("l")).
			Select(frame.Col("j").Str().Len().As("j"), frame.Col("l").List().Len().As("l")),
		"split": in.Select(text.Str().Split("").List().Concat(text.Str().Split("")).List().Join(",").Str().Len().As("n")).Head(200),
	}
}

// TestMemoryOfLongValues runs plans in a process of their own and looks at the highest resident size it had.
func TestMemoryOfLongValues(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the highest resident size is read from /proc")
	}
	if testing.Short() {
		t.Skip("computes gigabytes")
	}
	const budget = 256 << 20
	jobs := longJobs()
	if job := os.Getenv("WEFT_LONG_JOB"); job != "" {
		r := local.New(local.Options{Threads: 2, Memory: budget, SpillDir: t.TempDir()})
		defer r.Close()
		_, rows, err := sum(jobs[job], r)
		if err != nil {
			t.Fatal(err)
		}
		printPeak(t, rows, r.Node().Spilled())
		return
	}
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		peak := peakOf(t, "TestMemoryOfLongValues", "WEFT_LONG_JOB="+job)
		t.Logf("%s: peak %d MiB of a budget of %d MiB", job, peak>>20, int64(budget)>>20)
		if peak > budget*115/100 {
			t.Errorf("%s: peak %d MiB is more than 1.15 × %d MiB", job, peak>>20, int64(budget)>>20)
		}
	}
}
