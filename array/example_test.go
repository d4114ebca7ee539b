package array_test

import (
	"context"
	"fmt"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

func Example() {
	ctx, r := context.Background(), local.New(local.Options{Memory: 256 << 20})
	defer r.Close()

	x := array.Arange(0, 1_000_000, 1, array.Of(array.Float64), array.Chunks(100_000)).Reshape(1000, 1000)
	z := x.Sub(x.Mean(0)).Div(x.Std(0, 0)) // each column with mean 0 and deviation 1
	fmt.Println(z)
	sums, err := array.Collect[float64](ctx, r, z.Square().Sum(0).Slice(":3"))
	fmt.Printf("%.6v %v\n", sums, err)

	fmt.Println(x.Add(array.Zeros([]int{10})).Err())
	// Output:
	// array (1000, 1000) float64, 7.629 MiB, chunks ((100,100,100,100,100,100,100,100,100,100),(1000)), 52 tasks
	// [1000 1000 1000] <nil>
	// example_test.go:21: Add: shapes (1000, 1000) and (10,) do not fit: axis -1 is 1000 and 10
}
