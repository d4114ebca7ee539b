package suite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

// A running is what runs plans, and ends.
type running interface {
	graph.Runner
	io.Closer
}

// runner starts what a case runs on: this process, or a cluster whose workers are
// processes of this program. It also says which processes work for the case.
func (b *bench) runner(ctx context.Context, o order) (running, processes, error) {
	all := processes{os.Getpid()}
	if b.workers == 0 || o.Alone {
		return local.New(local.Options{Threads: o.Threads, Memory: o.Memory}), all, nil
	}
	if b.idle {
		return idleCluster(ctx, all)
	}
	up, err := cluster.Up(ctx, cluster.UpOptions{Workers: cmp.Or(o.Workers, b.workers), Threads: 1, SpillDir: o.Data, Labels: [][]string{{firstWorker}, {secondWorker}}})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range up.Procs {
		all = append(all, p.Pid)
	}
	c, err := cluster.Dial(ctx, up.Addr(), cluster.Options{})
	if err != nil {
		return nil, nil, errors.Join(err, up.Close())
	}
	return &dialled{c, up}, all, nil
}

// idleCluster is a cluster without workers: nothing of a plan runs.
func idleCluster(ctx context.Context, all processes) (running, processes, error) {
	s, err := cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{})
	if err != nil {
		return nil, nil, err
	}
	c, err := cluster.Dial(ctx, s.Addr(), cluster.Options{Wait: -1})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return &dialled{c, s}, all, nil
}

// A dialled cluster ends with its client.
type dialled struct {
	*cluster.Client
	up io.Closer
}

func (c *dialled) Close() error { return errors.Join(c.Client.Close(), c.up.Close()) }

// piece is how large a transferred result is, and pieces how many there are at full
// scale.
const (
	piece  = 8 << 20
	pieces = 32
)

var makePiece = op.Func("benchmarks/block", func(_ context.Context, x int64) ([]byte, error) {
	b := make([]byte, piece)
	for i := 0; i < len(b); i += 4096 {
		b[i] = byte(x)
	}
	return b, nil
})

// latency asks for one call after the other.
func latency(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	n := max(10, 1000/t.scale)
	for i := range n {
		start := time.Now()
		x, err := future.Submit(c, next, future.Value(int64(i))).Get(t.ctx)
		if err != nil {
			return i, err
		}
		if x != int64(i)+1 {
			return i, fmt.Errorf("call %d returned %d", i, x)
		}
		t.times = append(t.times, time.Since(start))
	}
	return n, nil
}

// submits asks for calls one by one and then for all their results.
func submits(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	calls := make([]*future.Future[int64], max(10, 1000/t.scale))
	for i := range calls {
		calls[i] = future.Submit(c, next, future.Value(int64(i)))
	}
	got, err := future.Gather(t.ctx, calls)
	for i, x := range got {
		if err == nil && x != int64(i)+1 {
			err = fmt.Errorf("call %d returned %d", i, x)
		}
	}
	return len(calls), err
}

// sums adds a hundred pairs and their sums.
func sums(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	const n = 100
	pairs := make([]*future.Future[int64], n)
	for i := range pairs {
		pairs[i] = future.Submit(c, add, future.Value([]int64{int64(i), int64(i)}))
	}
	x, err := future.Reduce(c, add, pairs).Get(t.ctx)
	if err == nil && x != n*(n-1) {
		err = fmt.Errorf("%d pairs added up to %d", n, x)
	}
	return n + 1, err
}

