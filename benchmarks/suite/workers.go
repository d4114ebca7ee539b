package suite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

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

// runner starts what a case runs on: this process, or a cluster.
func (b *bench) runner(ctx context.Context, o order) (running, error) {
	if b.workers == 0 {
		return local.New(local.Options{Threads: o.Threads, Memory: o.Memory}), nil
	}
	c := &oneProcess{}
	var err error
	if c.scheduler, err = cluster.Listen("127.0.0.1:0", cluster.SchedulerOptions{}); err != nil {
		return nil, err
	}
	for range cmp.Or(o.Workers, b.workers) {
		w, err := cluster.Join(ctx, c.scheduler.Addr(), cluster.WorkerOptions{Threads: 1, SpillDir: o.Data})
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.workers = append(c.workers, w)
	}
	if c.Client, err = cluster.Dial(ctx, c.scheduler.Addr(), cluster.Options{}); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// A oneProcess is a cluster within this process: its parts talk over the loopback
// interface, and the CPU seconds of all of them are those of the process.
type oneProcess struct {
	*cluster.Client
	scheduler *cluster.Scheduler
	workers   []*cluster.Worker
}

func (c *oneProcess) Close() (err error) {
	if c.Client != nil {
		err = c.Client.Close()
	}
	for _, w := range c.workers {
		err = errors.Join(err, w.Close())
	}
	return errors.Join(err, c.scheduler.Close())
}

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
		x, err := future.Submit(c, next, future.Value(int64(i))).Get(t.ctx)
		if err != nil {
			return i, err
		}
		if x != int64(i)+1 {
			return i, fmt.Errorf("call %d returned %d", i, x)
		}
	}
	return n, nil
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
