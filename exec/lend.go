package exec

import (
	"sync"

	"github.com/weft-data/weft/sched/node"
)

// A demand is work of a running task that more threads could share. Slots come
// and go while it lasts: a thread on a lent one ends when there is no more work,
// or at its next stop when others wait for the slot, and then it is asked for anew.
type demand struct {
	s    *seat
	left int // threads more that it could use
	open bool
	wg   sync.WaitGroup
	help func() // what a thread does; it stops early when s.called says so
}

// share asks for up to k more threads to run help. Close it before leaving.
func (s *seat) share(k int, help func()) *demand {
	d := &demand{s: s, help: help}
	if k = min(k, s.n.threads-1); k <= 0 {
		return d
	}
	d.left, d.open = k, true
	s.crowd.Lock()
	s.demands = append(s.demands, d)
	s.crowd.Unlock()
	s.n.step(node.Event{Kind: node.Widen, Task: s.num, Slots: int32(k)})
	return d
}

// close withdraws what was asked for and waits for the threads that help.
func (d *demand) close() {
	s := d.s
	s.crowd.Lock()
	left := d.left
	d.left = 0
	if d.open {
		d.open = false
		for i, x := range s.demands {
			if x == d {
				s.demands = append(s.demands[:i], s.demands[i+1:]...)
				break
			}
		}
	}
	s.crowd.Unlock()
	if left > 0 {
		s.n.step(node.Event{Kind: node.Content, Task: s.num, Slots: int32(left)})
	}
	d.wg.Wait()
}

// lend starts threads on k slots, for the youngest demand first: the others wait
// for it. It returns how many slots nobody wants any more.
func (s *seat) lend(k int) int {
	s.crowd.Lock()
	defer s.crowd.Unlock()
	for i := len(s.demands) - 1; i >= 0; i-- {
		d := s.demands[i]
		for ; d.left > 0 && k > 0; k-- {
			d.left--
			d.wg.Add(1)
			go d.work()
		}
	}
	return k
}

// work is a thread on a lent slot.
func (d *demand) work() {
	defer d.wg.Done()
	defer d.back()
	d.help()
}

// back gives the slot of a thread back.
func (d *demand) back() {
	s := d.s
	s.crowd.Lock()
	again := s.recall.Load() > 0
	if again {
		s.recall.Add(-1)
		if again = d.open; again {
			d.left++
		}
	}
	s.crowd.Unlock()
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	s.n.stepLocked(node.Event{Kind: node.Narrow, Task: s.num, Slots: 1})
	if again {
		s.n.stepLocked(node.Event{Kind: node.Widen, Task: s.num, Slots: 1})
	}
}

// called reports that others wait for a slot that is lent to this task.
func (s *seat) called() bool { return s.recall.Load() > 0 }
