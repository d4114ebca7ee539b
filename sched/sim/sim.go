// Package sim runs the scheduler and the machines of its workers in virtual time, from one seed: whole clusters with
// workers that die and come back, connections that break, slow workers, lost results, reports that come late or twice,
// failing tasks and little memory. A run is a function of its plans and its Config; a seed that fails can be replayed.
package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/weft-data/weft/sched"
)

// Config of a run. Times are in virtual nanoseconds.
type Config struct {
	Seed    uint64
	Workers int
	Slots   int32
	Queue   int32 // tasks sent ahead
	// Resources are what each worker has.
	Resources sched.Resources
	Memory    int64 // budget of a worker, 0 means unbounded
	Net       int64 // longest time of a message
	Work      int64 // longest time of a task
	Apart     bool  // what a session begins with is taken piece by piece, not together
	Batch     int64 // longest time that events wait to be taken together; 0 means each is taken at once
	// Narrow is how long a byte takes from the first worker to the second; from others it takes one. 0: bytes take no time, and
	// nobody measures it.
	Narrow int64

	Kills     int // processes that die and come back empty
	Blackouts int // times that all processes die
	Breaks    int // connections that break; the process keeps what it has, goes on with what it runs and connects again
	Stalls    int // times that nothing comes through to a process, or from it, or both, and then all of it
	Rifts     int // times that one process cannot fetch from another, with an error or without an answer
	Losses    int // held blocks that vanish without a word
	Full      int // times that a disk is full: spilling fails
	Swells    int // times that a process has more memory than it may, for a while, whatever its tasks have reserved
	Slow      int // changes of a worker's speed, up to 20 times slower
	Retires   int // processes that are sent away, give their blocks to others, end and come back empty
	Cancels   int // jobs cancelled, or told that it is enough
	Crashes   int // schedulers that die; the next one knows jobs and decisions
	Withdraws int // tasks that are given up, of jobs whose layers are all known

	// Waits is the chance that a task waits in the middle for a later job, away from its slot.
	Waits   float64
	Dup     float64                                   // chance that a report is repeated much later
	Flaky   float64                                   // chance that a task fails and may be tried again
	Over    float64                                   // chance that a task does not fit into memory, unless it runs alone
	Corrupt float64                                   // chance that a block does not have its checksum when it is fetched, or made
	Poison  func(job sched.JobID, t sched.Block) bool // tasks that take their worker with them
	Broken  func(job sched.JobID, t sched.Block) bool // tasks that fail and must not be tried again

	MayFail bool               // jobs may fail; else that is an error
	Steps   int                // most events, 0 means two million
	Check   bool               // after every step
	Log     func(string)       // is told every event and action
	Options sched.Options      // of the scheduler
	Prepare func(*sched.State) // before the first event
}

// Result of a run.
type Result struct {
	Trace uint64 // hash of all events and actions in order
	Steps int    // events the scheduler took
	Tasks int    // blocks all plans have
	Ran   int    // tasks that ran to the end
	Kills int    // workers that died
	Slow  int    // blocks that came from the first worker to the second, where Narrow is not 0

	Retired int   // workers that retired
	Crashes int   // schedulers that died
	End     int64 // when all jobs were closed
	Peak    int64 // most bytes held by all workers at the same time
	Failed  map[sched.JobID]*sched.JobError
}

type happening struct {
	at  int64
	seq int64
	fn  func()
}

type sim struct {
	cfg      Config
	r        *rand.Rand
	st       *sched.State
	now, seq int64
	heap     sched.Heap[happening]
	procs    []*proc
	jobs     []*jobRun
	sessions sched.Session
	closed   int
	wake     int64
	acts     []sched.Action
	epoch    int64 // rises when a block comes or goes
	res      Result
	held     int64
	err      error
	rifts    map[[2]*proc]int64 // until when the first cannot fetch from the second
	waiting  []sched.Event      // that will be taken together
	taken    []sched.Event      // scratch
}

// jobRun is what the client of a job knows.
type jobRun struct {
	id      sched.JobID
	plan    *Plan
	want    [][]uint64
	layers  []sched.Layer
	rows    []int64 // of finished layers, -1 before
	taken   []bool
	gathers map[sched.LayerID]*gather
	got     map[sched.Block]uint64
	next    []int32 // per layer, the next block an Ordered one must deliver
	stopped bool    // cancelled, failed, or told that it is enough
	enough  []sched.LayerID
	dropped []sched.Block        // withdrawn
	waiters []func()             // those who wait for its end
	gone    map[sched.Block]bool // those the scheduler has heard of, and what reads them
	decided []*sched.Extension

	submitted bool
	finished  bool
	over      bool // and nobody needs what it has pinned
	closed    bool
}

