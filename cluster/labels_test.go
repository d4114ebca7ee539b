package cluster_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
)

// TestLabels: tasks of a client with labels run on the workers that have them, wait
// for one to come, and fail when none comes.
func TestLabels(t *testing.T) {
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Grace: 500 * time.Millisecond, Log: logger(t)})
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
	r.join(t, cluster.WorkerOptions{Name: "plain"})
	r.join(t, cluster.WorkerOptions{Name: "a", Labels: []string{"zone=a"}})
	dial := func(labels ...string) *cluster.Client {
		c, err := cluster.Dial(context.Background(), s.Addr(), cluster.Options{Labels: labels})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	sales, products := tables(t, 12, 300)
	q := queries(sales, products)["all"]
	tasks := func() map[string]int64 {
		n := map[string]int64{}
		for _, w := range s.State().Workers {
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
	time.Sleep(100 * time.Millisecond)
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
