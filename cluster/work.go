package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/cluster/data"
	"github.com/weft-data/weft/cluster/wire"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// A work is a job as a worker knows it. All fields are guarded by the worker.
type work struct {
	w       *Worker
	id      int32
	whole   wire.Whole
	plan    *shell.Plan
	sh      *shell.Shell
	prog    *exec.Program
	broken  error // the plan cannot be run here
	ctx     context.Context
	cancel  context.CancelCauseFunc
	blocks  [][]*held // by layer and block: made here
	where   [][]int32 // by layer and block: worker + 1
	shut    []bool    // by layer: all blocks were made, what its tasks shared is freed
	busy    []int32   // by layer: tasks that run
	tasks   map[sched.Block]*gather
	secret  string // of tickets
	copies  map[copyKey]*copied
	copying map[copyKey]bool // blocks that are to be held here
	live    int              // tasks of this job handed to the node, or fetching for it
	gone    bool
	ended   time.Time // the job was stopped
	// outlived: it is from an earlier session, and tasks handed out in this one may have begun
	outlived bool
}

// A held block is lent to tasks here and to readers elsewhere; once it is freed
// the last of them releases it.
type held struct {
	v     chunk.Value
	lent  int
	freed bool
}

type item = shell.Item[*work]

// Key implements shell.Owner.
func (j *work) Key(layer sched.LayerID, b int32) uint64 { return j.sh.Key(layer, b) }

// most is how many tasks are handed to the node for each slot: enough that it has
// a choice by memory and that inputs come while others run.
const most = 3

func newWork(w *Worker, id int32) *work {
	j := &work{w: w, id: id, copies: map[copyKey]*copied{}, copying: map[copyKey]bool{}, tasks: map[sched.Block]*gather{}}
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
	return j
}

// hear takes a record about this job.
func (j *work) hear(r *wire.Record) error {
	if r.Kind == wire.Plan {
		return j.learn(r)
	}
	if r.Kind == wire.Closed {
		j.gone = true
		j.stop(errors.New("the job was closed"))
		j.settle()
		return nil
	}
	if j.plan == nil || r.Layer < 0 || int(r.Layer) >= len(j.plan.Layers) {
		return fmt.Errorf("%w: layer %d of job %d", wire.ErrBroken, r.Layer, j.id)
	}
	layer := sched.LayerID(r.Layer)
	if n := j.plan.Layers[layer].N; r.Kind != wire.Size && r.Kind != wire.Cut && (r.Block < 0 || r.N < 0 || int64(r.Block)+int64(r.N) > int64(n)) {
		return fmt.Errorf("%w: blocks %d+%d of layer %d with %d", wire.ErrBroken, r.Block, r.N, r.Layer, n)
	}
	switch r.Kind {
	case wire.Size:
		if j.plan.Layers[layer].N != r.N { // else it was said before
			j.size(layer, r.N)
		}
	case wire.Cut:
		return j.cut(layer, r.Block)
	case wire.Where:
		for b := r.Block; b < r.Block+r.N; b++ {
			j.where[layer][b] = r.Worker + 1
		}
	case wire.Run:
		j.w.ready(item{Job: j, Layer: layer, First: r.Block, N: r.N, Attempt: sched.Attempt(r.Attempt)})
	case wire.Free:
		for b := r.Block; b < r.Block+r.N; b++ {
			j.free(layer, b)
		}
	case wire.Return:
		j.w.giveBack(j, r)
	case wire.Halt:
		j.w.halt(j, r)
	case wire.Complete:
		j.sh.Made(layer)
		j.complete(layer)
	case wire.Copy:
		j.copy(r)
	case wire.Stop:
		j.stop(errors.New(cmp.Or(r.Text, "the job was stopped")))
	default:
		return fmt.Errorf("%w: the scheduler sent a record of kind %d", wire.ErrBroken, r.Kind)
	}
	return nil
}

// learn takes a part of the plan and binds it when it is whole.
func (j *work) learn(r *wire.Record) error {
	j.secret = r.Text
	b, err := j.whole.Add(r)
	if err != nil || b == nil {
		return err
	}
	p := &shell.Plan{}
	if err := wire.Decode(b, p); err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrBroken, err)
	}
	n := len(p.Layers)
	j.plan, j.sh = p, shell.New(p)
	j.blocks, j.where, j.shut, j.busy = make([][]*held, n), make([][]int32, n), make([]bool, n), make([]int32, n)
	for i := range p.Layers {
		j.size(sched.LayerID(i), p.Layers[i].N)
	}
	j.prog, j.broken = exec.Bind(&graph.Graph{Layers: p.Layers})
	if j.broken == nil && !p.Discard && !p.Given && !p.Held && p.Name == "" { // the client reads them
		j.prog.Leave(p.Want)
	}
	return nil
}

