package cluster

import (
	"slices"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
)

// A worker that retires gets no tasks any more and gives back what it has not
// begun. When nothing of it runs, each block it has is copied to another worker, its heir;
// then, in one step of the machine, the session ends and the heirs have held the
// blocks all along: nothing is made again. Where an heir loses its connection what it has not copied goes to others,
// if there are any, and what it has copied counts when it is back; where it dies others copy that. Whatever goes wrong, after retireFor the worker
// goes anyway, and what was not copied counts as lost.
const retireFor = 30 * time.Second

// mostCopies is how often a block may fail to get to an heir.
const mostCopies = 3

// A leaving is what a worker that retires still waits for.
type leaving struct {
	until  time.Time
	begun  bool // its blocks are being copied
	blocks []*bequest
	at     map[place]*bequest
	free   []*bequest // of these are all that have no heir,
	open   int        // so many; others may be among them
	asked  int        // how many an heir is to copy
}

// A place is a block of a job.
type place struct {
	job sched.JobID
	at  sched.Block
}

// A bequest is a block that a worker leaves to others.
type bequest struct {
	place
	n           int    // in blocks
	heir        uint64 // its life; 0: nobody yet
	has         bool   // it has copied the block
	failed      int    // copies
	over        bool   // nobody needs it, or it cannot be copied
	bytes, rows int64
}

// give has a block be copied by who has a life, or by nobody yet.
func (l *leaving) give(b *bequest, life uint64) {
	l.count(b, -1)
	b.heir, b.has = life, false
	l.count(b, 1)
	if life == 0 {
		l.free = append(l.free, b)
	}
}

// take has a block be copied.
func (l *leaving) take(b *bequest, life uint64, bytes, rows int64) {
	l.count(b, -1)
	b.heir, b.has, b.bytes, b.rows = life, true, bytes, rows
	l.count(b, 1)
}

// drop has a block be waited for no longer.
func (l *leaving) drop(b *bequest) {
	l.count(b, -1)
	b.over = true
}

// count keeps open and asked.
func (l *leaving) count(b *bequest, n int) {
	switch {
	case b.over || b.has:
	case b.heir == 0:
		l.open += n
	default:
		l.asked += n
	}
}

// reopen takes from an heir what it has not copied, with all what it has as well; s is locked.
func (s *Scheduler) reopen(life uint64, all bool) {
	for _, w := range s.workers {
		if w == nil || w.leaving == nil {
			continue
		}
		for _, b := range w.leaving.blocks {
			if b.heir == life && !b.over && (all || !b.has) {
				w.leaving.give(b, 0)
			}
		}
	}
}

// retire begins the end of a worker, which may go on in another session; s is locked.
func (s *Scheduler) retire(w *workerConn) {
	if w.leaving == nil {
		w.leaving = &leaving{until: time.Now().Add(retireFor), at: map[place]*bequest{}}
		s.opt.Log.Info("worker retires", "worker", w.hi.Name)
		s.step(w.weary(s))
	}
}

// weary has the machine give a worker nothing more.
func (w *workerConn) weary(s *Scheduler) sched.Event {
	return sched.Event{Kind: sched.Mem, Worker: w.id, Session: w.under, Bytes: w.memory.Bytes, Spilled: w.memory.Rows, Paused: true, Now: s.now()}
}

// retiring looks how far a worker is with its end; s is locked.
func (s *Scheduler) retiring(w *workerConn) {
	l := w.leaving
	if busy, up := s.st.Load(w.id); busy > 0 || !up || s.workers[w.id] != w || w.under == 0 {
		return
	}
	if !l.begun {
		l.begun = true
		s.collect(w)
	}
	if l.open > 0 {
		s.giveAway(w)
	}
	if l.open == 0 && l.asked == 0 && s.present(l) {
		s.goodbye(w)
	}
}

// allRetiring is retiring for all of which that is true, when somebody comes or goes; s is locked.
func (s *Scheduler) allRetiring() {
	for _, w := range s.workers {
		if w != nil && w.leaving != nil {
			s.retiring(w)
		}
	}
}

// spread has all workers copy the blocks of a job that has finished.
func (j *job) spread() {
	want := sched.LayerID(j.plan.Want)
	for b := range j.plan.Layers[want].N {
		id, _, ok := j.s.st.Holder(j.id, want, b)
		for _, w := range j.s.workers {
			if !ok || w == nil || w.id == id || w.leaving != nil || !w.there() {
				continue
			}
			if j.know[w] == nil {
				j.introduce(w)
			}
			w.link.put(wire.Record{Kind: wire.Copy, Job: int32(j.id), Layer: int32(want), Block: b, Worker: int32(id)})
		}
	}
}

// collect lists the blocks of a worker.
func (s *Scheduler) collect(w *workerConn) {
	l := w.leaving
	for _, j := range s.jobs {
		for layer := range j.plan.Layers {
			if j.plan.Layers[layer].Lent != nil { // its lender gives it away
				continue
			}
			for b := range j.plan.Layers[layer].N {
				at := place{j.id, sched.Block{Layer: sched.LayerID(layer), Block: b}}
				if s.needs(w, at) {
					l.at[at] = &bequest{place: at, n: len(l.blocks)}
					l.blocks = append(l.blocks, l.at[at])
				}
			}
		}
	}
	l.free, l.open = slices.Clone(l.blocks), len(l.blocks)
}

// needs reports whether a block counts as held by a worker.
func (s *Scheduler) needs(w *workerConn, at place) bool {
	id, _, ok := s.st.Holder(at.job, at.at.Layer, at.at.Block)
	return ok && id == w.id && s.jobs[at.job] != nil
}

// there reports whether a worker hears what it is told, and its blocks count.
func (w *workerConn) there() bool { return w.gone.IsZero() && w.risen }

