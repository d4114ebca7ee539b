package sched

import (
	"fmt"
	"slices"
)

// Check returns the first broken invariant: what is derived must be what the facts say, slots must add up, nothing may be
// forgotten. Tests call it after every Step; it costs as much as a rebuild.
func (s *State) Check() error {
	busy, suspects, free := make([]int32, len(s.workers)), make([]int32, len(s.workers)), make([]Resources, len(s.workers))
	for i := range s.workers {
		free[i] = s.workers[i].has
	}
	for _, j := range s.jobs {
		if err := s.checkFacts(j, busy, suspects, free); err != nil {
			return err
		}
		if j.state == dead {
			continue
		}
		if err := s.checkDerived(j); err != nil {
			return err
		}
		if err := s.checkQueues(j); err != nil {
			return err
		}
	}
	if err := s.checkWorkers(busy, suspects, free); err != nil {
		return err
	}
	return s.checkLinks()
}

func (s *State) checkFacts(j *job, busy, suspects []int32, free []Resources) error {
	var running int32
	var held int64
	for _, l := range j.layers {
		var consumed, made, withdrawn int32
		for b := range l.n {
			st, at := l.st[b], func() string { return fmt.Sprintf("job %d task %v: ", j.id, Block{l.id, b}) }
			switch {
			case st&fHeld != 0 && st&fRunning != 0:
				return fmt.Errorf("%sheld and running", at())
			case st&(fHeld|fRunning) != 0 && !s.workers[l.who[b]].up:
				return fmt.Errorf("%son worker %d, which is down", at(), l.who[b])
			case st&fConsumed != 0 && st&(fIssued|fWithdrawn) == 0:
				return fmt.Errorf("%sconsumed and never delivered", at())
			case st&fDelivered != 0 && st&fHeld == 0:
				return fmt.Errorf("%sdelivered from nowhere", at())
			case st&fRunning != 0 && l.spec.Lent != nil:
				return fmt.Errorf("%slent, and running", at())
			case st&fHeld != 0 && st&fMade == 0:
				return fmt.Errorf("%sheld and never made", at())
			case st&fWithdrawn != 0 && (st&fConsumed == 0 || st&fNeed != 0 && !j.dirty && j.state != dead):
				return fmt.Errorf("%swithdrawn, and somebody waits for it", at())
			}
			if st&fRunning != 0 {
				running++
				busy[l.who[b]]++
				for k := range l.asks {
					free[l.who[b]][k] -= l.asks[k]
				}
				if st&fSuspect != 0 {
					suspects[l.who[b]]++
				}
			}
			if st&fHeld != 0 {
				held++
			}
			if st&fConsumed != 0 {
				consumed++
			}
			if st&fMade != 0 {
				made++
			}
			if st&fWithdrawn != 0 {
				withdrawn++
			} else if j.state != dead && l.bereft(b) {
				return fmt.Errorf("%sreads what was withdrawn", at())
			}
		}
		if consumed != l.consumed || made != l.made || withdrawn != l.withdrawn {
			return fmt.Errorf("job %d layer %d: %d consumed, %d made and %d withdrawn, counted %d, %d and %d", j.id, l.id, consumed, made, withdrawn, l.consumed, l.made, l.withdrawn)
		}
	}
	if running != j.running || held != j.held {
		return fmt.Errorf("job %d: %d running and %d held, counted %d and %d", j.id, running, held, j.running, j.held)
	}
	return nil
}

// checkDerived derives a copy of the job anew and compares.
func (s *State) checkDerived(j *job) error {
	if j.dirty {
		return fmt.Errorf("job %d: left dirty", j.id)
	}
	twin := make(map[*layer]*layer, len(j.layers))
	for _, l := range j.layers {
		c := *l
		c.st = append([]uint16(nil), l.st...)
		c.nwait, c.nuse = make([]int32, l.n), make([]int32, l.n)
		twin[l] = &c
		c.reset()
	}
	var left int64
	for i := len(j.order) - 1; i >= 0; i-- {
		c := twin[j.order[i]]
		c.in = append([]edge(nil), c.in...)
		for k := range c.in {
			c.in[k].from = twin[c.in[k].from]
		}
		if c.known {
			left += c.derive()
		}
	}
	if left != j.left {
		return fmt.Errorf("job %d: %d wanted blocks missing, should be %d", j.id, j.left, left)
	}
	for _, l := range j.layers {
		if err := l.equals(twin[l]); err != nil {
			return fmt.Errorf("job %d: %w", j.id, err)
		}
	}
	return nil
}

func (l *layer) equals(c *layer) error {
	if l.held != c.held || l.need != c.need || l.allUse != c.allUse {
		return fmt.Errorf("layer %d: held %d, needed %d, read whole by %d; should be %d, %d, %d", l.id, l.held, l.need, l.allUse, c.held, c.need, c.allUse)
	}
	if l.spec.Keep == Ordered && l.next != c.next {
		return fmt.Errorf("layer %d: next to deliver %d, should be %d", l.id, l.next, c.next)
	}
	for b := range l.n {
		t := Block{l.id, b}
		switch {
		case (l.st[b]^c.st[b])&fNeed != 0:
			return fmt.Errorf("task %v: needed is %v, should be %v", t, l.st[b]&fNeed != 0, c.st[b]&fNeed != 0)
		case l.st[b]&fNeed != 0 && l.nwait[b] != c.nwait[b]:
			return fmt.Errorf("task %v: misses %d inputs, should be %d", t, l.nwait[b], c.nwait[b])
		case l.nuse[b] != c.nuse[b]:
			return fmt.Errorf("task %v: has %d readers, should be %d", t, l.nuse[b], c.nuse[b])
		case l.st[b]&fHeld != 0 && l.free(b):
			return fmt.Errorf("task %v: held for nobody", t)
		}
	}
	return nil
}

