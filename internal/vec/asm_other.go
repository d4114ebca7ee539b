//go:build !amd64

package vec

// Without assembly every kernel is its Go loop: the functions below say that there is no other.

func binaryASM[T Elem](op BinaryOp) func(dst, x, y []T) { return nil }

func rightASM[T Elem](op BinaryOp) func(dst, x []T, c T) { return nil }

func leftASM[T Elem](op BinaryOp) func(dst, x []T, c T) { return nil }

func unaryASM[T Elem](op UnaryOp) func(dst, x []T) { return nil }

func rangedASM[T Elem](op UnaryOp) func(dst, x []T) int { return nil }

func rangedBinaryASM[T Elem](op BinaryOp) func(dst, x, y []T) int { return nil }

func rangedRightASM[T Elem](op BinaryOp) func(dst, x []T, c T) int { return nil }

func rangedLeftASM[T Elem](op BinaryOp) func(dst, x []T, c T) int { return nil }

func fmaASM[T Float]() func(dst, x, y, z []T) { return nil }

func addScaledASM[T Float]() func(dst, x []T, c T) { return nil }

func compareASM[T Elem](op CompareOp) func(dst []uint8, x, y []T) { return nil }

func compareRightASM[T Elem](op CompareOp) func(dst []uint8, x []T, c T) { return nil }

func testASM[T Elem](op TestOp) func(dst []uint8, x []T) { return nil }

func whereASM[T Elem]() func(dst []T, mask []uint8, x, y []T) { return nil }

func castASM[D, S Elem]() func(dst []D, src []S) { return nil }

func reduceASM[T Elem](op ReduceOp) func(x []T) T { return nil }

func dotASM[T Elem]() func(x, y []T) T { return nil }

func sumOfOneASM(op UnaryOp) func(x []float64) float64 { return nil }

func sumOfTwoASM(op BinaryOp) func(x, y []float64) float64 { return nil }

func deviationsASM[T Float]() func(x []T, c T) T { return nil }

func columnSumsASM[T Float]() func(dst, x []T, rows, stride int) { return nil }

func columnMomentsASM() func(mean, m2, x []float64, rows, stride int, n float64) { return nil }

func rowSumsASM() func(dst, x []float64, stride, n, ahead int) { return nil }

func rowDeviationsASM() func(dst, mean, x []float64, stride, n, ahead int) { return nil }

func copyRowsASM() func(dst, src []uint8, lines, rows, stride, ahead int) { return nil }

func tileASM[T any]() *tileKernel[T] { return nil }
