package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// A client that keeps blocks on the cluster (graph.Keeper) has a job for them whose tasks
// have no work: a worker that is handed one asks for the block (wire.Want, by way of the
// scheduler, now and then until it comes), the client gives it (data.Peers.Give), and the
// task has ended. So blocks are placed, counted and spilled as if they had been
// computed, and one that is lost with its worker is asked for again. Other jobs of the client read
// them by layers that the scheduler knows to be lent (sched.Lent).

// givenOp is the operator of blocks that are given: no task of it runs.
var givenOp = shell.Idle("cluster.given", "blocks that the client gives")

// Kept blocks lie on the workers.
type kept struct {
	j      *clientJob
	spread bool
}

// Keep implements graph.Keeper. A block is asked for again when the worker that has it dies.
func (v *Part) Keep(ctx context.Context, schema dtype.Schema, n int32, give func(int32) (chunk.Value, error), spread bool) (graph.Kept, error) {
	g := &graph.Graph{}
	want := g.Add(graph.Layer{Call: givenOp.With(struct{}{}), N: n, Out: op.Meta{Schema: schema, Rows: -1, Bytes: -1}})
	j, err := v.start(ctx, graph.Request{Graph: g, Want: want}, keeping{give: give, spread: spread})
	if err != nil {
		return nil, err
	}
	return &kept{j.(*clientJob), spread}, nil
}

// Ready implements graph.Kept.
func (k *kept) Ready(ctx context.Context) error {
	defer op.Waiting(ctx)()
	select {
	case <-k.j.quit:
		k.j.c.mu.Lock()
		defer k.j.c.mu.Unlock()
		return k.j.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Layer implements graph.Kept.
func (k *kept) Layer(blocks []int32) graph.Layer {
	out := k.j.plan.Graph.Layers[k.j.plan.Want].Out
	return shell.LentLayer(op.Meta{Schema: out.Schema, Rows: -1, Bytes: -1},
		graph.Lent{Job: k.j.id, Layer: int32(k.j.plan.Want), Blocks: blocks, Spread: k.spread, By: k.j.c.self})
}

// Release implements graph.Kept.
func (k *kept) Release(blocks []int32) { k.j.Withdraw(blocks) }

// Close implements graph.Kept.
func (k *kept) Close() { k.j.end() }

// Hold implements graph.Holder: the blocks stay on the workers that have made them.
func (v *Part) Hold(ctx context.Context, q graph.Request) (graph.Kept, error) {
	j, err := v.start(ctx, q, keeping{hold: true})
	if err != nil {
		return nil, err
	}
	return &kept{j: j.(*clientJob)}, nil
}

// mostGiving is how often in a row a block may fail to get to a worker.
const mostGiving = 5

// give sends a block to the worker that waits for it; the client is locked.
func (j *clientJob) give(b, worker int32) {
	p, known := j.c.table[worker]
	if !known || j.gives == nil || b < 0 || b >= j.plan.Graph.Layers[j.plan.Want].N || j.giving[b] || j.given.has(b) {
		return // what is lost here is asked for again
	}
	j.giving[b] = true
	go func() {
		made, err := j.hand(b, p)
		j.c.mu.Lock()
		defer j.c.mu.Unlock()
		delete(j.giving, b)
		switch {
		case err == nil:
			delete(j.missed, b)
		case errors.Is(err, data.ErrGone) || j.ctx.Err() != nil: // the worker does not wait any more
		case !made:
			j.finish(err)
			j.c.drop(j)
		default:
			if j.missed[b]++; j.missed[b] >= mostGiving {
				j.finish(fmt.Errorf("cluster: block %d could not be given to a worker in %d tries: %w", b, mostGiving, err))
				j.c.drop(j)
			}
		}
	}()
}

// hand makes a block and sends it. Not made: that is why.
func (j *clientJob) hand(b int32, p peer) (made bool, err error) {
	if err := j.c.hands.Acquire(j.ctx, 1); err != nil {
		return true, err
	}
	defer j.c.hands.Release(1)
	v, err := j.gives(b)
	if err != nil {
		return false, err
	}
	t := &data.Ticket{Life: p.life, Job: j.id, Refs: []data.Ref{{Layer: int32(j.plan.Want), Block: b, Hi: -1}}}
	return true, j.c.peers.Give(j.ctx, p.addr, j.secret, t, v)
}

// hands is how many blocks a client makes and gives at the same time.
const hands = 8

// Keeping says what becomes of the blocks of a job, if they are not delivered.
type keeping struct {
	name   string                           // they stay beyond the client, under a name
	give   func(int32) (chunk.Value, error) // the client has them
	spread bool                             // and they go to all workers
	hold   bool                             // they stay where they were made, as long as the client wants
}

// borrowed is an error if a plan borrows of a job that is not this client's.
func (c *clientConn) borrowed(layers []graph.Layer) error {
	for i := range layers {
		if from := layers[i].Lent; from != nil && c.jobs[sched.JobID(from.Job)] == nil {
			return fmt.Errorf("cluster: layer %d borrows of job %d, which this client does not have, or not any more", i, from.Job)
		}
	}
	return nil
}