// size gives a layer its columns.
func (j *work) size(l sched.LayerID, n int32) {
	j.blocks[l], j.where[l] = make([]*held, n), make([]int32, n)
	if n > 0 {
		j.sh.Set(l, n)
	}
}

// cut cuts a layer as the scheduler has done.
func (j *work) cut(layer sched.LayerID, at int32) error {
	c, ok, err := j.sh.Cut(layer, at)
	if err != nil {
		return fmt.Errorf("%w: %w", wire.ErrBroken, err)
	}
	if !ok {
		return nil
	}
	j.size(c.Front, j.plan.Layers[c.Front].N)
	if j.broken == nil {
		j.broken = errors.Join(j.prog.Rebind(graph.LayerID(c.Front)), j.prog.Rebind(graph.LayerID(c.Layer)))
	}
	return nil
}

// ready takes tasks the scheduler handed out; w is locked.
func (w *Worker) ready(it item) {
	if it.Job.outlived {
		w.adopt(it)
		return
	}
	w.enqueue(it)
}

func (w *Worker) enqueue(it item) {
	switch {
	case it.N == 0:
	case it.Job.small(it.Layer):
		w.queue.AddDirect(it)
	default:
		w.queue.AddReal(it)
	}
}

// giveBack answers a request for a task that has not started; w is locked.
func (w *Worker) giveBack(j *work, r *wire.Record) {
	ans := wire.Record{Kind: wire.Started, Job: r.Job, Layer: r.Layer, Block: r.Block, Attempt: r.Attempt}
	if w.queue.Take(j, sched.LayerID(r.Layer), r.Block, sched.Attempt(r.Attempt)) {
		ans.Kind = wire.Returned
	}
	w.link.put(ans)
}

// halt ends a task that was withdrawn; w is locked.
func (w *Worker) halt(j *work, r *wire.Record) {
	at := sched.Block{Layer: sched.LayerID(r.Layer), Block: r.Block}
	if w.queue.Take(j, at.Layer, at.Block, sched.Attempt(r.Attempt)) {
		w.link.put(wire.Record{Kind: wire.Returned, Job: r.Job, Layer: r.Layer, Block: r.Block, Attempt: r.Attempt})
		return
	}
	if t := j.tasks[at]; t != nil {
		t.ctx.Halt()
		t.giveUp()
	}
	for c := range w.carrying {
		c.hand.Halt(j, at.Layer, at.Block)
	}
}

// feed hands tasks to the node, a few ahead of its slots. A process that is too large gives back the others, once the
// scheduler has been told; w is locked.
func (w *Worker) feed() {
	for ahead, _ := w.lots(); !w.closed && w.ahead < ahead; ahead, _ = w.lots() {
		it, ok := w.queue.Real()
		if !ok {
			break
		}
		it.Job.launch(it.Layer, it.First, uint32(it.Attempt))
	}
	if _, carriers := w.lots(); !w.closed && w.carriers < carriers {
		if key, ok := w.queue.Direct(); ok {
			w.carriers++
			c := &carrier{w: w}
			c.hand.LendBy(c)
			c.seat = w.node.Go(key, c.carry, nil)
		}
	}
	if w.shut() != w.said {
		w.weigh()
	}
	if w.said && !w.pressed.IsZero() { // also what was on its way: it would wait as long as something runs here
		w.giveUp(func(*work) bool { return true })
	}
}

