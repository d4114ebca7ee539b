package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// Options of a Client. Zero values mean defaults.
type Options struct {
	Name     string // for the scheduler's log
	Security Security
	Stall    time.Duration // a fetch that makes no progress for so long is asked for again; default 10 s
	// Wait is how long Dial waits for the scheduler and for its first worker;
	// default 10 s each. Below 0 it waits for neither.
	Wait time.Duration
	// Labels such as "zone=a" are what workers must have to be given a task of this
	// client. Where no worker has them its jobs wait.
	Labels []string
	// Patience is how long a connection to the scheduler that was lost is tried again,
	// before jobs fail; default 1 min. A scheduler that has ended and keeps no log is not
	// waited for.
	Patience time.Duration
}

// A Client is a graph.Runner whose tasks run on a cluster. It is safe for
// concurrent use. Jobs end with it.
type Client struct {
	opt    Options
	line   *line
	peers  *data.Peers
	link   *link
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu     sync.Mutex
	met    bool // the scheduler has answered on this stream
	reply  wire.Reply
	table  roster
	jobs   map[int32]*clientJob // by the scheduler's number
	asked  map[int32]*clientJob // by ours, until they have the scheduler's
	last   int32
	err    error
	news   chan struct{}        // closed and made anew when workers come and go
	asking []chan []byte        // for the state
	seeks  []seek               // for datasets
	tune   func(*optimize.Plan) // changes plans, in tests
	whole  wire.Whole           // of an answer about the state
	part   wire.Whole           // of one about a dataset
}

// Dial connects to the scheduler at addr and waits until it has a worker.
func Dial(ctx context.Context, addr string, o Options) (*Client, error) {
	def(&o.Name, "client")
	def(&o.Stall, 10*time.Second)
	def(&o.Wait, 10*time.Second)
	def(&o.Patience, time.Minute)
	creds, err := o.Security.client(addr)
	if err != nil {
		return nil, err
	}
	c := &Client{opt: o, peers: data.NewPeers(creds, o.Stall), done: make(chan struct{}), table: roster{},
		jobs: map[int32]*clientJob{}, asked: map[int32]*clientJob{}, news: make(chan struct{})}
	if c.line, err = newLine(addr, "Client", o.Name, creds); err != nil {
		return nil, err
	}
	live, cancel := context.WithCancelCause(context.Background())
	c.cancel = cancel
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	silent := time.AfterFunc(patience(o.Wait), func() { cancel(context.DeadlineExceeded) })
	var st grpc.ClientStream
	st, c.link, err = c.line.open(live, o.Wait >= 0)
	silent.Stop()
	if err != nil {
		stop()
		close(c.done)
		return nil, errors.Join(err, c.line.conn.Close())
	}
	go c.serve(live, st)
	err = c.ready(ctx)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// ready waits for the first worker.
func (c *Client) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience(c.opt.Wait), fmt.Errorf("the cluster has no worker: start some with 'weft worker'"))
	defer cancel()
	for {
		c.mu.Lock()
		n, err, news, known := len(c.table), c.err, c.news, c.reply.Version > 0
		c.mu.Unlock()
		if err != nil || n > 0 || c.opt.Wait < 0 && known {
			return err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("cluster: %w", context.Cause(ctx))
		}
	}
}

func patience(wait time.Duration) time.Duration {
	if wait < 0 {
		return 10 * time.Second // for the scheduler
	}
	return wait
}

// serve keeps a stream to the scheduler, another one when it ends, as long as that
// is possible.
func (c *Client) serve(live context.Context, st grpc.ClientStream) {
	defer close(c.done)
	for {
		err := c.follow(live, st)
		c.mu.Lock()
		c.met = false
		old := c.link
		c.mu.Unlock()
		old.close()
		var l *link
		st, l, err = c.line.again(live, err, c.opt.Patience)
		c.mu.Lock()
		if err != nil {
			c.fail(err)
			c.mu.Unlock()
			return
		}
		c.link = l
		c.mu.Unlock()
	}
}

