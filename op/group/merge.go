package group

import (
	"errors"
	"fmt"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// A merger finishes runs: it merges the packed rows and states of a run into a
// table and gives the groups. A run that does not fit is divided.
type merger struct {
	pl   *plan
	task op.Task
	tab  *table
	fin  *finisher
	out  spreader
	hash *rowHasher
	took func(*table) error // set: takes the groups in place of fin
}

// A piece is one input of a run.
type piece struct {
	value chunk.Value
	run   int
}

func newMerger(pl *plan, t op.Task) *merger {
	return &merger{pl: pl, task: t, tab: newTable(pl, t), fin: newFinisher(pl, t)}
}

func (m *merger) close() { m.tab.free() }

// errDoesNotFit says that a holistic table was refused memory.
var errDoesNotFit = errors.New("does not fit")

// runAll finishes the groups of the runs of a split. Those that are worth one table only are
// together no single run, so they would be divided by the first bits again.
func (m *merger) runAll(runs [][]piece, put func(*chunk.Batch) error) error {
	var all []piece
	for _, p := range runs {
		all = append(all, p...)
	}
	if len(runs) > 1 && bytesIn(all) < splitBytes {
		return m.run(all, 0, put)
	}
	for _, p := range runs {
		if err := m.run(p, 1, put); err != nil {
			return err
		}
	}
	return nil
}

// run finishes the groups of a run, all of whose hashes agree in the bits of the
// levels before level.
func (m *merger) run(in []piece, level int, put func(*chunk.Batch) error) error {
	m.tab.reset()
	sub, err := m.fill(in, level)
	defer func() {
		if sub != nil {
			sub.Release()
		}
	}()
	if err == nil && sub == nil && !m.pl.holistic && !m.tab.whole && level <= maxLevel && m.tab.bytes() > outRoom && !hasRoom(m.task) {
		sub, err = m.task.Spill(m.pl.partialSchema(), hashRuns)
	}
	if err == nil && sub == nil {
		var ok bool
		if m.took != nil {
			err = m.took(m.tab)
		} else if ok, err = m.fin.all(m.tab, put); err == nil && !ok {
			err = errDoesNotFit
		}
	}
	if err == errDoesNotFit {
		return m.divide(in, level, put)
	}
	if err != nil || sub == nil {
		return err
	}
	if err := m.out.groups(m.tab, level, sub.Write); err != nil {
		return err
	}
	m.tab.free()
	return m.each(sub, level, put)
}

// outRoom is what those who take finished groups may need at once, beside the
// table that gives them.
const outRoom = 2 << 20

// hasRoom reports whether there is memory left for giving groups out.
func hasRoom(t op.Task) bool {
	n := min(outRoom, t.Budget()/16)
	if !t.Reserve(n) {
		return false
	}
	t.Release(n)
	return true
}

// each finishes the parts of a divided run.
func (m *merger) each(sub *spill.File, level int, put func(*chunk.Batch) error) error {
	m.task.Count("runs divided", 1)
	for r := range sub.Runs() {
		if sub.RunRows(r) == 0 {
			continue
		}
		if err := m.run([]piece{{sub, r}}, level+1, put); err != nil {
			return err
		}
	}
	return nil
}

// fill takes everything into the table. When memory is refused the groups so far
// go to a file divided by the bits of the level, which is returned.
func (m *merger) fill(in []piece, level int) (sub *spill.File, err error) {
	err = m.read(in, func(b *chunk.Batch, from, to int) error {
		for fresh := false; from < to; {
			done, err := m.tab.takePacked(b, from, to)
			if from += done; err != nil || from == to {
				return err
			}
			switch {
			case m.pl.holistic:
				return errDoesNotFit
			case fresh && done == 0 || m.tab.whole:
				return m.tab.errMemory()
			case m.tab.live > 0 && level > maxLevel:
				return fmt.Errorf("group-by: %d groups share one hash and do not fit the memory budget of %d bytes: %w", m.tab.live, m.task.Budget(), mem.ErrBudget)
			case m.tab.live > 0:
				if sub == nil {
					if sub, err = m.task.Spill(m.pl.partialSchema(), hashRuns); err != nil {
						return err
					}
				}
				if err := m.out.groups(m.tab, level, sub.Write); err != nil {
					return err
				}
			}
			m.tab.free()
			fresh = true
		}
		return nil
	})
	return sub, err
}

// read calls f for every lap of the pieces.
func (m *merger) read(in []piece, f func(b *chunk.Batch, from, to int) error) error {
	for _, p := range in {
		if err := m.readPiece(p, f); err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) readPiece(p piece, f func(b *chunk.Batch, from, to int) error) error {
	if p.run >= p.value.Runs() {
		return nil
	}
	return chunk.Each(p.value, p.run, func(b *chunk.Batch) error {
		for from := 0; from < b.N; from += lapRows {
			if err := m.task.Context().Err(); err != nil {
				return err
			}
			if err := f(b, from, min(b.N, from+lapRows)); err != nil {
				return err
			}
		}
		return nil
	})
}

// divide sends the rows of a run on to sub-runs and finishes these. It is for
// holistic tables, whose states cannot be written.
func (m *merger) divide(in []piece, level int, put func(*chunk.Batch) error) error {
	m.tab.free()
	if m.tab.whole || level > hotLevel {
		return m.passes(in, put)
	}
	sub, err := m.task.Spill(m.pl.partialSchema(), hashRuns)
	if err != nil {
		return err
	}
	defer sub.Release()
	if m.hash == nil {
		m.hash = newRowHasher(m.pl.types)
	}
	if err := m.scatter(in, level, sub); err != nil {
		return err
	}
	return m.each(sub, level, put)
}

// scatterBytes is what a sub-run gathers before it is written.
const scatterBytes = 64 << 10

func (m *merger) scatter(in []piece, level int, sub *spill.File) error {
	route := newRouter(m.pl.partialSchema(), hashRuns, m.task, scatterBytes, func(run int, b *chunk.Batch, _ bool) error {
		defer b.Release()
		return sub.Write(run, b)
	})
	run := make([]uint8, lapRows)
	var part chunk.Batch
	err := m.read(in, func(b *chunk.Batch, from, to int) error {
		part.Cols, part.N = part.Cols[:0], to-from
		for i := range b.Cols {
			part.Cols = append(part.Cols, b.Cols[i].Slice(from, to))
		}
		for i, h := range m.hash.rows(part.Cols[:len(m.pl.keys)], part.N) {
			run[i] = runOf(h, level)
		}
		return route.push(&part, run)
	})
	if err != nil {
		route.drop()
		return err
	}
	return route.flushAll(false)
}
