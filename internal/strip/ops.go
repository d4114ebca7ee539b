package strip

import (
	"fmt"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// An Op is an elementwise operation: one of package vec, see Binary, Unary,
// Compare and Test, or one of those here. The values, with the order of the
// operations in package vec, are part of the canonical bytes of plans.
type Op uint8

// The operations that are not loops of package vec over one type.
const (
	NoOp  Op = iota
	Cast     // to another type; floats are cut toward zero, see vec.Cast; what is not 0 is true
	Where    // the second where the first is true, else the third
	Real
	Imag
	Phase // the angle of a complex number
	numOps

	binaries Op = 16
	unaries  Op = 64
	compares Op = 128
	tests    Op = 144
)

// Binary is an operation of two operands.
func Binary(o vec.BinaryOp) Op { return binaries + Op(o) }

// Unary is an operation of one operand; of complex numbers vec.Abs is the modulus.
func Unary(o vec.UnaryOp) Op { return unaries + Op(o) }

// Compare is a comparison of two operands.
func Compare(o vec.CompareOp) Op { return compares + Op(o) }

// Test is a question about one operand.
func Test(o vec.TestOp) Op { return tests + Op(o) }

// within reports whether o is one of n operations from first on.
func (o Op) within(first Op, n int) bool { return o >= first && int(o-first) < n }

var opNames = [numOps]string{"none", "cast", "where", "real", "imag", "angle"}

// String returns the name in the array API standard, where it has one.
func (o Op) String() string {
	switch {
	case o < numOps:
		return opNames[o]
	case o.within(binaries, int(vec.BinaryOps)):
		return vec.BinaryOp(o - binaries).String()
	case o.within(unaries, int(vec.UnaryOps)):
		return vec.UnaryOp(o - unaries).String()
	case o.within(compares, int(vec.CompareOps)):
		return vec.CompareOp(o - compares).String()
	case o.within(tests, int(vec.TestOps)):
		return vec.TestOp(o - tests).String()
	}
	return fmt.Sprintf("strip.Op(%d)", uint8(o))
}

// Symbol returns the sign between two operands, or nothing.
func (o Op) Symbol() string {
	switch {
	case o.within(compares, int(vec.CompareOps)):
		return [...]string{"==", "!=", "<", "<=", ">", ">="}[o-compares]
	case o.within(binaries, 4):
		return [...]string{"+", "-", "*", "/"}[o-binaries]
	}
	return ""
}

// Slow reports whether the processor takes several times as long for the operation as
// for an addition, because it divides, takes roots or computes a function.
func (o Op) Slow() bool {
	switch o {
	case Binary(vec.Div), Binary(vec.FloorDiv), Binary(vec.Mod), Binary(vec.Fmod), Binary(vec.Pow), Binary(vec.Atan2), Binary(vec.Hypot),
		Binary(vec.LogAddExp), Binary(vec.Norm), Unary(vec.Sqrt), Unary(vec.Cbrt), Unary(vec.Reciprocal), Phase:
		return true
	}
	return o.within(Unary(vec.Exp), int(vec.UnaryOps-vec.Exp))
}

// Arity returns the number of operands, 0 for what is not an operation.
func (o Op) Arity() int {
	switch {
	case o == Where:
		return 3
	case o.within(binaries, int(vec.BinaryOps)), o.within(compares, int(vec.CompareOps)):
		return 2
	case o > NoOp && o < numOps, o.within(unaries, int(vec.UnaryOps)), o.within(tests, int(vec.TestOps)):
		return 1
	}
	return 0
}

// Result returns the type of the result for operands of type k, or an error when
// the operation is not defined for it. Cast has no single result.
func (o Op) Result(k elem.Kind) (elem.Kind, error) {
	if !k.Valid() || o == Cast {
		return 0, fmt.Errorf("%s of %s", o, k)
	}
	out := o.out(k)
	if table[key{o, k, out}] == nil {
		return 0, fmt.Errorf("%s is not defined for %s", o, k)
	}
	return out, nil
}

// out is the type of the result where the operation is defined.
func (o Op) out(k elem.Kind) elem.Kind {
	switch {
	case o >= compares:
		return elem.Bool
	case o == Unary(vec.Abs), o == Real, o == Imag, o == Phase:
		return k.Real()
	}
	return k
}
