//go:build linux || darwin || freebsd || netbsd || openbsd

package whole

import (
	"os"

	"golang.org/x/sys/unix"
)

// Lock waits until no other program has a folder locked, and locks it until unlock is called or the program is gone. Where the
// file system has no locks it does nothing.
func Lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
	}
	return func() { _ = f.Close() }, nil
}
