package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// A step is a call of these tests, and as a row a part of a plan: it waits for Fan more, as deep as it says.
type step struct {
	Addr  string // of its cluster
	Depth int64
	Fan   int64
	Plans bool  // it runs a plan, else it makes calls
	Hold  int64 // the deepest waits until those of this number are let go; 0: they wait for nothing
}

type leaves struct{ N int64 }

var (
	clients sync.Map // of the clusters of this process, by address
	holds   sync.Map // channels, by Hold
	lastly  atomic.Int64
	bottoms atomic.Int64 // deepest steps that have begun
	running atomic.Int64 // of these are running
	peak    atomic.Int64 // and so many were
	deeper  op.Fn[step, leaves]
)

func init() { deeper = op.Func("cluster_test/deeper", deepen) }

// deepen waits for the steps below, and counts the deepest.
func deepen(ctx context.Context, s step) (n leaves, err error) {
	r, ok := clients.Load(s.Addr)
	if !ok {
		return n, errors.New("its cluster is not in this process")
	}
	if s.Depth == 0 {
		bottoms.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for was := peak.Load(); now > was && !peak.CompareAndSwap(was, now); was = peak.Load() {
		}
		if c, ok := holds.Load(s.Hold); ok {
			select {
			case <-c.(chan struct{}):
			case <-ctx.Done():
				return n, context.Cause(ctx)
			}
		}
		return leaves{1}, nil
	}
	s.Depth--
	next := make([]step, s.Fan)
	for i := range next {
		next[i] = s
	}
	if s.Plans {
		got, err := frame.Decode[leaves](ctx, r.(*cluster.Client), frame.MapRows(frame.FromStructs(next), deeper))
		for _, x := range got {
			n.N += x.N
		}
		return n, err
	}
	c := future.New(ctx, r.(*cluster.Client))
	defer c.Close()
	fs := future.Map(c, deeper, next)
	for i := range future.AsCompleted(ctx, fs[len(fs)/2:]) {
		x, err := fs[len(fs)/2+i].Get(ctx)
		if n.N += x.N; err != nil {
			return n, err
		}
	}
	rest, err := future.Gather(ctx, fs[:len(fs)/2])
	for _, x := range rest {
		n.N += x.N
	}
	return n, errors.Join(err, context.Cause(ctx))
}

// steps is a cluster in this process whose functions find their client.
func steps(t *testing.T, workers, threads int) *rig {
	t.Helper()
	r := listen(t, cluster.SchedulerOptions{Lease: time.Second})
	for range workers {
		r.join(t, cluster.WorkerOptions{Threads: threads})
	}
	r.c = r.dial(t, cluster.Options{})
	clients.Store(r.addr, r.dial(t, cluster.Options{}))
	t.Cleanup(func() { clients.Delete(r.addr) })
	return r
}

// away counts the tasks that are away at the workers.
func (r *rig) away() (n int) {
	for _, w := range r.workers {
		_, away := w.Tasks()
		n += away
	}
	return n
}

