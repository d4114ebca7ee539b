package array_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
)

// total adds up a line.
var total = array.Closure(array.ByLine(func(line, out []float64) error {
	for _, v := range line {
		out[0] += v
	}
	return nil
}))

// blend is twice the first block less the second.
var blend = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
	x, y, z := array.Elements[float64](in[0]), array.Elements[float64](in[1]), array.Elements[float64](out)
	for i := range z {
		z[i] = 2*x[i] - y[i]
	}
	return nil
})

// share is how many elements the function got for each of those it gives.
var share = array.Closure(func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
	z := array.Elements[float64](out)
	for i := range z {
		z[i] = float64(len(array.Elements[float64](in[0]))) / float64(len(z))
	}
	return nil
})

// looseVerbs go along axis a, whose chunk sizes are known, of an array of which those of another are not.
var looseVerbs = map[string]func(x *array.Array, a int) *array.Array{
	"Sum":           func(x *array.Array, a int) *array.Array { return x.Sum(a) },
	"Prod":          func(x *array.Array, a int) *array.Array { return x.Prod(a) },
	"Mean":          func(x *array.Array, a int) *array.Array { return x.Mean(a) },
	"Max":           func(x *array.Array, a int) *array.Array { return x.Max(a) },
	"ArgMin":        func(x *array.Array, a int) *array.Array { return x.ArgMin(a) },
	"NanArgMax":     func(x *array.Array, a int) *array.Array { return x.NanArgMax(a) },
	"Any":           func(x *array.Array, a int) *array.Array { return x.Any(a) },
	"CountNonzero":  func(x *array.Array, a int) *array.Array { return x.CountNonzero(a) },
	"Std":           func(x *array.Array, a int) *array.Array { return x.Std(1, a) },
	"Ptp":           func(x *array.Array, a int) *array.Array { return x.Ptp(a) },
	"Moment":        func(x *array.Array, a int) *array.Array { return x.Moment(3, a) },
	"VectorNorm":    func(x *array.Array, a int) *array.Array { return x.VectorNorm(3, a) },
	"Average":       func(x *array.Array, a int) *array.Array { return x.Average(array.Arange(1, x.Shape()[a]+1, 1), a) },
	"centred":       func(x *array.Array, a int) *array.Array { return x.Sub(x.Mean(a).ExpandDims(a)) },
	"Median":        func(x *array.Array, a int) *array.Array { return x.Median(a) },
	"Quantiles":     func(x *array.Array, a int) *array.Array { return x.Quantiles([]float64{0.2, 0.7}, "", a) },
	"Sort":          func(x *array.Array, a int) *array.Array { return x.Sort(a) },
	"ArgSort":       func(x *array.Array, a int) *array.Array { return x.ArgSort(a, true) },
	"TopK":          func(x *array.Array, a int) *array.Array { return x.TopK(1, a) },
	"ArgTopK":       func(x *array.Array, a int) *array.Array { return x.ArgTopK(-1, a) },
	"CumSum":        func(x *array.Array, a int) *array.Array { return x.CumSum(a) },
	"CumMin":        func(x *array.Array, a int) *array.Array { return x.CumMin(a) },
	"Push":          func(x *array.Array, a int) *array.Array { return x.Push(1, a) },
	"Take":          func(x *array.Array, a int) *array.Array { return x.Take([]int{-1, 0, -1}, a) },
	"Gather":        func(x *array.Array, a int) *array.Array { return x.Gather(array.Arange(-1, 1, 1), a) },
	"TakeAlong":     func(x *array.Array, a int) *array.Array { return x.TakeAlong(x.ArgSort(a), a) },
	"Diff":          func(x *array.Array, a int) *array.Array { return x.Diff(a) },
	"Roll":          func(x *array.Array, a int) *array.Array { return x.Roll(2, a) },
	"Delete":        func(x *array.Array, a int) *array.Array { return x.Delete([]int{0}, a) },
	"Insert":        func(x *array.Array, a int) *array.Array { return x.Insert(x, 1, a) },
	"Pad":           func(x *array.Array, a int) *array.Array { return x.Pad(a, 2, 1, array.Nearest) },
	"SlidingWindow": func(x *array.Array, a int) *array.Array { return x.SlidingWindow(x.Shape()[a], a) },
	"moving means":  func(x *array.Array, a int) *array.Array { return x.SlidingWindow(1, a).Mean(-1) },
	"Trapezoid":     func(x *array.Array, a int) *array.Array { return x.Trapezoid(0.5, a) },
	"FFT":           func(x *array.Array, a int) *array.Array { return x.FFT(a).Abs() },
	"ApplyAlong":    func(x *array.Array, a int) *array.Array { return x.ApplyAlong(total, array.Float64, 1, a) },
	"MapBlocks":     func(x *array.Array, a int) *array.Array { return array.MapBlocks(blend, array.Float64, x, x.Neg()) },
	"MapOverlap": func(x *array.Array, a int) *array.Array {
		depth := make([]int, x.NDim())
		depth[a] = 1
		return x.MapOverlap(share, array.Float64, depth, array.None)
	},
	"Blockwise": func(x *array.Array, a int) *array.Array {
		axes := "ijk"[:x.NDim()]
		return array.Blockwise(blend, array.Float64, axes, nil, array.Named{X: x, Axes: axes}, array.Named{X: x, Axes: axes})
	},
	"last": func(x *array.Array, a int) *array.Array { return x.MoveAxis(a, -1) },
	"BroadcastTo": func(x *array.Array, a int) *array.Array {
		shape := x.Shape()
		shape[a] = 3
		return x.KeepDims((*array.Array).Sum, a).BroadcastTo(shape)
	},
	"Rechunk": func(x *array.Array, a int) *array.Array {
		specs := make([]any, x.NDim())
		specs[a] = 2
		return x.Rechunk(specs...).Add(x)
	},
}

