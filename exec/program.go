package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A Program is a plan whose operators are bound in this process. Layers are
// bound when their first task runs, once.
type Program struct {
	g      *graph.Graph
	layers []*layer
}

// A layer is a bound layer: a source (nil when the tasks read one input block),
// steps, and at most one breaker as the last part; or a block operator alone.
type layer struct {
	parts  []op.FusedPart
	bound  []op.Bound
	out    dtype.Schema
	meters []Meter      // one per part
	ends   bool         // the last part gives the output itself
	part   atomic.Int64 // of the tasks that run: what they have done, in taskParts
	direct op.Direct
	keep   bool // output blocks are made of garbage-collected buffers
	leave  bool // output blocks go to another process
}

// Bind binds every layer of g.
func Bind(g *graph.Graph) (*Program, error) {
	p := &Program{g: g}
	for i := range g.Layers {
		b, err := p.bind(&g.Layers[i])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("layer %d: %w", i, err), p.Close())
		}
		p.layers = append(p.layers, b)
	}
	return p, nil
}

// Rebind binds a layer that is another one now, or that was spare, before its first task.
func (p *Program) Rebind(l graph.LayerID) error {
	b, err := p.bind(&p.g.Layers[l])
	if err != nil {
		return fmt.Errorf("layer %d: %w", l, err)
	}
	b.keep, b.leave = p.layers[l].keep, p.layers[l].leave
	err = p.CloseLayer(l)
	p.layers[l] = b
	return err
}

// bind makes one layer ready.
func (p *Program) bind(l *graph.Layer) (*layer, error) {
	if l.Spare {
		return &layer{}, nil
	}
	var in op.Meta
	sides := 0
	for _, e := range l.In {
		if e.Side {
			sides++
		} else {
			in = p.g.Layers[e.From].Out
		}
	}
	parts, err := op.Parts(l.Call, in, sides)
	if err != nil {
		return nil, err
	}
	b := &layer{parts: parts, out: l.Out.Schema, meters: make([]Meter, len(parts))}
	for i, part := range parts {
		b.meters[i].Name = part.Call.Op
		e, err := op.Lookup(part.Call.Op)
		if err != nil {
			return nil, err
		}
		x, err := e.Bind(part.Call.Params, part.In)
		if err != nil {
			return nil, err
		}
		b.bound = append(b.bound, x)
		if last := i == len(parts)-1; x.Source != nil && i > 0 || x.Block != nil && len(parts) > 1 ||
			!last && (x.Class == op.Breaking || x.Class == op.Writing) {
			return nil, fmt.Errorf("%s cannot be part %d of %d", part.Call.Op, i+1, len(parts))
		}
		b.direct, _ = x.Block.(op.Direct)
		b.ends = x.Block != nil || x.Class == op.Breaking || x.Class == op.Writing
	}
	return b, nil
}

// CloseLayer frees what the tasks of a finished layer shared.
func (p *Program) CloseLayer(l graph.LayerID) error {
	var errs []error
	for i := range p.layers[l].bound {
		if b := &p.layers[l].bound[i]; b.Pipe != nil {
			errs = append(errs, b.Pipe.Close())
			b.Pipe = nil
		}
	}
	return errors.Join(errs...)
}

// Close frees what the tasks of all layers shared.
func (p *Program) Close() error {
	var errs []error
	for l := range p.layers {
		errs = append(errs, p.CloseLayer(graph.LayerID(l)))
	}
	return errors.Join(errs...)
}

// Keep makes the output blocks of a layer of garbage-collected buffers, which
// whoever reads them may keep. It is called before the layer's first task.
func (p *Program) Keep(l graph.LayerID) { p.layers[l].keep = true }

// Leave says that the output blocks of a layer go to another process: their batches get the checksums that they travel with as they
// are stored, where they are still in the cache of the processor. When they are asked for they would have to be
// read from memory for that. It is called before the layer's first task.
func (p *Program) Leave(l graph.LayerID) { p.layers[l].leave = true }

// Part returns how many tasks of a layer those that run amount to, by the splits
// they have done.
func (p *Program) Part(l graph.LayerID) float64 {
	return float64(p.layers[l].part.Load()) / taskPart
}

// Meters returns the figures of the parts of a layer.
func (p *Program) Meters(l graph.LayerID) []Meter { return p.layers[l].meters }

// Inputs are the input blocks of one task, in the order of the layer's edges:
// those that flow through the pipeline and those given to pipes at Open.
type Inputs struct {
	Flow []op.In
	Side [][]op.In // one list per side edge
}

// Direct reports whether the tasks of a layer need nothing but a thread: see
// op.Direct. They are run with Call, many on one slot.
func (p *Program) Direct(l graph.LayerID) bool { return p.layers[l].direct != nil }

// Call computes block b of a direct layer. What it makes, or its error, is in v and err even if it does not return, since a
// function has ended the goroutine: then whoever calls it goes on in what it has deferred.
func (p *Program) Call(ctx context.Context, l graph.LayerID, b int, in []op.In, v *chunk.Value, err *error) {
	whole := false
	defer func() {
		if !whole && *err == nil {
			*v, *err = p.exited(ctx, l, b, in)
		}
	}()
	defer recovered(err)
	*v, *err = p.layers[l].direct.Direct(ctx, b, in)
	whole = true
}

