package cluster

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/shell"
)

// WorkerOptions of a Worker. Zero values mean defaults.
type WorkerOptions struct {
	Name   string // unique in the cluster; default: host, process and a random number
	Listen string // where others fetch blocks; default 127.0.0.1:0
	// Advertise is the address others are told, if it is not the one listened at.
	Advertise string
	Threads   int // default: one per CPU
	// Memory is the budget of the process in bytes; 0 means no limit. What tasks compute with keeps to it. A process that has
	// grown beyond 1.2 times the budget, or to 95 % of what its cgroup may have, by the functions of the user for example,
	// begins no task beside what runs and gives back its queue, until it is smaller by a tenth.
	Memory    int64
	Pool      int64  // bytes for the buffers of tasks, when the program does its own accounting: Memory is for the line above alone then
	SpillDir  string // default: the system's temporary folder
	Spill     int64  // bytes that may be spilled; 0 means as many as the disk takes
	Labels    []string
	Resources []string // NAME=N, for example gpu=2: what tasks may ask for; those at work never take more
	Security  Security
	Log       *slog.Logger
	Dead      time.Duration // a connection to the scheduler that was silent for so long is given up; default 20 s
	Stuck     time.Duration // a function that goes on for so long after it was told to stop is abandoned: the worker retires and ends with ErrStuck; default 10 s
	Recorder  string        // file that says which tasks run, for whoever looks after the process; none by default
	Orphan    time.Duration // how long the worker keeps what it has, and goes on, without a scheduler; default 10 min
	Stall     time.Duration // a fetch that makes no progress for so long has failed; default 10 s
}

func (o *WorkerOptions) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	def(&o.Listen, "127.0.0.1:0")
	def(&o.Threads, runtime.GOMAXPROCS(0))
	def(&o.Dead, 20*time.Second)
	def(&o.Orphan, 10*time.Minute)
	def(&o.Stuck, 10*time.Second)
	def(&o.Stall, 10*time.Second)
	if o.Pool == 0 {
		o.Pool, o.Threads = exec.Share(o.Memory, o.Threads)
	}
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = fmt.Sprintf("%s-%d-%08x", host, os.Getpid(), uint32(lifeNumber()))
	}
}

// hosts are the names that others may know the worker by.
func (o *WorkerOptions) hosts() []string {
	out := slices.Clone(loopback)
	for _, addr := range []string{o.Listen, o.Advertise} {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err == nil && host != "" && (ip == nil || !ip.IsUnspecified()) && !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// lifeNumber draws a number for the life of a process.
func lifeNumber() uint64 {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // the system has no random source: nothing is safe then
	}
	return binary.LittleEndian.Uint64(b[:])
}

// A Worker runs tasks for a scheduler. What it lends to them is an exec.Node.
type Worker struct {
	opt    WorkerOptions
	node   *exec.Node
	peers  *data.Peers
	data   *data.Server
	lis    net.Listener
	line   *line
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	done   chan struct{}
	err    error

	mu       sync.Mutex
	quiet    sync.Cond // a task or a fetch has ended
	link     *link
	id       int32
	session  uint32
	leaving  bool      // it wants to go
	stuck    bool      // something runs that does not end
	full     time.Time // since when its disk is, and it asks for nothing
	pressed  time.Time // since when the process has more memory than it may
	rested   time.Time // pressed: when a task last ran
	said     bool      // that it asks for nothing
	since    time.Time // functions have been abandoned
	recorder *recorder // nil if nobody looks
	heard    time.Time
	outlived map[taskKey]bool   // tasks that run and began in an earlier session
	adopted  map[taskKey]uint32 // their attempts in this one
	table    roster
	jobs     map[int32]*work
	queue    shell.Queue[*work]
	ahead    int // tasks at the node, or fetching for it
	carriers int
	away     int // tasks that count neither there nor there, since they wait for others
	errands  int // that get blocks from others
	carrying map[*carrier]bool
	waiting  map[*gather]bool // for blocks that clients give
	closed   bool
	up       chan struct{} // closed when the scheduler has welcomed it
}

// A roster is the workers there are, as the scheduler told.
type roster map[int32]peer

type peer struct {
	session uint32
	life    uint64
	addr    string
}

// queued is how many tasks the scheduler sends ahead of the slots.
const queued = 512

// Join starts a worker that works for the scheduler at addr, and returns when the
// scheduler has accepted it. Wait tells when it has ended.
func Join(ctx context.Context, addr string, o WorkerOptions) (*Worker, error) {
	o.defaults()
	if err := checkResources(o.Resources); err != nil {
		return nil, err
	}
	creds, others, err := o.Security.join(ctx, addr, RoleWorker, o.Name, o.hosts(), o.Log)
	if err != nil {
		return nil, err
	}
	dataCreds, err := o.Security.server(o.Listen, nil)
	if err != nil {
		return nil, err
	}
	w := &Worker{opt: o, peers: o.Security.peers(others, o.Stall), done: make(chan struct{}), table: roster{}, jobs: map[int32]*work{}, carrying: map[*carrier]bool{}, waiting: map[*gather]bool{},
		heard: time.Now(), up: make(chan struct{})}
	w.quiet.L = &w.mu
	if w.lis, err = net.Listen("tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	if o.Recorder != "" {
		if w.recorder, err = newRecorder(o.Recorder); err != nil {
			return nil, errors.Join(err, w.lis.Close())
		}
	}
	w.node = exec.NewNode(exec.Options{Threads: o.Threads, Memory: o.Pool, SpillDir: o.SpillDir, Spill: o.Spill,
		Rotten: func(err error) { o.Log.Error("a spilled block is rotten", "worker", o.Name, "err", err) }})
	w.data = data.NewServer(w, dataCreds, w.allow)
	w.wg.Add(1)
	go func() { defer w.wg.Done(); _ = w.data.Serve(w.lis) }()
	live, cancel := context.WithCancelCause(context.Background())
	w.cancel = cancel
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		o.Security.renewing(live, addr, creds, func(err error) { o.Log.Warn("the certificate was not renewed", "err", err) })
	}()
	st, err := w.dial(ctx, live, addr, creds)
	if err != nil {
		w.end(err)
		close(w.done)
		return nil, err
	}
	go func() {
		err := w.serve(live, st)
		if w.stuck && errors.Is(err, errRetired) {
			err = ErrStuck
		}
		w.end(err)
		w.err = err
		close(w.done)
	}()
	select {
	case <-w.up:
		return w, nil
	case <-w.done:
		return nil, w.err
	case <-ctx.Done():
		w.cancel(context.Cause(ctx))
		<-w.done
		return nil, fmt.Errorf("cluster: scheduler %s: %w", addr, context.Cause(ctx))
	}
}

