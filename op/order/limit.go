package order

import (
	"fmt"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/op"
)

// LimitParams are the parameters of order.limit.
type LimitParams struct{ N int64 }

// Limit gives the first N rows in the order of the input. Reading stops when
// they are found.
var Limit op.Op[LimitParams]

func init() {
	Limit = op.Register(op.Spec[LimitParams]{
		Name: "order.limit", Version: 1, Class: op.Logical,
		Doc:   "gives the first rows of the input",
		Infer: inferLimit,
		Text:  func(p LimitParams) string { return fmt.Sprint(p.N) },
		Lower: lowerLimit,
		Rules: op.Rules[LimitParams]{
			Uses:         func(_ LimitParams, _ []op.Meta, cols []string) [][]string { return [][]string{cols} },
			Rows:         func(p LimitParams) (int64, bool) { return p.N, true },
			LimitThrough: func(LimitParams) bool { return true },
			Limit: func(p LimitParams, n int64) (LimitParams, bool) {
				less := n < p.N
				p.N = min(p.N, n)
				return p, less
			},
		},
	})
}

func inferLimit(p LimitParams, in []op.Meta) (op.Meta, error) {
	if p.N < 0 {
		return op.Meta{}, fmt.Errorf("%d rows: want 0 or more", p.N)
	}
	return firstOf(in[0], p.N), nil
}

// lowerLimit takes the first rows of each block and then the first of these.
func lowerLimit(p LimitParams, f *op.Fragment) error {
	f.Narrow(firstOp.With(p), op.Input(0))
	return nil
}

// firstOp gives the first rows of a block.
var firstOp = op.Register(op.Spec[LimitParams]{
	Name: "order.first", Version: 1, Class: op.RowWise,
	Doc:   "gives the first rows of a block, none if the blocks before it have enough",
	Infer: inferLimit,
	Text:  func(p LimitParams) string { return fmt.Sprint(p.N) },
	Pipe:  func(p LimitParams, _ op.Meta) (op.Pipe, error) { return &firstPipe{n: p.N, rows: map[int]int64{}}, nil },
})

// A firstPipe knows how many rows the blocks of the layer gave so far. A block
// whose predecessors gave enough rows need not give any.
type firstPipe struct {
	n    int64
	mu   sync.Mutex
	rows map[int]int64
}

func (p *firstPipe) Close() error { return nil }

func (p *firstPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &firstStage{p: p, block: t.Block(), left: p.n}, nil
}

// note records what a block gave; what an attempt gave that failed later, the
// next one gives too.
func (p *firstPipe) note(block int, rows int64) {
	p.mu.Lock()
	p.rows[block] = max(p.rows[block], rows)
	p.mu.Unlock()
}

// served reports that the blocks before this one have enough rows.
func (p *firstPipe) served(block int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := int64(0)
	for b, n := range p.rows {
		if b < block {
			sum += n
		}
	}
	return sum >= p.n
}

// A firstStage is its own Local: there is one thread.
type firstStage struct {
	p     *firstPipe
	block int
	left  int64
	n     uint
	part  chunk.Batch
}

// Serial implements op.Serial: the first rows are those of the first splits.
func (s *firstStage) Serial() bool { return true }

func (s *firstStage) Local() (op.Local, error) { return firstLocal{s}, nil }
func (s *firstStage) Drain() (op.Feed, error)  { return nil, nil }
func (s *firstStage) Finish(op.Out) error      { return nil }
func (s *firstStage) Close() error             { return nil }

type firstLocal struct{ *firstStage }

func (l firstLocal) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l firstLocal) Push(m *chunk.Batch, out op.Sink) error {
	s := l.firstStage
	if s.n++; s.left <= 0 || s.n&15 == 1 && s.p.served(s.block) {
		s.left = 0
		return op.ErrEnough
	}
	if int64(m.N) > s.left {
		s.part = *m.Slice(0, int(s.left))
		m = &s.part
	}
	s.left -= int64(m.N)
	s.p.note(s.block, s.p.n-s.left)
	if err := out.Push(m); err != nil {
		return err
	}
	if s.left == 0 {
		return op.ErrEnough
	}
	return nil
}
