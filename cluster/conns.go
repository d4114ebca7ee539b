package cluster

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/sched"
)

const service = "weft.Cluster"

// controlServer are the limits of control streams at the scheduler.
func controlServer() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.ForceServerCodecV2(newRawCodec()), grpc.MaxRecvMsgSize(wire.MaxFrame), grpc.MaxSendMsgSize(wire.MaxFrame),
		grpc.InitialWindowSize(1 << 20), grpc.InitialConnWindowSize(1 << 20), grpc.WriteBufferSize(64 << 10), grpc.ReadBufferSize(64 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second})}
}

// A workerConn is a worker as the scheduler sees it.
type workerConn struct {
	id      sched.WorkerID
	session sched.Session
	hi      wire.Greeting
	cert    *x509.Certificate // nil without TLS
	link    *link
	heard   time.Time
	joined  time.Time
	cancel  context.CancelCauseFunc
	memory  wire.Record // the last Mem
	done    int64       // tasks
	broken  int64       // streams of its blocks that others found broken
	leaving *leaving    // it wants to go
	gone    time.Time   // its connection ended, and its process lives

	has    []sched.Event // what it has from earlier sessions, as it said and the machine does not know
	labels uint64
	stock  sched.Resources
	listed bool          // all of that was said
	risen  bool          // the machine knows of it
	under  sched.Session // that the machine has it under, an earlier one until it has risen; 0: none
}

// A clientConn is a client as the scheduler sees it, whichever connection it has.
type clientConn struct {
	hi    wire.Greeting
	cert  *x509.Certificate // nil without TLS
	link  *link
	gone  time.Time             // its connection ended
	whole map[int32]*wire.Whole // plans that come, by the client's number
	jobs  map[sched.JobID]*job
	words map[int32]wire.Record // how its jobs ended, until it drops them

	coming map[*job]bool // what is being written into the log: jobs in a moment
	left   bool          // it has said that it does not come back

	attached map[sched.JobID]bool // jobs it has spoken of on this connection
}

func newClient(hi wire.Greeting) *clientConn {
	return &clientConn{hi: hi, whole: map[int32]*wire.Whole{}, jobs: map[sched.JobID]*job{}, words: map[int32]wire.Record{}, attached: map[sched.JobID]bool{}, coming: map[*job]bool{}}
}

// first reads the first frame of a stream, for as long as a worker may be silent: who opens
// one has it to say.
func (s *Scheduler) first(st grpc.ServerStream) ([]byte, error) {
	type frame struct {
		b   []byte
		err error
	}
	said := make(chan frame, 1)
	go func() {
		var f frame
		f.err = st.RecvMsg(&f.b)
		said <- f
	}()
	late := time.NewTimer(s.opt.Dead)
	defer late.Stop()
	select {
	case f := <-said:
		return f.b, f.err
	case <-late.C: // the end of the stream ends the reading
		return nil, status.Errorf(codes.DeadlineExceeded, "cluster: nothing was said within %v", s.opt.Dead)
	}
}

