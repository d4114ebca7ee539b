package array

import (
	"math"
	"slices"

	ops "github.com/weft-data/weft/op/array"
)

// Distributions that are made of those of random.go, or by quantile functions or rejection.
// Floats are float64, or float32 with Of; integers are int64. Mistakes in parameters are
// named, with what would be right.

// LogNormal draws e to the power of numbers from the normal distribution with a mean and a
// standard deviation.
func (s Source) LogNormal(mean, std any, size []int, opts ...Option) *Array {
	return s.law("LogNormal", ops.LogNormal, size, opts, mean, std)
}

// Laplace draws from the Laplace distribution: the density falls as exp(−|x − location|/scale).
// Source: inversion.
func (s Source) Laplace(location, scale any, size []int, opts ...Option) *Array {
	return s.law("Laplace", ops.Laplace, size, opts, location, scale)
}

// Logistic draws from the logistic distribution, whose variance is scale²·π²/3. Source:
// inversion.
func (s Source) Logistic(location, scale any, size []int, opts ...Option) *Array {
	return s.law("Logistic", ops.Logistic, size, opts, location, scale)
}

// Gumbel draws from the Gumbel distribution of the largest of many: the mean is location +
// 0.5772…·scale. Source: inversion.
func (s Source) Gumbel(location, scale any, size []int, opts ...Option) *Array {
	return s.law("Gumbel", ops.Gumbel, size, opts, location, scale)
}

// Cauchy draws from the Cauchy distribution, which has a median but no mean. Source:
// inversion.
func (s Source) Cauchy(location, scale any, size []int, opts ...Option) *Array {
	return s.law("Cauchy", ops.Cauchy, size, opts, location, scale)
}

// Rayleigh draws from the Rayleigh distribution: the length of two normal numbers whose
// standard deviation is scale. Source: inversion.
func (s Source) Rayleigh(scale any, size []int, opts ...Option) *Array {
	return s.law("Rayleigh", ops.Rayleigh, size, opts, scale)
}

// Weibull draws from the Weibull distribution: scale·E^(1/shape), E being exponential with
// mean 1. Source: inversion.
func (s Source) Weibull(shape, scale any, size []int, opts ...Option) *Array {
	return s.law("Weibull", ops.Weibull, size, opts, shape, scale)
}

// Pareto draws from the Pareto distribution of the second kind (Lomax), which begins at 0,
// as NumPy does: add 1 and multiply by m for the classical one, which begins at m. Source:
// inversion.
func (s Source) Pareto(shape any, size []int, opts ...Option) *Array {
	return s.law("Pareto", ops.Pareto, size, opts, shape)
}

// Power draws from 0 to 1 with a density of a·x^(a−1). Source: inversion.
func (s Source) Power(a any, size []int, opts ...Option) *Array {
	return s.law("Power", ops.Power, size, opts, a)
}

// Triangular draws from the triangular distribution, whose density rises from a number to
// the mode and falls to another one. Source: inversion.
func (s Source) Triangular(from, mode, to any, size []int, opts ...Option) *Array {
	return s.law("Triangular", ops.Triangle, size, opts, from, mode, to)
}

// ChiSquare draws sums of the squares of so many normal numbers, which need not be an
// integer. Source: Gamma.
func (s Source) ChiSquare(freedom any, size []int, opts ...Option) *Array {
	return s.law("ChiSquare", ops.ChiSquare, size, opts, freedom)
}

// NoncentralChiSquare is ChiSquare of normal numbers the squares of whose means add up to
// the noncentrality, at most 2^52.
func (s Source) NoncentralChiSquare(freedom, noncentrality any, size []int, opts ...Option) *Array {
	return s.law("NoncentralChiSquare", ops.NoncentralChiSquare, size, opts, freedom, noncentrality)
}

// StudentT draws from Student's t distribution with so many degrees of freedom.
func (s Source) StudentT(freedom any, size []int, opts ...Option) *Array {
	return s.law("StudentT", ops.StudentT, size, opts, freedom)
}

// F draws from the F distribution: the ratio of two of ChiSquare, each divided by its
// degrees of freedom.
func (s Source) F(numerator, denominator any, size []int, opts ...Option) *Array {
	return s.law("F", ops.F, size, opts, numerator, denominator)
}

