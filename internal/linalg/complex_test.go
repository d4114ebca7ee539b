package linalg

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/gemm"
	"github.com/weft-data/weft/internal/vec"
)

// randomComplex is a matrix with gaps after its rows.
func randomComplex[T vec.Float](r *rand.Rand, m, n int) Complex[T] {
	return Complex[T]{Re: random[T](r, m, n), Im: random[T](r, m, n)}
}

func cloneComplex[T vec.Float](a Complex[T]) Complex[T] {
	return Complex[T]{Re: clone(a.Re), Im: clone(a.Im), Conj: a.Conj}
}

func zerosComplex[T vec.Float](m, n int) Complex[T] {
	return Complex[T]{Re: zeros[T](m, n), Im: zeros[T](m, n)}
}

func complexes[T vec.Float](m, n, w int) *Complexes[T] {
	e := env[T](1, 1)
	e.Tmp = make([]T, TmpForComplex(m, n, w))
	return NewComplexes(e)
}

// apart is the greatest difference of a·b from c, computed in complex128.
func apart[T vec.Float](a, b, c Complex[T]) float64 {
	worst := 0.0
	wide := func(m Complex[T], i, j int) complex128 {
		x := m.at(i, j)
		return complex(float64(x.re), float64(x.im))
	}
	for i := range a.Re.Rows {
		for j := range b.Re.Cols {
			s := -wide(c, i, j)
			for k := range a.Re.Cols {
				s += wide(a, i, k) * wide(b, k, j)
			}
			if d := math.Hypot(real(s), imag(s)); !(d <= worst) {
				worst = d
			}
		}
	}
	return worst
}

func eye[T vec.Float](n int) Complex[T] { return Complex[T]{Re: unit[T](n), Im: zeros[T](n, n)} }

// sized runs f for sizes around those of panels and leaves.
func sized(t *testing.T, f func(t *testing.T, r *rand.Rand, n int)) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 31, 33, 64, 70} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { f(t, r, n) })
	}
}

func within(t *testing.T, what string, got, bound float64) {
	t.Helper()
	if !(got <= bound) {
		t.Errorf("%s: off by %g, at most %g", what, got, bound)
	}
}

func testComplex[T vec.Float](t *testing.T) {
	sized(t, func(t *testing.T, r *rand.Rand, n int) {
		bound := 30 * eps[T]() * float64(n+1)
		f := complexes[T](n, n, n)
		a := randomComplex[T](r, n, n)

		l := cloneComplex(a) // a·aᴴ + n is positive definite
		spd := zerosComplex[T](n, n)
		if err := f.Mul(spd, a, a.H()); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			set(spd.Re, i, i, get(spd.Re, i, i)+T(n))
			set(spd.Im, i, i, T(math.NaN())) // which is not read
		}
		l.Copy(spd)
		for i := range n {
			set(spd.Im, i, i, 0)
			for j := i + 1; j < n; j++ {
				l.set(i, j, number[T]{T(math.NaN()), 0})
			}
		}
		if err := f.Cholesky(l); err != nil {
			t.Fatal(err)
		}
		within(t, "l·lᴴ", apart(l, l.H(), spd), bound*float64(n+1))

		b := randomComplex[T](r, n, 7)
		x := cloneComplex(b)
		if err := f.Solve(l, Triangle{}, x); err != nil {
			t.Fatal(err)
		}
		within(t, "lower", apart(l, x, b), bound*10)
		x = cloneComplex(b)
		if err := f.Solve(l.H(), Triangle{Upper: true}, x); err != nil {
			t.Fatal(err)
		}
		within(t, "upper", apart(l.H(), x, b), bound*10)
		b = randomComplex[T](r, tile+5, n)
		x = cloneComplex(b)
		if err := f.SolveRight(x, l); err != nil {
			t.Fatal(err)
		}
		within(t, "right", apart(x, l.H(), b), bound*10)

		lu, pivots := cloneComplex(a), make([]int, n)
		if err := f.LU(lu, pivots); err != nil {
			t.Fatal(err)
		}
		low, up := eye[T](n), zerosComplex[T](n, n)
		for i := range n {
			for j := range n {
				if j < i {
					low.set(i, j, lu.at(i, j))
				} else {
					up.set(i, j, lu.at(i, j))
				}
			}
		}
		p := cloneComplex(a)
		if err := f.Permute(p, pivots, false); err != nil {
			t.Fatal(err)
		}
		within(t, "l·u", apart(low, up, p), bound*float64(n+1))
		if err := f.Permute(p, pivots, true); err != nil {
			t.Fatal(err)
		}
		within(t, "back", apart(p, eye[T](n), a), 0)
	})
}

