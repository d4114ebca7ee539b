package kernel

import "testing"

// TestUnpack compares unpacking with the definition, bit by bit, for every width and length and at many places.
func TestUnpack(t *testing.T) { atLevels(t, testUnpack) }

func testUnpack(t *testing.T) {
	const most = 140
	packed, out := newArena[byte](t, (most+20)*4), newArena[uint32](t, most)
	r := newRand(1)
	for width := 0; width <= 32; width++ {
		for n := 0; n <= most; n++ {
			at := r.IntN(20)
			src := packed.end(0, ((at+n)*width+7)/8)
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			if n%3 == 0 && len(src) > 0 { // what is not there is zero
				src = src[:r.IntN(len(src))]
				copy(packed.end(0, len(src)), src)
				src = packed.end(0, len(src))
			}
			dst := out.end(n%3, n)
			Unpack(dst, src, at, uint(width))
			for i, got := range dst {
				want := uint32(0)
				for b := range width {
					if k := (at+i)*width + b; k/8 < len(src) {
						want |= uint32(src[k/8]>>(k%8)&1) << b
					}
				}
				if got != want {
					t.Fatalf("%d bits, %d numbers from %d on in %d bytes: number %d is %d, want %d", width, n, at, len(src), i, got, want)
				}
			}
		}
	}
}
