// Command weft looks into, converts and summarises tables larger than memory,
// and demonstrates the engine on data it makes itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(os.Stdout, os.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "weft:", message(ctx, err))
		stop()
		os.Exit(code(err))
	}
}

// message words an error for a person.
func message(ctx context.Context, err error) string {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return "stopped"
	}
	return strings.TrimPrefix(err.Error(), "frame: ")
}

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
