package node

// add returns a value not known before; nil if it is known or its number is out of range.
func (n *Node) add(i int32) *value {
	if i < 0 || i >= MaxNumber {
		return nil
	}
	for int(i) >= len(n.values) {
		n.values = append(n.values, value{})
	}
	v := &n.values[i]
	if v.state != unknown {
		return nil
	}
	*v = value{next: 1<<64 - 1, hint: 1<<64 - 1, stamp: v.stamp + 1, wait: v.wait[:0]}
	return v
}

// have takes a value into memory: fetched, loaded, made, or brought in from outside.
func (n *Node) have(i int32, bytes int64, parts bool) {
	v := n.value(i)
	switch {
	case v == nil:
		if v = n.add(i); v == nil {
			return
		}
	case v.state == fetching || v.state == loading:
		n.io--
		n.stored -= v.bytes
		if v.state == loading {
			n.onDisk -= v.bytes
		}
	case v.state == remote:
	default: // it is here already
		return
	}
	v.state, v.bytes, v.parts = memory, max(bytes, 0), parts
	n.stored += v.bytes
	for _, w := range v.wait {
		if t := &n.tasks[w.task]; t.gen == w.gen && t.state == queued {
			t.missing--
		}
	}
	v.wait = v.wait[:0]
	n.offer(i)
	n.drop(i)
}

// onLost makes the tasks that wait for a value leave, and forgets it.
func (n *Node) onLost(ev *Event) {
	v := n.value(ev.Value)
	if v == nil || v.state != fetching && v.state != loading {
		return
	}
	n.io--
	n.stored -= v.bytes
	if v.state == loading {
		n.onDisk -= v.bytes
	}
	v.state, v.bytes, v.freed = remote, 0, true
	for _, w := range append([]waiter(nil), v.wait...) {
		if t := &n.tasks[w.task]; t.gen == w.gen && t.state == queued {
			n.leave(w.task, ev.Value)
		}
	}
	n.drop(ev.Value)
}

// drop forgets a value when it is freed, nobody reads it and it is not on its way.
func (n *Node) drop(i int32) {
	v := &n.values[i]
	if !v.freed || v.refs > 0 || v.writes {
		return
	}
	switch v.state {
	case memory:
		n.stored -= v.bytes
		n.onDisk -= v.out
	case disk:
		n.onDisk -= v.bytes
	case remote:
	default:
		return
	}
	v.state = unknown
	v.stamp++
	n.act(Action{Kind: Drop, Value: i})
}

// request brings in what a queued task misses. The head of the queue gets its inputs even above the lines when nothing runs:
// else nothing would ever start.
func (n *Node) request(t *task, head bool) {
	for _, i := range t.in {
		v := &n.values[i]
		if v.state != remote && v.state != disk {
			continue
		}
		must := head && n.running == 0
		if n.io >= n.cfg.Fetches || n.Used()+v.bytes > n.lines[toHard] && !must {
			return
		}
		n.io++
		n.stored += v.bytes
		if v.state == remote {
			v.state = fetching
			n.act(Action{Kind: Fetch, Value: i})
		} else {
			v.state = loading
			n.act(Action{Kind: Load, Value: i})
		}
	}
}

// spill sends values to disk until memory will be under the first line: those no queued task reads, and above the second line
// the others too.
func (n *Node) spill() {
	over := n.inUse() - n.lines[toSpill]
	if over <= 0 {
		n.hot, n.victims = false, n.victims[:0]
		return
	}
	for over > n.leaving {
		i, ok := n.victim(over-n.leaving > n.lines[toHard]-n.lines[toSpill])
		if !ok {
			break
		}
		n.evict(i, over-n.leaving)
	}
}

// evict starts to write a value to disk, or about so many bytes of it.
func (n *Node) evict(i int32, bytes int64) {
	v := &n.values[i]
	if v.parts {
		v.writes = true
		v.going = min(v.bytes, max(bytes, min(n.cfg.Budget/64, maxPart)))
		n.leaving += v.going
		n.act(Action{Kind: Spill, Value: i, Bytes: v.going})
		return
	}
	v.state = spilling
	n.leaving += v.bytes
	if !v.writes {
		v.writes = true
		n.act(Action{Kind: Spill, Value: i, Bytes: v.bytes})
	}
}

// maxPart bounds what is spilled of a value beyond what must be.
const maxPart = 16 << 20