// exited asks for what a direct task gives whose function has ended the goroutine.
func (p *Program) exited(ctx context.Context, l graph.LayerID, b int, in []op.In) (chunk.Value, error) {
	ctx, end := context.WithCancelCause(ctx)
	end(op.ErrExit)
	v, err := p.layers[l].direct.Direct(ctx, b, in)
	if err != nil && errors.Is(err, ctx.Err()) {
		err = op.ErrExit
	}
	return v, err
}

// A Work is one block to compute, of a layer that is not direct.
type Work struct {
	Layer   graph.LayerID
	Block   int
	In      Inputs
	Need    op.Need       // projected memory
	Key     uint64        // order among the tasks of the node, lower first
	Next    uint64        // key of the earliest task that will read the block
	TimeOut time.Duration // from its start on; 0 means none
	// Done is called once, with the block, which belongs to the callee, or an
	// error. The slot is taken until it returns.
	Done func(chunk.Value, error)
}

// ErrTaken ends a task that was taken back before it has started.
var ErrTaken = errors.New("the task was taken back")

// Start hands a task to the node, which runs it when a slot and memory for it are
// free. When ctx ends the task does: at once if it has not started. When it is taken
// back it ends with ErrTaken.
func (p *Program) Start(ctx context.Context, n *Node, w Work) *Seat {
	t := &task{ctx: ctx, block: w.Block}
	t.answer = make(chan bool, 1)
	stop := context.AfterFunc(ctx, func() { n.take(&t.seat) })
	t.run = func() {
		stop()
		if w.TimeOut > 0 {
			var end context.CancelFunc
			t.ctx, end = context.WithTimeoutCause(ctx, w.TimeOut, fmt.Errorf("the task's time-out of %v passed", w.TimeOut))
			defer end()
		}
		v, err := chunk.Value(nil), op.ErrExit
		defer func() { w.Done(v, err) }()
		v, err = p.run(n, t, &w)
	}
	t.gone = func() { stop(); w.Done(nil, cmp.Or(context.Cause(ctx), ErrTaken)) }
	reads := make([]chunk.Value, 0, len(w.In.Flow))
	for _, x := range w.In.Flow {
		reads = append(reads, x.Value)
	}
	for _, side := range w.In.Side {
		for _, x := range side {
			reads = append(reads, x.Value)
		}
	}
	n.queue(&t.seat, w.Key, n.least(w.Need), reads)
	x := &Seat{&t.seat}
	if ctx.Err() != nil { // it may have ended before the node knew the task
		x.Take()
	}
	return x
}

// least is what any task may count on, so that one without a projection (it
// gathers rows into batches) does not depend on what others leave.
func (n *Node) least(x op.Need) op.Need {
	if n.limit > 0 {
		x.Floor = max(x.Floor, min(16<<20, n.limit/int64(2*n.threads)))
		x.Want = min(x.Want, n.limit)
	}
	return op.Need{Floor: x.Floor, Want: max(x.Want, x.Floor)}
}

// run computes a block on the calling goroutine.
func (p *Program) run(n *Node, t *task, w *Work) (v chunk.Value, err error) {
	ly := p.layers[w.Layer]
	last := &ly.meters[len(ly.meters)-1]
	t.bufs, t.files = map[*byte][]byte{}, map[*spillFile]*Meter{}
	t.out, t.kept, t.leaves = newStored(n, ly.out, last, w.Next), ly.keep, ly.leave
	for i := range ly.meters {
		t.parts = append(t.parts, part{t, &ly.meters[i]})
	}
	defer func() {
		last.note(t.peak.Load())
		switch {
		case err != nil:
			t.out.Release()
			err = n.explain(t.ctx, err)
		default:
			v = t.out.value()
			last.bytes.Add(v.Bytes())
			if ly.ends {
				last.rows.Add(v.Rows())
			}
		}
		t.close(v)
	}()
	defer recovered(&err)
	err = op.ErrExit // until a return says otherwise
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	if blk := ly.bound[0].Block; blk != nil {
		start := time.Now()
		defer func() { last.nanos.Add(int64(time.Since(start))) }()
		return nil, blk.Run(&t.parts[0], w.In.Flow, t.outlet())
	}
	return nil, newPipeline(t, ly).run(w.In, t.outlet())
}

// explain says why a task was ended from outside, and why there was no memory if
// blocks could not be spilled.
func (n *Node) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	if fault := n.fault.Load(); fault != nil && errors.Is(err, mem.ErrBudget) {
		return fmt.Errorf("%w; blocks could not be spilled: %w", err, *fault)
	}
	return err
}

// A Panic is a panic inside an operator, with its stack: a fault of the
// operator, reported as an error so that it ends the job and not the process.
type Panic struct {
	Value any
	Stack string
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// recovered turns a panic into an error.
func recovered(err *error) {
	if x := recover(); x != nil {
		*err = &Panic{x, string(debug.Stack())}
	}
}
