package optimize

import (
	"math"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// unitedBytes is how much of a scan one of several processes may be left alone with.
const unitedBytes = 1 << 30

// unite makes one block of a scan that nobody but an operator that would shuffle its
// rows or gather them, reads: all of it where one process runs the plan, up to unitedBytes elsewhere.
// The threads of the machine then share the splits of that task, its rows are divided
// once, in memory, and a group has one state per thread instead of one per block.
func unite(p *Plan) error {
	readers, most := p.readers(), float64(unitedBytes)
	if p.Alone {
		most = math.Inf(1)
	}
	scans := map[graph.LayerID]op.Call{}
	for i := range p.Graph.Layers {
		l := &p.Graph.Layers[i]
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			return err
		}
		spared := op.SparedNothing
		if e.Spares != nil {
			spared = e.Spares(l.Call.Params)
		}
		if spared == op.SparedNothing {
			continue
		}
		if scan, call, ok := scanOf(p.Graph, readers, l, most, spared); ok {
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

// scanOf returns the scan that l has as its first input, through row-wise operators only and
// alone, and the call that makes one block of it.
func scanOf(g *graph.Graph, readers [][]reader, l *graph.Layer, most float64, spared op.Spared) (graph.LayerID, op.Call, bool) {
	for first := true; (first && len(l.In) > 0 || len(l.In) == 1) && l.In[0].Wiring == op.OneToOne && len(readers[l.In[0].From]) == 1; first = false {
		i := l.In[0].From
		l = &g.Layers[i]
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			break
		}
		if e.Unite != nil && l.N == 0 {
			call, ok := e.Unite(l.Call.Params, most, spared)
			return i, call, ok
		}
		if e.Class != op.RowWise {
			break
		}
	}
	return 0, op.Call{}, false
}
