package array_test

import (
	"testing"

	"github.com/weft-data/weft/array"
)

func BenchmarkFFT(b *testing.B) {
	n := 1 << 24
	x := array.FromSlice(full(n), []int{n}, array.Chunks(-1)).As(array.Complex128)
	run(b, x.FFT(0).Abs().Max(), int64(16*n))
}

// BenchmarkRFFT is of years of days, twice: a length that is 8 times a prime.
func BenchmarkRFFT(b *testing.B) {
	x := array.FromSlice(full(1096*4000), []int{1096, 4000}, array.Chunks(-1, 1000))
	run(b, x.RFFT(0).Mul(2).IRFFT(0, array.Points(1096)).Max(), 8*1096*4000)
}

func BenchmarkFFTInput(b *testing.B) {
	n := 1 << 24
	x := array.FromSlice(full(n), []int{n}, array.Chunks(-1)).As(array.Complex128)
	run(b, x.Abs().Max(), int64(16*n))
}

func BenchmarkTSQR(b *testing.B) {
	m, n := 400_000, 64
	q, _ := array.FromSlice(full(m*n), []int{m, n}, array.Chunks(50_000, n)).Add(array.Random(1).Normal(0, 1, []int{m, n}, array.Chunks(50_000, n))).QR()
	run(b, q.Abs().Max(), int64(8*m*n))
}

func BenchmarkTSQRInput(b *testing.B) {
	m, n := 400_000, 64
	q := array.FromSlice(full(m*n), []int{m, n}, array.Chunks(50_000, n)).Add(array.Random(1).Normal(0, 1, []int{m, n}, array.Chunks(50_000, n)))
	run(b, q.Abs().Max(), int64(8*m*n))
}

func BenchmarkSVDCompressed(b *testing.B) {
	n := 4000
	x := array.FromSlice(full(n*n), []int{n, n}, array.Chunks(1000, 1000))
	_, s, _ := x.SVDCompressed(20, 2, 1)
	run(b, s, int64(8*n*n))
}

func BenchmarkMatMul(b *testing.B) {
	n := 2048
	x := array.FromSlice(full(n*n), []int{n, n}, array.Chunks(n/2))
	run(b, x.MatMul(x).Max(), int64(2*n*n*n))
}

func BenchmarkSort(b *testing.B) {
	n := 4 << 20
	run(b, array.Random(1).Normal(0, 1, []int{n}, array.Chunks(1<<18)).Sort(0).Max(), int64(8*n))
}

func BenchmarkArgSort(b *testing.B) {
	n := 4 << 20
	run(b, array.Random(1).Normal(0, 1, []int{n}, array.Chunks(1<<18)).ArgSort(0).Max(), int64(8*n))
}

func BenchmarkMedian(b *testing.B) {
	run(b, square().Median(0).Max(), 8*side*side)
}

func BenchmarkNanMedianFloat32(b *testing.B) {
	run(b, noise().As(array.Float32).NanMedian(0).Max(), 8*side*side)
}

func BenchmarkTopK(b *testing.B) {
	run(b, noise().As(array.Float32).TopK(10, 0).Max(), 8*side*side)
}
