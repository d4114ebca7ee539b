package sched

import "fmt"

// Entry is a line of a task's story: an event that spoke of the task, or an action about it.
type Entry struct {
	Seq      int64 // number of the event or action since New, from 1
	Now      int64 // of the last Tick
	IsAction bool
	Event    EventKind
	Action   ActionKind
	Class    Class
	Worker   WorkerID
	Session  Session
	Attempt  Attempt
	Code     int64
	job      JobID
	layer    LayerID
	first, n int32
}

// String returns the entry as one line.
func (e Entry) String() string {
	what := e.Event.String()
	if e.IsAction {
		what = "→ " + e.Action.String()
	} else if e.Event == Failed {
		what += " " + e.Class.String()
	}
	return fmt.Sprintf("%s w%d.%d try %d", what, e.Worker, e.Session, e.Attempt)
}

// ring keeps the last entries.
type ring struct {
	entries []Entry
	seq     int64
}

func (r *ring) add(e Entry) {
	r.seq++
	e.Seq = r.seq
	if len(r.entries) < cap(r.entries) {
		r.entries = append(r.entries, e)
		return
	}
	r.entries[int((r.seq-1)%int64(cap(r.entries)))] = e
}

func (s *State) noteEvent(ev *Event) {
	if cap(s.ring.entries) == 0 || ev.Kind < Started || ev.Kind > Missing && ev.Kind != Consumed && ev.Kind < Withdraw {
		return
	}
	s.ring.add(Entry{Now: s.now, Event: ev.Kind, Class: ev.Class, Worker: ev.Worker, Session: ev.Session, Attempt: ev.Attempt,
		Code: ev.Code, job: ev.Job, layer: ev.Layer, first: ev.Block, n: max(ev.N, 1)})
}

func (s *State) noteAction(a *Action) {
	if cap(s.ring.entries) == 0 || a.Kind > Deliver && a.Kind != Fail && a.Kind != Halt {
		return
	}
	e := Entry{Now: s.now, IsAction: true, Action: a.Kind, Worker: a.Worker, Session: a.Session, Attempt: a.Attempt,
		job: a.Job, layer: a.Layer, first: a.First, n: a.N}
	if a.Err != nil {
		e.Class = a.Err.Class
	}
	s.ring.add(e)
}

// noteOne remembers the last block of an action that was lengthened.
func (s *State) noteOne(a *Action, b int32) {
	if cap(s.ring.entries) == 0 {
		return
	}
	one := *a
	one.First, one.N = b, 1
	s.noteAction(&one)
}

// Story returns what happened to a task as far as it is remembered (Options.Story), oldest first.
func (s *State) Story(id JobID, l LayerID, b int32) []Entry {
	var out []Entry
	n := len(s.ring.entries)
	for i := range n {
		e := s.ring.entries[(int(s.ring.seq)+i)%n]
		if n < cap(s.ring.entries) {
			e = s.ring.entries[i]
		}
		if e.job == id && e.layer == l && e.first <= b && int64(b) < int64(e.first)+int64(e.n) {
			out = append(out, e)
		}
	}
	return out
}

func tooLarge(floor, most int64) string {
	return fmt.Sprintf("needs %d bytes, the largest worker has %d", floor, most)
}
