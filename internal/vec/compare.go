package vec

import "math"

// Compare returns the function that sets dst[i] = x[i] op y[i], or nil if T has no such operation.
func Compare[T Elem](op CompareOp) func(dst []uint8, x, y []T) {
	if f := compareASM[T](op); f != nil {
		return f
	}
	switch op {
	case Eq:
		return eqGo[T]
	case Ne:
		return neGo[T]
	}
	var z T
	var f any
	switch any(z).(type) {
	case int8:
		f = ordered[int8](op)
	case int16:
		f = ordered[int16](op)
	case int32:
		f = ordered[int32](op)
	case int64:
		f = ordered[int64](op)
	case uint8:
		f = ordered[uint8](op)
	case uint16:
		f = ordered[uint16](op)
	case uint32:
		f = ordered[uint32](op)
	case uint64:
		f = ordered[uint64](op)
	case float32:
		f = ordered[float32](op)
	case float64:
		f = ordered[float64](op)
	}
	return as[func(dst []uint8, x, y []T)](f)
}

// CompareRight returns the function that sets dst[i] = x[i] op c, or nil if T has no such operation.
func CompareRight[T Elem](op CompareOp) func(dst []uint8, x []T, c T) {
	if f := compareRightASM[T](op); f != nil {
		return f
	}
	f := scalarCompare[T](op)
	if f == nil {
		return nil
	}
	return func(dst []uint8, x []T, c T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i, v := range x {
			dst[i] = bit(f(v, c))
		}
	}
}

// scalarCompare returns the definition of a comparison, or nil if T has no such comparison.
func scalarCompare[T Elem](op CompareOp) func(x, y T) bool {
	switch op {
	case Eq:
		return func(x, y T) bool { return x == y }
	case Ne:
		return func(x, y T) bool { return x != y }
	}
	var z T
	var f any
	switch any(z).(type) {
	case int8:
		f = scalarOrder[int8](op)
	case int16:
		f = scalarOrder[int16](op)
	case int32:
		f = scalarOrder[int32](op)
	case int64:
		f = scalarOrder[int64](op)
	case uint8:
		f = scalarOrder[uint8](op)
	case uint16:
		f = scalarOrder[uint16](op)
	case uint32:
		f = scalarOrder[uint32](op)
	case uint64:
		f = scalarOrder[uint64](op)
	case float32:
		f = scalarOrder[float32](op)
	case float64:
		f = scalarOrder[float64](op)
	}
	return as[func(x, y T) bool](f)
}

func scalarOrder[T Number](op CompareOp) func(x, y T) bool {
	switch op {
	case Lt:
		return func(x, y T) bool { return x < y }
	case Le:
		return func(x, y T) bool { return x <= y }
	case Gt:
		return func(x, y T) bool { return x > y }
	case Ge:
		return func(x, y T) bool { return x >= y }
	}
	return nil
}

func ordered[T Number](op CompareOp) func(dst []uint8, x, y []T) {
	switch op {
	case Lt:
		return ltGo[T]
	case Le:
		return leGo[T]
	case Gt:
		return func(dst []uint8, x, y []T) { ltGo(dst, y, x) }
	case Ge:
		return func(dst []uint8, x, y []T) { leGo(dst, y, x) }
	}
	return nil
}

func eqGo[T Elem](dst []uint8, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = bit(v == y[i])
	}
}

func neGo[T Elem](dst []uint8, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = bit(v != y[i])
	}
}

func ltGo[T Number](dst []uint8, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = bit(v < y[i])
	}
}

func leGo[T Number](dst []uint8, x, y []T) {
	n := min(len(dst), len(x), len(y))
	dst, x, y = dst[:n], x[:n], y[:n]
	for i, v := range x {
		dst[i] = bit(v <= y[i])
	}
}

// Test returns the function that sets dst[i] = op x[i], or nil if T has no such operation.
func Test[T Elem](op TestOp) func(dst []uint8, x []T) {
	if f := testASM[T](op); f != nil {
		return f
	}
	f := scalarTest[T](op)
	if f == nil {
		return nil
	}
	return func(dst []uint8, x []T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i, v := range x {
			dst[i] = bit(f(v))
		}
	}
}

func scalarTest[T Elem](op TestOp) func(x T) bool {
	switch op {
	case IsNaN:
		return func(x T) bool { return x != x }
	case IsInf:
		return func(x T) bool { return isInf(x) }
	case IsFinite:
		return func(x T) bool { return x == x && !isInf(x) }
	case NonZero:
		return func(x T) bool { return x != 0 }
	case SignBit:
		var z T
		if _, ok := parts(z); ok {
			return nil
		}
		return func(x T) bool { return signBit(x) }
	}
	return nil
}

// parts returns the real and imaginary part of a complex number.
func parts[T Elem](x T) (p [2]float64, ok bool) {
	switch x := any(x).(type) {
	case complex64:
		return [2]float64{float64(real(x)), float64(imag(x))}, true
	case complex128:
		return [2]float64{real(x), imag(x)}, true
	}
	return p, false
}

// isInf is true for infinities: x - x is NaN for them, but x is not.
func isInf[T Elem](x T) bool {
	if p, ok := parts(x); ok {
		return math.IsInf(p[0], 0) || math.IsInf(p[1], 0)
	}
	return x == x && x-x != 0
}

func signBit[T Elem](x T) bool {
	switch x := any(x).(type) {
	case float32:
		return math.Signbit(float64(x))
	case float64:
		return math.Signbit(x)
	case int8:
		return x < 0
	case int16:
		return x < 0
	case int32:
		return x < 0
	case int64:
		return x < 0
	}
	return false
}
