package sched

import "slices"

// Defaults of Options and of WorkerUp.
const (
	DefaultPoison    = 3
	DefaultFetches   = 16
	DefaultMaxTasks  = 1 << 27
	DefaultMaxReads  = 1 << 28
	DefaultBandwidth = 1e9   // bytes a second, until some were measured
	DefaultDisk      = 500e6 // bytes a second
)

// Options of a State. Zero values mean the defaults.
type Options struct {
	Poison   int32 // a task is given up when so many lives of workers have ended under it
	Fetches  int32 // and when its inputs could not be fetched so many times
	MaxTasks int64 // of one job; a Submit or Extend beyond it fails
	MaxReads int64 // of one job: blocks its tasks read, each task's counted, but those of All edges; a Submit or Extend beyond it fails
	Story    int   // entries remembered for Story, 0 means none
}

// State is the whole state of the scheduler: workers and jobs. Use New.
type State struct {
	opt     Options
	off     rule // rules switched off, by tests only
	byID    map[JobID]*job
	last    *job   // the job of the last event
	jobs    []*job // higher priority first, then as submitted
	workers []worker
	idle    []WorkerID // workers with a free slot
	spare   []WorkerID // workers with no free slot and room in their queue
	batches []WorkerID // workers with a batch
	up      int32
	most    int64 // memory of the largest worker that is up, -1 if one is unbounded
	reserve WorkerID
	pairs   int    // of workers, whose links were measured
	rates   int64  // sum of theirs
	fell    bool   // a job has failed since the last look at who borrows
	turn    uint32 // moves on at every choice, so that it is not always the same few workers that are asked
	attempt Attempt
	stock   stock
	now     int64
	acts    []Action
	base    int // actions of this step begin here
	ring    ring
}

// rule names a law of the protocol that a test can switch off.
type rule uint32

const (
	ruleAttempt   rule = 1 << iota // a report counts only for the attempt that runs
	ruleSession                    // and from the session that is up
	ruleDuplicate                  // and once
	ruleRebuild                    // derived state is rebuilt after a loss
	ruleSlots                      // a failed attempt gives its slot back
	ruleReaders                    // a block is freed when nobody reads it any more, not before
	rulePoison                     // lives of workers that end under a task are counted
	ruleSuspect                    // what was at a worker that died is not sent ahead again, so that it is certain what the next one dies of
	ruleAlone                      // before the last try a suspect runs alone, so that no innocent task is blamed
	ruleLate                       // a late layer needs all of its inputs
	ruleMade                       // the statistics of a layer count each block once
	ruleWindow                     // nothing starts beyond the reader's window
	ruleTurn                       // an Ordered layer is delivered in order
	ruleReissue                    // what was lost before it was consumed is delivered again
	ruleRetries                    // retries have an end
	ruleFetch                      // a block that was not found is believed to be lost
	ruleAdopt                      // a new session's word about what it holds counts
	ruleCopy                       // even about what it is making again
	ruleMeasured                   // an old Mem report does not undo a newer one
	ruleOver                       // what did not fit into memory runs alone the next time
	ruleMissing                    // what a reader outside does not find is made and delivered again
	ruleClaim                      // who did not find a block says where: if it is elsewhere by now it is not lost
	ruleClosed                     // a job is closed when none of its tasks runs any more, not before
	ruleResources                  // a worker gets no task while what that asks for is taken by others
	rulePairs                      // what is missing is weighed by how fast it comes from where it is
	ruleReach                      // what reads a withdrawn block is withdrawn too
	ruleHalt                       // a task that is withdrawn while it runs is told so, in a later session too
	ruleLent                       // a lent block that was not found is lost to its lender, too
	ruleGiven                      // a task that only waits is not blamed for the end of its worker
	ruleKept                       // who needs what is not kept any more does not wait for it
	ruleAway                       // a task that waits for others takes no place from them
	allRules      = iota
)

func (s *State) breaks(r rule) bool { return s.off&r != 0 }

