package sched

import "testing"

// A table comes back cleared, only where it is not much too large, and not without bound.
func TestTables(t *testing.T) {
	var s Tables[int32]
	a := s.Take(10_000)
	for i := range a {
		a[i] = 7
	}
	s.Put(a)
	if small := s.Take(10); cap(small) >= 10_000 {
		t.Errorf("a table of %d for 10", cap(small))
	}
	b := s.Take(9000)
	if &b[0] != &a[0] {
		t.Error("the table was not used again")
	}
	for i, x := range b {
		if x != 0 {
			t.Fatalf("element %d is %d", i, x)
		}
	}
	if c := s.Take(9000); &c[0] == &b[0] {
		t.Error("one table was given out twice")
	}
	s.Most = 1 << 16
	for range 1000 {
		s.Put(make([]int32, s.Most/50))
		if kept := s.elements(); kept != s.size || kept > s.Most {
			t.Fatalf("%d elements are kept, %d counted, at most %d allowed", kept, s.size, s.Most)
		}
	}
	s.Put(append(make([]int32, 0, 1001), 5)) // not of a size that is made
	for _, n := range []int32{1, 896} {
		if x := s.Take(n); len(x) != int(n) || x[0] != 0 {
			t.Errorf("%d elements, want %d cleared ones", len(x), n)
		}
	}
}

func (s *Tables[T]) elements() (n int) {
	for _, c := range s.kept {
		for _, t := range c {
			n += cap(t)
		}
	}
	return n
}

// Sizes are at most a quarter larger than what was asked for.
func TestTableSizes(t *testing.T) {
	last := -1
	for n := 1; n < 1<<31-1; n += 1 + n/7 {
		class, size := sizeOf(n)
		if size < n || n > leastTable && size > n+n/4+1 || class < last || class >= tableSizes {
			t.Fatalf("%d elements: class %d of %d elements", n, class, size)
		}
		if again, same := sizeOf(size); again != class || same != size {
			t.Fatalf("class %d has size %d, which is of class %d", class, size, again)
		}
		last = class
	}
}
