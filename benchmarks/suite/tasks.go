package suite

import (
	"context"
	"fmt"
	"time"

	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// The functions of the task cases do almost nothing: what is measured is what a
// task costs beside its work.
var (
	next = op.Func("benchmarks/next", func(_ context.Context, x int64) (int64, error) { return x + 1, nil })
	add  = op.Func("benchmarks/add", func(_ context.Context, xs []int64) (int64, error) {
		n := int64(0)
		for _, x := range xs {
			n += x
		}
		return n, nil
	})
)

// tasks is what a task case runs with.
type tasks struct {
	ctx    context.Context
	runner graph.Runner
	scale  int             // divides the number of tasks
	times  []time.Duration // of single calls, where that is what is asked
}

// independent runs calls that need nothing and checks every result.
func independent(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	args := make([]int64, 100_000/t.scale)
	for i := range args {
		args[i] = int64(i)
	}
	got, err := future.Gather(t.ctx, future.Map(c, next, args))
	if err != nil {
		return 0, err
	}
	for i, x := range got {
		if x != int64(i)+1 {
			return 0, fmt.Errorf("task %d returned %d", i, x)
		}
	}
	return len(args), nil
}

// chain runs calls that each need the result of the one before.
func chain(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	n := 10_000 / t.scale
	last := future.Submit(c, next, future.Value(int64(0)))
	for range n - 1 {
		last = future.Submit(c, next, future.Arg[int64](last))
	}
	x, err := last.Get(t.ctx)
	if err == nil && x != int64(n) {
		err = fmt.Errorf("a chain of %d tasks counted to %d", n, x)
	}
	return n, err
}

// tree adds 100 000 results in pairs.
func tree(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	leaves := int64(100_000 / t.scale)
	args := make([]int64, leaves)
	for i := range args {
		args[i] = int64(i)
	}
	n, level := len(args), future.Map(c, next, args)
	for len(level) > 1 {
		var above []*future.Future[int64]
		for i := 0; i < len(level); i += 2 {
			above = append(above, future.Reduce(c, add, level[i:min(i+2, len(level))]))
		}
		n, level = n+len(above), above
	}
	x, err := level[0].Get(t.ctx)
	if want := leaves * (leaves + 1) / 2; err == nil && x != want {
		err = fmt.Errorf("a tree over %d leaves added up to %d, not %d", leaves, x, want)
	}
	return n, err
}
