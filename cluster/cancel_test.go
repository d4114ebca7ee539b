package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

var (
	held   atomic.Int32 // calls of hold at work
	loose  atomic.Pointer[chan struct{}]
	ended  = make(chan time.Time, 100) // when calls of hold heard that they were given up
	called atomic.Int32
)

// hold waits until loose is closed, or its context ends.
var hold = op.Func("cluster_test/hold", func(ctx context.Context, x int) (int, error) {
	held.Add(1)
	select {
	case <-*loose.Load():
		return x, nil
	case <-ctx.Done():
		ended <- time.Now()
		return 0, context.Cause(ctx)
	}
})

var tally = op.Func("cluster_test/tally", func(_ context.Context, x int) (int, error) { called.Add(1); return x, nil })

// TestCancel gives up single calls of a job, running and waiting: they end, those that need them too, the function hears of
// it, the worker has its slot again, and the other calls of the job go on.
func TestCancel(t *testing.T) {
	for _, o := range []future.Options{{}, {TimeOut: time.Minute}} {
		t.Run(fmt.Sprintf("%v", o.TimeOut), func(t *testing.T) {
			gate := make(chan struct{})
			loose.Store(&gate)
			held.Store(0)
			called.Store(0)
			r := newRig(t, 2, cluster.WorkerOptions{Threads: 2})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := r.s.WaitWorkers(ctx, 2); err != nil {
				t.Fatal(err)
			}
			c := future.New(ctx, r.c)
			defer c.Close()
			fs := future.MapWith(c, o, hold, []int{1, 2, 3, 4})
			need := future.SubmitWith(c, o, tally, future.Arg[int](fs[0]))
			need2 := future.ReduceWith(c, o, sum, []*future.Future[int]{need, fs[3]})
			elsewhere := future.SubmitWith(c, future.Options{Priority: 1}, tally, future.Arg[int](fs[0]))
			other := future.SubmitWith(c, o, tally, future.Arg[int](fs[1]))
			go func() { _, _ = other.Get(ctx) }()
			until(t, "four calls run", func() bool { return held.Load() == 4 })
			late := future.MapWith(c, o, tally, []int{10, 11}) // all threads are taken
			go func() { _, _ = late[1].Get(ctx) }()
			until(t, "they are known", func() bool { return len(r.s.State().Jobs) == 2 })
			late[0].Cancel()
			fs[0].Cancel()
			var cancelled *future.CancelledError
			for i, f := range []*future.Future[int]{fs[0], need, need2, elsewhere, late[0]} {
				if _, err := f.Get(ctx); !errors.As(err, &cancelled) {
					t.Errorf("call %d: %v", i, err)
				}
			}
			select {
			case <-ended:
			case <-ctx.Done():
				t.Fatal("the function was not told")
			}
			if n, err := late[1].Get(ctx); n != 11 || err != nil { // on the thread that is free again
				t.Error(n, err)
			}
			if len(ended) > 0 {
				t.Error("more than one function was told")
			}
			close(gate)
			if n, err := other.Get(ctx); n != 2 || err != nil {
				t.Error(n, err)
			}
			if got, err := future.Gather(ctx, fs[1:]); err != nil || fmt.Sprint(got) != "[2 3 4]" {
				t.Error(got, err)
			}
			if n := called.Load(); n != 2 {
				t.Errorf("%d calls, want those of late[1] and other", n)
			}
			c.Close()
			until(t, "nothing is left", r.idle)
		})
	}
}

