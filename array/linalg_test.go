package array_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/weft-data/weft/array"
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
	})
}

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
	for _, c := range []struct{ m, n, cm, cn int }{{1, 1, 1, 1}, {7, 7, 3, 2}, {100, 100, 100, 100}, {100, 100, 30, 33}, {130, 70, 50, 20},
		{70, 130, 20, 40}, {500, 20, 37, 20}, {500, 20, 10, 7}, {300, 5, 3, 5}, {3, 40, 2, 9}, {30, 30, 30, 1}} {
		for _, k := range []array.DType{array.Float64, array.Float32} {
			t.Run(fmt.Sprintf("%dx%d/%dx%d/%s", c.m, c.n, c.cm, c.cn, k), func(t *testing.T) {
				eps := 4e-14
				if k == array.Float32 {
					eps = 3e-5
				}
				lesser := min(c.m, c.n)
				x := array.Random(7).Normal(0, 1, []int{c.m, c.n}, array.Chunks(c.cm, c.cn), array.Of(k))
				q, u := x.QR()
				small(t, "q·r", q.MatMul(u).Sub(x), eps)
				small(t, "qᵀ·q", q.T().MatMul(q).Sub(array.Eye(lesser, lesser, 0)), eps)
				small(t, "below r", array.Where(array.Eye(lesser, c.n, 0).CumSum(1).Gt(0), 0, u), 0)
				p, l, v := x.LU()
				small(t, "p·l·u", p.MatMul(l.MatMul(v)).Sub(x), eps)
				small(t, "above l", array.Where(array.Eye(c.m, lesser, 1).CumSum(1).Gt(0), l, 0), 0)
				small(t, "|l|", l.Abs().Maximum(1).Sub(1), 0)
				a, s, b := x.SVD()
				small(t, "u·s·v", a.Mul(s).MatMul(b).Sub(x), 4*eps)
				small(t, "uᵀ·u", a.T().MatMul(a).Sub(array.Eye(lesser, lesser, 0)), 4*eps)
				if c.m >= c.n {
					y := array.Random(8).Normal(0, 1, []int{c.m, 3}, array.Chunks(c.cm, 2), array.Of(k))
					z := x.LstSq(y)
					small(t, "normal equations", x.T().MatMul(x.MatMul(z).Sub(y)), 100*eps)
				}
				if c.m == c.n {
					spd := x.MatMul(x.T()).Add(array.Eye(c.n, c.n, 0).Mul(float64(c.n))).As(k)
					l := spd.Cholesky()
					small(t, "l·lᵀ", l.MatMul(l.T()).Sub(spd), float64(c.n)*eps)
					small(t, "above l", array.Where(array.Eye(c.n, c.n, 1).CumSum(1).Gt(0), l, 0), 0)
					y := array.Random(9).Normal(0, 1, []int{c.n}, array.Chunks(c.cn), array.Of(k))
					small(t, "solve", spd.MatMul(spd.Solve(y)).Sub(y), eps*10)
					small(t, "solve by cholesky", spd.MatMul(spd.SolveCholesky(y)).Sub(y), eps*10)
					small(t, "inverse", spd.MatMul(spd.Inv()).Sub(array.Eye(c.n, c.n, 0)), eps*10)
					_, det := spd.SLogDet()
					small(t, "determinant", det.Sub(array.Where(array.Eye(c.n, c.n, 0, array.Of(array.Bool)), l, 1.0).Log().Sum().Mul(2)).Div(float64(c.n)), eps*10)
				}
			})
		}
	}
}
