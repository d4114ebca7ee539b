package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
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
	tries  atomic.Int64 // repeated tasks
	quit   chan struct{}
	once   sync.Once
	// ------
	vals    [][]chunk.Value
	errs    map[sched.Block]error
	got     []graph.Delivered // delivered and not read: those from read on
	read    int
	eaten   []sched.Event
	news    chan struct{}
	err     error
	over    bool // finished or failed
	wall    time.Duration
	stop    func() bool
	late    []int
	decided []bool // the number of blocks is known
	made    []bool // every block has been made
	readers bool   // tasks of the plan read the wanted layer too
}

func newJob(r *Runner, ctx context.Context, q graph.Request, plan *optimize.Plan) *job {
	j := &job{r: r, req: q, plan: plan, start: time.Now(), spill0: r.node.Spilled(), quit: make(chan struct{}),
		errs: map[sched.Block]error{}, news: make(chan struct{}, 1), stop: func() bool { return true }}
	j.ctx, j.cancel = context.WithCancelCause(ctx)
	n := len(plan.Graph.Layers)
	for i := range plan.Graph.Layers {
		for _, e := range plan.Graph.Layers[i].In {
			j.readers = j.readers || e.From == plan.Want
		}
	}
	j.vals, j.decided, j.made = make([][]chunk.Value, n), make([]bool, n), make([]bool, n)
	return j
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
			j.vals[i] = make([]chunk.Value, l.N)
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
		w := sched.Everything()
		switch e.Wiring {
		case op.OneToOne:
			w = sched.OneToOne()
		case op.Listed:
			w = sched.Lists(e.At, e.List)
		}
		out[i] = sched.Edge{From: sched.LayerID(e.From), Wiring: w}
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
	j.made[a.Layer] = true
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
	for i, e := range l.In {
		var list []op.In
		from := j.vals[e.From]
		switch e.Wiring {
		case op.OneToOne:
			list = []op.In{{Value: from[b], Hi: from[b].Runs(), Edge: i}}
		case op.Listed:
			for _, x := range e.List[e.At[b]:e.At[b+1]] {
				list = append(list, op.In{Value: from[x], Hi: from[x].Runs(), Edge: i})
			}
		default:
			for _, v := range from {
				x := op.In{Value: v, Hi: v.Runs(), Edge: i}
				if e.Wiring == op.Shuffled {
					x.Lo, x.Hi = int(b)*l.Size.Runs/int(l.N), (int(b)+1)*l.Size.Runs/int(l.N)
				}
				list = append(list, x)
			}
		}
		if e.Side {
			in.Side = append(in.Side, list)
		} else {
			in.Flow = append(in.Flow, list...)
		}
	}
	return in
}

// run computes one block and words the report.
func (j *job) run(it item, b int32) sched.Event {
	ev := sched.Event{Kind: sched.Done, Job: j.id, Layer: it.layer, Block: b, Session: session, Attempt: it.attempt}
	l := &j.plan.Graph.Layers[it.layer]
	v, err := j.compute(l, it.layer, b)
	if err != nil {
		ev.Kind, ev.Class, ev.Retryable = sched.Failed, sched.User, j.ctx.Err() == nil
		j.r.mu.Lock()
		j.errs[sched.Block{Layer: it.layer, Block: b}] = wrap(l, err)
		j.r.mu.Unlock()
		j.tries.Add(1)
		return ev
	}
	j.vals[it.layer][b] = v
	ev.Bytes, ev.Rows = v.Bytes(), v.Rows()
	j.done.Add(1)
	return ev
}

func (j *job) compute(l *graph.Layer, id sched.LayerID, b int32) (chunk.Value, error) {
	if err := j.ctx.Err(); err != nil {
		return nil, context.Cause(j.ctx)
	}
	ctx := j.ctx
	if l.Retry.TimeOut > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, l.Retry.TimeOut, fmt.Errorf("the task's time-out of %v passed", l.Retry.TimeOut))
		defer end()
	}
	v, err := j.prog.Run(ctx, j.r.node, graph.LayerID(id), int(b), j.inputs(l, b))
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	return v, err
}

// free drops blocks that nobody reads any more.
func (j *job) free(layer sched.LayerID, first, n int32) {
	for b := first; b < first+n; b++ {
		if v := j.vals[layer][b]; v != nil {
			j.vals[layer][b] = nil
			v.Release()
		}
	}
}

// deliver hands a finished block to the reader, who owns it from then on.
func (j *job) deliver(b int32) {
	v := j.vals[j.plan.Want][b]
	if v == nil {
		return
	}
	if j.req.Mode == graph.Analyze {
		j.r.consume(j, b)
		return
	}
	if _, free := v.(weightless); free {
		// nobody owns it
	} else if j.readers {
		l := &lent{Value: v}
		l.refs.Store(2)
		j.vals[j.plan.Want][b], v = l, l
	} else {
		j.vals[j.plan.Want][b] = nil
	}
	j.got = append(j.got, graph.Delivered{Block: b, Value: v})
	j.tell()
}

// A weightless value has nothing to release.
type weightless interface{ Weightless() }

// A lent block belongs to the reader of the job and to tasks that still read it;
// the last one to release it frees it.
type lent struct {
	chunk.Value
	refs atomic.Int32
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
		r.step(sched.Event{Kind: sched.Consumed, Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: b})
	})
}

func (j *job) tell() {
	select {
	case j.news <- struct{}{}:
	default:
	}
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
	j.tell()
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
	}
	_ = j.prog.Close()
	j.stop()
}

// Next implements graph.Job.
func (j *job) Next(ctx context.Context) (graph.Delivered, error) {
	for {
		j.r.mu.Lock()
		if j.read < len(j.got) {
			d := j.got[j.read]
			j.got[j.read].Value = nil
			j.read++
			j.eat(d.Block)
			j.r.mu.Unlock()
			return d, nil
		}
		over, err := j.over, j.err
		j.r.mu.Unlock()
		if over {
			if err == nil {
				err = io.EOF
			}
			return graph.Delivered{}, err
		}
		select {
		case <-j.news:
		case <-ctx.Done():
			return graph.Delivered{}, ctx.Err()
		}
	}
}

// eat tells the scheduler what was read, many blocks at a time when there are
// more to read. The runner is locked.
func (j *job) eat(b int32) {
	j.eaten = append(j.eaten, sched.Event{Kind: sched.Consumed, Job: j.id, Layer: sched.LayerID(j.plan.Want), Block: b})
	if j.read == len(j.got) {
		j.got, j.read = j.got[:0], 0
	} else if len(j.eaten) < 64 {
		return
	}
	j.r.stepLocked(j.eaten...)
	j.eaten = j.eaten[:0]
}

// Close implements graph.Job.
func (j *job) Close() error {
	j.r.mu.Lock()
	defer j.r.mu.Unlock()
	for _, d := range j.got[j.read:] {
		d.Value.Release()
	}
	j.got, j.read = nil, 0
	if j.r.jobs[j.id] == j {
		j.finish(j.err)
		j.cancel(errClosed)
		j.r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
	}
	j.cancel(errClosed)
	return nil
}

var errClosed = errors.New("the job was closed")
