// Package local runs plans on the threads of this process: the pure scheduler of
// package sched with one worker, whose slots are goroutines. Local mode is a
// cluster of one node; there is no shorter way around the scheduler.
package local

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"time"

	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
)

// Options of a Runner. Zero values mean defaults.
type Options struct {
	Threads  int    // goroutines that run tasks; 0 means one per CPU
	Memory   int64  // budget of the process in bytes; 0 means no limit
	SpillDir string // parent folder of spill files; empty means the system's temporary folder
	// Pool, when set, is the budget of the tasks' buffers alone, and Memory is not
	// looked at: for tests, and for programs that do their own accounting.
	Pool int64
}

// overhead is what a process uses beside the buffers of tasks: the program, the
// collector's heap, stacks, and the scratch of each thread. It is taken off the
// budget so that the resident size stays below it.
func overhead(memory int64, threads int) int64 {
	return min(memory/2, 40<<20+int64(threads)*6<<20)
}

// A Runner implements graph.Runner. Several jobs may run at once and share its
// threads and memory. Close it to end its goroutines and remove spill files.
type Runner struct {
	node    *exec.Node
	threads int
	budget  int64
	start   time.Time

	mu     sync.Mutex
	work   sync.Cond // queue has items, or closed
	quiet  sync.Cond // a job is gone
	st     *sched.State
	acts   []sched.Action
	queue  []item // ring of tasks to run
	head   int
	jobs   map[sched.JobID]*job
	last   sched.JobID
	timer  *time.Timer
	closed bool
	wg     sync.WaitGroup
}

// An item is a range of tasks the scheduler handed out.
type item struct {
	j        *job
	layer    sched.LayerID
	first, n int32
	attempt  sched.Attempt
}

const session = 1

// New starts the threads of a runner.
func New(o Options) *Runner {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	memory := o.Memory
	if memory > 0 {
		memory -= overhead(memory, o.Threads)
	}
	if o.Pool > 0 {
		memory = o.Pool
	}
	r := &Runner{
		node:    exec.NewNode(exec.Options{Threads: o.Threads, Memory: memory, SpillDir: o.SpillDir}),
		threads: o.Threads, budget: o.Memory, start: time.Now(),
		st:   sched.New(sched.Options{}),
		jobs: map[sched.JobID]*job{},
	}
	r.work.L, r.quiet.L = &r.mu, &r.mu
	r.step(sched.Event{Kind: sched.WorkerUp, Session: session, Slots: int32(o.Threads), Queue: queued, Bytes: max(memory, 1)})
	for range o.Threads {
		r.wg.Add(1)
		go r.thread()
	}
	return r
}

// queued is how many tasks the scheduler sends ahead, so that a thread takes
// many small tasks under one lock.
const queued = 1024

// Node returns what the runner lends to tasks, for its figures.
func (r *Runner) Node() *exec.Node { return r.node }

// Close ends the threads. Jobs that still run fail.
func (r *Runner) Close() error {
	r.mu.Lock()
	for _, j := range r.jobs {
		j.fail(errors.New("the runner was closed"))
		r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
	}
	r.closed = true
	r.work.Broadcast()
	r.mu.Unlock()
	r.wg.Wait()
	return r.node.Close()
}

// Wait returns when no job is left: all are closed and their memory is free.
func (r *Runner) Wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.jobs) > 0 {
		r.quiet.Wait()
	}
}

// Start implements graph.Runner.
func (r *Runner) Start(ctx context.Context, q graph.Request) (graph.Job, error) {
	before := q.Graph
	plan, err := optimize.Run(q.Graph, q.Want, optimize.Options{Off: q.Off, Budget: r.node.Pool().Limit(), Threads: r.threads})
	if err != nil {
		return nil, err
	}
	j := newJob(r, ctx, q, plan)
	j.before = before
	if q.Mode == graph.Explain {
		j.finish(nil)
		return j, nil
	}
	if j.prog, err = exec.Bind(plan.Graph); err != nil {
		return nil, err
	}
	if q.Keep {
		j.prog.Keep(plan.Want)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the runner is closed")
	}
	r.last++
	j.id = r.last
	r.jobs[j.id] = j
	j.stop = context.AfterFunc(j.ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		j.fail(context.Cause(j.ctx))
		r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
	})
	r.stepLocked(sched.Event{Kind: sched.Submit, Job: j.id, Spec: j.spec()})
	j.watch()
	return j, nil
}

func (r *Runner) step(evs ...sched.Event) {
	r.mu.Lock()
	r.stepLocked(evs...)
	r.mu.Unlock()
}

