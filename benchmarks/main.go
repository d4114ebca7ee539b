// Command benchmarks is the bench command of weft by itself: go run ./benchmarks run.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/weft-data/weft/benchmarks/suite"
	"github.com/weft-data/weft/cluster"
)

func main() {
	if cluster.RanAsWorker() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := suite.Command("benchmarks", os.Stdin, os.Stdout, os.Stderr).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		stop()
		os.Exit(1)
	}
}
