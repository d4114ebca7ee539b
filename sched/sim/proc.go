package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/node"
)

type key struct {
	job sched.JobID
	t   sched.Block
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.job, o.job), cmp.Compare(k.t.Layer, o.t.Layer), cmp.Compare(k.t.Block, o.t.Block))
}

type input struct {
	key
	as  sched.Block // in the job that reads it
	at  sched.WorkerID
	all *gather // a whole layer instead of one block
}

type assignment struct {
	key
	attempt sched.Attempt
	alone   bool
	in      []input
	values  []int32 // the node's numbers of in, -1 for a whole layer

	started  bool
	outlived bool // the session it was given in; none has adopted it since
	late     bool // and was withdrawn when the next one began
	halted   bool
	waits    int  // how often it has gone on though it was withdrawn
	away     bool // it waits for a job
	left     bool // it has been away
}

// proc is a worker process: the shell around a node.Node.
type proc struct {
	s       *sim
	id      sched.WorkerID
	alive   bool
	conn    bool
	session sched.Session
	known   sched.Session // the last one the scheduler has heard of
	life    int           // rises when the process dies or the connection breaks: what was planned before does not happen
	births  int           // rises when the process dies and when one comes up
	slow    int64
	floor   [2]int64 // messages keep their order, to the worker and from it
	said    *said    // what was sent in this session
	full    int64    // until then the disk is full
	swollen int      // swells under way
	leaving *leaving // not nil while it retires

	n       *node.Node
	values  []stored      // by number; numbers are used once per life of the node
	own     map[key]int32 // blocks made here
	tasks   []*assignment // by number
	running map[key]int32 // numbers of tasks given and not reported

	announced map[key]bool // what this session began with running
	aside     map[key]bool // and away
	stopped   map[key]bool // what this session has halted
}

// stored is a value the node knows by its place in proc.values.
type stored struct {
	key
	v    uint64
	ok   bool        // v is here, in memory or on disk
	as   sched.Block // what the task that it was fetched for calls it
	from sched.WorkerID

	broken bool // it came with a wrong checksum
}

func (p *proc) boot() {
	p.births++
	p.alive, p.own = true, map[key]int32{}
	p.connect()
}

// connect opens a session and says what is still here and what still runs.
func (p *proc) connect() {
	p.conn = true
	p.s.sessions++
	p.session = p.s.sessions
	p.said, p.leaving = &said{until: math.MaxInt64}, nil
	if p.n == nil {
		p.n = node.New(node.Config{Slots: p.s.cfg.Slots, Budget: p.s.cfg.Memory})
		p.values, p.tasks, p.running = nil, nil, map[key]int32{}
	}
	say := []sched.Event{{Kind: sched.WorkerUp, Slots: p.s.cfg.Slots, Queue: p.s.cfg.Queue, Resources: &p.s.cfg.Resources}}
	for _, k := range sorted(p.own) {
		i := p.own[k]
		if v := &p.values[i]; v.ok {
			say = append(say, sched.Event{Kind: sched.Held, Job: k.job, Layer: k.t.Layer, Block: k.t.Block, Bytes: bytesOf(v.v), Rows: rowsOf(v.v)})
			continue
		}
		delete(p.own, k)
		p.node(node.Event{Kind: node.Free, Value: i})
	}
	p.announced, p.aside, p.stopped = map[key]bool{}, map[key]bool{}, map[key]bool{}
	for _, k := range sorted(p.running) {
		p.announced[k] = true
		a := p.tasks[p.running[k]]
		if a.away {
			p.aside[k] = true
		}
		a.outlived, a.late = true, p.s.jobs[k.job].gone[k.t]
		say = append(say, sched.Event{Kind: sched.Running, Job: k.job, Layer: k.t.Layer, Block: k.t.Block, Away: a.away})
	}
	if !p.s.cfg.Apart {
		p.send(say...)
		return
	}
	for _, ev := range say {
		p.send(ev)
	}
}

