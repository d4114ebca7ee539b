package group

import (
	"math"
	"math/big"
	"testing"
)

// TestSecondMoments compares quotients in 256 bits with those of big numbers, of sums of every size and sign; where the
// former give up, something must not have fitted.
func TestSecondMoments(t *testing.T) {
	r := newRand(11)
	random := func(most int) (a [4]uint64) {
		n := r.IntN(most + 1)
		for i := range a {
			if a[i] = r.Uint64(); 64*i >= n {
				a[i] = 0
			} else if n-64*i < 64 {
				a[i] &= 1<<(n-64*i) - 1
			}
		}
		if r.IntN(2) == 0 {
			a, _ = difference([4]uint64{}, a)
		}
		return a
	}
	gave, given := 0, 0
	for range 200_000 {
		n, exp := int64(2+r.Uint64N(1<<r.IntN(31))), r.IntN(4000)-2000
		q, a, b := random(255), random(140), random(140)
		switch r.IntN(4) {
		case 0:
			b = a
		case 1: // nearly or wholly nothing is left
			n, a, b, exp = 2, random(120), a, -300
			q, _ = magnitude(product(first(magnitude(a)), first(magnitude(a))))
			q = [4]uint64{q[0]>>1 | q[1]<<63, q[1]>>1 | q[2]<<63, q[2]>>1 | q[3]<<63, q[3] >> 1}
			b = a
		}
		num := spread(n, bigFixed(q), bigFixed(a), bigFixed(b))
		bits := num.BitLen()
		f := new(big.Float).SetPrec(600).Quo(new(big.Float).SetPrec(600).SetInt(num), new(big.Float).SetInt64(n*(n-1)))
		want, _ := f.SetMantExp(f, exp).Float64()
		got, ok := second(n, q, a, b, exp)
		switch {
		case ok && math.Float64bits(got+0) != math.Float64bits(want+0):
			t.Fatalf("n=%d q=%x a=%x b=%x exp=%d: %g, want %g", n, q, a, b, exp, got, want)
		case ok:
			given++
		default:
			gave++
			if x, _ := magnitude(a); bits < 190 && x[2]|x[3] == 0 && math.Abs(want) > 0x1p-900 && math.Abs(want) < 0x1p900 && fits(n, q, b) {
				t.Fatalf("n=%d q=%x a=%x b=%x exp=%d: given up", n, q, a, b, exp)
			}
		}
	}
	if gave < 1000 || given < 1000 {
		t.Errorf("given up %d times of %d", gave, gave+given)
	}
}

func first(m [4]uint64, _ bool) [4]uint64 { return m }

// fits reports whether n·q has 256 bits, and b 128.
func fits(n int64, q, b [4]uint64) bool {
	m, _ := magnitude(q)
	_, ok := times(m, uint64(n))
	y, _ := magnitude(b)
	return ok && y[2]|y[3] == 0
}
