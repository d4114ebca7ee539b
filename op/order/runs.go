package order

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// runsParams are the parameters of order.runs. Complete: the block is the whole
// table, so give its rows in order, First of them if not 0.
type runsParams struct {
	Keys     []op.SortKey
	Complete bool
	First    int64
}

// runsOp sorts a block. Complete, its output is the sorted rows. Otherwise it is
// sorted runs for order.merge: run 0 of the value has marks, run 2k+1 the first row of every
// batch of run 2k+2, and the last row, and run 2k+2 the rows. Marks and first rows are peeled. The Seq of the
// samples orders the runs as their rows stand in the input. Batches have at most
// frameRows rows, so that they keep their numbers on disk. How many runs there are depends on the memory
// there was: the block may be made again in other ones, after some of its readers have read it.
var runsOp = op.Register(op.Spec[runsParams]{
	Name: "order.runs", Version: 3, Class: op.Breaking,
	Doc:   "sorts the rows of a block, into one run while they fit into memory",
	Infer: func(p runsParams, in []op.Meta) (op.Meta, error) { return inferSorted(p.Keys, in[0]) },
	Mem:   func(_ runsParams, in op.Meta) op.Need { return need(in) },
	Text:  func(p runsParams) string { return firstText(p.First) + keysText(p.Keys) },
	Pipe: func(p runsParams, in op.Meta) (op.Pipe, error) {
		k, err := bindKeys(p.Keys, in.Schema)
		return &runsPipe{p, k, in.Schema}, err
	},
})

// need is what sorting a block takes: pages, two entries per row, and the output.
func need(in op.Meta) op.Need {
	n := op.Need{Floor: 16 << 20, Want: 64 << 20}
	if in.Bytes >= 0 && in.Rows >= 0 {
		n.Want = max(n.Floor, int64(min(2*in.Bytes+scratchBytes*in.Rows, 1<<40)))
	}
	return n
}

type runsPipe struct {
	p      runsParams
	keys   []key
	schema dtype.Schema
}

func (p *runsPipe) Close() error { return nil }
func (p *runsPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &runsStage{runsPipe: p, t: t}, nil
}

// A runsStage sorts one block. While memory lasts its threads gather pages,
// which Finish sorts together. A thread that is refused memory sorts what it has
// and writes it to the spill file as a run.
type runsStage struct {
	*runsPipe
	t       op.Task
	starved atomic.Bool // a thread found no memory at all: who has pages, spills them

	mu    sync.Mutex
	lists [][]*page // of each thread
	file  *spill.File
	runs  int       // in the file
	marks []*marker // of each thread
}

const (
	frameRows  = 16 << 10
	frameBytes = 128 << 10 // of a batch of a run on disk: readers hold one per run
	blockBytes = 256<<10 - 64
)

func (s *runsStage) Local() (op.Local, error) {
	return &runsLocal{s: s, g: gatherer{schema: s.schema, t: s.t}, marks: newMarker(s.schema, s.keys)}, nil
}
func (s *runsStage) Drain() (op.Feed, error) { return nil, nil }

// Contiguous implements op.Contiguous: a run is a stretch of the input.
func (s *runsStage) Contiguous() bool { return true }

func (s *runsStage) Close() error {
	for _, l := range s.lists {
		freePages(s.t, l)
	}
	s.lists = nil
	return nil
}

type runsLocal struct {
	s     *runsStage
	g     gatherer
	marks *marker
	cut   bool // before the next row
}

// Push implements op.Local.
func (l *runsLocal) Push(m *chunk.Batch, _ op.Sink) error {
	if !l.s.p.Complete {
		if err := l.marks.take(m); err != nil {
			return err
		}
	}
	cut := l.cut
	l.cut = false
	if l.s.starved.Load() && l.g.rows >= firstRows && l.s.starved.Swap(false) {
		if err := l.spill(); err != nil {
			return err
		}
	}
	for lo := 0; lo < m.N; cut = false {
		n, err := l.g.add(m, lo, cut)
		if err != nil {
			return err
		}
		if lo += n; lo == m.N {
			break
		}
		if l.g.rows > 0 {
			if err := l.spill(); err != nil {
				return err
			}
		} else if err := l.starve(m, lo); err != nil {
			return err
		}
	}
	return nil
}

// Jump implements op.Jumper: what follows is another run, as rows of other threads, or such
// that come later, may lie in between.
func (l *runsLocal) Jump() { l.cut = true }

// starve asks the other threads to spill, and makes a page of the heap: one per
// thread, small, so that it always goes on.
func (l *runsLocal) starve(m *chunk.Batch, lo int) error {
	l.s.starved.Store(true)
	l.g.pages, l.g.must = nil, true
	p := l.g.newPage(m, lo, l.g.nextCap(nil, m, lo))
	if l.g.must = false; p == nil {
		return tooSmall(l.s.schema)
	}
	l.g.pages = append(l.g.pages, p)
	return nil
}

// spill writes the gathered rows as sorted runs.
func (l *runsLocal) spill() error {
	pages := l.g.pages
	l.g.pages, l.g.rows = nil, 0
	return l.s.spill(pages)
}

// Close implements op.Local.
func (l *runsLocal) Close(_ op.Sink, failed bool) error {
	if failed {
		freePages(l.s.t, l.g.pages)
		return nil
	}
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.marks = append(l.s.marks, l.marks)
	if len(l.g.pages) > 0 {
		l.s.lists = append(l.s.lists, l.g.pages)
	}
	return nil
}

