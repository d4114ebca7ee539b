package array_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

// counted is x, and how many of its chunks were made so far.
func counted(x *array.Array) (*array.Array, *atomic.Int64) {
	var n atomic.Int64
	return array.MapBlocks(array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
		n.Add(1)
		copy(array.Elements[float64](out), array.Elements[float64](in[0]))
		return nil
	}), array.Float64, x), &n
}

// TestPersist computes with arrays that a runner keeps, in ample memory and in so little
// that they are spilled: chunks are made once, and what is computed is the same.
func TestPersist(t *testing.T) {
	ctx := context.Background()
	for _, pool := range []int64{64 << 20, 6 << 20} {
		r := local.New(local.Options{Threads: 2, Pool: pool, SpillDir: t.TempDir()})
		a := array.Random(1).Normal(0, 1, []int{700, 900}, array.Chunks(200, 250))
		b := array.Random(2).Uniform(0, 1, []int{700, 900}, array.Chunks(350, 300))
		x, n := counted(a)
		y, err := x.Persist(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		made := n.Load()
		if made != int64(x.NumBlocks()) {
			t.Errorf("%d chunks made of %d", made, x.NumBlocks())
		}
		z, err := b.Persist(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range effort.Some(4, []func(x, z *array.Array) *array.Array{
			func(x, _ *array.Array) *array.Array { return x },
			func(x, _ *array.Array) *array.Array { return x.T().Mul(2).Add(1) },
			func(x, z *array.Array) *array.Array { return x.Sub(z).Mul(x) },
			func(x, z *array.Array) *array.Array { return z.Std(0, 1).Add(x.Mean(1)) },
			func(x, _ *array.Array) *array.Array { return x.Slice("300:420, ::7") },
			func(x, z *array.Array) *array.Array { return x.T().MatMul(z).Slice("3") },
			func(x, _ *array.Array) *array.Array { return x.Sort(0).Slice("5") },
			func(x, z *array.Array) *array.Array { return array.Concat(0, x, z).Max(0) },
		}) {
			want, err := array.Collect[float64](ctx, r, f(a, b))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := array.Collect[float64](ctx, r, f(y, z)); err != nil || !slices.Equal(got, want) {
				t.Errorf("plan %d in %d MiB: other elements, %v", i, pool>>20, err)
			}
		}
		if n.Load() != made {
			t.Errorf("%d chunks were made again", n.Load()-made)
		}
		again, err := y.Add(z).Persist(ctx, r) // of what is kept
		if err != nil {
			t.Fatal(err)
		}
		y.Release()
		if got, want := all(t, r, again.Sum()), all(t, r, a.Add(b).Sum()); got[0] != want[0] {
			t.Errorf("of persisted arrays: %v, want %v", got, want)
		}
		if spilled := r.Node().Spilled() > 0; spilled != (pool < 2*x.NBytes()) {
			t.Errorf("in %d MiB: spilled %v", pool>>20, spilled)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPersistLoose keeps chunks whose sizes are not known.
func TestPersistLoose(t *testing.T) {
	r := local.New(local.Options{Threads: 2, Pool: 16 << 20})
	defer r.Close()
	x := array.Arange(0, 1000, 1, array.Chunks(300))
	y, err := x.Select(x.Gt(437)).Persist(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := all(t, r, y.Sum()), all(t, r, array.Arange(438, 1000, 1).Sum()); got[0] != want[0] {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestPersistEnds lets go what was persisted, in every way, and says what went wrong.
func TestPersistEnds(t *testing.T) {
	ctx := context.Background()
	r := local.New(local.Options{Threads: 2, Pool: 64 << 20})
	defer r.Close()
	x := array.Random(3).Normal(0, 1, []int{1 << 20}, array.Chunks(1<<18))
	free := r.Node().Pool().Used()
	persist := func() *array.Array {
		y, err := x.Persist(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if used := r.Node().Pool().Used() - free; used < x.NBytes() {
			t.Errorf("%d bytes are in use for %d that are kept", used, x.NBytes())
		}
		return y
	}
	gone := func(how string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); r.Node().Pool().Used() > free; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d bytes are still in use", how, r.Node().Pool().Used()-free)
			}
			runtime.GC()
		}
	}
	y := persist()
	y.Mul(2).Release() // is not what was persisted
	if _, err := y.Sum().Compute(ctx, r); err != nil {
		t.Error(err)
	}
	y.Release()
	y.Release()
	gone("released")
	if _, err := y.Sum().Compute(ctx, r); err == nil || !strings.Contains(err.Error(), "over") {
		t.Errorf("after Release: %v", err)
	}
	func() { _ = persist().T() }()
	gone("collected")

	other := local.New(local.Options{Threads: 1, Pool: 64 << 20})
	y = persist()
	if _, err := y.Sum().Compute(ctx, other); err == nil || !strings.Contains(err.Error(), "another runner keeps") {
		t.Errorf("on another runner: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if _, err := x.Persist(ctx, other); err == nil {
		t.Error("a closed runner keeps chunks")
	}
	y.Release()

	short, cancel := context.WithCancel(ctx)
	bad := array.MapBlocks(array.Closure(func(ctx context.Context, _ []int, _ []*array.Block, _ *array.Block) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}), array.Float64, x)
	if _, err := bad.Persist(short, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	failing := array.MapBlocks(array.Closure(func(context.Context, []int, []*array.Block, *array.Block) error {
		return fmt.Errorf("no good")
	}), array.Float64, x)
	if _, err := failing.Persist(ctx, r); err == nil || !strings.Contains(err.Error(), "persist_test.go") || !strings.Contains(err.Error(), "no good") {
		t.Errorf("failing: %v", err)
	}
	if _, err := x.Persist(ctx, justRuns{r}); err == nil || !strings.Contains(err.Error(), "persist_test.go") {
		t.Errorf("a runner that keeps nothing: %v", err)
	}
	if _, err := x.Add(array.Ones([]int{3})).Persist(ctx, r); err == nil || !strings.Contains(err.Error(), "do not fit") {
		t.Errorf("an array with a mistake: %v", err)
	}
	gone("failed")
}

// justRuns is a runner that keeps nothing.
type justRuns struct{ graph.Runner }
