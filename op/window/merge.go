package window

import (
	"math"
	"slices"
	"sort"
	"unsafe"

	"github.com/weft-data/weft/internal/kernel"
)

// merge gives left rows from i on, which are row j of the output and on, their matches as long as
// rows of the right batch alone decide on them: those of the same partition between one that is
// before the left row and one that is not. It returns how many it has done.
func (m *matcher) merge(l *cursor, i, hi, j int) int {
	c := m.c
	if !m.known || m.sign != 0 || m.nulls || m.p.Limited || m.p.Direction == Nearest || l.part[i] != m.lpart || !c.within(m.rpart) {
		return 0
	}
	r := c.at.row
	if r == 0 || c.part[r-1] != m.rpart {
		return 0
	}
	left := upTo(m.lcodes[i:i+run(l.part[i:hi], m.lpart)], never)
	end := min(r+run(c.part[r:], m.rpart), c.b.N-1) // the cursor stays in its batch
	right := m.codes[:r+len(upTo(m.codes[r:end], never))]
	if len(left) == 0 {
		return 0
	}
	n := len(m.idx)
	m.idx = slices.Grow(m.idx, len(left))
	out, at := m.idx[n:n+len(left)], 1
	if m.p.Direction == Forward {
		at = 0
	}
	less := int64(1)
	if (m.p.Direction == Forward) == m.p.Strict {
		less = 0
	} else if left[0] == math.MinInt64 {
		return 0
	}
	done, r := mergeAt(left, right, less, r, at, out)
	m.idx, c.at.row = m.idx[:n+done], r
	kernel.SetRange(m.match, j, j+done, true)
	return done
}

// upTo cuts codes that rise and end with x, the greatest, where x begins.
func upTo(codes []int64, x int64) []int64 {
	if n := len(codes); n > 0 && codes[n-1] == x {
		n, _ = slices.BinarySearch(codes, x)
		return codes[:n]
	}
	return codes
}

// mergeAt passes the right rows from r on that are not after each left row less less, and puts the
// row at which it stops, less at, for the left one. It ends with either side and returns how many
// left rows it has done, and where it stands on the right.
func mergeAt(left, right []int64, less int64, r, at int, out []uint32) (int, int) {
	done := 0
	if end := len(right) - 4; end > r && len(left) >= 64 {
		n := sort.Search(len(left), func(i int) bool { return left[i]-less >= right[end] })
		done = n &^ 1
		r = mergeHalves(left[:done], right, less, r, at, out)
	}
	for i := done; i < len(left); i++ {
		if r = pass(right, r, left[i]-less); r == len(right) {
			return i, r
		}
		out[i] = uint32(r - at)
	}
	return len(left), r
}

// mergeHalves is mergeAt for left rows that all stop before the last three right ones. How many of
// the next four right rows are passed is counted without branches, which would be guessed wrong
// half of the time. One count waits for the one before: so there are two, of either half of the
// left rows.
func mergeHalves(left, right []int64, less int64, r, at int, out []uint32) int {
	h := len(left) / 2
	if h == 0 {
		return r
	}
	first := left[h] - less
	q := r + sort.Search(len(right)-r, func(i int) bool { return right[r+i] > first })
	return mergeTwo(left[:h], left[h:2*h], right, less, r, q, uint32(at), out[:h], out[h:2*h])
}

// mergeTwo is the loop of mergeHalves, from two places on the right. Four values are there wherever
// it looks, also if the rows do not rise: it goes no further.
func mergeTwo(a, b, right []int64, less int64, r, q int, at uint32, to, too []uint32) int {
	b, to, too = b[:len(a)], to[:len(a)], too[:len(a)]
	w, end := unsafe.Pointer(unsafe.SliceData(right)), len(right)-4
	if end < 0 {
		return r
	}
	r, q = min(r, end), min(q, end)
	for i, x := range a {
		x -= less
		y := b[i] - less
		n, k := four((*[4]int64)(unsafe.Add(w, r*8)), x), four((*[4]int64)(unsafe.Add(w, q*8)), y)
		r, q = min(r+n, end), min(q+k, end)
		if n == 4 {
			r = min(pass(right, r, x), end)
		}
		if k == 4 {
			q = min(pass(right, q, y), end)
		}
		to[i], too[i] = uint32(r)-at, uint32(q)-at
	}
	return q
}

// pass returns the first position from r on of a value greater than x.
func pass(right []int64, r int, x int64) int {
	for r+4 <= len(right) {
		n := four((*[4]int64)(right[r:]), x)
		if r += n; n < 4 {
			return r
		}
	}
	for r < len(right) && right[r] <= x {
		r++
	}
	return r
}

// four counts the values up to x of four that rise.
func four(w *[4]int64, x int64) int {
	return passed(w[0], x) + passed(w[1], x) + passed(w[2], x) + passed(w[3], x)
}

func passed(a, x int64) int {
	if a <= x {
		return 1
	}
	return 0
}
