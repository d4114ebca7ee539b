package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

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
	secret string   // of tickets
	small  [][]byte // blocks of the wanted layer that came with the report
	out    bits     // blocks of the wanted layer that were delivered and not read
	errs   map[sched.Block]string
	over   bool
	failed string // why, if it did
	class  sched.Class
	labels uint64
	asks   sched.Resources // of each task
	fit    time.Time       // when a worker that has them was last there
	start  time.Time
}

// known is what a worker was told of a job.
type known struct {
	gen   []uint32 // by layer: job.gen when it was last told about all blocks
	where []pages  // by layer and block: worker + 1, 0 for never told
}

// Pages are numbers by block, zero at first. Only where some were asked for is there
// memory: a worker hears of few of the blocks of a large layer.
type pages [][]int32

const pageBlocks = 512

func newPages(n int32) pages { return make(pages, (int64(n)+pageBlocks-1)/pageBlocks) }

// at returns the number of block b of n.
func (p pages) at(b, n int32) *int32 {
	page := &p[b/pageBlocks]
	if *page == nil {
		*page = make([]int32, min(pageBlocks, n-b/pageBlocks*pageBlocks))
	}
	return &(*page)[b%pageBlocks]
}

// maxLayers bounds the layers of a plan: the scheduler looks at all of them while everybody else waits.
const maxLayers = 1 << 16

