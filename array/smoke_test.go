package array_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

func TestSmoke(t *testing.T) {
	r := local.New(local.Options{Threads: 2})
	defer r.Close()
	x := array.Arange(0, 24, 1, array.Chunks(5)).Reshape(4, 6)
	show := func(x *array.Array) {
		res, err := x.Compute(context.Background(), r)
		if err != nil {
			t.Error(err)
			return
		}
		switch x.DType() {
		case array.Int64:
			v, _ := array.Values[int64](res)
			fmt.Println(x, v)
		case array.Float64:
			v, _ := array.Values[float64](res)
			fmt.Println(x, v)
		case array.Bool:
			v, _ := array.Values[bool](res)
			fmt.Println(x, v)
		}
	}
	show(x)
	show(x.Add(1))
	show(x.T())
	show(x.Rechunk(3, 2))
	show(x.Sum())
	show(x.Sum(0))
	show(x.Rechunk(3, 2).Sum(0))
	show(x.Rechunk(3, 2).Mean(1))
	show(x.Rechunk(3, 2).Std(0, 0))
	show(x.Rechunk(3, 2).ArgMax(0))
	show(x.Rechunk(3, 2).Slice("1:3, None, ::-2"))
	y := x.Rechunk(3, 2).Add(x.Slice("0")).Mul(2).Sqrt()
	show(y)
	show(y.Sum())
	rep, err := y.Sum().Explain(context.Background(), r)
	fmt.Println(rep.Before, rep.After, err)
}
