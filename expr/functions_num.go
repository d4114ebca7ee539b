package expr

import (
	"fmt"

	"github.com/weft-data/weft/dtype"
)

var (
	tNull    = dtype.Of(dtype.Null)
	tBool    = dtype.Of(dtype.Bool)
	tInt64   = dtype.Of(dtype.Int64)
	tUint64  = dtype.Of(dtype.Uint64)
	tFloat64 = dtype.Of(dtype.Float64)
	tText    = dtype.Of(dtype.Utf8)
	tDate    = dtype.Of(dtype.Date)
)

const overflows = "a result that does not fit the type"

func intResult(s *sig) bool { return !s.Out.Kind.IsFloat() && s.Out.Kind != dtype.Null }

func arithmeticFns() []fn {
	return []fn{
		define("add", "x any, y any", "the common type; date + integer is a date (days), timestamp + integer a timestamp (units)",
			"Sum of two numbers.", "price + 1").rule(addRule).canFail(overflows, intResult).code(bindArith),
		define("sub", "x any, y any", "the common type; int64 days between dates, int64 units between timestamps; date - integer is a date",
			"Difference of two numbers or times.", "price - cost").rule(subRule).canFail(overflows, intResult).code(bindArith),
		define("mul", "x number, y number", "the common type", "Product of two numbers.", "price * volume").
			rule(arithRule).canFail(overflows, intResult).code(bindArith),
		define("div", "x number, y number", "float64; float32 for two float32", "Quotient of two numbers; integers are divided as float64.", "price / 2").
			rule(divRule).code(bindArith),
		define("intdiv", "x integer, y integer", "the common type", "Integer quotient, truncated toward zero; null when y is 0.", "volume // 100").
			rule(intDivRule).canFail("the least integer divided by -1", func(s *sig) bool { return s.Out.Kind.IsSigned() }).code(bindIntDiv),
		define("mod", "x number, y number", "the common type", "Remainder with the sign of x; of integers null when y is 0.", "volume % 7").
			rule(modRule).code(bindIntDiv),
		define("neg", "x number", "the type of x", "The negative of a number.", "-price").
			rule(negRule).canFail(overflows, intResult).code(bindUnary),
		define("pow", "x float64, y float64", "float64", "x to the power of y.", "pow(price, 2)").gives(tFloat64).code(bindPow),
	}
}

// intLitAs returns t when a is a constant integer that fits the integer type t.
func intLitAs(a operand, t dtype.Type) bool {
	if a.Lit == nil || a.Lit.Null || !a.T.Kind.IsInt() || !t.Kind.IsInt() {
		return false
	}
	_, err := castLit(*a.Lit, t)
	return err == nil
}

// common promotes for arithmetic. An integer constant goes along with uint64, where
// Promote would have to leave the integers.
func common(a, b operand) (dtype.Type, error) {
	switch {
	case a.T == tUint64 && intLitAs(b, tUint64):
		return tUint64, nil
	case b.T == tUint64 && intLitAs(a, tUint64):
		return tUint64, nil
	}
	return dtype.Promote(a.T, b.T)
}

func arithRule(s *sig, in []operand) error {
	t, err := common(in[0], in[1])
	s.Out, s.In[0], s.In[1] = t, t, t
	return err
}

func divRule(s *sig, in []operand) error {
	t, err := common(in[0], in[1])
	if t.Kind != dtype.Float32 && t.Kind != dtype.Null {
		t = tFloat64
	}
	s.Out, s.In[0], s.In[1] = t, t, t
	return err
}

func intDivRule(s *sig, in []operand) error {
	if err := arithRule(s, in); err != nil {
		return err
	}
	if s.Out.Kind.IsFloat() {
		return fmt.Errorf("%s and %s have no common integer type; cast one", in[0].T, in[1].T)
	}
	s.Null = true
	return nil
}

func modRule(s *sig, in []operand) error {
	err := arithRule(s, in)
	s.Null = s.Null || s.Out.Kind.IsInt()
	return err
}

func negRule(s *sig, in []operand) error {
	if in[0].T.Kind.IsUnsigned() {
		return fmt.Errorf("%s has no negative; cast to a signed type", in[0].T)
	}
	s.Out = in[0].T
	return nil
}

