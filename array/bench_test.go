package array_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/vec"
	"github.com/weft-data/weft/sched/local"
)

// run computes x b.N times on a warm runner; bytes are what must be read.
func run(b *testing.B, x *array.Array, bytes int64) {
	r := local.New(local.Options{Threads: 1})
	defer r.Close()
	defer cost(b, bytes)()
	for b.Loop() {
		if _, err := x.Compute(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}

// cost reports bytes per second of processor time, which other processes of the
// machine touch less than wall time.
func cost(b *testing.B, bytes int64) func() {
	cpu := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := cpu()
	return func() {
		t := float64(cpu()-start) / float64(b.N)
		b.ReportMetric(float64(bytes)/t, "GB/cpu-s")
		b.ReportMetric(t/1e6, "cpu-ms/op")
	}
}

var pool = mem.NewPool(0)

func full(n int) []float64 {
	v := chunk.Slice[float64](pool.Alloc(8*n), n) // of huge pages, as blocks of the engine are
	for i := range v {
		v[i] = float64(i%1000) + 0.5
	}
	return v
}

// BenchmarkRead is the bandwidth that the others are to be compared with.
func BenchmarkRead(b *testing.B) {
	v := full(32 << 20)
	sum := vec.Reduce[float64](vec.Sum)
	defer cost(b, int64(8*len(v)))()
	s := 0.0
	for b.Loop() {
		for i := 0; i < len(v); i += 1 << 15 {
			s += sum(v[i : i+1<<15])
		}
	}
	_ = s
}

func BenchmarkSumSqrt(b *testing.B) {
	n := 16 << 20
	x, y := array.FromSlice(full(n), []int{n}, array.Chunks(1<<20)), array.FromSlice(full(n), []int{n}, array.Chunks(1<<20))
	run(b, x.Mul(x).Add(y.Mul(y)).Sqrt().Sum(), int64(16*n))
}

func BenchmarkSumSqrtSin(b *testing.B) {
	n := 16 << 20
	x, y := array.FromSlice(full(n), []int{n}, array.Chunks(1<<20)), array.FromSlice(full(n), []int{n}, array.Chunks(1<<20))
	run(b, x.Mul(x).Add(y.Mul(y)).Sqrt().Add(x.Sin()).Sum(), int64(16*n))
}

func BenchmarkTiny(b *testing.B) {
	x := array.FromSlice(full(100_000), []int{100_000}, array.Chunks(10))
	run(b, x.Mul(2).Add(1).Sum(), 0)
}

const side = 4096

func square() *array.Array {
	return array.FromSlice(full(side*side), []int{side, side}, array.Chunks(1024))
}

func BenchmarkMean0(b *testing.B) { run(b, square().Mean(0), 8*side*side) }
func BenchmarkMean1(b *testing.B) { run(b, square().Mean(1), 8*side*side) }
func BenchmarkStd0(b *testing.B)  { run(b, square().Std(0, 0), 8*side*side) }
func BenchmarkStd1(b *testing.B)  { run(b, square().Std(0, 1), 8*side*side) }

func BenchmarkSumTransposed(b *testing.B) {
	x := square()
	run(b, x.Add(x.T()).Sum(), 16*side*side)
}

func BenchmarkStore(b *testing.B) {
	x := square()
	run(b, x.Add(1), 16*side*side)
}

func BenchmarkSum(b *testing.B) {
	n := 16 << 20
	run(b, array.FromSlice(full(n), []int{n}, array.Chunks(1<<20)).Sum(), int64(8*n))
}

func BenchmarkMean1Rows(b *testing.B) {
	run(b, array.FromSlice(full(side*side), []int{side, side}, array.Chunks(256, -1)).Mean(1), 8*side*side)
}
