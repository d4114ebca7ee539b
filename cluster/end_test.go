package cluster_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/optest"
)

// TestAJobEndsWithItsTasks: when the client has closed a job no task of it runs on any worker, also when the
// connection of the client was cut meanwhile.
func TestAJobEndsWithItsTasks(t *testing.T) {
	r := listen(t, cluster.SchedulerOptions{})
	for range 2 {
		r.join(t, cluster.WorkerOptions{Threads: 2})
	}
	p := newProxy(t)
	p.aim(r.addr, nil)
	optest.EndsWithItsTasks(t, (&rig{addr: p.addr()}).dial(t, cluster.Options{}), p.cut)
}

// TestEndOfDeafTasks: the end of a job waits for a function that does not heed its context until its worker
// gives it up, or for Options.Stuck; then whoever closes the job hears of it.
func TestEndOfDeafTasks(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	for _, o := range []struct {
		worker, client time.Duration
		want           error
	}{{10 * time.Millisecond, time.Minute, nil}, {time.Minute, 50 * time.Millisecond, graph.ErrRunning}} {
		r := listen(t, cluster.SchedulerOptions{})
		r.join(t, cluster.WorkerOptions{Threads: 1, Dead: time.Second, Stuck: o.worker})
		j := optest.Linger(t, context.Background(), r.dial(t, cluster.Options{Stuck: o.client}), true, 1)
		<-j.Begun
		if err := j.Close(); !errors.Is(err, o.want) {
			t.Errorf("%v: %v", o, err)
		}
		if n := j.Left(); n != 1 {
			t.Errorf("%v: %d tasks go on, want 1", o, n)
		}
		close(j.Over)
		until(t, "the task ends", func() bool { return j.Left() == 0 })
	}
}
