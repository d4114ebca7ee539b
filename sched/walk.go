package sched

// walk draws the tasks that miss nothing, depth-first from the wanted blocks: a task is drawn just before the first
// wanted block that cannot do without it. It goes through every needed task once, through an All edge once per
// input layer, and stops a target where its reader has not consumed enough.
type walk struct {
	target int // index into job.targets
	stack  []step
}

// step is a needed task whose inputs the walk looks at.
type step struct {
	l    *layer
	b    int32
	edge int32
	i    int32 // next input within the edge
}

// next returns a ready task and marks it queued. False means that all that may be drawn was drawn.
func (w *walk) next(j *job) (l *layer, b int32, ok bool) {
	for {
		if len(w.stack) == 0 && !w.advance(j) {
			return nil, 0, false
		}
		top := &w.stack[len(w.stack)-1]
		if dl, d := top.miss(); dl != nil {
			dl.st[d] |= fSeen
			w.stack = append(w.stack, step{l: dl, b: d})
			continue
		}
		l, b = top.l, top.b
		w.stack = w.stack[:len(w.stack)-1]
		const no = fRunning | fQueued | fTimer
		if st := l.st[b]; st&fNeed != 0 && st&no == 0 && l.spec.Lent == nil && l.nwait[b] == 0 && b < l.limit() {
			l.st[b] |= fQueued
			return l, b, true
		}
	}
}

// advance starts at the next wanted block that is needed and not seen.
func (w *walk) advance(j *job) bool {
	for ; w.target < len(j.targets); w.target++ {
		l := j.targets[w.target]
		for z := l.limit(); l.cur < z; l.cur++ {
			if l.st[l.cur]&(fNeed|fSeen) == fNeed {
				l.st[l.cur] |= fSeen
				w.stack = append(w.stack, step{l: l, b: l.cur})
				l.cur++
				return true
			}
		}
	}
	return false
}

// miss returns the next input that is needed and not seen.
func (s *step) miss() (*layer, int32) {
	for ; int(s.edge) < len(s.l.in); s.edge, s.i = s.edge+1, 0 {
		e := &s.l.in[s.edge]
		if !e.sealed || e.w.Kind == All && e.from.swept {
			continue
		}
		lo, hi, list := e.w.Needs(s.b, e.from.n)
		if list != nil {
			lo, hi = 0, int32(len(list))
		}
		for lo += s.i; lo < hi; lo++ {
			s.i++
			d := lo
			if list != nil {
				d = list[lo]
			}
			if e.from.st[d]&(fNeed|fSeen) == fNeed {
				return e.from, d
			}
		}
		if e.w.Kind == All {
			e.from.swept = true
		}
	}
	return nil, 0
}
