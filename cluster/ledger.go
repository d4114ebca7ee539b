package cluster

import (
	"fmt"
	"maps"
	"slices"

	"github.com/weft-data/weft/cluster/journal"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// What a scheduler must not forget, and puts into its log before anybody hears of
// it: which jobs it has accepted, which layers were cut and how many blocks late ones
// have, how jobs ended, which workers there are. How far tasks are is not written down: workers know it.
const (
	entryBegan    = iota + 1 // Cluster Epoch Last: a scheduler took over
	entryAccepted            // Job Name Life Number Secret Plan
	entrySized               // Job Sizes
	entryEnded               // Job Class Text: Text is empty if it ended well
	entryJoined              // Name Life
	entryLeft                // Life
)

// An entry of the log.
type entry struct {
	Kind    int32
	Cluster uint64
	Epoch   uint64
	Last    int32
	Job     int32
	Name    string
	Life    uint64
	Number  int32 // of the client
	Secret  string
	Plan    []byte
	Sizes   []layerSize
	Class   uint8
	Text    string
}

// A layerSize is the number of blocks of a late layer; or says that it was cut by the one of
// its cuts with the number Cut-1.
type layerSize struct{ Layer, N, Cut int32 }

// A numbered job is one by its client's number: accepted once, however often it is
// sent.
type numbered struct {
	life   uint64
	number int32
}

// A ledger is what the log amounts to; without a log it is forgotten with the
// process. The scheduler guards it.
type ledger struct {
	log     *journal.Log
	cluster uint64
	epoch   uint64
	last    int32
	jobs    map[int32]*entry
	sizes   map[int32][]layerSize
	numbers map[numbered]int32
	workers map[uint64]string
	ended   []entry // the last of them, for clients that were away
	added   int     // since the last snapshot
}

// Bounds of a ledger.
const (
	maxEnded   = 1024 // ends of jobs that are remembered
	snapsAfter = 1000 // entries
)

// openLedger reads the log in a folder, if there is one, and begins an epoch.
func openLedger(dir string) (*ledger, error) {
	l := &ledger{jobs: map[int32]*entry{}, sizes: map[int32][]layerSize{}, numbers: map[numbered]int32{}, workers: map[uint64]string{}}
	if dir == "" {
		l.apply(&entry{Kind: entryBegan, Cluster: lifeNumber(), Epoch: 1})
		return l, nil
	}
	log, recs, err := journal.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	for i, b := range recs {
		var x entry
		if err := wire.Decode(b, &x); err != nil {
			_ = log.Close()
			return nil, fmt.Errorf("cluster: record %d of the log in %s: %w", i, dir, err)
		}
		l.apply(&x)
	}
	l.log = log
	began := entry{Kind: entryBegan, Cluster: l.cluster, Epoch: l.epoch + 1, Last: l.last}
	if began.Cluster == 0 {
		began.Cluster = lifeNumber()
	}
	l.apply(&began)
	sure := make(chan error, 1)
	log.Add(wire.Encode(began), func(err error) { sure <- err })
	if err := <-sure; err != nil {
		_ = log.Close()
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return l, nil
}

// apply has an entry count.
func (l *ledger) apply(x *entry) {
	switch x.Kind {
	case entryBegan:
		l.cluster, l.epoch, l.last = x.Cluster, x.Epoch, max(l.last, x.Last)
	case entryAccepted:
		l.last = max(l.last, x.Job)
		l.jobs[x.Job] = x
		l.numbers[numbered{x.Life, x.Number}] = x.Job
	case entrySized:
		l.sizes[x.Job] = append(l.sizes[x.Job], x.Sizes...)
	case entryEnded:
		if j := l.jobs[x.Job]; j != nil {
			delete(l.numbers, numbered{j.Life, j.Number})
		}
		delete(l.jobs, x.Job)
		delete(l.sizes, x.Job)
		if l.ended = append(l.ended, *x); len(l.ended) > maxEnded {
			l.ended = append([]entry(nil), l.ended[maxEnded/2:]...)
		}
	case entryJoined:
		l.workers[x.Life] = x.Name
	case entryLeft:
		delete(l.workers, x.Life)
	}
}

// snapshot words what the ledger has, with no more than is needed.
func (l *ledger) snapshot() (recs [][]byte) {
	put := func(x entry) { recs = append(recs, wire.Encode(x)) }
	put(entry{Kind: entryBegan, Cluster: l.cluster, Epoch: l.epoch, Last: l.last})
	for id, x := range l.jobs {
		put(*x)
		if s := l.sizes[id]; s != nil {
			put(entry{Kind: entrySized, Job: id, Sizes: s})
		}
	}
	for _, x := range l.ended {
		put(x)
	}
	for life, name := range l.workers {
		put(entry{Kind: entryJoined, Name: name, Life: life})
	}
	return recs
}

func (l *ledger) close() error {
	if l.log == nil {
		return nil
	}
	return l.log.Close()
}

// end returns how a job ended, nil if that is not known.
func (l *ledger) end(job int32) *entry {
	for i := range l.ended {
		if l.ended[i].Job == job {
			return &l.ended[i]
		}
	}
	return nil
}

// keep puts an entry into the log and does what follows from it when it is durable;
// without a log at once. s is locked, now and then.
func (s *Scheduler) keep(x entry, then func()) {
	l := s.ledger
	if l.log == nil {
		x.Plan = nil
		l.apply(&x)
		then()
		return
	}
	l.apply(&x)
	l.log.Add(wire.Encode(x), func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.closed:
		case err != nil:
			s.depose(err)
		default:
			then()
		}
	})
	if l.added++; l.added > snapsAfter {
		l.added = 0
		l.log.Replace(l.snapshot(), func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if err != nil && !s.closed {
				s.depose(err)
			}
		})
	}
}

