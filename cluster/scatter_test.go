package cluster_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/op"
)

var (
	scaled = op.Func("cluster_test/scaled", func(_ context.Context, p future.With[[]int, int]) (int, error) {
		return p.Shared[p.Arg%len(p.Shared)] * p.Arg, nil
	})
	total = op.Func("cluster_test/total", func(_ context.Context, xs []int) (int, error) {
		n := 0
		for _, x := range xs {
			n += x
		}
		return n, nil
	})
	totals = op.Func("cluster_test/totals", func(_ context.Context, xs [][]int) (int, error) {
		n := 0
		for _, x := range xs {
			n += len(x)
		}
		return n, nil
	})
)

func numbers(n int) []int {
	xs := make([]int, n)
	for i := range xs {
		xs[i] = i + 1
	}
	return xs
}

// upTo is 0, 1, …, n-1.
func upTo(n int) []int {
	xs := numbers(n)
	for i := range xs {
		xs[i]--
	}
	return xs
}

// calling starts a cluster with n workers, and a client for calls.
func calling(t *testing.T, n int, o cluster.WorkerOptions) (context.Context, *rig, *future.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	r := newRig(t, n, o)
	c := future.New(ctx, r.c)
	t.Cleanup(c.Close)
	return ctx, r, c
}

// checkScaled compares what calls of scaled return.
func checkScaled(t *testing.T, ctx context.Context, fs []*future.Future[int], shared []int) {
	t.Helper()
	got, err := future.Gather(ctx, fs)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range got {
		if n != shared[i%len(shared)]*i {
			t.Fatalf("call %d: %d", i, n)
		}
	}
}

