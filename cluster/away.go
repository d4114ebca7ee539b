package cluster

import (
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// A function that waits for other tasks of a cluster (op.Waiting) may wait for one that only its own worker can run, on the
// very thread the function has. So its task gives the thread back meanwhile, and the scheduler hears that the task is away:
// it takes no place at the worker, however many there are. Then each task that is needed begins some time, for whatever runs
// ends, fails, or is away itself. What the task has in memory, and its resources, it keeps. Its context is what it was: a
// task that is away ends with its job and its time-out, is withdrawn, and counts as running where a worker retires or dies.

// Leave implements shell.Lender.
func (t *gather) Leave(x *shell.Task) {
	w := t.j.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if !x.Waits() {
		return
	}
	w.ahead--
	w.away++
	t.seat.Leave()
	w.turn(wire.Away, t.item(), t.session)
	w.feed()
}

// Back implements shell.Lender.
func (t *gather) Back(x *shell.Task) {
	t.j.w.mu.Lock()
	defer t.j.w.mu.Unlock()
	if x.Woke() {
		t.takeSlot()
		t.j.w.turn(wire.Back, t.item(), t.session)
	}
}

// takeSlot takes the slot of a task again that was away; w is locked.
func (t *gather) takeSlot() {
	t.j.w.ahead++
	t.j.w.away--
	t.seat.Back()
}

// item is the task as the scheduler handed it out.
func (t *gather) item() item {
	return item{Job: t.j, Layer: t.layer, First: t.block, N: 1, Attempt: sched.Attempt(t.attempt)}
}

// Leave implements shell.Lender. What else is in the hand goes on without the carrier: what is over is reported, and what has
// not begun goes to others.
func (c *carrier) Leave(x *shell.Task) {
	w := c.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if !c.hand.Leave(x) {
		return
	}
	c.away = true
	w.carriers--
	w.away++
	c.seat.Leave()
	over, next, halted := c.hand.Split()
	w.tell(c, over)
	for _, it := range halted {
		w.let(it, c.session, false)
	}
	for _, it := range next {
		w.let(it, c.session, true)
	}
	w.turn(wire.Away, c.hand.Items()[0], c.session)
	w.feed()
}

// Back implements shell.Lender.
func (c *carrier) Back(x *shell.Task) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.hand.Back(x) {
		c.takeSlot()
		c.w.turn(wire.Back, c.hand.Items()[0], c.session)
	}
}

// ended takes the slot of a task again that has ended while a goroutine of it waited.
func (c *carrier) ended() {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if c.away {
		c.takeSlot()
	}
}

// takeSlot takes the slot again; w is locked.
func (c *carrier) takeSlot() {
	c.away = false
	c.w.carriers++
	c.w.away--
	c.seat.Back()
}

// let takes tasks out of the hand of a carrier which have not begun: back into the queue, or back to the scheduler. Those of
// an earlier session count under the attempts of this one, if they have any; w is locked.
func (w *Worker) let(it item, session uint32, begins bool) {
	j := it.Job
	j.live -= int(it.N)
	defer j.settle()
	switch {
	case j.gone, w.session == 0 && session != 0: // it is forgotten, like the queue
	case begins && session == w.session:
		w.queue.AddDirect(it)
	default:
		for b := it.First; b < it.First+it.N; b++ {
			rec := wire.Record{Kind: wire.Returned, Job: j.id, Layer: int32(it.Layer), Block: b, Attempt: uint32(it.Attempt)}
			switch {
			case !w.relabel(&rec, session):
			case begins:
				w.queue.AddDirect(item{Job: j, Layer: it.Layer, First: b, N: 1, Attempt: sched.Attempt(rec.Attempt)})
			default:
				w.link.put(rec)
			}
		}
	}
}

// turn tells that a task is away, or back. One of an earlier session is told about when the scheduler has it go on in this
// one: see began. w is locked.
func (w *Worker) turn(kind wire.Kind, it item, session uint32) {
	rec := wire.Record{Kind: kind, Job: it.Job.id, Layer: int32(it.Layer), Block: it.First, Attempt: uint32(it.Attempt)}
	if session != w.session {
		attempt, ok := w.adopted[taskKey{it.Job.id, sched.Block{Layer: it.Layer, Block: it.First}}]
		if !ok {
			return
		}
		rec.Attempt = attempt
	}
	if !it.Job.gone {
		w.link.put(rec)
	}
}

// isAway reports whether a task that runs is away; w is locked.
func (w *Worker) isAway(j *work, at sched.Block) bool {
	if t := j.tasks[at]; t != nil {
		return t.ctx.Away()
	}
	for c := range w.carrying {
		if c.away && c.hand.Items()[0].Is(j, at) {
			return true
		}
	}
	return false
}
