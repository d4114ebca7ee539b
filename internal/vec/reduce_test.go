package vec

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

func TestReduce(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		eachType(t, true, map[string]func(t *testing.T){
			"int8": testReduce[int8], "int16": testReduce[int16], "int32": testReduce[int32], "int64": testReduce[int64],
			"uint8": testReduce[uint8], "uint16": testReduce[uint16], "uint32": testReduce[uint32], "uint64": testReduce[uint64],
			"float32": testReduce[float32], "float64": testReduce[float64],
			"complex64": testReduce[complex64], "complex128": testReduce[complex128],
		})
		t.Run("arg8", testArg[int8])
		t.Run("arg32", testArg[float32])
		t.Run("arg64", testArg[float64])
		t.Run("deviations32", testDeviations[float32])
		t.Run("deviations64", testDeviations[float64])
		t.Run("columns32", testColumns[float32])
		t.Run("columns64", testColumns[float64])
	})
}

// lengths holds every length of a block and some of several.
func lengths() []int {
	var n []int
	for i := 0; i <= Block+1; i++ {
		n = append(n, i)
	}
	return append(n, 2*Block-1, 2*Block, 2*Block+1, 3*Block+77, 5000)
}

func testReduce[T Elem](t *testing.T) {
	whole, other := guarded[T](t, 5000), guarded[T](t, 5000)
	dot := Dot[T]()
	for _, n := range lengths() {
		r := newRand(n)
		x, y := whole[5000-n:], other[5000-n:]
		fill(r, x)
		fill(r, y)
		if n%2 == 0 { // without NaN and infinities, which hide everything else
			for i := range x {
				x[i], y[i] = T(0), T(0)
				for k := r.IntN(5); k > 0; k-- {
					x[i]++
					y[i]--
				}
				if n%4 == 0 && isReal[T]() {
					x[i], y[i] = quarter(x[i]), quarter(y[i])
				}
			}
		}
		for op := ReduceOp(0); op < reduceOps; op++ {
			f, block := Reduce[T](op), blockReduceGo[T](op)
			if f == nil {
				continue
			}
			var want T
			switch op {
			case Least, Greatest:
				l := level
				level = 0
				want = Reduce[T](op)(x)
				level = l
			case Prod:
				want = T(1)
				for rest := x; ; rest = rest[Block:] {
					want *= block(rest[:min(len(rest), Block)])
					if len(rest) <= Block {
						break
					}
				}
			default:
				var sums []T
				for _, part := range parted(x) {
					sums = append(sums, block(part))
				}
				want = tree(sums)
			}
			if got := f(x); !same(got, want) {
				t.Fatalf("%v n=%d: %v, want %v", op, n, got, want)
			}
		}
		var sums []T
		py := parted(y)
		for i, part := range parted(x) {
			sums = append(sums, dotBlock(part, py[i]))
		}
		if got, want := dot(x, y), tree(sums); !same(got, want) {
			t.Fatalf("dot n=%d: %v, want %v", n, got, want)
		}
	}
}

func isReal[T Elem]() bool { var z T; _, c := parts(z); return !c }

// quarter makes sums inexact.
func quarter[T Elem](x T) T {
	switch p := any(&x).(type) {
	case *float32:
		*p = *p/3 + 1e-3
	case *float64:
		*p = *p/3 + 1e-3
	}
	return x
}

func parted[T any](x []T) [][]T {
	if len(x) == 0 {
		return [][]T{x}
	}
	return slices.Collect(slices.Chunk(x, Block))
}

// tree adds as Pairwise says: complete trees of falling size, from the last to the first.
func tree[T Elem](x []T) T {
	if len(x) == 1 {
		return x[0]
	}
	n := 1
	for 2*n < len(x) {
		n *= 2
	}
	return tree(x[:n]) + tree(x[n:])
}