// TestScatter: values go to the workers once, calls of all forms read them there, and they are gone when they are
// released and no call needs them.
func TestScatter(t *testing.T) {
	r := newRig(t, 2, cluster.WorkerOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c := future.New(ctx, r.c)
	defer c.Close()
	for _, broadcast := range []bool{false, true} {
		big := numbers(1 << 20) // 8 MiB: in pieces
		var fs []*future.Future[[]int]
		var err error
		if broadcast {
			f, e := future.Broadcast(ctx, c, big)
			fs, err = []*future.Future[[]int]{f}, e
		} else {
			fs, err = future.Scatter(ctx, c, big, numbers(10), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if xs, err := fs[0].Get(ctx); err != nil || &xs[0] != &big[0] || !fs[0].Done() {
			t.Error("the value of the client:", len(xs), err)
		}
		for range 3 {
			checkScaled(t, ctx, future.MapShared(c, scaled, fs[0], upTo(300)), big)
		}
		if n, err := future.Submit(c, total, fs[0]).Get(ctx); err != nil || n != len(big)*(len(big)+1)/2 {
			t.Error("as an argument:", n, err)
		}
		made := future.Submit(c, tenTimes, future.Value(5)) // of the same batch
		all := future.Reduce(c, totals, append(slices.Clone(fs), made, fs[0]))
		want := 5 + 2*len(big)
		if !broadcast {
			want += 10
		}
		if n, err := all.Get(ctx); err != nil || n != want {
			t.Errorf("in a list: %d, %v; want %d", n, err, want)
		}
		last := future.MapShared(c, scaled, fs[0], upTo(50))
		for _, f := range fs {
			f.Release()
			f.Release()
		}
		checkScaled(t, ctx, last, big)
		if n, err := future.Submit(c, total, fs[0]).Get(ctx); err != nil || n != len(big)*(len(big)+1)/2 {
			t.Error("after its release:", n, err)
		}
		until(t, "no job and no byte is left", r.idle)
	}
}

// TestScatterTravelsOnce: however many calls read a value, it goes from the client to one worker once, and from there
// to the other at most once; nothing of it goes by way of the scheduler.
func TestScatterTravelsOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	const size = 8 << 18
	for _, broadcast := range []bool{false, true} {
		r := listen(t, cluster.SchedulerOptions{})
		var up, down, control atomic.Int64
		count := func(n *atomic.Int64) func([]byte, int64) bool {
			return func(b []byte, _ int64) bool { n.Add(int64(len(b))); return true }
		}
		for range 2 {
			p := newProxy(t)
			p.against(count(&up))
			w := r.join(t, cluster.WorkerOptions{Threads: 1, Advertise: p.addr()})
			p.aim(w.Addr(), count(&down))
		}
		p := newProxy(t)
		p.against(count(&control))
		p.aim(r.addr, nil)
		r.addr = p.addr()
		c := future.New(ctx, r.dial(t, cluster.Options{}))
		defer c.Close()
		big := numbers(size / 8)
		shared, err := one(ctx, c, broadcast, big)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			checkScaled(t, ctx, future.MapShared(c, scaled, shared, upTo(200)), big)
		}
		if broadcast {
			until(t, "the other worker has it", func() bool { return down.Load() >= size })
		}
		if n := up.Load(); n < size || n > size*5/4 {
			t.Errorf("broadcast %v: %d bytes went to the workers, the value has %d", broadcast, n, size)
		}
		if n := down.Load(); n > size*5/4 {
			t.Errorf("broadcast %v: %d bytes went from one to the other, the value has %d", broadcast, n, size)
		}
		if n := control.Load(); n > size/4 {
			t.Errorf("broadcast %v: %d bytes went to the scheduler", broadcast, n)
		}
	}
}

// one scatters one value.
func one(ctx context.Context, c *future.Client, broadcast bool, v []int) (*future.Future[[]int], error) {
	if broadcast {
		return future.Broadcast(ctx, c, v)
	}
	fs, err := future.Scatter(ctx, c, v)
	if err != nil {
		return nil, err
	}
	return fs[0], nil
}

// TestScatterIsGivenAgain ends workers that have values while calls read them: the client gives what is lost again, and no call
// fails.
func TestScatterIsGivenAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for _, broadcast := range []bool{false, true} {
		r := newRig(t, 3, cluster.WorkerOptions{Threads: 1})
		c := future.New(ctx, r.c)
		defer c.Close()
		var values [][]int
		var shared []*future.Future[[]int]
		for i := range 6 {
			values = append(values, numbers(10000+i))
			f, err := one(ctx, c, broadcast, values[i])
			if err != nil {
				t.Fatal(err)
			}
			shared = append(shared, f)
		}
		for i := range 2 {
			var calls [][]*future.Future[int]
			for _, f := range shared {
				calls = append(calls, future.MapShared(c, scaled, f, upTo(100)))
			}
			go func() { _, _ = calls[5][99].Get(ctx) }()
			begin := r.s.Finished()
			until(t, "some calls have ended", func() bool { return r.s.Finished()-begin > 50 })
			_ = r.workers[i].Close()
			for k := range calls {
				checkScaled(t, ctx, calls[k], values[k])
			}
		}
	}
}

// TestScatterAllWorkersDie has calls wait for a worker that comes later, and for the value that it is given.
func TestScatterAllWorkersDie(t *testing.T) {
	ctx, r, c := calling(t, 1, cluster.WorkerOptions{})
	v := numbers(1000)
	shared, err := one(ctx, c, false, v)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.workers[0].Close()
	calls := future.MapShared(c, scaled, shared, upTo(10))
	go func() { _, _ = calls[0].Get(ctx) }()
	until(t, "the calls are there", func() bool { return len(r.s.State().Jobs) == 2 })
	r.join(t, cluster.WorkerOptions{})
	checkScaled(t, ctx, calls, v)
}

