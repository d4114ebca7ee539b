package strip

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// A Fold is a reduction. The values are part of the canonical bytes of plans:
// append only.
type Fold uint8

// The folds. Sums of floats are pairwise in a fixed order: the error of a sum of n
// elements grows with log n along a row and by runs of 16 across rows. Min and
// Max give NaN when there is one; ArgMin and ArgMax the first position of the
// extreme, of the first NaN if there is one.
const (
	NoFold Fold = iota
	Sum
	Prod
	Min
	Max
	ArgMin
	ArgMax
	Moments // count, mean and the sum of squared distances from it (Chan, Golub and LeVeque 1983)
	numFolds
)

var foldNames = [numFolds]string{"none", "sum", "prod", "min", "max", "argmin", "argmax", "moments"}

func (f Fold) String() string {
	if f < numFolds {
		return foldNames[f]
	}
	return fmt.Sprintf("strip.Fold(%d)", uint8(f))
}

// State returns the types of the columns of a fold's state over elements of type
// k, or an error when it is not defined for them.
func (f Fold) State(k elem.Kind) ([]elem.Kind, error) {
	wide := k == elem.Int64 || k == elem.Uint64 || k == elem.Float64 || k == elem.Complex128
	real := k.IsReal() || k == elem.Bool
	switch {
	case (f == Sum || f == Prod) && wide, (f == Min || f == Max) && real:
		return []elem.Kind{k}, nil
	case (f == ArgMin || f == ArgMax) && real:
		return []elem.Kind{k, elem.Int64}, nil
	case f == Moments && k == elem.Float64:
		return []elem.Kind{elem.Float64, elem.Float64, elem.Float64}, nil
	}
	return nil, fmt.Errorf("%s of %s is not defined", f, k)
}

// A Folder folds elements into the state of cells, on one thread. The state of n
// cells is n values in each column.
type Folder interface {
	// Init makes the state of n cells that of no elements.
	Init(cols [][]byte, n int)
	// Begin, Strip … and End add a long row of elements to the first cell: n
	// elements at a time, whose positions are at, at+step, …
	Begin()
	Strip(x []byte, n int, at, step int64)
	End(cols [][]byte)
	// Cells adds one element to each of n cells; all have position at.
	Cells(cols [][]byte, x []byte, n int, at int64)
	// Merge adds the state of n cells, whose elements come later, to that of others.
	Merge(cols, later [][]byte, n int)
}

// NewFolder returns a folder for elements of type k.
func (f Fold) NewFolder(k elem.Kind) (Folder, error) {
	if _, err := f.State(k); err != nil {
		return nil, err
	}
	switch f {
	case Sum:
		switch k {
		case elem.Int64, elem.Uint64: // the same bits
			return &sum[int64]{}, nil
		case elem.Float64:
			return &sum[float64]{}, nil
		}
		return &sum[complex128]{}, nil
	case Prod:
		switch k {
		case elem.Int64, elem.Uint64:
			return &prod[int64]{}, nil
		case elem.Float64:
			return &prod[float64]{}, nil
		}
		return &prod[complex128]{}, nil
	case Moments:
		return &moments{}, nil
	}
	switch k {
	case elem.Bool:
		return extremes[uint8](f, 0, 1), nil
	case elem.Uint8:
		return extremes[uint8](f, 0, math.MaxUint8), nil
	case elem.Int8:
		return extremes[int8](f, math.MinInt8, math.MaxInt8), nil
	case elem.Int16:
		return extremes[int16](f, math.MinInt16, math.MaxInt16), nil
	case elem.Int32:
		return extremes[int32](f, math.MinInt32, math.MaxInt32), nil
	case elem.Int64:
		return extremes[int64](f, math.MinInt64, math.MaxInt64), nil
	case elem.Uint16:
		return extremes[uint16](f, 0, math.MaxUint16), nil
	case elem.Uint32:
		return extremes[uint32](f, 0, math.MaxUint32), nil
	case elem.Uint64:
		return extremes[uint64](f, 0, math.MaxUint64), nil
	case elem.Float32:
		return extremes(f, float32(math.Inf(-1)), float32(math.Inf(1))), nil
	}
	return extremes(f, math.Inf(-1), math.Inf(1)), nil
}

func extremes[T vec.Number](f Fold, lo, hi T) Folder {
	switch f {
	case Min:
		return &extreme[T]{none: hi, min: true}
	case Max:
		return &extreme[T]{none: lo}
	}
	return &arg[T]{min: f == ArgMin}
}

