package cluster

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/weft-data/weft/internal/effort"
)

// TestWorkerWaitsForItsScheduler holds that a worker whose scheduler is not there says so, and joins it when it comes.
func TestWorkerWaitsForItsScheduler(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	said := &diary{}
	joined := make(chan error, 1)
	go func() {
		w, err := Join(ctx, addr, WorkerOptions{Threads: 1, Pool: 1 << 20, SpillDir: t.TempDir(), Log: said.log()})
		if err == nil {
			err = w.Close()
		}
		joined <- err
	}()
	for said.lines("no scheduler answers yet", addr) == 0 {
		select {
		case err := <-joined:
			t.Fatal("nobody is there: ", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	s, err := Listen(addr, SchedulerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := <-joined; err != nil {
		t.Error(err)
	}
}
