package sched

// Rules is the number of rules of the protocol that a test can switch off.
const Rules = allRules

// SwitchOff breaks a rule of the protocol, to see whether the simulation finds out.
func SwitchOff(s *State, r int) { s.off |= 1 << r }

// RunsOn returns where and under which attempt a task runs; false if it does not.
func RunsOn(s *State, j JobID, t Block) (WorkerID, Session, Attempt, bool) {
	_, l, ok := s.at(j, t.Layer, t.Block)
	if !ok || l.st[t.Block]&fRunning == 0 {
		return 0, 0, 0, false
	}
	w := WorkerID(l.who[t.Block])
	return w, s.workers[w].session, l.att[t.Block], true
}
