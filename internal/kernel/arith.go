package kernel

import "fmt"

// ArithOp is an arithmetic operation.
type ArithOp uint8

// The operations. Div is for floats only.
const (
	Add ArithOp = iota
	Sub
	Mul
	Div
)

// String returns the operator as Go writes it.
func (op ArithOp) String() string {
	if op <= Div {
		return [...]string{"+", "-", "*", "/"}[op]
	}
	return fmt.Sprintf("kernel.ArithOp(%d)", uint8(op))
}

// Arith sets dst[i] = x[i] op y[i] for len(x) elements, each rounded once as IEEE 754 says. dst may be x or y.
// Which NaN results from two NaNs is not defined.
func Arith[T Float](op ArithOp, dst, x, y []T) {
	dst, y = dst[:len(x)], y[:len(x)]
	done := arithASM(op, dst, x, y)
	arithGo(op, dst[done:], x[done:], y[done:])
}

// ArithConst sets dst[i] = x[i] op c for len(x) elements. dst may be x.
func ArithConst[T Float](op ArithOp, dst, x []T, c T) {
	dst = dst[:len(x)]
	done := arithConstASM(op, dst, x, c)
	arithConstGo(op, dst[done:], x[done:], c)
}

// ConstArith sets dst[i] = c op x[i] for len(x) elements. dst may be x.
func ConstArith[T Float](op ArithOp, dst []T, c T, x []T) {
	if op == Add || op == Mul {
		ArithConst(op, dst, x, c)
		return
	}
	dst = dst[:len(x)]
	done := constArithASM(op, dst, c, x)
	constArithGo(op, dst[done:], c, x[done:])
}

func arithGo[T Float](op ArithOp, dst, x, y []T) {
	dst, y = dst[:len(x)], y[:len(x)]
	switch op {
	case Add:
		for i, v := range x {
			dst[i] = v + y[i]
		}
	case Sub:
		for i, v := range x {
			dst[i] = v - y[i]
		}
	case Mul:
		for i, v := range x {
			dst[i] = v * y[i]
		}
	case Div:
		for i, v := range x {
			dst[i] = v / y[i]
		}
	}
}

func arithConstGo[T Float](op ArithOp, dst, x []T, c T) {
	dst = dst[:len(x)]
	switch op {
	case Add:
		for i, v := range x {
			dst[i] = v + c
		}
	case Sub:
		for i, v := range x {
			dst[i] = v - c
		}
	case Mul:
		for i, v := range x {
			dst[i] = v * c
		}
	case Div:
		for i, v := range x {
			dst[i] = v / c
		}
	}
}

// constArithGo has only the operations that do not commute.
func constArithGo[T Float](op ArithOp, dst []T, c T, x []T) {
	dst = dst[:len(x)]
	switch op {
	case Sub:
		for i, v := range x {
			dst[i] = c - v
		}
	case Div:
		for i, v := range x {
			dst[i] = c / v
		}
	}
}
