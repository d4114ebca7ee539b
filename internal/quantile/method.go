package quantile

import "math"

// A Method says where a quantile is among values in order, and what it is between two of them: those of NumPy, by its
// names.
//
// Source: numpy.quantile; inverted_cdf, averaged_inverted_cdf, closest_observation, interpolated_inverted_cdf, hazen,
// weibull, linear, median_unbiased and normal_unbiased are types 1 to 9 of R. J. Hyndman, Y. Fan, Sample Quantiles in
// Statistical Packages, The American Statistician 50 (1996).
type Method int

// The methods. Their numbers are written in plans.
const (
	Linear Method = iota
	Lower
	Higher
	Midpoint
	Nearest
	InvertedCDF
	AveragedInvertedCDF
	ClosestObservation
	InterpolatedInvertedCDF
	Hazen
	Weibull
	MedianUnbiased
	NormalUnbiased
)

// Methods are the names, in the order of the numbers.
var Methods = []string{"linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
	"interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased"}

// Line returns what places the quantile q of n values: at position n·q + a - b, counted from 0 and rounded in that
// order; with less set, at (n-1)·q.
func (m Method) Line(q float64) (a, b float64, less bool) {
	plot := func(alpha, beta float64) (float64, float64, bool) { return alpha + q*(1-alpha-beta), 1, false }
	switch m {
	case InvertedCDF, AveragedInvertedCDF:
		return 0, 1, false
	case ClosestObservation:
		return -1, 0.5, false
	case InterpolatedInvertedCDF:
		return plot(0, 1)
	case Hazen:
		return plot(0.5, 0.5)
	case Weibull:
		return plot(0, 0)
	case MedianUnbiased:
		return plot(1.0/3, 1.0/3)
	case NormalUnbiased:
		return plot(3.0/8, 3.0/8)
	}
	return 0, 0, true
}

// Place returns where quantile q of n values in order is: at value rank, counted from 0, and a part of the way from there
// to the next, which is 0 at the last. n is at least 1.
func (m Method) Place(q float64, n int64) (rank int64, part float64) {
	a, b, less := m.Line(q)
	at := float64(n-1) * q
	if !less {
		at = float64(float64(float64(n)*q)+a) - b
	}
	switch {
	case at < 0:
		return 0, 0
	case at >= float64(n-1):
		return n - 1, 0
	}
	low := math.Floor(at)
	return int64(low), m.part(at-low, int64(low)&1 == 1)
}

// part is what f stands for, the part of the way by position, of which the value before is an odd one.
func (m Method) part(f float64, odd bool) float64 {
	step := func(up bool) float64 {
		if up {
			return 1
		}
		return 0
	}
	switch m {
	case Lower:
		return 0
	case Higher, InvertedCDF:
		return step(f > 0)
	case Midpoint:
		return step(f > 0) / 2
	case Nearest:
		return step(f > 0.5 || f == 0.5 && odd)
	case AveragedInvertedCDF:
		return (1 + step(f > 0)) / 2
	case ClosestObservation:
		return step(f > 0 || !odd)
	}
	return f
}

// Blend is the value a part of the way from x to y.
func Blend(x, y, part float64) float64 {
	switch {
	case part == 0 || x == y:
		return x
	case part == 1:
		return y
	case math.IsInf(x, 0) || math.IsInf(y, 0):
		return x + y
	case part < 0.5:
		return x + float64((y-x)*part)
	}
	return y - float64((y-x)*(1-part))
}
