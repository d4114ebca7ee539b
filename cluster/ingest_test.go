package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/graph"
)

// An asked is a runner that notes what it is asked for.
type asked struct{ q graph.Request }

var errAsked = errors.New("noted")

func (a *asked) Start(_ context.Context, q graph.Request) (graph.Job, error) {
	a.q = q
	return nil, errAsked
}

// BenchmarkIngest is the time from a client's request to the scheduler's having admitted its tasks: optimized, encoded,
// sent, decoded, checked, expanded, and known to whoever asks. There is no worker, so that nothing of it runs.
func BenchmarkIngest(b *testing.B) {
	random := array.Random(1)
	for _, n := range []int{1000, 3163} { // squared
		row := random.Uniform(0, 1, []int{8 * n * n}, array.Chunks(8))
		square := random.Uniform(0, 1, []int{2 * n, 2 * n}, array.Chunks(2, 2))
		b.Run(fmt.Sprint("sum/", n*n), func(b *testing.B) { ingest(b, row.Mul(2).Sum()) })
		b.Run(fmt.Sprint("transpose/", n*n), func(b *testing.B) { ingest(b, square.Transpose().Sum(0)) })
	}
}

func ingest(b *testing.B, x *array.Array) {
	ctx := context.Background()
	var to asked
	if _, err := array.Collect[float64](ctx, &to, x); !errors.Is(err, errAsked) {
		b.Fatal(err)
	}
	r := listen(b, cluster.SchedulerOptions{})
	c := r.dial(b, cluster.Options{Wait: -1})
	tasks, bytes, used := int64(0), uint64(0), time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		before, start := live(), cpu()
		b.StartTimer()
		j, err := c.Start(ctx, to.q)
		if err != nil {
			b.Fatal(err)
		}
		st, err := c.State(ctx)
		if err != nil || len(st.Jobs) != 1 {
			b.Fatal(err, len(st.Jobs))
		}
		b.StopTimer()
		used += cpu() - start
		for _, l := range st.Jobs[0].Layers {
			tasks += int64(l.N)
		}
		bytes += live() - before
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
		for len(st.Jobs) > 0 {
			if st, err = c.State(ctx); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(bytes)/float64(tasks), "B/task")
	b.ReportMetric(float64(tasks)/float64(b.N), "tasks")
	b.ReportMetric(float64(used.Microseconds())/1e3/float64(b.N), "cpu-ms")
}

// live is how many bytes are in use.
func live() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
