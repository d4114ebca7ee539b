package node

import "slices"

func (n *Node) onQueue(ev *Event) {
	if ev.Task < 0 || ev.Task >= MaxNumber {
		return
	}
	for int(ev.Task) >= len(n.tasks) {
		n.tasks = append(n.tasks, task{})
	}
	t := &n.tasks[ev.Task]
	if t.state != idle {
		return
	}
	for _, v := range ev.In {
		if n.value(v) == nil {
			n.act(Action{Kind: Gone, Task: ev.Task, Value: v})
			return
		}
	}
	floor := max(ev.Floor, 0)
	*t = task{state: queued, alone: ev.Alone, gen: t.gen, key: ev.Key, floor: floor, want: max(ev.Want, floor), in: append(t.in[:0], ev.In...)}
	for _, i := range t.in {
		v := &n.values[i]
		v.refs++
		if v.refs == 1 {
			v.next = t.key
		}
		v.next = min(v.next, t.key)
		if v.state != memory && v.state != spilling {
			t.missing++
			v.wait = append(v.wait, waiter{ev.Task, t.gen})
		}
		n.offer(i)
	}
	at, _ := slices.BinarySearchFunc(n.queue, t.key, func(q int32, k uint64) int {
		if n.tasks[q].key <= k {
			return -1
		}
		return 1
	})
	n.queue = slices.Insert(n.queue, at, ev.Task)
}

// leave takes a queued task away; v is the input that was lost, or -1.
func (n *Node) leave(i, v int32) {
	n.queue = slices.DeleteFunc(n.queue, func(q int32) bool { return q == i })
	n.act(Action{Kind: Gone, Task: i, Value: v})
	n.unread(i, false)
}

// unread ends the reading of the inputs of a task, and the task.
func (n *Node) unread(i int32, ran bool) {
	t := &n.tasks[i]
	t.state = idle
	t.gen++
	for _, k := range t.in {
		v := &n.values[k]
		if v.refs--; v.refs == 0 {
			v.next = v.hint
		}
		if ran {
			v.pins--
			v.taken = false
		}
		n.offer(k)
		n.drop(k)
	}
}

func (n *Node) onEnd(ev *Event) {
	t := n.task(ev.Task)
	if t == nil || t.state != running {
		return
	}
	n.shrink(t, t.granted)
	n.narrow(t, t.lent)
	t.asked = 0
	if t.asks != nothing {
		t.asks = nothing
		n.asking = slices.DeleteFunc(n.asking, func(a int32) bool { return a == ev.Task })
	}
	n.unask(ev.Task)
	if !t.away {
		n.running--
	}
	if t.alone {
		n.alone = false
	}
	n.unread(ev.Task, true)
	if ev.Value >= 0 {
		n.have(ev.Value, ev.Bytes, false)
	}
}

// onAway gives the slot of a task to others. One that runs alone does so no longer: what it waits for must be able to start.
func (n *Node) onAway(ev *Event) {
	t := n.task(ev.Task)
	if t == nil || t.state != running || t.away {
		return
	}
	t.away, t.left = true, true
	n.running--
	if t.alone {
		t.alone, n.alone = false, false
	}
}

// pump starts what can start, in the order of keys, asks for the inputs of what waits, calls slots back for what could
// start on them, and lends what is left.
func (n *Node) pump() {
	waits, promised := int32(0), int64(0)
	for i := 0; i < len(n.queue); {
		t := &n.tasks[n.queue[i]]
		idle := n.Idle() > 0
		if n.alone || n.pressed && n.running > 0 || t.alone && (n.running > 0 || i > 0) || !idle && waits >= n.lent {
			break
		}
		switch {
		case t.missing > 0:
			n.request(t, i == 0)
			i++
		case idle && (t.want <= n.Room() || n.running == 0 && i == 0 && n.room(t.floor)):
			n.start(i)
			i = 0
		case idle:
			if i == 0 && n.running > 0 && !n.hungry() && n.reserved+t.want <= n.lines[toPause] {
				n.room(t.want)
			}
			if t.passes >= 8 || t.alone {
				i = len(n.queue)
			}
			i++
		default:
			if promised+t.want <= n.Room() {
				waits++
				promised += t.want
			}
			i++
		}
	}
	n.recall(waits)
	n.lend()
}

// hungry reports whether a running task could use a slot that is idle.
func (n *Node) hungry() bool {
	for _, i := range n.wide {
		if t := &n.tasks[i]; t.asked > t.lent && !t.away {
			return true
		}
	}
	return false
}

// room spills so that b bytes will fit. True: they fit, or no more will come free.
func (n *Node) room(b int64) bool {
	n.expel(b - n.Room())
	return b <= n.Room() || n.leaving == 0
}

