package array

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// The bin that a division guesses is the one between whose edges a point lies, whatever the edges.
func TestIntoBins(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	even := make([]float64, 101)
	for i := range even {
		even[i] = 200 + 1.2*float64(i)
	}
	uneven := []float64{-5, -5, -4.999, 0, 0.1, 0.1, 0.1, 3, 1e9}
	for _, edges := range [][]float64{even, uneven, {1, 1}, {0, 0, 0}, {math.Inf(-1), 0, math.Inf(1)}, {-math.MaxFloat64, 0, math.MaxFloat64}, {0, 5e-324, 1e-323}, {-1, 2}} {
		x := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1, 5e-324, math.MaxFloat64}
		for _, e := range edges {
			x = append(x, e, math.Nextafter(e, math.Inf(1)), math.Nextafter(e, math.Inf(-1)))
		}
		for range 1000 {
			x = append(x, r.NormFloat64()*100+200, r.NormFloat64())
		}
		got := make([]int64, len(x))
		intoBins(got, x, edges)
		n := len(edges) - 1
		for i, v := range x {
			want := int64(-1)
			for b := range n {
				if v >= edges[b] && (v < edges[b+1] || b == n-1 && v == edges[n]) {
					want = int64(b)
				}
			}
			if v == edges[n] { // the last bin has both of its edges, also where several are equal
				want = int64(n - 1)
			}
			if got[i] != want {
				t.Errorf("%v lies in bin %d of %v, not %d", v, want, edges[:min(n, 9)], got[i])
			}
		}
		want, counts := make([]int64, n), make([]int64, n)
		for _, b := range got {
			if b >= 0 {
				want[b]++
			}
		}
		if countInto(counts, x, edges); !slices.Equal(counts, want) {
			t.Errorf("counts of %v are %v, not %v", edges[:min(n, 9)], counts, want)
		}
		twice := slices.Repeat([]int64{-1}, len(x))
		if intoBins(twice, x, edges); slices.Max(twice) != -1 {
			t.Error("points that lie in no bin of an axis lie in one of another")
		}
	}
}
