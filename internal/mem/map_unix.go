//go:build linux || darwin

package mem

import "golang.org/x/sys/unix"

// mapSlab maps n bytes outside the garbage-collected heap, so that the
// collector's pacing never doubles what the budget allows.
func mapSlab(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err == nil && n >= 2<<20 {
		advise(b)
	}
	return b, err
}

func unmapSlab(b []byte) { _ = unix.Munmap(b) }
