package vec

import (
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestNumPy holds the definitions of the operations to what NumPy says; results of functions of package math may differ by
// the last bits.
func TestNumPy(t *testing.T) {
	text, err := os.ReadFile("testdata/numpy.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	if len(lines) < 3000 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		left, want, _ := strings.Cut(line, " = ")
		w := strings.Fields(left)
		switch {
		case w[1] == "int8":
			f := scalarBinary[int8](opNamed[BinaryOp](t, w[0], binaryNames[:]))
			if got := f(integer(t, w[2]), integer(t, w[3])); got != integer(t, want) {
				t.Errorf("%s, got %d", line, got)
			}
		case len(w) == 3:
			f := scalarUnary[float64](opNamed[UnaryOp](t, w[0], unaryNames[:]))
			if got := f(float(t, w[2])); !same(got, float(t, want)) {
				t.Errorf("%s, got %x", line, got)
			}
		default:
			f := scalarBinary[float64](opNamed[BinaryOp](t, w[0], binaryNames[:]))
			got, want := f(float(t, w[2]), float(t, w[3])), float(t, want)
			if !same(got, want) && !(math.Abs(got-want) <= 0x1p-51*math.Abs(want)) {
				t.Errorf("%s, got %x", line, got)
			}
		}
	}
}

func opNamed[Op ~uint8](t *testing.T, name string, names []string) Op {
	for i, n := range names {
		if n == name {
			return Op(i)
		}
	}
	t.Fatalf("no operation is called %s", name)
	return 0
}

func integer(t *testing.T, s string) int8 {
	v, err := strconv.ParseInt(s, 10, 8)
	if err != nil {
		t.Fatal(err)
	}
	return int8(v)
}

func float(t *testing.T, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMasks(t *testing.T) {
	for n := range 40 {
		m, d := make([]uint8, n), make([]uint8, n)
		if Any(m) || !All(m[:0]) || (n > 0 && All(m)) || Count(m) != 0 {
			t.Errorf("n=%d: zeros", n)
		}
		MaskNot(d, m)
		if Any(d) != (n > 0) || !All(d) || Count(d) != n {
			t.Errorf("n=%d: ones", n)
		}
		for i := range m {
			m[i] = 0x40
			if !Any(m) || Count(m) != 1 || All(m) != (n == 1) {
				t.Errorf("n=%d: one at %d", n, i)
			}
			m[i] = 0
		}
	}
}

func TestFill(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		x := make([]int32, n+1)
		Fill(x[:n], 7)
		for i, v := range x[:n] {
			if v != 7 {
				t.Fatalf("n=%d: [%d] is %d", n, i, v)
			}
		}
		if x[n] != 0 {
			t.Fatalf("n=%d: wrote beyond", n)
		}
	}
	f := make([]float64, 5)
	Iota(f, 1, 0.1)
	if f[3] != 1+3*0.1 || f[0] != 1 {
		t.Errorf("%v", f)
	}
	b := make([]int8, 300)
	Iota(b, 3, 2)
	if b[299] != int8(3+2*299-2*256) {
		t.Errorf("%v", b[299])
	}
}

func TestComplexParts(t *testing.T) {
	x := []complex128{3 - 4i, -1}
	d := make([]float64, 2)
	Magnitude(d, x)
	if d[0] != 5 || d[1] != 1 {
		t.Errorf("magnitude %v", d)
	}
	Real(d, x)
	if d[0] != 3 || d[1] != -1 {
		t.Errorf("real %v", d)
	}
	Imag(d, x)
	if d[0] != -4 || d[1] != 0 {
		t.Errorf("imag %v", d)
	}
	Phase(d, x)
	if d[1] != math.Pi {
		t.Errorf("phase %v", d)
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{(BinaryOps - 1).String(), "norm"}, {(UnaryOps - 1).String(), "i0"}, {(CompareOps - 1).String(), "greater_equal"},
		{(TestOps - 1).String(), "nonzero"}, {(reduceOps - 1).String(), "sumsquares"}, {BinaryOps.String(), "vec.BinaryOp(25)"},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	const n = 1000
	x, y, d, m := make([]float64, n), make([]float64, n), make([]float64, n), make([]uint8, n)
	z, s := make([]complex128, n), make([]float32, n)
	add, sum, sumC, dot, where := Binary[float64](Add), Reduce[float64](Sum), Reduce[complex128](SumSquares), Dot[float64](), Where[float64]()
	pow, lt, exp, cast, least := BinaryRight[float64](Pow), CompareRight[float64](Lt), Unary[float64](Exp), Cast[float32, float64](), Reduce[float64](Least)
	moments, dot32, argmin := MomentsOf(), Dot[float32](), ArgReduce[float64](Least)
	for name, f := range map[string]func(){
		"add": func() { add(d, x, y) }, "sum": func() { sum(x) }, "complex": func() { sumC(z) }, "dot": func() { dot(x, y) },
		"where": func() { where(d, m, x, y) }, "pow": func() { pow(d, x, 2) }, "lt": func() { lt(m, x, 2) },
		"exp": func() { exp(d, x) }, "cast": func() { cast(s, x) }, "least": func() { least(x) }, "moments": func() { moments(x) },
		"dot32": func() { dot32(s, s) }, "argmin": func() { argmin(x) }, "count": func() { Count(m) },
	} {
		if a := testing.AllocsPerRun(5, f); a != 0 {
			t.Errorf("%s allocates %v times", name, a)
		}
	}
}
