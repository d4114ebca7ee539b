package future

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/canon"
	"github.com/weft-data/weft/internal/varint"
	"github.com/weft-data/weft/op"
)

// A Remote runner runs tasks in other processes, so that calls must be of
// registered functions (op.Func), and travel as canonical bytes.
type Remote interface{ Remote() bool }

// remoteParams are the calls of a batch as data. A call is the number of its
// function and the form of its argument:
//
//	plain  the canonical bytes of the argument
//	fed    the result of the next call this one depends on is the argument
//	list   a list; each element is bytes or the result of the next dependency
//	with   a With: the result of the next dependency, and the canonical bytes of Arg
//
// A dependency is the number of the input it comes by: 0 are the calls of the batch, the
// others have values that were scattered.
//
// Results of calls are canonical bytes too, so that those of a list of calls, one
// after the other behind their number, are the canonical bytes of the list.
type remoteParams struct {
	Funcs   []string
	N       int64
	Calls   []byte
	Retry   int
	Delay   time.Duration
	TimeOut time.Duration
}

const (
	formPlain = iota
	formFed
	formList
	formNone // the call has ended before it was sent
	formWith
	forms
)

// resultSchema is what a result is to those who do not know it: bytes.
var resultSchema = dtype.Schema{{Name: "result", Type: dtype.Of(dtype.Binary)}}

// remoteOp runs the calls of a batch in a worker, one per block.
var remoteOp = op.Register(op.Spec[remoteParams]{
	Name: "future.remote", Version: 2, Class: op.Opaque,
	Doc: "runs submitted calls of registered functions, one per block",
	Infer: func(p remoteParams, _ []op.Meta) (op.Meta, error) {
		return op.Meta{Schema: resultSchema, Rows: float64(p.N), Bytes: -1}, nil
	},
	Text:  func(p remoteParams) string { return fmt.Sprintf("%d calls", p.N) },
	Block: func(p remoteParams) (op.Block, error) { return newRemoteBlock(p) },
})

// A remoteBlock is a batch in a worker.
type remoteBlock struct {
	p  remoteParams
	at []uint32 // where calls begin in p.Calls

	mu     sync.Mutex
	shared []*common // what calls have in common, the last used last
}

func newRemoteBlock(p remoteParams) (*remoteBlock, error) {
	if p.N < 0 || p.N > int64(len(p.Calls)) {
		return nil, fmt.Errorf("%d calls in %d bytes", p.N, len(p.Calls))
	}
	b := &remoteBlock{p: p, at: make([]uint32, 0, p.N)}
	left := p.Calls
	for range p.N {
		b.at = append(b.at, uint32(len(p.Calls)-len(left)))
		c := unpacker{varint.Reader{B: left}}
		if head := c.Unsigned(); head/forms >= uint64(len(p.Funcs)) && head%forms != formNone {
			return nil, fmt.Errorf("a call of function %d of %d", head/forms, len(p.Funcs))
		} else if c.argument(head%forms, nil, nil); c.Bad {
			return nil, errors.New("the calls are cut off")
		}
		left = c.B
	}
	return b, nil
}

// An unpacker reads the bytes of calls.
type unpacker struct{ varint.Reader }

// argument reads an argument. deps gives the next result of a dependency that comes by
// an input; without it the argument is only looked through.
func (c *unpacker) argument(form uint64, dst []byte, deps func(input uint64) []byte) []byte {
	dep := func() []byte {
		if input := c.Unsigned(); deps != nil {
			return deps(input)
		}
		return nil
	}
	switch form {
	case formPlain:
		return c.Bytes(c.Unsigned())
	case formFed:
		return dep()
	case formWith:
		dep()
		return c.Bytes(c.Unsigned())
	case formList:
		n := c.Unsigned()
		if n > uint64(len(c.B)) {
			c.Bad = true
			return nil
		}
		dst = binary.LittleEndian.AppendUint64(dst, n)
		for range n {
			if k := c.Unsigned(); k > 0 {
				dst = append(dst, c.Bytes(k-1)...)
			} else {
				dst = append(dst, dep()...)
			}
		}
		return dst
	}
	return nil
}

