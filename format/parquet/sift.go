package parquet

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/internal/guard"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/op"
)

// When rows are tested by the keys of joins above before their other columns are read:
// that pays where whole morsels need not be read. Of the others the joins find as fast
// which rows have a match, unless the test is quick.
const (
	// siftTrial is after how many morsels it is seen how much a test leaves out, and
	// siftRest for how many it rests when that is less than half of them, by a quick test
	// less than half of their rows.
	siftTrial, siftRest = 8, 256
	// A test looks at all rows of a morsel, the joins at those that are left: it does not pay
	// where less than one of siftLeft are, of a quick one less than one of siftFew.
	siftLeft, siftFew = 2, 8
)

// A sifting is a test at work on one thread.
type sifting struct {
	cols  []int // of the reader
	meets func(i int, lo, hi expr.Literal) bool
	sieve op.Sieve
	seen  int // morsels, or those it still rests for when it is negative
	empty int // of those seen
	rows  int // of those seen, that no test before had left out
	kept  int // of these rows
}

// sift leaves out rows of the morsel, of which mask has those that are still there, nil
// for all.
func (r *reader) sift(at int64, mask []uint64, kept int) ([]uint64, int, error) {
	for i := range r.sifts {
		x := &r.sifts[i]
		if x.seen < 0 {
			x.seen++
			continue
		}
		if x.least()*kept < r.out.N {
			break
		}
		if err := r.need(x.cols, at); err != nil {
			return nil, 0, err
		}
		m, n := x.sieve.Sift(&r.test)
		before := kept
		mask, kept = r.both(mask, m, n)
		r.lost += int64(before - kept)
		x.count(before, kept)
		if kept == 0 {
			break
		}
	}
	return mask, kept, nil
}

// least is of how many rows one must be left for the test to pay.
func (x *sifting) least() int {
	if x.sieve.Quick() {
		return siftFew
	}
	return siftLeft
}

// both returns the rows of the morsel that are in a, nil for all, and among the n of b.
func (r *reader) both(a, b []uint64, n int) ([]uint64, int) {
	w := chunk.Words(r.out.N)
	if cap(r.mask) < w {
		r.mask = make([]uint64, chunk.Words(morselRows))
	}
	r.mask = r.mask[:w]
	if a == nil {
		copy(r.mask, b)
		return r.mask, n
	}
	kernel.And(r.mask, a, b)
	return r.mask, kernel.PopCount(r.mask, r.out.N)
}

// count notes how many of a morsel's rows were kept.
func (x *sifting) count(rows, kept int) {
	x.seen, x.rows, x.kept = x.seen+1, x.rows+rows, x.kept+kept
	if kept == 0 {
		x.empty++
	}
	if x.seen < siftTrial {
		return
	}
	pays := 2*x.empty >= x.seen || x.sieve.Quick() && 2*x.kept <= x.rows
	x.seen, x.empty, x.rows, x.kept = 0, 0, 0, 0
	if !pays {
		x.seen = -siftRest
	}
}

// boundsOfKeys counts the rows that were not looked at, since none among the least and the
// greatest values of their part of the file has a match.
const boundsOfKeys = "rows left out by bounds of join keys"

// meetsPath reports whether the joins may give something for rows of a file, by the values
// that its path gives.
func (r *reader) meetsPath(file int32) bool {
	paths := len(r.p.Schema) - int(r.p.Keys)
	for _, x := range r.sifts {
		for i, c := range x.cols {
			if at := r.source.cols[c]; at >= paths {
				if v := r.p.Files[file].Keys[at-paths]; v.Null || !x.meets(i, v, v) {
					return false
				}
			}
		}
	}
	return true
}

// meetsGroup is meetsPath for a row group, by its statistics.
func (r *reader) meetsGroup(g *guard.RowGroup) bool {
	for _, x := range r.sifts {
		for i, k := range x.cols {
			if c := r.cols[k]; c.bounded() && !x.met(i, c, g.Chunks[c.leaf].Stats) {
				return false
			}
		}
	}
	return true
}

// bounded reports whether statistics have the values of a column as they are read.
func (c *column) bounded() bool { return c.leaf >= 0 && c.root == nil && c.widen == nil }

// met asks about the values of column c, which is cols[i], between its bounds.
func (x *sifting) met(i int, c *column, s guard.Stats) bool {
	b := boundsOf(s, c.typ)
	return !b.Known || x.meets(i, b.Min, b.Max)
}

// meeting leaves out the pages for whose rows a join gives nothing, by the page indexes.
func (r *reader) meeting(x *sifting, indexes []*guard.PageIndex, spans []span) []span {
	for i, k := range x.cols {
		c, p := r.cols[k], indexes[k]
		if p == nil || p.Stats == nil || !c.bounded() {
			continue
		}
		var left []span
		lost := int64(0)
		for _, s := range spans {
			for at := s.lo; at < s.hi; {
				page, end := pageOf(p, at), s.hi
				if page+1 < len(p.Rows) {
					end = min(end, p.Rows[page+1])
				}
				switch n := len(left); {
				case p.AllNull[page] || !x.met(i, c, p.Stats[page]):
					lost += end - at
				case n > 0 && left[n-1].hi == at:
					left[n-1].hi = end
				default:
					left = append(left, span{at, end})
				}
				at = end
			}
		}
		r.task.Count(boundsOfKeys, lost)
		spans = left
	}
	return spans
}
