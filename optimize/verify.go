package optimize

import (
	"errors"
	"fmt"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Verify returns the first law that a plan breaks, or nil:
//
//   - every edge leads to an earlier layer, or from a layer of single tasks to itself
//   - lists of single tasks have one entry per task and name blocks that exist
//   - layers between which blocks flow one by one have equally many
//   - column names are unique, and the operator's Infer of its inputs gives the
//     columns that the layer says it has
//   - when no operator is logical any more: every layer can be bound, and the
//     parts of a fused one follow each other legally
//
// It changes nothing; tests call it after every pass.
func Verify(p *Plan) error {
	g := p.Graph
	if p.Want < 0 || int(p.Want) >= len(g.Layers) {
		return fmt.Errorf("layer %d is wanted, the plan has %d", p.Want, len(g.Layers))
	}
	if p.Rank != nil && len(p.Rank) != len(g.Layers) || p.Need != nil && len(p.Need) != len(g.Layers) {
		return fmt.Errorf("%d ranks and %d needs for %d layers", len(p.Rank), len(p.Need), len(g.Layers))
	}
	physical := true
	for i := range g.Layers {
		l := &g.Layers[i]
		if l.Spare {
			continue
		}
		if e, err := op.Lookup(l.Call.Op); err == nil && e.Class == op.Logical {
			physical = false
		}
		for k := range l.In {
			if err := verifyEdge(g, graph.LayerID(i), k); err != nil {
				return at(g, i, fmt.Errorf("input %d: %w", k, err))
			}
		}
	}
	for i := range g.Layers {
		if g.Layers[i].Spare {
			continue
		}
		if err := errors.Join(verifyRank(p, i), verifyColumns(g, &g.Layers[i])); err != nil {
			return at(g, i, err)
		}
		if !physical {
			continue
		}
		if err := verifyBinding(g, &g.Layers[i]); err != nil {
			return at(g, i, err)
		}
	}
	return nil
}

func at(g *graph.Graph, i int, err error) error {
	return fmt.Errorf("layer %d %s: %w", i, name(g.Layers[i].Call), err)
}

func verifyEdge(g *graph.Graph, i graph.LayerID, k int) error {
	l, e := &g.Layers[i], &g.Layers[i].In[k]
	if e.From < 0 || e.From > i || e.From == i && e.Wiring != op.Listed {
		return fmt.Errorf("leads to layer %d", e.From)
	}
	from := &g.Layers[e.From]
	switch e.Wiring {
	case op.OneToOne:
		if l.N > 0 && from.N > 0 && l.N != from.N {
			return fmt.Errorf("%d blocks one by one from %d", l.N, from.N)
		}
	case op.Boxed:
		if e.Box == nil || !e.Box.Valid() || e.Box.OutBlocks() != int64(l.N) || e.Box.InBlocks() != int64(from.N) {
			return fmt.Errorf("a box that does not fit %d blocks that read from %d", l.N, from.N)
		}
	case op.Listed:
		if int32(len(e.At)) != l.N+1 {
			return fmt.Errorf("%d lists for %d tasks", len(e.At)-1, l.N)
		}
		for b := range l.N {
			if e.At[b] < 0 || e.At[b] > e.At[b+1] || int(e.At[b+1]) > len(e.List) {
				return fmt.Errorf("task %d has the list [%d, %d) of %d", b, e.At[b], e.At[b+1], len(e.List))
			}
			for _, x := range e.List[e.At[b]:e.At[b+1]] {
				if x < 0 || x >= from.N || e.From == i && x >= b {
					return fmt.Errorf("task %d reads block %d", b, x)
				}
			}
		}
	}
	return nil
}

// verifyRank holds a layer to come no earlier than those that it waits for.
func verifyRank(p *Plan, i int) error {
	if p.Rank == nil {
		return nil
	}
	for _, e := range p.Graph.Layers[i].In {
		if p.Rank[e.From] > p.Rank[i] {
			return fmt.Errorf("has rank %d, before layer %d, which it reads, with %d", p.Rank[i], e.From, p.Rank[e.From])
		}
	}
	return nil
}

// verifyColumns infers the columns of l from those of its inputs.
func verifyColumns(g *graph.Graph, l *graph.Layer) error {
	if err := l.Out.Schema.Unique(); err != nil {
		return err
	}
	parts, err := op.Parts(l.Call, flowMeta(g, l), len(l.Sides()))
	if err != nil {
		return err
	}
	side := l.Sides()
	var out op.Meta
	for k, part := range parts {
		in := inputs(g, l)
		if len(parts) > 1 {
			if in, err = partInputs(g, l, k, part, out, side); err != nil {
				return err
			}
			side = side[part.Sides:]
		}
		e, err := op.Lookup(part.Call.Op)
		if err != nil {
			return err
		}
		if out, err = e.Infer(part.Call.Params, in); err != nil {
			return fmt.Errorf("part %d, %s: %w", k+1, part.Call.Op, err)
		}
	}
	if !sameColumns(out.Schema, l.Out.Schema) {
		return fmt.Errorf("has the columns (%s), but its operator gives (%s)", l.Out.Schema, out.Schema)
	}
	return nil
}

// partInputs returns what part k of a fused layer takes: the morsels of the part
// before it, and its side inputs.
func partInputs(g *graph.Graph, l *graph.Layer, k int, part op.FusedPart, before op.Meta, side []graph.Edge) (in []op.Meta, err error) {
	if k > 0 {
		if !sameColumns(part.In.Schema, before.Schema) {
			return nil, fmt.Errorf("part %d, %s, takes (%s), but the one before gives (%s)", k+1, part.Call.Op, part.In.Schema, before.Schema)
		}
		in = append(in, before)
	} else {
		for _, e := range l.In {
			if !e.Side {
				in = append(in, g.Layers[e.From].Out)
			}
		}
	}
	if part.Sides > len(side) {
		return nil, fmt.Errorf("part %d, %s, takes %d side inputs, %d are left", k+1, part.Call.Op, part.Sides, len(side))
	}
	for _, e := range side[:part.Sides] {
		in = append(in, g.Layers[e.From].Out)
	}
	return in, nil
}

// verifyBinding binds the parts of l and lets them go again.
func verifyBinding(g *graph.Graph, l *graph.Layer) error {
	parts, err := op.Parts(l.Call, flowMeta(g, l), len(l.Sides()))
	if err != nil {
		return err
	}
	for k, part := range parts {
		e, err := op.Lookup(part.Call.Op)
		if err != nil {
			return err
		}
		b, err := e.Bind(part.Call.Params, part.In)
		if err != nil {
			return err
		}
		if b.Pipe != nil {
			if err := b.Pipe.Close(); err != nil {
				return err
			}
		}
		last := k == len(parts)-1
		if k > 0 && b.Source != nil || len(parts) > 1 && b.Block != nil || !last && (e.Class == op.Breaking || e.Class == op.Writing) {
			return fmt.Errorf("%s cannot be part %d of %d", part.Call.Op, k+1, len(parts))
		}
	}
	return nil
}
