package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// let ends all calls of deaf.
var let atomic.Pointer[chan struct{}]

// deaf does not heed its context.
var deaf = op.Func("cluster_test/deaf", func(context.Context, int) (int, error) {
	begun.Add(1)
	<-*let.Load()
	return 0, nil
})

// TestDeafFunctions: a function that ignores that its job was cancelled, or that its
// time-out has passed, is not waited for; its worker gives away what it has and ends,
// the others go on.
func TestDeafFunctions(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, how := range []string{"cancelled", "time-out"} {
		t.Run(how, func(t *testing.T) {
			end := make(chan struct{})
			let.Store(&end)
			defer close(end)
			begun.Store(0)
			r := newRig(t, 1, cluster.WorkerOptions{Threads: 2, Dead: time.Second, Stuck: 300 * time.Millisecond})
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			c := future.New(ctx, r.c)
			start := time.Now()
			if how == "time-out" {
				_, err := future.SubmitWith(c, future.Options{TimeOut: 100 * time.Millisecond}, deaf, future.Value(1)).Get(ctx)
				if err == nil || !strings.Contains(err.Error(), "time-out of 100ms passed, and the function does not heed its context") {
					t.Error(err)
				}
			} else {
				f := future.Submit(c, deaf, future.Value(1))
				go func() { _, _ = f.Get(ctx) }()
				until(t, "the call is begun", func() bool { return begun.Load() > 0 })
			}
			c.Close()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("it was waited for, %v", took)
			}
			r.join(t, cluster.WorkerOptions{Threads: 1})
			select {
			case <-r.workers[0].Done():
			case <-ctx.Done():
				t.Fatal("the worker goes on")
			}
			if err := r.workers[0].Wait(); !errors.Is(err, cluster.ErrStuck) {
				t.Error(err)
			}
			sales, products := tables(t, 3, 500)
			same(t, "group", queries(sales, products)["group"], r.c)
		})
	}
}

// dieOnce ends the process of the worker that runs it, unless a file is there, which
// it makes.
var dieOnce = op.Func("cluster_test/die-once", func(_ context.Context, path string) (int, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return os.Getpid(), nil
	}
	_ = f.Close()
	if err := os.WriteFile(filepath.Join(os.Getenv("WEFT_WORKER_SPILL"), keptFile), nil, 0o600); err != nil {
		return 0, err
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
})

// keptFile is called like a spilled block that was rotten.
const keptFile = "weft-rotten-1-000001.spill"

// A pad is written by many.
type pad struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (p *pad) Write(b []byte) (int, error) { p.mu.Lock(); defer p.mu.Unlock(); return p.b.Write(b) }
func (p *pad) String() string              { p.mu.Lock(); defer p.mu.Unlock(); return p.b.String() }

// TestSupervise has a worker that is killed by its task: it is started again and does
// the task, what it was running is known, its files are gone, but for
// one that was rotten; at the end it retires.
func TestSupervise(t *testing.T) {
	r := listen(t, cluster.SchedulerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	live, stop := context.WithCancel(ctx)
	spill, said := t.TempDir(), &pad{}
	ended := make(chan error, 1)
	go func() {
		ended <- cluster.Supervise(live, cluster.SuperviseOptions{Args: []string{}, SpillDir: spill, Least: 10 * time.Millisecond,
			Env: []string{"WEFT_WORKER=" + r.addr, "WEFT_WORKER_THREADS=1"}, Log: slog.New(slog.NewTextHandler(said, nil))})
	}()
	c := r.dial(t, cluster.Options{Wait: 20 * time.Second})
	f := future.New(ctx, c)
	mark := filepath.Join(t.TempDir(), "mark")
	if pid, err := future.Submit(f, dieOnce, future.Value(mark)).Get(ctx); err != nil || pid == os.Getpid() {
		t.Error(pid, err)
	}
	if text := said.String(); !strings.Contains(text, "signal: killed") || !strings.Contains(text, "was running") || !strings.Contains(text, "future.remote") {
		t.Error(text)
	}
	f.Close()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(spill); err != nil || len(list) != 2 {
		t.Errorf("%v, want the folder of the worker that runs, and a file; %v", list, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(spill); err != nil || len(list) != 1 || list[0].Name() != keptFile {
		t.Error(list, err)
	}
}

// deafAlone leaves its process number and never ends.
var deafAlone = op.Func("cluster_test/deaf-alone", func(_ context.Context, path string) (int, error) {
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return 0, err
	}
	select {}
})

var whoami = op.Func("cluster_test/whoami", func(context.Context, int) (int, error) { return os.Getpid(), nil })

// TestStuckProcessIsReplaced: a call that does not end, though its time-out has passed or it was cancelled, ends for its caller, and
// the process that runs it is replaced by another one, which works.
func TestStuckProcessIsReplaced(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	r := listen(t, cluster.SchedulerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	live, stop := context.WithCancel(ctx)
	said := &pad{}
	ended := make(chan error, 1)
	go func() {
		ended <- cluster.Supervise(live, cluster.SuperviseOptions{Args: []string{}, SpillDir: t.TempDir(), Least: 10 * time.Millisecond,
			Env: []string{envImpatient + "=" + r.addr}, Log: slog.New(slog.NewTextHandler(said, nil))})
	}()
	f := future.New(ctx, r.dial(t, cluster.Options{Wait: 20 * time.Second}))
	for i, o := range []future.Options{{TimeOut: 100 * time.Millisecond}, {}} {
		before := r.sessions()
		path := filepath.Join(t.TempDir(), "pid")
		x := future.SubmitWith(f, o, deafAlone, future.Value(path))
		if o.TimeOut == 0 {
			go func() { _, _ = x.Get(ctx) }() // hands it over
			until(t, "it is begun", func() bool { b, _ := os.ReadFile(path); return len(b) > 0 })
			x.Cancel()
		}
		_, err := x.Get(ctx)
		var cancelled *future.CancelledError
		if o.TimeOut > 0 && (err == nil || !strings.Contains(err.Error(), "time-out of 100ms passed, and the function does not heed its context")) || o.TimeOut == 0 && !errors.As(err, &cancelled) {
			t.Error(err)
		}
		until(t, "there is another worker", func() bool {
			for name := range r.sessions() {
				if _, was := before[name]; !was {
					return true
				}
			}
			return false
		})
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if pid, err := future.Submit(f, whoami, future.Value(1)).Get(ctx); err != nil || pid == os.Getpid() || strconv.Itoa(pid) == string(was) {
			t.Errorf("process %d, the stuck one was %s: %v", pid, was, err)
		}
		if n := strings.Count(said.String(), "the worker's process has failed"); n != i+1 {
			t.Errorf("%d processes have failed, want %d: %s", n, i+1, said.String())
		}
	}
	f.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
