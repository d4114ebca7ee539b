package array_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
	"github.com/weft-data/weft/sched/local"
)

func init() {
	maps.Copy(functions, map[string]any{
		"Second": func(x *array.Array, verb string) *array.Array { return result(x, verb, 1) },
		"Third":  func(x *array.Array, verb string) *array.Array { return result(x, verb, 2) },
		"Fourth": func(x *array.Array, verb string) *array.Array { return result(x, verb, 3) },
		"Edges":  func(x *array.Array) *array.Array { _, e := x.HistogramBins(3); return e },
		"Pairs":  func(a, b []int) [2][]int { return [2][]int{a, b} },
		"Points": array.Points, "Scale": array.Scale, "FFTFreq": array.FFTFreq, "RFFTFreq": array.RFFTFreq,
		"Einsum": array.Einsum, "Euclid": euclid,
		"RavelIndex": array.RavelIndex, "Lists": func(l ...[]float64) [][]float64 { return l }, "Many": many(), "spread": spread,
	})
}

// many are the numbers below 300.
func many() (v []float64) {
	for i := range 300 {
		v = append(v, float64(i))
	}
	return v
}

// spread is the largest element of a line less the smallest, at every place.
var spread = array.Closure(array.ByLine(func(line, out []float64) error {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range line {
		lo, hi = min(lo, v), max(hi, v)
	}
	for i := range out {
		out[i] = hi - lo
	}
	return nil
}))

// fold adds up f of the elements of a block into one whose folded axes have length 1.
func fold[S, D int64 | float64](in, out *array.Block, f func(S) D) {
	dst := array.Elements[D](out)
	at := make([]int, len(in.Shape))
	for _, v := range array.Elements[S](in) {
		p := 0
		for i, n := range out.Shape {
			p = p*n + at[i]%n
		}
		dst[p] += f(v)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < in.Shape[i] {
				break
			}
			at[i] = 0
		}
	}
}

var (
	squares = array.Register("array_test/squares", func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
		fold(in[0], out, func(v int64) int64 { return v * v })
		return nil
	})
	sums = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
		fold(in[0], out, func(v int64) int64 { return v })
		return nil
	})
	roots = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
		fold(in[0], out, func(v int64) float64 { return math.Sqrt(float64(v)) })
		return nil
	})
)

// euclid is the root of the sum of squares.
func euclid(x *array.Array, axes ...int) *array.Array {
	return array.Reduction(x, array.Reducer{Chunk: squares, State: array.Int64, Combine: sums, Final: roots, Result: array.Float64}, axes...)
}

