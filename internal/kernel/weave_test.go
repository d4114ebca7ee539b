package kernel_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/internal/kernel"
)

func TestWeave(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{1, 2, 3, 4, 8, 16} {
		for _, n := range []int{0, 1, 7, 8, 9, 64, 1001} {
			stride := n + r.IntN(3)
			src := make([]byte, stride*width)
			for i := range src {
				src[i] = byte(r.Uint32())
			}
			want, got := make([]byte, n*width), make([]byte, n*width)
			for i := range n {
				for k := range width {
					want[i*width+k] = src[k*stride+i]
				}
			}
			if kernel.Weave(got, src, n, stride, width); !bytes.Equal(got, want) {
				t.Errorf("%d elements of %d bytes, planes %d apart: %v, want %v", n, width, stride, got, want)
			}
			back := bytes.Clone(src)
			for k := range width {
				clear(back[k*stride:][:n])
			}
			if kernel.Unweave(back, want, n, stride, width); !bytes.Equal(back, src) {
				t.Errorf("%d elements of %d bytes, planes %d apart: %v came back, want %v", n, width, stride, back, src)
			}
		}
	}
}

func BenchmarkWeave(b *testing.B) {
	const n = 1 << 16
	for _, width := range []int{2, 4, 8} {
		src, dst := make([]byte, n*width), make([]byte, n*width)
		b.Run(fmt.Sprintf("%d bytes", width), func(b *testing.B) {
			b.SetBytes(int64(n * width))
			for b.Loop() {
				kernel.Weave(dst, src, n, n, width)
			}
		})
	}
}
