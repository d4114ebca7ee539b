package suite

import (
	"context"
	"math"

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

func multiplied(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	x, y := matrix(e, factorX), matrix(e, factorY)
	return asked(func() *chunked.Array { return x.MatMul(y).Sum(0) })
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

// linalgCases are the questions about matrices. What they need at least is counted in
// multiplications and additions.
var linalgCases = []struct {
	name, about string
	load        arrayCase
	flops       func(n float64) float64 // of squares of n by n, or of n rows
	tall        bool
}{
	{"matmul", "column sums of a product of squares", multiplied, func(n float64) float64 { return 2 * n * n * n }, false},
	{"solve", "a square system of equations", solved, func(n float64) float64 { return 2 * n * n * n / 3 }, false},
	{"cholesky", "a symmetric system of equations", positive, func(n float64) float64 { return n * n * n / 3 }, false},
	{"qr", "R of a matrix of 64 columns", triangular, func(n float64) float64 { return 2 * n * thin * thin }, true},
	{"svd", "singular values of a matrix of 64 columns", singular, func(n float64) float64 { return 2 * n * thin * thin }, true},
}