// giveAway finds heirs for the blocks that have none, in turn. While nobody is there it waits for those who may come.
func (s *Scheduler) giveAway(w *workerConn) {
	l := w.leaving
	var others []*workerConn
	later := false
	for _, x := range s.workers {
		switch {
		case x == nil || x == w || x.leaving != nil:
		case x.there():
			others = append(others, x)
		default:
			later = true
		}
	}
	if len(others) == 0 && later {
		return
	}
	free := l.free
	l.free = nil
	for _, b := range free {
		if b.heir != 0 || b.over {
			continue
		}
		if len(others) == 0 || b.failed == mostCopies || !s.needs(w, b.place) {
			l.drop(b)
			continue
		}
		to, j := others[(b.n+b.failed)%len(others)], s.jobs[b.job]
		if j.know[to] == nil {
			j.introduce(to)
		}
		l.give(b, to.hi.Life)
		to.link.put(wire.Record{Kind: wire.Copy, Job: int32(b.job), Layer: int32(b.at.Layer), Block: b.at.Block, Worker: int32(w.id)})
	}
}

// present reports whether all heirs that have something are there. Who is away may be lost.
func (s *Scheduler) present(l *leaving) bool {
	lives := map[uint64]bool{}
	for _, x := range s.workers {
		if x != nil && x.there() {
			lives[x.hi.Life] = true
		}
	}
	return !slices.ContainsFunc(l.blocks, func(b *bequest) bool { return b.has && !lives[b.heir] })
}

// copied takes note of a copy; s is locked.
func (s *Scheduler) copied(to *workerConn, r *wire.Record) {
	at := place{sched.JobID(r.Job), sched.Block{Layer: sched.LayerID(r.Layer), Block: r.Block}}
	for _, w := range s.workers {
		if w == nil || w.leaving == nil {
			continue
		}
		l := w.leaving
		b := l.at[at]
		if b == nil || b.over || b.has || b.heir != to.hi.Life {
			continue
		}
		if r.Flag {
			l.take(b, to.hi.Life, r.Bytes, r.Rows)
		} else {
			b.failed++
			l.give(b, 0)
		}
		s.retiring(w)
	}
}

// inherited reports whether a block that a worker says it has is one of those that are copied: the machine must not hear
// of it, and have it freed, before the worker has gone that it counts for.
func (s *Scheduler) inherited(to *workerConn, ev *sched.Event) bool {
	at := place{ev.Job, sched.Block{Layer: ev.Layer, Block: ev.Block}}
	for _, w := range s.workers {
		if w == nil || w == to || w.leaving == nil {
			continue
		}
		if b := w.leaving.at[at]; b != nil && !b.over && (!b.has || b.heir == to.hi.Life) && s.needs(w, at) {
			w.leaving.take(b, to.hi.Life, ev.Bytes, ev.Rows)
			return true
		}
	}
	return false
}

// moved returns the words of those who have copies; they are said right after the
// end of the session.
func (w *workerConn) moved(s *Scheduler) (evs []sched.Event) {
	if w.leaving == nil {
		return nil
	}
	heirs := map[uint64]*workerConn{}
	for _, x := range s.workers {
		if x != nil {
			heirs[x.hi.Life] = x
		}
	}
	for _, b := range w.leaving.blocks {
		x, j := heirs[b.heir], s.jobs[b.job]
		if !b.has || x == nil || j == nil {
			continue
		}
		j.gen[b.at.Layer]++
		evs = append(evs, sched.Event{Kind: sched.Held, Worker: x.id, Session: x.under,
			Job: b.job, Layer: b.at.Layer, Block: b.at.Block, Bytes: b.bytes, Rows: b.rows})
	}
	return evs
}

// goodbye ends the session of a worker that has retired; s is locked.
func (s *Scheduler) goodbye(w *workerConn) {
	s.opt.Log.Info("worker has retired", "worker", w.hi.Name, "blocks", len(w.leaving.blocks))
	w.link.put(wire.Record{Kind: wire.Retired})
	s.lose(w, errRetired)
}

// copy gets a block from a worker that leaves; w is locked.
func (j *work) copy(r *wire.Record) {
	w, key, from := j.w, copyKey{r.Layer, r.Block, 0, -1}, r.Worker
	rec := wire.Record{Kind: wire.Copied, Job: j.id, Layer: r.Layer, Block: r.Block}
	if h := j.blocks[key.layer][key.block]; h != nil {
		rec.Bytes, rec.Rows, rec.Flag = h.v.Bytes(), h.v.Rows(), true
		w.link.put(rec)
		return
	}
	if j.copying[key] { // it was asked for in an earlier session, and is told in this one
		return
	}
	j.copying[key] = true
	c := j.copies[key]
	if c == nil {
		e := newErrand(j, from)
		c = e.add(key)
		c.keep = true
		e.begin()
	}
	c.want()
	j.live++
	w.errands++
	go func() {
		<-c.ready
		w.mu.Lock()
		defer w.mu.Unlock()
		for c.err == nil && c.users > 1 && j.ctx.Err() == nil { // tasks read it
			w.quiet.Wait()
		}
		delete(j.copying, key)
		var v chunk.Value
		if c.err == nil && c.users == 1 && !j.gone && j.blocks[key.layer][key.block] == nil {
			v, c.v = c.v, nil
			j.blocks[key.layer][key.block] = &held{v: v}
			rec.Bytes, rec.Rows, rec.Flag = v.Bytes(), v.Rows(), true
		}
		if c.leave() {
			c.drop(j, key)
		}
		w.link.put(rec)
		w.errands--
		j.live--
		j.settle()
		w.quiet.Broadcast()
	}()
}
