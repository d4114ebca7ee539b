package vec

import "math"

// Cast returns the function that sets dst[i] to src[i] converted to D, or nil if S is complex and D is not. dst and
// src must not overlap unless D and S have the same size.
//
// Integers wrap. Floats lose their fraction; what then does not fit an int64 becomes the least int64 (so do NaN and the
// infinities), and that wraps to D; only uint64 takes what fits it. Real numbers become complex ones without imaginary
// part. The conversion to a mask is Test with NonZero, and a mask is converted as a uint8.
func Cast[D, S Elem]() func(dst []D, src []S) {
	if f := castASM[D, S](); f != nil {
		return f
	}
	return castGo[D, S]()
}

func castGo[D, S Elem]() func(dst []D, src []S) {
	var z S
	var f any
	switch any(z).(type) {
	case int8:
		f = castReal[D, int8]()
	case int16:
		f = castReal[D, int16]()
	case int32:
		f = castReal[D, int32]()
	case int64:
		f = castReal[D, int64]()
	case uint8:
		f = castReal[D, uint8]()
	case uint16:
		f = castReal[D, uint16]()
	case uint32:
		f = castReal[D, uint32]()
	case uint64:
		f = castReal[D, uint64]()
	case float32:
		f = castReal[D, float32]()
	case float64:
		f = castReal[D, float64]()
	case complex64:
		f = castComplex[D, complex64]()
	case complex128:
		f = castComplex[D, complex128]()
	}
	return as[func(dst []D, src []S)](f)
}

// convert is the conversion that Go has for the two types.
func convert[D, S Number](dst []D, src []S) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, v := range src {
		dst[i] = D(v)
	}
}

func castReal[D Elem, S Number]() func(dst []D, src []S) {
	var z D
	var f any
	switch any(z).(type) {
	case int8:
		f = toInteger[int8, S]()
	case int16:
		f = toInteger[int16, S]()
	case int32:
		f = toInteger[int32, S]()
	case int64:
		f = toInteger[int64, S]()
	case uint8:
		f = toInteger[uint8, S]()
	case uint16:
		f = toInteger[uint16, S]()
	case uint32:
		f = toInteger[uint32, S]()
	case uint64:
		f = toInteger[uint64, S]()
	case float32:
		f = convert[float32, S]
	case float64:
		f = convert[float64, S]
	case complex64:
		f = widen[complex64, S]
	case complex128:
		f = widen[complex128, S]
	}
	return as[func(dst []D, src []S)](f)
}

func castComplex[D Elem, S Complex]() func(dst []D, src []S) {
	var z D
	var f any
	switch any(z).(type) {
	case complex64:
		f = func(dst []complex64, src []S) {
			for i, v := range src[:min(len(dst), len(src))] {
				dst[i] = complex64(v)
			}
		}
	case complex128:
		f = func(dst []complex128, src []S) {
			for i, v := range src[:min(len(dst), len(src))] {
				dst[i] = complex128(v)
			}
		}
	}
	return as[func(dst []D, src []S)](f)
}

// widen makes complex numbers.
func widen[D Complex, S Number](dst []D, src []S) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, v := range src {
		dst[i] = D(complex(float64(v), 0))
	}
}

// toInteger is the conversion to an integer type: Go's own, but from floats that of Cast.
func toInteger[D Integer, S Number]() func(dst []D, src []S) {
	switch {
	case !isFloat[S]():
		return convert[D, S]
	case !isSigned[D]() && sizeOf[D]() == 8:
		return truncateUnsigned[D, S]
	}
	return func(dst []D, src []S) {
		n := min(len(dst), len(src))
		dst, src = dst[:n], src[:n]
		for i, v := range src {
			dst[i] = D(toInt64(float64(v)))
		}
	}
}

// toInt64 is the conversion of Go with a defined result where Go leaves it to the machine.
func toInt64(v float64) int64 {
	if v >= -0x1p63 && v < 0x1p63 {
		return int64(v)
	}
	return math.MinInt64
}

func truncateUnsigned[D Integer, S Number](dst []D, src []S) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, v := range src {
		if f := float64(v); f >= 0x1p63 && f < 0x1p64 {
			dst[i] = D(uint64(f))
		} else {
			dst[i] = D(toInt64(f))
		}
	}
}
