package kernel

import "github.com/weft-data/weft/internal/cpu"

// hashVectors returns how many whole vectors of 8-byte lanes n elements make.
func hashVectors(n int) int {
	if level == cpu.Generic {
		return 0
	}
	return n / lanes[uint64]()
}

func hash64ASM(keys, out []uint64) int {
	n := hashVectors(len(keys))
	switch {
	case n == 0:
	case level == cpu.AVX512:
		hash64AVX512(ptr(out), ptr(keys), n)
	default:
		hash64AVX2(ptr(out), ptr(keys), n)
	}
	return n * lanes[uint64]()
}

func hash32ASM(keys []uint32, out []uint64) int {
	n := hashVectors(len(keys))
	switch {
	case n == 0:
	case level == cpu.AVX512:
		hash32AVX512(ptr(out), ptr(keys), n)
	default:
		hash32AVX2(ptr(out), ptr(keys), n)
	}
	return n * lanes[uint64]()
}

func hash128ASM(keys [][2]uint64, out []uint64) int {
	n := hashVectors(len(keys))
	switch {
	case n == 0:
	case level == cpu.AVX512:
		hash128AVX512(ptr(out), ptr(keys), n)
	default:
		hash128AVX2(ptr(out), ptr(keys), n)
	}
	return n * lanes[uint64]()
}

func hashCombineASM(h, next []uint64) int {
	n := hashVectors(len(h))
	switch {
	case n == 0:
	case level == cpu.AVX512:
		hashCombineAVX512(ptr(h), ptr(next), n)
	default:
		hashCombineAVX2(ptr(h), ptr(next), n)
	}
	return n * lanes[uint64]()
}
