package group

import (
	"errors"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// partialPipe is group.partial, ready to run.
type partialPipe struct {
	pl       *plan
	complete bool // give finished groups, not states for group.final
}

func (p partialPipe) Close() error { return nil }

func (p partialPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return newStage(p.pl, t, p.complete), nil
}

func newStage(pl *plan, t op.Task, complete bool) *stage {
	s := &stage{pl: pl, task: t, complete: complete, runs: make([][]*chunk.Batch, pl.runs)}
	s.create = func() (*spill.File, error) { return t.Spill(pl.partialSchema(), pl.runs) }
	s.flush = min(max(t.Budget()/int64(8*hashRuns*max(t.Threads(), 1)), 16<<10), 1<<20)
	return s
}

// A stage is group.partial in one task. Threads hand their tables over when they
// close; packed rows and states are kept in runs, in memory while there is room
// and in a file after that.
type stage struct {
	pl       *plan
	task     op.Task
	complete bool
	flush    int64 // bytes of a run that a thread gathers

	mu     sync.Mutex
	tables []*table
	runs   [][]*chunk.Batch
	file   *spill.File
	given  bool // the file is the output, or another's
	create func() (*spill.File, error)

	coded codedShared
	rows  []*local // threads that have records
}

func (s *stage) Drain() (op.Feed, error) { return nil, nil }

func (s *stage) Local() (op.Local, error) {
	return &local{s: s, tab: newTable(s.pl, s.task), passing: s.pl.holistic && !s.gathers()}, nil
}

// keep takes a batch of a run that owns its buffers. When memory is short, all
// that is kept goes to the file.
func (s *stage) keep(run int, b *chunk.Batch, short bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[run] = append(s.runs[run], b)
	// The builders of a thread, when they grow, need about this much at once.
	if spare := min(max(8*s.flush, 1<<20), s.task.Budget()/4); !short && s.task.Reserve(spare) {
		s.task.Release(spare)
		return nil
	}
	return s.spill()
}

// spill writes what is kept to the file.
func (s *stage) spill() error {
	f, err := s.open()
	if err != nil {
		return err
	}
	for r, list := range s.runs {
		for i, b := range list {
			if err := f.Write(s.pl.runAt(r), b); err != nil {
				return err
			}
			b.Release()
			s.runs[r] = list[i+1:]
		}
		s.runs[r] = nil
	}
	return nil
}

// open returns the file, made if there is none. The lock is held.
func (s *stage) open() (*spill.File, error) {
	if s.file == nil {
		f, err := s.create()
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	return s.file, nil
}

// write puts the groups of a table into the file.
func (s *stage) write(t *table, sp *spreader) error {
	s.mu.Lock()
	f, err := s.open()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return sp.groups(t, 0, func(run int, b *chunk.Batch) error { return f.Write(s.pl.runAt(run), b) })
}

// Close implements op.Stage.
func (s *stage) Close() error {
	for _, l := range s.rows {
		l.rows.close()
	}
	for _, t := range s.tables {
		t.free()
	}
	s.rows, s.tables = nil, nil
	for r, list := range s.runs {
		for _, b := range list {
			b.Release()
		}
		s.runs[r] = nil
	}
	if s.file != nil && !s.given {
		s.file.Release()
		s.file = nil
	}
	return nil
}

// Finish implements op.Stage.
func (s *stage) Finish(out op.Out) error {
	if err := s.makeRoom(); err != nil {
		return err
	}
	if s.complete {
		return s.finish(out)
	}
	if err := s.give(out); err != nil || s.file == nil {
		return err
	}
	s.given = true
	return out.PutValue(s.file)
}

// makeRoom unloads the tables if memory is short: whoever takes the output needs some, too.
func (s *stage) makeRoom() error {
	if len(s.rows) > 0 || len(s.pl.keys) == 0 || hasRoom(s.task) {
		return nil
	}
	var sp spreader
	for _, t := range s.tables {
		if err := s.unload(t, &sp); err != nil {
			return err
		}
	}
	s.tables = nil
	return nil
}

// give puts states and rows into the file, if there is one, or into out.
func (s *stage) give(out op.Out) error {
	var sp spreader
	for _, t := range s.tables {
		var err error
		if s.file != nil {
			err = s.write(t, &sp)
		} else {
			err = sp.groups(t, 0, func(run int, b *chunk.Batch) error { return out.Put(s.pl.runAt(run), b) })
		}
		if err != nil {
			return err
		}
		t.free()
	}
	s.tables = nil
	if s.file != nil {
		return s.spill()
	}
	for r, list := range s.runs {
		for i, b := range list {
			list[i] = nil
			if err := out.Put(s.pl.runAt(r), b); err != nil {
				s.runs[r] = list[i+1:]
				return err
			}
		}
		s.runs[r] = nil
	}
	return nil
}

// finish gives finished groups: of one table that takes the others in, or run by
// run when rows were passed through or memory was short.
func (s *stage) finish(out op.Out) error {
	put := func(b *chunk.Batch) error { return out.Put(0, b) }
	if len(s.rows) > 0 || s.manyTables() {
		done, err := s.finishCoded(put)
		if done || err != nil {
			return err
		}
	}
	kept := s.file != nil
	for _, list := range s.runs {
		kept = kept || len(list) > 0
	}
	if !kept && (!s.pl.holistic || s.gathers()) {
		t, err := s.join()
		if err != nil {
			return err
		}
		if t != nil {
			f := newFinisher(s.pl, s.task)
			f.forks = s.gathers()
			return f.give(t, put)
		}
	}
	var sp spreader
	for _, t := range s.tables {
		err := error(nil)
		if s.gathers() {
			err = s.scatter(t)
		} else {
			err = s.hold(t, &sp)
		}
		if err != nil {
			return err
		}
		t.free()
	}
	if want := s.finishBytes(); s.task.Reserve(want) {
		s.task.Release(want)
	} else if err := s.spill(); err != nil {
		return err
	}
	return s.finishRuns(put)
}

// manyTables reports that the groups of the tables are too many to be joined on
// one thread: they are divided into parts as records are.
func (s *stage) manyTables() bool {
	if len(s.tables) < 2 || !s.pl.codable() || s.file != nil {
		return false
	}
	sum, best := 0, s.tables[0]
	for _, t := range s.tables {
		sum += t.live
		if t.live > best.live {
			best = t
		}
	}
	return sum-best.live > limits.joinGroups && s.coded.begin(s.pl, best)
}

// finishCoded finishes records, or sends them on as rows when that cannot be.
func (s *stage) finishCoded(put func(*chunk.Batch) error) (done bool, err error) {
	kept := s.file != nil
	for _, list := range s.runs {
		kept = kept || len(list) > 0
	}
	f := codedFinish{s: s}
	for _, l := range s.rows {
		l.rows.seal()
		f.rows = append(f.rows, l.rows)
	}
	if !kept && f.open() {
		err := f.run(put)
		f.close()
		if err == nil && s.file != nil {
			for _, l := range s.rows {
				l.rows.close()
			}
			for _, t := range s.tables {
				t.free()
			}
			s.tables = nil
			err = s.finishRuns(put)
		}
		return true, err
	}
	f.close()
	for _, l := range s.rows {
		if err := l.unpack(); err != nil {
			return true, err
		}
		if err := l.route.flushAll(false); err != nil {
			return true, err
		}
	}
	s.rows = nil
	return false, nil
}

// hold keeps the groups of a table in their runs.
func (s *stage) hold(t *table, sp *spreader) error {
	return sp.groups(t, 0, func(run int, b *chunk.Batch) error {
		w := &watch{Task: s.task}
		c := chunk.NewBuilder(s.pl.partialSchema(), w)
		err := c.Append(b)
		if err == nil {
			b := c.Flush()
			b.Rehome(w, s.task)
			return s.keep(run, b, false)
		}
		c.Close()
		if !errors.Is(err, mem.ErrBudget) {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.spill(); err != nil {
			return err
		}
		return s.file.Write(run, b)
	})
}

// finishBytes estimates what the tables of the runs being finished will take,
// beside the rows that are kept in memory.
func (s *stage) finishBytes() int64 {
	most := int64(0)
	for _, list := range s.runs {
		n := int64(0)
		for _, b := range list {
			n += b.Bytes()
		}
		most = max(most, n)
	}
	return min(int64(max(s.task.Threads(), 1))*max(4*most, 4<<20), s.task.Budget()/2)
}

// join merges the tables into the largest and returns it; nil when it does not
// fit.
func (s *stage) join() (*table, error) {
	if len(s.tables) == 0 {
		s.tables = append(s.tables, newTable(s.pl, s.task))
	}
	best := 0
	for i, t := range s.tables {
		if t.live > s.tables[best].live {
			best = i
		}
	}
	s.tables[0], s.tables[best] = s.tables[best], s.tables[0]
	into := s.tables[0]
	for len(s.tables) > 1 {
		last := len(s.tables) - 1
		from := s.tables[last]
		j := joiner{into: into, from: from}
		ok, err := j.all()
		j.close()
		if err != nil {
			return nil, err
		}
		if !ok && s.gathers() {
			return nil, nil // no value of from was taken: they come when all its groups have
		}
		if !ok {
			return nil, s.leave(from, j.done)
		}
		from.free()
		s.tables = s.tables[:last]
	}
	return into, nil
}

// leave writes the groups of t from group n on to the file: those before have
// gone to another table.
func (s *stage) leave(t *table, n int) error {
	s.mu.Lock()
	f, err := s.open()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	hash, one := make([]uint64, 1), make([]uint32, 1)
	for g := n; g < t.live; g++ {
		one[0] = uint32(g)
		t.keys.hash(one, hash)
		run := 0
		if !t.whole {
			run = int(runOf(hash[0], 0))
		}
		if err := t.each(one, func(b *chunk.Batch) error { return f.Write(run, b) }); err != nil {
			return err
		}
	}
	t.free()
	return nil
}

// finishRuns finishes every run, on as many threads as there are.
func (s *stage) finishRuns(put func(*chunk.Batch) error) error {
	type job struct{ in []piece }
	var jobs []job
	for r := range s.pl.runs {
		var j job
		if len(s.runs[r]) > 0 {
			j.in = append(j.in, piece{chunk.NewBlock([][]*chunk.Batch{s.runs[r]}), 0})
		}
		if s.file != nil && s.file.RunRows(r) > 0 {
			j.in = append(j.in, piece{s.file, r})
		}
		if len(j.in) > 0 || len(s.pl.keys) == 0 {
			jobs = append(jobs, j)
		}
	}
	free := make(chan *merger, len(jobs)+1)
	err := s.task.Fork(len(jobs), func(i int) error {
		var m *merger
		select {
		case m = <-free:
		default:
			m = newMerger(s.pl, s.task)
		}
		err := m.run(jobs[i].in, 1, put)
		free <- m
		return err
	})
	close(free)
	for m := range free {
		m.close()
	}
	return err
}

// A local is group.partial on one thread.
type local struct {
	s       *stage
	tab     *table
	passing bool // rows go on, the table takes no more
	passed  int64
	rows    *codedRows
	lastNew int // groups at the last look
	lastRow int64
	beside  []*local // of the same thread: they have tables of the same rows

	route *router
	hash  *rowHasher
	pack  outVec
	run   []uint8
	part  chunk.Batch
	sp    spreader
}

// Rows are passed on when most of them make groups of their own: in a table too
// large for the caches, or in one that memory is too short for. Tests lower the
// figures.
var limits = struct {
	watchRows  int64   // rows between two looks at the table
	manyGroups int     // groups from which nearly only new ones, and
	someGroups int     // from which mostly new ones, are passed on
	nearlyNew  float64 // share of new groups among the rows since the last look
	mostlyNew  float64
	joinGroups int // groups from which tables are joined in parts

	listGroups int // groups from which rows are passed on that states would keep all of
	tallyBytes int // of tables of nearly as many values as rows, from which these are passed on

	stateBytes int64 // of a batch of packed states
}{1 << 16, 1 << 17, 1 << 19, 0.97, 0.8, 1 << 18, 1 << 12, 2 << 20, 1 << 20}

// poorTable is the groups per row from which a table that was refused memory is
// given up.
const poorTable = 0.5

// Push implements op.Local.
func (l *local) Push(m *chunk.Batch, _ op.Sink) error {
	lap := l.tab.lap
	for from := 0; from < m.N; from += lapRows {
		lap.take(l.s.pl, m, from, min(m.N, from+lapRows))
		if err := l.take(lap); err != nil {
			return err
		}
	}
	if l.tab.taken-l.lastRow >= limits.watchRows && !l.passing && !l.tab.whole {
		if l.s.gathers() {
			l.lastRow = l.tab.taken
			if l.tab.live < limits.listGroups {
				return nil
			}
			return l.scatter()
		}
		fresh := float64(l.tab.live-l.lastNew) / float64(l.tab.taken-l.lastRow)
		many, nearly := limits.manyGroups, limits.nearlyNew
		if l.s.pl.wide {
			nearly = limits.mostlyNew
		}
		if l.tab.keys.rows != nil {
			many /= 4 // a row takes the room of several codes
		}
		if l.tab.live >= many && fresh > nearly || l.tab.live >= limits.someGroups && fresh > limits.mostlyNew || l.tab.swells() {
			l.passOn()
		}
		l.lastNew, l.lastRow = l.tab.live, l.tab.taken
	}
	return nil
}

// passOn ends the table: further rows become records, or go to their runs.
func (l *local) passOn() {
	l.passing = true
	pl := l.s.pl
	if l.s.complete && pl.codable() && l.s.coded.begin(pl, l.tab) {
		l.rows = newCodedRows(pl, &l.s.coded, l.tab)
		l.s.task.Count("threads with records", 1)
	}
}

// unpack sends the records on as rows.
func (l *local) unpack() error {
	r := l.rows
	l.rows = nil
	l.s.task.Count("threads that gave up records", 1)
	defer r.close()
	return r.unpackTo(newLap(l.s.pl), l.pass)
}

func (l *local) take(lap *lap) error {
	if l.rows != nil {
		if l.rows.push(lap) {
			l.passed += int64(lap.n)
			return nil
		}
		if err := l.unpack(); err != nil {
			return err
		}
		if err := l.s.hold(l.tab, &l.sp); err != nil {
			return err
		}
		l.tab.free()
	}
	if l.passing {
		return l.send(lap)
	}
	if l.tab.take(lap) {
		return nil
	}
	if ok, err := l.relieved(lap); ok || err != nil {
		return err
	}
	if l.tab.whole && l.tab.live > 0 {
		return l.tab.errMemory()
	}
	if l.s.gathers() {
		if err := l.scatter(); err != nil {
			return err
		}
		return l.send(lap)
	}
	if err := l.spill(); err != nil {
		return err
	}
	if l.passing {
		return l.send(lap)
	}
	if l.tab.take(lap) {
		return nil
	}
	// What others hold may be spilled: rows need little memory.
	l.tab.free()
	l.passing = true
	return l.send(lap)
}

// spill writes the groups of the table and begins anew, or passes rows on if that saves little.
func (l *local) spill() error {
	if l.tab.live > 0 {
		l.s.task.Count("tables spilled", 1)
		if err := l.s.write(l.tab, &l.sp); err != nil {
			return err
		}
		l.passing = float64(l.tab.live) > poorTable*float64(l.tab.taken)
	}
	l.tab.free()
	l.lastNew, l.lastRow = 0, 0
	return nil
}

// relieved reports that the table has taken the lap since the largest of those beside it, if that
// is larger, was spilled.
func (l *local) relieved(lap *lap) (bool, error) {
	most := l
	for _, x := range l.beside {
		if x.tab.bytes() > most.tab.bytes() {
			most = x
		}
	}
	if most == l {
		return false, nil
	}
	if err := most.spill(); err != nil {
		return false, err
	}
	return l.tab.take(lap), nil
}

// send passes a lap that was pushed on to the runs.
func (l *local) send(lap *lap) error {
	l.passed += int64(lap.n)
	return l.pass(lap)
}

// pass sends the rows of a lap to their runs.
func (l *local) pass(lap *lap) error {
	pl := l.s.pl
	if l.route == nil {
		l.route = newRouter(pl.partialSchema(), pl.runs, l.s.task, l.s.flush, l.s.keep)
		l.hash, l.run = newRowHasher(pl.types), make([]uint8, lapRows)
	}
	if pl.runs > 1 {
		for i, h := range l.hash.rows(lap.keys, lap.n) {
			l.run[i] = runOf(h, 0)
		}
	}
	pl.lay(&l.part, lap.n)
	for i := range lap.keys {
		l.part.Cols[pl.keyAt(i)] = lap.keys[i]
	}
	if !pl.bare {
		pl.packRows(lap, &l.pack)
		l.part.Cols[len(l.part.Cols)-1] = l.pack.vec()
	}
	return l.route.push(&l.part, l.run)
}

// Close implements op.Local.
func (l *local) Close(_ op.Sink, failed bool) error {
	var err error
	if l.passed > 0 {
		l.s.task.Count("rows passed on", l.passed)
	}
	if l.route != nil {
		if failed {
			l.route.drop()
		} else {
			err = l.route.flushAll(false)
		}
	}
	if failed || l.tab.live == 0 {
		if l.rows != nil {
			l.rows.close()
		}
		l.tab.free()
		return err
	}
	l.s.mu.Lock()
	if l.rows != nil {
		l.s.rows = append(l.s.rows, l)
	}
	l.s.tables = append(l.s.tables, l.tab)
	l.s.mu.Unlock()
	return err
}
