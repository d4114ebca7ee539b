package array_test

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// Transforms along any axis of an array are those of the definition, whatever lies beside the lines, before and behind them, and
// those of float32 and complex64 are the ones of float64 and complex128, rounded at the end.
func TestTransformsOfLines(t *testing.T) {
	ctx := context.Background()
	r := local.New(local.Options{Pool: 16 << 20, Threads: 2})
	defer r.Close()
	rnd := rand.New(rand.NewPCG(63, 1))
	m := &maker{rnd: rnd, layout: rand.New(rand.NewPCG(63, 2))}
	elements := func(x *array.Array) []any {
		v, err := x.Compute(ctx, r)
		if err != nil {
			t.Fatal(x, err)
		}
		return v.All()
	}
	for range effort.Of(60, 15) {
		a, shape := rnd.IntN(3), []int{1 + rnd.IntN(4), 1 + rnd.IntN(4), 1 + rnd.IntN(21)}
		shape[a] = 1 + rnd.IntN(20)
		n := shape[a]
		points := array.Points(1 + rnd.IntN(2*n))
		if rnd.IntN(2) == 0 {
			points = array.Points(n)
		}
		data := make([]float32, shape[0]*shape[1]*shape[2])
		for i := range data {
			data[i] = float32(rnd.NormFloat64())
		}
		x := array.FromSlice(data, shape, array.Chunks(m.chunks(shape)...))
		z := x.Mul(complex64(2 - 1i)).Add(x.Square())
		for name, f := range map[string]func(x, z *array.Array) *array.Array{
			"FFT":         func(_, z *array.Array) *array.Array { return z.FFT(a, points) },
			"FFT of real": func(x, _ *array.Array) *array.Array { return x.FFT(a, points) },
			"IFFT":        func(_, z *array.Array) *array.Array { return z.IFFT(a, points, array.Scale("ortho")) },
			"RFFT":        func(x, _ *array.Array) *array.Array { return x.RFFT(a, points) },
			"IHFFT":       func(x, _ *array.Array) *array.Array { return x.IHFFT(a, points) },
			"IRFFT":       func(_, z *array.Array) *array.Array { return z.IRFFT(a, points) },
			"HFFT":        func(x, z *array.Array) *array.Array { return z.HFFT(a, points) },
		} {
			narrow, wide := f(x, z), f(x.As(array.Float64), z.As(array.Complex128))
			if wide.DType() != array.Complex128 && wide.DType() != array.Float64 || narrow.DType() == wide.DType() {
				t.Fatalf("%s of %s is %s, and of twice the width %s", name, z, narrow.DType(), wide.DType())
			}
			if got, want := fmt.Sprint(elements(narrow)), fmt.Sprint(elements(wide.As(narrow.DType()))); got != want {
				t.Fatalf("%s along axis %d of %s\n%s\n%s", name, a, z, got, want)
			}
		}
		before, behind := 1, 1
		for i, s := range shape {
			if i < a {
				before *= s
			} else if i > a {
				behind *= s
			}
		}
		got := elements(z.As(array.Complex128).FFT(a))
		in, half := elements(z), elements(x.As(array.Float64).RFFT(a))
		back := elements(x.As(array.Float64).RFFT(a).IRFFT(a, array.Points(n)))
		for o := range before {
			for l := range behind {
				for k := range n {
					var want, wantReal complex128
					for j := range n {
						at := (o*n+j)*behind + l
						turn := cmplx.Rect(1, -2*math.Pi*float64(j*k%n)/float64(n))
						want += complex128(in[at].(complex64)) * turn
						wantReal += complex(float64(data[at]), 0) * turn
					}
					at := (o*n+k)*behind + l
					if d := cmplx.Abs(got[at].(complex128) - want); d > 1e-12 {
						t.Fatalf("FFT along axis %d of %v: element %d is %v, want %v", a, shape, at, got[at], want)
					}
					if k <= n/2 {
						at := (o*(n/2+1)+k)*behind + l
						if d := cmplx.Abs(half[at].(complex128) - wantReal); d > 1e-12 {
							t.Fatalf("RFFT along axis %d of %v: element %d is %v, want %v", a, shape, at, half[at], wantReal)
						}
					}
					if d := math.Abs(back[at].(float64) - float64(data[at])); d > 1e-12 {
						t.Fatalf("along axis %d of %v %v comes back as %v", a, shape, data[at], back[at])
					}
				}
			}
		}
	}
}
