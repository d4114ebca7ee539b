package expr

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/weft-data/weft/dtype"
)

// Col reads the column called name.
func Col(name string) Expr { return Expr{N: Column{name}} }

// Lit makes a constant of a Go value: nil (null), bool, any integer or float,
// string, []byte, time.Time (a timestamp: in microseconds, or nanoseconds when it
// has any), time.Duration (a duration, likewise), or named types of these. int and uint become int64 and uint64. A
// Literal or an Expr is returned as it is. Anything else gives an expression that
// carries the error.
func Lit(v any) Expr {
	switch v := v.(type) {
	case nil:
		return Expr{N: Literal{Type: dtype.Of(dtype.Null), Null: true}}
	case Expr:
		return v
	case Literal:
		return Expr{N: v}
	case time.Time:
		return timeLit(v)
	case time.Duration:
		if v%time.Microsecond != 0 {
			return Expr{N: Literal{Type: dtype.DurationOf(dtype.Nano), I: int64(v)}}
		}
		return Expr{N: Literal{Type: dtype.DurationOf(dtype.Micro), I: v.Microseconds()}}
	case []byte:
		return Expr{N: Literal{Type: dtype.Of(dtype.Binary), S: string(v)}}
	}
	return reflectLit(reflect.ValueOf(v))
}

// Null makes a null of the given type.
func Null(t dtype.Type) Expr { return Expr{N: Literal{Type: t, Null: true}} }

// Date makes a date constant; month and day may be out of range as in time.Date.
func Date(year int, month time.Month, day int) Expr {
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	days := t.Unix() / 86400
	if days > math.MaxInt32 || days < math.MinInt32 {
		return bad("Date(%d, %d, %d) is out of range", year, month, day)
	}
	return Expr{N: Literal{Type: dtype.Of(dtype.Date), I: days}}
}

func timeLit(t time.Time) Expr {
	if t.Nanosecond()%1000 != 0 {
		lo, hi := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64)
		if t.Before(lo) || t.After(hi) {
			return bad("time %v does not fit a timestamp in nanoseconds", t)
		}
		return Expr{N: Literal{Type: dtype.TimestampOf(dtype.Nano, ""), I: t.UnixNano()}}
	}
	if y := t.Year(); y < -290000 || y > 290000 {
		return bad("time %v does not fit a timestamp in microseconds", t)
	}
	return Expr{N: Literal{Type: dtype.TimestampOf(dtype.Micro, ""), I: t.UnixMicro()}}
}

var reflectKinds = map[reflect.Kind]dtype.Kind{
	reflect.Int: dtype.Int64, reflect.Int8: dtype.Int8, reflect.Int16: dtype.Int16, reflect.Int32: dtype.Int32, reflect.Int64: dtype.Int64,
	reflect.Uint: dtype.Uint64, reflect.Uint8: dtype.Uint8, reflect.Uint16: dtype.Uint16, reflect.Uint32: dtype.Uint32, reflect.Uint64: dtype.Uint64,
	reflect.Float32: dtype.Float32, reflect.Float64: dtype.Float64, reflect.String: dtype.Utf8, reflect.Bool: dtype.Bool,
}

func reflectLit(v reflect.Value) Expr {
	k, ok := reflectKinds[v.Kind()]
	if !ok {
		return bad("a %s cannot be a constant: want a bool, number, string, []byte, time.Time, nil or an Expr", v.Type())
	}
	l := Literal{Type: dtype.Of(k)}
	switch {
	case k == dtype.Bool:
		if v.Bool() {
			l.I = 1
		}
	case k == dtype.Utf8:
		l.S = v.String()
	case k.IsFloat():
		l.F = v.Float()
	case k.IsSigned():
		l.I = v.Int()
	default:
		l.I = int64(v.Uint())
	}
	return Expr{N: l}
}

func bad(format string, args ...any) Expr { return Expr{N: Bad{fmt.Sprintf(format, args...)}} }

