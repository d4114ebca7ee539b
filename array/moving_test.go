package array_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// Reductions of windows read the array that they are of; those of windows with which something was done first read the
// windows. Both give the same.
func TestMoving(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	r := local.New(local.Options{Memory: 64 << 20, Threads: 2})
	defer r.Close()
	floats := array.Random(3).Normal(0, 1, []int{23, 3, 41}, array.Chunks(5, 2, 17))
	floats = array.Where(array.Random(4).Uniform(0, 1, []int{23, 3, 41}, array.Chunks(9, 3, 41)).Lt(0.05), math.NaN(), floats)
	ints := array.Random(5).Integers(-4, 5, []int{23, 3, 41}, array.Chunks(array.Auto, 1, 8))
	long := array.Random(6).Normal(0, 1, []int{3000}, array.Chunks(777))
	over := func(f func(x *array.Array, axes ...int) *array.Array) func(x *array.Array) *array.Array {
		return func(x *array.Array) *array.Array { return f(x, -1) }
	}
	all := map[string]func(x *array.Array) *array.Array{
		"sum": over((*array.Array).Sum), "mean": over((*array.Array).Mean), "min": over((*array.Array).Min), "max": over((*array.Array).Max),
		"prod": over((*array.Array).Prod), "any": over((*array.Array).Any), "all": over((*array.Array).All), "count": over((*array.Array).CountNonzero),
		"std": func(x *array.Array) *array.Array { return x.Std(1, -1) }, "argmax": over((*array.Array).ArgMax),
	}
	nan := map[string]func(x *array.Array) *array.Array{
		"nansum": over((*array.Array).NanSum), "nanmean": over((*array.Array).NanMean), "nanmin": over((*array.Array).NanMin), "nanmax": over((*array.Array).NanMax),
		"nanstd": func(x *array.Array) *array.Array { return x.NanStd(0, -1) },
	}
	number := func(x *array.Array) *array.Array {
		if x.DType() == array.Bool {
			return x.As(array.Int8)
		}
		return x
	}
	check := func(what string, x *array.Array, window, axis int, f func(x *array.Array) *array.Array) {
		t.Helper()
		w := x.SlidingWindow(window, axis)
		near, far := f(w), f(w.Add(0))
		if a, b := near.Chunks(), far.Chunks(); fmt.Sprint(a) != fmt.Sprint(b) || near.DType() != far.DType() {
			t.Errorf("%s of %d along %d of %s: %s %v, want %s %v", what, window, axis, x, near.DType(), a, far.DType(), b)
		}
		ok, err := array.Collect[bool](context.Background(), r, number(near).AllClose(number(far), 1e-12, 1e-12, true))
		if err != nil || !ok[0] {
			t.Errorf("%s of %d along %d of %s: other results than of windows that were copied, %v", what, window, axis, x, err)
		}
	}
	for _, at := range effort.Some(2, []struct{ window, axis int }{{1, 0}, {2, 0}, {7, 0}, {23, 0}, {3, 1}, {30, 2}, {41, -1}}) {
		for what, f := range all {
			check(what, floats, at.window, at.axis, f)
			check(what, ints, at.window, at.axis, f)
		}
		for what, f := range nan {
			check(what, floats, at.window, at.axis, f)
		}
	}
	check("std", long, 1000, 0, all["std"])
	check("mean", floats.As(array.Float32).T(), 9, 2, func(x *array.Array) *array.Array { return x.Mean(-1).As(array.Float64).RoundTo(4) })
	check("mean of the mean", floats, 4, 0, func(x *array.Array) *array.Array { return x.Mean(-1).SlidingWindow(5, 2).Mean(-1) })

	// Where blocks end changes nothing.
	sums := func(chunks int) []float64 {
		v, err := array.Collect[float64](context.Background(), r, long.Rechunk(chunks).SlidingWindow(100, 0).Std(0, -1))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	small := sums(13)
	for i, v := range sums(3000) {
		if math.Float64bits(v) != math.Float64bits(small[i]) {
			t.Fatalf("window %d: %v in one block, %v in blocks of 13", i, v, small[i])
		}
	}
}
