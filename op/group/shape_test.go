package group

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/weft-data/weft/dtype"
)

// refShape computes skew or kurtosis from the definition, in rational numbers.
func refShape(fn string, vals []float64) float64 {
	n := int64(len(vals))
	mean := new(big.Rat)
	for _, x := range vals {
		mean.Add(mean, new(big.Rat).SetFloat64(x))
	}
	mean.Quo(mean, big.NewRat(n, 1))
	var m [5]*big.Rat
	for k := range m {
		m[k] = new(big.Rat)
	}
	for _, x := range vals {
		d := new(big.Rat).Sub(new(big.Rat).SetFloat64(x), mean)
		p := big.NewRat(1, 1)
		for k := 1; k <= 4; k++ {
			p = new(big.Rat).Mul(p, d)
			m[k].Add(m[k], p)
		}
	}
	float := func(x *big.Rat) float64 { f, _ := x.Float64(); return f }
	f := float64(n)
	if m[2].Sign() == 0 {
		return math.NaN()
	}
	if fn == Skew {
		s := math.Sqrt(float(m[2]) / (f - 1))
		return f / ((f - 1) * (f - 2)) * float(m[3]) / (s * s * s)
	}
	v := float(m[2]) / (f - 1)
	return f*(f+1)/((f-1)*(f-2)*(f-3))*float(m[4])/(v*v) - 3*(f-1)*(f-1)/((f-2)*(f-3))
}

func TestShape(t *testing.T) {
	r := newRand(11)
	cases := [][]float64{{1, 2}, {1, 2, 3}, {1, 1, 1, 1}, {1, 2, 3, 10}, {0.1, 0.1, 0.1}, {1e9, 1e9 + 1, 1e9 + 5, 1e9 - 2, 1e9},
		{1e-60, 3e-60, 2e-60, 9e-60}, {-1e60, 1e60, 3e60, 0, 7e60}}
	for _, scale := range []float64{1, 1e-30, 1e40} {
		var x []float64
		for range 3000 {
			x = append(x, scale*(r.ExpFloat64()+100))
		}
		cases = append(cases, x)
	}
	for _, x := range cases {
		vals := []any{nil}
		for _, v := range x {
			vals = append(vals, v)
		}
		for fn, least := range map[string]int{Skew: 3, Kurtosis: 4} {
			got, err := one(t, Agg{Fn: fn}, dtype.Of(dtype.Float64), vals...) // the same for all threads and blocks
			if err != nil {
				t.Fatal(err)
			}
			if len(x) < least {
				if got != "null" {
					t.Errorf("%s of %v = %s", fn, x, got)
				}
				continue
			}
			want := refShape(fn, x)
			if math.IsNaN(want) {
				if got != "NaN" {
					t.Errorf("%s of %v = %s", fn, x, got)
				}
				continue
			}
			var g float64
			if _, err := fmt.Sscanf(got, "%g/", &g); err != nil {
				t.Fatal(err, got)
			}
			if math.Abs(g-want) > 1e-12*math.Max(1, math.Abs(want)) {
				t.Errorf("%s of %d values from %v = %v, want %v", fn, len(x), x[0], g, want)
			}
		}
	}
	for _, x := range []any{math.NaN(), math.Inf(1), 1e100} {
		if got, err := one(t, Agg{Fn: Kurtosis}, dtype.Of(dtype.Float64), 1.0, 2.0, 3.0, 4.0, x); err != nil || got != "NaN" {
			t.Errorf("kurtosis with %v: %s, %v", x, got, err)
		}
	}
	whole, err := one(t, Agg{Fn: Skew}, dtype.Of(dtype.Int64), int64(1), int64(2), int64(9))
	if float, _ := one(t, Agg{Fn: Skew}, dtype.Of(dtype.Float64), 1.0, 2.0, 9.0); err != nil || whole != float {
		t.Errorf("skew of integers: %s, %v, of floats %s", whole, err, float)
	}
}

// TestSketchError: over many sets the error of the estimate is that of theory.
func TestSketchError(t *testing.T) {
	r := newRand(5)
	for _, n := range []int{10, 192, 193, 1000, 5000, 50_000} {
		sum, sets := 0.0, 40
		for range sets {
			regs := make([]byte, registers)
			for range n {
				register(regs, r.Uint64())
			}
			d := float64(distinct(regs))/float64(n) - 1
			sum += d * d
		}
		if e := math.Sqrt(sum / float64(sets)); e > 0.022 {
			t.Errorf("%d values: an error of %.2f %%", n, 100*e)
		}
	}
}
