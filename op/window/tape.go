package window

import (
	"context"
	"io"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A tape is the rows of all blocks, in order: a list of runs.
type tape struct {
	runs   []runAt
	by     []int // columns of the partition
	order  []int // columns of the order
	schema dtype.Schema
	ctx    context.Context
}

type runAt struct {
	v   chunk.Value
	run int
}

// A spot is a place on a tape.
type spot struct{ run, batch, row int }

// A cursor reads a tape forwards. Its batch is valid until it moves on to the
// next one.
type cursor struct {
	t      *tape
	at     spot
	b      *chunk.Batch // nil at the end of the tape
	index  int64        // rows since the cursor began
	reader chunk.Reader
	peers  bool // look at order keys, too

	// part[i] counts the partitions that began between where the cursor began and
	// row i of the batch; with peers, group[i] counts the groups of peers.
	part  []uint32
	group []uint32
	fresh []bool
	last  *chunk.Builder // keys of the last row of the batch before
	prev  *chunk.Batch
	count uint32 // of partitions
	peer  uint32 // of groups
	begun bool
	keys  chunk.Batch
	idx   [1]uint32
}

// cursor returns a cursor at a spot where a partition begins.
func (t *tape) cursor(at spot, peers bool) (*cursor, error) {
	c := &cursor{t: t, at: at, peers: peers}
	cols := t.keys()
	c.last = chunk.NewBuilder(t.schema.Pick(cols), mem.Heap)
	row := at.row
	if err := c.open(); err != nil {
		return nil, err
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.at.row = row
	c.mark(row)
	return c, nil
}

// keys lists the columns of the partition and of the order.
func (t *tape) keys() []int { return append(append([]int(nil), t.by...), t.order...) }

func (c *cursor) open() error {
	if c.at.run >= len(c.t.runs) {
		return nil
	}
	r := c.t.runs[c.at.run]
	var err error
	if c.reader, err = r.v.Open(r.run); err == nil && c.at.batch > 0 {
		err = c.reader.Seek(c.at.batch)
	}
	return err
}

// load reads the batch at c.at.batch or the first one after it.
func (c *cursor) load() error {
	c.at.row = 0
	for c.at.run < len(c.t.runs) {
		b, err := c.reader.Next()
		if err == nil && b.N == 0 {
			c.at.batch++
			continue
		}
		if err == nil {
			c.b = b
			return nil
		}
		if err != io.EOF {
			return err
		}
		if err := c.close(); err != nil {
			return err
		}
		c.at.run, c.at.batch = c.at.run+1, 0
		if err := c.open(); err != nil {
			return err
		}
	}
	c.b = nil
	return nil
}

// onePart are the numbers of the partitions where there is one only. Nobody writes to them: they are
// read often, and never touched pages of a program cost nothing.
var onePart [1 << 17]uint32

// mark finds where partitions and peers begin in the batch, from a row on.
func (c *cursor) mark(from int) {
	if c.b == nil {
		return
	}
	n := c.b.N
	if len(c.t.by) == 0 && !c.peers && n <= len(onePart) {
		c.part = onePart[:n]
		return
	}
	if cap(c.part) < n {
		c.part = make([]uint32, n+n/4)
	}
	c.part = c.part[:n]
	if len(c.t.by) == 0 && !c.peers {
		return // all zeros: nothing is written to them
	}
	if c.alone(from) {
		return
	}
	if cap(c.fresh) < n {
		c.fresh = make([]bool, n+n/4)
	}
	c.fresh = c.fresh[:n]
	fresh := c.fresh
	clear(fresh)
	for _, k := range c.t.by {
		changes(&c.b.Cols[k], from, fresh)
	}
	if c.begun {
		fresh[from] = c.differs(c.t.by, 0, from)
	}
	count := c.count
	for i := from; i < n; i++ {
		if fresh[i] {
			count++
		}
		c.part[i] = count
	}
	c.count = count
	if c.peers {
		c.markPeers(from)
	}
	c.begun = true
}

// alone is mark for one column of 8 bytes without nulls or floats, and no peers: in one
// pass. False if there is more to do.
func (c *cursor) alone(from int) bool {
	if c.peers || len(c.t.by) != 1 {
		return false
	}
	v := &c.b.Cols[c.t.by[0]]
	if v.Valid != nil || v.Type.Kind.IsFloat() || v.Type.Width() != 8 {
		return false
	}
	x, part, count := chunk.Values[uint64](v), c.part, c.count
	if c.begun && c.differs(c.t.by, 0, from) {
		count++
	}
	last := x[from]
	for i, y := range x[from:] {
		if y != last {
			count++
		}
		part[from+i], last = count, y
	}
	c.count, c.begun = count, true
	return true
}

// markPeers numbers the groups of peers.
func (c *cursor) markPeers(from int) {
	fresh := c.fresh
	for _, k := range c.t.order {
		changes(&c.b.Cols[k], from, fresh)
	}
	if c.begun {
		fresh[from] = fresh[from] || c.differs(c.t.order, len(c.t.by), from)
	}
	if cap(c.group) < c.b.N {
		c.group = make([]uint32, c.b.N+c.b.N/4)
	}
	c.group = c.group[:c.b.N]
	for i := from; i < c.b.N; i++ {
		if fresh[i] {
			c.peer++
		}
		c.group[i] = c.peer
	}
}

// differs compares columns of a row with those of the last row of the batch
// before, which are there from position at on.
func (c *cursor) differs(cols []int, at, row int) bool {
	for i, k := range cols {
		if !equal(&c.prev.Cols[at+i], 0, &c.b.Cols[k], row) {
			return true
		}
	}
	return false
}

// turn moves on to the next batch.
func (c *cursor) turn() error {
	if err := c.t.ctx.Err(); err != nil {
		return err
	}
	cols := c.t.keys()
	c.idx[0] = uint32(c.b.N - 1)
	if err := c.last.AppendRows(c.b.Pick(cols, &c.keys), c.idx[:]); err != nil {
		return err
	}
	c.prev = c.last.Flush()
	c.at.batch++
	if err := c.load(); err != nil {
		return err
	}
	c.mark(0)
	return nil
}

// next moves on by one row.
func (c *cursor) next() error {
	c.index++
	if c.at.row++; c.at.row < c.b.N {
		return nil
	}
	return c.turn()
}

// skip moves on by up to n rows, not beyond the end of the tape.
func (c *cursor) skip(n int64) error {
	for n > 0 && c.b != nil {
		k := min(n, int64(c.b.N-c.at.row))
		n -= k
		c.index += k
		if c.at.row += int(k); c.at.row == c.b.N {
			if err := c.turn(); err != nil {
				return err
			}
		}
	}
	return nil
}

// close gives the reader back.
func (c *cursor) close() error {
	if c == nil || c.reader == nil {
		return nil
	}
	r := c.reader
	c.reader = nil
	return r.Close()
}

// tapeOf lists the runs of blocks.
func tapeOf(in []op.In) (runs []runAt) {
	for _, x := range in {
		for r := x.Lo; r < x.Hi; r++ {
			runs = append(runs, runAt{x.Value, r})
		}
	}
	return runs
}
