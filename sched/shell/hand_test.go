package shell

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/weft-data/weft/sched"
)

// A task that is halted hears of it when it runs and does not begin when it does not; its neighbours do not notice.
func TestHandHaltsOneTask(t *testing.T) {
	var q Queue[owner]
	q.AddDirect(Item[owner]{Job: 1, Layer: 2, First: 10, N: 4, Attempt: 7})
	var h Hand[owner]
	if h.Halt(1, 2, 10) {
		t.Error("an empty hand halts")
	}
	if !h.Take(&q, 4) || h.Take(&q, 4) {
		t.Fatal("the queue has four tasks")
	}
	q.AddDirect(Item[owner]{Job: 1, Layer: 2, First: 10, N: 4, Attempt: 7})
	h.Take(&q, 4)
	first := h.Begin(context.Background(), 1, 2, 10)
	if !h.Halt(1, 2, 12) || h.Halt(2, 2, 12) || h.Halt(1, 2, 14) || h.Halt(1, 1, 12) {
		t.Error("what is not in the hand is halted, or what is is not")
	}
	if first.Err() != nil {
		t.Error("a neighbour was halted and it hears of it")
	}
	heard := first.Done()
	h.Halt(1, 2, 10)
	<-heard
	if err := context.Cause(first); !errors.Is(err, ErrWithdrawn) || first.Err() != context.Canceled {
		t.Error(err, first.Err())
	}
	if !h.Overdue(0) || h.Overdue(time.Hour) {
		t.Error("it is overdue, and an hour has not passed")
	}
	if !h.End() {
		t.Error("it was halted")
	}
	for b, begins := range map[int32]bool{11: true, 12: false, 13: true} {
		ctx := h.Begin(context.Background(), 1, 2, b)
		if (ctx != nil) != begins {
			t.Errorf("task %d begins: %v", b, ctx != nil)
		}
		if ctx != nil && (ctx.Err() != nil || h.End()) {
			t.Errorf("task %d was halted", b)
		}
	}
	h.Drop()
	if len(h.Items()) > 0 || h.Halt(1, 2, 11) {
		t.Error("the hand has let go of its tasks")
	}
}

// The context of a task ends with its job, with its time-out, with Halt, and with the task, whoever asks when.
func TestTaskContext(t *testing.T) {
	why := errors.New("the job was stopped")
	job, stop := context.WithCancelCause(context.Background())
	before, after := NewTask(job), NewTask(job)
	done := before.Done()
	late, end := context.WithTimeout(before, time.Hour)
	defer end()
	stop(why)
	<-done
	<-after.Done()
	<-late.Done()
	for i, ctx := range []context.Context{before, after, late} {
		if context.Cause(ctx) != why {
			t.Errorf("context %d: %v", i, context.Cause(ctx))
		}
	}
	halted := NewTask(context.Background())
	halted.Halt()
	if halted.Err() != context.Canceled || context.Cause(halted) != ErrWithdrawn || !halted.Overdue(0) || !halted.End() {
		t.Error(halted.Err(), context.Cause(halted))
	}
	ended := NewTask(context.Background())
	done = ended.Done()
	if ended.End() || ended.Overdue(0) {
		t.Error("it was not halted")
	}
	<-done
}

// taker takes the slots of tasks that leave.
type taker struct{}

func (taker) Leave(*Task) {}
func (taker) Back(*Task)  {}

// When a task leaves, all else that is in its hand goes: what is over, what has not begun, and what must not begin.
func TestHandSplits(t *testing.T) {
	count := func(list []Item[owner]) (n int32) {
		for _, it := range list {
			n += it.N
		}
		return n
	}
	for _, at := range []int32{0, 1, 3, 5} { // of six tasks, the fifth of which was halted
		var q Queue[owner]
		q.AddDirect(Item[owner]{Job: 1, Layer: 2, First: 10, N: 4, Attempt: 7})
		q.AddDirect(Item[owner]{Job: 1, Layer: 3, First: 0, N: 2, Attempt: 8})
		var h Hand[owner]
		h.LendBy(taker{})
		h.Take(&q, 6)
		h.Halt(1, 3, 0)
		n := int32(-1)
		h.Each(func(it *Item[owner], b int32) {
			n++
			task, ok := h.Begin(context.Background(), it.Job, it.Layer, b).(*Task)
			if !ok {
				return
			}
			if n == at {
				if h.Leave(NewTask(context.Background())) || !h.Leave(task) || h.Leave(task) {
					t.Error("the task at work leaves once, and no other one")
				}
				must := int32(0)
				if at < 4 {
					must = 1
				}
				over, next, halted := h.Split()
				if count(over) != at || count(next) != 5-at-must || count(halted) != must || len(h.Items()) != 1 || !h.Items()[0].Is(1, sched.Block{Layer: it.Layer, Block: b}) {
					t.Errorf("at %d: %v are over, %v have not begun, %v must not; %v is left", at, over, next, halted, h.Items())
				}
				if h.Back(task) || !h.Back(task) {
					t.Error("it is back when nothing of it waits")
				}
			}
			if h.End() || h.Left() != (n == at) || h.Left() {
				t.Errorf("task %d of %d: halted, or not known to have left", n, at)
			}
			if h.Leave(task) || h.Back(task) {
				t.Error("a task that has ended leaves")
			}
		})
		if n != at {
			t.Errorf("%d tasks followed", n-at)
		}
	}
}
