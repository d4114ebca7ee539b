package cluster_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
)

// cancelDuring cancels a query once so many tasks of it are done and a fault has happened. It ends soon, with that as its cause.
func cancelDuring(t *testing.T, r *rig, q *frame.Frame, after int64, fault func()) {
	t.Helper()
	finished := func() int64 {
		if r.s == nil {
			return done(t, r.c)
		}
		return r.s.Finished()
	}
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		begin, out := finished(), make(chan error, 1)
		go func() {
			_, err := q.Collect(ctx, r.c)
			out <- err
		}()
		for len(out) == 0 && finished()-begin < after {
			time.Sleep(50 * time.Microsecond)
		}
		if len(out) > 0 { // it was the faster one
			if err := <-out; err != nil {
				t.Fatal(err)
			}
			continue
		}
		fault()
		cancel()
		select {
		case err := <-out:
			if err != nil && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), mem.ErrBudget.Error()) { // which may come first
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
		return
	}
	t.Fatal("the query was the faster one, every time")
}

// TestCancelAmidTrouble cancels a query in the middle of each kind of trouble: it ends soon, no byte and no slot of it is
// taken after that, and when the trouble is over the cluster answers it.
func TestCancelAmidTrouble(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	q, want := question(t, 12, 3000)
	for _, c := range []struct {
		name string
		// a third worker, whose blocks and words come through proxies, and the client are the trouble's
		trouble func(t *testing.T, r *rig, blocks, words, client *proxy) (heal func())
	}{
		{"a worker dies", func(t *testing.T, r *rig, _, _, _ *proxy) func() { _ = r.workers[2].Close(); return nil }},
		{"all workers die", func(t *testing.T, r *rig, _, _, _ *proxy) func() {
			for _, w := range r.workers {
				_ = w.Close()
			}
			return func() { r.join(t, cluster.WorkerOptions{Threads: 1}) }
		}},
		{"a worker retires", func(t *testing.T, r *rig, _, _, _ *proxy) func() {
			gone := make(chan error, 1)
			go func() { gone <- r.workers[2].Retire() }()
			return func() {
				select {
				case err := <-gone:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(10 * time.Second):
					t.Error("it does not retire")
				}
			}
		}},
		{"a worker is cut off", func(t *testing.T, _ *rig, _, words, _ *proxy) func() { words.cut(); return nil }},
		{"the client is cut off", func(t *testing.T, _ *rig, _, _, client *proxy) func() { client.cut(); return nil }},
		{"blocks are cut", func(t *testing.T, _ *rig, blocks, _, _ *proxy) func() { blocks.cut(); return nil }},
		{"blocks stand still", func(t *testing.T, _ *rig, blocks, _, _ *proxy) func() {
			blocks.still.Store(true)
			return func() { blocks.still.Store(false) }
		}},
		{"words stand still", func(t *testing.T, _ *rig, _, words, _ *proxy) func() {
			words.still.Store(true)
			return func() { words.still.Store(false) }
		}},
		{"there is no memory", func(t *testing.T, _ *rig, _, _, _ *proxy) func() {
			mem.Refuse(func() bool { return true })
			return func() { mem.Refuse(nil) }
		}},
	} {
		for _, after := range effort.Some(1, []int64{12, 2}) {
			t.Run(c.name, func(t *testing.T) {
				r := listen(t, cluster.SchedulerOptions{Beat: 100 * time.Millisecond, Dead: time.Second, Lease: 500 * time.Millisecond})
				direct := r.addr
				words, blocks, client := newProxy(t), newProxy(t), newProxy(t)
				words.aim(direct, nil)
				client.aim(direct, nil)
				o := cluster.WorkerOptions{Threads: 1, Stall: time.Minute}
				r.join(t, o)
				r.join(t, o)
				r.addr, o.Advertise = words.addr(), blocks.addr()
				blocks.aim(r.join(t, o).Addr(), nil)
				r.addr = client.addr()
				r.c = r.dial(t, cluster.Options{})
				r.addr = direct
				var heal func()
				cancelDuring(t, r, q, after, func() { heal = c.trouble(t, r, blocks, words, client) })
				until(t, "no byte of it is left", func() bool {
					return len(r.s.State().Jobs) == 0 && !slices.ContainsFunc(r.workers[:2], func(w *cluster.Worker) bool { return w.Node().Pool().Used() > 0 })
				})
				if heal != nil {
					heal()
				}
				until(t, "nothing of it is left", func() bool {
					return r.idle() && !slices.ContainsFunc(r.s.State().Workers, func(w cluster.WorkerState) bool { return w.Busy > 0 })
				})
				got, err := q.Collect(context.Background(), r.c)
				if err != nil {
					t.Fatal(err)
				}
				compare(t, "all", got, want)
			})
		}
	}
}

// TestCancelWithoutScheduler cancels a query whose scheduler is dead: it ends when the client's patience with tasks
// it cannot hear of does, and the next scheduler with the log ends what workers have of it.
func TestCancelWithoutScheduler(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	q, want := question(t, 12, 3000)
	for _, after := range []int64{1, 12} {
		l := newLonely(t)
		r := l.with(2)
		r.c = r.dial(t, cluster.Options{Stuck: 300 * time.Millisecond})
		cancelDuring(t, r, q, after, l.kill)
		l.start()
		until(t, "nothing of it is left", func() bool {
			return len(jobs(t, r.c)) == 0 && r.workers[0].Node().Pool().Used()+r.workers[1].Node().Pool().Used() == 0
		})
		got, err := q.Collect(context.Background(), r.c)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "all", got, want)
	}
}
