package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-data/weft/cluster"
)

// The clusters of the tests: newRig has scheduler and workers in this process, up has
// workers that are processes, newLonely has a scheduler that is one. What is started
// ends with the test, last come first.

func TestMain(m *testing.M) {
	tells()
	if cluster.RanAsWorker() || ranAsImpatient() || ranAsClient() || ranAsScheduler() {
		return
	}
	goleak.VerifyTestMain(m)
}

// logger tells what happens, where WEFT_TEST_LOG is set.
func logger() *slog.Logger {
	if os.Getenv("WEFT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

var until = cluster.Until

// A rig is a cluster on the loopback interface.
type rig struct {
	addr    string             // where workers and clients to come find the scheduler
	s       *cluster.Scheduler // nil where it is another process
	workers []*cluster.Worker
	c       *cluster.Client
	procs   []*os.Process
	begin   int64 // tasks finished before the last query of collectDuring
}

// newRig starts a scheduler, n workers and a client.
func newRig(t testing.TB, n int, o cluster.WorkerOptions) *rig {
	t.Helper()
	r := listen(t, cluster.SchedulerOptions{})
	for range n {
		r.join(t, o)
	}
	r.c = r.dial(t, cluster.Options{})
	return r
}

// listen starts a scheduler alone.
func listen(t testing.TB, o cluster.SchedulerOptions) *rig {
	t.Helper()
	o.Log = logger()
	s, err := cluster.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &rig{addr: s.Addr(), s: s}
}

// join starts a worker, of 2 threads if nothing else is said.
func (r *rig) join(t testing.TB, o cluster.WorkerOptions) *cluster.Worker {
	t.Helper()
	if o.Threads == 0 {
		o.Threads = 2
	}
	if o.Log == nil {
		o.Log = logger()
	}
	if o.SpillDir == "" {
		o.SpillDir = t.TempDir()
	}
	w, err := cluster.Join(context.Background(), r.addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	r.workers = append(r.workers, w)
	return w
}

// dial starts a client.
func (r *rig) dial(t testing.TB, o cluster.Options) *cluster.Client {
	t.Helper()
	c, err := cluster.Dial(context.Background(), r.addr, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// idle reports that no job is there, nor a byte of one.
func (r *rig) idle() bool {
	busy := func(w *cluster.Worker) bool { return w.Node().Pool().Used() > 0 }
	return len(r.s.State().Jobs) == 0 && !slices.ContainsFunc(r.workers, busy)
}

// sessions are those of the workers, by name.
func (r *rig) sessions() map[string]uint32 {
	m := map[string]uint32{}
	for _, w := range r.s.State().Workers {
		m[w.Name] = w.Session
	}
	return m
}

// up starts n workers as processes of this test binary, and a client.
func up(t *testing.T, n int, o cluster.SchedulerOptions) *rig {
	t.Helper()
	return upWith(t, cluster.UpOptions{Workers: n, Threads: 1, Memory: 256 << 20, Scheduler: o})
}

// upWith is up with more to say.
func upWith(t *testing.T, o cluster.UpOptions) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o.Scheduler.Log, o.SpillDir = logger(), t.TempDir()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	if o.Stderr = null; o.Scheduler.Log != nil {
		o.Stderr = os.Stderr
	}
	l, err := cluster.Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &rig{addr: l.Addr(), s: l.Scheduler, procs: l.Procs}
	r.c = r.dial(t, cluster.Options{})
	return r
}

func (r *rig) signal(t *testing.T, i int, s syscall.Signal) {
	if err := r.procs[i].Signal(s); err != nil {
		t.Error(err)
	}
}

// The environment of a process of this test binary that is to be a worker that soon gives up what
// does not end, or a scheduler.
const (
	envImpatient = "WEFT_TEST_WORKER"
	envListen    = "WEFT_TEST_SCHEDULER"
	envJournal   = "WEFT_TEST_JOURNAL"
	envDead      = "WEFT_TEST_DEAD"
)

// ranAsImpatient makes the test binary such a worker, under Supervise.
func ranAsImpatient() bool {
	at := os.Getenv(envImpatient)
	if at == "" {
		return false
	}
	o := cluster.WorkerOptions{Threads: 1, Stuck: 200 * time.Millisecond, Dead: time.Second}
	o.Supervised()
	w, err := cluster.Join(context.Background(), at, o)
	if err == nil {
		err = w.Follow(context.Background())
	}
	if err != nil && !errors.Is(err, cluster.ErrStuck) {
		println(err.Error())
	}
	if err != nil {
		os.Exit(1)
	}
	return true
}

// ranAsScheduler makes the test binary a scheduler, until it is killed.
func ranAsScheduler() bool {
	at := os.Getenv(envListen)
	if at == "" {
		return false
	}
	dead, err := time.ParseDuration(os.Getenv(envDead))
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	s, err := cluster.Listen(at, cluster.SchedulerOptions{Journal: os.Getenv(envJournal), Beat: 100 * time.Millisecond, Dead: dead, Recover: 3 * time.Second, Log: logger()})
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
	dead time.Duration
	cmd  *exec.Cmd
}

func newLonely(t *testing.T) *lonely { return newImpatient(t, 20*time.Second) }

// newImpatient starts one that gives up a worker that was silent for so long.
func newImpatient(t *testing.T, dead time.Duration) *lonely {
	l := &lonely{t: t, addr: "127.0.0.1:0", dir: t.TempDir(), dead: dead}
	l.start()
	t.Cleanup(l.kill)
	return l
}

func (l *lonely) start() {
	l.t.Helper()
	l.cmd = exec.Command(os.Args[0])
	l.cmd.Env = append(os.Environ(), envListen+"="+l.addr, envJournal+"="+l.dir, envDead+"="+l.dead.String())
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

// with starts n workers of it, in this process, and a client.
func (l *lonely) with(n int) *rig { return l.withSome(n, cluster.WorkerOptions{Threads: 1}) }

func (l *lonely) withSome(n int, o cluster.WorkerOptions) *rig {
	l.t.Helper()
	r := &rig{addr: l.addr}
	for range n {
		r.join(l.t, o)
	}
	r.c = r.dial(l.t, cluster.Options{})
	return r
}
