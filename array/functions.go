package array

import (
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

// Real is the real part of complex numbers.
func (x *Array) Real() *Array { return elementwise("Real", strip.Real, false, x) }

// Imag is the imaginary part of complex numbers.
func (x *Array) Imag() *Array { return elementwise("Imag", strip.Imag, false, x) }

// Conj is the conjugate of complex numbers.
func (x *Array) Conj() *Array { return elementwise("Conj", strip.Unary(vec.Conj), false, x) }

// Angle is the angle of complex numbers.
func (x *Array) Angle() *Array { return elementwise("Angle", strip.Phase, false, x) }