// New returns a scheduler without workers and jobs.
func New(opt Options) *State {
	if opt.Poison <= 0 {
		opt.Poison = DefaultPoison
	}
	if opt.Fetches <= 0 {
		opt.Fetches = DefaultFetches
	}
	if opt.MaxTasks <= 0 || opt.MaxTasks > 1<<31-1 {
		opt.MaxTasks = DefaultMaxTasks
	}
	if opt.MaxReads <= 0 {
		opt.MaxReads = DefaultMaxReads
	}
	s := &State{opt: opt, byID: map[JobID]*job{}, reserve: nobody}
	s.ring.entries = make([]Entry, 0, max(opt.Story, 0))
	return s
}

// Step applies an event and appends what must be done to acts. Total: any event is legal in any state; what is stale or
// names what does not exist changes nothing.
func (s *State) Step(ev Event, acts []Action) []Action {
	s.acts, s.base = acts, len(acts)
	s.apply(&ev)
	s.settle()
	acts, s.acts = s.acts, nil
	return acts
}

// StepAll applies events in order, then decides once. After a loss with many reports it is much cheaper than Steps.
func (s *State) StepAll(evs []Event, acts []Action) []Action {
	s.acts, s.base = acts, len(acts)
	for i := range evs {
		s.apply(&evs[i])
	}
	s.settle()
	acts, s.acts = s.acts, nil
	return acts
}

func (s *State) apply(ev *Event) {
	s.noteEvent(ev)
	switch ev.Kind {
	case Done:
		s.onDone(ev)
	case Submit:
		s.onSubmit(ev)
	case Extend:
		s.onExtend(ev)
	case WorkerUp:
		s.onUp(ev)
	case WorkerDown:
		s.onDown(ev)
	case Started:
		s.onStarted(ev)
	case Failed, FetchFailed, Returned:
		s.onNotDone(ev)
	case Held:
		s.onHeld(ev)
	case Missing:
		s.onMissing(ev)
	case Mem:
		s.onMem(ev)
	case Consumed:
		s.onConsumed(ev)
	case Enough:
		s.onEnough(ev)
	case Cancel:
		s.onCancel(ev)
	case Tick:
		s.onTick(ev)
	case Running:
		s.onRunning(ev)
	case Read:
		s.onRead(ev)
	case Moved:
		s.onMoved(ev)
	case Withdraw:
		s.onWithdraw(ev)
	case Away:
		s.onAway(ev)
	case Back:
		s.onBack(ev)
	}
}

// settle makes derived state follow from the facts again, places what can be placed and closes what has ended.
func (s *State) settle() {
	for s.fell = true; s.fell; { // again for those that borrow of a job that fails meanwhile
		s.fell = false
		for _, j := range s.jobs {
			if j.dirty && j.state != dead {
				s.rebuild(j)
			}
			if j.borrows && j.state != dead {
				s.borrow(j)
			}
			s.finish(j)
		}
		s.place()
	}
	for i := len(s.jobs) - 1; i >= 0; i-- {
		if j := s.jobs[i]; j.state == dead && (j.running == 0 || s.breaks(ruleClosed)) {
			s.close(j)
		}
	}
}

// finish says Finished when all that was wanted is there, and lets the job end when nothing of it is held.
func (s *State) finish(j *job) {
	if j.state == live && j.unknown == 0 && j.left == 0 {
		j.state = done
		s.act(Action{Kind: Finished, Job: j.id})
	}
	if j.state == done && j.running == 0 && j.held == 0 && j.left == 0 {
		j.state = dead
	}
}

func (s *State) close(j *job) {
	for _, l := range j.layers {
		for b := range l.n {
			if l.st[b]&fHeld != 0 && l.spec.Lent == nil {
				s.actFree(j.id, l.id, b, WorkerID(l.who[b]))
			}
		}
	}
	s.dropBatches(j)
	s.act(Action{Kind: Closed, Job: j.id})
	s.jobs = slices.DeleteFunc(s.jobs, func(x *job) bool { return x == j })
	delete(s.byID, j.id)
	s.stock.leave(j)
	if s.last == j {
		s.last = nil
	}
}

