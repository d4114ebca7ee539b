package strip

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// TestJoiner compares sums that compute the last step of a program with those of its results, bit for bit, and says of which
// programs there are any.
func TestJoiner(t *testing.T) {
	const k = elem.Float64
	step := func(o Op, a, b int32) Step { return Step{Op: o, In: k, Out: k, A: a, B: b} }
	mul, add, sub, div, sqrt, neg := Binary(vec.Mul), Binary(vec.Add), Binary(vec.Sub), Binary(vec.Div), Unary(vec.Sqrt), Unary(vec.Neg)
	x, y := Leaf(0), Leaf(1)
	norm := []Step{step(mul, x, x), step(mul, y, y), step(add, 0, 1), step(sqrt, 2, 0)}
	for _, c := range []struct {
		name         string
		steps        []Step
		out          int32
		joins, whole bool // the only step
	}{
		{"norm", norm, 3, true, true},
		{"squares", norm[:3], 2, true, true},
		{"product", []Step{step(mul, x, y)}, 0, true, true},
		{"sum", []Step{step(add, x, y)}, 0, true, true},
		{"difference", []Step{step(sub, x, y)}, 0, true, true},
		{"one leaf", []Step{step(sqrt, x, 0)}, 0, true, false},
		{"root of a sum", []Step{step(add, x, y), step(sqrt, 0, 0)}, 1, true, false},
		{"product with a root", []Step{step(sqrt, x, 0), step(mul, 0, y)}, 1, true, false},
		{"not the last", []Step{step(mul, x, y), step(neg, x, 0)}, 0, false, false},
		{"a leaf", []Step{step(mul, x, y)}, x, false, true},
		{"quotient", []Step{step(div, x, y)}, 0, false, true},
	} {
		code, err := Compile(Program{Leaves: []elem.Kind{k, k}, Steps: c.steps}, []int32{c.out})
		if err != nil {
			t.Fatal(err)
		}
		folder, err := Sum.NewFolder(k)
		if err != nil {
			t.Fatal(err)
		}
		var sum func(a, b []byte, n int)
		o, in, a, b, ok := code.Last(c.out)
		if ok {
			sum = folder.(Joiner).Join(o, in)
		}
		if (sum != nil) != c.joins || code.whole != c.whole {
			t.Errorf("%s: joins: %t, want %t; alone: %t, want %t", c.name, sum != nil, c.joins, code.whole, c.whole)
			continue
		}
		if sum == nil {
			continue
		}
		s := code.NewState()
		fold := func(f func()) float64 {
			cell := [][]byte{make([]byte, 8)}
			folder.Init(cell, 1)
			folder.Begin()
			f()
			folder.End(cell)
			return View[float64](cell[0], 1)[0]
		}
		r := rand.New(rand.NewPCG(3, 4))
		length := code.Length()
		for strips := range 9 {
			n := strips*length + 1 + r.IntN(length)
			leaves := [2][]float64{make([]float64, n), make([]float64, n)}
			for i := range n {
				leaves[0][i], leaves[1][i] = r.ExpFloat64(), math.Exp(r.NormFloat64())
			}
			set := func(from, to int) int {
				for i, x := range leaves {
					s.Set(i, Raw(x[from:to]))
					s.Ahead(Raw(x[to:min(n, to+length)]))
				}
				return to - from
			}
			want := fold(func() {
				for at := 0; at < n; at += length {
					k := set(at, min(n, at+length))
					s.Run(k)
					folder.Strip(s.Value(c.out), k, 0, 1)
				}
			})
			got := fold(func() {
				for at := 0; at < n; at += length {
					k := set(at, min(n, at+length))
					s.Operands(k)
					sum(s.Value(a), s.Operand(b), k)
				}
			})
			if math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%s, %d elements: %v, want %v", c.name, n, got, want)
			}
		}
	}
	f, err := Sum.NewFolder(k)
	if err != nil {
		t.Fatal(err)
	}
	if f.(Joiner).Join(mul, elem.Complex128) != nil || f.(Joiner).Join(Cast, k) != nil {
		t.Error("a sum of what it does not compute")
	}
}