// depose ends a scheduler that cannot write its log any more, or has been replaced:
// what it says from now on would not be remembered. s is locked.
func (s *Scheduler) depose(why error) {
	if s.deposed == nil {
		s.opt.Log.Error("the scheduler steps down", "why", why)
		s.deposed = why
		go func() { _ = s.Close() }()
	}
}

// Deposed returns why the scheduler has stepped down, nil while it has not.
func (s *Scheduler) Deposed() error { s.mu.Lock(); defer s.mu.Unlock(); return s.deposed }

// Done is closed when the scheduler has ended.
func (s *Scheduler) Done() <-chan struct{} { return s.ended }

// resume begins the jobs of the log anew, without a worker yet, and waits with their
// tasks until those who were there have come back.
func (s *Scheduler) resume() error {
	l := s.ledger
	waits := map[uint64]bool{}
	for _, id := range slices.Sorted(maps.Keys(l.jobs)) { // a job that lends before those that borrow
		x := l.jobs[id]
		c := s.clients[x.Life]
		if c == nil {
			c = newClient(wire.Greeting{Name: x.Name, Life: x.Life})
			c.link, c.gone = newLink(nil), s.start
			c.link.close()
			s.clients[x.Life] = c
		}
		j, err := newJob(s, c, x.Plan)
		if err != nil {
			return fmt.Errorf("cluster: job %d of the log: %w", id, err)
		}
		j.id, j.secret = sched.JobID(id), x.Secret
		s.jobs[j.id], c.jobs[j.id] = j, j
		s.name(j)
		waits[x.Life] = waits[x.Life] || j.plan.Name == ""
		ext := &sched.Extension{}
		if err = j.choice(); err != nil {
			return err
		}
		spec := j.spec()
		for _, z := range l.sizes[id] {
			if z.Cut > 0 {
				if _, _, err := j.sh.Cut(sched.LayerID(z.Layer), z.Cut-1); err != nil {
					return fmt.Errorf("cluster: job %d of the log: %w", id, err)
				}
				continue
			}
			j.sh.Set(sched.LayerID(z.Layer), z.N)
			ext.Set = append(ext.Set, j.sh.Definite(sched.LayerID(z.Layer)))
		}
		s.step(sched.Event{Kind: sched.Submit, Job: j.id, Spec: spec})
		if len(ext.Set) > 0 {
			s.step(sched.Event{Kind: sched.Extend, Job: j.id, Ext: ext})
		}
	}
	if len(s.jobs) == 0 {
		return nil
	}
	s.hold, s.holds = map[uint64]bool{}, s.start
	for life := range l.workers {
		s.hold[life] = true
	}
	for life := range s.clients {
		if waits[life] {
			s.hold[life] = true
		}
	}
	s.opt.Log.Info("jobs of the log wait for those who were there", "jobs", len(s.jobs), "workers", len(l.workers), "clients", len(s.clients))
	return nil
}

