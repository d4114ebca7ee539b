package cluster

import (
	"context"
	"runtime/debug"
	"time"
)

// What tasks compute with is counted before it is taken (sched/node), and a process whose tasks take
// nothing else stays below 1.15 times its budget. What functions of the user take is known only by
// looking at the process: beyond the line below, nothing begins beside what runs.
const (
	gaugeEvery  = 100 * time.Millisecond
	sweepEvery  = time.Second // while it is too large: what is free goes back to the system
	pressLine   = 120         // percent of the budget, by what is resident and not of files
	pressGroup  = 95          // percent of what the cgroup may have
	pressedLess = 10          // percent it must be below its line to go on
)

// A gauge says whether the process is too large.
type gauge struct {
	line  int64 // 0 means none
	group cgroup
	swept time.Time
}

// over looks at the process. Before it is called too large it gives back what is free.
func (g *gauge) over(was bool) bool {
	part := int64(100)
	if was {
		part -= pressedLess
	}
	large := func() bool {
		return g.line > 0 && resident() > g.line/100*part || g.group.limit > 0 && g.group.used() > g.group.limit/10000*pressGroup*part
	}
	if !large() {
		return false
	}
	if time.Since(g.swept) > sweepEvery {
		g.swept = time.Now()
		debug.FreeOSMemory()
	}
	return large()
}

// gauge looks at the memory of the process until live ends.
func (w *Worker) gauge(live context.Context) {
	g := &gauge{line: w.opt.Memory / 100 * pressLine, group: ownGroup()}
	if g.line == 0 && g.group.limit == 0 {
		return
	}
	tick := time.NewTicker(gaugeEvery)
	defer tick.Stop()
	for was := false; ; {
		select {
		case <-live.Done():
			return
		case <-tick.C:
		}
		if over := g.over(was); over || was {
			w.press(over)
			was = over
		}
	}
}

// press notes whether the process is too large. When it comes to be, what has not begun goes back: see feed.
func (w *Worker) press(over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if over && w.ahead+w.carriers > 0 {
		w.rested = now
	}
	if over == !w.pressed.IsZero() || w.closed {
		return
	}
	w.node.Press(over)
	w.pressed = time.Time{}
	if over {
		w.opt.Log.Warn("the process has more memory than it may: the worker begins nothing more", "worker", w.opt.Name, "budget", w.opt.Memory)
		w.pressed, w.rested = now, now
		for c := range w.carrying {
			c.hand.Rest()
		}
		for _, j := range w.jobs {
			for _, t := range j.tasks {
				t.giveUp()
			}
		}
	}
	w.feed()
}

// shut reports whether the worker asks for nothing; w is locked. A process that is too large and runs
// nothing waits as one with a full disk does, then takes one task.
func (w *Worker) shut() bool {
	return !w.full.IsZero() || !w.pressed.IsZero() && (w.ahead+w.carriers > 0 || time.Since(w.rested) < fullFor)
}

// lots returns how many tasks may be at the node, and how many carriers; w is locked.
func (w *Worker) lots() (ahead, carriers int) {
	if w.pressed.IsZero() {
		return most * w.opt.Threads, w.opt.Threads
	}
	return 1 - min(w.carriers, 1), 1 - min(w.ahead, 1)
}
