package frame_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/sched/local"
)

// TestFrameToArrayAndBack: columns become arrays, arrays become columns.
func TestFrameToArrayAndBack(t *testing.T) {
	ctx := context.Background()
	for _, off := range [][]string{nil, {"fuse", "merge", "weld"}} {
		r := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
		x := array.Arange(0, 30, 1, array.Chunks(7)).Reshape(10, 3).Rechunk(4, 2)
		f := frame.FromArray(x, "a", "b", "c")
		y := f.Filter(frame.Col("a").Ge(6)).WithColumns(frame.Col("b").Mul(2).As("b")).Array(3, "b", "c")
		got, err := array.Collect[int64](ctx, r, y.Slice(":, ::-1").Mul(10), array.Without(off...))
		if err != nil {
			t.Fatal(err)
		}
		var want []int64
		for i := int64(2); i < 10; i++ {
			want = append(want, (3*i+2)*10, (3*i+1)*20)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v\nwant %v", got, want)
		}
		sum, err := array.Collect[float64](ctx, r, f.Array(4, "c").Mean())
		if err != nil || sum[0] != 15.5 {
			t.Error(sum, err)
		}
		known, err := f.Array(4).ComputeChunkSizes(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := frame.FromArray(known.T().Rechunk(1, 3), slices.Repeat([]string{"x"}, 0)...).Collect(ctx, r)
		if err == nil || !strings.Contains(err.Error(), "0 columns of an array of int64 and shape (3, 10)") {
			t.Error(back, err)
		}
		n, err := frame.FromArray(known, "p", "q", "r").GroupBy().Agg(frame.Sum("q")).Collect(ctx, r)
		if err != nil || n.Value(0, 0) != int64(145) {
			t.Error(n, err)
		}
		// rows of which is not known how many there are: those of a filter, all and none of them
		for least, rows := range map[int]int64{-1: 10, 6: 8, 100: 0} {
			x := f.Filter(frame.Col("a").Ge(least)).Array(4, "a", "b", "c").As(array.Float64)
			centred := frame.FromArray(x.Sub(x.Mean(0)), "a", "b", "c").Select(frame.Col("a").Add(frame.Col("b")).As("s"))
			got, err := centred.GroupBy().Agg(frame.Sum("s"), frame.Count().As("n")).Collect(ctx, r)
			if err != nil || got.Value(0, 1) != rows || rows > 0 && math.Abs(got.Value(0, 0).(float64)) > 1e-9 {
				t.Error(least, got, err)
			}
		}
		if err := frame.FromArray(f.Array(4).T(), "x").Err(); err == nil || !strings.Contains(err.Error(), "axis 1 of (3, -1): chunk sizes are unknown") {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNullsInArrays: nulls of floats are NaN, others are refused; bools, mixed types and texts.
func TestNullsInArrays(t *testing.T) {
	ctx := context.Background()
	r := local.New(local.Options{Threads: 2, Pool: 64 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	x := array.Arange(0, 70, 1, array.Chunks(30))
	f := frame.FromArray(x, "a").WithColumns(expr.If(frame.Col("a").Eq(3)).Then(nil).Else(frame.Col("a")).As("n"), frame.Col("a").Lt(2).As("t"))
	if _, err := f.Array(2, "n").Compute(ctx, r); err == nil || !strings.Contains(err.Error(), "1 of ") || !strings.Contains(err.Error(), "FillNull") {
		t.Error(err)
	}
	got, err := array.Collect[float64](ctx, r, f.WithColumns(frame.Col("n").Mul(1.0).As("n")).Array(2, "n", "t"))
	if err != nil || len(got) != 140 || !math.IsNaN(got[6]) || got[7] != 0 || got[8] != 4 || got[1] != 1 || got[3] != 1 {
		t.Error(got, err)
	}
	b, err := array.Collect[bool](ctx, r, f.Array(3, "t"))
	if err != nil || !b[0] || !b[1] || b[2] || len(b) != 70 {
		t.Error(b, err)
	}
	back, err := frame.FromArray(array.FromSlice(b, []int{70}, array.Chunks(9)), "t").Filter(frame.Col("t")).Count(ctx, r)
	if err != nil || back != 2 {
		t.Error(back, err)
	}
	text := f.WithColumns(frame.Lit("x").As("s")).Array(2)
	if text.Err() == nil || !strings.Contains(text.Err().Error(), `column "s" is utf8`) && !strings.Contains(text.Err().Error(), `column "s" is`) || !strings.Contains(text.Err().Error(), "array_test.go") {
		t.Error(text.Err())
	}
	if err := frame.FromArray(array.Ones([]int{2}, array.Of(array.Complex64)), "z").Err(); err == nil || !strings.Contains(err.Error(), "complex64") {
		t.Error(err)
	}
	if err := f.Array(0, "a").Err(); err == nil {
		t.Error("no blocks")
	}
}
