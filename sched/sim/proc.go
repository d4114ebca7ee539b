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
	at  sched.WorkerID
	all *gather // a whole layer instead of one block
}

type assignment struct {
	key
	attempt sched.Attempt
	alone   bool
	in      []input
	values  []int32 // the node's numbers of in, -1 for a whole layer
}

// proc is a worker process: the shell around a node.Node.
type proc struct {
	s       *sim
	id      sched.WorkerID
	alive   bool
	conn    bool
	session sched.Session
	life    int // rises when the process dies or the connection breaks: what was planned before does not happen
	births  int // rises when the process dies and when one comes up
	slow    int64
	floor   [2]int64 // messages keep their order, to the worker and from it
	said    *said    // what was sent in this session

	n       *node.Node
	values  []stored      // by number; numbers are used once per life of the node
	own     map[key]int32 // blocks made here
	tasks   []*assignment // by number
	running map[key]int32 // numbers of tasks given and not reported
}

// stored is a value the node knows by its place in proc.values.
type stored struct {
	key
	v    uint64
	ok   bool // v is here, in memory or on disk
	from sched.WorkerID
}

func (p *proc) boot() {
	p.births++
	p.alive, p.own = true, map[key]int32{}
	p.connect()
}

// connect opens a session and says what is still here.
func (p *proc) connect() {
	p.conn = true
	p.s.sessions++
	p.session = p.s.sessions
	p.said = &said{until: math.MaxInt64}
	old := p.values
	inventory := make([]key, 0, len(p.own))
	for k := range p.own {
		inventory = append(inventory, k)
	}
	slices.SortFunc(inventory, key.compare)
	p.n = node.New(node.Config{Slots: p.s.cfg.Slots, Budget: p.s.cfg.Memory})
	p.values, p.tasks, p.running = nil, nil, map[key]int32{}
	p.send(sched.Event{Kind: sched.WorkerUp, Slots: p.s.cfg.Slots, Queue: p.s.cfg.Queue})
	for _, k := range inventory {
		v := old[p.own[k]]
		if !v.ok {
			delete(p.own, k)
			continue
		}
		i := p.number(stored{key: k, v: v.v, ok: true})
		p.own[k] = i
		p.node(node.Event{Kind: node.Have, Value: i, Bytes: bytesOf(v.v)})
		p.send(sched.Event{Kind: sched.Held, Job: k.job, Layer: k.t.Layer, Block: k.t.Block, Bytes: bytesOf(v.v), Rows: rowsOf(v.v)})
	}
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
func (p *proc) send(ev sched.Event) {
	ev.Worker, ev.Session = p.id, p.session
	p.floor[1] = max(p.floor[1]+1, p.s.now+p.s.net())
	said := p.said
	p.s.after(p.floor[1]-p.s.now, func() {
		if p.s.now < said.until {
			p.s.step(ev)
		}
	})
	if p.s.r.Float64() < p.s.cfg.Dup {
		p.s.after(p.floor[1]-p.s.now+p.s.r.Int64N(20*p.s.cfg.Net+1), func() { p.s.step(ev) })
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

// later does fn at the worker after d, unless it died or lost its connection before.
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

func (p *proc) report(kind sched.EventKind, a *assignment, more sched.Event) {
	more.Kind, more.Job, more.Layer, more.Block, more.Attempt = kind, a.job, a.t.Layer, a.t.Block, a.attempt
	p.send(more)
}

// take queues a task with the node. Inputs that are elsewhere become values of this task alone.
func (p *proc) take(m assignment) {
	a := &m
	a.values = make([]int32, 0, len(m.in))
	for _, in := range m.in {
		if in.all != nil {
			a.values = append(a.values, -1)
			continue
		}
		i, ok := p.own[in.key]
		switch {
		case in.at == p.id && (!ok || !p.values[i].ok):
			p.report(sched.FetchFailed, a, sched.Event{Dep: in.t, DepWorker: p.id})
			for _, i := range a.values {
				if i >= 0 {
					p.freeCopy(i)
				}
			}
			return
		case in.at != p.id:
			i = p.number(stored{key: in.key, from: in.at})
			p.node(node.Event{Kind: node.Remote, Value: i, Bytes: 50})
		}
		a.values = append(a.values, i)
	}
	t := int32(len(p.tasks))
	p.tasks = append(p.tasks, a)
	p.running[m.key] = t
	if len(p.running) > int(p.s.cfg.Slots+p.s.cfg.Queue) {
		p.s.err = fmt.Errorf("worker %d: was given %d tasks, has %d slots and %d places", p.id, len(p.running), p.s.cfg.Slots, p.s.cfg.Queue)
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
		p.start(a.Task)
	case node.Fetch:
		p.fetch(a.Value)
	case node.Spill:
		p.later(p.s.net(), func() { p.node(node.Event{Kind: node.Spilled, Value: a.Value, OK: true}) })
	case node.Load:
		p.later(p.s.net(), func() { p.node(node.Event{Kind: node.Have, Value: a.Value, Bytes: bytesOf(p.values[a.Value].v)}) })
	case node.Gone:
		t := p.tasks[a.Task]
		delete(p.running, t.key)
		if a.Value < 0 {
			p.report(sched.Returned, t, sched.Event{})
			return
		}
		p.report(sched.FetchFailed, t, sched.Event{Dep: p.values[a.Value].t, DepWorker: p.values[a.Value].from})
	case node.Drop:
		p.forget(a.Value)
	case node.Level:
		p.send(sched.Event{Kind: sched.Mem, Now: p.s.seq, Bytes: a.Bytes, Spilled: a.OnDisk, Paused: a.Paused})
	}
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
		p.later(p.s.net(), func() {
			if !ok {
				p.node(node.Event{Kind: node.Lost, Value: i})
				return
			}
			p.values[i].v, p.values[i].ok = x, true
			p.s.hold(bytesOf(x))
			p.node(node.Event{Kind: node.Have, Value: i, Bytes: bytesOf(x)})
		})
	})
}

// start runs a task: it reads its inputs now and yields its block later.
func (p *proc) start(t int32) {
	a := p.tasks[t]
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
		if lost, bad := in.all.broken(a.job); bad {
			p.later(p.s.net(), func() {
				delete(p.running, a.key)
				p.node(node.Event{Kind: node.End, Task: t, Value: -1})
				p.report(sched.FetchFailed, a, sched.Event{Dep: lost.t, DepWorker: lost.at})
			})
			return
		}
	}
	d := 1 + p.s.r.Int64N(p.s.cfg.Work)*p.slow
	p.later(d, func() { p.end(t, d) })
}

