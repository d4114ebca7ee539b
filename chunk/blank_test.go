package chunk_test

import (
	"testing"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// TestAllNull: columns of nulls of every kind can be appended to others, however many rows they have.
func TestAllNull(t *testing.T) {
	for _, ty := range []dtype.Type{dtype.Of(dtype.Null), dtype.Of(dtype.Bool), dtype.Of(dtype.Int8), dtype.Of(dtype.Float64), dtype.DecimalOf(20, 3),
		dtype.Of(dtype.Utf8), dtype.Of(dtype.Binary), dtype.ListOf(dtype.Of(dtype.Int64))} {
		for _, n := range []int{0, 1, 64, 4095, 4096, 4097, 20_000} {
			v := chunk.AllNull(ty, n)
			c := chunk.NewBuilder(dtype.Schema{{Name: "c", Type: ty, Nullable: true}}, mem.Heap)
			if err := c.Append(&chunk.Batch{N: n, Cols: []chunk.Vec{v}}); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				continue
			}
			if got := c.Flush(); v.N != n || v.Nulls() != n || got.N != n || got.Cols[0].Nulls() != n {
				t.Errorf("%d of %s: %d nulls, %d of %d appended", n, ty, v.Nulls(), got.Cols[0].Nulls(), got.N)
			}
		}
	}
}
