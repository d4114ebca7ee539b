package array

import (
	"math"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// A Source of random arrays. Every element is a function of the key and of its
// position: equal keys and shapes give equal elements on every machine, however
// the array is cut. Arrays drawn from one source are independent only if their
// keys are not equal: take With for each.
type Source struct{ key uint64 }

// Random is the source with a key.
func Random(key uint64) Source { return Source{key} }

// With is another source, made of this one and a number.
func (s Source) With(n uint64) Source {
	z := s.key + (n+1)*0x9e3779b97f4a7c15 // SplitMix64 (Steele, Lea and Flood 2014)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return Source{z ^ z>>31}
}

func (s Source) draw(verb string, dist ops.Dist, kind elem.Kind, nums []uint64, shape []int, opts []Option) *Array {
	o := settle(kind, opts)
	if o.kind != kind && (kind != elem.Float64 || o.kind != elem.Float32) {
		return fail(verb, "random %s", o.kind)
	}
	return made(verb, shape, o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Random, Type: o.kind, Grid: whole, View: straight(len(shape)),
			Draw: ops.Draw{Dist: dist, Key: s.key}, Nums: append(nums, make([]uint64, max(4-len(nums), 0))...)}
	})
}

// Uniform draws from [lo, hi): float64, or float32 with Of.
func (s Source) Uniform(lo, hi float64, shape []int, opts ...Option) *Array {
	return s.draw("Uniform", ops.Uniform, elem.Float64, []uint64{math.Float64bits(lo), math.Float64bits(hi)}, shape, opts)
}

// Normal draws from the normal distribution with a mean and a standard deviation.
func (s Source) Normal(mean, std float64, shape []int, opts ...Option) *Array {
	return s.draw("Normal", ops.Normal, elem.Float64, []uint64{math.Float64bits(mean), math.Float64bits(std)}, shape, opts)
}

// Exponential draws from the exponential distribution with a mean.
func (s Source) Exponential(mean float64, shape []int, opts ...Option) *Array {
	return s.draw("Exponential", ops.Exponential, elem.Float64, []uint64{math.Float64bits(mean), 0}, shape, opts)
}

// Integers draws int64 from [lo, hi).
func (s Source) Integers(lo, hi int64, shape []int, opts ...Option) *Array {
	if lo >= hi {
		return fail("Integers", "there are none in [%d, %d)", lo, hi)
	}
	return s.draw("Integers", ops.Integers, elem.Int64, []uint64{uint64(lo), uint64(hi)}, shape, opts)
}

// Gamma draws from the gamma distribution with a shape and a scale, both positive.
func (s Source) Gamma(shape, scale float64, size []int, opts ...Option) *Array {
	if !(shape > 0 && scale > 0) || math.IsInf(shape, 0) || math.IsInf(scale, 0) {
		return fail("Gamma", "shape %v and scale %v: want positive numbers", shape, scale)
	}
	return s.draw("Gamma", ops.Gamma, elem.Float64, []uint64{math.Float64bits(shape), math.Float64bits(scale)}, size, opts)
}

// Beta draws from the beta distribution of a and b, both positive.
func (s Source) Beta(a, b float64, size []int, opts ...Option) *Array {
	if !(a > 0 && b > 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return fail("Beta", "a %v and b %v: want positive numbers", a, b)
	}
	return s.draw("Beta", ops.Beta, elem.Float64, []uint64{math.Float64bits(a), math.Float64bits(b)}, size, opts)
}

// Poisson draws int64 from the Poisson distribution with a mean of at most 2^52.
func (s Source) Poisson(mean float64, size []int, opts ...Option) *Array {
	if !(mean >= 0 && mean <= 1<<52) {
		return fail("Poisson", "mean %v: want 0 to 2^52", mean)
	}
	return s.draw("Poisson", ops.Poisson, elem.Int64, []uint64{math.Float64bits(mean)}, size, opts)
}

// Binomial draws int64: how many of n trials, at most 2^52, succeed with chance p.
func (s Source) Binomial(n int64, p float64, size []int, opts ...Option) *Array {
	if n < 0 || n > 1<<52 || !(p >= 0 && p <= 1) {
		return fail("Binomial", "%d trials with chance %v: want 0 to 2^52, and 0 to 1", n, p)
	}
	return s.draw("Binomial", ops.Binomial, elem.Int64, []uint64{uint64(n), math.Float64bits(p)}, size, opts)
}

// Choice draws int64 from 0 to n − 1, each time anew: all with equal chances, or number
// i with the chance weights[i] divided by the sum of weights, which are n.
func (s Source) Choice(n int, weights []float64, size []int, opts ...Option) *Array {
	if n < 1 || weights != nil && len(weights) != n {
		return fail("Choice", "of %d with %d weights", n, len(weights))
	}
	if weights == nil {
		return s.Integers(0, int64(n), size, opts...)
	}
	total := 0.0
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 0) {
			return fail("Choice", "weight %d is %v", i, w)
		}
		total += w
	}
	if !(total > 0) || math.IsInf(total, 0) {
		return fail("Choice", "the weights add up to %v", total)
	}
	sums, last := make([]uint64, n), 0
	sum := 0.0
	for i, w := range weights {
		if w > 0 {
			last = i
		}
		sum += w
		sums[i] = math.Float64bits(min(sum/total, 1))
	}
	for i := last; i < n; i++ { // the last one that can be drawn ends at 1, and so do those after it
		sums[i] = math.Float64bits(1)
	}
	for len(sums) < 4 {
		sums = append(sums, math.Float64bits(1))
	}
	return s.draw("Choice", ops.Weighted, elem.Int64, sums, size, opts)
}

// Permutation is the numbers from 0 to n − 1 in an order that the key chooses, int64.
// Its begin draws without putting back.
func (s Source) Permutation(n int, opts ...Option) *Array {
	return s.draw("Permutation", ops.Permutation, elem.Int64, nil, []int{n}, opts)
}

// Shuffle orders what lies along an axis anew, in an order that the key chooses: that
// of Permutation. The plan has the order in it: 8 bytes for each position.
func (s Source) Shuffle(x *Array, a int) *Array {
	if bad := x.loose("Shuffle"); bad != nil {
		return bad
	}
	at, err := axis(a, len(x.grid))
	if err != nil {
		return fail("Shuffle", "%w", err)
	}
	order := make([]int, x.grid[at].Len())
	for i := range order {
		order[i] = int(ops.Permute(s.key, uint64(len(order)), uint64(i)))
	}
	return x.Take(order, at)
}
