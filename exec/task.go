package exec

import (
	"context"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

// A task is one block being computed. It remembers what it took, so that a
// failing operator leaks nothing.
type task struct {
	seat
	ctx    context.Context
	block  int
	kept   bool // what it gives is for whoever keeps it: see Program.Keep
	leaves bool // what it gives goes to another process: see Program.Leave
	out    *stored
	parts  []part // one per operator

	mu       sync.Mutex
	bufs     map[*byte][]byte
	files    map[*spill.File]*Meter
	reserved int64
}

// A part is a task as one of its operators sees it (op.Task): what it counts and
// spills is noted under its name.
type part struct {
	*task
	meter *Meter
}

func (t *task) Context() context.Context { return t.ctx }
func (t *task) Block() int               { return t.block }
func (t *task) Budget() int64            { return t.n.pool.Limit() }
func (t *task) Shared() mem.Allocator    { return t.n }

// Threads implements op.Task: slots come and go while the task runs, this is the
// most it can ever have, and so what memory per thread is to be divided by.
func (t *task) Threads() int { return t.n.threads }

// Alloc implements mem.Allocator.
func (t *task) Alloc(n int) []byte {
	b := t.alloc(n)
	if b != nil {
		t.mu.Lock()
		t.bufs[first(b)] = b
		t.mu.Unlock()
	}
	return b
}

// Free implements mem.Allocator.
func (t *task) Free(b []byte) {
	k := int64(cap(b))
	if k == 0 {
		return
	}
	mine := t.disown(b)
	t.n.pool.Free(b)
	if mine {
		t.give(k)
	}
}

// disown takes a buffer out of the task's books, if it is in there.
func (t *task) disown(b []byte) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, mine := t.bufs[first(b)]
	delete(t.bufs, first(b))
	return mine
}

// Reserve implements op.Task.
func (t *task) Reserve(n int64) bool {
	if !t.reserve(n) {
		return false
	}
	t.mu.Lock()
	t.reserved += n
	t.mu.Unlock()
	return true
}

// Release implements op.Task.
func (t *task) Release(n int64) {
	t.mu.Lock()
	t.reserved -= n
	t.mu.Unlock()
	t.n.pool.Release(n)
	t.give(n)
}

// Spill implements op.Task.
func (p *part) Spill(schema dtype.Schema, runs int) (*spill.File, error) {
	f, err := p.n.dir.Create(schema, runs)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.files[f] = p.meter
	p.mu.Unlock()
	return f, nil
}

// Count implements op.Task.
func (p *part) Count(name string, n int64) { p.meter.count(name, n) }

// keep takes what an output batch owns out of the task's books, into those of
// stored blocks, and returns how many bytes that were.
func (t *task) keep(b *chunk.Batch) (held int64) {
	bufs := b.Rehome(t, vault{t.n})
	for i := 0; i < len(t.parts) && bufs == nil; i++ {
		bufs = b.Rehome(&t.parts[i], vault{t.n})
	}
	for _, buf := range bufs {
		if t.disown(buf) {
			held += int64(cap(buf))
		}
	}
	return held
}

// close frees what the operators left behind.
func (t *task) close(out chunk.Value) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.bufs {
		t.n.pool.Free(b)
	}
	for f, m := range t.files {
		m.spilled.Add(f.Bytes())
		if chunk.Value(f) != out {
			f.Release()
		}
	}
	if t.reserved > 0 {
		t.n.pool.Release(t.reserved)
	}
	t.bufs, t.files, t.reserved = nil, nil, 0
	t.used.Store(0)
}

// An outlet is the op.Out of a task: what is put there leaves the task's books.
type outlet struct {
	*task
	out    *stored // the output block, or one of rows that the task keeps for later
	kept   bool    // batches are for whoever keeps them: see Program.Keep
	leaves bool    // they go to another process: see Program.Leave
}

// outlet returns the task's output.
func (t *task) outlet() outlet { return outlet{t, t.out, t.kept, t.leaves} }

// Put implements op.Out.
func (o outlet) Put(run int, b *chunk.Batch) error {
	if b.N == 0 {
		b.Release()
		return nil
	}
	if o.kept {
		own, err := chunk.Kept(o.out.schema, b)
		if err != nil {
			return err
		}
		if own != b {
			b.Release()
		}
		b = own
	}
	if !b.Owned() {
		c := chunk.NewBuilder(o.out.schema, o.task)
		switch err := c.Append(b); err {
		case nil:
			b = c.Flush()
		case mem.ErrBudget:
			c.Close()
			freed, err := o.out.putOnDisk(run, b)
			o.n.put(o.num, o.out, -freed)
			return err
		default:
			c.Close()
			return err
		}
	}
	if o.leaves && b.Bytes() <= cacheBytes {
		b.Sum()
	}
	held := o.keep(b)
	if o.out.add(run, b, held) {
		o.put(o.out, held)
		return nil
	}
	err := o.out.write(run, b)
	b.Release()
	o.give(held)
	return err
}

// PutValue implements op.Out.
func (o outlet) PutValue(v chunk.Value) error { return o.out.PutValue(v) }

// first is the identity of a buffer.
func first(b []byte) *byte { return &b[:1][0] }
