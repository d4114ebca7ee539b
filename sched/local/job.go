package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// A job is one request at work. Fields below the line are guarded by the
// runner's lock; values of blocks are written by the thread that made them
// before it reports, and read only after the scheduler said so.
type job struct {
	r      *Runner
	id     sched.JobID
	ctx    context.Context
	cancel context.CancelCauseFunc
	req    graph.Request
	plan   *optimize.Plan
	before *graph.Graph
	prog   *exec.Program
	start  time.Time
	spill0 int64
	done   atomic.Int64 // tasks
	quit   chan struct{}
	gone   chan struct{} // closed when the scheduler has forgotten the job: none of its tasks runs
	once   sync.Once
	// ------
	vals    [][]chunk.Value
	errs    map[sched.Block]error
	got     []int32 // blocks delivered and not read: those from read on
	read    int
	eaten   []int32 // blocks read that the scheduler has not been told of
	bell    shell.Bell
	err     error
	over    bool // finished or failed
	wall    time.Duration
	stop    func() bool
	sh      *shell.Shell
	readers bool                        // tasks of the plan read the wanted layer too
	inside  bool                        // a function of another job has begun it and waits
	holds   bool                        // the wanted layer is kept for other jobs, see Hold
	tasks   map[sched.Block]*shell.Task // real ones that were handed to the node
	repeats []int64                     // by layer: attempts after a failure
}

func newJob(r *Runner, ctx context.Context, q graph.Request, plan *optimize.Plan) *job {
	j := &job{r: r, req: q, plan: plan, start: time.Now(), spill0: r.node.Spilled(), quit: make(chan struct{}), gone: make(chan struct{}),
		errs: map[sched.Block]error{}, tasks: map[sched.Block]*shell.Task{}, bell: shell.NewBell(), stop: func() bool { return true }}
	j.ctx, j.cancel = context.WithCancelCause(context.WithValue(ctx, within{}, r))
	for i := range plan.Graph.Layers {
		for _, e := range plan.Graph.Layers[i].In {
			j.readers = j.readers || e.From == plan.Want
		}
	}
	n := len(plan.Graph.Layers)
	j.vals, j.repeats = make([][]chunk.Value, n), make([]int64, n)
	return j
}

// bind makes the program and the shell of the plan.
func (j *job) bind() (err error) {
	if j.prog, err = exec.Bind(j.plan.Graph); err != nil {
		return err
	}
	if j.req.Keep {
		j.prog.Keep(j.plan.Want)
	}
	// Needs stay out of the scheduler's words: floors were checked against the
	// budget when the plan was made.
	p := &shell.Plan{Layers: j.plan.Graph.Layers, Rank: j.plan.Rank, Want: j.plan.Want, Priority: j.req.Priority, Ordered: j.req.Ordered,
		Discard: j.req.Mode == graph.Analyze, Held: j.holds, Window: int32(4 * j.r.threads)}
	if j.prog.Direct(j.plan.Want) {
		p.Window = shell.MaxGrab // their results are small, and so is the time between them
	}
	j.sh = shell.New(p)
	return nil
}

// Key implements shell.Owner.
func (j *job) Key(layer sched.LayerID, b int32) uint64 { return j.sh.Key(layer, b) }

// room makes place for the blocks of a layer; the runner is locked.
func (j *job) room(layer graph.LayerID) {
	if n := j.plan.Graph.Layers[layer].N; int32(len(j.vals[layer])) != n {
		j.vals[layer] = j.r.tables.Take(n)
	}
}

// layerDone looks whether late layers can be decided now.
func (j *job) layerDone(a sched.Action) *sched.Extension {
	if int32(len(j.vals[a.Layer])) == a.N {
		defer func() {
			if err := j.prog.CloseLayer(graph.LayerID(a.Layer)); err != nil {
				j.fail(err)
			}
		}()
	}
	cuts := len(j.sh.Cuts())
	ext := j.sh.LayerDone(a)
	j.rebind(j.sh.Cuts()[cuts:])
	j.reorder(a.Layer)
	if ext != nil {
		for _, l := range ext.Set {
			j.room(graph.LayerID(l.Layer))
		}
	}
	return ext
}

