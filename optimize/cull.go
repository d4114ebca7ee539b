package optimize

import "github.com/weft-data/weft/graph"

// cull drops the layers that the wanted one does not read, directly or not.
// Cost: O(layers + edges), whatever the number of tasks.
func cull(p *Plan) error {
	keep := make([]bool, len(p.Graph.Layers))
	keep[p.Want] = true
	for i := len(keep) - 1; i >= 0; i-- {
		if keep[i] {
			for _, e := range p.Graph.Layers[i].In {
				keep[e.From] = true
			}
		}
	}
	return p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		if !keep[i] {
			return -1, nil
		}
		return w.add(i, l), nil
	})
}
