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

const side = 4000

func square() *array.Array {
	return array.FromSlice(full(side*side), []int{side, side}, array.Chunks(1000))
}

func BenchmarkMean0(b *testing.B) { run(b, square().Mean(0), 8*side*side) }
func BenchmarkMean1(b *testing.B) { run(b, square().Mean(1), 8*side*side) }
func BenchmarkStd0(b *testing.B)  { run(b, square().Std(0, 0), 8*side*side) }
func BenchmarkStd1(b *testing.B)  { run(b, square().Std(0, 1), 8*side*side) }

func BenchmarkArgMax0Ties(b *testing.B) { run(b, square().ArgMax(0), 8*side*side) }
func BenchmarkArgMax0(b *testing.B)     { run(b, noise().ArgMax(0), 8*side*side) }
func BenchmarkNanArgMax0(b *testing.B)  { run(b, noise().NanArgMax(0), 8*side*side) }
func BenchmarkNanArgMax1(b *testing.B)  { run(b, noise().NanArgMax(1), 8*side*side) }

// noise is a square of elements in no order.
func noise() *array.Array {
	v := full(side * side)
	for i := range v {
		v[i] = float64(uint32(i) * 2654435761)
	}
	return array.FromSlice(v, []int{side, side}, array.Chunks(1000))
}

func BenchmarkSumTransposed(b *testing.B) {
	x := square()
	run(b, x.Add(x.T()).Sum(), 16*side*side)
}

func BenchmarkStoreTransposed(b *testing.B) { run(b, square().T(), 16*side*side) }

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

func BenchmarkEinsumVector(b *testing.B) {
	v := array.FromSlice(full(side), []int{side}, array.Chunks(1000))
	run(b, array.Einsum("i,ij->j", v, square().Sub(1)), 8*side*side)
}

// BenchmarkReadZarr keeps an array of four axes as it is read: blocks of many chunks, one behind the other, and of chunks
// side by side.
func BenchmarkReadZarr(b *testing.B) {
	r := local.New(local.Options{Threads: 1})
	defer r.Close()
	ctx, folder := context.Background(), b.TempDir()+"/x.zarr"
	x := array.Random(1).Normal(280, 9, []int{256, 2, 120, 180}, array.Of(array.Float32), array.Chunks(32, 1, -1, -1)).Mul(50).Round().Div(50)
	if err := x.WriteZarr(ctx, r, folder, array.ZarrOptions{Version: 2, Codec: "lz4"}); err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]array.Option{"behind": array.Chunks(128, 1, -1, -1), "beside": array.Chunks(64, 2, -1, -1)} {
		b.Run(name, func(b *testing.B) {
			y := array.ReadZarr(folder, c)
			defer cost(b, y.NBytes())()
			for b.Loop() {
				p, err := y.Persist(ctx, r)
				if err != nil {
					b.Fatal(err)
				}
				p.Release()
			}
		})
	}
}

// BenchmarkAnomaly is of an array that does not fit: the mean along an axis, and what is left of each element.
func BenchmarkAnomaly(b *testing.B) {
	r := local.New(local.Options{Threads: 1, Memory: 128 << 20})
	defer r.Close()
	ctx, folder := context.Background(), b.TempDir()+"/x.zarr"
	x := array.Random(1).Uniform(0, 9, []int{256, 400, 500}, array.Of(array.Float32), array.Chunks(16, -1, -1))
	if err := x.Mul(50).Round().Div(50).WriteZarr(ctx, r, folder, array.ZarrOptions{Version: 2, Codec: "lz4"}); err != nil {
		b.Fatal(err)
	}
	x = array.ReadZarr(folder, array.Chunks(16, -1, -1))
	y := x.Sub(x.Mean(0)).Square().Sum(0)
	defer cost(b, x.NBytes())()
	for b.Loop() {
		if _, err := y.Compute(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
}
