package future_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/graph"
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

// third is a function that fails until tries, to which each call adds one, is 3.
func third(tries *atomic.Int32) op.Fn[int, int32] {
	return op.Closure(func(context.Context, int) (int32, error) {
		if n := tries.Add(1); n < 3 {
			return 0, errors.New("not yet")
		}
		return tries.Load(), nil
	})
}

func TestRetry(t *testing.T) {
	c, ctx := client(t, 2)
	var tries atomic.Int32
	flaky := third(&tries)
	o := future.Options{Retry: 3, Delay: time.Millisecond}
	if n, err := future.SubmitWith(c, o, flaky, future.Value(0)).Get(ctx); err != nil || n != 3 {
		t.Fatal(n, err)
	}
	tries.Store(-10)
	if _, err := future.SubmitWith(c, o, flaky, future.Value(0)).Get(ctx); err == nil || err.Error() != "not yet" {
		t.Fatal(err)
	}
}

// TestRetryForever holds that as many attempts as an int counts are not none.
func TestRetryForever(t *testing.T) {
	c, ctx := client(t, 2)
	var tries atomic.Int32
	flaky := third(&tries)
	for _, most := range []int{math.MaxInt, math.MaxInt32, math.MaxInt32 + 2} {
		tries.Store(0)
		if n, err := future.SubmitWith(c, future.Options{Retry: most}, flaky, future.Value(0)).Get(ctx); err != nil || n != 3 {
			t.Errorf("%d: %d, %v", most, n, err)
		}
	}
}

// TestWaitWithinACall holds that a function that waits for a call of its own runner gets an error, where it had
// waited for ever; for a call of another runner it may wait.
func TestWaitWithinACall(t *testing.T) {
	c, ctx := client(t, 1)
	other, _ := client(t, 1)
	of := func(c *future.Client) op.Fn[int, int] {
		return op.Closure(func(ctx context.Context, x int) (int, error) {
			return future.Submit(c, square, future.Value(x)).Get(ctx)
		})
	}
	if _, err := future.Submit(c, of(c), future.Value(3)).Get(ctx); err == nil || !strings.Contains(err.Error(), "take the future as an argument") {
		t.Error(err)
	}
	if _, err := future.SubmitWith(c, future.Options{TimeOut: time.Hour}, of(c), future.Value(3)).Get(ctx); err == nil || !strings.Contains(err.Error(), "take the future as an argument") {
		t.Error(err)
	}
	if n, err := future.Submit(c, of(other), future.Value(3)).Get(ctx); n != 9 || err != nil {
		t.Error(n, err)
	}
}

// lender counts the goroutines that wait while others have their thread.
type lender struct{ waits atomic.Int32 }

func (l *lender) Leave() { l.waits.Add(1) }
func (l *lender) Back()  { l.waits.Add(-1) }

