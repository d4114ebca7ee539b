package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

// TestLabels: tasks of a client with labels run on the workers that have them, wait
// for one to come, and fail when none comes.
func TestLabels(t *testing.T) {
	r := listen(t, cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Grace: 500 * time.Millisecond})
	r.join(t, cluster.WorkerOptions{Name: "plain"})
	r.join(t, cluster.WorkerOptions{Name: "a", Labels: []string{"zone=a"}})
	dial := func(labels ...string) *cluster.Client { return r.dial(t, cluster.Options{Labels: labels}) }
	sales, products := tables(t, 12, 300)
	q := queries(sales, products)["all"]
	tasks := func() map[string]int64 {
		n := map[string]int64{}
		for _, w := range r.s.State().Workers {
			n[w.Name] = w.Done
		}
		return n
	}
	same(t, "all", q, dial("zone=a"))
	if n := tasks(); n["plain"] != 0 || n["a"] == 0 {
		t.Errorf("tasks with a label were done by %v", n)
	}
	both := dial("zone=a", "disk=fast")
	out := collecting(t, both, q)
	until(t, "the job waits", func() bool { return len(r.s.State().Jobs) == 1 })
	r.join(t, cluster.WorkerOptions{Name: "b", Labels: []string{"disk=fast", "zone=a"}})
	if x := <-out; x.err != nil {
		t.Error(x.err)
	}
	if n := tasks(); n["plain"] != 0 || n["b"] == 0 {
		t.Errorf("tasks with two labels were done by %v", n)
	}
	same(t, "all", q, dial())
	if _, err := q.Collect(context.Background(), dial("gpu")); err == nil || !strings.Contains(err.Error(), "labels gpu") {
		t.Error(err)
	}
	var many []string
	for i := range 65 {
		many = append(many, fmt.Sprint("l", i))
	}
	if _, err := q.Collect(context.Background(), dial(many...)); err == nil || !strings.Contains(err.Error(), "can have") {
		t.Error(err)
	}
}

