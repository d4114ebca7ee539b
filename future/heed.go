package future

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/op"
)

// heedWithin is how long a function may take to heed the end of its context.
const heedWithin = 500 * time.Millisecond

var abandoned atomic.Int64

// Abandoned returns how many functions of this process go on though their time-out
// has passed.
func Abandoned() int64 { return abandoned.Load() }

// heeded runs a function on a goroutine of its own. A function that does not heed its
// context is abandoned: it goes on, and nobody waits for it. Then left is true.
func heeded[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, left bool, err error) {
	var got T
	failed := op.ErrExit
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		got, failed = f(ctx)
	}()
	select {
	case <-ended:
		return got, false, failed
	case <-ctx.Done():
	}
	late := time.NewTimer(heedWithin)
	defer late.Stop()
	select {
	case <-ended:
		return got, false, failed
	case <-late.C:
		abandoned.Add(1)
		go func() {
			<-ended
			abandoned.Add(-1)
		}()
		return v, true, fmt.Errorf("%w, and the function does not heed its context", context.Cause(ctx))
	}
}

// caught, deferred, turns a panic of the user's function into its error.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}
