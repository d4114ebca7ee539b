package sim

import (
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/node"
)

// plantAll plans the trouble of a run: each fault as often as the Config says, at any time up to horizon.
func (s *sim) plantAll(horizon int64) {
	for _, f := range []struct {
		n  int
		do func()
	}{
		{s.cfg.Kills, func() { s.anyProc().kill() }},
		{s.cfg.Blackouts, s.blackout},
		{s.cfg.Breaks, func() { s.anyProc().breakLink() }},
		{s.cfg.Stalls, func() { s.anyProc().stall() }},
		{s.cfg.Rifts, s.rift},
		{s.cfg.Losses, func() { s.anyProc().loseOne() }},
		{s.cfg.Full, func() { s.anyProc().fill(s.while()) }},
		{s.cfg.Slow, func() { s.anyProc().slow = 1 + s.r.Int64N(20) }},
		{s.cfg.Retires, func() { s.anyProc().retire() }},
		{s.cfg.Cancels, s.cancelOne},
		{s.cfg.Crashes, s.crash},
		{s.cfg.Withdraws, s.withdrawOne},
		{s.cfg.Swells, func() { s.anyProc().swell(s.while()) }},
	} {
		for range f.n {
			s.after(s.r.Int64N(horizon), f.do)
		}
	}
}

func (s *sim) anyProc() *proc { return s.procs[s.r.IntN(len(s.procs))] }

// while is how long a trouble lasts that ends by itself.
func (s *sim) while() int64 { return 1 + s.r.Int64N(40*s.cfg.Net) }

// kill ends the process. The scheduler hears of it after a while; a new one comes up, empty.
func (p *proc) kill() {
	if p.alive {
		p.s.res.Kills++
		p.end(137, p.s.net()*3, p.moved())
	}
}

// blackout kills all processes at the same time.
func (s *sim) blackout() {
	for _, p := range s.procs {
		p.kill()
	}
}

// end ends the process; the scheduler hears of it after a delay, and of blocks that others have in its place. A new one comes
// up, empty.
func (p *proc) end(code, delay int64, moved []sched.Event) {
	for i := range p.values {
		if p.values[i].ok {
			p.s.hold(-bytesOf(p.values[i].v))
		}
	}
	p.births++
	p.life++
	p.alive, p.own, p.values, p.n, p.swollen = false, nil, nil, nil, 0
	p.hangUp(code, delay, moved)
	p.later(p.s.net()*6, p.boot)
}

// hangUp ends the session; the scheduler hears of it after a delay.
func (p *proc) hangUp(code, delay int64, moved []sched.Event) {
	down := sched.Event{Kind: sched.WorkerDown, Worker: p.id, Session: p.session, Code: code}
	p.s.after(delay, func() { p.s.step(append([]sched.Event{down}, moved...)...) })
	p.part()
}

// part ends the session at the process. Its last reports may not arrive; what has not begun is forgotten.
func (p *proc) part() {
	p.conn, p.leaving = false, nil
	p.said.until = p.s.now + p.s.net()
	if !p.alive {
		return
	}
	p.giveUp()
}

// breakLink ends the connection. What the process holds it keeps, what runs goes on; either side may notice first.
func (p *proc) breakLink() {
	if p.conn {
		p.hangUp(0, p.s.net()*3, p.moved())
		p.later(p.s.net()*4, p.connect)
	}
}

// crash ends the scheduler. The next one has the jobs that were accepted and not over, and what was decided about them; workers
// and readers tell it the rest.
func (s *sim) crash() {
	s.res.Crashes++
	s.begin()
	s.waiting, s.wake = nil, 0
	for _, p := range s.procs {
		if p.conn {
			p.part()
			p.said.until = s.now // nobody listens
			p.later(s.net()*4, p.connect)
		}
	}
	for _, j := range s.jobs {
		if !j.submitted || j.closed {
			continue
		}
		if j.stopped && len(j.enough) == 0 { // it has failed, or was cancelled
			s.close(j)
			continue
		}
		j.finished, j.over = false, false
		s.step(sched.Event{Kind: sched.Submit, Job: j.id, Spec: &j.plan.Spec})
		for _, x := range j.decided {
			s.step(sched.Event{Kind: sched.Extend, Job: j.id, Ext: x})
		}
		for _, t := range j.dropped {
			s.step(sched.Event{Kind: sched.Withdraw, Job: j.id, Layer: t.Layer, Block: t.Block})
		}
		for _, t := range j.read() {
			s.step(sched.Event{Kind: sched.Read, Job: j.id, Layer: t.Layer, Block: t.Block})
		}
		for _, l := range j.enough {
			s.step(sched.Event{Kind: sched.Enough, Job: j.id, Layer: l})
		}
	}
}

