package graph_test

import (
	"strings"
	"testing"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

func TestAddWantsInputsFirst(t *testing.T) {
	g := &graph.Graph{}
	a := g.Add(graph.Layer{N: 2})
	b := g.Add(graph.Layer{N: 3, In: []graph.Edge{{From: a}}})
	// A layer of single tasks may read itself.
	c := g.Add(graph.Layer{N: 4, In: []graph.Edge{{From: b + 1, Wiring: op.Listed, At: []int32{0, 0, 1, 1, 1}, List: []int32{0}}}})
	if a != 0 || b != 1 || c != 2 || g.Tasks() != 9 {
		t.Fatal(a, b, c, g.Tasks())
	}
	for _, from := range []graph.LayerID{-1, 3, 4} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, "which does not exist yet") {
					t.Errorf("a layer that reads layer %d was added: %q", from, p)
				}
			}()
			g.Add(graph.Layer{In: []graph.Edge{{From: from}}})
		}()
	}
	if len(g.Layers) != 3 {
		t.Error("a refused layer was added")
	}
}

func TestCloneIsIndependent(t *testing.T) {
	g := &graph.Graph{}
	a := g.Add(graph.Layer{N: 2})
	b := g.Add(graph.Layer{N: 2, In: []graph.Edge{{From: a}}})
	c := g.Clone()
	c.Layers[b].N, c.Layers[b].In[0].Side = 7, true
	c.Add(graph.Layer{})
	if g.Layers[b].N != 2 || g.Layers[b].In[0].Side || len(g.Layers) != 2 {
		t.Error("changing a clone changed the graph")
	}
}

func TestLate(t *testing.T) {
	l := graph.Layer{Size: op.Size{Fixed: 3}}
	if l.Late() {
		t.Error("a fixed number of blocks is known")
	}
	if l.Size.Runs = 8; !l.Late() {
		t.Error("a number decided by the inputs is not known")
	}
}