// TestCancelBehind gives up a call that waits for a thread in its worker: it is given back, though what it waits behind goes on.
func TestCancelBehind(t *testing.T) {
	gate := make(chan struct{})
	loose.Store(&gate)
	held.Store(0)
	r := newRig(t, 1, cluster.WorkerOptions{Threads: 1, Stuck: time.Minute})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	fs := future.Map(c, hold, []int{1, 2})
	need := future.Submit(c, tally, future.Arg[int](fs[0])) // so that calls of the job have inputs
	go func() { _, _ = need.Get(ctx) }()
	busy := func() int32 { return r.s.State().Workers[0].Busy }
	until(t, "one runs and one waits", func() bool { return held.Load() == 1 && busy() == 2 })
	fs[1].Cancel()
	until(t, "what waits is given back", func() bool { return busy() == 1 })
	close(gate)
	if n, err := need.Get(ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if held.Load() != 1 {
		t.Error("a call was begun after it was cancelled")
	}
}

// TestCancelWhileCut gives up a call whose worker, or whose client, has no connection: it hears of it with the next one.
func TestCancelWhileCut(t *testing.T) {
	for _, who := range []string{"worker", "client"} {
		t.Run(who, func(t *testing.T) {
			gate := make(chan struct{})
			loose.Store(&gate)
			held.Store(0)
			r := listen(t, cluster.SchedulerOptions{})
			p := newProxy(t)
			p.aim(r.addr, nil)
			direct := r.addr
			if who == "worker" {
				r.addr = p.addr()
			}
			r.join(t, cluster.WorkerOptions{Threads: 2})
			r.addr = direct
			if who == "client" {
				r.addr = p.addr()
			}
			r.c = r.dial(t, cluster.Options{})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c := future.New(ctx, r.c)
			defer c.Close()
			fs := future.Map(c, hold, []int{1, 2})
			go func() { _, _ = fs[1].Get(ctx) }()
			until(t, "both run", func() bool { return held.Load() == 2 })
			p.cut()
			fs[0].Cancel()
			select {
			case <-ended:
			case <-ctx.Done():
				t.Fatal("the function was not told")
			}
			close(gate)
			if n, err := fs[1].Get(ctx); n != 2 || err != nil {
				t.Error(n, err)
			}
			if len(ended) > 0 || held.Load() != 2 {
				t.Error("more than one was told, or one began again:", len(ended), held.Load())
			}
		})
	}
}

// A function that is cancelled alone and does not heed that has its worker replaced, as at the end of its job.
func TestCancelledFunctionIsDeaf(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	end := make(chan struct{})
	let.Store(&end)
	defer close(end)
	begun.Store(0)
	r := newRig(t, 1, cluster.WorkerOptions{Threads: 2, Dead: time.Second, Stuck: 300 * time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	f, other := future.Submit(c, deaf, future.Value(1)), future.Submit(c, nap, future.Value(time.Second))
	go func() { _, _ = other.Get(ctx) }()
	until(t, "it is begun", func() bool { return begun.Load() == 1 })
	r.join(t, cluster.WorkerOptions{Threads: 2})
	f.Cancel()
	select {
	case <-r.workers[0].Done():
	case <-ctx.Done():
		t.Fatal("the worker goes on")
	}
	if err := r.workers[0].Wait(); !errors.Is(err, cluster.ErrStuck) {
		t.Error(err)
	}
	if s, err := other.Get(ctx); s != "slept" || err != nil {
		t.Error(s, err)
	}
}

// BenchmarkCancel is the time from Cancel to the end of the function's context in a worker, and to the error of the caller.
func BenchmarkCancel(b *testing.B) {
	gate := make(chan struct{})
	loose.Store(&gate)
	defer close(gate)
	r := newRig(b, 2, cluster.WorkerOptions{Threads: 1})
	ctx := context.Background()
	c := future.New(ctx, r.c)
	defer c.Close()
	var most, all time.Duration
	for b.Loop() {
		b.StopTimer()
		n := held.Load()
		f := future.Submit(c, hold, future.Value(1))
		go func() { _, _ = f.Get(ctx) }()
		until(b, "it runs", func() bool { return held.Load() > n })
		b.StartTimer()
		start := time.Now()
		f.Cancel()
		d := (<-ended).Sub(start)
		all, most = all+d, max(most, d)
	}
	b.ReportMetric(float64(all.Microseconds())/float64(b.N), "µs/told")
	b.ReportMetric(float64(most.Microseconds()), "µs-most")
}
