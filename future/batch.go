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
	l     *lane
	n     int
	pages [][]*call // all but the last are full
	id    uint64
}

const perPage = 512

// add appends a call; the client is locked.
func (b *batch) add(x *call) {
	if b.n%perPage == 0 {
		b.pages = append(b.pages, make([]*call, 0, min(perPage, max(16, 2*b.n))))
	}
	p := &b.pages[len(b.pages)-1]
	*p = append(*p, x)
	x.at = int32(b.n)
	x.b.Store(b)
	b.n++
}

func (b *batch) call(i int32) *call { return b.pages[i/perPage][i%perPage] }

// all yields the calls in order.
func (b *batch) all(yield func(*call) bool) {
	for _, p := range b.pages {
		for _, x := range p {
			if !yield(x) {
				return
			}
		}
	}
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
	x := b.b.call(int32(block))
	v, again := x.attempt(ctx, b.b.l.o)
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
	if b.l.c.remote {
		go b.collect(b.graph(b.remote()))
		return
	}
	b.id = live.last.Add(1)
	live.Lock()
	if live.byID == nil {
		live.byID = map[uint64]*batch{}
	}
	live.byID[b.id] = b
	live.Unlock()
	go b.collect(b.graph(graph.Layer{Call: batchOp.With(batchParams{b.id, int64(b.n)}), N: int32(b.n),
		Retry: op.Retry{Max: b.l.o.Retry, Delay: b.l.o.Delay, TimeOut: b.l.o.TimeOut}}))
}

// graph is the batch as a plan of one layer.
func (b *batch) graph(l graph.Layer) (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	if at, list := b.edges(); len(list) > 0 {
		l.In = []graph.Edge{{From: 0, Wiring: op.Listed, At: at, List: list}}
	}
	return g, g.Add(l)
}

// edges lists the dependencies within the batch.
func (b *batch) edges() (at, list []int32) {
	n := 0
	for x := range b.all {
		n += len(x.needs())
	}
	if n == 0 {
		return nil, nil
	}
	at, list = make([]int32, 1, b.n+1), make([]int32, 0, n)
	for x := range b.all {
		for _, d := range x.needs() {
			if d.b.Load() == b {
				list = append(list, d.at)
			}
		}
		at = append(at, int32(len(list)))
	}
	return at, list
}

// needs returns the calls x depends on, none when it has ended.
func (x *call) needs() []*call {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.doer == nil {
		return nil
	}
	return x.doer.needs()
}

func (b *batch) collect(g *graph.Graph, want graph.LayerID) {
	err := b.read(g, want)
	if !b.l.c.remote {
		live.Lock()
		delete(live.byID, b.id)
		live.Unlock()
	}
	if err == nil {
		err = errors.New("future: the scheduler gave no result")
	}
	var v any = failure{err}
	for x := range b.all { // whatever has no result yet
		x.finish(v)
	}
}

// read runs the batch and ends its calls.
func (b *batch) read(g *graph.Graph, want graph.LayerID) (err error) {
	j, err := b.l.c.runner.Start(b.l.c.ctx, graph.Request{Graph: g, Want: want, Priority: b.l.o.Priority})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	for {
		d, err := j.Next(b.l.c.ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			if cause := context.Cause(b.l.c.ctx); cause != nil {
				return cause
			}
			return err
		}
		x := b.call(d.Block)
		if b.l.c.remote {
			x.received(d.Value)
			d.Value.Release()
			continue
		}
		x.mu.Lock()
		v := x.val
		x.mu.Unlock()
		x.finish(v)
		d.Value.Release()
	}
}
