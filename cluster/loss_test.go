package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/graph"
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

// collectDuring runs a query and, once so many tasks have been done, fault.
func collectDuring(t *testing.T, r *rig, q *frame.Frame, after int64, fault func()) *frame.Table {
	t.Helper()
	begin := r.s.Finished()
	out := collecting(t, r.c, q)
	for r.s.Finished()-begin < after {
		select {
		case x := <-out:
			t.Fatalf("the query ended before %d tasks were done: %v", after, x.err)
		case <-time.After(50 * time.Microsecond):
		}
	}
	fault()
	x := <-out
	if x.err != nil {
		t.Fatal(x.err)
	}
	return x.t
}

// TestWorkerDies ends a worker at many points of a query: the answer stays the
// same, and what is made again is what was lost.
func TestWorkerDies(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	q := queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []int64{1, 4, 8, 12, 13} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
			got := collectDuring(t, r, q, after, func() { _ = r.workers[1].Close() })
			compare(t, "all", got, want)
			if r.s.Workers() != 2 {
				t.Errorf("%d workers are up", r.s.Workers())
			}
		})
	}
}

// TestAllWorkersDie has a job wait for workers that come later.
func TestAllWorkersDie(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	q := queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	got := collectDuring(t, r, q, 5, func() {
		_ = r.workers[0].Close()
		_ = r.workers[1].Close()
		r.join(t, cluster.WorkerOptions{})
	})
	compare(t, "all", got, want)
}

// TestRetire lets a worker go in the middle of a query: nothing is made again.
func TestRetire(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	q := queries(sales, products)["all"]
	want, err := q.Collect(context.Background(), here)
	if err != nil {
		t.Fatal(err)
	}
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
		if r.s.Finished() != quiet.s.Finished() {
			t.Errorf("retired after %d tasks: %d tasks were done, %d without that", after, r.s.Finished(), quiet.s.Finished())
		}
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

// TestClientGoes ends a client in the middle of a query, and one that does not read
// what it asked for: nothing of their jobs is left.
func TestClientGoes(t *testing.T) {
	sales, products := tables(t, 12, 3000)
	qs := queries(sales, products)
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1})
	for _, name := range []string{"all", "filter"} {
		c, err := cluster.Dial(context.Background(), r.s.Addr(), cluster.Options{})
		if err != nil {
			t.Fatal(err)
		}
		begin := r.s.Finished()
		failed := make(chan error, 1)
		go func() {
			var err error
			for _, err = range qs[name].Iterate(context.Background(), c) {
				if err != nil {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			failed <- err
		}()
		for r.s.Finished()-begin < 3 {
			time.Sleep(time.Millisecond)
		}
		_ = c.Close()
		if err := <-failed; err == nil {
			t.Error("the query ended well without its client")
		}
		for i := 0; len(r.s.State().Jobs) > 0; i++ {
			if i == 500 {
				t.Fatalf("%s: the job is still there", name)
			}
			time.Sleep(10 * time.Millisecond)
		}
		for _, w := range r.workers {
			for i := 0; w.Node().Pool().Used() > 0; i++ {
				if i == 500 {
					t.Fatalf("%s: %d bytes of the job are still in memory", name, w.Node().Pool().Used())
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	same(t, "all", qs["all"], r.c)
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
