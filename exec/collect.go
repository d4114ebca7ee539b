package exec

import (
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

type spillFile = spill.File

// A collector is the last stage of a layer without a breaker: it gathers the
// morsels into the output block. Split s of the input becomes run s, so that
// readers of the block see the rows in input order whichever threads gathered
// them.
type collector struct {
	t      *task
	schema dtype.Schema
	out    outlet
	alloc  mem.Allocator
}

// How many bytes of rows are gathered before they become a batch of the output:
// large enough that a batch is cheap, small enough to spill. Rows that the caller
// keeps do not spill, and a split of them is best one batch: buffers of the next one
// are then made to its measure.
const (
	flushBytes = 4 << 20
	keepBytes  = 32 << 20
)

func (c *collector) Local() (op.Local, error) {
	l := &collecting{c: c, b: chunk.NewBuilder(c.schema, c.alloc), most: flushBytes}
	if c.alloc == mem.Heap {
		l.most = keepBytes
	}
	return l, nil
}

func (c *collector) Drain() (op.Feed, error) { return nil, nil }
func (c *collector) Finish(op.Out) error     { return nil }
func (c *collector) Close() error            { return nil }

type collecting struct {
	c    *collector
	b    *chunk.Builder
	most int64
	seq  uint64
	m    morsel
}

// A morsel is op.Rows that are together already.
type morsel struct{ *chunk.Batch }

func (m *morsel) Morsel() *chunk.Batch        { return m.Batch }
func (m *morsel) Into(b *chunk.Builder) error { return b.Append(m.Batch) }
func (m *morsel) Len() int                    { return m.N }
func (m *morsel) Seq() uint64                 { return m.Batch.Seq }

// Push implements op.Local.
func (l *collecting) Push(m *chunk.Batch, _ op.Sink) error {
	l.m.Batch = m
	return l.pushRows(&l.m)
}

// pushRows implements rowLocal.
func (l *collecting) pushRows(r op.Rows) error {
	seq := r.Seq() >> 32
	if l.b.Len() > 0 && seq != l.seq {
		if err := l.flush(); err != nil {
			return err
		}
	}
	l.seq = seq
	err := r.Into(l.b)
	if err == mem.ErrBudget { // a large builder may be what is in the way
		if err = l.flush(); err == nil {
			err = r.Into(l.b)
		}
	}
	if err == mem.ErrBudget { // nothing is left to spill: straight to disk
		m := r.Morsel()
		return l.c.out.Put(int(l.seq&0xffff), &chunk.Batch{Cols: m.Cols, N: m.N})
	}
	if err != nil {
		return fmt.Errorf("gathering %d rows: %w", r.Len(), err)
	}
	if l.b.Filled() >= l.most {
		return l.flush()
	}
	return nil
}

func (l *collecting) flush() error { return l.c.out.Put(int(l.seq&0xffff), l.b.Flush()) }

// Close implements op.Local.
func (l *collecting) Close(_ op.Sink, failed bool) error {
	if failed {
		l.b.Close()
		return nil
	}
	return l.flush()
}
