package parquet

import (
	"testing"

	"github.com/weft-data/weft/dtype"
)

// What is read is estimated as it lies in memory, so that tables from files compare with
// those that joins make: numbers by their width, though a dictionary stores them in less,
// and texts by what the files have for them when that is much.
func TestBytesInMemory(t *testing.T) {
	p := ReadParams{Schema: dtype.Schema{
		{Name: "k", Type: dtype.Of(dtype.Int64)}, {Name: "x", Type: dtype.Of(dtype.Float64)},
		{Name: "s", Type: dtype.Of(dtype.Utf8)}, {Name: "long", Type: dtype.Of(dtype.Utf8)},
	}}
	for _, c := range []struct {
		cols   []int32
		stored float64
		want   float64
	}{
		{[]int32{0, 1}, 100 * 4, 100 * 16},
		{[]int32{0, 1}, 100 * 1e4, 100 * 16},
		{[]int32{2}, 100 * 4, 100 * 20},
		{[]int32{0, 2}, 100 * (56 + 1000), 100 * (8 + 20 + 500)},
		{nil, 100 * 1e4, 0},
	} {
		p.Cols = c.cols
		if got := p.inMemory(100, c.stored); got != c.want {
			t.Errorf("columns %d of 100 rows, %v bytes in the files: %v in memory, want %v", c.cols, c.stored, got, c.want)
		}
	}
}
