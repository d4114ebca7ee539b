package local

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// ready queues what the scheduler handed out. The runner is locked.
func (r *Runner) ready(it item) {
	if it.j.prog.Direct(graph.LayerID(it.layer)) {
		r.direct = append(r.direct, it)
		return
	}
	at, _ := slices.BinarySearchFunc(r.real, it.key(), func(x item, k uint64) int {
		return cmp.Or(cmp.Compare(x.key(), k), -1)
	})
	r.real = slices.Insert(r.real, at, it)
}

// feed hands tasks to the node: real ones a few ahead, direct ones to carriers.
// The runner is locked.
func (r *Runner) feed() {
	if r.closed {
		r.drain()
	}
	for r.ahead < most*r.threads && len(r.real) > 0 {
		it := &r.real[0]
		if it.n > 0 {
			r.ahead++
			r.launch(it.j, it.layer, it.first, it.attempt)
			it.first++
			it.n--
		}
		if it.n == 0 {
			r.real = slices.Delete(r.real, 0, 1)
		}
	}
	if r.head < len(r.direct) && r.carriers < r.threads {
		r.carriers++
		r.node.Go(r.direct[r.head].key(), r.carry)
	}
}

// drain answers for what will not be run any more, because the runner is closed.
func (r *Runner) drain() {
	for len(r.real) > 0 || r.head < len(r.direct) {
		list := append(r.real, r.direct[r.head:]...)
		r.real, r.direct, r.head = nil, nil, 0
		for _, it := range list {
			for b := it.first; b < it.first+it.n; b++ {
				r.stepLocked(it.j.failed(it.layer, b, it.attempt, errors.New("the runner was closed")))
			}
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
	w.Done = func(v chunk.Value, err error) {
		ev := j.report(nil, layer, b, attempt, v, err)
		r.mu.Lock()
		r.ahead--
		r.stepLocked(ev)
		r.feed()
		r.mu.Unlock()
	}
	j.prog.Start(j.ctx, r.node, w)
}

// A carrier is the scratch of one thread that runs direct tasks.
type carrier struct {
	grabbed []item
	done    []sched.Event
	in      []op.In
	lent    []lent // to be used
}

// carry is a carrier at work: it runs direct tasks until there are none, or until it has
// kept others waiting. It takes several under one lock when they are much shorter
// than that: how many doubles while a handful takes less than batchTime, and falls
// back to one.
func (r *Runner) carry() {
	c := r.idle.Get().(*carrier)
	defer r.idle.Put(c)
	grab, since := int32(1), time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if len(c.done) > 0 {
			r.stepLocked(c.done...)
			c.done = c.done[:0]
		}
		start := time.Now()
		if start.Sub(since) > carryTime && r.node.Waiting() > 0 {
			break
		}
		if c.grabbed = r.pop(c.grabbed[:0], grab); len(c.grabbed) == 0 {
			break
		}
		r.feed()
		r.mu.Unlock()
		n := int32(0)
		for _, it := range c.grabbed {
			for b := it.first; b < it.first+it.n; b++ {
				c.done = append(c.done, it.j.call(c, it.layer, b, it.attempt))
				n++
			}
		}
		clear(c.grabbed)
		if time.Since(start) < batchTime {
			grab = min(2*max(grab, n), maxGrab)
		} else {
			grab = 1
		}
		r.mu.Lock()
	}
	r.carriers--
	r.feed()
}

const (
	batchTime = 100 * time.Microsecond
	maxGrab   = 512
	carryTime = 5 * time.Millisecond
)

// pop takes up to n direct tasks from the ring.
func (r *Runner) pop(dst []item, n int32) []item {
	for n > 0 && r.head < len(r.direct) {
		it := &r.direct[r.head]
		k := min(n, it.n)
		if k > 0 {
			dst = append(dst, item{it.j, it.layer, it.first, k, it.attempt})
		}
		it.first += k
		it.n -= k
		n -= k
		if it.n == 0 {
			it.j = nil
			r.head++
		}
	}
	if r.head == len(r.direct) {
		r.direct, r.head = r.direct[:0], 0
	} else if r.head > 4096 && 2*r.head > len(r.direct) {
		r.direct = r.direct[:copy(r.direct, r.direct[r.head:])]
		r.head = 0
	}
	return dst
}
