package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
)

type result struct {
	t   *frame.Table
	err error
}

// collecting runs a query in the background.
func collecting(t *testing.T, c graph.Runner, q *frame.Frame) <-chan result {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	out := make(chan result, 1)
	go func() {
		tab, err := q.Collect(ctx, c)
		out <- result{tab, err}
	}()
	return out
}

// collectDuring runs a query and, once so many tasks have been done, fault. A query that
// has ended before anybody looked is run again: on a busy machine it may be the faster one.
func collectDuring(t *testing.T, r *rig, q *frame.Frame, after int64, fault func()) *frame.Table {
	t.Helper()
	for range 50 {
		r.begin = r.s.Finished()
		out := collecting(t, r.c, q)
		over := false
		for !over && r.s.Finished()-r.begin < after {
			select {
			case x := <-out:
				if over = true; x.err != nil {
					t.Fatalf("before %d tasks were done: %v", after, x.err)
				}
			case <-time.After(50 * time.Microsecond):
			}
		}
		if over {
			continue
		}
		fault()
		x := <-out
		if x.err != nil {
			t.Fatal(x.err)
		}
		return x.t
	}
	t.Fatalf("the query ended before %d tasks were done, every time", after)
	return nil
}

// gone is how many tasks were done by workers that are not there any more.
func (r *rig) gone() int64 {
	st := r.s.State()
	n := st.Finished
	for _, w := range st.Workers {
		n -= w.Done
	}
	return n
}

// settled waits until so many workers are up and none has a task: a query has given all slots back. Of its tasks, all in
// number, none was made again but, with some lost, those of workers that are gone by then.
func (r *rig) settled(t *testing.T, left int, all int64, some bool) {
	t.Helper()
	until(t, fmt.Sprintf("%d workers are up and idle", left), func() bool {
		st := r.s.State()
		busy := func(w cluster.WorkerState) bool { return w.Busy > 0 }
		return len(st.Workers) == left && len(st.Jobs) == 0 && !slices.ContainsFunc(st.Workers, busy)
	})
	lost := int64(0)
	if some {
		lost = r.gone()
	}
	if n := r.s.Finished() - r.begin; n > all+lost {
		t.Errorf("%d tasks were done, want at most %d and %d that were lost", n, all, lost)
	}
}

// tasksOf is how many tasks a query has where nothing happens.
func tasksOf(t *testing.T, q *frame.Frame) int64 {
	r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
	collectDuring(t, r, q, 1, func() {})
	return r.s.Finished() - r.begin
}

// TestWorkerDies ends a worker at many points of a query: the answer stays the
// same, and what is made again is what was lost.
func TestWorkerDies(t *testing.T) {
	q, want := question(t, 12, 3000)
	all := tasksOf(t, q)
	for _, after := range []int64{1, 4, 8, 12, 13} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
			got := collectDuring(t, r, q, after, func() { _ = r.workers[1].Close() })
			compare(t, "all", got, want)
			r.settled(t, 2, all, true)
		})
	}
}

// TestAnotherAtTheSameAddress ends a worker, and has another one come to its address at once: it is
// not taken for the one before, by the scheduler or by who asks it for blocks of that.
func TestAnotherAtTheSameAddress(t *testing.T) {
	q, want := question(t, 12, 3000)
	for _, after := range []int64{1, 8, 13} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			r := listen(t, cluster.SchedulerOptions{Lease: time.Hour})
			o := cluster.WorkerOptions{Threads: 1}
			r.join(t, o)
			r.join(t, o)
			w := r.join(t, o)
			r.c = r.dial(t, cluster.Options{})
			o.Listen = w.Addr()
			until(t, "3 workers are up", func() bool { return r.s.Workers() == 3 })
			got := collectDuring(t, r, q, after, func() {
				_ = w.Close()
				if r.join(t, o).Addr() != w.Addr() {
					t.Error("it has another address")
				}
			})
			compare(t, "all", got, want)
			until(t, "3 workers are up", func() bool { return r.s.Workers() == 3 })
		})
	}
}

// TestAllWorkersDie has a job wait for workers that come later.
func TestAllWorkersDie(t *testing.T) {
	q, want := question(t, 12, 3000)
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	got := collectDuring(t, r, q, 5, func() {
		_ = r.workers[0].Close()
		_ = r.workers[1].Close()
		r.join(t, cluster.WorkerOptions{})
	})
	compare(t, "all", got, want)
}