// TestFactors takes random matrices apart and puts them together again, for shapes
// and chunks that meet all ways of doing it.
func TestFactors(t *testing.T) {
	effort.Long(t, "needs tables of some size")
	r := local.New(local.Options{Threads: 2, Pool: 256 << 20, SpillDir: t.TempDir()})
	defer r.Close()
	small := func(t *testing.T, what string, x *array.Array, bound float64) {
		t.Helper()
		v, err := array.Collect[float64](context.Background(), r, x.Abs().Max().As(array.Float64))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !(v[0] <= bound) {
			t.Errorf("%s: off by %g, at most %g", what, v[0], bound)
		}
	}
	for _, c := range effort.Some(3, []struct{ m, n, cm, cn int }{{1, 1, 1, 1}, {7, 7, 3, 2}, {100, 100, 100, 100}, {100, 100, 30, 33}, {130, 70, 50, 20},
		{70, 130, 20, 40}, {500, 20, 37, 20}, {500, 20, 10, 7}, {300, 5, 3, 5}, {3, 40, 2, 9}, {30, 30, 30, 1}}) {
		for _, k := range effort.Some(2, []array.DType{array.Float64, array.Float32, array.Complex128, array.Complex64}) {
			t.Run(fmt.Sprintf("%dx%d/%dx%d/%s", c.m, c.n, c.cm, c.cn, k), func(t *testing.T) {
				eps := 4e-14
				if k.Real() == array.Float32 {
					eps = 3e-5
				}
				lesser := min(c.m, c.n)
				drawn := func(key uint64, shape []int, chunks ...any) *array.Array {
					x := array.Random(key).Normal(0, 1, shape, array.Chunks(chunks...), array.Of(k.Real()))
					if k.IsComplex() {
						x = x.Add(array.Random(key+100).Normal(0, 1, shape, array.Chunks(chunks...), array.Of(k.Real())).Mul(1i))
					}
					return x.As(k)
				}
				adjoint := func(x *array.Array) *array.Array {
					if k.IsComplex() {
						x = x.Conj()
					}
					return x.T()
				}
				x := drawn(7, []int{c.m, c.n}, c.cm, c.cn)
				q, u := x.QR()
				small(t, "q·r", q.MatMul(u).Sub(x), eps)
				small(t, "qᴴ·q", adjoint(q).MatMul(q).Sub(array.Eye(lesser, lesser, 0)), eps)
				small(t, "below r", array.Where(array.Eye(lesser, c.n, 0).CumSum(1).Gt(0), 0, u), 0)
				p, l, v := x.LU()
				small(t, "p·l·u", p.MatMul(l.MatMul(v)).Sub(x), eps)
				small(t, "above l", array.Where(array.Eye(c.m, lesser, 1).CumSum(1).Gt(0), l, 0), 0)
				most := 1.0
				if k.IsComplex() {
					most = math.Sqrt2 // the pivot is the largest by the sum of the sizes of its parts
				}
				small(t, "|l|", l.Abs().Maximum(most).Sub(most), (most-1)*eps)
				a, s, b := x.SVD()
				small(t, "u·s·v", a.Mul(s).MatMul(b).Sub(x), 4*eps)
				small(t, "uᴴ·u", adjoint(a).MatMul(a).Sub(array.Eye(lesser, lesser, 0)), 4*eps)
				small(t, "vᴴ·v", b.MatMul(adjoint(b)).Sub(array.Eye(lesser, lesser, 0)), 4*eps)
				if c.m >= c.n {
					y := drawn(8, []int{c.m, 3}, c.cm, 2)
					z := x.LstSq(y)
					small(t, "normal equations", adjoint(x).MatMul(x.MatMul(z).Sub(y)), 100*eps)
				}
				if c.m == c.n {
					spd := x.MatMul(adjoint(x)).Add(array.Eye(c.n, c.n, 0).Mul(float64(c.n))).As(k)
					l := spd.Cholesky()
					small(t, "l·lᴴ", l.MatMul(adjoint(l)).Sub(spd), float64(c.n)*eps)
					small(t, "above l", array.Where(array.Eye(c.n, c.n, 1).CumSum(1).Gt(0), l, 0), 0)
					y := drawn(9, []int{c.n}, c.cn)
					small(t, "solve", spd.MatMul(spd.Solve(y)).Sub(y), eps*10)
					small(t, "solve by cholesky", spd.MatMul(spd.SolveCholesky(y)).Sub(y), eps*10)
					small(t, "inverse", spd.MatMul(spd.Inv()).Sub(array.Eye(c.n, c.n, 0)), eps*10)
					_, det := spd.SLogDet()
					small(t, "determinant", det.Sub(array.Where(array.Eye(c.n, c.n, 0, array.Of(array.Bool)), l, 1.0).Abs().Log().Sum().Mul(2)).Div(float64(c.n)), eps*10)
					h := x.Add(adjoint(x))
					values, v := h.Eigh()
					small(t, "h·v", h.MatMul(v).Sub(v.Mul(values)), 20*eps)
					small(t, "vᴴ·v", adjoint(v).MatMul(v).Sub(array.Eye(c.n, c.n, 0)), eps)
					small(t, "order", values.Sub(values.Sort(0)), 0)
					small(t, "values alone", h.EigvalsH().Sub(values), 20*eps)
				}
			})
		}
	}
}

// TestMostPower: the inverse of [[1 1] [0 1]] to the power of 2^63, the most there is.
func TestMostPower(t *testing.T) {
	x := array.FromSlice([]float64{1, 1, 0, 1}, []int{2, 2}).MatrixPower(math.MinInt64)
	same(t, runner(t), x, array.FromSlice([]float64{1, -(1 << 63), 0, 1}, []int{2, 2}))
}

// TestSpectrumInLittle: values and vectors of a matrix are found in the memory that is used, not
// in that of other steps.
func TestSpectrumInLittle(t *testing.T) {
	const n = 500 // of 1.9 MiB
	x := array.Random(1).Normal(0, 1, []int{n, n}, array.Chunks(-1))
	values, vectors := x.Eigh()
	u, s, v := x.SVD()
	for _, c := range effort.Some(1, []struct {
		mib int64
		of  []*array.Array
	}{{12, []*array.Array{x.EigvalsH(), values.Sum().Add(vectors.Sum())}}, {28, []*array.Array{s, u.Sum().Add(v.Sum())}}}) {
		r := local.New(local.Options{Threads: 2, Pool: c.mib << 20, SpillDir: t.TempDir()})
		for i, y := range c.of {
			if _, err := y.Compute(context.Background(), r); err != nil {
				t.Errorf("%d MiB, %d: %v", c.mib, i, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