// Err returns the first mistake made while building e, or nil. Infer reports it
// too.
func (e Expr) Err() error {
	var err error
	walk(e.N, func(n Node) bool {
		if b, ok := n.(Bad); ok && err == nil {
			err = errors.New("expr: " + b.Err)
		}
		return err == nil
	})
	return err
}

// arg turns an argument into a node.
func arg(v any) Node {
	e := Lit(v)
	if e.None() {
		return Bad{"the zero Expr is no expression"}
	}
	return e.N
}

func call(fn string, args ...any) Expr {
	ns := make([]Node, len(args))
	for i, a := range args {
		ns[i] = arg(a)
	}
	return Expr{N: Func{fn, ns}}
}

// flat is call with arguments that are calls of fn themselves spliced in.
func flat(fn string, first Expr, rest []any) Expr {
	var ns []Node
	for _, a := range append([]any{first}, rest...) {
		n := arg(a)
		if f, ok := n.(Func); ok && f.Fn == fn {
			ns = append(ns, f.Args...)
			continue
		}
		ns = append(ns, n)
	}
	if len(ns) == 1 {
		return Expr{N: ns[0]}
	}
	return Expr{N: Func{fn, ns}}
}

// Call applies the function of the registry called fn.
func Call(fn string, args ...any) Expr { return call(fn, args...) }

// As names the result.
func (e Expr) As(name string) Expr { e.Name = name; return e }

// Add is e + v.
func (e Expr) Add(v any) Expr { return call("add", e, v) }

// Sub is e - v; the difference of two dates is in days, of two timestamps in units.
func (e Expr) Sub(v any) Expr { return call("sub", e, v) }

// Mul is e * v.
func (e Expr) Mul(v any) Expr { return call("mul", e, v) }

// Div is e / v; integers are divided as float64.
func (e Expr) Div(v any) Expr { return call("div", e, v) }

// IntDiv is the integer e / v, truncated toward zero; null when v is 0.
func (e Expr) IntDiv(v any) Expr { return call("intdiv", e, v) }

// Mod is the remainder of e / v with the sign of e; of integers null when v is 0.
func (e Expr) Mod(v any) Expr { return call("mod", e, v) }

// Neg is -e.
func (e Expr) Neg() Expr { return call("neg", e) }

// Pow is e to the power of v in float64.
func (e Expr) Pow(v any) Expr { return call("pow", e, v) }

// Eq is e == v.
func (e Expr) Eq(v any) Expr { return call("eq", e, v) }

// Ne is e != v.
func (e Expr) Ne(v any) Expr { return call("ne", e, v) }

// Lt is e < v.
func (e Expr) Lt(v any) Expr { return call("lt", e, v) }

// Le is e <= v.
func (e Expr) Le(v any) Expr { return call("le", e, v) }

// Gt is e > v.
func (e Expr) Gt(v any) Expr { return call("gt", e, v) }

// Ge is e >= v.
func (e Expr) Ge(v any) Expr { return call("ge", e, v) }

// Between is lo <= e and e <= hi.
func (e Expr) Between(lo, hi any) Expr { return e.Ge(lo).And(e.Le(hi)) }

// In is true when e equals one of the constants, null when e is null. Nulls in
// the list match nothing.
func (e Expr) In(values ...any) Expr {
	in := make([]Literal, len(values))
	for i, v := range values {
		switch n := arg(v).(type) {
		case Literal:
			in[i] = n
		case Bad:
			return Expr{N: n}
		default:
			return bad("In wants constants, got %s", Expr{N: n})
		}
	}
	return Expr{N: Member{arg(e), in}}
}

// And is true when e and all of vs are (Kleene logic).
func (e Expr) And(vs ...any) Expr { return flat("and", e, vs) }

// Or is true when e or one of vs is (Kleene logic).
func (e Expr) Or(vs ...any) Expr { return flat("or", e, vs) }

// Xor is true when just one of e and v is.
func (e Expr) Xor(v any) Expr { return call("xor", e, v) }

// Not is true when e is false.
func (e Expr) Not() Expr { return call("not", e) }

// IsNull is true when e is null; it is never null.
func (e Expr) IsNull() Expr { return call("is_null", e) }

