package whole

import (
	"os"

	"golang.org/x/sys/unix"
)

// send asks the system to write n bytes from at on to the disk, and does not wait for it. It is a hint: whether they
// are there is what Sync says.
func send(f *os.File, at, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, n, unix.SYNC_FILE_RANGE_WRITE)
}
