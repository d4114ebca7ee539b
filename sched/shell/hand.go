package shell

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched"
)

// ErrWithdrawn is why the context of a task ends that was given up while its job goes on.
var ErrWithdrawn = errors.New("the task was given up")

// A Task is the context of one task at work. It costs next to nothing until somebody asks for
// Done, or Halt comes: then a context under that of the job is made. End lets go of it. What runs
// may keep a Task, so that none is used again.
type Task struct {
	job   context.Context
	own   atomic.Pointer[own] // nil until it is needed
	slot  Lender              // nil: it has no slot to give
	waits int32               // goroutines of it that wait; guarded by the driver's lock, of a task in a hand by the hand's
	over  bool                // guarded as waits
}

// A Lender is the driver of tasks whose slots others may have while they wait. It is asked at every change: Waits and Woke
// tell when the task leaves and when it is back.
type Lender interface {
	Leave(t *Task)
	Back(t *Task)
}

// An own is a task's own context.
type own struct {
	context.Context
	cancel context.CancelCauseFunc
	halted atomic.Int64 // when, by the clock of halts; 0: it was not
}

var begun = time.Now()

// NewTask returns the context of a task of a job.
func NewTask(job context.Context) *Task { return &Task{job: job} }

// LendBy has the functions of a task that has not begun lend their slot while they wait.
func (t *Task) LendBy(l Lender) { t.slot = l }

// Leave implements op.Slot.
func (t *Task) Leave() { t.slot.Leave(t) }

// Back implements op.Slot.
func (t *Task) Back() { t.slot.Back(t) }

// Waits counts one more goroutine that waits, and reports whether the task leaves its slot. What goes on after the end of the
// task has none.
func (t *Task) Waits() bool {
	if t.over {
		return false
	}
	t.waits++
	return t.waits == 1
}

// Woke counts one less, and reports whether the task is back.
func (t *Task) Woke() bool {
	if t.over {
		return false
	}
	t.waits--
	return t.waits == 0
}

// Away reports whether the task has left its slot and is not back.
func (t *Task) Away() bool { return t.waits > 0 }

// make returns the task's own context.
func (t *Task) make() *own {
	if o := t.own.Load(); o != nil {
		return o
	}
	o := &own{}
	o.Context, o.cancel = context.WithCancelCause(t.job)
	if !t.own.CompareAndSwap(nil, o) {
		o.cancel(context.Canceled) // another one was quicker
	}
	return t.own.Load()
}

// under returns the task's own context if it has one, else the job's.
func (t *Task) under() context.Context {
	if o := t.own.Load(); o != nil {
		return o
	}
	return t.job
}

// Deadline implements context.Context.
func (t *Task) Deadline() (time.Time, bool) { return t.job.Deadline() }

// Value implements context.Context.
func (t *Task) Value(key any) any {
	if t.slot != nil && key == (op.SlotKey{}) {
		return t
	}
	return t.under().Value(key)
}

// Err implements context.Context.
func (t *Task) Err() error { return t.under().Err() }

// Done implements context.Context.
func (t *Task) Done() <-chan struct{} { return t.make().Done() }

// Halt ends the context with ErrWithdrawn.
func (t *Task) Halt() {
	o := t.make()
	o.halted.CompareAndSwap(0, int64(time.Since(begun))|1)
	o.cancel(ErrWithdrawn)
}

// Overdue reports whether it was halted longer ago than d.
func (t *Task) Overdue(d time.Duration) bool {
	o := t.own.Load()
	if o == nil {
		return false
	}
	at := o.halted.Load()
	return at != 0 && int64(time.Since(begun))-at > int64(d)
}

// End ends the context, since the task has ended, and reports whether it was halted.
func (t *Task) End() (halted bool) {
	t.over = true
	o := t.own.Load()
	if o == nil {
		return false
	}
	halted = o.halted.Load() != 0
	o.cancel(context.Canceled)
	return halted
}

// A Hand is the direct tasks that a carrier has taken out of the queue, one of which is at work.
// Begin and End are called by the carrier, all else under the driver's lock.
type Hand[J Owner] struct {
	items []Item[J]

	mu   sync.Mutex
	now  Item[J]   // the task at work
	task *Task     // its context; nil: none is at work
	over []Item[J] // single tasks that were halted before they began
	rest bool      // none begins any more
	room []Task
	slot Lender // of all its tasks
	left bool   // a task has left
}

// LendBy has the tasks of the hand lend their slot while they wait.
func (h *Hand[J]) LendBy(l Lender) { h.slot = l }

// Take takes up to n tasks out of the queue, instead of those it had.
func (h *Hand[J]) Take(q *Queue[J], n int32) bool {
	h.items = q.Pop(h.items[:0], n)
	return len(h.items) > 0
}

// Drop lets go of the tasks: they have been reported.
func (h *Hand[J]) Drop() {
	clear(h.items)
	h.items, h.over, h.rest, h.now = h.items[:0], nil, false, Item[J]{}
}

