package sched

import (
	"fmt"
	"slices"
)

// A task whose function waits for other tasks says that it is away: it takes no place at its worker, neither a slot nor one
// in the queue, so that what it waits for gets there however many wait. It keeps the resources it has, and what it reads is
// kept for it. When it is back it counts again, also where its worker has others by now: that has more than it may for a
// while then, and gets nothing new.

// A leaver is a task that is or has been away.
type leaver struct {
	l    *layer
	b    int32
	away bool
}

func (w *worker) leaver(l *layer, b int32) *leaver {
	for i := range w.left {
		if x := &w.left[i]; x.l == l && x.b == b {
			return x
		}
	}
	return nil
}

// load is how many tasks take a place at the worker.
func (w *worker) load() int32 { return w.busy - w.away }

func (s *State) onAway(ev *Event) {
	if _, l, w, ok := s.reported(ev); ok {
		s.leave(w, l, ev.Block)
	}
}

// leave notes that a task is away. One that ran alone does so no longer: what it waits for may have no other place.
func (s *State) leave(w *worker, l *layer, b int32) {
	x := w.leaver(l, b)
	switch {
	case s.breaks(ruleAway) || x != nil && x.away:
		return
	case x != nil:
		x.away = true
	default:
		w.left = append(w.left, leaver{l, b, true})
		w.alone = false
	}
	w.away++
	for i := range w.out {
		if o := &w.out[i]; o.l == l && o.b == b {
			o.started = true
		}
	}
	s.relist(w)
}

func (s *State) onBack(ev *Event) {
	_, l, w, ok := s.reported(ev)
	if !ok {
		return
	}
	if x := w.leaver(l, ev.Block); x != nil && x.away {
		x.away = false
		w.away--
		s.relist(w)
	}
}

// forget drops a task that has ended from those that have been away, and reports whether it was one.
func (w *worker) forget(l *layer, b int32) bool {
	for i, x := range w.left {
		if x.l == l && x.b == b {
			if x.away {
				w.away--
			}
			w.left = slices.Delete(w.left, i, i+1)
			return true
		}
	}
	return false
}

// excused says that the end of its worker is not counted against a task: it was away, so another one is likelier to be
// the reason. It becomes a suspect, and what ends its worker from afar (a goroutine it has left behind) is found the next time.
func (w *worker) excused(l *layer, b int32) bool {
	x := w.leaver(l, b)
	return x != nil && x.away && l.st[b]&fSuspect == 0
}

// checkLeft compares those that are or have been away with what runs.
func (w *worker) checkLeft() error {
	away := int32(0)
	for i, x := range w.left {
		if x.away {
			away++
		}
		if x.l.st[x.b]&fRunning == 0 || WorkerID(x.l.who[x.b]) != w.id || w.leaver(x.l, x.b) != &w.left[i] {
			return fmt.Errorf("worker %d: task %v has been away, and does not run there, or is listed twice", w.id, Block{x.l.id, x.b})
		}
	}
	if away != w.away {
		return fmt.Errorf("worker %d: %d tasks are away, counted %d", w.id, away, w.away)
	}
	return nil
}
