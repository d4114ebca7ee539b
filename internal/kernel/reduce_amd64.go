package kernel

import (
	"unsafe"

	"github.com/weft-data/weft/internal/cpu"
)

func minMaxASM[T Number](x []T, valid []uint64) (r Range[T], done int) {
	k, blocks := kindOf[T](), len(x)>>6
	if level == cpu.Generic || k < kindI32 || blocks == 0 {
		return r, 0
	}
	// One vector of minima, one of maxima; both start at what any value replaces.
	var b [32]T
	l := lanes[T]()
	lo, hi := identities[T](k)
	for i := range l {
		b[i], b[l+i] = lo, hi
	}
	var nan uint64
	if valid == nil {
		nan = minMaxBlocks(k, ptr(x), blocks, ptr(b[:]))
	} else {
		nan = minMaxValidBlocks(k, ptr(x), ptr(valid), blocks, ptr(b[:]))
	}
	lo, hi = b[0], b[l]
	for i := range l {
		lo, hi = min(lo, b[i]), max(hi, b[l+i])
	}
	r.NaN = nan != 0
	if lo <= hi {
		r.Min, r.Max, r.Any = lo+0, hi+0, true // -0 + 0 is 0
	}
	return r, blocks << 6
}

// identities returns the greatest and the least value of a kind.
func identities[T Number](k kind) (lo, hi T) {
	var a, b uint64
	switch k {
	case kindI32:
		a, b = 1<<31-1, 1<<31
	case kindU32:
		a, b = 1<<32-1, 0
	case kindF32:
		a, b = 0x7f80_0000, 0xff80_0000
	case kindI64:
		a, b = 1<<63-1, 1<<63
	case kindU64:
		a, b = 1<<64-1, 0
	case kindF64:
		a, b = 0x7ff0<<48, 0xfff0<<48
	}
	return *(*T)(unsafe.Pointer(&a)), *(*T)(unsafe.Pointer(&b))
}

// sumBlocks is the number of blocks of 64 whose sum of halves fits 8-byte lanes with room to spare.
const sumBlocks = 1 << 20

func sumIntASM[T Integer](x []T, valid []uint64) (s Sum128, done int) {
	k := kindOf[T]()
	if level == cpu.Generic || k < kindI32 {
		return s, 0
	}
	for len(x) >= 64 {
		blocks := min(len(x)>>6, sumBlocks)
		var b [16]int64
		if valid == nil {
			sumIntBlocks(k, ptr(x), blocks, ptr(b[:]))
		} else {
			sumIntValidBlocks(k, ptr(x), ptr(valid), blocks, ptr(b[:]))
			valid = valid[blocks:]
		}
		s = s.Add(addLanes(k, &b))
		x, done = x[blocks<<6:], done+blocks<<6
	}
	return s, done
}

// addLanes adds the lanes of sums; of 64-bit numbers these are those of the upper and of the lower halves.
func addLanes(k kind, b *[16]int64) Sum128 {
	l := lanes[int64]()
	var hi, lo int64
	for i := range l {
		hi += b[i]
		lo += b[l+i]
	}
	if k == kindI32 || k == kindU32 {
		return Sum128{hi >> 63, uint64(hi)}
	}
	return Sum128{hi >> 32, uint64(hi) << 32}.Add(Sum128{0, uint64(lo)})
}

func minMaxBlocks(k kind, x *byte, blocks int, out *byte) uint64 {
	if level == cpu.AVX512 {
		switch k {
		case kindI32:
			return minMaxI32AVX512(x, blocks, out)
		case kindU32:
			return minMaxU32AVX512(x, blocks, out)
		case kindF32:
			return minMaxF32AVX512(x, blocks, out)
		case kindI64:
			return minMaxI64AVX512(x, blocks, out)
		case kindU64:
			return minMaxU64AVX512(x, blocks, out)
		case kindF64:
			return minMaxF64AVX512(x, blocks, out)
		}
		return 0
	}
	switch k {
	case kindI32:
		return minMaxI32AVX2(x, blocks, out)
	case kindU32:
		return minMaxU32AVX2(x, blocks, out)
	case kindF32:
		return minMaxF32AVX2(x, blocks, out)
	case kindI64:
		return minMaxI64AVX2(x, blocks, out)
	case kindU64:
		return minMaxU64AVX2(x, blocks, out)
	case kindF64:
		return minMaxF64AVX2(x, blocks, out)
	}
	return 0
}

func minMaxValidBlocks(k kind, x, valid *byte, blocks int, out *byte) uint64 {
	if level == cpu.AVX512 {
		switch k {
		case kindI32:
			return minMaxValidI32AVX512(x, valid, blocks, out)
		case kindU32:
			return minMaxValidU32AVX512(x, valid, blocks, out)
		case kindF32:
			return minMaxValidF32AVX512(x, valid, blocks, out)
		case kindI64:
			return minMaxValidI64AVX512(x, valid, blocks, out)
		case kindU64:
			return minMaxValidU64AVX512(x, valid, blocks, out)
		case kindF64:
			return minMaxValidF64AVX512(x, valid, blocks, out)
		}
		return 0
	}
	switch k {
	case kindI32:
		return minMaxValidI32AVX2(x, valid, blocks, out)
	case kindU32:
		return minMaxValidU32AVX2(x, valid, blocks, out)
	case kindF32:
		return minMaxValidF32AVX2(x, valid, blocks, out)
	case kindI64:
		return minMaxValidI64AVX2(x, valid, blocks, out)
	case kindU64:
		return minMaxValidU64AVX2(x, valid, blocks, out)
	case kindF64:
		return minMaxValidF64AVX2(x, valid, blocks, out)
	}
	return 0
}

func sumIntBlocks(k kind, x *byte, blocks int, out *byte) {
	if level == cpu.AVX512 {
		switch k {
		case kindI32:
			sumI32AVX512(x, blocks, out)
		case kindU32:
			sumU32AVX512(x, blocks, out)
		case kindI64:
			sumI64AVX512(x, blocks, out)
		case kindU64:
			sumU64AVX512(x, blocks, out)
		}
		return
	}
	switch k {
	case kindI32:
		sumI32AVX2(x, blocks, out)
	case kindU32:
		sumU32AVX2(x, blocks, out)
	case kindI64:
		sumI64AVX2(x, blocks, out)
	case kindU64:
		sumU64AVX2(x, blocks, out)
	}
}

func sumIntValidBlocks(k kind, x, valid *byte, blocks int, out *byte) {
	if level == cpu.AVX512 {
		switch k {
		case kindI32:
			sumValidI32AVX512(x, valid, blocks, out)
		case kindU32:
			sumValidU32AVX512(x, valid, blocks, out)
		case kindI64:
			sumValidI64AVX512(x, valid, blocks, out)
		case kindU64:
			sumValidU64AVX512(x, valid, blocks, out)
		}
		return
	}
	switch k {
	case kindI32:
		sumValidI32AVX2(x, valid, blocks, out)
	case kindU32:
		sumValidU32AVX2(x, valid, blocks, out)
	case kindI64:
		sumValidI64AVX2(x, valid, blocks, out)
	case kindU64:
		sumValidU64AVX2(x, valid, blocks, out)
	}
}
