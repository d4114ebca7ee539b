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
	Permutation      // element i of a permutation of all of the array: see permute
	numDists
)

var distNames = [numDists]string{"none", "uniform", "normal", "integers", "exponential", "gamma", "beta", "poisson", "binomial", "choice", "permutation"}

func (d Dist) String() string {
	if d < numDists {
		return distNames[d]
	}
	return fmt.Sprintf("array.Dist(%d)", uint8(d))
}

// A drawer writes k elements: numbers idx, idx+stride, …
type drawer func(dst []byte, idx, stride uint64, k int)

func (d Draw) bind(k elem.Kind, nums []uint64, size int64) (drawer, error) {
	if d.Dist >= Gamma {
		return d.later(k, nums, size)
	}
	a, b := math.Float64frombits(nums[0]), math.Float64frombits(nums[1])
	var f func(x, y uint64) float64
	switch d.Dist {
	case Integers:
		if k != elem.Int64 || int64(nums[0]) >= int64(nums[1]) {
			return nil, fmt.Errorf("integers of %s in [%d, %d)", k, int64(nums[0]), int64(nums[1]))
		}
		lo, span := nums[0], nums[1]-nums[0]
		return func(dst []byte, idx, stride uint64, n int) {
			v := strip.View[uint64](dst, n)
			for i := range v {
				x, _ := philox(idx, d.Key)
				hi, _ := bits.Mul64(x, span)
				v[i] = lo + hi
				idx += stride
			}
		}, nil
	case Uniform:
		f = func(x, _ uint64) float64 { return a + (b-a)*unit(x) }
	case Normal:
		f = func(x, y uint64) float64 {
			return a + b*math.Sqrt(-2*math.Log(1-unit(x)))*math.Cos(2*math.Pi*unit(y))
		}
	case Exponential:
		f = func(x, _ uint64) float64 { return -a * math.Log1p(-unit(x)) }
	default:
		return nil, fmt.Errorf("no distribution %s", d.Dist)
	}
	switch k {
	case elem.Float64:
		return draws[float64](d.Key, f), nil
	case elem.Float32:
		return draws[float32](d.Key, f), nil
	}
	return nil, fmt.Errorf("%s random numbers of %s", d.Dist, k)
}

func draws[T float32 | float64](key uint64, f func(x, y uint64) float64) drawer {
	return func(dst []byte, idx, stride uint64, n int) {
		v := strip.View[T](dst, n)
		for i := range v {
			v[i] = T(f(philox(idx, key)))
			idx += stride
		}
	}
}

// unit makes a number in [0, 1) of 53 bits.
func unit(x uint64) float64 { return float64(x>>11) * 0x1p-53 }

// philox is Philox-2x64 with ten rounds (Salmon, Moraes, Dror and Shaw, Parallel
// random numbers: as easy as 1, 2, 3, 2011): 128 random bits for each counter.
func philox(counter, key uint64) (uint64, uint64) {
	const mul, weyl = 0xd2b74407b1ce6e93, 0x9e3779b97f4a7c15
	x, y := counter, uint64(0)
	for range 10 {
		hi, lo := bits.Mul64(x, mul)
		x, y = hi^key^y, lo
		key += weyl
	}
	return x, y
}
