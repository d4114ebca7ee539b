package fft

import (
	"math"
	"math/cmplx"
	"testing"
)

// TestReal compares transforms of real numbers, made of half as many complex ones, with their definition, and goes back.
func TestReal(t *testing.T) {
	for _, n := range []int{2, 4, 6, 8, 10, 16, 54, 1096} {
		plan, err := New(n/2, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReal(n, nil)
		if err != nil {
			t.Fatal(err)
		}
		e := env(plan)
		z := random(n / 2)
		x := make([]float64, n)
		for k, v := range z {
			x[2*k], x[2*k+1] = real(v), imag(v)
		}
		for _, inverse := range []bool{false, true} {
			want := make([]complex128, n/2+1)
			for k := range want {
				for j, v := range x {
					w := root(k*j, n)
					if inverse {
						w = conj(w)
					}
					want[k] += complex(v, 0) * w
				}
				if inverse {
					want[k] /= complex(float64(n), 0)
				}
			}
			y := append([]complex128(nil), z...)
			if err := plan.Rows(y, y, 1, inverse, e); err != nil {
				t.Fatal(err)
			}
			size := math.Sqrt(float64(n)) // of the elements
			if inverse {
				size /= float64(n)
			}
			half := make([]complex128, n/2+1)
			for k := range half {
				r.Split(half[k:k+1], y[k%(n/2):], y[(n/2-k)%(n/2):], k, inverse)
				if d := cmplx.Abs(half[k] - want[k]); d > 1e-14*size*math.Log2(float64(2*n)) {
					t.Fatalf("%d numbers, inverse %t: element %d is %v, want %v", n, inverse, k, half[k], want[k])
				}
			}
			half[0] += 5i // which real numbers do not have
			for k := range y {
				r.Join(y[k:k+1], half[k:], half[n/2-k:], k, !inverse)
			}
			if err := plan.Rows(y, y, 1, !inverse, e); err != nil {
				t.Fatal(err)
			}
			for k, v := range y {
				if d := cmplx.Abs(v - z[k]); d > 1e-13 {
					t.Fatalf("%d numbers, inverse %t: %d comes back as %v, not %v", n, inverse, k, v, z[k])
				}
			}
		}
	}
}
