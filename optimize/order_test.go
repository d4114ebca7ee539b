package optimize_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/script"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
)

// TestOrder runs testdata/order/*.txt. A stanza "order want=x" draws a graph, a
// line per layer:
//
//	name tasks [bytes=of the layer] [late] inputs…       late: tasks are counted when the inputs are made, as after a shuffle
//
//	a        block b reads block b of a
//	a*       every block
//	a/4      block b reads blocks 4b to 4b+3
//	a^8/4    the same of a's blocks taken column by column, as a grid 8 wide
//
// The answer is the rank of each layer, and how many blocks live at most when the
// scheduler runs the plan on one slot.
func TestOrder(t *testing.T) {
	script.Run(t, "testdata/order/*.txt", func(t *testing.T, d *script.Stanza) string {
		g := &graph.Graph{}
		names := map[string]graph.LayerID{}
		for _, line := range d.Lines() {
			draw(t, g, names, line)
		}
		p := &optimize.Plan{Graph: g, Want: names[d.Str("want", "")]}
		pass := slices.Index(optimize.Names(), "order")
		if err := optimize.Passes[pass].Run(p); err != nil {
			return "error: " + err.Error()
		}
		if err := optimize.Verify(p); err != nil {
			t.Error(err)
		}
		var s strings.Builder
		for i, r := range p.Rank {
			fmt.Fprintf(&s, "%s rank %d\n", strings.Fields(d.Lines()[i])[0], r)
		}
		ran, peak := simulate(t, p)
		fmt.Fprintf(&s, "%d of %d tasks, at most %d blocks live\n", len(ran), p.Graph.Tasks(), peak)
		if d.Has("tasks") {
			for _, b := range ran {
				fmt.Fprintf(&s, "%s%d ", strings.Fields(d.Lines()[b.Layer])[0], b.Block)
			}
			return strings.TrimSpace(s.String())
		}
		return s.String()
	})
}

// draw adds the layer that a line describes.
func draw(t *testing.T, g *graph.Graph, names map[string]graph.LayerID, line string) {
	f := strings.Fields(line)
	l := graph.Layer{Call: callOp.With(callParams{f[0]}), N: int32(atoi(t, f[1])), Out: op.Meta{Rows: -1, Bytes: -1}}
	for _, w := range f[2:] {
		if b, ok := strings.CutPrefix(w, "bytes="); ok {
			l.Out.Bytes = float64(atoi(t, b))
			continue
		}
		if w == "late" {
			l.Size.Runs = int(l.N)
			continue
		}
		name, spans, listed := strings.Cut(w, "/")
		name, wide, grid := strings.Cut(name, "^")
		name, all := strings.CutSuffix(name, "*")
		e := graph.Edge{From: names[name]}
		switch {
		case all:
			e.Wiring = op.AllToAll
		case listed:
			e.Wiring, e.At = op.Listed, []int32{0}
			n := int32(atoi(t, spans))
			for b := range l.N * n {
				if x := b; grid {
					w := int32(atoi(t, wide))
					h := g.Layers[e.From].N / w
					e.List = append(e.List, x%h*w+x/h)
				} else {
					e.List = append(e.List, x)
				}
				if (b+1)%n == 0 {
					e.At = append(e.At, b+1)
				}
			}
		}
		l.In = append(l.In, e)
	}
	names[f[0]] = g.Add(l)
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// simulate gives the plan to the scheduler with one slot, and returns the tasks
// in the order in which they ran and the most blocks that lived.
func simulate(t *testing.T, p *optimize.Plan) (ran []sched.Block, peak int) {
	spec := &sched.Spec{}
	for i := range p.Graph.Layers {
		l := &p.Graph.Layers[i]
		x := sched.Layer{N: l.N, Rank: p.Rank[i], Late: l.Late()}
		for _, e := range l.In {
			w := sched.Everything()
			switch e.Wiring {
			case op.OneToOne:
				w = sched.OneToOne()
			case op.Listed:
				w = sched.Lists(e.At, e.List)
			}
			x.In = append(x.In, sched.Edge{From: sched.LayerID(e.From), Wiring: w})
		}
		if graph.LayerID(i) == p.Want {
			x.Keep = sched.Pin
		}
		spec.Layers = append(spec.Layers, x)
	}
	st := sched.New(sched.Options{})
	events := []sched.Event{{Kind: sched.WorkerUp, Session: 1, Slots: 1}, {Kind: sched.Submit, Job: 1, Spec: spec}}
	live, made := 0, map[graph.LayerID]bool{}
	for len(events) > 0 {
		ev := events[0]
		events = events[1:]
		if ev.Kind == sched.Done {
			live++
			peak = max(peak, live)
			ran = append(ran, sched.Block{Layer: ev.Layer, Block: ev.Block})
		}
		for _, a := range st.Step(ev, nil) {
			switch a.Kind {
			case sched.Run:
				for b := a.First; b < a.First+a.N; b++ {
					events = append(events, sched.Event{Kind: sched.Done, Job: 1, Layer: a.Layer, Block: b, Session: 1, Attempt: a.Attempt, Bytes: 1})
				}
			case sched.LayerDone:
				made[graph.LayerID(a.Layer)] = true
				events = append(events, decided(p.Graph, made)...)
			case sched.Free:
				live -= int(a.N)
			case sched.Fail:
				t.Fatal(a.Err)
			}
		}
	}
	return ran, peak
}

// decided counts the tasks of late layers whose inputs are made now.
func decided(g *graph.Graph, made map[graph.LayerID]bool) (evs []sched.Event) {
	for i := range g.Layers {
		l := &g.Layers[i]
		ready := l.Late() && !made[graph.LayerID(-1-i)]
		for _, e := range l.In {
			ready = ready && made[e.From]
		}
		if ready {
			made[graph.LayerID(-1-i)] = true
			evs = append(evs, sched.Event{Kind: sched.Extend, Job: 1, Ext: &sched.Extension{Set: []sched.Late{{Layer: sched.LayerID(i), N: l.N}}}})
		}
	}
	return evs
}
