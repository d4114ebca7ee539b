package cluster_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/optimize"
)

// A kernel is a plan whose time goes into one operator of the house.
type kernel struct {
	name string
	wide bool // of one block, which must fit
	run  func(ctx context.Context, r graph.Runner) error
}

// kernels are those of n rows and of matrices of side × side.
func kernels(t testing.TB, n, side int) []kernel {
	ctx, dir := context.Background(), t.TempDir()
	numbers := func(key uint64, shape ...int) *array.Array {
		return array.Random(key).Uniform(0, 1, shape, array.Chunks(-1))
	}
	rows := frame.FromArray(numbers(1, n, 3), "a", "b", "c").WithColumns(frame.Col("a").Mul(n / 4).Floor().As("k"))
	other := frame.FromArray(numbers(2, n/4, 2), "a", "d").WithColumns(frame.Col("a").Mul(n / 4).Floor().As("k"))
	csv, zstd, gzip := filepath.Join(dir, "rows.csv"), filepath.Join(dir, "zstd.parquet"), filepath.Join(dir, "gzip.parquet")
	_, err := rows.WriteCSV(ctx, here, csv)
	for path, codec := range map[string]string{zstd: "zstd", gzip: "gzip"} {
		_, e := rows.WriteParquetWith(ctx, here, path, frame.ParquetOptions{Codec: codec})
		err = errors.Join(err, e)
	}
	if err != nil {
		t.Fatal(err)
	}
	table := func(name string, f *frame.Frame) kernel {
		return kernel{name, false, func(ctx context.Context, r graph.Runner) error { _, err := f.Count(ctx, r); return err }}
	}
	block := func(name string, x *array.Array) kernel {
		return kernel{name, true, func(ctx context.Context, r graph.Runner) error { _, err := x.Max().Compute(ctx, r); return err }}
	}
	often := func(f *frame.Frame) *frame.Frame { // different each time: else it would be read once
		var all []*frame.Frame
		for i := range 40 {
			all = append(all, f.Filter(frame.Col("b").Gt(frame.Col("c")), frame.Col("a").Gt(0.01*float64(i))))
		}
		return all[0].Concat(all[1:]...)
	}
	square, line := numbers(3, side, side), numbers(4, 4*n)
	over := frame.Over{By: []string{"k"}, Order: []any{"b"}}
	read := frame.ReadParquet(zstd)
	return []kernel{
		table("group", read.Concat(read, read, read).GroupBy("k").Agg(frame.Sum("b"), frame.Median("c")).Filter(frame.Col("b").Gt(0))),
		table("lists", read.Concat(read, read, read).GroupBy("k").Agg(frame.List("b").As("l"), frame.ArgMin("a", "c").As("m")).Filter(frame.Col("l").List().Len().Gt(0))),
		table("modes", read.Concat(read, read, read).WithColumns(frame.Col("b").Mul(50).Floor()).GroupBy("b").Agg(frame.Mode("k").As("m")).Filter(frame.Col("m").Ge(0))),
		table("sort", read.Concat(read, read, read).Sort("b").Filter(frame.Col("b").Gt(frame.Col("c"))).WithRowIndex("i").Filter(frame.Col("i").Gt(5))),
		table("join", read.Join(other, frame.Inner, "k").Filter(frame.Col("d").Gt(frame.Col("b")))),
		table("window", read.Window(over, frame.Rank().As("r")).Filter(frame.Col("r").Gt(1))),
		table("as of", read.JoinAsOf(other, frame.AsOf{On: "a"}).Filter(frame.Col("d").Gt(frame.Col("b")))),
		table("csv", frame.ReadCSV(csv).Filter(frame.Col("b").Gt(frame.Col("c")))),
		table("zstd", often(read)),
		table("gzip", often(frame.ReadParquet(gzip))),
		block("product", square.MatMul(square)),
		block("transform", line.FFT(0).Abs()),
		block("order", line.ArgSort(0)),
		block("distinct", line.Unique()),
	}
}

// soon is how much is computed at most from the end of a job until its kernels have heard of it.
const soon = 50 * time.Millisecond