// TestScatterRetire: a worker that leaves gives what was scattered away, the client is not asked for it again.
func TestScatterRetire(t *testing.T) {
	ctx, r, c := calling(t, 2, cluster.WorkerOptions{})
	values := [][]int{numbers(10), numbers(20), numbers(30), numbers(40)}
	shared, err := future.Scatter(ctx, c, values...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.workers[0].Retire(); err != nil {
		t.Fatal(err)
	}
	for i, f := range shared {
		checkScaled(t, ctx, future.MapShared(c, scaled, f, upTo(10)), values[i])
	}
	if n := r.s.Finished(); n != 4+40 {
		t.Errorf("%d tasks ended, want 4 values and 40 calls", n)
	}
}

// TestScatterSpoiled spoils what goes to a worker: a value comes whole, or again.
func TestScatterSpoiled(t *testing.T) {
	t.Parallel()
	effort.Long(t, "waits for what goes wrong to be noticed")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for name, spoil := range map[string]func(p *proxy) func([]byte, int64) bool{
		"flipped bits": func(p *proxy) func([]byte, int64) bool {
			return func(b []byte, at int64) bool {
				if p.hits.Load() < 2 && at > 20000 && len(b) > 100 {
					b[len(b)/2] ^= 4
					p.hits.Add(1)
				}
				return true
			}
		},
		"cut connections": func(p *proxy) func([]byte, int64) bool {
			return func(_ []byte, at int64) bool { return at < 30000 || p.hits.Load() >= 2 }
		},
		"a black hole": func(p *proxy) func([]byte, int64) bool {
			return func(b []byte, at int64) bool {
				if at > 20000 && p.hits.Load() < 1 {
					p.hits.Add(1)
					time.Sleep(600 * time.Millisecond)
				}
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := listen(t, cluster.SchedulerOptions{})
			p := newProxy(t)
			p.against(spoil(p))
			p.aim(r.join(t, cluster.WorkerOptions{Advertise: p.addr(), Dead: 2 * time.Second}).Addr(), nil)
			c := future.New(ctx, r.dial(t, cluster.Options{Stall: 300 * time.Millisecond}))
			defer c.Close()
			v := numbers(1 << 17)
			shared, err := one(ctx, c, false, v)
			if err != nil {
				t.Fatal(err)
			}
			checkScaled(t, ctx, future.MapShared(c, scaled, shared, upTo(10)), v)
			if p.hits.Load() == 0 {
				t.Error("the fault never happened")
			}
		})
	}
}

// TestScatterWhileCut cuts the connections of client and workers to the scheduler while values are scattered and read.
func TestScatterWhileCut(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	r := listen(t, cluster.SchedulerOptions{})
	p := newProxy(t)
	p.aim(r.addr, nil)
	r.addr = p.addr()
	for range 2 {
		r.join(t, cluster.WorkerOptions{Threads: 1, Dead: 2 * time.Second})
	}
	c := future.New(ctx, r.dial(t, cluster.Options{}))
	defer c.Close()
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 4 {
			time.Sleep(60 * time.Millisecond)
			p.cut()
		}
	}()
	for i := 0; ; i++ {
		v := numbers(1000 + i)
		shared, err := one(ctx, c, i%2 == 0, v)
		if err != nil {
			t.Fatal(err)
		}
		checkScaled(t, ctx, future.MapShared(c, scaled, shared, upTo(20)), v)
		shared.Release()
		select {
		case <-over:
			until(t, "no job and no byte is left", r.idle)
			return
		default:
		}
	}
}

// TestScatterOutlivesTheScheduler: a scheduler with a log that is started again knows what was scattered and who borrows it.
func TestScatterOutlivesTheScheduler(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	l := newLonely(t)
	r := l.with(2)
	c := future.New(ctx, r.c)
	defer c.Close()
	v := numbers(5000)
	shared, err := one(ctx, c, false, v)
	if err != nil {
		t.Fatal(err)
	}
	calls := future.MapShared(c, waits, shared, upTo(40))
	if _, err := calls[0].Get(ctx); err != nil {
		t.Fatal(err)
	}
	l.kill()
	l.start()
	checkScaled(t, ctx, calls, v)
	checkScaled(t, ctx, future.MapShared(c, scaled, shared, upTo(40)), v)
	shared.Release()
	until(t, "the memory of the workers is free", func() bool {
		return r.workers[0].Node().Pool().Used()+r.workers[1].Node().Pool().Used() == 0
	})
}

