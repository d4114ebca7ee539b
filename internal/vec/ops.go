package vec

import "fmt"

// BinaryOp is an operation of two elements of a type that gives one of that type.
type BinaryOp uint8

// The operations of two elements, and the element types that have them. Floats follow IEEE 754 and NumPy.
const (
	// Add is x + y, for all types.
	Add BinaryOp = iota
	// Sub is x - y, for all types.
	Sub
	// Mul is x * y, for all types.
	Mul
	// Div is x / y, for floats and complex numbers.
	Div
	// FloorDiv is the largest integer not above x / y, for all but complex numbers. Of floats it is Python's x // y.
	FloorDiv
	// Mod is x - y*FloorDiv(x, y), with the sign of y, for all but complex numbers.
	Mod
	// Fmod is the rest of the division that truncates, with the sign of x, for all but complex numbers.
	Fmod
	// Min is the lesser of both, NaN if one is NaN, and -0 below 0; for all but complex numbers.
	Min
	// Max is the greater of both, NaN if one is NaN, and 0 above -0; for all but complex numbers.
	Max
	// FMin is Min, but a number if one is a number; for floats.
	FMin
	// FMax is Max, but a number if one is a number; for floats.
	FMax
	// Pow is x to the power of y, for all types. Integers: wrapping; a negative power is 0 but for x = 1 and -1.
	Pow
	// And is bitwise, for integers and masks.
	And
	// Or is bitwise, for integers and masks.
	Or
	// Xor is bitwise, for integers and masks.
	Xor
	// Shl is x << y, 0 if y is not below the bits of the type (or negative), for integers.
	Shl
	// Shr is x >> y with the sign of x filling up, all sign if y is not below the bits (or negative), for integers.
	Shr
	// Atan2 is the angle of the point (y, x), with x the first operand: atan2(x, y) in C's names; for floats.
	Atan2
	// Hypot is sqrt(x*x + y*y) without overflow, for floats.
	Hypot
	// Copysign is x with the sign of y, for floats.
	Copysign
	// NextAfter is the next element from x toward y, y if both are equal; for floats.
	NextAfter
	// LogAddExp is log(exp(x) + exp(y)) without overflow, for floats.
	LogAddExp
	// Ldexp is x * 2^y for whole numbers y, rounded once; for floats.
	Ldexp
	// Squares is x*x + y*y, each product and the sum rounded, for floats.
	Squares
	// Norm is the square root of Squares, for floats: faster than Hypot, and infinite where Squares is.
	Norm
	// BinaryOps is the number of them.
	BinaryOps
)

var binaryNames = [...]string{"add", "subtract", "multiply", "divide", "floor_divide", "remainder", "fmod", "minimum", "maximum",
	"fmin", "fmax", "pow", "and", "or", "xor", "left_shift", "right_shift", "atan2", "hypot", "copysign", "nextafter", "logaddexp", "ldexp", "squares", "norm"}

// String returns the name in the array API standard, where it has one, else in small letters; so do those below.
func (op BinaryOp) String() string { return nameOf(op, binaryNames[:], "BinaryOp") }

// UnaryOp is an operation of one element that gives one of the same type.
type UnaryOp uint8

// The operations of one element.
const (
	// Neg is -x, for all types.
	Neg UnaryOp = iota
	// Abs is |x|, for all but complex numbers (see Magnitude). Of the least signed integer it is that integer.
	Abs
	// Sign is -1, 0 or 1, NaN of NaN; for all types. Of complex numbers it is x/|x|, or 0.
	Sign
	// Square is x*x, for all types.
	Square
	// Sqrt is the square root, for floats and complex numbers.
	Sqrt
	// Cbrt is the cube root, for floats.
	Cbrt
	// Reciprocal is 1/x, for floats and complex numbers.
	Reciprocal
	// Floor is the largest integer not above x, for floats; integers are themselves.
	Floor
	// Ceil is the least integer not below x, as Floor.
	Ceil
	// Trunc is the integer part, as Floor.
	Trunc
	// Round is the nearest integer, the even one of two, as Floor.
	Round
	// Not is ^x, for integers. Of masks it is not the negation, see MaskNot.
	Not
	// Conj is the conjugate, for complex numbers.
	Conj
	// Exp and all below are for floats and, where package math/cmplx has them, for complex numbers.
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
	Erf
	Gamma
	// Mantissa is x / 2^Exponent, with a magnitude in [0.5, 1); 0, infinities and NaN are themselves. It and those below
	// are for floats.
	Mantissa
	// Exponent is the whole number that goes with the mantissa, 0 where that is x itself.
	Exponent
	// I0 is the modified Bessel function of the first kind and order 0.
	I0
	// UnaryOps is the number of them.
	UnaryOps
)

var unaryNames = [...]string{"negative", "abs", "sign", "square", "sqrt", "cbrt", "reciprocal", "floor", "ceil", "trunc", "round", "not", "conj",
	"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin", "acos", "atan",
	"sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "gamma", "mantissa", "exponent", "i0"}

// String returns the name.
func (op UnaryOp) String() string { return nameOf(op, unaryNames[:], "UnaryOp") }

// CompareOp is a comparison of two elements that gives a mask. Comparisons with NaN are false but for Ne.
type CompareOp uint8

// The comparisons. Complex numbers have Eq and Ne only.
const (
	Eq CompareOp = iota
	Ne
	Lt
	Le
	Gt
	Ge
	// CompareOps is the number of them.
	CompareOps
)

var compareNames = [...]string{"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}

// String returns the name.
func (op CompareOp) String() string { return nameOf(op, compareNames[:], "CompareOp") }

// TestOp is a question about one element that gives a mask. Integers are never NaN nor infinite.
type TestOp uint8

// The questions. Complex numbers are NaN or infinite if one of their parts is; they have no SignBit.
const (
	IsNaN TestOp = iota
	IsInf
	IsFinite
	// SignBit is x < 0 or a float's sign bit.
	SignBit
	// NonZero is x != 0, so true for NaN: the conversion to a mask.
	NonZero
	// TestOps is the number of them.
	TestOps
)

var testNames = [...]string{"isnan", "isinf", "isfinite", "signbit", "nonzero"}

// String returns the name.
func (op TestOp) String() string { return nameOf(op, testNames[:], "TestOp") }

func nameOf[Op ~uint8](op Op, names []string, kind string) string {
	if int(op) < len(names) {
		return names[op]
	}
	return fmt.Sprintf("vec.%s(%d)", kind, uint8(op))
}
