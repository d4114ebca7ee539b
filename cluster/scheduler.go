package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/flight"
	"google.golang.org/grpc"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
)

// SchedulerOptions of a Scheduler. Zero values mean defaults.
type SchedulerOptions struct {
	Security Security
	// Issue is the folder of InitSecurity, with the authority's key and that of tokens:
	// the scheduler gives certificates to those who have a join token. None means it
	// does not.
	Issue string
	// Enrolled is how long these are valid; processes have them renewed in time. Default
	// 30 days.
	Enrolled time.Duration
	Log      *slog.Logger  // events; nil means none
	Beat     time.Duration // between signs of life; default 1 s
	Dead     time.Duration // a worker that was silent for so long is given up; default 20 s
	Poison   int           // a task is given up when so many workers have died under it; default 3
	Grace    time.Duration // a job that has no worker for so long fails; default 5 min
	// Journal is a folder for the log of what was accepted, so that a scheduler that
	// is started again with it goes on with the jobs; none means that jobs end with
	// the scheduler.
	Journal string
	// Recover is how long, after such a start, no task begins while workers and clients
	// that were there have not come back; default 10 s.
	Recover time.Duration
	// Lease is how long a worker whose process lives, or a client, may be without a
	// connection: then its blocks count as lost, its jobs are cancelled; default 10 s.
	Lease time.Duration
}

func (o *SchedulerOptions) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Issue != "" {
		def(&o.Security.Revoked, filepath.Join(o.Issue, revokedFile))
	}
	def(&o.Enrolled, enrolledFor)
	def(&o.Beat, time.Second)
	def(&o.Dead, 20*time.Second)
	def(&o.Grace, 5*time.Minute)
	def(&o.Recover, 10*time.Second)
	def(&o.Lease, 10*time.Second)
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// A Scheduler decides what the workers of a cluster do: the pure machine of
// package sched, driven by what comes in over the streams of workers and clients.
type Scheduler struct {
	opt   SchedulerOptions
	srv   *grpc.Server
	lis   net.Listener
	start time.Time
	ended chan struct{}
	wg    sync.WaitGroup

	issuer  *issuer     // nil if it gives no certificates
	revoked *revocation // of its Security

	mu       sync.Mutex
	st       *sched.State
	acts     []sched.Action
	workers  []*workerConn // by WorkerID, nil where nobody is
	names    map[string]*workerConn
	clients  map[uint64]*clientConn // by life
	jobs     map[sched.JobID]*job
	named    map[string]*job // whose blocks are kept
	labels   naming          // bits
	kinds    naming          // of resources
	ledger   *ledger
	hold     map[uint64]bool // after a restart: lives that are waited for before tasks begin,
	holds    time.Time       // since then
	deposed  error
	session  sched.Session  // the last one, see firstSession
	expelled int64          // revocation.news when those were expelled last whom it names
	book     *wire.Greeting // whose operators the workers have
	timer    *time.Timer
	lonely   time.Time // since when no worker is up
	closed   bool
	finished int64 // tasks, ever
}

// Listen starts a scheduler at an address, for example "127.0.0.1:9700". Anywhere
// but on the loopback interface the options must have certificates.
func Listen(addr string, o SchedulerOptions) (*Scheduler, error) {
	o.defaults()
	var is *issuer
	if o.Issue != "" {
		var err error
		if is, err = openIssuer(o.Issue); err == nil && o.Security.none() {
			err = errors.New("cluster: a scheduler that gives certificates needs its own: --ca, --cert and --key")
		}
		if err != nil {
			return nil, err
		}
		is.valid = o.Enrolled
	}
	creds, err := o.Security.server(addr, is)
	if err != nil {
		return nil, err
	}
	if err := o.Security.open(o.Log); err != nil {
		return nil, err
	}
	lis, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	led, err := openLedger(o.Journal)
	if err != nil {
		return nil, errors.Join(err, lis.Close())
	}
	s := &Scheduler{opt: o, lis: lis, issuer: is, revoked: o.Security.out, ledger: led, session: firstSession(led.epoch), start: time.Now(), lonely: time.Now(), ended: make(chan struct{}),
		st:    sched.New(sched.Options{Poison: int32(o.Poison)}),
		names: map[string]*workerConn{}, clients: map[uint64]*clientConn{}, jobs: map[sched.JobID]*job{}, named: map[string]*job{}, labels: naming{"label", 64, map[string]int{}}, kinds: naming{"resource", sched.MaxResources, map[string]int{}}}
	s.mu.Lock()
	err = s.resume()
	s.mu.Unlock()
	if err != nil {
		return nil, errors.Join(err, lis.Close(), led.close())
	}
	s.srv = grpc.NewServer(append(controlServer(), grpc.Creds(creds))...)
	flight.RegisterFlightServiceServer(s.srv, &catalog{s: s})
	s.srv.RegisterService(&grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{
		{StreamName: "Worker", Handler: func(_ any, st grpc.ServerStream) error { return s.serveWorker(st) }, ServerStreams: true, ClientStreams: true},
		{StreamName: "Enroll", Handler: func(_ any, st grpc.ServerStream) error { return s.serveEnroll(st) }, ServerStreams: true, ClientStreams: true},
		{StreamName: "Client", Handler: func(_ any, st grpc.ServerStream) error { return s.serveClient(st) }, ServerStreams: true, ClientStreams: true},
	}}, s)
	s.wg.Add(2)
	go func() { defer s.wg.Done(); _ = s.srv.Serve(lis) }()
	go func() { defer s.wg.Done(); s.beat() }()
	return s, nil
}

