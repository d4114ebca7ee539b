package cluster

import (
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
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
	w.real, w.direct = nil, nil
	w.table = roster{}
}

// hangUp has the stream end: follow sees that and makes another one.
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
		j.w.goesOn(taskKey{j.id, at})
	}
}

func (w *Worker) listCarried() {
	for c := range w.carrying {
		for _, it := range c.grabbed {
			for b := it.first; b < it.first+it.n && !it.j.gone; b++ {
				w.goesOn(taskKey{it.j.id, sched.Block{Layer: it.layer, Block: b}})
			}
		}
	}
}

func (w *Worker) goesOn(k taskKey) {
	w.outlived[k] = true
	w.link.put(wire.Record{Kind: wire.Running, Job: k.job, Layer: int32(k.at.Layer), Block: k.at.Block})
}

// adopt takes tasks out of a range that run already: they report under its attempt.
func (w *Worker) adopt(it *item) {
	key := func(b int32) taskKey { return taskKey{it.j.id, sched.Block{Layer: it.layer, Block: b}} }
	for first, end := it.first, it.first+it.n; ; {
		for first < end && w.outlived[key(first)] {
			w.adopted[key(first)] = it.attempt
			delete(w.outlived, key(first))
			first++
		}
		n := int32(0)
		for first+n < end && !w.outlived[key(first+n)] {
			n++
		}
		if first+n == end {
			it.first, it.n = first, n
			return
		}
		w.ready(item{it.j, it.layer, first, n, it.attempt})
		first += n
	}
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
