package zarr

import "fmt"

// The streams of blosclz are those of FastLZ, level 2. A byte begins each step: below 32 it is one less than the number of
// bytes that follow as they are; else its upper 3 bits are one less than how many more than 2 are repeated, 6 going on in
// bytes up to the first that is not 255, and its lower 5 with the byte behind those say how far back, less 1. The largest
// distance that these can say, 8191, means that two more bytes follow, which are added, the upper one first. Of the first
// byte of a stream, which begins with bytes as they are, only the lower 5 bits count.
const (
	plain    = 32
	near     = 8191
	long     = 6
	shortest = 3
)

// openBloscLZ appends what a stream gives, at most as much as there is room for in dst.
func openBloscLZ(dst, src []byte) ([]byte, error) {
	broken := func() error { return fmt.Errorf("blosclz: broken after %d bytes", len(dst)) }
	for at := 0; at < len(src); {
		c := int(src[at])
		if at == 0 {
			c &= plain - 1
		}
		at++
		if c < plain {
			n := c + 1
			if n > len(src)-at || n > cap(dst)-len(dst) {
				return nil, broken()
			}
			dst = append(dst, src[at:at+n]...)
			at += n
			continue
		}
		n, back := c>>5-1, c&(plain-1)<<8
		for more := n == long; more; at++ {
			if at == len(src) || n > cap(dst) {
				return nil, broken()
			}
			n += int(src[at])
			more = src[at] == 255
		}
		if at == len(src) {
			return nil, broken()
		}
		back += int(src[at])
		at++
		if back == near {
			if len(src)-at < 2 {
				return nil, broken()
			}
			back += int(src[at])<<8 | int(src[at+1])
			at += 2
		}
		n, back = n+shortest, back+1
		if back > len(dst) || n > cap(dst)-len(dst) {
			return nil, broken()
		}
		for n > 0 { // what is repeated may go on into what it makes
			from := dst[len(dst)-back:]
			k := min(n, len(from))
			dst = append(dst, from[:k]...)
			n -= k
		}
	}
	return dst, nil
}
