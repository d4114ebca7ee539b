package suite

import (
	"context"
	"math"
	"math/bits"

	chunked "github.com/weft-data/weft/array"
	"github.com/weft-data/weft/graph"
)

// sideOf is the length of the sides of the matrices: 3162 at full scale.
func sideOf(rows int) int { return int(math.Sqrt(float64(rows))) }

// thin is how many columns tall matrices have; they have as many rows as the scale.
const thin = 64

func matrix(e extent, factor uint32) *chunked.Array {
	n := sideOf(e.rows)
	return chunked.FromSlice(fractions(n*n, factor), []int{n, n}, e.square())
}

func tall(e extent) *chunked.Array {
	return chunked.FromSlice(fractions(e.rows*thin, factorX), []int{e.rows, thin}, chunked.Chunks(max(thin, e.rows/8), thin))
}

// asked wraps what is computed of arrays in memory.
func asked(make func() *chunked.Array) func(context.Context, graph.Runner) ([]float64, error) {
	return func(ctx context.Context, r graph.Runner) ([]float64, error) { return values(ctx, r, make()) }
}

// even is the same with chunks that squares of 4096 are made of, where nothing else is asked for.
func (e extent) even() extent {
	if e.edge == edge {
		e.edge = 1024
	}
	return e
}

func multiplied(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	e = e.even()
	x, y := matrix(e, factorX), matrix(e, factorY)
	return asked(func() *chunked.Array { return x.MatMul(y).Sum(0) })
}

// small are whole numbers below 16 that any program makes alike: sums of so many of their
// products are exact in 32 bits.
func small(from, n int, factor uint32) []float32 {
	x := chunked.NewSlice[float32](n)
	for i := range x {
		x[i] = float32(uint32(from+i) * factor >> 28)
	}
	return x
}

func multiplied32(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	e = e.even()
	n := sideOf(e.rows)
	x := chunked.FromSlice(small(0, n*n, factorX), []int{n, n}, e.square())
	y := chunked.FromSlice(small(0, n*n, factorY), []int{n, n}, e.square())
	return asked(func() *chunked.Array { return x.MatMul(y).As(chunked.Float64).Sum(0) })
}

// pointsOf is the largest power of two up to the rows.
func pointsOf(rows int) int { return 1 << (bits.Len(uint(max(1, rows))) - 1) }

// waves is the sum of the sizes of the waves of complex numbers, and the largest.
func waves(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	n := pointsOf(e.rows)
	re, im := fractions(n, factorX), fractions(n, factorY)
	x := chunked.NewSlice[complex128](n)
	for i := range x {
		x[i] = complex(re[i], im[i])
	}
	w := chunked.FromSlice(x, []int{n}, chunked.Chunks(-1))
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		y := w.FFT(0).Abs()
		return values(ctx, r, y.Sum(), y.Max())
	}
}

// solved has ones as its answer: the right side is the matrix times ones.
func solved(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	n := sideOf(e.rows)
	x := matrix(e, factorX).Add(chunked.Eye(n, n, 0, e.square()).Mul(float64(n)))
	return asked(func() *chunked.Array { return x.Solve(x.Sum(1)) })
}

// positive has ones as its answer, too, of a symmetric matrix.
func positive(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	n := sideOf(e.rows)
	x := matrix(e, factorX)
	s := x.Add(x.T()).Add(chunked.Eye(n, n, 0, e.square()).Mul(2 * float64(n)))
	return asked(func() *chunked.Array { return s.SolveCholesky(s.Sum(1)) })
}

// triangular are the sums of squares of the columns of R, which are those of the matrix.
func triangular(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	x := tall(e)
	return asked(func() *chunked.Array { _, r := x.QR(); return r.Square().Sum(0) })
}

func singular(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	x := tall(e)
	return asked(func() *chunked.Array { _, s, _ := x.SVD(); return s.Square().Sum() })
}

// rank is that of the matrices of which the largest singular values are asked for: all that
// are not 0, so that every engine finds the same ones.
const rank = 20

// deficient is a square matrix, as large as the square arrays, of a low rank.
func deficient(e extent) *chunked.Array {
	n := side(e.rows)
	left, right := fractions(n*rank, factorX), fractions(n*rank, factorY)
	x := make([]float64, n*n)
	for i := range n {
		row := x[i*n:][:n]
		for k, v := range left[i*rank:][:rank] {
			for j, w := range right[k*n:][:n] {
				row[j] += v * w
			}
		}
	}
	return chunked.FromSlice(x, []int{n, n}, e.square())
}

// compressed is the sum of squares of the matrix.
func compressed(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	x := deficient(e)
	return asked(func() *chunked.Array { _, s, _ := x.SVDCompressed(rank, 2, 1); return s.Square().Sum() })
}

// linalgCases are the questions about matrices. What they need at least is counted in
// multiplications and additions.
var linalgCases = []struct {
	name, about string
	load        arrayCase
	flops       func(n float64) float64 // of squares of n by n, or of n rows
	tall        bool
	least       float64 // percent of the speed of multiplying that are wanted
	toDask      float64 // of its CPU, at most
}{
	{"matmul", "column sums of a product of squares", multiplied, func(n float64) float64 { return 2 * n * n * n }, false, 85, 0},
	// The limit is of numbers of 64 bits, of which a register holds half as many.
	{"matmul32", "column sums of a product of squares of 32-bit numbers", multiplied32, func(n float64) float64 { return n * n * n }, false, 85, 0},
	{"fft", "waves of as many complex numbers as a power of two up to the rows", waves, func(n float64) float64 { return 5 * n * math.Log2(n) }, true, 0, 0},
	{"solve", "a square system of equations", solved, func(n float64) float64 { return 2 * n * n * n / 3 }, false, 0, 0},
	{"cholesky", "a symmetric system of equations", positive, func(n float64) float64 { return n * n * n / 3 }, false, 0, 0},
	{"qr", "R of a matrix of 64 columns", triangular, func(n float64) float64 { return 2 * n * thin * thin }, true, 0, 0.5},
	{"svd", "singular values of a matrix of 64 columns", singular, func(n float64) float64 { return 2 * n * thin * thin }, true, 0, 0},
	// The matrix is multiplied six times, with thirty vectors.
	{"compressed", "singular values of a square of rank 20, by products with random vectors", compressed, func(n float64) float64 { return 6 * 2 * 30 * perRow * n }, true, 0, 0.5},
}
