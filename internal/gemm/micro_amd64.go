package gemm

import (
	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/vec"
)

// kernelsASM returns the micro-kernels of the level in use, if there are any.
func kernelsASM[T vec.Float]() []micro[T] {
	for _, k := range kernels[level] {
		if m, ok := k.([]micro[T]); ok {
			return m
		}
	}
	return nil
}

var kernels = [...][]any{
	cpu.Generic: nil,
	cpu.AVX2: {
		[]micro[float64]{{4, 12, microF64AVX2x12}, {6, 8, microF64AVX2x8}},
		[]micro[float32]{{4, 24, microF32AVX2x24}, {6, 16, microF32AVX2x16}},
	},
	cpu.AVX512: {
		[]micro[float64]{{8, 24, microF64AVX512x24}, {6, 32, microF64AVX512x32}, {12, 16, microF64AVX512x16}},
		[]micro[float32]{{8, 48, microF32AVX512x48}, {6, 64, microF32AVX512x64}, {12, 32, microF32AVX512x32}},
	},
}