// rebind makes the layers ready that others were cut to, and what is left of those.
func (j *job) rebind(cuts []shell.Cut) {
	for _, c := range cuts {
		if err := errors.Join(j.prog.Rebind(graph.LayerID(c.Front)), j.prog.Rebind(graph.LayerID(c.Layer))); err != nil {
			j.fail(err)
		}
	}
}

// reorder tells the node when the inputs of a finished layer will be read next, if
// others read them too.
func (j *job) reorder(layer sched.LayerID) {
	for _, e := range j.plan.Graph.Layers[layer].In {
		if j.prog.Direct(e.From) {
			continue // their blocks are not the node's
		}
		for b, v := range j.vals[e.From] {
			if v == nil || e.Wiring == op.Listed || e.Wiring == op.Boxed {
				break
			}
			if k := j.sh.Next(sched.LayerID(e.From), int32(b)); k < 1<<64-1 {
				j.r.node.Next(v, k)
			}
		}
	}
}

// inputs gathers the blocks a task reads.
func (j *job) inputs(l *graph.Layer, b int32) (in exec.Inputs) {
	for i := range l.In {
		if l.In[i].Side {
			in.Side = append(in.Side, j.input(nil, l, b, i))
		} else {
			in.Flow = j.input(in.Flow, l, b, i)
		}
	}
	return in
}

// input appends the blocks a task reads through one edge.
func (j *job) input(list []op.In, l *graph.Layer, b int32, i int) []op.In {
	e := &l.In[i]
	from := j.vals[e.From]
	switch e.Wiring {
	case op.OneToOne:
		return append(list, op.In{Value: from[b], Hi: from[b].Runs(), Edge: i})
	case op.Listed, op.Boxed:
		var room [64]int32
		for _, x := range e.Blocks(room[:0], b) {
			list = append(list, op.In{Value: from[x], Hi: from[x].Runs(), Edge: i})
		}
		return list
	}
	list = slices.Grow(list, len(from))
	for _, v := range from {
		x := op.In{Value: v, Hi: v.Runs(), Edge: i}
		if e.Wiring == op.Shuffled {
			x.Lo, x.Hi = j.sh.Runs(l, b)
		}
		list = append(list, x)
	}
	return list
}

// call runs a direct task and notes the report, also when the goroutine ends meanwhile.
func (j *job) call(c *carrier, layer sched.LayerID, b int32, attempt sched.Attempt) {
	at := sched.Block{Layer: layer, Block: b}
	ctx := c.hand.Begin(j.ctx, j, layer, b)
	if ctx == nil {
		c.done = append(c.done, j.returned(at, attempt))
		return
	}
	var v chunk.Value
	var err error
	defer func() { c.done = append(c.done, j.report(c, c.hand.End(), at, attempt, v, err)) }()
	if err = context.Cause(j.ctx); err == nil {
		j.direct(c, ctx, at, &v, &err)
	}
}

// direct runs a direct task under its context.
func (j *job) direct(c *carrier, ctx context.Context, at sched.Block, v *chunk.Value, err *error) {
	l := &j.plan.Graph.Layers[at.Layer]
	if l.Retry.TimeOut > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, l.Retry.TimeOut, fmt.Errorf("the task's time-out of %v passed", l.Retry.TimeOut))
		defer end()
	}
	c.in = c.in[:0]
	for i := range l.In {
		c.in = j.input(c.in, l, at.Block, i)
	}
	defer func() {
		clear(c.in)
		if *err != nil && ctx.Err() != nil && errors.Is(*err, ctx.Err()) {
			*err = context.Cause(ctx)
		}
	}()
	j.prog.Call(ctx, graph.LayerID(at.Layer), int(at.Block), c.in, v, err)
}

// returned words the report of a task that has made nothing, and need not.
func (j *job) returned(at sched.Block, attempt sched.Attempt) sched.Event {
	return sched.Event{Kind: sched.Returned, Job: j.id, Layer: at.Layer, Block: at.Block, Session: session, Attempt: attempt}
}