func testArg[T Number](t *testing.T) {
	for _, n := range lengths() {
		r := newRand(n)
		x := make([]T, n)
		fill(r, x)
		if n%2 == 0 {
			for i := range x {
				x[i] = T(r.IntN(100))
			}
		}
		least, greatest := -1, -1
		for i, v := range x {
			if least < 0 || x[least] == x[least] && (v < x[least] || v != v) {
				least = i
			}
			if greatest < 0 || x[greatest] == x[greatest] && (v > x[greatest] || v != v) {
				greatest = i
			}
		}
		if got := ArgReduce[T](Least)(x); got != least {
			t.Fatalf("n=%d: argmin %d, want %d", n, got, least)
		}
		if got := ArgReduce[T](Greatest)(x); got != greatest {
			t.Fatalf("n=%d: argmax %d, want %d", n, got, greatest)
		}
	}
}

func testDeviations[T Float](t *testing.T) {
	f := Deviations[T]()
	whole := guarded[T](t, 5000)
	for _, n := range lengths() {
		r := newRand(n)
		x := whole[5000-n:]
		for i := range x {
			x[i] = T(r.NormFloat64())
		}
		var sums []T
		for _, part := range parted(x) {
			sums = append(sums, deviationsBlock(part, T(0.125)))
		}
		if got, want := f(x, 0.125), tree(sums); got != want {
			t.Fatalf("n=%d: %v, want %v", n, got, want)
		}
	}
}

