package expr

import (
	"fmt"

	"github.com/weft-data/weft/dtype"
)

// sameType is the rule of functions whose result has the type of x.
func sameType(s *sig, in []operand) error {
	s.Out = in[0].T
	return nil
}

func roundRule(s *sig, in []operand) error {
	s.Out = in[0].T
	if d := in[1].Lit.I; d < -300 || d > 300 {
		return fmt.Errorf("%d digits, want -300 to 300", d)
	} else if d < 0 && !s.Out.Kind.IsFloat() {
		return fmt.Errorf("digits of %s must not be negative, got %d", s.Out, d)
	}
	return nil
}

func signRule(s *sig, in []operand) error {
	if t := in[0].T; t.Scale < 0 {
		return fmt.Errorf("%s cannot be 1", t)
	}
	return sameType(s, in)
}

func isDecimal(s *sig) bool { return s.Out.Kind == dtype.Decimal128 }

func mathFns() []fn {
	d := func(name, doc, example string) fn {
		return define(name, "x float64", "float64", doc, example).gives(tFloat64).code(bindMath)
	}
	same := func(name, takes, doc, example string, fails func(*sig) bool) fn {
		return define(name, "x "+takes, "the type of x", doc, example).rule(sameType).canFail(overflows, fails).code(bindUnary)
	}
	round := func(name, doc, example string) fn {
		return define(name, "x number, digits const int64", "the type of x", doc, example).rule(roundRule).canFail(overflows, isDecimal).code(bindRound)
	}
	return []fn{
		same("abs", "amount", "The absolute value.", "abs(-3) => 3", func(s *sig) bool { return intResult(s) && !s.Out.Kind.IsUnsigned() }),
		same("sign", "number", "-1, 0 or 1; NaN stays NaN and zero keeps its sign.", "sign(-2.5) => -1.0", isDecimal).rule(signRule),
		same("floor", "number", "The greatest integral value that is not greater.", "floor(-2.5) => -3.0", isDecimal),
		same("ceil", "number", "The least integral value that is not less.", "ceil(-2.5) => -2.0", isDecimal),
		same("trunc", "number", "Without the fraction.", "trunc(-2.5) => -2.0", isDecimal),
		round("round", "Rounds to decimal digits, halves away from zero (floats are scaled by a power of ten).", "round(2.345, 2) => 2.35"),
		round("round_even", "Rounds to decimal digits, halves to the even neighbour (floats are scaled by a power of ten).", "round_even(2.5, 0) => 2.0"),
		d("sqrt", "The square root; NaN for negative values.", "sqrt(2) => 1.4142135623730951"),
		d("cbrt", "The cube root.", "cbrt(-27) => -3.0"),
		d("exp", "e to the power of x.", "exp(0) => 1.0"),
		d("exp2", "2 to the power of x.", "exp2(10) => 1024.0"),
		d("expm1", "e to the power of x, less 1, also close to 0.", "expm1(0) => 0.0"),
		d("log", "The natural logarithm; -Inf for 0, NaN for negative values.", "log(1) => 0.0"),
		d("log2", "The binary logarithm; -Inf for 0, NaN for negative values.", "log2(8) => 3.0"),
		d("log10", "The decimal logarithm; -Inf for 0, NaN for negative values.", "log10(1000) => 3.0"),
		d("log1p", "The natural logarithm of 1 + x, also close to 0.", "log1p(0) => 0.0"),
		d("sin", "The sine of radians.", "sin(0) => 0.0"),
		d("cos", "The cosine of radians.", "cos(0) => 1.0"),
		d("tan", "The tangent of radians.", "tan(0) => 0.0"),
		d("asin", "The arc sine in radians; NaN beyond -1 to 1.", "asin(1) => 1.5707963267948966"),
		d("acos", "The arc cosine in radians; NaN beyond -1 to 1.", "acos(1) => 0.0"),
		d("atan", "The arc tangent in radians.", "atan(1) => 0.7853981633974483"),
		d("sinh", "The hyperbolic sine.", "sinh(0) => 0.0"),
		d("cosh", "The hyperbolic cosine.", "cosh(0) => 1.0"),
		d("tanh", "The hyperbolic tangent.", "tanh(0) => 0.0"),
		d("asinh", "The inverse hyperbolic sine.", "asinh(0) => 0.0"),
		d("acosh", "The inverse hyperbolic cosine; NaN below 1.", "acosh(1) => 0.0"),
		d("atanh", "The inverse hyperbolic tangent; NaN beyond -1 to 1.", "atanh(0) => 0.0"),
		d("erf", "The error function.", "erf(0) => 0.0"),
		d("gamma", "The gamma function.", "gamma(5) => 24.0"),
		d("degrees", "Radians as degrees.", "degrees(0.5) => 28.64788975654116"),
		d("radians", "Degrees as radians.", "radians(180) => 3.141592653589793"),
		define("atan2", "y float64, x float64", "float64", "The angle of the point (x, y) in radians.", "atan2(1, -1) => 2.356194490192345").gives(tFloat64).code(bindPow),
		define("hypot", "x float64, y float64", "float64", "The square root of x² + y², without overflow on the way.", "hypot(3, 4) => 5.0").gives(tFloat64).code(bindPow),
	}
}

