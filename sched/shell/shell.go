// Package shell is the part of a job that is between its plan and the scheduler:
// it words an optimized plan for package sched, decides the number of blocks of
// late layers, and which layers are cut, from what finished layers have made, and orders
// tasks and blocks by their place in the plan. It is a function of the plan and of what the scheduler
// said, so every driver comes to the same decisions.
package shell

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/grid"
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
	Asks     []string // resources that each of its tasks takes of its worker's: NAME=N
	Priority int32
	Ordered  bool  // deliver blocks of Want in block order
	Discard  bool  // nobody reads the blocks of Want
	Given    bool  // the client gives the blocks of Want when they are asked for; they are kept as long as it wants the job
	Spread   bool  // Given: all workers get copies
	Held     bool  // the blocks of Want are kept as long as the client wants the job
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
	cuts    []Cut
	readers [][]reader // of each layer; nil until they are asked for, and after a cut
}

// A reader is a layer that reads another one.
type reader struct {
	layer sched.LayerID
	same  bool // its block b reads block b, and none before it does
}

// New returns the shell of a plan, whose late layers it will set.
func New(p *Plan) *Shell {
	n := len(p.Layers)
	s := &Shell{p: p, decided: make([]bool, n), made: make([]bool, n), sums: make([]sched.Action, n)}
	for i := range p.Layers {
		if s.isLate(i) {
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

// isLate reports whether the number of blocks of layer i is decided while running: also
// where there may be none, or others than the plan says.
func (s *Shell) isLate(i int) bool {
	l := &s.p.Layers[i]
	if l.Late() || l.Spare || len(l.Cuts) > 0 {
		return true
	}
	from, ok := leader(l)
	return ok && !s.decided[from]
}

// leader is the layer that a layer follows block by block.
func leader(l *graph.Layer) (graph.LayerID, bool) {
	for _, e := range l.In {
		if !e.Side && e.Wiring == op.OneToOne {
			return e.From, true
		}
	}
	return 0, false
}

// Late returns the layers whose number of blocks is decided while running.
func (s *Shell) Late() []int { return s.late }

// Spec words the plan for the scheduler.
func (s *Shell) Spec() *sched.Spec {
	spec := &sched.Spec{Priority: s.p.Priority}
	for i := range s.p.Layers {
		l := &s.p.Layers[i]
		x := sched.Layer{N: l.N, Late: !s.decided[i], In: edges(l)}
		for _, c := range l.Cuts { // until it is decided what it reads, all is made that it may read
			x.In = append(x.In, sched.Edge{From: sched.LayerID(c.Front), Wiring: sched.Everything()})
		}
		if from := l.Lent; from != nil {
			x.Lent = &sched.Lent{Job: sched.JobID(from.Job), Layer: sched.LayerID(from.Layer), Blocks: from.Blocks, Spread: from.Spread}
		}
		if s.p.Rank != nil {
			x.Rank = s.p.Rank[i]
		}
		if s.p.Need != nil {
			x.Floor = s.p.Need[i].Floor
		}
		if l.Retry.Max > 1 {
			x.Retry = sched.Retry{Max: int32(min(l.Retry.Max-1, math.MaxInt32)), Delay: int64(l.Retry.Delay)}
		}
		if graph.LayerID(i) == s.p.Want {
			switch {
			case s.p.Name != "" || s.p.Given || s.p.Held:
				x.Keep, x.Given = sched.Pin, s.p.Given
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
	e, err := op.Lookup(l.Call.Op)
	shares := err == nil && e.Shares // what is not known here is only placed worse
	for i, e := range l.In {
		out[i] = sched.Edge{From: sched.LayerID(e.From), Wiring: Wiring(&l.In[i]), Part: shares || e.Wiring == op.Shuffled}
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
		if isSpan(x) {
			a := &x.In[0]
			return sched.Spans(a.First, a.N, a.Step)
		}
		n := x.OutBlocks()
		at, list := make([]int32, n+1), make([]int32, 0, x.Pairs())
		for b := range n {
			list = x.Append(list, int32(b))
			at[b+1] = int32(len(list))
		}
		return sched.Lists(at, list)
	}
	return sched.Everything()
}

func isSpan(x *grid.Box) bool {
	return len(x.Out) == 1 && len(x.In) == 1 && x.In[0].Table == nil && x.In[0].Axis == 0
}

// LayerDone takes note of a finished layer and returns the late layers that can be
// decided now, nil if there are none. Their number of blocks is in the plan then, and what
// was cut is among Cuts.
func (s *Shell) LayerDone(a sched.Action) (ext *sched.Extension) {
	s.made[a.Layer], s.sums[a.Layer] = true, a
	set := func(i int, n int32) {
		if ext == nil {
			ext = &sched.Extension{}
		}
		s.Set(sched.LayerID(i), n)
		ext.Set = append(ext.Set, s.Definite(sched.LayerID(i)))
	}
	cuts := len(s.cuts)
	for s.advance(set) { // what was decided may have been waited for
	}
	if ext == nil && len(s.cuts) > cuts {
		ext = &sched.Extension{} // of what was cut nothing is definite yet
	}
	return ext
}

// advance decides what can be decided of the late layers, in their order; false if that is
// nothing.
func (s *Shell) advance(set func(i int, n int32)) (moved bool) {
	cuts := len(s.cuts)
	for _, i := range s.late {
		l := &s.p.Layers[i]
		if s.decided[i] || l.Spare || len(l.Cuts) > 0 && !s.settle(i, set) || s.behind(i) {
			continue
		}
		if n, ok := s.decide(l); ok {
			set(i, n)
			moved = true
		}
	}
	return moved || len(s.cuts) > cuts
}

// Set makes the number of blocks of a late layer known.
func (s *Shell) Set(l sched.LayerID, n int32) { s.decided[l], s.p.Layers[l].N = true, n }

// Definite words a late layer that is decided for the scheduler.
func (s *Shell) Definite(l sched.LayerID) sched.Late {
	x := &s.p.Layers[l]
	return sched.Late{Layer: l, N: x.N, In: edges(x)}
}

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
		if from, ok := leader(l); ok {
			return s.p.Layers[from].N, s.decided[from]
		}
	}
	if l.N > 0 || !l.Late() {
		return l.N, true
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
	if s.readers == nil {
		s.findReaders()
	}
	for _, r := range s.readers[layer] {
		switch {
		case s.made[r.layer] || s.p.Layers[r.layer].Spare:
		case r.same:
			best = min(best, s.Key(r.layer, b))
		default:
			best = min(best, s.Key(r.layer, 0))
		}
	}
	return best
}

// findReaders lists who reads each layer: Next is asked for every block.
func (s *Shell) findReaders() {
	s.readers = make([][]reader, len(s.p.Layers))
	for i := range s.p.Layers {
		for _, e := range s.p.Layers[i].In {
			r, known := reader{sched.LayerID(i), e.Wiring == op.OneToOne && !e.Side}, s.readers[e.From]
			if len(known) == 0 || known[len(known)-1] != r {
				s.readers[e.From] = append(known, r)
			}
		}
	}
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
	for i, list := range [][]string{p.Labels, p.Asks} {
		for _, x := range list {
			if len(x) > MaxName {
				return fmt.Errorf("a %s of %d bytes, at most %d are allowed", [...]string{"label", "resource"}[i], len(x), MaxName)
			}
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
	pairs, owners := int64(0), make([]int, n)
	for i := range p.Layers {
		for _, c := range p.Layers[i].Cuts {
			if c.Front >= 0 && int(c.Front) < n {
				owners[c.Front]++
			}
		}
	}
	for i := range p.Layers {
		if l := &p.Layers[i]; l.Spare != (owners[i] == 1) || owners[i] > 1 {
			return fmt.Errorf("layer %d: %d others are cut to it, which is for spare ones", i, owners[i])
		}
		if err := p.checkLayer(i); err != nil {
			return fmt.Errorf("layer %d (%s): %w", i, p.Layers[i].Call.Op, err)
		}
		for k, e := range p.Layers[i].In { // boxes become lists
			if e.Wiring != op.Boxed || isSpan(e.Box) {
				continue
			}
			if pairs = min(pairs+e.Box.Pairs(), 1<<62); pairs > sched.DefaultMaxReads {
				return fmt.Errorf("layer %d (%s): input %d: its blocks and those before read %d blocks, at most %d are allowed in a job", i, p.Layers[i].Call.Op, k, pairs, sched.DefaultMaxReads)
			}
		}
	}
	return nil
}

func (p *Plan) checkLayer(i int) error {
	l := &p.Layers[i]
	if l.N < 0 || l.Size.Runs < 0 || l.Size.Runs > 1<<20 || l.N > 0 && l.Late() {
		return fmt.Errorf("%d blocks of %d runs", l.N, l.Size.Runs)
	}
	if l.Lent != nil && (len(l.Lent.Blocks) != int(l.N) || len(l.In) > 0 || len(l.Cuts) > 0 || graph.LayerID(i) == p.Want) {
		return fmt.Errorf("borrows %d blocks for %d, with %d inputs", len(l.Lent.Blocks), l.N, len(l.In))
	}
	for _, c := range l.Cuts {
		if c.Front < 0 || int(c.Front) >= len(p.Layers) || c.Size.Runs < 1 || c.Size.Runs > 1<<20 {
			return fmt.Errorf("a cut to layer %d into %d runs", c.Front, c.Size.Runs)
		}
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
