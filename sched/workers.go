package sched

// Which of the lists of workers with room a worker is in.
const (
	inNone uint8 = iota
	inIdle
	inSpare
)

// sent is a task a worker with a queue was given.
type sent struct {
	j       *job
	l       *layer
	b       int32
	started bool
	asked   bool // Return was said
}

type worker struct {
	id          WorkerID
	up, paused  bool
	alone       bool // runs a quarantined task and gets nothing else
	in          uint8
	at          int32 // place in the list
	session     Session
	slots       int32
	queue       int32
	busy        int32    // tasks given and not reported
	away        int32    // of these are away, and take no place
	left        []leaver // of these have been away
	suspects    int32    // suspects among them
	mem         int64    // 0 means unbounded
	labels      uint64
	has, free   Resources // in all, and not taken by tasks it was given
	band, disk  float64   // bytes a second into it, 0 if its driver did not say, and from its disk
	links       []link    // what was measured, in the order of from
	measured    int64     // Now of the last Mem
	onDisk      float64   // part of what it holds that is spilled
	out         []sent    // in the order given; kept only if queue > 0
	batchJob    *job
	batch       []Block // tasks without inputs set aside for it, so that neighbours are made at the same place
	head        int32   // the first of batch not taken
	batchPlace  int32   // in State.batches
	lastSession Session
}

// worker returns the worker that reports ev, nil if its session is over.
func (s *State) worker(ev *Event) *worker {
	if ev.Worker < 0 || int(ev.Worker) >= len(s.workers) {
		return nil
	}
	w := &s.workers[ev.Worker]
	if !w.up || w.session != ev.Session && !s.breaks(ruleSession) {
		return nil
	}
	return w
}

func (s *State) onUp(ev *Event) {
	if ev.Worker < 0 || ev.Worker >= MaxWorkers {
		return
	}
	for int(ev.Worker) >= len(s.workers) {
		s.workers = append(s.workers, worker{id: WorkerID(len(s.workers))})
	}
	w := &s.workers[ev.Worker]
	if ev.Session <= w.lastSession {
		return
	}
	if w.up {
		s.down(ev.Worker, 0)
	}
	disk := ev.Disk
	if disk <= 0 {
		disk = DefaultDisk
	}
	var has Resources
	if ev.Resources != nil {
		has = *ev.Resources
	}
	*w = worker{id: w.id, has: has, free: has, up: true, session: ev.Session, lastSession: ev.Session, slots: max(ev.Slots, 0), queue: max(ev.Queue, 0),
		mem: max(ev.Bytes, 0), labels: ev.Labels, band: float64(max(ev.Bandwidth, 0)), disk: float64(disk), out: w.out[:0], batch: w.batch[:0]}
	s.up++
	s.measure()
	s.relist(w)
}

func (s *State) onDown(ev *Event) {
	if s.worker(ev) != nil {
		s.down(ev.Worker, ev.Code)
	}
}

// down ends a session: its blocks are lost, its tasks are not running.
func (s *State) down(id WorkerID, code int64) {
	w := &s.workers[id]
	type victim struct {
		j *job
		l *layer
		t Block
	}
	var victims []victim
	sure := w.load() <= w.slots // every task it was given had a slot
	s.flushBatch(w)
	w.up = false
	s.relist(w)
	s.up--
	s.unlink(id)
	s.measure()
	if s.reserve == id {
		s.reserve = nobody
	}
	for _, j := range s.jobs {
		for _, l := range j.layers {
			for b := range l.n {
				if WorkerID(l.who[b]) != id || l.st[b]&(fHeld|fRunning) == 0 {
					continue
				}
				if l.st[b]&fHeld != 0 {
					s.lose(j, l, b)
					continue
				}
				l.st[b] &^= fRunning | fCopy
				j.running--
				j.dirty = !s.breaks(ruleRebuild)
				switch {
				case j.state == dead, l.spec.Given && !s.breaks(ruleGiven):
				case (sure || w.started(l, b)) && !w.excused(l, b):
					victims = append(victims, victim{j, l, Block{l.id, b}})
					fallthrough
				case !s.breaks(ruleSuspect):
					l.st[b] |= fSuspect
				}
			}
		}
	}
	w.busy, w.away, w.left, w.suspects, w.alone, w.out, w.free = 0, 0, nil, 0, false, w.out[:0], w.has
	for _, v := range victims {
		r := v.j.record(v.t)
		r.causes = append(r.causes, Cause{LostWorker, id, w.session, v.l.att[v.t.Block], code})
		s.lostUnder(v.j, v.l, v.t, r)
	}
}

// started says whether a task was reported as started.
func (w *worker) started(l *layer, b int32) bool {
	if w.leaver(l, b) != nil {
		return true
	}
	for i := range w.out {
		if w.out[i].l == l && w.out[i].b == b {
			return w.out[i].started
		}
	}
	return false
}

func (s *State) onMem(ev *Event) {
	w := s.worker(ev)
	if w == nil || ev.Now < w.measured && !s.breaks(ruleMeasured) {
		return
	}
	w.measured, w.onDisk = ev.Now, 0
	if all := ev.Bytes + ev.Spilled; ev.Spilled > 0 && ev.Bytes >= 0 && all > 0 {
		w.onDisk = float64(ev.Spilled) / float64(all)
	}
	if w.paused == ev.Paused {
		return
	}
	w.paused = ev.Paused
	if w.paused {
		s.flushBatch(w)
		if s.reserve == ev.Worker {
			s.reserve = nobody
		}
		for i := range w.out {
			s.askBack(w, i)
		}
	}
	s.relist(w)
}