// read lists what the reader has, in order.
func (j *jobRun) read() []sched.Block {
	var out []sched.Block
	for l := range j.want {
		for b := range j.want[l] {
			t := sched.Block{Layer: sched.LayerID(l), Block: int32(b)}
			if _, ok := j.got[t]; ok {
				out = append(out, t)
			}
		}
	}
	return out
}

// stall holds up what is sent to the process, what it sends, or both, for a while: a partition that heals, or a pause.
func (p *proc) stall() {
	ways := 1 + p.s.r.IntN(3)
	d := p.s.while()
	for i := range p.floor {
		if ways>>i&1 != 0 {
			p.floor[i] = max(p.floor[i], p.s.now) + d
		}
	}
}

// rift keeps one process from fetching from another for a while; both are in touch with the scheduler.
func (s *sim) rift() { s.rifts[[2]*proc{s.anyProc(), s.anyProc()}] = s.now + s.while() }

// apart says that p cannot fetch from q now.
func (p *proc) apart(q *proc) bool { return p != q && p.s.now < p.s.rifts[[2]*proc{p, q}] }

// loseOne makes a held block vanish without a word.
func (p *proc) loseOne() {
	keys := sorted(p.own)
	if len(keys) == 0 {
		return
	}
	i := p.own[keys[p.s.r.IntN(len(keys))]]
	p.s.epoch++
	if p.values[i].ok {
		p.values[i].ok = false
		p.s.hold(-bytesOf(p.values[i].v))
	}
}

// patience is how often a process that retires looks whether all that it runs has ended, before it goes anyway.
const patience = 1000

// leaving is a process that retires.
type leaving struct {
	asked int           // how often it was asked whether nothing runs
	wait  int           // copies under way
	have  []sched.Event // Held, by those who have copies
}

// retire has the scheduler send the process away: it gets nothing new, gives back what it has not begun, and when nothing runs
// there any more its blocks are copied to others; then its session ends and the others have held them all along.
func (p *proc) retire() {
	if !p.conn || p.leaving != nil {
		return
	}
	l := &leaving{}
	p.leaving = l
	p.s.step(sched.Event{Kind: sched.Mem, Worker: p.id, Session: p.session, Paused: true, Now: p.s.seq})
	p.later(p.s.net(), func() { p.giveAway(l) })
}

// giveAway copies the blocks to others when nothing runs any more, unless the session is over.
func (p *proc) giveAway(l *leaving) {
	if p.leaving != l {
		return
	}
	if busy, up := p.s.st.Load(p.id); busy > 0 && up {
		if l.asked++; l.asked > patience { // what runs may wait for what no other worker is there for
			p.goodbye(l)
			return
		}
		p.later(p.s.net(), func() { p.giveAway(l) })
		return
	}
	var others []*proc
	for _, q := range p.s.procs {
		if q != p && q.conn && q.known == q.session && q.leaving == nil {
			others = append(others, q)
		}
	}
	for n, k := range sorted(p.own) {
		if len(others) == 0 {
			break
		}
		l.wait++
		q := others[n%len(others)]
		session := q.session
		p.later(p.s.net(), func() {
			if v, ok := p.peek(k); ok && p.leaving == l && q.conn && q.session == session && !q.has(k) {
				i := q.number(stored{key: k, v: v, ok: true})
				q.own[k] = i
				q.node(node.Event{Kind: node.Have, Value: i, Bytes: bytesOf(v)})
				l.have = append(l.have, sched.Event{Kind: sched.Held, Job: k.job, Layer: k.t.Layer, Block: k.t.Block, Bytes: bytesOf(v), Rows: rowsOf(v),
					Worker: q.id, Session: session})
			}
			if l.wait--; l.wait == 0 {
				p.later(p.s.net(), func() { p.goodbye(l) })
			}
		})
	}
	if l.wait == 0 {
		p.goodbye(l)
	}
}

// moved is what the scheduler is told right after the end of a session.
func (p *proc) moved() []sched.Event {
	if p.leaving == nil {
		return nil
	}
	return p.leaving.have
}

func (p *proc) goodbye(l *leaving) {
	if p.leaving == l {
		p.s.res.Retired++
		p.end(0, 0, p.moved())
	}
}