// Run runs plans as jobs 0, 1, … to their end and compares what they yield with Evaluate. An error says what went wrong,
// with the seed.
func Run(plans []Plan, cfg Config) (Result, error) {
	cfg.Workers, cfg.Slots = max(cfg.Workers, 1), max(cfg.Slots, 1)
	if cfg.Steps <= 0 {
		cfg.Steps = 2_000_000
	}
	cfg.Net, cfg.Work = max(cfg.Net, 1), max(cfg.Work, 1)
	s := &sim{cfg: cfg, r: rand.New(rand.NewPCG(cfg.Seed, 1))}
	s.rifts = map[[2]*proc]int64{}
	s.res.Failed = map[sched.JobID]*sched.JobError{}
	s.begin()
	horizon := int64(1)
	for i := range plans {
		s.addJob(sched.JobID(i), &plans[i])
		horizon += int64(s.res.Tasks) * cfg.Work / int64(cfg.Workers) / int64(cfg.Slots)
	}
	for i := range cfg.Workers {
		p := &proc{s: s, id: sched.WorkerID(i), slow: 1}
		s.procs = append(s.procs, p)
		s.after(s.r.Int64N(cfg.Net), p.boot)
	}
	horizon += 4 * cfg.Net
	s.plantAll(horizon)
	for len(s.heap) > 0 && s.err == nil {
		h := s.heap.Pop()
		s.now = h.at
		h.fn()
	}
	s.verify()
	s.res.End = s.now
	if s.err != nil {
		s.err = fmt.Errorf("seed %d, t=%d: %w", cfg.Seed, s.now, s.err)
	}
	return s.res, s.err
}

// begin starts a scheduler that knows nothing.
func (s *sim) begin() {
	s.st = sched.New(s.cfg.Options)
	if s.cfg.Prepare != nil {
		s.cfg.Prepare(s.st)
	}
}

func (s *sim) net() int64 { return 1 + s.r.Int64N(s.cfg.Net) }

func (s *sim) addJob(id sched.JobID, p *Plan) {
	j := &jobRun{id: id, plan: p, want: evaluate(p, s.jobs), layers: slices.Clone(p.Spec.Layers), got: map[sched.Block]uint64{}, gone: map[sched.Block]bool{}, taken: make([]bool, len(p.Stages)), gathers: map[sched.LayerID]*gather{}}
	for _, l := range j.want {
		s.res.Tasks += len(l)
		j.rows = append(j.rows, -1)
		j.next = append(j.next, 0)
	}
	s.jobs = append(s.jobs, j)
	s.after(s.r.Int64N(2*s.cfg.Net), func() { s.submit(j) })
}

// submit hands in a job, once those are that lend to it.
func (s *sim) submit(j *jobRun) {
	for _, from := range j.lenders() {
		if !s.jobs[from].submitted {
			s.after(s.net(), func() { s.submit(j) })
			return
		}
	}
	j.submitted = true
	s.step(sched.Event{Kind: sched.Submit, Job: j.id, Spec: &j.plan.Spec})
}

func (s *sim) cancelOne() {
	j := s.jobs[s.r.IntN(len(s.jobs))]
	if s.r.IntN(2) == 0 {
		j.stopped = true
		s.step(sched.Event{Kind: sched.Cancel, Job: j.id})
		return
	}
	l := sched.LayerID(s.r.IntN(len(j.layers)))
	if j.layers[l].Keep >= sched.Stream {
		j.stopped, j.enough = true, append(j.enough, l)
		s.step(sched.Event{Kind: sched.Enough, Job: j.id, Layer: l})
		s.letGo(j) // what is missing will not come
	}
}

// after plans fn; things planned for the same time happen in the order they were planned.
func (s *sim) after(d int64, fn func()) {
	s.seq++
	s.heap.Push(happening{s.now + d, s.seq, fn})
}

// Before orders what happens by its time.
func (a happening) Before(b happening) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

func (s *sim) trace(xs ...int64) {
	h := s.res.Trace
	for _, x := range xs {
		h = (h ^ uint64(x)) * 0x100000001b3
		h ^= h >> 29
	}
	s.res.Trace = h
}

// step gives events to the scheduler, at once or together with what else comes in the next moment.
func (s *sim) step(evs ...sched.Event) {
	if s.cfg.Batch <= 0 {
		s.take(evs)
		return
	}
	if len(s.waiting) == 0 {
		s.after(s.r.Int64N(s.cfg.Batch), func() {
			s.taken, s.waiting = s.waiting, s.taken[:0]
			s.take(s.taken)
		})
	}
	s.waiting = append(s.waiting, evs...)
}

