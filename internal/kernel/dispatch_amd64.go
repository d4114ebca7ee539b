package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

// The functions of this file call the assembly for as many elements as it takes and say how many that were; the Go
// loop does the rest. They are switches and not tables of functions: what is passed to a function value
// escapes to the heap.

// tailWorth is the number of elements from which a last, partial block is copied to the stack to be done as a full one.
const tailWorth = 8

// ptr returns the address of the first element.
func ptr[T any](x []T) *byte { return (*byte)(unsafe.Pointer(unsafe.SliceData(x))) }

// lanes returns the number of elements of T in a vector of this level.
func lanes[T any]() int {
	if level == cpu.AVX512 {
		return int(64 / sizeOf[T]())
	}
	return int(32 / sizeOf[T]())
}

func structuralASM(buf []byte, delim, quote byte, inQuote uint64, pos []uint32) (done, k int, inQuoteOut uint64) {
	if level == cpu.Generic {
		return 0, 0, inQuote
	}
	done = len(buf) &^ 63
	if done > 0 {
		k, inQuote = structuralBlocks(ptr(buf), done>>6, delim, quote, inQuote, ptr(pos), 0)
	}
	if len(buf) == done {
		return done, k, inQuote
	}
	// The rest is done as a block filled up with a byte that means nothing.
	pad := byte(0)
	for pad == delim || pad == quote {
		pad++
	}
	var b [64]byte
	for i := copy(b[:], buf[done:]); i < 64 && pad != 0; i++ {
		b[i] = pad
	}
	c, inQuote := structuralBlocks(&b[0], 1, delim, quote, inQuote, ptr(pos[k:]), uint64(done))
	return len(buf), k + c, inQuote
}

func structuralBlocks(buf *byte, blocks int, delim, quote byte, inQuote uint64, pos *byte, base uint64) (int, uint64) {
	switch {
	case vbmi2:
		return structuralAVX512VBMI2(buf, blocks, delim, quote, inQuote, pos, base)
	case level == cpu.AVX512:
		return structuralAVX512(buf, blocks, delim, quote, inQuote, pos, base)
	}
	return structuralAVX2(buf, blocks, delim, quote, inQuote, pos, base)
}

func cmpConstASM[T Number](op CmpOp, x []T, c T, out []uint64) int {
	k := kindOf[T]()
	if level == cpu.Generic || k < kindI32 {
		return 0
	}
	n := len(x) &^ 63
	if n > 0 {
		cmpConstBlocks(k, op, ptr(x), (*byte)(unsafe.Pointer(&c)), n>>6, ptr(out))
	}
	r := len(x) - n
	if r < tailWorth {
		return n
	}
	var b [64]T
	copy(b[:], x[n:])
	cmpConstBlocks(k, op, ptr(b[:]), (*byte)(unsafe.Pointer(&c)), 1, ptr(out[n>>6:]))
	out[n>>6] &= tailMask(r)
	return len(x)
}

func cmpConstBlocks(k kind, op CmpOp, x, c *byte, blocks int, out *byte) {
	if level == cpu.AVX512 {
		switch k {
		case kindI32:
			cmpConstI32AVX512(int(op), x, c, blocks, out)
		case kindU32:
			cmpConstU32AVX512(int(op), x, c, blocks, out)
		case kindF32:
			cmpConstF32AVX512(int(op), x, c, blocks, out)
		case kindI64:
			cmpConstI64AVX512(int(op), x, c, blocks, out)
		case kindU64:
			cmpConstU64AVX512(int(op), x, c, blocks, out)
		case kindF64:
			cmpConstF64AVX512(int(op), x, c, blocks, out)
		}
		return
	}
	switch k {
	case kindI32:
		cmpConstI32AVX2(int(op), x, c, blocks, out)
	case kindU32:
		cmpConstU32AVX2(int(op), x, c, blocks, out)
	case kindF32:
		cmpConstF32AVX2(int(op), x, c, blocks, out)
	case kindI64:
		cmpConstI64AVX2(int(op), x, c, blocks, out)
	case kindU64:
		cmpConstU64AVX2(int(op), x, c, blocks, out)
	case kindF64:
		cmpConstF64AVX2(int(op), x, c, blocks, out)
	}
}

