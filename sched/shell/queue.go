package shell

import (
	"cmp"
	"slices"
	"time"

	"github.com/weft-data/weft/sched"
)

// An Owner is a job as its driver has it. Key is the place of a task among all tasks:
// see Shell.Key.
type Owner interface {
	comparable
	Key(layer sched.LayerID, block int32) uint64
}

// An Item is a range of tasks that the scheduler handed out.
type Item[J Owner] struct {
	Job      J
	Layer    sched.LayerID
	First, N int32
	Attempt  sched.Attempt
}

// Key is the place of the first task.
func (it *Item[J]) Key() uint64 { return it.Job.Key(it.Layer, it.First) }

// cut takes up to n tasks off the front.
func (it *Item[J]) cut(n int32) Item[J] {
	x := *it
	x.N = min(n, it.N)
	it.First, it.N = it.First+x.N, it.N-x.N
	return x
}

// A Queue has the tasks of a node that have not begun: real ones, which the node admits
// one by one, in the order of their keys, and direct ones, which need a thread and
// nothing else (op.Direct), as they came. Direct ones are for carriers: a carrier is one
// task of the node, without memory, that runs them as long as there are any. It is not
// safe for concurrent use.
type Queue[J Owner] struct {
	real   []Item[J]
	direct []Item[J] // those from head on
	head   int
}

// AddReal queues tasks that are handed to the node one by one.
func (q *Queue[J]) AddReal(it Item[J]) {
	at, _ := slices.BinarySearchFunc(q.real, it.Key(), func(x Item[J], k uint64) int { return cmp.Or(cmp.Compare(x.Key(), k), -1) })
	q.real = slices.Insert(q.real, at, it)
}

// AddDirect queues tasks for carriers.
func (q *Queue[J]) AddDirect(it Item[J]) { q.direct = append(q.direct, it) }

// Real takes the first real task.
func (q *Queue[J]) Real() (it Item[J], ok bool) {
	if len(q.real) == 0 {
		return it, false
	}
	it = q.real[0].cut(1)
	if q.real[0].N == 0 {
		q.real = slices.Delete(q.real, 0, 1)
	}
	return it, true
}

// Direct reports whether there are direct tasks, and the key of the first.
func (q *Queue[J]) Direct() (key uint64, ok bool) {
	if q.head == len(q.direct) {
		return 0, false
	}
	return q.direct[q.head].Key(), true
}

// Pop takes up to n direct tasks.
func (q *Queue[J]) Pop(dst []Item[J], n int32) []Item[J] {
	for n > 0 && q.head < len(q.direct) {
		it := q.direct[q.head].cut(n)
		dst = append(dst, it)
		if n -= it.N; q.direct[q.head].N == 0 {
			q.direct[q.head] = Item[J]{}
			q.head++
		}
	}
	if q.head == len(q.direct) {
		q.direct, q.head = q.direct[:0], 0
	} else if q.head > 4096 && 2*q.head > len(q.direct) {
		q.direct, q.head = slices.Delete(q.direct, 0, q.head), 0 // clears what it leaves, and lets go of its jobs
	}
	return dst
}

// Take takes one task out, wherever it is; false if it is not there.
func (q *Queue[J]) Take(j J, layer sched.LayerID, block int32, attempt sched.Attempt) bool {
	for _, list := range []*[]Item[J]{&q.real, &q.direct} {
		for i := range *list {
			it := &(*list)[i]
			if !it.has(j, layer, block) || it.Attempt != attempt {
				continue
			}
			before := it.cut(block - it.First)
			it.cut(1)
			if before.N > 0 { // what is before it stays in its place; both are in the order of keys
				*list = slices.Insert(*list, i, before)
				i++
			}
			if (*list)[i].N == 0 {
				*list = slices.Delete(*list, i, i+1)
			}
			return true
		}
	}
	return false
}

// Drop takes out all tasks of some jobs.
func (q *Queue[J]) Drop(mine func(J) bool) (out []Item[J]) {
	take := func(it Item[J]) bool {
		if mine(it.Job) {
			out = append(out, it)
			return true
		}
		return false
	}
	q.direct, q.head = slices.Delete(q.direct, 0, q.head), 0
	q.real, q.direct = slices.DeleteFunc(q.real, take), slices.DeleteFunc(q.direct, take)
	return out
}

// A Pace says how many direct tasks a carrier takes at a time, under one lock: twice as
// many while a handful takes much less than others must wait, else one.
type Pace struct {
	begun time.Time
	grab  int32
}

// NewPace is that of a carrier that begins now.
func NewPace() Pace { return Pace{time.Now(), 1} }

// MaxGrab is the most tasks a carrier takes at a time.
const MaxGrab = 512

const (
	batchTime = 100 * time.Microsecond
	carryTime = 5 * time.Millisecond
)

// Grab is how many tasks are to be taken.
func (p *Pace) Grab() int32 { return p.grab }

// Kept reports whether the carrier has kept others from their turn for long enough.
func (p *Pace) Kept(now time.Time) bool { return now.Sub(p.begun) > carryTime }

// Took notes how long those tasks took.
func (p *Pace) Took(d time.Duration) {
	if d < batchTime {
		p.grab = min(2*p.grab, MaxGrab)
	} else {
		p.grab = 1
	}
}
