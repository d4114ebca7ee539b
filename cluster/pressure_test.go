package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A ran is where and when a call was run.
type ran struct {
	Pid  int
	Unix int64 // nanoseconds, when it began
}

var (
	// hog takes 200 MiB when there is a file called grow in a folder, and has them until there is one called shrink. They are
	// not of the Go heap, beside which the race detector keeps a shadow that never goes back to the system.
	hog = op.Func("cluster_test/hog", func(ctx context.Context, dir string) (ran, error) {
		p := mem.NewPool(1 << 30)
		defer p.Trim()
		var b []byte
		for {
			if _, err := os.Stat(filepath.Join(dir, "grow")); err == nil && b == nil {
				b = p.Alloc(200 << 20)
				defer p.Free(b)
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "shrink")); err == nil {
				return ran{Pid: os.Getpid()}, nil
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return ran{}, context.Cause(ctx)
			}
		}
	})
	// where takes 15 ms until there is a file called go: so long tasks come and go.
	where = op.Func("cluster_test/where", func(_ context.Context, dir string) (ran, error) {
		now := time.Now().UnixNano()
		if _, err := os.Stat(filepath.Join(dir, "go")); err != nil {
			time.Sleep(15 * time.Millisecond)
		}
		return ran{os.Getpid(), now}, nil
	})
)

// TestMemoryOfFunctions has a function take more memory than its worker's process may have: the worker begins nothing more,
// what it had in its queue is done by the other one, and when the memory is free again it takes part.
func TestMemoryOfFunctions(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	if runtime.GOOS != "linux" {
		t.Skip("what a process has in memory is not known here")
	}
	r := upWith(t, cluster.UpOptions{Workers: 2, Threads: 2, Memory: 128 << 20, Scheduler: cluster.SchedulerOptions{Beat: 100 * time.Millisecond}})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	dir := t.TempDir()
	touch := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := future.Submit(c, hog, future.Value(dir))
	go func() { _, _ = f.Get(ctx) }()
	until(t, "it runs", func() bool {
		return len(r.s.State().Jobs) == 1 && r.s.State().Workers[0].Busy+r.s.State().Workers[1].Busy == 1
	})
	calls := future.Map(c, where, slices.Repeat([]string{dir}, 2000))
	go func() { _, _ = calls[0].Get(ctx) }()
	until(t, "calls are done", calls[0].Done)
	touch("grow")
	until(t, "the worker is paused", func() bool { return r.paused() == 1 })
	paused := time.Now().UnixNano()
	touch("go")
	got, err := future.Gather(ctx, calls)
	if err != nil {
		t.Fatal(err)
	}
	if r.paused() != 1 {
		t.Error("the worker is not paused any more")
	}
	touch("shrink")
	large, err := f.Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	after := 0
	for i, x := range got {
		if x.Unix < paused {
			continue
		}
		if after++; x.Pid == large.Pid {
			t.Fatalf("call %d was begun by the worker that has no memory, %v after it said so", i, time.Duration(x.Unix-paused))
		}
	}
	if after < 20 {
		t.Errorf("%d calls were left when the worker was paused: nothing is tested", after)
	}
	until(t, "the worker goes on", func() bool { return r.paused() == 0 })
	more, err := future.Gather(ctx, future.Map(c, where, slices.Repeat([]string{dir}, 40)))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, x := range more {
		if x.Pid == large.Pid {
			n++
		}
	}
	if n == 0 {
		t.Error("the worker that has memory again is given nothing")
	}
}
