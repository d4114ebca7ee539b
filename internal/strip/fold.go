package strip

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/weft-data/weft/internal/elem"
	"github.com/weft-data/weft/internal/vec"
)

// A Fold is a reduction. The values are part of the canonical bytes of plans:
// append only.
type Fold uint8

// The folds. Sums of floats are pairwise in a fixed order: the error of a sum of n
// elements grows with log n along a row, or by runs of 32 where rows have cells of
// their own and an operand is transposed, and by runs of 16 across rows. Min and
// Max give NaN when there is one; ArgMin and ArgMax the first position of the
// extreme, of the first NaN if there is one. NanArgMin and NanArgMax pass NaN over;
// the position is -1 where nothing else is.
const (
	NoFold Fold = iota
	Sum
	Prod
	Min
	Max
	ArgMin
	ArgMax
	Moments // count, mean and the sum of squared distances from it (Chan, Golub and LeVeque 1983)
	NanArgMin
	NanArgMax
	numFolds
)

var foldNames = [numFolds]string{"none", "sum", "prod", "min", "max", "argmin", "argmax", "moments", "nanargmin", "nanargmax"}

func (f Fold) String() string {
	if f < numFolds {
		return foldNames[f]
	}
	return fmt.Sprintf("strip.Fold(%d)", uint8(f))
}

// Positions reports whether the fold needs to know where elements are.
func (f Fold) Positions() bool {
	return f == ArgMin || f == ArgMax || f == NanArgMin || f == NanArgMax
}

// State returns the types of the columns of a fold's state over elements of type
// k, or an error when it is not defined for them.
func (f Fold) State(k elem.Kind) ([]elem.Kind, error) {
	wide := k == elem.Int64 || k == elem.Uint64 || k == elem.Float64 || k == elem.Complex128
	real := k.IsReal() || k == elem.Bool
	switch {
	case (f == Sum || f == Prod) && wide, (f == Min || f == Max) && real:
		return []elem.Kind{k}, nil
	case f.Positions() && real:
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

// A Joiner adds the results of operations as it computes them: they need no place, and no pass of their own. The bits are
// those of single steps.
type Joiner interface {
	// Join returns what does to n results of an operation on elements of type k as Strip does to n elements, or nil if there is
	// none. b is the second operand, if there is one.
	Join(o Op, k elem.Kind) func(a, b []byte, n int)
}

// Group is how many rows a Bander takes at once, at most.
const Group = 16

// A Bander adds bands of rows to cells at once, which is faster than Cells or Strip
// row by row: as many rows as that are so many places from which memory is read ahead.
type Bander interface {
	// Band adds element r·stride+i of x to cell i of n, for each of so many rows.
	Band(cols [][]byte, x []byte, rows, stride, n int)
	// Rows adds the n elements of x from r·stride on to cell r, for each row. The rows that
	// come next begin ahead elements behind these, and are asked for meanwhile; 0: none do.
	Rows(cols [][]byte, x []byte, rows, stride, n, ahead int)
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
			return newSum[int64](), nil
		case elem.Float64:
			s := newSum[float64]()
			return &bandSum{sum: s, columns: vec.ColumnSums[float64](), rows: vec.RowSums()}, nil
		}
		return newSum[complex128](), nil
	case Prod:
		switch k {
		case elem.Int64, elem.Uint64:
			return &prod[int64]{}, nil
		case elem.Float64:
			return &prod[float64]{}, nil
		}
		return &prod[complex128]{}, nil
	case Moments:
		return &moments{add: vec.Reduce[float64](vec.Sum), squares: vec.Deviations[float64](),
			columns: vec.ColumnMoments(), rows: vec.RowSums(), deviations: vec.RowDeviations()}, nil
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
		return &extreme[T]{none: hi, reduce: vec.Reduce[T](vec.Least), merge: vec.Binary[T](vec.Min)}
	case Max:
		return &extreme[T]{none: lo, reduce: vec.Reduce[T](vec.Greatest), merge: vec.Binary[T](vec.Max)}
	}
	return newArg(f, lo, hi)
}