// sorted returns the keys of a map in order.
func sorted(m map[key]int32) []key {
	keys := make([]key, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, key.compare)
	return keys
}

func (p *proc) number(v stored) int32 {
	p.values = append(p.values, v)
	if v.ok {
		p.s.hold(bytesOf(v.v))
	}
	return int32(len(p.values) - 1)
}

func (s *sim) hold(bytes int64) {
	s.held += bytes
	s.res.Peak = max(s.res.Peak, s.held)
}

// said is the reports of a session: when it ends the last ones may never arrive.
type said struct{ until int64 }

// send reports to the scheduler, in order. Now and then a report is repeated much later, when it is stale.
func (p *proc) send(evs ...sched.Event) {
	if !p.conn {
		return
	}
	for i := range evs {
		evs[i].Worker, evs[i].Session = p.id, p.session
	}
	p.floor[1] = max(p.floor[1]+1, p.s.now+p.s.net())
	said := p.said
	p.s.after(p.floor[1]-p.s.now, func() {
		if p.s.now < said.until {
			p.s.step(evs...)
		}
	})
	if p.s.r.Float64() < p.s.cfg.Dup {
		p.s.after(p.floor[1]-p.s.now+p.s.r.Int64N(20*p.s.cfg.Net+1), func() { p.s.step(evs...) })
	}
}

// toWorker does fn at the worker, if the session is still the same when the message comes.
func (p *proc) toWorker(ses sched.Session, fn func()) {
	p.floor[0] = max(p.floor[0]+1, p.s.now+p.s.net())
	p.s.after(p.floor[0]-p.s.now, func() {
		if p.conn && p.session == ses {
			fn()
		}
	})
}

// later does fn at the worker after d, unless it died before.
func (p *proc) later(d int64, fn func()) {
	life := p.life
	p.s.after(d, func() {
		if p.life == life {
			fn()
		}
	})
}

func (p *proc) peek(k key) (uint64, bool) {
	if i, ok := p.own[k]; ok && p.alive && p.values[i].ok {
		return p.values[i].v, true
	}
	return 0, false
}

// has says whether the process has a block, or had one and has not been told to drop it.
func (p *proc) has(k key) bool { _, ok := p.own[k]; return ok }

// report tells the scheduler about a task. Of one that outlived its session and was not adopted only the block counts.
func (p *proc) report(kind sched.EventKind, a *assignment, more sched.Event) {
	if a.outlived {
		if kind != sched.Done {
			return
		}
		kind = sched.Held
	}
	more.Kind, more.Job, more.Layer, more.Block, more.Attempt = kind, a.job, a.t.Layer, a.t.Block, a.attempt
	p.send(more)
}

