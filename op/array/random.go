package array

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/strip"
)

// A Draw says how random elements are drawn. Element number i of an array, in
// row-major order, is a function of the key and i alone: chunks, threads and
// machines do not matter.
type Draw struct {
	Dist Dist
	Key  uint64
}

// A Dist is a distribution. The values are part of the canonical bytes of plans:
// append only.
type Dist uint8

// The distributions, with their numbers.
const (
	NoDist      Dist = iota
	Uniform          // in [Nums[0], Nums[1]), of 53 random bits
	Normal           // mean Nums[0], deviation Nums[1]: Box and Muller (1958)
	Integers         // in [Nums[0], Nums[1]), of 64 random bits: each value's chance is exact to 2^-64
	Exponential      // mean Nums[0]
	Gamma            // shape Nums[0], scale Nums[1]: Marsaglia and Tsang (2000)
	Beta             // of Nums[0] and Nums[1]: by gammas, of small ones Jöhnk (1964)
	Poisson          // mean Nums[0]: by products, of large ones Hörmann's PTRS (1993)
	Binomial         // of Nums[0] trials, an integer, with chance Nums[1]: by inversion, of large ones Hörmann's BTRS (1993)
	Weighted         // i with the chance Nums[i] − Nums[i−1], the last of which is 1
	Permutation      // element i of a permutation of all of the array: see Permuter

	LogNormal           // e to a Normal
	Laplace             // location Nums[0], scale Nums[1]: by inversion, as the next five
	Logistic            // location Nums[0], scale Nums[1]
	Gumbel              // location Nums[0], scale Nums[1]
	Cauchy              // location Nums[0], scale Nums[1]
	Rayleigh            // scale Nums[0]
	Weibull             // shape Nums[0], scale Nums[1]
	Pareto              // shape Nums[0], of the second kind (Lomax): by inversion, as the next two
	Power               // exponent Nums[0] − 1
	Triangle            // from Nums[0] over Nums[1] to Nums[2]
	ChiSquare           // of Nums[0] degrees of freedom: by gammas, as the next four
	NoncentralChiSquare // noncentrality Nums[1]
	StudentT            // of Nums[0] degrees of freedom
	F                   // of Nums[0] and Nums[1] degrees of freedom
	NoncentralF         // noncentrality Nums[2]
	VonMises            // mode Nums[0], concentration Nums[1]: Best and Fisher (1979)
	Wald                // mean Nums[0], scale Nums[1]: Michael, Schucany and Haas (1976)
	Geometric           // trials to the first success, of chance Nums[0]: by inversion
	NegativeBinomial    // failures before Nums[0] successes, of chance Nums[1]: Poisson of a gamma mean
	Hypergeometric      // of Nums[0] good and Nums[1] bad ones Nums[2] are taken: Stadlober's HRUA (1989)
	LogSeries           // of chance Nums[0]: Kemp's LK (1981)
	Zipf                // of exponent Nums[0]: Devroye (1986), X.6.1

	Multinomial                // Nums[0] trials over Nums[1] kinds, a row of the last axis, of weights Nums[2:]: see shares
	MultivariateHypergeometric // Nums[0] taken of Nums[1] kinds, of which there are Nums[2:]
	numDists
)

func (d Dist) String() string {
	if d < numDists {
		return laws[d].name
	}
	return fmt.Sprintf("array.Dist(%d)", uint8(d))
}

// A drawer writes k elements: numbers idx, idx+stride, …
type drawer func(dst []byte, idx, stride uint64, k int)

// bind is for numbers that Check has looked at.
func (d Draw) bind(k elem.Kind, nums []uint64, size int64) (drawer, error) {
	switch d.Dist {
	case Integers:
		return between(d.Key, nums[0], nums[1]-nums[0]), nil
	case Weighted:
		return weighted(d.Key, nums)
	case Permutation:
		return permutation(d.Key, uint64(size)), nil
	case Multinomial, MultivariateHypergeometric:
		return d.shares(nums, size)
	}
	l := &laws[d.Dist]
	p := l.values(nums)
	if l.pair != nil {
		if k == elem.Float32 {
			return draws[float32](d.Key, l.pair(p)), nil
		}
		return draws[float64](d.Key, l.pair(p)), nil
	}
	f := l.draw(p)
	switch k {
	case elem.Float32:
		return streams(d.Key, func(s *stream64) float32 { return float32(f(s)) }), nil
	case elem.Int64:
		return streams(d.Key, func(s *stream64) int64 {
			if v := f(s); v < 1<<63 {
				return int64(v)
			}
			return math.MaxInt64
		}), nil
	}
	return streams(d.Key, f), nil
}

// permutation is elements of a permutation of 0 … size−1.
func permutation(key, size uint64) drawer {
	place := Permuter(key, size)
	return func(dst []byte, idx, stride uint64, n int) {
		v := strip.View[uint64](dst, n)
		for i := range v {
			v[i] = place(idx)
			idx += stride
		}
	}
}

// between is integers from lo on, fewer than span above it.
func between(key, lo, span uint64) drawer {
	return func(dst []byte, idx, stride uint64, n int) {
		v := strip.View[uint64](dst, n)
		for i := range v {
			x, _ := philox(idx, 0, key)
			hi, _ := bits.Mul64(x, span)
			v[i] = lo + hi
			idx += stride
		}
	}
}

func draws[T float32 | float64](key uint64, f func(x, y uint64) float64) drawer {
	return func(dst []byte, idx, stride uint64, n int) {
		v := strip.View[T](dst, n)
		for i := range v {
			v[i] = T(f(philox(idx, 0, key)))
			idx += stride
		}
	}
}

// unit makes a number in [0, 1) of 53 bits.
func unit(x uint64) float64 { return float64(x>>11) * 0x1p-53 }

// philox is Philox-2x64 with ten rounds (Salmon, Moraes, Dror and Shaw, Parallel
// random numbers: as easy as 1, 2, 3, 2011): 128 random bits for each counter, of two words.
func philox(x, y, key uint64) (uint64, uint64) {
	const mul, weyl = 0xd2b74407b1ce6e93, 0x9e3779b97f4a7c15
	for range 10 {
		hi, lo := bits.Mul64(x, mul)
		x, y = hi^key^y, lo
		key += weyl
	}
	return x, y
}
