package cluster_test

import (
	"context"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
)

// BenchmarkWorkerToWorker moves half a GB of an array from one worker to another, which is what
// retiring is: fetched, checked, and stored within the budget, in memory that was
// used before.
func BenchmarkWorkerToWorker(b *testing.B) {
	ctx := context.Background()
	numbers := func(n int) *array.Array { return array.Random(1).Uniform(0, 1, []int{n}, array.Chunks(8<<20)) }
	var moved, total int64
	for b.Loop() {
		b.StopTimer()
		r := newRig(b, 2, cluster.WorkerOptions{Threads: 1, Pool: 4 << 30})
		for _, n := range []int{256 << 20, 128 << 20} {
			if _, err := r.c.Persist(ctx, "x", numbers(n)); err != nil {
				b.Fatal(err)
			}
			if n == 256<<20 {
				if err := r.c.Release(ctx, "x"); err != nil {
					b.Fatal(err)
				}
			}
		}
		to := r.workers[1].Node().Pool()
		had, start := to.Used(), cpu()
		b.StartTimer()
		if err := r.workers[0].Retire(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		total += int64(cpu() - start)
		moved += to.Used() - had
		_ = r.workers[1].Close()
		b.StartTimer()
	}
	b.SetBytes(moved / int64(b.N))
	b.ReportMetric(float64(total)/1e6/float64(moved)*1e9, "cpu-ms/GB")
}
