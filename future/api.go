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
type Future[R any] struct{ x call }

// An Arg is an argument of a call: a value (see Value) or a *Future.
type Arg[A any] interface{ arg() (A, *call) }

type value[A any] struct{ v A }

func (v value[A]) arg() (A, *call) { return v.v, nil }

// Value makes a plain value an argument.
func Value[A any](v A) Arg[A] { return value[A]{v} }

func (f *Future[R]) arg() (zero R, _ *call) { return zero, &f.x }

// Get waits for the call and returns its result.
func (f *Future[R]) Get(ctx context.Context) (r R, err error) {
	if err := f.x.wait(ctx); err != nil {
		return r, err
	}
	if err := f.x.err(); err != nil { // nothing changes after the end
		return r, err
	}
	r, _ = f.x.val.(R)
	return r, nil
}

// Done reports whether the call has ended.
func (f *Future[R]) Done() bool { f.x.mu.Lock(); defer f.x.mu.Unlock(); return f.x.done }

// Cancel gives up the call and all that need its result: they end at once with a
// CancelledError, other calls go on. A call that has not begun is not begun; the
// context of a function that runs ends, here or in a worker. A function that does not
// heed that is not waited for; the thread it runs on is taken until it returns, unless
// the call has a time-out. A call that has ended stays as it is.
//
//	stop := context.AfterFunc(ctx, f.Cancel) // the call ends with ctx
func (f *Future[R]) Cancel() { f.x.cancel() }

// A CancelledError is that of a call that was given up by Cancel. Calls that need its
// result have it in their error too. To errors.Is it is context.Canceled.
type CancelledError struct{}

func (*CancelledError) Error() string { return "future: the call was cancelled" }

// Unwrap returns context.Canceled.
func (*CancelledError) Unwrap() error { return context.Canceled }

// one is a call with a plain argument, and the future of it.
type one[A, R any] struct {
	Future[R]
	fn op.Fn[A, R]
	a  A
}

func (d *one[A, R]) do(ctx context.Context, _ *call) (any, error) { return d.fn.Call(ctx, d.a) }
func (d *one[A, R]) needs() []*call                               { return nil }
func (d *one[A, R]) drop()                                        { var zero A; d.a = zero }
func (d *one[A, R]) pack(k *packer, _ *call) error                { return packPlain(k, d.fn, d.a) }
func (d *one[A, R]) unpack(b []byte) (any, error)                 { return unpack[R](b) }

// fed is a call whose argument is a future, and the future of it.
type fed[A, R any] struct {
	Future[R]
	fn  op.Fn[A, R]
	dep [1]*call
}

func (d *fed[A, R]) do(ctx context.Context, _ *call) (any, error) {
	return d.fn.Call(ctx, got[A](d.dep[0]))
}
func (d *fed[A, R]) needs() []*call                { return d.dep[:] }
func (d *fed[A, R]) drop()                         { d.dep[0] = nil }
func (d *fed[A, R]) pack(k *packer, _ *call) error { return packFed(k, d.fn, d.dep[0]) }
func (d *fed[A, R]) unpack(b []byte) (any, error)  { return unpack[R](b) }

// many runs the calls of a Map.
type many[A, R any] struct {
	fn   op.Fn[A, R]
	args []A
}

func (d *many[A, R]) do(ctx context.Context, x *call) (any, error) {
	return d.fn.Call(ctx, d.args[x.index])
}
func (d *many[A, R]) needs() []*call                { return nil }
func (d *many[A, R]) drop()                         {}
func (d *many[A, R]) pack(k *packer, x *call) error { return packPlain(k, d.fn, d.args[x.index]) }
func (d *many[A, R]) unpack(b []byte) (any, error)  { return unpack[R](b) }

// pair is a call on a list of one or two futures, and the future of it.
type pair[A, R any] struct {
	Future[R]
	fn  op.Fn[[]A, R]
	dep [2]*call
}

func (d *pair[A, R]) do(ctx context.Context, _ *call) (any, error) {
	return d.fn.Call(ctx, gotAll[A](d.needs()))
}

func (d *pair[A, R]) needs() []*call {
	if d.dep[1] == nil {
		return d.dep[:1]
	}
	return d.dep[:]
}

