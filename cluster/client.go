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

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
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
	// Labels and Resources are the Needs of all tasks of this client: see With.
	Labels, Resources []string
	// Patience is how long a connection to the scheduler that was lost is tried again,
	// before jobs fail; default 1 min. A scheduler that has ended and keeps no log is not
	// waited for.
	Patience time.Duration
	// Stuck is how long the end of a job waits until the scheduler knows that none of its
	// tasks runs, or that their workers are gone; default 15 s, in which workers give up a
	// function that does not heed its context.
	Stuck time.Duration
}

// A Client is a graph.Runner whose tasks run on a cluster. It is safe for
// concurrent use. Jobs end with it.
type Client struct {
	opt    Options
	self   uint64 // of this client alone, see graph.Lent
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
	ending map[int32]*clientJob // dropped, and tasks of theirs may run
	last   int32
	err    error
	news   chan struct{}        // closed and made anew when workers come and go
	states inquiries            // about the state
	finds  inquiries            // about datasets
	hands  *semaphore.Weighted  // blocks that are being given
	tune   func(*optimize.Plan) // changes plans, in tests
}

// Dial connects to the scheduler at addr and waits until it has a worker.
func Dial(ctx context.Context, addr string, o Options) (*Client, error) {
	def(&o.Name, "client")
	def(&o.Stall, 10*time.Second)
	def(&o.Wait, 10*time.Second)
	def(&o.Patience, time.Minute)
	def(&o.Stuck, 15*time.Second)
	if err := checkResources(o.Resources); err != nil {
		return nil, err
	}
	creds, workers, err := o.Security.join(ctx, addr, RoleClient, o.Name, nil, nil)
	if err != nil {
		return nil, err
	}
	c := &Client{opt: o, self: graph.NewKeeper(), peers: o.Security.peers(workers, o.Stall), hands: semaphore.NewWeighted(hands), done: make(chan struct{}), table: roster{},
		jobs: map[int32]*clientJob{}, asked: map[int32]*clientJob{}, ending: map[int32]*clientJob{}, news: make(chan struct{})}
	if c.line, err = newLine(addr, "Client", o.Name, creds, o.Security.out); err != nil {
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
	go c.serve(live, st, creds)
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
func (c *Client) serve(live context.Context, st grpc.ClientStream, creds credentials.TransportCredentials) {
	defer close(c.done)
	var renewing sync.WaitGroup
	defer renewing.Wait()
	until, stop := context.WithCancel(live)
	defer stop()
	renewing.Go(func() {
		c.opt.Security.renewing(until, c.line.addr, creds, func(error) {}) // new connections say what is wrong
	})
	err := c.line.keep(live, st, c, c.opt.Patience)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(err)
}

// take implements party.
func (c *Client) take(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.link.open(b, c.hear)
}

// cut implements party.
func (c *Client) cut() *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.met = false
	return c.link
}

// joined implements party.
func (c *Client) joined(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
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

// welcomed takes what the scheduler says of the cluster. On a new stream the client
// says what it waits for; c is locked.
func (c *Client) welcomed(r *wire.Record) (err error) {
	var fresh bool
	c.reply, fresh, err = c.line.meet(r)
	c.changed()
	if err != nil || c.met {
		return err
	}
	c.met = true
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
	for id := range c.ending {
		c.link.put(wire.Record{Kind: wire.Cancel, Job: id})
	}
	for number, j := range c.asked {
		c.submit(number, j)
	}
	c.states.again(c.link)
	c.finds.again(c.link)
	c.link.put(wire.Record{Kind: wire.Listed})
	return nil
}

// errForgotten is how jobs end whose scheduler was replaced by one that has no log.
var errForgotten = errors.New("cluster: the scheduler was started anew and does not know what it did before: 'weft scheduler --log' makes it remember")

// attach forgets what was delivered and not read, since it comes again and is waited for, and says what was read.
func (j *clientJob) attach() {
	for _, d := range j.got[j.read:] {
		j.lose(d.block)
	}
	j.got, j.read, j.eaten.N, j.whole = nil, 0, 0, wire.Whole{}
	j.say(wire.Withdraw, j.given)
	j.say(wire.Read, j.had)
}

// say tells the scheduler of a set of blocks.
func (j *clientJob) say(kind wire.Kind, set bits) {
	for b, n := range set.runs {
		j.c.link.put(wire.Record{Kind: kind, Job: j.id, Block: b, N: n})
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
		return c.states.take(r)
	case wire.Found:
		return c.finds.take(r)
	case wire.Accepted:
		if j := c.asked[r.Block]; j != nil {
			delete(c.asked, r.Block)
			j.id, j.secret, j.bytes = r.Job, r.Text, nil
			c.jobs[r.Job] = j
			j.say(wire.Withdraw, j.given)
			if j.closed {
				c.drop(j)
			}
		}
		return nil
	case wire.Closed:
		if j := cmp.Or(c.jobs[r.Job], c.ending[r.Job]); j != nil && !j.gone {
			j.gone = true
			close(j.ended)
		}
		delete(c.ending, r.Job)
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
	case wire.Want:
		j.give(r.Block, r.Worker)
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
	l.put(wire.Record{Kind: wire.Retire}) // what was asked for last, and not accepted yet, is not wanted either
	c.mu.Unlock()
	c.line.over.Store(true)
	late := time.AfterFunc(time.Second, func() { c.cancel(ErrClosed) })
	l.close() // the scheduler hears that the jobs are not wanted any more, and ends the stream
	<-c.done
	late.Stop()
	c.cancel(ErrClosed)
	return errors.Join(c.line.conn.Close(), c.peers.Close())
}

// Remote says that tasks run in other processes: see future.Remote.
func (c *Client) Remote() bool { return true }

// start begins a job whose blocks are delivered, or kept.
func (v *Part) start(ctx context.Context, q graph.Request, k keeping) (graph.Job, error) {
	c := v.Client
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
		BudgetOf: func(pool int64) int64 { return exec.BudgetOf(pool, threads) }})
	if err != nil {
		return nil, err
	}
	j := &clientJob{c: c, req: q, plan: plan, gives: k.give, giving: map[int32]bool{}, lost: map[int32]bool{}, missed: map[int32]int{}, start: time.Now(), bell: shell.NewBell(), quit: make(chan struct{}), ended: make(chan struct{})}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	if q.Mode == graph.Explain {
		j.over, j.gone = true, true
		close(j.ended)
		return j, nil
	}
	if c.tune != nil {
		c.tune(plan)
	}
	if err := errors.Join(portable(plan.Graph), graph.Borrows(plan.Graph.Layers, c.self)); err != nil {
		return nil, err
	}
	p := shell.Plan{Layers: plan.Graph.Layers, Rank: plan.Rank, Need: plan.Need, Want: plan.Want, Priority: q.Priority,
		Ordered: q.Ordered, Name: k.name, Given: k.give != nil, Spread: k.spread, Held: k.hold, Labels: v.needs.Labels, Asks: v.needs.Resources, Discard: q.Mode == graph.Analyze && k.name == "", Window: 4 * max(1, reply.Slots)}
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
	if c.met { // else with the welcome
		c.submit(c.last, j)
	}
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
	if len(b) > wire.MaxPlan || len(p.Layers) > maxLayers {
		return nil, fmt.Errorf("cluster: the plan has %d layers and %d bytes, at most %d and %d can be sent", len(p.Layers), len(b), maxLayers, wire.MaxPlan)
	}
	return b, nil
}

// drop tells the scheduler that a job is not wanted any more; c is locked.
func (c *Client) drop(j *clientJob) {
	j.closed = true
	if c.jobs[j.id] == j {
		delete(c.jobs, j.id)
		if !j.gone {
			c.ending[j.id] = j
		}
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
	given  bits        // blocks given up
	next   int32       // the block after the last one handed out
	eaten  wire.Record // blocks read that the scheduler has not been told of
	bell   shell.Bell
	lost   map[int32]bool                   // blocks that were not where they should be, and come again
	gives  func(int32) (chunk.Value, error) // makes the blocks, if they are the client's
	giving map[int32]bool                   // those that are on their way
	missed map[int32]int                    // how often in a row one did not get to a worker
	quit   chan struct{}                    // closed when the job is over
	ended  chan struct{}                    // closed when none of its tasks runs
	moved  chan struct{}                    // progress was made; nil when nobody asks
	far    advance
	whole  wire.Whole // of the one that comes
	over   bool
	closed bool
	gone   bool // ended is closed
	err    error
}

// finish ends a job. One that has finished may fail after all while there is something to read: who has it, or knows of it,
// is not asked any more.
func (j *clientJob) finish(err error) {
	switch {
	case !j.over:
		j.over, j.err, j.wall = true, err, time.Since(j.start)
		close(j.quit)
	case j.err == nil:
		j.err = err
	}
	j.bell.Ring()
}

// Next implements graph.Job.
func (j *clientJob) Next(ctx context.Context) (graph.Delivered, error) {
	if d, ok, err := j.offer(ctx); ok || err != nil {
		return d, err
	}
	defer op.Waiting(ctx)()
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

// seen reports whether a block was handed to the reader, or given up; the client is locked.
func (j *clientJob) seen(b int32) bool { return j.had.has(b) || j.given.has(b) }

// lose notes that a block comes again, if it is still to be read.
func (j *clientJob) lose(b int32) {
	if !j.seen(b) {
		j.lost[b] = true
	}
}

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

// take fetches a block; the client is locked, but not meanwhile. Neither block nor
// error: it was not there, and will be delivered again, or was given up.
func (j *clientJob) take(ctx context.Context, d delivery) (chunk.Value, error) {
	p, known := j.c.table[d.worker]
	runs, err := [][]*chunk.Batch(nil), errors.New("the worker is gone")
	if known {
		j.c.mu.Unlock()
		runs, err = j.fetch(ctx, d, p)
		j.c.mu.Lock()
	}
	switch {
	case j.given.has(d.block): // meanwhile: if it did not come it will not be delivered again
		j.eat(d.block)
		return nil, nil
	case err == nil:
		j.see(d.block)
		j.eat(d.block)
		return chunk.NewBlock(runs), nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case j.over && j.err != nil:
		return nil, j.err
	}
	j.lose(d.block)
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
	t := &data.Ticket{Life: p.life, Job: j.id, Short: true, Refs: []data.Ref{{Layer: int32(j.plan.Want), Block: d.block, Hi: -1}}}
	var err error
	for range 2 {
		s.reset()
		if err = j.c.peers.Get(ctx, p.addr, j.secret, t, []dtype.Schema{schema}, s); !errors.Is(err, data.ErrCorrupt) {
			break
		}
	}
	return s.runs, err
}

// Withdraw implements graph.Job.
func (j *clientJob) Withdraw(blocks []int32) {
	j.c.mu.Lock()
	defer j.c.mu.Unlock()
	var news bits
	for _, b := range blocks {
		if !j.seen(b) {
			news.set(b)
			j.given.set(b)
			delete(j.lost, b)
		}
	}
	if j.c.jobs[j.id] == j { // else when the scheduler has accepted it
		j.say(wire.Withdraw, news)
	}
	j.bell.Ring()
}

// Report implements graph.Job.
func (j *clientJob) Report() graph.Report {
	j.c.mu.Lock()
	defer j.c.mu.Unlock()
	plan := j.ran()
	rep := graph.Report{Schema: plan.Graph.Layers[plan.Want].Out.Schema, Wall: j.wall, Budget: j.c.reply.Memory, Layers: j.layerReports(plan)}
	optimize.Describe(&rep, j.req.Graph, j.req.Want, plan)
	return rep
}

// Close implements graph.Job. A task has ended when the scheduler knows it: its worker
// has said so, or is gone.
func (j *clientJob) Close() error {
	whole := j.end()
	late := time.NewTimer(j.c.opt.Stuck)
	defer late.Stop()
	select {
	case <-j.ended:
	case <-j.c.done:
	case <-late.C:
	}
	select {
	case <-j.ended:
		return nil
	default:
	}
	if whole {
		return nil
	}
	return graph.ErrRunning
}

// end tells the scheduler that the job is not wanted any more. Whole: there is nothing
// more to do for its tasks.
func (j *clientJob) end() (whole bool) {
	j.c.mu.Lock()
	defer j.c.mu.Unlock()
	if j.stop != nil {
		j.stop()
	}
	whole = j.over && j.err == nil
	j.finish(ErrClosed)
	j.got, j.read = nil, 0
	j.c.drop(j)
	j.cancel(ErrClosed)
	return whole
}
