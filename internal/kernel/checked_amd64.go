package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

func checkedASM[T CheckedInt](op ArithOp, dst, x, y []T) int {
	return checkedVectors(op, formVector, dst, x, ptr(y))
}

func checkedConstASM[T CheckedInt](op ArithOp, dst, x []T, c T, left bool) int {
	if left {
		return checkedVectors(op, formLeft, dst, x, (*byte)(unsafe.Pointer(&c)))
	}
	return checkedVectors(op, formConst, dst, x, (*byte)(unsafe.Pointer(&c)))
}

func checkedVectors[T CheckedInt](op ArithOp, form arithForm, dst, x []T, y *byte) int {
	d, a, n, c := ptr(dst), ptr(x), len(x), arithCase(op, form)
	switch {
	case level == cpu.Generic:
		return 0
	case sizeOf[T]() == 4 && level == cpu.AVX512:
		return checkedI32AVX512(c, d, a, y, n)
	case sizeOf[T]() == 4:
		return checkedI32AVX2(c, d, a, y, n)
	case level == cpu.AVX512:
		return checkedI64AVX512(c, d, a, y, n)
	}
	return checkedI64AVX2(c, d, a, y, n)
}

func checkedI32AVX512(which int, d, x, y *byte, n int) int {
	switch which {
	case addVector:
		return checkedAddI32AVX512(d, x, y, n)
	case addConst:
		return checkedAddConstI32AVX512(d, x, y, n)
	case subVector:
		return checkedSubI32AVX512(d, x, y, n)
	case subConst:
		return checkedSubConstI32AVX512(d, x, y, n)
	case subLeft:
		return checkedSubLeftI32AVX512(d, x, y, n)
	case mulVector:
		return checkedMulI32AVX512(d, x, y, n)
	case mulConst:
		return checkedMulConstI32AVX512(d, x, y, n)
	}
	return 0
}

func checkedI32AVX2(which int, d, x, y *byte, n int) int {
	switch which {
	case addVector:
		return checkedAddI32AVX2(d, x, y, n)
	case addConst:
		return checkedAddConstI32AVX2(d, x, y, n)
	case subVector:
		return checkedSubI32AVX2(d, x, y, n)
	case subConst:
		return checkedSubConstI32AVX2(d, x, y, n)
	case subLeft:
		return checkedSubLeftI32AVX2(d, x, y, n)
	case mulVector:
		return checkedMulI32AVX2(d, x, y, n)
	case mulConst:
		return checkedMulConstI32AVX2(d, x, y, n)
	}
	return 0
}

func checkedI64AVX512(which int, d, x, y *byte, n int) int {
	switch which {
	case addVector:
		return checkedAddI64AVX512(d, x, y, n)
	case addConst:
		return checkedAddConstI64AVX512(d, x, y, n)
	case subVector:
		return checkedSubI64AVX512(d, x, y, n)
	case subConst:
		return checkedSubConstI64AVX512(d, x, y, n)
	case subLeft:
		return checkedSubLeftI64AVX512(d, x, y, n)
	case mulVector:
		return checkedMulI64AVX512(d, x, y, n)
	case mulConst:
		return checkedMulConstI64AVX512(d, x, y, n)
	}
	return 0
}

func checkedI64AVX2(which int, d, x, y *byte, n int) int {
	switch which {
	case addVector:
		return checkedAddI64AVX2(d, x, y, n)
	case addConst:
		return checkedAddConstI64AVX2(d, x, y, n)
	case subVector:
		return checkedSubI64AVX2(d, x, y, n)
	case subConst:
		return checkedSubConstI64AVX2(d, x, y, n)
	case subLeft:
		return checkedSubLeftI64AVX2(d, x, y, n)
	case mulVector:
		return checkedMulI64AVX2(d, x, y, n)
	case mulConst:
		return checkedMulConstI64AVX2(d, x, y, n)
	}
	return 0
}
