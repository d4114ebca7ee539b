package linalg

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

func eps[T vec.Float]() float64 {
	if T(1)+T(1e-10) == 1 {
		return 0x1p-23
	}
	return 0x1p-52
}

func env[T vec.Float](m, n int) Env[T] {
	return Env[T]{gemm.Env[T]{Buf: make([]T, gemm.MinBuffer[T](1)), Workers: 1}, make([]T, TmpFor(m, n))}
}

// random is a matrix with gaps after its rows.
func random[T vec.Float](r *rand.Rand, m, n int) gemm.Matrix[T] {
	a := zeros[T](m, n)
	for i := range a.Data {
		a.Data[i] = T(r.NormFloat64())
	}
	return a
}

func zeros[T vec.Float](m, n int) gemm.Matrix[T] {
	return gemm.RowMajor(make([]T, m*(n+3)), m, n, n+3)
}

func clone[T vec.Float](a gemm.Matrix[T]) gemm.Matrix[T] {
	a.Data = slices.Clone(a.Data)
	return a
}

// product is a·b in float64.
func product[T vec.Float](a, b gemm.Matrix[T]) [][]float64 {
	p := make([][]float64, a.Rows)
	for i := range p {
		p[i] = make([]float64, b.Cols)
		for k := range a.Cols {
			v := float64(get(a, i, k))
			for j := range p[i] {
				p[i][j] += v * float64(get(b, k, j))
			}
		}
	}
	return p
}

// near reports the greatest difference beyond bound.
func near[T vec.Float](t *testing.T, what string, got [][]float64, want gemm.Matrix[T], bound float64) {
	t.Helper()
	worst := 0.0
	for i := range got {
		for j, v := range got[i] {
			if d := math.Abs(v - float64(get(want, i, j))); !(d <= worst) {
				worst = d
			}
		}
	}
	if !(worst <= bound) {
		t.Errorf("%s: error %g, bound %g", what, worst, bound)
	}
}

func unit[T vec.Float](n int) gemm.Matrix[T] {
	a := zeros[T](n, n)
	for i := range n {
		set(a, i, i, 1)
	}
	return a
}

func biggest[T vec.Float](a gemm.Matrix[T]) float64 {
	b := 0.0
	for i := range a.Rows {
		for _, v := range row(a, i) {
			b = max(b, math.Abs(float64(v)))
		}
	}
	return b
}

func TestQR(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	t.Run("float32", testQR[float32])
	t.Run("float64", testQR[float64])
}

func testQR[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range [][2]int{{1, 1}, {5, 1}, {1, 5}, {3, 3}, {31, 31}, {33, 33}, {70, 70}, {50, 90}, {90, 50}, {400, 64}, {500, 7}, {410, 100}, {0, 4}, {4, 0}} {
		for _, kind := range []string{"random", "singular", "graded", "zero", "tiny", "huge"} {
			m, n := s[0], s[1]
			a := random[T](r, m, n)
			for i := range m {
				x := row(a, i)
				for j := range x {
					switch kind {
					case "singular":
						x[j] = x[j/3*2]
					case "graded":
						x[j] *= T(math.Pow(10, -float64(j)/3))
					case "zero":
						x[j] = 0
					case "tiny":
						x[j] *= T(1e-25)
					case "huge":
						x[j] *= T(1e25)
					}
				}
			}
			a0, k := clone(a), min(m, n)
			q, rr := a, zeros[T](k, n)
			if err := QR(q, rr, env[T](m, n)); err != nil {
				t.Fatal(s, kind, err)
			}
			q = q.Slice(0, 0, m, k)
			what := fmt.Sprint(s, " ", kind)
			bound := 40 * eps[T]() * (1 + math.Sqrt(float64(m+n)))
			near(t, what+" Q·R", product(q, rr), a0, bound*biggest(a0)*2)
			if k > 0 {
				near(t, what+" Qᵀ·Q", product(q.T(), q), unit[T](k), bound)
			}
			for i := range k {
				if get(rr, i, i) < 0 {
					t.Errorf("%s: R(%d, %d) is %v", what, i, i, get(rr, i, i))
				}
				for j := range i {
					if get(rr, i, j) != 0 {
						t.Errorf("%s: R(%d, %d) is %v", what, i, j, get(rr, i, j))
					}
				}
			}
			for i := range m {
				for _, v := range a.Data[i*a.RowStride+n : (i+1)*a.RowStride] {
					if !slices.Contains(a0.Data, v) {
						t.Fatalf("%s: wrote beside the matrix", what)
					}
				}
			}
		}
	}
}

func TestCholesky(t *testing.T) {
	t.Run("float32", testCholesky[float32])
	t.Run("float64", testCholesky[float64])
}