func (d *pair[A, R]) drop()                         { d.dep = [2]*call{} }
func (d *pair[A, R]) pack(k *packer, _ *call) error { return packList(k, d.fn, d.needs()) }
func (d *pair[A, R]) unpack(b []byte) (any, error)  { return unpack[R](b) }

// folded is a call on a list of futures, and the future of it.
type folded[A, R any] struct {
	Future[R]
	fn   op.Fn[[]A, R]
	deps []*call
}

func (d *folded[A, R]) do(ctx context.Context, _ *call) (any, error) {
	return d.fn.Call(ctx, gotAll[A](d.deps))
}
func (d *folded[A, R]) needs() []*call                { return d.deps }
func (d *folded[A, R]) drop()                         { d.deps = nil }
func (d *folded[A, R]) pack(k *packer, _ *call) error { return packList(k, d.fn, d.deps) }
func (d *folded[A, R]) unpack(b []byte) (any, error)  { return unpack[R](b) }

// gotAll returns the results of calls that have ended well.
func gotAll[A any](deps []*call) []A {
	args := make([]A, len(deps))
	for i, x := range deps {
		args[i] = got[A](x)
	}
	return args
}

// got returns the result of a call that has ended well.
func got[A any](x *call) A {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, _ := x.val.(A)
	return a
}

// Submit calls fn with an argument, Value(x) or a future.
func Submit[A, R any](c *Client, fn op.Fn[A, R], a Arg[A]) *Future[R] {
	return SubmitWith(c, Options{}, fn, a)
}

// SubmitWith is Submit with options.
func SubmitWith[A, R any](c *Client, o Options, fn op.Fn[A, R], a Arg[A]) *Future[R] {
	l := c.lane(o)
	v, dep := a.arg()
	if dep == nil {
		d := &one[A, R]{fn: fn, a: v}
		return d.start(l, d)
	}
	d := &fed[A, R]{fn: fn, dep: [1]*call{dep}}
	return d.start(l, d)
}

// Map calls fn with each argument.
func Map[A, R any](c *Client, fn op.Fn[A, R], args []A) []*Future[R] {
	return MapWith(c, Options{}, fn, args)
}

// MapWith is Map with options.
func MapWith[A, R any](c *Client, o Options, fn op.Fn[A, R], args []A) []*Future[R] {
	return mapAll[R](c.lane(o), &many[A, R]{fn, args}, len(args))
}

// mapAll submits the n calls of one doer.
func mapAll[R any](l *lane, d doer, n int) []*Future[R] {
	all, out := make([]Future[R], n), make([]*Future[R], n)
	for i := range all {
		f := &all[i]
		f.x.doer, f.x.index = d, int32(i)
		f.x.b.Store(l.none)
		out[i] = f
	}
	l.submit(n, func(i int) *call { return &all[i].x })
	return out
}

// Reduce calls fn with the results of all the futures, in their order.
func Reduce[A, R any](c *Client, fn op.Fn[[]A, R], in []*Future[A]) *Future[R] {
	return ReduceWith(c, Options{}, fn, in)
}

// ReduceWith is Reduce with options.
func ReduceWith[A, R any](c *Client, o Options, fn op.Fn[[]A, R], in []*Future[A]) *Future[R] {
	l := c.lane(o)
	if n := len(in); n == 1 || n == 2 {
		d := &pair[A, R]{fn: fn, dep: [2]*call{&in[0].x}}
		if n == 2 {
			d.dep[1] = &in[1].x
		}
		return d.start(l, d)
	}
	d := &folded[A, R]{fn: fn, deps: make([]*call, len(in))}
	for i, x := range in {
		d.deps[i] = &x.x
	}
	return d.start(l, d)
}

// start submits the call of a future.
func (f *Future[R]) start(l *lane, d doer) *Future[R] {
	f.x.doer = d
	f.x.b.Store(l.none)
	l.submit(1, func(int) *call { return &f.x })
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
				e := f.x.extra()
				e.then = append(e.then, tell)
			}
			f.x.mu.Unlock()
			if done {
				tell()
			}
		}
		if len(fs) > 0 {
			fs[0].x.lane().c.flush()
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
			if !heard(ctx, news) {
				return
			}
		}
	}
}

// heard waits for news; false: ctx has ended.
func heard(ctx context.Context, news <-chan struct{}) bool {
	defer op.Waiting(ctx)()
	select {
	case <-news:
		return true
	case <-ctx.Done():
		return false
	}
}
