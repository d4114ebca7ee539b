package strip

import "unsafe"

// prefetch asks for lines of 64 bytes; addresses need not be valid.
//
//go:noescape
func prefetch(p *byte, lines int)

// Prefetch asks the memory for bytes that will be read soon. It reads nothing.
func Prefetch(b []byte) {
	if n := len(b); n > 0 {
		prefetch(unsafe.SliceData(b), (n+63)>>6)
	}
}