func testCholesky[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{0, 1, 2, 63, 64, 65, 200, 400} {
		b := random[T](r, n, n)
		a := zeros[T](n, n)
		p := product(b, b.T())
		for i := range n {
			for j := range n {
				set(a, i, j, T(p[i][j]))
			}
			set(a, i, i, get(a, i, i)+T(n))
		}
		a0 := clone(a)
		for i := range n { // the upper triangle is not read
			for j := i + 1; j < n; j++ {
				set(a, i, j, T(math.NaN()))
			}
		}
		if err := Cholesky(a, env[T](n, n)); err != nil {
			t.Fatal(n, err)
		}
		near(t, fmt.Sprint(n), product(a, a.T()), a0, 10*eps[T]()*float64(n+1)*biggest(a0))
	}
	bad := random[T](r, 100, 100)
	for i := range 100 {
		clear(row(bad, i))
		set(bad, i, i, 1)
	}
	set(bad, 80, 80, -1)
	var np NotPositive
	if err := Cholesky(bad, env[T](100, 100)); !errors.As(err, &np) || np.Column != 80 {
		t.Errorf("error %v, want column 80", err)
	}
}

func TestLU(t *testing.T) {
	t.Run("float32", testLU[float32])
	t.Run("float64", testLU[float64])
}

func testLU[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, s := range [][2]int{{1, 1}, {3, 3}, {32, 32}, {33, 33}, {100, 100}, {40, 90}, {90, 40}, {0, 3}} {
		m, n := s[0], s[1]
		k := min(m, n)
		a := random[T](r, m, n)
		a0, pivots := clone(a), make([]int, k)
		if err := LU(a, pivots, env[T](m, n)); err != nil {
			t.Fatal(err)
		}
		l, u := zeros[T](m, k), zeros[T](k, n)
		for i := range m {
			for j := range n {
				v := get(a, i, j)
				switch {
				case i > j:
					set(l, i, j, v)
					if abs(v) > 1 {
						t.Errorf("%v: L(%d, %d) is %v", s, i, j, v)
					}
				case i < k:
					set(u, i, j, v)
				}
			}
			if i < k {
				set(l, i, i, 1)
			}
		}
		if err := Permute(a0, pivots, false); err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprint(s), product(l, u), a0, 20*eps[T]()*float64(m+1)*(1+biggest(a0)))
		if m != n {
			continue
		}
		// A·X = B by permutation and two triangles.
		x := random[T](r, n, 5)
		b := clone(x)
		if err := errors.Join(Permute(b, pivots, false), Solve(a, Triangle{Unit: true}, b, env[T](n, n)), Solve(a, Triangle{Upper: true}, b, env[T](n, n)),
			Permute(a0, pivots, true)); err != nil {
			t.Fatal(err)
		}
		near(t, fmt.Sprint(s, " A·X"), product(a0, b), x, 100*eps[T]()*float64(n)*(1+biggest(a0))*(1+biggest(b)))
	}
	zero := zeros[T](3, 3)
	if err := LU(zero, make([]int, 3), env[T](3, 3)); err != nil || biggest(zero) != 0 {
		t.Errorf("zero matrix: %v, %v", zero.Data, err)
	}
}

func TestSolve(t *testing.T) {
	t.Run("float32", testSolve[float32])
	t.Run("float64", testSolve[float64])
}

func testSolve[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 2, 64, 65, 150, 300} {
		for _, cols := range []int{1, 3, 130} {
			for kind := range 8 {
				tri := Triangle{Upper: kind&1 != 0, Unit: kind&2 != 0}
				a := random[T](r, n, n)
				full := zeros[T](n, n)
				for i := range n {
					for j := range n {
						v := get(a, i, j) / T(n)
						switch {
						case i == j && tri.Unit:
							set(a, i, i, T(math.NaN()))
							v = 1
						case i == j:
							v++
							set(a, i, i, v)
						case tri.Upper != (j > i):
							set(a, i, j, T(math.NaN()))
							v = 0
						default:
							set(a, i, j, v)
						}
						set(full, i, j, v)
					}
				}
				b := random[T](r, n, cols)
				if kind&4 != 0 {
					b = random[T](r, cols, n).T()
				}
				x := clone(b)
				if err := Solve(a, tri, x, env[T](n, cols)); err != nil {
					t.Fatal(err)
				}
				near(t, fmt.Sprint(n, cols, tri), product(full, x), b, 100*eps[T]()*float64(n+1)*10)
			}
		}
	}
}

func TestSVD(t *testing.T) {
	t.Run("float32", testSVD[float32])
	t.Run("float64", testSVD[float64])
}