// partsSpilled notes what has left memory of a value with parts. Nothing: all its parts are being read. It may be more than
// is known to be there: then its Put is on the way, and for that time the value weighs less than nothing.
func (n *Node) partsSpilled(i int32, v *value, ok bool, b int64) {
	n.leaving -= v.going
	v.going = 0
	b = max(b, 0)
	v.bytes -= b
	v.out += b
	n.stored -= b
	n.onDisk += b
	v.stuck = v.stuck || !ok
	v.taken = b == 0
	n.offer(i)
	n.drop(i)
}

func (n *Node) onSpilled(ev *Event) {
	if ev.OK && ev.Value < 0 {
		for i := range n.values {
			n.values[i].stuck = false
			n.offer(int32(i))
		}
		return
	}
	v := n.value(ev.Value)
	if v == nil || !v.writes {
		return
	}
	v.writes = false
	n.writes++
	if v.parts {
		n.partsSpilled(ev.Value, v, ev.OK, ev.Bytes)
		return
	}
	if v.state == spilling {
		n.leaving -= v.bytes
	}
	if v.state != spilling || !ev.OK {
		v.state, v.stuck = memory, v.stuck || !ev.OK
		n.act(Action{Kind: Discard, Value: ev.Value})
		n.offer(ev.Value)
		n.drop(ev.Value)
		return
	}
	v.state = disk
	n.act(Action{Kind: Unload, Value: ev.Value})
	n.stored -= v.bytes
	n.onDisk += v.bytes
	if v.refs > 0 {
		n.miss(ev.Value, v)
	}
	n.drop(ev.Value)
}

// miss tells the queued readers of a value that it is not in memory any more.
func (n *Node) miss(i int32, v *value) {
	for _, q := range n.queue {
		t := &n.tasks[q]
		for _, k := range t.in {
			if k == i {
				t.missing++
				v.wait = append(v.wait, waiter{q, t.gen})
			}
		}
	}
}

// spillable reports whether the value, or parts of it, could go to disk.
func (v *value) spillable() bool {
	if v.state != memory || v.stuck || v.bytes <= 0 {
		return false
	}
	if v.parts {
		return !v.writes && !v.taken
	}
	return v.pins == 0
}

// evictable says whether a value can go to disk: with all, even if queued tasks read it, though not the one to start next.
func (n *Node) evictable(i int32, all bool) bool {
	v := &n.values[i]
	if !v.spillable() || v.refs > 0 && !all {
		return false
	}
	if v.parts || v.refs == 0 || len(n.queue) == 0 {
		return true
	}
	for _, k := range n.tasks[n.queue[0]].in {
		if k == i {
			return false
		}
	}
	return true
}

// victim returns the value in memory whose next reader is last of all. The heap of candidates exists only while memory is
// above the first line.
func (n *Node) victim(all bool) (int32, bool) {
	if !n.hot {
		n.hot, n.victims = true, n.victims[:0]
		for i := range n.values {
			n.offer(int32(i))
		}
	}
	var later []candidate
	found := int32(-1)
	for len(n.victims) > 0 && found < 0 {
		c := n.victims.Pop()
		v := &n.values[c.value]
		switch {
		case v.stamp != c.stamp || v.state != memory || v.parts && !v.spillable():
		case n.evictable(c.value, all):
			found = c.value
		default:
			later = append(later, c)
		}
	}
	for _, c := range later {
		n.victims.Push(c)
	}
	return found, found >= 0
}

// offer enters a value among the candidates for spilling, with its present next reader.
func (n *Node) offer(i int32) {
	v := &n.values[i]
	if !n.hot || !v.spillable() {
		return
	}
	next := v.next
	if v.pins > 0 {
		next = 0
	}
	v.stamp++
	n.victims.Push(candidate{next, i, v.stamp})
}

// report says Level when another line was crossed. Above the last one, and when the process is pressed, the node asks for
// nothing new, but for one task when it has none: else, with a full disk, nothing would ever go on.
func (n *Node) report() {
	used, level := n.inUse(), 0
	for _, line := range n.lines {
		if used > line {
			level++
		}
	}
	paused := (n.pressed || level == len(n.lines)) && (n.running > 0 || len(n.queue) > 0)
	if level != n.level || paused != n.paused {
		n.level, n.paused = level, paused
		n.act(Action{Kind: Level, Paused: paused, Bytes: used, OnDisk: n.onDisk})
	}
}

// candidate is a value that could be spilled; it counts while its stamp is the value's.
type candidate struct {
	next  uint64
	value int32
	stamp uint32
}

// Before orders candidates: the last used first.
func (a candidate) Before(b candidate) bool {
	return a.next > b.next || a.next == b.next && a.value < b.value
}
