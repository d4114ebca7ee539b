package future_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

var square = op.Func("future_test/square", func(_ context.Context, x int) (int, error) { return x * x, nil })

var add = op.Func("future_test/add", func(_ context.Context, xs []int) (int, error) {
	n := 0
	for _, x := range xs {
		n += x
	}
	return n, nil
})

func client(t testing.TB, threads int) (*future.Client, context.Context) {
	ctx := context.Background()
	r := local.New(local.Options{Threads: threads})
	c := future.New(ctx, r)
	t.Cleanup(func() {
		c.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, ctx
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMapReduceGather(t *testing.T) {
	c, ctx := client(t, 3)
	fs := future.Map(c, square, []int{1, 2, 3, 4})
	total := future.Reduce(c, add, fs)
	twice := future.Submit(c, square, future.Arg[int](total))
	if n, err := twice.Get(ctx); err != nil || n != 900 {
		t.Fatal(n, err)
	}
	got, err := future.Gather(ctx, fs)
	if err != nil || fmt.Sprint(got) != "[1 4 9 16]" {
		t.Fatal(got, err)
	}
}

func TestDependencyOfAnEarlierBatch(t *testing.T) {
	c, ctx := client(t, 2)
	a := future.Submit(c, square, future.Value(3))
	if n, err := a.Get(ctx); n != 9 || err != nil {
		t.Fatal(n, err)
	}
	slow := future.Submit(c, op.Closure(func(_ context.Context, x int) (int, error) { time.Sleep(20 * time.Millisecond); return x, nil }), future.Value(5))
	time.Sleep(5 * time.Millisecond) // slow's batch is on its way
	sum := future.Reduce(c, add, []*future.Future[int]{a, slow})
	if n, err := sum.Get(ctx); n != 14 || err != nil {
		t.Fatal(n, err)
	}
}

func TestOneFailureLeavesTheOthers(t *testing.T) {
	c, ctx := client(t, 2)
	odd := op.Closure(func(_ context.Context, x int) (int, error) {
		switch {
		case x == 4:
			panic("four")
		case x%2 == 0:
			return 0, fmt.Errorf("%d is even", x)
		}
		return x, nil
	})
	fs := future.Map(c, odd, []int{1, 2, 3, 4})
	sum := future.Reduce(c, add, fs)
	for i, want := range []string{"", "2 is even", "", "panic: four"} {
		n, err := fs[i].Get(ctx)
		if want == "" && (err != nil || n != i+1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("call %d: %v, %v; want %q", i, n, err, want)
		}
	}
	if _, err := sum.Get(ctx); err == nil || !strings.Contains(err.Error(), "needs a call that failed: 2 is even") {
		t.Errorf("dependent: %v", err)
	}
	if _, err := future.Gather(ctx, fs); err == nil || !strings.Contains(err.Error(), "call 1: 2 is even") {
		t.Errorf("gather: %v", err)
	}
}

func TestRetry(t *testing.T) {
	c, ctx := client(t, 2)
	var tries atomic.Int32
	flaky := op.Closure(func(context.Context, int) (int32, error) {
		if n := tries.Add(1); n < 3 {
			return 0, errors.New("not yet")
		}
		return tries.Load(), nil
	})
	o := future.Options{Retry: 3, Delay: time.Millisecond}
	if n, err := future.SubmitWith(c, o, flaky, future.Value(0)).Get(ctx); err != nil || n != 3 {
		t.Fatal(n, err)
	}
	tries.Store(-10)
	if _, err := future.SubmitWith(c, o, flaky, future.Value(0)).Get(ctx); err == nil || err.Error() != "not yet" {
		t.Fatal(err)
	}
}

func TestTimeOutAndCancel(t *testing.T) {
	c, ctx := client(t, 2)
	sleep := op.Closure(func(ctx context.Context, d time.Duration) (int, error) {
		select {
		case <-time.After(d):
			return 1, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	})
	late := future.SubmitWith(c, future.Options{TimeOut: 5 * time.Millisecond}, sleep, future.Value(time.Hour))
	if _, err := late.Get(ctx); err == nil || !strings.Contains(err.Error(), "time-out of 5ms") {
		t.Errorf("time-out: %v", err)
	}
	f := future.Submit(c, sleep, future.Value(time.Hour))
	time.Sleep(10 * time.Millisecond)
	f.Cancel()
	if _, err := f.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancel: %v", err)
	}
	short, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	g := future.Submit(c, sleep, future.Value(time.Hour))
	if _, err := g.Get(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get: %v", err)
	}
	g.Cancel()
}

// A function that does not heed its context is not waited for; with a time-out it does not keep its thread either.
func TestFunctionsThatDoNotHeed(t *testing.T) {
	c, ctx := client(t, 1)
	gate := make(chan struct{})
	deaf := op.Closure(func(context.Context, int) (int, error) { <-gate; return 7, nil })
	late := future.SubmitWith(c, future.Options{TimeOut: 5 * time.Millisecond}, deaf, future.Value(0))
	if _, err := late.Get(ctx); err == nil || !strings.Contains(err.Error(), "time-out of 5ms passed, and the function does not heed its context") {
		t.Fatal(err)
	}
	if n := future.Abandoned(); n != 1 {
		t.Errorf("%d functions are abandoned", n)
	}
	if n, err := future.Submit(c, square, future.Value(3)).Get(ctx); n != 9 || err != nil {
		t.Fatal("the only thread is taken:", n, err)
	}
	long := future.Submit(c, deaf, future.Value(0))
	time.Sleep(10 * time.Millisecond) // it runs
	long.Cancel()
	if _, err := long.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(gate)
	for i := 0; future.Abandoned() > 0 && i < 1000; i++ {
		time.Sleep(time.Millisecond)
	}
	if n := future.Abandoned(); n != 0 {
		t.Errorf("%d functions are abandoned after they have returned", n)
	}
	if _, err := late.Get(ctx); err == nil {
		t.Error("what an abandoned function returned came through")
	}
}

func TestPriority(t *testing.T) {
	c, ctx := client(t, 1)
	var order []int
	note := op.Closure(func(_ context.Context, x int) (int, error) { order = append(order, x); return x, nil })
	gate := make(chan struct{})
	future.Submit(c, op.Closure(func(context.Context, int) (int, error) { <-gate; return 0, nil }), future.Value(0))
	time.Sleep(5 * time.Millisecond) // the only thread is taken
	low := future.SubmitWith(c, future.Options{Priority: -1}, note, future.Value(1))
	time.Sleep(5 * time.Millisecond)
	high := future.SubmitWith(c, future.Options{Priority: 5}, note, future.Value(2))
	time.Sleep(5 * time.Millisecond)
	close(gate)
	if _, err := future.Gather(ctx, []*future.Future[int]{low, high}); err != nil {
		t.Fatal(err)
	}
	if len(order) != 2 {
		t.Fatal(order)
	}
}

func TestAsCompletedAndClose(t *testing.T) {
	c, ctx := client(t, 2)
	fs := future.Map(c, square, []int{1, 2, 3})
	seen := map[int]bool{}
	for i, f := range future.AsCompleted(ctx, fs) {
		if !f.Done() || seen[i] {
			t.Errorf("call %d: done %v, seen %v", i, f.Done(), seen[i])
		}
		seen[i] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d of 3", len(seen))
	}
	hang := future.Submit(c, op.Closure(func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }), future.Value(0))
	time.Sleep(5 * time.Millisecond)
	c.Close()
	if _, err := hang.Get(ctx); err == nil {
		t.Error("a call outlived its client")
	}
	if _, err := future.Submit(c, square, future.Value(1)).Get(ctx); !errors.Is(err, future.ErrClosed) {
		t.Errorf("submit after close: %v", err)
	}
}

func TestRegisteredFunctionByName(t *testing.T) {
	if _, err := op.CallByName(context.Background(), "nobody/home", nil); err == nil || !strings.Contains(err.Error(), `"nobody/home"`) {
		t.Error(err)
	}
}

func BenchmarkFutures(b *testing.B) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	args := make([]int, 100000)
	for i := range args {
		args[i] = i
	}
	run := func(name string, n int, f func(c *future.Client) error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := future.New(context.Background(), r)
				if err := f(c); err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/task")
		})
	}
	run("independent-100k", len(args), func(c *future.Client) error {
		_, err := future.Gather(context.Background(), future.Map(c, square, args))
		return err
	})
	run("chain-10k", 10000, func(c *future.Client) error {
		f := future.Submit(c, square, future.Value(0))
		for range 9999 {
			f = future.Submit(c, square, future.Arg[int](f))
		}
		_, err := f.Get(context.Background())
		return err
	})
	run("tree-200k", 2*len(args), func(c *future.Client) error {
		fs := future.Map(c, square, args)
		for len(fs) > 1 {
			var up []*future.Future[int]
			for i := 0; i < len(fs); i += 2 {
				up = append(up, future.Reduce(c, add, fs[i:min(i+2, len(fs))]))
			}
			fs = up
		}
		_, err := fs[0].Get(context.Background())
		return err
	})
}