// Addr returns where the scheduler listens.
func (s *Scheduler) Addr() string { return s.lis.Addr().String() }

// Close ends the scheduler. Workers and clients see that it is gone. Jobs end, but
// for those of a log: they go on under the next scheduler that has it.
func (s *Scheduler) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.ended)
	for _, j := range s.jobs {
		if s.ledger.log == nil {
			j.fail(0, errStopped.Error())
		}
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	s.srv.Stop()
	s.wg.Wait()
	return s.ledger.close()
}

var errStopped = errors.New("the scheduler was stopped")

// beat sends signs of life and gives up who has not sent any.
func (s *Scheduler) beat() {
	tick := time.NewTicker(s.opt.Beat)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-s.ended:
			return
		case <-tick.C:
		}
		s.reread()
		s.mu.Lock()
		now := time.Now()
		if still := now.Sub(last) - s.opt.Beat; still > s.opt.Beat {
			s.excuse(still, now)
		}
		last = now
		for _, w := range s.workers {
			if w == nil {
				continue
			}
			if !w.gone.IsZero() {
				if now.Sub(w.gone) > s.opt.Lease {
					s.lose(w, fmt.Errorf("it did not come back within %v", s.opt.Lease))
				}
				continue
			}
			w.link.put(wire.Record{Kind: wire.Ping, Nanos: s.now()})
			if w.leaving != nil && now.After(w.leaving.until) {
				s.opt.Log.Warn("worker retires without having given away all it has", "worker", w.hi.Name, "blocks", w.leaving.open+w.leaving.asked)
				s.goodbye(w)
				continue
			}
			if silent := now.Sub(w.heard); silent > s.opt.Dead {
				s.opt.Log.Warn("worker is silent", "worker", w.hi.Name, "for", silent)
				w.cancel(fmt.Errorf("cluster: nothing was heard of worker %s for %v", w.hi.Name, silent))
			}
		}
		for _, j := range s.jobs {
			if !j.over {
				j.advanced()
			}
		}
		for _, c := range s.clients {
			if !c.gone.IsZero() && now.Sub(c.gone) > s.opt.Lease {
				s.abandon(c)
			}
		}
		if s.hold != nil && now.Sub(s.holds) > s.opt.Recover {
			s.release()
		}
		s.unfit(now)
		if s.up() == 0 && now.Sub(s.lonely) > s.opt.Grace {
			for _, j := range s.jobs {
				j.fail(0, fmt.Sprintf("no worker is there since %v: start some with 'weft worker --scheduler %s'", now.Sub(s.lonely).Round(time.Second), s.Addr()))
				s.step(sched.Event{Kind: sched.Cancel, Job: j.id})
			}
		}
		s.mu.Unlock()
	}
}

// excuse has the time in which this process stood still count for nobody: what others said meanwhile was not heard yet, and
// who had no connection could not come back. s is locked.
func (s *Scheduler) excuse(still time.Duration, now time.Time) {
	s.opt.Log.Warn("the scheduler stood still", "for", still)
	later := func(t *time.Time) {
		if !t.IsZero() {
			*t = t.Add(min(still, now.Sub(*t)))
		}
	}
	for _, w := range s.workers {
		if w == nil {
			continue
		}
		later(&w.heard)
		later(&w.gone)
		if w.leaving != nil {
			w.leaving.until = w.leaving.until.Add(still)
		}
	}
	for _, c := range s.clients {
		later(&c.gone)
	}
	for _, j := range s.jobs {
		later(&j.fit)
	}
	later(&s.lonely)
	later(&s.holds)
}

