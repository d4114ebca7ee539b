package array_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

// display computes an array and prints it.
func display(x *array.Array) {
	r := local.New(local.Options{Memory: 64 << 20})
	defer r.Close()
	res, err := x.Compute(context.Background(), r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res)
}

func ExampleArray_Select() {
	x := array.Arange(0, 24, 1).Reshape(4, 6)
	big := x.Select(x.Gt(15))
	fmt.Println(big)
	display(big.Mul(10))
	// Output:
	// array (-1,) int64, 192 B, chunks ((?),), 3 tasks
	// [160 170 180 190 200 210 220 230]
	// (8,) int64
}

func ExampleArray_VIndex() {
	x := array.Arange(0, 24, 1).Reshape(4, 6)
	display(x.VIndex([]int{0, 3, 1}, []int{5, 0, 2}))
	// Output:
	// [ 5 18  8]
	// (3,) int64
}

func ExampleArray_Assign() {
	x := array.Zeros([]int{3, 4}, array.Of(array.Int64))
	y := x.Assign(7, array.S(0, 2), array.I(1)) // y = x; y[0:2, 1] = 7
	display(y.AssignWhere(y.Eq(0), -1))
	// Output:
	// [[-1  7 -1 -1]
	//  [-1  7 -1 -1]
	//  [-1 -1 -1 -1]]
	// (3, 4) int64
}

func ExampleArray_Coarsen() {
	x := array.Arange(0, 16, 1).Reshape(4, 4)
	display(x.Coarsen([]int{2, 2}, (*array.Array).Mean))
	// Output:
	// [[ 2.5  4.5]
	//  [10.5 12.5]]
	// (2, 2) float64
}

func ExampleArray_SlidingWindow() {
	display(array.Arange(0, 6, 1).SlidingWindow(3, 0).Sum(-1))
	// Output:
	// [ 3  6  9 12]
	// (4,) int64
}

func ExampleFromMatrix() {
	m := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})
	display(array.FromMatrix(m.T()).Add(0.5))
	// Output:
	// [[1.5 4.5]
	//  [2.5 5.5]
	//  [3.5 6.5]]
	// (3, 2) float64
}

func ExampleReadZarr() {
	dir, err := os.MkdirTemp("", "weft-example-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, r := context.Background(), local.New(local.Options{Memory: 64 << 20})
	defer r.Close()

	path := filepath.Join(dir, "x.zarr")
	x := array.Arange(0, 1_000_000, 1).Reshape(1000, 1000)
	if err := x.WriteZarr(ctx, r, path, array.ZarrOptions{Chunks: []int{100, 100}}); err != nil {
		panic(err)
	}
	patch := array.Full([]int{2, 3}, -1)
	if err := patch.StoreZarr(ctx, r, path, []int{99, 499}); err != nil { // over four chunks
		panic(err)
	}
	display(array.ReadZarr(path).Slice("98:102, 498:503")) // reads no other chunks
	// Output:
	// [[ 98498  98499  98500  98501  98502]
	//  [ 99498     -1     -1     -1  99502]
	//  [100498     -1     -1     -1 100502]
	//  [101498 101499 101500 101501 101502]]
	// (4, 5) int64
}

func ExampleSource_Permutation() {
	x := array.Arange(0, 10, 1).Mul(10)
	draw := array.Random(1).Permutation(10).Slice(":3") // three of ten, none twice
	fmt.Println(draw.DType(), draw.Shape(), array.Random(1).Shuffle(x, 0).Shape())
	// Output: int64 [3] [10]
}

// How often each face of three dice that are not fair comes in a thousand throws.
func ExampleSource_Multinomial() {
	faces := []float64{1, 1, 1, 1, 1, 2}
	throws := array.Random(1).Multinomial(1000, faces, []int{3}, array.Chunks(2, -1))
	display(throws)
	display(throws.Sum(1))
	// Output:
	// [[141 136 151 156 149 267]
	//  [128 154 154 119 171 274]
	//  [150 148 132 150 141 279]]
	// (3, 6) int64
	// [1000 1000 1000]
	// (3,) int64
}
