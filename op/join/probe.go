package join

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// probeParams are the parameters of join.probe.
type probeParams struct {
	Keys       []string // of the probe side
	Kind       Kind
	Cols       []Col
	Build      dtype.Schema // of the build rows: keys first
	BuildRows  float64      // estimates, for the projected memory
	BuildBytes float64
	InPlace    bool // never divided
	Within     []Bound
}

// probeOp is join.probe: its input is the probe side, its side input every block
// of join.build.
var probeOp = op.Register(op.Spec[probeParams]{
	Name: "join.probe", Version: 3, Class: op.RowWise,
	Doc:   "Looks rows up in a join table.",
	Text:  probeParams.text,
	Infer: func(p probeParams, in []op.Meta) (op.Meta, error) { return p.infer(in[0]) },
	Mem:   func(p probeParams, _ op.Meta) op.Need { return need(p.BuildBytes + 8*max(0, p.BuildRows)) },
	Pipe: func(p probeParams, in op.Meta) (op.Pipe, error) {
		cols, keys, err := p.bind(in)
		if err != nil {
			return nil, err
		}
		return newProbing(p, in.Schema, cols, keys), nil
	},
	Rules: op.Rules[probeParams]{Divide: divide},
})

func (p probeParams) text() string {
	return fmt.Sprintf("%s on %s", p.Kind, strings.Join(p.Keys, ", ")) + boundText(p.Within)
}

// infer describes the output for rows that are looked up.
func (p probeParams) infer(in op.Meta) (op.Meta, error) {
	cols, _, err := p.bind(in)
	if err != nil {
		return op.Meta{}, err
	}
	m := op.Meta{Rows: -1, Bytes: -1}
	for i, c := range p.Cols {
		s := in.Schema
		if c.Build {
			s = p.Build
		}
		f := s[cols[i].at]
		f.Name = c.Out
		switch {
		case c.Shared:
			f.Nullable = in.Schema[in.Schema.Index(c.In)].Nullable || p.Build[p.Build.Index(c.In)].Nullable
		case p.Kind == Full:
			f.Nullable = true
		case c.Build:
			f.Nullable = f.Nullable || p.Kind == Left
		case p.Kind == Inner || p.Kind == Semi:
			f.Nullable = f.Nullable && !slices.Contains(p.Keys, c.In)
		}
		m.Schema = append(m.Schema, f)
	}
	return m, nil
}

// bind finds the columns of p in the schemas.
func (p probeParams) bind(in op.Meta) (cols []outCol, keys []int, err error) {
	for _, c := range p.Cols {
		s, other := in.Schema, p.Build
		if c.Build {
			s, other = other, s
		}
		i, err := s.Find(c.In)
		if err == nil && c.Shared {
			_, err = other.Find(c.In)
		}
		if err != nil {
			return nil, nil, err
		}
		cols = append(cols, outCol{c.Build, i, s[i].Type})
	}
	for _, k := range p.Keys {
		i, err := in.Schema.Find(k)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, i)
	}
	return cols, keys, checkBounds(p.Kind, p.Within, in.Schema, p.Build)
}

// probing is the pipe: the table is shared by all tasks.
type probing struct {
	p    probeParams
	in   dtype.Schema
	cols []outCol
	keys []int
	lone []outCol // of rows that are looked up, without a partner
	rest []outCol // of rows of the table, without a partner

	mu    sync.Mutex
	built *built
}

// built is the shared table and what did not fit into it.
type built struct {
	table *table
	left  [runs]bool // runs left out
	any   bool       // some run is left out
}

func newProbing(p probeParams, in dtype.Schema, cols []outCol, keys []int) *probing {
	return &probing{p: p, in: in, cols: cols, keys: keys, lone: p.partnerless(cols, in, false), rest: p.partnerless(cols, in, true)}
}

