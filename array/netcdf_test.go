package array_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/format/netcdf"
)

// TestNetCDF reads files that the NetCDF library has written: a (x) and c (y, x) without records, t (time), v (time, y, x)
// and b (time, x) with four.
func TestNetCDF(t *testing.T) {
	r := runner(t)
	for _, version := range []string{"cdf1", "cdf2", "cdf5"} {
		path := filepath.Join("..", "format", "netcdf", "testdata", version+".nc")
		read := func(name string, opts ...array.Option) *array.Array { return array.ReadNetCDF(path, name, opts...) }
		v := array.Arange(0, 60, 1).As(array.Int32).Reshape(4, 3, 5)
		same(t, r, read("a"), array.Arange(0, 35, 7).As(array.Int16))
		same(t, r, read("c"), array.Arange(0, 15, 1).As(array.Float32).Mul(0.25).Reshape(3, 5))
		same(t, r, read("t"), array.Arange(0, 4, 1).As(array.Float64).Mul(0.5))
		same(t, r, read("b"), array.Arange(-10, 10, 1).As(array.Int8).Reshape(4, 5))
		for _, chunks := range [][]any{{-1}, {1}, {3, 2, 4}, {array.Auto}} {
			x := read("v", array.Chunks(chunks...))
			same(t, r, x, v)
			for _, spec := range []string{"1:3,:,::2", "::-1,1", ":,2,1:4", "3", "2:2"} {
				same(t, r, x.Slice(spec), v.Slice(spec))
			}
			same(t, r, x.Transpose(2, 0, 1).Sum(0), v.Transpose(2, 0, 1).Sum(0))
		}
		same(t, r, read("v", array.Of(array.Float64)), v.As(array.Float64))
		if err := read("none").Err(); err == nil || !strings.Contains(err.Error(), `netcdf_test.go:`) || !strings.Contains(err.Error(), `no variable "none"; there are ["a" "c" "t" "v" "b"`) {
			t.Error(err)
		}
	}
	hdf := filepath.Join(t.TempDir(), "x.nc")
	must(t, os.WriteFile(hdf, []byte("\x89HDF\r\n\x1a\n"), 0o666))
	if err := array.ReadNetCDF(hdf, "v").Err(); !errors.Is(err, netcdf.ErrHDF5) {
		t.Error(err)
	}
	if err := array.ReadNetCDF(hdf+"2", "v").Err(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
