package array

//go:generate go run github.com/weft-data/weft/internal/refgen/arrays ../docs/arrays.md

import (
	"math"

	"github.com/weft-data/weft/internal/grid"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/vec"
)

// Neg is −x.
func (x *Array) Neg() *Array { return elementwise("Neg", strip.Unary(vec.Neg), false, x) }

// Abs is |x|; of complex numbers the modulus.
func (x *Array) Abs() *Array { return elementwise("Abs", strip.Unary(vec.Abs), false, x) }

// Sign is −1, 0 or 1.
func (x *Array) Sign() *Array { return elementwise("Sign", strip.Unary(vec.Sign), false, x) }

// Not is not x, bit by bit for integers.
func (x *Array) Not() *Array { return elementwise("Not", strip.Unary(vec.Not), false, x) }

// Floor rounds down.
func (x *Array) Floor() *Array { return elementwise("Floor", strip.Unary(vec.Floor), false, x) }

// Ceil rounds up.
func (x *Array) Ceil() *Array { return elementwise("Ceil", strip.Unary(vec.Ceil), false, x) }

// Trunc rounds toward 0.
func (x *Array) Trunc() *Array { return elementwise("Trunc", strip.Unary(vec.Trunc), false, x) }

// Round rounds to the nearest integer, the even one of two.
func (x *Array) Round() *Array { return elementwise("Round", strip.Unary(vec.Round), false, x) }

// RoundTo rounds to so many decimals, the even one of two, to tens and hundreds if that
// is negative: as NumPy does, by multiplying, rounding and dividing. Numbers that overflow
// on the way have no such decimals and stay as they are.
func (x *Array) RoundTo(decimals int) *Array {
	if x.err != nil || x.kind.IsInt() && decimals >= 0 {
		return x
	}
	if x.kind.IsComplex() {
		return fail("RoundTo", "round is not defined for %s", x.kind)
	}
	y, unit := x.As(x.kind.Floating()), math.Pow(10, math.Abs(float64(decimals)))
	if decimals >= 0 {
		r := y.Mul(unit).Round().Div(unit)
		return Where(r.IsFinite(), r, y)
	}
	if unit > math.MaxFloat64 || y.kind == Float32 && unit > math.MaxFloat32 { // and than twice any number
		return Where(y.IsFinite(), Zeros(nil, Of(y.kind)), y).As(x.kind)
	}
	return y.Div(unit).Round().Mul(unit).As(x.kind)
}

// Sqrt is the square root; integers give float64.
func (x *Array) Sqrt() *Array { return elementwise("Sqrt", strip.Unary(vec.Sqrt), true, x) }

// Cbrt is the cube root; integers give float64.
func (x *Array) Cbrt() *Array { return elementwise("Cbrt", strip.Unary(vec.Cbrt), true, x) }

// Exp is e to the power of x; integers give float64.
func (x *Array) Exp() *Array { return elementwise("Exp", strip.Unary(vec.Exp), true, x) }

// Exp2 is 2 to the power of x; integers give float64.
func (x *Array) Exp2() *Array { return elementwise("Exp2", strip.Unary(vec.Exp2), true, x) }

// Expm1 is exp(x) − 1, exact near 0; integers give float64.
func (x *Array) Expm1() *Array { return elementwise("Expm1", strip.Unary(vec.Expm1), true, x) }

// Log is the natural logarithm; integers give float64.
func (x *Array) Log() *Array { return elementwise("Log", strip.Unary(vec.Log), true, x) }

// Log2 is the logarithm to base 2; integers give float64.
func (x *Array) Log2() *Array { return elementwise("Log2", strip.Unary(vec.Log2), true, x) }

// Log10 is the logarithm to base 10; integers give float64.
func (x *Array) Log10() *Array { return elementwise("Log10", strip.Unary(vec.Log10), true, x) }

// Log1p is log(1 + x), exact near 0; integers give float64.
func (x *Array) Log1p() *Array { return elementwise("Log1p", strip.Unary(vec.Log1p), true, x) }

// Sin is the sine, of in radians; integers give float64.
func (x *Array) Sin() *Array { return elementwise("Sin", strip.Unary(vec.Sin), true, x) }

// Cos is the cosine, of in radians; integers give float64.
func (x *Array) Cos() *Array { return elementwise("Cos", strip.Unary(vec.Cos), true, x) }

// Tan is the tangent, of in radians; integers give float64.
func (x *Array) Tan() *Array { return elementwise("Tan", strip.Unary(vec.Tan), true, x) }

// Asin is the inverse sine; integers give float64.
func (x *Array) Asin() *Array { return elementwise("Asin", strip.Unary(vec.Asin), true, x) }

