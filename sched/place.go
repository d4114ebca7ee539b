package sched

// place gives ready tasks to workers until no worker has room or no job has work. One worker (local mode) is not
// compared with anything.
func (s *State) place() {
	s.placeAlone()
	for _, j := range s.jobs {
		for _, t := range j.aside {
			l := j.layers[t.Layer]
			j.ready.push(uint64(l.pos)<<32 | uint64(uint32(t.Block)))
			j.idle = false
		}
		j.aside = j.aside[:0]
	}
	for len(s.idle)+len(s.spare) > 0 {
		j := s.pick()
		if j == nil {
			break
		}
		if !s.placeOne(j) {
			j.idle = true
		}
	}
	if len(s.idle) > 0 {
		s.fetchBack()
	}
}

// pick returns the job to place next: of those with the highest priority that have work the one with fewest running
// tasks, then the oldest.
func (s *State) pick() (best *job) {
	for _, j := range s.jobs {
		if j.idle || j.state == dead || j.choosy && s.roomFor(j) == nil {
			continue
		}
		if best != nil && j.prio < best.prio {
			break
		}
		if best == nil || j.running < best.running {
			best = j
		}
	}
	return best
}

// placeOne places the best task of a job: a ready one, else one without inputs. False: there is none.
func (s *State) placeOne(j *job) bool {
	if len(j.ready) > 0 {
		k := j.ready.pop()
		s.placeTask(j, j.byPos[k>>32], int32(uint32(k)))
		return true
	}
	w := s.roomFor(j)
	l, b, ok := s.root(j, w)
	if !ok {
		return false
	}
	if w.fits(l) && s.may(w, l, b) {
		s.run(j, l, b, w, false)
	} else {
		s.placeTask(j, l, b)
	}
	return true
}

func (s *State) roomiest() *worker {
	if n := len(s.idle); n > 0 {
		return &s.workers[s.idle[n-1]]
	}
	return &s.workers[s.spare[len(s.spare)-1]]
}

// roomFor returns a worker with room for a task of a job: with its labels, and the resources it asks for free. Nil: there
// is none.
func (s *State) roomFor(j *job) *worker {
	if !j.choosy {
		return s.roomiest()
	}
	for _, list := range [2][]WorkerID{s.idle, s.spare} {
		for i := len(list) - 1; i >= 0; i-- {
			if w := &s.workers[list[i]]; j.labels&^w.labels == 0 && (j.asks.Within(&w.free) || s.breaks(ruleResources)) {
				return w
			}
		}
	}
	return nil
}

// may says that a task may be given to a worker with room now: a suspect only to a free slot, and only if nothing that it
// asks for is taken.
func (s *State) may(w *worker, l *layer, b int32) bool {
	return (w.in == inIdle || l.st[b]&fSuspect == 0) && (l.asks.Within(&w.free) || s.breaks(ruleResources))
}

func (s *State) placeTask(j *job, l *layer, b int32) {
	if s.most >= 0 && l.spec.Floor > s.most {
		s.fail(j, &JobError{Class: OverMemory, Task: Block{l.id, b}, Text: tooLarge(l.spec.Floor, s.most)})
		return
	}
	if w := s.choose(l, b); w != nil {
		s.run(j, l, b, w, false)
	} else {
		j.aside = append(j.aside, Block{l.id, b})
	}
}

// run gives a task to a worker.
func (s *State) run(j *job, l *layer, b int32, w *worker, alone bool) {
	l.st[b] = l.st[b]&^fQueued | fRunning
	l.who[b] = uint16(w.id)
	j.running++
	w.busy++
	w.take(l, 1)
	w.alone = alone
	if l.st[b]&fSuspect != 0 {
		w.suspects++
	}
	s.relist(w)
	if w.queue > 0 {
		w.out = append(w.out, sent{j: j, l: l, b: b})
	}
	if n := len(s.acts); n > s.base && !alone {
		a := &s.acts[n-1]
		if a.Kind == Run && !a.Alone && a.Layer == l.id && a.First+a.N == b && a.Job == j.id && a.Worker == w.id {
			a.N++
			l.att[b] = a.Attempt
			s.noteOne(a, b)
			return
		}
	}
	s.attempt++
	l.att[b] = s.attempt
	s.act(Action{Kind: Run, Alone: alone, Job: j.id, Layer: l.id, First: b, N: 1, Worker: w.id, Session: w.session, Attempt: s.attempt})
}

