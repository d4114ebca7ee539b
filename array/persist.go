package array

import (
	"context"
	"runtime"
	"sync"

	"github.com/weft-data/weft/graph"
)

// Persist computes x now and keeps its chunks where they were made: in this process, or on
// the workers of a cluster. What is made of the array that it returns reads them there, and
// computes nothing twice. They take of the memory of those places, and are on disk where
// that is short. A chunk that is lost with a worker is made again.
//
//	y, err := x.Persist(ctx, runner)
//	mean, err := array.Collect[float64](ctx, runner, y.Mean())
//
// The chunks are let go with Release, when no array is left that reads them, or with the
// runner. Plans that read them run on the same runner only.
//
// Errors: what Compute would return, and runners that keep nothing.
func (x *Array) Persist(ctx context.Context, r graph.Runner, opts ...RunOption) (*Array, error) {
	if x.err != nil {
		return nil, x.err
	}
	h, ok := r.(graph.Holder)
	if !ok {
		return nil, fail("Persist", "a %T keeps no chunks: want a local runner or a cluster client", r).err
	}
	g, want := x.plan()
	defer runtime.KeepAlive(x) // and what its plan reads
	q := graph.Request{Graph: g, Want: want}
	for _, o := range opts {
		o(&q)
	}
	kept, err := h.Hold(context.WithoutCancel(ctx), q)
	if err != nil {
		return nil, err
	}
	if err := kept.Ready(ctx); err != nil {
		kept.Close()
		return nil, err
	}
	return x.held(kept), nil
}

// A hold is the chunks of an array at a runner, until close.
type hold struct{ close func() }

// held is x read from where its chunks are kept.
func (x *Array) held(kept graph.Kept) *Array {
	blocks := make([]int32, x.n.blocks)
	for i := range blocks {
		blocks[i] = int32(i)
	}
	l := kept.Layer(blocks)
	done := sync.OnceFunc(kept.Close)
	n := &node{call: l.Call, out: x.n.out, blocks: l.N, origin: graph.Caller("weft/array"), lent: l.Lent}
	h := &hold{done}
	runtime.AddCleanup(h, func(done func()) { done() }, done)
	n.keep = h
	// what is wanted of a run cannot be what is there: this is a layer on top, which is
	// taken into those that read it
	y := (&Array{n: n, grid: x.grid, kind: x.kind}).seen("Persist", x.grid, straight(len(x.grid)))
	if y.err == nil {
		y.n.keep = h
	}
	return y
}

// Release lets the chunks go that Persist keeps for x. Plans that read them fail from then
// on. Of other arrays nothing is let go.
func (x *Array) Release() {
	if x.err != nil {
		return
	}
	if h, ok := x.n.keep.(*hold); ok {
		h.close()
	}
}
