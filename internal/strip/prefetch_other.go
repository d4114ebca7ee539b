//go:build !amd64

package strip

// Prefetch asks the memory for bytes that will be read soon. It reads nothing.
func Prefetch([]byte) {}

// PrefetchRows asks the memory for rows of so many bytes, stride bytes apart, of which the
// first begins with b. It reads nothing, and they need not be there.
func PrefetchRows(b []byte, stride, rows, bytes int) {}
