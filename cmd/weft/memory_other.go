//go:build !linux

package main

import (
	"runtime"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// peakBytes is what the process has obtained from the system: an upper bound of
// its resident size on systems that do not tell the highest one.
func peakBytes() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

// defaultBudget is half of the machine's memory.
func defaultBudget() int64 {
	if n, err := memlimit.FromSystem(); err == nil && n > 0 {
		return int64(n / 2)
	}
	return 2 << 30
}
