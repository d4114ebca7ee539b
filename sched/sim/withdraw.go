package sim

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/node"
)

// withdrawOne has a job go on without one of its tasks, and without what reads it.
func (s *sim) withdrawOne() {
	j := s.jobs[s.r.IntN(len(s.jobs))]
	l := s.r.IntN(len(j.layers))
	n := j.layers[l].N
	if n == 0 || j.stopped || j.closed || !j.submitted || len(j.plan.Stages) > 0 || s.lends(j) { // who borrows would fail
		return
	}
	t := sched.Block{Layer: sched.LayerID(l), Block: s.r.Int32N(n)}
	j.dropped = append(j.dropped, t)
	s.step(sched.Event{Kind: sched.Withdraw, Job: j.id, Layer: t.Layer, Block: t.Block})
}

// giveUp notes what a job goes on without: a task and all that read it, found by looking through all tasks until there is
// nothing new.
func (j *jobRun) giveUp(t sched.Block) {
	cancelled := j.stopped && len(j.enough) == 0 // who has read enough may still withdraw what others are to keep
	if cancelled || j.over || j.closed {
		return
	}
	j.gone[t] = true
	for more := true; more; {
		more = false
		for l := range j.layers {
			for b := range j.layers[l].N {
				t := sched.Block{Layer: sched.LayerID(l), Block: b}
				if !j.gone[t] && slices.ContainsFunc(j.layers[l].In, func(e sched.Edge) bool { return j.bereft(&e, b) }) {
					j.gone[t], more = true, true
				}
			}
		}
	}
}

// bereft says that block b reads what is given up.
func (j *jobRun) bereft(e *sched.Edge, b int32) bool {
	lo, hi, list := e.Wiring.Needs(b, j.layers[e.From].N)
	for d := lo; d < hi; d++ {
		list = append(list[:len(list):len(list)], d)
	}
	return slices.ContainsFunc(list, func(d int32) bool { return j.gone[sched.Block{Layer: e.From, Block: d}] })
}

// deaf says that a task does not end yet: half of those that run when they are withdrawn end only when they are told to. One
// that outlived its session must be told if it was withdrawn when the next one began. Where the whole job has ended its
// workers are told that, and not task by task.
func (p *proc) deaf(a *assignment) bool {
	j := p.s.jobs[a.job]
	if !j.gone[a.t] || a.halted || j.stopped || j.over || j.closed || a.outlived && !a.late || a.t.Block%2 != 0 {
		return false
	}
	if a.waits++; a.waits > 1000 {
		p.s.err = fmt.Errorf("job %d: task %v was withdrawn, it runs on worker %d and is not told", a.job, a.t, p.id)
	}
	return true
}

// halt ends a task that was withdrawn: at once if it has not started, else soon.
func (p *proc) halt(k key) {
	p.stopped[k] = true
	t, ok := p.running[k]
	if !ok {
		return // its report is under way
	}
	p.node(node.Event{Kind: node.Take, Task: t})
	a := p.tasks[t]
	a.halted = true
	p.later(p.s.net(), func() {
		if i, still := p.running[k]; still && i == t {
			delete(p.running, k)
			p.node(node.Event{Kind: node.End, Task: t, Value: -1})
			p.report(sched.Returned, a, sched.Event{})
		}
	})
}
