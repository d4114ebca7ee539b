package future

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/weft-data/weft/op"
)

// A Future is the result of a call that may not have ended. It is safe for
// concurrent use.
type Future[R any] struct {
	c   *Client
	x   call
	val R
	err error
}

// An Arg is an argument of a call: a value (see Value) or a *Future.
type Arg[A any] interface{ arg() (A, *call) }

type value[A any] struct{ v A }

func (v value[A]) arg() (A, *call) { return v.v, nil }

// Value makes a plain value an argument.
func Value[A any](v A) Arg[A] { return value[A]{v} }

func (f *Future[R]) arg() (zero R, _ *call) { return zero, &f.x }

// Get waits for the call and returns its result.
func (f *Future[R]) Get(ctx context.Context) (R, error) {
	if err := f.x.wait(ctx, f.c); err != nil {
		var zero R
		return zero, err
	}
	return f.val, f.err
}

// Done reports whether the call has ended.
func (f *Future[R]) Done() bool { f.x.mu.Lock(); defer f.x.mu.Unlock(); return f.x.done }

// Cancel ends the call with context.Canceled: at once if it has not started,
// through its context if it runs. A call that has ended stays as it is.
func (f *Future[R]) Cancel() {
	f.x.mu.Lock()
	if f.x.done || f.x.stop != nil {
		f.x.mu.Unlock()
		return
	}
	f.x.stop = context.Canceled
	cancel := f.x.cancel
	f.x.mu.Unlock()
	if cancel != nil {
		cancel(context.Canceled)
	}
}

// fill prepares a future whose call runs fn.
func fill[R any](f *Future[R], c *Client, run func(ctx context.Context, in []any) (any, error), deps []*call) {
	f.c = c
	f.x.run, f.x.deps = run, deps
	f.x.end = func(v any, err error) {
		if err != nil {
			f.err = err
		} else if r, ok := v.(R); ok {
			f.val = r
		}
	}
}

// Submit calls fn with an argument, Value(x) or a future.
func Submit[A, R any](c *Client, fn op.Fn[A, R], a Arg[A]) *Future[R] {
	return SubmitWith(c, Options{}, fn, a)
}

// SubmitWith is Submit with options.
func SubmitWith[A, R any](c *Client, o Options, fn op.Fn[A, R], a Arg[A]) *Future[R] {
	f := &Future[R]{}
	v, dep := a.arg()
	if dep == nil {
		fill(f, c, func(ctx context.Context, _ []any) (any, error) { return fn.Call(ctx, v) }, nil)
	} else {
		fill(f, c, func(ctx context.Context, in []any) (any, error) { x, _ := in[0].(A); return fn.Call(ctx, x) }, []*call{dep})
	}
	c.submit(o, &f.x)
	return f
}

// Map calls fn with each argument.
func Map[A, R any](c *Client, fn op.Fn[A, R], args []A) []*Future[R] {
	return MapWith(c, Options{}, fn, args)
}

// MapWith is Map with options.
func MapWith[A, R any](c *Client, o Options, fn op.Fn[A, R], args []A) []*Future[R] {
	all := make([]Future[R], len(args))
	out := make([]*Future[R], len(args))
	calls := make([]*call, len(args))
	for i := range args {
		f := &all[i]
		fill(f, c, func(ctx context.Context, _ []any) (any, error) { return fn.Call(ctx, args[i]) }, nil)
		out[i], calls[i] = f, &f.x
	}
	c.submit(o, calls...)
	return out
}

// Reduce calls fn with the results of all the futures, in their order.
func Reduce[A, R any](c *Client, fn op.Fn[[]A, R], in []*Future[A]) *Future[R] {
	return ReduceWith(c, Options{}, fn, in)
}

// ReduceWith is Reduce with options.
func ReduceWith[A, R any](c *Client, o Options, fn op.Fn[[]A, R], in []*Future[A]) *Future[R] {
	f := &Future[R]{}
	deps := make([]*call, len(in))
	for i, x := range in {
		deps[i] = &x.x
	}
	fill(f, c, func(ctx context.Context, got []any) (any, error) {
		args := make([]A, len(got))
		for i, x := range got {
			args[i], _ = x.(A)
		}
		return fn.Call(ctx, args)
	}, deps)
	c.submit(o, &f.x)
	return f
}

// Gather waits for all futures and returns their results in order, or the error
// of the first one that failed.
func Gather[R any](ctx context.Context, fs []*Future[R]) ([]R, error) {
	out := make([]R, len(fs))
	for i, f := range fs {
		v, err := f.Get(ctx)
		if err != nil {
			return nil, fmt.Errorf("call %d: %w", i, err)
		}
		out[i] = v
	}
	return out, nil
}

// AsCompleted yields the positions of futures as they end.
func AsCompleted[R any](ctx context.Context, fs []*Future[R]) iter.Seq2[int, *Future[R]] {
	return func(yield func(int, *Future[R]) bool) {
		var mu sync.Mutex
		var ended []int
		news := make(chan struct{}, 1)
		for i, f := range fs {
			tell := func() {
				mu.Lock()
				ended = append(ended, i)
				mu.Unlock()
				select {
				case news <- struct{}{}:
				default:
				}
			}
			f.x.mu.Lock()
			done := f.x.done
			if !done {
				f.x.then = append(f.x.then, tell)
			}
			f.x.mu.Unlock()
			if done {
				tell()
			}
		}
		if len(fs) > 0 {
			fs[0].c.flush()
		}
		for n := 0; n < len(fs); {
			mu.Lock()
			now := ended
			ended = nil
			mu.Unlock()
			for _, i := range now {
				n++
				if !yield(i, fs[i]) {
					return
				}
			}
			if len(now) > 0 {
				continue
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	}
}