func testColumns[T Float](t *testing.T) {
	sums := ColumnSums[T]()
	for cols := 0; cols <= maxLen[T](); cols++ {
		for _, rows := range []int{0, 1, 2, 3, 16} {
			stride := cols + cols%3
			x, d := guarded[T](t, max(0, (rows-1)*stride+cols)), guarded[T](t, cols)
			r := newRand(cols)
			for i := range x {
				x[i] = T(r.NormFloat64())
			}
			want := make([]T, cols)
			columnSumsGo(want, x, rows, stride)
			sums(d, x, rows, stride)
			if !slices.Equal(d, want) {
				t.Fatalf("sums of %d x %d: %v, want %v", rows, cols, d, want)
			}
		}
	}
	x := make([]T, 99)
	for name, f := range map[string]func(){
		"rows":      func() { sums(x[:10], x, 10, 10) },
		"cols":      func() { sums(x[:10], x[:9], 1, 10) },
		"stride":    func() { sums(x[:10], x, 2, -1) },
		"transpose": func() { Transpose[T]()(x, 10, x, 10, 10, 10) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

// TestTiles compares the moments of columns and the reductions of rows with their references.
func TestTiles(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		moments, sums, deviations := ColumnMoments(), RowSums(), RowDeviations()
		for cols := range 100 {
			for _, rows := range []int{1, 2, 3, 4, 5, 7, 16} {
				r := newRand(cols)
				stride, ahead := cols+cols%3, (rows-2)*cols<<20 // where no memory is
				x := guarded[float64](t, (rows-1)*stride+cols)
				mean, m2 := guarded[float64](t, cols), guarded[float64](t, cols)
				for i := range x {
					x[i] = r.NormFloat64()
				}
				wantMean, want := slices.Clone(x[:cols]), make([]float64, cols)
				for n := int64(rows); n <= 3*int64(rows); n += int64(rows) {
					columnMomentsGo(wantMean, want, x, rows, stride, float64(n))
					moments(mean, m2, x, rows, stride, n)
					if !slices.Equal(mean, wantMean) || !slices.Equal(m2, want) {
						t.Fatalf("moments of %d x %d: %v, %v, want %v, %v", rows, cols, mean, m2, wantMean, want)
					}
				}
				d, from := guarded[float64](t, rows), guarded[float64](t, rows)
				for i := range from {
					from[i] = r.NormFloat64()
				}
				want = make([]float64, rows)
				rowSumsGo(want, x, stride, cols, 0)
				if sums(d, x, stride, cols, ahead); !slices.Equal(d, want) {
					t.Fatalf("sums of %d rows of %d: %v, want %v", rows, cols, d, want)
				}
				rowDeviationsGo(want, from, x, stride, cols, 0)
				if deviations(d, from, x, stride, cols, ahead); !slices.Equal(d, want) {
					t.Fatalf("deviations of %d rows of %d: %v, want %v", rows, cols, d, want)
				}
			}
		}
	})
}

// TestColumnMoments holds the error of moments taken in one pass, of columns that make what is
// subtracted large: an outlier in the first row, a step after the first rows, a drift, and a large mean.
func TestColumnMoments(t *testing.T) {
	const rows, cols = 4000, 4
	r := newRand(7)
	x := make([]float64, rows*cols)
	for i := range rows {
		noise := r.NormFloat64()
		x[i*cols] = noise
		x[i*cols+1] = 1e9 + 1e-3*noise
		x[i*cols+2] = float64(i) * 1e3
		x[i*cols+3] = noise + 1e6
		if i < 16 {
			x[i*cols+3] = noise - 1e6
		}
	}
	x[0] = 1e8
	atLevels(t, func(t *testing.T) {
		add := ColumnMoments()
		mean, m2 := make([]float64, cols), make([]float64, cols)
		for i := 0; i < rows; i += 16 {
			add(mean, m2, x[i*cols:], 16, cols, int64(i+16))
		}
		for j := range cols {
			exact, want := new(big.Float).SetPrec(400), new(big.Float).SetPrec(400)
			for i := range rows {
				exact.Add(exact, big.NewFloat(x[i*cols+j]))
			}
			exact.Quo(exact, big.NewFloat(rows))
			for i := range rows {
				d := new(big.Float).SetPrec(400).Sub(big.NewFloat(x[i*cols+j]), exact)
				want.Add(want, d.Mul(d, d))
			}
			w, _ := want.Float64()
			e, _ := exact.Float64()
			if math.Abs(m2[j]-w) > 1e-12*w && j != 1 || math.Abs(m2[j]-w) > 1e-6*w || math.Abs(mean[j]-e) > 1e-14*(1+math.Abs(e))*100 {
				t.Errorf("column %d: mean %v, want %v; M2 %v, want %v (off by %.2g)", j, mean[j], e, m2[j], w, m2[j]/w-1)
			}
		}
	})
}

// TestSumError holds the bound of Reduce on numbers that cancel.
func TestSumError(t *testing.T) {
	const n = 100_000
	r := newRand(1)
	x := make([]float64, n)
	exact, size := new(big.Float).SetPrec(2000), 0.0
	for i := range x {
		x[i] = r.NormFloat64() * math.Exp(20*r.NormFloat64())
		exact.Add(exact, big.NewFloat(x[i]))
		size += math.Abs(x[i])
	}
	got := Reduce[float64](Sum)(x)
	diff, _ := new(big.Float).Sub(exact, big.NewFloat(got)).Float64()
	if bound := (math.Log2(n) + 13) * 0x1p-53 * size; math.Abs(diff) > bound {
		t.Errorf("error %g, bound %g", diff, bound)
	}
}

func TestMoments(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		f := MomentsOf()
		for _, n := range []int{0, 1, 2, 255, 2048, 2049, 10_000} {
			r := newRand(n)
			x := make([]float64, n)
			mean, m2 := new(big.Float).SetPrec(200), new(big.Float).SetPrec(200)
			for i := range x {
				x[i] = 1e6 + r.NormFloat64()
				mean.Add(mean, big.NewFloat(x[i]))
			}
			got := f(x)
			if got.N != int64(n) {
				t.Fatalf("n=%d: N=%d", n, got.N)
			}
			if n == 0 {
				if !math.IsNaN(got.Variance(0)) {
					t.Error("variance of nothing is a number")
				}
				continue
			}
			mean.Quo(mean, big.NewFloat(float64(n)))
			for _, v := range x {
				d := new(big.Float).SetPrec(200).Sub(big.NewFloat(v), mean)
				m2.Add(m2, d.Mul(d, d))
			}
			wantMean, _ := mean.Float64()
			want, _ := m2.Float64()
			if math.Abs(got.Mean-wantMean) > 1e-9 || math.Abs(got.M2-want) > 1e-9*(1+want) {
				t.Errorf("n=%d: mean %v, want %v; M2 %v, want %v", n, got.Mean, wantMean, got.M2, want)
			}
		}
		for _, c := range []struct {
			m    Moments
			ddof float64
			want float64
		}{{Moments{4, 0, 8}, 0, 2}, {Moments{4, 0, 9}, 1, 3}, {Moments{1, 5, 0}, 1, math.NaN()}, {Moments{1, 5, 0}, 2, math.NaN()}} {
			if got := c.m.Variance(c.ddof); !same(got, c.want) {
				t.Errorf("variance of %v with ddof %v is %v, want %v", c.m, c.ddof, got, c.want)
			}
		}
	})
}

