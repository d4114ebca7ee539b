package optimize

import (
	"fmt"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// lower replaces each logical layer by the fragment its operator gives, and
// counts the blocks of the layers whose operators know.
func lower(p *Plan) error {
	out := &graph.Graph{}
	moved := make([]graph.LayerID, len(p.Graph.Layers))
	for i := range p.Graph.Layers {
		l := p.Graph.Layers[i]
		in := make([]graph.Edge, len(l.In))
		for j, e := range l.In {
			in[j] = e
			if int(e.From) < i {
				in[j].From = moved[e.From]
			} else {
				in[j].From = graph.LayerID(len(out.Layers)) // a layer of single tasks that reads itself
			}
		}
		l.In = in
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			return err
		}
		if e.Lower == nil {
			setBlocks(out, &l, e)
			moved[i] = out.Add(l)
			continue
		}
		if moved[i], err = lowerOne(out, l, e); err != nil {
			if l.Origin != "" {
				return fmt.Errorf("%s: %s: %w", l.Origin, l.Call.Op, err)
			}
			return fmt.Errorf("%s: %w", l.Call.Op, err)
		}
	}
	p.Graph, p.Want = out, moved[p.Want]
	return cull(p) // a fragment need not read every input
}

// lowerOne adds the fragment of one logical layer.
func lowerOne(out *graph.Graph, l graph.Layer, e *op.Entry) (graph.LayerID, error) {
	f := &op.Fragment{Out: l.Out}
	for _, in := range l.In {
		x := &out.Layers[in.From]
		f.In = append(f.In, x.Out)
		n := int(x.N)
		if n == 0 {
			n = -1
		}
		f.Blocks = append(f.Blocks, n)
		pieces, err := piecesOf(out, x)
		if err != nil {
			return 0, err
		}
		f.Pieces = append(f.Pieces, pieces)
	}
	if err := e.Lower(l.Call.Params, f); err != nil {
		return 0, err
	}
	if f.Same {
		return l.In[0].From, nil
	}
	if len(f.Nodes) == 0 {
		return 0, fmt.Errorf("was lowered to nothing")
	}
	at := make([]graph.LayerID, len(f.Nodes))
	for i, n := range f.Nodes {
		nl := graph.Layer{Call: n.Call, Out: n.Meta, Size: n.Size, Origin: l.Origin, Retry: l.Retry}
		for _, part := range n.In {
			from := graph.LayerID(0)
			if part.From >= 0 {
				from = at[part.From]
			} else if i, piece := part.From.Outside(); piece < 0 {
				from = l.In[i].From
			} else {
				from = out.Layers[l.In[i].From].In[piece].From
			}
			nl.In = append(nl.In, graph.Edge{From: from, Wiring: part.Wiring, Side: part.Side})
		}
		pe, err := op.Lookup(n.Call.Op)
		if err != nil {
			return 0, err
		}
		setBlocks(out, &nl, pe)
		at[i] = out.Add(nl)
	}
	return at[len(at)-1], nil
}

// piecesOf returns what a layer passes on as it is; nil for one that does more.
func piecesOf(g *graph.Graph, l *graph.Layer) ([]op.Piece, error) {
	e, err := op.Lookup(l.Call.Op)
	if err != nil || !e.Passes {
		return nil, err
	}
	pieces := make([]op.Piece, len(l.In))
	for k, in := range l.In {
		x := &g.Layers[in.From]
		pieces[k] = op.Piece{Meta: x.Out, Blocks: int(x.N)}
		if x.N == 0 {
			pieces[k].Blocks = -1
		}
	}
	return pieces, nil
}

// setBlocks decides the number of blocks of a layer where it can be known now:
// from the operator, from a fixed size, or from the first input it reads block
// by block.
func setBlocks(g *graph.Graph, l *graph.Layer, e *op.Entry) {
	switch {
	case l.N > 0:
	case l.Size.Fixed > 0:
		l.N = int32(l.Size.Fixed)
	case l.Size.Runs > 0:
	case e.Blocks != nil:
		l.N = int32(e.Blocks(l.Call.Params))
	default:
		for _, in := range l.In {
			if !in.Side && in.Wiring == op.OneToOne {
				l.N = g.Layers[in.From].N
				return
			}
		}
	}
}
