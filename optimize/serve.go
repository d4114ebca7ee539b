package optimize

import (
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// serve replaces an operator that would shuffle by the call it gives when the
// layout of its inputs already has what the shuffle would make.
func serve(p *Plan) error {
	return p.weave(func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
		e, err := op.Lookup(l.Call.Op)
		if err != nil {
			return 0, err
		}
		if e.Serves != nil {
			if call, ok := e.Serves(l.Call.Params, inputs(w.out, &l)); ok {
				l.Call = call
			}
		}
		return w.keep(i, l)
	})
}
