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

// prefetchRows asks for the lines of rows of so many bytes; addresses need not be valid.
//
//go:noescape
func prefetchRows(p *byte, stride, rows, bytes int)

// PrefetchRows asks the memory for rows of so many bytes, stride bytes apart, of which the
// first begins with b. It reads nothing, and they need not be there.
func PrefetchRows(b []byte, stride, rows, bytes int) {
	if rows > 0 && bytes > 0 {
		prefetchRows(unsafe.SliceData(b), stride, rows, bytes)
	}
}