func TestMergeColumns(t *testing.T) {
	a, b := [][]float64{{1, 2, 6}, {5, 5, 5}}, [][]float64{{3, 8}, {5, 7}}
	var mean, m2, meanK, m2K []float64
	f := MomentsOf()
	for i := range a {
		p, q := f(a[i]), f(b[i])
		mean, m2, meanK, m2K = append(mean, p.Mean), append(m2, p.M2), append(meanK, q.Mean), append(m2K, q.M2)
	}
	MergeColumns(3, mean, m2, 0, meanK, m2K)
	MergeColumns(3, mean, m2, 2, meanK, m2K)
	for i := range a {
		want := f(append(a[i], b[i]...))
		if math.Abs(mean[i]-want.Mean) > 1e-12 || math.Abs(m2[i]-want.M2) > 1e-12 {
			t.Errorf("column %d: %v, %v, want %v", i, mean[i], m2[i], want)
		}
	}
	none := make([]float64, 2)
	MergeColumns(0, none, slices.Clone(none), 5, mean, m2)
	if !slices.Equal(none, mean) {
		t.Errorf("merged into nothing: %v, want %v", none, mean)
	}
}

func TestScan(t *testing.T) {
	x := []float64{3, -1, math.NaN(), 2}
	for _, c := range []struct {
		op   BinaryOp
		from float64
		want []float64
	}{
		{Add, 1, []float64{4, 3, math.NaN(), math.NaN()}}, {Mul, 2, []float64{6, -6, math.NaN(), math.NaN()}},
		{Min, 2, []float64{2, -1, math.NaN(), math.NaN()}}, {Max, 2, []float64{3, 3, math.NaN(), math.NaN()}},
	} {
		d := make([]float64, 4)
		last := Scan(c.op, d, x, c.from)
		if !slices.EqualFunc(d, c.want, same[float64]) || !same(last, c.want[3]) {
			t.Errorf("%v: %v and %v, want %v", c.op, d, last, c.want)
		}
	}
	if got := Scan(Add, nil, nil, int8(7)); got != 7 {
		t.Errorf("scan of nothing is %d", got)
	}
}

func TestTranspose(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		t.Run("1", testTranspose[uint8])
		t.Run("2", testTranspose[int16])
		t.Run("4", testTranspose[float32])
		t.Run("8", testTranspose[uint64])
		t.Run("16", testTranspose[complex128])
	})
}

func TestCopyRows(t *testing.T) {
	atLevels(t, func(t *testing.T) {
		f := CopyRows()
		for _, rows := range []int{0, 1, 2, 16, 33} {
			for _, n := range []int{0, 1, 63, 64, 65, 128, 192, 256, 1024} {
				for _, stride := range []int{0, n, n + 1, n + 64} {
					src, dst := guarded[uint8](t, max(0, (rows-1)*stride+n)), guarded[uint8](t, rows*n)
					fill(newRand(rows), src)
					f(dst, src, n, rows, stride, 1<<20)
					for r := range rows {
						if !slices.Equal(dst[r*n:(r+1)*n], src[r*stride:r*stride+n]) {
							t.Fatalf("%d rows of %d bytes, %d apart: row %d", rows, n, stride, r)
						}
					}
				}
			}
		}
	})
}

func testTranspose[T Elem](t *testing.T) {
	f := Transpose[T]()
	for _, rows := range []int{0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 70} {
		for _, cols := range []int{0, 1, 3, 8, 9, 16, 23, 32, 47, 64, 65} {
			lds, ldd := cols+rows%3, rows+cols%5
			src, dst := guarded[T](t, max(0, (rows-1)*lds+cols)), guarded[T](t, max(0, (cols-1)*ldd+rows))
			fill(newRand(rows), src)
			before := slices.Clone(dst)
			f(dst, ldd, src, lds, rows, cols)
			for k, v := range dst {
				want := before[k]
				if i := k % max(1, ldd); i < rows {
					want = src[i*lds+k/ldd]
				}
				if !same(v, want) {
					t.Fatalf("%d x %d: element %d is %v, want %v", rows, cols, k, v, want)
				}
			}
		}
	}
}
