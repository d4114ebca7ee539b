package cluster

import (
	"context"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/sched"
)

// nobody is the layer that reads what stays until its job is over.
const nobody = sched.LayerID(-1)

// Waiting is what a task has whose block the client gives.
type waiting struct {
	stop   func() bool // ends the watch over its context
	taking bool        // the block comes
	over   bool        // the task has ended
}

// await has a task end when the client has given its block, at once if that is here
// from before; w is locked.
func (t *gather) await() {
	j, w := t.j, t.j.w
	if h := j.blocks[t.layer][t.block]; h != nil && !h.freed { // a copy
		t.end(h.v, nil)
		return
	}
	w.waiting[t] = true
	w.ahead-- // it takes no thread from others
	t.given.stop = context.AfterFunc(t.ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		t.arrived(nil, context.Cause(t.ctx))
	})
	t.want()
}

// want asks for the block, by way of the scheduler; w is locked.
func (t *gather) want() {
	if !t.given.taking {
		t.j.w.link.put(wire.Record{Kind: wire.Want, Job: t.j.id, Layer: int32(t.layer), Block: t.block})
	}
}

// arrived ends a task that waits, once; w is locked.
func (t *gather) arrived(v chunk.Value, err error) {
	w := t.j.w
	if t.given.over {
		if v != nil {
			v.Release()
		}
		return
	}
	t.given.over = true
	t.given.stop()
	delete(w.waiting, t)
	w.ahead++
	t.end(v, err)
	w.feed()
}

// Take implements data.Store.
func (w *Worker) Take(tk *data.Ticket, r data.Ref) (data.Taker, dtype.Schema, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jobs[tk.Job]
	if j == nil || w.closed {
		return nil, nil, data.ErrGone
	}
	t := j.tasks[sched.Block{Layer: sched.LayerID(r.Layer), Block: r.Block}]
	if t == nil || !w.waiting[t] || t.given.taking {
		return nil, nil, data.ErrGone
	}
	t.given.taking = true
	w.wg.Add(1)
	schema := j.plan.Layers[t.layer].Out.Schema
	return &taking{t: t, importer: importer{node: w.node, schemas: []dtype.Schema{schema}, next: []uint64{j.sh.Next(t.layer, t.block)}}}, schema, nil
}

// A taking is a block that comes from the client.
type taking struct {
	importer
	t    *gather
	v    chunk.Value
	fail error // it could not be stored
}

// Put implements data.Sink.
func (s *taking) Put(ref, run int, b *chunk.Batch) (kept bool, err error) {
	kept, err = s.importer.Put(ref, run, b)
	s.fail = err
	return kept, err
}

// End implements data.Sink.
func (s *taking) End(ref, runs int) (err error) {
	s.begin(ref)
	s.v, err = s.im.Close(runs)
	s.im, s.fail = nil, err
	return err
}

// Over implements data.Taker. What did not come whole is asked for again.
func (s *taking) Over(err error) {
	s.drop()
	w := s.t.j.w
	defer w.wg.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	s.t.given.taking = false
	switch {
	case err == nil:
		s.t.arrived(s.v, nil)
	case s.fail != nil:
		s.t.arrived(nil, fmt.Errorf("cluster: storing a given block: %w", s.fail))
	case s.v != nil: // cut off after its end
		s.v.Release()
	}
}