func cmpASM[T Number](op CmpOp, x, y []T, out []uint64) int {
	k := kindOf[T]()
	if level == cpu.Generic || k < kindI32 {
		return 0
	}
	n := len(x) &^ 63
	if n > 0 {
		cmpBlocks(k, op, ptr(x), ptr(y), n>>6, ptr(out))
	}
	r := len(x) - n
	if r < tailWorth {
		return n
	}
	var a, b [64]T
	copy(a[:], x[n:])
	copy(b[:], y[n:])
	cmpBlocks(k, op, ptr(a[:]), ptr(b[:]), 1, ptr(out[n>>6:]))
	out[n>>6] &= tailMask(r)
	return len(x)
}

func cmpBlocks(k kind, op CmpOp, x, y *byte, blocks int, out *byte) {
	if level == cpu.AVX512 {
		switch k {
		case kindI32:
			cmpI32AVX512(int(op), x, y, blocks, out)
		case kindU32:
			cmpU32AVX512(int(op), x, y, blocks, out)
		case kindF32:
			cmpF32AVX512(int(op), x, y, blocks, out)
		case kindI64:
			cmpI64AVX512(int(op), x, y, blocks, out)
		case kindU64:
			cmpU64AVX512(int(op), x, y, blocks, out)
		case kindF64:
			cmpF64AVX512(int(op), x, y, blocks, out)
		}
		return
	}
	switch k {
	case kindI32:
		cmpI32AVX2(int(op), x, y, blocks, out)
	case kindU32:
		cmpU32AVX2(int(op), x, y, blocks, out)
	case kindF32:
		cmpF32AVX2(int(op), x, y, blocks, out)
	case kindI64:
		cmpI64AVX2(int(op), x, y, blocks, out)
	case kindU64:
		cmpU64AVX2(int(op), x, y, blocks, out)
	case kindF64:
		cmpF64AVX2(int(op), x, y, blocks, out)
	}
}

func compressASM[T Element](dst, src []T, mask []uint64) (done, k int) {
	words := len(src) >> 6
	if level == cpu.Generic || words == 0 {
		return 0, 0
	}
	d, s, m, size := ptr(dst), ptr(src), ptr(mask), sizeOf[T]()
	switch {
	case size == 4 && level == cpu.AVX512:
		return compress32AVX512VL(d, len(dst), s, m, words)
	case size == 8 && level == cpu.AVX512:
		return compress64AVX512VL(d, len(dst), s, m, words)
	case size == 4:
		return compress32AVX2(d, len(dst), s, m, words)
	case size == 8:
		return compress64AVX2(d, len(dst), s, m, words)
	case size == 1 && vbmi2:
		return compress8AVX512(d, len(dst), s, m, words)
	case size == 2 && vbmi2:
		return compress16AVX512(d, len(dst), s, m, words)
	}
	return 0, 0
}

func maskToIndexASM(mask []uint64, n int, out []uint32) (done, k int) {
	words := n >> 6
	switch {
	case words == 0:
	case vbmi2:
		return maskToIndexAVX512VBMI2(ptr(out), len(out), ptr(mask), words)
	case level != cpu.Generic:
		return maskToIndexAVX2(ptr(out), len(out), ptr(mask), words)
	}
	return 0, 0
}

func compressBitsASM(dst, src, mask []uint64) (done, k int, acc uint64, fill uint) {
	if level == cpu.Generic || len(src) == 0 || len(dst) < len(src) {
		return 0, 0, 0, 0
	}
	k, acc, f := compressBitsBMI2(ptr(dst), ptr(src), ptr(mask), len(src))
	return len(src), k, acc, uint(f)
}
