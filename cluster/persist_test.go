package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
)

// tallied copies a block, and leaves a file in a folder for each time it did so.
var tallied = array.Register("cluster_test/tallied", func(_ context.Context, at []int, in []*array.Block, out *array.Block) error {
	copy(array.Elements[float64](out), array.Elements[float64](in[0]))
	f, err := os.CreateTemp(os.Getenv("WEFT_TEST_TALLY"), "made")
	if err != nil {
		return err
	}
	return f.Close()
})

// TestPersistArrays: the chunks of an array stay on the workers that made them, plans read
// them there, those of a worker that retires or is lost are there afterwards, other
// clients have none of them, and they go with Release.
func TestPersistArrays(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	folder := t.TempDir()
	t.Setenv("WEFT_TEST_TALLY", folder)
	made := func() int {
		files, err := filepath.Glob(filepath.Join(folder, "made*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	r := newRig(t, 3, cluster.WorkerOptions{})
	x := array.Random(1).Normal(0, 1, []int{600, 500}, array.Chunks(100, 250))
	y, err := array.MapBlocks(tallied, array.Float64, x).Persist(ctx, r.c)
	if err != nil {
		t.Fatal(err)
	}
	if made() != x.NumBlocks() {
		t.Errorf("%d chunks made of %d", made(), x.NumBlocks())
	}
	check := func(when string) {
		t.Helper()
		for i, f := range []func(x *array.Array) *array.Array{
			func(x *array.Array) *array.Array { return x },
			func(x *array.Array) *array.Array { return x.Sub(x.Mean(0)).Square().Sum() },
			func(x *array.Array) *array.Array { return x.T().MatMul(x).Slice(":3") },
		} {
			want, err := array.Collect[float64](ctx, here, f(x))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := array.Collect[float64](ctx, r.c, f(y)); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s, plan %d: other elements, %v", when, i, err)
			}
		}
	}
	check("persisted")
	other := r.dial(t, cluster.Options{})
	if _, err := y.Sum().Compute(ctx, other); err == nil || !strings.Contains(err.Error(), "another runner keeps") {
		t.Errorf("for another client: %v", err)
	}
	if err := r.workers[0].Retire(); err != nil { // it hands over what it has
		t.Error(err)
	}
	check("a worker went")
	if made() != x.NumBlocks() {
		t.Errorf("%d chunks were made again", made()-x.NumBlocks())
	}
	y.Release()
	until(t, "idle", r.idle)
	if _, err := y.Sum().Compute(ctx, r.c); err == nil || !strings.Contains(err.Error(), "which this client does not have") {
		t.Errorf("after Release: %v", err)
	}
}

// TestPersistLost: chunks that were lost with the process of a worker are made again.
func TestPersistLost(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	r := up(t, 3, cluster.SchedulerOptions{})
	x := array.Random(1).Normal(0, 1, []int{600, 500}, array.Chunks(50, 250))
	y, err := x.Persist(ctx, r.c)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.procs[1].Kill(); err != nil {
		t.Fatal(err)
	}
	want, err := array.Collect[float64](ctx, here, x.Mul(2))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := array.Collect[float64](ctx, r.c, y.Mul(2)); err != nil || !slices.Equal(got, want) {
		t.Errorf("other elements, %v", err)
	}
	y.Release()
	until(t, "no job is left", func() bool { return len(r.s.State().Jobs) == 0 })
}
