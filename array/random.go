package array

import (
	"errors"
	"math"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/grid"
	ops "github.com/weft-data/weft/op/array"
)

// A Source of random arrays. Every element is a function of the key and of its
// position: equal keys and shapes give equal elements on every machine, however
// the array is cut. Arrays drawn from one source are independent only if their
// keys are not equal: take With for each.
//
// Parameters of distributions are Go numbers, or arrays with one for each element: they
// are broadcast to the shape, which is their own where none is given.
//
//	array.Random(7).Poisson(means, nil)
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

// draw is an array of a distribution whose numbers are nums.
func (s Source) draw(verb string, dist ops.Dist, nums []uint64, shape []int, opts []Option) *Array {
	kind := elem.Float64
	if dist.Whole() {
		kind = elem.Int64
	}
	o := settle(kind, opts)
	if err := dist.Check(o.kind, nums); err != nil {
		return fail(verb, "%w", err)
	}
	return made(verb, shape, o, func(whole grid.Grid) ops.Leaf {
		return ops.Leaf{Kind: ops.Random, Type: o.kind, Grid: whole, View: straight(len(shape)),
			Draw: ops.Draw{Dist: dist, Key: s.key}, Nums: nums}
	})
}

// law is draw for parameters that are numbers or arrays.
func (s Source) law(verb string, dist ops.Dist, shape []int, opts []Option, params ...any) *Array {
	nums, each := make([]uint64, len(params)), false
	for i, p := range params {
		name, whole := dist.Param(i)
		k := elem.Float64
		if whole {
			k = elem.Int64
		}
		if x, ok := p.(*Array); ok {
			if bad := x.loose(verb); bad != nil {
				return bad
			}
			if x.kind.IsComplex() || whole && !x.kind.IsInt() && x.kind != elem.Bool {
				return fail(verb, "%s is an array of %s: want %s", name, x.kind, k)
			}
			params[i], each = x.As(k), true
			continue
		}
		b, err := bits(p, k)
		if err != nil {
			return fail(verb, "%s: %w", name, err)
		}
		nums[i] = b[0]
	}
	if each {
		return s.each(verb, dist, shape, opts, params, nums)
	}
	return s.draw(verb, dist, nums, shape, opts)
}

// each is law where at least one parameter is an array.
func (s Source) each(verb string, dist ops.Dist, shape []int, opts []Option, params []any, nums []uint64) *Array {
	o := settle(elem.Float64, opts)
	if dist.Whole() {
		o = settle(elem.Int64, opts)
	}
	var arrays []*Array
	for _, p := range params {
		if x, ok := p.(*Array); ok {
			arrays = append(arrays, x)
		}
	}
	space, _, err := broadcast(arrays)
	if err != nil {
		return fail(verb, "parameters: %w", err)
	}
	own := (&Array{grid: space}).Shape()
	if shape == nil {
		shape = own
	}
	if len(o.chunks) > 0 || !slices.Equal(shape, own) {
		if space, err = o.grid(shape); err != nil {
			return fail(verb, "%w", err)
		}
	}
	c := &operation{CallParams: ops.CallParams{Kind: o.kind, Space: space, Out: []grid.Grid{space}, Ints: ops.DrawnInts(dist, s.key)}}
	for i, p := range params {
		x, ok := p.(*Array)
		if !ok {
			c.Ints = append(c.Ints, 0, int64(nums[i]))
			continue
		}
		whole, views, err := broadcast([]*Array{x, {grid: space}})
		if err != nil || !slices.Equal((&Array{grid: whole}).Shape(), shape) {
			return fail(verb, "a parameter of shape %s does not fit the shape %s", grid.Tuple(x.Shape()), grid.Tuple(shape))
		}
		if x = x.seen(verb, space, views[0]); x.err != nil {
			return x
		}
		c.Ints = append(c.Ints, 1, int64(len(c.In)))
		c.read(x.result(), false, along(len(space))...)
	}
	return c.one(verb, ops.Drawn)
}

// Uniform draws from [lo, hi): float64, or float32 with Of.
func (s Source) Uniform(lo, hi any, shape []int, opts ...Option) *Array {
	return s.law("Uniform", ops.Uniform, shape, opts, lo, hi)
}

// Normal draws from the normal distribution with a mean and a standard deviation, which is
// not negative. Source: Box and Muller (1958).
func (s Source) Normal(mean, std any, shape []int, opts ...Option) *Array {
	return s.law("Normal", ops.Normal, shape, opts, mean, std)
}

// Exponential draws from the exponential distribution with a mean, which is not negative.
func (s Source) Exponential(mean any, shape []int, opts ...Option) *Array {
	return s.law("Exponential", ops.Exponential, shape, opts, mean)
}

// Integers draws int64 from [lo, hi).
func (s Source) Integers(lo, hi any, shape []int, opts ...Option) *Array {
	return s.law("Integers", ops.Integers, shape, opts, lo, hi)
}

// Gamma draws from the gamma distribution with a shape and a scale, both positive. Source:
// Marsaglia and Tsang (2000).
func (s Source) Gamma(shape, scale any, size []int, opts ...Option) *Array {
	return s.law("Gamma", ops.Gamma, size, opts, shape, scale)
}

// Beta draws from the beta distribution of a and b, both positive: by two gamma numbers,
// of small a and b by Jöhnk's way (1964).
func (s Source) Beta(a, b any, size []int, opts ...Option) *Array {
	return s.law("Beta", ops.Beta, size, opts, a, b)
}

// Poisson draws int64 from the Poisson distribution with a mean of at most 2^52. Source:
// Hörmann's PTRS (1993), of means below 10 products.
func (s Source) Poisson(mean any, size []int, opts ...Option) *Array {
	return s.law("Poisson", ops.Poisson, size, opts, mean)
}

// Binomial draws int64: how many of n trials, at most 2^52, succeed with chance p. Source:
// Hörmann's BTRS (1993), of small n·p the waits between successes (Devroye 1986).
func (s Source) Binomial(n, p any, size []int, opts ...Option) *Array {
	return s.law("Binomial", ops.Binomial, size, opts, n, p)
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
	total, err := ops.SumOfWeights(weights)
	if err == nil && total == 0 {
		err = errors.New("the weights add up to 0")
	}
	if err != nil {
		return fail("Choice", "%w", err)
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
	return s.draw("Choice", ops.Weighted, sums, size, opts)
}

// Permutation is the numbers from 0 to n − 1 in an order that the key chooses, int64.
// Its begin draws without putting back. Source: up to 4096 are shuffled (Durstenfeld 1964),
// more go through a Feistel network (Luby and Rackoff 1988), each alone.
func (s Source) Permutation(n int, opts ...Option) *Array {
	return s.draw("Permutation", ops.Permutation, nil, []int{n}, opts)
}

// Shuffle orders what lies along an axis anew, in an order that the key chooses: that
// of Permutation. The plan has the order in it: 8 bytes for each position.
func (s Source) Shuffle(x *Array, a int) *Array {
	at, bad := x.axisOf("Shuffle", a)
	if bad != nil {
		return bad
	}
	order := make([]int, x.grid[at].Len())
	place := ops.Permuter(s.key, uint64(len(order)))
	for i := range order {
		order[i] = int(place(uint64(i)))
	}
	return x.Take(order, at)
}
