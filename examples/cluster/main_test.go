package main

import (
	"os"
	"testing"

	"github.com/weft-data/weft/cluster"
)

func TestMain(m *testing.M) {
	if cluster.RanAsWorker() {
		return
	}
	os.Exit(m.Run())
}

func Example() {
	main()
	// Output:
	// words: [1 2 3]
	// others: [1 1 1]
	// ┌──────┬───────┬─────────┐
	// │ city │ trips │      km │
	// ├──────┼───────┼─────────┤
	// │ utf8 │ int64 │ float64 │
	// ├──────┼───────┼─────────┤
	// │ Bonn │     3 │   14.75 │
	// │ Kiel │     2 │      13 │
	// └──────┴───────┴─────────┘
	// 2 rows × 3 columns
}
