package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

var (
	square = op.Func("cluster_test/square", func(_ context.Context, x int) (int, error) { return x * x, nil })
	sum    = op.Func("cluster_test/sum", func(_ context.Context, xs []int) (int, error) {
		n := 0
		for _, x := range xs {
			n += x
		}
		return n, nil
	})
	odd = op.Func("cluster_test/odd", func(_ context.Context, x int) (int, error) {
		switch {
		case x == 4:
			panic("four")
		case x%2 == 0:
			return 0, fmt.Errorf("%d is even", x)
		}
		return x, nil
	})
	nap = op.Func("cluster_test/nap", func(ctx context.Context, d time.Duration) (string, error) {
		select {
		case <-time.After(d):
			return "slept", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	})
	long = op.Func("cluster_test/long", func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil })
	size = op.Func("cluster_test/size", func(_ context.Context, s string) (int, error) { return len(s), nil })
)

func TestFutures(t *testing.T) {
	r := newRig(t, 2, cluster.WorkerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	args := make([]int, 5000)
	want := 0
	for i := range args {
		args[i] = i
		want += i * i
	}
	fs := future.Map(c, square, args)
	total := future.Reduce(c, sum, fs)
	twice := future.Submit(c, square, future.Arg[int](total))
	if n, err := twice.Get(ctx); err != nil || n != want*want {
		t.Fatal(n, err, want*want)
	}
	got, err := future.Gather(ctx, fs)
	for i := range got {
		if got[i] != i*i {
			t.Fatal(i, got[i])
		}
	}
	if err != nil || len(got) != len(args) {
		t.Fatal(len(got), err)
	}
	again := future.Reduce(c, sum, fs[:3]) // of an earlier batch
	if n, err := again.Get(ctx); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	for _, n := range []int{1, 60 << 10, 70 << 10, 5 << 20} { // beside and beyond what travels with a report
		l := future.Submit(c, long, future.Value(n))
		if k, err := future.Submit(c, size, future.Arg[string](l)).Get(ctx); k != n || err != nil {
			t.Fatal(k, err)
		}
		if s, err := l.Get(ctx); len(s) != n || err != nil {
			t.Fatal(len(s), err)
		}
	}
}

func TestFailuresOfFutures(t *testing.T) {
	r := newRig(t, 2, cluster.WorkerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	fs := future.Map(c, odd, []int{1, 2, 3, 4})
	all := future.Reduce(c, sum, fs)
	for i, want := range []string{"", "2 is even", "", "panic: four"} {
		n, err := fs[i].Get(ctx)
		if want == "" && (err != nil || n != i+1) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("call %d: %v, %v; want %q", i, n, err, want)
		}
	}
	if _, err := fs[3].Get(ctx); err == nil || !strings.Contains(err.Error(), "future_test.go") {
		t.Errorf("the stack of the worker is missing: %v", err)
	}
	if _, err := all.Get(ctx); err == nil || !strings.Contains(err.Error(), "needs a call that failed: 2 is even") {
		t.Error("dependent:", err)
	}
	local := op.Closure(func(_ context.Context, x int) (int, error) { return x, nil })
	if _, err := future.Submit(c, local, future.Value(1)).Get(ctx); err == nil || !strings.Contains(err.Error(), "cluster_test.TestFailuresOfFutures") || !strings.Contains(err.Error(), "op.Func") {
		t.Error("closure:", err)
	}
	if _, err := future.Submit(c, op.Fn[int, int]{}, future.Value(1)).Get(ctx); !errors.Is(err, op.ErrNoFunction) {
		t.Error("no function:", err)
	}
	o := future.Options{TimeOut: 20 * time.Millisecond}
	if _, err := future.SubmitWith(c, o, nap, future.Value(time.Hour)).Get(ctx); err == nil || !strings.Contains(err.Error(), "time-out of 20ms") {
		t.Error("time-out:", err)
	}
	f := future.Submit(c, nap, future.Value(time.Hour))
	time.Sleep(20 * time.Millisecond)
	f.Cancel()
	if _, err := f.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Error("cancel:", err)
	}
}

// BenchmarkTrivial has the figures of trivial tasks over TCP, two workers, all in
// this process: its CPU is that of client, scheduler and workers together.
func BenchmarkTrivial(b *testing.B) {
	r := newRig(b, 2, cluster.WorkerOptions{Threads: 1})
	ctx := context.Background()
	args := make([]int, 100000)
	for i := range args {
		args[i] = i
	}
	report := func(b *testing.B, n int, f func(c *future.Client) error) {
		start := cpu()
		for b.Loop() {
			c := future.New(ctx, r.c)
			if err := f(c); err != nil {
				b.Fatal(err)
			}
			c.Close()
		}
		b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/task")
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	}
	b.Run("map-100k", func(b *testing.B) {
		report(b, len(args), func(c *future.Client) error {
			_, err := future.Gather(ctx, future.Map(c, square, args))
			return err
		})
	})
	b.Run("one", func(b *testing.B) {
		report(b, 1, func(c *future.Client) error {
			_, err := future.Submit(c, square, future.Value(3)).Get(ctx)
			return err
		})
	})
	b.Run("submit-1000", func(b *testing.B) {
		report(b, 1000, func(c *future.Client) error {
			var fs []*future.Future[int]
			for i := range 1000 {
				fs = append(fs, future.Submit(c, square, future.Value(i)))
			}
			_, err := future.Gather(ctx, fs)
			return err
		})
	})
	b.Run("adds-100", func(b *testing.B) {
		report(b, 101, func(c *future.Client) error {
			_, err := future.Reduce(c, sum, future.Map(c, square, args[:100])).Get(ctx)
			return err
		})
	})
}
