package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// The assembly of these kernels does eight elements at a time, so that what is odd of them makes a byte; its
// constants come in an array.

// eights returns how many eights of n elements there are for the assembly.
func eights(n int) int {
	if level == cpu.Generic {
		return 0
	}
	return n >> 3
}

func splitFixedASM[T Float](base uint64, x []T, hi, lo, odd []uint64) int {
	n := eights(len(x))
	if n == 0 {
		return 0
	}
	room := fixedRoom(base)
	c := [...]uint64{magnitude, base << 52, room << 52, room, significand, implicit, 64}
	k := (*byte)(unsafe.Pointer(&c))
	switch wide := sizeOf[T]() == 8; {
	case level == cpu.AVX512 && wide:
		splitFixedF64AVX512(ptr(x), n, k, ptr(hi), ptr(lo), ptr(odd))
	case level == cpu.AVX512:
		splitFixedF32AVX512(ptr(x), n, k, ptr(hi), ptr(lo), ptr(odd))
	case wide:
		splitFixedF64AVX2(ptr(x), n, k, ptr(hi), ptr(lo), ptr(odd))
	default:
		splitFixedF32AVX2(ptr(x), n, k, ptr(hi), ptr(lo), ptr(odd))
	}
	return n << 3
}

func sumFixedASM[T Float](base uint64, x []T, odd []uint64) (s Sum128, done int) {
	n := eights(len(x))
	if n == 0 || base > topBase {
		return s, 0
	}
	// 1.5·2^52 in units, and in 2^midShift and 2^highShift of them.
	c := [...]uint64{magnitude, (base + fixedReach) << 52,
		(base+highShift)<<52 | 1<<51, (base+midShift)<<52 | 1<<51, base<<52 | 1<<51}
	k := (*byte)(unsafe.Pointer(&c))
	var sums [4][8]uint64
	out := (*byte)(unsafe.Pointer(&sums))
	switch wide := sizeOf[T]() == 8; {
	case level == cpu.AVX512 && wide:
		sumFixedF64AVX512(ptr(x), n, k, out, ptr(odd))
	case level == cpu.AVX512:
		sumFixedF32AVX512(ptr(x), n, k, out, ptr(odd))
	case wide:
		sumFixedF64AVX2(ptr(x), n, k, out, ptr(odd))
	default:
		sumFixedF32AVX2(ptr(x), n, k, out, ptr(odd))
	}
	// A lane of the upper three sums has the bits of the constant once for each value that it counted.
	var high, mid, low, count uint64
	for i := range 8 {
		high, mid, low, count = high+sums[0][i], mid+sums[1][i], low+sums[2][i], count+sums[3][i]
	}
	return fixedPart(high-count*c[2], highShift).Add(fixedPart(mid-count*c[3], midShift)).Add(fixedPart(low-count*c[4], 0)), n << 3
}

// fixedPart returns v·2^shift.
func fixedPart(v uint64, shift uint) Sum128 {
	s := int64(v)
	if shift >= 64 {
		return Sum128{s << (shift - 64), 0}
	}
	return Sum128{s >> 1 >> (63 - shift), v << shift}
}

func splitSquaresASM[T Float](x []T, head, tail []float64, odd []uint64) int {
	n := eights(len(x))
	if n == 0 {
		return 0
	}
	const room = MaxSquare - MinSquare + 1
	c := [...]uint64{magnitude, MinSquare << 52, room << 52, room}
	k := (*byte)(unsafe.Pointer(&c))
	switch wide := sizeOf[T]() == 8; {
	case level == cpu.AVX512 && wide:
		splitSquaresF64AVX512(ptr(x), n, k, ptr(head), ptr(tail), ptr(odd))
	case level == cpu.AVX512:
		splitSquaresF32AVX512(ptr(x), n, k, ptr(head), ptr(tail), ptr(odd))
	case wide:
		splitSquaresF64AVX2(ptr(x), n, k, ptr(head), ptr(tail), ptr(odd))
	default:
		splitSquaresF32AVX2(ptr(x), n, k, ptr(head), ptr(tail), ptr(odd))
	}
	return n << 3
}
