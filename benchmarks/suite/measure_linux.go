package suite

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// forget has the system let go of what it has of a file in memory, which must be on the disk.
func forget(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
}

// timeOf is the time the threads of another process have run, by the clock that each
// process has: what /proc says is in hundredths of a second, in which short work is lost.
func timeOf(pid int) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
