package suite

import "math"

// A random is xoshiro256** seeded by splitmix64 (Blackman and Vigna, 2018). Its
// numbers are part of the data sets: changing it changes every checksum.
type random struct{ s [4]uint64 }

func newRandom(seed uint64) *random {
	r := &random{}
	for i := range r.s {
		seed += 0x9E3779B97F4A7C15
		z := seed
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		r.s[i] = z ^ z>>31
	}
	return r
}

func (r *random) next() uint64 {
	s := &r.s
	x := s[1] * 5
	out := (x<<7 | x>>57) * 9
	t := s[1] << 17
	s[2] ^= s[0]
	s[3] ^= s[1]
	s[1] ^= s[2]
	s[0] ^= s[3]
	s[2] ^= t
	s[3] = s[3]<<45 | s[3]>>19
	return out
}

// below is an integer from 0 to n-1, for n < 2^32.
func (r *random) below(n int) int64 { return int64((r.next() >> 32) * uint64(n) >> 32) }

// unit is a float from 0 to 1, without 1.
func (r *random) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

// micros is a value from 0 to 100 with six decimals, in millionths.
func (r *random) micros() int64 { return int64(math.Round(r.unit() * 100 * 1e6)) }

// shuffle is Fisher and Yates' from the end.
func (r *random) shuffle(a []int32) {
	for i := len(a) - 1; i > 0; i-- {
		j := r.below(i + 1)
		a[i], a[j] = a[j], a[i]
	}
}