// allow refuses who may not ask for blocks.
func (w *Worker) allow(ctx context.Context) error {
	err := w.opt.Security.allow(ctx, RoleWorker, RoleClient)
	if err != nil {
		audit(ctx, w.opt.Log, "", err)
	}
	return err
}

// dialControl makes a connection for a control stream.
func dialControl(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+addr, append(opts,
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(newRawCodec()), grpc.MaxCallRecvMsgSize(wire.MaxFrame), grpc.MaxCallSendMsgSize(wire.MaxFrame)),
		grpc.WithInitialWindowSize(1<<20), grpc.WithInitialConnWindowSize(1<<20), grpc.WithWriteBufferSize(64<<10), grpc.WithReadBufferSize(64<<10),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}))...)
}

var bidi = grpc.StreamDesc{ServerStreams: true, ClientStreams: true}

// greeting is what a process says of itself.
func greeting(name string) wire.Greeting {
	return wire.Greeting{Version: wire.Version, Oldest: wire.Oldest, Book: op.Digest(), Listing: op.Listing(), Name: name, Life: lifeNumber()}
}

// dial opens the control stream and says hello.
func (w *Worker) dial(ctx, live context.Context, addr string, creds credentials.TransportCredentials) (grpc.ClientStream, error) {
	var err error
	if w.line, err = newLine(addr, "Worker", w.opt.Name, creds, w.opt.Security.out); err != nil {
		return nil, err
	}
	hi := &w.line.hi
	hi.Data, hi.Slots, hi.Queue, hi.Memory, hi.Labels, hi.Resources = cmp.Or(w.opt.Advertise, w.lis.Addr().String()), int32(w.opt.Threads), queued, w.opt.Pool, w.opt.Labels, w.opt.Resources
	stop := context.AfterFunc(ctx, func() { w.cancel(context.Cause(ctx)) })
	defer stop()
	late := time.AfterFunc(time.Second, func() {
		w.opt.Log.Warn("no scheduler answers yet: the worker waits for it", "worker", w.opt.Name, "scheduler", addr)
	})
	defer late.Stop()
	st, l, err := w.line.open(live, true)
	w.link = l
	return st, err
}

// serve works for the scheduler until it is over: when a connection ends it is made
// again, and what the worker has is told anew.
func (w *Worker) serve(live context.Context, st grpc.ClientStream) error {
	w.wg.Add(2)
	go func() { defer w.wg.Done(); w.beat(live) }()
	go func() { defer w.wg.Done(); w.gauge(live) }()
	return w.line.keep(live, st, w, w.opt.Orphan)
}

// take implements party.
func (w *Worker) take(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = time.Now()
	err := w.link.open(b, w.hear)
	w.feed()
	return err
}

// cut implements party.
func (w *Worker) cut() *link {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.part()
	return w.link
}

// joined implements party.
func (w *Worker) joined(l *link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.link, w.heard = l, time.Now()
}