const candidates = 8

// holding is what a worker holds of the inputs of a task.
type holding struct {
	w     WorkerID
	bytes float64
}

// choose returns the worker where a task would start earliest: when a slot comes free there, and what is missing of the
// inputs has come. Looked at are the holders of the largest inputs and two workers with room, whatever their number.
func (s *State) choose(l *layer, b int32) *worker {
	if s.up == 1 {
		if w := s.roomiest(); w.fits(l) && s.may(w, l, b) {
			return w
		}
		return nil
	}
	if len(s.idle) == 0 && l.st[b]&fSuspect != 0 {
		return nil
	}
	var have [candidates]holding
	n, total := s.holders(l, b, &have)
	var best *worker
	var least float64
	try := func(id WorkerID) {
		w := &s.workers[id]
		if w.in == inNone || !w.fits(l) || !s.may(w, l, b) {
			return
		}
		c := s.cost(l, w, have[:n], total)
		if best == nil || c < least || c == least && (w.load() < best.load() || w.load() == best.load() && w.id < best.id) {
			best, least = w, c
		}
	}
	for i := range n {
		try(have[i].w)
	}
	list := s.idle
	if len(list) == 0 {
		list = s.spare
	}
	s.turn++
	try(list[len(list)-1])
	try(list[s.turn%uint32(len(list))])
	if best == nil { // only for lack of memory, labels or resources
		for _, id := range s.idle {
			try(id)
		}
		for _, id := range s.spare {
			try(id)
		}
	}
	return best
}

// cost is the time in seconds until a task could start on a worker: until a slot comes free, and until what is missing has
// come, from those it was measured with as fast as it does, from others as fast as is usual.
func (s *State) cost(l *layer, w *worker, have []holding, total float64) float64 {
	c := 0.0
	if w.load() >= w.slots {
		c = float64(w.before(l)) * l.lasts() / 1e9 / float64(w.slots)
	}
	missing := total
	for i := range have {
		h := &s.workers[have[i].w]
		if h == w {
			missing -= have[i].bytes
		} else if rate, ok := s.pace(w, h.id); ok {
			missing -= have[i].bytes
			c += have[i].bytes / rate
		}
		c += have[i].bytes * h.onDisk / h.disk
	}
	return c + max(missing, 0)/s.usual(w)
}

// unmeasured is how many nanoseconds a task is taken to last before one of its layer has ended. With nothing all tasks of a layer
// would wait for the worker that has what they read, however little that is; with much more, whole blocks of arrays would be moved to
// save waits that are shorter than the move.
const unmeasured = 2e6

// lasts is how many nanoseconds a task of l takes.
func (l *layer) lasts() float64 {
	if l.nanos == 0 {
		return unmeasured
	}
	return l.nanos
}

// before returns how many tasks a busy worker ends before it begins one of l: all that it has, but for those of later
// layers that wait. Of these the last few are looked at.
func (w *worker) before(l *layer) int32 {
	n := w.load() - w.slots + 1
	for i := len(w.out) - 1; i >= max(0, len(w.out)-candidates); i-- {
		t := &w.out[i]
		if !t.started && t.l.pos > l.pos && int(l.id) < len(t.j.layers) && t.j.layers[l.id] == l {
			n--
		}
	}
	return max(n, 1)
}

