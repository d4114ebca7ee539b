// Package vec holds the kernels of array programs: flat loops over strips of numbers.
//
// A program asks once for the functions it needs, by operation and element type (Binary, Unary, Compare, Cast, ...), and
// then calls them for every strip. What it gets are plain functions of slices: a call costs about 2 ns, allocates
// nothing and keeps nothing.
//
// Every kernel is first a plain Go loop, which is its documentation, the oracle of its tests and the code that runs where
// there is no assembly. On amd64 the loops that matter also exist in AVX2 and AVX-512, written by the generator in the
// nested module asm; the level is that of package cpu. All levels give equal results, bit for bit, but for the payload of
// NaNs. Where that needs a fixed order of additions, the function says which.
//
// Conventions, for all functions:
//   - The number of elements is the length of the shortest slice. What lies beyond it is untouched.
//   - A destination may be the very slice of a source (same first element, same element size), and must not overlap it
//     otherwise.
//   - A mask is a []uint8 of zeros and ones, the representation of a []bool. Functions that read masks take any byte
//     but zero for true, unless they say otherwise; functions that write them write ones.
//   - Integers wrap, as Go's do. What has no value is still defined: x/0 and x%0 of integers are 0, and floats
//     that do not fit an integer type are converted as Cast says.
//   - Assembly cannot be preempted: call with at most about 64 Ki elements.
package vec

//go:generate go -C ../asm run .

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// Float is a floating-point element.
type Float interface{ float32 | float64 }

// Signed is a signed integer element.
type Signed interface{ int8 | int16 | int32 | int64 }

// Integer is an integer element.
type Integer interface {
	Signed | uint8 | uint16 | uint32 | uint64
}

// Number is a real element: one with an order.
type Number interface{ Integer | Float }

// Complex is a complex element.
type Complex interface{ complex64 | complex128 }

// Elem is any element that can be calculated with.
type Elem interface{ Number | Complex }

// level chooses the code; tests change it.
var level = cpu.ISA()

// as gives a function found under its concrete type the type that the caller's type parameter spells. The two are the
// same wherever it is called; if not, there is no such function.
func as[F any](f any) F {
	g, _ := f.(F)
	return g
}

// sizeOf returns the bytes of an element.
func sizeOf[T any]() int {
	var z T
	return int(unsafe.Sizeof(z))
}

// isFloat reports whether T is float32 or float64.
func isFloat[T Number]() bool { return T(1)/2 != 0 }

// isSigned reports whether T has negative values.
func isSigned[T Number]() bool { var z T; return z-1 < z }

// at returns the function of an operation in a table, or nil.
func at[Op ~uint8, F any](table []F, op Op) F {
	if int(op) < len(table) {
		return table[op]
	}
	var none F
	return none
}

// bit turns a condition into a mask element without a branch.
func bit(b bool) uint8 {
	var u uint8
	if b {
		u = 1
	}
	return u
}
