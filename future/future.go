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
// What many calls read is sent to the workers once (Scatter, Broadcast), and taken by the calls
// as a future, alone or beside an argument of their own (MapShared).
//
// Calls are collected and handed to the scheduler many at a time: at the latest
// when somebody waits for one of them or after a millisecond. A call that fails
// does not disturb others; calls that need its result fail with its error.
//
// A function that runs in a worker may wait for other calls and for plans of its cluster,
// however many wait and however deep they are within each other: while it does, others have
// its thread. It must wait with its own context, or one made of it, by which it is known; with
// another one it keeps the thread, and where all threads wait so they wait until their
// time-outs. It keeps its memory and its resources (cluster.Options): what it waits for must
// not ask for those. What it submits should have its priority, or a higher one: else all that
// have its own begin before the first of them can go on. In one process a function does not wait for other calls of its own
// runner: it holds the thread that they need. Get says so when it is given the context of the
// function, and so do plans when all threads would wait.
package future

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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
	TimeOut  time.Duration // of one attempt, through its context; a function that does not heed it is abandoned
	Priority int32         // higher first
}

// A Client submits calls to a runner. It is safe for concurrent use.
type Client struct {
	outer  context.Context // as it was given
	ctx    context.Context
	cancel context.CancelCauseFunc
	runner graph.Runner
	remote bool // calls leave the process

	mu     sync.Mutex
	lanes  map[Options]*lane
	timer  *time.Timer
	live   sync.WaitGroup
	closed bool
}

// A lane has the calls of a client with the same options.
type lane struct {
	c       *Client
	o       Options
	pending *batch // not handed over yet; guarded by the client
	none    *batch // the batch of calls that are in no batch yet
}

// New returns a client whose calls end when ctx does.
func New(ctx context.Context, r graph.Runner) *Client {
	c := &Client{outer: ctx, runner: r, lanes: map[Options]*lane{}}
	if x, ok := r.(Remote); ok {
		c.remote = x.Remote()
	}
	c.ctx, c.cancel = context.WithCancelCause(context.WithValue(op.Apart(ctx), within{}, r))
	return c
}

// within is the key of the runner in the contexts of the functions that it runs here.
type within struct{}

var errWithin = errors.New("future: a function cannot wait for another call of its runner, which needs a thread as it does: take the future as an argument")

// holds reports whether ctx is that of a function of the client's runner.
func (c *Client) holds(ctx context.Context) bool {
	r := ctx.Value(within{})
	return r != nil && reflect.TypeOf(r).Comparable() && r == c.runner
}

// lane returns the lane of some options.
func (c *Client) lane(o Options) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[o]
	if l == nil {
		l = &lane{c: c, o: o}
		l.none = &batch{l: l}
		c.lanes[o] = l
	}
	return l
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
func (c *Client) Wait() {
	c.flush()
	defer op.Waiting(c.outer)()
	c.live.Wait()
}

// A doer runs a function and its plain arguments, for one call or for
// all calls of a Map.
type doer interface {
	do(ctx context.Context, x *call) (any, error)
	needs() []*call // the calls whose results are arguments
	drop()          // the call has ended: forget the arguments
	// pack writes the call as data; unpack reads its result.
	pack(k *packer, x *call) error
	unpack(b []byte) (any, error)
}

// A call is one submitted function call, whatever its types. There may be
// hundreds of thousands: what few of them need is in more.
type call struct {
	b     atomic.Pointer[batch] // lane.none until it is in one; changed by the client, under its lock
	doer  doer
	index int32 // of the argument in a Map
	at    int32 // position in the batch
	waits int32 // calls it is held for, that have neither ended nor are in the batch it would go to; guarded by the client
	done  bool
	busy  bool // its function may be at work, or its arguments being sent: they are in use
	mu    sync.Mutex
	user  *call // one of the calls that are held until this one ends
	more  *extra
	val   any // the result, or a failure
}

// A failure is the result of a call that failed.
type failure struct{ error }

// lane returns where the call belongs, whichever batch it is in.
func (x *call) lane() *lane { return x.b.Load().l }

// An extra is what a call needs that several wait for, or has attempts left.
type extra struct {
	tries int     // attempts begun, when there may be several
	users []*call // more calls that are held until this one ends
	then  []func()
	ready chan struct{}
	kept  *place // the result lies on workers, too
}

// extra returns x.more, made if needed; x is locked, or not shared yet.
func (x *call) extra() *extra {
	if x.more == nil {
		x.more = &extra{}
	}
	return x.more
}

// hold notes that u waits for x, unless x has ended.
func (x *call) hold(u *call) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.done:
		return false
	case x.user == nil:
		x.user = u
	default:
		e := x.extra()
		e.users = append(e.users, u)
	}
	return true
}

// err returns the failure of a call that has run; x is locked.
func (x *call) err() error {
	if f, ok := x.val.(failure); ok {
		return f.error
	}
	return nil
}

// submit registers n calls of one lane. Dependencies that were submitted with the
// same options and not handed over yet stay within one graph; others must end
// first.
func (l *lane) submit(n int, call func(i int) *call) {
	c := l.c
	c.live.Add(n)
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		for i := range n {
			call(i).finish(failure{ErrClosed})
		}
		return
	}
	for i := range n {
		l.enqueue(call(i))
	}
	if b := l.pending; b != nil && c.timer == nil {
		n := b.n
		c.timer = time.AfterFunc(collectFor, func() { c.tick(n, 1) })
	}
	c.mu.Unlock()
}

// Calls that arrive one after the other are collected as long as they keep
// coming, but not longer than collectFor times collectMost.
const (
	collectFor  = time.Millisecond
	collectMost = 20
)