// calm waits until nothing runs at the workers, and runs as many tasks beside each other then as there are slots.
func (r *rig) calm(t *testing.T) {
	t.Helper()
	until(t, "a task is still there", func() bool {
		all := 0
		for _, w := range r.workers {
			n, _ := w.Tasks()
			all += n
		}
		return all == 0 && r.idle()
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	slots := int64(0)
	for _, w := range r.workers {
		slots += int64(w.Node().Threads())
		if err := w.Node().Check(); err != nil {
			t.Error(err)
		}
	}
	c := future.New(ctx, r.c)
	defer c.Close()
	began := bottoms.Load()
	fs, letGo := r.hold(t, c, future.Options{}, 2*slots, step{})
	defer letGo()
	until(t, "a slot is taken", func() bool { return bottoms.Load() == began+slots })
	if peak.Load() > slots {
		t.Errorf("%d tasks ran beside each other on %d slots", peak.Load(), slots)
	}
	letGo()
	if _, err := future.Gather(ctx, fs); err != nil {
		t.Error(err)
	}
	peak.Store(0)
}

// hold starts calls whose deepest steps wait until they are let go.
func (r *rig) hold(t *testing.T, c *future.Client, o future.Options, n int64, s step) (fs []*future.Future[leaves], letGo func()) {
	t.Helper()
	s.Addr, s.Hold = r.addr, lastly.Add(1)
	done := make(chan struct{})
	holds.Store(s.Hold, done)
	t.Cleanup(func() { holds.Delete(s.Hold) })
	all := make([]step, n)
	for i := range all {
		all[i] = s
	}
	fs = future.MapWith(c, o, deeper, all)
	go c.Wait()
	return fs, sync.OnceFunc(func() { close(done) })
}

// TestFunctionsWait holds that functions that wait for calls and plans of their own cluster always go on, however deep they are,
// and however many.
func TestFunctionsWait(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, x := range []struct{ workers, threads int }{{1, 1}, {1, 2}, {2, 1}, {2, 2}} {
		for _, s := range []step{{Depth: 5, Fan: 1}, {Depth: 5, Fan: 1, Plans: true}, {Depth: 2, Fan: 4}, {Depth: 2, Fan: 3, Plans: true}} {
			t.Run(fmt.Sprintf("%d workers/%d threads/%d deep/plans %v", x.workers, x.threads, s.Depth, s.Plans), func(t *testing.T) {
				r := steps(t, x.workers, x.threads)
				s.Addr = r.addr
				c := future.New(ctx, r.c)
				defer c.Close()
				const parents = 12
				all := make([]step, parents)
				want := int64(1)
				for range s.Depth {
					want *= s.Fan
				}
				for i := range all {
					all[i] = s
				}
				got, err := future.Gather(ctx, future.Map(c, deeper, all))
				for i, n := range got {
					if n.N != want {
						t.Errorf("call %d: %d, want %d", i, n.N, want)
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				r.calm(t)
			})
		}
	}
}

// TestManyFunctionsWait has more functions wait than a worker is sent tasks.
func TestManyFunctionsWait(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r := steps(t, 1, 2)
	c := future.New(ctx, r.c)
	defer c.Close()
	const parents = 1500
	all := make([]step, parents)
	for i := range all {
		all[i] = step{Addr: r.addr, Depth: 1, Fan: 1}
	}
	got, err := future.Gather(ctx, future.Map(c, deeper, all))
	if err != nil || len(got) != parents {
		t.Fatal(len(got), err)
	}
	r.calm(t)
}

// TestAwayTasksEnd has functions that wait for others end while they do: by Cancel, by a time-out, with their client, with their
// worker. No slot stays taken, and none is there twice.
func TestAwayTasksEnd(t *testing.T) {
	for _, plans := range []bool{false, true} {
		for _, how := range []string{"cancel", "time-out", "close", "worker", "cut", "retire"} {
			t.Run(fmt.Sprintf("%s/plans %v", how, plans), func(t *testing.T) { endAway(t, how, plans) })
		}
	}
}

func endAway(t *testing.T, how string, plans bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r := steps(t, 2, 1)
	c := future.New(ctx, r.c)
	defer c.Close()
	var o future.Options
	if how == "time-out" {
		o.TimeOut = 300 * time.Millisecond
	}
	const parents = 8
	began := bottoms.Load()
	fs, letGo := r.hold(t, c, o, parents, step{Depth: 2, Fan: 1, Plans: plans})
	defer letGo()
	if how != "time-out" { // the deepest have all slots, and are not away
		until(t, "nobody waits", func() bool { return bottoms.Load() == began+2 && r.away() >= 4 })
	}
	switch how {
	case "cancel":
		for _, f := range fs {
			f.Cancel()
		}
	case "close":
		c.Close()
	case "worker":
		if err := r.workers[0].Close(); err != nil {
			t.Error(err)
		}
		r.workers = r.workers[1:]
		letGo()
	case "cut":
		for _, w := range r.workers {
			w.HangUp()
		}
		letGo()
	case "retire":
		go letGo()
		if err := r.workers[0].Retire(); err != nil {
			t.Error(err)
		}
		r.workers = r.workers[1:]
	}
	for i, f := range fs {
		n, err := f.Get(ctx)
		switch {
		case how == "worker" || how == "cut" || how == "retire":
			if err != nil || n.N != 1 {
				t.Errorf("call %d: %d, %v", i, n.N, err)
			}
		case err == nil:
			t.Errorf("call %d: %d, and it was given up", i, n.N)
		}
	}
	if n := bottoms.Load() - began; how == "cut" && n != parents {
		t.Errorf("%d of the deepest have begun, want %d: what is away goes on in the next session", n, parents)
	}
	c.Close()
	peak.Store(0)
	r.calm(t)
}

// TestAwayTasksOutliveTheScheduler kills the scheduler while functions wait for others, and starts it again: each goes on, and
// nothing is done twice.
func TestAwayTasksOutliveTheScheduler(t *testing.T) {
	effort.Long(t, "starts processes")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	l := newLonely(t)
	r := l.with(2)
	clients.Store(r.addr, r.dial(t, cluster.Options{}))
	t.Cleanup(func() { clients.Delete(r.addr) })
	c := future.New(ctx, r.c)
	defer c.Close()
	const parents = 8
	began := bottoms.Load()
	fs, letGo := r.hold(t, c, future.Options{}, parents, step{Depth: 3, Fan: 1})
	defer letGo()
	until(t, "nobody waits", func() bool { return bottoms.Load() == began+2 && r.away() >= 6 })
	l.kill()
	until(t, "its workers do not notice", func() bool { return r.workers[0].Parted() && r.workers[1].Parted() })
	l.start()
	letGo()
	got, err := future.Gather(ctx, fs)
	if err != nil || len(got) != parents || bottoms.Load() != began+parents {
		t.Errorf("%d calls, %d of the deepest have begun, want %d: %v", len(got), bottoms.Load()-began, parents, err)
	}
	peak.Store(0)
}
