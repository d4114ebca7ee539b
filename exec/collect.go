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

// flushBytes is how many bytes of rows are gathered before they become a batch
// of the output: large enough that a batch is cheap, small enough to spill.
const flushBytes = 4 << 20

func (c *collector) Local() (op.Local, error) {
	return &collecting{c: c, b: chunk.NewBuilder(c.schema, c.alloc)}, nil
}
func (c *collector) Drain() (op.Feed, error) { return nil, nil }
func (c *collector) Finish(op.Out) error     { return nil }
func (c *collector) Close() error            { return nil }

type collecting struct {
	c   *collector
	b   *chunk.Builder
	seq uint64
}

// Push implements op.Local.
func (l *collecting) Push(m *chunk.Batch, _ op.Sink) error {
	if seq := m.Seq >> 32; l.b.Len() > 0 && seq != l.seq {
		if err := l.flush(); err != nil {
			return err
		}
	}
	l.seq = m.Seq >> 32
	err := l.b.Append(m)
	if err == mem.ErrBudget { // a large builder may be what is in the way
		if err = l.flush(); err == nil {
			err = l.b.Append(m)
		}
	}
	if err == mem.ErrBudget { // nothing is left to spill: straight to disk
		return l.c.out.Put(int(l.seq&0xffff), &chunk.Batch{Cols: m.Cols, N: m.N})
	}
	if err != nil {
		return fmt.Errorf("gathering %d rows: %w", m.N, err)
	}
	if l.b.Filled() >= flushBytes {
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