// take has the scheduler take events and does what it says.
func (s *sim) take(evs []sched.Event) {
	if s.err != nil {
		return
	}
	s.res.Steps += len(evs)
	if s.res.Steps > s.cfg.Steps {
		s.err = fmt.Errorf("no end after %d steps", s.res.Steps)
		return
	}
	for i := range evs {
		ev := &evs[i]
		s.trace(s.now, int64(ev.Kind), int64(ev.Job), int64(ev.Layer), int64(ev.Block), int64(ev.Worker), int64(ev.Session), int64(ev.Attempt))
		if ev.Kind != sched.Done && ev.Kind != sched.Started && ev.Kind != sched.Consumed {
			s.epoch++
		}
		switch ev.Kind {
		case sched.WorkerUp:
			p := s.procs[ev.Worker]
			p.known = max(p.known, ev.Session)
		case sched.Withdraw:
			s.jobs[ev.Job].giveUp(sched.Block{Layer: ev.Layer, Block: ev.Block})
			s.letGo(s.jobs[ev.Job]) // what is missing will not come
		}
	}
	var acts []sched.Action
	if len(evs) == 1 {
		acts = s.st.Step(evs[0], s.acts[:0])
	} else {
		acts = s.st.StepAll(evs, s.acts[:0])
	}
	if s.cfg.Log != nil {
		s.log(evs, acts)
	}
	if s.cfg.Check {
		if err := s.st.Check(); err != nil {
			ev := &evs[len(evs)-1]
			s.err = fmt.Errorf("after %v j%d %d[%d] of w%d.%d try %d, the last of %d: %w", ev.Kind, ev.Job, ev.Layer, ev.Block, ev.Worker, ev.Session, ev.Attempt, len(evs), err)
			return
		}
	}
	for i := range acts {
		a := &acts[i]
		s.trace(int64(a.Kind), int64(a.Job), int64(a.Layer), int64(a.First), int64(a.N), int64(a.Worker), int64(a.Session), int64(a.Attempt))
		s.do(a)
	}
	s.acts = acts
	s.wakeWaiters()
	if at, ok := s.st.Wake(); ok && (s.wake <= s.now || at < s.wake) {
		s.wake = max(at, s.now+1)
		s.after(s.wake-s.now, func() { s.step(sched.Event{Kind: sched.Tick, Now: s.now}) })
	}
}

func (s *sim) log(evs []sched.Event, acts []sched.Action) {
	for i := range evs {
		ev := &evs[i]
		s.cfg.Log(fmt.Sprintf("t=%d %v j%d %d[%d] w%d.%d try %d", s.now, ev.Kind, ev.Job, ev.Layer, ev.Block, ev.Worker, ev.Session, ev.Attempt))
	}
	for _, a := range acts {
		s.cfg.Log("    " + a.String())
	}
}

func (s *sim) do(a *sched.Action) {
	switch a.Kind {
	case sched.Run:
		for b := a.First; b < a.First+a.N; b++ {
			s.assign(a, b)
		}
	case sched.Free:
		p, ses, job, l, first, n := s.procs[a.Worker], a.Session, a.Job, a.Layer, a.First, a.N
		p.toWorker(ses, func() { p.free(job, l, first, n) })
	case sched.Halt:
		p, ses, key := s.procs[a.Worker], a.Session, key{a.Job, sched.Block{Layer: a.Layer, Block: a.First}}
		p.toWorker(ses, func() { p.halt(key) })
	case sched.Return:
		p, ses, key, att := s.procs[a.Worker], a.Session, key{a.Job, sched.Block{Layer: a.Layer, Block: a.First}}, a.Attempt
		p.toWorker(ses, func() { p.giveBack(key, att) })
	case sched.Deliver:
		s.deliver(a)
	case sched.LayerDone:
		s.layerDone(a)
	case sched.Fail:
		s.jobs[a.Job].stopped = true
		s.res.Failed[a.Job] = a.Err
		if a.Err.Class != sched.Cancelled && !s.cfg.MayFail && !s.bereaved(s.jobs[a.Job]) {
			s.err = fmt.Errorf("job %d failed: %w", a.Job, a.Err)
		}
	case sched.Finished:
		s.finished(s.jobs[a.Job])
	case sched.Closed:
		s.close(s.jobs[a.Job])
	}
}

func (s *sim) close(j *jobRun) {
	if !j.closed {
		j.closed = true
		s.closed++
		for _, from := range j.lenders() {
			s.letGo(s.jobs[from])
		}
	}
}

