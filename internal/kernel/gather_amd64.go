package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// gatherASM looks up in sources of at most 128 elements of 4 bytes, or 32 of 8. A turn is four vectors. It has done nothing
// when an index is out of range: the loop in Go says so.
func gatherASM[T Element](dst, src []T, idx []uint32) int {
	size, most := int(sizeOf[T]()), 128
	switch size {
	case 4:
	case 8:
		most = 32
	default:
		return 0
	}
	turns := len(idx) / (256 / size)
	if level != cpu.AVX512 || turns == 0 || len(src) > most || len(src) == 0 {
		return 0
	}
	var table [512]byte // full registers are read
	copy(table[:], unsafe.Slice(ptr(src), len(src)*size))
	d, t, x, limit := ptr(dst), &table[0], ptr(idx), len(src)
	over := uint16(0)
	switch used := len(src) * size; {
	case size == 4 && used <= 64:
		over = gather32x1AVX512(d, t, x, turns, limit)
	case size == 4 && used <= 128:
		over = gather32x2AVX512(d, t, x, turns, limit)
	case size == 4 && used <= 256:
		over = gather32x4AVX512(d, t, x, turns, limit)
	case size == 4:
		over = gather32x8AVX512(d, t, x, turns, limit)
	case used <= 64:
		over = gather64x1AVX512(d, t, x, turns, limit)
	case used <= 128:
		over = gather64x2AVX512(d, t, x, turns, limit)
	default:
		over = gather64x4AVX512(d, t, x, turns, limit)
	}
	if over != 0 {
		return 0
	}
	return turns * 256 / size
}
