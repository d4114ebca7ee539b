package kernel

import "math/bits"

// CheckedInt is an integer that checked arithmetic takes.
type CheckedInt interface{ ~int32 | ~int64 }

// Checked sets dst[i] = x[i] op y[i] for len(x) elements, op one of Add, Sub, Mul, and returns the index of the
// first valid element whose result does not fit, or -1. Every element of dst is written, wrapped around where it does
// not fit. valid is the validity of the result: what null slots hold cannot overflow. dst may be x or y.
func Checked[T CheckedInt](op ArithOp, dst, x, y []T, valid []uint64) int {
	n := len(x)
	dst, y = dst[:n], y[:n]
	if valid != nil {
		valid = valid[:Words(n)]
	}
	first := -1
	for at := 0; at < n; {
		// The assembly stops before a block of 64 in which something may not fit; the loop in Go decides.
		at += checkedASM(op, dst[at:], x[at:], y[at:])
		end := min(at+64, n)
		if i := checkedGo(op, dst[at:end], x[at:end], y[at:end], valid, at); i >= 0 && first < 0 {
			first = i
		}
		at = end
	}
	return first
}

// CheckedConst is Checked with y[i] = c for all i.
func CheckedConst[T CheckedInt](op ArithOp, dst, x []T, c T, valid []uint64) int {
	return checkedScalar(op, dst, x, c, valid, false)
}

// ConstChecked is Checked with the constant on the left: dst[i] = c op x[i].
func ConstChecked[T CheckedInt](op ArithOp, dst []T, c T, x []T, valid []uint64) int {
	return checkedScalar(op, dst, x, c, valid, op == Sub)
}

func checkedScalar[T CheckedInt](op ArithOp, dst, x []T, c T, valid []uint64, left bool) int {
	n := len(x)
	dst = dst[:n]
	if valid != nil {
		valid = valid[:Words(n)]
	}
	first := -1
	for at := 0; at < n; {
		at += checkedConstASM(op, dst[at:], x[at:], c, left)
		end := min(at+64, n)
		if i := checkedConstGo(op, dst[at:end], x[at:end], c, valid, at, left); i >= 0 && first < 0 {
			first = i
		}
		at = end
	}
	return first
}

// checkedGo is the loop; element i of the slices is element at+i of the caller's.
func checkedGo[T CheckedInt](op ArithOp, dst, x, y []T, valid []uint64, at int) int {
	first := -1
	dst, y = dst[:len(x)], y[:len(x)]
	for i, v := range x {
		r, ok := checkedOne(op, v, y[i])
		dst[i] = r
		if !ok && first < 0 && bit(valid, at+i) {
			first = at + i
		}
	}
	return first
}

func checkedConstGo[T CheckedInt](op ArithOp, dst, x []T, c T, valid []uint64, at int, left bool) int {
	first := -1
	dst = dst[:len(x)]
	for i, v := range x {
		a, b := v, c
		if left {
			a, b = c, v
		}
		r, ok := checkedOne(op, a, b)
		dst[i] = r
		if !ok && first < 0 && bit(valid, at+i) {
			first = at + i
		}
	}
	return first
}

// checkedOne returns a op b, wrapped, and whether it fits.
func checkedOne[T CheckedInt](op ArithOp, a, b T) (T, bool) {
	switch op {
	case Add:
		r := a + b
		return r, (a^r)&(b^r) >= 0 // both signs differ from the result's
	case Sub:
		r := a - b
		return r, (a^b)&(a^r) >= 0
	}
	r := a * b
	if sizeOf[T]() == 4 {
		return r, int64(r) == int64(a)*int64(b)
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	signed := int64(hi) - int64(a)>>63&int64(b) - int64(b)>>63&int64(a)
	return r, signed == int64(lo)>>63
}
