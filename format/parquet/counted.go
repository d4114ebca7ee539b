package parquet

import (
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A counted task knows what it has allocated and not freed, and sets something aside for encoding: who is refused memory in
// the middle of that cannot begin again, and what others of the task have then, readers ahead of the writer, is not its own.
type counted struct {
	op.Task
	held     atomic.Int64
	encoding atomic.Bool
	mu       sync.Mutex
	aside    int64 // bytes reserved
}

// asideBytes is about what it takes to encode the rows that a file gathers before what they had is free.
const asideBytes = 2 << 20

func count(t op.Task) *counted {
	c := &counted{Task: t}
	c.setAside()
	return c
}

// Alloc implements mem.Allocator.
func (c *counted) Alloc(n int) []byte {
	b := c.Task.Alloc(n)
	if b == nil && c.encoding.Load() {
		b = c.fromAside(n)
	}
	c.held.Add(int64(cap(b)))
	return b
}

// fromAside gives a buffer the room of what was set aside.
func (c *counted) fromAside(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	size := mem.Size(n)
	if size > c.aside {
		return nil
	}
	c.Task.Release(size)
	c.aside -= size
	return c.Task.Alloc(n)
}

// Free implements mem.Allocator.
func (c *counted) Free(b []byte) { c.held.Add(-int64(cap(b))); c.Task.Free(b) }

// encode runs what may use what was set aside.
func (c *counted) encode(run func() error) error {
	c.encoding.Store(true)
	defer c.setAside()
	defer c.encoding.Store(false)
	return run()
}

// setAside fills up what is set aside, if there is room for it.
func (c *counted) setAside() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if need := asideBytes - c.aside; need > 0 && c.Reserve(need) {
		c.aside = asideBytes
	}
}

// close gives back what is set aside.
func (c *counted) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Release(c.aside)
	c.aside = 0
}

// share is how much of the budget the files of a block gather at most: a quarter of its part. It cannot be spilled, and who has no
// memory in the middle of encoding rows cannot begin again: so there must be room for it whatever the others have.
func (c *counted) share() int64 { return c.Budget() / int64(4*c.Threads()) }
