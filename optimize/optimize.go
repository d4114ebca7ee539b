// Package optimize turns the plan a user built into the plan that runs: graph to
// graph, by a list of named passes. No pass changes results; each can be left
// out, and what a pass must know of an operator is in the operator's Spec.
package optimize

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A Plan is a graph and the layer whose blocks are wanted, on its way through
// the passes. Passes may replace layers in place and append new ones in any
// order of dependency that the graph allows; layers that nobody reads are culled.
type Plan struct {
	Graph *graph.Graph
	Want  graph.LayerID
	// Budget is the memory of one node in bytes for the memory check; 0 means no
	// limit. Threads is how many tasks run at once on it.
	Budget  int64
	Threads int
	// Rank is the static order of the layers, lower first, set by the order pass.
	Rank []int32
	// Need is the projected memory of one task of each layer, set by the memory
	// pass.
	Need []op.Need
}

// A Pass is one step of the optimizer.
type Pass struct {
	Name string
	Does string // one sentence
	Why  string // the reason for its place in the list
	Must bool   // nothing runs without it; it cannot be left out
	Run  func(p *Plan) error
}

// Options of Run.
type Options struct {
	Off     []string // names of passes to leave out
	Budget  int64
	Threads int
	// Observe, when set, sees the plan after each pass; an error ends the run and
	// names the pass.
	Observe func(pass string, p *Plan) error
}

// Run applies the passes to a copy of g.
func Run(g *graph.Graph, want graph.LayerID, o Options) (*Plan, error) {
	if want < 0 || int(want) >= len(g.Layers) {
		return nil, fmt.Errorf("optimize: layer %d is wanted, the graph has %d", want, len(g.Layers))
	}
	for _, name := range o.Off {
		i := slices.IndexFunc(Passes, func(p Pass) bool { return p.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("optimize: no pass is called %q; the passes are %v", name, Names())
		}
		if Passes[i].Must {
			return nil, fmt.Errorf("optimize: pass %q cannot be left out: nothing runs without it", name)
		}
	}
	p := &Plan{Graph: g.Clone(), Want: want, Budget: o.Budget, Threads: max(1, o.Threads)}
	for _, pass := range Passes {
		if slices.Contains(o.Off, pass.Name) {
			continue
		}
		if err := pass.Run(p); err != nil {
			return nil, fmt.Errorf("%s: %w", pass.Name, err)
		}
		if o.Observe != nil {
			if err := o.Observe(pass.Name, p); err != nil {
				return nil, fmt.Errorf("after pass %s: %w", pass.Name, err)
			}
		}
	}
	return p, nil
}

// Names returns the names of the passes in order.
func Names() []string {
	n := make([]string, len(Passes))
	for i, p := range Passes {
		n[i] = p.Name
	}
	return n
}

// users returns, for every layer, the layers that read it, wanted or not.
func users(g *graph.Graph) [][]graph.LayerID {
	u := make([][]graph.LayerID, len(g.Layers))
	for i := range g.Layers {
		for _, e := range g.Layers[i].In {
			if !slices.Contains(u[e.From], graph.LayerID(i)) {
				u[e.From] = append(u[e.From], graph.LayerID(i))
			}
		}
	}
	return u
}

// inputs returns the descriptions of a layer's inputs, in edge order.
func inputs(g *graph.Graph, l *graph.Layer) []op.Meta {
	in := make([]op.Meta, len(l.In))
	for i, e := range l.In {
		in[i] = g.Layers[e.From].Out
	}
	return in
}