// assign sends a task to its worker, with the places of its inputs as they are now.
func (s *sim) assign(a *sched.Action, b int32) {
	j := s.jobs[a.Job]
	m := assignment{key: key{a.Job, sched.Block{Layer: a.Layer, Block: b}}, attempt: a.Attempt, alone: a.Alone}
	for i := range j.layers[a.Layer].In {
		e := &j.layers[a.Layer].In[i]
		n := j.layers[e.From].N
		if e.Wiring.Kind == sched.All {
			m.in = append(m.in, input{all: s.gather(j, e.From)})
			continue
		}
		lo, hi, list := e.Wiring.Needs(b, n)
		for d := lo; d < hi; d++ {
			m.in = append(m.in, s.locate(j, sched.Block{Layer: e.From, Block: d}))
		}
		for _, d := range list {
			m.in = append(m.in, s.locate(j, sched.Block{Layer: e.From, Block: d}))
		}
	}
	p := s.procs[a.Worker]
	if j.gone[m.t] && !p.announced[m.key] {
		s.err = fmt.Errorf("job %d: task %v is handed out, it was withdrawn", j.id, m.t)
	}
	p.toWorker(a.Session, func() { p.take(m) })
}

// nowhere is where blocks are that nobody holds: only a task that runs already may read such.
const nowhere = -1

func (s *sim) locate(j *jobRun, t sched.Block) input {
	w, _, ok := s.st.Holder(j.id, t.Layer, t.Block)
	if !ok {
		w = nowhere
	}
	return input{key: j.origin(t), as: t, at: w}
}

// gather is a whole layer as an input: where its blocks were when the task was sent. It is shared by the tasks that were sent
// while no block came or went.
type gather struct {
	epoch int64
	parts []part
	value uint64 // of all blocks, ok if every block was where it should be
	ok    bool
	bad   input // else a block that was not
}

// part is a process that holds blocks of the layer.
type part struct {
	p      *proc
	births int
	block  sched.Block
}

func (s *sim) gather(j *jobRun, l sched.LayerID) *gather {
	if g := j.gathers[l]; g != nil && g.epoch == s.epoch {
		return g
	}
	g := &gather{epoch: s.epoch, ok: true}
	j.gathers[l] = g
	values := make([]uint64, j.layers[l].N)
	seen := map[sched.WorkerID]bool{}
	for b := range j.layers[l].N {
		in := s.locate(j, sched.Block{Layer: l, Block: b})
		if in.at == nowhere {
			delete(j.gathers, l) // it will be complete
			return &gather{bad: in}
		}
		p := s.procs[in.at]
		v, ok := p.peek(in.key)
		if values[b] = v; !ok && g.ok {
			g.ok, g.bad = false, in
		}
		if !seen[in.at] {
			seen[in.at] = true
			g.parts = append(g.parts, part{p, p.births, in.as})
		}
	}
	g.value = fold(values)
	return g
}

// broken returns a block of the layer that is not where it was, or that the reader cannot fetch.
func (g *gather) broken(j sched.JobID, reader *proc) (input, bool) {
	if !g.ok {
		return g.bad, true
	}
	for _, x := range g.parts {
		if x.p.births != x.births || reader.apart(x.p) {
			return input{key: key{j, x.block}, as: x.block, at: x.p.id}, true
		}
	}
	return input{}, false
}

// deliver lets the reader get a block from the worker that holds it.
func (s *sim) deliver(a *sched.Action) {
	j, t, p, ses := s.jobs[a.Job], sched.Block{Layer: a.Layer, Block: a.First}, s.procs[a.Worker], a.Session
	if _, again := j.got[t]; !again && !j.stopped && j.layers[t.Layer].Keep == sched.Ordered {
		for j.gone[sched.Block{Layer: t.Layer, Block: j.next[t.Layer]}] && j.next[t.Layer] < t.Block {
			j.next[t.Layer]++
		}
		if j.next[t.Layer]++; t.Block != j.next[t.Layer]-1 {
			if t.Block >= j.next[t.Layer] {
				s.err = fmt.Errorf("job %d: %v delivered, the turn is at %d", j.id, t, j.next[t.Layer]-1)
			}
			j.next[t.Layer]-- // lost before it was read, delivered again
		}
	}
	consume := func() {
		s.after(s.net(), func() { s.step(sched.Event{Kind: sched.Consumed, Job: j.id, Layer: t.Layer, Block: t.Block}) })
	}
	if _, have := j.got[t]; have {
		consume()
		return
	}
	s.after(s.net(), func() {
		v, ok := p.peek(key{j.id, t})
		s.after(s.net(), func() {
			switch {
			case ok && s.r.Float64() >= s.cfg.Corrupt:
				j.got[t] = v
				consume()
				s.letGo(j)
			case p.alive:
				s.step(sched.Event{Kind: sched.Missing, Job: j.id, Layer: t.Layer, Block: t.Block, Worker: p.id, Session: ses})
			}
		})
	})
}

