package gemm

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/vec"
)

// atLevels runs f at every level that the process may use.
func atLevels(t *testing.T, f func(t *testing.T)) {
	// The level was read before the test began. Reading it again tells go test that a result kept from a run with
	// another value is no result of this one.
	if want := os.Getenv(cpu.EnvISA); want != "" && want != cpu.ISA().String() {
		t.Logf("%s=%s is not obeyed: %v", cpu.EnvISA, want, cpu.Err())
	}
	l := level
	defer func() { level = l }()
	for level = cpu.Generic; level <= cpu.ISA(); level++ {
		t.Run(level.String(), f)
	}
}

// matrix makes one of random numbers in one of several layouts.
func matrix[T vec.Float](r *rand.Rand, rows, cols, layout int) Matrix[T] {
	m := Matrix[T]{Rows: rows, Cols: cols}
	switch layout % 4 {
	case 0:
		m.RowStride, m.ColStride = cols, 1
	case 1:
		m.RowStride, m.ColStride = cols+3, 1
	case 2:
		m.RowStride, m.ColStride = 1, rows+1
	case 3:
		m.RowStride, m.ColStride = 2, 2*rows+1
	}
	m.Data = make([]T, max(0, (rows-1)*m.RowStride+(cols-1)*m.ColStride+1))
	for i := range m.Data {
		m.Data[i] = T(r.NormFloat64())
	}
	return m
}

// clone copies the elements, whatever lies between them included.
func clone[T vec.Float](m Matrix[T]) Matrix[T] {
	m.Data = append([]T(nil), m.Data...)
	return m
}

// check compares c with start + a·b, within the bound of rounding k products and sums.
func check[T vec.Float](t *testing.T, what string, c, start, a, b Matrix[T]) {
	t.Helper()
	eps := 0x1p-52
	if _, ok := any(c).(Matrix[float32]); ok {
		eps = 0x1p-23
	}
	for i := range c.Rows {
		for j := range c.Cols {
			s := float64(start.Data[i*start.RowStride+j*start.ColStride])
			size := math.Abs(s)
			for k := range a.Cols {
				p := float64(a.Data[i*a.RowStride+k*a.ColStride]) * float64(b.Data[k*b.RowStride+j*b.ColStride])
				s += p
				size += math.Abs(p)
			}
			got := float64(c.Data[i*c.RowStride+j*c.ColStride])
			if !(math.Abs(got-s) <= float64(a.Cols+2)*eps*size) {
				t.Fatalf("%s: (%d, %d) is %v, want %v", what, i, j, got, s)
			}
		}
	}
}

func TestMul(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		t.Run("float32", testMul[float32])
		t.Run("float64", testMul[float64])
	})
}

func testMul[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var shapes [][3]int
	used := map[int]bool{}
	for _, kn := range tiles[T]() {
		if kn.mr*kn.nr > maxTile {
			t.Fatalf("a tile of %d x %d has no room", kn.mr, kn.nr)
		}
		for _, m := range []int{1, kn.mr - 1, kn.mr, kn.mr + 1, 3*kn.mr + 2} {
			for _, n := range []int{1, kn.nr - 1, kn.nr, kn.nr + 1, 2*kn.nr + 5} {
				for _, k := range []int{1, 2, 3, 4, 5, 9, 33} {
					shapes = append(shapes, [3]int{m, n, k})
					used[tileFor[T](n).nr] = true
				}
			}
		}
	}
	if len(used) != len(tiles[T]()) {
		t.Fatalf("tiles %v are used, of %d", used, len(tiles[T]()))
	}
	shapes = append(shapes, [3]int{0, 3, 3}, [3]int{3, 0, 3}, [3]int{3, 3, 0}, [3]int{maxMC + 9, 50, maxKC + 1}, [3]int{20, 100, 2*maxKC + 7}, [3]int{30, 30, 2*maxKC - 1})
	buf := make([]T, Buffer[T](300, 300, maxKC, 1))
	for i, s := range shapes {
		a, b, c := matrix[T](r, s[0], s[2], i), matrix[T](r, s[2], s[1], i/2), matrix[T](r, s[0], s[1], i%3)
		start := clone(c)
		if err := Mul(c, a, b, Env[T]{Buf: buf, Workers: 1}); err != nil {
			t.Fatal(s, err)
		}
		check(t, fmt.Sprint(s, i), c, start, a, b)
		d := clone(c)
		for j := range a.Data {
			a.Data[j] = -a.Data[j]
		}
		if err := Sub(d, a, b, Env[T]{Buf: buf, Workers: 1}); err != nil {
			t.Fatal(s, err)
		}
		check(t, fmt.Sprint("difference ", s, i), d, c, negative(a), b)
		inside := map[int]bool{}
		for i := range c.Rows {
			for j := range c.Cols {
				inside[i*c.RowStride+j*c.ColStride] = true
			}
		}
		for i, v := range c.Data {
			if !inside[i] && v != start.Data[i] {
				t.Fatalf("%v: wrote outside of C", s)
			}
		}
	}
}

func negative[T vec.Float](m Matrix[T]) Matrix[T] {
	m = clone(m)
	for i := range m.Data {
		m.Data[i] = -m.Data[i]
	}
	return m
}

// fork runs all at once.
func fork(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() { defer wg.Done(); errs[i] = f(i) }()
	}
	wg.Wait()
	return errors.Join(errs...)
}

// TestSameBits: neither workers nor the buffer change a bit, and of AVX2 and AVX-512 neither does the level.
func TestSameBits(t *testing.T) {
	for _, n := range []int{130, 30, 7} { // of few columns A is read where it is
		t.Run(fmt.Sprintf("float32/%d", n), func(t *testing.T) { testSameBits[float32](t, n) })
		t.Run(fmt.Sprintf("float64/%d", n), func(t *testing.T) { testSameBits[float64](t, n) })
	}
}

