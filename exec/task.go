package exec

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

// A task is one block being computed; it implements op.Task. It remembers what
// it took, so that a failing operator leaks nothing.
type task struct {
	node  *Node
	ctx   context.Context
	block int
	used  atomic.Int64
	peak  atomic.Int64
	meter *Meter

	mu       sync.Mutex
	bufs     map[*byte][]byte
	files    map[*spill.File]struct{}
	reserved int64
}

func (t *task) Context() context.Context { return t.ctx }
func (t *task) Block() int               { return t.block }
func (t *task) Threads() int             { return t.node.threads }
func (t *task) Budget() int64            { return t.node.pool.Limit() }
func (t *task) Shared() mem.Allocator    { return t.node }

// Alloc implements mem.Allocator: within the pool, and leaving the other running
// tasks what they may count on.
func (t *task) Alloc(n int) []byte {
	size := mem.Size(n)
	for {
		if owed := t.node.owed(t); t.node.pool.Room()-size >= owed {
			if b := t.node.pool.Alloc(n); b != nil {
				t.account(size)
				t.mu.Lock()
				t.bufs[first(b)] = b
				t.mu.Unlock()
				return b
			}
		}
		if !t.node.evict(size) {
			return nil
		}
	}
}

func (t *task) account(n int64) {
	u := t.used.Add(n)
	for p := t.peak.Load(); u > p && !t.peak.CompareAndSwap(p, u); p = t.peak.Load() {
	}
}

// Free implements mem.Allocator.
func (t *task) Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	t.mu.Lock()
	_, mine := t.bufs[first(b)]
	delete(t.bufs, first(b))
	t.mu.Unlock()
	if mine {
		t.used.Add(-int64(cap(b)))
	}
	t.node.pool.Free(b)
}

// Reserve implements op.Task.
func (t *task) Reserve(n int64) bool {
	for {
		if t.node.pool.Room()-n >= t.node.owed(t) && t.node.pool.Reserve(n) {
			t.account(n)
			t.mu.Lock()
			t.reserved += n
			t.mu.Unlock()
			return true
		}
		if !t.node.evict(n) {
			return false
		}
	}
}

// Release implements op.Task.
func (t *task) Release(n int64) {
	t.mu.Lock()
	t.reserved -= n
	t.mu.Unlock()
	t.used.Add(-n)
	t.node.pool.Release(n)
}

// Spill implements op.Task.
func (t *task) Spill(schema dtype.Schema, runs int) (*spill.File, error) {
	f, err := t.node.dir.Create(schema, runs)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.files[f] = struct{}{}
	t.mu.Unlock()
	return f, nil
}

// Count implements op.Task.
func (t *task) Count(name string, n int64) { t.meter.count(name, n) }

// Fork implements op.Task. The caller's thread works too; idle slots of the node
// help as long as nobody else wants them.
func (t *task) Fork(n int, f func(i int) error) error {
	var next atomic.Int64
	var once sync.Once
	var first error
	work := func(lent bool) {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := t.ctx.Err(); err != nil {
				once.Do(func() { first = err })
				return
			}
			if err := t.call(i, f); err != nil {
				once.Do(func() { first = err })
				next.Store(int64(n))
			}
			if lent && t.node.crowded() {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range n - 1 {
		if !t.node.borrow() {
			break
		}
		wg.Add(1)
		go func() { defer wg.Done(); defer t.node.giveBack(); work(true) }()
	}
	work(false)
	wg.Wait()
	return first
}

// call keeps a panic of one fork from ending the process.
func (t *task) call(i int, f func(i int) error) (err error) {
	defer recovered(&err)
	return f(i)
}

// keep takes what an output batch owns out of the task's books: it outlives it.
func (t *task) keep(b *chunk.Batch) {
	for _, buf := range b.Rehome(t, t.node) {
		t.mu.Lock()
		_, mine := t.bufs[first(buf)]
		delete(t.bufs, first(buf))
		t.mu.Unlock()
		if mine {
			t.used.Add(-int64(cap(buf)))
		}
	}
}

// close frees what the operators left behind.
func (t *task) close(out chunk.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.bufs {
		t.node.pool.Free(b)
	}
	for f := range t.files {
		if chunk.Value(f) != out {
			f.Release()
		}
	}
	if t.reserved > 0 {
		t.node.pool.Release(t.reserved)
	}
	t.bufs, t.files, t.reserved = nil, nil, 0
	t.used.Store(0)
}

// An outlet is the op.Out of a task: what is put there leaves the task's books.
type outlet struct {
	t *task
	s *stored
}

func (o outlet) Put(run int, b *chunk.Batch) error {
	if b.Owned() {
		o.t.keep(b)
	}
	return o.s.Put(run, b)
}

func (o outlet) PutValue(v chunk.Value) error { return o.s.PutValue(v) }

// first is the identity of a buffer.
func first(b []byte) *byte { return &b[:1][0] }
