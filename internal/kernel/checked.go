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
	first := -1
	for at := 0; at < n; {
		// The assembly stops before a block in which something may not fit; the loop in Go decides.
		at += checkedASM(op, dst[at:], x[at:], y[at:])
		end := min(at+64, n)
		bad := checkedGo(op, dst[at:end], x[at:end], y[at:end])
		first = firstBad(first, bad, valid, at, end)
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
	var filled [64]T
	for i := range filled {
		filled[i] = c
	}
	first := -1
	for at := 0; at < n; {
		at += checkedConstASM(op, dst[at:], x[at:], c, left)
		end := min(at+64, n)
		a, b := x[at:end], filled[:end-at]
		if left {
			a, b = b, a
		}
		first = firstBad(first, checkedGo(op, dst[at:end], a, b), valid, at, end)
		at = end
	}
	return first
}

// firstBad returns first if there is one, else the first valid element of [at, end) that bad marks.
func firstBad(first int, bad uint64, valid []uint64, at, end int) int {
	if bad == 0 || first >= 0 {
		return first
	}
	if valid != nil {
		bad &= loadBits(valid, at, end-at)
	}
	if bad == 0 {
		return -1
	}
	return at + bits.TrailingZeros64(bad)
}

// checkedGo computes up to 64 elements and returns the bitmap of those that do not fit.
func checkedGo[T CheckedInt](op ArithOp, dst, x, y []T) (bad uint64) {
	dst, y = dst[:len(x)], y[:len(x)]
	switch op {
	case Add:
		for i, a := range x {
			r := a + y[i]
			bad |= b2u((a^r)&(y[i]^r) < 0) << (uint(i) & 63) // both signs differ from the sum's
			dst[i] = r
		}
	case Sub:
		for i, a := range x {
			r := a - y[i]
			bad |= b2u((a^y[i])&(a^r) < 0) << (uint(i) & 63) // x differs in sign from y and from the difference
			dst[i] = r
		}
	case Mul:
		for i, a := range x {
			r, fits := product(a, y[i])
			bad |= b2u(!fits) << (uint(i) & 63)
			dst[i] = r
		}
	}
	return bad
}

// product returns a * b, wrapped, and whether it fits.
func product[T CheckedInt](a, b T) (T, bool) {
	r := a * b
	if sizeOf[T]() == 4 {
		return r, int64(r) == int64(a)*int64(b)
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	signed := int64(hi) - int64(a)>>63&int64(b) - int64(b)>>63&int64(a)
	return r, signed == int64(lo)>>63
}