// Acos is the inverse cosine; integers give float64.
func (x *Array) Acos() *Array { return elementwise("Acos", strip.Unary(vec.Acos), true, x) }

// Atan is the inverse tangent; integers give float64.
func (x *Array) Atan() *Array { return elementwise("Atan", strip.Unary(vec.Atan), true, x) }

// Sinh is the hyperbolic sine; integers give float64.
func (x *Array) Sinh() *Array { return elementwise("Sinh", strip.Unary(vec.Sinh), true, x) }

// Cosh is the hyperbolic cosine; integers give float64.
func (x *Array) Cosh() *Array { return elementwise("Cosh", strip.Unary(vec.Cosh), true, x) }

// Tanh is the hyperbolic tangent; integers give float64.
func (x *Array) Tanh() *Array { return elementwise("Tanh", strip.Unary(vec.Tanh), true, x) }

// Asinh is the inverse hyperbolic sine; integers give float64.
func (x *Array) Asinh() *Array { return elementwise("Asinh", strip.Unary(vec.Asinh), true, x) }

// Acosh is the inverse hyperbolic cosine; integers give float64.
func (x *Array) Acosh() *Array { return elementwise("Acosh", strip.Unary(vec.Acosh), true, x) }

// Atanh is the inverse hyperbolic tangent; integers give float64.
func (x *Array) Atanh() *Array { return elementwise("Atanh", strip.Unary(vec.Atanh), true, x) }

// IsNaN is whether x is not a number.
func (x *Array) IsNaN() *Array { return elementwise("IsNaN", strip.Test(vec.IsNaN), false, x) }

// IsInf is whether x is infinite.
func (x *Array) IsInf() *Array { return elementwise("IsInf", strip.Test(vec.IsInf), false, x) }

// IsFinite is whether x is neither infinite nor NaN.
func (x *Array) IsFinite() *Array { return elementwise("IsFinite", strip.Test(vec.IsFinite), false, x) }

// SignBit is whether x is negative, -0 too.
func (x *Array) SignBit() *Array { return elementwise("SignBit", strip.Test(vec.SignBit), true, x) }

// Real is the real part of complex numbers; real ones are theirs.
func (x *Array) Real() *Array {
	if x.err == nil && !x.kind.IsComplex() {
		return x
	}
	return elementwise("Real", strip.Real, false, x)
}

// Imag is the imaginary part of complex numbers, 0 of real ones.
func (x *Array) Imag() *Array {
	if x.err == nil && !x.kind.IsComplex() {
		return ZerosLike(x)
	}
	return elementwise("Imag", strip.Imag, false, x)
}

// Conj is the conjugate of complex numbers; real ones are theirs.
func (x *Array) Conj() *Array {
	if x.err == nil && !x.kind.IsComplex() {
		return x
	}
	return elementwise("Conj", strip.Unary(vec.Conj), false, x)
}

// Angle is the angle of complex numbers: 0 or π of real ones, as floats.
func (x *Array) Angle() *Array {
	if x.err == nil && !x.kind.IsComplex() {
		x = x.As(x.kind.Floating())
		return Zeros(nil, Of(x.kind)).Atan2(x)
	}
	return elementwise("Angle", strip.Phase, false, x)
}

// floated is x as floats, whose logarithms and fractions a verb takes, or the mistake.
func (x *Array) floated(verb string) *Array {
	if x.err == nil && x.kind.IsComplex() {
		return fail(verb, "shape %s of %s: want real numbers", grid.Tuple(x.Shape()), x.kind)
	}
	return x.As(x.kind.Floating())
}

// Modf returns the fraction and the whole part of x, both with its sign: of an infinity
// 0 and itself. Integers give float64.
func (x *Array) Modf() (fraction, whole *Array) {
	y := x.floated("Modf")
	if y.err != nil {
		return y, y
	}
	whole = y.Trunc()
	return Where(y.IsInf(), Zeros(nil, Of(y.kind)), y.Sub(whole)).CopySign(y), whole
}

// Frexp returns the mantissa of x, with a magnitude in [0.5, 1), and the exponent as int32: x is
// mantissa · 2^exponent. 0, infinities and NaN are their own mantissas, with exponent 0. Integers
// give float64.
func (x *Array) Frexp() (mantissa, exponent *Array) {
	y := x.floated("Frexp")
	return elementwise("Frexp", strip.Unary(vec.Mantissa), true, y), elementwise("Frexp", strip.Unary(vec.Exponent), true, y).As(Int32)
}

