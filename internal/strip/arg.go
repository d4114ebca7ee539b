package strip

import "github.com/weft-data/weft/internal/vec"

// arg keeps the extreme and its position, -1 while there is none: then the extreme is none, than which no element is worse.
type arg[T vec.Number] struct {
	min, skip bool // skip: NaN is passed over
	none      T
	best      T
	at        int64
}

func newArg[T vec.Number](f Fold, lo, hi T) *arg[T] {
	a := &arg[T]{min: f == ArgMin || f == NanArgMin, skip: f == NanArgMin || f == NanArgMax, none: lo}
	if a.min {
		a.none = hi
	}
	return a
}

// better reports whether v at i takes the place of best at j. Elements may come
// in any order of positions.
func (f *arg[T]) better(v T, i int64, best T, j int64) bool {
	switch {
	case i < 0 || f.skip && v != v:
		return false
	case j < 0:
		return true
	case v != v:
		return best == best || i < j
	case best != best:
		return false
	case v == best:
		return i < j
	case f.min:
		return v < best
	}
	return v > best
}

func (f *arg[T]) Init(cols [][]byte, n int) {
	vec.Fill(View[T](cols[0], n), f.none)
	vec.Fill(View[int64](cols[1], n), -1)
}

func (f *arg[T]) Begin() { f.best, f.at = f.none, -1 }

func (f *arg[T]) Strip(x []byte, n int, at, step int64) {
	best, min := f.best, f.min
	for i, v := range View[T](x, n) {
		if min && v > best || !min && v < best || f.skip && v != v {
			continue
		}
		if p := at + int64(i)*step; f.better(v, p, best, f.at) {
			best, f.at = v, p
		}
	}
	f.best = best
}

func (f *arg[T]) End(cols [][]byte) {
	v, at := View[T](cols[0], 1), View[int64](cols[1], 1)
	if f.better(f.best, f.at, v[0], at[0]) {
		v[0], at[0] = f.best, f.at
	}
}

// Cells passes most elements over by a comparison or two: those that are worse, those that are as good and come later, and
// NaN where it does not count.
func (f *arg[T]) Cells(cols [][]byte, x []byte, n int, p int64) {
	best, at := View[T](cols[0], n), View[int64](cols[1], n)
	v := View[T](x, n)[:len(best)]
	at = at[:len(best)]
	if f.min {
		for i, b := range best {
			if v := v[i]; v > b || f.skip && v != v || v == b && uint64(at[i]) < uint64(p) {
				continue
			}
			if f.better(v[i], p, b, at[i]) {
				best[i], at[i] = v[i], p
			}
		}
		return
	}
	for i, b := range best {
		if v := v[i]; v < b || f.skip && v != v || v == b && uint64(at[i]) < uint64(p) {
			continue
		}
		if f.better(v[i], p, b, at[i]) {
			best[i], at[i] = v[i], p
		}
	}
}

func (f *arg[T]) Merge(cols, later [][]byte, n int) {
	best, at := View[T](cols[0], n), View[int64](cols[1], n)
	v, p := View[T](later[0], n), View[int64](later[1], n)
	for i := range best {
		if f.better(v[i], p[i], best[i], at[i]) {
			best[i], at[i] = v[i], p[i]
		}
	}
}