func (s *sim) layerDone(a *sched.Action) {
	j := s.jobs[a.Job]
	j.rows[a.Layer] = a.Rows
	for i, st := range j.plan.Stages {
		rows, ok := int64(0), !j.taken[i]
		for _, l := range st.After {
			ok = ok && j.rows[l] >= 0
			rows += j.rows[l]
		}
		if !ok {
			continue
		}
		j.taken[i] = true
		x := st.Make(rows)
		j.layers = append(slices.Clone(j.layers), x.Add...)
		for _, set := range x.Set {
			l := &j.layers[set.Layer]
			if l.N = set.N; set.In != nil {
				l.In = set.In
			}
		}
		j.decided = append(j.decided, x)
		st := s.st
		s.after(s.net(), func() {
			if s.st == st { // else the next one was told
				s.step(sched.Event{Kind: sched.Extend, Job: j.id, Ext: x})
			}
		})
	}
}

// finished compares what is pinned, and lets go of it.
func (s *sim) finished(j *jobRun) {
	if j.finished {
		s.err = fmt.Errorf("job %d: finished twice", j.id)
	}
	j.finished = true
	for l := range j.layers {
		for b := int32(0); j.layers[l].Keep == sched.Pin && int(b) < len(j.want[l]); b++ {
			t := sched.Block{Layer: sched.LayerID(l), Block: b}
			w, _, ok := s.st.Holder(j.id, t.Layer, b)
			if j.gone[t] {
				continue
			}
			if !ok {
				s.err = fmt.Errorf("job %d: finished, %v is held by nobody", j.id, t)
				return
			}
			if v, ok := s.procs[w].peek(key{j.id, t}); ok && v != j.want[l][b] {
				s.err = fmt.Errorf("job %d: %v is wrong", j.id, t)
				return
			}
		}
	}
	s.letGo(j)
}

// letGo drops what a finished job has pinned when all that was to be delivered is here. A job with nothing pinned ends by
// itself.
func (s *sim) letGo(j *jobRun) {
	if !j.finished || j.closed || !slices.ContainsFunc(j.layers, func(l sched.Layer) bool { return l.Keep == sched.Pin }) {
		return
	}
	if _, missing := j.missing(); (missing || s.lends(j)) && !j.stopped {
		return
	}
	s.after(s.net(), func() {
		j.over = true
		s.step(sched.Event{Kind: sched.Cancel, Job: j.id})
	})
}

// missing returns a block that was to be delivered and was not.
func (j *jobRun) missing() (sched.Block, bool) {
	for l := range j.layers {
		for b := range j.want[l] {
			t := sched.Block{Layer: sched.LayerID(l), Block: int32(b)}
			if _, ok := j.got[t]; !ok && j.layers[l].Keep >= sched.Stream && !j.gone[t] {
				return t, true
			}
		}
	}
	return sched.Block{}, false
}

// verify looks at what is left when nothing happens any more.
func (s *sim) verify() {
	for _, j := range s.jobs {
		if s.err != nil {
			return
		}
		if !j.closed {
			s.err = fmt.Errorf("job %d: never ended: %s", j.id, s.describe(j))
			return
		}
		for t, v := range j.got {
			if w := j.want[t.Layer]; int(t.Block) >= len(w) || v != w[t.Block] {
				s.err = fmt.Errorf("job %d: %v is wrong", j.id, t)
				return
			}
		}
		if t, ok := j.missing(); ok && !j.stopped {
			s.err = fmt.Errorf("job %d: %v was never delivered", j.id, t)
			return
		}
	}
	for _, p := range s.procs {
		if busy, up := s.st.Load(p.id); up && busy != 0 {
			s.err = fmt.Errorf("worker %d: %d slots are still taken", p.id, busy)
			return
		}
		if err := p.leftovers(); err != nil {
			s.err = err
			return
		}
	}
}

func (s *sim) describe(j *jobRun) string {
	out := ""
	for l, p := range s.st.Progress(j.id) {
		out += fmt.Sprintf(" %d: %d of %d missing, %d held;", l, p.Need, p.N, p.Held)
	}
	return out
}
