package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

// The environment of a process of this test binary that is to be a scheduler.
const (
	envListen  = "WEFT_TEST_SCHEDULER"
	envJournal = "WEFT_TEST_JOURNAL"
)

// ranAsScheduler makes the test binary a scheduler, until it is killed.
func ranAsScheduler() bool {
	at := os.Getenv(envListen)
	if at == "" {
		return false
	}
	s, err := cluster.Listen(at, cluster.SchedulerOptions{Journal: os.Getenv(envJournal), Beat: 100 * time.Millisecond, Recover: 3 * time.Second})
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(s.Addr() + "\n")
	<-s.Done()
	return true
}

// A lonely scheduler is a process of its own.
type lonely struct {
	t    *testing.T
	addr string
	dir  string // of its log
	cmd  *exec.Cmd
}

func newLonely(t *testing.T, dir string) *lonely {
	l := &lonely{t: t, addr: "127.0.0.1:0", dir: dir}
	l.start()
	t.Cleanup(l.kill)
	return l
}

func (l *lonely) start() {
	l.t.Helper()
	l.cmd = exec.Command(os.Args[0])
	l.cmd.Env = append(os.Environ(), envListen+"="+l.addr, envJournal+"="+l.dir)
	l.cmd.Stderr = os.Stderr
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		err = l.cmd.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		l.t.Fatal(err)
	}
	l.addr = strings.TrimSpace(line)
}

func (l *lonely) kill() {
	_ = l.cmd.Process.Kill()
	_ = l.cmd.Wait()
}

// with starts workers of it, and a client.
func (l *lonely) with(n int) *rig {
	l.t.Helper()
	r := &rig{}
	l.t.Cleanup(func() {
		if r.c != nil {
			_ = r.c.Close()
		}
		for _, w := range r.workers {
			_ = w.Close()
		}
	})
	for range n {
		w, err := cluster.Join(context.Background(), l.addr, cluster.WorkerOptions{Threads: 1, Log: logger(l.t), SpillDir: l.t.TempDir()})
		if err != nil {
			l.t.Fatal(err)
		}
		r.workers = append(r.workers, w)
	}
	var err error
	if r.c, err = cluster.Dial(context.Background(), l.addr, cluster.Options{}); err != nil {
		l.t.Fatal(err)
	}
	return r
}

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
	sales, products := tables(t, 12, 3000)
	q := queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	quiet := newLonely(t, t.TempDir()).with(3)
	if _, err := q.Collect(context.Background(), quiet.c); err != nil {
		t.Fatal(err)
	}
	all := done(t, quiet.c)
	for _, after := range []int64{1, 5, 12, 13} {
		l := newLonely(t, t.TempDir())
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
	l := newLonely(t, t.TempDir())
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
	for begun.Load() < 12 {
		time.Sleep(time.Millisecond)
	}
	l.kill()
	time.Sleep(100 * time.Millisecond)
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
	sales, _ := tables(t, 12, 3000)
	q := sales.Filter(frame.Col("qty").Gt(2))
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	l := newLonely(t, t.TempDir())
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
	l := newLonely(t, t.TempDir())
	r := l.with(1)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	f := future.Submit(c, nap, future.Value(700*time.Millisecond))
	go func() { _, _ = f.Get(ctx) }()
	for len(jobs(t, r.c)) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
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
	dir := t.TempDir()
	s := newScheduler(t, dir)
	w, err := cluster.Join(context.Background(), s.Addr(), cluster.WorkerOptions{Threads: 1, Orphan: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	c, err := cluster.Dial(context.Background(), s.Addr(), cluster.Options{Patience: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := 0; ; i++ { // until it has written down the worker: else it might win the race for the next number
		if list, _ := filepath.Glob(dir + "/*.log"); len(list) == 2 || i == 500 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	second := newScheduler(t, dir)
	f := future.New(context.Background(), c)
	defer f.Close()
	if n, err := future.Submit(f, square, future.Value(3)).Get(context.Background()); err == nil {
		t.Errorf("the first scheduler computed %d", n)
	}
	<-s.Done()
	if err := s.Deposed(); err == nil || !strings.Contains(err.Error(), "taken over") {
		t.Error(err)
	}
	if err := second.Deposed(); err != nil {
		t.Error(err)
	}
}

func newScheduler(t *testing.T, dir string) *cluster.Scheduler {
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{Journal: dir, Log: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestClientIsCut cuts the connection of a client while it waits: its job goes on and
// it gets the answer. One that does not come back loses its jobs after the lease.
func TestClientIsCut(t *testing.T) {
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Lease: 300 * time.Millisecond, Log: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{s: s}
	t.Cleanup(func() {
		for _, w := range r.workers {
			_ = w.Close()
		}
		_ = s.Close()
	})
	r.join(t, cluster.WorkerOptions{Threads: 1})
	p := newProxy(t)
	p.aim(s.Addr(), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if r.c, err = cluster.Dial(ctx, p.addr(), cluster.Options{Patience: 2 * time.Second}); err != nil {
		t.Fatal(err)
	}
	defer r.c.Close()
	c := future.New(ctx, r.c)
	defer c.Close()
	begun.Store(0)
	f := future.Submit(c, count, future.Value(300*time.Millisecond))
	go func() {
		for begun.Load() == 0 {
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
	for begun.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = p.lis.Close()
	p.cut()
	for i := 0; len(s.State().Jobs) > 0; i++ {
		if i == 300 {
			t.Fatal("the job of a client that is gone is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := g.Get(ctx); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Error("without a scheduler:", err)
	}
}
