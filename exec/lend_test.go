package exec

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weft-data/weft/op"
)

// A lent slot goes back to a task that waits for one at the helper's next stop, and
// comes again when that task is over.
func TestLentSlotsAreCalledBack(t *testing.T) {
	n := NewNode(Options{Threads: 2})
	tk, end := running(t, n, op.Need{})
	var helpers atomic.Int32
	step, quit := make(chan bool), make(chan bool)
	d := tk.share(5, func() {
		helpers.Add(1)
		for !tk.called() {
			select {
			case step <- true:
			case <-quit:
				return
			}
		}
	})
	<-step // one helper works: there are two slots
	other, finish := make(chan bool), make(chan bool)
	n.Go(9, func() { close(other); <-finish }, nil)
	for began := false; !began; {
		select {
		case <-step:
		case <-other:
			began = true
		}
	}
	if h := helpers.Load(); h != 1 {
		t.Errorf("%d helpers on one idle slot", h)
	}
	close(finish)
	<-step // the slot is back
	if h := helpers.Load(); h != 2 {
		t.Errorf("%d helpers, the second after the other task has ended", h)
	}
	close(quit)
	d.close()
	end()
	over(t, n)
	if idle := n.m.Idle(); idle != 2 {
		t.Errorf("%d of 2 slots are idle in the end", idle)
	}
}

// Forks within forks, tasks coming and going beside them: every call is made once,
// and all slots are idle in the end.
func TestForksShareTheSlots(t *testing.T) {
	n := NewNode(Options{Threads: 4})
	var calls atomic.Int64
	var wg sync.WaitGroup
	for range 6 {
		wg.Add(1)
		tk := &task{ctx: context.Background()}
		tk.run = func() {
			defer wg.Done()
			for range 20 {
				if err := tk.Fork(7, func(int) error {
					return tk.Fork(3, func(int) error { calls.Add(1); return nil })
				}); err != nil {
					t.Error(err)
				}
			}
		}
		n.queue(&tk.seat, 1, op.Need{}, nil)
	}
	for range 50 {
		wg.Add(1)
		n.Go(0, wg.Done, nil)
	}
	wg.Wait()
	over(t, n)
	if c := calls.Load(); c != 6*20*7*3 || n.m.Idle() != 4 {
		t.Errorf("%d calls, want %d; %d of 4 slots are idle", c, 6*20*7*3, n.m.Idle())
	}
}

// A thread that waits for its turn and keeps its slot helps with what the task forks: the two calls meet.
func TestThreadsThatWaitHelp(t *testing.T) {
	n := NewNode(Options{Threads: 2})
	tk, end := running(t, n, op.Need{})
	resting, moved := make(chan bool), false
	d := tk.share(1, func() {
		tk.rest.mu.Lock()
		defer tk.rest.mu.Unlock()
		close(resting)
		for !moved {
			tk.rest.wait(lent)
		}
	})
	<-resting
	for range 100 {
		var both sync.WaitGroup
		both.Add(2)
		if err := tk.Fork(2, func(int) error { both.Done(); both.Wait(); return nil }); err != nil {
			t.Error(err)
		}
	}
	tk.rest.mu.Lock()
	moved = true
	tk.rest.moved.Broadcast()
	tk.rest.mu.Unlock()
	d.close()
	end()
	over(t, n)
	if idle := n.m.Idle(); idle != 2 {
		t.Errorf("%d of 2 slots are idle in the end", idle)
	}
}