// spill writes pages of one thread to the file, each stretch of input a run.
func (s *runsStage) spill(pages []*page) error {
	for len(pages) > 0 {
		n := 1
		for n < len(pages) && !pages[n].cut {
			n++
		}
		err := s.writeRun(pages[:n])
		freePages(s.t, pages[:n])
		if err != nil {
			freePages(s.t, pages[n:])
			return err
		}
		pages = pages[n:]
	}
	return nil
}

// newRun makes room for a run in the file and returns its number.
func (s *runsStage) newRun() (*spill.File, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		var err error
		if s.file, err = s.t.Spill(s.schema, 3); err != nil {
			return nil, 0, err
		}
	}
	s.runs++
	return s.file, s.runs - 1, nil
}

// writeRun sorts pages on this thread and writes them.
func (s *runsStage) writeRun(pages []*page) error {
	if rowsOf(pages) == 0 {
		return nil
	}
	so := newSorter(s.t, s.keys, pages)
	if so == nil {
		if err := s.writeRun(pages[:len(pages)/2]); err != nil {
			return err
		}
		return s.writeRun(pages[len(pages)/2:])
	}
	defer so.close()
	so.columns = len(s.schema)
	if err := so.sort(false); err != nil {
		return err
	}
	file, run, err := s.newRun()
	if err != nil {
		return err
	}
	w := newWriter(s.schema, pages, nil)
	so.decode(w)
	step := w.rowsFor(frameBytes, frameRows)
	for lo := 0; lo < len(so.es); lo += step {
		if err := s.t.Context().Err(); err != nil {
			return err
		}
		b, err := w.gather(so.es[lo:min(lo+step, len(so.es))])
		if err != nil {
			return err
		}
		if err := file.Write(2*run+2, b); err != nil {
			return err
		}
	}
	s.t.Count("runs spilled", 1)
	b, err := w.samples(so.es, step, s.keys)
	if err != nil {
		return err
	}
	b.Seq = pages[0].b.Seq
	return file.Write(2*run+1, b)
}

func rowsOf(pages []*page) (n int) {
	for _, p := range pages {
		n += p.b.N
	}
	return n
}

// Finish implements op.Stage.
func (s *runsStage) Finish(out op.Out) error {
	if s.file == nil {
		done, err := s.inMemory(out)
		if done || err != nil {
			return err
		}
	}
	lists := s.lists
	s.lists = nil
	if err := s.t.Fork(len(lists), func(i int) error { return s.spill(lists[i]) }); err != nil {
		return err
	}
	if s.Complete() {
		refs, err := runsOf(nil, s.file, s.keys, s.schema)
		if err != nil {
			return err
		}
		return mergeAll(s.t, s.keys, s.schema, refs, out)
	}
	marks, err := marksOf(s.schema, s.marks)
	if err == nil {
		err = s.file.Write(0, marks)
	}
	if err != nil {
		return err
	}
	return out.PutValue(s.file)
}

// Complete reports that the block is the whole table.
func (s *runsStage) Complete() bool { return s.p.Complete }

// inMemory sorts all pages at once; false when there is no room for it.
func (s *runsStage) inMemory(out op.Out) (bool, error) {
	pages := slices.Concat(s.lists...)
	if rowsOf(pages) == 0 {
		return true, nil
	}
	if len(pages) > maxPages {
		return false, nil
	}
	slices.SortStableFunc(pages, func(a, b *page) int {
		return cmp.Or(cmp.Compare(a.b.Seq, b.b.Seq), cmp.Compare(a.b.Sub, b.b.Sub))
	})
	so := newSorter(s.t, s.keys, pages)
	if so == nil {
		return false, nil
	}
	defer so.close()
	if s.p.First == 0 {
		so.columns = len(s.schema)
	}
	if err := so.sort(true); err != nil {
		return true, err
	}
	so.freeTmp()
	if s.p.Complete {
		return true, s.give(so, out)
	}
	return true, s.giveRun(so, out)
}

// give puts out the sorted rows, many batches at a time; batch i is run i.
func (s *runsStage) give(so *sorter, out op.Out) error {
	es := so.es
	if s.p.First > 0 && int64(len(es)) > s.p.First {
		es = es[:s.p.First]
	}
	w := newWriter(s.schema, so.pages, s.t)
	so.decode(w)
	step := w.rowsFor(4<<20-64, 1<<20)
	return so.fork((len(es)+step-1)/step, func(i int) error {
		b, err := w.share().gather(es[i*step : min((i+1)*step, len(es))])
		if err != nil {
			return err
		}
		return out.Put(i, b)
	})
}

// giveRun puts out the sorted rows as one run for order.merge.
func (s *runsStage) giveRun(so *sorter, out op.Out) error {
	w := newWriter(s.schema, so.pages, s.t)
	so.decode(w)
	step := w.rowsFor(blockBytes, frameRows)
	n := (len(so.es) + step - 1) / step
	marks, err := marksOf(s.schema, s.marks)
	if err == nil {
		err = out.Put(0, marks)
	}
	if err != nil {
		return err
	}
	ready := make([]*chunk.Batch, 8*s.t.Threads())
	for lo := 0; lo < n; lo += len(ready) {
		k := min(len(ready), n-lo)
		if err := so.fork(k, func(i int) (err error) {
			at := (lo + i) * step
			ready[i], err = w.share().gather(so.es[at:min(at+step, len(so.es))])
			return err
		}); err != nil {
			return err
		}
		for _, b := range ready[:k] {
			if err := out.Put(2, b); err != nil {
				return err
			}
		}
	}
	heap := w.share()
	heap.alloc = nil
	b, err := heap.samples(so.es, step, s.keys)
	if err != nil {
		return fmt.Errorf("samples: %w", err)
	}
	b.Seq = so.pages[0].b.Seq
	return out.Put(1, b)
}
