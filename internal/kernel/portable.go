//go:build !amd64

package kernel

// Without assembly every kernel is its Go loop: the functions below say that they have done nothing.

func bitwiseASM(op bitwiseOp, dst, x, y []uint64) int { return 0 }

func cmpConstASM[T Number](op CmpOp, x []T, c T, out []uint64) int { return 0 }

func cmpASM[T Number](op CmpOp, x, y []T, out []uint64) int { return 0 }

func compressASM[T Element](dst, src []T, mask []uint64) (words, k int) { return 0, 0 }

func maskToIndexASM(mask []uint64, n int, out []uint32) (words, k int) { return 0, 0 }

func compressBitsASM(dst, src, mask []uint64) (done, k int, acc uint64, fill uint) { return 0, 0, 0, 0 }

func hash64ASM(keys, out []uint64) int { return 0 }

func hash32ASM(keys []uint32, out []uint64) int { return 0 }

func hash128ASM(keys [][2]uint64, out []uint64) int { return 0 }

func hashCombineASM(h, next []uint64) int { return 0 }

func minMaxASM[T Number](x []T, valid []uint64) (r Range[T], done int) { return r, 0 }

func sumIntASM[T Integer](x []T, valid []uint64) (s Sum128, done int) { return s, 0 }

func arithASM[T Float](op ArithOp, dst, x, y []T) int { return 0 }

func arithConstASM[T Float](op ArithOp, dst, x []T, c T) int { return 0 }

func constArithASM[T Float](op ArithOp, dst []T, c T, x []T) int { return 0 }

func checkedASM[T CheckedInt](op ArithOp, dst, x, y []T) int { return 0 }

func checkedConstASM[T CheckedInt](op ArithOp, dst, x []T, c T, left bool) int { return 0 }

func structuralASM(buf []byte, delim, quote byte, inQuote uint64, pos []uint32) (done, k int, inQuoteOut uint64) {
	return 0, 0, inQuote
}

func splitFixedASM[T Float](base uint64, x []T, hi, lo, odd []uint64) int { return 0 }

func sumFixedASM[T Float](base uint64, x []T, odd []uint64) (s Sum128, done int) { return s, 0 }

func splitSquaresASM[T Float](x []T, head, tail []float64, odd []uint64) int { return 0 }

func unpackASM(dst []uint32, src []byte, width uint) int { return 0 }

func gatherASM[T Element](dst, src []T, idx []uint32) int { return 0 }

func textKeysASM(str []byte, off []int32, out [][2]uint64) int { return 0 }

func firstSlotsASM(keys [][2]uint64, hash []uint64, slots []uint32, table [][2]uint64, codes, other []uint32) (int, bool) {
	return 0, false
}