// onHeld believes a new session that it still has blocks, where they are missing.
func (s *State) onHeld(ev *Event) {
	w := s.worker(ev)
	if w == nil || ev.Block < 0 {
		return
	}
	j, l, ok := s.at(ev.Job, ev.Layer, ev.Block)
	end := int32(min(int64(ev.Block)+int64(max(ev.N, 1)), 1<<31-1))
	if !ok || j.state == dead || l.spec.Lent != nil {
		s.act(Action{Kind: Free, Job: ev.Job, Layer: ev.Layer, First: ev.Block, N: end - ev.Block, Worker: ev.Worker, Session: ev.Session})
		return
	}
	for b := ev.Block; b < min(end, l.n); b++ {
		st := l.st[b]
		switch {
		case st&(fHeld|fRunning) == 0 && !s.breaks(ruleAdopt):
			l.st[b] = st | fHeld
			l.who[b], l.size[b] = uint16(ev.Worker), units(ev.Bytes)
			l.held++
			j.held++
			l.make(ev, b, s.breaks(ruleMade))
			j.dirty = true
		case WorkerID(l.who[b]) != ev.Worker:
			s.actFree(j.id, l.id, b, ev.Worker)
		case st&fRunning != 0 && !s.breaks(ruleCopy):
			l.st[b] = st | fCopy
			l.size[b] = units(ev.Bytes)
		}
	}
}

// onRunning lets a task that outlived its session go on, under a new attempt, unless its block is there or is being made.
// It is not what ended that session.
func (s *State) onRunning(ev *Event) {
	w := s.worker(ev)
	j, l, ok := s.at(ev.Job, ev.Layer, ev.Block)
	if w != nil && ok && j.state != dead && l.st[ev.Block]&fWithdrawn != 0 && !s.breaks(ruleHalt) {
		s.halt(j, l, ev.Block, w, 0)
		return
	}
	if w == nil || !ok || l.spec.Lent != nil || w.paused || w.alone || j.state != live || l.st[ev.Block]&(fHeld|fRunning|fConsumed|fAlone) != 0 ||
		ev.Block >= l.limit() || w.load() >= w.most() && !ev.Away || !l.asks.Within(&w.free) {
		return
	}
	if r := j.records[Block{l.id, ev.Block}]; r != nil && r.sessions > 0 && r.causes[len(r.causes)-1].Worker == w.id {
		r.sessions--
		r.causes = r.causes[:len(r.causes)-1]
	}
	l.st[ev.Block] &^= fTimer | fSuspect
	s.run(j, l, ev.Block, w, false)
	if n := len(w.out); n > 0 {
		w.out[n-1].started = true
	}
	if ev.Away { // by now it may be back, or have to begin again
		w.left = append(w.left, leaver{l, ev.Block, false})
	}
	j.dirty = true
}

// measure finds the largest memory among the workers that are up. While none is, no task is too large: one may come.
func (s *State) measure() {
	s.most = -1
	for i := range s.workers {
		switch w := &s.workers[i]; {
		case !w.up:
		case w.mem == 0:
			s.most = -1
			return
		default:
			s.most = max(s.most, w.mem)
		}
	}
}

// fits says that the tasks of a layer may be given to a worker once it has room.
func (w *worker) fits(l *layer) bool {
	return l.labels&^w.labels == 0 && l.asks.Within(&w.has) && (w.mem == 0 || l.spec.Floor <= w.mem)
}

// take counts what a task takes of the resources of a worker, n times.
func (w *worker) take(l *layer, n int32) {
	if l.asks == (Resources{}) {
		return
	}
	for k, x := range l.asks {
		w.free[k] -= n * x
	}
}

// room says in which list a worker belongs: idle, spare or none.
func (s *State) room(w *worker) uint8 {
	switch {
	case !w.up || w.paused || w.alone || s.reserve == w.id:
		return inNone
	case w.load() < w.slots:
		return inIdle
	case w.slots > 0 && w.load() < w.most():
		return inSpare
	}
	return inNone
}

// most is how many tasks a worker may have beside those that are away. With a suspect it is sent nothing ahead, so that it is certain what ran there
// if it dies.
func (w *worker) most() int32 {
	if w.suspects > 0 {
		return w.slots
	}
	return int32(min(int64(w.slots)+int64(w.queue), 1<<31-1))
}

// relist puts a worker into the list it belongs to.
func (s *State) relist(w *worker) {
	in := s.room(w)
	if in == w.in {
		return
	}
	if w.in != inNone {
		list := s.list(w.in)
		last := (*list)[len(*list)-1]
		(*list)[w.at] = last
		s.workers[last].at = w.at
		*list = (*list)[:len(*list)-1]
	}
	if w.in = in; in != inNone {
		list := s.list(in)
		w.at = int32(len(*list))
		*list = append(*list, w.id)
	}
}

func (s *State) list(in uint8) *[]WorkerID {
	if in == inIdle {
		return &s.idle
	}
	return &s.spare
}
