package sched

// A spare is tables of jobs that have ended, kept for the jobs to come: many small jobs of many tasks would otherwise
// leave most of their garbage here.
type spare[T any] struct {
	tables [][]T
	size   int // elements in all
}

// spareMost is how many elements of a kind are kept at most.
const spareMost = 1 << 21

// take returns a cleared table of n elements.
func (s *spare[T]) take(n int32) []T {
	best := -1
	for i, t := range s.tables {
		if c := cap(t); c >= int(n) && c <= 1024+4*int(n) && (best < 0 || c < cap(s.tables[best])) {
			best = i
		}
	}
	if best < 0 {
		return make([]T, n)
	}
	t := s.tables[best][:n]
	last := len(s.tables) - 1
	s.tables[best] = s.tables[last]
	s.tables = s.tables[:last]
	s.size -= cap(t)
	clear(t)
	return t
}

// put keeps a table nobody refers to any more.
func (s *spare[T]) put(t []T) {
	if c := cap(t); c > 0 && len(s.tables) < 32 && s.size+c <= spareMost {
		s.tables = append(s.tables, t)
		s.size += c
	}
}

// spares has the tables of all kinds.
type spares struct {
	halves spare[uint16]
	sizes  spare[uint32]
	atts   spare[Attempt]
	counts spare[int32]
	keys   spare[uint64]
}

// leave takes the tables of a job that is forgotten.
func (s *spares) leave(j *job) {
	for _, l := range j.layers {
		s.halves.put(l.st)
		s.halves.put(l.who)
		s.atts.put(l.att)
		s.sizes.put(l.size)
		s.counts.put(l.nwait)
		s.counts.put(l.nuse)
		l.st, l.who, l.att, l.size, l.nwait, l.nuse = nil, nil, nil, nil, nil, nil
		for i := range l.in {
			e := &l.in[i]
			s.counts.put(e.at)
			s.counts.put(e.list)
			e.at, e.list = nil, nil
		}
	}
	s.keys.put(j.ready)
	j.ready = nil
}
