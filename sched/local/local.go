// Package local runs plans on the threads of this process: the pure scheduler of
// package sched with one worker, which is an exec.Node. Local mode is a cluster of
// one node; there is no shorter way around the scheduler, nor around the node.
//
// The scheduler says what is to be done; the node says when, by memory and slots.
//
//	sched ── Run ──▶ real, by key ──── a few ahead ────▶ exec.Node: a task each
//	           └───▶ direct, as they come ─ carriers ──▶ exec.Node: a task for many
//
// Direct tasks (op.Direct: they need a thread and nothing else) are admitted in
// bulk. A carrier is one task of the node, without memory, that runs direct tasks
// as long as there are any, at most one for each slot, and steps back for others
// that wait every few milliseconds.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/exec"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/optimize"
	"github.com/weft-data/weft/sched"
	"github.com/weft-data/weft/sched/shell"
)

// Options of a Runner. Zero values mean defaults.
type Options struct {
	Threads  int    // goroutines that run tasks; 0 means one per CPU; fewer where the budget is short: see exec.Share
	Memory   int64  // budget of the process in bytes; 0 means no limit
	SpillDir string // parent folder of spill files; empty means the system's temporary folder
	// Pool, when set, is the budget of the tasks' buffers alone, and Memory is not
	// looked at: for tests, and for programs that do their own accounting.
	Pool int64
	// Stuck is how long the end of a job waits for a function that goes on after it was
	// told to stop; default 10 s. It is abandoned then, and its thread is taken until it
	// returns.
	Stuck time.Duration
}

// A Runner implements graph.Runner. Several jobs may run at once and share its
// threads and memory. Close it to end its goroutines and remove spill files.
type Runner struct {
	node    *exec.Node
	threads int
	budget  int64
	stuck   time.Duration
	start   time.Time
	self    uint64 // of this runner alone, see graph.Lent

	mu       sync.Mutex
	quiet    sync.Cond // a job is gone
	st       *sched.State
	acts     []sched.Action
	evs      []sched.Event             // scratch
	tables   sched.Tables[chunk.Value] // for the blocks of jobs
	numbers  sched.Tables[int32]       // for what they deliver
	queue    shell.Queue[*job]
	ahead    int // real tasks at the node
	carriers map[*carrier]bool
	idle     sync.Pool // of *carrier
	jobs     map[sched.JobID]*job
	last     sched.JobID
	stale    bool // a job ended early: what it has in the queue is not begun
	timer    *time.Timer
	closed   bool
	inside   int // jobs that are not over, of functions that other jobs run: each has a thread waiting for it
}

// within is the key of the runner in the contexts of its jobs, and so of the functions they run.
type within struct{}

type item = shell.Item[*job]

const session = 1

// tablesMost is how many blocks the tables have at most that wait for the next job.
const tablesMost = 1 << 19

// New starts the threads of a runner.
func New(o Options) *Runner {
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	memory := o.Pool
	if memory <= 0 {
		memory, o.Threads = exec.Share(o.Memory, o.Threads)
	}
	r := &Runner{
		node:    exec.NewNode(exec.Options{Threads: o.Threads, Memory: memory, SpillDir: o.SpillDir}),
		threads: o.Threads, budget: o.Memory, stuck: cmp.Or(o.Stuck, 10*time.Second), start: time.Now(), self: graph.NewKeeper(),
		st:   sched.New(sched.Options{}),
		jobs: map[sched.JobID]*job{}, tables: sched.Tables[chunk.Value]{Most: tablesMost},
	}
	r.quiet.L = &r.mu
	r.idle.New = func() any { return &carrier{} }
	r.carriers = map[*carrier]bool{}
	r.tell(sched.Event{Kind: sched.WorkerUp, Session: session, Slots: int32(o.Threads), Queue: queued, Bytes: max(memory, 1)})
	return r
}

// queued is how many tasks the scheduler sends ahead, so that a thread takes
// many small tasks under one lock.
const queued = 1024

// most is how many real tasks wait at the node or run for each slot: enough that
// it has a choice by memory, and few enough that what becomes ready and comes
// earlier in the order finds its place.
const most = 4

// Node returns what the runner lends to tasks, for its figures.
func (r *Runner) Node() *exec.Node { return r.node }

// Close ends what runs. Jobs that still run fail.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	for _, j := range r.jobs {
		j.fail(errors.New("the runner was closed"))
		r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
	}
	r.feed()
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
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
	j, err := r.begin(ctx, q, false)
	if err != nil {
		return nil, err
	}
	return j, nil
}

// begin starts a job, which holds what it makes or delivers it.
func (r *Runner) begin(ctx context.Context, q graph.Request, holds bool) (*job, error) {
	before := q.Graph
	o := optimize.Options{Off: q.Off, Budget: r.node.Pool().Limit(), Threads: r.threads, Alone: true}
	if r.budget > 0 {
		o.BudgetOf = func(pool int64) int64 { return exec.BudgetOf(pool, r.threads) }
	}
	plan, err := optimize.Run(q.Graph, q.Want, o)
	if err != nil {
		return nil, err
	}
	j := newJob(r, ctx, q, plan)
	j.before, j.holds = before, holds
	if q.Mode == graph.Explain {
		j.finish(nil)
		return j, nil
	}
	if err := errors.Join(j.bind(), graph.Borrows(plan.Graph.Layers, r.self)); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the runner is closed")
	}
	if ctx.Value(within{}) == r {
		if r.inside+1 >= r.threads {
			return nil, fmt.Errorf("this plan would wait for ever: it is run by a function of its own runner, whose threads (%d) all run functions that wait for plans: "+
				"give it a runner of its own, or make one plan of all", r.threads)
		}
		r.inside++
		j.inside = true
	}
	r.last++
	j.id = r.last
	r.jobs[j.id] = j
	j.stop = context.AfterFunc(j.ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		j.fail(context.Cause(j.ctx))
		r.stepLocked(sched.Event{Kind: sched.Cancel, Job: j.id})
		r.feed()
	})
	for i := range plan.Graph.Layers {
		j.room(graph.LayerID(i))
		j.borrow(graph.LayerID(i))
	}
	r.stepLocked(sched.Event{Kind: sched.Submit, Job: j.id, Spec: j.sh.Spec()})
	r.feed()
	j.watch()
	return j, nil
}

// tell steps and hands on what that has made ready.
func (r *Runner) tell(evs ...sched.Event) {
	r.mu.Lock()
	r.stepLocked(evs...)
	r.feed()
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
		j.again(a)
		r.ready(item{Job: j, Layer: a.Layer, First: a.First, N: a.N, Attempt: a.Attempt})
	case sched.Free:
		j.free(a.Layer, a.First, a.N)
	case sched.Deliver:
		evs = j.deliver(a, evs)
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
		close(j.gone)
		r.quiet.Broadcast()
	case sched.Halt:
		evs = r.halt(j, a, evs)
	} // Return is not said: it takes a second worker that idles
	return evs
}

// now is the scheduler's clock.
func (r *Runner) now() int64 { return int64(time.Since(r.start)) }

// wake sets the one timer to the time the scheduler wants to be told.
func (r *Runner) wake(at int64) {
	d := max(0, time.Duration(at-r.now()))
	if r.timer == nil {
		r.timer = time.AfterFunc(d, func() { r.tell(sched.Event{Kind: sched.Tick, Now: r.now()}) })
		return
	}
	r.timer.Reset(d)
}

// wrap says which layer an error comes from, with the user's line.
func wrap(l *graph.Layer, err error) error {
	if l.Origin != "" {
		return fmt.Errorf("%s: %w", l.Origin, err)
	}
	return err
}
