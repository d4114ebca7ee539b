// Command weft looks into, converts and summarises tables larger than memory,
// and demonstrates the engine on data it makes itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/weft-data/weft/cluster"
)

func main() {
	if cluster.RanAsWorker() {
		return
	}
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if slices.Contains(os.Args[1:], "worker") {
		signals = signals[:1] // it retires on SIGTERM
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what the first could not
	root := newRoot(os.Stdout, os.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "weft:", message(ctx, err))
		stop()
		os.Exit(code(err))
	}
}

// message words an error for a person: without the places in this program where
// the plan was built, without system calls, and with flags for the library's options.
func message(ctx context.Context, err error) string {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return "stopped"
	}
	s := strings.TrimPrefix(err.Error(), "frame: ")
	s = position.ReplaceAllString(s, "$1")
	s = flagged(strings.TrimPrefix(s, "csv: "))
	for _, call := range []string{"stat ", "open "} {
		s = strings.TrimPrefix(s, call)
	}
	return s
}

// position is a line of this program and the verb that was called there.
var position = regexp.MustCompile(`^(memory: |)[a-z]+\.go:\d+: (Read[A-Za-z]+: )?`)

// A usageError is a mistake in the command line: exit code 2.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }

func code(err error) int {
	var u usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}
