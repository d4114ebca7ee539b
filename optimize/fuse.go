package optimize

import (
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// fuse joins a layer to its only reader when that reader takes it block by block
// as morsels: source → steps → first half of a breaker become one task, and no
// block is stored between them. The parts stay visible as the parameters of the
// fused call.
func fuse(p *Plan) error {
	g := p.Graph
	u := users(g)
	for i := range g.Layers {
		l := &g.Layers[i]
		from, ok := fusable(g, u, p.Want, l)
		if !ok {
			continue
		}
		below := &g.Layers[from]
		a, err := op.Parts(below.Call, flowMeta(g, below), sides(below))
		if err != nil {
			return err
		}
		b, err := op.Parts(l.Call, below.Out, sides(l))
		if err != nil {
			return err
		}
		l.Call = op.Fuse(append(append([]op.FusedPart(nil), a...), b...))
		l.In = append(append([]graph.Edge(nil), below.In...), sideEdges(l)...)
		l.N, l.Size = below.N, below.Size
		if below.Retry.Max > l.Retry.Max {
			l.Retry = below.Retry
		}
	}
	return cull(p)
}

// fusable returns the layer that l can be joined to.
func fusable(g *graph.Graph, u [][]graph.LayerID, want graph.LayerID, l *graph.Layer) (graph.LayerID, bool) {
	if first := firstClass(l.Call); first == op.Scanning || first == op.Gathering || first == op.Opaque {
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
	if from < 0 || from == want || len(u[from]) != 1 {
		return 0, false
	}
	switch lastClass(g.Layers[from].Call) {
	case op.Scanning, op.Gathering, op.RowWise:
		return from, true
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

func sides(l *graph.Layer) int { return len(sideEdges(l)) }

func sideEdges(l *graph.Layer) (out []graph.Edge) {
	for _, e := range l.In {
		if e.Side {
			out = append(out, e)
		}
	}
	return out
}
