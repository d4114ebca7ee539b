package vec

import (
	"math"
	"math/big"
	"testing"
)

// TestI0 compares with the power series at 2000 bits.
func TestI0(t *testing.T) {
	f := Unary[float64](I0)
	for _, x := range []float64{0, 5e-324, 1e-9, 0.1, 0.5, 1, 2.5, 7, 10, 15, 20, 21.999, 22, 25, 40, 99.5, 300, 709, 712.5, 713.9} {
		quarter := new(big.Float).SetPrec(2000).SetFloat64(x / 2)
		quarter.Mul(quarter, quarter)
		term, sum := big.NewFloat(1).SetPrec(2000), big.NewFloat(1).SetPrec(2000)
		for k := 1; k < 3000; k++ {
			term.Mul(term, quarter)
			term.Quo(term, new(big.Float).SetInt64(int64(k)*int64(k)))
			sum.Add(sum, term)
		}
		want, _ := sum.Float64()
		got := []float64{0, 0}
		f(got, []float64{x, -x})
		if ulp := math.Nextafter(want, math.Inf(1)) - want; got[0] != got[1] || !(math.Abs(got[0]-want) <= 16*ulp) {
			t.Errorf("i0(±%v) = %v, want %v", x, got, want)
		}
	}
	got := []float64{0, 0, 0}
	f(got, []float64{math.Inf(-1), 714, math.NaN()})
	if !math.IsInf(got[0], 1) || !math.IsInf(got[1], 1) || got[2] == got[2] {
		t.Errorf("i0(-Inf, 714, NaN) = %v", got)
	}
}
