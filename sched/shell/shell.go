// Package shell is the part of a job that is between its plan and the scheduler:
// it words an optimized plan for package sched, decides the number of blocks of
// late layers from what finished layers have made, and orders tasks and blocks by
// their place in the plan. It is a function of the plan and of what the scheduler
// said, so every driver comes to the same decisions.
package shell

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// A Plan is an optimized graph with what a driver must know of the request. It is
// plain data and has canonical bytes.
type Plan struct {
	Layers   []graph.Layer
	Rank     []int32   // static order of the layers, lower first; nil means none
	Need     []op.Need // projected memory of one task of each layer; nil means unknown
	Want     graph.LayerID
	Name     string   // the blocks of Want are kept under this name; empty means they are delivered
	Labels   []string // its tasks go to workers that have all of them
	Priority int32
	Ordered  bool  // deliver blocks of Want in block order
	Discard  bool  // nobody reads the blocks of Want
	Window   int32 // blocks of Want that may be made before the reader has read as many; 0 means no bound. Of no account where nobody reads, and where tasks of Want read each other
}

// MaxName bounds the name and the labels of a plan.
const MaxName = 255

// A Shell is a plan at work. It is not safe for concurrent use.
type Shell struct {
	p       *Plan
	late    []int
	decided []bool
	made    []bool
	sums    []sched.Action // by layer: LayerDone, with the bytes and rows it made
	pos     []uint64       // of each layer in the order of the job
}

// New returns the shell of a plan, whose late layers it will set.
func New(p *Plan) *Shell {
	n := len(p.Layers)
	s := &Shell{p: p, decided: make([]bool, n), made: make([]bool, n), sums: make([]sched.Action, n)}
	for i := range p.Layers {
		if p.Layers[i].N == 0 && s.isLate(i) {
			s.late = append(s.late, i)
		} else {
			s.decided[i] = true
		}
	}
	s.place()
	return s
}

// place orders the layers as the scheduler does: by rank, then those nearer to the
// results first.
func (s *Shell) place() {
	n := len(s.p.Layers)
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	if rank := s.p.Rank; rank != nil {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	}
	s.pos = make([]uint64, n)
	for p, i := range order {
		s.pos[i] = uint64(p)
	}
}

// isLate reports whether the number of blocks of layer i is decided while running.
func (s *Shell) isLate(i int) bool {
	l := &s.p.Layers[i]
	if l.Late() {
		return true
	}
	for _, e := range l.In {
		if !e.Side && e.Wiring == op.OneToOne {
			return s.p.Layers[e.From].N == 0 && s.isLate(int(e.From))
		}
	}
	return false
}

// Late returns the layers whose number of blocks is decided while running.
func (s *Shell) Late() []int { return s.late }

// Spec words the plan for the scheduler.
func (s *Shell) Spec() *sched.Spec {
	spec := &sched.Spec{Priority: s.p.Priority}
	for i := range s.p.Layers {
		l := &s.p.Layers[i]
		x := sched.Layer{N: l.N, Late: !s.decided[i], In: edges(l)}
		if s.p.Rank != nil {
			x.Rank = s.p.Rank[i]
		}
		if s.p.Need != nil {
			x.Floor = s.p.Need[i].Floor
		}
		if l.Retry.Max > 1 {
			x.Retry = sched.Retry{Max: int32(l.Retry.Max - 1), Delay: int64(l.Retry.Delay)}
		}
		if graph.LayerID(i) == s.p.Want {
			switch {
			case s.p.Name != "":
				x.Keep = sched.Pin
			case s.p.Ordered:
				x.Keep = sched.Ordered
			default:
				x.Keep = sched.Stream
			}
			if x.Window = s.p.Window; s.p.Discard || readsItself(l, s.p.Want) {
				x.Window = 0
			}
		}
		spec.Layers = append(spec.Layers, x)
	}
	return spec
}