// back notes that a worker or client has said all of earlier sessions; s is locked.
func (s *Scheduler) back(life uint64) {
	if s.hold == nil {
		return
	}
	if delete(s.hold, life); len(s.hold) == 0 {
		s.release()
	}
}

// release lets tasks begin after a restart: with what the workers that came back
// have. Who has not come is not waited for any more.
func (s *Scheduler) release() {
	late := s.hold
	s.hold = nil
	var evs []sched.Event
	for _, w := range s.workers {
		if w != nil && w.listed {
			evs = append(evs, w.rise(s)...)
		}
	}
	for life := range late {
		if name, ok := s.ledger.workers[life]; ok {
			s.opt.Log.Warn("worker has not come back", "worker", name)
			s.keep(entry{Kind: entryLeft, Life: life}, func() {})
		}
	}
	s.step(evs...)
	s.allRetiring()
}

// sized notes decisions about late layers, and has them count when they are durable.
func (j *job) sized(ext *sched.Extension, cuts []shell.Cut, evs []sched.Event) []sched.Event {
	s, x, ev := j.s, entry{Kind: entrySized, Job: int32(j.id)}, sched.Event{Kind: sched.Extend, Job: j.id, Ext: ext}
	for _, c := range cuts {
		x.Sizes = append(x.Sizes, layerSize{Layer: int32(c.Layer), Cut: c.At + 1})
	}
	for _, l := range ext.Set {
		x.Sizes = append(x.Sizes, layerSize{Layer: int32(l.Layer), N: l.N})
	}
	if s.ledger.log == nil {
		j.tellSizes(x.Sizes)
		return append(evs, ev)
	}
	s.keep(x, func() {
		if s.jobs[j.id] == j {
			j.tellSizes(x.Sizes)
			s.step(ev)
		}
	})
	return evs
}

func (j *job) tellSizes(sizes []layerSize) {
	for w := range j.know {
		for _, l := range sizes {
			r := wire.Record{Kind: wire.Size, Job: int32(j.id), Layer: l.Layer, N: l.N}
			if l.Cut > 0 {
				r.Kind, r.Block = wire.Cut, l.Cut-1
			}
			w.link.put(r)
		}
	}
}

// attach tells a client that has come back what it may have missed of a job.
func (s *Scheduler) attach(c *clientConn, id int32) {
	j := c.jobs[sched.JobID(id)]
	if j != nil {
		c.attached[j.id] = true
		want := graph.LayerID(j.plan.Want)
		for b := range j.plan.Layers[want].N {
			if !j.out.has(b) {
				continue
			}
			w, _, ok := s.st.Holder(j.id, sched.LayerID(want), b)
			if !ok { // it is made again: the job may have finished, and the client must wait for it
				w = -1
			}
			j.deliverFrom(b, int32(w))
		}
	}
	word, ok := c.words[id]
	if x := s.ledger.end(id); !ok && j == nil {
		word = wire.Record{Kind: wire.Finished, Job: id}
		switch {
		case x == nil:
			word = wire.Record{Kind: wire.Fail, Job: id, Class: uint8(sched.Cancelled), Text: "the scheduler does not know the job any more"}
		case x.Text != "":
			word.Kind, word.Class, word.Text = wire.Fail, x.Class, x.Text
		}
		ok = true
	}
	if ok {
		c.link.put(word)
	}
}

// firstSession is what the sessions of an epoch count from. Workers that outlive the scheduler tell by its number what
// began in another session, and a scheduler that starts at once meets them in the same order: so no epoch has the
// numbers of another. A million joins in one epoch, and four thousand epochs later, the numbers come again.
func firstSession(epoch uint64) sched.Session { return sched.Session(epoch << 20) }