// sum adds strips as the leaves of a binary tree: level i of the cascade holds
// the sum of 2^i strips when bit i of n is set.
type sum[T int64 | float64 | complex128] struct {
	add   func(x []T) T
	merge func(dst, x, y []T)
	n     uint64
	level [64]T
}

func (f *sum[T]) Init(cols [][]byte, n int) { clear(View[T](cols[0], n)) }
func (f *sum[T]) Begin()                    { f.n = 0 }

func (f *sum[T]) Strip(x []byte, n int, _, _ int64) { f.take(f.add(View[T](x, n))) }

// take adds the sum of the next strip.
func (f *sum[T]) take(s T) {
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
	d := View[T](cols[0], n)
	f.merge(d, d, View[T](x, n))
}

func (f *sum[T]) Merge(cols, later [][]byte, n int) { f.Cells(cols, later[0], n, 0) }

func newSum[T int64 | float64 | complex128]() *sum[T] {
	return &sum[T]{add: vec.Reduce[T](vec.Sum), merge: vec.Binary[T](vec.Add)}
}

// bandSum is the sum of float64, which has a kernel for bands.
type bandSum struct {
	*sum[float64]
	columns func(dst, x []float64, rows, stride int)
	rows    func(dst, x []float64, stride, n, ahead int)

	band   []float64        // the sums of one
	levels [][Group]float64 // of the cascade of a band of rows
}

// Band implements Bander.
func (f *bandSum) Band(cols [][]byte, x []byte, rows, stride, n int) {
	f.band = slices.Grow(f.band[:0], n)[:n]
	f.columns(f.band, View[float64](x, (rows-1)*stride+n), rows, stride)
	d := View[float64](cols[0], n)
	f.merge(d, d, f.band)
}

// Join implements Joiner.
func (f *bandSum) Join(o Op, k elem.Kind) func(a, b []byte, n int) {
	switch {
	case k != elem.Float64:
	case o.within(binaries, int(vec.BinaryOps)):
		if sum := vec.SumOfTwo(vec.BinaryOp(o - binaries)); sum != nil {
			return func(a, b []byte, n int) { f.take(sum(View[float64](a, n), View[float64](b, n))) }
		}
	case o.within(unaries, int(vec.UnaryOps)):
		if sum := vec.SumOfOne(vec.UnaryOp(o - unaries)); sum != nil {
			return func(a, _ []byte, n int) { f.take(sum(View[float64](a, n))) }
		}
	}
	return nil
}

// Rows implements Bander: blocks are added as strips are.
func (f *bandSum) Rows(cols [][]byte, x []byte, rows, stride, n, ahead int) {
	v := View[float64](x, (rows-1)*stride+n)
	blocks := uint(0)
	for s := 0; s < n; s += vec.Block {
		k := bits.TrailingZeros(^blocks)
		if k == len(f.levels) {
			f.levels = append(f.levels, [Group]float64{})
		}
		to := f.levels[k][:rows]
		f.rows(to, v[s:], stride, min(vec.Block, n-s), nextBlock(s, n, ahead))
		for l := range k {
			for r, s := range f.levels[l][:rows] {
				to[r] = s + to[r]
			}
		}
		blocks++
	}
	d := View[float64](cols[0], rows)
	for r := range d {
		s := 0.0
		for l := range bits.Len(blocks) {
			if blocks>>l&1 != 0 {
				s = f.levels[l][r] + s
			}
		}
		d[r] += s
	}
}

// nextBlock is how far behind the block at s of rows of n elements the next one lies: in the
// same rows, or in those that come ahead elements behind them.
func nextBlock(s, n, ahead int) int {
	if s+vec.Block < n {
		return vec.Block
	}
	if ahead == 0 {
		return 0
	}
	return ahead - s
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
	none   T
	reduce func(x []T) T
	merge  func(dst, x, y []T)
	best   [1]T
}

