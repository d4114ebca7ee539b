//go:build unix

package cluster

import (
	"errors"
	"os"
	"syscall"
)

// shareFile makes a file of n zeros and maps it.
func shareFile(path string, n int) (mem []byte, drop func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err = f.Truncate(int64(n)); err == nil {
		mem, err = syscall.Mmap(int(f.Fd()), 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, err
	}
	return mem, func() error { return syscall.Munmap(mem) }, nil
}
