package array_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// Folds over any axes, of arrays and of views with their axes in another order, come to each cell once or several times, for
// more rows than are added at a time or for fewer. Small whole numbers are added, so that no order of them matters.
func TestFoldsOfCells(t *testing.T) {
	ctx := context.Background()
	r := local.New(local.Options{Pool: 16 << 20, Threads: 2})
	defer r.Close()
	rnd := rand.New(rand.NewPCG(64, 1))
	m := &maker{rnd: rnd, layout: rand.New(rand.NewPCG(64, 2))}
	for range 150 {
		shape, n := make([]int, 4), 1
		for i := range shape {
			shape[i] = []int{1, 2, 3, 7, 18, 40}[rnd.IntN(6)]
			n *= shape[i]
		}
		data := make([]float64, n)
		for i := range data {
			if data[i] = float64(rnd.IntN(100) - 50); rnd.IntN(9) == 0 {
				data[i] = math.NaN()
			}
		}
		turn := rnd.Perm(4)
		axes := rnd.Perm(4)[:1+rnd.IntN(3)]
		x := array.FromSlice(data, shape, array.Chunks(m.chunks(shape)...)).Transpose(turn...)
		kept := slices.DeleteFunc([]int{0, 1, 2, 3}, func(a int) bool { return slices.Contains(axes, a) })
		cells := 1
		for _, a := range kept {
			cells *= shape[turn[a]]
		}
		sums, counts := make([]float64, cells), make([]float64, cells)
		at := make([]int, 4) // of an element of the array, before its axes are turned
		for i, v := range data {
			for a, rest := 3, i; a >= 0; a-- {
				at[a], rest = rest%shape[a], rest/shape[a]
			}
			cell := 0
			for _, a := range kept {
				cell = cell*shape[turn[a]] + at[turn[a]]
			}
			if v == v {
				sums[cell] += v
				counts[cell]++
			}
		}
		got, err := array.Collect[float64](ctx, r, x.NanMean(axes...))
		if err != nil {
			t.Fatal(err)
		}
		for c, v := range got {
			if want := sums[c] / counts[c]; v != want && (v == v || want == want) {
				t.Fatalf("mean of %s over %v: cell %d is %v, want %v", x, axes, c, v, want)
			}
		}
	}
}