// Ldexp is x · 2^n, rounded once: what Frexp took apart. n has integers, an array or an int; the
// result is of the type of x, float64 of integers.
func (x *Array) Ldexp(n any) *Array {
	const verb = "Ldexp"
	y := x.floated(verb)
	switch m := n.(type) {
	case int:
		return elementwise(verb, strip.Binary(vec.Ldexp), true, y, float64(m))
	case *Array:
		if y.err == nil && m.err == nil && !m.kind.IsInt() {
			return fail(verb, "exponents of shape %s of %s: want integers", grid.Tuple(m.Shape()), m.kind)
		}
		if y.err == nil {
			m = m.As(y.kind)
		}
		return elementwise(verb, strip.Binary(vec.Ldexp), true, y, m)
	}
	return fail(verb, "exponents of Go type %T: want an array of integers or an int", n)
}

// Spacing is the distance from x to the next number away from 0, with the sign of x, which of -0
// is that of 0. Of infinities it is NaN, of the largest number an infinity. Integers give float64.
func (x *Array) Spacing() *Array {
	y := x.floated("Spacing")
	if y.err != nil {
		return y
	}
	return y.NextAfter(Where(y.Lt(0.0), math.Inf(-1), math.Inf(1)).As(y.kind)).Sub(y)
}

// I0 is the modified Bessel function of the first kind and order 0, within 16 ULP of float64.
// Integers give float64.
func (x *Array) I0() *Array { return elementwise("I0", strip.Unary(vec.I0), true, x.floated("I0")) }

// Erf is the error function, 2/√π times the integral of exp(−t²) from 0 to x; integers give
// float64.
func (x *Array) Erf() *Array { return elementwise("Erf", strip.Unary(vec.Erf), true, x.floated("Erf")) }

// Gamma is the gamma function, of positive integers (x − 1)!: an infinity with the sign of x
// at 0, NaN at negative integers. Integers give float64.
func (x *Array) Gamma() *Array {
	return elementwise("Gamma", strip.Unary(vec.Gamma), true, x.floated("Gamma"))
}

// IsReal is whether the imaginary part is 0, as it is of all numbers that are not complex.
func (x *Array) IsReal() *Array {
	if x.err != nil {
		return x
	}
	if !x.kind.IsComplex() {
		return OnesLike(x.As(Bool))
	}
	return x.Imag().Eq(0)
}

// DivMod returns FloorDiv and Mod.
func (x *Array) DivMod(y any) (quotient, rest *Array) { return x.FloorDiv(y), x.Mod(y) }

// FMod is what a division leaves that is rounded toward 0, with the sign of x: fmod of C,
// which for numbers of different signs is not Mod.
func (x *Array) FMod(y any) *Array { return elementwise("FMod", strip.Binary(vec.Fmod), false, x, y) }

// FMax is Maximum, but the other number where one is NaN.
func (x *Array) FMax(y any) *Array {
	return x.ignoring(elementwise("FMax", strip.Binary(vec.Max), false, x, y), y)
}

// FMin is Minimum, but the other number where one is NaN.
func (x *Array) FMin(y any) *Array {
	return x.ignoring(elementwise("FMin", strip.Binary(vec.Min), false, x, y), y)
}

// ignoring is what x and y made, which is NaN where one of them is, without that.
func (x *Array) ignoring(made *Array, y any) *Array {
	if made.err != nil {
		return made
	}
	return Where(x.IsNaN(), y, Where(made.IsNaN(), x, made)).As(made.kind)
}

// LogAddExp2 is log₂(2^x + 2^y).
func (x *Array) LogAddExp2(y any) *Array {
	const verb = "LogAddExp2"
	a := x.floated(verb)
	if a.err != nil {
		return a
	}
	most := elementwise(verb, strip.Binary(vec.Max), false, a, y)
	if most.err != nil {
		return most
	}
	more := a.Sub(y).Abs().Neg().Exp2().Log1p().Div(math.Ln2)
	return most.Add(Where(a.Eq(y), 1.0, more)) // equal infinities have no difference
}

// Sinc is sin(πx)/(πx), 1 at 0; integers give float64.
func (x *Array) Sinc() *Array {
	y := x.floated("Sinc")
	if y.err != nil {
		return y
	}
	p := y.Mul(math.Pi)
	return Where(y.Eq(0.0), OnesLike(y), p.Sin().Div(p))
}

// Degrees is the angle x, which is in radians, in degrees; integers give float64.
func (x *Array) Degrees() *Array { return x.floated("Degrees").Mul(180 / math.Pi) }

// Radians is the angle x, which is in degrees, in radians; integers give float64.
func (x *Array) Radians() *Array { return x.floated("Radians").Mul(math.Pi / 180) }

// IsPosInf is whether x is +Inf.
func (x *Array) IsPosInf() *Array { return x.floated("IsPosInf").Eq(math.Inf(1)) }

// IsNegInf is whether x is -Inf.
func (x *Array) IsNegInf() *Array { return x.floated("IsNegInf").Eq(math.Inf(-1)) }
