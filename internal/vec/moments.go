package vec

import "math"

// Moments holds number, mean and sum of squared deviations from the mean. The zero value is that of no elements.
type Moments struct {
	N        int64
	Mean, M2 float64
}

// Merge returns the moments of both sets together (Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for
// computing sample variances, 1979).
func (m Moments) Merge(o Moments) Moments {
	if m.N == 0 {
		return o
	}
	if o.N == 0 {
		return m
	}
	n := float64(m.N + o.N)
	d := o.Mean - m.Mean
	return Moments{
		N:    m.N + o.N,
		Mean: m.Mean + float64(d*(float64(o.N)/n)),
		M2:   m.M2 + o.M2 + float64(d*float64(d*(float64(m.N)*float64(o.N)/n))),
	}
}

// Variance returns M2 / (N - ddof), NaN where that has no value.
func (m Moments) Variance(ddof float64) float64 {
	d := float64(m.N) - ddof
	if m.N == 0 || d < 0 {
		return math.NaN()
	}
	return m.M2 / d
}

// MomentsOf returns the function that takes the moments of float64 elements: two passes over each block of 8*Block
// elements while it is near, then merged from left to right.
func MomentsOf() func(x []float64) Moments {
	sum, dev := Reduce[float64](Sum), Deviations[float64]()
	return func(x []float64) Moments {
		var all Moments
		for len(x) > 0 {
			n := min(len(x), 8*Block)
			mean := sum(x[:n]) / float64(n)
			all = all.Merge(Moments{int64(n), mean, dev(x[:n], mean)})
			x = x[n:]
		}
		return all
	}
}

// Deviations returns the function that adds (x[i]-c)^2 in the order of Reduce; of float64 squares and sums are fused.
func Deviations[T Float]() func(x []T, c T) T {
	f := deviationsASM[T]()
	if f == nil {
		f = deviationsBlock[T]
	}
	return func(x []T, c T) T {
		if len(x) <= Block {
			return f(x, c)
		}
		var p Pairwise[T]
		for ; len(x) > Block; x = x[Block:] {
			p.Add(f(x[:Block], c))
		}
		p.Add(f(x, c))
		return p.Sum()
	}
}

func deviationsBlock[T Float](x []T, c T) T {
	var acc [64]T
	lanes := lanesOf[T]()
	for i, v := range x {
		l := &acc[i&(lanes-1)]
		*l = addProduct(v-c, v-c, *l)
	}
	return foldSum(acc[:lanes])
}

// addProduct returns x*y + z, of float64 rounded once.
func addProduct[T Float](x, y, z T) T {
	if sizeOf[T]() == 8 {
		return T(math.FMA(float64(x), float64(y), float64(z)))
	}
	return T(x*y) + z
}

// ColumnSums returns the function that sets dst[j] to the sum over rows r of x[r*stride+j], for len(dst) columns, from the
// first row to the last. For many rows call it in groups of about 16 and add the groups, so that errors stay small.
func ColumnSums[T Float]() func(dst, x []T, rows, stride int) {
	if f := columnSumsASM[T](); f != nil {
		return func(dst, x []T, rows, stride int) {
			checkTile(len(dst), len(x), rows, stride)
			f(dst, x, rows, stride)
		}
	}
	return columnSumsGo[T]
}

func columnSumsGo[T Float](dst, x []T, rows, stride int) {
	checkTile(len(dst), len(x), rows, stride)
	clear(dst)
	for r := range rows {
		for j, v := range x[r*stride:][:len(dst)] {
			dst[j] += v
		}
	}
}

// ColumnMoments returns the function that adds rows to moments of columns: mean[j] and m2[j], of n-rows elements before, take
// those of x[r*stride+j] over all rows, for len(mean) columns; n = rows stands for none before. It reads x once:
//
//	mean' = mean + s/n,  m2' = m2 + q - s·(s/n)  with s = Σ(x-mean), q = Σ(x-mean)²
//
// (Chan, Golub and LeVeque 1979, with the mean so far as the shift). What is subtracted is at most twice what the rows add
// to m2 when there were as many elements before. Of none, the first row is the shift, and at most rows times as much is
// subtracted as is left, so that a call takes few rows: about 16.
func ColumnMoments() func(mean, m2, x []float64, rows, stride int, n int64) {
	f := columnMomentsASM()
	if f == nil {
		f = columnMomentsGo
	}
	return func(mean, m2, x []float64, rows, stride int, n int64) {
		checkTile(len(mean), len(x), rows, stride)
		if rows == 0 {
			return
		}
		if n == int64(rows) {
			copy(mean, x[:len(mean)])
			clear(m2[:len(mean)])
		}
		f(mean, m2[:len(mean)], x, rows, stride, float64(n))
	}
}

