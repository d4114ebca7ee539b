package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// peakBytes is the largest resident size the process has had (VmHWM).
func peakBytes() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}

// defaultBudget is half of what the container or the machine has.
func defaultBudget() int64 {
	if n, err := memlimit.FromCgroup(); err == nil && n > 0 && n < 1<<50 {
		return int64(n / 2)
	}
	if n, err := memlimit.FromSystem(); err == nil && n > 0 {
		return int64(n / 2)
	}
	return 2 << 30
}