// sum adds strips as the leaves of a binary tree: level i of the cascade holds
// the sum of 2^i strips when bit i of n is set.
type sum[T int64 | float64 | complex128] struct {
	n     uint64
	level [64]T
}

func (f *sum[T]) Init(cols [][]byte, n int) { clear(View[T](cols[0], n)) }
func (f *sum[T]) Begin()                    { f.n = 0 }

func (f *sum[T]) Strip(x []byte, n int, _, _ int64) {
	s := add(View[T](x, n))
	i := bits.TrailingZeros64(^f.n)
	for k := range i {
		s = f.level[k] + s
	}
	f.level[i] = s
	f.n++
}

func (f *sum[T]) End(cols [][]byte) {
	var s T
	for k := range bits.Len64(f.n) {
		if f.n>>k&1 != 0 {
			s = f.level[k] + s
		}
	}
	View[T](cols[0], 1)[0] += s
}

func (f *sum[T]) Cells(cols [][]byte, x []byte, n int, _ int64) {
	table[key{Add, kindOf[T](), kindOf[T]()}](cols[0], cols[0], x, nil, n)
}

func (f *sum[T]) Merge(cols, later [][]byte, n int) { f.Cells(cols, later[0], n, 0) }

func kindOf[T int64 | float64 | complex128]() elem.Kind {
	var z T
	return elem.OfValue(any(z))
}

// add sums up to a strip of elements in eight lanes.
func add[T int64 | float64 | complex128](x []T) T {
	var a, b, c, d, e, f, g, h T
	for len(x) >= 8 {
		a += x[0]
		b += x[1]
		c += x[2]
		d += x[3]
		e += x[4]
		f += x[5]
		g += x[6]
		h += x[7]
		x = x[8:]
	}
	s := ((a + b) + (c + d)) + ((e + f) + (g + h))
	for _, v := range x {
		s += v
	}
	return s
}

type prod[T int64 | float64 | complex128] struct{ p T }

func (f *prod[T]) Init(cols [][]byte, n int) {
	for i := range View[T](cols[0], n) {
		View[T](cols[0], n)[i] = 1
	}
}
func (f *prod[T]) Begin() { f.p = 1 }

func (f *prod[T]) Strip(x []byte, n int, _, _ int64) {
	for _, v := range View[T](x, n) {
		f.p *= v
	}
}

func (f *prod[T]) End(cols [][]byte) { View[T](cols[0], 1)[0] *= f.p }

func (f *prod[T]) Cells(cols [][]byte, x []byte, n int, _ int64) {
	d := View[T](cols[0], n)
	for i, v := range View[T](x, n) {
		d[i] *= v
	}
}

func (f *prod[T]) Merge(cols, later [][]byte, n int) { f.Cells(cols, later[0], n, 0) }

type extreme[T vec.Number] struct {
	none T
	min  bool
	best T
}

func (f *extreme[T]) Init(cols [][]byte, n int) {
	c := View[T](cols[0], n)
	for i := range c {
		c[i] = f.none
	}
}

func (f *extreme[T]) Begin() { f.best = f.none }

func (f *extreme[T]) Strip(x []byte, n int, _, _ int64) {
	a, b, c, d := f.best, f.best, f.best, f.best
	v := View[T](x, n)
	if f.min {
		for ; len(v) >= 4; v = v[4:] {
			a, b, c, d = min(a, v[0]), min(b, v[1]), min(c, v[2]), min(d, v[3])
		}
		f.best = min(a, b, c, d)
		for _, y := range v {
			f.best = min(f.best, y)
		}
		return
	}
	for ; len(v) >= 4; v = v[4:] {
		a, b, c, d = max(a, v[0]), max(b, v[1]), max(c, v[2]), max(d, v[3])
	}
	f.best = max(a, b, c, d)
	for _, y := range v {
		f.best = max(f.best, y)
	}
}

func (f *extreme[T]) End(cols [][]byte) {
	c := View[T](cols[0], 1)
	if f.min {
		c[0] = min(c[0], f.best)
	} else {
		c[0] = max(c[0], f.best)
	}
}

func (f *extreme[T]) Cells(cols [][]byte, x []byte, n int, _ int64) {
	d, v := View[T](cols[0], n), View[T](x, n)
	if f.min {
		for i := range d {
			d[i] = min(d[i], v[i])
		}
		return
	}
	for i := range d {
		d[i] = max(d[i], v[i])
	}
}