// readsItself reports whether tasks of a layer read each other: what the reader has
// not asked for yet may be needed by what it asks for.
func readsItself(l *graph.Layer, id graph.LayerID) bool {
	return slices.ContainsFunc(l.In, func(e graph.Edge) bool { return e.From == id })
}

func edges(l *graph.Layer) []sched.Edge {
	out := make([]sched.Edge, len(l.In))
	for i, e := range l.In {
		out[i] = sched.Edge{From: sched.LayerID(e.From), Wiring: Wiring(&l.In[i])}
	}
	return out
}

// Wiring words the wiring of an edge for the scheduler: a box as a span where it
// is one, else as lists.
func Wiring(e *graph.Edge) sched.Wiring {
	switch e.Wiring {
	case op.OneToOne:
		return sched.OneToOne()
	case op.Listed:
		return sched.Lists(e.At, e.List)
	case op.Boxed:
		x := e.Box
		if len(x.Out) == 1 && len(x.In) == 1 && x.In[0].Table == nil && x.In[0].Axis == 0 {
			a := &x.In[0]
			return sched.Spans(a.First, a.N, a.Step)
		}
		n := x.OutBlocks()
		at, list := make([]int32, n+1), make([]int32, 0, n)
		for b := range n {
			list = x.Append(list, int32(b))
			at[b+1] = int32(len(list))
		}
		return sched.Lists(at, list)
	}
	return sched.Everything()
}

// LayerDone takes note of a finished layer and returns the late layers that can be
// decided now, nil if there are none. Their number of blocks is in the plan then.
func (s *Shell) LayerDone(a sched.Action) *sched.Extension {
	s.made[a.Layer], s.sums[a.Layer] = true, a
	var ext *sched.Extension
	for _, i := range s.late {
		if s.decided[i] {
			continue
		}
		if n, ok := s.decide(&s.p.Layers[i]); ok {
			if ext == nil {
				ext = &sched.Extension{}
			}
			s.Set(sched.LayerID(i), n)
			ext.Set = append(ext.Set, sched.Late{Layer: sched.LayerID(i), N: n})
		}
	}
	return ext
}

// Set makes the number of blocks of a late layer known.
func (s *Shell) Set(l sched.LayerID, n int32) { s.decided[l], s.p.Layers[l].N = true, n }

// Made notes that all blocks of a layer exist.
func (s *Shell) Made(l sched.LayerID) { s.made[l] = true }

// IsMade reports whether all blocks of a layer exist, or did.
func (s *Shell) IsMade(l sched.LayerID) bool { return s.made[l] }

// Sum returns what LayerDone said of a layer last.
func (s *Shell) Sum(l sched.LayerID) sched.Action { return s.sums[l] }

// decide returns the number of blocks of a late layer once its inputs are
// finished: so many that each reads about Size.TargetBytes, in powers of two up
// to Size.Runs; or as many as the input it follows block by block.
func (s *Shell) decide(l *graph.Layer) (int32, bool) {
	if !l.Late() {
		for _, e := range l.In {
			if !e.Side && e.Wiring == op.OneToOne {
				return s.p.Layers[e.From].N, s.decided[e.From]
			}
		}
	}
	bytes := int64(0)
	for _, e := range l.In {
		if !s.made[e.From] {
			return 0, false
		}
		if !e.Side {
			bytes += s.sums[e.From].Bytes
		}
	}
	want := (bytes + max(1, l.Size.TargetBytes) - 1) / max(1, l.Size.TargetBytes)
	n := int64(1) << bits.Len64(uint64(max(want, 1)-1))
	return int32(min(n, int64(l.Size.Runs))), true
}

// Key is the place of a task among all tasks of a node, lower first: by the
// priority of the job, the place of the layer, the block.
func (s *Shell) Key(layer sched.LayerID, b int32) uint64 {
	prio := uint64(min(max(int64(s.p.Priority), -1<<15), 1<<15-1) + 1<<15)
	return (1<<16-1-prio)<<48 | min(s.pos[layer], 1<<16-1)<<32 | uint64(uint32(b))
}

