package group

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// Values found apart: where groups are large, count_distinct and mode of a column need a state of all its values for each
// group, which one thread merges and which is too large for anything but passes over them. So the pairs of a group and a
// value become groups of their own, divided among tasks by their hash:
//
//	group.apart    breaker: rows go to the table of the groups and, for every such column, to a table of
//	   │           pairs; each is spilled and passes rows on as one of group.partial does
//	group.found    block: merges the pairs of its runs, and gives what was found of every group as a state,
//	   │           as it gives the states of the other aggregates
//	group.final    merges the states of a group, wherever they were found

// largeGroup is from how many rows of a group values are found apart: that costs 0.3 to 0.5 times the CPU of one state per
// group with millions of rows of each, 0.9 to 1.1 with 300,000, 1.0 to 1.3 with 80,000, 1.4 with 4,000.
const largeGroup = 1 << 17

// An apart is a plan some of whose aggregates are found apart.
type apart struct {
	pl    *plan   // of the groups
	base  *plan   // pl as it lies on the shelf
	sets  []*plan // of the pairs of a group and a value, by column
	found []found
	alone bool // the groups have nothing else: rows need not go to them
}

// A found is what becomes of the pairs of a set: positions of parts of pl, -1 for none.
type found struct{ col, count, best int }

// A shelf is what several plans write together. Each has its keys in some of the columns, the other ones
// are null, and its runs lie between those of the others.
type shelf struct {
	schema dtype.Schema
	cols   []int // of the keys
	set    int
	sets   int
}

// keyAt returns where key i is among the columns of packed rows and states.
func (pl *plan) keyAt(i int) int {
	if pl.shelf == nil {
		return i
	}
	return pl.shelf.cols[i]
}

// runAt returns which run of what is written a run of the plan is.
func (pl *plan) runAt(run int) int {
	if pl.shelf == nil {
		return run
	}
	return run*pl.shelf.sets + pl.shelf.set
}

// lay makes b a batch of n packed rows or states whose keys, and last column unless they are bare, are still to be set.
func (pl *plan) lay(b *chunk.Batch, n int) {
	b.Cols, b.N = b.Cols[:0], n
	if pl.shelf == nil {
		for range pl.keys {
			b.Cols = append(b.Cols, chunk.Vec{})
		}
		if !pl.bare {
			b.Cols = append(b.Cols, chunk.Vec{})
		}
		return
	}
	for _, f := range pl.shelf.schema {
		b.Cols = append(b.Cols, chunk.AllNull(f.Type, n))
	}
}

// newApart plans p with everything found apart that can be. It is nil where nothing is, or where some other state
// needs all rows of its group.
func newApart(p Params, in dtype.Schema) (*apart, error) {
	pl, err := planOf(p, in, true)
	if err != nil || pl.holistic {
		return nil, err
	}
	a := &apart{pl: pl}
	for i, s := range pl.parts {
		if s.kind != partFound && s.kind != partBest {
			continue
		}
		k := slices.IndexFunc(a.found, func(f found) bool { return f.col == s.b })
		if k < 0 {
			k = len(a.found)
			a.found = append(a.found, found{s.b, -1, -1})
		}
		if s.kind == partFound {
			a.found[k].count = i
		} else {
			a.found[k].best = i
		}
	}
	if len(a.found) == 0 {
		return nil, nil
	}
	states := 0
	for _, f := range a.found {
		states += min(f.count, 0) + min(f.best, 0) + 2
		set, err := newPlan(f.pairs(p, in), in)
		if err != nil {
			return nil, err
		}
		a.sets = append(a.sets, set)
	}
	a.alone = states == len(pl.parts)
	a.shelve()
	return a, nil
}

// pairs is the grouping that finds the values of a column: how often each occurs, if that is asked for.
func (f found) pairs(p Params, in dtype.Schema) Params {
	q := Params{Keys: append(slices.Clone(p.Keys), in[f.col].Name)}
	if f.best >= 0 {
		n := "n"
		for slices.Contains(q.Keys, n) {
			n += "n"
		}
		q.Aggs = []Agg{{Fn: Len, As: n}}
	}
	return q
}

// shelve makes the shelf: the keys, a column for each type of values, and packed rows or states.
func (a *apart) shelve() {
	own := a.pl.partialSchema()
	keys := len(own) - 1
	s := slices.Clone(own[:keys])
	at := make([]int, len(a.found))
	for i, f := range a.found {
		t := a.pl.in[f.col].Type
		k := slices.IndexFunc(s[keys:], func(x dtype.Field) bool { return x.Type == t })
		if k < 0 {
			k = len(s) - keys
			s = append(s, dtype.Field{Name: fmt.Sprintf("value %d", k), Type: t, Nullable: true})
		}
		at[i] = keys + k
	}
	state := own[keys]
	state.Nullable = true // of pairs that are only keys
	s = append(s, state)
	cols := make([]int, keys, keys+1)
	for i := range cols {
		cols[i] = i
	}
	base := *a.pl
	base.shelf = &shelf{s, cols, 0, 1 + len(a.sets)}
	a.base = &base
	for i, set := range a.sets {
		set.shelf = &shelf{s, append(slices.Clone(cols), at[i]), 1 + i, 1 + len(a.sets)}
	}
}

