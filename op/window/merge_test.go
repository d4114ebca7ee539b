package window

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// mergeAt does what one comparison after the other does, wherever it begins and ends.
func TestMergeAt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	rising := func(n int, wide int64) []int64 {
		x := make([]int64, n)
		for i := range x {
			x[i] = r.Int64N(wide) - wide/2
		}
		if n > 2 && wide > 100 {
			x[0], x[1], x[2] = math.MinInt64+1, math.MaxInt64-1, 0
		}
		slices.Sort(x)
		return x
	}
	stopped, finished := 0, 0
	for range 20_000 {
		wide, most := []int64{2, 10, 1000}[r.IntN(3)], []int{12, 12, 300}[r.IntN(3)]
		left, right := rising(r.IntN(most), wide), rising(1+r.IntN(most), wide)
		less, at, from := int64(r.IntN(2)), r.IntN(2), r.IntN(len(right)+1)
		want, i, k := []uint32(nil), 0, from
		for ; i < len(left); i++ {
			for k < len(right) && (right[k] < left[i] || less == 0 && right[k] == left[i]) {
				k++
			}
			if k == len(right) {
				break
			}
			want = append(want, uint32(k-at))
		}
		out := make([]uint32, len(left))
		n, end := mergeAt(left, right, less, from, at, out)
		if n != i || end != k || !slices.Equal(out[:n], want) {
			t.Fatalf("left %v, right %v from %d, less %d: %d rows %v up to %d, want %d rows %v up to %d", left, right, from, less, n, out[:n], end, i, want, k)
		}
		if n < len(left) {
			stopped++
		} else {
			finished++
		}
	}
	if stopped < 1000 || finished < 1000 {
		t.Fatalf("%d ended with the right side and %d with the left one: too few of one", stopped, finished)
	}
}

func TestUpTo(t *testing.T) {
	for _, c := range []struct {
		codes []int64
		n     int
	}{{nil, 0}, {[]int64{1, 2}, 2}, {[]int64{1, never}, 1}, {[]int64{never, never}, 0}, {[]int64{-3, 4, never, never, never}, 2}} {
		if got := upTo(c.codes, never); len(got) != c.n {
			t.Errorf("%v is cut to %v, want %d", c.codes, got, c.n)
		}
	}
}