// fail ends the client; c is locked.
func (c *Client) fail(err error) {
	c.err = err
	for _, list := range []map[int32]*clientJob{c.jobs, c.asked} {
		for _, j := range list {
			j.finish(err)
		}
	}
	c.changed()
}

// follow takes what the scheduler says until the stream ends.
func (c *Client) follow(live context.Context, st grpc.ClientStream) error {
	for {
		var b []byte
		if err := st.RecvMsg(&b); err != nil {
			return ended(live, err)
		}
		c.mu.Lock()
		err := c.link.open(b, c.hear)
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// welcomed takes what the scheduler says of the cluster. On a new stream the client
// says what it waits for; c is locked.
func (c *Client) welcomed(r *wire.Record) (err error) {
	var fresh bool
	c.reply, fresh, err = c.line.meet(r)
	c.changed()
	if err != nil || c.met {
		return err
	}
	c.met, c.whole, c.part = true, wire.Whole{}, wire.Whole{}
	c.table = roster{}
	for id, j := range c.jobs {
		switch {
		case fresh:
			j.finish(errForgotten)
		case !j.over || j.err == nil:
			c.link.put(wire.Record{Kind: wire.Attach, Job: id})
			j.attach()
		}
	}
	for number, j := range c.asked {
		c.submit(number, j)
	}
	for range c.asking {
		c.link.put(wire.Record{Kind: wire.Ask})
	}
	for _, s := range c.seeks {
		c.link.put(s.ask)
	}
	c.link.put(wire.Record{Kind: wire.Listed})
	return nil
}

// errForgotten is how jobs end whose scheduler was replaced by one that has no log.
var errForgotten = errors.New("cluster: the scheduler was started anew and does not know what it did before: 'weft scheduler --log' makes it remember")

// attach forgets what was delivered and not read, since it comes again, and says
// what was read.
func (j *clientJob) attach() {
	j.got, j.read, j.eaten.N = nil, 0, 0
	r := wire.Record{Kind: wire.Read, Job: j.id}
	for b := int32(0); int(b) < 64*len(j.had); b++ {
		switch {
		case j.seen(b):
			if r.N == 0 {
				r.Block = b
			}
			r.N++
			continue
		case r.N > 0:
			j.c.link.put(r)
			r.N = 0
		}
	}
	if r.N > 0 {
		j.c.link.put(r)
	}
}

// submit sends a plan; c is locked.
func (c *Client) submit(number int32, j *clientJob) {
	wire.Parts(wire.Record{Kind: wire.Submit, Block: number}, j.bytes, func(r *wire.Record) { c.link.put(*r) })
}

// hear takes one record; c is locked.
func (c *Client) hear(r *wire.Record) error {
	switch r.Kind {
	case wire.Welcome:
		return c.welcomed(r)
	case wire.Peer:
		c.table.meet(r, c.peers)
		c.changed()
		return nil
	case wire.State:
		return c.answered(r)
	case wire.Found:
		return c.found(r)
	case wire.Accepted:
		if j := c.asked[r.Block]; j != nil {
			delete(c.asked, r.Block)
			j.id, j.secret, j.bytes = r.Job, r.Text, nil
			c.jobs[r.Job] = j
			if j.closed {
				c.drop(j)
			}
		}
		return nil
	}
	j := c.jobs[r.Job]
	if j == nil {
		return nil // closed here already
	}
	switch r.Kind {
	case wire.Deliver:
		delete(j.lost, r.Block)
		if j.seen(r.Block) { // its holder is gone since it was read
			j.c.link.put(wire.Record{Kind: wire.Consumed, Job: j.id, Block: r.Block, N: 1})
			return nil
		}
		j.got = append(j.got, delivery{r.Block, r.Worker, r.Data})
		j.bell.Ring()
	case wire.Progress:
		return j.advanced(r)
	case wire.Finished:
		j.finish(nil)
	case wire.Fail:
		j.finish(&JobError{Class: sched.Class(r.Class), Text: r.Text})
	}
	return nil
}

// changed wakes those who wait for workers; c is locked.
func (c *Client) changed() {
	close(c.news)
	c.news = make(chan struct{})
}

// A JobError is why a job failed on the cluster. Text has what the task said, with
// the line of the program where its operator was asked for.
type JobError struct {
	Class sched.Class
	Text  string
}

func (e *JobError) Error() string { return e.Text }

// Close ends the client and its jobs.
func (c *Client) Close() error {
	c.mu.Lock()
	for _, j := range c.jobs {
		j.finish(ErrClosed)
		c.drop(j)
	}
	l := c.link
	c.mu.Unlock()
	late := time.AfterFunc(time.Second, func() { c.cancel(ErrClosed) })
	l.close() // the scheduler hears that the jobs are not wanted any more
	late.Stop()
	c.cancel(ErrClosed)
	<-c.done
	return errors.Join(c.line.conn.Close(), c.peers.Close())
}

// Remote says that tasks run in other processes: see future.Remote.
func (c *Client) Remote() bool { return true }

// Start implements graph.Runner: the plan is optimized here, where all its
// operators are, for the smallest worker, and runs there.
func (c *Client) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	return c.start(ctx, q, "")
}

// start begins a job whose blocks are delivered, or kept under a name.
func (c *Client) start(ctx context.Context, q graph.Request, name string) (graph.Job, error) {
	c.mu.Lock()
	reply, err := c.reply, c.err
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	// One block of a scan spares a shuffle, and keeps all workers but one from reading.
	off := append(slices.Clone(q.Off), "unite")
	threads := max(1, int(reply.Threads))
	plan, err := optimize.Run(q.Graph, q.Want, optimize.Options{Off: off, Budget: reply.Memory, Threads: threads,
		Whole: func(pool int64) int64 { return exec.Whole(pool, threads) }})
	if err != nil {
		return nil, err
	}
	j := &clientJob{c: c, req: q, plan: plan, start: time.Now(), bell: shell.NewBell(), quit: make(chan struct{})}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	if q.Mode == graph.Explain {
		j.over = true
		return j, nil
	}
	if c.tune != nil {
		c.tune(plan)
	}
	if err := portable(plan.Graph); err != nil {
		return nil, err
	}
	p := shell.Plan{Layers: plan.Graph.Layers, Rank: plan.Rank, Need: plan.Need, Want: plan.Want, Priority: q.Priority,
		Ordered: q.Ordered, Name: name, Labels: c.opt.Labels, Discard: q.Mode == graph.Analyze && name == "", Window: 4 * max(1, reply.Slots)}
	if e, err := op.Lookup(plan.Graph.Layers[plan.Want].Call.Op); err == nil && e.Class == op.Opaque {
		p.Window = 1 << 16 // their results are small, and so is the time between them
	}
	b, err := encodePlan(&p)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	if q.Progress != nil {
		j.moved = make(chan struct{}, 1)
		go j.watch()
	}
	c.last++
	c.asked[c.last] = j
	j.bytes = b
	c.submit(c.last, j)
	j.stop = context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		j.finish(context.Cause(ctx))
		c.drop(j)
	})
	return j, nil
}

