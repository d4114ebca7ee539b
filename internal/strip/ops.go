package strip

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
)

// An Op is an elementwise operation. The values are part of the canonical bytes
// of plans: append only.
type Op uint8

// The operations. Integers wrap around; an integer divided by zero is 0, and so
// is the remainder. NaN and infinities follow IEEE 754 and the array API
// standard.
const (
	NoOp Op = iota
	Cast    // to another type; floats are cut toward zero, see vec.Cast; what is not 0 is true
	Add
	Sub
	Mul
	Div      // floating
	FloorDiv // rounded down
	Mod      // with the sign of the divisor
	Pow
	Atan2
	Hypot
	CopySign
	NextAfter
	LogAddExp
	Maximum // NaN if either is
	Minimum
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	And // of bits; of truth for bool
	Or
	Xor
	Shl
	Shr
	Where // the second where the first is true, else the third
	Neg
	Abs
	Sign
	Not
	Floor
	Ceil
	Trunc
	Round // half to even
	Sqrt
	Exp
	Exp2
	Expm1
	Log
	Log2
	Log10
	Log1p
	Sin
	Cos
	Tan
	Asin
	Acos
	Atan
	Sinh
	Cosh
	Tanh
	Asinh
	Acosh
	Atanh
	IsNaN
	IsInf
	IsFinite
	SignBit
	Real
	Imag
	Conj
	Cbrt
	Phase // the angle of a complex number
	numOps
)

var opNames = [numOps]string{"none", "cast", "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "pow", "atan2", "hypot",
	"copysign", "nextafter", "logaddexp", "maximum", "minimum", "equal", "not_equal", "less", "less_equal", "greater",
	"greater_equal", "and", "or", "xor", "left_shift", "right_shift", "where", "negative", "abs", "sign", "not", "floor", "ceil",
	"trunc", "round", "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan",
	"sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "isnan", "isinf", "isfinite", "signbit", "real", "imag", "conj", "cbrt", "angle"}

// String returns the name in the array API standard, where it has one.
func (o Op) String() string {
	if o < numOps {
		return opNames[o]
	}
	return fmt.Sprintf("strip.Op(%d)", uint8(o))
}

// Symbol returns the sign between two operands, or nothing.
func (o Op) Symbol() string {
	switch o {
	case Add:
		return "+"
	case Sub:
		return "-"
	case Mul:
		return "*"
	case Div:
		return "/"
	case Eq:
		return "=="
	case Ne:
		return "!="
	case Lt:
		return "<"
	case Le:
		return "<="
	case Gt:
		return ">"
	case Ge:
		return ">="
	}
	return ""
}

// Arity returns the number of operands, 0 for what is not an operation.
func (o Op) Arity() int {
	switch {
	case o == NoOp || o >= numOps:
		return 0
	case o == Where:
		return 3
	case o >= Add && o <= Shr:
		return 2
	}
	return 1
}

// Result returns the type of the result for operands of type k, or an error when
// the operation is not defined for it. Cast has no single result.
func (o Op) Result(k elem.Kind) (elem.Kind, error) {
	if !k.Valid() {
		return 0, fmt.Errorf("%s of %s", o, k)
	}
	ok, out := true, k
	switch o {
	case Add, Sub, Mul, Neg, Sign, Pow:
		ok = k != elem.Bool
	case Div, Sqrt, Exp, Log, Sin, Cos, Tan, Sinh, Cosh, Tanh, Asin, Acos, Atan, Asinh, Acosh, Atanh:
		ok = k.IsFloat() || k.IsComplex()
	case FloorDiv, Mod, Floor, Ceil, Trunc, Round, Maximum, Minimum:
		ok = k.IsReal() || k == elem.Bool && (o == Maximum || o == Minimum)
	case Atan2, Hypot, CopySign, NextAfter, LogAddExp, Exp2, Expm1, Log2, Log10, Log1p, Cbrt:
		ok = k.IsFloat()
	case SignBit:
		ok, out = k.IsFloat(), elem.Bool
	case Eq, Ne:
		out = elem.Bool
	case Lt, Le, Gt, Ge:
		ok, out = !k.IsComplex(), elem.Bool
	case And, Or, Xor, Not:
		ok = k.IsInt() || k == elem.Bool
	case Shl, Shr:
		ok = k.IsInt()
	case Abs:
		ok, out = k != elem.Bool, k.Real()
	case IsNaN, IsInf, IsFinite:
		ok, out = k != elem.Bool, elem.Bool
	case Real, Imag, Phase:
		ok, out = k.IsComplex(), k.Real()
	case Conj:
		ok = k.IsComplex()
	case Where:
	default:
		ok = false
	}
	if !ok {
		return 0, fmt.Errorf("%s is not defined for %s", o, k)
	}
	return out, nil
}