// Run implements op.Block.
func (b *remoteBlock) Run(op.Task, []op.In, op.Out) error {
	return errors.New("future: calls are run directly")
}

// Direct implements op.Direct. A failure is a result, so that one call does not
// end the others; attempts are made here, one after the other.
func (b *remoteBlock) Direct(ctx context.Context, block int, in []op.In) (chunk.Value, error) {
	c := unpacker{varint.Reader{B: b.p.Calls[b.at[block]:]}}
	head := c.Unsigned()
	if head%forms == formNone {
		return &result{}, nil
	}
	var failed error
	next := cursors{in: in}
	name, common := "", (*common)(nil)
	if f := head / forms; f < uint64(len(b.p.Funcs)) {
		name = b.p.Funcs[f]
	}
	arg := c.argument(head%forms, nil, func(input uint64) []byte {
		i := next.after(input)
		if i >= len(in) || uint64(in[i].Edge) != input {
			failed = errors.New("a dependency is missing")
			return nil
		}
		if head%forms == formWith {
			if common, failed = b.common(name, in[i].Value); failed != nil {
				failed = unmet(failed)
			}
			return nil
		}
		data, err := readResult(in[i].Value)
		if err != nil && failed == nil {
			failed = unmet(err)
		}
		return data
	})
	var torn *unreadable
	if errors.As(failed, &torn) { // another holder of the block may have it, or it is made again
		return nil, torn.error
	}
	if context.Cause(ctx) == op.ErrExit { // it has ended its goroutine
		failed = op.ErrExit
	}
	if failed != nil {
		return failedResult(failed), nil
	}
	delay := b.p.Delay
	for try := 1; ; try++ {
		out, err := b.once(ctx, func(ctx context.Context) ([]byte, error) {
			if common != nil {
				return common.call(ctx, arg)
			}
			return byName(ctx, name, arg)
		})
		if err == nil {
			return &result{out}, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if try >= b.p.Retry || err == op.ErrExit {
			return failedResult(err), nil
		}
		select {
		case <-time.After(delay):
			delay *= 2
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Cursors go through what a call reads, input by input: each has its own part of in, the
// calls of the batch the first one.
type cursors struct {
	in    []op.In
	first int
	other map[uint64]int
}

// after moves on by one within an input.
func (c *cursors) after(input uint64) int {
	if input == 0 {
		c.first++
		return c.first - 1
	}
	i, began := c.other[input]
	for !began && i < len(c.in) && uint64(c.in[i].Edge) != input {
		i++
	}
	if c.other == nil {
		c.other = map[uint64]int{}
	}
	c.other[input] = i + 1
	return i
}

// once is one attempt: it returns the bytes of a result.
func (b *remoteBlock) once(ctx context.Context, call func(context.Context) ([]byte, error)) (out []byte, err error) {
	if b.p.TimeOut <= 0 {
		return call(ctx)
	}
	ctx, end := context.WithTimeoutCause(ctx, b.p.TimeOut, fmt.Errorf("the task's time-out of %v passed", b.p.TimeOut))
	defer end()
	out, _, err = heeded(ctx, call)
	return out, err
}

// byName calls a registered function.
func byName(ctx context.Context, name string, arg []byte) (out []byte, err error) {
	defer caught(&err)
	out = append(make([]byte, 0, 16), 1) // a number fits in, too
	return op.CallByName(ctx, name, out, arg)
}

// A result is the block a call makes: 1 and the canonical bytes of what the
// function returned, or 0 and the text of its error.
type result struct{ b []byte }

func failedResult(err error) *result { return &result{append([]byte{0}, err.Error()...)} }

// Payload returns the whole block, for those who send it.
func (r *result) Payload() []byte    { return r.b }
func (r *result) Rows() int64        { return 1 }
func (r *result) Bytes() int64       { return int64(len(r.b)) }
func (r *result) Runs() int          { return 1 }
func (r *result) RunBytes(int) int64 { return int64(len(r.b)) }
func (r *result) Release()           {}
func (r *result) Weightless()        {}

// Open implements chunk.Value.
func (r *result) Open(int) (chunk.Reader, error) {
	v := chunk.Vec{Type: resultSchema[0].Type, N: 1, Off: []int32{0, int32(len(r.b))}, Str: r.b}
	return chunk.NewBlock([][]*chunk.Batch{{{Cols: []chunk.Vec{v}, N: 1}}}).Open(0)
}

// readResult returns the bytes of a result, wherever it was made, or the error it
// carries.
func readResult(v chunk.Value) (data []byte, err error) {
	err = lookAtResult(v, func(b []byte, lent bool) error {
		if data = b; lent {
			data = bytes.Clone(b)
		}
		return nil
	})
	return data, err
}

// lookAtResult is readResult for bytes that may be lent until f returns.
func lookAtResult(v chunk.Value, f func(data []byte, lent bool) error) error {
	look := func(data []byte, lent bool) error {
		switch {
		case len(data) == 0:
			return errors.New("future: a result without bytes")
		case data[0] == 0:
			return errors.New(string(data[1:]))
		}
		return f(data[1:], lent)
	}
	if p, ok := v.(interface{ Payload() []byte }); ok {
		return look(p.Payload(), false)
	}
	return onlyValue(v, func(row []byte) error { return look(row, true) })
}

// onlyValue reads a value that came as rows: in one, or, what is long, in pieces.
func onlyValue(v chunk.Value, f func(b []byte) error) error {
	var all []byte
	var own error
	rows := v.Rows()
	err := chunk.Each(v, 0, func(b *chunk.Batch) error {
		if len(b.Cols) != 1 {
			own = errors.New("future: a result that is not one value")
			return own
		}
		for i := range b.N {
			row := []byte(nil)
			if c := &b.Cols[0]; c.Dict == nil {
				row = c.Str[c.Off[i]:c.Off[i+1]]
			} else {
				row = []byte(c.Text(i))
			}
			if rows == 1 {
				own = f(row)
				return own
			}
			if all == nil {
				all = make([]byte, 0, v.Bytes())
			}
			all = append(all, row...)
		}
		return nil
	})
	switch {
	case own != nil:
		return own
	case err != nil:
		return &unreadable{err}
	case rows != 1:
		return f(all)
	}
	return nil
}

// An unreadable block is none of the call that made it.
type unreadable struct{ error }

// A packer writes the calls of a batch as data.
type packer struct {
	b     *batch
	p     remoteParams
	names map[string]uint64
	last  string
	lastN uint64
	lent  []*use // input i+1
	calls int    // written
}

// head begins a call.
func (k *packer) head(name string, form uint64) {
	if name != k.last || k.names == nil {
		if k.names == nil {
			k.names = map[string]uint64{}
		}
		n, ok := k.names[name]
		if !ok {
			n = uint64(len(k.p.Funcs))
			k.names[name] = n
			k.p.Funcs = append(k.p.Funcs, name)
		}
		k.last, k.lastN = name, n
	}
	k.p.Calls = binary.AppendUvarint(k.p.Calls, k.lastN*forms+form)
}

// travels refuses what has no name.
func travels[A, R any](fn op.Fn[A, R]) error {
	switch {
	case fn.None():
		return op.ErrNoFunction
	case fn.Name() == "":
		return fmt.Errorf("future: %s is a closure, and closures cannot leave this process: register it with op.Func in a package-level var, and run the same program as worker", fn.Describe())
	}
	return nil
}

// canonical appends length and canonical bytes of a value.
func canonical[A any](dst []byte, plus uint64, a A) ([]byte, error) {
	at := len(dst)
	dst = append(dst, 0)
	dst, err := canon.Append(dst, a)
	if err != nil {
		return dst[:at], err
	}
	n := uint64(len(dst)-at-1) + plus
	if n < 0x80 {
		dst[at] = byte(n)
		return dst, nil
	}
	var size [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(size[:], n)
	dst = append(dst, size[:w-1]...)
	copy(dst[at+w:], dst[at+1:len(dst)-(w-1)])
	copy(dst[at:], size[:w])
	return dst, nil
}

// packPlain writes a call with a value.
func packPlain[A, R any](k *packer, fn op.Fn[A, R], a A) (err error) {
	if err := travels(fn); err != nil {
		return err
	}
	k.head(fn.Name(), formPlain)
	k.p.Calls, err = canonical(k.p.Calls, 0, a)
	return err
}

// packFed writes a call with the result of another.
func packFed[A, R any](k *packer, fn op.Fn[A, R], dep *call) error {
	if err := travels(fn); err != nil {
		return err
	}
	if input, ok := k.input(dep); ok {
		k.head(fn.Name(), formFed)
		k.p.Calls = binary.AppendUvarint(k.p.Calls, input)
		return nil
	}
	a, err := ended[A](dep)
	if err != nil {
		return err
	}
	return packPlain(k, fn, a)
}

// packWith writes a call with the result of another and a value.
func packWith[S, A, R any](k *packer, fn op.Fn[With[S, A], R], dep *call, a A) error {
	if err := travels(fn); err != nil {
		return err
	}
	input, ok := k.input(dep)
	if !ok {
		s, err := ended[S](dep)
		if err != nil {
			return err
		}
		return packPlain(k, fn, With[S, A]{s, a})
	}
	k.head(fn.Name(), formWith)
	k.p.Calls = binary.AppendUvarint(k.p.Calls, input)
	var err error
	k.p.Calls, err = canonical(k.p.Calls, 0, a)
	return err
}

// input says by which input of the batch the result of a call comes. False: it travels
// with the call that needs it, or there is none.
func (k *packer) input(dep *call) (uint64, bool) {
	if dep.b.Load() == k.b && dep.pending() {
		return 0, true
	}
	return k.borrow(dep)
}

// packList writes a call with the results of others.
func packList[A, R any](k *packer, fn op.Fn[[]A, R], deps []*call) (err error) {
	if err := travels(fn); err != nil {
		return err
	}
	k.head(fn.Name(), formList)
	k.p.Calls = binary.AppendUvarint(k.p.Calls, uint64(len(deps)))
	for _, d := range deps {
		if input, ok := k.input(d); ok {
			k.p.Calls = binary.AppendUvarint(append(k.p.Calls, 0), input)
			continue
		}
		a, err := ended[A](d)
		if err != nil {
			return err
		}
		if k.p.Calls, err = canonical(k.p.Calls, 1, a); err != nil {
			return err
		}
	}
	return nil
}

// ended returns the result of a call that has ended.
func ended[A any](x *call) (a A, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.err(); err != nil {
		return a, unmet(err)
	}
	a, _ = x.val.(A)
	return a, nil
}

// pending reports whether the call has not ended.
func (x *call) pending() bool { x.mu.Lock(); defer x.mu.Unlock(); return !x.done }

// unpack decodes a result.
func unpack[R any](b []byte) (any, error) {
	var r R
	if err := canon.Decode(b, &r); err != nil {
		return nil, err
	}
	return r, nil
}

// remote words the batch as data, with what it reads of what was scattered. Calls that
// cannot be sent end here.
func (b *batch) remote() (graph.Layer, []*use) {
	o := b.l.o
	k := &packer{b: b, p: remoteParams{N: int64(b.n), Retry: max(1, o.Retry), Delay: o.Delay, TimeOut: o.TimeOut}}
	for x := range b.all {
		at := len(k.p.Calls)
		x.mu.Lock()
		d := x.doer
		x.busy = d != nil
		x.mu.Unlock()
		var err error
		if d != nil {
			err = d.pack(k, x)
		}
		if err != nil || d == nil {
			k.p.Calls = append(k.p.Calls[:at], formNone)
			if d != nil {
				x.finish(failure{err})
			}
		}
		k.calls++
		for _, u := range k.lent {
			u.at = append(u.at, int32(len(u.list)))
		}
	}
	return graph.Layer{Call: remoteOp.With(k.p), N: int32(b.n), Out: op.Meta{Schema: resultSchema, Rows: float64(b.n), Bytes: -1}}, k.lent
}

// received ends a call with what came from a worker.
func (x *call) received(v chunk.Value) {
	x.mu.Lock()
	d, done := x.doer, x.done
	x.busy = false
	x.mu.Unlock()
	if done || d == nil {
		return
	}
	var r any
	err := lookAtResult(v, func(data []byte, _ bool) (err error) {
		r, err = d.unpack(data) // which keeps nothing of it
		return err
	})
	if err != nil {
		r = failure{err}
	}
	x.finish(r)
}
