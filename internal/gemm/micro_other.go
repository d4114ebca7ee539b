//go:build !amd64

package gemm

import "github.com/weft-data/weft/internal/vec"

// kernelASM says that there is no assembly.
func kernelASM[T vec.Float]() *micro[T] { return nil }
