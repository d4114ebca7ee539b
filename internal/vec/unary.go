package vec

import (
	"math"
	"math/cmplx"
)

// Unary returns the function that sets dst[i] = op x[i], or nil if T has no such operation.
func Unary[T Elem](op UnaryOp) func(dst, x []T) {
	if f := unaryASM[T](op); f != nil {
		return f
	}
	if f := fastUnary[T](op); f != nil {
		return f
	}
	f := scalarUnary[T](op)
	if f == nil {
		return nil
	}
	if g := rangedASM[T](op); g != nil {
		return beyond(g, f)
	}
	return func(dst, x []T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

// beyond does what a loop with a range leaves: a vector by the definition, then the loop goes on.
func beyond[T Elem](loop func(dst, x []T) int, f func(x T) T) func(dst, x []T) {
	return func(dst, x []T) {
		n := min(len(dst), len(x))
		dst, x = dst[:n], x[:n]
		for i := loop(dst, x); i < len(x); i = loop(dst, x) {
			dst, x = dst[i:], x[i:]
			k := min(8, len(x))
			for j, v := range x[:k] {
				dst[j] = f(v)
			}
			dst, x = dst[k:], x[k:]
		}
	}
}

// scalarUnary returns the definition of an operation, for one element, or nil if T has no such operation.
func scalarUnary[T Elem](op UnaryOp) func(x T) T {
	switch op {
	case Neg:
		return func(x T) T { return -x }
	case Square:
		return func(x T) T { return x * x }
	}
	var z T
	var f any
	switch any(z).(type) {
	case int8:
		f = unaryInteger[int8](op)
	case int16:
		f = unaryInteger[int16](op)
	case int32:
		f = unaryInteger[int32](op)
	case int64:
		f = unaryInteger[int64](op)
	case uint8:
		f = unaryInteger[uint8](op)
	case uint16:
		f = unaryInteger[uint16](op)
	case uint32:
		f = unaryInteger[uint32](op)
	case uint64:
		f = unaryInteger[uint64](op)
	case float32:
		f = unaryFloat[float32](op)
	case float64:
		f = unaryFloat[float64](op)
	case complex64:
		f = unaryComplex[complex64](op)
	case complex128:
		f = unaryComplex[complex128](op)
	}
	return as[func(x T) T](f)
}

// fastUnary has loops without a call for each element.
func fastUnary[T Elem](op UnaryOp) func(dst, x []T) {
	switch op {
	case Neg:
		return negGo[T]
	case Square:
		return squareGo[T]
	}
	var z T
	var f any
	if op == Sqrt {
		switch any(z).(type) {
		case float32:
			f = sqrtGo[float32]
		case float64:
			f = sqrtGo[float64]
		}
	}
	return as[func(dst, x []T)](f)
}

func negGo[T Elem](dst, x []T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	for i, v := range x {
		dst[i] = -v
	}
}

func squareGo[T Elem](dst, x []T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	for i, v := range x {
		dst[i] = v * v
	}
}

func sqrtGo[T Float](dst, x []T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	for i, v := range x {
		dst[i] = T(math.Sqrt(float64(v))) // exact for float32: twice its digits and two more
	}
}

func unaryInteger[T Integer](op UnaryOp) func(x T) T {
	switch op {
	case Abs:
		return func(x T) T {
			if x < 0 {
				return -x
			}
			return x
		}
	case Sign:
		return func(x T) T { return T(bit(x > 0)) - T(bit(x < 0)) }
	case Floor, Ceil, Trunc, Round:
		return func(x T) T { return x }
	case Not:
		return func(x T) T { return ^x }
	}
	return nil
}

func unaryFloat[T Float](op UnaryOp) func(x T) T {
	switch op {
	case Sign:
		return func(x T) T {
			switch {
			case x > 0:
				return 1
			case x < 0:
				return -1
			case x == 0:
				return 0
			}
			return x
		}
	case Reciprocal:
		return func(x T) T { return 1 / x }
	}
	f := at(floatFunctions[:], op)
	if f == nil {
		return nil
	}
	return func(x T) T { return T(f(float64(x))) }
}

// floatFunctions compute in float64; float32 is rounded from it.
var floatFunctions = [...]func(float64) float64{
	Abs: math.Abs, Sqrt: math.Sqrt, Cbrt: math.Cbrt, Floor: math.Floor, Ceil: math.Ceil, Trunc: math.Trunc, Round: math.RoundToEven,
	Exp: exp64, Exp2: exp2of64, Expm1: expm1Any, Log: log64, Log2: log2of64, Log10: log10of64, Log1p: log1pOf64,
	Sin: sinAny, Cos: cosAny, Tan: tanAny, Asin: math.Asin, Acos: math.Acos, Atan: math.Atan,
	Sinh: sinhAny, Cosh: coshAny, Tanh: tanh64, Asinh: math.Asinh, Acosh: math.Acosh, Atanh: math.Atanh,
	Erf: math.Erf, Gamma: math.Gamma,
	Mantissa: mantissa, Exponent: exponent, I0: i0,
}

func unaryComplex[T Complex](op UnaryOp) func(x T) T {
	switch op {
	case Sign:
		return func(x T) T {
			if x == 0 {
				return 0
			}
			return T(complex128(x) / complex(cmplx.Abs(complex128(x)), 0))
		}
	case Reciprocal:
		return func(x T) T { return 1 / x }
	case Exp2:
		return func(x T) T { return T(cmplx.Exp(complex128(x) * math.Ln2)) }
	case Log2:
		return func(x T) T { return T(cmplx.Log(complex128(x)) / math.Ln2) }
	}
	f := at(complexFunctions[:], op)
	if f == nil {
		return nil
	}
	return func(x T) T { return T(f(complex128(x))) }
}

var complexFunctions = [...]func(complex128) complex128{
	Sqrt: cmplx.Sqrt, Conj: cmplx.Conj, Exp: cmplx.Exp, Log: cmplx.Log, Log10: cmplx.Log10,
	Sin: cmplx.Sin, Cos: cmplx.Cos, Tan: cmplx.Tan, Asin: cmplx.Asin, Acos: cmplx.Acos, Atan: cmplx.Atan,
	Sinh: cmplx.Sinh, Cosh: cmplx.Cosh, Tanh: cmplx.Tanh, Asinh: cmplx.Asinh, Acosh: cmplx.Acosh, Atanh: cmplx.Atanh,
}

// Magnitude sets dst[i] = |x[i]| without overflow. F must be the type of T's parts.
func Magnitude[F Float, T Complex](dst []F, x []T) {
	n := min(len(dst), len(x))
	for i, v := range x[:n] {
		dst[i] = F(cmplx.Abs(complex128(v)))
	}
}

// Real sets dst[i] to the real part of x[i].
func Real[F Float, T Complex](dst []F, x []T) {
	n := min(len(dst), len(x))
	for i, v := range x[:n] {
		dst[i] = F(real(complex128(v)))
	}
}

// Imag sets dst[i] to the imaginary part of x[i].
func Imag[F Float, T Complex](dst []F, x []T) {
	n := min(len(dst), len(x))
	for i, v := range x[:n] {
		dst[i] = F(imag(complex128(v)))
	}
}

// Phase sets dst[i] to the angle of x[i], in radians between -pi and pi.
func Phase[F Float, T Complex](dst []F, x []T) {
	n := min(len(dst), len(x))
	for i, v := range x[:n] {
		dst[i] = F(cmplx.Phase(complex128(v)))
	}
}

// FMA sets dst[i] = x[i]*y[i] + z[i], rounded once.
func FMA[T Float]() func(dst, x, y, z []T) {
	if f := fmaASM[T](); f != nil {
		return f
	}
	return fmaGo[T]
}

func fmaGo[T Float](dst, x, y, z []T) {
	n := min(len(dst), len(x), len(y), len(z))
	dst, x, y, z = dst[:n], x[:n], y[:n], z[:n]
	if sizeOf[T]() == 8 {
		for i, v := range x {
			dst[i] = T(math.FMA(float64(v), float64(y[i]), float64(z[i])))
		}
		return
	}
	for i, v := range x {
		dst[i] = T(fma32(float32(v), float32(y[i]), float32(z[i])))
	}
}

// AddScaled returns the function that sets dst[i] = x[i]*c + dst[i], rounded once.
func AddScaled[T Float]() func(dst, x []T, c T) {
	if f := addScaledASM[T](); f != nil {
		return f
	}
	return addScaledGo[T]
}

func addScaledGo[T Float](dst, x []T, c T) {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	if sizeOf[T]() == 8 {
		for i, v := range x {
			dst[i] = T(math.FMA(float64(v), float64(c), float64(dst[i])))
		}
		return
	}
	for i, v := range x {
		dst[i] = T(fma32(float32(v), float32(c), float32(dst[i])))
	}
}

// fma32 rounds x*y + z once: the product is exact in float64, and the sum is rounded there to odd, so that rounding it
// again gives what rounding once would (Boldo and Melquiond, Emulation of FMA and correctly rounded sums, 2008).
func fma32(x, y, z float32) float32 {
	p, a := float64(x)*float64(y), float64(z)
	s := p + a
	b := s - p
	err := (p - (s - b)) + (a - b)
	if err != 0 && err == err && !math.IsInf(s, 0) {
		u := math.Float64bits(s)
		if u&1 == 0 {
			if (err > 0) == (s > 0) {
				u++
			} else {
				u--
			}
			s = math.Float64frombits(u)
		}
	}
	return float32(s)
}
