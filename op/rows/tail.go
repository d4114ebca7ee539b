package rows

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// TailParams are the parameters of rows.tail.
type TailParams struct{ N int64 }

// Tail gives the last N rows in the order of the input.
//
// Memory: while they are about 32 MiB or less, each thread keeps that many rows;
// of more the table is stored, in blocks that spill, and its end is read.
var Tail op.Op[TailParams]

func init() {
	Tail = op.Register(op.Spec[TailParams]{
		Name: "rows.tail", Version: 1, Class: op.Logical,
		Doc:   "gives the last rows of the input",
		Infer: inferTail,
		Text:  func(p TailParams) string { return fmt.Sprint(p.N) },
		Lower: lowerTail,
		Rules: op.Rules[TailParams]{
			Uses: func(_ TailParams, _ []op.Meta, cols []string) [][]string { return [][]string{cols} },
		},
	})
}

// tailBytes is up to how many bytes of rows are kept by every thread.
const tailBytes = 32 << 20

func inferTail(p TailParams, in []op.Meta) (op.Meta, error) {
	if p.N < 0 {
		return op.Meta{}, fmt.Errorf("%d rows: want 0 or more", p.N)
	}
	return PlaceParams{From: -p.N, N: p.N}.infer(in[0])
}

func lowerTail(p TailParams, f *op.Fragment) error {
	if float64(p.N)*f.In[0].RowBytes() > tailBytes {
		return lowerPlace(PlaceParams{From: -p.N, N: p.N}, f)
	}
	f.Narrow(lastOp.With(p), op.Input(0))
	return nil
}

// lastOp gives the last rows of a block.
var lastOp = op.Register(op.Spec[TailParams]{
	Name: "rows.last", Version: 1, Class: op.Breaking,
	Doc:   "gives the last rows of a block",
	Infer: inferTail,
	Mem: func(p TailParams, in op.Meta) op.Need {
		return op.Need{Floor: 16 << 20, Want: 16<<20 + int64(2*float64(p.N)*in.RowBytes())}
	},
	Text: func(p TailParams) string { return fmt.Sprint(p.N) },
	Pipe: func(p TailParams, in op.Meta) (op.Pipe, error) { return lastPipe{int(p.N), in.Schema}, nil },
})

type lastPipe struct {
	n      int
	schema dtype.Schema
}

func (p lastPipe) Close() error { return nil }
func (p lastPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &lastStage{lastPipe: p, t: t}, nil
}

// A lastStage keeps the last rows that each thread saw, in pieces that follow
// each other in the input.
type lastStage struct {
	lastPipe
	t      op.Task
	mu     sync.Mutex
	pieces []*chunk.Batch
}

func (s *lastStage) Local() (op.Local, error) {
	return &lastLocal{s: s, b: chunk.NewBuilder(s.schema, s.t)}, nil
}
func (s *lastStage) Drain() (op.Feed, error) { return nil, nil }
func (s *lastStage) Close() error            { return nil }

// A lastLocal has the pieces of one thread in input order, the newest of them in
// the builder. Pieces before which n rows stand behind them are forgotten.
type lastLocal struct {
	s      *lastStage
	pieces []*chunk.Batch
	b      *chunk.Builder
	seq    uint64
	sub    uint32
	next   uint64 // split
	idx    []uint32
}

// lastRows is up to how many rows a piece has, if fewer are wanted.
const lastRows = 1024

// Push implements op.Local.
func (l *lastLocal) Push(m *chunk.Batch, _ op.Sink) error {
	split := m.Seq >> 32
	if l.b.Len() > 0 && (split != l.next || l.b.Len() >= max(lastRows, l.s.n/4)) {
		l.flush()
	}
	if l.b.Len() == 0 {
		l.seq, l.sub, l.next = m.Seq, m.Sub, split
	}
	l.idx = l.idx[:0]
	for i := max(0, m.N-l.s.n); i < m.N; i++ {
		l.idx = append(l.idx, uint32(i))
	}
	err := l.b.AppendRows(m, l.idx)
	if err == mem.ErrBudget { // what a growing builder copies may be in the way
		l.flush()
		l.seq, l.sub, l.next = m.Seq, m.Sub, split
		err = l.b.AppendRows(m, l.idx)
	}
	if err != nil {
		return fmt.Errorf("the last %d rows do not fit: %w", l.s.n, err)
	}
	return nil
}

// flush makes a piece of the gathered rows and forgets those that are too far
// from the end.
func (l *lastLocal) flush() {
	if l.b.Len() == 0 {
		return
	}
	b := l.b.Flush()
	b.Seq, b.Sub = l.seq, l.sub
	l.pieces = append(l.pieces, b)
	l.pieces = trim(l.pieces, l.s.n)
}

// trim forgets pieces behind which stand n rows or more.
func trim(pieces []*chunk.Batch, n int) []*chunk.Batch {
	slices.SortFunc(pieces, func(a, b *chunk.Batch) int { return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Sub, b.Sub)) })
	rows := 0
	for i := len(pieces) - 1; i >= 0; i-- {
		if rows >= n {
			for _, b := range pieces[:i+1] {
				b.Release()
			}
			return slices.Clone(pieces[i+1:])
		}
		rows += pieces[i].N
	}
	return pieces
}

// Close implements op.Local.
func (l *lastLocal) Close(_ op.Sink, failed bool) error {
	if failed {
		return nil
	}
	l.flush()
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.pieces = append(l.s.pieces, l.pieces...)
	return nil
}

// Finish implements op.Stage.
func (s *lastStage) Finish(out op.Out) error {
	pieces := trim(s.pieces, s.n)
	s.pieces = nil
	over := -s.n
	for _, b := range pieces {
		over += b.N
	}
	for i, b := range pieces {
		if i == 0 && over > 0 {
			idx := make([]uint32, 0, b.N-over)
			for r := over; r < b.N; r++ {
				idx = append(idx, uint32(r))
			}
			g := chunk.NewBuilder(s.schema, mem.Heap)
			if err := g.AppendRows(b, idx); err != nil {
				return err
			}
			b.Release()
			b = g.Flush()
		}
		if err := out.Put(0, b); err != nil {
			return err
		}
	}
	return nil
}
