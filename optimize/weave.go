package optimize

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A weaver makes the graph of a plan anew, inputs before their readers, so that
// a pass may put layers between others and leave layers out.
type weaver struct {
	old, out *graph.Graph
	moved    []graph.LayerID // of each old layer: where its readers find it now
}

// weave calls f for every layer. The layer it gets has its inputs moved already;
// f adds it, or something else, and returns what readers are to read instead.
func (p *Plan) weave(f func(w *weaver, i graph.LayerID, l graph.Layer) (graph.LayerID, error)) error {
	w := &weaver{old: p.Graph, out: &graph.Graph{Layers: make([]graph.Layer, 0, len(p.Graph.Layers))}}
	w.moved = make([]graph.LayerID, len(p.Graph.Layers))
	for i := range p.Graph.Layers {
		l := p.Graph.Layers[i]
		l.In = slices.Clone(l.In)
		for k := range l.In {
			if int(l.In[k].From) < i {
				l.In[k].From = w.moved[l.In[k].From]
			}
		}
		var err error
		if w.moved[i], err = f(w, graph.LayerID(i), l); err != nil {
			if l.Origin != "" {
				return fmt.Errorf("%s: %s: %w", l.Origin, l.Call.Op, err)
			}
			return fmt.Errorf("%s: %w", l.Call.Op, err)
		}
	}
	p.Graph, p.Want = w.out, w.moved[p.Want]
	return nil
}

// keep adds old layer i as l, and describes its output anew when its call or
// what it reads is no longer what it was.
func (w *weaver) keep(i graph.LayerID, l graph.Layer) (graph.LayerID, error) {
	old := &w.old.Layers[i]
	changed := l.Call != old.Call || len(l.In) != len(old.In)
	for k := range l.In {
		if changed || old.In[k].From == i {
			continue
		}
		changed = !sameMeta(w.out.Layers[l.In[k].From].Out, w.old.Layers[old.In[k].From].Out)
	}
	if changed {
		if err := w.infer(&l); err != nil {
			return 0, err
		}
	}
	return w.add(i, l), nil
}

// add adds old layer i as l; a layer that read itself still does.
func (w *weaver) add(i graph.LayerID, l graph.Layer) graph.LayerID {
	for k, e := range w.old.Layers[i].In {
		if e.From == i && k < len(l.In) {
			l.In[k].From = graph.LayerID(len(w.out.Layers))
		}
	}
	return w.out.Add(l)
}

// on adds a layer of one operator over from, block by block.
func (w *weaver) on(c op.Call, from graph.LayerID, origin string) (graph.LayerID, error) {
	l := graph.Layer{Call: c, In: []graph.Edge{{From: from}}, Origin: origin}
	if err := w.infer(&l); err != nil {
		return 0, err
	}
	return w.out.Add(l), nil
}

// infer describes the output of l.
func (w *weaver) infer(l *graph.Layer) error { return describe(w.out, l) }

// describe describes the output of a layer by those of its inputs in g.
func describe(g *graph.Graph, l *graph.Layer) error {
	e, err := op.Lookup(l.Call.Op)
	if err != nil {
		return err
	}
	m, err := e.Infer(l.Call.Params, inputs(g, l))
	if err == nil {
		l.Out = m
	}
	return err
}

func sameMeta(a, b op.Meta) bool {
	return a.Rows == b.Rows && a.Bytes == b.Bytes && (same(a.Schema, b.Schema) || slices.Equal(a.Schema, b.Schema)) &&
		slices.Equal(a.Layout.Sorted, b.Layout.Sorted) && slices.Equal(a.Layout.Hashed, b.Layout.Hashed)
}

// same reports that two schemas are one in memory: most layers come through a pass as they are.
func same(a, b dtype.Schema) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }
