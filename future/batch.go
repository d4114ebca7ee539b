package future

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A batch is calls that go to the scheduler as one layer.
type batch struct {
	c     *Client
	o     Options
	calls []*call
	id    uint64
}

// live has the batches that run in this process, by the number their layer's
// parameters carry.
var live struct {
	sync.RWMutex
	last atomic.Uint64
	byID map[uint64]*batch
}

type batchParams struct {
	ID uint64
	N  int64
}

// batchOp runs the calls of a batch, one per block.
var batchOp = op.Register(op.Spec[batchParams]{
	Name: "future.calls", Version: 1, Class: op.Opaque,
	Doc:   "runs submitted function calls, one per block",
	Infer: func(p batchParams, _ []op.Meta) (op.Meta, error) { return op.Meta{Rows: float64(p.N), Bytes: -1}, nil },
	Text:  func(p batchParams) string { return fmt.Sprintf("%d calls", p.N) },
	Block: func(p batchParams) (op.Block, error) {
		live.RLock()
		defer live.RUnlock()
		if b := live.byID[p.ID]; b != nil {
			return &batchBlock{b}, nil
		}
		return nil, fmt.Errorf("the calls of batch %d are not in this process", p.ID)
	},
})

type batchBlock struct{ b *batch }

// Run implements op.Block.
func (b *batchBlock) Run(op.Task, []op.In, op.Out) error {
	return errors.New("future: calls are run directly")
}

// A call is its own block: the result is in it. Failures are results too, so that
// one call does not end the others.

func (*call) Rows() int64                    { return 1 }
func (*call) Bytes() int64                   { return 16 }
func (*call) Runs() int                      { return 0 }
func (*call) RunBytes(int) int64             { return 0 }
func (*call) Open(int) (chunk.Reader, error) { return nil, errors.New("future: a result has no rows") }
func (*call) Release()                       {}
func (*call) Weightless()                    {}

// Direct implements op.Direct.
func (b *batchBlock) Direct(ctx context.Context, block int, _ []op.In) (chunk.Value, error) {
	x := b.b.calls[block]
	v, again := x.attempt(ctx, b.b.o)
	if again != nil {
		return nil, again
	}
	x.mu.Lock() // calls of this batch that need the result may run before it is delivered
	if !x.done {
		x.val = v
	}
	x.mu.Unlock()
	return x, nil
}

// start hands the batch to the runner and collects results as they come.
func (b *batch) start() {
	b.id = live.last.Add(1)
	live.Lock()
	if live.byID == nil {
		live.byID = map[uint64]*batch{}
	}
	live.byID[b.id] = b
	live.Unlock()
	g := &graph.Graph{}
	l := graph.Layer{Call: batchOp.With(batchParams{b.id, int64(len(b.calls))}), N: int32(len(b.calls)),
		Retry: op.Retry{Max: b.o.Retry, Delay: b.o.Delay, TimeOut: b.o.TimeOut}}
	if at, list := b.edges(); len(list) > 0 {
		l.In = []graph.Edge{{From: 0, Wiring: op.Listed, At: at, List: list}}
	}
	want := g.Add(l)
	go b.collect(g, want)
}

// edges lists the dependencies within the batch.
func (b *batch) edges() (at, list []int32) {
	n := 0
	for _, x := range b.calls {
		n += len(x.doer.needs())
	}
	if n == 0 {
		return nil, nil
	}
	at, list = make([]int32, 1, len(b.calls)+1), make([]int32, 0, n)
	for _, x := range b.calls {
		for _, d := range x.doer.needs() {
			if d.b == b {
				list = append(list, d.at)
			}
		}
		at = append(at, int32(len(list)))
	}
	return at, list
}

func (b *batch) collect(g *graph.Graph, want graph.LayerID) {
	err := b.read(g, want)
	live.Lock()
	delete(live.byID, b.id)
	live.Unlock()
	if err == nil {
		err = errors.New("future: the scheduler gave no result")
	}
	var v any = failure{err}
	for _, x := range b.calls { // whatever has no result yet
		x.finish(v)
	}
}

// read runs the batch and ends its calls.
func (b *batch) read(g *graph.Graph, want graph.LayerID) (err error) {
	j, err := b.c.runner.Start(b.c.ctx, graph.Request{Graph: g, Want: want, Priority: b.o.Priority})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	for {
		d, err := j.Next(b.c.ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if cause := context.Cause(b.c.ctx); cause != nil {
				return cause
			}
			return err
		}
		x := b.calls[d.Block]
		x.mu.Lock()
		v := x.val
		x.mu.Unlock()
		x.finish(v)
		d.Value.Release()
	}
}
