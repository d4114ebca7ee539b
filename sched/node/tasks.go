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
	n.reserved -= t.granted
	n.narrow(t, t.lent)
	t.asked = 0
	n.unask(ev.Task)
	n.running--
	if t.alone {
		n.alone = false
	}
	n.unread(ev.Task, true)
	if ev.Value >= 0 {
		n.have(ev.Value, ev.Bytes)
	}
}

// pump starts what can start, in the order of keys, asks for the inputs of what waits, and lends what is left.
func (n *Node) pump() {
	for i := 0; i < len(n.queue); {
		t := &n.tasks[n.queue[i]]
		switch {
		case n.alone || t.alone && (n.running > 0 || i > 0):
			return
		case t.missing > 0:
			n.request(t, i == 0)
			i++
		case n.running+n.lent >= n.cfg.Slots:
			n.recall(i)
			return
		case n.fits(t):
			n.start(i)
			i = 0
		default:
			if n.running == 0 && n.room(t.want) {
				n.start(i)
				i = 0
				continue
			}
			if t.passes >= 8 || t.alone {
				return
			}
			i++
		}
	}
	n.lend()
}

func (n *Node) fits(t *task) bool { return n.Used()+t.want <= n.lines[toPause] }

// room spills to make room for want bytes, when nothing runs. True: no more will come free.
func (n *Node) room(want int64) bool {
	short := n.Used() + want - n.lines[toPause] - n.leaving
	for short > 0 {
		v, ok := n.victim(true)
		if !ok {
			break
		}
		short -= n.evict(v)
	}
	return n.leaving == 0
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
	t.granted = max(t.floor, min(t.want, n.lines[toPause]-n.Used()))
	n.reserved += t.granted
	n.running++
	n.alone = t.alone
	for _, i := range t.in {
		v := &n.values[i]
		v.pins++
		if v.state == spilling {
			n.leaving -= v.bytes
			v.state = memory
			v.stamp++
		}
	}
	n.act(Action{Kind: Start, Task: k, Bytes: t.granted})
}

func (n *Node) onGrow(ev *Event) {
	t := n.task(ev.Task)
	if t == nil || t.state != running {
		return
	}
	b := max(ev.Bytes, 0)
	if n.Used()+b > n.lines[toHard] && !n.grows(b) {
		n.act(Action{Kind: Evict, Task: ev.Task, Bytes: b})
		return
	}
	t.granted += b
	n.reserved += b
	n.act(Action{Kind: Grant, Task: ev.Task, Bytes: b})
}

// grows says whether b bytes fit under the pause line once values nobody running reads are on disk, and sends them there.
func (n *Node) grows(b int64) bool {
	if n.Used()+b > n.lines[toPause] {
		return false
	}
	for n.Used()+b-n.leaving > n.lines[toHard] {
		v, ok := n.victim(true)
		if !ok {
			return false
		}
		n.evict(v)
	}
	return true
}

// lend gives slots nobody needs to the tasks that asked, the longest running first.
func (n *Node) lend() {
	for _, i := range n.wide {
		free := n.cfg.Slots - n.running - n.lent
		if free <= 0 {
			return
		}
		t := &n.tasks[i]
		if k := min(free, t.asked-t.lent); k > 0 {
			t.lent += k
			n.lent += k
			n.act(Action{Kind: Lend, Task: i, Slots: k})
		}
	}
}

// recall asks for a slot for every task from the i-th of the queue on that could start.
func (n *Node) recall(i int) {
	if n.lent == 0 {
		return
	}
	waits := int32(0)
	for _, q := range n.queue[i:] {
		if t := &n.tasks[q]; t.missing == 0 {
			waits++
		}
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
