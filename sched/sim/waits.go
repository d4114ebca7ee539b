package sim

import (
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/node"
)

// waits decides whether a task that has begun waits in the middle of its time for a later job: then it is away until that
// is over. A job that borrows may need what this one is to make, so that it is not waited for.
func (p *proc) waits(t int32, d int64) bool {
	s, a := p.s, p.tasks[t]
	if s.cfg.Waits == 0 || s.r.Float64() >= s.cfg.Waits {
		return false
	}
	var later []*jobRun
	for _, j := range s.jobs[a.job+1:] {
		if len(j.lenders()) == 0 {
			later = append(later, j)
		}
	}
	if len(later) == 0 {
		return false
	}
	j, first := later[s.r.IntN(len(later))], s.r.Int64N(d)
	p.later(first, func() {
		if i, ok := p.running[a.key]; !ok || i != t { // it was halted
			return
		}
		a.away, a.left = true, true
		p.node(node.Event{Kind: node.Away, Task: t})
		p.report(sched.Away, a, sched.Event{})
		life := p.life
		j.waiters = append(j.waiters, func() {
			if p.life == life {
				p.later(s.net(), func() { p.back(t, d-first, d) })
			}
		})
		s.wakeWaiters()
	})
	return true
}

// back has a task go on that was away, until it ends.
func (p *proc) back(t int32, left, d int64) {
	a := p.tasks[t]
	if i, ok := p.running[a.key]; !ok || i != t {
		return
	}
	a.away = false
	p.node(node.Event{Kind: node.Back, Task: t})
	p.report(sched.Back, a, sched.Event{})
	p.later(left, func() { p.done(t, d) })
}

// adopt has a task that outlived its session go on under a new attempt, and says if it is away.
func (p *proc) adopt(a *assignment, attempt sched.Attempt) {
	a.outlived, a.attempt = false, attempt
	if a.away {
		p.report(sched.Away, a, sched.Event{})
	}
}

// wakeWaiters wakes those who wait for jobs that are over.
func (s *sim) wakeWaiters() {
	for _, j := range s.jobs {
		if !j.finished && !j.stopped && !j.closed {
			continue
		}
		waiters := j.waiters
		j.waiters = nil
		for _, f := range waiters {
			f()
		}
	}
}