// TestScatterRots flips bits in the files of values that have no room in memory: who reads them finds that they are lost, and
// they are given again.
func TestScatterRots(t *testing.T) {
	effort.Long(t, "waits for what goes wrong to be noticed")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	dir := t.TempDir()
	r := newRig(t, 2, cluster.WorkerOptions{Threads: 1, Pool: 8 << 20, SpillDir: dir})
	c := future.New(ctx, r.c)
	defer c.Close()
	var values [][]int
	for i := range 8 {
		values = append(values, numbers(1<<19+i)) // 4 MiB
	}
	shared, err := future.Scatter(ctx, c, values...)
	if err != nil {
		t.Fatal(err)
	}
	spoiled := 0
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && flip(path) {
			spoiled++
		}
		return nil
	})
	for range 2 {
		for i, f := range shared {
			checkScaled(t, ctx, future.MapShared(c, scaled, f, upTo(3)), values[i])
		}
	}
	if again := r.s.Finished() - 8 - 2*8*3; spoiled == 0 || again <= 0 {
		t.Errorf("%d files were spoiled, %d values were given again", spoiled, again)
	}
}

// TestScatterEnds: what was scattered goes with the client of the futures, and with that of the cluster.
func TestScatterEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	r := newRig(t, 2, cluster.WorkerOptions{})
	for _, whole := range []bool{false, true} {
		cl := r.dial(t, cluster.Options{})
		c := future.New(ctx, cl)
		if _, err := future.Scatter(ctx, c, numbers(1000), numbers(10)); err != nil {
			t.Fatal(err)
		}
		if whole {
			_ = cl.Close()
		}
		c.Close()
		until(t, "no job and no byte is left", r.idle)
		if _, err := future.Scatter(ctx, c, 1); err == nil {
			t.Error("a client that was closed scatters")
		}
	}
}

// A mixed runner keeps blocks with one client of the cluster, and runs calls with another.
type mixed struct {
	*cluster.Client
	keeper graph.Keeper
}

func (m mixed) Keep(ctx context.Context, s dtype.Schema, n int32, give func(int32) (chunk.Value, error), spread bool) (graph.Kept, error) {
	return m.keeper.Keep(ctx, s, n, give, spread)
}

// TestScatterIsPrivate: a client cannot read what another one has scattered, nor what is released.
func TestScatterIsPrivate(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	r := newRig(t, 1, cluster.WorkerOptions{})
	keeper := r.dial(t, cluster.Options{})
	r.c.PoseAs(keeper)
	c := future.New(ctx, mixed{r.c, keeper})
	defer c.Close()
	shared, err := one(ctx, c, false, numbers(10))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := future.Submit(c, total, future.Arg[[]int](shared)).Get(ctx); err == nil || !strings.Contains(err.Error(), "which this client does not have") {
		t.Error(err)
	}
}

// BenchmarkShared has the figures of 200 calls with 1 MiB in common, which travels with each of them, or to each worker once.
func BenchmarkShared(b *testing.B) {
	r := newRig(b, 2, cluster.WorkerOptions{Threads: 1})
	ctx, args, shared := context.Background(), upTo(200), numbers(1<<17)
	for name, f := range map[string]func(c *future.Client) ([]*future.Future[int], error){
		"with-each": func(c *future.Client) ([]*future.Future[int], error) {
			all := make([]future.With[[]int, int], len(args))
			for i := range all {
				all[i] = future.With[[]int, int]{Shared: shared, Arg: i}
			}
			return future.Map(c, scaled, all), nil
		},
		"scattered": func(c *future.Client) ([]*future.Future[int], error) {
			f, err := future.Broadcast(ctx, c, shared)
			if err != nil {
				return nil, err
			}
			return future.MapShared(c, scaled, f, args), nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			start := cpu()
			for b.Loop() {
				c := future.New(ctx, r.c)
				fs, err := f(c)
				if err == nil {
					_, err = future.Gather(ctx, fs)
				}
				if err != nil {
					b.Fatal(err)
				}
				c.Close()
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/1e3/float64(b.N), "cpu-ms")
		})
	}
}

var (
	tenTimes = op.Func("cluster_test/tenTimes", func(_ context.Context, n int) ([]int, error) { return make([]int, n), nil })
	waits    = op.Func("cluster_test/waits", func(_ context.Context, p future.With[[]int, int]) (int, error) {
		time.Sleep(20 * time.Millisecond)
		return p.Shared[p.Arg%len(p.Shared)] * p.Arg, nil
	})
)
