// Command pipeline is a graph of function calls: texts are counted at once, a call
// that fails now and then is repeated, and results flow into further calls while
// others still run.
//
//	go run ./examples/pipeline
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/future"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/sched/local"
)

// A tally is how often a word occurs. Arguments and results of named functions are
// plain data, so that they can travel: no maps, no functions.
type tally struct {
	Word string
	N    int64
}

// Functions have names, so that a plan can say what it calls and another process
// of the same program can run it.
var (
	count = op.Func("pipeline/count", func(_ context.Context, text string) ([]tally, error) {
		var words []tally
		for w := range strings.FieldsSeq(strings.ToLower(text)) {
			words = append(words, tally{strings.Trim(w, ".,;"), 1})
		}
		return sum(words), nil
	})
	merge = op.Func("pipeline/merge", func(_ context.Context, parts [][]tally) ([]tally, error) {
		return sum(slices.Concat(parts...)), nil
	})
	best = op.Func("pipeline/best", func(_ context.Context, words []tally) ([]tally, error) {
		words = slices.Clone(words) // results are shared by everybody who asks for them
		slices.SortStableFunc(words, func(a, b tally) int { return cmp.Compare(b.N, a.N) })
		return words[:min(3, len(words))], nil
	})
)

// sum makes one tally of all those of a word, in the order of the words.
func sum(words []tally) (out []tally) {
	n := map[string]int64{}
	for _, t := range words {
		n[t.Word] += t.N
	}
	for _, w := range slices.Sorted(maps.Keys(n)) {
		out = append(out, tally{w, n[w]})
	}
	return out
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) error {
	engine := local.New(local.Options{})
	defer engine.Close()
	client := future.New(ctx, engine)
	defer client.Close()

	texts := []string{"The warp holds.", "The weft moves; the weft returns.", "Weft over warp, weft under warp."}
	counts := future.Map(client, count, texts)
	all := future.Reduce(client, merge, counts)
	top := future.Submit(client, best, all) // starts when all has its result
	words, err := top.Get(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "most frequent:", words)

	// A closure stays in this process. It fails twice and is called three times.
	var calls atomic.Int32
	unsure := op.Closure(func(_ context.Context, n int) (int, error) {
		if calls.Add(1) < 3 {
			return 0, errors.New("not yet")
		}
		return n * n, nil
	})
	o := future.Options{Retry: 3, Delay: time.Millisecond}
	square, err := future.SubmitWith(client, o, unsure, future.Value(12)).Get(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "12 squared:", square, "after", calls.Load(), "calls")

	// A failure reaches whoever needs the result, and nobody else.
	half := op.Closure(func(_ context.Context, n int) (int, error) {
		if n%2 != 0 {
			return 0, fmt.Errorf("%d is odd", n)
		}
		return n / 2, nil
	})
	halves := future.Map(client, half, []int{8, 7, 6})
	for i, f := range halves {
		n, err := f.Get(ctx)
		fmt.Fprintf(out, "half %d: %d %v\n", i, n, err)
	}
	return nil
}
