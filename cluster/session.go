package cluster

import (
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// When the connection of a worker ends, what it has not begun is forgotten, and what
// runs goes on. On the next connection the worker says what it has and what it runs,
// if the scheduler is of the same cluster; else it drops all of it. A task that goes
// on gets a new attempt if the scheduler still wants it; if it gets none, its block
// counts as found.

// A taskKey names a task of a job.
type taskKey struct {
	job int32
	at  sched.Block
}

// part ends a session at the worker, which is locked.
func (w *Worker) part() {
	w.session = 0
	w.queue = shell.Queue[*work]{}
	w.table = roster{}
}

// hangUp has the stream end: the line makes another one.
func (w *Worker) hangUp() {
	w.opt.Log.Warn("the scheduler is silent", "worker", w.opt.Name)
	w.session = 0
	w.line.drop()
}

// welcomed begins a session; w is locked.
func (w *Worker) welcomed(r *wire.Record) error {
	_, fresh, err := w.line.meet(r)
	if err != nil {
		return err
	}
	w.id, w.session, w.table = r.Worker, r.Session, roster{}
	w.outlived, w.adopted = map[taskKey]bool{}, map[taskKey]uint32{}
	for id, j := range w.jobs {
		switch {
		case fresh || j.plan == nil:
			j.gone = true
			j.stop(errForgotten)
			j.settle()
		case !j.gone:
			j.outlived = true
			w.link.put(wire.Record{Kind: wire.Attach, Job: id})
			j.list()
		}
	}
	if !fresh {
		w.listCarried()
	}
	w.link.put(wire.Record{Kind: wire.Listed})
	if w.leaving {
		w.link.put(wire.Record{Kind: wire.Retire})
	}
	select {
	case <-w.up:
	default:
		close(w.up)
	}
	return nil
}

// list says what the worker has of a job.
func (j *work) list() {
	for l := range j.blocks {
		clear(j.where[l])
		for b, h := range j.blocks[l] {
			if h != nil && !h.freed {
				j.w.link.put(wire.Record{Kind: wire.Held, Job: j.id, Layer: int32(l), Block: int32(b), Bytes: h.v.Bytes(), Rows: h.v.Rows()})
			}
		}
	}
	for at := range j.tasks {
		j.w.goesOn(j, at)
	}
}

func (w *Worker) listCarried() {
	for c := range w.carrying {
		for _, it := range c.hand.Items() {
			for b := it.First; b < it.First+it.N && !it.Job.gone; b++ {
				w.goesOn(it.Job, sched.Block{Layer: it.Layer, Block: b})
			}
		}
	}
}

func (w *Worker) goesOn(j *work, at sched.Block) {
	k := taskKey{j.id, at}
	w.outlived[k] = true
	w.link.put(wire.Record{Kind: wire.Running, Job: k.job, Layer: int32(k.at.Layer), Block: k.at.Block, Flag: w.isAway(j, at)})
}

// adopt queues a range of a job from an earlier session, but for the tasks that need not begin.
func (w *Worker) adopt(it item) {
	first, end := it.First, it.First+it.N
	for b := first; b < end; b++ {
		if w.began(it.Job, sched.Block{Layer: it.Layer, Block: b}, uint32(it.Attempt)) {
			it.First, it.N, first = first, b-first, b+1
			w.enqueue(it)
		}
	}
	it.First, it.N = first, end-first
	w.enqueue(it)
}

// began reports whether a task need not begin: it runs already, and will report under the attempt, or it has ended since
// the scheduler handed it out, and reports now.
func (w *Worker) began(j *work, at sched.Block, attempt uint32) bool {
	if k := (taskKey{j.id, at}); w.outlived[k] {
		w.adopted[k] = attempt
		delete(w.outlived, k)
		if w.isAway(j, at) {
			w.turn(wire.Away, item{Job: j, Layer: at.Layer, First: at.Block, Attempt: sched.Attempt(attempt)}, w.session)
		}
		return true
	}
	h := j.blocks[at.Layer][at.Block]
	if h == nil || h.freed {
		return false
	}
	rec := wire.Record{Kind: wire.Done, Job: j.id, Layer: int32(at.Layer), Block: at.Block, Attempt: attempt}
	j.describe(&rec, h.v)
	w.link.put(rec)
	return true
}

// relabel words the report of a task for the session there is now. False: there is
// nothing to say.
func (w *Worker) relabel(r *wire.Record, session uint32) bool {
	if session == w.session {
		return true
	}
	k := taskKey{r.Job, sched.Block{Layer: sched.LayerID(r.Layer), Block: r.Block}}
	delete(w.outlived, k)
	attempt, ok := w.adopted[k]
	delete(w.adopted, k)
	switch {
	case ok:
		r.Attempt = attempt
	case r.Kind == wire.Done:
		r.Kind = wire.Held
	default:
		return false
	}
	return true
}
