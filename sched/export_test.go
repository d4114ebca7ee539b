package sched

// Rules is the number of rules of the protocol that a test can switch off.
const Rules = allRules

// SwitchOff breaks a rule of the protocol, to see whether the simulation finds out.
func SwitchOff(s *State, r int) { s.off |= 1 << r }
