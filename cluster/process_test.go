package cluster_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

// die ends the process of the worker that runs it.
var die = op.Func("cluster_test/die", func(context.Context, int) (int, error) {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
})

// up starts workers as processes of this test binary.
func up(t *testing.T, n int, o cluster.SchedulerOptions) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o.Log = logger(t)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if o.Log != nil {
		null = os.Stderr
	}
	l, err := cluster.Up(ctx, cluster.UpOptions{Workers: n, Threads: 1, Memory: 256 << 20, SpillDir: t.TempDir(), Scheduler: o, Stderr: null})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{s: l.Scheduler, procs: l.Procs}
	t.Cleanup(func() {
		if r.c != nil {
			_ = r.c.Close()
		}
		_ = l.Close()
	})
	if r.c, err = cluster.Dial(ctx, l.Addr(), cluster.Options{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) signal(t *testing.T, i int, s syscall.Signal) {
	if err := r.procs[i].Signal(s); err != nil {
		t.Error(err)
	}
}

// TestProcesses injects faults into worker processes in the middle of a query.
func TestProcesses(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	q := queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		after int64
		fault func(*rig)
		left  int
	}{
		{"kill while mapping", 3, func(r *rig) { r.signal(t, 0, syscall.SIGKILL) }, 2},
		{"kill after mapping", 12, func(r *rig) { r.signal(t, 1, syscall.SIGKILL) }, 2},
		{"kill two", 6, func(r *rig) { r.signal(t, 0, syscall.SIGKILL); r.signal(t, 2, syscall.SIGKILL) }, 1},
		{"a pause is no death", 4, func(r *rig) {
			r.signal(t, 1, syscall.SIGSTOP)
			time.Sleep(300 * time.Millisecond)
			r.signal(t, 1, syscall.SIGCONT)
		}, 3},
		{"silent for too long", 4, func(r *rig) {
			r.signal(t, 1, syscall.SIGSTOP)
			for range 200 {
				if r.s.Workers() == 2 {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
			r.signal(t, 1, syscall.SIGCONT)
		}, 3},
		{"retire by signal", 4, func(r *rig) { r.signal(t, 2, syscall.SIGTERM) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := up(t, 3, cluster.SchedulerOptions{Beat: 100 * time.Millisecond, Dead: time.Second})
			compare(t, "all", collectDuring(t, r, q, c.after, func() { c.fault(r) }), want)
			for i := 0; i < 100 && r.s.Workers() != c.left; i++ {
				time.Sleep(20 * time.Millisecond)
			}
			if n := r.s.Workers(); n != c.left {
				t.Errorf("%d workers are up, want %d", n, c.left)
			}
		})
	}
}

// TestPoison has a task that ends every worker it runs on: it is given up after
// three, and the cluster goes on.
func TestPoison(t *testing.T) {
	r := up(t, 5, cluster.SchedulerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	bad := future.Submit(c, die, future.Value(1))
	good := future.MapWith(c, future.Options{Priority: 1}, square, []int{1, 2, 3, 4})
	_, err := bad.Get(ctx)
	var je *cluster.JobError
	if !errors.As(err, &je) || !strings.Contains(err.Error(), "on 3 workers when they died") {
		t.Fatal(err)
	}
	if got, err := future.Gather(ctx, good); err != nil || len(got) != 4 || got[3] != 16 {
		t.Error(got, err)
	}
	if n := r.s.Workers(); n != 2 {
		t.Errorf("%d workers are left, want 2: %v", n, err)
	}
	sales, products := tables(t, 3, 500)
	same(t, "group", queries(sales, products)["group"], r.c)
}

// TestPanicAndUserErrors: neither ends a worker nor the cluster, and both name the
// line of the program.
func TestUserErrors(t *testing.T) {
	sales, _ := tables(t, 3, 500)
	r := newRig(t, 2, cluster.WorkerOptions{})
	q := sales.WithColumns(frame.Col("qty").Add(int64(1<<63 - 1)).As("x"))
	_, err := q.Collect(context.Background(), r.c)
	_, local := q.Collect(context.Background(), here)
	if err == nil || local == nil || !strings.Contains(err.Error(), "process_test.go:") {
		t.Errorf("%v; in one process: %v", err, local)
	}
	if r.s.Workers() != 2 {
		t.Error("workers were lost")
	}
}
