package array_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// TestReadAgain: a large array of a store that is read before and after all of it is known is read twice rather than kept,
// and what is computed of it as well; one that its readers take block by block is read once. Results are those of the plan
// that keeps everything, for any number of threads and little memory.
func TestReadAgain(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	ctx, folder := context.Background(), t.TempDir()+"/x.zarr"
	r := local.New(local.Options{Memory: 64 << 20, Threads: 2})
	defer r.Close()
	n, side := 72, 500 // 72 MB
	v := make([]float32, n*side*side)
	for i := range v {
		v[i] = float32(uint32(i)*2654435761>>8) / (1 << 20)
		if i%97 == 0 {
			v[i] = float32(math.NaN())
		}
	}
	err := array.FromSlice(v, []int{n, side, side}, array.Chunks(2, -1, -1)).WriteZarr(ctx, r, folder, array.ZarrOptions{Version: 2, Codec: "lz4"})
	if err != nil {
		t.Fatal(err)
	}
	one := local.New(local.Options{Memory: 64 << 20, Threads: 1})
	defer one.Close()
	x := array.ReadZarr(folder, array.Chunks(2, -1, -1))
	d := x.Sub(x.NanMean(0))
	quiet := array.Where(d.IsNaN(), float32(0), d)
	for _, c := range effort.Some(2, []struct {
		name  string
		y     *array.Array
		reads int
	}{
		{"twice", quiet.Square().Sum(0).Sqrt(), 2},
		{"a reader that is not elementwise", d.NanMax(0).Add(d.CumSum(1).NanMin(0)), 2},
		{"chained", quiet.Sub(quiet.Mean(0)).Abs().Max(0), 3},
		{"slow steps are kept", x.Exp().Sub(x.Exp().NanMean(0)).NanMin(0), 1},
		{"no barrier", x.Square().Add(x).NanSum(0).Add(x.NanMax(0)), 1},
	}) {
		e, err := c.y.Explain(ctx, r)
		if err != nil {
			t.Fatal(c.name, err)
		}
		_, run, _ := strings.Cut(e.String(), "as run")
		reads := 0
		for line := range strings.Lines(run) {
			if strings.Contains(line, "x.zarr") {
				reads++
			}
		}
		if reads != c.reads {
			t.Errorf("%s: the store is read by %d layers, want %d\n%s", c.name, reads, c.reads, run)
		}
		want, err := array.Collect[float32](ctx, r, c.y, array.Without("weld"))
		if err != nil {
			t.Fatal(c.name, err)
		}
		for threads, with := range map[int]*local.Runner{1: one, 2: r} {
			got, err := array.Collect[float32](ctx, with, c.y)
			if err != nil {
				t.Fatal(c.name, err)
			}
			for i := range want {
				if w := float64(want[i]); math.Abs(float64(got[i])-w) > 1e-4*math.Abs(w) || math.IsNaN(w) != math.IsNaN(float64(got[i])) {
					t.Fatalf("%s, %d threads: element %d is %v, want %v", c.name, threads, i, got[i], w)
				}
			}
		}
	}
}