func encodePlan(p *shell.Plan) ([]byte, error) {
	b := wire.Encode(*p)
	if len(b) > wire.MaxPlan {
		return nil, fmt.Errorf("cluster: the plan has %d bytes, at most %d can be sent", len(b), wire.MaxPlan)
	}
	return b, nil
}

// drop tells the scheduler that a job is not wanted any more; c is locked.
func (c *Client) drop(j *clientJob) {
	j.closed = true
	if c.jobs[j.id] == j {
		delete(c.jobs, j.id)
		c.link.put(wire.Record{Kind: wire.Cancel, Job: j.id})
	}
}

// A delivery is a block that is ready.
type delivery struct {
	block, worker int32
	data          []byte
}

// A clientJob is a request at work; its fields are guarded by the client.
type clientJob struct {
	c      *Client
	id     int32
	secret string // of tickets
	bytes  []byte // of the plan, until it was accepted
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   func() bool
	req    graph.Request
	plan   *optimize.Plan
	start  time.Time
	wall   time.Duration
	got    []delivery // those from read on are to be read
	read   int
	had    bits        // blocks handed to the reader
	next   int32       // the block after the last one handed out
	eaten  wire.Record // blocks read that the scheduler has not been told of
	bell   shell.Bell
	lost   map[int32]bool // blocks that were not where they should be, and come again
	quit   chan struct{}  // closed when the job is over
	moved  chan struct{}  // progress was made; nil when nobody asks
	far    advance
	over   bool
	closed bool
	err    error
}