// TestNoWorkerComes has a job fail, with why, whose workers are gone for too long; the next one has those that come then.
func TestNoWorkerComes(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	q, want := question(t, 12, 3000)
	r := listen(t, cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Grace: 300 * time.Millisecond})
	var err error
	for try := 0; err == nil && try < 50; try++ { // the query may be the faster one
		w := r.join(t, cluster.WorkerOptions{Threads: 1})
		r.c = r.dial(t, cluster.Options{})
		begin, out := r.s.Finished(), collecting(t, r.c, q)
		until(t, "tasks are done", func() bool { return r.s.Finished()-begin >= 3 })
		_ = w.Close()
		err = (<-out).err
	}
	if err == nil || !strings.Contains(err.Error(), "no worker") {
		t.Error(err)
	}
	r.join(t, cluster.WorkerOptions{Threads: 1})
	got, err := q.Collect(context.Background(), r.c)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "all", got, want)
	until(t, "nothing is left", r.idle)
}

// TestRetire lets a worker go in the middle of a query: nothing is made again.
func TestRetire(t *testing.T) {
	q, want := question(t, 12, 3000)
	quiet := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
	compare(t, "all", collectDuring(t, quiet, q, 1, func() {}), want)
	for _, after := range []int64{1, 6, 12} {
		r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
		got := collectDuring(t, r, q, after, func() {
			if err := r.workers[0].Retire(); err != nil {
				t.Error(err)
			}
		})
		compare(t, "all", got, want)
		if n, want := r.s.Finished()-r.begin, quiet.s.Finished()-quiet.begin; n != want {
			t.Errorf("retired after %d tasks: %d tasks were done, %d without that", after, n, want)
		}
	}
}

// TestRetireWhileCutOff has a worker that lost its connection, while it had nothing to do or in the middle of a query, retire with
// the next one: nobody goes on as if it were there.
func TestRetireWhileCutOff(t *testing.T) {
	q, want := question(t, 12, 3000)
	for _, after := range []int64{0, 1, 12} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
			direct, p := r.addr, newProxy(t)
			p.aim(direct, nil)
			r.addr = p.addr()
			w := r.join(t, cluster.WorkerOptions{Threads: 1})
			if err := r.s.WaitWorkers(context.Background(), 3); err != nil {
				t.Fatal(err)
			}
			gone := make(chan error, 1)
			fault := func() {
				p.aim("127.0.0.1:1", nil)
				p.cut()
				until(t, "it is cut off", w.Parted)
				go func() { gone <- w.Retire() }()
				p.aim(direct, nil)
			}
			if after > 0 {
				compare(t, "all", collectDuring(t, r, q, after, fault), want)
			} else {
				fault()
			}
			if err := <-gone; err != nil {
				t.Error(err)
			}
			r.settled(t, 2, 1<<40, true)
			compare(t, "all", collectDuring(t, r, q, 0, func() {}), want)
		})
	}
}

// TestReaderGetsEachBlockOnce ends workers while their blocks are being read.
func TestReaderGetsEachBlockOnce(t *testing.T) {
	sales, _ := tables(t, 12, 3000)
	q := sales.Filter(frame.Col("qty").Gt(2))
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
	got := &frame.Table{Schema: want.Schema}
	n := 0
	for rec, err := range q.Iterate(context.Background(), r.c) {
		if err != nil {
			t.Fatal(err)
		}
		got.Records = append(got.Records, rec)
		if n++; n == 3 || n == 9 {
			_ = r.workers[n/9].Close()
		}
	}
	compare(t, "filter", got, want)
}

