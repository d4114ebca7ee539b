package cluster_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// die ends the process of the worker that runs it.
var die = op.Func("cluster_test/die", func(context.Context, int) (int, error) {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
})

// TestProcesses injects faults into worker processes in the middle of a query.
func TestProcesses(t *testing.T) {
	q, want := question(t, 12, 3000)
	all := tasksOf(t, q)
	for _, c := range effort.Some(3, []struct {
		name  string
		after int64
		fault func(*testing.T, *rig)
		left  int
		kills bool
	}{
		{"kill while mapping", 3, func(t *testing.T, r *rig) { r.signal(t, 0, syscall.SIGKILL) }, 2, true},
		{"kill after mapping", 12, func(t *testing.T, r *rig) { r.signal(t, 1, syscall.SIGKILL) }, 2, true},
		{"kill two", 6, func(t *testing.T, r *rig) { r.signal(t, 0, syscall.SIGKILL); r.signal(t, 2, syscall.SIGKILL) }, 1, true},
		{"a pause is no death", 4, func(t *testing.T, r *rig) {
			r.signal(t, 1, syscall.SIGSTOP)
			time.Sleep(300 * time.Millisecond)
			r.signal(t, 1, syscall.SIGCONT)
		}, 3, false},
		{"silent for too long", 4, func(t *testing.T, r *rig) {
			r.signal(t, 1, syscall.SIGSTOP)
			until(t, "the worker is given up", func() bool { return r.s.Workers() == 2 })
			r.signal(t, 1, syscall.SIGCONT)
		}, 3, true},
		{"retire by signal", 4, func(t *testing.T, r *rig) { r.signal(t, 2, syscall.SIGTERM) }, 2, false},
	}) {
		t.Run(c.name, func(t *testing.T) {
			r := up(t, 3, cluster.SchedulerOptions{Beat: 100 * time.Millisecond, Dead: time.Second})
			sessions := r.sessions()
			compare(t, "all", collectDuring(t, r, q, c.after, func() { c.fault(t, r) }), want)
			r.settled(t, c.left, all, c.kills)
			if c.name == "a pause is no death" && !maps.Equal(r.sessions(), sessions) {
				t.Errorf("the sessions were %v, and are %v", sessions, r.sessions())
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

// TestUserErrors: an error of the data names the line of the program, and ends no worker.
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

// booms counts the calls of boom, which end their goroutine, as t.Fatal does, or panic.
var (
	booms atomic.Int64
	exits atomic.Bool
)

func boom() {
	booms.Add(1)
	if exits.Load() {
		runtime.Goexit()
	}
	panic("boom, boom")
}

type sold struct {
	ID  int64 `weft:"id"`
	Qty int64 `weft:"qty"`
}

var (
	boomCall  = op.Func("cluster_test/boom", func(context.Context, int) (int, error) { boom(); return 0, nil })
	boomRow   = op.Func("cluster_test/boom-row", func(_ context.Context, s sold) (sold, error) { boom(); return s, nil })
	boomBlock = array.Register("cluster_test/boom-block", func(context.Context, []int, []*array.Block, *array.Block) error { boom(); return nil })
)

// TestPanics: a function of the user that panics, or ends its goroutine, ends its call or job with an error that says so and is
// not called again; its worker and what else runs there go on.
func TestPanics(t *testing.T) {
	t.Cleanup(func() { exits.Store(false) })
	gate := make(chan struct{})
	loose.Store(&gate)
	held.Store(0)
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 2})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := r.s.WaitWorkers(ctx, 2); err != nil {
		t.Fatal(err)
	}
	c := future.New(ctx, r.c)
	defer c.Close()
	beside := future.Map(c, hold, []int{1, 2})
	go func() { _, _ = beside[0].Get(ctx) }()
	until(t, "others are at work", func() bool { return held.Load() == 2 })
	sessions := r.sessions()
	sales, products := tables(t, 1, 10)
	runs := map[string]func() error{
		"a call": func() error { _, err := future.Submit(c, boomCall, future.Value(1)).Get(ctx); return err },
		"one that reads": func() error {
			_, err := future.Submit(c, boomCall, future.Arg[int](future.Submit(c, square, future.Value(2)))).Get(ctx)
			return err
		},
		"one with a time-out": func() error {
			_, err := future.SubmitWith(c, future.Options{TimeOut: time.Minute}, boomCall, future.Value(1)).Get(ctx)
			return err
		},
		"rows of a frame": func() error {
			_, err := frame.MapRows(sales.Select("id", "qty"), boomRow).Collect(ctx, r.c)
			return err
		},
		"the block of an array": func() error {
			_, err := array.Collect[float64](ctx, r.c, array.MapBlocks(boomBlock, array.Float64, array.Arange(0, 50, 1, array.Chunks(50)).Mul(2.0)))
			return err
		},
	}
	for exit, says := range map[bool][]string{false: {"boom, boom", "cluster_test.boom(", "process_test.go:"}, true: {"ended its goroutine"}} {
		exits.Store(exit)
		for name, run := range runs {
			booms.Store(0)
			err := run()
			for _, s := range says {
				if err == nil || !strings.Contains(err.Error(), s) {
					t.Errorf("%s, exit %v: %v, want %s", name, exit, err, s)
				}
			}
			if n := booms.Load(); n != 1 {
				t.Errorf("%s, exit %v: %d calls", name, exit, n)
			}
		}
	}
	if now := r.sessions(); !maps.Equal(now, sessions) {
		t.Errorf("the sessions were %v, and are %v", sessions, now)
	}
	close(gate)
	if got, err := future.Gather(ctx, beside); err != nil || got[0] != 1 || got[1] != 2 {
		t.Error(got, err)
	}
	if n := held.Load(); n != 2 {
		t.Errorf("what ran beside was begun %d times, want 2", n)
	}
	same(t, "group", queries(sales, products)["group"], r.c)
	c.Close()
	until(t, "nothing is left", r.idle)
}
