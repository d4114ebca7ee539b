package array

import (
	"fmt"
	"math"
	"math/bits"
	"sort"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/strip"
)

// Distributions that need more than two random numbers for an element, or another
// number of them for each. Every element has a stream of its own, so that chunks do
// not matter here either.

// A stream is the random numbers of one element.
type stream64 struct {
	idx, key uint64
	spare    uint64
	n        uint64
}

// next is 64 random bits.
func (s *stream64) next() uint64 {
	if s.n++; s.n&1 == 0 {
		return s.spare
	}
	key := s.key
	if s.n > 1 {
		key = mix(key + s.n)
	}
	var x uint64
	x, s.spare = philox(s.idx, key)
	return x
}

// mix is the finisher of SplitMix64 (Steele, Lea and Flood 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit is in [0, 1), open in (0, 1).
func (s *stream64) unit() float64 { return unit(s.next()) }
func (s *stream64) open() float64 { return (float64(s.next()>>12) + 0.5) * 0x1p-52 }

// normal is of mean 0 and deviation 1.
func (s *stream64) normal() float64 {
	u := s.open()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*s.unit())
}

// later binds the distributions of this file.
func (d Draw) later(k elem.Kind, nums []uint64, size int64) (drawer, error) {
	a, b := math.Float64frombits(nums[0]), math.Float64frombits(nums[1])
	switch d.Dist {
	case Gamma, Beta:
		if !(a > 0) || !(b > 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
			return nil, fmt.Errorf("%s with %v and %v: want positive numbers", d.Dist, a, b)
		}
		f := func(s *stream64) float64 { return b * gamma(s, a) }
		if d.Dist == Beta {
			f = func(s *stream64) float64 { return beta(s, a, b) }
		}
		switch k {
		case elem.Float64:
			return streams(d.Key, f), nil
		case elem.Float32:
			return streams(d.Key, func(s *stream64) float32 { return float32(f(s)) }), nil
		}
		return nil, fmt.Errorf("%s random numbers of %s", d.Dist, k)
	}
	if k != elem.Int64 {
		return nil, fmt.Errorf("%s random numbers of %s", d.Dist, k)
	}
	switch d.Dist {
	case Poisson:
		if !(a >= 0) || a > 1<<52 {
			return nil, fmt.Errorf("poisson with mean %v: want 0 to 2^52", a)
		}
		return streams(d.Key, poisson(a)), nil
	case Binomial:
		n := int64(nums[0])
		if n < 0 || n > 1<<52 || !(b >= 0 && b <= 1) {
			return nil, fmt.Errorf("binomial of %d trials with chance %v: want 0 to 2^52, and 0 to 1", n, b)
		}
		return streams(d.Key, binomial(n, b)), nil
	case Weighted:
		return weighted(d.Key, nums)
	case Permutation:
		return func(dst []byte, idx, stride uint64, n int) {
			v := strip.View[uint64](dst, n)
			for i := range v {
				v[i] = Permute(d.Key, uint64(size), idx)
				idx += stride
			}
		}, nil
	}
	return nil, fmt.Errorf("no distribution %s", d.Dist)
}

func streams[T float32 | float64 | int64](key uint64, f func(*stream64) T) drawer {
	return func(dst []byte, idx, stride uint64, n int) {
		v := strip.View[T](dst, n)
		for i := range v {
			v[i] = f(&stream64{idx: idx, key: key})
			idx += stride
		}
	}
}

// gamma is of scale 1.
func gamma(s *stream64, shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(s.open(), 1/shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.normal()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if u := s.open(); math.Log(u) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v * boost
		}
	}
}

func beta(s *stream64, a, b float64) float64 {
	if a > 1 || b > 1 {
		x, y := gamma(s, a), gamma(s, b)
		return x / (x + y)
	}
	for {
		u, v := math.Log(s.open())/a, math.Log(s.open())/b
		m := max(u, v)
		// x and y themselves may be too small for a float
		if sum := m + math.Log(math.Exp(u-m)+math.Exp(v-m)); sum <= 0 {
			return math.Exp(u - sum)
		}
	}
}

