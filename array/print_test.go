package array_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

func TestResultPrints(t *testing.T) {
	engine := local.New(local.Options{Memory: 64 << 20})
	defer engine.Close()
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		x    *array.Array
		want string
	}{
		{array.Full([]int{}, 3.5), "3.5\n() float64"},
		{array.Zeros([]int{0, 3}), "[]\n(0, 3) float64"},
		{array.Arange(0, 4, 1), "[0 1 2 3]\n(4,) int64"},
		{array.Arange(-9, 12, 10).Lt(0), "[ true false false]\n(3,) bool"},
		{array.FromSlice([]float64{1, -2.25, nan, inf, -inf, 1. / 3}, []int{2, 3}),
			"[[ 1.         -2.25               nan]\n [        inf        -inf  0.33333333]]\n(2, 3) float64"},
		{array.FromSlice([]float64{1e-9, 2.5e300}, []int{2}), "[   1e-09 2.5e+300]\n(2,) float64"},
		{array.FromSlice([]float32{0.1, 7}, []int{2}), "[0.1 7. ]\n(2,) float32"},
		{array.FromSlice([]complex128{1 + 2i, -1i}, []int{2}), "[1.+2.j 0.-1.j]\n(2,) complex128"},
		{array.Arange(0, 8, 1).Reshape(2, 2, 2), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]\n(2, 2, 2) int64"},
		{array.Arange(0, 2000, 1), "[   0    1    2 ... 1997 1998 1999]\n(2000,) int64"},
		{array.Arange(0, 2000, 1).Reshape(4, 500),
			"[[   0    1    2 ...  497  498  499]\n [ 500  501  502 ...  997  998  999]\n" +
				" [1000 1001 1002 ... 1497 1498 1499]\n [1500 1501 1502 ... 1997 1998 1999]]\n(4, 500) int64"},
	} {
		r, err := c.x.Compute(context.Background(), engine)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.String(); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	r, err := array.Arange(0, 100, 1).Compute(context.Background(), engine)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(r.String(), "\n") {
		if len(line) > 100 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
	if v := r.At(42); v != int64(42) {
		t.Errorf("At(42) = %v", v)
	}
}