// expel spills values, whoever reads them, until over bytes are leaving; false when there are not as many.
func (n *Node) expel(over int64) bool {
	if over > n.stored {
		return false
	}
	for over > n.leaving {
		v, ok := n.victim(true)
		if !ok {
			return false
		}
		n.evict(v, over-n.leaving)
	}
	return true
}

// start starts the i-th task of the queue with its want, or with what there is if that is less.
func (n *Node) start(i int) {
	k := n.queue[i]
	for _, q := range n.queue[:i] {
		if t := &n.tasks[q]; t.missing == 0 {
			t.passes++
		}
	}
	n.queue = slices.Delete(n.queue, i, i+1)
	t := &n.tasks[k]
	t.state = running
	t.granted = max(t.floor, min(t.want, n.Room()))
	n.reserved += t.granted
	n.running++
	n.alone = t.alone
	for _, i := range t.in {
		v := &n.values[i]
		v.pins++
		if v.parts {
			n.offer(i)
		}
		if v.state == spilling {
			n.leaving -= v.bytes
			v.state = memory
			v.stamp++
		}
	}
	n.act(Action{Kind: Start, Task: k, Bytes: t.granted})
}

func (n *Node) onGrow(ev *Event) {
	t := n.holder(ev.Task)
	if t == nil || t.asks != nothing {
		return
	}
	t.grow, t.asks, t.since = max(ev.Bytes, 0), more, n.writes
	if ev.Kind == Short {
		t.asks = place
		n.expel(n.leaving + t.grow)
	}
	n.asking = append(n.asking, ev.Task)
}

// grants answers those that ask for memory, in the order they asked.
func (n *Node) grants() {
	ahead := int64(0) // asked for by those that wait
	for k := 0; k < len(n.asking); {
		i := n.asking[k]
		t := n.holder(i)
		a := Action{Kind: Grant, Task: i, Bytes: t.grow}
		switch {
		case t.asks == place && t.since != n.writes:
			a.Bytes = 0
		case t.asks == more && ahead+t.grow <= n.Room():
			t.granted += t.grow
			n.reserved += t.grow
		case t.asks == place && n.leaving > 0, t.asks == more && n.expel(ahead+t.grow-n.Room()):
			ahead += t.grow
			k++
			continue
		default:
			a.Kind = Evict
		}
		t.asks = nothing
		n.asking = slices.Delete(n.asking, k, k+1)
		n.act(a)
	}
}

func (n *Node) shrink(t *task, b int64) {
	t.granted -= b
	n.reserved -= b
}

// onPut turns reserved bytes of a task into stored ones. The floor of the task stays reserved: it has more to put.
func (n *Node) onPut(ev *Event) {
	t := n.holder(ev.Task)
	if t == nil {
		return
	}
	v := n.value(ev.Value)
	if v == nil {
		if v = n.add(ev.Value); v == nil {
			return
		}
		v.state, v.parts = memory, true
	}
	if !v.parts || v.state != memory {
		return
	}
	b := ev.Bytes
	v.bytes += b
	n.stored += b
	if b < 0 {
		v.out -= b
		n.onDisk -= b
	}
	v.taken = false
	v.hint = ev.Key
	if v.refs == 0 {
		v.next = ev.Key
	}
	n.shrink(t, min(max(b, 0), max(t.granted-t.floor, 0)))
	n.offer(ev.Value)
}

// lend gives slots nobody needs to the tasks that asked, the longest running first. One that is away gets none, so that
// one slot at least is there for what it waits for.
func (n *Node) lend() {
	for _, i := range n.wide {
		free := n.cfg.Slots - n.running - n.lent
		if free <= 0 {
			return
		}
		t := &n.tasks[i]
		if k := min(free, t.asked-t.lent); k > 0 && !t.away {
			t.lent += k
			n.lent += k
			n.act(Action{Kind: Lend, Task: i, Slots: k})
		}
	}
}

// recall asks for as many of the lent slots as tasks wait for, those lent last first.
func (n *Node) recall(waits int32) {
	if waits == 0 {
		return
	}
	for _, i := range n.wide {
		waits -= n.tasks[i].recall
	}
	for k := len(n.wide) - 1; k >= 0 && waits > 0; k-- {
		t := &n.tasks[n.wide[k]]
		if c := min(waits, t.lent-t.recall); c > 0 {
			t.recall += c
			waits -= c
			n.act(Action{Kind: Recall, Task: n.wide[k], Slots: c})
		}
	}
}

func (n *Node) narrow(t *task, slots int32) {
	k := min(max(slots, 0), t.lent)
	t.lent -= k
	n.lent -= k
	t.recall = max(t.recall-k, 0)
	t.asked = max(t.asked-k, t.lent)
}

func (n *Node) unask(i int32) {
	if n.tasks[i].asked == 0 {
		n.wide = slices.DeleteFunc(n.wide, func(w int32) bool { return w == i })
	}
}
