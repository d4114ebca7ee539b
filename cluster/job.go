package cluster

import (
	"fmt"
	"strings"
	"time"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// A job is a plan at work, at the scheduler.
type job struct {
	s      *Scheduler
	id     sched.JobID
	client *clientConn
	bytes  []byte // of the plan, as the client sent it
	plan   *shell.Plan
	sh     *shell.Shell
	know   map[*workerConn]*known
	gen    []uint32 // by layer: how often a block came to be held
	small  [][]byte // blocks of the wanted layer that came with the report
	errs   map[sched.Block]string
	over   bool
	start  time.Time
}

// known is what a worker was told of a job.
type known struct {
	gen   []uint32  // by layer: job.gen when it was last told about all blocks
	where [][]int32 // by layer and block: worker + 1, 0 for never told
}

func newJob(s *Scheduler, c *clientConn, b []byte) (*job, error) {
	j := &job{s: s, client: c, bytes: b, plan: &shell.Plan{}, know: map[*workerConn]*known{},
		errs: map[sched.Block]string{}, start: time.Now()}
	if err := wire.Decode(b, j.plan); err != nil {
		return nil, err
	}
	if err := j.plan.Check(); err != nil {
		return nil, fmt.Errorf("cluster: the plan is wrong: %w", err)
	}
	j.sh = shell.New(j.plan)
	j.gen = make([]uint32, len(j.plan.Layers))
	return j, nil
}

// tell sends a record to the client, if it is there.
func (j *job) tell(r wire.Record) {
	r.Job = int32(j.id)
	if j.client != nil {
		j.client.link.put(r)
	}
}

// run hands tasks to a worker, with what it must know for them before.
func (j *job) run(w *workerConn, a *sched.Action) {
	k := j.know[w]
	if k == nil {
		k = j.introduce(w)
	}
	l := &j.plan.Layers[a.Layer]
	for i := range l.In {
		e := &l.In[i]
		switch e.Wiring {
		case op.OneToOne:
			j.where(w, k, e.From, a.First, a.First+a.N)
		case op.Listed, op.Boxed:
			for b := a.First; b < a.First+a.N; b++ {
				for _, x := range e.Blocks(nil, b) {
					j.where(w, k, e.From, x, x+1)
				}
			}
		default:
			if k.gen[e.From] != j.gen[e.From] {
				j.where(w, k, e.From, 0, j.plan.Layers[e.From].N)
				k.gen[e.From] = j.gen[e.From]
			}
		}
	}
	w.link.put(wire.Record{Kind: wire.Run, Job: int32(j.id), Layer: int32(a.Layer), Block: a.First, N: a.N, Attempt: uint32(a.Attempt), Flag: a.Alone})
}

// introduce sends the plan to a worker.
func (j *job) introduce(w *workerConn) *known {
	n := len(j.plan.Layers)
	k := &known{gen: make([]uint32, n), where: make([][]int32, n)}
	j.know[w] = k
	wire.Parts(wire.Record{Kind: wire.Plan, Job: int32(j.id)}, j.bytes, func(r *wire.Record) { w.link.put(*r) })
	for _, i := range j.sh.Late() {
		if n := j.plan.Layers[i].N; n > 0 {
			w.link.put(wire.Record{Kind: wire.Size, Job: int32(j.id), Layer: int32(i), N: n})
		}
	}
	return k
}

// where tells a worker where blocks [lo, hi) of a layer are, as far as it does not
// know.
func (j *job) where(w *workerConn, k *known, layer graph.LayerID, lo, hi int32) {
	if k.where[layer] == nil {
		k.where[layer] = make([]int32, j.plan.Layers[layer].N)
	}
	said := k.where[layer]
	r := wire.Record{Kind: wire.Where, Job: int32(j.id), Layer: int32(layer)}
	for b := lo; b < hi; b++ {
		id, _, ok := j.s.st.Holder(j.id, sched.LayerID(layer), b)
		if !ok || said[b] == int32(id)+1 {
			continue
		}
		said[b] = int32(id) + 1
		if r.N > 0 && r.Worker == int32(id) && r.Block+r.N == b {
			r.N++
			continue
		}
		if r.N > 0 {
			w.link.put(r)
		}
		r.Block, r.N, r.Worker = b, 1, int32(id)
	}
	if r.N > 0 {
		w.link.put(r)
	}
}

// deliver tells the client where a finished block is, or gives it what is small.
func (j *job) deliver(a *sched.Action, evs []sched.Event) []sched.Event {
	if j.plan.Discard {
		return append(evs, sched.Event{Kind: sched.Consumed, Job: j.id, Layer: a.Layer, Block: a.First})
	}
	r := wire.Record{Kind: wire.Deliver, Block: a.First, Worker: int32(a.Worker)}
	if j.small != nil {
		r.Data = j.small[a.First]
	}
	j.tell(r)
	return evs
}

// layerDone tells workers that a layer is complete, and decides late layers.
func (j *job) layerDone(a *sched.Action, evs []sched.Event) []sched.Event {
	ext := j.sh.LayerDone(*a)
	j.advanced()
	for w := range j.know {
		w.link.put(wire.Record{Kind: wire.Complete, Job: int32(j.id), Layer: int32(a.Layer)})
	}
	if ext == nil {
		return evs
	}
	for _, l := range ext.Set {
		for w := range j.know {
			w.link.put(wire.Record{Kind: wire.Size, Job: int32(j.id), Layer: int32(l.Layer), N: l.N})
		}
	}
	return append(evs, sched.Event{Kind: sched.Extend, Job: j.id, Ext: ext})
}

// fail ends the job for its client and stops its tasks; the first word counts.
func (j *job) fail(class sched.Class, text string) {
	if j.over {
		return
	}
	j.over = true
	j.tell(wire.Record{Kind: wire.Fail, Class: uint8(class), Text: text})
	for w := range j.know {
		w.link.put(wire.Record{Kind: wire.Stop, Job: int32(j.id), Text: text})
	}
}

func (j *job) finish() {
	if !j.over {
		j.over = true
		j.advanced()
		j.tell(wire.Record{Kind: wire.Finished})
	}
}

// explain words why a job failed: what the task said if it said something.
func (j *job) explain(e *sched.JobError) string {
	name := "the job"
	if e.Task.Block >= 0 && int(e.Task.Layer) < len(j.plan.Layers) {
		l := &j.plan.Layers[e.Task.Layer]
		name = fmt.Sprintf("block %d of %s", e.Task.Block, opName(l.Call))
		if l.Origin != "" {
			name = l.Origin + ": " + name
		}
	}
	said := j.errs[e.Task]
	switch {
	case e.Class == sched.User && said != "":
		return said
	case e.Class == sched.LostWorker:
		where := make([]string, len(e.Causes))
		for i, c := range e.Causes {
			where[i] = fmt.Sprintf("worker %d (session %d)", c.Worker, c.Session)
		}
		return fmt.Sprintf("%s was running on %d workers when they died: %s; it is not tried again", name, len(e.Causes), strings.Join(where, ", "))
	case said != "":
		return fmt.Sprintf("%s: %v after %d attempts: %s", name, e.Class, len(e.Causes), said)
	case e.Text != "":
		return name + ": " + e.Text
	}
	return fmt.Sprintf("%s: %v after %d attempts", name, e.Class, len(e.Causes))
}

// fromWorker takes a frame of a worker.
func (s *Scheduler) fromWorker(w *workerConn, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workers[w.id] != w {
		return fmt.Errorf("cluster: session %d is over", w.session)
	}
	w.heard = time.Now()
	var evs []sched.Event
	err := w.link.open(b, func(r *wire.Record) error {
		ev := sched.Event{Job: sched.JobID(r.Job), Layer: sched.LayerID(r.Layer), Block: r.Block, Worker: w.id, Session: w.session, Attempt: sched.Attempt(r.Attempt)}
		j := s.jobs[ev.Job]
		at := sched.Block{Layer: ev.Layer, Block: ev.Block}
		known := j != nil && ev.Layer >= 0 && int(ev.Layer) < len(j.plan.Layers) && ev.Block >= 0 && ev.Block < j.plan.Layers[ev.Layer].N
		switch r.Kind {
		case wire.Done:
			ev.Kind, ev.Bytes, ev.Rows, ev.Nanos = sched.Done, r.Bytes, r.Rows, r.Nanos
			w.done++
			s.finished++
			if known {
				j.gen[ev.Layer]++
				if len(r.Data) > 0 && graph.LayerID(ev.Layer) == j.plan.Want {
					if j.small == nil {
						j.small = make([][]byte, j.plan.Layers[ev.Layer].N)
					}
					j.small[ev.Block] = r.Data
				}
			}
		case wire.Held:
			ev.Kind, ev.Bytes, ev.Rows = sched.Held, r.Bytes, r.Rows
			if known {
				j.gen[ev.Layer]++
			}
		case wire.Failed:
			ev.Kind, ev.Class, ev.Retryable = sched.Failed, sched.Class(r.Class), r.Flag
			if known {
				j.errs[at] = r.Text
			}
		case wire.FetchFailed:
			ev.Kind, ev.Dep, ev.DepWorker = sched.FetchFailed, sched.Block{Layer: sched.LayerID(r.DepLayer), Block: r.DepBlock}, sched.WorkerID(r.Worker)
			s.opt.Log.Info("fetch failed", "worker", w.hi.Name, "job", ev.Job, "from", r.Worker, "why", r.Text)
			if known {
				j.errs[at] = r.Text
			}
		case wire.Returned:
			ev.Kind = sched.Returned
		case wire.Started:
			ev.Kind = sched.Started
		case wire.Mem:
			ev = sched.Event{Kind: sched.Mem, Worker: w.id, Session: w.session, Bytes: r.Bytes, Spilled: r.Rows, Paused: r.Flag || w.leaving != nil, Now: s.now()}
			w.memory = *r
		case wire.Copied:
			s.copied(w, r)
			return nil
		case wire.Retire:
			s.retire(w)
			return nil
		default:
			return fmt.Errorf("%w: a worker sent a record of kind %d", wire.ErrBroken, r.Kind)
		}
		evs = append(evs, ev)
		return nil
	})
	s.step(evs...)
	if w.leaving != nil {
		s.retiring(w)
	}
	return err
}

// fromClient takes a frame of a client.
func (s *Scheduler) fromClient(c *clientConn, b []byte) error {
	asked, err := s.hearClient(c, b)
	if asked {
		s.tellState(c)
	}
	return err
}

func (s *Scheduler) hearClient(c *clientConn, b []byte) (asked bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var evs []sched.Event
	err = c.link.open(b, func(r *wire.Record) error {
		switch r.Kind {
		case wire.Submit:
			return s.submit(c, r)
		case wire.Ask:
			asked = true
			return nil
		case wire.Consumed, wire.Missing, wire.Cancel:
		default:
			return fmt.Errorf("%w: a client sent a record of kind %d", wire.ErrBroken, r.Kind)
		}
		j := c.jobs[sched.JobID(r.Job)]
		if j == nil {
			return nil // it has been closed
		}
		ev := sched.Event{Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: r.Block, N: r.N}
		switch r.Kind {
		case wire.Consumed:
			ev.Kind = sched.Consumed
			for b := int64(max(r.Block, 0)); b < min(int64(r.Block)+int64(max(r.N, 1)), int64(len(j.small))); b++ {
				j.small[b] = nil
			}
		case wire.Missing:
			ev.Kind, ev.Worker, ev.Session = sched.Missing, sched.WorkerID(r.Worker), sched.Session(r.Session)
		case wire.Cancel:
			ev = sched.Event{Kind: sched.Cancel, Job: j.id}
			delete(c.jobs, j.id)
		}
		evs = append(evs, ev)
		return nil
	})
	s.step(evs...)
	return asked, err
}

// submit takes a part of a plan and begins the job when it is whole.
func (s *Scheduler) submit(c *clientConn, r *wire.Record) error {
	if c.whole[r.Block] == nil {
		if len(c.whole) >= maxPlans {
			return fmt.Errorf("%w: more than %d plans are on their way", wire.ErrBroken, maxPlans)
		}
		c.whole[r.Block] = &wire.Whole{}
	}
	b, err := c.whole[r.Block].Add(r)
	if err != nil || b == nil {
		return err
	}
	delete(c.whole, r.Block)
	s.last++
	j, err := newJob(s, c, b)
	c.link.put(wire.Record{Kind: wire.Accepted, Job: int32(s.last), Block: r.Block})
	if err != nil {
		c.link.put(wire.Record{Kind: wire.Fail, Job: int32(s.last), Class: uint8(sched.Invalid), Text: err.Error()})
		return nil
	}
	j.id = s.last
	s.jobs[j.id], c.jobs[j.id] = j, j
	s.step(sched.Event{Kind: sched.Submit, Job: j.id, Spec: j.sh.Spec()})
	return nil
}

// maxPlans bounds the plans a client sends at the same time.
const maxPlans = 64