// report words the end of a task for the scheduler; c is nil without a carrier.
func (j *job) report(c *carrier, halted bool, at sched.Block, attempt sched.Attempt, v chunk.Value, err error) sched.Event {
	layer, b := at.Layer, at.Block
	if err != nil && halted {
		return j.returned(at, attempt)
	}
	if err != nil {
		j.r.mu.Lock()
		defer j.r.mu.Unlock()
		return j.failed(layer, b, attempt, err)
	}
	if _, free := v.(weightless); !free && graph.LayerID(layer) == j.plan.Want {
		if j.holds {
			v = hold(v)
		} else if j.readers {
			v = c.lend(v)
		}
	}
	j.vals[layer][b] = v
	j.done.Add(1)
	return sched.Event{Kind: sched.Done, Job: j.id, Layer: layer, Block: b, Session: session, Attempt: attempt, Bytes: v.Bytes(), Rows: v.Rows()}
}

// failed keeps the error of a task for whoever asks; the runner is locked.
func (j *job) failed(layer sched.LayerID, b int32, attempt sched.Attempt, err error) sched.Event {
	j.errs[sched.Block{Layer: layer, Block: b}] = wrap(&j.plan.Graph.Layers[layer], err)
	ev := sched.Event{Kind: sched.Failed, Job: j.id, Layer: layer, Block: b, Session: session, Attempt: attempt,
		Class: sched.User, Retryable: j.ctx.Err() == nil}
	if ev.Retryable {
		ev.Class = shell.ClassOf(err)
	}
	return ev
}

// free drops blocks that nobody reads any more.
func (j *job) free(layer sched.LayerID, first, n int32) {
	for b := first; b < first+n; b++ {
		if v := j.vals[layer][b]; v != nil {
			j.vals[layer][b] = nil
			if l, ok := v.(*lent); ok && !l.out {
				l.Release()
			}
			v.Release()
		}
	}
}

// deliver notes a finished block for the reader, who owns it from Next on, if there
// is one.
func (j *job) deliver(a sched.Action, evs []sched.Event) []sched.Event {
	b := a.First
	if j.vals[a.Layer][b] == nil {
		return evs
	}
	if j.req.Mode == graph.Analyze {
		return append(evs, sched.Event{Kind: sched.Consumed, Job: j.id, Layer: a.Layer, Block: b})
	}
	if j.got == nil {
		j.got = j.r.numbers.Take(int32(len(j.vals[a.Layer])))[:0]
	}
	j.got = append(j.got, b)
	j.bell.Ring()
	return evs
}

// hand takes a delivered block for the reader; the runner is locked.
func (j *job) hand(b int32) graph.Delivered {
	v := j.vals[j.plan.Want][b]
	if l, ok := v.(*lent); ok {
		l.out = true
	} else if _, free := v.(weightless); !free {
		j.vals[j.plan.Want][b] = nil
	}
	return graph.Delivered{Block: b, Value: v}
}

// A weightless value has nothing to release.
type weightless interface{ Weightless() }

// A lent block belongs to the reader of the job and to tasks that still read it, or to the
// job that holds it and to those that have borrowed it; the last one to release it frees it.
type lent struct {
	chunk.Value
	refs atomic.Int32
	out  bool // the reader has it; guarded by the runner
}

// lend makes a block one that belongs to the reader and to tasks.
func (c *carrier) lend(v chunk.Value) *lent {
	l := &lent{}
	if c != nil {
		if len(c.lent) == 0 {
			c.lent = make([]lent, 32)
		}
		l, c.lent = &c.lent[0], c.lent[1:]
	}
	l.Value = v
	l.refs.Store(2)
	return l
}

// Unwrap returns the block itself.
func (l *lent) Unwrap() chunk.Value { return l.Value }

// Release implements chunk.Value.
func (l *lent) Release() {
	if l.refs.Add(-1) == 0 {
		l.Value.Release()
	}
}

