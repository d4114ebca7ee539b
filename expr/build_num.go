package expr

// Trunc drops the fraction.
func (e Expr) Trunc() Expr { return call("trunc", e) }

// RoundEven rounds to n decimal digits, halves to the even neighbour.
func (e Expr) RoundEven(n int) Expr { return call("round_even", e, n) }

// Cbrt is the cube root.
func (e Expr) Cbrt() Expr { return call("cbrt", e) }

// Exp2 is 2 to the power of the value.
func (e Expr) Exp2() Expr { return call("exp2", e) }

// Expm1 is Exp less 1, also close to 0.
func (e Expr) Expm1() Expr { return call("expm1", e) }

// Log2 is the binary logarithm.
func (e Expr) Log2() Expr { return call("log2", e) }

// Log1p is the natural logarithm of 1 + e, also close to 0.
func (e Expr) Log1p() Expr { return call("log1p", e) }

// Sin is the sine of radians in float64.
func (e Expr) Sin() Expr { return call("sin", e) }

// Cos is the cosine of radians in float64.
func (e Expr) Cos() Expr { return call("cos", e) }

// Tan is the tangent of radians in float64.
func (e Expr) Tan() Expr { return call("tan", e) }

// Asin is the arc sine in radians in float64.
func (e Expr) Asin() Expr { return call("asin", e) }

// Acos is the arc cosine in radians in float64.
func (e Expr) Acos() Expr { return call("acos", e) }

// Atan is the arc tangent in radians in float64.
func (e Expr) Atan() Expr { return call("atan", e) }

// Sinh is the hyperbolic sine in float64.
func (e Expr) Sinh() Expr { return call("sinh", e) }

// Cosh is the hyperbolic cosine in float64.
func (e Expr) Cosh() Expr { return call("cosh", e) }

// Tanh is the hyperbolic tangent in float64.
func (e Expr) Tanh() Expr { return call("tanh", e) }

// Asinh is the inverse hyperbolic sine in float64.
func (e Expr) Asinh() Expr { return call("asinh", e) }

// Acosh is the inverse hyperbolic cosine in float64.
func (e Expr) Acosh() Expr { return call("acosh", e) }

// Atanh is the inverse hyperbolic tangent in float64.
func (e Expr) Atanh() Expr { return call("atanh", e) }

// Atan2 is the angle of the point (x, e) in radians.
func (e Expr) Atan2(x any) Expr { return call("atan2", e, x) }

// GCD is the greatest common divisor.
func (e Expr) GCD(v any) Expr { return call("gcd", e, v) }

// LCM is the least common multiple.
func (e Expr) LCM(v any) Expr { return call("lcm", e, v) }

// BitAnd is the bits that both have.
func (e Expr) BitAnd(v any) Expr { return call("bit_and", e, v) }

// BitOr is the bits that one has.
func (e Expr) BitOr(v any) Expr { return call("bit_or", e, v) }

// BitXor is the bits that just one has.
func (e Expr) BitXor(v any) Expr { return call("bit_xor", e, v) }

// BitNot is all bits the other way around.
func (e Expr) BitNot() Expr { return call("bit_not", e) }

// BitCount counts the bits that are set.
func (e Expr) BitCount() Expr { return call("bit_count", e) }

// ShiftLeft moves the bits n places up.
func (e Expr) ShiftLeft(n any) Expr { return call("shift_left", e, n) }

// ShiftRight moves the bits n places down.
func (e Expr) ShiftRight(n any) Expr { return call("shift_right", e, n) }

// IsInf is true when e is infinite.
func (e Expr) IsInf() Expr { return call("is_inf", e) }

// IsFinite is true when e is neither infinite nor NaN.
func (e Expr) IsFinite() Expr { return call("is_finite", e) }

// NullIf is e, or null where it equals v.
func (e Expr) NullIf(v any) Expr { return call("null_if", e, v) }

// FillNaN is e, or v where it is not a number.
func (e Expr) FillNaN(v any) Expr { return call("fill_nan", e, v) }

// Clip is e, but at least lo and at most hi; NaN stays.
func (e Expr) Clip(lo, hi any) Expr { return call("clip", e, lo, hi) }

// Hash is a hash of vs: equal for equal values, whatever the width of integers.
func Hash(vs ...any) Expr { return call("hash", vs...) }

// Otherwise is Else: If(c).Then(x).Otherwise(y).
func (c Chain) Otherwise(v any) Expr { return c.Else(v) }

// When is ElseIf: If(c).Then(x).When(d).Then(y).Otherwise(z).
func (c Chain) When(cond any) Branch { return c.ElseIf(cond) }