// holders finds who holds how much of the inputs of a task, the largest first. Of an edge with more than 16 blocks 16 are
// looked at, evenly apart.
func (s *State) holders(l *layer, b int32, have *[candidates]holding) (n int, total float64) {
	for i := range l.in {
		e := &l.in[i]
		if !e.sealed {
			continue
		}
		lo, hi, list := e.w.Needs(b, e.from.n)
		if list != nil {
			lo, hi = 0, int32(len(list))
		}
		count := hi - lo
		looks := min(count, 16)
		for k := range looks {
			d := lo + int32(int64(k)*int64(count)/int64(looks))
			if list != nil {
				d = list[d]
			}
			if e.from.st[d]&fHeld == 0 {
				continue
			}
			bytes := float64(e.from.size[d]) * 64 * e.part * float64(count) / float64(looks)
			total += bytes
			n = note(have, n, WorkerID(e.from.who[d]), bytes)
		}
	}
	return n, total
}

// note adds bytes to a holder and keeps the list sorted, the largest first; the smallest falls out.
func note(have *[candidates]holding, n int, w WorkerID, bytes float64) int {
	at := 0
	for at < n && have[at].w != w {
		at++
	}
	switch {
	case at < n:
		have[at].bytes += bytes
	case n < candidates:
		have[n] = holding{w, bytes}
		n++
	case have[n-1].bytes < bytes:
		at = n - 1
		have[at] = holding{w, bytes}
	default:
		return n
	}
	for at > 0 && have[at].bytes > have[at-1].bytes {
		have[at], have[at-1] = have[at-1], have[at]
		at--
	}
	return n
}

// root returns a task without missing inputs for a worker: from the batch set aside for it, else from the walk, of which
// it then sets aside a batch of what comes next, else from the end of another worker's batch.
func (s *State) root(j *job, w *worker) (*layer, int32, bool) {
	if s.up == 1 {
		return j.walk.next(j)
	}
	if w.batchJob == j {
		t := w.batch[w.head]
		w.head++
		s.batchTaken(j, w)
		return j.layers[t.Layer], t.Block, true
	}
	l, b, ok := j.walk.next(j)
	if !ok {
		return s.raid(j)
	}
	if w.batchJob != nil {
		return l, b, true
	}
	w.batch, w.head = w.batch[:0], 0
	for range min(l.need/(4*s.up), 32) - 1 {
		k, c, ok := j.walk.next(j)
		if !ok {
			break
		}
		w.batch = append(w.batch, Block{k.id, c})
	}
	if len(w.batch) > 0 {
		w.batchJob, w.batchPlace = j, int32(len(s.batches))
		s.batches = append(s.batches, w.id)
		j.batched += int32(len(w.batch))
	}
	return l, b, true
}

func (s *State) batchTaken(j *job, w *worker) {
	j.batched--
	if int(w.head) == len(w.batch) {
		s.unlistBatch(w)
	}
}

func (s *State) unlistBatch(w *worker) {
	last := s.batches[len(s.batches)-1]
	s.batches[w.batchPlace] = last
	s.workers[last].batchPlace = w.batchPlace
	s.batches = s.batches[:len(s.batches)-1]
	w.batchJob = nil
}

// raid takes the last task of the longest of up to eight batches of the job.
func (s *State) raid(j *job) (*layer, int32, bool) {
	if j.batched == 0 {
		return nil, 0, false
	}
	var best *worker
	s.turn++
	for i, looked := 0, 0; i < len(s.batches) && looked < candidates; i++ {
		w := &s.workers[s.batches[(int(s.turn%uint32(len(s.batches)))+i)%len(s.batches)]]
		if w.batchJob != j {
			continue
		}
		if looked++; best == nil || w.waiting() > best.waiting() {
			best = w
		}
	}
	t := best.batch[len(best.batch)-1]
	best.batch = best.batch[:len(best.batch)-1]
	s.batchTaken(j, best)
	return j.layers[t.Layer], t.Block, true
}

