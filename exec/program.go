package exec

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A Program is a plan whose operators are bound in this process. Layers are
// bound when their first task runs, once.
type Program struct {
	g      *graph.Graph
	layers []layer
}

// A layer is a bound layer: a source (nil when the tasks read one input block),
// steps, and at most one breaker as the last part; or a block operator alone.
type layer struct {
	parts  []op.FusedPart
	bound  []op.Bound
	out    dtype.Schema
	meters []Meter // one per part
	ends   bool    // the last part gives the output itself
	direct op.Direct
	keep   bool // output blocks are made of garbage-collected buffers
}

// Bind binds every layer of g.
func Bind(g *graph.Graph) (*Program, error) {
	p := &Program{g: g}
	for i := range g.Layers {
		if err := p.bind(&g.Layers[i]); err != nil {
			return nil, errors.Join(fmt.Errorf("layer %d: %w", i, err), p.Close())
		}
	}
	return p, nil
}

// bind adds one layer.
func (p *Program) bind(l *graph.Layer) error {
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
		return err
	}
	b := layer{parts: parts, out: l.Out.Schema, meters: make([]Meter, len(parts))}
	for i, part := range parts {
		e, err := op.Lookup(part.Call.Op)
		if err != nil {
			return err
		}
		x, err := e.Bind(part.Call.Params, part.In)
		if err != nil {
			return err
		}
		b.bound = append(b.bound, x)
		b.meters[i].Name = part.Call.Op
		if last := i == len(parts)-1; x.Source != nil && i > 0 || x.Block != nil && len(parts) > 1 ||
			!last && (x.Class == op.Breaking || x.Class == op.Writing) {
			return fmt.Errorf("%s cannot be part %d of %d", part.Call.Op, i+1, len(parts))
		}
		b.direct, _ = x.Block.(op.Direct)
		b.ends = x.Block != nil || x.Class == op.Breaking || x.Class == op.Writing
	}
	p.layers = append(p.layers, b)
	return nil
}

// Extend binds layers that were added to the graph.
func (p *Program) Extend() error {
	for i := len(p.layers); i < len(p.g.Layers); i++ {
		if err := p.bind(&p.g.Layers[i]); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
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

// Meters returns the figures of the parts of a layer.
func (p *Program) Meters(l graph.LayerID) []Meter { return p.layers[l].meters }

// Inputs are the input blocks of one task, in the order of the layer's edges:
// those that flow through the pipeline and those given to pipes at Open.
type Inputs struct {
	Flow []op.In
	Side [][]op.In // one list per side edge
}

// Run computes block b of layer l on node n. The output belongs to the caller.
func (p *Program) Run(ctx context.Context, n *Node, l graph.LayerID, b int, in Inputs) (v chunk.Value, err error) {
	defer recovered(&err)
	ly := &p.layers[l]
	if ly.direct != nil {
		return ly.direct.Direct(ctx, b, in.Flow)
	}
	t := &task{node: n, ctx: ctx, block: b, bufs: map[*byte][]byte{}, files: map[*spillFile]struct{}{}, meter: &ly.meters[len(ly.meters)-1]}
	n.enter(t)
	out := newStored(n, ly.out)
	defer func() {
		n.leave(t)
		ly.meters[len(ly.meters)-1].note(t.peak.Load())
		if err != nil {
			out.Release()
			v = nil
		} else {
			v = out.value()
		}
		t.close(v)
	}()
	if blk := ly.bound[0].Block; blk != nil {
		return nil, blk.Run(t, in.Flow, outlet{t, out})
	}
	return nil, newPipeline(t, ly).run(in, outlet{t, out})
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
