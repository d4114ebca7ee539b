package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// done asks how many tasks have been done under the scheduler there is.
func done(t *testing.T, c *cluster.Client) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	st, err := c.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return st.Finished
}

// TestSchedulerRestarts kills the scheduler at points of a query and starts it again:
// the client gets the answer, and what was finished is not made again.
func TestSchedulerRestarts(t *testing.T) {
	t.Parallel()
	q, want := question(t, 12, 3000)
	quiet := newLonely(t).with(3)
	if _, err := q.Collect(context.Background(), quiet.c); err != nil {
		t.Fatal(err)
	}
	all := done(t, quiet.c)
	for _, after := range effort.Some(2, []int64{1, 5, 12, 13}) {
		l := newLonely(t)
		r := l.with(3)
		out := collecting(t, r.c, q)
		n := int64(0)
		for n < after {
			n = done(t, r.c)
		}
		l.kill()
		time.Sleep(20 * time.Millisecond) // what runs ends without anybody to tell
		l.start()
		x := <-out
		if x.err != nil {
			t.Fatal(after, x.err)
		}
		compare(t, "all", x.t, want)
		if again := done(t, r.c); again > all-n {
			t.Errorf("killed after %d of %d tasks: %d were done after that", n, all, again)
		}
		for _, w := range r.workers {
			select {
			case <-w.Done():
				t.Error("a worker has ended")
			default:
			}
		}
	}
}

// TestSchedulerStandsStill stops the process of the scheduler for longer than it lets workers be silent, in the middle of a query:
// when it goes on nothing is made again, and workers that have waited for it have the sessions that they had.
func TestSchedulerStandsStill(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	q, want := question(t, 12, 3000)
	quiet := newLonely(t).with(3)
	if _, err := q.Collect(context.Background(), quiet.c); err != nil {
		t.Fatal(err)
	}
	all := done(t, quiet.c)
	sessions := func(c *cluster.Client) map[string]uint32 {
		m := map[string]uint32{}
		st, err := c.State(context.Background())
		for _, w := range st.Workers {
			m[w.Name] = w.Session
		}
		if err != nil || len(m) != 3 {
			t.Errorf("%d workers are there, %v", len(m), err)
		}
		return m
	}
	for _, dead := range effort.Some(1, []time.Duration{time.Minute, 500 * time.Millisecond}) { // they wait, or give it up
		for _, after := range effort.Some(1, []int64{12, 1}) {
			t.Run(fmt.Sprint("workers wait ", dead, " after ", after), func(t *testing.T) {
				l := newImpatient(t, time.Second)
				r := l.withSome(3, cluster.WorkerOptions{Threads: 1, Dead: dead})
				was := sessions(r.c)
				out := collecting(t, r.c, q)
				for done(t, r.c) < after {
				}
				if err := l.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * l.dead)
				if err := l.cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
				x := <-out
				if x.err != nil {
					t.Fatal(x.err)
				}
				compare(t, "all", x.t, want)
				if n := done(t, r.c); n > all {
					t.Errorf("%d tasks were done, want %d", n, all)
				}
				if is := sessions(r.c); dead > l.dead && !maps.Equal(is, was) {
					t.Errorf("the sessions were %v, and are %v", was, is)
				}
			})
		}
	}
}

var begun atomic.Int64

// count says how often it was begun, in this process.
var count = op.Func("cluster_test/count", func(ctx context.Context, d time.Duration) (int, error) {
	begun.Add(1)
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return 1, ctx.Err()
})

// TestTasksOutliveTheScheduler: calls that run while the scheduler is dead are begun
// once, those that had ended are not begun again, and those that had not begun are.
func TestTasksOutliveTheScheduler(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	l := newLonely(t)
	r := l.with(2)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	begun.Store(0)
	short := future.Map(c, count, slices.Repeat([]time.Duration{time.Millisecond}, 10))
	if _, err := future.Gather(ctx, short); err != nil {
		t.Fatal(err)
	}
	fs := future.Map(c, count, slices.Repeat([]time.Duration{400 * time.Millisecond}, 6))
	go func() { _, _ = fs[0].Get(ctx) }() // hands them over
	until(t, "all calls are begun or wait", func() bool { return begun.Load() >= 12 })
	l.kill()
	until(t, "the workers have lost it", func() bool { return r.workers[0].Parted() && r.workers[1].Parted() })
	l.start()
	if got, err := future.Gather(ctx, fs); err != nil || len(got) != 6 {
		t.Fatal(got, err)
	}
	if n := begun.Load(); n != 16 {
		t.Errorf("16 calls were begun %d times", n)
	}
	if n, err := future.Reduce(c, sum, fs).Get(ctx); n != 6 || err != nil {
		t.Error(n, err)
	}
}

// TestReaderOutlivesTheScheduler kills the scheduler while blocks are read, and
// again: the reader gets each block once.
func TestReaderOutlivesTheScheduler(t *testing.T) {
	t.Parallel()
	sales, _ := tables(t, 12, 3000)
	q := sales.Filter(frame.Col("qty").Gt(2))
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	l := newLonely(t)
	r := l.with(2)
	got := &frame.Table{Schema: want.Schema}
	n := 0
	for rec, err := range q.Iterate(context.Background(), r.c) {
		if err != nil {
			t.Fatal(err)
		}
		got.Records = append(got.Records, rec)
		if n++; n == 3 || n == 8 {
			l.kill()
			l.start()
		}
	}
	compare(t, "filter", got, want)
}