// stepLocked tells the scheduler what happened and does what it says. What it
// says may be news again (a late layer is decided), so it goes on until quiet.
func (r *Runner) stepLocked(evs ...sched.Event) {
	for len(evs) > 0 {
		r.acts = r.st.StepAll(evs, r.acts[:0])
		evs = nil
		for _, a := range r.acts {
			if j := r.jobs[a.Job]; j != nil {
				evs = r.do(j, a, evs)
			}
		}
	}
	if at, ok := r.st.Wake(); ok {
		r.wake(at)
	}
}

// do carries out one action.
func (r *Runner) do(j *job, a sched.Action, evs []sched.Event) []sched.Event {
	switch a.Kind {
	case sched.Run:
		r.queue = append(r.queue, item{j, a.Layer, a.First, a.N, a.Attempt})
		r.work.Signal()
	case sched.Free:
		j.free(a.Layer, a.First, a.N)
	case sched.Deliver:
		j.deliver(a.First)
	case sched.LayerDone:
		if ext := j.layerDone(a); ext != nil {
			evs = append(evs, sched.Event{Kind: sched.Extend, Job: j.id, Ext: ext})
		}
	case sched.Fail:
		j.fail(j.explain(a.Err))
	case sched.Finished:
		j.finish(nil)
	case sched.Closed:
		delete(r.jobs, j.id)
		j.closed()
		r.quiet.Broadcast()
	case sched.Return:
		evs = r.giveBack(j, a, evs)
	}
	return evs
}

// giveBack answers a request for a task that has not started.
func (r *Runner) giveBack(j *job, a sched.Action, evs []sched.Event) []sched.Event {
	ev := sched.Event{Kind: sched.Started, Job: j.id, Layer: a.Layer, Block: a.First, Session: session, Attempt: a.Attempt}
	for i := r.head; i < len(r.queue); i++ {
		q := &r.queue[i]
		if q.j != j || q.layer != a.Layer || q.attempt != a.Attempt {
			continue
		}
		if a.First == q.first+q.n-1 && q.n > 0 {
			q.n--
			ev.Kind = sched.Returned
			break
		}
	}
	return append(evs, ev)
}

// now is the scheduler's clock.
func (r *Runner) now() int64 { return int64(time.Since(r.start)) }

// wake sets the one timer to the time the scheduler wants to be told.
func (r *Runner) wake(at int64) {
	d := max(0, time.Duration(at-r.now()))
	if r.timer == nil {
		r.timer = time.AfterFunc(d, func() { r.step(sched.Event{Kind: sched.Tick, Now: r.now()}) })
		return
	}
	r.timer.Reset(d)
}

// thread runs tasks until the runner is closed. It takes several at once when
// tasks are much shorter than a lock: how many doubles while a handful takes
// less than batchTime, and falls back to one.
func (r *Runner) thread() {
	defer r.wg.Done()
	var todo []item
	var done []sched.Event
	grab := int32(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if len(done) > 0 {
			r.stepLocked(done...)
			done = done[:0]
		}
		for !r.closed && r.head == len(r.queue) {
			r.work.Wait()
		}
		if r.closed {
			return
		}
		todo = r.pop(todo[:0], grab)
		r.mu.Unlock()
		start, n := time.Now(), int32(0)
		for _, it := range todo {
			for b := it.first; b < it.first+it.n; b++ {
				done = append(done, it.j.run(it, b))
				n++
			}
		}
		if time.Since(start) < batchTime {
			grab = min(2*max(grab, n), maxGrab)
		} else {
			grab = 1
		}
		r.mu.Lock()
	}
}

const (
	batchTime = 100 * time.Microsecond
	maxGrab   = 512
)

// pop takes up to n tasks from the queue, and leaves work for other threads.
func (r *Runner) pop(dst []item, n int32) []item {
	for n > 0 && r.head < len(r.queue) {
		it := &r.queue[r.head]
		k := min(n, it.n)
		if k > 0 {
			dst = append(dst, item{it.j, it.layer, it.first, k, it.attempt})
		}
		it.first += k
		it.n -= k
		n -= k
		if it.n == 0 {
			r.queue[r.head].j = nil
			r.head++
		}
	}
	if r.head == len(r.queue) {
		r.queue, r.head = r.queue[:0], 0
	} else {
		r.work.Signal()
		if r.head > 4096 && 2*r.head > len(r.queue) {
			r.queue = r.queue[:copy(r.queue, r.queue[r.head:])]
			r.head = 0
		}
	}
	return dst
}

// wrap says which layer an error comes from, with the user's line.
func wrap(l *graph.Layer, err error) error {
	if l.Origin != "" {
		return fmt.Errorf("%s: %w", l.Origin, err)
	}
	return err
}