// fail gives up a job. Its tasks still report; then it is closed.
func (s *State) fail(j *job, err *JobError) {
	if j.state == dead {
		return
	}
	j.state, j.dirty, s.fell = dead, false, true
	j.ready, j.alone, j.aside, j.timers = nil, nil, nil, nil
	s.dropBatches(j)
	s.act(Action{Kind: Fail, Job: j.id, Layer: err.Task.Layer, First: err.Task.Block, N: 1, Err: err})
}

func (s *State) act(a Action) {
	s.acts = append(s.acts, a)
	s.noteAction(&s.acts[len(s.acts)-1])
}

// actFree appends a Free, or lengthens the one just appended.
func (s *State) actFree(j JobID, l LayerID, b int32, w WorkerID) {
	if n := len(s.acts); n > s.base {
		a := &s.acts[n-1]
		if a.Kind == Free && a.First+a.N == b && a.Layer == l && a.Job == j && a.Worker == w {
			a.N++
			s.noteOne(a, b)
			return
		}
	}
	s.act(Action{Kind: Free, Job: j, Layer: l, First: b, N: 1, Worker: w, Session: s.workers[w].session})
}

func (s *State) job(id JobID) *job {
	if s.last != nil && s.last.id == id {
		return s.last
	}
	j := s.byID[id]
	if j != nil {
		s.last = j
	}
	return j
}

// at returns the layer and says whether block b of it exists.
func (s *State) at(id JobID, l LayerID, b int32) (*job, *layer, bool) {
	j := s.job(id)
	if j == nil || l < 0 || int(l) >= len(j.layers) {
		return nil, nil, false
	}
	k := j.layers[l]
	return j, k, b >= 0 && b < k.n
}

// Holder returns the worker that holds a block. False: nobody does.
func (s *State) Holder(id JobID, l LayerID, b int32) (WorkerID, Session, bool) {
	_, k, ok := s.at(id, l, b)
	if !ok || k.st[b]&fHeld == 0 {
		return 0, 0, false
	}
	w := WorkerID(k.who[b])
	return w, s.workers[w].session, true
}

// Inputs appends the blocks that a task reads to in, edge by edge. Edges from layers whose number of blocks is not known
// yet give nothing.
func (s *State) Inputs(id JobID, l LayerID, b int32, in []Block) []Block {
	_, k, ok := s.at(id, l, b)
	if !ok {
		return in
	}
	for i := range k.in {
		e := &k.in[i]
		if !e.sealed {
			continue
		}
		lo, hi, list := e.w.Needs(b, e.from.n)
		for d := lo; d < hi; d++ {
			in = append(in, Block{e.from.id, d})
		}
		for _, d := range list {
			in = append(in, Block{e.from.id, d})
		}
	}
	return in
}

// Wake returns when the next Tick is due: the earliest end of a delay before a retry. False: no task waits for the clock.
func (s *State) Wake() (now int64, ok bool) {
	for _, j := range s.jobs {
		if len(j.timers) > 0 && (!ok || j.timers[0].due < now) {
			now, ok = j.timers[0].due, true
		}
	}
	return now, ok
}

// Progress is how far a layer is.
type Progress struct {
	N       int32 // blocks, 0 while not known
	Need    int32 // still to be made, running ones included
	Held    int32 // held on some worker
	Made    int32 // made at least once
	Bytes   int64 // of all made, each counted once
	Rows    int64
	Nanos   float64 // smoothed time of one task
	Pending bool    // late, and not set yet
}

// Progress returns the state of the layers of a job, in order; nil if there is no such job.
func (s *State) Progress(id JobID) []Progress {
	j := s.job(id)
	if j == nil {
		return nil
	}
	p := make([]Progress, len(j.layers))
	for i, l := range j.layers {
		p[i] = Progress{l.n, l.need, l.held, l.made, l.bytes, l.rows, l.nanos, !l.known}
	}
	return p
}

// Load returns how many tasks a worker has been given and has not reported, those that are away among them, and whether it is up.
func (s *State) Load(w WorkerID) (busy int32, up bool) {
	if w < 0 || int(w) >= len(s.workers) {
		return 0, false
	}
	return s.workers[w].busy, s.workers[w].up
}