// TestTornLog spoils the last record of the log of a scheduler that was killed: what
// was accepted before is done all the same.
func TestTornLog(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	l := newLonely(t)
	r := l.with(1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	f := future.Submit(c, nap, future.Value(700*time.Millisecond))
	go func() { _, _ = f.Get(ctx) }()
	until(t, "the job is accepted", func() bool { return len(jobs(t, r.c)) > 0 })
	l.kill()
	list, err := filepath.Glob(l.dir + "/*.log")
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	if err := os.WriteFile(strings.TrimSuffix(list[0], "000.log")+"900.log", []byte("wftj\x01\x00\x00\x00 and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.start()
	if s, err := f.Get(ctx); s != "slept" || err != nil {
		t.Fatal(s, err)
	}
}

func jobs(t *testing.T, c *cluster.Client) []cluster.JobState {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	st, err := c.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return st.Jobs
}

// TestOneSchedulerHasTheLog: a second scheduler with the same log takes over; the
// first steps down before it accepts anything more.
func TestOneSchedulerHasTheLog(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	dir := t.TempDir()
	r := listen(t, cluster.SchedulerOptions{Journal: dir})
	r.join(t, cluster.WorkerOptions{Threads: 1, Orphan: time.Second})
	r.c = r.dial(t, cluster.Options{Patience: 500 * time.Millisecond})
	until(t, "the worker is written down, else the first might win the race for the next number", func() bool {
		list, err := filepath.Glob(dir + "/*.log")
		return err == nil && len(list) == 2
	})
	second := listen(t, cluster.SchedulerOptions{Journal: dir})
	f := future.New(context.Background(), r.c)
	defer f.Close()
	if n, err := future.Submit(f, square, future.Value(3)).Get(context.Background()); err == nil {
		t.Errorf("the first scheduler computed %d", n)
	}
	<-r.s.Done()
	if err := r.s.Deposed(); err == nil || !strings.Contains(err.Error(), "taken over") {
		t.Error(err)
	}
	if err := second.s.Deposed(); err != nil {
		t.Error(err)
	}
}

// TestClientIsCut cuts the connection of a client while it waits: its job goes on and
// it gets the answer. One that does not come back loses its jobs after the lease.
func TestClientIsCut(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	r := listen(t, cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Lease: 300 * time.Millisecond})
	r.join(t, cluster.WorkerOptions{Threads: 1})
	p := newProxy(t)
	p.aim(r.addr, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r.addr = p.addr()
	c := future.New(ctx, r.dial(t, cluster.Options{Patience: 2 * time.Second}))
	defer c.Close()
	begun.Store(0)
	f := future.Submit(c, count, future.Value(300*time.Millisecond))
	go func() {
		for begun.Load() == 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		p.cut()
	}()
	if n, err := f.Get(ctx); n != 1 || err != nil || begun.Load() != 1 {
		t.Fatal(n, err, begun.Load())
	}
	begun.Store(0)
	g := future.Submit(c, count, future.Value(time.Hour))
	go func() { _, _ = g.Get(ctx) }()
	until(t, "the call is begun", func() bool { return begun.Load() > 0 })
	_ = p.lis.Close()
	p.cut()
	until(t, "the job of a client that is gone is cancelled", func() bool { return len(r.s.State().Jobs) == 0 })
	if _, err := g.Get(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Error("without a scheduler:", err)
	}
}

// TestClientComesBackToWhatIsLost: a client that was cut off when its job had finished, and comes back when the worker is gone that
// has what it did not read yet, waits until that is made again.
func TestClientComesBackToWhatIsLost(t *testing.T) {
	t.Parallel()
	r := listen(t, cluster.SchedulerOptions{})
	w := r.join(t, cluster.WorkerOptions{})
	p := newProxy(t)
	p.aim(r.addr, nil)
	direct := r.addr
	r.addr = p.addr()
	c := r.dial(t, cluster.Options{})
	r.addr = direct
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	sales, _ := tables(t, 3, 2000)
	want, err := sales.Collect(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	got := &frame.Table{Schema: want.Schema}
	for rec, err := range sales.Iterate(ctx, c) {
		if err != nil {
			t.Fatal(err)
		}
		if got.Records = append(got.Records, rec); len(got.Records) > 1 {
			continue
		}
		until(t, "the job has finished", func() bool {
			l := r.s.State().Jobs[0].Layers
			return l[len(l)-1].N > 1 && l[len(l)-1].Made == l[len(l)-1].N
		})
		p.aim("127.0.0.1:1", nil)
		p.cut()
		_ = w.Close()
		until(t, "the scheduler has no worker", func() bool { return r.s.Workers() == 0 })
		p.aim(direct, nil)
		if _, err := c.State(ctx); err != nil { // answered on the new stream
			t.Fatal(err)
		}
		r.join(t, cluster.WorkerOptions{})
	}
	compare(t, "all", got, want)
}
