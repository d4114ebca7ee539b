package optimize

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// storeLimit is how large, in estimated bytes, the output of a scan may be to be
// stored for several readers. A larger one is made again for each of them: it
// would likely be written to disk and read back, and a scan of its own can be
// narrowed to what its reader needs. The limit is a constant, not a share of the
// budget, so that plans do not depend on the machine.
const storeLimit = 64 << 20

// merge makes one layer of equal ones: equal call, equal inputs, equal number of
// blocks and retries. Layers that may differ between two runs are left alone.
// Scans and row-wise steps on them whose output is large go the other way: each
// reader gets its own.
//
// Cost: O(layers + edges); lists of single tasks are compared by identity.
func merge(p *Plan) error {
	g := p.Graph
	same := make([]graph.LayerID, len(g.Layers)) // the first layer equal to this one
	seen := map[string]graph.LayerID{}
	for i := range g.Layers {
		same[i] = graph.LayerID(i)
		if !mergeable(&g.Layers[i]) {
			continue
		}
		k := workKey(&g.Layers[i], same)
		if first, ok := seen[k]; ok {
			same[i] = first
		} else {
			seen[k] = same[i]
		}
	}
	m := &merger{same: same, large: largeStreams(g), taken: make([]bool, len(g.Layers))}
	return p.weave(m.layer)
}

func mergeable(l *graph.Layer) bool {
	e, err := op.Lookup(l.Call.Op)
	return err == nil && e.Pure && e.Class != op.Writing || l.Call.Op == op.FusedName
}

// workKey words the work of a layer, given what its inputs are equal to.
func workKey(l *graph.Layer, same []graph.LayerID) string {
	b := fmt.Appendf(nil, "%q %d %s %d %v %v", l.Call.Op, len(l.Call.Params), l.Call.Params, l.N, l.Size, l.Retry)
	for _, e := range l.In {
		b = fmt.Appendf(b, " %d %d %t %t", same[e.From], e.Wiring, e.Side, e.Hint)
		if e.Wiring == op.Listed {
			b = fmt.Appendf(b, " %p %d %p %d", e.At, len(e.At), e.List, len(e.List))
		}
		if e.Wiring == op.Boxed {
			b = fmt.Appendf(b, " %v", *e.Box)
		}
	}
	return string(b)
}

// largeStreams marks the layers that are cheaper made again than stored.
func largeStreams(g *graph.Graph) []bool {
	stream, large := make([]bool, len(g.Layers)), make([]bool, len(g.Layers))
	for i := range g.Layers {
		l := &g.Layers[i]
		e, err := op.Lookup(l.Call.Op)
		if err != nil || e.Once || l.Size.Runs > 0 || l.Retry.TimeOut > 0 {
			continue
		}
		stream[i] = e.Class == op.Scanning && len(l.In) == 0 ||
			e.Class == op.RowWise && len(l.In) == 1 && int(l.In[0].From) < i && stream[l.In[0].From]
		large[i] = stream[i] && l.Out.Bytes > storeLimit
	}
	return large
}

type merger struct {
	same  []graph.LayerID
	large []bool
	taken []bool // a large stream has its first reader
}

// layer drops a layer that equals an earlier one and finds the inputs of others.
func (m *merger) layer(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
	if m.same[i] != i {
		return w.moved[m.same[i]], nil
	}
	old := &w.old.Layers[i]
	for k := range l.In {
		if from := old.In[k].From; from < i {
			l.In[k].From = m.input(w, m.same[from])
		}
	}
	return w.add(i, l), nil
}

// input returns what a reader of old layer i is to read.
func (m *merger) input(w *weaver, i graph.LayerID) graph.LayerID {
	if !m.large[i] || !m.taken[i] {
		m.taken[i] = true
		return w.moved[i]
	}
	l := w.out.Layers[w.moved[i]]
	l.In = slices.Clone(l.In)
	for k := range l.In {
		l.In[k].From = m.input(w, m.same[w.old.Layers[i].In[k].From])
	}
	return w.out.Add(l)
}
