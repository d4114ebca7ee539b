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
	out := &graph.Graph{}
	moved := make([]graph.LayerID, len(keep))
	for i, l := range p.Graph.Layers {
		if !keep[i] {
			continue
		}
		moved[i] = graph.LayerID(len(out.Layers))
		for j := range l.In {
			l.In[j].From = moved[l.In[j].From]
		}
		out.Add(l)
	}
	p.Graph, p.Want = out, moved[p.Want]
	return nil
}
