package array_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/sched/local"
)

// TestReadAcross transposes arrays of every width, larger than tiles, alone and
// inside of programs and folds, and compares with loops over indices.
func TestReadAcross(t *testing.T) {
	r := local.New(local.Options{Threads: 2, Pool: 256 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	across[uint8](t, r)
	across[int16](t, r)
	across[float32](t, r)
	across[int64](t, r)
	across[complex128](t, r)
}

func across[T uint8 | int16 | float32 | int64 | complex128](t *testing.T, r *local.Runner) {
	ctx := context.Background()
	for _, c := range []struct {
		shape, perm []int
		chunks      []any
	}{
		{[]int{300, 70}, []int{1, 0}, []any{-1}},
		{[]int{37, 530}, []int{1, 0}, []any{20, 300}},
		{[]int{9, 40, 33}, []int{2, 1, 0}, []any{-1}},
		{[]int{9, 40, 33}, []int{0, 2, 1}, []any{4, -1, 17}},
		{[]int{20, 5, 31}, []int{1, 2, 0}, []any{-1}},
		{[]int{70, 139}, []int{1, 0}, []any{33, 45}}, // the last blocks are too narrow for tiles
		{[]int{6, 300, 8}, []int{2, 0, 1}, []any{3, 100, 8}},
	} {
		n := 1
		for _, k := range c.shape {
			n *= k
		}
		v := make([]T, n)
		for i := range v {
			v[i] = any(value16(i, v[i])).(T)
		}
		x := array.FromSlice(v, c.shape, array.Chunks(c.chunks...))
		y := x.Transpose(c.perm...)
		want := turned(v, c.shape, c.perm)
		name := fmt.Sprintf("%s %v %v", elem.Of[T](), c.shape, c.perm)
		got, err := array.Collect[T](ctx, r, y)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: transposed: %v", name, err)
		}
		z := array.FromSlice(want, y.Shape()) // the same, read straight
		for _, f := range []func(x *array.Array) *array.Array{
			func(x *array.Array) *array.Array { return x.Add(z).Sub(x.Mul(z)) },
			func(x *array.Array) *array.Array { return x.Add(1) },
			func(x *array.Array) *array.Array { return x.Sub(z.Flip(0).Add(z.Flip(-1))) },
			func(x *array.Array) *array.Array { return x.Add(z).Sum() },
			func(x *array.Array) *array.Array { return x.Add(z).Sum(0) },
			func(x *array.Array) *array.Array { return x.Sum(0) },
			func(x *array.Array) *array.Array { return x.Mul(z).Sum(-1) },
			func(x *array.Array) *array.Array { return x.Prod(len(c.shape) - 2) },
		} {
			if a, b := all(t, r, f(y)), all(t, r, f(z)); !slices.Equal(a, b) {
				t.Fatalf("%s: %v: %.200v, want %.200v", name, f(y), a, b)
			}
		}
		if elem.Of[T]() == elem.Complex128 {
			continue
		}
		for _, f := range []func(x *array.Array) *array.Array{
			func(x *array.Array) *array.Array { return x.ArgMax() },
			func(x *array.Array) *array.Array { return x.ArgMin(0) },
			func(x *array.Array) *array.Array { return x.Max(1) },
		} {
			if a, b := all(t, r, f(y)), all(t, r, f(z)); !slices.Equal(a, b) {
				t.Fatalf("%s: %v: %.200v, want %.200v", name, f(y), a, b)
			}
		}
	}
}

// value16 is a small whole number, so that sums are exact in every type; products
// are of ones and twos.
func value16(i int, of any) any {
	k := 1 + i*i*7919%101%2
	switch of.(type) {
	case uint8:
		return uint8(k)
	case int16:
		return int16(k)
	case float32:
		return float32(k)
	case int64:
		return int64(k)
	}
	return complex(float64(k), 0)
}

func all(t *testing.T, r *local.Runner, x *array.Array) []any {
	t.Helper()
	res, err := x.Compute(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return res.All()
}

// turned transposes element by element.
func turned[T any](v []T, shape, perm []int) []T {
	d := len(shape)
	stride, n := make([]int, d), 1
	for i := d - 1; i >= 0; i-- {
		stride[i] = n
		n *= shape[i]
	}
	out := make([]T, 0, n)
	idx := make([]int, d)
	for range n {
		at := 0
		for i, p := range perm {
			at += idx[i] * stride[p]
		}
		out = append(out, v[at])
		for i := d - 1; i >= 0; i-- {
			if idx[i]++; idx[i] < shape[perm[i]] {
				break
			}
			idx[i] = 0
		}
	}
	return out
}