// Items are the tasks that were taken.
func (h *Hand[J]) Items() []Item[J] { return h.items }

// Each calls f for each task that was taken: also for those after one where f has ended the goroutine.
func (h *Hand[J]) Each(f func(it *Item[J], block int32)) { h.from(0, 0, f) }

// from is Each from the task after the first k of item i on.
func (h *Hand[J]) from(i int, k int32, f func(it *Item[J], block int32)) {
	whole := false
	defer func() {
		if !whole {
			h.from(i, k+1, f)
		}
	}()
	for ; i < len(h.items); i, k = i+1, 0 {
		for it := &h.items[i]; k < it.N; k++ {
			f(it, it.First+k)
		}
	}
	whole = true
}

// Begin returns the context of a task of the hand that begins now, nil if it must not: it was halted, or the hand rests.
func (h *Hand[J]) Begin(job context.Context, j J, layer sched.LayerID, block int32) context.Context {
	if len(h.room) == 0 {
		h.room = make([]Task, 32)
	}
	t := &h.room[0]
	t.job, t.slot = job, h.slot
	h.mu.Lock()
	if h.rest || slices.ContainsFunc(h.over, func(it Item[J]) bool { return it.has(j, layer, block) }) {
		h.mu.Unlock()
		return nil
	}
	h.task = t
	h.now.Job, h.now.Layer, h.now.First, h.now.N = j, layer, block, 1
	h.mu.Unlock()
	h.room = h.room[1:]
	return t
}

// End ends the task that has begun and reports whether it was halted.
func (h *Hand[J]) End() (halted bool) {
	h.mu.Lock()
	t := h.task
	h.task = nil
	h.mu.Unlock()
	return t.End()
}

// Left reports whether a task has left since this was last asked. It is asked between two tasks, when none can leave.
func (h *Hand[J]) Left() bool {
	was := h.left
	h.left = false
	return was
}

// Leave is Waits of a task if that is at work, else nothing.
func (h *Hand[J]) Leave(t *Task) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.task != t || !t.Waits() {
		return false
	}
	h.left = true
	return true
}

// Back is Woke of a task if that is at work, else nothing.
func (h *Hand[J]) Back(t *Task) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.task == t && t.Woke()
}

// Split leaves the hand nothing but the task at work, and returns what is over and what has not begun, of this apart what
// must not begin. It is for a task that leaves, and is called before its Leave returns.
func (h *Hand[J]) Split() (over, next, halted []Item[J]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now
	at := slices.IndexFunc(h.items, func(it Item[J]) bool { return it.has(now.Job, now.Layer, now.First) })
	all := slices.Clone(h.items)
	last := &all[at]
	before, after := *last, *last
	before.N = now.First - last.First
	after.First, after.N = now.First+1, last.N-before.N-1
	now.Attempt = last.Attempt
	over = append(all[:at:at], before)
	for _, it := range append([]Item[J]{after}, all[at+1:]...) {
		for b := it.First; b < it.First+it.N; b++ {
			x := it
			x.First, x.N = b, 1
			switch n := len(next); {
			case h.rest || slices.ContainsFunc(h.over, func(o Item[J]) bool { return o.has(x.Job, x.Layer, b) }):
				halted = append(halted, x)
			case n > 0 && next[n-1].Job == x.Job && next[n-1].Layer == x.Layer && next[n-1].Attempt == x.Attempt && next[n-1].First+next[n-1].N == b:
				next[n-1].N++
			default:
				next = append(next, x)
			}
		}
	}
	for i := range h.items { // Each ends, wherever it is
		h.items[i].N = 0
	}
	h.items, h.over = []Item[J]{now}, nil
	return over, next, halted
}

// Halt has a task of the hand end, or not begin; false if the hand does not have it.
func (h *Hand[J]) Halt(j J, layer sched.LayerID, block int32) bool {
	for i := range h.items {
		if !h.items[i].has(j, layer, block) {
			continue
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.task != nil && h.now.has(j, layer, block) {
			h.task.Halt()
		} else {
			h.over = append(h.over, Item[J]{Job: j, Layer: layer, First: block, N: 1})
		}
		return true
	}
	return false
}

// Rest has none of the tasks begin any more.
func (h *Hand[J]) Rest() { h.mu.Lock(); h.rest = true; h.mu.Unlock() }

// Overdue reports whether the task at work was halted longer ago than d: what else is in the hand
// waits for it.
func (h *Hand[J]) Overdue(d time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.task != nil && h.task.Overdue(d)
}

// Is reports whether the range begins with a task.
func (it *Item[J]) Is(j J, at sched.Block) bool {
	return it.Job == j && it.Layer == at.Layer && it.First == at.Block
}

// has reports whether a task is in the range.
func (it *Item[J]) has(j J, layer sched.LayerID, block int32) bool {
	return it.Job == j && it.Layer == layer && it.First <= block && block < it.First+it.N
}
