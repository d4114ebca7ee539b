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

// reg registers a kernel, if there is one.
func reg(o Op, k elem.Kind, f Kernel) {
	if f != nil {
		table[key{o, k, o.out(k)}] = f
	}
}

// Converter returns the kernel that makes elements of one type of those of another, nil if there is none.
func Converter(from, to elem.Kind) Kernel { return table[key{Cast, from, to}] }

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

// numbers registers what an element type has.
func numbers[T vec.Elem](k elem.Kind) {
	for o := range vec.BinaryOps {
		reg(Binary(o), k, bin(vec.Binary[T](o)))
	}
	for o := range vec.UnaryOps {
		reg(Unary(o), k, un(vec.Unary[T](o)))
	}
	for o := range vec.CompareOps {
		reg(Compare(o), k, bin(vec.Compare[T](o)))
	}
	for o := range vec.TestOps {
		reg(Test(o), k, un(vec.Test[T](o)))
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
	reg(Unary(vec.Abs), k, un(vec.Magnitude[F, T]))
	reg(Real, k, un(vec.Real[F, T]))
	reg(Imag, k, un(vec.Imag[F, T]))
	reg(Phase, k, un(vec.Phase[F, T]))
}

// masks registers what truth has: bytes of 0 and 1.
func masks() {
	const k = elem.Bool
	for _, o := range []vec.BinaryOp{vec.And, vec.Or, vec.Xor, vec.Max, vec.Min} {
		reg(Binary(o), k, bin(vec.Binary[uint8](o)))
	}
	for o := range vec.CompareOps {
		reg(Compare(o), k, bin(vec.Compare[uint8](o)))
	}
	reg(Unary(vec.Not), k, un(vec.MaskNot))
	where := vec.Where[uint8]()
	reg(Where, k, func(dst, a, b, c []byte, n int) { where(dst[:n], a[:n], b[:n], c[:n]) })
	for _, to := range elem.Kinds {
		if f := table[key{Cast, elem.Uint8, to}]; f != nil {
			table[key{Cast, k, to}] = f
		}
	}
}
