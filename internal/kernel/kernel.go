// Package kernel holds the innermost loops of the house: flat loops over slices of values, bitmaps and bytes.
//
// Every kernel is first a plain Go loop, which is its documentation, the oracle of its tests and the code
// that runs where there is no assembly. On amd64 the loops that matter also exist in AVX2 and AVX-512, written
// by the generator in the nested module asm; the level is that of package cpu. All levels give equal results,
// bit for bit, except for the payload of a NaN that arithmetic makes.
//
// Conventions, for all functions:
//   - A bitmap is a []uint64; bit i&63 of word i>>6 belongs to element i. A bitmap of n elements has Words(n)
//     words; a kernel that writes one writes exactly these words and zeroes the bits beyond n. A kernel that
//     reads one ignores the bits beyond n, unless it says otherwise.
//   - A validity bitmap has a set bit where the element is not null; nil stands for all valid.
//   - Nothing is allocated and nothing is kept. Destinations may be longer than needed; what lies beyond the
//     result is untouched unless the function says otherwise. A destination may be the very slice of a source (same first
//     element) where the function says so, and must not overlap it otherwise.
//   - Lengths that do not fit are a bug of the caller and panic as an index out of range does.
//   - Assembly cannot be preempted: call with blocks of at most about 64 Ki elements.
package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// Float is a floating-point element.
type Float interface{ ~float32 | ~float64 }

// Integer is an integer element.
type Integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Number is an element that the comparing and reducing kernels take.
type Number interface{ Integer | Float }

// level and vbmi2 choose the code; tests change them.
var (
	level = cpu.ISA()
	vbmi2 = cpu.VBMI2()
)

// Words returns the number of words of a bitmap of n elements.
func Words(n int) int { return (n + 63) >> 6 }

// tailMask returns the bits that n elements use in the last word of their bitmap: all of them if n is a
// multiple of 64.
func tailMask(n int) uint64 { return ^uint64(0) >> (-uint(n) & 63) }

// kind tells element types apart by representation, so that named types take the same road as the plain ones.
type kind uint8

const (
	kindI8 kind = iota
	kindU8
	kindI16
	kindU16
	kindI32
	kindU32
	kindF32
	kindI64
	kindU64
	kindF64
)

func kindOf[T Number]() kind {
	var z T
	float, signed := T(1)/T(2) != 0, z-1 < z
	switch unsafe.Sizeof(z) {
	case 1:
		return pick(float, signed, kindU8, kindI8, kindI8)
	case 2:
		return pick(float, signed, kindU16, kindI16, kindI16)
	case 4:
		return pick(float, signed, kindU32, kindI32, kindF32)
	}
	return pick(float, signed, kindU64, kindI64, kindF64)
}

func pick(float, signed bool, u, i, f kind) kind {
	if float {
		return f
	}
	if signed {
		return i
	}
	return u
}

// b2u turns a condition into a bit without a branch.
func b2u(b bool) uint64 {
	var u uint64
	if b {
		u = 1
	}
	return u
}

// bit returns bit i of a bitmap; nil means all set.
func bit(mask []uint64, i int) bool { return mask == nil || mask[i>>6]>>(uint(i)&63)&1 != 0 }
