package kernel

import "fmt"

// CmpOp is a comparison.
type CmpOp uint8

// The comparisons. On floats they are those of IEEE 754: with a NaN on either side Ne is true and all others
// are false, and -0 equals 0.
const (
	Eq CmpOp = iota
	Ne
	Lt
	Le
	Gt
	Ge
)

// String returns the operator as Go writes it.
func (op CmpOp) String() string {
	if op <= Ge {
		return [...]string{"==", "!=", "<", "<=", ">", ">="}[op]
	}
	return fmt.Sprintf("kernel.CmpOp(%d)", uint8(op))
}

// Swap returns the comparison s for which (x op y) == (y s x).
func (op CmpOp) Swap() CmpOp { return [...]CmpOp{Eq, Ne, Gt, Ge, Lt, Le}[op] }

// CmpConst sets bit i of out to x[i] op c.
func CmpConst[T Number](op CmpOp, x []T, c T, out []uint64) {
	out = out[:Words(len(x))]
	done := cmpConstASM(op, x, c, out)
	cmpConstGo(op, x[done:], c, out[done>>6:])
}

// Cmp sets bit i of out to x[i] op y[i], for len(x) elements.
func Cmp[T Number](op CmpOp, x, y []T, out []uint64) {
	y = y[:len(x)]
	out = out[:Words(len(x))]
	done := cmpASM(op, x, y, out)
	cmpGo(op, x[done:], y[done:], out[done>>6:])
}

func cmpConstGo[T Number](op CmpOp, x []T, c T, out []uint64) {
	for i := 0; len(x) > 0; i++ {
		b := x[:min(64, len(x))]
		out[i] = cmpConstWord(op, b, c)
		x = x[len(b):]
	}
}

func cmpConstWord[T Number](op CmpOp, x []T, c T) (w uint64) {
	switch op {
	case Eq:
		for i, v := range x {
			w |= b2u(v == c) << (uint(i) & 63)
		}
	case Ne:
		for i, v := range x {
			w |= b2u(v != c) << (uint(i) & 63)
		}
	case Lt:
		for i, v := range x {
			w |= b2u(v < c) << (uint(i) & 63)
		}
	case Le:
		for i, v := range x {
			w |= b2u(v <= c) << (uint(i) & 63)
		}
	case Gt:
		for i, v := range x {
			w |= b2u(v > c) << (uint(i) & 63)
		}
	case Ge:
		for i, v := range x {
			w |= b2u(v >= c) << (uint(i) & 63)
		}
	}
	return w
}

func cmpGo[T Number](op CmpOp, x, y []T, out []uint64) {
	if op == Gt || op == Ge {
		x, y, op = y, x, op.Swap()
	}
	for i := 0; len(x) > 0; i++ {
		n := min(64, len(x))
		out[i] = cmpWord(op, x[:n], y[:n])
		x, y = x[n:], y[n:]
	}
}

func cmpWord[T Number](op CmpOp, x, y []T) (w uint64) {
	y = y[:len(x)]
	switch op {
	case Eq:
		for i, v := range x {
			w |= b2u(v == y[i]) << (uint(i) & 63)
		}
	case Ne:
		for i, v := range x {
			w |= b2u(v != y[i]) << (uint(i) & 63)
		}
	case Lt:
		for i, v := range x {
			w |= b2u(v < y[i]) << (uint(i) & 63)
		}
	case Le:
		for i, v := range x {
			w |= b2u(v <= y[i]) << (uint(i) & 63)
		}
	}
	return w
}