// take queues a task with the node. Inputs that are elsewhere become values of this task alone.
func (p *proc) take(m assignment) {
	if t, ok := p.running[m.key]; ok && p.tasks[t].outlived {
		if m.alone && !p.tasks[t].away { // it does not run alone: it must end first
			p.toWorker(p.session, func() { p.take(m) })
			return
		}
		p.adopt(p.tasks[t], m.attempt)
		return
	}
	a := &m
	if p.stopped[m.key] {
		p.report(sched.Returned, a, sched.Event{})
		return
	}
	if i, ok := p.own[m.key]; ok && p.values[i].ok && p.s.r.IntN(2) == 0 { // from before: it need not be made again
		p.report(sched.Done, a, sched.Event{Bytes: bytesOf(p.values[i].v), Rows: rowsOf(p.values[i].v)})
		return
	}
	for _, in := range m.in {
		if in.all != nil {
			in = in.all.bad
		}
		if in.at != nowhere {
			continue
		}
		if !p.announced[m.key] {
			p.s.err = fmt.Errorf("job %d: task %v runs, its input %v is held by nobody", m.job, m.t, in.as)
			return
		}
		p.report(sched.FetchFailed, a, sched.Event{Dep: in.as, DepWorker: nowhere}) // it was running, and has failed meanwhile
		return
	}
	a.values = make([]int32, 0, len(m.in))
	for _, in := range m.in {
		if in.all != nil {
			a.values = append(a.values, -1)
			continue
		}
		i, ok := p.own[in.key]
		switch {
		case in.at == p.id && (!ok || !p.values[i].ok):
			p.report(sched.FetchFailed, a, sched.Event{Dep: in.as, DepWorker: p.id})
			for _, i := range a.values {
				if i >= 0 {
					p.freeCopy(i)
				}
			}
			return
		case in.at != p.id:
			i = p.number(stored{key: in.key, as: in.as, from: in.at})
			p.node(node.Event{Kind: node.Remote, Value: i, Bytes: 50})
		}
		a.values = append(a.values, i)
	}
	t := int32(len(p.tasks))
	p.tasks = append(p.tasks, a)
	p.running[m.key] = t
	given := 0
	for k, i := range p.running {
		if !p.tasks[i].outlived && !p.tasks[i].left && !p.aside[k] {
			given++
		}
	}
	if given > int(p.s.cfg.Slots+p.s.cfg.Queue) {
		p.s.err = fmt.Errorf("worker %d: was given %d tasks, has %d slots and %d places", p.id, given, p.s.cfg.Slots, p.s.cfg.Queue)
	}
	known := slices.DeleteFunc(slices.Clone(a.values), func(i int32) bool { return i < 0 })
	p.node(node.Event{Kind: node.Queue, Task: t, Key: uint64(m.t.Layer)<<32 | uint64(m.t.Block), Floor: 10, Want: 40, Alone: m.alone, In: known})
	for _, i := range known {
		p.freeCopy(i)
	}
}

// freeCopy lets go of a fetched copy once its task has read it.
func (p *proc) freeCopy(i int32) {
	if own, ok := p.own[p.values[i].key]; !ok || own != i {
		p.node(node.Event{Kind: node.Free, Value: i})
	}
}

func (p *proc) node(ev node.Event) {
	acts := p.n.Step(ev, nil)
	if p.s.cfg.Check {
		if err := p.n.Check(); err != nil && p.s.err == nil {
			p.s.err = fmt.Errorf("node %d after %+v: %w", p.id, ev, err)
			return
		}
	}
	for _, a := range acts {
		p.do(a)
	}
}

func (p *proc) do(a node.Action) {
	switch a.Kind {
	case node.Start:
		if running := p.s.cfg.Slots - p.n.Idle(); p.swollen > 0 && running > 1 {
			p.s.err = fmt.Errorf("worker %d: has no memory left, and starts a task beside %d others", p.id, running-1)
		} else if running > p.s.cfg.Slots {
			p.s.err = fmt.Errorf("worker %d: starts a task, and %d run on %d slots", p.id, running, p.s.cfg.Slots)
		}
		p.start(a.Task)
	case node.Fetch:
		p.fetch(a.Value)
	case node.Spill:
		p.later(p.s.net(), func() { p.node(node.Event{Kind: node.Spilled, Value: a.Value, OK: p.s.now >= p.full}) })
	case node.Load:
		p.later(p.s.net(), func() { p.node(node.Event{Kind: node.Have, Value: a.Value, Bytes: bytesOf(p.values[a.Value].v)}) })
	case node.Gone:
		t := p.tasks[a.Task]
		delete(p.running, t.key)
		if a.Value < 0 {
			p.report(sched.Returned, t, sched.Event{})
			return
		}
		v := &p.values[a.Value]
		if v.broken {
			p.report(sched.Failed, t, sched.Event{Class: sched.Corrupt, Dep: v.as, DepWorker: v.from})
			return
		}
		p.report(sched.FetchFailed, t, sched.Event{Dep: v.as, DepWorker: v.from})
	case node.Drop:
		p.forget(a.Value)
	case node.Level:
		p.send(sched.Event{Kind: sched.Mem, Now: p.s.seq, Bytes: a.Bytes, Spilled: a.OnDisk, Paused: a.Paused || p.leaving != nil})
	}
}

