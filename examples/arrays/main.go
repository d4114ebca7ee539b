// Command arrays computes on an array larger than its memory budget:
// it standardises the columns of random numbers and asks how far the largest lies out.
// Nothing is said about chunks, and the numbers are the same for every way to cut
// them.
//
//	go run ./examples/arrays
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/weft-data/weft/array"
	"github.com/weft-data/weft/sched/local"
)

func main() {
	if err := run(context.Background(), os.Stdout, 400_000, 100); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, rows, cols int) error {
	engine := local.New(local.Options{Memory: 256 << 20})
	defer engine.Close()

	x := array.Random(7).Normal(5, 2, []int{rows, cols}) // 320 MB, made block by block where it is needed
	z := x.Sub(x.Mean(0)).Div(x.Std(0, 0))
	fmt.Fprintln(out, z)

	far, err := array.Collect[float64](ctx, engine, z.Abs().Max())
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the largest of %d numbers lies %.2f deviations out\n", z.Size(), far[0])

	squares, err := array.Collect[float64](ctx, engine, z.Square().Mean(0).Slice(":3"))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "mean squares of the first columns: %.6f\n", squares)
	return nil
}
