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
	pauseBytes = 64 << 10 // of a split of rows that leave the process: fewer go on with those of the next one, if it is the same run
	cacheBytes = 1 << 20  // of a batch that is still in the second-level cache when it is complete
)

func (c *collector) Local() (op.Local, error) { return c.local(), nil }

func (c *collector) local() *collecting {
	l := &collecting{c: c, b: chunk.NewBuilder(c.schema, c.alloc), most: flushBytes}
	if c.alloc == mem.Heap {
		l.most = keepBytes
	}
	return l
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

	begun bool         // rows have come
	table *chunk.Table // what is gathered is short, of this table; nil: it is not
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
	if l.c.out.leaves {
		if err := l.shorten(r); err != nil {
			return err
		}
	}
	err := l.gather(r)
	if err == mem.ErrBudget { // a large builder may be what is in the way
		if err = l.flush(); err == nil {
			err = l.gather(r)
		}
	}
	if err == mem.ErrBudget { // nothing is left to spill: straight to disk
		m := r.Morsel()
		return l.c.out.Put(int(l.seq&0xffff), &chunk.Batch{Cols: m.Cols, N: m.N})
	}
	if err != nil {
		return fmt.Errorf("gathering %d rows: %w", r.Len(), err)
	}
	if l.filled() >= l.most {
		return l.flush()
	}
	return nil
}

// shorten decides for all rows whether they become short batches: if the first ones refer to a table, and until some do not.
func (l *collecting) shorten(r op.Rows) error {
	var t *chunk.Table
	if x, ok := r.(op.Referring); ok && (!l.begun || l.table != nil) {
		t = x.Table()
	}
	if t == l.table {
		l.begun = true
		return nil
	}
	if l.b.Len() > 0 {
		if err := l.flush(); err != nil {
			return err
		}
	}
	schema := l.c.schema
	if l.table = nil; !l.begun {
		l.table, schema = t, t.Short(schema)
	}
	l.begun = true
	l.b.Close()
	l.b = chunk.NewBuilder(schema, l.c.alloc)
	return nil
}

// gather appends rows.
func (l *collecting) gather(r op.Rows) error {
	if l.table != nil {
		return r.(op.Referring).IntoShort(l.b)
	}
	return r.Into(l.b)
}

// filled is how many bytes of rows there are; short ones count for what they may become.
func (l *collecting) filled() int64 {
	n := l.b.Filled()
	if l.table != nil {
		n += int64(l.b.Len()) * int64(l.table.Wide)
	}
	return n
}

func (l *collecting) flush() error {
	b := l.b.Flush()
	b.Table = l.table
	return l.c.out.Put(int(l.seq&0xffff), b)
}

// Close implements op.Local.
func (l *collecting) Close(_ op.Sink, failed bool) error {
	if failed {
		l.b.Close()
		return nil
	}
	return l.flush()
}