// flushBatch gives the batch of a worker that takes no tasks back to its job.
func (s *State) flushBatch(w *worker) {
	j := w.batchJob
	if j == nil {
		return
	}
	s.unlistBatch(w)
	j.batched -= int32(w.waiting())
	for _, t := range w.batch[w.head:] {
		l := j.layers[t.Layer]
		l.st[t.Block] &^= fQueued
		if !j.dirty && l.st[t.Block]&fNeed != 0 {
			s.enqueue(j, l, t.Block)
		}
	}
	w.batch, w.head = w.batch[:0], 0
}

func (w *worker) waiting() int { return len(w.batch) - int(w.head) }

// dropBatches forgets the batches of a job; rebuild follows, or the job is over.
func (s *State) dropBatches(j *job) {
	for i := len(s.batches) - 1; i >= 0; i-- {
		if w := &s.workers[s.batches[i]]; w.batchJob == j {
			w.batch, w.head = w.batch[:0], 0
			s.unlistBatch(w)
		}
	}
	j.batched = 0
}

// placeAlone runs quarantined tasks on workers with nothing beside them. One worker at a time is drained for that.
func (s *State) placeAlone() {
	for _, j := range s.jobs {
		for len(j.alone) > 0 {
			t := j.alone[0]
			l := j.layers[t.Layer]
			if s.most >= 0 && l.spec.Floor > s.most {
				s.fail(j, &JobError{Class: OverMemory, Task: t, Text: tooLarge(l.spec.Floor, s.most)})
				break
			}
			w := s.drained(l)
			if w == nil {
				return
			}
			j.alone = j.alone[1:]
			s.run(j, l, t.Block, w, true)
		}
	}
	s.keep(nobody)
}

// drained returns a worker that runs nothing: what is away there may wait for the very task. If there is none it keeps one from getting more and returns nil.
func (s *State) drained(l *layer) *worker {
	if s.reserve == nobody || !s.workers[s.reserve].fits(l) {
		s.keep(nobody)
		best := WorkerID(nobody)
		for _, list := range [2][]WorkerID{s.idle, s.spare} {
			for _, id := range list {
				w := &s.workers[id]
				if w.fits(l) && (best == nobody || w.load() < s.workers[best].load() || w.load() == s.workers[best].load() && id < best) {
					best = id
				}
			}
		}
		s.keep(best)
	}
	if s.reserve == nobody || s.workers[s.reserve].load() > 0 {
		return nil
	}
	w := &s.workers[s.reserve]
	s.flushBatch(w)
	s.reserve = nobody
	return w
}

// keep changes the worker that is being drained.
func (s *State) keep(id WorkerID) {
	was := s.reserve
	if was == id {
		return
	}
	s.reserve = id
	if was != nobody {
		s.relist(&s.workers[was])
	}
	if id != nobody {
		s.flushBatch(&s.workers[id])
		s.relist(&s.workers[id])
	}
}

// fetchBack asks for a task that waits at a busy worker while another worker idles and no job has work. A task goes back
// once at most.
func (s *State) fetchBack() {
	for _, j := range s.jobs {
		if !j.idle && j.state != dead && !j.choosy {
			return
		}
	}
	n := len(s.workers)
	asks := len(s.idle)
	for range min(n, candidates) {
		s.turn++
		w := &s.workers[int(s.turn%uint32(n))]
		for i := len(w.out) - 1; w.up && i >= int(w.slots) && asks > 0; i-- {
			if s.askBack(w, i) {
				asks--
			}
		}
	}
}

func (s *State) askBack(w *worker, i int) bool {
	o := &w.out[i]
	if o.started || o.asked || o.l.st[o.b]&fBack != 0 {
		return false
	}
	o.asked = true
	s.act(Action{Kind: Return, Job: o.j.id, Layer: o.l.id, First: o.b, N: 1, Worker: w.id, Session: w.session, Attempt: o.l.att[o.b]})
	return true
}