// launch fetches what a task needs and hands it to the node.
func (j *work) launch(layer sched.LayerID, b int32, attempt uint32) {
	w := j.w
	w.ahead++
	j.live++
	j.busy[layer]++
	t := &gather{j: j, ctx: shell.NewTask(j.ctx), layer: layer, block: b, attempt: attempt, session: w.session}
	t.ctx.LendBy(t)
	j.tasks[sched.Block{Layer: layer, Block: b}] = t
	err := j.broken
	if err == nil {
		err = context.Cause(j.ctx)
	}
	if err == nil && j.shut[layer] {
		err = j.prog.Reopen(graph.LayerID(layer))
		j.shut[layer] = err != nil
	}
	if err == nil {
		err = t.plan()
	}
	switch {
	case err != nil:
		t.end(nil, err)
	case j.plan.Given && graph.LayerID(layer) == j.plan.Want:
		t.await()
	case len(t.waits) == 0:
		t.start()
	default:
		for _, e := range t.errands {
			e.begin()
		}
		go t.fetch()
	}
}

// start hands the task to the node; w is locked.
func (t *gather) start() {
	j, l := t.j, &t.j.plan.Layers[t.layer]
	begin := time.Now()
	if j.prog.Direct(graph.LayerID(t.layer)) {
		in := t.inputs().Flow
		done := func(v chunk.Value, err error) {
			j.w.mu.Lock()
			defer j.w.mu.Unlock()
			t.nanos = int64(time.Since(begin))
			t.end(v, err)
			j.w.feed()
		}
		t.seat = j.w.node.Go(j.sh.Key(t.layer, t.block), func() {
			defer j.w.recorder.end(j.w.recorder.begin(j.task(t.layer, t.block, 1)))
			v, err := chunk.Value(nil), context.Cause(t.ctx)
			defer func() { done(v, err) }()
			if err == nil {
				j.prog.Call(t.ctx, graph.LayerID(t.layer), int(t.block), in, &v, &err)
			}
		}, func() { done(nil, exec.ErrTaken) })
		return
	}
	x := exec.Work{Layer: graph.LayerID(t.layer), Block: int(t.block), In: t.inputs(), Key: j.sh.Key(t.layer, t.block), Next: j.sh.Next(t.layer, t.block), TimeOut: l.Retry.TimeOut}
	if j.plan.Need != nil {
		x.Need = j.plan.Need[t.layer]
	}
	entry := j.w.recorder.begin(j.task(t.layer, t.block, 1))
	x.Done = func(v chunk.Value, err error) {
		w := j.w
		w.recorder.end(entry)
		w.mu.Lock()
		defer w.mu.Unlock()
		t.nanos = int64(time.Since(begin))
		t.end(v, err)
		w.feed()
	}
	t.seat = j.prog.Start(t.ctx, j.w.node, x)
}

// giveUp gives back a task that has not begun, if it has got to the node; w is locked.
func (t *gather) giveUp() {
	if t.seat != nil {
		t.seat.Take()
	}
}

// end reports a task and gives back what it had; w is locked.
func (t *gather) end(v chunk.Value, err error) {
	j, w := t.j, t.j.w
	if err != nil {
		err = t.rotten(err)
	}
	t.back()
	halted := t.ctx.End()
	if t.ctx.Away() {
		t.takeSlot()
	}
	w.ahead--
	j.live--
	j.busy[t.layer]--
	delete(j.tasks, sched.Block{Layer: t.layer, Block: t.block})
	rec := wire.Record{Kind: wire.Done, Job: j.id, Layer: int32(t.layer), Block: t.block, Attempt: t.attempt}
	var lost *lostInput
	switch {
	case err == nil && (w.closed || j.gone):
		if h := j.blocks[t.layer][t.block]; h == nil {
			v.Release()
		}
		rec.Kind = 0
	case err == nil:
		j.describe(&rec, v)
		rec.Nanos = t.nanos
		if h := j.blocks[t.layer][t.block]; h == nil || h.freed {
			j.blocks[t.layer][t.block] = &held{v: v}
		} else if h.v != v {
			v.Release() // it was made twice; the first one may be in use
		}
	case halted || errors.Is(err, exec.ErrTaken):
		rec.Kind = wire.Returned
	case errors.As(err, &lost):
		rec.Kind, rec.DepLayer, rec.DepBlock, rec.Worker, rec.Text = wire.FetchFailed, lost.layer, lost.block, lost.from, err.Error()
		if errors.Is(err, data.ErrCorrupt) {
			w.opt.Log.Warn("broken block", "job", j.id, "from", lost.from, "err", err)
		}
	default:
		rec.Kind, rec.Class, rec.Flag, rec.Text = wire.Failed, uint8(sched.User), j.ctx.Err() == nil && j.broken == nil, j.word(t.layer, err)
		if rec.Flag {
			rec.Class = uint8(shell.ClassOf(err))
			if errors.Is(err, spill.ErrFull) {
				w.pause()
			}
		}
	}
	if rec.Kind != 0 && !j.gone && w.relabel(&rec, t.session) {
		w.link.put(rec)
	}
	j.complete(t.layer)
	j.settle()
	w.quiet.Broadcast()
}

