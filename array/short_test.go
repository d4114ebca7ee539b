package array_test

import (
	"context"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// Rows of a few elements that are folded into a cell each are folded many at a time. They give what the same elements give
// where their axis is the first one.
func TestShortRows(t *testing.T) {
	ctx, r := context.Background(), local.New(local.Options{Memory: 64 << 20, Threads: 2})
	defer r.Close()
	type fold func(x *array.Array, axes ...int) *array.Array
	sums := map[string]fold{"Sum": (*array.Array).Sum, "Prod": (*array.Array).Prod, "Mean": (*array.Array).Mean}
	order := map[string]fold{"Min": (*array.Array).Min, "Max": (*array.Array).Max, "Std": func(x *array.Array, axes ...int) *array.Array { return x.Std(0, axes...) }}
	places := map[string]fold{"ArgMin": (*array.Array).ArgMin, "ArgMax": (*array.Array).ArgMax}
	for _, n := range effort.Some(2, []int{2, 3, 4, 32, 33}) {
		x := array.Random(uint64(n)).Normal(0, 2, []int{5, 37, 3, n}, array.Chunks(2, 20, 2, -1))
		for _, k := range []array.DType{array.Float64, array.Float32, array.Int16, array.Int8, array.Complex128, array.Complex64} {
			y := x.As(k)
			z, err := y.MoveAxis(-1, 0).Add(0).Persist(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			check := func(name string, f fold, last, first []int) {
				t.Helper()
				a, b := f(y, last...), f(z, first...)
				if a.DType() == array.Int64 {
					a, b = a.As(array.Float64), b.As(array.Float64)
				}
				ok, err := array.Collect[bool](ctx, r, a.AllClose(b, 1e-5, 1e-5, false))
				if err != nil || !ok[0] {
					t.Errorf("%s over %v of %s: other elements than over %v of %s, %v", name, last, y, first, z, err)
				}
			}
			all := []map[string]fold{sums, order, places}
			if k == array.Complex128 || k == array.Complex64 {
				all = all[:1]
			}
			for i, group := range all {
				for name, f := range group {
					check(name, f, []int{3}, []int{0})
					if i < 2 && name != "Prod" {
						check(name, f, []int{1, 3}, []int{0, 2})
						check(name, f, []int{0, 3}, []int{0, 1})
					}
				}
			}
			z.Release()
		}
	}
}
