package parquet

import (
	"cmp"
	"errors"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
)

const (
	// laterRuns is into how many runs the rows are divided that are written later.
	laterRuns = 64
	// laterBytes is how many bytes of them are gathered before they are spilled, where a block has so much to itself.
	laterBytes = 2 << 20
)

// A later has the rows of those keys for whose files there is no room beside the ones that are open. They are spilled, in
// their order, the keys dealt out to the runs, and written run by run when the others are complete: so files of many keys
// have row groups as large as those of few.
type later struct {
	runs map[string]int // by the folder of a key
	file *spill.File
	rows *chunk.Builder // gathered …
	of   []int          // … and the run of each
	idx  []uint32       // rows of the morsel at hand
	cut  chunk.Cutter
}

// mayOpen reports whether a block that writes so many files can write one more at the same time: what it gathers is
// divided among them, and a row group of a file should be worth having.
func (f *folder) mayOpen(files int) bool {
	return files < leastOpen || int64(files) < f.task.share()/openBytes
}

// put notes that row i of the morsel at hand waits, with the folder of its key.
func (l *later) put(name []byte, i int) {
	run, ok := l.runs[string(name)]
	if !ok {
		if run = len(l.runs) % laterRuns; l.runs == nil {
			l.runs = map[string]int{}
		}
		l.runs[string(name)] = run
	}
	l.of, l.idx = append(l.of, run), append(l.idx, uint32(i))
}

// wait gathers the rows of m that were put.
func (f *folder) wait(m *chunk.Batch) (err error) {
	l := &f.later
	if len(l.idx) == 0 {
		return nil
	}
	if l.rows == nil {
		l.rows = chunk.NewBuilder(f.in, f.task)
	}
	if err = l.rows.AppendRows(m, l.idx); errors.Is(err, mem.ErrBudget) {
		more := l.of[l.rows.Len():]
		if err = f.spill(); err == nil {
			err = f.shrink()
		}
		if l.of = append(l.of[:0], more...); err == nil {
			err = l.rows.AppendRows(m, l.idx)
		}
	}
	if l.idx = l.idx[:0]; err == nil && l.rows.Bytes() >= max(64<<10, min(laterBytes, f.task.share()/4)) {
		err = f.spill()
	}
	return err
}

// spill writes the rows that were gathered, each to its run.
func (f *folder) spill() (err error) {
	l := &f.later
	n := 0
	if l.rows != nil {
		n = l.rows.Len()
	}
	if n == 0 {
		return nil
	}
	if l.file == nil {
		if l.file, err = f.task.Spill(f.in, laterRuns); err != nil {
			return err
		}
	}
	idx := make([]uint32, n)
	for i := range idx {
		idx[i] = uint32(i)
	}
	slices.SortStableFunc(idx, func(a, b uint32) int { return cmp.Compare(l.of[a], l.of[b]) })
	all := l.rows.Flush()
	defer all.Release()
	sorted := chunk.NewBuilder(f.in, mem.Heap)
	if err := sorted.AppendRows(all, idx); err != nil {
		return err
	}
	b := sorted.Flush()
	for lo := 0; lo < n; {
		run, hi := l.of[idx[lo]], lo+1
		for hi < n && l.of[idx[hi]] == run {
			hi++
		}
		if err := l.file.Write(run, l.cut.Cut(b, lo, hi)); err != nil {
			return err
		}
		lo = hi
	}
	l.of = l.of[:0]
	return nil
}

// again writes the files of one run of the rows that waited. Nothing else is open.
func (f *folder) again(run int) error {
	return chunk.Each(f.later.file, run, func(b *chunk.Batch) error {
		if err := f.task.Context().Err(); err != nil {
			return err
		}
		return f.Push(b)
	})
}

// close frees what was not written.
func (l *later) close() {
	if l.rows != nil {
		l.rows.Close()
	}
	if l.file != nil {
		l.file.Release()
	}
}
