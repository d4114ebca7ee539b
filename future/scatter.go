package future

import (
	"context"
	"fmt"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/graph"
	"github.com/weft-data/weft/internal/canon"
)

// Scatter sends values to the workers, spread over them, and returns when they are there.
// Calls that take one of the futures as an argument read it where they run, or from the
// worker that has it, which it leaves at most once for each other worker: it does not
// travel from here again, however many calls need it. Where a call runs is chosen by that.
//
//	model, err := future.Broadcast(ctx, c, weights)
//	scores := future.MapShared(c, score, model, rows)
//
// The values stay until Release, or until the client is closed. They must not be changed: the client
// keeps them, too, Get returns them at once, and a value whose worker dies is
// sent to another one. So nothing is lost as long as this process lives, and calls wait
// meanwhile. When it ends the values go with its calls.
//
// In one process nothing is sent; the futures are there for the same program.
//
// Errors:  a value that has no canonical bytes, or that no worker takes.
func Scatter[A any](ctx context.Context, c *Client, values ...A) ([]*Future[A], error) {
	return scatter(ctx, c, false, values)
}

// Broadcast is Scatter of one value to all workers: each that is there gets it at once, from the one
// that has it, and one that comes later when a call there needs it first. Calls that take it
// run anywhere.
func Broadcast[A any](ctx context.Context, c *Client, value A) (*Future[A], error) {
	fs, err := scatter(ctx, c, true, []A{value})
	if err != nil {
		return nil, err
	}
	return fs[0], nil
}

func scatter[A any](ctx context.Context, c *Client, spread bool, values []A) ([]*Future[A], error) {
	all, out, l := make([]Future[A], len(values)), make([]*Future[A], len(values)), c.lane(Options{})
	for i, v := range values {
		x := &all[i].x
		x.val, x.done = v, true
		x.b.Store(l.none)
		out[i] = &all[i]
	}
	k, ok := c.runner.(graph.Keeper)
	if !c.remote || !ok || len(values) == 0 {
		return out, c.usable()
	}
	if err := c.usable(); err != nil {
		return nil, err
	}
	kept, err := k.Keep(c.ctx, resultSchema, int32(len(values)), func(b int32) (chunk.Value, error) {
		v, err := pieces(got[A](&all[b].x))
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", b, err)
		}
		return v, nil
	}, spread)
	if err != nil {
		return nil, err
	}
	s := &scattered{runner: c.runner, kept: kept, users: make([]int32, len(values))}
	for i := range all {
		s.users[i] = 1
		all[i].x.more = &extra{kept: &place{s, int32(i)}}
	}
	if err := kept.Ready(ctx); err != nil {
		for _, f := range out {
			f.Release()
		}
		return nil, fmt.Errorf("future: scattering: %w", err)
	}
	return out, nil
}

// usable is an error once the client is closed, or its context has ended.
func (c *Client) usable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	return context.Cause(c.ctx)
}

// Release lets the workers drop a value that was scattered, once the calls that read it there have
// ended. The future keeps the value: it travels with calls that take it from then on, and with
// those that wait for calls with other options. Of other futures nothing is let go.
func (f *Future[R]) Release() {
	f.x.lane().c.flush() // what was submitted reads it there
	f.x.mu.Lock()
	var at *place
	if e := f.x.more; e != nil {
		at, e.kept = e.kept, nil
	}
	f.x.mu.Unlock()
	if at != nil {
		at.of.done([]int32{at.block})
	}
}

// Scattered values lie on the workers.
type scattered struct {
	runner graph.Runner
	kept   graph.Kept

	mu    sync.Mutex
	users []int32 // by value: its future, and the batches that read it
}

// A place is where a future's value lies.
type place struct {
	of    *scattered
	block int32
}

// done takes one user from each of some values; what nobody uses any more is released.
func (s *scattered) done(blocks []int32) {
	var gone []int32
	s.mu.Lock()
	for _, b := range blocks {
		if s.users[b]--; s.users[b] == 0 {
			gone = append(gone, b)
		}
	}
	s.mu.Unlock()
	if len(gone) > 0 {
		s.kept.Release(gone)
	}
}

// A use is what a batch reads of what was scattered together.
type use struct {
	of       *scattered
	blocks   []int32         // each once
	index    map[int32]int32 // of a block in blocks
	at, list []int32         // by call: positions in blocks
}

// borrow says by which input of the batch the value of a future comes that was scattered.
func (k *packer) borrow(x *call) (uint64, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.more == nil || x.more.kept == nil || x.more.kept.of.runner != k.b.l.c.runner {
		return 0, false
	}
	at := x.more.kept
	i := 0
	for i < len(k.lent) && k.lent[i].of != at.of {
		i++
	}
	if i == len(k.lent) {
		k.lent = append(k.lent, &use{of: at.of, index: map[int32]int32{}, at: make([]int32, k.calls+1)})
	}
	u := k.lent[i]
	n, ok := u.index[at.block]
	if !ok {
		n = int32(len(u.blocks))
		u.index[at.block], u.blocks = n, append(u.blocks, at.block)
		at.of.mu.Lock()
		at.of.users[at.block]++ // its future has not let it go
		at.of.mu.Unlock()
	}
	u.list = append(u.list, n)
	return uint64(i + 1), true
}

// pieceBytes is how long the rows are in which a value is sent.
const pieceBytes = 4 << 20

// pieces makes a block of a value: what a call would return with it, cut into rows.
func pieces[A any](v A) (chunk.Value, error) {
	b, err := canon.Append([]byte{1}, v)
	if err != nil {
		return nil, err
	}
	var run []*chunk.Batch
	for len(b) > 0 {
		n := min(len(b), pieceBytes)
		run = append(run, &chunk.Batch{N: 1, Cols: []chunk.Vec{{Type: resultSchema[0].Type, N: 1, Off: []int32{0, int32(n)}, Str: b[:n:n]}}})
		b = b[n:]
	}
	return chunk.NewBlock([][]*chunk.Batch{run}), nil
}
