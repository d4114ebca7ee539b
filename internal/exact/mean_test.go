package exact

import (
	"math/big"
	"testing"
)

// TestMeans: halves go to the even number, sums beyond 64 bits are no less exact, and the scale is that of decimals.
func TestMeans(t *testing.T) {
	for _, c := range []struct {
		sum  string
		n    int64
		want int64
	}{
		{"0", 3, 0}, {"1", 2, 0}, {"3", 2, 2}, {"5", 2, 2}, {"-1", 2, 0}, {"-3", 2, -2}, {"-5", 2, -2}, {"7", 3, 2}, {"8", 3, 3}, {"-7", 3, -2}, {"-8", 3, -3},
		{"36893488147419103228", 4, 9223372036854775807}, {"-36893488147419103232", 4, -9223372036854775808},
	} {
		sum, _ := new(big.Int).SetString(c.sum, 10)
		if got := WholeMeanOf(sum, c.n); got != c.want || sum.String() != c.sum {
			t.Errorf("the mean of %d that add up to %v is %d, want %d", c.n, c.sum, got, c.want)
		}
	}
	for _, c := range []struct {
		sum   string
		n     int64
		scale int
		want  float64
	}{
		{"7", 2, 0, 3.5}, {"-7", 2, 1, -0.35}, {"7", 2, -2, 350}, {"100000000000000000000000000000000000001", 3, 38, 0.3333333333333333}, {"1", 3, 0, 1.0 / 3},
	} {
		sum, _ := new(big.Int).SetString(c.sum, 10)
		if got := MeanOf(sum, c.n, c.scale); got != c.want || sum.String() != c.sum {
			t.Errorf("the mean of %d that add up to %v at scale %d is %v, want %v", c.n, c.sum, c.scale, got, c.want)
		}
	}
}