// beat watches the scheduler's signs of life and tells about memory. A connection
// that was silent for too long is ended.
func (w *Worker) beat(live context.Context) {
	tick := time.NewTicker(min(time.Second, w.opt.Dead/4))
	defer tick.Stop()
	for {
		select {
		case <-live.Done():
			return
		case <-tick.C:
		}
		room := !w.node.Full() || w.node.Try()
		w.mu.Lock()
		if time.Since(w.heard) > w.opt.Dead && w.session != 0 {
			w.hangUp()
		}
		w.watch()
		switch {
		case room || w.ahead == 0 && time.Since(w.full) > fullFor:
			w.full = time.Time{}
		case w.ahead > 0:
			w.pause()
		}
		w.weigh()
		for t := range w.waiting {
			t.want()
		}
		w.mu.Unlock()
	}
}

// fullFor is how long a worker asks for nothing while its disk is full and it has
// nothing to do. Then it takes tasks: they may need no disk, and if nobody has room
// they must fail.
const fullFor = 10 * time.Second

// pause has the worker ask for nothing, and give back what it has not begun, when its
// disk is full; w is locked.
func (w *Worker) pause() {
	if w.full.IsZero() {
		w.opt.Log.Warn("the disk is full: the worker asks for no tasks until there is room", "worker", w.opt.Name, "spilled", w.node.OnDisk())
		w.full = time.Now()
		w.weigh()
	}
}

// weigh tells what memory and disk have, and how fast blocks came from others; w is locked.
func (w *Worker) weigh() {
	w.said = w.shut()
	w.link.put(wire.Record{Kind: wire.Mem, Bytes: w.node.Pool().Used(), Rows: w.node.Spilled(), Flag: w.said})
	for id, p := range w.table {
		bytes, took := w.peers.Moved(p.addr)
		if broken := w.peers.Broken(p.addr); bytes > 0 || broken > 0 {
			w.link.put(wire.Record{Kind: wire.Moved, Worker: id, Session: p.session, Bytes: bytes, Rows: broken, Nanos: int64(took)})
		}
	}
}

// ErrClosed is what ends a worker or client that was closed.
var ErrClosed = errors.New("cluster: closed")

// Close ends the worker at once: what only it has is lost.
func (w *Worker) Close() error {
	w.cancel(ErrClosed)
	<-w.done
	return nil
}

var errRetired = errors.New("cluster: the worker has retired")

// Retire lets the worker go when what it runs has ended and others have what only
// it has, and waits for that. What it had not begun goes back at once.
func (w *Worker) Retire() error {
	w.mu.Lock()
	w.leaving = true
	w.link.put(wire.Record{Kind: wire.Retire})
	w.mu.Unlock()
	<-w.done
	if errors.Is(w.err, errRetired) {
		return nil
	}
	return w.err
}

// Wait returns why the worker has ended, when it has.
func (w *Worker) Wait() error { <-w.done; return w.err }

// Done is closed when the worker has ended.
func (w *Worker) Done() <-chan struct{} { return w.done }

// Name returns the worker's name, Addr where it gives its blocks.
func (w *Worker) Name() string { return w.opt.Name }

// Addr returns where the worker gives its blocks.
func (w *Worker) Addr() string { return w.lis.Addr().String() }

// Node returns what the worker lends to tasks, for its figures.
func (w *Worker) Node() *exec.Node { return w.node }

// end stops what runs and frees everything.
func (w *Worker) end(why error) {
	w.cancel(why)
	w.mu.Lock()
	w.closed = true
	for _, j := range w.jobs {
		j.stop(why)
	}
	w.queue = shell.Queue[*work]{}
	for !w.stuck && (w.ahead > 0 || w.carriers > 0 || w.away > 0 || w.errands > 0 || len(w.waiting) > 0) {
		w.quiet.Wait()
	}
	for id, j := range w.jobs {
		if j.live == 0 {
			j.forget()
		}
		delete(w.jobs, id)
	}
	link := w.link // a reconnection may be at work
	w.mu.Unlock()
	if link != nil {
		link.close()
	}
	w.data.Stop()
	if w.line != nil {
		_ = w.line.conn.Close()
	}
	_ = w.peers.Close()
	w.wg.Wait()
	w.recorder.close()
	if w.stuck { // its threads are not free
		return
	}
	if err := w.node.Close(); err != nil {
		w.opt.Log.Warn("worker's end", "err", err)
	}
}

// hear takes one record of the scheduler; w is locked.
func (w *Worker) hear(r *wire.Record) error {
	j := w.jobs[r.Job]
	if j == nil {
		switch r.Kind {
		case wire.Welcome:
			return w.welcomed(r)
		case wire.Peer:
			w.table.meet(r, w.peers)
			return nil
		case wire.Retired:
			return errRetired
		case wire.Plan:
			j = newWork(w, r.Job)
			w.jobs[r.Job] = j
		default:
			return nil // of a job that is closed
		}
	}
	return j.hear(r)
}

// meet notes where a worker is, or that it is gone: then nothing is waited for from
// it any more.
func (t roster) meet(r *wire.Record, open *data.Peers) {
	if r.Text != "" {
		t[r.Worker] = peer{r.Session, r.Life, r.Text}
		return
	}
	if p, ok := t[r.Worker]; ok && p.session == r.Session {
		delete(t, r.Worker)
		go open.Drop(p.addr)
	}
}