// fill has the disk full for a while; then what it refused may be tried again.
func (p *proc) fill(while int64) {
	p.full = p.s.now + while
	births := p.births
	p.s.after(while, func() {
		if p.alive && p.births == births {
			p.node(node.Event{Kind: node.Spilled, Value: -1, OK: true})
		}
	})
}

// giveUp returns what has not begun.
func (p *proc) giveUp() {
	for _, k := range sorted(p.running) {
		if t := p.running[k]; !p.tasks[t].started {
			p.node(node.Event{Kind: node.Take, Task: t})
		}
	}
}

// swell has the process take more memory than it may for a while.
func (p *proc) swell(while int64) {
	if !p.alive {
		return
	}
	p.swollen++
	p.node(node.Event{Kind: node.Press, OK: true})
	p.giveUp()
	births := p.births
	p.s.after(while, func() {
		if p.alive && p.births == births {
			p.swollen--
			p.node(node.Event{Kind: node.Press, OK: p.swollen > 0})
		}
	})
}

func (p *proc) forget(i int32) {
	v := &p.values[i]
	if v.ok {
		p.s.hold(-bytesOf(v.v))
	}
	v.ok = false
	if own, ok := p.own[v.key]; ok && own == i {
		delete(p.own, v.key)
	}
}

// fetch gets a copy of a block from another process.
func (p *proc) fetch(i int32) {
	v := p.values[i]
	from := p.s.procs[v.from]
	p.later(p.s.net(), func() {
		x, ok := from.peek(v.key)
		wait := p.s.net()
		if p.apart(from) {
			if ok = false; p.s.r.IntN(2) == 0 { // no answer, instead of an error at once
				wait = p.s.while()
			}
		}
		if ok && p.s.r.Float64() < p.s.cfg.Corrupt {
			ok, p.values[i].broken = false, true
		}
		ride := int64(0)
		if ok {
			ride = p.ride(from, bytesOf(x))
		}
		p.later(wait+ride, func() {
			if !ok {
				p.node(node.Event{Kind: node.Lost, Value: i})
				return
			}
			if ride > 0 {
				p.send(sched.Event{Kind: sched.Moved, DepWorker: v.from, Bytes: bytesOf(x), Nanos: ride, Now: p.s.seq})
			}
			p.values[i].v, p.values[i].ok = x, true
			p.s.hold(bytesOf(x))
			p.node(node.Event{Kind: node.Have, Value: i, Bytes: bytesOf(x)})
		})
	})
}

// ride is how long bytes take from another process, beside the time of a message.
func (p *proc) ride(from *proc, bytes int64) int64 {
	switch {
	case p.s.cfg.Narrow == 0 || p == from:
		return 0
	case from.id == 0 && p.id == 1:
		p.s.res.Slow++
		return bytes * p.s.cfg.Narrow
	}
	return bytes
}

// start runs a task: it reads its inputs now and yields its block later.
func (p *proc) start(t int32) {
	a := p.tasks[t]
	a.started = true
	if p.s.cfg.Queue > 0 {
		p.report(sched.Started, a, sched.Event{})
	}
	if p.s.cfg.Poison != nil && p.s.cfg.Poison(a.job, a.t) {
		p.later(1, p.kill)
		return
	}
	for _, in := range a.in { // whole layers are fetched when the task starts
		if in.all == nil {
			continue
		}
		if lost, bad := in.all.broken(a.job, p); bad {
			p.later(p.s.net(), func() {
				if i, ok := p.running[a.key]; !ok || i != t {
					return
				}
				delete(p.running, a.key)
				p.node(node.Event{Kind: node.End, Task: t, Value: -1})
				p.report(sched.FetchFailed, a, sched.Event{Dep: lost.as, DepWorker: lost.at})
			})
			return
		}
	}
	d := 1 + p.s.r.Int64N(p.s.cfg.Work)*p.slow
	if p.waits(t, d) {
		return
	}
	p.later(d, func() { p.done(t, d) })
}