// TestParts: the parts of a cluster run what they are given on their own workers, add their
// needs to those of the client, and read what the others keep.
func TestParts(t *testing.T) {
	r := listen(t, cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Grace: 500 * time.Millisecond})
	r.join(t, cluster.WorkerOptions{Name: "out", Labels: []string{"kind=b"}})
	r.join(t, cluster.WorkerOptions{Name: "a", Labels: []string{"zone=a", "kind=a"}})
	r.join(t, cluster.WorkerOptions{Name: "b", Labels: []string{"zone=a", "kind=b"}, Resources: []string{"gpu=1"}})
	c := r.dial(t, cluster.Options{Labels: []string{"zone=a"}})
	part := func(n cluster.Needs) *cluster.Part {
		v, err := c.With(n)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tasks := func() map[string]int64 {
		n := map[string]int64{}
		for _, w := range r.s.State().Workers {
			n[w.Name] = w.Done
		}
		return n
	}
	ctx := context.Background()
	x, err := array.Arange(0, 64_000, 1, array.Chunks(1000)).Persist(ctx, part(cluster.Needs{Labels: []string{"kind=a"}}))
	if err != nil {
		t.Fatal(err)
	}
	if n := tasks(); n["a"] == 0 || n["b"] != 0 || n["out"] != 0 {
		t.Errorf("what a alone may make was made by %v", n)
	}
	made := tasks()["a"]
	for _, v := range []*cluster.Part{part(cluster.Needs{Labels: []string{"kind=b"}}), part(cluster.Needs{Resources: []string{"gpu=1"}})} {
		before := tasks()["b"]
		got, err := array.Collect[int64](ctx, v, x.Sum())
		if err != nil || got[0] != 64_000*63_999/2 {
			t.Error(got, err)
		}
		if n := tasks(); n["a"] != made || n["b"] <= before || n["out"] != 0 {
			t.Errorf("what b alone may add up was added up by %v", n)
		}
	}
	x.Release()
	sales, products := tables(t, 6, 300)
	same(t, "all", queries(sales, products)["all"], part(cluster.Needs{Labels: []string{"kind=a"}}))
	if n := tasks(); n["a"] <= made || n["out"] != 0 {
		t.Errorf("a frame that a alone may make was made by %v", n)
	}
	within, err := part(cluster.Needs{Labels: []string{"kind=a"}}).With(cluster.Needs{Resources: []string{"gpu=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := array.Collect[int64](ctx, within, array.Arange(0, 10, 1)); err == nil || !strings.Contains(err.Error(), "zone=a, kind=a, gpu=1") {
		t.Error("a part of a part: ", err)
	}
	if _, err := array.Collect[int64](ctx, part(cluster.Needs{Labels: []string{"kind=c"}}), array.Arange(0, 10, 1)); err == nil || !strings.Contains(err.Error(), "labels zone=a, kind=c") {
		t.Error(err)
	}
	if _, err := c.With(cluster.Needs{Resources: []string{"gpu"}}); err == nil || !strings.Contains(err.Error(), "want NAME=N") {
		t.Error(err)
	}
}

// alone counts how many of its calls run at the same time, in this process.
var alone = op.Func("cluster_test/alone", func(context.Context, int) (int, error) {
	n := together.Add(1)
	for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
	}
	time.Sleep(5 * time.Millisecond)
	together.Add(-1)
	return 1, nil
})

var together, most atomic.Int64

// TestResources: tasks that ask for a resource run where it is, no more at a time than
// there is of it, while others take the rest of the slots; where there is not enough
// of it anywhere the job fails.
func TestResources(t *testing.T) {
	r := listen(t, cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Grace: 500 * time.Millisecond})
	r.join(t, cluster.WorkerOptions{Name: "plain", Threads: 2})
	r.join(t, cluster.WorkerOptions{Name: "two", Threads: 4, Resources: []string{"gpu=2", "licence=1"}})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	calls := func(resources ...string) (*future.Client, []*future.Future[int]) {
		c := future.New(ctx, r.dial(t, cluster.Options{Resources: resources}))
		t.Cleanup(func() { c.Close() })
		return c, future.Map(c, alone, make([]int, 12))
	}
	for _, x := range []struct {
		asks string
		most int64
	}{{"gpu=1", 2}, {"gpu=2", 1}, {"licence=1", 1}} {
		most.Store(0)
		_, fs := calls(x.asks)
		if got, err := future.Gather(ctx, fs); err != nil || len(got) != 12 || most.Load() != x.most {
			t.Errorf("%s: %d calls, %d at a time, want %d; %v", x.asks, len(got), most.Load(), x.most, err)
		}
	}
	for _, w := range r.s.State().Workers {
		if w.Name == "plain" && w.Done != 0 {
			t.Errorf("%d tasks that ask for resources were done where there are none", w.Done)
		}
	}
	sales, products := tables(t, 6, 300)
	_, fs := calls("gpu=2")
	same(t, "all", queries(sales, products)["all"], r.dial(t, cluster.Options{}))
	if _, err := future.Gather(ctx, fs); err != nil {
		t.Error(err)
	}
	if _, err := sales.Collect(ctx, r.dial(t, cluster.Options{Resources: []string{"gpu=3"}})); err == nil || !strings.Contains(err.Error(), "no worker has had gpu=3 for") {
		t.Error(err)
	}
	for _, bad := range []string{"gpu", "gpu=0", "=1", "gpu=x", "gpu=9999999"} {
		if _, err := cluster.Dial(ctx, r.addr, cluster.Options{Resources: []string{bad}}); err == nil || !strings.Contains(err.Error(), "want NAME=N") {
			t.Error(bad, err)
		}
		if _, err := cluster.Join(ctx, r.addr, cluster.WorkerOptions{Resources: []string{bad}}); err == nil || !strings.Contains(err.Error(), "want NAME=N") {
			t.Error(bad, err)
		}
	}
}
