//go:build !linux

package gemm

import (
	"testing"
	"time"
)

var began = time.Now()

// cpuTime returns nanoseconds of the clock; only on Linux those of the processor.
func cpuTime() int64 { return int64(time.Since(began)) }

// hugePages returns n elements.
func hugePages[T any](_ *testing.B, n int) []T { return make([]T, n) }