// Next is the key of the earliest task that will read a block, as far as it can be
// told without looking at the blocks: what is for the reader of the job counts as
// being read at once.
func (s *Shell) Next(layer sched.LayerID, b int32) uint64 {
	best := uint64(1<<64 - 1)
	if graph.LayerID(layer) == s.p.Want {
		best = s.Key(layer, b)
	}
	for i := range s.p.Layers {
		if s.made[i] {
			continue
		}
		for _, e := range s.p.Layers[i].In {
			switch {
			case sched.LayerID(e.From) != layer:
			case e.Wiring == op.OneToOne && !e.Side:
				best = min(best, s.Key(sched.LayerID(i), b))
			default:
				best = min(best, s.Key(sched.LayerID(i), 0))
			}
		}
	}
	return best
}

// Runs returns the range of runs that block b of layer l reads of every block of
// its shuffled inputs.
func (s *Shell) Runs(l *graph.Layer, b int32) (lo, hi int) {
	return int(b) * l.Size.Runs / int(l.N), (int(b) + 1) * l.Size.Runs / int(l.N)
}

// Check says what is wrong with a plan that came from elsewhere: numbers of layers
// that do not exist, lists of the wrong length, blocks beyond their layer. A plan
// without fault can be given to New and to the scheduler, which checks the wiring.
func (p *Plan) Check() error {
	n := len(p.Layers)
	if p.Want < 0 || int(p.Want) >= n {
		return fmt.Errorf("layer %d is wanted, the plan has %d", p.Want, n)
	}
	for _, l := range p.Labels {
		if len(l) > MaxName {
			return fmt.Errorf("a label of %d bytes, at most %d are allowed", len(l), MaxName)
		}
	}
	if len(p.Name) > MaxName {
		return fmt.Errorf("a name of %d bytes, at most %d are allowed", len(p.Name), MaxName)
	}
	if p.Rank != nil && len(p.Rank) != n {
		return fmt.Errorf("%d ranks for %d layers", len(p.Rank), n)
	}
	if p.Need != nil && len(p.Need) != n {
		return fmt.Errorf("%d memory needs for %d layers", len(p.Need), n)
	}
	for i := range p.Layers {
		if err := p.checkLayer(i); err != nil {
			return fmt.Errorf("layer %d (%s): %w", i, p.Layers[i].Call.Op, err)
		}
	}
	return nil
}

func (p *Plan) checkLayer(i int) error {
	l := &p.Layers[i]
	if l.N < 0 || l.Size.Runs < 0 || l.Size.Runs > 1<<20 || l.N > 0 && l.Late() {
		return fmt.Errorf("%d blocks of %d runs", l.N, l.Size.Runs)
	}
	for k, e := range l.In {
		switch {
		case e.From < 0 || int(e.From) > i || int(e.From) == i && e.Wiring != op.Listed:
			return fmt.Errorf("input %d is layer %d, which does not come before it", k, e.From)
		case e.Wiring > op.Boxed:
			return fmt.Errorf("input %d has wiring %d, at most %d is known", k, e.Wiring, op.Boxed)
		case e.Wiring == op.Boxed && (e.Box == nil || !e.Box.Valid() || e.Box.OutBlocks() != int64(l.N) || e.Box.InBlocks() != int64(p.Layers[e.From].N)):
			return fmt.Errorf("input %d is a box that does not fit %d blocks that read from %d", k, l.N, p.Layers[e.From].N)
		case e.Wiring == op.Shuffled && l.Size.Runs == 0:
			return fmt.Errorf("input %d is a shuffle into no runs", k)
		case e.Wiring == op.Listed && len(e.At) != int(l.N)+1:
			return fmt.Errorf("input %d lists %d ends of rows for %d blocks", k, len(e.At), l.N)
		}
	}
	return nil
}