// tick hands over what is pending, unless more came since the last tick.
func (c *Client) tick(had, ticks int) {
	c.mu.Lock()
	n := 0
	for _, l := range c.lanes {
		if l.pending != nil {
			n += l.pending.n
		}
	}
	if n > had && ticks < collectMost && c.timer != nil {
		c.timer = time.AfterFunc(collectFor, func() { c.tick(n, ticks+1) })
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	c.flush()
}

// enqueue puts a call into the pending batch of its lane, or leaves it waiting for
// dependencies elsewhere. The client is locked.
func (l *lane) enqueue(x *call) {
	b := l.pending
	x.waits = 0
	for _, d := range x.needs() {
		if b != nil && d.b.Load() == b {
			continue
		}
		if d.hold(x) {
			x.waits++
		}
	}
	if x.waits > 0 {
		return
	}
	if b == nil {
		b = &batch{l: l}
		l.pending = b
	}
	b.add(x)
	l.follow(x)
}

// follow takes the calls that waited for x only into x's batch. The client is
// locked.
func (l *lane) follow(x *call) {
	x.mu.Lock()
	var mine []*call
	if x.user != nil && x.user.lane() == l {
		mine = append(mine, x.user)
		x.user = nil
	}
	if e := x.more; e != nil {
		rest := e.users[:0]
		for _, u := range e.users {
			if u.lane() == l {
				mine = append(mine, u)
			} else {
				rest = append(rest, u)
			}
		}
		e.users = rest
	}
	x.mu.Unlock()
	for _, u := range mine {
		u.release()
	}
}

// release counts one dependency of a held call as settled. One that was cancelled
// meanwhile goes nowhere. Its client is locked.
func (x *call) release() {
	if x.waits--; x.waits == 0 && x.pending() {
		x.lane().enqueue(x)
	}
}

// flush hands what is pending to the runner.
func (c *Client) flush() {
	c.mu.Lock()
	var batches []*batch
	for _, l := range c.lanes {
		if l.pending != nil {
			batches = append(batches, l.pending)
			l.pending = nil
		}
	}
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	c.mu.Unlock()
	for _, b := range batches {
		b.start()
	}
}

// cancel gives up the call and those that need it.
func (x *call) cancel() {
	if x.finish(failure{&CancelledError{}}) {
		x.b.Load().withdraw(x)
	}
}

// finish ends a call with its result or a failure, once, and wakes whoever waits
// for it. False: it had ended before.
func (x *call) finish(v any) bool {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return false
	}
	x.done, x.val = true, v
	doer, user := x.doer, x.user
	if x.busy {
		doer = nil
	}
	x.doer, x.user = nil, nil
	var users []*call
	var then []func()
	if e := x.more; e != nil {
		users, then = e.users, e.then
		e.users, e.then = nil, nil
		if e.ready != nil {
			close(e.ready)
		}
	}
	x.mu.Unlock()
	if user != nil {
		user.settle()
	}
	for _, u := range users {
		u.settle()
	}
	for _, f := range then {
		f()
	}
	if doer != nil {
		doer.drop()
	}
	x.lane().c.live.Done()
	return true
}

// settle tells a held call that a dependency has ended.
func (x *call) settle() {
	c := x.lane().c
	c.mu.Lock()
	x.release()
	if c.timer == nil && x.lane().pending != nil {
		c.timer = time.AfterFunc(0, c.flush)
	}
	c.mu.Unlock()
}

// wait returns when the call has ended.
func (x *call) wait(ctx context.Context) error {
	x.mu.Lock()
	if x.done {
		x.mu.Unlock()
		return nil
	}
	if x.lane().c.holds(ctx) {
		x.mu.Unlock()
		return errWithin
	}
	e := x.extra()
	if e.ready == nil {
		e.ready = make(chan struct{})
	}
	ready := e.ready
	x.mu.Unlock()
	x.lane().c.flush()
	defer op.Waiting(ctx)()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt runs the call on its dependencies' results. A failure that will be
// tried again is returned as an error; the last one is a result. Left: the function
// goes on.
func (x *call) attempt(ctx context.Context, o Options) (v any, left bool, again error) {
	x.mu.Lock()
	doer := x.doer
	x.busy = doer != nil
	last := o.Retry <= 1
	if !last {
		e := x.extra()
		e.tries++
		last = e.tries >= o.Retry
	}
	x.mu.Unlock()
	if doer == nil { // it was cancelled
		return nil, false, nil
	}
	if context.Cause(ctx) == op.ErrExit { // it has ended its goroutine
		return failure{op.ErrExit}, false, nil
	}
	for _, d := range doer.needs() {
		d.mu.Lock()
		err := d.err()
		d.mu.Unlock()
		if err != nil {
			return failure{unmet(err)}, false, nil
		}
	}
	var err error
	if o.TimeOut > 0 { // ctx ends then
		v, left, err = heeded(ctx, func(ctx context.Context) (any, error) { return guarded(ctx, doer, x) })
	} else {
		v, err = guarded(ctx, doer, x)
	}
	switch {
	case err == nil:
		return v, left, nil
	case last || err == op.ErrExit || x.lane().c.ctx.Err() != nil:
		return failure{err}, left, nil
	}
	return nil, left, err
}

// unmet is the error of a call that needs the result of one that failed.
func unmet(err error) error { return fmt.Errorf("needs a call that failed: %w", err) }

// guarded calls the function; its panic is its error.
func guarded(ctx context.Context, d doer, x *call) (v any, err error) {
	defer caught(&err)
	return d.do(ctx, x)
}

var _ op.Direct = (*batchBlock)(nil)
