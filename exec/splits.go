package exec

import (
	"errors"
	"sync"

	"github.com/weft-data/weft/internal/mem"
)

// splits hands out the numbers 0…n-1 in their order: what a reader must know of the
// splits before its own (where quotes are open, say) others have just read, or are
// reading. With apart set each worker reads on where it is, and begins in the middle of
// the longest stretch nobody works on.
type splits struct {
	total int
	apart bool
	mu    sync.Mutex
	free  []stretch
	over  bool // no more splits are wanted
}

type stretch struct{ lo, hi int }

func newSplits(n int, apart bool) *splits {
	q := &splits{total: n, apart: apart}
	if n > 0 {
		q.free = []stretch{{0, n}}
	}
	return q
}

func (q *splits) left() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range q.free {
		n += s.hi - s.lo
	}
	return n
}

// first returns the lowest split nobody has begun, -1 if there is none.
func (q *splits) first() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := -1
	for _, s := range q.free {
		if at < 0 || s.lo < at {
			at = s.lo
		}
	}
	return at
}

func (q *splits) stop() { q.mu.Lock(); q.free, q.over = nil, true; q.mu.Unlock() }

// tooMany takes back a split of which nothing was given when err says that there is
// no memory, and others may have enough: then it is no error.
func (q *splits) tooMany(err error, split int, as role) error {
	if as == alone || !errors.Is(err, mem.ErrBudget) {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.free = append(q.free, stretch{split, split + 1})
	}
	return nil
}

// next returns the split for a worker whose last one was last (-1 for none).
func (q *splits) next(last int) (int, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.free) == 0 {
		return 0, false
	}
	best := 0
	for i, s := range q.free {
		x := q.free[best]
		switch {
		case q.apart && s.lo == last+1:
			return q.cut(i), true
		case q.apart && s.hi-s.lo > x.hi-x.lo, !q.apart && s.lo < x.lo:
			best = i
		}
	}
	s := q.free[best]
	if at := s.lo + (s.hi-s.lo)/2; q.apart && at > s.lo {
		q.free[best].hi = at
		q.free = append(q.free, stretch{at, s.hi})
		best = len(q.free) - 1
	}
	return q.cut(best), true
}

// cut removes the first number of stretch i and returns it.
func (q *splits) cut(i int) int {
	s := &q.free[i]
	at := s.lo
	if s.lo++; s.lo == s.hi {
		q.free[i] = q.free[len(q.free)-1]
		q.free = q.free[:len(q.free)-1]
	}
	return at
}
