package cluster_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

var (
	massing atomic.Int32
	met     atomic.Pointer[chan struct{}]
)

const massive = 4 << 20

// mass makes a large block, when two of its calls are at work: on two workers with a thread each.
var mass = op.Func("cluster_test/mass", func(ctx context.Context, _ []int) ([]byte, error) {
	if massing.Add(1) == 2 {
		close(*met.Load())
	}
	select {
	case <-*met.Load():
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return make([]byte, massive), nil
})

var weigh = op.Func("cluster_test/weigh", func(_ context.Context, b [][]byte) (n int, err error) {
	for _, x := range b {
		n += len(x)
	}
	return n, nil
})

// TestCancelledCallsStopFetching has two workers with a large block each, and calls that need both. What comes
// stands still, so they wait for it: one that is cancelled is given back at once, the others go on waiting, and
// when the last one is cancelled nothing is fetched any more.
func TestCancelledCallsStopFetching(t *testing.T) {
	for _, all := range []bool{false, true} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		massing.Store(0)
		gate := make(chan struct{})
		met.Store(&gate)
		r := listen(t, cluster.SchedulerOptions{})
		gone := make(chan struct{}) // what holds up the proxies
		still := func(b []byte, at int64) bool {
			if at > massive/8 {
				<-gone
			}
			return true
		}
		for range 2 {
			p := newProxy(t)
			p.aim(r.join(t, cluster.WorkerOptions{Threads: 1, Stall: time.Minute, Advertise: p.addr()}).Addr(), still)
		}
		r.c = r.dial(t, cluster.Options{})
		free := sync.OnceFunc(func() { close(gone) })
		t.Cleanup(free) // before anybody waits for the proxies
		if err := r.s.WaitWorkers(ctx, 2); err != nil {
			t.Fatal(err)
		}
		c := future.New(ctx, r.c)
		defer c.Close()
		ready := make(chan struct{})
		loose.Store(&ready)
		first := future.SubmitWith(c, future.Options{Priority: 1}, hold, future.Value(1))
		root := future.Submit(c, tally, future.Arg[int](first)) // all that wait for it are handed over together
		large := []*future.Future[[]byte]{future.Reduce(c, mass, []*future.Future[int]{root}), future.Reduce(c, mass, []*future.Future[int]{root, root})}
		calls := make([]*future.Future[int], 4)
		for i := range calls {
			calls[i] = future.Reduce(c, weigh, large)
		}
		for _, f := range calls {
			go func() { _, _ = f.Get(ctx) }()
		}
		close(ready)
		busy := func() (n []int32) {
			for _, w := range r.s.State().Workers {
				n = append(n, w.Busy)
			}
			return n
		}
		// Each worker has one block and reads the other once, for all calls that wait there.
		settled := func(n []int32) bool {
			return r.workers[0].Errands() == int(min(n[0], 1)) && r.workers[1].Errands() == int(min(n[1], 1))
		}
		until(t, "four calls wait for their blocks", func() bool { n := busy(); return n[0]+n[1] == 4 && settled(n) })
		ended := 0
		for shared := false; !shared || all && ended < 4; ended++ { // until one that waited beside another one was cancelled, or all were
			was := busy()
			calls[ended].Cancel()
			until(t, "a cancelled call is given back", func() bool { n := busy(); return int(n[0]+n[1]) == 3-ended })
			now := busy()
			until(t, "nothing is read for nobody", func() bool { return settled(now) })
			shared = shared || was[0] > now[0] && now[0] > 0 || was[1] > now[1] && now[1] > 0
		}
		free()
		var cancelled *future.CancelledError
		for i, f := range calls {
			n, err := f.Get(ctx)
			if i < ended && !errors.As(err, &cancelled) || i >= ended && (err != nil || n != 2*massive) {
				t.Errorf("call %d of %d: %d, %v", i, len(calls), n, err)
			}
		}
		if n, err := future.Reduce(c, weigh, large).Get(ctx); err != nil || n != 2*massive { // asked for anew
			t.Error(n, err)
		}
		c.Close()
		until(t, "nothing is left", r.idle)
		cancel()
	}
}
