// Package optimize turns the plan a user built into the plan that runs: graph to
// graph, by a list of named passes. No pass changes results; each can be left
// out, and what a pass must know of an operator is in the operator's Spec.
//
//	as built ─▶ cull ─▶ merge ─▶ filter ─▶ derive ─▶ prune ─▶ absorb ─▶ joins ─▶ reduce ─▶ flatten ─▶ project ─▶ limit ─▶ serve ─▶ unite
//	                                                                                    │  logical operators up to here,
//	  as run ◀─ memory ◀─ divide ◀─ order ◀─ fuse ◀─ weld ◀─ remerge ◀─ lower ◀─────────┘  tasks from here on
//
// Passes is the list, with the reason for each place; Constraints says which
// pass must stand before which. Verify checks a plan between any two passes.
// The cost of every pass grows with layers and edges, never with tasks.
package optimize

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// A Plan is a graph and the layer whose blocks are wanted, on its way through
// the passes.
type Plan struct {
	Graph *graph.Graph
	Want  graph.LayerID
	// Budget is the memory of one node in bytes for the memory check; 0 means no
	// limit. Threads is how many tasks run at once on it.
	Budget   int64
	Threads  int
	Alone    bool              // see Options
	BudgetOf func(int64) int64 // see Options
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
	Alone   bool // one process runs the plan: its threads share the splits of a block
	// BudgetOf turns bytes for buffers into the budget a user gives for them, when that
	// is for more than buffers.
	BudgetOf func(buffers int64) int64
	// Observe, when set, sees the plan after each pass; an error ends the run and
	// names the pass.
	Observe func(pass string, p *Plan) error
}

// Run applies the passes to a copy of g.
//
// Errors: an unknown name in Off, a plan that cannot fit into the memory budget,
// an operator that this binary does not link, and a pass that would change the
// columns of the result, by the pass's name.
func Run(g *graph.Graph, want graph.LayerID, o Options) (*Plan, error) {
	if want < 0 || int(want) >= len(g.Layers) {
		return nil, fmt.Errorf("optimize: layer %d is wanted, the graph has %d", want, len(g.Layers))
	}
	if err := check(o.Off); err != nil {
		return nil, err
	}
	p := &Plan{Graph: g.Clone(), Want: want, Budget: o.Budget, Threads: max(1, o.Threads), Alone: o.Alone, BudgetOf: o.BudgetOf}
	for _, pass := range Passes {
		if slices.Contains(o.Off, pass.Name) {
			continue
		}
		if err := p.apply(pass); err != nil {
			return nil, err
		}
		if o.Observe != nil {
			if err := o.Observe(pass.Name, p); err != nil {
				return nil, fmt.Errorf("after pass %s: %w", pass.Name, err)
			}
		}
	}
	for i := range p.Graph.Layers {
		p.Graph.Layers[i].Out.Known = nil // it need not travel
	}
	return p, nil
}

// check looks whether the passes can be left out.
func check(off []string) error {
	for _, name := range off {
		i := slices.IndexFunc(Passes, func(p Pass) bool { return p.Name == name })
		if i < 0 {
			return fmt.Errorf("optimize: no pass is called %q; the passes are %v", name, Names())
		}
		if Passes[i].Must {
			return fmt.Errorf("optimize: pass %q cannot be left out: nothing runs without it", name)
		}
	}
	return nil
}

// apply runs one pass and holds it to the columns of the result.
func (p *Plan) apply(pass Pass) error {
	before := p.Graph.Layers[p.Want].Out.Schema
	if err := pass.Run(p); err != nil {
		return fmt.Errorf("%s: %w", pass.Name, err)
	}
	if after := p.Graph.Layers[p.Want].Out.Schema; !sameColumns(before, after) {
		return fmt.Errorf("%s: changed the columns of the result from (%s) to (%s): this is a fault of the optimizer, leave the pass out until it is mended",
			pass.Name, before, after)
	}
	return nil
}

// sameColumns compares names and types. Whether nulls may occur is an estimate
// that passes may sharpen.
func sameColumns(a, b dtype.Schema) bool {
	return same(a, b) || slices.EqualFunc(a, b, func(x, y dtype.Field) bool { return x.Name == y.Name && x.Type == y.Type })
}

// Names returns the names of the passes in order.
func Names() []string {
	n := make([]string, len(Passes))
	for i, p := range Passes {
		n[i] = p.Name
	}
	return n
}

// inputs returns the descriptions of a layer's inputs, in edge order.
func inputs(g *graph.Graph, l *graph.Layer) []op.Meta {
	in := make([]op.Meta, len(l.In))
	for i, e := range l.In {
		if int(e.From) < len(g.Layers) {
			in[i] = g.Layers[e.From].Out
		} else {
			in[i] = l.Out // a layer of single tasks that reads itself
		}
	}
	return in
}

// A reader is an edge seen from its lower end.
type reader struct {
	layer graph.LayerID
	edge  int
}

// readers lists, for every layer, the edges that lead to it. The wanted layer
// has one more reader, outside of the plan, with layer -1.
func (p *Plan) readers() [][]reader {
	r := make([][]reader, len(p.Graph.Layers))
	for i := range p.Graph.Layers {
		for k, e := range p.Graph.Layers[i].In {
			r[e.From] = append(r[e.From], reader{graph.LayerID(i), k})
		}
	}
	r[p.Want] = append(r[p.Want], reader{-1, 0})
	return r
}
