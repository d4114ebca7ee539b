package sched

// What can go wrong with a task, and what is done about it.

// onNotDone ends an attempt that made no block: Failed, FetchFailed, Returned.
func (s *State) onNotDone(ev *Event) {
	j, l, w, ok := s.reported(ev)
	if !ok {
		return
	}
	b := ev.Block
	if !s.breaks(ruleSlots) {
		s.release(j, l, w, b)
	} else {
		l.st[b] &^= fRunning
		j.running--
	}
	switch st := l.st[b]; {
	case st&(fCopy|fMade) == fCopy|fMade: // the copy from before will do
		l.st[b] = st&^fCopy | fHeld
		l.held++
		j.held++
		j.dirty = true
		return
	case st&fCopy != 0: // its rows were never counted
		l.st[b] = st &^ fCopy
		s.actFree(j.id, l.id, b, w.id)
	}
	if j.state == dead {
		return
	}
	if !j.dirty && l.st[b]&fNeed == 0 { // it was let run to its end though nobody needed it any more
		s.unclaim(j, l, b)
		return
	}
	if l.st[b]&fWithdrawn != 0 { // j is dirty
		return
	}
	t := Block{l.id, b}
	if ev.Kind == Returned {
		l.st[b] |= fBack
	} else {
		s.blame(j, l, t, ev)
	}
	switch {
	case j.state == dead || j.dirty:
	case l.nwait[b] == 0:
		s.enqueue(j, l, b)
	default: // while it ran nobody needed its lost inputs
		j.dirty = !s.breaks(ruleRebuild)
	}
}

// blame applies the policy for a failed attempt: which facts are no longer so, whether and when to try again.
func (s *State) blame(j *job, l *layer, t Block, ev *Event) {
	class := ev.Class
	if ev.Kind == FetchFailed {
		class = LostInput
	}
	r := j.record(t)
	r.causes = append(r.causes, Cause{class, ev.Worker, ev.Session, ev.Attempt, ev.Code})
	switch {
	case class == LostInput || class == Corrupt && s.inputAt(j, l, ev):
		if r.fetches++; r.fetches >= s.opt.Fetches {
			s.giveUp(j, l, t, class, r)
			return
		}
		s.loseInput(j, l, ev)
	case class == LostWorker: // a driver that knows better than WorkerDown whom to blame
		s.lostUnder(j, l, t, r)
	case class == OverMemory:
		if r.over++; r.over > 1 {
			s.giveUp(j, l, t, OverMemory, r)
			return
		}
		if !s.breaks(ruleOver) {
			l.st[t.Block] |= fAlone
		}
	default:
		r.fails++
		may := ev.Retryable || class == Corrupt
		if !may || r.fails > l.spec.Retry.Max && !s.breaks(ruleRetries) {
			s.giveUp(j, l, t, class, r)
			return
		}
		s.delay(j, l, t, r)
	}
}

// giveUp fails the job for a task, unless the task is not needed any more.
func (s *State) giveUp(j *job, l *layer, t Block, class Class, r *record) {
	if j.state == dead {
		return
	}
	if j.dirty {
		s.rebuild(j)
	}
	if l.st[t.Block]&fNeed != 0 {
		s.fail(j, &JobError{Class: class, Task: t, Causes: r.causes})
	}
}

func (j *job) record(t Block) *record {
	r := j.records[t]
	if r == nil {
		if j.records == nil {
			j.records = map[Block]*record{}
		}
		r = &record{}
		j.records[t] = r
	}
	return r
}

// inputAt says whether ev.Dep is an input of the task that is believed to be held where it was not (or not sound).
func (s *State) inputAt(j *job, l *layer, ev *Event) bool {
	_, f, ok := s.at(j.id, ev.Dep.Layer, ev.Dep.Block)
	if !ok || f.st[ev.Dep.Block]&fHeld == 0 || WorkerID(f.who[ev.Dep.Block]) != ev.DepWorker && !s.breaks(ruleClaim) {
		return false
	}
	for i := range l.in {
		if e := &l.in[i]; e.from == f && e.sealed && e.needs(ev.Block, ev.Dep.Block) {
			return true
		}
	}
	return false
}

func (e *edge) needs(b, d int32) bool {
	lo, hi, list := e.w.Needs(b, e.from.n)
	for _, x := range list {
		if x == d {
			return true
		}
	}
	return lo <= d && d < hi
}

// loseInput takes the word of a reader that a block is not where the facts say.
func (s *State) loseInput(j *job, l *layer, ev *Event) {
	if !s.inputAt(j, l, ev) || s.breaks(ruleFetch) {
		return
	}
	f := j.layers[ev.Dep.Layer]
	if f.spec.Lent != nil {
		s.recall(f, ev.Dep.Block, ev.DepWorker)
	} else {
		s.actFree(j.id, f.id, ev.Dep.Block, ev.DepWorker)
	}
	s.lose(j, f, ev.Dep.Block)
}

// onMissing takes the word of a reader outside that a block is not at the worker that holds it.
func (s *State) onMissing(ev *Event) {
	w := s.worker(ev)
	j, l, ok := s.at(ev.Job, ev.Layer, ev.Block)
	if w == nil || !ok || s.breaks(ruleMissing) || j.state == dead || l.st[ev.Block]&fHeld == 0 || WorkerID(l.who[ev.Block]) != ev.Worker {
		return
	}
	t := Block{l.id, ev.Block}
	r := j.record(t)
	r.fetches++
	r.causes = append(r.causes, Cause{LostInput, ev.Worker, ev.Session, l.att[ev.Block], ev.Code})
	s.actFree(j.id, l.id, ev.Block, ev.Worker)
	s.lose(j, l, ev.Block)
	if r.fetches >= s.opt.Fetches {
		s.giveUp(j, l, t, LostInput, r)
	}
}

// lose withdraws the fact that a block is held.
func (s *State) lose(j *job, l *layer, b int32) {
	l.st[b] &^= fHeld | fDelivered
	l.held--
	j.held--
	j.dirty = !s.breaks(ruleRebuild)
}

// lostUnder counts a life of a worker that ended while it ran task t. After the last but one the task is quarantined: it
// runs with nothing beside it, so that no innocent task is blamed for the next loss.
func (s *State) lostUnder(j *job, l *layer, t Block, r *record) {
	if s.breaks(rulePoison) {
		return
	}
	r.sessions++
	if r.sessions >= s.opt.Poison {
		s.giveUp(j, l, t, LostWorker, r)
		return
	}
	if r.sessions >= s.opt.Poison-1 && !s.breaks(ruleAlone) {
		l.st[t.Block] |= fAlone
	}
}

// delay puts a failed task to sleep until its next try is due.
func (s *State) delay(j *job, l *layer, t Block, r *record) {
	p := l.spec.Retry
	if p.Delay <= 0 {
		return
	}
	d := p.Delay
	for i := int32(1); i < r.fails && d < 1<<61 && (p.Cap <= 0 || d < p.Cap); i++ {
		d *= 2
	}
	if p.Cap > 0 {
		d = min(d, p.Cap)
	}
	r.due = s.now + min(d, 1<<62)
	l.st[t.Block] |= fTimer
	j.timers.Push(timer{r.due, t})
}