// matrixVerbs are those of matrices, along whose axis a chunk sizes are known.
var matrixVerbs = map[string]func(x *array.Array, a int) *array.Array{
	"x·w": func(x *array.Array, a int) *array.Array { return byRows(x, a).MatMul(weights(x.Shape()[a], 3)) },
	"w·x": func(x *array.Array, a int) *array.Array { return weights(x.Shape()[a], 3).T().MatMul(byRows(x, a).T()) },
	"x·v": func(x *array.Array, a int) *array.Array {
		return byRows(x, a).MatMul(weights(x.Shape()[a], 1).Squeeze(1))
	},
	"xᵀ·x": func(x *array.Array, a int) *array.Array { return byRows(x, a).T().MatMul(byRows(x, a)) },
	"ints": func(x *array.Array, a int) *array.Array {
		return byRows(x, a).Round().As(array.Int64).T().MatMul(byRows(x, a).Round().As(array.Int64))
	},
	"Cov":    func(x *array.Array, a int) *array.Array { return byRows(x, a).T().Cov(1) },
	"down":   func(x *array.Array, a int) *array.Array { return x.CumSum(1 - a) },
	"sums":   func(x *array.Array, a int) *array.Array { return x.Sort(a).CumSum(1 - a).Max(a).Sum() },
	"einsum": func(x *array.Array, a int) *array.Array { return array.Einsum("ij,ij->j", byRows(x, a), byRows(x, a)) },
}

// byRows is x with the axis a last.
func byRows(x *array.Array, a int) *array.Array { return x.MoveAxis(a, -1) }

func weights(n, m int) *array.Array {
	return array.Arange(0, n*m, 1, array.Chunks(2)).As(array.Float64).Reshape(n, m)
}

// TestLooseLikeKnown: verbs give the same for arrays of unknown chunk sizes and when they have been computed.
func TestLooseLikeKnown(t *testing.T) {
	r, rounds := runner(t), effort.Of(24, 4)
	for i := range uint64(rounds) {
		m := &maker{rnd: rand.New(rand.NewPCG(*seed+i, 7)), layout: rand.New(rand.NewPCG(*seed+i, 8)), r: r}
		shape := []int{m.rnd.IntN(9), 2 + m.rnd.IntN(6), 2 + m.rnd.IntN(3)}[:2+m.rnd.IntN(2)]
		x, dims := m.fresh(shape, array.Float64), len(shape)
		loose := m.rnd.IntN(dims)
		x = x.MoveAxis(0, loose)
		x = x.Compress(m.fresh(shape[:1], array.Int64).Gt(m.rnd.IntN(12)-8), loose)
		a := (loose + 1 + m.rnd.IntN(dims-1)) % dims
		check := func(name string, f func(*array.Array, int) *array.Array) {
			got, err := f(x, a).Compute(context.Background(), r)
			want, wantErr := f(m.known(x), a).Compute(context.Background(), r)
			if err != nil || wantErr != nil {
				t.Fatalf("seed %d: %s along axis %d of %v: %v; of known chunk sizes: %v", *seed+i, name, a, x, err, wantErr)
			}
			if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) || !alike(want.All(), got.All()) {
				t.Errorf("seed %d: %s along axis %d of %v:\n%v %v\nof known chunk sizes:\n%v %v", *seed+i, name, a, x, got.Shape, got.All(), want.Shape, want.All())
			}
		}
		for name, f := range looseVerbs {
			check(name, f)
		}
		for name, f := range matrixVerbs {
			if dims == 2 {
				check(name, f)
			}
		}
	}
}

