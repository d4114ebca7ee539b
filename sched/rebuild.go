package sched

// rebuild computes the derived state of a job from the facts: what is needed (from the wanted blocks down over
// blocks nobody holds), how many inputs a task misses, how many readers a block has, what is ready, what can be freed
// or delivered. Called when a job is submitted or extended and after losses; O(tasks + edges).
func (s *State) rebuild(j *job) {
	s.reach(j)
	j.dirty, j.idle = false, false
	j.left, j.held = 0, 0
	j.ready, j.alone, j.aside = j.ready[:0], j.alone[:0], j.aside[:0]
	j.walk.target, j.walk.stack = 0, j.walk.stack[:0]
	s.dropBatches(j)
	for _, l := range j.layers {
		l.reset()
		j.held += int64(l.held)
	}
	for i := len(j.order) - 1; i >= 0; i-- {
		if l := j.order[i]; l.known {
			j.left += l.derive()
		}
	}
	for _, l := range j.order {
		if !l.known {
			continue
		}
		s.deliverAll(j, l)
		for b := range l.n {
			switch st := l.st[b]; {
			case st&fHeld != 0:
				s.maybeFree(j, l, b)
			case st&(fNeed|fRunning) == fNeed && l.nwait[b] == 0 && (len(l.in) > 0 || st&fAlone != 0):
				s.enqueue(j, l, b)
			}
		}
		s.announce(j, l)
	}
}

func (l *layer) reset() {
	clear(l.nwait)
	clear(l.nuse)
	l.allUse, l.held, l.need, l.cur, l.next = 0, 0, 0, 0, 0
	l.allWant, l.swept = false, false
	for b, st := range l.st {
		l.st[b] = st &^ derived
		if st&fHeld != 0 {
			l.held++
		}
	}
	for l.next < l.n && l.st[l.next]&(fIssued|fWithdrawn) != 0 {
		l.next++
	}
}

// derive finds what of l is needed, given that all its readers went before, and tells its inputs. A running task does
// not need its inputs to be made again: it may have them already, and if not it will say so. It returns how many wanted
// blocks are missing.
func (l *layer) derive() (left int64) {
	running, listed := false, false // listed: some of its inputs are claimed block by block
	for i := range l.in {
		e := &l.in[i]
		e.fresh = e.w.Kind == Table && e.sealed && e.from != l && e.from.held == 0
		listed = listed || !e.fresh
	}
	for b := l.n - 1; b >= 0; b-- {
		st := l.st[b]
		if st&(fHeld|fWithdrawn) == 0 {
			want := l.wanted(b)
			if want {
				left++
			}
			if want || l.allWant || l.late > 0 || st&fNeed != 0 {
				st |= fNeed
				l.st[b] = st
				l.need++
			}
		}
		if st&(fNeed|fRunning) != 0 {
			running = running || st&fRunning != 0
			if listed {
				l.nwait[b] += l.claimListed(b, st&fRunning == 0)
			}
		}
	}
	for i := range l.in {
		if e := &l.in[i]; e.fresh {
			e.claimFresh(l, l.need == l.n && !running)
		}
	}
	return left
}

// claimListed makes block b a reader of its inputs by all edges that are not fresh, and returns how many are missing.
func (l *layer) claimListed(b int32, need bool) (missing int32) {
	for i := range l.in {
		if e := &l.in[i]; !e.fresh {
			missing += e.claim(b, need)
		}
	}
	return missing
}

// claimFresh claims a fresh edge for all blocks of l that read. Where that are all, and they need what they read, it goes
// along both tables instead of from one to the other: at ten million blocks that saves two cache misses for each.
func (e *edge) claimFresh(l *layer, all bool) {
	f := e.from
	if !all {
		for b, st := range l.st {
			if st&(fNeed|fRunning) != 0 {
				l.nwait[b] += e.claim(int32(b), st&fRunning == 0)
			}
		}
		return
	}
	for b := range l.nwait {
		l.nwait[b] += e.w.At[b+1] - e.w.At[b]
	}
	for x := range f.nuse {
		if n := e.at[x+1] - e.at[x]; n > 0 {
			f.nuse[x] += n
			f.st[x] |= fNeed
		}
	}
}

// claim makes block b a reader of its inputs by this edge, needing them if need is set, and returns how many are missing.
func (e *edge) claim(b int32, need bool) (missing int32) {
	f := e.from
	switch {
	case !f.known:
		return 1
	case e.w.Kind == All:
		f.allUse++
		f.allWant = f.allWant || need
		if !f.complete() {
			return 1
		}
		return 0
	}
	lo, hi, list := e.w.Needs(b, f.n)
	for d := lo; d < hi; d++ {
		missing += f.claim(d, need)
	}
	for _, d := range list {
		missing += f.claim(d, need)
	}
	return missing
}

func (l *layer) claim(b int32, need bool) int32 {
	l.nuse[b]++
	if l.st[b]&fHeld != 0 {
		return 0
	}
	if need {
		l.st[b] |= fNeed
	}
	return 1
}
