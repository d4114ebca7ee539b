package future_test

import (
	"context"
	"fmt"

	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

// Functions that may leave the process are registered, once, under a name.
var (
	double = op.Func("example/double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	total  = op.Func("example/total", func(_ context.Context, ns []int) (sum int, err error) {
		for _, n := range ns {
			sum += n
		}
		return sum, nil
	})
)

func Example() {
	ctx := context.Background()
	engine := local.New(local.Options{})
	defer engine.Close()
	client := future.New(ctx, engine)
	defer client.Close()

	doubles := future.Map(client, double, []int{1, 2, 3, 4})
	sum := future.Reduce(client, total, doubles) // takes results that are not there yet
	again := future.Submit(client, double, sum)
	fmt.Println(again.Get(ctx))
	// Output: 40 <nil>
}

// price looks up what all calls have in common.
var price = op.Func("example/price", func(_ context.Context, p future.With[priceList, string]) (float64, error) {
	for i, name := range p.Shared.Names {
		if name == p.Arg {
			return p.Shared.Prices[i], nil
		}
	}
	return 0, fmt.Errorf("%s has no price", p.Arg)
})

type priceList struct {
	Names  []string
	Prices []float64
}

func ExampleScatter() {
	ctx := context.Background()
	engine := local.New(local.Options{})
	defer engine.Close()
	client := future.New(ctx, engine)
	defer client.Close()

	list, err := future.Broadcast(ctx, client, priceList{[]string{"tea", "rye"}, []float64{4.5, 2}}) // on a cluster: to each worker, once
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(future.Gather(ctx, future.MapShared(client, price, list, []string{"rye", "tea", "rye"})))
	list.Release()
	// Output: [2 4.5 2] <nil>
}

func ExampleAsCompleted() {
	ctx := context.Background()
	engine := local.New(local.Options{})
	defer engine.Close()
	client := future.New(ctx, engine)
	defer client.Close()

	sum := 0
	for i, f := range future.AsCompleted(ctx, future.Map(client, double, []int{5, 6, 7})) { // in any order
		n, err := f.Get(ctx)
		if err != nil {
			fmt.Println("call", i, err)
		}
		sum += n
	}
	fmt.Println(sum)
	// Output: 36
}
