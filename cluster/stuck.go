package cluster

import (
	"errors"
	"time"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/sched"
)

// ErrStuck ends a worker that runs a function which does not end: threads cannot be
// taken back in Go, so its process must end too. What else it had was given back and
// copied before. Supervise starts another process.
var ErrStuck = errors.New("cluster: a function does not heed its context: the process must be started again")

// watch looks for functions that go on though their job was stopped or their
// time-out has passed; w is locked.
func (w *Worker) watch() {
	now := time.Now()
	if future.Abandoned() == 0 {
		w.since = time.Time{}
	} else if w.since.IsZero() {
		w.since = now
	}
	late := !w.since.IsZero() && now.Sub(w.since) > w.opt.Stuck
	deaf := w.deaf()
	late = late || len(deaf) > 0
	for _, j := range w.jobs {
		late = late || j.live > 0 && !j.ended.IsZero() && now.Sub(j.ended) > w.opt.Stuck
	}
	if !late || w.stuck {
		return
	}
	w.stuck = true
	w.opt.Log.Error("a function does not heed its context: the worker retires", "worker", w.opt.Name)
	for id, j := range w.jobs {
		if j.ended.IsZero() {
			continue
		}
		for at, t := range j.tasks {
			w.link.put(wire.Record{Kind: wire.Returned, Job: id, Layer: int32(at.Layer), Block: at.Block, Attempt: t.attempt})
		}
	}
	for c := range w.carrying {
		for _, it := range c.hand.Items() {
			for b := it.First; b < it.First+it.N && !it.Job.ended.IsZero(); b++ {
				w.link.put(wire.Record{Kind: wire.Returned, Job: it.Job.id, Layer: int32(it.Layer), Block: b, Attempt: uint32(it.Attempt)})
			}
		}
	}
	w.link.put(deaf...)
	w.leaving = true
	w.link.put(wire.Record{Kind: wire.Retire})
}

// deaf words the return of the tasks of live jobs that were halted and go on, and of those in the hands of such a one,
// which wait for it. One whose inputs are on their way ends by itself. w is locked.
func (w *Worker) deaf() (recs []wire.Record) {
	returned := func(j *work, at sched.Block, attempt uint32) {
		if j.ended.IsZero() { // else they are returned with all tasks of the job
			recs = append(recs, wire.Record{Kind: wire.Returned, Job: j.id, Layer: int32(at.Layer), Block: at.Block, Attempt: attempt})
		}
	}
	for _, j := range w.jobs {
		for at, t := range j.tasks {
			if t.seat != nil && t.ctx.Overdue(w.opt.Stuck) {
				returned(j, at, t.attempt)
			}
		}
	}
	for c := range w.carrying {
		if !c.hand.Overdue(w.opt.Stuck) {
			continue
		}
		c.hand.Rest()
		for _, it := range c.hand.Items() {
			for b := it.First; b < it.First+it.N; b++ {
				returned(it.Job, sched.Block{Layer: it.Layer, Block: b}, uint32(it.Attempt))
			}
		}
	}
	return recs
}

// task describes tasks for the recorder.
func (j *work) task(layer sched.LayerID, first, n int32) RunningTask {
	t := RunningTask{Job: j.id, Layer: int32(layer), First: first, N: n}
	if j.w.recorder != nil {
		t.Op, t.Since = opName(j.plan.Layers[layer].Call), time.Now()
	}
	return t
}