// integersRule types functions of two integers.
func integersRule(s *sig, in []operand) error {
	if err := arithRule(s, in); err != nil {
		return err
	}
	if s.Out.Kind.IsFloat() {
		return fmt.Errorf("%s and %s have no common integer type; cast one", in[0].T, in[1].T)
	}
	return nil
}

func integerFns() []fn {
	two := func(name, doc, example string) fn {
		return define(name, "x integer, y integer", "the common type", doc, example).rule(integersRule).code(bindIntegers)
	}
	shift := func(name, doc, example string) fn {
		return define(name, "x integer, n int64", "the type of x", doc, example).rule(sameType).canFail("a negative n", nil).code(bindIntegers)
	}
	return []fn{
		two("gcd", "The greatest common divisor, not negative; 0 of two zeros.", "gcd(12, -18) => 6").canFail(overflows, func(s *sig) bool { return s.Out.Kind.IsSigned() }),
		two("lcm", "The least common multiple, not negative; 0 when one is 0.", "lcm(4, 6) => 12").canFail(overflows, nil),
		two("bit_and", "The bits that both have.", "bit_and(12, 10) => 8"),
		two("bit_or", "The bits that one has.", "bit_or(12, 10) => 14"),
		two("bit_xor", "The bits that just one has.", "bit_xor(12, 10) => 6"),
		shift("shift_left", "The bits moved n places up; those beyond the type are lost.", "shift_left(3, 4) => 48"),
		shift("shift_right", "The bits moved n places down, filled with the sign.", "shift_right(-16, 2) => -4"),
		define("bit_not", "x integer", "the type of x", "All bits the other way around.", "bit_not(5) => -6").rule(sameType).code(bindBits),
		define("bit_count", "x integer", "int64", "How many bits are set, of negative integers in two's complement.", "bit_count(255) => 8").gives(tInt64).code(bindBits),
	}
}

func choiceFns() []fn {
	ordered := func(name, doc, example string) fn {
		return define(name, "x any…", "the common type", doc, example).rule(extremeRule).seesNulls("nulls are left out; null when all are").code(bindExtreme)
	}
	test := func(name, doc, example string) fn {
		return define(name, "x number", "bool", doc, example).gives(tBool).code(bindFinite)
	}
	return []fn{
		ordered("least", "The least argument; NaN counts as the greatest value.", "least(3, 1.5) => 1.5"),
		ordered("greatest", "The greatest argument; NaN counts as the greatest value.", `greatest("a", "b") => "b"`),
		test("is_inf", "True when x is infinite; false for all integers.", `is_inf(float64("-inf")) => true`),
		test("is_finite", "True when x is neither infinite nor NaN; true for all integers.", "is_finite(1.5) => true"),
		define("null_if", "x any, y any", "the common type", "x, or null where it equals y.", "null_if(3, 3) => null").
			rule(nullIfRule).seesNulls("null when x is, x when y is").code(bindNullIf),
		define("fill_nan", "x number, y number", "the common type", "x, or y where it is not a number.", `fill_nan(float64("nan"), 0) => 0.0`).
			rule(fillNaNRule).seesNulls("null when x is, and where y is taken and null").code(bindFillNaN),
		define("clip", "x any, lo any, hi any", "the type of x, or the common type", "x, but at least lo and at most hi; NaN stays.", "clip(12, 0, 10) => 10").
			rule(clipRule).seesNulls("null when x is; a null bound is none").code(bindClip),
		define("hash", "x any…", "uint64", "A hash of all arguments: equal for equal values, whatever the width of integers, and for 0 and -0; not for keeping secrets.",
			`hash(1) == hash(int8(1)) => true`).rule(func(s *sig, in []operand) error { s.Out, s.Null = tUint64, false; return nil }).
			seesNulls("never null").code(bindHash),
	}
}

func nullIfRule(s *sig, in []operand) error {
	t, err := cmpType(in[0], in[1])
	s.Out, s.In[0], s.In[1], s.Null = t, t, t, true
	return err
}

func fillNaNRule(s *sig, in []operand) error {
	err := arithRule(s, in)
	if adapts := in[1].isValue() && in[0].T.Kind == dtype.Float32; err == nil && adapts {
		s.Out, s.In[0], s.In[1] = in[0].T, in[0].T, in[0].T
	}
	if err == nil && in[1].T.Kind == dtype.Null {
		s.Out, s.In[0], s.In[1] = in[0].T, in[0].T, in[0].T
	}
	s.Null = in[0].Null || in[1].Null
	return err
}

func clipRule(s *sig, in []operand) error {
	t, err := unify(in)
	if err == nil && (!t.Kind.IsOrdered() || t.Kind.IsVar() || t.Kind == dtype.Bool) && t != tNull {
		err = fmt.Errorf("takes numbers or times, got %s", t)
	}
	s.Out, s.Null = t, in[0].Null
	for i := range in {
		s.In[i] = t
	}
	return err
}