func TestComplex(t *testing.T) {
	t.Run("float32", testComplex[float32])
	t.Run("float64", testComplex[float64])
}

func testComplexQR[T vec.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range [][2]int{{1, 1}, {5, 1}, {1, 5}, {3, 3}, {31, 31}, {33, 33}, {70, 70}, {30, 50}, {90, 40}, {0, 4}, {4, 0}} {
		for _, kind := range []string{"random", "singular", "graded", "zero", "tiny", "huge", "real"} {
			m, n := s[0], s[1]
			a := randomComplex[T](r, m, n)
			for i := range m {
				for j := range n {
					x := a.at(i, j)
					switch kind {
					case "singular":
						x = a.at(i, j/3*2%n)
					case "graded":
						x = x.times(number[T]{T(math.Pow(10, -float64(j)/3)), 0})
					case "zero":
						x = number[T]{}
					case "tiny":
						x = x.times(number[T]{1e-25, 0})
					case "huge":
						x = x.times(number[T]{1e25, 0})
					case "real":
						x.im = 0
					}
					a.set(i, j, x)
				}
			}
			k := min(m, n)
			q, up := cloneComplex(a), zerosComplex[T](k, n)
			if err := complexes[T](m, n, n).QR(q, up); err != nil {
				t.Fatal(err)
			}
			q = q.Slice(0, 0, m, k)
			name := fmt.Sprintf("%s %d x %d", kind, m, n)
			scale := max(biggest(a.Re), biggest(a.Im))
			within(t, name+": q·r", apart(q, up, a), 20*eps[T]()*float64(m+n)*scale)
			within(t, name+": qᴴ·q", apart(q.H(), q, eye[T](k)), 20*eps[T]()*float64(m+n))
			for i := range k {
				if d := up.at(i, i); d.im != 0 || d.re < 0 {
					t.Errorf("%s: the diagonal has %v", name, d)
				}
				for j := range i {
					if up.at(i, j) != (number[T]{}) {
						t.Errorf("%s: below the diagonal is %v", name, up.at(i, j))
					}
				}
			}
		}
	}
}

func TestComplexQR(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	t.Run("float32", testComplexQR[float32])
	t.Run("float64", testComplexQR[float64])
}

