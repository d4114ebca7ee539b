package sched

import "testing"

// A table comes back cleared, only where it is not much too large, and not without bound.
func TestSpareTables(t *testing.T) {
	var s spare[int32]
	a := s.take(10_000)
	for i := range a {
		a[i] = 7
	}
	s.put(a)
	if small := s.take(10); cap(small) >= 10_000 {
		t.Errorf("a table of %d for 10", cap(small))
	}
	b := s.take(9000)
	if &b[0] != &a[0] {
		t.Error("the table was not used again")
	}
	for i, x := range b {
		if x != 0 {
			t.Fatalf("element %d is %d", i, x)
		}
	}
	if c := s.take(9000); &c[0] == &b[0] {
		t.Error("one table was given out twice")
	}
	for range 1000 {
		s.put(make([]int32, spareMost/50))
	}
	if s.size > spareMost || len(s.tables) > 32 {
		t.Errorf("%d tables of %d elements are kept", len(s.tables), s.size)
	}
}