// text words what is found apart, for plans.
func (a *apart) text() string {
	p := a.pl.p
	words := make([]string, len(a.found))
	for i, f := range a.found {
		words[i] = a.pl.in[f.col].Name
	}
	return p.text() + "; values of " + strings.Join(words, ", ")
}

var apartOp = op.Register(op.Spec[partialParams]{
	Name: "group.apart", Version: 1, Class: op.Breaking,
	Doc: "aggregates the rows of a block and finds the values of columns in every group, for group.found",
	Infer: func(p partialParams, in []op.Meta) (op.Meta, error) {
		a, err := p.apart(in[0].Schema)
		if err != nil {
			return op.Meta{}, err
		}
		m := op.Meta{Schema: a.base.partialSchema(), Rows: in[0].Rows, Bytes: in[0].Bytes}
		if m.Rows >= 0 {
			m.Rows *= float64(len(a.sets))
		}
		return m, nil
	},
	Mem:  func(p partialParams, in op.Meta) op.Need { return need(in) },
	Text: func(p partialParams) string { return p.By.text() },
	Pipe: func(p partialParams, in op.Meta) (op.Pipe, error) {
		a, err := p.apart(in.Schema)
		return apartPipe{a}, err
	},
})

// apart plans for an input with schema s.
func (p partialParams) apart(s dtype.Schema) (*apart, error) {
	if len(p.All) > 0 {
		s = p.All
	}
	return mustApart(p.By, s)
}

// mustApart is newApart of what was lowered so.
func mustApart(p Params, in dtype.Schema) (*apart, error) {
	a, err := newApart(p, in)
	if err == nil && a == nil {
		err = errors.New("nothing is found apart")
	}
	return a, err
}

// apartPipe is group.apart, ready to run.
type apartPipe struct{ a *apart }

func (p apartPipe) Close() error { return nil }

func (p apartPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	s := &apartStage{a: p.a, task: t, stages: []*stage{newStage(p.a.base, t, false)}}
	for _, set := range p.a.sets {
		s.stages = append(s.stages, newStage(set, t, false))
	}
	for _, x := range s.stages {
		x.create, x.given = s.open, true
	}
	return s, nil
}

// An apartStage is group.apart in one task: a stage of group.partial for the groups and for each set of pairs. Those
// whose memory runs out write to one file.
type apartStage struct {
	a      *apart
	task   op.Task
	stages []*stage

	mu    sync.Mutex
	file  *spill.File
	given bool // it is the output
}

// open returns the file of all stages, made if there is none.
func (s *apartStage) open() (*spill.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := s.task.Spill(s.a.base.partialSchema(), hashRuns*len(s.stages))
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	return s.file, nil
}

func (s *apartStage) Drain() (op.Feed, error) { return nil, nil }

func (s *apartStage) Local() (op.Local, error) {
	l := &apartLocal{}
	for i, x := range s.stages {
		if i > 0 || !s.a.alone {
			l.each = append(l.each, &local{s: x, tab: newTable(x.pl, s.task)})
		}
	}
	for _, x := range l.each {
		x.beside = l.each
	}
	return l, nil
}

// Finish implements op.Stage.
func (s *apartStage) Finish(out op.Out) error {
	for _, x := range s.stages {
		if err := x.makeRoom(); err != nil {
			return err
		}
	}
	for _, x := range s.stages {
		if s.file != nil {
			if _, err := x.open(); err != nil {
				return err
			}
		}
		if err := x.give(out); err != nil {
			return err
		}
	}
	if s.file == nil {
		return nil
	}
	s.given = true
	return out.PutValue(s.file)
}

// Close implements op.Stage.
func (s *apartStage) Close() error {
	err := error(nil)
	for _, x := range s.stages {
		err = errors.Join(err, x.Close())
	}
	if s.file != nil && !s.given {
		s.file.Release()
		s.file = nil
	}
	return err
}

// An apartLocal is group.apart on one thread.
type apartLocal struct{ each []*local }

// Push implements op.Local.
func (l *apartLocal) Push(m *chunk.Batch, out op.Sink) error {
	for _, x := range l.each {
		if err := x.Push(m, out); err != nil {
			return err
		}
	}
	return nil
}

// Close implements op.Local.
func (l *apartLocal) Close(out op.Sink, failed bool) error {
	err := error(nil)
	for _, x := range l.each {
		err = errors.Join(err, x.Close(out, failed || err != nil))
	}
	return err
}