// NoncentralF is F with a numerator from NoncentralChiSquare.
func (s Source) NoncentralF(numerator, denominator, noncentrality any, size []int, opts ...Option) *Array {
	return s.law("NoncentralF", ops.NoncentralF, size, opts, numerator, denominator, noncentrality)
}

// VonMises draws angles from −π to π, in radians, from the von Mises distribution, which is
// uniform for a concentration of 0. Source: Best and Fisher (1979).
func (s Source) VonMises(mode, concentration any, size []int, opts ...Option) *Array {
	return s.law("VonMises", ops.VonMises, size, opts, mode, concentration)
}

// Wald draws from the inverse Gaussian distribution, whose variance is mean³/scale. Source:
// Michael, Schucany and Haas (1976).
func (s Source) Wald(mean, scale any, size []int, opts ...Option) *Array {
	return s.law("Wald", ops.Wald, size, opts, mean, scale)
}

// Geometric draws int64: the trials that the first success takes, each of chance p. What
// would be above 2^63 − 1 is that. Source: inversion.
func (s Source) Geometric(p any, size []int, opts ...Option) *Array {
	return s.law("Geometric", ops.Geometric, size, opts, p)
}

// NegativeBinomial draws int64: how many trials of chance p fail before so many succeed,
// which need not be an integer. Source: Poisson of a mean from Gamma.
func (s Source) NegativeBinomial(successes, p any, size []int, opts ...Option) *Array {
	return s.law("NegativeBinomial", ops.NegativeBinomial, size, opts, successes, p)
}

// Hypergeometric draws int64: how many of those are good that are taken, without putting
// back, of so many good and bad ones, each at most 2^31. Source: Stadlober's HRUA (1989).
func (s Source) Hypergeometric(good, bad, taken any, size []int, opts ...Option) *Array {
	return s.law("Hypergeometric", ops.Hypergeometric, size, opts, good, bad, taken)
}

// LogSeries draws int64, k with a chance of −p^k/(k·log(1 − p)). Source: Kemp (1981).
func (s Source) LogSeries(p any, size []int, opts ...Option) *Array {
	return s.law("LogSeries", ops.LogSeries, size, opts, p)
}

// Zipf draws int64 from 1 on, k with a chance proportional to k^−a, up to 2^63 − 1. Source:
// Devroye, Non-uniform random variate generation (1986), X.6.1.
func (s Source) Zipf(a any, size []int, opts ...Option) *Array {
	return s.law("Zipf", ops.Zipf, size, opts, a)
}

// Multinomial draws rows of int64: how many of n trials, at most 2^52, fall on each of
// several kinds, whose chances are the weights divided by their sum.
//
// Shapes: the kinds are a last axis behind those of size.
// Source: trials are halved by Binomial along a binary tree of kinds, so that every element
// is found alone, whatever the chunks.
func (s Source) Multinomial(n int64, weights []float64, size []int, opts ...Option) *Array {
	nums := make([]uint64, len(weights))
	for i, w := range weights {
		nums[i] = math.Float64bits(w)
	}
	return s.rows("Multinomial", ops.Multinomial, n, nums, size, opts)
}

// MultivariateHypergeometric draws rows of int64: how many of each kind are among those
// taken, without putting back, when there are counts of them, at most 2^31 in all.
//
// Shapes: the kinds are a last axis behind those of size.
// Source: see Multinomial, by Hypergeometric.
func (s Source) MultivariateHypergeometric(counts []int64, taken int64, size []int, opts ...Option) *Array {
	nums := make([]uint64, len(counts))
	for i, n := range counts {
		nums[i] = uint64(n)
	}
	return s.rows("MultivariateHypergeometric", ops.MultivariateHypergeometric, taken, nums, size, opts)
}

// rows is draw for a number that is divided among kinds.
func (s Source) rows(verb string, dist ops.Dist, n int64, kinds []uint64, size []int, opts []Option) *Array {
	nums := append([]uint64{uint64(n), uint64(len(kinds))}, kinds...)
	return s.draw(verb, dist, nums, append(slices.Clone(size), len(kinds)), opts)
}