func testSVD[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, s := range [][2]int{{1, 1}, {4, 4}, {3, 9}, {9, 5}, {300, 20}, {64, 64}, {0, 2}} {
		m, n := s[0], s[1]
		k := min(m, n)
		a := random[T](r, m, n)
		a0, values, vt := clone(a), make([]T, k), zeros[T](k, n)
		if err := SVD(a, values, vt, env[T](m, n)); err != nil {
			t.Fatal(s, err)
		}
		u := a.Slice(0, 0, m, k)
		if k == 0 {
			continue
		}
		bound := 100 * eps[T]() * float64(k+1)
		near(t, fmt.Sprint(s, " UᵀU"), product(u.T(), u), unit[T](k), bound)
		near(t, fmt.Sprint(s, " VᵀV"), product(vt, vt.T()), unit[T](k), bound)
		scaled := clone(vt)
		for i, v := range values {
			if v < 0 || i > 0 && v > values[i-1] {
				t.Errorf("%v: values %v", s, values)
			}
			for j := range n {
				set(scaled, i, j, v*get(vt, i, j))
			}
		}
		near(t, fmt.Sprint(s), product(u, scaled), a0, bound*float64(values[0])+bound)
	}
	a := random[T](r, 3, 3)
	set(a, 1, 2, T(math.NaN()))
	if err := SVD(a, make([]T, 3), zeros[T](3, 3), env[T](3, 3)); err == nil || !strings.Contains(err.Error(), "element (1, 2) is NaN") {
		t.Errorf("error %v", err)
	}
}

func TestErrors(t *testing.T) {
	a := zeros[float64](4, 4)
	e := env[float64](4, 4)
	none := e
	none.Tmp = nil
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"layout":   {QR(a.T(), a, e), "A must be stored by rows"},
		"shape":    {QR(zeros[float64](4, 3), a, e), "R of a matrix of 4 x 3 is 3 x 3, not 4 x 4"},
		"square":   {Cholesky(zeros[float64](4, 3), e), "a matrix of 4 x 3 has no Cholesky factor"},
		"fit":      {Solve(a, Triangle{}, zeros[float64](3, 2), e), "a triangle of 4 x 4 does not fit 3 x 2"},
		"pivots":   {LU(a, make([]int, 3), e), "3 pivots for 4 columns"},
		"pivot":    {Permute(a, []int{9}, false), "pivot 0 is row 9 of 4"},
		"tmp":      {QR(a, zeros[float64](4, 4), none), "too few"},
		"values":   {SVD(a, make([]float64, 3), a, e), "do not fit"},
		"positive": {Cholesky(a, e), "the leading block of 1 columns has no Cholesky factor"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, c.err, c.want)
		}
	}
}

func BenchmarkFactors(b *testing.B) {
	const n = 1500
	r := rand.New(rand.NewPCG(1, 2))
	a := random[float64](r, n, n)
	spd := clone(a)
	for i := range n {
		set(spd, i, i, n+2*n*abs(get(spd, i, i)))
	}
	c, rr, pivots := clone(a), zeros[float64](n, n), make([]int, n)
	e := env[float64](n, n)
	e.Buf = make([]float64, gemm.Buffer[float64](n, n, n, 1))
	for _, k := range []struct {
		name  string
		from  gemm.Matrix[float64]
		flops float64
		f     func() error
	}{
		{"cholesky", spd, 1. / 3, func() error { return Cholesky(c, e) }},
		{"lu", a, 2. / 3, func() error { return LU(c, pivots, e) }},
		{"qr", a, 8. / 3, func() error { return QR(c, rr, e) }},
		{"solve", spd, 1, func() error { return Solve(spd, Triangle{}, c, e) }},
		{"solveright", spd, 1, func() error { return Solve(spd, Triangle{}, c.T(), e) }},
	} {
		b.Run(k.name, func(b *testing.B) {
			before, runs := cpuTime(), 0
			for b.Loop() {
				copy(c.Data, k.from.Data)
				if err := k.f(); err != nil {
					b.Fatal(err)
				}
				runs++
			}
			b.ReportMetric(k.flops*n*n*n*float64(runs)/float64(cpuTime()-before), "GF/cpu-s")
		})
	}
}

func BenchmarkQR(b *testing.B) {
	for _, s := range [][2]int{{16384, 64}, {262144, 64}} {
		b.Run(fmt.Sprint(s[0], "x", s[1]), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			a, rr := random[float64](r, s[0], s[1]), zeros[float64](s[1], s[1])
			q := clone(a)
			e := env[float64](s[0], s[1])
			e.Buf = make([]float64, gemm.Buffer[float64](s[0], s[1], s[1], 1))
			before, runs := cpuTime(), 0
			for b.Loop() {
				copy(q.Data, a.Data)
				if err := QR(q, rr, e); err != nil {
					b.Fatal(err)
				}
				runs++
			}
			b.ReportMetric(4*float64(s[0])*float64(s[1])*float64(s[1])*float64(runs)/float64(cpuTime()-before), "GF/cpu-s")
		})
	}
}
