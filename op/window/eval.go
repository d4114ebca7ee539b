package window

import (
	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
	"github.com/weft-data/weft/internal/mem"
)

// A view is rows [lo, hi) of a cursor's batch; row lo is row number index since
// the split began.
type view struct {
	c      *cursor
	lo, hi int
	index  int64
}

func (m *view) n() int { return m.hi - m.lo }

// An evaluator computes one function. Views follow each other; the column is
// valid until the next call.
type evaluator interface {
	eval(m *view) (chunk.Vec, error)
	close() error
}

// evaluator makes that of function i for the partitions from a spot on.
func (r *reader) evaluator(i int, at spot) (evaluator, error) {
	f := &r.p.Funcs[i]
	col := -1
	if f.Col != "" {
		var err error
		if col, err = r.schema.Find(f.Col); err != nil {
			return nil, err
		}
	}
	switch f.Fn {
	case RowNumber, Rank, DenseRank:
		return &numbering{fn: f.Fn}, nil
	case NTile, PercentRank:
		c, err := r.tape.cursor(at, false)
		return &sized{f: f, ahead: c}, err
	case Lag, Lead:
		k := f.N
		if f.Fn == Lag {
			k = -k
		}
		c, err := r.tape.cursor(at, false)
		if err == nil && k > 0 {
			err = c.skip(k)
		}
		return &shift{gathered: newGathered(r, col), src: c, k: k}, err
	case FillForward:
		return &forward{gathered: newGathered(r, col)}, nil
	case FillBackward:
		c, err := r.tape.cursor(at, false)
		return &backward{gathered: newGathered(r, col), src: c}, err
	case First, Last:
		if f.Frame != Whole {
			e := &ends{gathered: newGathered(r, col), last: f.Fn == Last}
			e.acc = e
			return e, e.open(r, f, col, at)
		}
		if f.Fn == First {
			return &outermost{gathered: newGathered(r, col)}, nil
		}
		c, err := r.tape.cursor(at, false)
		return &outermost{gathered: newGathered(r, col), ahead: c}, err
	}
	return r.slide(i, col, at)
}

// words is scratch for a column.
type words struct {
	data  []uint64
	valid []uint64
}

// take returns room for n values of 8 bytes.
func (w *words) take(n int) []uint64 {
	if cap(w.data) < n+8 {
		w.data = make([]uint64, n+n/4+8)
	}
	return w.data[:n]
}

// nulls returns a bitmap of n bits that are set.
func (w *words) nulls(n int) []uint64 {
	k := chunk.Words(n)
	if cap(w.valid) < k+8 {
		w.valid = make([]uint64, k+k/4+8)
	}
	kernel.SetRange(w.valid[:k], 0, n, true)
	return w.valid[:k]
}

func clearBit(b []uint64, i int) { b[i>>6] &^= 1 << (uint(i) & 63) }

func intVec(data []uint64) chunk.Vec {
	return chunk.Vec{Type: dtype.Of(dtype.Int64), N: len(data), Data: chunk.Bytes(data)}
}

// A numbering counts within partitions.
type numbering struct {
	words
	fn    string
	begun bool
	part  uint32
	group uint32
	n     uint64 // rows of the partition so far
	rank  uint64
}

func (e *numbering) close() error { return nil }

func (e *numbering) eval(m *view) (chunk.Vec, error) {
	out := e.take(m.n())
	part := m.c.part[m.lo:m.hi]
	if e.fn == RowNumber {
		n, cur := e.n, e.part
		for i, p := range part {
			if p != cur {
				n, cur = 0, p
			}
			n++
			out[i] = n
		}
		e.n, e.part = n, cur
		return intVec(out), nil
	}
	group := m.c.group[m.lo:m.hi]
	for i, p := range part {
		fresh := !e.begun || p != e.part
		if fresh {
			e.n, e.rank = 0, 0
		}
		e.n++
		if fresh || group[i] != e.group {
			if e.fn == DenseRank {
				e.rank++
			} else {
				e.rank = e.n
			}
		}
		e.begun, e.part, e.group = true, p, group[i]
		out[i] = e.rank
	}
	return intVec(out), nil
}

// A sized function knows how many rows the partition has.
type sized struct {
	words
	f     *Func
	ahead *cursor
	begun bool
	part  uint32
	group uint32
	size  int64
	n     int64
	rank  int64
}

func (e *sized) close() error { return e.ahead.close() }