// TestEigen: values and vectors of random matrices, and of those with equal values.
func testEigen[T vec.Float](t *testing.T) {
	sized(t, func(t *testing.T, r *rand.Rand, n int) {
		for _, kind := range []string{"random", "equal", "zero", "two", "diagonal"} {
			a := randomComplex[T](r, n, n)
			for i := range n {
				for j := range i + 1 {
					switch {
					case kind == "zero" || kind != "random" && kind != "two" && i != j:
						a.set(i, j, number[T]{})
					case kind == "equal":
						a.set(i, i, number[T]{3, 0})
					}
				}
			}
			if kind == "two" { // 1 - 2·v·vᴴ has -1 once, and 1
				v := randomComplex[T](r, n, 1)
				sum := 0.0
				for i := range n {
					x := v.at(i, 0)
					sum += float64(x.re)*float64(x.re) + float64(x.im)*float64(x.im)
				}
				for i := range n {
					for j := range n {
						x := v.at(i, 0).times(v.at(j, 0).conj())
						y := number[T]{T(-2 * float64(x.re) / sum), T(-2 * float64(x.im) / sum)}
						if i == j {
							y.re, y.im = y.re+1, 0
						}
						a.set(i, j, y)
					}
				}
			}
			for i := range n {
				set(a.Im, i, i, T(math.NaN())) // which is not read
			}
			whole := cloneComplex(a)
			for i := range n {
				set(whole.Im, i, i, 0)
				for j := range i {
					whole.set(j, i, whole.at(i, j).conj())
				}
			}
			f := complexes[T](n, n, n)
			v, values, alone := cloneComplex(a), make([]T, n), make([]T, n)
			if err := f.Eigen(v, values, true); err != nil {
				t.Fatal(err)
			}
			bound := 50 * eps[T]() * float64(n+1)
			d := eye[T](n)
			for i, x := range values {
				set(d.Re, i, i, x)
				if i > 0 && x < values[i-1] {
					t.Errorf("%s: values are out of order: %v", kind, values)
				}
			}
			both := zerosComplex[T](n, n)
			if err := f.Mul(both, v, d); err != nil {
				t.Fatal(err)
			}
			within(t, kind+": a·v", apart(whole, v, both), bound*math.Sqrt(float64(n+1)))
			within(t, kind+": vᴴ·v", apart(v.H(), v, eye[T](n)), bound)
			if err := f.Eigen(cloneComplex(a), alone, false); err != nil {
				t.Fatal(err)
			}
			for i, x := range alone {
				within(t, kind+": alone", math.Abs(float64(x-values[i])), bound*math.Sqrt(float64(n+1)))
			}

			real := clone(a.Re)
			if err := Eigen(real, values, true, nil); err != nil {
				t.Fatal(err)
			}
			sym := Complex[T]{Re: clone(whole.Re), Im: zeros[T](n, n)}
			vectors := Complex[T]{Re: real, Im: zeros[T](n, n)}
			for i, x := range values {
				set(d.Re, i, i, x)
			}
			both = zerosComplex[T](n, n)
			if err := f.Mul(both, vectors, d); err != nil {
				t.Fatal(err)
			}
			within(t, kind+": real a·v", apart(sym, vectors, both), bound*math.Sqrt(float64(n+1)))
			within(t, kind+": real vᵀ·v", apart(vectors.H(), vectors, eye[T](n)), bound)
		}
	})
}

func TestEigen(t *testing.T) {
	t.Run("float32", testEigen[float32])
	t.Run("float64", testEigen[float64])
}

func TestComplexMistakes(t *testing.T) {
	f := complexes[float64](4, 4, 4)
	a := zerosComplex[float64](3, 3)
	set(a.Re, 0, 0, 1)
	if err := f.Cholesky(a); !errors.Is(err, NotPositive{1}) {
		t.Errorf("not positive: %v", err)
	}
	if err := f.Cholesky(zerosComplex[float64](3, 2)); err == nil {
		t.Error("a matrix that is not square has a Cholesky factor")
	}
	if err := f.Solve(a, Triangle{}, zerosComplex[float64](2, 3)); err == nil {
		t.Error("3 equations have 2 rows")
	}
	if err := f.LU(a.H(), make([]int, 3)); err == nil {
		t.Error("a conjugate view is overwritten")
	}
	if err := f.LU(a, nil); err == nil {
		t.Error("no pivots")
	}
	set(a.Re, 2, 1, math.NaN())
	if err := f.Eigen(a, make([]float64, 3), true); err == nil {
		t.Error("NaN has eigenvalues")
	}
	if err := Eigen(a.Re, make([]float64, 3), true, nil); err == nil {
		t.Error("NaN has real eigenvalues")
	}
	if err := f.Eigen(a, make([]float64, 2), true); err == nil {
		t.Error("3 values in 2")
	}
	if err := MulComplex(a, a, zerosComplex[float64](2, 2), gemm.Env[float64]{Buf: make([]float64, gemm.MinBuffer[float64](1)), Workers: 1}); err == nil {
		t.Error("3 x 3 times 2 x 2")
	}
}
