package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
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
	pos    []uint64     // of each layer in the order of the job
	quit   chan struct{}
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
	late    []int
	decided []bool         // the number of blocks is known
	made    []bool         // every block has been made
	readers bool           // tasks of the plan read the wanted layer too
	repeats []int64        // by layer: attempts after a failure
	sums    []sched.Action // by layer: LayerDone, with the bytes and rows it made
}

func newJob(r *Runner, ctx context.Context, q graph.Request, plan *optimize.Plan) *job {
	j := &job{r: r, req: q, plan: plan, start: time.Now(), spill0: r.node.Spilled(), quit: make(chan struct{}),
		errs: map[sched.Block]error{}, bell: shell.NewBell(), stop: func() bool { return true }}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	n := len(plan.Graph.Layers)
	for i := range plan.Graph.Layers {
		for _, e := range plan.Graph.Layers[i].In {
			j.readers = j.readers || e.From == plan.Want
		}
	}
	j.vals, j.decided, j.made = make([][]chunk.Value, n), make([]bool, n), make([]bool, n)
	j.repeats, j.sums = make([]int64, n), make([]sched.Action, n)
	j.place()
	return j
}

// place orders the layers as the scheduler does: by rank, then those nearer to the
// results first.
func (j *job) place() {
	n := len(j.plan.Graph.Layers)
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	if rank := j.plan.Rank; rank != nil {
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	}
	j.pos = make([]uint64, n)
	for p, i := range order {
		j.pos[i] = uint64(p)
	}
}

// key is the place of a task among all tasks of the node, lower first: by the
// priority of the job, the place of the layer, the block.
func (j *job) key(layer sched.LayerID, b int32) uint64 {
	prio := uint64(min(max(int64(j.req.Priority), -1<<15), 1<<15-1) + 1<<15)
	return (1<<16-1-prio)<<48 | min(j.pos[layer], 1<<16-1)<<32 | uint64(uint32(b))
}

// next is the key of the earliest task that will read a block, as far as it can be
// told without looking at the blocks: what is for the reader of the job counts as
// being read at once.
func (j *job) next(layer sched.LayerID, b int32) uint64 {
	best := uint64(1<<64 - 1)
	if graph.LayerID(layer) == j.plan.Want {
		best = j.key(layer, b)
	}
	for i := range j.plan.Graph.Layers {
		if j.made[i] {
			continue
		}
		for _, e := range j.plan.Graph.Layers[i].In {
			switch {
			case sched.LayerID(e.From) != layer:
			case e.Wiring == op.OneToOne && !e.Side:
				best = min(best, j.key(sched.LayerID(i), b))
			default:
				best = min(best, j.key(sched.LayerID(i), 0))
			}
		}
	}
	return best
}

// spec words the plan for the scheduler.
func (j *job) spec() *sched.Spec {
	s := &sched.Spec{Priority: j.req.Priority}
	for i := range j.plan.Graph.Layers {
		l := &j.plan.Graph.Layers[i]
		x := sched.Layer{N: l.N, Late: l.N == 0 && j.isLate(l), In: j.edges(l)}
		if j.plan.Rank != nil {
			x.Rank = j.plan.Rank[i]
		}
		if j.plan.Need != nil {
			x.Floor = 0 // floors were checked against the budget when the plan was made
		}
		if l.Retry.Max > 1 {
			x.Retry = sched.Retry{Max: int32(l.Retry.Max - 1), Delay: int64(l.Retry.Delay)}
		}
		if graph.LayerID(i) == j.plan.Want {
			x.Keep, x.Window = sched.Stream, int32(4*j.r.threads)
			if j.prog.Direct(graph.LayerID(i)) {
				x.Window = maxGrab // their results are small, and so is the time between them
			}
			if j.req.Ordered {
				x.Keep = sched.Ordered
			}
			if len(l.In) > 0 && l.In[0].Wiring == op.Listed || j.req.Mode == graph.Analyze {
				x.Window = 0
			}
		}
		if x.Late {
			j.late = append(j.late, i)
		} else {
			j.vals[i] = j.r.spare.take(l.N)
			j.decided[i] = true
		}
		s.Layers = append(s.Layers, x)
	}
	return s
}

// isLate reports whether the number of blocks of l is decided while running.
func (j *job) isLate(l *graph.Layer) bool {
	if l.Late() {
		return true
	}
	for _, e := range l.In {
		if !e.Side && e.Wiring == op.OneToOne {
			return j.plan.Graph.Layers[e.From].N == 0 && j.isLate(&j.plan.Graph.Layers[e.From])
		}
	}
	return false
}

func (j *job) edges(l *graph.Layer) []sched.Edge {
	out := make([]sched.Edge, len(l.In))
	for i, e := range l.In {
		out[i] = sched.Edge{From: sched.LayerID(e.From), Wiring: shell.Wiring(&l.In[i])}
	}
	return out
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
	j.made[a.Layer], j.sums[a.Layer] = true, a
	j.reorder(a.Layer)
	var ext *sched.Extension
	for _, i := range j.late {
		if j.decided[i] {
			continue
		}
		if n, ok := j.decide(&j.plan.Graph.Layers[i]); ok {
			if ext == nil {
				ext = &sched.Extension{}
			}
			j.decided[i] = true
			j.plan.Graph.Layers[i].N = n
			j.vals[i] = make([]chunk.Value, n)
			ext.Set = append(ext.Set, sched.Late{Layer: sched.LayerID(i), N: n})
		}
	}
	return ext
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
			if k := j.next(sched.LayerID(e.From), int32(b)); k < 1<<64-1 {
				j.r.node.Next(v, k)
			}
		}
	}
}

