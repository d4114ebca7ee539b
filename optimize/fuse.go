package optimize

import (
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// fuse joins a layer to its only reader when that reader takes it block by block
// as morsels: source → steps → first half of a breaker become one task, and no
// block is stored between them. The parts stay visible as the parameters of the
// fused call.
func fuse(p *Plan) error {
	g := p.Graph
	readers := p.readers()
	for i := range g.Layers {
		l := &g.Layers[i]
		from, ok := fusable(g, readers, graph.LayerID(i))
		if !ok {
			continue
		}
		below := &g.Layers[from]
		a, err := op.Parts(below.Call, flowMeta(g, below), len(sideEdges(below)))
		if err != nil {
			return err
		}
		b, err := op.Parts(l.Call, below.Out, len(sideEdges(l)))
		if err != nil {
			return err
		}
		l.Call = op.Fuse(slices.Concat(a, b))
		l.In = slices.Concat(below.In, sideEdges(l))
		l.N, l.Size = below.N, below.Size
		l.Retry = both(below.Retry, l.Retry)
	}
	return cull(p)
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

// tooMuch reports that a task of both layers would need more than maxFloor, and
// that keeping them apart would help: neither is small beside the other.
func tooMuch(g *graph.Graph, a, b graph.LayerID) bool {
	x, err := taskNeed(g, a, 1)
	y, err2 := taskNeed(g, b, 1)
	sum := add(x.Floor, y.Floor)
	return err == nil && err2 == nil && sum > maxFloor && min(x.Floor, y.Floor) > sum/8
}

// fusable returns the layer that layer i can be joined to.
func fusable(g *graph.Graph, readers [][]reader, i graph.LayerID) (graph.LayerID, bool) {
	l := &g.Layers[i]
	switch firstClass(l.Call) {
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
	if from < 0 || len(readers[from]) != 1 {
		return 0, false
	}
	below := &g.Layers[from]
	if below.Retry.TimeOut != l.Retry.TimeOut {
		return 0, false // a time-out is for the task that the user gave it to
	}
	switch lastClass(below.Call) {
	case op.Scanning, op.Gathering, op.RowWise:
		return from, !tooMuch(g, from, i)
	}
	return 0, false
}

func firstClass(c op.Call) op.Class {
	parts, err := op.Parts(c, op.Meta{}, 0)
	if err != nil {
		return op.Opaque
	}
	return op.Of(parts[0].Call).Class
}

func lastClass(c op.Call) op.Class {
	parts, err := op.Parts(c, op.Meta{}, 0)
	if err != nil {
		return op.Opaque
	}
	return op.Of(parts[len(parts)-1].Call).Class
}

// flowMeta describes the morsels that enter a layer.
func flowMeta(g *graph.Graph, l *graph.Layer) op.Meta {
	for _, e := range l.In {
		if !e.Side {
			return g.Layers[e.From].Out
		}
	}
	return op.Meta{}
}

func sideEdges(l *graph.Layer) (out []graph.Edge) {
	for _, e := range l.In {
		if e.Side {
			out = append(out, e)
		}
	}
	return out
}