func columnMomentsGo(mean, m2, x []float64, rows, stride int, n float64) {
	for j, c := range mean {
		sum, square := 0.0, 0.0
		for r := range rows {
			d := x[r*stride+j] - c
			sum += d
			square = math.FMA(d, d, square)
		}
		step := sum / n
		mean[j] = c + step
		m2[j] += square - float64(step*sum)
	}
}

// RowSums returns the function that sets dst[r] to the sum of the n elements from x[r*stride] on, at most Block, in the order
// of Reduce. The memory is asked for what lies ahead elements behind each that is taken in: what is taken in next, of which
// the processor cannot know where it lies; not by rows that are taken in side by side. Nothing of it is read, and it need not be
// there; 0 asks for what is here.
func RowSums() func(dst, x []float64, stride, n, ahead int) {
	f := rowSumsASM()
	if f == nil {
		f = rowSumsGo
	}
	return func(dst, x []float64, stride, n, ahead int) {
		checkTile(n, len(x), len(dst), stride)
		f(dst, x, stride, n, ahead)
	}
}

func rowSumsGo(dst, x []float64, stride, n, _ int) {
	for r := range dst {
		dst[r] = sumBlock(x[r*stride:][:n])
	}
}

// RowDeviations returns the function that sets dst[r] to the sum of (x-mean[r])^2 over the n elements from x[r*stride] on, at
// most Block, in the order of Reduce; squares and sums are fused. ahead is that of RowSums.
func RowDeviations() func(dst, mean, x []float64, stride, n, ahead int) {
	f := rowDeviationsASM()
	if f == nil {
		f = rowDeviationsGo
	}
	return func(dst, mean, x []float64, stride, n, ahead int) {
		checkTile(n, len(x), len(dst), stride)
		f(dst, mean[:len(dst)], x, stride, n, ahead)
	}
}

func rowDeviationsGo(dst, mean, x []float64, stride, n, _ int) {
	for r := range dst {
		dst[r] = deviationsBlock(x[r*stride:][:n], mean[r])
	}
}

// checkTile panics if a tile of rows of cols elements does not lie within n elements.
func checkTile(cols, n, rows, stride int) {
	if rows < 0 || stride < 0 || rows > 0 && (rows-1)*stride+cols > n {
		panic("vec: the tile does not lie within the slice")
	}
}

// MergeColumns merges moments of columns: mean and m2 of n elements each take those of k further elements.
func MergeColumns(n int64, mean, m2 []float64, k int64, meanK, m2K []float64) {
	cols := len(mean)
	m2, meanK, m2K = m2[:cols], meanK[:cols], m2K[:cols]
	if k == 0 {
		return
	}
	if n == 0 {
		copy(mean, meanK)
		copy(m2, m2K)
		return
	}
	total := float64(n + k)
	a, b := float64(k)/total, float64(n)*float64(k)/total
	for j, m := range mean {
		d := meanK[j] - m
		mean[j] = m + float64(d*a)
		m2[j] = m2[j] + m2K[j] + float64(d*float64(d*b))
	}
}

// Scan sets dst[i] to c op x[0] op ... op x[i] and returns the last of them (c of nothing), for Add, Mul, Min and Max. dst
// may be x. It panics on other operations.
func Scan[T Number](op BinaryOp, dst, x []T, c T) T {
	n := min(len(dst), len(x))
	dst, x = dst[:n], x[:n]
	switch op {
	case Add:
		for i, v := range x {
			c += v
			dst[i] = c
		}
	case Mul:
		for i, v := range x {
			c *= v
			dst[i] = c
		}
	case Min:
		for i, v := range x {
			c = min(c, v)
			dst[i] = c
		}
	case Max:
		for i, v := range x {
			c = max(c, v)
			dst[i] = c
		}
	default:
		panic("vec: no scan of " + op.String())
	}
	return c
}
