package optimize

import (
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// fuse joins a layer to its only reader when that reader takes it block by block
// as morsels: source → steps → first half of a breaker become one task, and no
// block is stored between them. The parts stay visible as the parameters of the
// fused call.
//
// Cost: O(layers + edges + parts): a chain is gathered part by part, and its call is made
// once, when all of it is known.
func fuse(p *Plan) error {
	f := &fusing{g: p.Graph, readers: p.readers(), tasks: make([]fusedTask, len(p.Graph.Layers))}
	for i := range p.Graph.Layers {
		if err := f.layer(graph.LayerID(i)); err != nil {
			return err
		}
	}
	for i, t := range f.tasks {
		if !t.taken {
			p.Graph.Layers[i].Call = op.Fuse(t.parts)
		}
	}
	return cull(p)
}

// fusing is the state of the pass: what the layers so far have become.
type fusing struct {
	g       *graph.Graph
	readers [][]reader
	tasks   []fusedTask
}

// A fusedTask is a layer with those that it has taken in.
type fusedTask struct {
	parts []op.FusedPart
	floor int64 // memory that the parts cannot do without, -1 if that cannot be told
	taken bool  // by the layer's only reader
}

// layer joins layer i to the one it reads, if that is to be.
func (f *fusing) layer(i graph.LayerID) (err error) {
	l, t := &f.g.Layers[i], &f.tasks[i]
	if t.parts, err = op.Parts(l.Call, flowMeta(f.g, l), len(l.Sides())); err != nil {
		return err
	}
	t.floor = -1
	if n, err := taskNeed(f.g, i, 1); err == nil {
		t.floor = n.Floor
	}
	from, ok := f.fusable(i)
	if !ok {
		return nil
	}
	below, b := &f.g.Layers[from], &f.tasks[from]
	b.taken = true // nothing else reads it: what it has of lists may grow in place
	t.parts = append(b.parts, t.parts...)
	if min(t.floor, b.floor) >= 0 {
		t.floor = add(t.floor, b.floor)
	} else {
		t.floor = -1
	}
	l.In = append(below.In, l.Sides()...)
	l.N, l.Size = below.N, below.Size
	l.Retry = both(below.Retry, l.Retry)
	return nil
}

// both is the policy of a task that does what two did.
func both(a, b op.Retry) op.Retry {
	if b.Max > a.Max {
		return b
	}
	return a
}

// maxFloor bounds the memory, in bytes, that one task cannot do without: beyond
// it operators with needs of their own (the tables of many joins) are not made one
// task, so that a plan of any length fits into a small budget. It is a constant,
// so that plans do not depend on the machine.
const maxFloor = 96 << 20

// tooMuch reports that a task of both would need more than maxFloor, and
// that keeping them apart would help: neither is small beside the other.
func tooMuch(a, b *fusedTask) bool {
	sum := add(a.floor, b.floor)
	return a.floor >= 0 && b.floor >= 0 && sum > maxFloor && min(a.floor, b.floor) > sum/8
}

// fusable returns the layer that layer i can be joined to.
func (f *fusing) fusable(i graph.LayerID) (graph.LayerID, bool) {
	l := &f.g.Layers[i]
	switch classOf(f.tasks[i].parts[0]) {
	case op.RowWise, op.Breaking, op.Writing:
	default:
		return 0, false
	}
	from := graph.LayerID(-1)
	for _, e := range l.In {
		if e.Side {
			continue
		}
		if e.Wiring != op.OneToOne || from >= 0 {
			return 0, false
		}
		from = e.From
	}
	if from < 0 || len(f.readers[from]) != 1 {
		return 0, false
	}
	if f.g.Layers[from].Retry.TimeOut != l.Retry.TimeOut {
		return 0, false // a time-out is for the task that the user gave it to
	}
	parts := f.tasks[from].parts
	switch classOf(parts[len(parts)-1]) {
	case op.Scanning, op.Gathering, op.RowWise:
		return from, !tooMuch(&f.tasks[from], &f.tasks[i])
	}
	return 0, false
}

func classOf(p op.FusedPart) op.Class { return op.Of(p.Call).Class }

// flowMeta describes the morsels that enter a layer.
func flowMeta(g *graph.Graph, l *graph.Layer) op.Meta {
	for _, e := range l.In {
		if !e.Side {
			return g.Layers[e.From].Out
		}
	}
	return op.Meta{}
}
