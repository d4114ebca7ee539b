//go:build !linux

package linalg

import (
	"time"
)

var began = time.Now()

// cpuTime returns nanoseconds of the clock; only on Linux those of the processor.
func cpuTime() int64 { return int64(time.Since(began)) }