func isTime(k dtype.Kind) bool { return k == dtype.Date || k == dtype.Timestamp }

// addRule types +, which also takes a time and an integer.
func addRule(s *sig, in []operand) error {
	a, b := in[0].T, in[1].T
	num := func(k dtype.Kind) bool { return k.IsNumeric() || k == dtype.Null }
	switch {
	case num(a.Kind) && num(b.Kind):
		return arithRule(s, in)
	case isTime(a.Kind) && b.Kind.IsInt() && b.Kind != dtype.Uint64:
		s.In[1], s.Out = tInt64, a
		return nil
	case a.Kind == dtype.Utf8 || b.Kind == dtype.Utf8:
		return fmt.Errorf("takes numbers, got %s and %s; to join text use str.concat", a, b)
	}
	return fmt.Errorf("takes numbers, or a time with an integer, got %s and %s", a, b)
}

// subRule types -, which also takes two times.
func subRule(s *sig, in []operand) error {
	if !isTime(in[0].T.Kind) || !isTime(in[1].T.Kind) {
		return addRule(s, in)
	}
	t, err := cmpType(in[0], in[1])
	s.In[0], s.In[1], s.Out = t, t, tInt64
	return err
}

func comparisonFns() []fn {
	const takes = "x any, y any"
	d := func(name, doc, example string) fn {
		return define(name, takes, "bool", doc, example).rule(cmpRule).code(bindCmp)
	}
	return []fn{
		d("eq", "True when x equals y.", "x == 3"),
		d("ne", "True when x differs from y.", "x != 3"),
		d("lt", "True when x is less than y; text compares by bytes, false is less than true.", "x < 3"),
		d("le", "True when x is at most y.", "x <= 3"),
		d("gt", "True when x is greater than y.", "x > 3"),
		d("ge", "True when x is at least y.", "x >= 3"),
	}
}

func cmpRule(s *sig, in []operand) error {
	t, err := cmpType(in[0], in[1])
	s.Out, s.In[0], s.In[1] = tBool, t, t
	return err
}

// cmpType returns the type in which two values are compared: that of the
// non-constant side when the constant has an equal there.
func cmpType(a, b operand) (dtype.Type, error) {
	for _, p := range [][2]operand{{a, b}, {b, a}} {
		lit, other := p[0], p[1].T
		if lit.Lit == nil || lit.Lit.Null || p[1].isValue() && lit.T != tText {
			continue
		}
		if adapts(*lit.Lit, other) {
			return other, nil
		}
		if lit.T == tText && isTime(other.Kind) {
			_, err := castLit(*lit.Lit, other)
			return other, err
		}
		if lit.T.Kind == dtype.Timestamp && other.Kind == dtype.Timestamp && lit.T.Zone == "" {
			return dtype.TimestampOf(max(lit.T.Unit, other.Unit), other.Zone), nil
		}
	}
	t, err := dtype.Promote(a.T, b.T)
	if err != nil {
		return t, fmt.Errorf("cannot compare %s with %s; cast one of them", a.T, b.T)
	}
	return t, nil
}

// isValue reports that a is constant and not null.
func (a operand) isValue() bool { return a.Lit != nil && !a.Lit.Null }

// adapts reports whether l has the same value in type t, so that comparing in t
// gives what comparing in the common type would.
func adapts(l Literal, t dtype.Type) bool {
	from, to := l.Type.Kind, t.Kind
	switch {
	case l.Null:
		return false
	case from.IsInt() && to.IsInt(), from == dtype.Float64 && to == dtype.Float32,
		from == dtype.Timestamp && isTime(to) && l.Type.Zone == "":
		c, err := castLit(l, t)
		if err != nil {
			return false
		}
		l.Type.Zone = t.Zone
		back, err := castLit(c, l.Type)
		return err == nil && back.I == l.I && back.F == l.F
	}
	return false
}

