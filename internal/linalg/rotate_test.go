package linalg

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/gemm"
)

// hard are matrices of n x n on which steps of implicit QR have to divide, or go on for long: with values that are 0, equal, of
// very different sizes, or at the ends of what float64 has.
func hard(r *rand.Rand, n int) map[string]gemm.Matrix[float64] {
	of := func(f func(i, j int) float64) gemm.Matrix[float64] {
		a := zeros[float64](n, n)
		for i := range n {
			for j := range n {
				set(a, i, j, f(i, j))
			}
		}
		return a
	}
	when := func(b bool, x float64) float64 {
		if b {
			return x
		}
		return 0
	}
	u, v := make([]float64, n), make([]float64, n)
	for i := range n {
		u[i], v[i] = r.NormFloat64(), r.NormFloat64()
	}
	normal := func(int, int) float64 { return r.NormFloat64() }
	return map[string]gemm.Matrix[float64]{
		"normal": of(normal), "zero": of(func(i, j int) float64 { return 0 }), "unit": of(func(i, j int) float64 { return when(i == j, 1) }),
		"ones": of(func(i, j int) float64 { return 1 }), "shift": of(func(i, j int) float64 { return when(j == i+1, 1) }),
		"rank 1": of(func(i, j int) float64 { return u[i] * v[j] }), "half": of(func(i, j int) float64 { return when(i < n/2 && j < n/2, r.NormFloat64()) }),
		"falling": of(func(i, j int) float64 { return math.Pow(2, -float64(i+j)) * r.NormFloat64() }), "rising": of(func(i, j int) float64 { return math.Pow(2, float64(i+j-2*n)) * r.NormFloat64() }),
		"huge": of(func(i, j int) float64 { return 1e300 * r.NormFloat64() / float64(n) }), "tiny": of(func(i, j int) float64 { return 1e-300 * r.NormFloat64() }),
		"differences": of(func(i, j int) float64 { return when(i == j, 2) - when(i-j == 1 || j-i == 1, 1) }),
		"gap":         of(func(i, j int) float64 { return when(i == j && i != n/2, 1) + when(j == i+1, 1) }),
		"last":        of(func(i, j int) float64 { return when(i == j && i != n-1, 1) + when(j == i+1, 1) }),
		"corner":      of(func(i, j int) float64 { return when(i == j, float64(n-i)) + when(j == i+1, 1e-9) }),
	}
}

// TestHardMatrices: values are those of gonum, and vectors are orthonormal and give the matrix.
func TestHardMatrices(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	r := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{1, 2, 3, 7, 40, 140} {
		for name, a := range hard(r, n) {
			name, bound, top := fmt.Sprint(name, " ", n), 60*eps[float64]()*float64(n+1), 0.0
			for i := range n {
				for _, x := range row(a, i) {
					top = max(top, math.Abs(x))
				}
			}
			f := 1 / max(top, 0x1p-1000)
			u, s, vt := clone(a), make([]float64, n), zeros[float64](n, n)
			if err := SVD(u, s, vt, env[float64](n, n)); err != nil {
				t.Fatal(name, err)
			}
			var oracle mat.SVD
			oracle.Factorize(mat.NewDense(n, n, flat(a, f)), mat.SVDNone)
			for i, want := range oracle.Values(nil) {
				if d := math.Abs(s[i]*f - want); !(d <= bound*float64(n)) {
					t.Errorf("%s: value %d of SVD is %g, want %g", name, i, s[i]*f, want)
				}
			}
			near(t, name+" UᵀU", product(u.T(), u), unit[float64](n), bound)
			near(t, name+" VᵀV", product(vt, vt.T()), unit[float64](n), bound)
			near(t, name+" U·s·Vᵀ", product(u, scaledRows(vt, s, f)), scaledRows(a, nil, f), bound*float64(n))

			for i := range n { // the lower triangle
				for j := range i {
					set(a, j, i, get(a, i, j))
				}
			}
			z, alone := clone(a), make([]float64, n)
			if err := errors.Join(Eigen(z, s, true, nil), Eigen(clone(a), alone, false, nil)); err != nil {
				t.Fatal(name, err)
			}
			var sym mat.EigenSym
			sym.Factorize(mat.NewSymDense(n, flat(a, f)), false)
			for i, want := range sym.Values(nil) {
				if d := max(math.Abs(s[i]*f-want), math.Abs(alone[i]*f-want)); !(d <= bound*float64(n)) {
					t.Errorf("%s: value %d of Eigen is %g and %g, want %g", name, i, s[i]*f, alone[i]*f, want)
				}
			}
			near(t, name+" ZᵀZ", product(z.T(), z), unit[float64](n), bound)
			zt := zeros[float64](n, n)
			for i := range n {
				for j := range n {
					set(zt, i, j, get(z, j, i))
				}
			}
			near(t, name+" Z·s·Zᵀ", product(z, scaledRows(zt, s, f)), scaledRows(a, nil, f), bound*float64(n))
		}
	}
}