func (f *extreme[T]) Init(cols [][]byte, n int) {
	c := View[T](cols[0], n)
	for i := range c {
		c[i] = f.none
	}
}

func (f *extreme[T]) Begin() { f.best[0] = f.none }

func (f *extreme[T]) Strip(x []byte, n int, _, _ int64) {
	one := [1]T{f.reduce(View[T](x, n))}
	f.merge(f.best[:], f.best[:], one[:])
}

func (f *extreme[T]) End(cols [][]byte) {
	c := View[T](cols[0], 1)
	f.merge(c, c, f.best[:])
}

func (f *extreme[T]) Cells(cols [][]byte, x []byte, n int, _ int64) {
	d := View[T](cols[0], n)
	f.merge(d, d, View[T](x, n))
}

func (f *extreme[T]) Merge(cols, later [][]byte, n int) { f.Cells(cols, later[0], n, 0) }

// moments merges means and squared distances of strips, each taken in two passes
// over the first-level cache.
type moments struct {
	vec.Moments
	add     func(x []float64) float64
	squares func(x []float64, c float64) float64

	columns    func(mean, m2, x []float64, rows, stride int, n int64)
	rows       func(dst, x []float64, stride, n, ahead int)
	deviations func(dst, mean, x []float64, stride, n, ahead int)
	sets       [2]struct{ count, mean, m2 [Group]float64 } // of a band of rows: so far, and of a block
}

// Band implements Bander. All cells have the same count.
func (f *moments) Band(cols [][]byte, x []byte, rows, stride, n int) {
	count := View[float64](cols[0], n)
	all := count[0] + float64(rows)
	f.columns(View[float64](cols[1], n), View[float64](cols[2], n), View[float64](x, (rows-1)*stride+n), rows, stride, int64(all))
	vec.Fill(count, all)
}

// Rows implements Bander: blocks are merged as strips are.
func (f *moments) Rows(cols [][]byte, x []byte, rows, stride, n, ahead int) {
	v := View[float64](x, (rows-1)*stride+n)
	all, block := &f.sets[0], &f.sets[1]
	for s := 0; s < n; s += vec.Block {
		k := min(vec.Block, n-s)
		mean, m2 := block.mean[:rows], block.m2[:rows]
		f.rows(mean, v[s:], stride, k, 0)
		for r := range mean {
			mean[r] /= float64(k)
		}
		f.deviations(m2, mean, v[s:], stride, k, nextBlock(s, n, ahead))
		vec.MergeColumns(int64(s), all.mean[:rows], all.m2[:rows], int64(k), mean, m2)
	}
	vec.Fill(all.count[:rows], float64(n))
	f.Merge(cols, [][]byte{Raw(all.count[:]), Raw(all.mean[:]), Raw(all.m2[:])}, rows)
}

func (f *moments) Init(cols [][]byte, n int) {
	for _, c := range cols[:3] {
		clear(View[float64](c, n))
	}
}

func (f *moments) Begin() { f.Moments = vec.Moments{} }

func (f *moments) Strip(x []byte, n int, _, _ int64) {
	v := View[float64](x, n)
	mean := f.add(v) / float64(n)
	f.Moments = f.Moments.Merge(vec.Moments{N: int64(n), Mean: mean, M2: f.squares(v, mean)})
}

// uniform reports whether all counts are equal.
func uniform(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
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
	n[0], mean[0], m2[0] = chan2(n[0], mean[0], m2[0], float64(f.N), f.Mean, f.M2)
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
	if uniform(a) && uniform(k) && n > 0 { // the weights are the same for all
		vec.MergeColumns(int64(a[0]), b, c, int64(k[0]), m, s)
		vec.Fill(a, a[0]+k[0])
		return
	}
	for i := range a {
		a[i], b[i], c[i] = chan2(a[i], b[i], c[i], k[i], m[i], s[i])
	}
}