// TestLostWhenDone has the only worker die when all of a query is done and not all of it was read, and another one come that
// cannot make it again, since the files are gone: the reader hears why, also one that was cut off then, and does not wait for ever.
func TestLostWhenDone(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint(away), func(t *testing.T) {
			dir := t.TempDir()
			for i := range 4 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".csv")), []byte("a,b\n1,2\n3,4\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r := newRig(t, 1, cluster.WorkerOptions{Threads: 1})
			p := newProxy(t)
			p.aim(r.addr, nil)
			c := (&rig{addr: p.addr()}).dial(t, cluster.Options{})
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			var err error
			n := 0
			for _, err = range frame.ReadCSVWith(frame.CSVOptions{BlockBytes: 12, SplitBytes: 12}, filepath.Join(dir, "*.csv")).Iterate(ctx, c) {
				if n++; n > 1 {
					continue
				}
				until(t, "all is done", func() bool {
					st := r.s.State()
					return len(st.Jobs) == 1 && st.Jobs[0].Layers[len(st.Jobs[0].Layers)-1].Made == 4
				})
				if away {
					p.aim("127.0.0.1:1", nil)
					p.cut()
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
				_ = r.workers[0].Close()
				r.join(t, cluster.WorkerOptions{Threads: 1})
				if away {
					until(t, "the job has failed", func() bool { return len(r.s.State().Jobs) == 0 })
					p.aim(r.addr, nil)
				}
			}
			if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), ".csv") {
				t.Errorf("%d blocks, and then %v", n, err)
			}
		})
	}
}

// TestClientGoes ends a client in the middle of a query, and one that does not read
// what it asked for: nothing of their jobs is left.
func TestClientGoes(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	qs := queries(sales, products)
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	for _, name := range []string{"all", "filter"} {
		for try := 0; !goes(t, r, qs[name]); try++ {
			if try == 50 {
				t.Fatal("the query ended before its client, every time")
			}
		}
		until(t, name+": nothing of the job is left", r.idle)
	}
	same(t, "all", qs["all"], r.c)
}

// goes closes a client once tasks of its query are done, and reports whether that ended
// the query.
func goes(t *testing.T, r *rig, q *frame.Frame) bool {
	c := r.dial(t, cluster.Options{})
	begin := r.s.Finished()
	failed := make(chan error, 1)
	go func() {
		var err error
		for _, err = range q.Iterate(context.Background(), c) {
			if err != nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		failed <- err
	}()
	until(t, "tasks are done", func() bool { return r.s.Finished()-begin >= 3 })
	_ = c.Close()
	return <-failed != nil
}

// TestClientGoesAtOnce ends clients that have asked for something and may not have heard
// that it was accepted.
func TestClientGoesAtOnce(t *testing.T) {
	sales, _ := tables(t, 12, 300)
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	for range 40 {
		c := r.dial(t, cluster.Options{})
		over := make(chan struct{})
		go func() {
			defer close(over)
			_, _ = sales.Collect(context.Background(), c) // fails, if it is not over already
		}()
		for begun := false; !begun; runtime.Gosched() {
			select {
			case <-over:
				begun = true
			default:
				begun = len(r.s.State().Jobs) > 0
			}
		}
		_ = c.Close()
		<-over
		until(t, "nothing of the job is left", r.idle)
	}
}

// TestProgressAndReport: progress rises to the end, and the report of a measured
// run has the rows of every layer.
func TestProgressAndReport(t *testing.T) {
	sales, products := tables(t, 6, 2000)
	q := queries(sales, products)["all"]
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	seen := make(chan graph.Progress, 1000)
	if _, err := q.Collect(context.Background(), r.c, frame.WithProgress(func(p graph.Progress) { seen <- p })); err != nil {
		t.Fatal(err)
	}
	for at := 0.0; at < 1; {
		select {
		case p := <-seen:
			if p.Total < p.Done || p.Fraction > 1 {
				t.Fatalf("%+v", p)
			}
			at = p.Fraction
		case <-time.After(5 * time.Second):
			t.Fatalf("progress stopped at %v", at)
		}
	}
	there, err := q.Analyze(context.Background(), r.c)
	if err != nil {
		t.Fatal(err)
	}
	mine, err := q.Analyze(context.Background(), here)
	if err != nil || len(there.Layers) != len(mine.Layers) || len(mine.Layers) == 0 {
		t.Fatalf("%d and %d layers, %v", len(there.Layers), len(mine.Layers), err)
	}
	last := len(mine.Layers) - 1
	if there.Layers[last].Rows != mine.Layers[last].Rows || there.Layers[last].Rows == 0 {
		t.Errorf("%+v, in one process %+v", there.Layers[last], mine.Layers[last])
	}
}
