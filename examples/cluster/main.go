// Command cluster runs this program itself as the workers of a small cluster: its
// own function is called there, and a query runs there, both with the same code as
// in one process.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weft-data/weft/cluster"
	"github.com/weft-data/weft/frame"
	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
)

// words is a function of this program. It has a name, so that it can run wherever
// the program does.
var words = op.Func("example/words", func(_ context.Context, text string) (int, error) {
	return len(strings.Fields(text)), nil
})

// others counts the words that are not in a list, which all calls have in common.
var others = op.Func("example/others", func(_ context.Context, p future.With[[]string, string]) (n int, err error) {
	for _, word := range strings.Fields(p.Arg) {
		if !slices.Contains(p.Shared, word) {
			n++
		}
	}
	return n, nil
})

func main() {
	if cluster.RanAsWorker() { // the one line that makes this program a worker, too
		return
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	up, err := cluster.Up(ctx, cluster.UpOptions{Workers: 2}) // elsewhere: weft scheduler, and WEFT_WORKER=host:port this-program
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, up.Close()) }()
	c, err := cluster.Dial(ctx, up.Addr(), cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()

	calls := future.New(ctx, c)
	defer calls.Close()
	counts, err := future.Gather(ctx, future.Map(calls, words, []string{"one", "and two", "and then three"}))
	if err != nil {
		return err
	}
	fmt.Println("words:", counts)

	stop, err := future.Broadcast(ctx, calls, []string{"and", "then"}) // travels to each worker once, however many calls read it
	if err != nil {
		return err
	}
	if counts, err = future.Gather(ctx, future.MapShared(calls, others, stop, []string{"one", "and two", "and then three"})); err != nil {
		return err
	}
	fmt.Println("others:", counts)

	dir, err := os.MkdirTemp("", "weft-example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	trips := filepath.Join(dir, "trips.csv")
	if err := os.WriteFile(trips, []byte("city,km\nBonn,3.5\nKiel,12\nBonn,7.25\nKiel,1\nBonn,4\n"), 0o600); err != nil {
		return err
	}
	perCity, err := frame.ReadCSV(trips).GroupBy("city").Agg(frame.Count().As("trips"), frame.Sum("km")).Sort("city").Collect(ctx, c)
	if err != nil {
		return err
	}
	_, err = fmt.Println(perCity)
	return err
}
