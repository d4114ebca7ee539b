package local

import (
	"context"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// ready queues what the scheduler handed out. The runner is locked.
func (r *Runner) ready(it item) {
	if it.Job.prog.Direct(graph.LayerID(it.Layer)) {
		r.queue.AddDirect(it)
	} else {
		r.queue.AddReal(it)
	}
}

// feed hands tasks to the node: real ones a few ahead, direct ones to carriers.
// The runner is locked.
func (r *Runner) feed() {
	if r.stale {
		r.drain()
	}
	for r.ahead < most*r.threads {
		it, ok := r.queue.Real()
		if !ok {
			break
		}
		r.ahead++
		r.launch(it.Job, it.Layer, it.First, it.Attempt)
	}
	if len(r.carriers) < r.threads {
		if key, ok := r.queue.Direct(); ok {
			c := r.idle.Get().(*carrier)
			r.carriers[c] = true
			r.node.Go(key, func() { r.carry(c) }, nil)
		}
	}
}

// drain answers for tasks in the queue whose job has ended.
func (r *Runner) drain() {
	r.stale = false
	for _, it := range r.queue.Drop(func(j *job) bool { return j.ctx.Err() != nil }) {
		for b := it.First; b < it.First+it.N; b++ {
			r.stepLocked(it.Job.failed(it.Layer, b, it.Attempt, context.Cause(it.Job.ctx)))
		}
	}
}

// launch hands one task to the node.
func (r *Runner) launch(j *job, layer sched.LayerID, b int32, attempt sched.Attempt) {
	l := &j.plan.Graph.Layers[layer]
	w := exec.Work{Layer: graph.LayerID(layer), Block: int(b), In: j.inputs(l, b), Key: j.sh.Key(layer, b), Next: j.sh.Next(layer, b), TimeOut: l.Retry.TimeOut}
	if j.plan.Need != nil {
		w.Need = j.plan.Need[layer]
	}
	t, at := shell.NewTask(j.ctx), sched.Block{Layer: layer, Block: b}
	j.tasks[at] = t
	w.Done = func(v chunk.Value, err error) {
		ev := j.report(nil, t.End(), at, attempt, v, err)
		r.mu.Lock()
		r.ahead--
		delete(j.tasks, at)
		r.stepLocked(ev)
		r.feed()
		r.mu.Unlock()
	}
	j.prog.Start(t, r.node, w)
}

// halt ends a task that was withdrawn: what has not begun goes back at once.
func (r *Runner) halt(j *job, a sched.Action, evs []sched.Event) []sched.Event {
	at := sched.Block{Layer: a.Layer, Block: a.First}
	if r.queue.Take(j, a.Layer, a.First, a.Attempt) {
		return append(evs, j.returned(at, a.Attempt))
	}
	if t := j.tasks[at]; t != nil {
		t.Halt()
	}
	for c := range r.carriers {
		c.hand.Halt(j, a.Layer, a.First)
	}
	return evs
}

// A carrier is the scratch of one thread that runs direct tasks.
type carrier struct {
	hand shell.Hand[*job]
	done []sched.Event
	in   []op.In
	lent []lent // to be used
}

// carry is a carrier at work: it runs direct tasks until there are none, or until it has
// kept others waiting.
func (r *Runner) carry(c *carrier) {
	defer r.idle.Put(c)
	defer r.rest(c)
	pace := shell.NewPace()
	for start := time.Now(); r.take(c, &pace, start); start = time.Now() {
		c.hand.Each(func(it *item, b int32) { it.Job.call(c, it.Layer, b, it.Attempt) })
		pace.Took(time.Since(start))
	}
}

// take reports what a carrier has done and takes more; false when it is to end.
func (r *Runner) take(c *carrier, pace *shell.Pace, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear(c)
	if pace.Kept(now) && r.node.Waiting() > 0 || !c.hand.Take(&r.queue, pace.Grab()) {
		return false
	}
	r.feed()
	return true
}

// hear takes the reports of a carrier. The runner is locked.
func (r *Runner) hear(c *carrier) {
	if len(c.done) > 0 {
		r.stepLocked(c.done...)
		c.done = c.done[:0]
		c.hand.Drop()
	}
}

// rest ends a carrier.
func (r *Runner) rest(c *carrier) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hear(c)
	delete(r.carriers, c)
	r.feed()
}