// ingest hands over a plan of so many blocks at full scale and waits until the scheduler
// knows their tasks.
func ingest(blocks int) func(t *tasks) (int, error) {
	return func(t *tasks) (int, error) {
		n := blocks / t.scale
		x := array.Random(1).Uniform(0, 1, []int{8 * n}, array.Chunks(8)).Mul(2).Sum()
		var asked request
		if _, err := array.Collect[float64](t.ctx, &asked, x); !errors.Is(err, errAsked) {
			return 0, err
		}
		c, ok := t.runner.(interface {
			State(context.Context) (cluster.State, error)
		})
		if !ok {
			return 0, fmt.Errorf("%T does not tell its state", t.runner)
		}
		st, err := c.State(t.ctx)
		for err == nil && len(st.Jobs) > 0 { // that of the repetition before is being forgotten
			st, err = c.State(t.ctx)
		}
		if err != nil {
			return 0, err
		}
		j, err := t.runner.Start(t.ctx, asked.Request)
		if err != nil {
			return 0, err
		}
		st, err = c.State(t.ctx)
		known := int64(0)
		for _, j := range st.Jobs {
			for _, l := range j.Layers {
				known += int64(l.N)
			}
		}
		if err == nil && known < int64(n) {
			err = fmt.Errorf("the scheduler knows %d tasks of %d blocks", known, n)
		}
		return n, errors.Join(err, j.Close())
	}
}

// A request is a runner that notes what it is asked for.
type request struct{ graph.Request }

var errAsked = errors.New("noted")

func (r *request) Start(_ context.Context, q graph.Request) (graph.Job, error) {
	r.Request = q
	return nil, errAsked
}

// exchanged is the side of the square that workers exchange at full scale, and strips how
// many blocks it has.
const (
	exchanged = 11520
	strips    = 16
)

// exchange cuts a square by rows, and then by columns: every block of columns has a part of
// every block of rows, so with two workers half of the square goes from one to the other.
// It returns how many MiB that is.
func exchange(t *tasks) (int, error) {
	n := int(exchanged/math.Sqrt(float64(t.scale))) / strips * strips
	x := array.Arange(0, n*n, 1, array.Chunks(n*n/strips)).Reshape(n, n).Rechunk(n, n/strips).Sum()
	got, err := array.Collect[int64](t.ctx, t.runner, x)
	if want := int64(n) * int64(n) * (int64(n)*int64(n) - 1) / 2; err == nil && got[0] != want {
		err = fmt.Errorf("the numbers below %d added up to %d", n*n, got[0])
	}
	return n * n * 8 / 2 / mib, err
}

// The labels of the workers of a case.
const (
	firstWorker  = "is=first"
	secondWorker = "is=second"
)

// moved is how many numbers of 8 bytes go from one worker to the other at full scale.
const moved = 125_000_000

// move has one worker make an array and then the other one add it up, a few times: all of it
// goes from worker to worker. The second step is timed.
func move(t *tasks) (int, error) {
	c, ok := t.runner.(interface {
		With(cluster.Needs) (*cluster.Part, error)
	})
	if !ok {
		return 0, fmt.Errorf("%T has no parts", t.runner)
	}
	from, err1 := c.With(cluster.Needs{Labels: []string{firstWorker}})
	to, err2 := c.With(cluster.Needs{Labels: []string{secondWorker}})
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	n := moved / t.scale
	const turns = 5
	for i := range turns {
		x, err := array.Arange(0, n, 1).Persist(t.ctx, from)
		if err != nil {
			return i, err
		}
		start := time.Now()
		got, err := array.Collect[int64](t.ctx, to, x.Sum())
		t.times = append(t.times, time.Since(start))
		x.Release()
		if want := int64(n) * int64(n-1) / 2; err == nil && got[0] != want {
			err = fmt.Errorf("the numbers below %d added up to %d", n, got[0])
		}
		if err != nil {
			return i, err
		}
	}
	return turns, nil
}

// transfer fetches large results, one after the other.
func transfer(t *tasks) (int, error) {
	c := future.New(t.ctx, t.runner)
	defer c.Close()
	n := max(2, pieces/t.scale)
	for i := range n {
		b, err := future.Submit(c, makePiece, future.Value(int64(i))).Get(t.ctx)
		if err != nil {
			return i, err
		}
		if len(b) != piece || b[piece-4096] != byte(i) {
			return i, fmt.Errorf("result %d has %d bytes", i, len(b))
		}
	}
	return n, nil
}

// middle is the middle of some times in seconds, 0 without any.
func middle(times []time.Duration) float64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2].Seconds()
}
