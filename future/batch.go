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

	mu       sync.Mutex
	begun    bool    // it is handed over: what is cancelled now must be withdrawn
	at, list []int32 // the calls of this batch that each one needs
	to, by   []int32 // and those that need each one, once somebody asked
	job      graph.Job
	gone     []int32 // to be withdrawn, when there is a job
	telling  bool    // somebody tells the job so
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
	v, left, again := x.attempt(ctx, b.b.l.o)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.busy = left
	if again != nil {
		return nil, again
	}
	if !x.done { // calls of this batch that need the result may run before it is delivered
		x.val = v
	}
	return x, nil
}

// start hands the batch to the runner and collects results as they come.
func (b *batch) start() {
	b.mu.Lock()
	b.at, b.list = b.edges()
	b.begun = true
	b.mu.Unlock()
	if b.l.c.remote {
		l, lent := b.remote()
		g, want := b.graph(l, lent)
		go func() {
			b.collect(g, want)
			for _, u := range lent {
				u.of.done(u.blocks)
			}
		}()
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
		Retry: op.Retry{Max: b.l.o.Retry, Delay: b.l.o.Delay, TimeOut: b.l.o.TimeOut}}, nil))
}

// graph is the batch as a plan: a layer whose first input is itself, behind those of what
// was scattered.
func (b *batch) graph(l graph.Layer, lent []*use) (*graph.Graph, graph.LayerID) {
	g := &graph.Graph{}
	own := graph.Edge{From: graph.LayerID(len(lent)), Wiring: op.Listed, At: b.at, List: b.list}
	if own.At == nil {
		own.At = make([]int32, b.n+1)
	}
	if len(own.List)+len(lent) > 0 {
		l.In = append(l.In, own)
	}
	for _, u := range lent {
		l.In = append(l.In, graph.Edge{From: g.Add(u.of.kept.Layer(u.blocks)), Wiring: op.Listed, At: u.at, List: u.list})
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
	j, err := b.l.c.runner.Start(b.l.c.ctx, graph.Request{Graph: g, Want: want, Priority: b.l.o.Priority})
	if err == nil {
		defer func() { _ = j.Close() }() // the calls have ended: nobody waits for a function that does not heed that
		b.serve(j)
		err = b.read(j)
		b.serve(nil)
	}
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

// read ends the calls of a batch as their results come.
func (b *batch) read(j graph.Job) error {
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

// serve notes the job that runs the batch, nil when it is over.
func (b *batch) serve(j graph.Job) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.job = j; j == nil {
		b.begun, b.gone, b.at, b.list, b.to, b.by = false, nil, nil, nil, nil, nil
	}
	b.tell()
}

// withdraw ends the calls that need x, which was cancelled, and has none of them run.
// Before the batch is handed over there is nothing to do: what has ended is left out
// then, and what needs it fails.
func (b *batch) withdraw(x *call) {
	b.mu.Lock()
	if !b.begun {
		b.mu.Unlock()
		return
	}
	gone := b.behind(x.at)
	b.gone = append(b.gone, gone...)
	b.tell()
	b.mu.Unlock()
	x.mu.Lock()
	err := x.err()
	x.mu.Unlock()
	for _, i := range gone[1:] {
		b.call(i).finish(failure{unmet(err)})
	}
}

// tell has the job withdraw what was cancelled. That takes as long as the batch is
// large: so what is cancelled meanwhile is withdrawn together. b is locked.
func (b *batch) tell() {
	if b.telling || b.job == nil || len(b.gone) == 0 {
		return
	}
	b.telling = true
	go func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for b.job != nil && len(b.gone) > 0 {
			j, gone := b.job, b.gone
			b.gone = nil
			b.mu.Unlock()
			j.Withdraw(gone)
			b.mu.Lock()
		}
		b.telling = false
	}()
}

// behind returns call i and those of the batch that need it, directly or not; b is
// locked.
func (b *batch) behind(i int32) []int32 {
	gone := []int32{i}
	if len(b.list) == 0 {
		return gone
	}
	if b.to == nil {
		b.turn()
	}
	seen := map[int32]bool{i: true}
	for k := 0; k < len(gone); k++ {
		for _, u := range b.by[b.to[gone[k]]:b.to[gone[k]+1]] {
			if !seen[u] {
				seen[u] = true
				gone = append(gone, u)
			}
		}
	}
	return gone
}

// turn lists the edges of the batch the other way round; b is locked.
func (b *batch) turn() {
	b.to, b.by = make([]int32, b.n+2), make([]int32, len(b.list))
	for _, d := range b.list {
		b.to[d+2]++
	}
	for i := 2; i < len(b.to); i++ {
		b.to[i] += b.to[i-1]
	}
	for u := range int32(b.n) {
		for _, d := range b.list[b.at[u]:b.at[u+1]] {
			b.by[b.to[d+1]] = u
			b.to[d+1]++
		}
	}
}
