package strip

import (
	"math"
	"slices"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// TestJoin compares programs whose steps are joined with their steps one by one, bit for bit, and counts the steps that
// are left.
func TestJoin(t *testing.T) {
	t.Run("float64", joins(elem.Float64, []float64{0, math.Copysign(0, -1), 1.1, -3.3, 1e200, 1e-200, math.Inf(-1), math.NaN(), 5e-324}))
	t.Run("float32", joins(elem.Float32, []float32{0, 1.1, -3.3, 1e30, 1e-30, float32(math.Inf(1)), float32(math.NaN()), 1e-45}))
}

func joins[T float32 | float64](k elem.Kind, special []T) func(t *testing.T) {
	mul, add, sqrt, sin := Binary(vec.Mul), Binary(vec.Add), Unary(vec.Sqrt), Unary(vec.Sin)
	step := func(o Op, a, b int32) Step { return Step{Op: o, In: k, Out: k, A: a, B: b} }
	x, y := Leaf(0), Leaf(1)
	norm := []Step{step(mul, x, x), step(mul, y, y), step(add, 0, 1), step(sqrt, 2, 0)}
	return func(t *testing.T) {
		for _, c := range []struct {
			name  string
			steps []Step
			outs  []int32
			left  int // steps
			asks  bool
		}{
			{"norm", norm, []int32{3}, 1, false},
			{"norm and sine", append(slices.Clone(norm), step(sin, x, 0), step(add, 3, 4)), []int32{5}, 3, false},
			{"sine and norm", []Step{step(sin, x, 0), step(mul, x, x), step(mul, y, y), step(add, 1, 2), step(sqrt, 3, 0), step(add, 0, 4)}, []int32{5}, 3, true},
			{"norm of one leaf", []Step{step(sin, x, 0), step(mul, 0, 0), step(mul, x, x), step(add, 1, 2), step(sqrt, 3, 0)}, []int32{4}, 2, true},
			{"squares", norm[:3], []int32{2}, 1, true},
			{"the squares are asked for", norm, []int32{3, 0}, 4, true},
			{"their sum is asked for", norm, []int32{2, 3}, 2, true},
			{"a square is read twice", append(slices.Clone(norm), step(add, 3, 1)), []int32{4}, 5, true},
			{"the sum is read twice", append(slices.Clone(norm), step(add, 3, 2)), []int32{4}, 3, true},
			{"one square", []Step{step(mul, x, x), step(add, 0, 0), step(sqrt, 1, 0)}, []int32{2}, 3, true},
			{"a product", []Step{step(mul, x, x), step(mul, x, y), step(add, 0, 1), step(sqrt, 2, 0)}, []int32{3}, 4, true},
		} {
			p := Program{Leaves: []elem.Kind{k, k}, Steps: c.steps}
			given := slices.Clone(c.steps)
			code, err := Compile(p, c.outs)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.Steps, given) {
				t.Errorf("%s: the program was changed", c.name)
			}
			left := 0
			for _, f := range code.kernels {
				if f != nil {
					left++
				}
			}
			if left != c.left || code.asks != c.asks {
				t.Errorf("%s: %d steps, want %d; asks for memory: %t, want %t", c.name, left, c.left, code.asks, c.asks)
			}
			n := len(special) * len(special) // all pairs
			leaves := [2][]T{make([]T, n), make([]T, n)}
			for i := range n {
				leaves[0][i], leaves[1][i] = special[i%len(special)], special[i/len(special)]
			}
			s := code.NewState()
			s.Set(0, Raw(leaves[0]))
			s.Set(1, Raw(leaves[1]))
			s.Ahead(Raw(leaves[0]))
			s.Run(n)
			want := alone(t, p, leaves, n)
			for _, v := range c.outs {
				if got, want := View[T](s.Value(v), n), View[T](want[v], n); !same(got, want) {
					t.Errorf("%s: value %d is %v, want %v", c.name, v, got, want)
				}
			}
		}
	}
}

// alone computes every step of a program into memory of its own.
func alone[T any](t *testing.T, p Program, leaves [2][]T, n int) (values [][]byte) {
	value := func(v int32) []byte {
		switch {
		case v < 0:
			return Raw(leaves[-1-v])
		case int(v) < len(values):
			return values[v]
		}
		return nil // not an operand
	}
	for i, s := range p.Steps {
		f, err := p.step(i, s)
		if err != nil {
			t.Fatal(err)
		}
		out := Raw(make([]T, n))
		f(out, value(s.A), value(s.B), nil, n)
		values = append(values, out)
	}
	return values
}

// same reports whether elements are equal bit for bit, but for the payload of NaNs.
func same[T float32 | float64](x, y []T) bool {
	return slices.EqualFunc(x, y, func(a, b T) bool {
		return a != a && b != b || a == b && math.Signbit(float64(a)) == math.Signbit(float64(b))
	})
}
