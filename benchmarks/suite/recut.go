package suite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	chunked "github.com/weft-data/weft/array"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/strip"
	"github.com/weft-data/weft/internal/whole"
)

// A fileCase asks something of an array in a file at path, which it makes. How long the file
// takes to be copied is measured before each repetition.
type fileCase func(ctx context.Context, r graph.Runner, path string, rows int) (func(context.Context, graph.Runner) ([]float64, error), error)

// numbersOfRow is how many numbers the file has for each row of the scale: 8 GB at full.
const numbersOfRow = 10

// recut cuts a square that lies in a file row by row into its columns, and adds those up. The
// sums are compared with those of the rows as they lie.
func recut(ctx context.Context, r graph.Runner, path string, rows int) (func(context.Context, graph.Runner) ([]float64, error), error) {
	n := int(math.Sqrt(numbersOfRow * float64(rows)))
	if err := writeSquare(path, n); err != nil {
		return nil, err
	}
	of := func(cut ...any) *chunked.Array {
		return chunked.ReadRaw(path, chunked.Float64, []int{n, n}, chunked.Raw{}, chunked.Chunks(cut...))
	}
	want, err := values(ctx, r, of(max(1, block/n), -1).Sum(0))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		got, err := values(ctx, r, of(1, -1).Rechunk(-1, 1).Sum(0))
		for i := range got {
			if !same(got[i], want[i], false) {
				return nil, fmt.Errorf("column %d adds up to %g, want %g", i, got[i], want[i])
			}
		}
		return got, err
	}, nil
}

// squareSide is the side of a square of 32-bit numbers in a file: 16384 at full scale, 1 GiB.
func squareSide(rows int) int { return int(math.Sqrt(2.68435456 * float64(rows))) }

// squareFlops is what it takes to multiply it with itself, in operations on 64 bits: see linalgCases.
func squareFlops(rows int) float64 { return math.Pow(float64(squareSide(rows)), 3) }

// squared multiplies a square that lies in a file with itself and adds up the columns. They
// are compared with the product of the sums of its columns with it. All of it is exact.
func squared(ctx context.Context, r graph.Runner, path string, rows int) (func(context.Context, graph.Runner) ([]float64, error), error) {
	n := squareSide(rows)
	err := whole.Write(path, func(w io.Writer) error {
		for i := range n {
			if _, err := w.Write(strip.Raw(small(i*n, n, factorX))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	x := chunked.ReadRaw(path, chunked.Float32, []int{n, n}, chunked.Raw{}, chunked.Chunks(2048, 2048))
	wide := x.As(chunked.Float64)
	want, err := values(ctx, r, wide.Sum(0).MatMul(wide))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r graph.Runner) ([]float64, error) {
		got, err := values(ctx, r, x.MatMul(x).As(chunked.Float64).Sum(0))
		for i := range got {
			if got[i] != want[i] {
				return nil, fmt.Errorf("column %d adds up to %g, want %g", i, got[i], want[i])
			}
		}
		return got, err
	}, nil
}

// writeSquare writes the fractions of a square, row by row.
func writeSquare(path string, n int) error {
	return whole.Write(path, func(w io.Writer) error {
		row := make([]float64, n)
		for i := range n {
			fill(row, i*n, factorX)
			if _, err := w.Write(strip.Raw(row)); err != nil {
				return err
			}
		}
		return nil
	})
}

// copied is what it takes to copy a file that is not in memory, until the copy is on the
// disk. Neither is in memory then, as far as the system lets go of it.
func copied(path string) (use, error) {
	to := path + ".copy"
	if err := forget(path); err != nil {
		return use{}, err
	}
	u, err := processes(nil).measure(func() error {
		from, err := os.Open(path)
		if err != nil {
			return err
		}
		defer from.Close()
		out, err := whole.Create(to)
		if err != nil {
			return err
		}
		defer out.Close()
		// not by a call that lets the copy share the blocks of the file
		if _, err := io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{from}, make([]byte, 1<<20)); err != nil {
			return err
		}
		return out.Commit()
	})
	return u, errors.Join(err, os.RemoveAll(to), forget(path))
}
