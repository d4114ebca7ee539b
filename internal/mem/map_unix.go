//go:build linux || darwin

package mem

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A slab below a huge page is cut from an arena, so that those that follow one another lie in huge pages as well: what works
// on many small buffers misses fewer translations, and the system copies from them to other processes with fewer locks. The address
// space of what was cut is not used again.
var arena struct {
	sync.Mutex
	rest []byte
}

const (
	hugePage   = 2 << 20
	arenaBytes = 16 * hugePage
)

// mapSlab maps n bytes outside the garbage-collected heap, so that the
// collector's pacing never doubles what the budget allows.
func mapSlab(n int) ([]byte, error) {
	if n >= hugePage {
		return reserve(n)
	}
	arena.Lock()
	defer arena.Unlock()
	full := pages(n)
	if len(arena.rest) < full {
		b, err := reserve(arenaBytes + hugePage)
		if err != nil {
			return nil, err
		}
		unmapSlab(arena.rest)
		arena.rest = b[-Address(b)&(hugePage-1):]
	}
	b := arena.rest[:n:n]
	arena.rest = arena.rest[full:]
	return b, nil
}

// reserve maps n bytes, which are in huge pages when they are touched, where the system has that.
func reserve(n int) ([]byte, error) {
	at, err := unix.MmapPtr(-1, 0, nil, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	b := unsafe.Slice((*byte)(at), n)
	advise(b)
	return b, nil
}

// pages rounds n up to whole pages.
func pages(n int) int {
	page := os.Getpagesize()
	return (n + page - 1) &^ (page - 1)
}

func unmapSlab(b []byte) {
	if len(b) > 0 {
		_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(pages(len(b))))
	}
}
