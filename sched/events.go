package sched

import "slices"

func (s *State) onSubmit(ev *Event) {
	if s.byID[ev.Job] != nil {
		return
	}
	j, msg := newJob(ev.Job, ev.Spec, &s.opt, &s.stock)
	if msg == "" {
		msg = s.checkLent(j)
	}
	if msg != "" {
		s.act(Action{Kind: Fail, Job: ev.Job, First: nobody, Err: invalid(msg)})
		s.act(Action{Kind: Closed, Job: ev.Job})
		return
	}
	j.dirty = true
	s.byID[j.id] = j
	i := len(s.jobs)
	for i > 0 && s.jobs[i-1].prio < j.prio {
		i--
	}
	s.jobs = slices.Insert(s.jobs, i, j)
	s.forgetLate(j)
}

func invalid(msg string) *JobError {
	return &JobError{Class: Invalid, Task: Block{0, nobody}, Text: msg}
}

func (s *State) onExtend(ev *Event) {
	j := s.job(ev.Job)
	if j == nil || j.state != live {
		return
	}
	j.dirty = true
	msg := j.apply(ev.Ext)
	if msg == "" {
		msg = s.checkLent(j)
	}
	if msg != "" {
		s.fail(j, invalid(msg))
		return
	}
	s.forgetLate(j)
}

// forgetLate breaks the rule that late readers hold their inputs.
func (s *State) forgetLate(j *job) {
	if s.breaks(ruleLate) {
		for _, l := range j.layers {
			l.late = 0
		}
	}
}

func (s *State) onCancel(ev *Event) {
	j := s.job(ev.Job)
	switch {
	case j == nil || j.state == dead:
	case j.state == live:
		s.fail(j, &JobError{Class: Cancelled, Task: Block{0, nobody}})
	default:
		j.state, j.dirty = dead, false
		s.dropBatches(j)
	}
}

func (s *State) onEnough(ev *Event) {
	j, l, _ := s.at(ev.Job, ev.Layer, 0)
	if l == nil || l.enough || !l.stream() || j.state == dead {
		return
	}
	l.enough, j.dirty = true, true
}

func (s *State) onConsumed(ev *Event) {
	n := max(ev.N, 1)
	j, l, ok := s.at(ev.Job, ev.Layer, ev.Block)
	if !ok || !l.stream() || j.state == dead {
		return
	}
	was := l.limit()
	for b := ev.Block; b < l.n && b-ev.Block < n; b++ {
		st := l.st[b]
		if st&(fIssued|fConsumed) != fIssued {
			continue
		}
		l.st[b] = st | fConsumed
		l.consumed++
		switch {
		case j.dirty:
		case st&fHeld != 0:
			s.maybeFree(j, l, b)
		default:
			j.dirty = true // its loss had made it needed again
		}
	}
	if j.dirty || l.limit() == was {
		return
	}
	for b := was; b < l.limit(); b++ {
		if st := l.st[b]; st&fNeed != 0 && l.nwait[b] == 0 && (st&fSeen != 0 || len(l.in) > 0) {
			s.enqueue(j, l, b)
		}
	}
	j.walk.target, j.idle = 0, false
}

// onRead takes the word of a reader that it has blocks already, whoever delivered them. Of an Ordered layer it has those
// before any that it does not have.
func (s *State) onRead(ev *Event) {
	j, l, ok := s.at(ev.Job, ev.Layer, ev.Block)
	if !ok || !l.stream() || j.state == dead {
		return
	}
	for b := ev.Block; b < l.n && b-ev.Block < max(ev.N, 1); b++ {
		for l.next < b && l.st[l.next]&fWithdrawn != 0 {
			l.next++
		}
		if l.spec.Keep == Ordered && b > l.next {
			return
		}
		if l.st[b]&fConsumed == 0 {
			l.st[b] |= fIssued | fConsumed
			l.consumed++
			l.next = max(l.next, b+1)
			j.dirty = true
		}
	}
}

