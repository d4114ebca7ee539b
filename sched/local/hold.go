package local

import (
	"context"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// Blocks that are held (graph.Holder) are those of a job that is not over when it has
// finished: its wanted layer is pinned. Other jobs read them by layers that the scheduler
// knows to be lent. They count against the memory of the runner, and are spilled when it
// is short, as all blocks are.

// Held blocks are those of a job.
type held struct{ j *job }

// Hold implements graph.Holder.
func (r *Runner) Hold(ctx context.Context, q graph.Request) (graph.Kept, error) {
	j, err := r.begin(ctx, q, true)
	if err != nil {
		return nil, err
	}
	return held{j}, nil
}

// Ready implements graph.Kept.
func (h held) Ready(ctx context.Context) error {
	select {
	case <-h.j.quit:
		h.j.r.mu.Lock()
		defer h.j.r.mu.Unlock()
		return h.j.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Layer implements graph.Kept.
func (h held) Layer(blocks []int32) graph.Layer {
	want := h.j.plan.Want
	return shell.LentLayer(h.j.plan.Graph.Layers[want].Out, graph.Lent{Job: int32(h.j.id), Layer: int32(want), Blocks: blocks, By: h.j.r.self})
}

// Release implements graph.Kept.
func (h held) Release(blocks []int32) { h.j.Withdraw(blocks) }

// Close implements graph.Kept.
func (h held) Close() { h.j.end() }

// hold makes a block one that a job holds for others.
func hold(v chunk.Value) *lent {
	l := &lent{Value: v, out: true}
	l.refs.Store(1)
	return l
}

// borrow takes the blocks of a layer from the job that holds them; the runner is locked. Those
// that it does not hold any more are missed by the scheduler.
func (j *job) borrow(layer graph.LayerID) {
	from := j.plan.Graph.Layers[layer].Lent
	if from == nil {
		return
	}
	k := j.r.jobs[sched.JobID(from.Job)]
	if k == nil {
		return
	}
	for b, d := range from.Blocks {
		v := k.vals[from.Layer][d]
		if l, ok := v.(*lent); ok {
			l.refs.Add(1)
		}
		j.vals[layer][b] = v
	}
}
