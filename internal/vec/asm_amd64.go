package vec

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// The functions of this file find the assembly for the level in use, or nil. The tables are written by the generator.

// find returns the functions of type F of the level in use, by operation. Types of functions hold those of the elements,
// so at most one table has them.
func find[F any](tables []any) []F {
	for _, t := range tables {
		if levels, ok := t.([][]F); ok {
			return at(levels, level)
		}
	}
	return nil
}

func binaryASM[T Elem](op BinaryOp) func(dst, x, y []T) {
	return at(find[func(dst, x, y []T)](binaryTables), op)
}

func rightASM[T Elem](op BinaryOp) func(dst, x []T, c T) {
	return at(find[func(dst, x []T, c T)](rightTables), op)
}

func leftASM[T Elem](op BinaryOp) func(dst, x []T, c T) {
	return at(find[func(dst, x []T, c T)](leftTables), op)
}

func unaryASM[T Elem](op UnaryOp) func(dst, x []T) {
	return at(find[func(dst, x []T)](unaryTables), op)
}

// rangedASM returns functions that stop before the first vector with an element out of their range and say how many they
// have done.
func rangedASM[T Elem](op UnaryOp) func(dst, x []T) int {
	return at(find[func(dst, x []T) int](rangedTables), op)
}

func rangedBinaryASM[T Elem](op BinaryOp) func(dst, x, y []T) int {
	return at(find[func(dst, x, y []T) int](rangedBinaryTables), op)
}

func rangedRightASM[T Elem](op BinaryOp) func(dst, x []T, c T) int {
	return at(find[func(dst, x []T, c T) int](rangedRightTables), op)
}

func rangedLeftASM[T Elem](op BinaryOp) func(dst, x []T, c T) int {
	return at(find[func(dst, x []T, c T) int](rangedLeftTables), op)
}

func fmaASM[T Float]() func(dst, x, y, z []T) {
	return at(find[func(dst, x, y, z []T)](fmaTables), uint8(0))
}

func addScaledASM[T Float]() func(dst, x []T, c T) {
	return at(find[func(dst, x []T, c T)](addScaledTables), uint8(0))
}

func compareASM[T Elem](op CompareOp) func(dst []uint8, x, y []T) {
	return at(find[func(dst []uint8, x, y []T)](compareTables), op)
}

func compareRightASM[T Elem](op CompareOp) func(dst []uint8, x []T, c T) {
	return at(find[func(dst []uint8, x []T, c T)](compareRightTables), op)
}

func testASM[T Elem](op TestOp) func(dst []uint8, x []T) {
	return at(find[func(dst []uint8, x []T)](testTables), op)
}

// whereASM goes by size: bits are moved, whatever they mean.
func whereASM[T Elem]() func(dst []T, mask []uint8, x, y []T) {
	switch sizeOf[T]() {
	case 4:
		f := at(find[func(dst []float32, mask []uint8, x, y []float32)](whereTables), uint8(0))
		return *(*func(dst []T, mask []uint8, x, y []T))(unsafe.Pointer(&f))
	case 8:
		f := at(find[func(dst []float64, mask []uint8, x, y []float64)](whereTables), uint8(0))
		return *(*func(dst []T, mask []uint8, x, y []T))(unsafe.Pointer(&f))
	}
	return nil
}

func castASM[D, S Elem]() func(dst []D, src []S) {
	return at(find[func(dst []D, src []S)](castTables), uint8(0))
}

func reduceASM[T Elem](op ReduceOp) func(x []T) T {
	return at(find[func(x []T) T](reduceTables), op)
}

func dotASM[T Elem]() func(x, y []T) T {
	return at(find[func(x, y []T) T](dotTables), uint8(0))
}

func sumOfOneASM(op UnaryOp) func(x []float64) float64 {
	return at(find[func(x []float64) float64](sumsOfOneTables), op)
}

func sumOfTwoASM(op BinaryOp) func(x, y []float64) float64 {
	return at(find[func(x, y []float64) float64](sumsOfTwoTables), op)
}

func deviationsASM[T Float]() func(x []T, c T) T {
	return at(find[func(x []T, c T) T](deviationsTables), uint8(0))
}

func columnSumsASM[T Float]() func(dst, x []T, rows, stride int) {
	return at(find[func(dst, x []T, rows, stride int)](columnSumsTables), uint8(0))
}

func columnMomentsASM() func(mean, m2, x []float64, rows, stride int, n float64) {
	return at(find[func(mean, m2, x []float64, rows, stride int, n float64)](columnMomentsTables), uint8(0))
}

func rowSumsASM() func(dst, x []float64, stride, n, ahead int) {
	return at(find[func(dst, x []float64, stride, n, ahead int)](rowSumsTables), uint8(0))
}

func rowDeviationsASM() func(dst, mean, x []float64, stride, n, ahead int) {
	return at(find[func(dst, mean, x []float64, stride, n, ahead int)](rowDeviationsTables), uint8(0))
}

func copyRowsASM() func(dst, src []uint8, lines, rows, stride, ahead int) {
	return at(find[func(dst, src []uint8, lines, rows, stride, ahead int)](copyRowsTables), uint8(0))
}

// tileASM goes by size, as whereASM.
func tileASM[T any]() *tileKernel[T] {
	switch {
	case sizeOf[T]() == 4 && level != cpu.Generic:
		return (*tileKernel[T])(unsafe.Pointer(&tile32AVX2))
	case sizeOf[T]() == 8 && level == cpu.AVX512:
		return (*tileKernel[T])(unsafe.Pointer(&tile64AVX512))
	case sizeOf[T]() == 8 && level == cpu.AVX2:
		return (*tileKernel[T])(unsafe.Pointer(&tile64AVX2))
	}
	return nil
}

var (
	tile32AVX2   = tileKernel[uint32]{8, transpose8x8x32AVX2}
	tile64AVX2   = tileKernel[uint64]{4, transpose4x4x64AVX2}
	tile64AVX512 = tileKernel[uint64]{8, transpose8x8x64AVX512}
)