func (f *extreme[T]) Merge(cols, later [][]byte, n int) { f.Cells(cols, later[0], n, 0) }

// arg keeps the extreme and its position, -1 while there is none.
type arg[T vec.Number] struct {
	min  bool
	best T
	at   int64
}

// better reports whether v at i takes the place of best at j. Elements may come
// in any order of positions.
func (f *arg[T]) better(v T, i int64, best T, j int64) bool {
	switch {
	case i < 0:
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
	clear(View[T](cols[0], n))
	at := View[int64](cols[1], n)
	for i := range at {
		at[i] = -1
	}
}

func (f *arg[T]) Begin() { f.at = -1 }

func (f *arg[T]) Strip(x []byte, n int, at, step int64) {
	for i, v := range View[T](x, n) {
		if f.at >= 0 && (f.min && v > f.best || !f.min && v < f.best) {
			continue
		}
		if p := at + int64(i)*step; f.better(v, p, f.best, f.at) {
			f.best, f.at = v, p
		}
	}
}

func (f *arg[T]) End(cols [][]byte) {
	v, at := View[T](cols[0], 1), View[int64](cols[1], 1)
	if f.better(f.best, f.at, v[0], at[0]) {
		v[0], at[0] = f.best, f.at
	}
}

func (f *arg[T]) Cells(cols [][]byte, x []byte, n int, p int64) {
	best, at := View[T](cols[0], n), View[int64](cols[1], n)
	for i, v := range View[T](x, n) {
		if f.better(v, p, best[i], at[i]) {
			best[i], at[i] = v, p
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

// moments merges means and squared distances of strips, each taken in two passes
// over the first-level cache.
type moments struct{ n, mean, m2 float64 }

func (f *moments) Init(cols [][]byte, n int) {
	for _, c := range cols[:3] {
		clear(View[float64](c, n))
	}
}

func (f *moments) Begin() { *f = moments{} }

func (f *moments) Strip(x []byte, n int, _, _ int64) {
	v := View[float64](x, n)
	k := float64(n)
	mean := add(v) / k
	m2 := squares(v, mean)
	if f.n == 0 {
		*f = moments{k, mean, m2}
		return
	}
	f.n, f.mean, f.m2 = chan2(f.n, f.mean, f.m2, k, mean, m2)
}

// squares sums the squared distances from a centre.
func squares(x []float64, c float64) float64 {
	var a, b, d, e float64
	for ; len(x) >= 4; x = x[4:] {
		p, q, r, s := x[0]-c, x[1]-c, x[2]-c, x[3]-c
		a += p * p
		b += q * q
		d += r * r
		e += s * s
	}
	for _, v := range x {
		a += (v - c) * (v - c)
	}
	return (a + b) + (d + e)
}

// chan2 merges the moments of two sets.
func chan2(n, mean, m2, k, mean2, s2 float64) (float64, float64, float64) {
	switch {
	case k == 0:
		return n, mean, m2
	case n == 0:
		return k, mean2, s2
	}
	all, d := n+k, mean2-mean
	return all, mean + d*(k/all), m2 + s2 + d*d*(n*k/all)
}

func (f *moments) End(cols [][]byte) {
	n, mean, m2 := View[float64](cols[0], 1), View[float64](cols[1], 1), View[float64](cols[2], 1)
	n[0], mean[0], m2[0] = chan2(n[0], mean[0], m2[0], f.n, f.mean, f.m2)
}

// Cells is one step of Welford (1962): all cells have the same count, so that
// there is one division for all of them.
func (f *moments) Cells(cols [][]byte, x []byte, n int, _ int64) {
	count, mean, m2, v := View[float64](cols[0], n), View[float64](cols[1], n), View[float64](cols[2], n), View[float64](x, n)
	if n == 0 {
		return
	}
	k := count[0] + 1
	r := 1 / k
	for i := range v {
		d := v[i] - mean[i]
		mean[i] += d * r
		m2[i] += d * (v[i] - mean[i])
		count[i] = k
	}
}

func (f *moments) Merge(cols, later [][]byte, n int) {
	a, b, c := View[float64](cols[0], n), View[float64](cols[1], n), View[float64](cols[2], n)
	k, m, s := View[float64](later[0], n), View[float64](later[1], n), View[float64](later[2], n)
	for i := range a {
		a[i], b[i], c[i] = chan2(a[i], b[i], c[i], k[i], m[i], s[i])
	}
}
