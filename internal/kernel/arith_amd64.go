package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

func bitwiseASM(op bitwiseOp, dst, x, y []uint64) int {
	if level == cpu.Generic {
		return 0
	}
	n := len(x) / lanes[uint64]()
	if n == 0 {
		return 0
	}
	done := n * lanes[uint64]()
	d, a, b := ptr(dst), ptr(x), ptr(y)
	wide := level == cpu.AVX512
	switch {
	case op == bitAnd && wide:
		andBitsAVX512(d, a, b, n)
	case op == bitAnd:
		andBitsAVX2(d, a, b, n)
	case op == bitOr && wide:
		orBitsAVX512(d, a, b, n)
	case op == bitOr:
		orBitsAVX2(d, a, b, n)
	case op == bitXor && wide:
		xorBitsAVX512(d, a, b, n)
	case op == bitXor:
		xorBitsAVX2(d, a, b, n)
	case wide:
		andNotBitsAVX512(d, a, b, n)
	default:
		andNotBitsAVX2(d, a, b, n)
	}
	return done
}

// arithForm says which operands are vectors.
type arithForm uint8

const (
	formVector arithForm = iota // x op y
	formConst                   // x op c
	formLeft                    // c op x
)

func arithASM[T Float](op ArithOp, dst, x, y []T) int {
	return arithVectors(op, formVector, dst, x, ptr(y))
}

func arithConstASM[T Float](op ArithOp, dst, x []T, c T) int {
	return arithVectors(op, formConst, dst, x, (*byte)(unsafe.Pointer(&c)))
}

func constArithASM[T Float](op ArithOp, dst []T, c T, x []T) int {
	return arithVectors(op, formLeft, dst, x, (*byte)(unsafe.Pointer(&c)))
}

func arithVectors[T Float](op ArithOp, form arithForm, dst, x []T, y *byte) int {
	if level == cpu.Generic || op > Div {
		return 0
	}
	l := lanes[T]()
	n := len(x) / l
	if n == 0 {
		return 0
	}
	d, a := ptr(dst), ptr(x)
	switch {
	case sizeOf[T]() == 4 && level == cpu.AVX512:
		arithF32AVX512(op, form, d, a, y, n)
	case sizeOf[T]() == 4:
		arithF32AVX2(op, form, d, a, y, n)
	case level == cpu.AVX512:
		arithF64AVX512(op, form, d, a, y, n)
	default:
		arithF64AVX2(op, form, d, a, y, n)
	}
	return n * l
}

// arithCase joins operation and form, to switch on.
func arithCase(op ArithOp, form arithForm) int { return int(op)*3 + int(form) }

const (
	addVector = iota
	addConst
	_
	subVector
	subConst
	subLeft
	mulVector
	mulConst
	_
	divVector
	divConst
	divLeft
)

func arithF32AVX512(op ArithOp, form arithForm, d, x, y *byte, n int) {
	switch arithCase(op, form) {
	case addVector:
		addF32AVX512(d, x, y, n)
	case addConst:
		addConstF32AVX512(d, x, y, n)
	case subVector:
		subF32AVX512(d, x, y, n)
	case subConst:
		subConstF32AVX512(d, x, y, n)
	case subLeft:
		subLeftF32AVX512(d, x, y, n)
	case mulVector:
		mulF32AVX512(d, x, y, n)
	case mulConst:
		mulConstF32AVX512(d, x, y, n)
	case divVector:
		divF32AVX512(d, x, y, n)
	case divConst:
		divConstF32AVX512(d, x, y, n)
	case divLeft:
		divLeftF32AVX512(d, x, y, n)
	}
}

func arithF32AVX2(op ArithOp, form arithForm, d, x, y *byte, n int) {
	switch arithCase(op, form) {
	case addVector:
		addF32AVX2(d, x, y, n)
	case addConst:
		addConstF32AVX2(d, x, y, n)
	case subVector:
		subF32AVX2(d, x, y, n)
	case subConst:
		subConstF32AVX2(d, x, y, n)
	case subLeft:
		subLeftF32AVX2(d, x, y, n)
	case mulVector:
		mulF32AVX2(d, x, y, n)
	case mulConst:
		mulConstF32AVX2(d, x, y, n)
	case divVector:
		divF32AVX2(d, x, y, n)
	case divConst:
		divConstF32AVX2(d, x, y, n)
	case divLeft:
		divLeftF32AVX2(d, x, y, n)
	}
}

func arithF64AVX512(op ArithOp, form arithForm, d, x, y *byte, n int) {
	switch arithCase(op, form) {
	case addVector:
		addF64AVX512(d, x, y, n)
	case addConst:
		addConstF64AVX512(d, x, y, n)
	case subVector:
		subF64AVX512(d, x, y, n)
	case subConst:
		subConstF64AVX512(d, x, y, n)
	case subLeft:
		subLeftF64AVX512(d, x, y, n)
	case mulVector:
		mulF64AVX512(d, x, y, n)
	case mulConst:
		mulConstF64AVX512(d, x, y, n)
	case divVector:
		divF64AVX512(d, x, y, n)
	case divConst:
		divConstF64AVX512(d, x, y, n)
	case divLeft:
		divLeftF64AVX512(d, x, y, n)
	}
}

func arithF64AVX2(op ArithOp, form arithForm, d, x, y *byte, n int) {
	switch arithCase(op, form) {
	case addVector:
		addF64AVX2(d, x, y, n)
	case addConst:
		addConstF64AVX2(d, x, y, n)
	case subVector:
		subF64AVX2(d, x, y, n)
	case subConst:
		subConstF64AVX2(d, x, y, n)
	case subLeft:
		subLeftF64AVX2(d, x, y, n)
	case mulVector:
		mulF64AVX2(d, x, y, n)
	case mulConst:
		mulConstF64AVX2(d, x, y, n)
	case divVector:
		divF64AVX2(d, x, y, n)
	case divConst:
		divConstF64AVX2(d, x, y, n)
	case divLeft:
		divLeftF64AVX2(d, x, y, n)
	}
}