// rest moves on to the next partition and returns how many rows there were.
func (c *cursor) rest() (int64, error) {
	if c.b == nil {
		return 0, nil
	}
	from, p := c.index, c.part[c.at.row]
	for c.b != nil && c.part[c.at.row] == p {
		k := run(c.part[c.at.row:], p)
		if err := c.skip(int64(k)); err != nil {
			return 0, err
		}
	}
	return c.index - from, nil
}

// run counts the values equal to p at the beginning of a list that rises.
func run(list []uint32, p uint32) int {
	if n := len(list); list[n-1] == p {
		return n
	}
	for i, x := range list[:min(16, len(list))] {
		if x != p {
			return i
		}
	}
	return search(list, p+1)
}

func (e *sized) eval(m *view) (chunk.Vec, error) {
	out := e.take(m.n())
	for i := range out {
		p := m.c.part[m.lo+i]
		fresh := !e.begun || p != e.part
		if fresh {
			var err error
			if e.size, err = e.ahead.rest(); err != nil {
				return chunk.Vec{}, err
			}
			e.n = 0
		}
		e.n++
		if e.f.Fn == NTile {
			out[i] = uint64(tile(e.n-1, e.size, e.f.N))
		} else {
			if g := m.c.group[m.lo+i]; fresh || g != e.group {
				e.rank, e.group = e.n, g
			}
			chunk.Slice[float64](chunk.Bytes(out), len(out))[i] = float64(e.rank-1) / float64(max(1, e.size-1))
		}
		e.begun, e.part = true, p
	}
	v := intVec(out)
	if e.f.Fn == PercentRank {
		v.Type = dtype.Of(dtype.Float64)
	}
	return v, nil
}

// tile is the part, from 1 on, of row i of size in n parts.
func tile(i, size, n int64) int64 {
	small, larger := size/n, size%n
	if i < larger*(small+1) {
		return i/(small+1) + 1
	}
	return larger + (i-larger*(small+1))/small + 1
}

// A gathered column has values of other rows of the same column.
type gathered struct {
	col   int
	alloc mem.Allocator
	one   dtype.Schema
	b     *chunk.Builder
	cur   *chunk.Batch
	bits  words
	pick  chunk.Batch
	idx   []uint32
	saved *chunk.Batch
}

func newGathered(r *reader, col int) gathered {
	g := gathered{col: col, alloc: r.t, one: r.schema.Pick([]int{col})}
	g.b = chunk.NewBuilder(g.one, r.t)
	return g
}

// begin gives the last column back.
func (g *gathered) begin() {
	if g.cur != nil {
		g.cur.Release()
		g.cur = nil
	}
}

// add appends rows of a batch.
func (g *gathered) add(b *chunk.Batch, idx []uint32) error {
	if len(idx) == 0 {
		return nil
	}
	return g.append(b.Pick([]int{g.col}, &g.pick), idx)
}

func (g *gathered) append(one *chunk.Batch, idx []uint32) (err error) {
	g.b, err = appendRows(g.b, g.one, one, idx)
	return err
}

// appendRows adds rows to a builder, or to one of the heap that takes its place
// when the budget has no room: it is a morsel that must be.
func appendRows(to *chunk.Builder, s dtype.Schema, b *chunk.Batch, idx []uint32) (*chunk.Builder, error) {
	err := to.AppendRows(b, idx)
	if err != mem.ErrBudget {
		return to, err
	}
	h := chunk.NewBuilder(s, mem.Heap)
	if to.Len() > 0 {
		old := to.Flush()
		err = h.Append(old)
		old.Release()
		if err != nil {
			return h, err
		}
	}
	to.Close()
	return h, h.AppendRows(b, idx)
}

// save keeps the value of a row.
func (g *gathered) save(b *chunk.Batch, row int) error {
	h := chunk.NewBuilder(g.one, mem.Heap)
	if err := h.AppendRows(b.Pick([]int{g.col}, &g.pick), []uint32{uint32(row)}); err != nil {
		return err
	}
	g.saved = h.Flush()
	return nil
}

// addSaved appends the saved value n times.
func (g *gathered) addSaved(n int) error {
	if n == 0 {
		return nil
	}
	g.idx = g.idx[:0]
	for range n {
		g.idx = append(g.idx, 0)
	}
	return g.append(g.saved, g.idx)
}

// vec is the column.
func (g *gathered) vec() chunk.Vec {
	g.cur = g.b.Flush()
	return g.cur.Cols[0]
}

func (g *gathered) close() error {
	g.begin()
	g.b.Close()
	return nil
}