// TestWaitingLendsTheThread holds that whatever waits for calls with the context of a task that lends its thread says so, and
// that the client, which waits beside it, does not.
func TestWaitingLendsTheThread(t *testing.T) {
	l := &lender{}
	ctx := context.WithValue(context.Background(), op.SlotKey{}, op.Slot(l))
	r := local.New(local.Options{Threads: 1})
	c := future.New(ctx, r)
	for what, wait := range map[string]func(*future.Future[int]){
		"get":  func(f *future.Future[int]) { _, _ = f.Get(ctx) },
		"wait": func(*future.Future[int]) { c.Wait() },
		"as completed": func(f *future.Future[int]) {
			future.AsCompleted(ctx, []*future.Future[int]{f})(func(int, *future.Future[int]) bool { return true })
		},
	} {
		began, gate, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		f := future.Submit(c, op.Closure(func(context.Context, int) (int, error) { close(began); <-gate; return 1, nil }), future.Value(1))
		<-began
		if n := l.waits.Load(); n != 0 {
			t.Fatalf("%s: %d wait, and nobody does", what, n)
		}
		go func() { defer close(over); wait(f) }()
		for l.waits.Load() == 0 {
			runtime.Gosched()
		}
		close(gate)
		<-over
		if n := l.waits.Load(); n != 0 {
			t.Fatalf("%s: %d wait, and it has ended", what, n)
		}
	}
	c.Close()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestPlansWithinCalls holds that functions that run plans by their own runner never wait for each other's threads: one
// that would is told so.
func TestPlansWithinCalls(t *testing.T) {
	for _, threads := range []int{1, 2, 3} {
		r := local.New(local.Options{Threads: threads})
		c := future.New(context.Background(), r)
		f := frame.FromColumns(frame.Values("a", []int64{1, 2, 3}))
		count := op.Closure(func(ctx context.Context, n int64) (int64, error) { return f.Filter(frame.Col("a").Gt(n)).Count(ctx, r) })
		for i, x := range future.Map(c, count, make([]int64, 8)) {
			if n, err := x.Get(context.Background()); err == nil && n != 3 || err != nil && !strings.Contains(err.Error(), "give it a runner of its own") {
				t.Errorf("%d threads, call %d: %d, %v", threads, i, n, err)
			}
		}
		for range 4 { // what is over is forgotten
			if n, err := future.Submit(c, count, future.Value(int64(1))).Get(context.Background()); (threads > 1) != (err == nil && n == 2) {
				t.Errorf("%d threads, one call: %d, %v", threads, n, err)
			}
		}
		c.Close()
		if n, err := f.Count(context.Background(), r); n != 3 || err != nil {
			t.Error(n, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestGoroutineEnds holds that a function that ends its goroutine, as t.Fatal does, fails its call alone, and once.
func TestGoroutineEnds(t *testing.T) {
	c, ctx := client(t, 2)
	var calls atomic.Int32
	odd := op.Closure(func(_ context.Context, n int) (int, error) {
		if calls.Add(1); n%2 == 1 {
			runtime.Goexit()
		}
		return n, nil
	})
	for _, o := range []future.Options{{}, {Retry: 3}, {TimeOut: time.Minute, Retry: 3}} {
		calls.Store(0)
		var got []*future.Future[int]
		for i := range 1000 {
			got = append(got, future.SubmitWith(c, o, odd, future.Value(i)))
		}
		for i, x := range got {
			if n, err := x.Get(ctx); i%2 == 0 && (n != i || err != nil) || i%2 == 1 && !errors.Is(err, op.ErrExit) {
				t.Fatalf("%+v, call %d: %d, %v", o, i, n, err)
			}
		}
		if n := calls.Load(); n != 1000 {
			t.Errorf("%+v: %d calls", o, n)
		}
	}
}

// TestNoFunction holds that a call of no function fails, and its client ends.
func TestNoFunction(t *testing.T) {
	c, ctx := client(t, 1)
	if _, err := future.Submit(c, op.Fn[int, int]{}, future.Value(3)).Get(ctx); !errors.Is(err, op.ErrNoFunction) {
		t.Error(err)
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
	if _, err := op.CallByName(context.Background(), "nobody/home", nil, nil); err == nil || !strings.Contains(err.Error(), `"nobody/home"`) {
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

// A call that is cancelled ends at once, and so do those that need it; a function that runs is told, one that waits is not
// called, and all others go on.
func TestCancel(t *testing.T) {
	for _, o := range []future.Options{{}, {Retry: 3}, {TimeOut: time.Minute}} {
		c, ctx := client(t, 2)
		var calls atomic.Int32
		told := make(chan error, 1)
		gate := make(chan struct{})
		began := make(chan struct{}, 3)
		wait := op.Closure(func(ctx context.Context, x int) (int, error) {
			began <- struct{}{}
			select {
			case <-gate:
				return x, nil
			case <-ctx.Done():
				told <- context.Cause(ctx)
				return 0, ctx.Err()
			}
		})
		count := op.Closure(func(_ context.Context, x int) (int, error) { calls.Add(1); return x, nil })
		fs := future.MapWith(c, o, wait, []int{1, 2})
		waiting := future.SubmitWith(c, o, count, future.Value(3)) // both threads are taken
		after := future.SubmitWith(c, o, count, future.Arg[int](fs[0]))
		after2 := future.SubmitWith(c, o, count, future.Arg[int](after))
		elsewhere := future.SubmitWith(c, future.Options{Priority: 1}, count, future.Arg[int](fs[0]))
		other := future.SubmitWith(c, o, count, future.Arg[int](fs[1]))
		go func() { _, _ = other.Get(ctx) }()
		<-began
		<-began
		waiting.Cancel()
		fs[0].Cancel()
		var cancelled *future.CancelledError
		for i, f := range []*future.Future[int]{waiting, fs[0], after, after2, elsewhere} {
			if _, err := f.Get(ctx); !errors.As(err, &cancelled) || !errors.Is(err, context.Canceled) {
				t.Errorf("%+v: call %d: %v", o, i, err)
			}
		}
		if err := <-told; err == nil || !strings.Contains(err.Error(), "given up") {
			t.Errorf("%+v: the function hears %v", o, err)
		}
		fs[1].Done()
		close(gate)
		if n, err := other.Get(ctx); n != 2 || err != nil {
			t.Errorf("%+v: what was not cancelled: %v, %v", o, n, err)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%+v: %d calls, want that of what was not cancelled", o, n)
		}
		other.Cancel() // it has ended
		if n, err := other.Get(ctx); n != 2 || err != nil {
			t.Errorf("%+v: cancelled after its end: %v, %v", o, n, err)
		}
	}
}

// A call ends with a context of its own; one that was not handed over yet is never called.
func TestCancelWithContext(t *testing.T) {
	c, ctx := client(t, 1)
	var calls atomic.Int32
	count := op.Closure(func(_ context.Context, x int) (int, error) { calls.Add(1); return x, nil })
	mine, stop := context.WithCancel(ctx)
	f := future.Submit(c, count, future.Value(1))
	defer context.AfterFunc(mine, f.Cancel)()
	need := future.Submit(c, count, future.Arg[int](f))
	f.Cancel()
	stop()
	var cancelled *future.CancelledError
	if _, err := need.Get(ctx); !errors.As(err, &cancelled) || calls.Load() != 0 {
		t.Error(err, calls.Load())
	}
	long := future.Submit(c, op.Closure(func(ctx context.Context, _ int) (int, error) { <-ctx.Done(); return 0, ctx.Err() }), future.Value(0))
	mine, stop = context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	defer context.AfterFunc(mine, long.Cancel)()
	if _, err := long.Get(ctx); !errors.As(err, &cancelled) {
		t.Error(err)
	}
}

// A call that is cancelled while it is held for one of another lane is not begun when that has ended, and the client goes on.
func TestCancelWhileHeld(t *testing.T) {
	c, ctx := client(t, 2)
	var calls atomic.Int32
	began, gate := make(chan struct{}), make(chan struct{})
	wait := op.Closure(func(_ context.Context, x int) (int, error) { close(began); <-gate; return x, nil })
	count := op.Closure(func(_ context.Context, x int) (int, error) { calls.Add(1); return x, nil })
	first := future.Submit(c, wait, future.Value(1))
	held := future.SubmitWith(c, future.Options{Priority: 1}, count, future.Arg[int](first))
	other := future.SubmitWith(c, future.Options{Priority: 1}, count, future.Arg[int](first))
	go func() { _, _ = first.Get(ctx) }()
	<-began
	held.Cancel()
	close(gate)
	if n, err := other.Get(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if _, err := held.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls, want that of what was not cancelled", n)
	}
}

// A slow runner's jobs withdraw nothing until they may.
type slow struct {
	graph.Runner
	asked *atomic.Int32
	may   chan struct{}
}

func (r slow) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	j, err := r.Runner.Start(ctx, q)
	return slowJob{j, r}, err
}

type slowJob struct {
	graph.Job
	r slow
}

func (j slowJob) Withdraw(blocks []int32) {
	j.r.asked.Add(1)
	<-j.r.may
	j.Job.Withdraw(blocks)
}

// Calls that are cancelled while others are withdrawn do not wait for that, and are withdrawn together.
func TestCancelMany(t *testing.T) {
	l := local.New(local.Options{Threads: 1})
	defer func() { _ = l.Close() }()
	r := slow{l, &atomic.Int32{}, make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := future.New(ctx, r)
	defer c.Close()
	var calls atomic.Int32
	began, gate := make(chan struct{}, 1), make(chan struct{})
	wait := op.Closure(func(_ context.Context, x int) (int, error) { began <- struct{}{}; <-gate; return x, nil })
	count := op.Closure(func(_ context.Context, x int) (int, error) { calls.Add(1); return x, nil })
	first := future.Submit(c, wait, future.Value(1))
	fs := future.Map(c, count, make([]int, 100))
	go func() { _, _ = first.Get(ctx) }()
	<-began
	ended := make(chan struct{})
	go func() {
		for _, f := range fs {
			f.Cancel()
		}
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		t.Error("cancelling waits for what is withdrawn")
	}
	close(r.may)
	close(gate)
	if n, err := first.Get(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if n := r.asked.Load(); n > 2 {
		t.Errorf("the job was asked %d times", n)
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls were begun", n)
	}
}