// checkQueues looks for tasks that are forgotten, or queued where they should not be.
func (s *State) checkQueues(j *job) error {
	in := map[Block]int{}
	for _, k := range j.ready {
		in[Block{j.byPos[k>>32].id, int32(uint32(k))}]++
	}
	for _, t := range j.alone {
		in[t]++
	}
	for _, t := range j.aside {
		in[t]++
	}
	batched := int32(0)
	for i := range s.workers {
		if w := &s.workers[i]; w.batchJob == j {
			batched += int32(w.waiting())
			for _, t := range w.batch[w.head:] {
				in[t]++
			}
		}
	}
	if batched != j.batched {
		return fmt.Errorf("job %d: %d tasks in batches, counted %d", j.id, batched, j.batched)
	}
	for _, l := range j.layers {
		for b := range l.n {
			st, t := l.st[b], Block{l.id, b}
			want := 0
			if st&fQueued != 0 {
				want = 1
			}
			ready := st&(fNeed|fRunning|fTimer) == fNeed && l.nwait[b] == 0 && l.spec.Lent == nil
			switch {
			case l.spec.Lent != nil && st&fNeed != 0 && s.toBorrow(l, b):
				return fmt.Errorf("job %d task %v: needed, and its lender has it or is over", j.id, t)
			case in[t] != want:
				return fmt.Errorf("job %d task %v: in %d queues, should be in %d", j.id, t, in[t], want)
			case st&fQueued != 0 && !ready:
				return fmt.Errorf("job %d task %v: queued and not ready", j.id, t)
			case ready && want == 0 && b < l.limit() && (len(l.in) > 0 || st&fSeen != 0):
				return fmt.Errorf("job %d task %v: ready and forgotten", j.id, t)
			case st&(fQueued|fRunning) != 0 && st&fNeed != 0 && b >= l.limit():
				return fmt.Errorf("job %d task %v: beyond the reader's window, which ends at %d", j.id, t, l.limit())
			case l.stream() && !l.enough && st&(fHeld|fDelivered|fConsumed) == fHeld && (l.spec.Keep == Stream || b <= l.next):
				return fmt.Errorf("job %d task %v: held and not delivered", j.id, t)
			case l.spec.Keep == Ordered && st&fIssued != 0 && b >= l.next:
				return fmt.Errorf("job %d task %v: delivered before its turn", j.id, t)
			}
		}
	}
	if !j.idle && len(s.idle) > 0 && (!j.choosy || s.roomFor(j) != nil) {
		return fmt.Errorf("job %d: may have work, and worker %d idles", j.id, s.idle[0])
	}
	if j.idle && (len(j.ready) > 0 || j.batched > 0) {
		return fmt.Errorf("job %d: has work and says it has none", j.id)
	}
	return nil
}

// toBorrow says that a block that is needed of a lender is there, or will not be there any more.
func (s *State) toBorrow(l *layer, b int32) bool {
	_, f := s.lender(l)
	return f == nil || f.st[l.spec.Lent.Blocks[b]]&fHeld != 0
}

// checkLinks compares the sum of what was measured with its parts.
func (s *State) checkLinks() error {
	pairs, rates := 0, int64(0)
	for i := range s.workers {
		w := &s.workers[i]
		for k, l := range w.links {
			if !w.up || !s.workers[l.from].up || l.from == w.id || k > 0 && l.from <= w.links[k-1].from {
				return fmt.Errorf("worker %d: what comes from worker %d was measured, and one of them is down or it is out of order", i, l.from)
			}
			pairs++
			rates += l.rate
		}
	}
	if pairs != s.pairs || rates != s.rates {
		return fmt.Errorf("%d pairs were measured, at %d bytes a second together; counted %d at %d", pairs, rates, s.pairs, s.rates)
	}
	return nil
}

func (s *State) checkWorkers(busy, suspects []int32, free []Resources) error {
	up := int32(0)
	for i := range s.workers {
		w := &s.workers[i]
		if w.up {
			up++
		}
		switch {
		case w.busy != busy[i]:
			return fmt.Errorf("worker %d: %d slots taken, by %d tasks", i, w.busy, busy[i])
		case w.busy-int32(len(w.left)) > w.most():
			return fmt.Errorf("worker %d: %d tasks, %d of which have been away, on %d slots and %d places in the queue, %d of them suspects", i, w.busy, len(w.left), w.slots, w.queue, w.suspects)
		case w.queue > 0 && len(w.out) != int(w.busy):
			return fmt.Errorf("worker %d: %d tasks listed, %d given", i, len(w.out), w.busy)
		case w.suspects != suspects[i]:
			return fmt.Errorf("worker %d: %d suspects, counted %d", i, suspects[i], w.suspects)
		case w.free != free[i]:
			return fmt.Errorf("worker %d: resources %v are free, counted %v", i, free[i], w.free)
		case slices.Min(free[i][:]) < 0:
			return fmt.Errorf("worker %d: more resources were given away than it has: %v are left", i, free[i])
		case w.alone && w.busy-int32(len(w.left)) != 1:
			return fmt.Errorf("worker %d: alone with %d tasks, %d of which have been away", i, w.busy, len(w.left))
		}
		if err := w.checkLeft(); err != nil {
			return err
		}
		in := s.room(w)
		if in != w.in || in != inNone && (int(w.at) >= len(*s.list(in)) || (*s.list(in))[w.at] != w.id) {
			return fmt.Errorf("worker %d: in list %d, should be in %d", i, w.in, in)
		}
	}
	if up != s.up {
		return fmt.Errorf("%d workers are up, counted %d", up, s.up)
	}
	return nil
}
