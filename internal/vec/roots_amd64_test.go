package vec

import (
	"math"
	"slices"
	"testing"
)

// TestRoots: square roots are those of package math wherever the root is computed in another way than by the processor's own
// instruction, whatever lies beside in the vector.
func TestRoots(t *testing.T) {
	var x []float64
	r := newRand(1)
	for range 200_000 { // all exponents, mantissas of long and of few bits
		m := r.Uint64()
		x = append(x, math.Abs(math.Float64frombits(m)), math.Abs(math.Float64frombits(m>>(r.Uint64()&63)<<40)))
	}
	for range 50_000 { // squares, and their neighbours
		v := 1 + r.Float64()
		v = math.Ldexp(math.Float64frombits(math.Float64bits(v)&^(1<<26-1)), r.IntN(1000)-500)
		x = append(x, v*v, math.Nextafter(v*v, 0), math.Nextafter(v*v, math.Inf(1)))
	}
	hard := 0
	hardRoots(1<<14, func(v float64) {
		hard++
		x = append(x, v, math.Ldexp(v, 2*r.IntN(480)), math.Ldexp(v, -2*r.IntN(500)), math.Ldexp(v, -54))
	})
	if hard < 4000 {
		t.Fatalf("%d roots that are hard to round, want four for every eighth number", hard)
	}
	for e := -1074; e < 1024; e++ {
		v := math.Ldexp(1, e)
		x = append(x, v, math.Nextafter(v, 0), math.Nextafter(v, math.Inf(1)), math.Ldexp(3, e))
	}
	x = append(x, math.MaxFloat64)
	special := []float64{0, math.Copysign(0, -1), -1, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, -5e-324, 1e-310, 0x1p-961}
	from := rootsFrom
	t.Run("asked for", func(t *testing.T) { // as on a processor with other estimates
		rootsFrom = math.Inf(1)
		defer func() { rootsFrom = from }()
		compareRoots(t, x, special)
	})
	t.Run("computed", func(t *testing.T) { compareRoots(t, x, special) })
}

func compareRoots(t *testing.T, x, special []float64) {
	atLevels(t, func(t *testing.T) {
		root, d := Unary[float64](Sqrt), make([]float64, len(x))
		for shift := range 2 { // every number is computed in every way: of four vectors the last one is not as the others
			v := x[shift*8:]
			root(d, v)
			for i, v := range v {
				if w := math.Sqrt(v); !same(d[i], w) {
					t.Fatalf("sqrt(%v = %x) is %x, want %x", v, v, d[i], w)
				}
			}
		}
		for lane := range 33 {
			v := slices.Clone(x[:33])
			for _, s := range special {
				v[lane] = s
				root(d, v)
				for i, v := range v {
					if w := math.Sqrt(v); !same(d[i], w) {
						t.Fatalf("sqrt(%v) is %v, want %v; lane %d is %v", v, d[i], w, lane, s)
					}
				}
			}
		}
	})
}

// TestRightRoots: a loop that gives one wrong root is found out, whichever it is.
func TestRightRoots(t *testing.T) {
	roots := func(dst, x []float64) {
		for i, v := range x {
			dst[i] = math.Sqrt(v)
		}
	}
	if !rightRoots(roots) {
		t.Error("the roots of package math are wrong")
	}
	var hard []float64
	hardRoots(nearest, func(x float64) { hard = append(hard, x) })
	for _, wrong := range []float64{hard[0], hard[len(hard)/2], hard[len(hard)-1], 0x1p52 + 1, 0x1p54 - 2} {
		if rightRoots(func(dst, x []float64) {
			roots(dst, x)
			if i := slices.Index(x[:24], wrong); i >= 0 {
				dst[i] = math.Nextafter(dst[i], 0)
			}
		}) {
			t.Errorf("the wrong root of %v is not found", wrong)
		}
	}
}
