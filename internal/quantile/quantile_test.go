package quantile

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/dtype"
)

// TestKeysStandInOrder: keys of floats stand as the floats do, and have their values again.
func TestKeysStandInOrder(t *testing.T) {
	x := []float64{math.Inf(-1), -math.MaxFloat64, -1, -5e-324, 0, 5e-324, 1, math.MaxFloat64, math.Inf(1), math.NaN()}
	for i := range x {
		k := KeyOf(x[i])
		if v := Value(dtype.Float64, k); v != x[i] && (v == v || x[i] == x[i]) {
			t.Errorf("%v comes back as %v", x[i], v)
		}
		if i > 0 && k <= KeyOf(x[i-1]) {
			t.Errorf("the key of %v is not above that of %v", x[i], x[i-1])
		}
	}
	if KeyOf(math.Copysign(0, -1)) != KeyOf(0) || KeyOf(math.Float64frombits(math.Float64bits(math.NaN())^5)) != KeyOf(math.NaN()) || KeyOf(-math.NaN()) != KeyOf(math.NaN()) {
		t.Error("-0 is not 0, or a NaN is not another")
	}
}

// TestBetween compares quantiles of integers and floats with rational numbers.
func TestBetween(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		kind := []dtype.Kind{dtype.Int64, dtype.Uint64, dtype.Float64}[seed%3]
		keys := make([]int64, 1+rnd.IntN(30))
		for i := range keys {
			if keys[i] = rnd.Int64() >> rnd.UintN(63) * (1 - 2*rnd.Int64N(2)); kind == dtype.Float64 {
				keys[i] = KeyOf(math.Ldexp(rnd.Float64()-0.5, rnd.IntN(60)))
			}
		}
		slices.Sort(keys)
		q := []float64{0, 0.25, 0.5, 0.9, 1}[rnd.IntN(5)]
		rank, part := RankOf(q, int64(len(keys)))
		a := keys[rank]
		b := keys[min(int(rank)+1, len(keys)-1)]
		x, y := exactly(kind, a), exactly(kind, b)
		want, _ := y.Sub(y, x).Mul(y, new(big.Rat).SetFloat64(part)).Add(y, x).Float64()
		if got := Between(kind, a, b, part); math.Abs(got-want) > 4e-16*max(math.Abs(want), math.Abs(Value(kind, a)), math.Abs(Value(kind, b))) {
			t.Errorf("seed %d: quantile %v of %d is %v, want %v", seed, q, keys, got, want)
		}
	}
}

func exactly(k dtype.Kind, key int64) *big.Rat {
	switch k {
	case dtype.Uint64:
		return new(big.Rat).SetUint64(uint64(key) ^ 1<<63)
	case dtype.Float64:
		return new(big.Rat).SetFloat64(Value(k, key))
	}
	return new(big.Rat).SetInt64(key)
}

// TestExtremes: no sum on the way runs over, and infinities and NaN give what they must.
func TestExtremes(t *testing.T) {
	inf, most := math.Inf(1), math.MaxFloat64
	for _, c := range []struct{ a, b, part, want float64 }{
		{most, most, 0.5, most}, {most / 2, most, 0.5, most * 0.75}, {-most, most, 0.5, 0}, {0, most, 0.25, most / 4}, {1, inf, 0.5, inf}, {-inf, inf, 0.5, math.NaN()},
		{-inf, -inf, 0.3, -inf}, {1, math.NaN(), 0.5, math.NaN()}, {1, math.NaN(), 0, 1},
	} {
		b := c.b
		if c.part == 0 {
			b = c.a
		}
		if got := Between(dtype.Float64, KeyOf(c.a), KeyOf(b), c.part); got != c.want && (got == got || c.want == c.want) {
			t.Errorf("%v of the way from %v to %v is %v, want %v", c.part, c.a, c.b, got, c.want)
		}
	}
	for _, c := range []struct{ a, b, want int64 }{{1, 2, 2}, {2, 3, 2}, {-1, 0, 0}, {-3, -2, -2}, {math.MaxInt64 - 1, math.MaxInt64, math.MaxInt64 - 1}, {math.MinInt64, math.MaxInt64, 0}} {
		if got := Middle(c.a, c.b); got != c.want {
			t.Errorf("the middle of %d and %d is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
