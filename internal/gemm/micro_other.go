//go:build !amd64

package gemm

import "github.com/weft-data/weft/internal/vec"

// kernelsASM says that there is no assembly.
func kernelsASM[T vec.Float]() []micro[T] { return nil }
