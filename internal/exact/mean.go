package exact

import "math/big"

// MeanOf divides the exact sum of n whole numbers, in units of 10^-scale, and rounds once.
func MeanOf(sum *big.Int, n int64, scale int) float64 {
	x, y := new(big.Int).Set(sum), big.NewInt(n)
	if scale != 0 {
		ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil)
		if scale > 0 {
			y.Mul(y, ten)
		} else {
			x.Mul(x, ten)
		}
	}
	f, _ := new(big.Rat).SetFrac(x, y).Float64()
	return f
}

// WholeMeanOf divides the exact sum of n whole numbers and rounds to a whole number; halves go to the even one.
func WholeMeanOf(sum *big.Int, n int64) int64 {
	q, r := new(big.Int).DivMod(sum, big.NewInt(n), new(big.Int)) // r is not negative
	if twice := 2 * r.Uint64(); twice > uint64(n) || twice == uint64(n) && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q.Int64()
}
