package expr

import (
	"errors"
	"math"

	"github.com/weft-data/weft/chunk"
)

// A Ration bounds what is made of a morsel at a time. Texts and lists may be any number of times longer than the row they
// are made of, so whoever computes columns takes a morsel in as many portions as it needs:
//
//	for lo := 0; lo < m.N; {
//		part := r.Take(m, lo)
//		v, err := state.Within(&r, part) // and other columns of the same rows
//		if r.Over(err) {
//			continue // with fewer rows
//		}
//		...
//		lo += part.N
//	}
//
// Most morsels are one portion. A row that is too long alone is computed as it is. The zero Ration is ready; it belongs to
// one thread.
type Ration struct {
	most int    // bytes of a portion, see portionBytes; 0: those
	rows int    // of a portion at most, as the last ones went; 0: any
	n    int    // rows of this portion
	made int    // bytes of text and lists made of it
	next int    // the rows to go on with when it is too much
	held int    // bytes that buffers have grown by …
	age  uint32 // … since those that were there before were given up
	cut  chunk.Cutter
}

// portionBytes is how many bytes of text and lists are made of a portion, in all columns and all steps on the way to them:
// far more than a morsel of usual rows has, less than what a thread has for its scratch.
const portionBytes = 4 << 20

// errLong ends a computation whose results are longer than they may be.
var errLong = errors.New("long results")

func (r *Ration) bound() int {
	if r.most > 0 {
		return r.most
	}
	return portionBytes
}

// Take returns the rows of m from lo on that are to be computed next. They are borrowed until the next call.
func (r *Ration) Take(m *chunk.Batch, lo int) *chunk.Batch {
	if r.held > 3*r.bound() { // long results of one step stay beside those of the next; after a long row they are garbage
		r.held = 0
		r.age++
	}
	r.made, r.n = 0, m.N-lo
	if r.rows > 0 {
		r.n = min(r.n, r.rows)
	}
	if r.n == m.N {
		return m
	}
	return r.cut.Cut(m, lo, lo+r.n)
}

// Over is told how computing the rows ended that Take gave. True means that it was too much: Take gives fewer of them now.
func (r *Ration) Over(err error) bool {
	switch {
	case err == nil && r.n == r.rows && (r.n == 1 || r.made <= r.bound()/4):
		r.rows = evenRows(2 * r.rows)
	case err != nil && r.n > 1 && errors.Is(err, errLong):
		r.rows = evenRows(r.next)
		return true
	}
	return false
}

// evenRows rounds n down to rows that begin at words of bitmaps, if there are so many.
func evenRows(n int) int {
	if n > 64 {
		n &^= 63
	}
	return n
}

// left is how many bytes the next step may make.
func (r *Ration) left() int {
	if r.n == 1 {
		return math.MaxInt
	}
	return max(1, r.bound()-r.made)
}

// over notes that a step passed its bound at a row, with so many bytes. Where these are most of what was made there is room
// for the rows before it; where many steps share the room half of the rows is tried.
func (r *Ration) over(row, bytes int) {
	if r.next = r.n / 2; bytes > r.made {
		r.next = min(r.next, row)
	}
	r.next = max(1, r.next)
}