// word says which layer an error comes from, with the user's line.
func (j *work) word(layer sched.LayerID, err error) string {
	if o := j.plan.Layers[layer].Origin; o != "" {
		return o + ": " + err.Error()
	}
	return err.Error()
}

// free drops a block that nobody reads any more.
func (j *work) free(layer sched.LayerID, b int32) {
	if h := j.blocks[layer][b]; h != nil && !h.freed {
		h.freed = true
		j.blocks[layer][b] = nil
		if h.lent == 0 {
			h.v.Release()
		}
	}
}

// back returns a lent block.
func (h *held) back() {
	if h.lent--; h.lent == 0 && h.freed {
		h.v.Release()
	}
}

// complete frees what the tasks of a finished layer shared, once none of them
// runs.
func (j *work) complete(layer sched.LayerID) {
	if j.prog == nil || j.shut[layer] || j.busy[layer] > 0 || !j.sh.IsMade(layer) {
		return
	}
	j.shut[layer] = true
	if err := j.prog.CloseLayer(graph.LayerID(layer)); err != nil {
		j.w.opt.Log.Warn("closing a layer", "job", j.id, "layer", layer, "err", err)
	}
	for k, c := range j.copies {
		if c.keep && c.reader == layer && c.users == 0 {
			c.drop(j, k)
		}
	}
}

// stop ends the tasks of the job.
func (j *work) stop(why error) {
	j.cancel(why)
	w := j.w
	if j.ended.IsZero() {
		j.ended = time.Now()
	}
	w.giveUp(func(x *work) bool { return x == j })
}

// giveUp returns what is in the queue of some jobs; w is locked.
func (w *Worker) giveUp(mine func(*work) bool) {
	for _, it := range w.queue.Drop(mine) {
		for b := it.First; b < it.First+it.N; b++ {
			w.link.put(wire.Record{Kind: wire.Returned, Job: it.Job.id, Layer: int32(it.Layer), Block: b, Attempt: uint32(it.Attempt)})
		}
	}
}

// settle forgets the job when it is closed and nothing of it runs.
func (j *work) settle() {
	if j.gone && j.live == 0 && j.w.jobs[j.id] == j {
		delete(j.w.jobs, j.id)
		j.forget()
	}
}

// forget frees what is left of the job.
func (j *work) forget() {
	j.cancel(ErrClosed)
	for l := range j.blocks {
		for b := range j.blocks[l] {
			j.free(sched.LayerID(l), int32(b))
		}
	}
	for k, c := range j.copies {
		c.drop(j, k)
	}
	if j.prog != nil {
		if err := j.prog.Close(); err != nil {
			j.w.opt.Log.Warn("closing a job", "job", j.id, "err", err)
		}
	}
}

// Admit implements data.Store.
func (w *Worker) Admit(t *data.Ticket) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jobs[t.Job]
	switch {
	case t.Life != w.line.hi.Life || j == nil:
		return data.ErrGone
	case !t.Signed(j.secret):
		return data.ErrDenied
	}
	return nil
}

// Schema implements data.Store.
func (w *Worker) Schema(t *data.Ticket, layer int32) (dtype.Schema, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jobs[t.Job]
	if j == nil || j.plan == nil || layer < 0 || int(layer) >= len(j.plan.Layers) {
		return nil, data.ErrGone
	}
	return j.plan.Layers[layer].Out.Schema, nil
}

// Lend implements data.Store.
func (w *Worker) Lend(t *data.Ticket, r data.Ref) (chunk.Value, func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := w.jobs[t.Job]
	if j == nil || r.Layer < 0 || int(r.Layer) >= len(j.blocks) || r.Block < 0 || int(r.Block) >= len(j.blocks[r.Layer]) {
		return nil, nil, data.ErrGone
	}
	h := j.blocks[r.Layer][r.Block]
	if h == nil || h.freed {
		return nil, nil, data.ErrGone
	}
	h.lent++
	return h.v, func() { w.mu.Lock(); h.back(); w.mu.Unlock() }, nil
}
