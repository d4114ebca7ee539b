package group

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A router divides rows into runs. It never fails for want of memory: what it has
// gathered it then gives out to be spilled, and as a last resort it gives single
// laps from the heap.
type router struct {
	schema dtype.Schema
	alloc  watch
	runs   []*chunk.Builder
	idx    [][]uint32
	flush  int64
	// emit becomes the owner of b; spill says that memory is short.
	emit func(run int, b *chunk.Batch, spill bool) error
}

func newRouter(schema dtype.Schema, runs int, t op.Task, flush int64, emit func(int, *chunk.Batch, bool) error) *router {
	r := &router{schema: schema, runs: make([]*chunk.Builder, runs), idx: make([][]uint32, runs), flush: flush, emit: emit}
	r.alloc.Task = t
	for i := range r.runs {
		r.runs[i] = chunk.NewBuilder(schema, &r.alloc)
		r.idx[i] = make([]uint32, 0, 4*lapRows/runs)
	}
	return r
}

// push adds row i of m to run run[i]; there are at most lapRows rows.
func (r *router) push(m *chunk.Batch, run []uint8) error {
	for i := range r.idx {
		r.idx[i] = r.idx[i][:0]
	}
	for i, x := range run[:m.N] {
		r.idx[x] = append(r.idx[x], uint32(i))
	}
	for x, idx := range r.idx {
		if len(idx) == 0 {
			continue
		}
		if err := r.add(x, m, idx); err != nil {
			return err
		}
	}
	return nil
}

func (r *router) add(run int, m *chunk.Batch, idx []uint32) error {
	b := r.runs[run]
	err := b.AppendRows(m, idx)
	if err == mem.ErrBudget {
		if err := r.flushAll(true); err != nil {
			return err
		}
		err = b.AppendRows(m, idx)
	}
	if err == mem.ErrBudget { // other threads were faster
		h := chunk.NewBuilder(r.schema, mem.Heap)
		if err := h.AppendRows(m, idx); err != nil {
			return err
		}
		return r.emit(run, h.Flush(), true)
	}
	if err == nil && b.Bytes() >= r.flush {
		return r.give(run, false)
	}
	return err
}

func (r *router) give(run int, spill bool) error {
	b := r.runs[run].Flush()
	b.Rehome(&r.alloc, r.alloc.Task)
	return r.emit(run, b, spill)
}

// flushAll gives every run that has rows.
func (r *router) flushAll(spill bool) error {
	for i, b := range r.runs {
		if b.Len() > 0 {
			if err := r.give(i, spill); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop frees what was gathered.
func (r *router) drop() {
	for _, b := range r.runs {
		b.Close()
	}
}

// A watch is the allocator of a task for buffers of many sizes. They are rounded
// up to four per doubling, so that a pool short of memory finds freed ones that
// fit.
type watch struct{ op.Task }

// Alloc implements mem.Allocator.
func (w *watch) Alloc(n int) []byte { return w.Task.Alloc(roundSize(n)) }
