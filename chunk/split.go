package chunk

import (
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
)

// A Splitter divides rows into runs: the map half of every shuffle. Rows keep
// their order within a run.
type Splitter struct {
	runs  []*Builder
	idx   [][]uint32
	flush int64
	emit  func(run int, b *Batch) error
}

// NewSplitter returns a splitter into n runs. It hands a run's rows to emit,
// which becomes their owner, once they exceed flushBytes, and the rest at Close.
func NewSplitter(schema dtype.Schema, n int, alloc mem.Allocator, flushBytes int64, emit func(run int, b *Batch) error) *Splitter {
	s := &Splitter{runs: make([]*Builder, n), idx: make([][]uint32, n), flush: flushBytes, emit: emit}
	for i := range s.runs {
		s.runs[i] = NewBuilder(schema, alloc)
	}
	return s
}

// Push adds row i of m to run run[i], for every i.
func (s *Splitter) Push(m *Batch, run []uint8) error {
	for i := range s.idx {
		s.idx[i] = s.idx[i][:0]
	}
	for i, r := range run[:m.N] {
		s.idx[r] = append(s.idx[r], uint32(i))
	}
	for r, idx := range s.idx {
		if len(idx) == 0 {
			continue
		}
		b := s.runs[r]
		err := b.AppendRows(m, idx)
		if err == mem.ErrBudget && s.FlushAll() == nil { // room comes from what emit spilled
			err = b.AppendRows(m, idx)
		}
		if err != nil {
			return err
		}
		if b.Bytes() >= s.flush {
			if err := s.emit(r, b.Flush()); err != nil {
				return err
			}
		}
	}
	return nil
}

// FlushAll emits every run that has rows.
func (s *Splitter) FlushAll() error {
	for r, b := range s.runs {
		if b.Len() > 0 {
			if err := s.emit(r, b.Flush()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close emits what is left.
func (s *Splitter) Close() error { return s.FlushAll() }