func (j *clientJob) finish(err error) {
	if !j.over {
		j.over, j.err, j.wall = true, err, time.Since(j.start)
		close(j.quit)
	}
	j.bell.Ring()
}

// Next implements graph.Job.
func (j *clientJob) Next(ctx context.Context) (graph.Delivered, error) {
	return j.bell.Next(ctx, func() (graph.Delivered, bool, error) { return j.offer(ctx) })
}

// offer returns the next block for the reader, if it has come.
func (j *clientJob) offer(ctx context.Context) (none graph.Delivered, ok bool, err error) {
	j.c.mu.Lock()
	defer j.c.mu.Unlock()
	for at := j.turn(); at >= 0 && (j.err == nil || !j.over); at = j.turn() {
		d := j.pop(at)
		switch {
		case j.seen(d.block):
			j.eat(d.block)
			continue
		case len(d.data) > 0:
			j.see(d.block)
			j.eat(d.block)
			return graph.Delivered{Block: d.block, Value: inline(d.data)}, true, nil
		}
		if v, err := j.take(ctx, d); v != nil || err != nil {
			return graph.Delivered{Block: d.block, Value: v}, err == nil, err
		}
	}
	if !j.over || j.err == nil && (len(j.lost) > 0 || j.read < len(j.got)) {
		return none, false, nil
	}
	return none, false, cmp.Or(j.err, io.EOF)
}

// turn returns the position in got of what the reader gets next, -1 if it has not
// come; the client is locked. Where order counts a block that is delivered again
// keeps those after it waiting.
func (j *clientJob) turn() int {
	for at := j.read; at < len(j.got); at++ {
		if b := j.got[at].block; !j.req.Ordered || b == j.next || j.seen(b) {
			return at
		}
	}
	return -1
}

// pop takes a delivery out of got.
func (j *clientJob) pop(at int) delivery {
	d := j.got[at]
	copy(j.got[j.read+1:at+1], j.got[j.read:at])
	j.got[j.read] = delivery{}
	if j.read++; j.read == len(j.got) {
		j.got, j.read = j.got[:0], 0
	}
	return d
}

// seen reports whether a block was handed to the reader; the client is locked.
func (j *clientJob) seen(b int32) bool { return j.had.has(b) }

func (j *clientJob) see(b int32) {
	j.next = b + 1
	delete(j.lost, b)
	j.had.set(b)
}

// eat tells the scheduler what was read, many blocks at a time when there are more
// to read; the client is locked.
func (j *clientJob) eat(b int32) {
	e := &j.eaten
	if e.N > 0 && b == e.Block+e.N {
		e.N++
	} else {
		if e.N > 0 {
			j.c.link.put(*e)
		}
		*e = wire.Record{Kind: wire.Consumed, Job: j.id, Block: b, N: 1}
	}
	if j.read == 0 || e.N >= 256 { // nothing more is here
		j.c.link.put(*e)
		e.N = 0
	}
}

// An inline block came with the word that it was made.
type inline []byte

func (b inline) Payload() []byte    { return b }
func (b inline) Rows() int64        { return 1 }
func (b inline) Bytes() int64       { return int64(len(b)) }
func (b inline) Runs() int          { return 1 }
func (b inline) RunBytes(int) int64 { return int64(len(b)) }
func (b inline) Release()           {}

