package optimize

import (
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// weld lets layers take in those that they read, by the operators' rule Take:
// from the results down, so that a layer which several steps of one chain read
// is taken in once all of them are. Layers that others read stay, unless the
// operator says that their work is free, or costs less than to store much of it
// for those who read it later. Operators that take what has taken in all that it can
// come last.
//
// Cost: O(layers + edges) calls of the rule, and for each layer taken in one more
// for the edges of its reader; for a large layer with several readers, once more the
// edges between it and the last of them.
func weld(p *Plan) error {
	w := &welding{g: p.Graph, uses: make([]int, len(p.Graph.Layers))}
	w.uses[p.Want]++
	for i := len(w.g.Layers) - 1; i >= 0; i-- {
		if w.uses[i] > 0 {
			w.count(w.g.Layers[i].In, 1)
		}
	}
	for _, last := range []bool{false, true} {
		for i := len(w.g.Layers) - 1; i >= 0; i-- {
			if w.uses[i] == 0 {
				continue
			}
			e, err := op.Lookup(w.g.Layers[i].Call.Op)
			if err != nil {
				return err
			}
			for e.Take != nil && e.TakesLast == last && w.step(graph.LayerID(i), e) {
			}
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
		others := op.NoOthers
		if w.uses[from] > mine {
			others = w.others(graph.LayerID(from))
		}
		c, links, ok := e.Take(l.Call.Params, in, from, below.Call, numbers(below.In), others)
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

// others says how the readers of a layer follow one another. Where one reads what another one made, and on the way there
// is a layer of few tasks, a block of which is made of many, as many are stored meanwhile.
func (w *welding) others(from graph.LayerID) op.Others {
	below := &w.g.Layers[from]
	if below.Out.Bytes <= storeLimit {
		return op.OthersNow
	}
	// tasks is, of each layer that depends on a reader, the fewest tasks of a layer from there on, 0 of others.
	tasks := make([]int32, 0, 16)
	at := func(i graph.LayerID) int32 {
		if k := int(i - from - 1); k >= 0 && k < len(tasks) {
			return tasks[k]
		}
		return 0
	}
	for i, left := from+1, w.uses[from]; left > 0 && int(i) < len(w.g.Layers); i++ {
		few, reads := int32(0), false
		if w.uses[i] > 0 {
			for _, e := range w.g.Layers[i].In {
				if e.From == from {
					reads = true
					left--
				} else if n := at(e.From); n > 0 && (few == 0 || n < few) {
					few = n
				}
			}
		}
		if reads && few > 0 && below.Out.Bytes/float64(few) > storeLimit {
			return op.OthersLater
		}
		if n := max(w.g.Layers[i].N, 1); few > 0 || reads {
			if few == 0 || n < few {
				few = n
			}
		}
		tasks = append(tasks, few)
	}
	return op.OthersNow
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
