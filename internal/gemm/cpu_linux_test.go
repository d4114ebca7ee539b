package gemm

import (
	"syscall"
	"testing"
	"unsafe"
)

// cpuTime returns the nanoseconds that all threads of the process have run.
func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// hugePages returns n elements in huge pages, as the pool of the house gives them.
func hugePages[T any](b *testing.B, n int) []T {
	var z T
	m, err := syscall.Mmap(-1, 0, n*int(unsafe.Sizeof(z)), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = syscall.Munmap(m) })
	_ = syscall.Madvise(m, 14) // MADV_HUGEPAGE
	return unsafe.Slice((*T)(unsafe.Pointer(&m[0])), n)
}
