package optimize

import (
	"cmp"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// order ranks the layers, lower first. Layers between which blocks flow one by
// one or by lists have the same rank, and the scheduler walks them depth-first
// from the results, so that a block is used soon after it was made. Where a task
// needs every block of an input (a shuffle, the table of a join) that input has a
// lower rank and is finished first; of several such inputs first the one whose
// making takes most memory beyond what stays of it (Sethi and Ullman 1970, with
// bytes for registers; Liu 1987 shows that on trees this order of the whole
// inputs has the least peak).
func order(p *Plan) error {
	o := &ranking{g: p.Graph, rank: make([]int32, len(p.Graph.Layers)), cost: make([]*stageCost, len(p.Graph.Layers))}
	for i := range o.rank {
		o.rank[i] = -1
	}
	o.visit(p.Want)
	for i := len(o.rank) - 1; i >= 0; i-- {
		if o.rank[i] < 0 {
			o.visit(graph.LayerID(i))
		}
	}
	p.Rank = o.rank
	return nil
}

type ranking struct {
	g    *graph.Graph
	rank []int32
	next int32
	cost []*stageCost // of layers behind a barrier
}

// A stageCost is what a layer behind a barrier takes: the most bytes stored at
// the same time while it and all it needs is made, and the bytes that stay.
type stageCost struct{ peak, stays float64 }

// unknownBytes stands for an output without an estimate.
const unknownBytes = 64 << 20

// visit ranks what layer i needs and then the layers that run with it.
func (o *ranking) visit(i graph.LayerID) {
	if o.rank[i] >= 0 {
		return
	}
	with, behind := o.stage(i)
	for _, b := range behind {
		o.visit(b)
	}
	for _, l := range with {
		if o.rank[l] < 0 {
			o.rank[l] = o.next
		}
	}
	o.next++
}

// stage returns the layers that run together with i because blocks flow between
// them, and the layers behind barriers that they wait for, in the order in which
// these should be made.
func (o *ranking) stage(i graph.LayerID) (with, behind []graph.LayerID) {
	in := map[graph.LayerID]bool{i: true}
	with = []graph.LayerID{i}
	for n := 0; n < len(with); n++ {
		for _, e := range o.g.Layers[with[n]].In {
			if !barrier(e) && !in[e.From] {
				in[e.From] = true
				with = append(with, e.From)
			}
		}
	}
	waits := map[graph.LayerID]bool{}
	for _, l := range with {
		for _, e := range o.g.Layers[l].In {
			if barrier(e) && !waits[e.From] {
				waits[e.From] = true
				behind = append(behind, e.From)
			}
		}
	}
	slices.SortStableFunc(behind, func(a, b graph.LayerID) int {
		x, y := o.costOf(a), o.costOf(b)
		return cmp.Or(cmp.Compare(y.peak-y.stays, x.peak-x.stays), cmp.Compare(a, b))
	})
	return with, behind
}

// barrier reports whether a task needs every block behind e.
func barrier(e graph.Edge) bool { return e.Wiring == op.AllToAll || e.Wiring == op.Shuffled }

// costOf follows the stages below layer i, each once, as if they were a tree.
func (o *ranking) costOf(i graph.LayerID) *stageCost {
	if o.cost[i] != nil {
		return o.cost[i]
	}
	c := &stageCost{stays: o.g.Layers[i].Out.Bytes}
	if c.stays < 0 {
		c.stays = unknownBytes
	}
	o.cost[i] = c
	_, behind := o.stage(i)
	held := 0.0
	for _, b := range behind {
		x := o.costOf(b)
		c.peak = max(c.peak, held+x.peak)
		held += x.stays
	}
	c.peak = max(c.peak, held+c.stays)
	return c
}