// decide returns the number of blocks of a late layer once its inputs are
// finished: so many that each reads about Size.TargetBytes, in powers of two up
// to Size.Runs; or as many as the input it follows block by block.
func (j *job) decide(l *graph.Layer) (int32, bool) {
	if !l.Late() {
		for _, e := range l.In {
			if !e.Side && e.Wiring == op.OneToOne {
				return j.plan.Graph.Layers[e.From].N, j.decided[e.From]
			}
		}
	}
	bytes := int64(0)
	for _, e := range l.In {
		if !j.made[e.From] {
			return 0, false
		}
		if e.Side {
			continue
		}
		for _, v := range j.vals[e.From] {
			if v != nil {
				bytes += v.Bytes()
			}
		}
	}
	want := (bytes + max(1, l.Size.TargetBytes) - 1) / max(1, l.Size.TargetBytes)
	n := int64(1) << bits.Len64(uint64(max(want, 1)-1))
	return int32(min(n, int64(l.Size.Runs))), true
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
			x.Lo, x.Hi = int(b)*l.Size.Runs/int(l.N), (int(b)+1)*l.Size.Runs/int(l.N)
		}
		list = append(list, x)
	}
	return list
}

// call runs a direct task and words the report.
func (j *job) call(c *carrier, layer sched.LayerID, b int32, attempt sched.Attempt) sched.Event {
	if err := j.ctx.Err(); err != nil {
		return j.report(c, layer, b, attempt, nil, context.Cause(j.ctx))
	}
	l := &j.plan.Graph.Layers[layer]
	ctx := j.ctx
	if l.Retry.TimeOut > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, l.Retry.TimeOut, fmt.Errorf("the task's time-out of %v passed", l.Retry.TimeOut))
		defer end()
	}
	c.in = c.in[:0]
	for i := range l.In {
		c.in = j.input(c.in, l, b, i)
	}
	v, err := j.prog.Call(ctx, graph.LayerID(layer), int(b), c.in)
	clear(c.in)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	return j.report(c, layer, b, attempt, v, err)
}

// report words the end of a task for the scheduler.
func (j *job) report(c *carrier, layer sched.LayerID, b int32, attempt sched.Attempt, v chunk.Value, err error) sched.Event {
	if err != nil {
		j.r.mu.Lock()
		defer j.r.mu.Unlock()
		return j.failed(layer, b, attempt, err)
	}
	if _, free := v.(weightless); j.readers && !free && graph.LayerID(layer) == j.plan.Want {
		if len(c.lent) == 0 {
			c.lent = make([]lent, 32)
		}
		l := &c.lent[0]
		c.lent, l.Value = c.lent[1:], v
		l.refs.Store(2)
		v = l
	}
	j.vals[layer][b] = v
	j.done.Add(1)
	return sched.Event{Kind: sched.Done, Job: j.id, Layer: layer, Block: b, Session: session, Attempt: attempt, Bytes: v.Bytes(), Rows: v.Rows()}
}

// failed keeps the error of a task for whoever asks; the runner is locked.
func (j *job) failed(layer sched.LayerID, b int32, attempt sched.Attempt, err error) sched.Event {
	j.errs[sched.Block{Layer: layer, Block: b}] = wrap(&j.plan.Graph.Layers[layer], err)
	return sched.Event{Kind: sched.Failed, Job: j.id, Layer: layer, Block: b, Session: session, Attempt: attempt,
		Class: sched.User, Retryable: j.ctx.Err() == nil}
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

// deliver notes a finished block for the reader, who owns it from Next on.
func (j *job) deliver(b int32) {
	if j.vals[j.plan.Want][b] == nil {
		return
	}
	if j.req.Mode == graph.Analyze {
		j.r.consume(j, b)
		return
	}
	if j.got == nil {
		j.got, j.r.got = j.r.got, nil
	}
	j.got = append(j.got, b)
	j.bell.Ring()
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

// A lent block belongs to the reader of the job and to tasks that still read it;
// the last one to release it frees it.
type lent struct {
	chunk.Value
	refs atomic.Int32
	out  bool // the reader has it; guarded by the runner
}

// Unwrap returns the block itself.
func (l *lent) Unwrap() chunk.Value { return l.Value }

// Release implements chunk.Value.
func (l *lent) Release() {
	if l.refs.Add(-1) == 0 {
		l.Value.Release()
	}
}

// consume answers a delivery outside of the current step.
func (r *Runner) consume(j *job, b int32) {
	time.AfterFunc(0, func() {
		r.tell(sched.Event{Kind: sched.Consumed, Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: b})
	})
}

// fail ends the job with an error; the first one counts.
func (j *job) fail(err error) {
	if j.err == nil && !j.over {
		j.err = err
	}
	j.cancel(err)
	j.finish(j.err)
}

func (j *job) finish(err error) {
	if !j.over {
		j.over, j.err, j.wall = true, err, time.Since(j.start)
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
	for l := range j.vals {
		j.free(sched.LayerID(l), 0, int32(len(j.vals[l])))
		if j.read == len(j.got) { // else a reader still asks for a block that is gone
			j.r.spare.put(j.vals[l])
			j.vals[l] = nil
		}
	}
	if j.read == len(j.got) && cap(j.got) > cap(j.r.got) && cap(j.got) <= tablesMost {
		j.r.got, j.got, j.read = j.got[:0], nil, 0
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
	if j.read < len(j.got) {
		d = j.hand(j.got[j.read])
		j.read++
		j.eat(d.Block)
		return d, true, nil
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

// Close implements graph.Job.
func (j *job) Close() error {
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	j.got, j.read = nil, 0
	if j.r.jobs[j.id] == j {
		j.finish(j.err)
		j.cancel(errClosed)
		j.r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
		j.r.feed()
	}
	j.cancel(errClosed)
	return nil
}

var errClosed = errors.New("the job was closed")
