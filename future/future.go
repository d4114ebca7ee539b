// Package future runs single function calls on a Runner: submit now, get the
// result later, and hand results that are not there yet to further calls.
//
//	c := future.New(ctx, runner)
//	defer c.Close()
//	var clean = op.Func("myapp/clean", func(ctx context.Context, path string) (int, error) { … })
//	counts := future.Map(c, clean, paths)
//	total := future.Reduce(c, sum, counts)        // futures as arguments
//	n, err := total.Get(ctx)
//
// Calls are collected and handed to the scheduler many at a time: at the latest
// when somebody waits for one of them or after a millisecond. A call that fails
// does not disturb others; calls that need its result fail with its error.
package future

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/op"
)

// Options of a call. The zero value: no retry, no time-out, priority 0.
type Options struct {
	Retry    int           // attempts in all; 0 and 1 mean one
	Delay    time.Duration // before the second attempt, doubled each time
	TimeOut  time.Duration // of one attempt, through its context
	Priority int32         // higher first
}

// A Client submits calls to a runner. It is safe for concurrent use.
type Client struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	runner graph.Runner

	mu      sync.Mutex
	pending map[Options]*batch
	timer   *time.Timer
	live    sync.WaitGroup
	closed  bool
}

// New returns a client whose calls end when ctx does.
func New(ctx context.Context, r graph.Runner) *Client {
	c := &Client{runner: r, pending: map[Options]*batch{}}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// ErrClosed is the error of calls whose client was closed before they ended.
var ErrClosed = errors.New("future: the client was closed")

// Close cancels what has not ended and waits for it.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel(ErrClosed)
	c.flush()
	c.live.Wait()
}

// Wait returns when all calls submitted so far have ended.
func (c *Client) Wait() { c.flush(); c.live.Wait() }

// A call is one submitted function call, whatever its types.
type call struct {
	run   func(ctx context.Context, in []any) (any, error)
	deps  []*call
	end   func(v any, err error) // sets the future, once
	b     *batch
	at    int32 // position in its batch
	tries int32

	mu     sync.Mutex
	waits  int      // dependencies of other batches that have not ended
	then   []func() // what to do when the call has ended
	done   bool
	val    any
	err    error
	stop   error // set by Cancel
	cancel context.CancelCauseFunc
	ready  chan struct{} // made by the first waiter
}

// submit registers calls with the same options. Dependencies that were submitted
// with the same options and not handed over yet stay within one graph; others
// must end first.
func (c *Client) submit(o Options, calls ...*call) {
	c.live.Add(len(calls))
	c.mu.Lock()
	var now []*call
	for _, x := range calls {
		if c.enqueue(o, x) {
			now = append(now, x)
		}
	}
	if c.closed {
		c.mu.Unlock()
		for _, x := range calls {
			x.finish(c, nil, ErrClosed)
		}
		return
	}
	if len(now) > 0 && c.timer == nil {
		c.timer = time.AfterFunc(time.Millisecond, c.flush)
	}
	c.mu.Unlock()
}

// enqueue puts a call into the pending batch of its options, or leaves it
// waiting for dependencies elsewhere. The client is locked.
func (c *Client) enqueue(o Options, x *call) bool {
	b := c.pending[o]
	for _, d := range x.deps {
		if d.b != nil && d.b == b {
			continue
		}
		d.mu.Lock()
		if !d.done {
			x.waits++
			d.then = append(d.then, func() { c.depEnded(o, x) })
		}
		d.mu.Unlock()
	}
	if x.waits > 0 {
		return false
	}
	if b == nil {
		b = &batch{c: c, o: o}
		c.pending[o] = b
	}
	x.b, x.at = b, int32(len(b.calls))
	b.calls = append(b.calls, x)
	return true
}

// depEnded tells x that a dependency has ended.
func (c *Client) depEnded(o Options, x *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x.waits--; x.waits > 0 {
		return
	}
	if c.enqueue(o, x) && c.timer == nil {
		c.timer = time.AfterFunc(0, c.flush)
	}
}

// flush hands what is pending to the runner.
func (c *Client) flush() {
	c.mu.Lock()
	batches := c.pending
	c.pending = map[Options]*batch{}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	c.mu.Unlock()
	for _, b := range batches {
		b.start()
	}
}

// finish ends a call, once, and wakes whoever waits for it.
func (x *call) finish(c *Client, v any, err error) {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return
	}
	x.done, x.val, x.err = true, v, err
	then, ready := x.then, x.ready
	x.then, x.run = nil, nil
	x.mu.Unlock()
	x.end(v, err)
	if ready != nil {
		close(ready)
	}
	for _, f := range then {
		f()
	}
	c.live.Done()
}

// wait returns when the call has ended.
func (x *call) wait(ctx context.Context, c *Client) error {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return nil
	}
	if x.ready == nil {
		x.ready = make(chan struct{})
	}
	ready := x.ready
	x.mu.Unlock()
	c.flush()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt runs the call on its dependencies' results. A failure that will be
// tried again is returned as an error; the last one is a result.
func (x *call) attempt(ctx context.Context, o Options) (v any, failure error, again error) {
	in := make([]any, len(x.deps))
	for i, d := range x.deps {
		d.mu.Lock()
		v, err := d.val, d.err
		d.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("needs a call that failed: %w", err), nil
		}
		in[i] = v
	}
	x.mu.Lock()
	run, stop := x.run, x.stop
	x.tries++
	last := x.tries >= int32(max(1, o.Retry))
	x.mu.Unlock()
	if stop != nil || run == nil {
		return nil, stop, nil
	}
	v, err := guarded(run, &callContext{Context: ctx, x: x}, in)
	x.mu.Lock()
	stop = x.stop
	x.mu.Unlock()
	switch {
	case err == nil:
		return v, nil, nil
	case stop != nil:
		return nil, stop, nil
	case last || ctx.Err() != nil && context.Cause(ctx) == ErrClosed:
		return nil, err, nil
	}
	return nil, nil, err
}

// guarded turns a panic of the user's function into its error.
func guarded(run func(context.Context, []any) (any, error), ctx context.Context, in []any) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx, in)
}

// A callContext is the context of one call. It costs nothing until somebody
// asks for Done; then Cancel reaches it.
type callContext struct {
	context.Context
	x    *call
	once sync.Once
	ctx  atomic.Pointer[context.Context]
}

// Done implements context.Context.
func (c *callContext) Done() <-chan struct{} {
	c.once.Do(func() {
		ctx, cancel := context.WithCancelCause(c.Context)
		c.x.mu.Lock()
		c.x.cancel = cancel
		stop := c.x.stop
		c.x.mu.Unlock()
		if stop != nil {
			cancel(stop)
		}
		c.ctx.Store(&ctx)
	})
	return (*c.ctx.Load()).Done()
}

// Err implements context.Context.
func (c *callContext) Err() error {
	if p := c.ctx.Load(); p != nil {
		return (*p).Err()
	}
	c.x.mu.Lock()
	stop := c.x.stop
	c.x.mu.Unlock()
	if stop != nil {
		return context.Canceled
	}
	return c.Context.Err()
}

var _ op.Direct = (*batchBlock)(nil)