// fails draws how a task fails, if it does.
func (p *proc) fails(a *assignment) (sched.Event, bool) {
	c := &p.s.cfg
	switch {
	case c.Broken != nil && c.Broken(a.job, a.t):
		return sched.Event{Class: sched.User}, true
	case p.s.r.Float64() < c.Flaky:
		return sched.Event{Class: sched.User, Retryable: true}, true
	case !a.alone && p.s.r.Float64() < c.Over:
		return sched.Event{Class: sched.OverMemory}, true
	case p.s.r.Float64() < c.Corrupt:
		return sched.Event{Class: sched.Corrupt, Dep: sched.Block{Layer: -1}}, true
	}
	return sched.Event{}, false
}

// done ends a task.
func (p *proc) done(t int32, d int64) {
	a := p.tasks[t]
	switch i, ok := p.running[a.key]; {
	case !ok || i != t: // it was halted
		return
	case p.deaf(a):
		p.later(p.s.net(), func() { p.done(t, d) })
		return
	}
	delete(p.running, a.key)
	if ev, bad := p.fails(a); bad {
		p.node(node.Event{Kind: node.End, Task: t, Value: -1})
		p.report(sched.Failed, a, ev)
		return
	}
	in := make([]uint64, 0, len(a.in))
	for k, i := range a.in {
		if i.all != nil {
			in = append(in, i.all.value)
			continue
		}
		v := a.values[k]
		if !p.values[v].ok {
			p.node(node.Event{Kind: node.End, Task: t, Value: -1})
			p.report(sched.FetchFailed, a, sched.Event{Dep: i.as, DepWorker: i.at})
			return
		}
		in = append(in, p.values[v].v)
	}
	v := Value(a.t.Layer, a.t.Block, in)
	p.s.res.Ran++
	if old, ok := p.own[a.key]; ok { // a copy from before, that the scheduler did not hear of
		p.node(node.Event{Kind: node.Free, Value: old})
		delete(p.own, a.key)
	}
	i := p.number(stored{key: a.key, v: v, ok: true})
	p.own[a.key] = i
	p.node(node.Event{Kind: node.End, Task: t, Value: i, Bytes: bytesOf(v)})
	p.report(sched.Done, a, sched.Event{Bytes: bytesOf(v), Rows: rowsOf(v), Nanos: d})
}

func (p *proc) free(job sched.JobID, l sched.LayerID, first, n int32) {
	for b := first; b < first+n; b++ {
		if i, ok := p.own[key{job, sched.Block{Layer: l, Block: b}}]; ok {
			p.node(node.Event{Kind: node.Free, Value: i})
		}
	}
}

func (p *proc) giveBack(k key, att sched.Attempt) {
	t, ok := p.running[k]
	if !ok || p.tasks[t].attempt != att {
		return // its report is under way
	}
	p.node(node.Event{Kind: node.Take, Task: t})
	if _, still := p.running[k]; still {
		p.report(sched.Started, p.tasks[t], sched.Event{})
	}
}

// leftovers says what a process still has when all jobs are over.
func (p *proc) leftovers() error {
	if !p.alive || !p.conn {
		return nil
	}
	for k := range p.own {
		return fmt.Errorf("worker %d: still has %d blocks, among them %v of job %d", p.id, len(p.own), k.t, k.job)
	}
	if p.n.Used() != 0 {
		return fmt.Errorf("worker %d: the node still counts %d bytes", p.id, p.n.Used())
	}
	return nil
}