// IsNotNull is true when e is not null; it is never null.
func (e Expr) IsNotNull() Expr { return call("is_not_null", e) }

// IsNaN is true when the float e is not a number.
func (e Expr) IsNaN() Expr { return call("is_nan", e) }

// FillNull is e, or v where e is null.
func (e Expr) FillNull(v any) Expr { return call("coalesce", e, v) }

// Coalesce is the first of vs that is not null.
func Coalesce(vs ...any) Expr { return call("coalesce", vs...) }

// Least is the least of vs, nulls left out; NaN counts as the greatest value.
func Least(vs ...any) Expr { return call("least", vs...) }

// Greatest is the greatest of vs, nulls left out; NaN counts as the greatest value.
func Greatest(vs ...any) Expr { return call("greatest", vs...) }

// Cast converts to t and fails on the first value that does not convert. t is a
// dtype.Type, the dtype.Kind of a type without parameters, or the text of a type,
// as dtype.Parse reads it: Cast(dtype.Int64), Cast("decimal(12, 2)").
func (e Expr) Cast(t any) Expr { return cast(e, t, true) }

// TryCast is Cast, but values that do not convert become null.
func (e Expr) TryCast(t any) Expr { return cast(e, t, false) }

func cast(e Expr, t any, strict bool) Expr {
	to, err := target(t)
	if err != nil {
		return bad("Cast: %v", err)
	}
	return Expr{N: Cast{arg(e), to, strict}}
}

func target(t any) (dtype.Type, error) {
	switch t := t.(type) {
	case dtype.Type:
		return t, nil
	case string:
		return dtype.Parse(t)
	case dtype.Kind:
		if t.IsPlain() {
			return dtype.Of(t), nil
		}
		return dtype.Type{}, fmt.Errorf("a %s has parameters: want a dtype.Type or its text", t)
	}
	return dtype.Type{}, fmt.Errorf("%T names no type: want a dtype.Type, a dtype.Kind or the text of a type", t)
}

// Abs is the absolute value.
func (e Expr) Abs() Expr { return call("abs", e) }

// Sqrt is the square root in float64; NaN for negative values.
func (e Expr) Sqrt() Expr { return call("sqrt", e) }

// Exp is e to the power of the value, in float64.
func (e Expr) Exp() Expr { return call("exp", e) }

// Log is the natural logarithm in float64.
func (e Expr) Log() Expr { return call("log", e) }

// Log10 is the decimal logarithm in float64.
func (e Expr) Log10() Expr { return call("log10", e) }

// Floor rounds down to an integral value of the same type.
func (e Expr) Floor() Expr { return call("floor", e) }

// Ceil rounds up to an integral value of the same type.
func (e Expr) Ceil() Expr { return call("ceil", e) }

// Round rounds to n decimal digits, halves away from zero.
func (e Expr) Round(n int) Expr { return call("round", e, n) }

// Sign is -1, 0 or 1 in the type of e; NaN stays NaN.
func (e Expr) Sign() Expr { return call("sign", e) }

// A Branch is a conditional expression that has its condition but not yet its
// value.
type Branch struct {
	w    When
	cond Node
}

// A Chain is a conditional expression that may get further branches.
type Chain struct{ w When }

// If begins a conditional expression: If(c).Then(x).ElseIf(d).Then(y).Else(z).
// A condition that is null counts as false.
func If(cond any) Branch { return Branch{cond: arg(cond)} }

// Then gives the value where the condition holds.
func (b Branch) Then(v any) Chain {
	n := len(b.w.If)
	return Chain{When{If: append(b.w.If[:n:n], b.cond), Then: append(b.w.Then[:n:n], arg(v))}}
}

// ElseIf adds a branch, taken where no earlier condition holds.
func (c Chain) ElseIf(cond any) Branch { return Branch{c.w, arg(cond)} }

// Else gives the value where no condition holds.
func (c Chain) Else(v any) Expr { c.w.Else = arg(v); return Expr{N: c.w} }

// End makes the value null where no condition holds.
func (c Chain) End() Expr { return Expr{N: c.w} }
