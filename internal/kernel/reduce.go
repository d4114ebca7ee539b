package kernel

import "math/bits"

// Range is what MinMax finds.
type Range[T Number] struct {
	// Min and Max are the least and the greatest of the values that are valid and not NaN; a zero is always
	// +0. They mean nothing unless Any is set.
	Min, Max T
	// Any says that there was such a value.
	Any bool
	// NaN says that there was a valid NaN.
	NaN bool
}

// Merge returns the range of the values of r and s together.
func (r Range[T]) Merge(s Range[T]) Range[T] {
	nan := r.NaN || s.NaN
	switch {
	case !r.Any:
		r = s
	case s.Any:
		r.Min, r.Max = min(r.Min, s.Min), max(r.Max, s.Max)
	}
	r.NaN = nan
	return r
}

// MinMax returns the least and the greatest of the valid elements of x, leaving out NaN, and whether there was a
// NaN: a caller to whom NaN is the answer, or the greatest value, can tell.
func MinMax[T Number](x []T, valid []uint64) Range[T] {
	if valid != nil {
		valid = valid[:Words(len(x))]
	}
	r, done := minMaxASM(x, valid)
	if done == len(x) {
		return r
	}
	if valid != nil {
		valid = valid[done>>6:]
	}
	return r.Merge(minMaxGo(x[done:], valid))
}

func minMaxGo[T Number](x []T, valid []uint64) (r Range[T]) {
	for i, v := range x {
		if !bit(valid, i) {
			continue
		}
		if v != v {
			r.NaN = true
			continue
		}
		if !r.Any {
			r.Min, r.Max, r.Any = v, v, true
			continue
		}
		if v < r.Min {
			r.Min = v
		}
		if v > r.Max {
			r.Max = v
		}
	}
	r.Min += 0 // -0 + 0 is 0
	r.Max += 0
	return r
}

// Sum128 is an exact sum of integers: Hi<<64 + Lo in two's complement. Sums of fewer than 2^63 elements cannot
// overflow it, so partial sums merge in any order and only the final result is checked.
type Sum128 struct {
	Hi int64
	Lo uint64
}

// Add returns s + t.
func (s Sum128) Add(t Sum128) Sum128 {
	lo, carry := bits.Add64(s.Lo, t.Lo, 0)
	return Sum128{s.Hi + t.Hi + int64(carry), lo}
}

// Int64 returns the sum and whether it fits an int64.
func (s Sum128) Int64() (int64, bool) { return int64(s.Lo), s.Hi == int64(s.Lo)>>63 }

// Uint64 returns the sum and whether it fits a uint64.
func (s Sum128) Uint64() (uint64, bool) { return s.Lo, s.Hi == 0 }

// SumInt returns the exact sum of the valid elements of x. The sum of nothing is 0.
func SumInt[T Integer](x []T, valid []uint64) Sum128 {
	if valid != nil {
		valid = valid[:Words(len(x))]
	}
	s, done := sumIntASM(x, valid)
	if done == len(x) {
		return s
	}
	if valid != nil {
		valid = valid[done>>6:]
	}
	return s.Add(sumIntGo(x[done:], valid))
}

func sumIntGo[T Integer](x []T, valid []uint64) (s Sum128) {
	var z T
	if sizeOf[T]() < 8 {
		var t int64 // fits while there are fewer than 2^31 elements, which is 8 GiB of them
		for i, v := range x {
			t += int64(v) & -int64(b2u(bit(valid, i)))
		}
		return Sum128{t >> 63, uint64(t)}
	}
	signed := z-1 < z
	for i, v := range x {
		if !bit(valid, i) {
			continue
		}
		hi := int64(v) >> 63
		if !signed {
			hi = 0
		}
		s = s.Add(Sum128{hi, uint64(v)})
	}
	return s
}
