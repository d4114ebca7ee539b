package array_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
)

// TestAssignLikeLoops compares assignments and points of random shapes, chunks and
// selections with loops over the elements.
func TestAssignLikeLoops(t *testing.T) {
	r, rnd := runner(t), rand.New(rand.NewPCG(5, 6))
	for range 150 {
		rows, cols := 1+rnd.IntN(9), 1+rnd.IntN(9)
		want := make([]int64, rows*cols)
		for i := range want {
			want[i] = int64(i)
		}
		x := array.FromSlice(slices.Clone(want), []int{rows, cols}, array.Chunks(1+rnd.IntN(rows), 1+rnd.IntN(cols)))
		pick := func(n int) (array.Ix, []int) {
			lo, hi, step := rnd.IntN(n), rnd.IntN(n+1), 1+rnd.IntN(3)
			var at []int
			if rnd.IntN(2) == 0 {
				for i := lo; i < hi; i += step {
					at = append(at, i)
				}
				return array.S(lo, hi, step), at
			}
			for i := lo; i > hi; i -= step {
				at = append(at, i)
			}
			return array.S(lo, hi, -step), at
		}
		ri, rat := pick(rows)
		ci, cat := pick(cols)
		n, m := len(rat), len(cat)
		if rnd.IntN(3) == 0 {
			n = 1
		}
		if rnd.IntN(3) == 0 {
			m = 1
		}
		v := make([]int64, n*m)
		for i := range v {
			v[i] = 1000 + int64(i)
		}
		value := array.FromSlice(v, []int{n, m}, array.Chunks(1+rnd.IntN(n+1), 1+rnd.IntN(m+1)))
		for i, p := range rat {
			for j, q := range cat {
				want[p*cols+q] = v[min(i, n-1)*m+min(j, m-1)]
			}
		}
		y := x.Assign(value, ri, ci)
		got, err := array.Collect[int64](ctx, r, y)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v %v %v: %v %v\nwant %v", x, rat, cat, err, got, want)
		}
		var a, b []int
		var points []int64
		for range rnd.IntN(20) {
			p, q := rnd.IntN(rows), rnd.IntN(cols)
			a, b, points = append(a, p-rows*rnd.IntN(2)), append(b, q), append(points, want[p*cols+q])
		}
		if a == nil {
			continue
		}
		got, err = array.Collect[int64](ctx, r, y.VIndex(a, b))
		if err != nil || !slices.Equal(got, points) {
			t.Fatalf("%v at %v %v: %v %v\nwant %v", y, a, b, err, got, points)
		}
	}
}