// TestKernelsEndSoon: from the end of a job at any point until the slot and the memory of the worker are free no more is computed
// than in 50 ms, least of a few times: a collection of garbage may come in between.
func TestKernelsEndSoon(t *testing.T) {
	if b, ok := debug.ReadBuildInfo(); testing.Short() || !ok || slices.Contains(b.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("the race detector computes too")
	}
	r := newRig(t, 1, cluster.WorkerOptions{Threads: 1, Pool: 1 << 30})
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, k := range kernels(t, 1<<20, 1800) {
		t.Run(k.name, func(t *testing.T) {
			start := cpu()
			if err := k.run(context.Background(), r.c); err != nil {
				t.Fatal(err)
			}
			full := cpu() - start
			for range 3 { // points of the job
				point, least := time.Duration(rnd.Float64()*0.8*float64(full)), time.Duration(1<<62)
				for try := 0; try < 3 && least > soon; try++ {
					ctx, cancel := context.WithCancel(context.Background())
					done := make(chan error, 1)
					start := cpu()
					go func() { done <- k.run(ctx, r.c) }()
					for len(done) == 0 && cpu()-start < point {
						time.Sleep(100 * time.Microsecond)
					}
					end := cpu()
					cancel()
					<-done
					until(t, "the worker is idle", func() bool { return r.idle() && r.s.State().Workers[0].Busy == 0 })
					least = min(least, cpu()-end)
				}
				if least > soon {
					t.Errorf("given up after %v of %v: %v were computed after that", point, full, least)
				}
			}
		})
	}
}

// TestKernelsAreEnded: when the client gives up a job, or the time of its tasks is over, what they are at ends long before
// it would, and the slot and the memory of the worker are free. How long is counted in computing, against the whole job, so
// that it does not depend on what else the machine does.
func TestKernelsAreEnded(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for some seconds")
	}
	spilling := newRig(t, 1, cluster.WorkerOptions{Threads: 1, Pool: 40 << 20})
	wide := newRig(t, 1, cluster.WorkerOptions{Threads: 1, Pool: 1 << 30})
	ctx := context.Background()
	for _, k := range kernels(t, 1<<20, 1800) {
		t.Run(k.name, func(t *testing.T) {
			r := spilling
			if k.wide {
				r = wide
			}
			full := time.Duration(1 << 62)
			for range 2 { // the first time memory is new
				start := cpu()
				if err := k.run(ctx, r.c); err != nil {
					t.Fatal(err)
				}
				full = min(full, cpu()-start)
			}
			until(t, "the worker is idle", r.idle)
			for _, how := range []string{"given up", "time-out"} {
				start, done := cpu(), make(chan error, 1)
				live, cancel := context.WithCancel(ctx)
				if how == "time-out" {
					r.c.Tune(func(p *optimize.Plan) {
						for i := range p.Graph.Layers {
							p.Graph.Layers[i].Retry.TimeOut = time.Millisecond
						}
					})
				}
				go func() { done <- k.run(live, r.c) }()
				if how == "given up" {
					until(t, "it is at work", func() bool { return cpu()-start > full/5 })
					cancel()
				}
				switch err := <-done; {
				case how == "given up" && !errors.Is(err, context.Canceled):
					t.Error(how, err)
				case how == "time-out" && (err == nil || !strings.Contains(err.Error(), "time-out of 1ms passed")):
					t.Error(how, err)
				}
				until(t, "the worker is idle", func() bool { return r.idle() && r.s.State().Workers[0].Busy == 0 })
				if spent := cpu() - start; spent > full*4/5 {
					t.Errorf("%s: %v of %v were computed", how, spent, full)
				}
				cancel()
				r.c.Tune(nil)
			}
		})
	}
}

// BenchmarkEnd is the time from the end of a client's context, at any point of a job, until the slot and the memory of the
// worker are free, and what the processors computed in it: that hardly depends on what else the machine does.
func BenchmarkEnd(b *testing.B) {
	r := newRig(b, 1, cluster.WorkerOptions{Threads: 1, Pool: 3 << 30})
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, k := range kernels(b, 1<<22, 4096) {
		b.Run(k.name, func(b *testing.B) {
			start := time.Now()
			if err := k.run(context.Background(), r.c); err != nil {
				b.Fatal(err)
			}
			full := time.Since(start)
			var most, all, spent time.Duration
			for b.Loop() {
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error, 1)
				go func() { done <- k.run(ctx, r.c) }()
				time.Sleep(time.Duration(rnd.Float64() * 0.9 * float64(full)))
				start, before := time.Now(), cpu()
				cancel()
				<-done
				until(b, "the worker is idle", r.idle)
				d := time.Since(start)
				all, most, spent = all+d, max(most, d), max(spent, cpu()-before)
			}
			b.ReportMetric(float64(spent.Microseconds())/1e3, "cpu-ms-most")
			b.ReportMetric(float64(all.Microseconds())/1e3/float64(b.N), "ms/end")
			b.ReportMetric(float64(most.Microseconds())/1e3, "ms-most")
		})
	}
}