// flat is a·f without gaps.
func flat(a gemm.Matrix[float64], f float64) (x []float64) {
	for i := range a.Rows {
		for _, v := range row(a, i) {
			x = append(x, v*f)
		}
	}
	return x
}

// scaledRows is a copy whose rows are multiplied with s, if there is any, and f.
func scaledRows(a gemm.Matrix[float64], s []float64, f float64) gemm.Matrix[float64] {
	a = clone(a)
	for i := range a.Rows {
		for j, v := range row(a, i) {
			if v *= f; s != nil {
				v *= s[i]
			}
			set(a, i, j, v)
		}
	}
	return a
}

// TestSpectraEnd: singular values and eigenvalues of n x n ask whether to stop so often that between two of these is a small
// part of the work, and end at any of them.
func TestSpectraEnd(t *testing.T) {
	const n = 200
	a := random[float64](rand.New(rand.NewPCG(7, 7)), n, n)
	stopped := errors.New("stopped")
	for name, run := range map[string]func(stop func() error) error{
		"svd": func(stop func() error) error {
			e := env[float64](n, n)
			e.Stop = stop
			return SVD(clone(a), make([]float64, n), zeros[float64](n, n), e)
		},
		"eigen":  func(stop func() error) error { return Eigen(clone(a), make([]float64, n), true, stop) },
		"values": func(stop func() error) error { return Eigen(clone(a), make([]float64, n), false, stop) },
	} {
		asked := 0
		if err := run(func() error { asked++; return nil }); err != nil {
			t.Fatal(name, err)
		}
		// Once for each column, and each sweep of which there are one or two for each value.
		if asked < 2*n {
			t.Errorf("%s asks %d times", name, asked)
		}
		for last := 1; last <= asked; last += max(1, asked/20) {
			left := last
			err := run(func() error {
				switch left--; {
				case left == 0:
					return stopped
				case left < 0:
					t.Errorf("%s goes on after the end", name)
				}
				return nil
			})
			if err != stopped {
				t.Errorf("%s: ended at %d of %d: %v", name, last, asked, err)
			}
		}
	}
}

func BenchmarkSpectra(b *testing.B) {
	for _, n := range []int{200, 500, 1000} {
		a := random[float64](rand.New(rand.NewPCG(8, 8)), n, n)
		for name, run := range map[string]func() error{
			"svd":    func() error { return SVD(clone(a), make([]float64, n), zeros[float64](n, n), env[float64](n, n)) },
			"eigen":  func() error { return Eigen(clone(a), make([]float64, n), true, nil) },
			"values": func() error { return Eigen(clone(a), make([]float64, n), false, nil) },
		} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				start := cpuTime()
				for b.Loop() {
					if err := run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime()-start)/1e6/float64(b.N), "cpu-ms/op")
			})
		}
	}
}