func logicFns() []fn {
	const kleene = "Kleene logic: null unless the others decide"
	return []fn{
		define("and", "x bool…", "bool", "True when all are.", "x > 1 and y < 2").gives(tBool).seesNulls(kleene).code(bindAndOr),
		define("or", "x bool…", "bool", "True when one is.", "x > 1 or y < 2").gives(tBool).seesNulls(kleene).code(bindAndOr),
		define("xor", "x bool, y bool", "bool", "True when just one is.", "x > 1 xor y < 2").gives(tBool).code(bindXor),
		define("not", "x bool", "bool", "True when x is false.", "not(x > 1)").gives(tBool).code(bindNot),
		define("is_null", "x any", "bool", "True when x is null.", "is_null(name)").rule(neverNull).seesNulls("never null").code(bindIsNull),
		define("is_not_null", "x any", "bool", "True when x is not null.", "is_not_null(name)").rule(neverNull).seesNulls("never null").code(bindIsNull),
		define("is_nan", "x number", "bool", "True when x is not a number; false for all integers.", "is_nan(price)").gives(tBool).code(bindIsNaN),
		define("coalesce", "x any…", "the common type", "The first argument that is not null.", "coalesce(price, 0.0)").
			rule(coalesceRule).seesNulls("null when all arguments are").code(bindCoalesce),
	}
}

func neverNull(s *sig, in []operand) error {
	s.Out, s.Null = tBool, false
	return nil
}

// unify returns the common type of alternatives.
func unify(in []operand) (dtype.Type, error) {
	t := tNull
	for i, a := range in {
		if i > 0 && a.Lit != nil && adapts(*a.Lit, t) {
			continue
		}
		u, err := dtype.Promote(t, a.T)
		if err != nil {
			return t, fmt.Errorf("alternatives of types %s and %s; cast one of them", t, a.T)
		}
		t = u
	}
	return t, nil
}

func coalesceRule(s *sig, in []operand) error {
	t, err := unify(in)
	s.Out, s.Null = t, true
	for i, a := range in {
		s.In[i] = t
		s.Null = s.Null && a.Null
	}
	return err
}

func extremeRule(s *sig, in []operand) error {
	err := coalesceRule(s, in)
	if err == nil && !s.Out.Kind.IsNumeric() && !isTime(s.Out.Kind) && s.Out != tNull {
		return fmt.Errorf("takes numbers or times, got %s", s.Out)
	}
	return err
}

// sameType is the rule of functions whose result has the type of x.
func sameType(s *sig, in []operand) error {
	s.Out = in[0].T
	return nil
}

func roundRule(s *sig, in []operand) error {
	s.Out = in[0].T
	if d := in[1].Lit.I; d < -300 || d > 300 {
		return fmt.Errorf("%d digits, want -300 to 300", d)
	} else if d < 0 && s.Out.Kind.IsInt() {
		return fmt.Errorf("digits of an integer must not be negative, got %d", d)
	}
	return nil
}

func mathFns() []fn {
	d := func(name, doc string) fn {
		return define(name, "x float64", "float64", doc, name+"(price)").gives(tFloat64).code(bindMath)
	}
	same := func(name, doc string) fn {
		return define(name, "x number", "the type of x", doc, name+"(price)").rule(sameType).code(bindUnary)
	}
	signed := func(s *sig) bool { return s.Out.Kind.IsSigned() }
	return []fn{
		same("abs", "The absolute value.").canFail(overflows, signed),
		same("sign", "-1, 0 or 1; NaN stays NaN and zero keeps its sign."),
		same("floor", "The greatest integral value that is not greater."),
		same("ceil", "The least integral value that is not less."),
		define("round", "x number, digits const int64", "the type of x", "Rounds to decimal digits, halves away from zero (scaled by a power of ten).",
			"round(price, 2)").rule(roundRule).code(bindRound),
		d("sqrt", "The square root; NaN for negative values."),
		d("exp", "e to the power of x."),
		d("log", "The natural logarithm; -Inf for 0, NaN for negative values."),
		d("log10", "The decimal logarithm; -Inf for 0, NaN for negative values."),
		define("least", "x any…", "the common type", "The least argument; NaN counts as the greatest value.", "least(price, cost)").
			rule(extremeRule).seesNulls("nulls are left out; null when all are").code(bindExtreme),
		define("greatest", "x any…", "the common type", "The greatest argument; NaN counts as the greatest value.", "greatest(price, cost)").
			rule(extremeRule).seesNulls("nulls are left out; null when all are").code(bindExtreme),
	}
}