// fail ends the job with an error; the first one counts.
func (j *job) fail(err error) {
	if j.err == nil && !j.over {
		j.err = err
	}
	j.cancel(err)
	j.r.stale = true
	j.finish(j.err)
}

func (j *job) finish(err error) {
	if !j.over {
		j.over, j.err, j.wall = true, err, time.Since(j.start)
		if j.inside {
			j.r.inside--
		}
	}
	j.bell.Ring()
	j.once.Do(func() { close(j.quit) })
}

// explain finds the operator's error behind the scheduler's word.
func (j *job) explain(e *sched.JobError) error {
	if err := j.errs[e.Task]; err != nil {
		return err
	}
	if e.Text != "" {
		return errors.New(e.Text)
	}
	return fmt.Errorf("layer %d block %d failed %d times", e.Task.Layer, e.Task.Block, len(e.Causes))
}

// closed frees what is left when the scheduler has forgotten the job.
func (j *job) closed() {
	quiet := j.read == len(j.got) // else a reader still asks for a block that is gone
	for l := range j.vals {
		j.free(sched.LayerID(l), 0, int32(len(j.vals[l])))
		if quiet {
			j.r.tables.Put(j.vals[l])
			j.vals[l] = nil
		}
	}
	if quiet {
		j.r.numbers.Put(j.got)
		j.got, j.read = nil, 0
	}
	_ = j.prog.Close()
	j.stop()
}

// Next implements graph.Job.
func (j *job) Next(ctx context.Context) (graph.Delivered, error) { return j.bell.Next(ctx, j.offer) }

// offer returns the next block for the reader, if there is one.
func (j *job) offer() (d graph.Delivered, ok bool, err error) {
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	if j.over && j.err != nil {
		return d, false, j.err // what was not read before may be gone
	}
	for j.read < len(j.got) {
		d = j.hand(j.got[j.read])
		j.read++
		j.eat(d.Block)
		if d.Value != nil { // else it was withdrawn
			return d, true, nil
		}
	}
	if j.over {
		err = cmp.Or(j.err, io.EOF)
	}
	return d, false, err
}

// eat tells the scheduler what was read, many blocks at a time when there are
// more to read. The runner is locked.
func (j *job) eat(b int32) {
	j.eaten = append(j.eaten, b)
	if j.read == len(j.got) {
		j.got, j.read = j.got[:0], 0
	} else if len(j.eaten) < 64 {
		return
	}
	evs := j.r.evs[:0]
	for _, b := range j.eaten {
		evs = append(evs, sched.Event{Kind: sched.Consumed, Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: b})
	}
	j.r.evs, j.eaten = evs, j.eaten[:0]
	j.r.stepLocked(evs...)
	j.r.feed()
}

// Withdraw implements graph.Job.
func (j *job) Withdraw(blocks []int32) {
	r := j.r
	r.mu.Lock()
	defer r.mu.Unlock()
	evs := make([]sched.Event, 0, len(blocks))
	for _, b := range blocks {
		evs = append(evs, sched.Event{Kind: sched.Withdraw, Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: b})
	}
	r.stepLocked(evs...)
	r.feed()
}

// Close implements graph.Job.
func (j *job) Close() error {
	live, whole := j.end()
	if !live {
		return nil
	}
	late := time.NewTimer(j.r.stuck)
	defer late.Stop()
	select {
	case <-j.gone:
		return nil
	case <-late.C:
	}
	if whole {
		return nil
	}
	return graph.ErrRunning
}

// end tells everybody that the job is not wanted any more. Live: tasks of it may run;
// whole: there is nothing more for them to do.
func (j *job) end() (live, whole bool) {
	r := j.r
	r.mu.Lock()
	defer r.mu.Unlock()
	whole = j.over && j.err == nil
	j.got, j.read = nil, 0
	j.cancel(errClosed)
	if r.jobs[j.id] != j {
		return false, whole
	}
	j.finish(j.err)
	r.stale = true
	r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
	r.feed()
	return r.jobs[j.id] == j, whole
}

var errClosed = errors.New("the job was closed")
