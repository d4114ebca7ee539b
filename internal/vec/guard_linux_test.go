package vec

import (
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n elements that end where memory ends: a kernel that reads or writes beyond them crashes.
func guarded[T any](t testing.TB, n int) []T {
	page := syscall.Getpagesize()
	bytes := n * sizeOf[T]()
	size := (bytes + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mprotect(m[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	if n == 0 {
		return []T{}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&m[size-bytes])), n)
}
