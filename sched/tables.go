package sched

import "math/bits"

// Tables are tables of jobs that have ended, kept for the jobs to come: many small jobs of many tasks would otherwise
// leave most of their garbage here. They are made in sizes a quarter of an octave apart, so that a table of one job
// serves another that is about as large. All that is kept is cleared.
type Tables[T any] struct {
	Most int // elements kept at most, 0 means 2^21
	kept [tableSizes][][]T
	size int // elements in all
}

const (
	leastTable = 32
	tableSizes = 4*26 + 1
)

// sizeOf returns the least size that is not below n, and its number.
func sizeOf(n int) (class, size int) {
	if n <= leastTable {
		return 0, leastTable
	}
	k := bits.Len(uint(n - 1))
	q := (n - 1) >> (k - 3) // the octave's quarter, from 4 to 7
	return (k-6)*4 + q - 3, (q + 1) << (k - 3)
}

// Take returns a cleared table of n elements, nil for none.
func (s *Tables[T]) Take(n int32) []T {
	if n <= 0 {
		return nil
	}
	class, size := sizeOf(int(n))
	for c := class; c < min(class+5, tableSizes); c++ { // up to twice as large
		if k := len(s.kept[c]); k > 0 {
			t := s.kept[c][k-1]
			s.kept[c][k-1] = nil
			s.kept[c] = s.kept[c][:k-1]
			s.size -= cap(t)
			return t[:n]
		}
	}
	return make([]T, size)[:n]
}

// Put keeps a table nobody refers to any more. When there are too many, those from before go: they are not what is
// asked for.
func (s *Tables[T]) Put(t []T) {
	class, size := sizeOf(cap(t))
	if size > cap(t) {
		if class--; class < 0 {
			return
		}
	}
	most := s.Most
	if most == 0 {
		most = 1 << 21
	}
	if cap(t) > most {
		return
	}
	if s.size+cap(t) > most {
		*s = Tables[T]{Most: s.Most}
	}
	t = t[:cap(t)]
	clear(t)
	s.kept[class] = append(s.kept[class], t)
	s.size += cap(t)
}

// stock has the tables of all kinds.
type stock struct {
	halves Tables[uint16]
	sizes  Tables[uint32]
	atts   Tables[Attempt]
	counts Tables[int32]
	keys   Tables[uint64]
}

// leave takes the tables of a job that is forgotten.
func (s *stock) leave(j *job) {
	for _, l := range j.layers {
		s.halves.Put(l.st)
		s.halves.Put(l.who)
		s.atts.Put(l.att)
		s.sizes.Put(l.size)
		s.counts.Put(l.nwait)
		s.counts.Put(l.nuse)
		l.st, l.who, l.att, l.size, l.nwait, l.nuse = nil, nil, nil, nil, nil, nil
		for i := range l.in {
			e := &l.in[i]
			s.counts.Put(e.at)
			s.counts.Put(e.list)
			e.at, e.list = nil, nil
		}
	}
	s.keys.Put(j.ready)
	j.ready = nil
}