func (s *State) onTick(ev *Event) {
	s.now = max(s.now, ev.Now)
	for _, j := range s.jobs {
		for len(j.timers) > 0 && j.timers[0].due <= s.now {
			t := j.timers.Pop()
			l := j.layers[t.t.Layer]
			b := t.t.Block
			l.st[b] &^= fTimer
			if !j.dirty && l.st[b]&fNeed != 0 && l.nwait[b] == 0 {
				s.enqueue(j, l, b)
			}
		}
	}
}

// reported returns what a report speaks of; ok is false when it is stale.
func (s *State) reported(ev *Event) (j *job, l *layer, w *worker, ok bool) {
	w = s.worker(ev)
	if w == nil {
		return nil, nil, nil, false
	}
	j, l, ok = s.at(ev.Job, ev.Layer, ev.Block)
	if !ok {
		return nil, nil, w, false
	}
	b := ev.Block
	ok = (l.st[b]&fRunning != 0 || s.breaks(ruleDuplicate)) && (WorkerID(l.who[b]) == ev.Worker || s.breaks(ruleSession)) &&
		(l.att[b] == ev.Attempt || s.breaks(ruleAttempt))
	return j, l, w, ok
}

func (s *State) onStarted(ev *Event) {
	_, l, w, ok := s.reported(ev)
	if !ok {
		return
	}
	for i := range w.out {
		if o := &w.out[i]; o.l == l && o.b == ev.Block {
			o.started = true
		}
	}
}

func (s *State) onDone(ev *Event) {
	j, l, w, ok := s.reported(ev)
	b := ev.Block
	if !ok {
		if l != nil && (l.st[b]&(fHeld|fRunning) == 0 || WorkerID(l.who[b]) != ev.Worker) {
			s.actFree(j.id, l.id, b, ev.Worker)
		}
		return
	}
	s.release(j, l, w, b)
	st := l.st[b]&^(fRunning|fCopy|fSuspect) | fHeld
	l.st[b], l.who[b] = st, uint16(ev.Worker)
	l.size[b] = units(ev.Bytes)
	l.held++
	j.held++
	l.make(ev, b, s.breaks(ruleMade))
	if j.dirty || j.state == dead {
		return
	}
	s.unclaim(j, l, b)
	s.tellReaders(j, l, b)
	if st&fNeed != 0 {
		l.st[b] &^= fNeed
		l.need--
		if l.wanted(b) {
			j.left--
		}
		if l.stream() {
			s.deliver(j, l, b)
		}
		if l.need == 0 {
			s.announce(j, l)
		}
	}
	s.maybeFree(j, l, b)
}

// make counts a block that is held for the first time. With again it breaks the rule that each counts once.
func (l *layer) make(ev *Event, b int32, again bool) {
	if ev.Nanos > 0 {
		if l.nanos == 0 {
			l.nanos = float64(ev.Nanos)
		}
		l.nanos += (float64(ev.Nanos) - l.nanos) / 8
	}
	if l.st[b]&fMade == 0 || again {
		l.st[b] |= fMade
		l.made++
		l.bytes += max(ev.Bytes, 0)
		l.rows += max(ev.Rows, 0)
	}
}

func units(bytes int64) uint32 { return uint32(min(max(bytes, 0)/64+1, 1<<32-1)) }

// release ends an attempt: the task runs no more and its slot is free.
func (s *State) release(j *job, l *layer, w *worker, b int32) {
	l.st[b] &^= fRunning
	j.running--
	w.busy--
	w.take(l, -1)
	if !w.forget(l, b) { // one that has been away is not the one that runs alone
		w.alone = false
	}
	if l.st[b]&fSuspect != 0 {
		w.suspects--
	}
	for i := range w.out {
		if w.out[i].l == l && w.out[i].b == b {
			w.out = slices.Delete(w.out, i, i+1)
			break
		}
	}
	s.relist(w)
}

// unclaim takes block b from the readers of its inputs, and frees the inputs nobody else reads.
func (s *State) unclaim(j *job, l *layer, b int32) {
	for i := range l.in {
		e := &l.in[i]
		f := e.from
		switch {
		case !e.sealed:
		case e.w.Kind == All:
			if f.allUse--; f.allUse == 0 {
				for d := range f.n {
					s.maybeFree(j, f, d)
				}
			}
		case e.w.Kind == One:
			f.nuse[b]--
			s.maybeFree(j, f, b)
		default:
			lo, hi, list := e.w.Needs(b, f.n)
			for d := lo; d < hi; d++ {
				f.nuse[d]--
				s.maybeFree(j, f, d)
			}
			for _, d := range list {
				f.nuse[d]--
				s.maybeFree(j, f, d)
			}
		}
	}
}

