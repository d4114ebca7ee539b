package array_test

import (
	"context"
	"fmt"
	"math"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// show prints an array.
func show(what string, x *array.Array) {
	r := local.New(local.Options{Memory: 256 << 20, Threads: 1})
	defer r.Close()
	v, err := array.Collect[float64](context.Background(), r, x.As(array.Float64).Mul(1000).Round().Div(1000).Add(0))
	if err != nil {
		fmt.Println(what, err)
		return
	}
	fmt.Println(what, v)
}

// Systems, factors and products of chunked matrices.
func ExampleArray_Solve() {
	a := array.FromSlice([]float64{4, 2, 2, 3}, []int{2, 2}, array.Chunks(1, 1))
	b := array.FromSlice([]float64{2, 1}, []int{2})
	show("solve", a.Solve(b))
	show("cholesky", a.Cholesky())
	show("inverse", a.Inv())
	show("determinant", a.Det())
	show("norm", b.Norm())

	tall := array.Arange(0, 12, 1).Reshape(6, 2).Rechunk(2, 2)
	q, r := tall.QR()
	show("q·r", q.MatMul(r).Slice("0"))
	_, s, _ := tall.SVD()
	show("singular values", s)
	show("least squares", tall.LstSq(tall.MatMul(array.FromSlice([]float64{3, -1}, []int{2}))))
	p, l, u := a.LU()
	show("p·l·u", p.MatMul(l.MatMul(u)))
	show("einsum", array.Einsum("ij,jk->ki", a, a))
	// Output:
	// solve [0.5 0]
	// cholesky [2 0 1 1.414]
	// inverse [0.375 -0.25 -0.25 0.5]
	// determinant [8]
	// norm [2.236]
	// q·r [0 1]
	// singular values [22.476 0.912]
	// least squares [3 -1]
	// p·l·u [4 2 2 3]
	// einsum [20 14 14 13]
}

// The few strongest values of a large matrix, from its products with random vectors.
func ExampleArray_SVDCompressed() {
	left := array.Random(1).Normal(0, 1, []int{300, 3}, array.Chunks(100))
	right := array.Random(2).Normal(0, 1, []int{3, 200})
	x := left.MatMul(right) // of rank 3
	u, s, vt := x.SVDCompressed(3, 1, 7)
	show("left out", u.Mul(s).MatMul(vt).Sub(x).Abs().Max())
	// Output:
	// left out [0]
}

// The frequency of a wave.
func ExampleArray_RFFT() {
	t := array.Arange(0.0, 64.0, 1.0, array.Chunks(16)).Div(64)
	wave := t.Mul(2 * math.Pi * 5).Sin()
	spectrum := wave.RFFT(0).Abs()
	show("frequency", array.RFFTFreq(64, 1.0/64).Mul(spectrum.Eq(spectrum.Max()).As(array.Float64)).Sum())
	show("back", wave.RFFT(0).IRFFT(0).Sub(wave).Abs().Max())
	// Output:
	// frequency [5]
	// back [0]
}

// Order and distribution: all of it exact, whatever the chunks.
func ExampleArray_Quantile() {
	x := array.FromSlice([]float64{5, 1, 9, 3, 7, 3}, []int{6}, array.Chunks(2))
	show("sorted", x.Sort(0))
	show("positions", x.ArgSort(0))
	show("largest", x.TopK(2, 0))
	show("median", x.Median())
	show("quartiles", x.Quantiles([]float64{0.25, 0.75}, "linear"))
	show("distinct", x.Unique())
	show("histogram", x.Histogram([]float64{0, 4, 8, 10}))
	show("bins", x.Digitize([]float64{2, 6}, false))
	show("places", x.Sort(0).SearchSorted(array.FromSlice([]float64{3, 8}, []int{2}), true))
	show("counts", x.As(array.Int64).BinCount(10))
	show("correlation", array.Stack(0, x, x.Neg()).CorrCoef())
	// Output:
	// sorted [1 3 3 5 7 9]
	// positions [1 3 5 0 4 2]
	// largest [9 7]
	// median [4]
	// quartiles [3 6.5]
	// distinct [1 3 5 7 9]
	// histogram [3 2 1]
	// bins [1 0 2 1 2 1]
	// places [3 5]
	// counts [0 1 0 2 0 1 0 1 0 1]
	// correlation [1 -1 -1 1]
}

// A reduction of the user's own: the product of what is positive.
func ExampleReduction() {
	fold := array.Register("array_test/positive", func(_ context.Context, _ []int, in []*array.Block, out *array.Block) error {
		p := 1.0
		for _, v := range array.Elements[float64](in[0]) {
			if v > 0 {
				p *= v
			}
		}
		array.Elements[float64](out)[0] = p
		return nil
	})
	x := array.FromSlice([]float64{2, -3, 4, 0, 5}, []int{5}, array.Chunks(2))
	show("product", array.Reduction(x, array.Reducer{Chunk: fold, State: array.Float64, Combine: fold}))
	// Output:
	// product [40]
}
