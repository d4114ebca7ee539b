package future

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/op"
)

// With is the argument of a function that has one part in common with other calls. On a
// worker Shared is decoded once for many calls, which run at the same time: it must not be
// changed.
type With[S, A any] struct {
	Shared S
	Arg    A
}

// MapShared calls fn with each argument, and with the result of shared each time: one that was
// scattered does not travel with the calls.
func MapShared[S, A, R any](c *Client, fn op.Fn[With[S, A], R], shared *Future[S], args []A) []*Future[R] {
	return MapSharedWith(c, Options{}, fn, shared, args)
}

// MapSharedWith is MapShared with options.
func MapSharedWith[S, A, R any](c *Client, o Options, fn op.Fn[With[S, A], R], shared *Future[S], args []A) []*Future[R] {
	return mapAll[R](c.lane(o), &manyShared[S, A, R]{fn, [1]*call{&shared.x}, args}, len(args))
}

// manyShared runs the calls of a MapShared.
type manyShared[S, A, R any] struct {
	fn   op.Fn[With[S, A], R]
	dep  [1]*call
	args []A
}

func (d *manyShared[S, A, R]) do(ctx context.Context, x *call) (any, error) {
	return d.fn.Call(ctx, With[S, A]{got[S](d.dep[0]), d.args[x.index]})
}
func (d *manyShared[S, A, R]) needs() []*call { return d.dep[:] }
func (d *manyShared[S, A, R]) drop()          {}
func (d *manyShared[S, A, R]) pack(k *packer, x *call) error {
	return packWith(k, d.fn, d.dep[0], d.args[x.index])
}
func (d *manyShared[S, A, R]) unpack(b []byte) (any, error) { return unpack[R](b) }

// A common is what calls of one function share, decoded.
type common struct {
	name string
	of   chunk.Value
	once sync.Once
	fn   op.Typed
	v    reflect.Value
	err  error
}

// mostCommon is how many of them a batch has decoded at the same time in a worker.
const mostCommon = 8

// common returns what is shared by calls of a function, decoded by the first that needs it.
func (b *remoteBlock) common(name string, v chunk.Value) (*common, error) {
	b.mu.Lock()
	i := slices.IndexFunc(b.shared, func(c *common) bool { return c.of == v && c.name == name })
	c := &common{name: name, of: v}
	if i >= 0 {
		c = b.shared[i]
		b.shared = slices.Delete(b.shared, i, i+1)
	} else if len(b.shared) == mostCommon {
		b.shared = slices.Delete(b.shared, 0, 1)
	}
	b.shared = append(b.shared, c)
	b.mu.Unlock()
	c.once.Do(func() { c.err = c.decode(v) })
	var torn *unreadable
	if errors.As(c.err, &torn) { // the next one may find it elsewhere
		b.mu.Lock()
		b.shared = slices.DeleteFunc(b.shared, func(x *common) bool { return x == c })
		b.mu.Unlock()
	}
	return c, c.err
}

func (c *common) decode(v chunk.Value) (err error) {
	if c.fn, err = op.TypedByName(c.name); err != nil {
		return err
	}
	if t := c.fn.Arg; t.Kind() != reflect.Struct || t.NumField() != 2 {
		return fmt.Errorf("function %s has the argument %v, want a future.With", c.name, t)
	}
	p := reflect.New(c.fn.Arg.Field(0).Type)
	c.v = p.Elem()
	return lookAtResult(v, func(data []byte, _ bool) error { return canon.Decode(data, p.Interface()) }) // which keeps nothing of it
}

// call calls the function with what is shared and the bytes of the other argument. It returns
// the bytes of a result.
func (c *common) call(ctx context.Context, arg []byte) (out []byte, err error) {
	defer caught(&err)
	x := reflect.New(c.fn.Arg).Elem()
	x.Field(0).Set(c.v)
	if err := canon.Decode(arg, x.Field(1).Addr().Interface()); err != nil {
		return nil, fmt.Errorf("function %s: argument: %w", c.name, err)
	}
	y, err := c.fn.Call(ctx, x)
	if err != nil {
		return nil, err
	}
	return canon.Append(append(make([]byte, 0, 16), 1), y.Interface())
}
