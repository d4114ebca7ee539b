package array_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
)

// drawn are arrays of every distribution that needs streams, with their means and
// variances.
func drawn(size []int, o ...array.Option) map[string]struct {
	x         *array.Array
	mean, dev float64
} {
	s := array.Random(11)
	type one = struct {
		x         *array.Array
		mean, dev float64
	}
	out := map[string]one{}
	for i, p := range []struct{ a, b float64 }{{0.05, 2}, {0.7, 1}, {1, 3}, {4.5, 0.5}, {400, 1}} {
		out[fmt.Sprint("gamma ", p)] = one{s.With(uint64(i)).Gamma(p.a, p.b, size, o...), p.a * p.b, math.Sqrt(p.a) * p.b}
	}
	for i, p := range []struct{ a, b float64 }{{0.01, 0.02}, {0.5, 0.5}, {1, 1}, {0.5, 3}, {20, 7}} {
		sum := p.a + p.b
		out[fmt.Sprint("beta ", p)] = one{s.With(uint64(10+i)).Beta(p.a, p.b, size, o...), p.a / sum, math.Sqrt(p.a*p.b/(sum+1)) / sum}
	}
	for i, mean := range []float64{0, 0.1, 3, 9.9, 10, 77.7, 1e6, 1e12} {
		out[fmt.Sprint("poisson ", mean)] = one{s.With(uint64(20+i)).Poisson(mean, size, o...), mean, math.Sqrt(mean)}
	}
	for i, p := range []struct {
		n int64
		p float64
	}{{0, 0.5}, {1, 0.3}, {10, 0}, {10, 1}, {10, 0.9}, {30, 0.3}, {40, 0.5}, {1000, 0.02}, {1000, 0.97}, {1e12, 0.3}, {1e15, 1e-15}} {
		n := float64(p.n)
		out[fmt.Sprint("binomial ", p)] = one{s.With(uint64(30+i)).Binomial(p.n, p.p, size, o...), n * p.p, math.Sqrt(n * p.p * (1 - p.p))}
	}
	out["choice"] = one{s.With(50).Choice(6, nil, size, o...), 2.5, math.Sqrt(35.0 / 12)}
	out["weights"] = one{s.With(51).Choice(4, []float64{0, 1, 3, 0}, size, o...), 1.75, math.Sqrt(0.1875)}
	return out
}

// TestDrawsHaveTheirMoments: means and deviations are within five deviations of what they estimate.
func TestDrawsHaveTheirMoments(t *testing.T) {
	r := runner(t)
	const n = 20_000
	for name, d := range drawn([]int{n}) {
		v, err := array.Collect[float64](ctx, r, array.Stack(0, d.x.As(array.Float64).Mean(), d.x.As(array.Float64).Std(0)))
		if err != nil {
			t.Fatal(name, err)
		}
		if off := math.Abs(v[0] - d.mean); off > 5*d.dev/math.Sqrt(n)+1e-12 {
			t.Errorf("%s: mean %v, not %v", name, v[0], d.mean)
		}
		if off := math.Abs(v[1] - d.dev); off > 0.2*d.dev {
			t.Errorf("%s: deviation %v, not %v", name, v[1], d.dev)
		}
	}
}

// TestDrawsDoNotSeeChunks: elements depend on their places alone.
func TestDrawsDoNotSeeChunks(t *testing.T) {
	r := runner(t)
	a, b := drawn([]int{13, 17}), drawn([]int{13, 17}, array.Chunks(4, 5))
	for name := range a {
		same(t, r, b[name].x, a[name].x)
		same(t, r, b[name].x.Slice("3:9:2, ::-1").T(), a[name].x.Slice("3:9:2, ::-1").T())
	}
	s := array.Random(3)
	same(t, r, s.Permutation(1000, array.Chunks(7)).Slice("100:200"), s.Permutation(1000).Slice("100:200"))
}

// TestDrawsAreThoseOfBefore pins elements, so that results do not change from one version or machine to the next.
func TestDrawsAreThoseOfBefore(t *testing.T) {
	r, s := runner(t), array.Random(42)
	for _, c := range []struct {
		x    *array.Array
		want string
	}{
		{s.Permutation(10), "1 6 3 8 7 2 0 9 5 4"},
		{s.Poisson(3, []int{8}), "1 0 3 2 6 6 2 1"},
		{s.Poisson(300, []int{4}), "345 302 288 305"},
		{s.Binomial(100, 0.3, []int{6}), "41 31 27 31 33 37"},
		{s.Binomial(10, 0.3, []int{8}), "2 0 3 2 5 4 2 1"},
		{s.Choice(3, []float64{1, 2, 3}, []int{8}), "2 0 1 2 2 2 1 2"},
		{s.Gamma(2.5, 1, []int{3}), "2.59401256097 8.39491140604 0.576016764727"},
		{s.Beta(0.5, 0.25, []int{3}), "0.999996530584 0.000967004925232 0.612159430551"},
	} {
		res, err := c.x.Compute(ctx, r)
		if err != nil || elements(res) != c.want {
			t.Errorf("%s %v, not %s", elements(res), err, c.want)
		}
	}
}

// TestPermutations: all numbers are there once, each at each place about as often.
func TestPermutations(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	r := runner(t)
	for _, n := range []int{0, 1, 2, 3, 5, 64, 65, 1000, 4096, 4097} {
		v, err := array.Collect[int64](ctx, r, array.Random(uint64(n)).Permutation(n))
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range slices.Sorted(slices.Values(v)) {
			if int64(i) != x {
				t.Fatalf("of %d: %v", n, v)
			}
		}
	}
	seen := map[string]int{}
	const keys = 6000
	for k := range uint64(keys) {
		v, err := array.Collect[int64](ctx, r, array.Random(k).Permutation(4))
		if err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(v)]++
	}
	chi := 0.0
	for _, n := range seen {
		chi += math.Pow(float64(n)-keys/24.0, 2) / (keys / 24.0)
	}
	if len(seen) != 24 || chi > 65 { // of 23 degrees of freedom: beyond 65 with a chance of 1e-5
		t.Errorf("%d of 24 orders of 4, chi² %.1f: %v", len(seen), chi, seen)
	}
	x := array.Arange(0, 20, 1).Reshape(10, 2).Rechunk(3, 1)
	same(t, r, array.Random(5).Shuffle(x, 0).Slice(":,0").FloorDiv(2), array.Random(5).Permutation(10))
}

func TestDrawErrors(t *testing.T) {
	s, size := array.Random(1), []int{3}
	for _, c := range []struct {
		x    *array.Array
		want string
	}{
		{s.Gamma(0, 1, size), "Gamma: shape 0 and scale 1"}, {s.Gamma(1, math.NaN(), size), "scale NaN"}, {s.Beta(1, math.Inf(1), size), "Beta: a 1 and b +Inf"},
		{s.Poisson(-1, size), "Poisson: mean -1"}, {s.Binomial(-1, 0.5, size), "Binomial: trials -1"}, {s.Binomial(1, 1.5, size), "chance 1.5"},
		{s.Choice(0, nil, size), "Choice: of 0"}, {s.Choice(2, []float64{1}, size), "of 2 with 1 weights"}, {s.Choice(2, []float64{0, 0}, size), "add up to 0"},
		{s.Choice(2, []float64{1, -1}, size), "weight 1 is -1"}, {s.Permutation(-1), "negative"}, {s.Poisson(1, size, array.Of(array.Float32)), "random numbers of float32"},
		{s.Shuffle(array.Ones(size), 1), "Shuffle: axis 1"},
	} {
		if err := c.x.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "draws_test.go:") {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
