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
		f = castInteger[D, int8]()
	case int16:
		f = castInteger[D, int16]()
	case int32:
		f = castInteger[D, int32]()
	case int64:
		f = castInteger[D, int64]()
	case uint8:
		f = castInteger[D, uint8]()
	case uint16:
		f = castInteger[D, uint16]()
	case uint32:
		f = castInteger[D, uint32]()
	case uint64:
		f = castInteger[D, uint64]()
	case float32:
		f = castFloat[D, float32]()
	case float64:
		f = castFloat[D, float64]()
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

func castInteger[D Elem, S Integer]() func(dst []D, src []S) {
	var z D
	var f any
	switch any(z).(type) {
	case int8:
		f = convert[int8, S]
	case int16:
		f = convert[int16, S]
	case int32:
		f = convert[int32, S]
	case int64:
		f = convert[int64, S]
	case uint8:
		f = convert[uint8, S]
	case uint16:
		f = convert[uint16, S]
	case uint32:
		f = convert[uint32, S]
	case uint64:
		f = convert[uint64, S]
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

func castFloat[D Elem, S Float]() func(dst []D, src []S) {
	var z D
	var f any
	switch any(z).(type) {
	case int8:
		f = truncate[int8, S]
	case int16:
		f = truncate[int16, S]
	case int32:
		f = truncate[int32, S]
	case int64:
		f = truncate[int64, S]
	case uint8:
		f = truncate[uint8, S]
	case uint16:
		f = truncate[uint16, S]
	case uint32:
		f = truncate[uint32, S]
	case uint64:
		f = truncateUnsigned[S]
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

func truncate[D Integer, S Float](dst []D, src []S) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, v := range src {
		dst[i] = D(toInt64(v))
	}
}

// toInt64 is the conversion of Go with a defined result where Go leaves it to the machine.
func toInt64[S Float](v S) int64 {
	if v >= -0x1p63 && v < 0x1p63 {
		return int64(v)
	}
	return math.MinInt64
}

func truncateUnsigned[S Float](dst []uint64, src []S) {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, v := range src {
		if v >= 0x1p63 && v < 0x1p64 {
			dst[i] = uint64(v)
			continue
		}
		dst[i] = uint64(toInt64(v))
	}
}
