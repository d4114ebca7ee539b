package kernel

import (
	"math/big"
	"slices"
	"testing"
)

var arithOps = []ArithOp{Add, Sub, Mul, Div}

func arithOracle[T Float](op ArithOp, a, b T) T {
	switch op {
	case Add:
		return a + b
	case Sub:
		return a - b
	case Mul:
		return a * b
	}
	return a / b
}

func testArith[T Float](t *testing.T) {
	a := newArena[T](t, largest)
	for _, n := range lengths() {
		r := newRand(n)
		x, y, d := a.end(0, n), a.end(1, n+1)[:n], a.end(2, n+1)
		fillValues(r, x)
		fillValues(r, y)
		consts := specials[T]()
		for _, op := range arithOps {
			check := func(form string, c T, got []T, want func(i int) T) {
				t.Helper()
				for i := range n {
					if !same(got[i], want(i)) {
						t.Fatalf("%s: %s %v (constant %v) of %d: element %d (%v, %v) is %v", typeName[T](), form, op, c, n, i, x[i], y[i], got[i])
					}
				}
			}
			d[n] = 77
			Arith(op, d, x, y)
			check("vectors", 0, d, func(i int) T { return arithOracle(op, x[i], y[i]) })
			inX, inY := slices.Clone(x), slices.Clone(y)
			Arith(op, inX, inX, y)
			check("vectors into x", 0, inX, func(i int) T { return arithOracle(op, x[i], y[i]) })
			Arith(op, inY, x, inY)
			check("vectors into y", 0, inY, func(i int) T { return arithOracle(op, x[i], y[i]) })
			c := consts[r.IntN(len(consts))]
			ArithConst(op, d, x, c)
			check("constant", c, d, func(i int) T { return arithOracle(op, x[i], c) })
			copy(inX, x)
			ConstArith(op, inX, c, inX)
			check("constant on the left", c, inX, func(i int) T { return arithOracle(op, c, x[i]) })
			if d[n] != 77 {
				t.Fatalf("%s: %v of %d wrote beyond", typeName[T](), op, n)
			}
		}
	}
}

func TestArith(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testArith[float32](t)
		testArith[float64](t)
	})
	if s := ArithOp(9).String(); s != "kernel.ArithOp(9)" || Mul.String() != "*" {
		t.Error(s, Mul)
	}
}

// checkedOracle computes with big integers: the wrapped result and whether it fits.
func checkedOracle[T CheckedInt](op ArithOp, a, b T) (T, bool) {
	x, y := big.NewInt(int64(a)), big.NewInt(int64(b))
	switch op {
	case Add:
		x.Add(x, y)
	case Sub:
		x.Sub(x, y)
	case Mul:
		x.Mul(x, y)
	}
	low := new(big.Int).And(x, new(big.Int).SetUint64(^uint64(0))).Uint64()
	r := T(low)
	return r, x.IsInt64() && x.Int64() == int64(r)
}

func testChecked[T CheckedInt](t *testing.T) {
	a, masks := newArena[T](t, largest), newArena[uint64](t, Words(largest))
	for _, n := range lengths() {
		if n > 1000 {
			break
		}
		r := newRand(n)
		x, y, d, valid := a.end(0, n), a.end(1, n+1)[:n], a.end(2, n+1), masks.end(0, Words(n))
		for trial := range 6 {
			fillValues(r, x)
			fillValues(r, y)
			fillBits(r, valid)
			for i := range x {
				if trial < 4 && (trial < 2 || r.IntN(50) > 0) { // mostly or always small: long runs without overflow
					x[i], y[i] = x[i]%1000, y[i]%1000
				}
			}
			for _, op := range arithOps[:3] {
				for _, v := range [][]uint64{nil, valid} {
					run := func(form string, got int, dst []T, left, right func(i int) T) {
						t.Helper()
						want := -1
						for i := range n {
							w, ok := checkedOracle(op, left(i), right(i))
							if dst[i] != w {
								t.Fatalf("%s: %s: %d %v %d = %d at %d of %d", typeName[T](), form, left(i), op, right(i), dst[i], i, n)
							}
							if !ok && bit(v, i) && want < 0 {
								want = i
							}
						}
						if got != want {
							t.Fatalf("%s: %s %v of %d: first overflow at %d, want %d", typeName[T](), form, op, n, got, want)
						}
					}
					xs, ys := func(i int) T { return x[i] }, func(i int) T { return y[i] }
					d[n] = 77
					run("vectors", Checked(op, d, x, y, v), d, xs, ys)
					inX, inY := slices.Clone(x), slices.Clone(y)
					run("vectors into x", Checked(op, inX, inX, y, v), inX, xs, ys)
					run("vectors into y", Checked(op, inY, x, inY, v), inY, xs, ys)
					c := specials[T]()[r.IntN(13)]
					if trial < 3 {
						c %= 1000
					}
					cs := func(int) T { return c }
					run("constant", CheckedConst(op, d, x, c, v), d, xs, cs)
					copy(inX, x)
					run("constant on the left", ConstChecked(op, inX, c, inX, v), inX, cs, xs)
					if d[n] != 77 {
						t.Fatalf("%s: %v of %d wrote beyond", typeName[T](), op, n)
					}
				}
			}
		}
	}
}

func TestChecked(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testChecked[int32](t)
		testChecked[int64](t)
	})
}

// testCheckedPlaces puts one pair of edge values at every place among zeros, so that each lane has to notice it.
func testCheckedPlaces[T CheckedInt](t *testing.T, edges []T) {
	const n = 140
	for _, op := range arithOps[:3] {
		for _, a := range edges {
			for _, b := range edges {
				w, ok := checkedOracle(op, a, b)
				for place := range n {
					x, y, d := make([]T, n), make([]T, n), make([]T, n)
					x[place], y[place] = a, b
					want := place
					if ok {
						want = -1
					}
					if got := Checked(op, d, x, y, nil); got != want || d[place] != w {
						t.Fatalf("%s: %d %v %d at %d: %d, overflow at %d, want %d", typeName[T](), a, op, b, place, d[place], got, want)
					}
					if ok {
						continue
					}
					// The constant overflows with nothing but the one element, unless already with 0.
					if _, zero := checkedOracle(op, 0, b); zero {
						if got := CheckedConst(op, d, x, b, nil); got != want {
							t.Fatalf("%s: %d %v constant %d at %d: overflow at %d", typeName[T](), a, op, b, place, got)
						}
					}
					if _, zero := checkedOracle(op, a, 0); zero {
						if got := ConstChecked(op, d, a, y, nil); got != want {
							t.Fatalf("%s: constant %d %v %d at %d: overflow at %d", typeName[T](), a, op, b, place, got)
						}
					}
				}
			}
		}
	}
}

func TestCheckedPlaces(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		testCheckedPlaces(t, []int64{1 << 31, -1 << 31, 3037000499, 3037000500, -3037000500, 1 << 62, -1 << 62, 1<<63 - 1, -1 << 63, -1, 1, 2})
		testCheckedPlaces(t, []int32{1 << 15, -1 << 15, 46340, 46341, -46341, 1 << 30, -1 << 30, 1<<31 - 1, -1 << 31, -1, 1, 2})
	})
}
