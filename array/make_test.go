package array_test

import (
	"context"
	"regexp"
	"strconv"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/internal/effort"
)

// TestTriangleIndices compares the places of triangles with where a matrix of ones has them.
func TestTriangleIndices(t *testing.T) {
	r := runner(t)
	for _, shape := range effort.Some(3, [][2]int{{0, 0}, {0, 3}, {3, 0}, {1, 1}, {3, 3}, {2, 5}, {5, 2}}) {
		rows, cols := shape[0], shape[1]
		for k := -7; k <= 7; k++ {
			whole := array.Ones([]int{rows, cols})
			lower, upper := whole.Tril(k).Nonzero(), whole.Triu(k).Nonzero()
			for i := range 2 {
				same(t, r, array.TrilIndices(rows, cols, k, array.Chunks(4))[i], lower[i])
				same(t, r, array.TriuIndices(rows, cols, k, array.Chunks(4))[i], upper[i])
			}
		}
	}
}

// TestManyJoined: many arrays of small blocks are joined in groups, and what was joined one after the other is joined at
// once, so that no task looks for its block among all of them.
func TestManyJoined(t *testing.T) {
	r := runner(t)
	const n = 300
	xs, piled, want := make([]*array.Array, n), array.Zeros([]int{0, 2}), make([]int64, 2*n)
	for i := range xs {
		xs[i] = array.Full([]int{1, 2}, float64(i))
		piled = array.Concat(0, piled, xs[i])
		want[2*i], want[2*i+1] = int64(i), int64(i)
	}
	whole := array.FromSlice(want, []int{n, 2})
	for name, x := range map[string]*array.Array{"at once": array.Concat(0, xs...), "one after the other": piled} {
		same(t, r, x.As(array.Int64), whole)
		rep, err := x.Explain(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		joined := 0
		for _, m := range regexp.MustCompile(`(\d+) along axis 0`).FindAllStringSubmatch(rep.After, -1) {
			k, _ := strconv.Atoi(m[1])
			if joined++; k > 64 {
				t.Errorf("%s: %d arrays are joined by one layer", name, k)
			}
		}
		if joined == 0 || joined > 10 {
			t.Errorf("%s: %d layers join", name, joined)
		}
	}
}

// TestMadeRows: numbers that are made of their places, in rows longer than what is made at once, as they lie, turned around and in pieces, are those
// that are computed one by one.
func TestMadeRows(t *testing.T) {
	r, ctx := runner(t), context.Background()
	const rows, cols = 3, 150_001
	for _, c := range []struct {
		kind        array.DType
		start, step float64
	}{{array.Int64, -7, 3}, {array.Uint8, 200, 1}, {array.Int16, 5, -9}, {array.Float64, 0.5, 0.25}, {array.Float32, 100, -0.5}} {
		x := array.Arange(int64(c.start), int64(c.start)+int64(c.step)*rows*cols, int64(c.step), array.Of(c.kind), array.Chunks(rows*cols))
		if c.kind == array.Float64 || c.kind == array.Float32 {
			x = array.Arange(c.start, c.start+c.step*rows*cols, c.step, array.Of(c.kind), array.Chunks(rows*cols))
		}
		square := x.Reshape(rows, cols)
		for name, y := range map[string]*array.Array{"rows": square, "columns": square.T().Rechunk(cols, rows), "pieces": square.Rechunk(rows, 40_000)} {
			got, err := array.Collect[float64](ctx, r, y.As(array.Float64))
			if err != nil || len(got) != rows*cols {
				t.Fatalf("%s of %v: %d numbers, %v", name, c.kind, len(got), err)
			}
			for i, v := range got {
				at := i
				if name == "columns" {
					at = i%rows*cols + i/rows
				}
				want := c.start + float64(at)*c.step
				switch c.kind {
				case array.Uint8:
					want = float64(uint8(int64(want)))
				case array.Int16:
					want = float64(int16(int64(want)))
				}
				if v != want {
					t.Fatalf("number %d of the %s of %v is %v, want %v", i, name, c.kind, v, want)
				}
			}
		}
	}
}
