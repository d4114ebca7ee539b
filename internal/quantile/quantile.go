// Package quantile has what a quantile is: which values of an order it lies between, and how far from the first. Group-by,
// windows and sketches say the same because they ask here.
//
// Values are compared as order keys, integers that stand in the order of the values: the values themselves of signed
// integers, for floats their bits, where NaN is the greatest value and -0 is 0.
package quantile

import (
	"math"
	"math/big"

	"github.com/weft-data/weft/dtype"
)

// RankOf returns where quantile q of n values in order is: behind which of them, counted from 0, and
// how much of the way to the next. n is at least 1.
func RankOf(q float64, n int64) (rank int64, part float64) {
	at := q * float64(n-1)
	rank = min(int64(at), n-1)
	return rank, at - float64(rank)
}

// Between returns the value a part of the way between two of a kind, given as order keys; the middle of integers is
// rounded once.
func Between(k dtype.Kind, a, b int64, part float64) float64 {
	x, y := Value(k, a), Value(k, b)
	switch {
	case a == b:
		return x
	case part != 0.5 && math.Abs(y-x) <= math.MaxFloat64:
		return x + (y-x)*part
	case part != 0.5:
		return x*(1-part) + y*part
	case math.Abs(x) > math.MaxFloat64/2 || math.Abs(y) > math.MaxFloat64/2:
		return x/2 + y/2
	}
	if k.IsInt() && (math.Abs(x) >= 1<<52 || math.Abs(y) >= 1<<52) {
		return wideMiddle(k, a, b)
	}
	return (x + y) / 2
}

// Middle is the middle of two integers, rounded to the nearest, halves to the even one.
func Middle(a, b int64) int64 {
	mid := a&b + (a^b)>>1 // rounded down
	return mid + (a^b)&mid&1
}

// wideMiddle is the middle of two large integers, rounded once.
func wideMiddle(k dtype.Kind, a, b int64) float64 {
	whole := func(o int64) *big.Int {
		if k == dtype.Uint64 {
			return new(big.Int).SetUint64(uint64(o) ^ 1<<63)
		}
		return big.NewInt(o)
	}
	f, _ := new(big.Float).SetInt(whole(a).Add(whole(a), whole(b))).Float64()
	return f / 2
}

// Value is the value of a kind that has an order key, as a float.
func Value(k dtype.Kind, o int64) float64 {
	switch k {
	case dtype.Uint64:
		return float64(uint64(o) ^ 1<<63)
	case dtype.Float32, dtype.Float64:
		return math.Float64frombits(uint64(o ^ int64(uint64(o>>63)>>1)))
	}
	return float64(o)
}

// KeyOf is the order key of a float.
func KeyOf(x float64) int64 {
	if x != x {
		x = math.NaN()
	}
	b := int64(math.Float64bits(x + 0))
	return b ^ int64(uint64(b>>63)>>1)
}
