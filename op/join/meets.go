package join

import (
	"slices"
	"sync"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// Extents are the values of each key column of the build rows in ascending order, of tables
// that have few: it tells whether any lies within the bounds of a part of a file.
type extents struct {
	once sync.Once
	cols [][]uint64 // ordered words; none where there are many
}

// extentRows is up to how many build rows their keys are sorted for that, in a millisecond;
// of more only the least and the greatest are known.
const extentRows = 1 << 14

// flipOf makes words of a kind order as its values do, by exclusive or; false for kinds of
// which words do not.
func flipOf(k dtype.Kind) (flip uint64, ok bool) {
	switch {
	case k.IsUnsigned():
		return 0, true
	case k.IsSigned(), k == dtype.Date, k == dtype.Timestamp, k == dtype.Time, k == dtype.Duration:
		return 1 << 63, true
	}
	return 0, false
}

// meets reports whether a build row may have a value between lo and hi in key column i.
func (t *table) meets(i int, lo, hi expr.Literal) bool {
	if t.rows.n == 0 {
		return false
	}
	flip, ok := flipOf(t.schema[i].Type.Kind)
	theirs, same := flipOf(lo.Type.Kind)
	if !ok || !same || flip != theirs || lo.Type.Kind != hi.Type.Kind || i >= len(t.fields) {
		return true
	}
	f, a, b := t.fields[i], uint64(lo.I)^flip, uint64(hi.I)^flip
	if b < f.min^flip || a > (f.min+f.span)^flip {
		return false
	}
	if t.rows.n > extentRows {
		return true
	}
	t.sorted.once.Do(t.sortKeys)
	at, _ := slices.BinarySearch(t.sorted.cols[i], a)
	return at < len(t.sorted.cols[i]) && t.sorted.cols[i][at] <= b
}

// sortKeys makes t.sorted.
func (t *table) sortKeys() {
	for i := range t.fields {
		flip, _ := flipOf(t.schema[i].Type.Kind)
		words := make([]uint64, 0, t.rows.n)
		for _, s := range t.rows.segs {
			at := len(words)
			words = words[:at+s.N]
			canonical(&s.Cols[i], words[at:])
		}
		for k := range words {
			words[k] ^= flip
		}
		slices.Sort(words)
		t.sorted.cols = append(t.sorted.cols, slices.Compact(words))
	}
}