func (p *proc) end(t int32, d int64) {
	a := p.tasks[t]
	delete(p.running, a.key)
	if p.s.r.Float64() < p.s.cfg.Flaky {
		p.node(node.Event{Kind: node.End, Task: t, Value: -1})
		p.report(sched.Failed, a, sched.Event{Class: sched.User, Retryable: true})
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
			p.report(sched.FetchFailed, a, sched.Event{Dep: i.t, DepWorker: i.at})
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

// kill ends the process. The scheduler hears of it after a while; a new one comes up, empty.
func (p *proc) kill() {
	if !p.alive {
		return
	}
	p.s.res.Kills++
	for i := range p.values {
		if p.values[i].ok {
			p.s.hold(-bytesOf(p.values[i].v))
		}
	}
	p.life++
	p.births++
	p.alive, p.conn, p.own, p.values = false, false, nil, nil
	p.said.until = p.s.now + p.s.net()
	old := p.session
	p.s.after(p.s.net()*3, func() { p.s.step(sched.Event{Kind: sched.WorkerDown, Worker: p.id, Session: old, Code: 137}) })
	p.later(p.s.net()*6, p.boot)
}

// breakLink ends the connection. What ran is given up, what is held is kept; either side may notice first.
func (p *proc) breakLink() {
	if !p.conn {
		return
	}
	p.life++
	p.conn = false
	p.said.until = p.s.now + p.s.net()
	for i := range p.values {
		v := &p.values[i]
		if own, ok := p.own[v.key]; v.ok && (!ok || own != int32(i)) {
			p.s.hold(-bytesOf(v.v))
			v.ok = false
		}
		if v.ok {
			p.s.hold(-bytesOf(v.v)) // counted again at connect
		}
	}
	old := p.session
	p.s.after(p.s.net()*3, func() { p.s.step(sched.Event{Kind: sched.WorkerDown, Worker: p.id, Session: old}) })
	p.later(p.s.net()*4, p.connect)
}

// loseOne makes a held block vanish without a word.
func (p *proc) loseOne() {
	if len(p.own) == 0 {
		return
	}
	keys := make([]key, 0, len(p.own))
	for k := range p.own {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, key.compare)
	k := keys[p.s.r.IntN(len(keys))]
	i := p.own[k]
	p.s.epoch++
	if p.values[i].ok {
		p.values[i].ok = false
		p.s.hold(-bytesOf(p.values[i].v))
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
