package cluster_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

// The environment of a process of this test binary that is to be a client, and what it asks for.
const (
	envClient = "WEFT_TEST_CLIENT"
	envAsks   = "WEFT_TEST_ASKS"
)

// ranAsClient makes the test binary a client, which asks for something and waits for it.
func ranAsClient() bool {
	at := os.Getenv(envClient)
	if at == "" {
		return false
	}
	ctx, o := context.Background(), cluster.Options{}
	asks := os.Getenv(envAsks)
	if asks == "a call nobody may do" {
		o.Labels = []string{"zone=mars"}
	}
	c, err := cluster.Dial(ctx, at, o)
	if err == nil && asks == "a dataset" {
		_, err = c.Persist(ctx, "kept", kept())
	} else if err == nil {
		_, err = future.Submit(future.New(ctx, c), hold, future.Value(1)).Get(ctx)
	}
	println("it was not killed:", err)
	os.Exit(1)
	return true
}

// heldUp is hold for a row: it waits until loose is closed, or its job ends.
var heldUp = op.Func("cluster_test/held-up", func(ctx context.Context, s sold) (sold, error) {
	n, err := hold.Call(ctx, int(s.Qty))
	return sold{s.ID, int64(n)}, err
})

// kept is a frame whose rows wait.
func kept() *frame.Frame {
	return frame.MapRows(frame.FromStructs([]sold{{1, 3}, {2, 4}}), heldUp)
}

// TestClientIsKilled kills the process of a client: what it asked for is cancelled, whether it runs or waits, and a dataset
// is finished.
func TestClientIsKilled(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	for _, asks := range []string{"a call", "a call nobody may do", "a dataset"} {
		t.Run(asks, func(t *testing.T) {
			gate := make(chan struct{})
			loose.Store(&gate)
			held.Store(0)
			r := listen(t, cluster.SchedulerOptions{Beat: 20 * time.Millisecond, Lease: 200 * time.Millisecond})
			r.join(t, cluster.WorkerOptions{Threads: 1})
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), envClient+"="+r.addr, envAsks+"="+asks)
			cmd.Stderr = os.Stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, "it has a job", func() bool { return len(r.s.State().Jobs) == 1 && (held.Load() == 1 || asks == "a call nobody may do") })
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait()
			until(t, "the client is forgotten", func() bool { return r.s.Clients() == 0 })
			if asks != "a dataset" {
				until(t, "nothing is left", r.idle)
				if n := len(ended); n != int(held.Load()) {
					t.Errorf("%d calls were begun, %d heard that they were given up", held.Load(), n)
				}
				for len(ended) > 0 {
					<-ended
				}
				return
			}
			if len(r.s.State().Jobs) != 1 || len(ended) > 0 {
				t.Fatal("the dataset is not made any more")
			}
			close(gate)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			want, err := kept().Collect(ctx, here)
			if err != nil {
				t.Fatal(err)
			}
			c := r.dial(t, cluster.Options{})
			until(t, "the dataset is whole", func() bool { _, err := c.Dataset(ctx, "kept"); return err == nil })
			compare(t, "kept", records(t, ctx, c, "kept", want), want)
			if err := c.Release(ctx, "kept"); err != nil {
				t.Error(err)
			}
			until(t, "nothing is left", r.idle)
		})
	}
}
