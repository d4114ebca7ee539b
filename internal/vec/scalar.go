package vec

import (
	"math"
	"math/cmplx"
)

// This file defines the operations of two elements, one element at a time.

func binaryInteger[T Integer](op BinaryOp) func(x, y T) T {
	switch op {
	case FloorDiv:
		return floorDiv[T]
	case Mod:
		return func(x, y T) T {
			if y == 0 {
				return 0
			}
			return x - y*floorDiv(x, y)
		}
	case Fmod:
		return func(x, y T) T {
			if y == 0 {
				return 0
			}
			return x % y
		}
	case Min:
		return func(x, y T) T { return min(x, y) }
	case Max:
		return func(x, y T) T { return max(x, y) }
	case Pow:
		return powInteger[T]
	case And:
		return func(x, y T) T { return x & y }
	case Or:
		return func(x, y T) T { return x | y }
	case Xor:
		return func(x, y T) T { return x ^ y }
	case Shl:
		return func(x, y T) T {
			if y < 0 {
				return 0
			}
			return x << y
		}
	case Shr:
		return func(x, y T) T {
			if y < 0 {
				return x >> (8*uint(sizeOf[T]()) - 1)
			}
			return x >> y
		}
	}
	return nil
}

// floorDiv rounds down; x/0 is 0 and the least number divided by -1 is itself.
func floorDiv[T Integer](x, y T) T {
	if y == 0 {
		return 0
	}
	q := x / y
	if r := x % y; r != 0 && (r < 0) != (y < 0) {
		q--
	}
	return q
}

func powInteger[T Integer](x, y T) T {
	if y < 0 {
		switch {
		case x == 1:
			return 1
		case x == ^T(0): // -1: y is odd or even
			return 1 - 2*(y&1)
		}
		return 0
	}
	p := T(1)
	for ; y != 0; y >>= 1 {
		if y&1 != 0 {
			p *= x
		}
		x *= x
	}
	return p
}

func binaryFloat[T Float](op BinaryOp) func(x, y T) T {
	switch op {
	case Div:
		return func(x, y T) T { return x / y }
	case FloorDiv:
		return func(x, y T) T { q, _ := divMod(float64(x), float64(y)); return T(q) }
	case Mod:
		return func(x, y T) T { _, r := divMod(float64(x), float64(y)); return T(r) }
	case Fmod:
		return wide2[T](math.Mod)
	case Min:
		return func(x, y T) T { return min(x, y) }
	case Max:
		return func(x, y T) T { return max(x, y) }
	case FMin:
		return func(x, y T) T { return number(x, y, min(x, y)) }
	case FMax:
		return func(x, y T) T { return number(x, y, max(x, y)) }
	case Pow:
		return wide2[T](pow64)
	case Atan2:
		return wide2[T](math.Atan2)
	case Hypot:
		return wide2[T](math.Hypot)
	case Copysign:
		return wide2[T](math.Copysign)
	case NextAfter:
		return nextAfter[T]
	case LogAddExp:
		return wide2[T](logAddExp)
	case Ldexp:
		return wide2[T](ldexp)
	case Squares:
		return squares[T]
	case Norm:
		return func(x, y T) T { return T(math.Sqrt(float64(squares(x, y)))) }
	}
	return nil
}

func squares[T Float](x, y T) T { return T(x*x) + T(y*y) }

// wide2 computes in float64 and rounds once more.
func wide2[T Float](f func(x, y float64) float64) func(x, y T) T {
	return func(x, y T) T { return T(f(float64(x), float64(y))) }
}

// number returns best, but if one of both is NaN the other one.
func number[T Float](x, y, best T) T {
	switch {
	case x != x:
		return y
	case y != y:
		return x
	}
	return best
}

// divMod is Python's divmod for floats: q is an integer, r has the sign of y, and r = x - q*y up to rounding.
func divMod(x, y float64) (q, r float64) {
	r = math.Mod(x, y)
	if y == 0 {
		return x / y, r
	}
	if r != r {
		return r, r
	}
	q = (x - r) / y
	if r != 0 && (y < 0) != (r < 0) {
		r += y
		q--
	}
	if r == 0 {
		r = math.Copysign(0, y)
	}
	if q == 0 {
		return math.Copysign(0, x/y), r
	}
	f := math.Floor(q)
	if q-f > 0.5 {
		f++
	}
	return f, r
}

func nextAfter[T Float](x, y T) T {
	if x == y { // of zeros, that of y
		return y
	}
	if sizeOf[T]() == 4 {
		return T(math.Nextafter32(float32(x), float32(y)))
	}
	return T(math.Nextafter(float64(x), float64(y)))
}

// ldexp is math.Ldexp; beyond 5000 any number has become 0 or infinite.
func ldexp(x, y float64) float64 { return math.Ldexp(x, int(max(-5000, min(5000, y)))) }

func logAddExp(x, y float64) float64 {
	if x == y { // infinities included, whose difference is NaN
		return x + math.Ln2
	}
	d := x - y
	switch {
	case d > 0:
		return x + math.Log1p(math.Exp(-d))
	case d <= 0:
		return y + math.Log1p(math.Exp(d))
	}
	return d
}

func binaryComplex[T Complex](op BinaryOp) func(x, y T) T {
	switch op {
	case Div:
		return func(x, y T) T { return x / y }
	case Pow:
		return func(x, y T) T { return T(cmplx.Pow(complex128(x), complex128(y))) }
	}
	return nil
}
