//go:build unix

package suite

import (
	"syscall"
	"time"
)

// cpuTime is the time the threads of this process have run.
func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
