package kernel

import (
	"math"
	"math/bits"
)

// The kernels of this file take floats as integers of 128 bits in a unit 2^(base-1075): base is the biased exponent
// of values whose significand is their integer. They serve exact sums; float32 is widened first.

const (
	// significand is the bits of a float64 below its exponent, implicit the one that is not stored.
	significand, implicit = 1<<52 - 1, 1 << 52
	// magnitude is all bits of a float64 but its sign.
	magnitude = 1<<63 - 1
	// fixedReach is the number of exponents that a window of 128 bits has room for: 53 bits shifted by less.
	fixedReach = 64
	// topBase is the greatest base at which twice the constants of SumFixed's assembly are finite.
	topBase = 2045 - highShift
	// highShift and midShift are the weights of the upper two of the three parts that SumFixed's assembly cuts a
	// value into, highShift such that the upper part of a value below 2^116 has 51 bits.
	highShift, midShift = 65, 32
	// SumFixedMax is the greatest number of elements that SumFixed adds: values below 2^116 cannot run over
	// an Acc of 128 bits sooner.
	SumFixedMax = 1 << 10
)

// fixedRoom returns the number of exponents from base on that are those of finite values in the window.
func fixedRoom(base uint64) uint64 { return min(fixedReach, 2047-base) }

// SplitFixed writes each x[i] as an integer in two's complement, its words to hi[i] and lo[i], and zeroes bit i of
// odd. An element is odd when it is neither a zero nor a finite value of a biased exponent in [base, base+64): then bit
// i of odd is set and hi[i] and lo[i] are zero. base is in 1..2046; hi and lo have len(x) elements, odd
// Words(len(x)).
func SplitFixed[T Float](base uint64, x []T, hi, lo, odd []uint64) {
	hi, lo, odd = hi[:len(x)], lo[:len(x)], odd[:Words(len(x))]
	clear(odd)
	done := splitFixedASM(base, x, hi, lo, odd)
	splitFixedGo(base, x, hi, lo, odd, done)
}

func splitFixedGo[T Float](base uint64, x []T, hi, lo, odd []uint64, from int) {
	for i := from; i < len(x); {
		w := i >> 6
		block := x[i:min(w<<6+64, len(x))]
		out := splitWindow(base, block, hi[i:], lo[i:])
		bad := uint64(0)
		for ; out != 0; out &= out - 1 {
			bad |= out & -out & -b2u(block[bits.TrailingZeros64(out)] != 0)
		}
		odd[w] |= bad << (uint(i) & 63)
		i += len(block)
	}
}

// splitWindow splits at most 64 elements and returns which have an exponent that is not in the window: a loop with
// nothing else in it.
func splitWindow[T Float](base uint64, x []T, hi, lo []uint64) (out uint64) {
	hi, lo = hi[:len(x)], lo[:len(x)]
	room := fixedRoom(base)
	for i, v := range x {
		b := math.Float64bits(float64(v))
		sh := b&magnitude>>52 - base
		if sh >= room {
			out |= 1 << (uint(i) & 63)
			hi[i], lo[i] = 0, 0
			continue
		}
		neg := uint64(int64(b) >> 63)
		h, l := bits.Mul64(b&significand|implicit, 1<<(sh&63))
		l, c := bits.Add64(l^neg, neg&1, 0)
		hi[i], lo[i] = h^neg+c, l
	}
	return out
}

// SumFixed returns the exact sum, in units, of the elements of x that are not odd, and writes which are odd: those
// that are no multiple of the unit, not below 2^116 of it in magnitude, or not finite. len(x) is at most SumFixedMax,
// base in 1..2046, odd has Words(len(x)) words.
func SumFixed[T Float](base uint64, x []T, odd []uint64) Sum128 {
	if len(x) > SumFixedMax {
		panic("kernel: SumFixed of more than SumFixedMax elements")
	}
	odd = odd[:Words(len(x))]
	clear(odd)
	s, done := sumFixedASM(base, x, odd)
	return s.Add(sumFixedGo(base, x, odd, done))
}

func sumFixedGo[T Float](base uint64, x []T, odd []uint64, from int) (s Sum128) {
	for i := from; i < len(x); {
		w := i >> 6
		block := x[i:min(w<<6+64, len(x))]
		t, out := sumWindow(base, block)
		s = s.Add(t)
		bad := uint64(0)
		for ; out != 0; out &= out - 1 {
			k := bits.TrailingZeros64(out)
			t, ok := belowUnit(base, math.Float64bits(float64(block[k])))
			s = s.Add(t)
			bad |= b2u(!ok) << (uint(k) & 63)
		}
		odd[w] |= bad << (uint(i) & 63)
		i += len(block)
	}
	return s
}

// sumWindow returns the sum of those of at most 64 elements whose exponent is in the window, and which the others are.
func sumWindow[T Float](base uint64, x []T) (s Sum128, out uint64) {
	room := fixedRoom(base)
	var hi, lo, c uint64
	for i, v := range x {
		b := math.Float64bits(float64(v))
		sh := b&magnitude>>52 - base
		if sh >= room {
			out |= 1 << (uint(i) & 63)
			continue
		}
		neg := uint64(int64(b) >> 63)
		h, l := bits.Mul64(b&significand|implicit, 1<<(sh&63))
		lo, c = bits.Add64(lo, l^neg, neg&1)
		hi, _ = bits.Add64(hi, h^neg, c)
	}
	return Sum128{int64(hi), lo}, out
}

// belowUnit returns the integer of a value with bits b whose exponent is not in the window: it has one if it is a zero,
// or its exponent is less and its lowest bits are zero.
func belowUnit(base, b uint64) (s Sum128, ok bool) {
	e, m := b&magnitude>>52, b&significand
	if e == 0 {
		e = 1
	} else {
		m |= implicit
	}
	if e > base || e == 0x7ff {
		return s, false // e may be base for a subnormal number, whose biased exponent counts as 1
	}
	sh := min(base-e, 63)
	if m&(1<<sh-1) != 0 {
		return s, false
	}
	v := int64(m >> sh)
	if int64(b) < 0 {
		v = -v
	}
	return Sum128{v >> 63, uint64(v)}, true
}

// The biased exponents of values whose squares SplitSquares takes: no square overflows, nothing of its rounding error
// underflows.
const (
	MinSquare = 1023 - 450
	MaxSquare = 1023 + 510
)

// SplitSquares sets head[i] to x[i]² rounded, tail[i] to exactly what rounding lost, and bit i of odd to zero. An
// element is odd when it is not zero and its biased exponent is not in MinSquare..MaxSquare: then bit i of odd is
// set and head[i] and tail[i] are zero. head and tail have len(x) elements, odd Words(len(x)).
func SplitSquares[T Float](x []T, head, tail []float64, odd []uint64) {
	head, tail, odd = head[:len(x)], tail[:len(x)], odd[:Words(len(x))]
	clear(odd)
	done := splitSquaresASM(x, head, tail, odd)
	splitSquaresGo(x, head, tail, odd, done)
}

func splitSquaresGo[T Float](x []T, head, tail []float64, odd []uint64, from int) {
	for i := from; i < len(x); {
		w := i >> 6
		var word uint64
		for end := min(w<<6+64, len(x)); i < end; i++ {
			v := float64(x[i])
			if e := math.Float64bits(v) & magnitude >> 52; e-MinSquare > MaxSquare-MinSquare {
				word |= b2u(v != 0) << (uint(i) & 63)
				v = 0
			}
			head[i] = v * v
			tail[i] = math.FMA(v, v, -head[i])
		}
		odd[w] |= word // the assembly has written the bytes before i
	}
}
