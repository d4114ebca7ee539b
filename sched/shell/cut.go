package shell

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// A Cut is a decision: a layer was cut by the one of its cuts with the number At. It and
// Front are other layers than they were.
type Cut struct {
	Layer, Front sched.LayerID
	At           int32
}

// Cuts returns what was cut, in that order. Who has the same plan and cuts it in the same
// order has the same layers.
func (s *Shell) Cuts() []Cut { return s.cuts }

// Cut cuts a layer of the plan; false if it was cut before.
func (s *Shell) Cut(layer sched.LayerID, at int32) (c Cut, ok bool, err error) {
	if c, ok, err = s.p.Cut(layer, at); ok {
		s.cuts, s.readers = append(s.cuts, c), nil
	}
	return c, ok, err
}

// settle decides whether, and where, a layer is cut, once its side inputs are finished;
// false before. It is cut before the last step whose side input is too large. What comes
// before that step may be cut, too: that is decided of the layer it is in then. Spare layers
// that are not needed are set to no blocks.
func (s *Shell) settle(i int, set func(i int, n int32)) bool {
	l := &s.p.Layers[i]
	sides := l.Sides()
	parts, _ := op.Parts(l.Call, op.Meta{}, len(sides)) // if there are none, it is for whoever binds them to say
	for _, e := range sides {
		if !s.made[e.From] {
			return false
		}
	}
	cuts := l.Cuts
	at := len(cuts) - 1
	for ; at >= 0; at-- {
		c := &cuts[at]
		if s.decided[c.Front] {
			continue // it was decided before this shell was made
		}
		if k, ok := sideOf(parts, c.Part, len(sides)); ok {
			sum := s.sums[sides[k].From]
			if sum.Rows > c.Rows || sum.Bytes > c.Bytes {
				if _, ok, _ := s.Cut(sched.LayerID(i), int32(at)); ok {
					break
				}
			}
		}
		set(int(c.Front), 0)
	}
	l.Cuts = nil
	return true
}

// behind says that a layer was cut and its front is not decided. Until then the scheduler keeps what the front is to read
// only for the layer, by the edges that had before.
func (s *Shell) behind(i int) bool {
	return slices.ContainsFunc(s.cuts, func(c Cut) bool { return int(c.Layer) == i && !s.decided[c.Front] })
}

// sideOf returns the place of a part's first side input among the n of a layer; false if it
// has none.
func sideOf(parts []op.FusedPart, part, n int) (at int, ok bool) {
	if part < 0 || part >= len(parts) {
		return 0, false
	}
	for _, p := range parts[:part] {
		at += p.Sides
	}
	return at, at >= 0 && at < n && parts[part].Sides > 0
}

// Cut cuts a layer: see graph.Cut. The layer keeps its number, and is what is left from the
// step on. It is false for a layer without cuts: it was cut before.
func (p *Plan) Cut(layer sched.LayerID, at int32) (c Cut, ok bool, err error) {
	if layer < 0 || int(layer) >= len(p.Layers) {
		return c, false, fmt.Errorf("layer %d of %d is cut", layer, len(p.Layers))
	}
	l := &p.Layers[layer]
	if len(l.Cuts) == 0 {
		return c, false, nil
	}
	if at < 0 || int(at) >= len(l.Cuts) {
		return c, false, fmt.Errorf("layer %d is cut at %d of %d places", layer, at, len(l.Cuts))
	}
	cut, sides := l.Cuts[at], l.Sides()
	parts, err := op.Parts(l.Call, p.flow(l), len(sides))
	if err != nil {
		return c, false, err
	}
	k, ok := sideOf(parts, cut.Part, len(sides))
	if !ok {
		return c, false, fmt.Errorf("layer %d is cut before step %d of %d, which has no side input", layer, cut.Part, len(parts))
	}
	front := &p.Layers[cut.Front]
	front.Call = op.Fuse(slices.Concat(parts[:cut.Part], []op.FusedPart{{Call: cut.Divide, In: parts[cut.Part].In}}))
	front.In, front.Cuts = slices.Concat(l.Flows(), sides[:k]), l.Cuts[:at:at]
	front.N, front.Size, front.Retry, front.Origin, front.Spare = l.N, l.Size, l.Retry, l.Origin, false
	l.Call = op.Fuse(slices.Concat([]op.FusedPart{{Call: cut.Back}}, parts[cut.Part+1:]))
	l.In = append([]graph.Edge{{From: cut.Front, Wiring: op.Shuffled}, {From: sides[k].From, Wiring: op.Shuffled}}, sides[k+1:]...)
	if l.Size = cut.Size; l.N != 1 { // who reads one block counts on its being one
		l.N = 0
	}
	l.Cuts = nil
	return Cut{layer, sched.LayerID(cut.Front), at}, true, nil
}

// flow describes the rows that enter a layer.
func (p *Plan) flow(l *graph.Layer) op.Meta {
	for _, e := range l.Flows() {
		return p.Layers[e.From].Out
	}
	return op.Meta{}
}
