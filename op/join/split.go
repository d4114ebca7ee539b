package join

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// nullRun is the run of rows with a null key where they are kept, and skip that of rows
// that are left out.
const (
	nullRun = runs
	skip    = 255
)

// A splitter divides rows into runs like chunk.Splitter, but leaves out rows
// marked skip, and can be emptied by other threads that need memory: builders of
// 64 runs times the columns times the threads are what holds it.
type splitter struct {
	runs  [nullRun + 1]*chunk.Builder
	idx   [nullRun + 1][]uint32
	flush int64
	group *splitters
}

// splitters are those of the threads of a task.
type splitters struct {
	emit  func(run int, b *chunk.Batch) error // becomes the owner of b
	spill func() error                        // frees what was emitted, if it is in memory

	// Threads hold gate shared while they push. One that is refused memory takes
	// it alone, empties all splitters and adds its rows before it lets others on.
	gate sync.RWMutex
	mu   sync.Mutex
	all  []*splitter
}

// add makes the splitter of one thread. Of rows, an estimate of those of the task,
// negative for none, batches are made to measure.
func (g *splitters) add(schema dtype.Schema, t op.Task, rows float64) *splitter {
	s := &splitter{flush: flushSize(t.Budget(), t.Threads()), group: g}
	most := float64(s.flush) / op.RowBytes(schema)
	expect := int(min(max(0, rows)/float64(runs*t.Threads())*9/8, most))
	for i := range s.runs {
		s.runs[i] = chunk.NewBuilder(schema, t)
		s.runs[i].Expect(expect)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(g.all, s)
	return s
}

// relieve empties the splitters of all threads; gate is held alone.
func (g *splitters) relieve() error {
	g.mu.Lock()
	all := slices.Clone(g.all)
	g.mu.Unlock()
	for _, s := range all {
		if err := s.empty(); err != nil {
			return err
		}
	}
	return g.spill()
}

// push adds row i of m to run to[i].
func (s *splitter) push(m *chunk.Batch, to []uint8) error {
	s.group.gate.RLock()
	defer s.group.gate.RUnlock()
	for i := range s.idx {
		s.idx[i] = s.idx[i][:0]
	}
	for i, r := range to[:m.N] {
		if r <= nullRun {
			s.idx[r] = append(s.idx[r], uint32(i))
		}
	}
	if !s.together(m) {
		for r, idx := range s.idx {
			if len(idx) == 0 {
				continue
			}
			if err := s.append(r, m, idx); err != nil {
				return err
			}
		}
	}
	for r, b := range s.runs {
		if len(s.idx[r]) > 0 && b.Filled() >= s.flush {
			if err := s.group.emit(r, b.Flush()); err != nil {
				return err
			}
		}
	}
	return nil
}

// together adds the rows of m to their runs column by column, so that a column
// stays in the cache while it is divided. It does nothing when memory for some of
// the rows is refused.
func (s *splitter) together(m *chunk.Batch) bool {
	for r, idx := range s.idx {
		if len(idx) > 0 && s.runs[r].ReserveRows(m, idx) != nil {
			return false
		}
	}
	for i := range m.Cols {
		for r, idx := range s.idx {
			if len(idx) > 0 {
				s.runs[r].PutRows(i, &m.Cols[i], idx)
			}
		}
	}
	for r, idx := range s.idx {
		s.runs[r].Commit(len(idx))
	}
	return true
}

// append adds rows to run r.
func (s *splitter) append(r int, m *chunk.Batch, idx []uint32) error {
	err := s.runs[r].AppendRows(m, idx)
	if !errors.Is(err, mem.ErrBudget) {
		return err
	}
	s.group.gate.RUnlock() // two threads must not wait for each other
	defer s.group.gate.RLock()
	s.group.gate.Lock()
	defer s.group.gate.Unlock()
	return s.force(r, m, idx)
}

// force makes room and adds the rows, fewer at a time if it must.
func (s *splitter) force(r int, m *chunk.Batch, idx []uint32) error {
	if err := s.group.relieve(); err != nil {
		return err
	}
	err := s.runs[r].AppendRows(m, idx)
	if !errors.Is(err, mem.ErrBudget) {
		return err
	}
	if len(idx) == 1 {
		return fmt.Errorf("join: one row of %d columns does not fit: %w", len(m.Cols), err)
	}
	if err := s.force(r, m, idx[:len(idx)/2]); err != nil {
		return err
	}
	return s.force(r, m, idx[len(idx)/2:])
}

// flushAll emits what every run has gathered.
func (s *splitter) flushAll() error {
	s.group.gate.RLock()
	defer s.group.gate.RUnlock()
	return s.empty()
}

func (s *splitter) empty() error {
	for r, b := range s.runs {
		if b.Len() > 0 {
			if err := s.group.emit(r, b.Flush()); err != nil {
				return err
			}
		}
	}
	return nil
}

// close frees what was not emitted.
func (s *splitter) close() {
	s.group.gate.RLock()
	defer s.group.gate.RUnlock()
	for _, b := range s.runs {
		b.Close()
	}
}

// flushSize is how many bytes of a run are gathered before they become a batch:
// with 64 runs per thread, at most an eighth of the budget altogether.
func flushSize(budget int64, threads int) int64 {
	return min(1<<20, max(32<<10, budget/int64(8*runs*max(1, threads))))
}
