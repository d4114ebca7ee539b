package suite

import (
	"context"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	chunked "github.com/weft-data/weft/array"
	"github.com/weft-data/weft/graph"
)

// An arrayCase computes on arrays: load makes them in memory, from the rows of the
// scale, and returns what is timed and gives the numbers that are compared.
type arrayCase func(e extent) func(ctx context.Context, r graph.Runner) ([]float64, error)

// An extent is how large arrays are and how they are cut.
type extent struct {
	rows  int // of the scale
	block int // elements of a chunk of the long arrays
	edge  int // of a chunk of the square ones
}

func newExtent(o order) extent {
	if o.Block > 0 {
		return extent{o.Rows, o.Block, max(1, int(math.Sqrt(float64(o.Block))))}
	}
	return extent{o.Rows, block, edge}
}

func (e extent) square() chunked.Option { return chunked.Chunks(e.edge, e.edge) }

// perRow is how many elements the arrays have for each row of the scale: 4e8 at full.
const perRow = 40

// fractions are numbers of [0, 1) that any program makes alike: multiples of a
// constant modulo 2³², over 2³². They lie in huge pages, as NumPy's do.
func fractions(n int, factor uint32) []float64 {
	x := chunked.NewSlice[float64](n)
	fill(x, 0, factor)
	return x
}

// fill writes those from a number on.
func fill(x []float64, from int, factor uint32) {
	for i := range x {
		x[i] = float64(uint32(from+i)*factor) / (1 << 32)
	}
}

const (
	factorX = 2654435761
	factorY = 2246822519
	block   = 1 << 20 // elements of a chunk of the long arrays
	edge    = 1000    // of a chunk of the square ones
)

// squareBytes are those of a square array.
func squareBytes(rows int) float64 { n := float64(side(rows)); return 8 * n * n }

// side is the length of the sides of square arrays.
func side(rows int) int { return int(math.Sqrt(perRow * float64(rows))) }

func values(ctx context.Context, r graph.Runner, xs ...*chunked.Array) (out []float64, err error) {
	for _, x := range xs {
		v, err := chunked.Collect[float64](ctx, r, x)
		if err != nil {
			return nil, err
		}
		out = append(out, v...)
	}
	return out, nil
}

func norms(e extent, sine bool) func(context.Context, graph.Runner) ([]float64, error) {
	n := perRow * e.rows
	x := chunked.FromSlice(fractions(n, factorX), []int{n}, chunked.Chunks(e.block))
	y := chunked.FromSlice(fractions(n, factorY), []int{n}, chunked.Chunks(e.block))
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		z := x.Square().Add(y.Square()).Sqrt()
		if sine {
			z = z.Add(x.Sin())
		}
		return values(ctx, r, z.Sum())
	}
}

func moments(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	x := square(e)
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		return values(ctx, r, x.Mean(0), x.Mean(1), x.Std(0, 0), x.Std(0, 1))
	}
}

// ofSquare asks one thing of a square array.
func ofSquare(f func(x *chunked.Array) *chunked.Array) arrayCase {
	return func(e extent) func(context.Context, graph.Runner) ([]float64, error) {
		x := square(e)
		return asked(func() *chunked.Array { return f(x) })
	}
}

func square(e extent) *chunked.Array {
	n := side(e.rows)
	return chunked.FromSlice(fractions(n*n, factorX), []int{n, n}, e.square())
}

func transposed(e extent) func(context.Context, graph.Runner) ([]float64, error) {
	x := square(e)
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		return values(ctx, r, x.Add(x.T()).Sum())
	}
}

func tinyBlocks(extent) func(context.Context, graph.Runner) ([]float64, error) {
	x := chunked.Ones([]int{10_000_000}, chunked.Chunks(1000))
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		return values(ctx, r, x.Mul(2).Add(1).Sum())
	}
}

// arrayCases are the questions about arrays.
var arrayCases = []struct {
	name, about string
	load        arrayCase
	bytes       func(rows int) float64 // that must be read; nil where computing takes longer
	least       float64                // percent of the speed of reading that are wanted
	toDask      float64                // of its CPU, at most
}{
	{"norm", "sum of sqrt(x² + y²)", func(e extent) func(context.Context, graph.Runner) ([]float64, error) { return norms(e, false) },
		func(rows int) float64 { return 2 * 8 * perRow * float64(rows) }, 85, 0.2},
	{"sine", "sum of sqrt(x² + y²) + sin(x)", func(e extent) func(context.Context, graph.Runner) ([]float64, error) { return norms(e, true) }, nil, 0, 0.5},
	{"moments", "means and deviations along both axes of a square, one after the other", moments,
		func(rows int) float64 { return 4 * squareBytes(rows) }, 70, 0.3},
	{"mean0", "means of the columns of a square", ofSquare(func(x *chunked.Array) *chunked.Array { return x.Mean(0) }), squareBytes, 70, 0.3},
	{"mean1", "means of the rows of a square", ofSquare(func(x *chunked.Array) *chunked.Array { return x.Mean(1) }), squareBytes, 70, 0.3},
	{"std0", "deviations of the columns of a square", ofSquare(func(x *chunked.Array) *chunked.Array { return x.Std(0, 0) }), squareBytes, 70, 0.3},
	{"std1", "deviations of the rows of a square", ofSquare(func(x *chunked.Array) *chunked.Array { return x.Std(0, 1) }), squareBytes, 70, 0.3},
	{"transposed", "sum of a square and its transpose", transposed, squareBytes, 0, 0.3},
	{"tiny", "sum of 2x + 1 over 10 000 blocks of 1000", tinyBlocks, nil, 0, 0},
}

// numbers makes a record of the result of an array case.
func numbers(v []float64) arrow.Record {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(v, nil)
	col := b.NewArray()
	return array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.PrimitiveTypes.Float64}}, nil), []arrow.Array{col}, int64(len(v)))
}