func poisson(mean float64) func(*stream64) int64 {
	if mean < 10 {
		limit := math.Exp(-mean)
		return func(s *stream64) int64 {
			k := int64(0)
			for p := s.unit(); p > limit; p *= s.unit() {
				k++
			}
			return k
		}
	}
	root, log := math.Sqrt(mean), math.Log(mean)
	b := 0.931 + 2.53*root
	a := -0.059 + 0.02483*b
	alpha, accept := math.Log(1.1239+1.1328/(b-3.4)), 0.9277-3.6224/(b-2)
	return func(s *stream64) int64 {
		for {
			u, v := s.open()-0.5, s.open()
			us := 0.5 - math.Abs(u)
			k := math.Floor((2*a/us+b)*u + mean + 0.43)
			if us >= 0.07 && v <= accept {
				return int64(k)
			}
			if k < 0 || us < 0.013 && v > us {
				continue
			}
			g, _ := math.Lgamma(k + 1)
			if math.Log(v)+alpha-math.Log(a/(us*us)+b) <= k*log-mean-g {
				return int64(k)
			}
		}
	}
}

func binomial(n int64, p float64) func(*stream64) int64 {
	if p > 0.5 {
		f := binomial(n, 1-p)
		return func(s *stream64) int64 { return n - f(s) }
	}
	if n == 0 || p == 0 {
		return func(*stream64) int64 { return 0 }
	}
	if float64(n)*p < 10 {
		return sparse(n, p)
	}
	N := float64(n)
	dev := math.Sqrt(N * p * (1 - p))
	b := 1.15 + 2.53*dev
	a := -0.0873 + 0.0248*b + 0.01*p
	c, accept := N*p+0.5, 0.92-4.2/b
	r, alpha, m := p/(1-p), (2.83+5.1/b)*dev, math.Floor((N+1)*p)
	return func(s *stream64) int64 {
		for {
			u, v := s.open()-0.5, s.open()
			us := 0.5 - math.Abs(u)
			k := math.Floor((2*a/us+b)*u + c)
			if us >= 0.07 && v <= accept {
				return int64(k)
			}
			if k < 0 || k > N {
				continue
			}
			v = math.Log(v * alpha / (a/(us*us) + b))
			if v <= (m+0.5)*math.Log((m+1)/(r*(N-m+1)))+(N+1)*math.Log((N-m+1)/(N-k+1))+(k+0.5)*math.Log(r*(N-k+1)/(k+1))+tail(m)+tail(N-m)-tail(k)-tail(N-k) {
				return int64(k)
			}
		}
	}
}

// sparse counts how many waits, each geometric, fit into n trials (Devroye 1986): it
// takes as many numbers as there are hits.
func sparse(n int64, p float64) func(*stream64) int64 {
	log := math.Log1p(-p)
	return func(s *stream64) int64 {
		hits, at := int64(0), 0.0
		for {
			at += math.Floor(math.Log(s.open())/log) + 1
			if at > float64(n) {
				return hits
			}
			hits++
		}
	}
}

// tail is what Stirling's formula for ln k! leaves, to 1e-9.
func tail(k float64) float64 {
	if k < 10 {
		g, _ := math.Lgamma(k + 1)
		return g - ((k+0.5)*math.Log(k+1) - (k + 1) + 0.5*math.Log(2*math.Pi))
	}
	q := (k + 1) * (k + 1)
	return (1.0/12 - (1.0/360-1.0/1260/q)/q) / (k + 1)
}

// weighted draws numbers by sums of chances.
func weighted(key uint64, nums []uint64) (drawer, error) {
	sums := make([]float64, len(nums))
	last := 0.0
	for i, x := range nums {
		if sums[i] = math.Float64frombits(x); !(sums[i] >= last && sums[i] <= 1) {
			return nil, fmt.Errorf("sums of chances that fall from %v to %v", last, sums[i])
		}
		last = sums[i]
	}
	if last != 1 {
		return nil, fmt.Errorf("chances add up to %v", last)
	}
	return streams(key, func(s *stream64) int64 {
		u := s.unit()
		return int64(sort.Search(len(sums), func(i int) bool { return sums[i] > u }))
	}), nil
}

// Permute is element i of a permutation of 0 … n−1 that the key chooses. Numbers of as
// many bits as n needs go through eight rounds of a Feistel network (Luby and Rackoff
// 1988) whose halves may differ in length; what leaves the range goes through it again.
// So each element is computed alone, and all of them differ.
func Permute(key, n, i uint64) uint64 {
	if n < 2 {
		return i
	}
	width := max(bits.Len64(n-1), 2)
	low := width / 2
	lowMask, highMask := uint64(1)<<low-1, uint64(1)<<(width-low)-1
	for {
		hi, lo := i>>low, i&lowMask
		for round := range uint64(4) {
			x, _ := philox(lo, key+4*round)
			hi ^= x & highMask
			x, _ = philox(hi, key+4*round+2)
			lo ^= x & lowMask
		}
		if i = hi<<low | lo; i < n {
			return i
		}
	}
}
