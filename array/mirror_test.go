package array_test

import (
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/sched/local"
)

// TestMirror folds programs of an array and its transpose into one number, and compares
// with the same of an array and one that has its transposed elements. Values are whole
// numbers that differ by place, and programs give something else when the operands change
// places, so that every element must be taken exactly once.
func TestMirror(t *testing.T) {
	r := local.New(local.Options{Threads: 2, Pool: 256 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	mirror[uint8](t, r)
	mirror[int16](t, r)
	mirror[float32](t, r)
	mirror[float64](t, r)
	mirror[int64](t, r)
}

func mirror[T uint8 | int16 | float32 | float64 | int64](t *testing.T, r *local.Runner) {
	for _, c := range []struct {
		side   int
		chunks any
	}{
		{300, -1}, {139, 45}, {70, 33}, {7, 3}, {9, -1}, {64, 32}, {259, []int{128, 3, 128}},
	} {
		v := make([]T, c.side*c.side)
		for i := range v {
			v[i] = T(i * 7919 % 101 % 11)
		}
		shape := []int{c.side, c.side}
		x := array.FromSlice(v, shape, array.Chunks(c.chunks, c.chunks))
		y := array.FromSlice(turned(v, shape, []int{1, 0}), shape, array.Chunks(c.chunks, c.chunks))
		for i, f := range []func(x, y *array.Array) *array.Array{
			func(x, y *array.Array) *array.Array { return x.Add(y).Sum() },
			func(x, y *array.Array) *array.Array { return x.Mul(2).Add(x.Mul(y)).Add(y.Mul(y).Mul(3)).Sum() },
			func(x, y *array.Array) *array.Array { return x.Mul(3).Sub(y).Max() },
			func(x, y *array.Array) *array.Array { return x.Lt(y).Sum() },
			func(x, y *array.Array) *array.Array { return x.Add(y).ArgMax() },
			func(x, y *array.Array) *array.Array { return x.Add(y).Mul(x).Sum(1) },
			func(x, y *array.Array) *array.Array {
				return x.Slice("::-1, ::-1").Mul(2).Add(y.Slice("::-1, ::-1")).Sum()
			},
			func(x, y *array.Array) *array.Array {
				return x.Slice("::2, ::2").Mul(2).Add(y.Slice("::2, ::2")).Sum()
			},
		} {
			if a, b := all(t, r, f(x, x.T())), all(t, r, f(x, y)); !slices.Equal(a, b) {
				t.Errorf("%s, side %d by %v, program %d: %v, want %v", elem.Of[T](), c.side, c.chunks, i, a, b)
			}
		}
	}
}
