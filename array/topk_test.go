package array_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// What a step of TopK brings together is bounded by bytes, not by elements along the axis alone: the blocks are wide here.
func TestTopKWide(t *testing.T) {
	r := local.New(local.Options{Memory: 256 << 20, Threads: 2})
	defer r.Close()
	x := array.Random(9).Normal(0, 1, []int{160, effort.Of(100_000, 20_000)}, array.Chunks(8, -1))
	y := x.TopK(8, 0)
	ends := y.Slice(":, ::997").Sub(x.Slice(":, ::997").Sort(0, true).Slice(":8")).Abs().Max()
	v, err := array.Collect[float64](context.Background(), r, array.Stack(0, ends, y.Min()))
	if err != nil {
		t.Fatal(err)
	}
	if v[0] != 0 || v[1] > 1.5 {
		t.Errorf("the largest differ by %v from the first of all in order, the least of them is %v", v[0], v[1])
	}
}

// The first elements and their positions are those of Sort and ArgSort, which are found otherwise: of every type, with many equal
// ones, NaN, infinities and zeros of both signs, along any axis, in any chunks, of few lines and of many.
func TestTopKLikeSort(t *testing.T) {
	ctx := context.Background()
	var runners []*local.Runner
	for threads := range 3 {
		r := local.New(local.Options{Pool: 64 << 20, Threads: 1 + threads})
		defer r.Close()
		runners = append(runners, r)
	}
	m := &maker{rnd: rand.New(rand.NewPCG(61, 1)), layout: rand.New(rand.NewPCG(61, 2))}
	kinds := []array.DType{array.Bool, array.Int8, array.Int16, array.Int32, array.Int64, array.Uint8, array.Uint16, array.Uint32, array.Uint64, array.Float32, array.Float64}
	for round := range effort.Of(330, 66) {
		kind := kinds[round%len(kinds)]
		a := m.rnd.IntN(3)
		shape := []int{1 + m.rnd.IntN(20), m.rnd.IntN(20), 1 + m.rnd.IntN(20)}
		shape[a] = 1 + m.rnd.IntN(150)
		x := m.fresh(shape, kind)
		if m.rnd.IntN(2) == 0 && kind != array.Float32 && kind != array.Float64 && kind != array.Bool { // of all of the type's bits
			x = x.As(array.Int64).Mul(int64(math.MaxInt64 / 5)).As(kind)
		}
		n := 1 + m.rnd.IntN(shape[a])
		k, first := n, []array.Ix{array.All, array.All, array.All}
		first[a] = array.S(0, n)
		if m.rnd.IntN(2) == 0 {
			k = -n
		}
		name := fmt.Sprintf("%s, TopK(%d, %d)", x, k, a)
		whole := x.Rechunk(-1, -1, -1)
		want, wantAt := whole.Sort(a, k > 0).Index(first...), whole.ArgSort(a, k > 0).Index(first...)
		r := runners[round%3]
		for _, c := range []struct{ got, want *array.Array }{{x.TopK(k, a), want}, {x.ArgTopK(k, a), wantAt}} {
			g, err := c.got.Compute(ctx, r)
			if err != nil {
				t.Fatal(name, err)
			}
			w, err := c.want.Compute(ctx, runners[0])
			if err != nil {
				t.Fatal(name, err)
			}
			if got, want := fmt.Sprint(g.Shape, g.DType, g.All()), fmt.Sprint(w.Shape, w.DType, w.All()); got != want {
				t.Fatalf("%s\n%s\n%s", name, got, want)
			}
		}
	}
}