// TestLooseApart: columns selected by different conditions are an error, whichever block is the longer one.
func TestLooseApart(t *testing.T) {
	r := runner(t)
	x := array.Arange(0, 24, 1, array.Chunks(5)).As(array.Float64).Reshape(6, 4).Rechunk(3, 2)
	rows := array.Arange(0, 6, 1, array.Chunks(3))
	for k, y := range []*array.Array{
		array.Concat(1, x.Compress(rows.Gt(0), 0), x.Compress(rows.Gt(1), 0)),
		array.Concat(1, x.Compress(rows.Gt(1), 0), x.Compress(rows.Gt(0), 0)),
		array.Concat(1, x.Compress(rows.Gt(2), 0), x.Compress(rows.Gt(0), 0)), // the first block has none
	} {
		for _, verbs := range []map[string]func(*array.Array, int) *array.Array{looseVerbs, matrixVerbs} {
			for name, f := range verbs {
				switch name {
				case "Delete", "Take", "Gather", "einsum": // no task reads both halves
					continue
				}
				_, err := f(y, 1).Compute(context.Background(), r)
				if err == nil || !strings.Contains(err.Error(), "different conditions") {
					t.Errorf("%s of array %d: %v", name, k, err)
				}
			}
		}
	}
}

// TestLooseFactors: blocks with fewer rows than columns, and with none, are factored with the others.
func TestLooseFactors(t *testing.T) {
	r, rnd := runner(t), rand.New(rand.NewPCG(*seed, 9))
	for i := range effort.Of(12, 6) {
		rows, cols := 12+rnd.IntN(30), 1+rnd.IntN(5)
		data, keep := make([]float64, rows*(cols+1)), make([]float64, rows)
		for j := range data {
			data[j] = rnd.NormFloat64()
		}
		for j := range keep {
			if j > rows-2*cols || rnd.IntN(3) == 0 {
				keep[j] = 1
			}
		}
		chunk := array.Chunks(1 + rnd.IntN(8))
		x := array.FromSlice(data, []int{rows, cols + 1}, chunk).As([]array.DType{array.Float64, array.Complex128, array.Float32}[i%3])
		x = x.Compress(array.FromSlice(keep, []int{rows}, chunk).Ne(0), 0)
		m := &maker{r: r}
		solve := func(x *array.Array) *array.Array {
			return x.Index(array.All, array.S(0, cols)).LstSq(x.Index(array.All, array.I(cols)))
		}
		_, triangle := x.QR()
		_, wantTriangle := m.known(x).QR()
		_, values, _ := x.SVD()
		_, wantValues, _ := m.known(x).SVD()
		q, _ := x.QR()
		for name, pair := range map[string][2]*array.Array{
			"LstSq": {solve(x), solve(m.known(x))}, "R": {triangle, wantTriangle}, "singular values": {values, wantValues},
			"Q·R": {q.MatMul(triangle), m.known(x)}, "QᵀQ": {q.Conj().T().MatMul(q), array.Eye(cols+1, cols+1, 0)},
		} {
			res, err := pair[0].AllClose(pair[1], 1e-4, 1e-5, false).Compute(context.Background(), r)
			if name == "Q·R" {
				res, err = m.known(pair[0]).AllClose(pair[1], 1e-4, 1e-5, false).Compute(context.Background(), r)
			}
			if err != nil || res.All()[0] != true {
				t.Errorf("%s of %v: %v, %v", name, x, res, err)
			}
		}
	}
}