func testSameBits[T vec.Float](t *testing.T, n int) {
	const m, k = 210, 700
	r := rand.New(rand.NewPCG(3, 4))
	a, b, c := matrix[T](r, m, k, 0), matrix[T](r, k, n, 2), matrix[T](r, m, n, 0)
	var vectors []T
	atLevels(t, func(t *testing.T) {
		var first []T
		for workers := 1; workers <= 3; workers++ {
			for _, size := range []int{MinBuffer[T](workers), 3 * MinBuffer[T](workers), Buffer[T](m, n, k, workers)} {
				d := clone(c)
				if err := Mul(d, a, b, Env[T]{make([]T, size), workers, fork, nil}); err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = d.Data
					check(t, "product", d, c, a, b)
				}
				for i, v := range d.Data {
					if v != first[i] {
						t.Fatalf("%d workers, %d elements of buffer: element %d is %v, was %v", workers, size, i, v, first[i])
					}
				}
			}
		}
		if level == cpu.Generic {
			return
		}
		if vectors == nil {
			vectors = first
		}
		for i, v := range first {
			if v != vectors[i] {
				t.Fatalf("element %d is %v, was %v with AVX2", i, v, vectors[i])
			}
		}
	})
}

func TestMulErrors(t *testing.T) {
	x := make([]float64, 100)
	big := make([]float64, MinBuffer[float64](2))
	sq := func(n int) Matrix[float64] { return RowMajor(x, n, n, n) }
	stopped := errors.New("stopped")
	for _, c := range []struct {
		c, a, b Matrix[float64]
		env     Env[float64]
		want    string
	}{
		{sq(3), sq(3), sq(4), Env[float64]{big, 1, nil, nil}, "a matrix of 3 x 3 times one of 4 x 4 does not give one of 3 x 3"},
		{sq(11), sq(11), sq(11), Env[float64]{big, 1, nil, nil}, "C does not lie within its data: 11 x 11, strides 11 and 1 in 100 elements"},
		{sq(3), Matrix[float64]{x, 3, 3, -1, 1}, sq(3), Env[float64]{big, 1, nil, nil}, "A is 3 x 3"},
		{Matrix[float64]{x, 3, 3, 6, 2}, sq(3), sq(3), Env[float64]{big, 1, nil, nil}, "C must be stored by rows or columns"},
		{Matrix[float64]{x, 3, 3, 1, 1}, sq(3), sq(3), Env[float64]{big, 1, nil, nil}, "C must be stored by rows or columns"},
		{sq(3), sq(3), sq(3), Env[float64]{nil, 1, nil, nil}, "a buffer of 0 elements does not suffice for 1 workers, want"},
		{sq(3), sq(3), sq(3), Env[float64]{big, 2, nil, nil}, "2 workers"},
		{sq(3), sq(3), sq(3), Env[float64]{big, 0, fork, nil}, "0 workers"},
		{sq(3), sq(3), sq(3), Env[float64]{big, 1, nil, func() error { return stopped }}, "stopped"},
	} {
		err := Mul(c.c, c.a, c.b, c.env)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// BenchmarkThin multiplies a block of a larger matrix, and the same transposed, with 30 columns.
func BenchmarkThin(b *testing.B) {
	const n, k, stride, cols = 1000, 1000, 20000, 30
	for _, turned := range []bool{false, true} {
		b.Run(fmt.Sprintf("turned=%v", turned), func(b *testing.B) {
			data := hugePages[float64](b, n*stride)
			y, z := hugePages[float64](b, k*cols), hugePages[float64](b, n*cols)
			for _, v := range [][]float64{data, y, z} {
				vec.Fill(v, 0.5)
			}
			env := Env[float64]{Buf: hugePages[float64](b, Buffer[float64](n, cols, k, 1)), Workers: 1}
			before, runs := cpuTime(), 0
			for b.Loop() {
				x := RowMajor(data[runs%20*k:], n, k, stride)
				if turned {
					x = x.T()
				}
				if err := Mul(RowMajor(z, n, cols, cols), x, RowMajor(y, k, cols, cols), env); err != nil {
					b.Fatal(err)
				}
				runs++
			}
			b.ReportMetric(2*n*k*cols*float64(runs)/float64(cpuTime()-before), "GF/cpu-s")
		})
	}
}

func BenchmarkMul(b *testing.B) {
	for _, n := range []int{256, 1024, 2048, 4096} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("f64/%d/%d", n, workers), func(b *testing.B) { benchmarkMul[float64](b, n, workers) })
			b.Run(fmt.Sprintf("f32/%d/%d", n, workers), func(b *testing.B) { benchmarkMul[float32](b, n, workers) })
		}
	}
}

func benchmarkMul[T vec.Float](b *testing.B, n, workers int) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y, z := matrix[T](r, n, n, 0), matrix[T](r, n, n, 0), matrix[T](r, n, n, 0)
	for _, m := range []*Matrix[T]{&x, &y, &z} {
		pages := hugePages[T](b, len(m.Data))
		copy(pages, m.Data)
		m.Data = pages
	}
	env := Env[T]{hugePages[T](b, Buffer[T](n, n, n, workers)), workers, fork, nil}
	before := cpuTime()
	runs := 0
	for b.Loop() {
		if err := Mul(z, x, y, env); err != nil {
			b.Fatal(err)
		}
		runs++
	}
	flops := 2 * float64(n) * float64(n) * float64(n) * float64(runs)
	b.ReportMetric(flops/float64(b.Elapsed().Nanoseconds()), "GF/s")
	b.ReportMetric(flops/float64(cpuTime()-before), "GF/cpu-s")
}