// hello reads the first frame of a stream and refuses who does not fit.
func (s *Scheduler) hello(st grpc.ServerStream, l *link, role string) (hi wire.Greeting, err error) {
	if err := s.allow(st.Context(), role); err != nil {
		return hi, err
	}
	b, err := s.first(st)
	if err != nil {
		return hi, err
	}
	err = l.open(b, func(r *wire.Record) error {
		if r.Kind != wire.Hello {
			return fmt.Errorf("%w: the first record is of kind %d", wire.ErrBroken, r.Kind)
		}
		version, oldest, err := wire.Spoken(r.Data)
		if err != nil {
			return err
		}
		if version < wire.Oldest || oldest > wire.Version {
			return &wire.Refusal{Reason: wire.BadVersion, Text: fmt.Sprintf("cluster: this program speaks versions %d to %d of the protocol, the scheduler %d to %d: run the same release of weft on both",
				oldest, version, wire.Oldest, wire.Version)}
		}
		return wire.Decode(r.Data, &hi)
	})
	if err != nil {
		return hi, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.book != nil && s.up() > 0 && s.book.Book != hi.Book {
		return hi, &wire.Refusal{Reason: wire.BadBook, Text: difference(s.book, &hi)}
	}
	return hi, nil
}

// difference names the first operator or function that two programs do not share.
func difference(have, hi *wire.Greeting) string {
	a, b := have.Listing, hi.Listing
	text := "the same lines in another order"
	for i := range max(len(a), len(b)) {
		if i < len(a) && i < len(b) && a[i] == b[i] {
			continue
		}
		switch {
		case i >= len(b) || i < len(a) && a[i] < b[i]:
			text = fmt.Sprintf("%q is missing in it, or differs", a[i])
		default:
			text = fmt.Sprintf("%q is not in the workers, or differs", b[i])
		}
		break
	}
	return fmt.Sprintf("cluster: the program of %s has other operators and functions than the workers: %s; use the same binary for workers and clients", hi.Name, text)
}

// refuse tells why a stream is not accepted.
func refuse(l *link, err error) error {
	var no *wire.Refusal
	if errors.As(err, &no) {
		l.put(wire.Record{Kind: wire.Refused, Class: no.Reason, Text: no.Text})
	}
	l.close()
	return err
}

// welcome tells a client what it must know to plan; it is said again when that
// changes.
func (s *Scheduler) welcome() wire.Record {
	return wire.Record{Kind: wire.Welcome, Data: wire.Encode(s.reply())}
}

func (s *Scheduler) reply() wire.Reply {
	r := wire.Reply{Version: wire.Version, Cluster: s.ledger.cluster, Epoch: s.ledger.epoch, Durable: s.ledger.log != nil, Beat: int64(s.opt.Beat)}
	for _, w := range s.workers {
		if w == nil {
			continue
		}
		r.Workers++
		r.Slots += w.hi.Slots
		if r.Threads == 0 || w.hi.Slots < r.Threads {
			r.Threads = w.hi.Slots
		}
		if w.hi.Memory > 0 && (r.Memory == 0 || w.hi.Memory < r.Memory) {
			r.Memory = w.hi.Memory
		}
	}
	return r
}

// serveWorker is the stream of one worker.
func (s *Scheduler) serveWorker(st grpc.ServerStream) error {
	l := newLink(func(b *[]byte) error { return st.SendMsg(b) })
	hi, err := s.hello(st, l, RoleWorker)
	if err != nil {
		audit(st.Context(), s.opt.Log, hi.Name, err)
		return refuse(l, err)
	}
	ctx, cancel := context.WithCancelCause(st.Context())
	defer cancel(nil)
	w := &workerConn{hi: hi, cert: shown(ctx), link: l, heard: time.Now(), joined: time.Now(), cancel: cancel}
	if err := s.join(w); err != nil {
		return refuse(l, err)
	}
	frames := make(chan []byte, 16)
	go func() {
		defer close(frames)
		for {
			var b []byte
			if st.RecvMsg(&b) != nil {
				return
			}
			select {
			case frames <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	for err == nil {
		select {
		case b, ok := <-frames:
			if !ok {
				err = errParted
				break
			}
			if err = s.fromWorker(w, b); err == nil {
				_ = l.rest(ctx) // how that ended is looked at above
			}
		case <-ctx.Done():
			if err = context.Cause(ctx); st.Context().Err() != nil {
				err = errParted
			}
		}
	}
	s.leave(w, err)
	cancel(nil)
	return refuse(l, err)
}

// join makes a worker known to the machine and to everybody.
func (s *Scheduler) join(w *workerConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return &wire.Refusal{Reason: wire.NotReady, Text: "cluster: the scheduler is being stopped"}
	}
	if err := s.revoked.check(w.cert); err != nil { // since its stream was opened; from now on reread finds it
		return err
	}
	at := slices.Index(s.workers, nil)
	if old := s.names[w.hi.Name]; old != nil {
		switch {
		case old.hi.Life == w.hi.Life: // the machine hears of the new session when it is known what it has
			old.cancel(errElsewhere)
			at, w.under, w.leaving = int(old.id), old.under, old.leaving
			s.part(old) // to others it is where it was: what they fetch from it goes on
		case !old.gone.IsZero():
			s.lose(old, errors.New("another process has its name"))
			at = int(old.id)
		default:
			return &wire.Refusal{Reason: wire.BadName, Text: fmt.Sprintf("cluster: a worker called %s is there already: choose another --name", w.hi.Name)}
		}
	}
	var err error
	if w.labels, err = s.labelBits(w.hi.Labels); err == nil {
		w.stock, err = s.amounts(w.hi.Resources)
	}
	if err != nil {
		return &wire.Refusal{Reason: wire.BadName, Text: err.Error()}
	}
	if s.up() == 0 {
		s.book = &w.hi
	}
	if at < 0 {
		at = len(s.workers)
		s.workers = append(s.workers, nil)
	}
	s.session++
	w.id, w.session = sched.WorkerID(at), s.session
	s.workers[at], s.names[w.hi.Name] = w, w
	w.link.put(wire.Record{Kind: wire.Welcome, Worker: int32(w.id), Session: uint32(w.session), Data: wire.Encode(s.reply())})
	for _, x := range s.workers {
		if x != nil {
			w.link.put(x.peer())
			if x != w {
				x.link.put(w.peer())
			}
		}
	}
	for _, c := range s.clients {
		c.link.put(w.peer(), s.welcome())
	}
	s.opt.Log.Info("worker joined", "worker", w.hi.Name, "id", w.id, "session", w.session, "data", w.hi.Data, "slots", w.hi.Slots, "memory", w.hi.Memory)
	if s.ledger.workers[w.hi.Life] == "" {
		s.keep(entry{Kind: entryJoined, Name: w.hi.Name, Life: w.hi.Life}, func() {})
	}
	return nil
}

func (w *workerConn) peer() wire.Record {
	return wire.Record{Kind: wire.Peer, Worker: int32(w.id), Session: uint32(w.session), Life: w.hi.Life, Text: w.hi.Data}
}

var errParted = errors.New("the connection ended")

// leave ends the connection of a worker. If its process lives it may come back, and
// keeps what it has so long; it gets nothing new.
func (s *Scheduler) leave(w *workerConn, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.workers[w.id] != w || s.closed:
	case why != errParted:
		s.lose(w, why)
	default:
		s.opt.Log.Info("worker lost its connection", "worker", w.hi.Name, "session", w.session)
		w.gone = time.Now()
		s.step(w.weary(s))
		s.reopen(w.hi.Life, false)
		s.allRetiring()
		s.wg.Add(1)
		go s.probe(w)
	}
}

// probe looks whether the process of a worker without a connection is still there. Where
// another worker has its address now, that one answers.
func (s *Scheduler) probe(w *workerConn) {
	defer s.wg.Done()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		gone := refused(w.hi.Data)
		s.mu.Lock()
		same := s.workers[w.id] == w && !s.closed
		gone = gone || slices.ContainsFunc(s.workers, w.replaced)
		if same && gone {
			s.lose(w, errors.New("its process has ended"))
		}
		s.mu.Unlock()
		if !same || gone {
			return
		}
		select {
		case <-s.ended:
			return
		case <-time.After(pause):
		}
	}
}

// replaced reports whether x, which may be nil, is another process that has the address
// of w: that one has ended.
func (w *workerConn) replaced(x *workerConn) bool {
	return x != nil && x.hi.Data == w.hi.Data && x.hi.Life != w.hi.Life
}

// refused reports whether nobody listens at an address any more. False: somebody
// does, or it cannot be known.
func refused(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// lose forgets a worker with all it has; s is locked.
func (s *Scheduler) lose(w *workerConn, why error) {
	s.opt.Log.Warn("worker left", "worker", w.hi.Name, "session", w.session, "why", why)
	s.lost(w)
	if s.ledger.workers[w.hi.Life] != "" {
		s.keep(entry{Kind: entryLeft, Life: w.hi.Life}, func() {})
	}
	s.step(append([]sched.Event{{Kind: sched.WorkerDown, Worker: w.id, Session: w.under}}, w.moved(s)...)...)
	s.reopen(w.hi.Life, true)
	s.allRetiring()
	s.back(w.hi.Life)
}

// part takes a session of a worker from the lists; s is locked.
func (s *Scheduler) part(w *workerConn) {
	s.workers[w.id] = nil
	delete(s.names, w.hi.Name)
	if s.up() == 0 {
		s.lonely = time.Now()
	}
	for _, j := range s.jobs {
		delete(j.know, w)
	}
}

// lost tells all that a worker is gone; s is locked.
func (s *Scheduler) lost(w *workerConn) {
	s.part(w)
	gone := wire.Record{Kind: wire.Peer, Worker: int32(w.id), Session: uint32(w.session)}
	for _, x := range s.workers {
		if x != nil {
			x.link.put(gone)
		}
	}
	for _, c := range s.clients {
		c.link.put(gone, s.welcome())
	}
}

// questions is how many questions about the cluster a client is answered in a second, ten
// times as many at once: each keeps everybody else waiting. What it says after one too
// many waits.
const questions = 100

// serveClient is the stream of one client.
func (s *Scheduler) serveClient(st grpc.ServerStream) error {
	l := newLink(func(b *[]byte) error { return st.SendMsg(b) })
	hi, err := s.hello(st, l, RoleClient)
	if err != nil {
		audit(st.Context(), s.opt.Log, hi.Name, err)
		return refuse(l, err)
	}
	s.mu.Lock()
	c := s.clients[hi.Life]
	if c == nil {
		c = newClient(hi)
		s.clients[hi.Life] = c
	}
	cert := shown(st.Context())
	c.link, c.cert, c.gone = l, cert, time.Time{}
	clear(c.whole)
	clear(c.attached)
	l.put(s.welcome())
	for _, w := range s.workers {
		if w != nil {
			l.put(w.peer())
		}
	}
	s.mu.Unlock()
	ctx, pace := st.Context(), rate.NewLimiter(questions, 10*questions)
	for err == nil {
		l.wait(ctx)
		var b []byte
		if err = st.RecvMsg(&b); err == nil {
			err = s.revoked.check(cert)
		}
		if err == nil {
			err = s.fromClient(ctx, c, l, pace, b)
		}
		if err == nil {
			err = l.rest(ctx)
		}
	}
	s.mu.Lock()
	if c.link == l && !s.closed {
		c.gone = time.Now()
		if c.left || errors.Is(err, wire.ErrBroken) || len(c.jobs)+len(c.coming) == 0 {
			s.abandon(c)
		}
	}
	s.mu.Unlock()
	return refuse(l, err)
}

// abandon forgets a client and cancels its jobs; s is locked.
func (s *Scheduler) abandon(c *clientConn) {
	delete(s.clients, c.hi.Life)
	s.disown(c)
	s.back(c.hi.Life)
}

// disown cancels the jobs of a client that is forgotten, but for datasets; s is locked.
func (s *Scheduler) disown(c *clientConn) {
	for id, j := range c.jobs {
		if s.jobs[id] == j && j.plan.Name == "" {
			s.step(sched.Event{Kind: sched.Cancel, Job: id})
		}
	}
}
