package optimize

import (
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// weld lets layers take in those that they read, by the operators' rule Take:
// from the results down, so that a layer which several steps of one chain read
// is taken in once all of them are. Layers that others read stay, unless the
// operator says that their work is free.
//
// Cost: O(layers + edges) calls of the rule, and for each layer taken in one more
// for the edges of its reader.
func weld(p *Plan) error {
	w := &welding{g: p.Graph, uses: make([]int, len(p.Graph.Layers))}
	w.uses[p.Want]++
	for i := len(w.g.Layers) - 1; i >= 0; i-- {
		if w.uses[i] > 0 {
			w.count(w.g.Layers[i].In, 1)
		}
	}
	for i := len(w.g.Layers) - 1; i >= 0; i-- {
		if w.uses[i] == 0 {
			continue
		}
		e, err := op.Lookup(w.g.Layers[i].Call.Op)
		if err != nil {
			return err
		}
		for e.Take != nil && w.step(graph.LayerID(i), e) {
		}
	}
	return cull(p)
}

type welding struct {
	g    *graph.Graph
	uses []int // edges that lead to a layer, from layers that are used
}

func (w *welding) count(in []graph.Edge, by int) {
	for _, e := range in {
		w.uses[e.From] += by
	}
}

// step takes one layer into layer i, and reports whether there was one.
func (w *welding) step(i graph.LayerID, e *op.Entry) bool {
	l := &w.g.Layers[i]
	in := numbers(l.In)
	for k, from := range in {
		if slices.Contains(in[:k], from) || from == int(i) {
			continue
		}
		below := &w.g.Layers[from]
		if below.Retry.Max > 1 || below.Retry.TimeOut != 0 {
			continue
		}
		mine := 0
		for _, x := range in {
			if x == from {
				mine++
			}
		}
		c, links, ok := e.Take(l.Call.Params, in, from, below.Call, numbers(below.In), w.uses[from] > mine)
		if !ok {
			continue
		}
		w.count(l.In, -1)
		l.Call, l.In = c, nil
		for _, k := range links {
			l.In = append(l.In, edge(k))
		}
		w.count(l.In, 1)
		if w.uses[from] == 0 {
			w.count(below.In, -1)
		}
		return true
	}
	return false
}

// edge is a link as the plan has it.
func edge(k op.Link) graph.Edge {
	if k.Wiring.One {
		return graph.Edge{From: graph.LayerID(k.Layer)}
	}
	return graph.Edge{From: graph.LayerID(k.Layer), Wiring: op.Boxed, Box: k.Wiring.Box}
}

func numbers(in []graph.Edge) []int {
	out := make([]int, len(in))
	for i, e := range in {
		out[i] = int(e.From)
	}
	return out
}