// now is the scheduler's clock.
func (s *Scheduler) now() int64 { return int64(time.Since(s.start)) }

// up counts the workers; s is locked.
func (s *Scheduler) up() (n int) {
	for _, w := range s.workers {
		if w != nil {
			n++
		}
	}
	return n
}

// step tells the machine what happened and does what it says, until it is quiet;
// s is locked.
func (s *Scheduler) step(evs ...sched.Event) {
	for len(evs) > 0 {
		s.acts = s.st.StepAll(evs, s.acts[:0])
		evs = nil
		for i := range s.acts {
			evs = s.do(&s.acts[i], evs)
		}
	}
	if at, ok := s.st.Wake(); ok && !s.closed {
		s.wake(at)
	}
}

// wake sets the timer to the time the machine wants to be told.
func (s *Scheduler) wake(at int64) {
	d := max(0, time.Duration(at-s.now()))
	if s.timer == nil {
		s.timer = time.AfterFunc(d, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.closed {
				s.step(sched.Event{Kind: sched.Tick, Now: s.now()})
			}
		})
		return
	}
	s.timer.Reset(d)
}

// worker returns the live worker that an action is for, nil if its session is over.
func (s *Scheduler) worker(a *sched.Action) *workerConn {
	if int(a.Worker) >= len(s.workers) {
		return nil
	}
	if w := s.workers[a.Worker]; w != nil && w.session == a.Session {
		return w
	}
	return nil
}

// do carries out one action; s is locked.
func (s *Scheduler) do(a *sched.Action, evs []sched.Event) []sched.Event {
	j := s.jobs[a.Job]
	if j == nil {
		if w := s.worker(a); w != nil && a.Kind == sched.Free {
			w.link.put(wire.Record{Kind: wire.Free, Job: int32(a.Job), Layer: int32(a.Layer), Block: a.First, N: a.N})
		}
		return evs
	}
	rec := wire.Record{Job: int32(a.Job), Layer: int32(a.Layer), Block: a.First, N: a.N, Attempt: uint32(a.Attempt)}
	switch a.Kind {
	case sched.Run:
		if w := s.worker(a); w != nil {
			j.run(w, a)
		}
	case sched.Free, sched.Return, sched.Halt:
		if w := s.worker(a); w != nil {
			switch rec.Kind = wire.Free; a.Kind {
			case sched.Return:
				rec.Kind = wire.Return
			case sched.Halt:
				rec.Kind = wire.Halt
			}
			w.link.put(rec)
		}
	case sched.Deliver:
		return j.deliver(a, evs)
	case sched.LayerDone:
		return j.layerDone(a, evs)
	case sched.Fail:
		j.fail(a.Err.Class, j.explain(a.Err))
	case sched.Finished:
		j.finish()
	case sched.Closed:
		s.forget(j)
	}
	return evs
}

// forget drops what is kept of a closed job; s is locked.
func (s *Scheduler) forget(j *job) {
	if !j.over {
		j.fail(sched.Cancelled, "the job was cancelled")
	}
	delete(s.jobs, j.id)
	if s.named[j.plan.Name] == j {
		delete(s.named, j.plan.Name)
	}
	if j.client.jobs[j.id] == j {
		delete(j.client.jobs, j.id)
	}
	s.keep(entry{Kind: entryEnded, Job: int32(j.id), Class: uint8(j.class), Text: j.failed}, func() {
		j.client.link.put(wire.Record{Kind: wire.Closed, Job: int32(j.id)})
	})
	for w := range j.know {
		w.link.put(wire.Record{Kind: wire.Closed, Job: int32(j.id)})
	}
}

// Workers returns how many workers are up.
func (s *Scheduler) Workers() int { s.mu.Lock(); defer s.mu.Unlock(); return s.up() }

// WaitWorkers returns when at least n workers are up and have said what they hold,
// so that they are given tasks.
func (s *Scheduler) WaitWorkers(ctx context.Context, n int) error {
	for {
		have := 0
		s.mu.Lock()
		for _, w := range s.workers {
			if w != nil && w.risen {
				have++
			}
		}
		s.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cluster: %d of %d workers are up: %w", have, n, context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// Finished returns how many tasks have been done, ever.
func (s *Scheduler) Finished() int64 { s.mu.Lock(); defer s.mu.Unlock(); return s.finished }