func newJob(s *Scheduler, c *clientConn, b []byte) (*job, error) {
	if n := wire.Count(b); n > maxLayers { // the layers are the first field of a plan
		return nil, fmt.Errorf("cluster: the plan has %d layers, at most %d are allowed", n, maxLayers)
	}
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

// tell sends a record to the client. The last word is kept until the client drops the
// job, since it may be away. One that has come back hears it when it attaches, behind what
// it may have missed: before, it would take what it has for all there is.
func (j *job) tell(r wire.Record) {
	r.Job = int32(j.id)
	last := r.Kind == wire.Finished || r.Kind == wire.Fail
	if last && j.client.jobs[j.id] == j {
		j.client.words[r.Job] = r
	}
	if !last || j.client.attached[j.id] {
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
		if from := j.plan.Layers[e.From].Lent; from != nil { // read by the tickets of its job
			if lender := j.s.jobs[sched.JobID(from.Job)]; lender != nil && lender.know[w] == nil {
				lender.introduce(w)
			}
		}
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
	wire.Parts(wire.Record{Kind: wire.Plan, Job: int32(j.id), Text: j.secret}, j.bytes, func(r *wire.Record) { w.link.put(*r) })
	return j.acquaint(w)
}

// acquaint tells a worker that has the plan what it may not know.
func (j *job) acquaint(w *workerConn) *known {
	if j.know[w] == nil {
		n := len(j.plan.Layers)
		j.know[w] = &known{gen: make([]uint32, n), where: make([]pages, n)}
	}
	for _, c := range j.sh.Cuts() {
		w.link.put(wire.Record{Kind: wire.Cut, Job: int32(j.id), Layer: int32(c.Layer), Block: c.At})
	}
	for _, i := range j.sh.Late() {
		if n := j.plan.Layers[i].N; n > 0 {
			w.link.put(wire.Record{Kind: wire.Size, Job: int32(j.id), Layer: int32(i), N: n})
		}
	}
	for i := range j.plan.Layers {
		if j.sh.IsMade(sched.LayerID(i)) {
			w.link.put(wire.Record{Kind: wire.Complete, Job: int32(j.id), Layer: int32(i)})
		}
	}
	if j.failed != "" {
		w.link.put(wire.Record{Kind: wire.Stop, Job: int32(j.id), Text: j.failed})
	}
	return j.know[w]
}

// where tells a worker where blocks [lo, hi) of a layer are, as far as it does not
// know.
func (j *job) where(w *workerConn, k *known, layer graph.LayerID, lo, hi int32) {
	n := j.plan.Layers[layer].N
	if k.where[layer] == nil {
		k.where[layer] = newPages(n)
	}
	said := k.where[layer]
	r := wire.Record{Kind: wire.Where, Job: int32(j.id), Layer: int32(layer)}
	for b := lo; b < hi; b++ {
		id, _, ok := j.s.st.Holder(j.id, sched.LayerID(layer), b)
		if !ok {
			continue
		}
		is := said.at(b, n)
		if *is == int32(id)+1 {
			continue
		}
		*is = int32(id) + 1
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
	j.out.set(a.First)
	j.deliverFrom(a.First, int32(a.Worker))
	return evs
}

func (j *job) deliverFrom(b, worker int32) {
	r := wire.Record{Kind: wire.Deliver, Block: b, Worker: worker}
	if j.small != nil {
		r.Data = j.small[b]
	}
	j.tell(r)
}

// Bits are a set of small numbers.
type bits []uint64

func (s bits) has(b int32) bool { return int(b>>6) < len(s) && s[b>>6]>>(b&63)&1 != 0 }

func (s *bits) set(b int32) {
	for int(b>>6) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[b>>6] |= 1 << (b & 63)
}

func (s bits) clear(b int32) {
	if s.has(b) {
		s[b>>6] &^= 1 << (b & 63)
	}
}

// runs yields the ranges of neighbours in the set: the first of each, and how many.
func (s bits) runs(yield func(first, n int32) bool) {
	n := int32(0)
	for b := int32(0); int(b) <= 64*len(s); b++ {
		switch {
		case s.has(b):
			n++
		case n > 0:
			if !yield(b-n, n) {
				return
			}
			n = 0
		}
	}
}

// layerDone tells workers that a layer is complete, and decides late layers.
func (j *job) layerDone(a *sched.Action, evs []sched.Event) []sched.Event {
	cuts := len(j.sh.Cuts())
	ext := j.sh.LayerDone(*a)
	j.advanced()
	for w := range j.know {
		w.link.put(wire.Record{Kind: wire.Complete, Job: int32(j.id), Layer: int32(a.Layer)})
	}
	if ext == nil {
		return evs
	}
	return j.sized(ext, j.sh.Cuts()[cuts:], evs)
}

// fail ends the job for its client and stops its tasks; the first such word counts. One that has finished may
// fail, too, while the client has not read all of it: what was lost is made again, and that can fail.
func (j *job) fail(class sched.Class, text string) {
	if j.failed != "" {
		return
	}
	j.over, j.failed, j.class = true, text, class
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
		if j.plan.Spread {
			j.spread()
		}
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

// inventory takes what a worker says of earlier sessions. It counts once all of it was
// said.
func (s *Scheduler) inventory(w *workerConn, r *wire.Record) []sched.Event {
	j := s.jobs[sched.JobID(r.Job)]
	ev := sched.Event{Job: sched.JobID(r.Job), Layer: sched.LayerID(r.Layer), Block: r.Block, Worker: w.id, Session: w.session}
	switch {
	case r.Kind == wire.Listed:
		w.listed = true
		s.back(w.hi.Life)
		if s.hold != nil || w.risen {
			return nil
		}
		return w.rise(s)
	case j == nil:
		w.link.put(wire.Record{Kind: wire.Closed, Job: r.Job})
		return nil
	case r.Kind == wire.Attach:
		j.acquaint(w)
		return nil
	case r.Kind == wire.Held:
		ev.Kind, ev.Bytes, ev.Rows = sched.Held, r.Bytes, r.Rows
	default:
		ev.Kind, ev.Away = sched.Running, r.Flag
	}
	w.has = append(w.has, ev)
	if !w.risen {
		return nil
	}
	return w.said(s)
}

// rise has a worker count, with what it has; s is locked.
func (w *workerConn) rise(s *Scheduler) []sched.Event {
	w.risen, w.under = true, w.session
	s.reopen(w.hi.Life, true) // what it has copied it says now
	up := sched.Event{Kind: sched.WorkerUp, Worker: w.id, Session: w.session, Slots: w.hi.Slots, Queue: w.hi.Queue, Bytes: w.hi.Memory, Labels: w.labels, Resources: &w.stock}
	evs := append([]sched.Event{up}, w.said(s)...)
	if w.leaving != nil {
		evs = append(evs, w.weary(s))
	}
	return evs
}

// said returns what a worker has said it has.
func (w *workerConn) said(s *Scheduler) []sched.Event {
	evs := slices.DeleteFunc(w.has, func(ev sched.Event) bool { return ev.Kind == sched.Held && s.inherited(w, &ev) })
	w.has = nil
	for _, ev := range evs {
		if j := s.jobs[ev.Job]; j != nil && ev.Kind == sched.Held && ev.Layer >= 0 && int(ev.Layer) < len(j.gen) {
			j.gen[ev.Layer]++
		}
	}
	return evs
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
	var copies []wire.Record
	retires, had := false, w.risen // heard once the machine knows all that was said before: it may have been said that the session begins
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
		case wire.Held, wire.Running, wire.Attach, wire.Listed:
			evs = append(evs, s.inventory(w, r)...)
			return nil
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
		case wire.Away:
			ev.Kind = sched.Away
		case wire.Back:
			ev.Kind = sched.Back
		case wire.Mem:
			ev = sched.Event{Kind: sched.Mem, Worker: w.id, Session: w.session, Bytes: r.Bytes, Spilled: r.Rows, Paused: r.Flag || w.leaving != nil, Now: s.now()}
			w.memory = *r
		case wire.Moved:
			if i := r.Worker; i < 0 || int(i) >= len(s.workers) || s.workers[i] == nil || s.workers[i].session != sched.Session(r.Session) {
				return nil
			}
			if s.workers[r.Worker].broken += r.Rows; r.Bytes == 0 {
				return nil
			}
			ev = sched.Event{Kind: sched.Moved, Worker: w.id, Session: w.session, DepWorker: sched.WorkerID(r.Worker), Bytes: r.Bytes, Nanos: r.Nanos, Now: s.now()}
		case wire.Copied:
			copies = append(copies, *r)
			return nil
		case wire.Want:
			if known {
				j.client.link.put(wire.Record{Kind: wire.Want, Job: r.Job, Layer: r.Layer, Block: r.Block, Worker: int32(w.id)})
			}
			return nil
		case wire.Retire:
			retires = true
			return nil
		default:
			return fmt.Errorf("%w: a worker sent a record of kind %d", wire.ErrBroken, r.Kind)
		}
		evs = append(evs, ev)
		return nil
	})
	s.step(evs...)
	for i := range copies {
		s.copied(w, &copies[i])
	}
	if retires {
		s.retire(w)
	}
	switch {
	case w.risen != had:
		s.allRetiring()
	case w.leaving != nil:
		s.retiring(w)
	}
	return err
}

var errElsewhere = errors.New("cluster: it came back on another connection")

// fromClient takes a frame of a client.
func (s *Scheduler) fromClient(ctx context.Context, c *clientConn, l *link, pace *rate.Limiter, b []byte) error {
	asked, finds, err := s.hearClient(c, l, b)
	for i := range asked + len(finds) { // one frame may have many questions
		if e := pace.Wait(ctx); e != nil {
			return errors.Join(err, e)
		}
		if l.wait(ctx); i < asked {
			s.tellState(l)
		} else {
			s.tellDataset(c, finds[i-asked].name, finds[i-asked].release)
		}
	}
	return err
}

// A sought dataset is one that a client wants to find, or to let go.
type sought struct {
	name    string
	release bool
}

func (s *Scheduler) hearClient(c *clientConn, l *link, b []byte) (asked int, finds []sought, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.link != l {
		return 0, nil, errElsewhere
	}
	var evs []sched.Event
	err = l.open(b, func(r *wire.Record) error {
		switch r.Kind {
		case wire.Submit:
			return s.submit(c, r)
		case wire.Ask:
			asked++
			return nil
		case wire.Attach:
			s.attach(c, r.Job)
			return nil
		case wire.Find:
			finds = append(finds, sought{r.Text, r.Flag})
			return nil
		case wire.Listed:
			for id := range c.jobs {
				if !c.attached[id] { // dropped while there was no connection
					evs = append(evs, sched.Event{Kind: sched.Cancel, Job: id})
				}
			}
			s.back(c.hi.Life)
			return nil
		case wire.Retire:
			c.left = true
			return nil
		case wire.Cancel:
			delete(c.words, r.Job)
		case wire.Consumed, wire.Read, wire.Withdraw, wire.Missing:
		default:
			return fmt.Errorf("%w: a client sent a record of kind %d", wire.ErrBroken, r.Kind)
		}
		j := c.jobs[sched.JobID(r.Job)]
		if j == nil { // it was cancelled before, or has ended
			if r.Kind == wire.Cancel {
				s.tellEnd(c, r.Job)
			}
			return nil
		}
		ev := sched.Event{Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: r.Block, N: r.N}
		switch r.Kind {
		case wire.Consumed, wire.Read, wire.Withdraw:
			switch ev.Kind = sched.Consumed; r.Kind {
			case wire.Read:
				ev.Kind = sched.Read
			case wire.Withdraw:
				ev.Kind = sched.Withdraw
			}
			for b := int64(max(r.Block, 0)); b < min(int64(r.Block)+int64(max(r.N, 1)), int64(j.plan.Layers[j.plan.Want].N)); b++ {
				j.out.clear(int32(b))
				if j.small != nil {
					j.small[b] = nil
				}
			}
		case wire.Missing:
			ev.Kind, ev.Worker, ev.Session = sched.Missing, sched.WorkerID(r.Worker), sched.Session(r.Session)
		case wire.Cancel:
			if j.plan.Name != "" && j.over && j.failed == "" { // it is kept
				delete(c.jobs, j.id)
				s.tellEnd(c, r.Job)
				return nil
			}
			ev = sched.Event{Kind: sched.Cancel, Job: j.id}
			delete(c.jobs, j.id)
		}
		evs = append(evs, ev)
		return nil
	})
	s.step(evs...)
	return asked, finds, err
}

// tellEnd tells a client that a job it does not want any more has ended, when it has.
func (s *Scheduler) tellEnd(c *clientConn, id int32) {
	if j := s.jobs[sched.JobID(id)]; j != nil && j.client.hi.Life == c.hi.Life && j.plan.Name == "" {
		j.client = c // it hears of it from forget
		return
	}
	c.link.put(wire.Record{Kind: wire.Closed, Job: id})
}

// submit takes a part of a plan and begins the job when it is whole.
func (s *Scheduler) submit(c *clientConn, r *wire.Record) error {
	if c.whole[r.Block] == nil {
		all := r.Bytes
		for _, x := range c.whole {
			all += x.Size()
		}
		if len(c.whole) >= maxPlans || all > wire.MaxPlan {
			return fmt.Errorf("%w: %d plans with %d bytes are on their way, at most %d and %d are allowed", wire.ErrBroken, len(c.whole)+1, all, maxPlans, wire.MaxPlan)
		}
		c.whole[r.Block] = &wire.Whole{}
	}
	b, err := c.whole[r.Block].Add(r)
	if err != nil || b == nil {
		return err
	}
	delete(c.whole, r.Block)
	if id, ok := s.ledger.numbers[numbered{c.hi.Life, r.Block}]; ok { // it did not hear of it
		if j := s.jobs[sched.JobID(id)]; j != nil {
			c.link.put(wire.Record{Kind: wire.Accepted, Job: id, Block: r.Block, Text: j.secret})
			s.attach(c, id)
		}
		return nil
	}
	s.ledger.last++
	id, number := s.ledger.last, r.Block
	j, err := newJob(s, c, b)
	if err == nil {
		err = j.choice()
	}
	if err == nil {
		err = c.borrowed(j.plan.Layers)
	}
	if err == nil && s.named[j.plan.Name] != nil {
		err = fmt.Errorf("cluster: there is a dataset called %q: release it first, or choose another name", j.plan.Name)
	}
	if err != nil {
		c.link.put(wire.Record{Kind: wire.Accepted, Job: id, Block: number},
			wire.Record{Kind: wire.Fail, Job: id, Class: uint8(sched.Invalid), Text: err.Error()})
		return nil
	}
	j.id, j.secret = sched.JobID(id), secret()
	s.name(j)
	c.coming[j] = true
	s.keep(entry{Kind: entryAccepted, Job: id, Name: c.hi.Name, Life: c.hi.Life, Number: number, Secret: j.secret, Plan: b}, func() {
		delete(c.coming, j)
		c.link.put(wire.Record{Kind: wire.Accepted, Job: id, Block: number, Text: j.secret})
		s.jobs[j.id], c.jobs[j.id], c.attached[j.id] = j, j, true
		s.step(sched.Event{Kind: sched.Submit, Job: j.id, Spec: j.spec()})
		if s.clients[c.hi.Life] != c {
			s.disown(c)
		}
	})
	return nil
}

// secret draws what the tickets of a job are signed with.
func secret() string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], lifeNumber())
	binary.LittleEndian.PutUint64(b[8:], lifeNumber())
	return string(b[:])
}

// maxPlans bounds the plans a client sends at the same time.
const maxPlans = 64
