package strip

import (
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// un makes a kernel of a loop over one operand.
func un[S, D any](f func(d []D, x []S)) Kernel {
	if f == nil {
		return nil
	}
	return func(dst, a, _, _ []byte, n int) { f(View[D](dst, n), View[S](a, n)) }
}

// bin makes a kernel of a loop over two operands.
func bin[S, D any](f func(d []D, x, y []S)) Kernel {
	if f == nil {
		return nil
	}
	return func(dst, a, b, _ []byte, n int) { f(View[D](dst, n), View[S](a, n), View[S](b, n)) }
}

// table has every kernel. It is filled once, when the package starts.
var table = map[key]Kernel{}

type key struct {
	op      Op
	in, out elem.Kind
}

func reg(o Op, k elem.Kind, f Kernel) {
	if out, err := o.Result(k); err == nil {
		if f == nil {
			panic(o.String() + " has no loop for " + k.String())
		}
		table[key{o, k, out}] = f
	}
}

func init() {
	numbers[int8](elem.Int8)
	numbers[int16](elem.Int16)
	numbers[int32](elem.Int32)
	numbers[int64](elem.Int64)
	numbers[uint8](elem.Uint8)
	numbers[uint16](elem.Uint16)
	numbers[uint32](elem.Uint32)
	numbers[uint64](elem.Uint64)
	numbers[float32](elem.Float32)
	numbers[float64](elem.Float64)
	numbers[complex64](elem.Complex64)
	numbers[complex128](elem.Complex128)
	parts[complex64, float32](elem.Complex64)
	parts[complex128, float64](elem.Complex128)
	masks()
}

var binaries = map[Op]vec.BinaryOp{Add: vec.Add, Sub: vec.Sub, Mul: vec.Mul, Div: vec.Div, FloorDiv: vec.FloorDiv, Mod: vec.Mod,
	Pow: vec.Pow, Atan2: vec.Atan2, Hypot: vec.Hypot, CopySign: vec.Copysign, NextAfter: vec.NextAfter, LogAddExp: vec.LogAddExp,
	Maximum: vec.Max, Minimum: vec.Min, And: vec.And, Or: vec.Or, Xor: vec.Xor, Shl: vec.Shl, Shr: vec.Shr}

var unaries = map[Op]vec.UnaryOp{Neg: vec.Neg, Sign: vec.Sign, Not: vec.Not, Floor: vec.Floor, Ceil: vec.Ceil, Trunc: vec.Trunc,
	Round: vec.Round, Sqrt: vec.Sqrt, Exp: vec.Exp, Exp2: vec.Exp2, Expm1: vec.Expm1, Log: vec.Log, Log2: vec.Log2, Log10: vec.Log10,
	Log1p: vec.Log1p, Sin: vec.Sin, Cos: vec.Cos, Tan: vec.Tan, Asin: vec.Asin, Acos: vec.Acos, Atan: vec.Atan, Sinh: vec.Sinh,
	Cosh: vec.Cosh, Tanh: vec.Tanh, Asinh: vec.Asinh, Acosh: vec.Acosh, Atanh: vec.Atanh, Conj: vec.Conj, Cbrt: vec.Cbrt}

var compares = map[Op]vec.CompareOp{Eq: vec.Eq, Ne: vec.Ne, Lt: vec.Lt, Le: vec.Le, Gt: vec.Gt, Ge: vec.Ge}

var tests = map[Op]vec.TestOp{IsNaN: vec.IsNaN, IsInf: vec.IsInf, IsFinite: vec.IsFinite, SignBit: vec.SignBit}

// numbers registers what an element type has.
func numbers[T vec.Elem](k elem.Kind) {
	for o, v := range binaries {
		reg(o, k, bin(vec.Binary[T](v)))
	}
	for o, v := range unaries {
		reg(o, k, un(vec.Unary[T](v)))
	}
	for o, v := range compares {
		reg(o, k, bin(vec.Compare[T](v)))
	}
	for o, v := range tests {
		reg(o, k, un(vec.Test[T](v)))
	}
	if !k.IsComplex() {
		reg(Abs, k, un(vec.Unary[T](vec.Abs)))
	}
	where := vec.Where[T]()
	reg(Where, k, func(dst, a, b, c []byte, n int) { where(View[T](dst, n), a[:n], View[T](b, n), View[T](c, n)) })
	castTo[int8, T](k, elem.Int8)
	castTo[int16, T](k, elem.Int16)
	castTo[int32, T](k, elem.Int32)
	castTo[int64, T](k, elem.Int64)
	castTo[uint8, T](k, elem.Uint8)
	castTo[uint16, T](k, elem.Uint16)
	castTo[uint32, T](k, elem.Uint32)
	castTo[uint64, T](k, elem.Uint64)
	castTo[float32, T](k, elem.Float32)
	castTo[float64, T](k, elem.Float64)
	castTo[complex64, T](k, elem.Complex64)
	castTo[complex128, T](k, elem.Complex128)
	table[key{Cast, k, elem.Bool}] = un(vec.Test[T](vec.NonZero))
}

func castTo[D, S vec.Elem](from, to elem.Kind) {
	if f := vec.Cast[D, S](); f != nil {
		table[key{Cast, from, to}] = un(f)
	}
}

func parts[T vec.Complex, F vec.Float](k elem.Kind) {
	reg(Abs, k, un(vec.Magnitude[F, T]))
	reg(Real, k, un(vec.Real[F, T]))
	reg(Imag, k, un(vec.Imag[F, T]))
	reg(Phase, k, un(vec.Phase[F, T]))
}

// masks registers what truth has: bytes of 0 and 1.
func masks() {
	const k = elem.Bool
	for _, o := range []Op{And, Or, Xor, Maximum, Minimum} {
		reg(o, k, bin(vec.Binary[uint8](binaries[o])))
	}
	for o, v := range compares {
		reg(o, k, bin(vec.Compare[uint8](v)))
	}
	reg(Not, k, un(vec.MaskNot))
	where := vec.Where[uint8]()
	reg(Where, k, func(dst, a, b, c []byte, n int) { where(dst[:n], a[:n], b[:n], c[:n]) })
	for _, to := range elem.Kinds {
		if f := table[key{Cast, elem.Uint8, to}]; f != nil {
			table[key{Cast, k, to}] = f
		}
	}
}