func (p *probing) Open(t op.Task, side []op.In) (op.Stage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.built == nil {
		b, err := p.build(t, side)
		if err != nil {
			return nil, err
		}
		p.built = b
	}
	s := &probeStage{p: p, t: t, side: side, b: p.built}
	s.ration.init(t)
	s.split.emit, s.split.spill = s.spillRows, func() error { return nil }
	return s, nil
}

func (p *probing) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.built != nil {
		p.built.table.release()
		p.built = nil
	}
	return nil
}

// chains reports whether all rows of a key are wanted.
func (p *probing) chains() bool { return p.p.Kind == Inner || p.p.Kind == Left || p.p.Kind == Full }

func (p *probing) newTable(alloc mem.Allocator) *table {
	return &table{alloc: alloc, schema: p.p.Build, keys: len(p.p.Keys), chain: p.chains(), mark: p.p.Kind == Full, edges: edges(p.p.Within, p.in, p.p.Build)}
}

// A probeStage is the step at work in one task.
type probeStage struct {
	p    *probing
	t    op.Task
	side []op.In
	b    *built

	split  splitters
	mu     sync.Mutex
	file   *spill.File // probe rows of the runs left out
	top    uint64      // one more than the greatest split number seen
	ration ration
}

func (s *probeStage) Local() (op.Local, error) {
	l := &probeLocal{s: s, m: newMatcher(s.p, s.b.table)}
	if s.b.any {
		l.keys = newKeyReader(s.p.keys)
		l.split = s.split.add(s.p.in, s.t, -1)
	}
	return l, nil
}

// spillRows writes probe rows of a run that was left out.
func (s *probeStage) spillRows(run int, b *chunk.Batch) error {
	defer b.Release()
	s.mu.Lock()
	f := s.file
	if f == nil {
		var err error
		if f, err = s.t.Spill(s.p.in, runs); err != nil {
			s.mu.Unlock()
			return err
		}
		s.file = f
	}
	s.mu.Unlock()
	s.t.Count("probe rows spilled", int64(b.N))
	return f.Write(run, b)
}

// Choice implements op.Choosy: an inner or semi join gives nothing for rows without a
// match. Rows of runs that were left out match nothing in the table, and yet may match.
func (s *probeStage) Choice() (op.Choice, bool) {
	if k := s.p.p.Kind; k != Inner && k != Semi || s.b.any {
		return op.Choice{}, false
	}
	t := s.b.table
	return op.Choice{Cols: s.p.keys, Rows: t.rows.n, Meets: t.meets, Sieve: func() op.Sieve { return newKeySieve(t) }}, true
}

// From implements op.Choosy.
func (s *probeStage) From(col int) int {
	if c := s.p.cols[col]; !c.build && s.p.p.Kind != Full { // of which rows that are left out would make others
		return c.at
	}
	return -1
}

func (s *probeStage) Finish(op.Out) error { return nil }

func (s *probeStage) Close() error {
	if s.file != nil {
		s.file.Release()
		s.file = nil
	}
	return nil
}

// A probeLocal is the step on one thread.
type probeLocal struct {
	s     *probeStage
	m     *matcher
	keys  *keyReader
	split *splitter
	to    []uint8
	here  []uint64 // rows whose run is in the table
	top   uint64
}

// Push implements op.Local.
func (l *probeLocal) Push(m *chunk.Batch, out op.Sink) error {
	l.top = max(l.top, m.Seq>>32+1)
	if l.split == nil {
		return l.m.match(m, nil, out)
	}
	here, err := l.route(m)
	if err != nil {
		return err
	}
	return l.m.match(m, here, out)
}

