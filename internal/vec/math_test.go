package vec

import (
	"math"
	"os"
	"strings"
	"testing"
)

// ulpBounds are what the functions promise.
var ulpBounds = map[string]float64{
	"exp": 1, "exp2": 1, "expm1": 1.5, "log": 1, "log2": 1, "log10": 1, "log1p": 1.5, "sin": 1, "cos": 1, "tan": 2.5,
	"tanh": 2, "sinh": 2, "cosh": 2, "pow": 1,
}

// TestMathErrors holds the functions to values of high precision.
func TestMathErrors(t *testing.T) {
	text, err := os.ReadFile("testdata/math.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	worst, at, tried := map[string]float64{}, map[string]string{}, map[string]int{}
	for _, line := range lines {
		w := strings.Fields(line)
		var got float64
		if x, y, two := strings.Cut(w[1], ","); two {
			got = scalarBinary[float64](opNamed[BinaryOp](t, w[0], binaryNames[:]))(float(t, x), float(t, y))
		} else {
			got = scalarUnary[float64](opNamed[UnaryOp](t, w[0], unaryNames[:]))(float(t, x))
		}
		hi, lo := float(t, w[2]), float(t, w[3])
		e := ulps(got, hi, lo)
		tried[w[0]]++
		if !(e <= worst[w[0]]) {
			worst[w[0]], at[w[0]] = e, w[1]
		}
	}
	for name, bound := range ulpBounds {
		if tried[name] < 400 {
			t.Errorf("%s: only %d values", name, tried[name])
		}
		t.Logf("%-6s %.3f ULP at %s", name, worst[name], at[name])
		if !(worst[name] <= bound) {
			t.Errorf("%s: error of %.3f ULP at %s, promised %v", name, worst[name], at[name], bound)
		}
	}
}

// ulps returns the distance of got from hi+lo in units of the last place of hi.
func ulps(got, hi, lo float64) float64 {
	if math.IsInf(hi, 0) || hi == 0 {
		if got == hi {
			return 0
		}
		return math.Inf(1)
	}
	_, exp := math.Frexp(hi)
	unit := math.Ldexp(1, max(exp-53, -1074))
	return math.Abs((got - hi - lo) / unit)
}

// TestMathEnds holds the special cases of the array API.
func TestMathEnds(t *testing.T) {
	inf, nan, negative := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	for _, c := range []struct {
		op   UnaryOp
		x, y float64
	}{
		{Exp, inf, inf}, {Exp, -inf, 0}, {Exp, nan, nan}, {Exp, 710, inf}, {Exp, -746, 0}, {Exp, 0, 1}, {Exp, negative, 1},
		{Exp2, inf, inf}, {Exp2, -inf, 0}, {Exp2, 1024, inf}, {Exp2, -1074, 5e-324}, {Exp2, 10, 1024}, {Exp2, nan, nan},
		{Expm1, inf, inf}, {Expm1, -inf, -1}, {Expm1, 0, 0}, {Expm1, negative, negative}, {Expm1, nan, nan}, {Expm1, 709.9, inf},
		{Log, 0, -inf}, {Log, negative, -inf}, {Log, -1, nan}, {Log, inf, inf}, {Log, nan, nan}, {Log, 1, 0}, {Log, -inf, nan},
		{Log2, 0, -inf}, {Log2, -5e-324, nan}, {Log2, inf, inf}, {Log2, 1024, 10}, {Log2, 5e-324, -1074}, {Log2, nan, nan},
		{Log10, 0, -inf}, {Log10, -1, nan}, {Log10, inf, inf}, {Log10, 1000, 3}, {Log10, 1, 0}, {Log10, nan, nan},
		{Log1p, -1, -inf}, {Log1p, -2, nan}, {Log1p, inf, inf}, {Log1p, negative, negative}, {Log1p, nan, nan}, {Log1p, 5e-324, 5e-324},
		{Sin, inf, nan}, {Sin, -inf, nan}, {Sin, negative, negative}, {Sin, 0, 0}, {Sin, nan, nan}, {Cos, inf, nan}, {Cos, negative, 1},
		{Cos, nan, nan}, {Tan, negative, negative}, {Tan, inf, nan}, {Tan, nan, nan}, {Sin, 5e-324, 5e-324},
		{Tanh, inf, 1}, {Tanh, -inf, -1}, {Tanh, negative, negative}, {Tanh, nan, nan}, {Tanh, 30, 1},
		{Sinh, inf, inf}, {Sinh, -inf, -inf}, {Sinh, negative, negative}, {Sinh, nan, nan}, {Sinh, -711, -inf},
		{Cosh, inf, inf}, {Cosh, -inf, inf}, {Cosh, 0, 1}, {Cosh, nan, nan},
	} {
		if got := scalarUnary[float64](c.op)(c.x); !same(got, c.y) {
			t.Errorf("%v of %v is %v, want %v", c.op, c.x, got, c.y)
		}
	}
}
