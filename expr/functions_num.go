package expr

import (
	"fmt"
	"slices"

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
	d := func(name, args, result, doc, example string) fn {
		return define(name, args, result, doc, example).rule(arithmetic(name)).canFail(overflows, intResult).code(bindArith)
	}
	return []fn{
		d("add", "x any, y any", "the common type; decimals get one digit more; date + integer is a date (days), timestamp + integer a timestamp (units)",
			"Sum of two numbers or durations, or of a date, time or timestamp and a duration; a time of day wraps at midnight.", "1 + 2.5 => 3.5"),
		d("sub", "x any, y any", "the common type; int64 days between dates, a duration between timestamps or times; date - integer is a date",
			"Difference of two numbers, times or durations, or of a time and a duration.", `date("2024-03-01") - date("2024-02-01") => 29`),
		d("mul", "x any, y any", "the common type; decimals get the digits of both", "Product of two numbers, or of a duration and a number.", "6 * 7 => 42"),
		d("div", "x any, y any", "float64; float32 for two float32; a decimal for decimals; a duration for duration / number",
			"Quotient of two numbers or durations; integers are divided as float64, decimals and durations give null when y is 0.", "7 / 2 => 3.5"),
		define("intdiv", "x any, y any", "the common type; int64 for durations", "Integer quotient, truncated toward zero; null when y is 0.", "-7 // 2 => -3").
			rule(arithmetic("intdiv")).canFail("the least integer divided by -1", func(s *sig) bool { return s.Out.Kind.IsSigned() }).code(bindArith),
		define("mod", "x any, y any", "the common type", "Remainder with the sign of x; of integers, decimals and durations null when y is 0.", "-7 % 4 => -3").
			rule(arithmetic("mod")).code(bindArith),
		define("neg", "x amount", "the type of x", "The negative of a number or duration.", "neg(2 + 3) => -5").
			rule(negRule).canFail(overflows, intResult).code(bindUnary),
		define("pow", "x float64, y float64", "float64", "x to the power of y.", "pow(2, 10) => 1024.0").gives(tFloat64).code(bindPow),
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
	if !s.Out.Kind.IsInt() && s.Out != tNull {
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

// arithmetic types + - * / // and %.
func arithmetic(fn string) func(s *sig, in []operand) error {
	return func(s *sig, in []operand) error {
		if a, b, ok := withDecimal(in); ok && fn != "intdiv" {
			return decimalRule(fn, s, a, b)
		}
		if k, l := in[0].T.Kind, in[1].T.Kind; isTime(k) || isClock(k) || isTime(l) || isClock(l) {
			if err := timeRule(fn, s, in); err != errNotHere {
				return err
			}
		}
		for _, a := range in {
			switch k := a.T.Kind; {
			case k == dtype.Utf8 && fn == "add":
				return fmt.Errorf("takes numbers, got %s and %s; to join text use str.concat", in[0].T, in[1].T)
			case !k.IsNumeric() && k != dtype.Null && k != dtype.Decimal128:
				return fmt.Errorf("takes numbers, or times with durations, got %s and %s", in[0].T, in[1].T)
			}
		}
		switch fn {
		case "div":
			return divRule(s, in)
		case "intdiv":
			return intDivRule(s, in)
		case "mod":
			return modRule(s, in)
		}
		return arithRule(s, in)
	}
}

// timeRule types arithmetic with a time or duration; errNotHere when there is
// none. Units become the finer of the two.
func timeRule(fn string, s *sig, in []operand) error {
	a, b := in[0].T, in[1].T
	set := func(x, y, out dtype.Type) error { s.In[0], s.In[1], s.Out = x, y, out; return nil }
	u := max(a.Unit, b.Unit)
	dur := dtype.DurationOf(u)
	switch {
	case b.Kind == dtype.Duration && a.Kind != dtype.Duration && (fn == "add" || fn == "mul"):
		if err := timeRule(fn, s, []operand{in[1], in[0]}); err != nil {
			return err
		}
		s.In[0], s.In[1] = s.In[1], s.In[0]
		return nil
	case fn == "add" && a.Kind == dtype.Time && b.Kind == dtype.Date:
		return set(dur, dtype.TimestampOf(u, ""), dtype.TimestampOf(u, ""))
	case fn == "add" && a.Kind == dtype.Date && b.Kind == dtype.Time:
		return set(dtype.TimestampOf(u, ""), dur, dtype.TimestampOf(u, ""))
	case (fn == "add" || fn == "sub") && isTime(a.Kind) && b.Kind.IsInt() && b.Kind != dtype.Uint64:
		return set(a, tInt64, a)
	case fn == "add" && a.Kind == dtype.Duration:
		switch b.Kind {
		case dtype.Duration:
			return set(dur, dur, dur)
		case dtype.Time:
			return set(dur, dtype.TimeOf(u), dtype.TimeOf(u))
		case dtype.Date, dtype.Timestamp:
			return set(dur, dtype.TimestampOf(u, b.Zone), dtype.TimestampOf(u, b.Zone))
		}
	case fn == "sub" && b.Kind == dtype.Duration:
		switch a.Kind {
		case dtype.Duration:
			return set(dur, dur, dur)
		case dtype.Time:
			return set(dtype.TimeOf(u), dur, dtype.TimeOf(u))
		case dtype.Date, dtype.Timestamp:
			return set(dtype.TimestampOf(u, a.Zone), dur, dtype.TimestampOf(u, a.Zone))
		}
	case fn == "sub":
		t, err := cmpType(in[0], in[1])
		switch t.Kind {
		case dtype.Date:
			return set(t, t, tInt64)
		case dtype.Timestamp, dtype.Time:
			return set(t, t, dtype.DurationOf(t.Unit))
		}
		return err
	case a.Kind == dtype.Duration && b.Kind == dtype.Duration:
		switch fn {
		case "div":
			s.Null = true
			return set(dur, dur, tFloat64)
		case "intdiv":
			s.Null = true
			return set(dur, dur, tInt64)
		case "mod":
			s.Null = true
			return set(dur, dur, dur)
		}
	case a.Kind == dtype.Duration && (fn == "mul" || fn == "div") && b.Kind.IsNumeric():
		s.Null = s.Null || fn == "div"
		if b.Kind.IsFloat() {
			return set(a, tFloat64, a)
		}
		return set(a, tInt64, a)
	}
	return errNotHere
}

func comparisonFns() []fn {
	const takes = "x any, y any"
	d := func(name, doc, example string) fn {
		return define(name, takes, "bool", doc, example).rule(cmpRule).code(bindCmp)
	}
	return []fn{
		d("eq", "True when x equals y.", "2 == 2.0 => true"),
		d("ne", "True when x differs from y.", "2 != 3 => true"),
		d("lt", "True when x is less than y; text compares by bytes, false is less than true.", `"a" < "b" => true`),
		d("le", "True when x is at most y.", "3 <= 3 => true"),
		d("gt", "True when x is greater than y.", "2 > 3 => false"),
		d("ge", "True when x is at least y.", `date("2024-05-01") >= date("2024-01-01") => true`),
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
	if a.T.Kind.IsNested() || b.T.Kind.IsNested() {
		return a.T, fmt.Errorf("cannot compare %s with %s; compare their parts", a.T, b.T)
	}
	if x, y, ok := withDecimal([]operand{a, b}); ok {
		t, err := dtype.Promote(x, y)
		whole, scale := max(int(x.Precision)-int(x.Scale), int(y.Precision)-int(y.Scale)), max(x.Scale, y.Scale)
		if err == nil && (int(t.Scale) < int(scale) || int(t.Precision)-int(t.Scale) < whole) {
			err = fmt.Errorf("%s and %s have %s", a.T, b.T, decimalOverflows)
		}
		return t, err
	}
	for _, p := range [][2]operand{{a, b}, {b, a}} {
		lit, other := p[0], p[1].T
		if lit.Lit == nil || lit.Lit.Null || p[1].isValue() && lit.T != tText {
			continue
		}
		if adapts(*lit.Lit, other) {
			return other, nil
		}
		if lit.T == tText && (isTime(other.Kind) || isClock(other.Kind)) {
			_, err := castLit(*lit.Lit, other)
			return other, err
		}
		if lit.T.Kind == dtype.Timestamp && other.Kind == dtype.Timestamp && lit.T.Zone == "" {
			return dtype.TimestampOf(max(lit.T.Unit, other.Unit), other.Zone), nil
		}
	}
	t, err := dtype.Common(a.T, b.T)
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
	case to == dtype.Decimal128 && from != dtype.Decimal128:
		d, ok := asDecimal(operand{T: l.Type, Lit: &l})
		return ok && d.Scale <= t.Scale && d.Precision-uint8(d.Scale) <= t.Precision-uint8(t.Scale)
	case from == dtype.Duration && to == dtype.Duration, from == dtype.Time && to == dtype.Time, from.IsInt() && to.IsInt(), from == dtype.Float64 && to == dtype.Float32,
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
		define("and", "x bool…", "bool", "True when all are.", "true and bool(null) => null").gives(tBool).seesNulls(kleene).code(bindAndOr),
		define("or", "x bool…", "bool", "True when one is.", "true or bool(null) => true").gives(tBool).seesNulls(kleene).code(bindAndOr),
		define("xor", "x bool, y bool", "bool", "True when just one is.", "true xor true => false").gives(tBool).code(bindXor),
		define("not", "x bool", "bool", "True when x is false.", "not(2 > 1) => false").gives(tBool).code(bindNot),
		define("is_null", "x any", "bool", "True when x is null.", "is_null(int64(null)) => true").rule(neverNull).seesNulls("never null").code(bindIsNull),
		define("is_not_null", "x any", "bool", "True when x is not null.", "is_not_null(3) => true").rule(neverNull).seesNulls("never null").code(bindIsNull),
		define("is_nan", "x number", "bool", "True when x is not a number; false for all integers.", `is_nan(float64("nan")) => true`).gives(tBool).code(bindIsNaN),
		define("coalesce", "x any…", "the common type", "The first argument that is not null.", "coalesce(int64(null), 3) => 3").
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
	unsigned := slices.ContainsFunc(in, func(a operand) bool { return a.T == tUint64 && a.Lit == nil })
	for i, a := range in {
		if i > 0 && a.Lit != nil && adapts(*a.Lit, t) || unsigned && intLitAs(a, tUint64) {
			continue
		}
		u, err := dtype.Common(t, a.T)
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
	if k := s.Out.Kind; err == nil && !k.IsOrdered() && k != dtype.Null {
		return fmt.Errorf("takes numbers, text or times, got %s", s.Out)
	}
	return err
}
