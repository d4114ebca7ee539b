package optimize

import (
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// unite makes one block of a scan that nobody but an operator that would shuffle its
// rows reads, where the scan takes so much for one task. The threads of the machine
// then share the splits of that task and its rows are divided once, in memory.
func unite(p *Plan) error {
	readers := p.readers()
	scans := map[graph.LayerID]op.Call{}
	for i := range p.Graph.Layers {
		l := &p.Graph.Layers[i]
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			return err
		}
		if e.Whole == nil || !e.Whole(l.Call.Params) {
			continue
		}
		if scan, call, ok := scanOf(p.Graph, readers, l); ok {
			scans[scan] = call
		}
	}
	return p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		if call, ok := scans[i]; ok {
			l.Call = call
		}
		return w.keep(i, l)
	})
}

// scanOf returns the scan that l reads, through row-wise operators only and alone, and
// the call that makes one block of it.
func scanOf(g *graph.Graph, readers [][]reader, l *graph.Layer) (graph.LayerID, op.Call, bool) {
	for len(l.In) == 1 && l.In[0].Wiring == op.OneToOne && len(readers[l.In[0].From]) == 1 {
		i := l.In[0].From
		l = &g.Layers[i]
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			break
		}
		if e.Unite != nil && l.N == 0 {
			call, ok := e.Unite(l.Call.Params)
			return i, call, ok
		}
		if e.Class != op.RowWise {
			break
		}
	}
	return 0, op.Call{}, false
}
