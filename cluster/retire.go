package cluster

import (
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
)

// A worker that retires gets no tasks any more and gives back what it has not
// begun. When nothing of it runs, each block it has is copied to another worker;
// then, in one step of the machine, the session ends and the others have held the
// blocks all along: nothing is made again. Whatever goes wrong, after retireFor it
// goes anyway, and what was not copied counts as lost.
const retireFor = 30 * time.Second

// A leaving is what a worker that retires still waits for.
type leaving struct {
	until time.Time
	begun bool // its blocks are being copied
	wait  map[place]*workerConn
	have  []sched.Event // Held, by those who have copies
}

// A place is a block of a job.
type place struct {
	job sched.JobID
	at  sched.Block
}

// retire begins the end of a worker; s is locked.
func (s *Scheduler) retire(w *workerConn) {
	if w.leaving == nil {
		w.leaving = &leaving{until: time.Now().Add(retireFor), wait: map[place]*workerConn{}}
		s.opt.Log.Info("worker retires", "worker", w.hi.Name)
		s.step(sched.Event{Kind: sched.Mem, Worker: w.id, Session: w.session, Bytes: w.memory.Bytes, Spilled: w.memory.Rows, Paused: true, Now: s.now()})
		s.retiring(w)
	}
}

// retiring looks how far a worker is with its end; s is locked.
func (s *Scheduler) retiring(w *workerConn) {
	l := w.leaving
	if busy, up := s.st.Load(w.id); busy > 0 || !up || s.workers[w.id] != w {
		return
	}
	if !l.begun {
		l.begun = true
		s.giveAway(w)
	}
	if len(l.wait) == 0 {
		s.goodbye(w)
	}
}

// giveAway has the blocks of a worker copied to others, in turn.
func (s *Scheduler) giveAway(w *workerConn) {
	var others []*workerConn
	for _, x := range s.workers {
		if x != nil && x != w && x.leaving == nil && x.gone.IsZero() && x.risen {
			others = append(others, x)
		}
	}
	if len(others) == 0 {
		return
	}
	n := 0
	for _, j := range s.jobs {
		for layer := range j.plan.Layers {
			for b := range j.plan.Layers[layer].N {
				if id, _, ok := s.st.Holder(j.id, sched.LayerID(layer), b); !ok || id != w.id {
					continue
				}
				to := others[n%len(others)]
				n++
				if j.know[to] == nil {
					j.introduce(to)
				}
				w.leaving.wait[place{j.id, sched.Block{Layer: sched.LayerID(layer), Block: b}}] = to
				to.link.put(wire.Record{Kind: wire.Copy, Job: int32(j.id), Layer: int32(layer), Block: b, Worker: int32(w.id)})
			}
		}
	}
}

// copied takes note of a copy; s is locked.
func (s *Scheduler) copied(to *workerConn, r *wire.Record) {
	at := place{sched.JobID(r.Job), sched.Block{Layer: sched.LayerID(r.Layer), Block: r.Block}}
	for _, w := range s.workers {
		if w == nil || w.leaving == nil || w.leaving.wait[at] != to {
			continue
		}
		delete(w.leaving.wait, at)
		if r.Flag {
			w.leaving.have = append(w.leaving.have, sched.Event{Kind: sched.Held, Worker: to.id, Session: to.session,
				Job: at.job, Layer: at.at.Layer, Block: at.at.Block, Bytes: r.Bytes, Rows: r.Rows})
		}
		s.retiring(w)
	}
}

// moved returns the words of those who have copies; they are said right after the
// end of the session.
func (w *workerConn) moved() []sched.Event {
	if w.leaving == nil {
		return nil
	}
	return w.leaving.have
}

// lost forgets a receiver that is gone itself: what it was to copy is lost.
func (l *leaving) lost(to *workerConn) {
	for at, x := range l.wait {
		if x == to {
			delete(l.wait, at)
		}
	}
	kept := l.have[:0]
	for _, ev := range l.have {
		if ev.Session != to.session {
			kept = append(kept, ev)
		}
	}
	l.have = kept
}

// goodbye ends the session of a worker that has retired; s is locked.
func (s *Scheduler) goodbye(w *workerConn) {
	s.opt.Log.Info("worker has retired", "worker", w.hi.Name, "blocks", len(w.leaving.have))
	w.link.put(wire.Record{Kind: wire.Retired})
	for _, ev := range w.leaving.have {
		if j := s.jobs[ev.Job]; j != nil {
			j.gen[ev.Layer]++
		}
	}
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
	c := j.copies[key]
	mine := c == nil
	if mine {
		c = &copied{keep: true, ready: make(chan struct{})}
		j.copies[key] = c
	}
	c.users++
	j.live++
	w.ahead++
	go func() {
		if mine {
			j.fetch(from, []copyKey{key})
		}
		<-c.ready
		w.mu.Lock()
		defer w.mu.Unlock()
		var v chunk.Value
		if c.err == nil && c.users == 1 && !j.gone && j.blocks[key.layer][key.block] == nil {
			v, c.v = c.v, nil
			j.blocks[key.layer][key.block] = &held{v: v}
			rec.Bytes, rec.Rows, rec.Flag = v.Bytes(), v.Rows(), true
		}
		if c.users--; c.users == 0 {
			c.drop(j, key)
		}
		w.link.put(rec)
		w.ahead--
		j.live--
		j.settle()
		w.feed()
		w.quiet.Broadcast()
	}()
}