// Open implements chunk.Value: one row with the bytes.
func (b inline) Open(int) (chunk.Reader, error) {
	v := chunk.Vec{Type: dtype.Of(dtype.Binary), N: 1, Off: []int32{0, int32(len(b))}, Str: b}
	return chunk.NewBlock([][]*chunk.Batch{{{Cols: []chunk.Vec{v}, N: 1}}}).Open(0)
}

// take fetches a block; the client is locked, but not meanwhile. Neither block nor
// error: it was not there, and will be delivered again.
func (j *clientJob) take(ctx context.Context, d delivery) (chunk.Value, error) {
	p, known := j.c.table[d.worker]
	runs, err := [][]*chunk.Batch(nil), errors.New("the worker is gone")
	if known {
		j.c.mu.Unlock()
		runs, err = j.fetch(ctx, d, p)
		j.c.mu.Lock()
	}
	switch {
	case err == nil:
		j.see(d.block)
		j.eat(d.block)
		return chunk.NewBlock(runs), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case j.over && j.err != nil:
		return nil, j.err
	}
	if j.lost == nil {
		j.lost = map[int32]bool{}
	}
	j.lost[d.block] = true
	if known { // else the scheduler knows that the worker is gone
		j.c.link.put(wire.Record{Kind: wire.Missing, Job: j.id, Block: d.block, Worker: d.worker, Session: p.session})
	}
	return nil, nil
}

// fetch gets a block from a worker, and once more if it came broken.
func (j *clientJob) fetch(ctx context.Context, d delivery, p peer) ([][]*chunk.Batch, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(j.ctx, func() { cancel(context.Cause(j.ctx)) })()
	schema := j.plan.Graph.Layers[j.plan.Want].Out.Schema
	s := &receiver{schema: schema}
	t := &data.Ticket{Life: p.life, Job: j.id, Refs: []data.Ref{{Layer: int32(j.plan.Want), Block: d.block, Hi: -1}}}
	var err error
	for range 2 {
		s.reset()
		if err = j.c.peers.Get(ctx, p.addr, j.secret, t, []dtype.Schema{schema}, s); !errors.Is(err, data.ErrCorrupt) {
			break
		}
	}
	return s.runs, err
}

// A receiver makes a block of garbage-collected buffers.
type receiver struct {
	schema dtype.Schema
	runs   [][]*chunk.Batch
	b      *chunk.Builder
	run    int
}

func (s *receiver) reset() { s.runs, s.b, s.run = nil, chunk.NewBuilder(s.schema, mem.Heap), 0 }

func (s *receiver) flush() {
	for len(s.runs) <= s.run {
		s.runs = append(s.runs, nil)
	}
	if s.b.Len() > 0 {
		s.runs[s.run] = append(s.runs[s.run], s.b.Flush())
	}
}

// Put implements data.Sink.
func (s *receiver) Put(_, run int, b *chunk.Batch) error {
	if run != s.run || s.b.Filled() > 4<<20 {
		s.flush()
		s.run = run
	}
	return s.b.Append(b)
}

// End implements data.Sink.
func (s *receiver) End(_, runs int) error {
	s.flush()
	for len(s.runs) < runs {
		s.runs = append(s.runs, nil)
	}
	s.b.Close()
	return nil
}

// Report implements graph.Job.
func (j *clientJob) Report() graph.Report {
	j.c.mu.Lock()
	defer j.c.mu.Unlock()
	rep := graph.Report{Schema: j.plan.Graph.Layers[j.plan.Want].Out.Schema, Wall: j.wall, Budget: j.c.reply.Memory, Layers: j.layerReports()}
	optimize.Describe(&rep, j.req.Graph, j.req.Want, j.plan)
	return rep
}

// Close implements graph.Job.
func (j *clientJob) Close() error {
	j.c.mu.Lock()
	defer j.c.mu.Unlock()
	if j.stop != nil {
		j.stop()
	}
	j.finish(ErrClosed)
	j.got, j.read = nil, 0
	j.c.drop(j)
	j.cancel(ErrClosed)
	return nil
}
