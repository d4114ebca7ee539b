package gemm

import (
	"github.com/weft-data/weft/internal/cpu"
	"github.com/weft-data/weft/internal/vec"
)

// kernelASM returns the micro-kernel of the level in use, or nil.
func kernelASM[T vec.Float]() *micro[T] {
	for _, k := range kernels[level] {
		if m, ok := k.(*micro[T]); ok {
			return m
		}
	}
	return nil
}

var kernels = [...][]any{
	cpu.Generic: nil,
	cpu.AVX2:    {&micro[float64]{4, 12, microF64AVX2}, &micro[float32]{4, 24, microF32AVX2}},
	cpu.AVX512:  {&micro[float64]{8, 24, microF64AVX512}, &micro[float32]{8, 48, microF32AVX512}},
}
