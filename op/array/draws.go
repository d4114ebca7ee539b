package array

import (
	"fmt"
	"math"
	"math/bits"
	"sort"

	"github.com/weft-data/weft/internal/strip"
)

// Distributions that need more than two random numbers for an element, or another
// number of them for each. Every element has a stream of its own, so that chunks do
// not matter here either.

// A stream is the random numbers of one element: Philox of its number, of a lane, a
// multiple of 2^32 where an element has several streams, and of how many went before. Keys
// are not mixed with any of these: streams of keys near each other would share numbers.
type stream64 struct {
	idx, lane, key uint64
	spare          uint64
	n              uint64
}

// next is 64 random bits.
func (s *stream64) next() uint64 {
	if s.n++; s.n&1 == 0 {
		return s.spare
	}
	var x uint64
	x, s.spare = philox(s.idx, s.lane+s.n>>1, s.key)
	return x
}

// unit is in [0, 1), open in (0, 1).
func (s *stream64) unit() float64 { return unit(s.next()) }
func (s *stream64) open() float64 { return (float64(s.next()>>12) + 0.5) * 0x1p-52 }

// normal is of mean 0 and deviation 1.
func (s *stream64) normal() float64 {
	u := s.open()
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*s.unit())
}

// streams draws elements, each from its own stream.
func streams[T float32 | float64 | int64](key uint64, f func(*stream64) T) drawer {
	return func(dst []byte, idx, stride uint64, n int) {
		v, s := strip.View[T](dst, n), new(stream64)
		for i := range v {
			*s = stream64{idx: idx, key: key}
			v[i] = f(s)
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

// logGamma is the logarithm of a gamma number of scale 1, which itself may be too small
// for a float when the shape is.
func logGamma(s *stream64, shape float64) float64 {
	if shape < 1 {
		boost := math.Log(s.open()) / shape
		return math.Log(gamma(s, shape+1)) + boost
	}
	return math.Log(gamma(s, shape))
}

// A poisson draws Poisson numbers of a mean: what does not depend on the stream.
type poisson struct {
	mean        float64
	limit       float64 // of the product, when the mean is small
	log, a, b   float64
	alpha, fast float64
}

func poissonOf(mean float64) poisson {
	if mean < 10 {
		return poisson{mean: mean, limit: math.Exp(-mean)}
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	return poisson{mean: mean, log: math.Log(mean), a: -0.059 + 0.02483*b, b: b,
		alpha: math.Log(1.1239 + 1.1328/(b-3.4)), fast: 0.9277 - 3.6224/(b-2)}
}

func (p *poisson) draw(s *stream64) float64 {
	if p.mean < 10 {
		k := 0.0
		for x := s.unit(); x > p.limit; x *= s.unit() {
			k++
		}
		return k
	}
	for {
		u, v := s.open()-0.5, s.open()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*p.a/us+p.b)*u + p.mean + 0.43)
		if us >= 0.07 && v <= p.fast {
			return k
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		if math.Log(v)+p.alpha-math.Log(p.a/(us*us)+p.b) <= p.weight(k) {
			return k
		}
	}
}

// weight is the logarithm of the chance of k. Its terms as the textbook has them are k·ln k
// long and lose at a mean of 2^52 all that their sum is; the deviance keeps it.
func (p *poisson) weight(k float64) float64 {
	return 0.5*math.Log((k+1)/(2*math.Pi)) - p.log - deviance(k+1, p.mean) - tail(k)
}

// A binomial draws how many of n trials succeed: what does not depend on the stream.
type binomial struct {
	n, p             float64 // p is at most ½
	flip             bool    // the chance is 1 − p
	log              float64 // of 1 − p, when n·p is small
	a, b, c, fast    float64
	alpha, hit, miss float64
	top              float64 // the weight of the likeliest number
}

func binomialOf(n, p float64) binomial {
	d := binomial{n: n, p: p}
	if d.flip = p > 0.5; d.flip {
		d.p = 1 - p
	}
	p = d.p
	if n*p < 10 {
		d.log = math.Log1p(-p)
		return d
	}
	dev := math.Sqrt(n * p * (1 - p))
	d.b = 1.15 + 2.53*dev
	d.a = -0.0873 + 0.0248*d.b + 0.01*p
	d.c, d.fast = n*p+0.5, 0.92-4.2/d.b
	d.alpha, d.hit, d.miss = (2.83+5.1/d.b)*dev, (n+2)*p, (n+2)*(1-p)
	d.top = d.weight(math.Floor((n + 1) * p))
	return d
}

func (d *binomial) draw(s *stream64) float64 {
	k := 0.0
	switch {
	case d.n == 0 || d.p == 0:
	case d.n*d.p < 10:
		k = d.sparse(s)
	default:
		k = d.dense(s)
	}
	if d.flip {
		return d.n - k
	}
	return k
}

func (d *binomial) dense(s *stream64) float64 {
	for {
		u, v := s.open()-0.5, s.open()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*d.a/us+d.b)*u + d.c)
		if us >= 0.07 && v <= d.fast {
			return k
		}
		if k < 0 || k > d.n {
			continue
		}
		if math.Log(v*d.alpha/(d.a/(us*us)+d.b)) <= d.weight(k)-d.top {
			return k
		}
	}
}

// weight is the logarithm of the chance of k hits, but for a constant: by deviances as that
// of poisson.
func (d *binomial) weight(k float64) float64 {
	hits, misses := k+1, d.n-k+1
	return 0.5*math.Log(hits*misses) - deviance(hits, d.hit) - deviance(misses, d.miss) - tail(k) - tail(d.n-k)
}

// deviance is x·ln(x/mean) + mean − x of a positive x. Where x is near the mean the terms
// are long and their sum is short: there it is a series in y = (x − mean)/(x + mean), as
// ln(x/mean) = 2·artanh y (Loader 2000).
func deviance(x, mean float64) float64 {
	off := x - mean
	y := off / (x + mean)
	if math.Abs(y) >= 0.1 {
		return x*math.Log(x/mean) - off
	}
	sum, power := off*y, 2*x*y
	for odd := 3.0; ; odd += 2 {
		power *= y * y
		next := sum + power/odd
		if next == sum {
			return sum
		}
		sum = next
	}
}

// sparse counts how many waits, each geometric, fit into n trials (Devroye 1986): it
// takes as many numbers as there are hits.
func (d *binomial) sparse(s *stream64) float64 {
	hits, at := 0.0, 0.0
	for {
		if at += wait(s, d.log); at > d.n {
			return hits
		}
		hits++
	}
}

// wait is the number of trials to the first success: geometric, by inversion. log is that
// of the chance to fail.
func wait(s *stream64, log float64) float64 { return math.Floor(math.Log(s.open())/log) + 1 }

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

// fewShuffled is how many numbers are shuffled at once.
const fewShuffled = 4096

// Permuter gives the elements of a permutation of 0 … n−1 that the key chooses. Few numbers
// are shuffled (Fisher and Yates; Durstenfeld 1964), all orders with equal chances. Of many
// each is computed alone: numbers of as many bits as n needs go through eight rounds of a
// Feistel network (Luby and Rackoff 1988) whose halves may differ in length; what leaves
// the range goes through it again. Of few bits that would prefer some orders. The number of
// the round is the second word of the counter, not a part of the key: keys near each other
// would share rounds.
func Permuter(key, n uint64) func(i uint64) uint64 {
	if n <= fewShuffled {
		s, order := stream64{key: key}, make([]uint64, n)
		for i := range order {
			j, _ := bits.Mul64(s.next(), uint64(i)+1)
			order[i], order[j] = order[j], uint64(i)
		}
		return func(i uint64) uint64 { return order[i] }
	}
	width := bits.Len64(n - 1)
	low := width / 2
	lowMask, highMask := uint64(1)<<low-1, uint64(1)<<(width-low)-1
	return func(i uint64) uint64 {
		for {
			hi, lo := i>>low, i&lowMask
			for round := range uint64(4) {
				x, _ := philox(lo, 2*round, key)
				hi ^= x & highMask
				x, _ = philox(hi, 2*round+1, key)
				lo ^= x & lowMask
			}
			if i = hi<<low | lo; i < n {
				return i
			}
		}
	}
}
