package optimize

import (
	"math"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// divide says of every layer before which of its steps it may be cut, and adds the layers
// that it is cut to: spare ones, which are nothing as long as no layer is cut. When a layer's
// side inputs are finished the numbers in its cuts are compared with what they have, so that
// a plan whose estimates were wrong is mended before the step begins.
//
// Cuts move rows between blocks. So none is made where somebody counts on which block a row
// is in: by a layout, or by lists of blocks.
func divide(p *Plan) error {
	g := p.Graph
	named := listed(g)
	for i := range len(g.Layers) {
		l := g.Layers[i]
		if named[i] && l.N != 1 || l.Retry.TimeOut > 0 {
			continue
		}
		sides, first := l.Sides(), 0
		parts, err := op.Parts(l.Call, flowMeta(g, &l), len(sides))
		if err != nil {
			return err
		}
		for k, part := range parts {
			mine := sides[first : first+part.Sides]
			first += part.Sides
			out := l.Out
			if k+1 < len(parts) {
				out = parts[k+1].In
			}
			if len(mine) != 1 || mine[0].Wiring != op.AllToAll || len(out.Layout.Hashed)+len(out.Layout.Sorted) > 0 {
				continue
			}
			d, ok := division(part, g.Layers[mine[0].From].Out, p.receiver())
			if !ok {
				continue
			}
			front := g.Add(graph.Layer{Out: d.Meta, Spare: true})
			if p.Rank != nil {
				p.Rank = append(p.Rank, p.Rank[i])
			}
			l.Cuts = append(l.Cuts, graph.Cut{Part: k, Front: front, Divide: d.Front, Back: d.Back, Size: d.Size, Rows: d.Rows, Bytes: d.Bytes})
		}
		g.Layers[i].Cuts = l.Cuts
	}
	return nil
}

func division(part op.FusedPart, side op.Meta, memory float64) (op.Division, bool) {
	e, err := op.Lookup(part.Call.Op)
	if err != nil || e.Divide == nil {
		return op.Division{}, false
	}
	return e.Divide(part.Call.Params, part.In, side, memory)
}

// receiver is the memory of a node that is sent side inputs. In one process nothing is sent.
func (p *Plan) receiver() float64 {
	switch {
	case p.Alone:
		return math.Inf(1)
	case p.Budget > 0:
		return float64(p.Budget)
	}
	return 1 << 60
}

// listed finds the layers whose blocks others name by their numbers, or pair with those of
// another layer.
func listed(g *graph.Graph) []bool {
	named := make([]bool, len(g.Layers))
	for i := len(g.Layers) - 1; i >= 0; i-- {
		paired := 0
		for _, e := range g.Layers[i].In {
			if e.Wiring == op.OneToOne {
				paired++
			}
		}
		for _, e := range g.Layers[i].In {
			switch e.Wiring {
			case op.Listed, op.Boxed:
				named[e.From] = true
			case op.OneToOne:
				named[e.From] = named[e.From] || named[i] || paired > 1
			}
		}
	}
	return named
}