func (s *State) maybeFree(j *job, l *layer, b int32) {
	if l.st[b]&fHeld == 0 || !l.free(b) && !s.breaks(ruleReaders) {
		return
	}
	if s.breaks(ruleReaders) && (l.late > 0 || l.wanted(b)) {
		return
	}
	if l.spec.Lent == nil {
		s.actFree(j.id, l.id, b, WorkerID(l.who[b]))
	}
	l.st[b] &^= fHeld | fDelivered
	l.held--
	j.held--
}

// tellReaders says to the needed readers of block b that one input less is missing.
func (s *State) tellReaders(j *job, l *layer, b int32) {
	for i := range l.readers {
		r := &l.readers[i]
		e := &r.l.in[r.e]
		switch e.w.Kind {
		case One:
			s.tell(j, r.l, b)
		case Span:
			lo, hi := e.w.readers(b, r.l.n)
			for u := lo; u < hi; u++ {
				s.tell(j, r.l, u)
			}
		case All:
			if l.complete() {
				for u := range r.l.n {
					s.tell(j, r.l, u)
				}
			}
		case Table:
			for _, u := range e.list[e.at[b]:e.at[b+1]] {
				s.tell(j, r.l, u)
			}
		}
	}
}

func (s *State) tell(j *job, l *layer, u int32) {
	if l.st[u]&fNeed == 0 {
		return
	}
	if l.nwait[u]--; l.nwait[u] == 0 {
		s.enqueue(j, l, u)
	}
}

// enqueue makes a needed task that misses nothing ready, unless it runs, waits for the clock or for its reader.
func (s *State) enqueue(j *job, l *layer, b int32) {
	st := l.st[b]
	if st&(fQueued|fRunning|fTimer) != 0 || b >= l.limit() && !s.breaks(ruleWindow) {
		return
	}
	l.st[b] = st | fQueued
	j.idle = false
	if st&fAlone != 0 {
		j.alone = append(j.alone, Block{l.id, b})
		return
	}
	j.ready.push(uint64(l.pos)<<32 | uint64(uint32(b)))
}

// deliver hands over what became deliverable when block b of a Stream or Ordered layer came to be held.
func (s *State) deliver(j *job, l *layer, b int32) {
	switch {
	case l.enough:
		return
	case l.spec.Keep == Stream || b < l.next || s.breaks(ruleTurn):
		s.deliverOne(j, l, b)
		return
	}
	for l.next < l.n && l.st[l.next]&(fHeld|fWithdrawn) != 0 {
		s.deliverOne(j, l, l.next)
		l.next++
	}
}

// deliverAll hands over every block of a layer that is held, has its turn and was not delivered from where it is held.
func (s *State) deliverAll(j *job, l *layer) {
	if !l.stream() {
		return
	}
	for b := range l.n {
		if l.st[b]&fHeld != 0 && (b <= l.next || l.spec.Keep == Stream) {
			s.deliver(j, l, b)
		}
	}
}

func (s *State) deliverOne(j *job, l *layer, b int32) {
	st := l.st[b]
	if st&(fHeld|fDelivered|fConsumed) != fHeld || st&fIssued != 0 && s.breaks(ruleReissue) {
		return
	}
	l.st[b] = st | fDelivered | fIssued
	w := WorkerID(l.who[b])
	s.act(Action{Kind: Deliver, Job: j.id, Layer: l.id, First: b, N: 1, Worker: w, Session: s.workers[w].session})
}

// announce says LayerDone when nothing of the layer is missing and something was made since it was last said.
func (s *State) announce(j *job, l *layer) {
	if l.need == 0 && l.made > l.announced {
		l.announced = l.made
		s.act(Action{Kind: LayerDone, Job: j.id, Layer: l.id, N: l.made, Bytes: l.bytes, Rows: l.rows})
	}
}
