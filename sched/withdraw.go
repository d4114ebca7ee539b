package sched

// Tasks that are given up one by one, while their job goes on.

func (s *State) onWithdraw(ev *Event) {
	j, l, ok := s.at(ev.Job, ev.Layer, ev.Block)
	if !ok || j.state == dead {
		return
	}
	for b := ev.Block; b < l.n && b-ev.Block < max(ev.N, 1); b++ {
		s.withdraw(j, l, b)
	}
}

// withdraw gives up one task: nobody needs its block any more. If it runs its worker is told. What reads it follows with
// the next rebuild.
func (s *State) withdraw(j *job, l *layer, b int32) {
	st := l.st[b]
	if st&fWithdrawn != 0 {
		return
	}
	if st&fConsumed == 0 {
		l.consumed++
	}
	l.st[b] = st | fWithdrawn | fConsumed
	l.withdrawn++
	j.dirty = true
	if l.announced == 0 && l.made == 0 {
		l.announced = -1 // there may be nothing left to make: those who wait for LayerDone must hear that
	}
	if st&fRunning != 0 && !s.breaks(ruleHalt) {
		w := &s.workers[l.who[b]]
		s.halt(j, l, b, w, l.att[b])
	}
}

func (s *State) halt(j *job, l *layer, b int32, w *worker, a Attempt) {
	s.act(Action{Kind: Halt, Job: j.id, Layer: l.id, First: b, N: 1, Worker: w.id, Session: w.session, Attempt: a})
}

// reach withdraws what reads withdrawn blocks, inputs before readers, in O(tasks + edges) of the layers that do.
func (s *State) reach(j *job) {
	for _, l := range j.order {
		if !l.readsWithdrawn() {
			continue
		}
		for b := range l.n {
			if l.st[b]&fWithdrawn == 0 && l.bereft(b) && !s.breaks(ruleReach) {
				s.withdraw(j, l, b)
			}
		}
	}
}

// readsWithdrawn says that blocks of an input of the layer are withdrawn.
func (l *layer) readsWithdrawn() bool {
	for i := range l.in {
		if l.in[i].sealed && l.in[i].from.withdrawn > 0 {
			return true
		}
	}
	return false
}

// bereft says that task b reads a withdrawn block.
func (l *layer) bereft(b int32) bool {
	for i := range l.in {
		e := &l.in[i]
		f := e.from
		switch {
		case !e.sealed || f.withdrawn == 0:
			continue
		case e.w.Kind == All:
			return true
		}
		lo, hi, list := e.w.Needs(b, f.n)
		for d := lo; d < hi; d++ {
			if f.st[d]&fWithdrawn != 0 {
				return true
			}
		}
		for _, d := range list {
			if f.st[d]&fWithdrawn != 0 {
				return true
			}
		}
	}
	return false
}
