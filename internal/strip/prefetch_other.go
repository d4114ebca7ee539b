//go:build !amd64

package strip

// Prefetch asks the memory for bytes that will be read soon. It reads nothing.
func Prefetch([]byte) {}
