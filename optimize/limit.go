package optimize

import (
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// limit tells the operators below a limit how many rows of theirs will be read.
// The number goes down through operators whose first rows need only the first
// rows of their first input, to the first one that has no such promise; every
// operator on the way that can make use of it is told. The limit itself stays.
func limit(p *Plan) error {
	readers := p.readers()
	told := map[graph.LayerID]int64{}
	for i := range p.Graph.Layers {
		e, err := op.Lookup(p.Graph.Layers[i].Call.Op)
		if err != nil {
			return err
		}
		if e.Rows == nil {
			continue
		}
		if n, ok := e.Rows(p.Graph.Layers[i].Call.Params); ok {
			tell(p.Graph, readers, graph.LayerID(i), n, told)
		}
	}
	return p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		if n, ok := told[i]; ok {
			if call, ok := op.Of(l.Call).Limit(l.Call.Params, n); ok {
				l.Call = call
			}
		}
		return w.keep(i, l)
	})
}

// tell notes n at every layer below limit i that can use it.
func tell(g *graph.Graph, readers [][]reader, i graph.LayerID, n int64, told map[graph.LayerID]int64) {
	for len(g.Layers[i].In) > 0 && g.Layers[i].In[0].Wiring == op.OneToOne {
		i = g.Layers[i].In[0].From
		if len(readers[i]) != 1 {
			return
		}
		e, err := op.Lookup(g.Layers[i].Call.Op)
		if err != nil {
			return
		}
		if m, ok := told[i]; e.Limit != nil && (!ok || n < m) {
			told[i] = n
		}
		if e.LimitThrough == nil || !e.LimitThrough(g.Layers[i].Call.Params) {
			return
		}
	}
}
