package cluster

import "testing"

// What a worker was told of a few of ten million blocks takes little memory, and what it was not told is zero.
func TestPages(t *testing.T) {
	const n = 10_000_000 + 7
	p := newPages(n)
	for _, b := range []int32{0, 1, 511, 512, 5_000_000, n - 1} {
		*p.at(b, n) = b + 1
	}
	for b := range int32(n) {
		want := int32(0)
		switch b {
		case 0, 1, 511, 512, 5_000_000, n - 1:
			want = b + 1
		}
		if p[b/pageBlocks] == nil && want == 0 {
			continue
		}
		if got := *p.at(b, n); got != want {
			t.Fatalf("block %d: %d, want %d", b, got, want)
		}
	}
	numbers := 0
	for _, page := range p {
		numbers += len(page)
	}
	if numbers > 4*pageBlocks {
		t.Errorf("%d numbers are kept", numbers)
	}
}