// route spills the rows whose run was left out and returns a bitmap of the
// others; nil means all. Rows with a null key match nothing, so they stay.
func (l *probeLocal) route(m *chunk.Batch) ([]uint64, error) {
	l.to, l.here = room(l.to, m.N), room(l.here, chunk.Words(m.N))
	clear(l.here)
	away := 0
	h, valid := l.keys.hashes(m), l.keys.validity(m)
	for i, x := range h {
		r := runOf(x)
		if l.s.b.left[r] && (valid == nil || valid[i>>6]>>(uint(i)&63)&1 != 0) {
			l.to[i] = r
			away++
			continue
		}
		l.to[i] = skip
		l.here[i>>6] |= 1 << (uint(i) & 63)
	}
	if away == 0 {
		return nil, nil
	}
	return l.here, l.split.push(m, l.to)
}

// Close implements op.Local.
func (l *probeLocal) Close(_ op.Sink, failed bool) error {
	l.s.mu.Lock()
	l.s.top = max(l.s.top, l.top)
	l.s.mu.Unlock()
	if l.split == nil {
		return nil
	}
	defer l.split.close()
	if failed {
		return nil
	}
	return l.split.flushAll()
}

// tableShare is the most a table may take: half of the budget is promised to the
// running tasks, and a plan may have more than one table.
func tableShare(budget int64) int64 { return budget / 8 * 3 }

// build makes the shared table. Runs are taken in order while their projected
// bytes stay within the table's share; runs that are beyond it, or whose memory
// is refused, are left out.
func (p *probing) build(t op.Task, side []op.In) (*built, error) {
	share := newQuota(t.Shared(), tableShare(t.Budget()))
	b := &built{table: p.newTable(share)}
	var want [runs]int64
	room := tableShare(t.Budget())
	for r := range want {
		for _, in := range side {
			if r < in.Runs() {
				want[r] += in.RunBytes(r)
			}
		}
		want[r] += want[r]/2 + int64(len(p.p.Build)) // about the index
		if room -= want[r]; room < 0 && want[r] > 0 {
			b.leave(r)
			room += want[r]
		}
	}
	var batches [runs][]*chunk.Batch
	err := t.Fork(runs, func(r int) error {
		if b.left[r] {
			return nil
		}
		got, err := fetch(side, r, p.p.Build, share)
		if errors.Is(err, mem.ErrBudget) {
			return nil
		}
		batches[r] = got
		return err
	})
	for r := range batches {
		if batches[r] == nil && want[r] > int64(len(p.p.Build)) {
			b.leave(r)
		}
	}
	if err == nil {
		err = b.fit(t, p.cols, &batches)
	}
	for r := range batches {
		b.table.rows.owned = append(b.table.rows.owned, batches[r]...)
	}
	if err != nil {
		b.table.release()
		return nil, err
	}
	b.report(t)
	return b, nil
}

func (b *built) leave(run int) { b.left[run], b.any = true, true }

// report counts what Explain(Analyze) shows.
func (b *built) report(t op.Task) {
	left := int64(0)
	for _, l := range b.left {
		if l {
			left++
		}
	}
	t.Count("build rows", b.table.rows.n)
	t.Count("build runs left out", left)
	t.Count("table "+b.table.layout.String(), 1)
	if b.table.one {
		t.Count("tables of one chain", 1)
	}
}

// fit indexes the rows. While the index does not fit, half of the runs that are
// in are left out, and all of those that are one batch.
func (b *built) fit(t op.Task, cols []outCol, batches *[runs][]*chunk.Batch) error {
	one := compact(batches, b.table.schema, b.table.alloc)
	for {
		if b.table.rows.arrange(batches) {
			if err := b.table.build(t.Fork); err == nil {
				return b.table.view(cols, t.Fork)
			} else if !errors.Is(err, mem.ErrBudget) {
				return err
			}
		}
		var in []int
		for r, run := range batches {
			if len(run) > 0 {
				in = append(in, r)
			}
		}
		for _, r := range one {
			b.leave(r)
		}
		for _, r := range in[len(in)/2:] {
			b.leave(r)
			for _, x := range batches[r] {
				x.Release()
			}
			batches[r] = nil
		}
	}
}
