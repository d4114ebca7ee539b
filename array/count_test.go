package array_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// Numbers of any type lie in the bins in which they lie as float64, alone and as coordinates, counted and weighed.
func TestHistogramOfTypes(t *testing.T) {
	ctx := context.Background()
	r := local.New(local.Options{Pool: 16 << 20, Threads: 2})
	defer r.Close()
	m := &maker{rnd: rand.New(rand.NewPCG(62, 1)), layout: rand.New(rand.NewPCG(62, 2))}
	edges, others := []float64{-7, -2.5, -1, 0, 0, 0.25, 4, 9}, []float64{-3, 0, 3}
	for _, kind := range []array.DType{array.Bool, array.Int8, array.Int16, array.Int32, array.Int64, array.Uint8, array.Uint16, array.Uint32, array.Uint64, array.Float32, array.Float64} {
		x, y := m.fresh([]int{70, 300}, kind), m.fresh([]int{70, 300}, array.Int16)
		as := x.As(array.Float64)
		for i, c := range []struct{ got, want *array.Array }{
			{x.Histogram(edges), as.Histogram(edges)},
			{x.Histogram(edges, y), as.Histogram(edges, y.As(array.Float64))},
			{x.Histogram2D(y, edges, others), as.Histogram2D(y.As(array.Float64), edges, others)},
		} {
			g, err := c.got.Compute(ctx, r)
			if err != nil {
				t.Fatal(kind, i, err)
			}
			w, err := c.want.Compute(ctx, r)
			if err != nil {
				t.Fatal(kind, i, err)
			}
			if got, want := fmt.Sprint(g.DType, g.All()), fmt.Sprint(w.DType, w.All()); got != want {
				t.Errorf("%s, %d: %s, want %s", x, i, got, want)
			}
		}
	}
}
