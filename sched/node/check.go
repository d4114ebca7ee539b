package node

import "fmt"

// Check returns the first broken invariant: bytes, slots, readers and pins must add up, and nothing may be forgotten.
func (n *Node) Check() error {
	reserved := n.house.granted
	refs, pins := make([]int32, len(n.values)), make([]int32, len(n.values))
	var run, steady, lent, queue int32 // steady: those that were never away
	for i := range n.tasks {
		t := &n.tasks[i]
		if t.state == idle {
			continue
		}
		missing := int32(0)
		for _, k := range t.in {
			refs[k]++
			v := &n.values[k]
			if v.state != memory && v.state != spilling {
				missing++
			}
			if t.state == running {
				pins[k]++
			}
		}
		switch {
		case t.state == running:
			if !t.away {
				run++
			}
			if !t.left {
				steady++
			}
			lent += t.lent
			reserved += t.granted
			if missing > 0 {
				return fmt.Errorf("task %d: runs without %d inputs", i, missing)
			}
		case missing != t.missing:
			return fmt.Errorf("task %d: misses %d inputs, counted %d", i, missing, t.missing)
		default:
			queue++
		}
	}
	switch {
	case run != n.running || lent != n.lent || reserved != n.reserved || int(queue) != len(n.queue):
		return fmt.Errorf("running %d, lent %d, reserved %d, queued %d; counted %d, %d, %d, %d", run, lent, reserved, queue, n.running, n.lent, n.reserved, len(n.queue))
	case steady+n.lent > n.cfg.Slots:
		return fmt.Errorf("%d running, which were never away, and %d lent on %d slots", steady, n.lent, n.cfg.Slots)
	case n.alone && steady != 1:
		return fmt.Errorf("alone with %d running", steady)
	case steady > 1 && !n.gauged && n.reserved > n.cfg.Budget:
		return fmt.Errorf("%d tasks have reserved %d bytes of %d", n.running, n.reserved, n.cfg.Budget)
	}
	return n.checkValues(refs, pins)
}

func (n *Node) checkValues(refs, pins []int32) error {
	var stored, leaving, onDisk int64
	io := int32(0)
	for i := range n.values {
		v := &n.values[i]
		switch v.state {
		case fetching, loading:
			io++
			stored += v.bytes
		case spilling:
			leaving += v.bytes
			stored += v.bytes
		case memory:
			stored += v.bytes
			leaving += v.going
			onDisk += v.out
		}
		if v.state == disk || v.state == loading {
			onDisk += v.bytes
		}
		switch {
		case v.going > v.bytes && !v.parts || v.going > 0 && !v.writes:
			return fmt.Errorf("value %d: %d of %d bytes go and nobody writes them", i, v.going, v.bytes)
		case v.state == unknown && refs[i] > 0:
			return fmt.Errorf("value %d: forgotten, and read by %d tasks", i, refs[i])
		case v.state != unknown && (v.refs != refs[i] || v.pins != pins[i]):
			return fmt.Errorf("value %d: %d readers, %d of them running; counted %d, %d", i, refs[i], pins[i], v.refs, v.pins)
		case v.freed && v.refs == 0 && !v.writes && (v.state == memory || v.state == disk || v.state == remote):
			return fmt.Errorf("value %d: kept for nobody", i)
		}
	}
	if stored != n.stored || leaving != n.leaving || onDisk != n.onDisk || io != n.io {
		return fmt.Errorf("stored %d, leaving %d, on disk %d, on the way %d; counted %d, %d, %d, %d", stored, leaving, onDisk, io, n.stored, n.leaving, n.onDisk, n.io)
	}
	return n.checkStuck()
}

// checkStuck says whether work waits though nothing is under way that could let it go on.
func (n *Node) checkStuck() error {
	if n.running == 0 && n.io == 0 && n.leaving == 0 && len(n.queue) > 0 {
		return fmt.Errorf("%d tasks wait and nothing goes on; the first is %d", len(n.queue), n.queue[0])
	}
	return n.checkAsks()
}

// checkAsks says whether a task waits for an answer that will not come: only for what is being spilled may it wait.
func (n *Node) checkAsks() error {
	for _, i := range n.asking {
		if t := n.holder(i); t == nil || t.asks == nothing || n.leaving == 0 {
			return fmt.Errorf("task %d waits for memory, and nothing is leaving it", i)
		}
	}
	return nil
}
