package join

import (
	"slices"
	"strings"
	"sync"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/internal/spill"
	"github.com/weft-data/weft/op"
)

// buildParams are the parameters of join.build.
type buildParams struct {
	Keys    []string // key columns, first in the output
	Columns []string // further columns of the output
	// Nulls: rows with a null key are kept, in a run of their own behind the others.
	Nulls bool
}

// add takes a column into the output.
func (p *buildParams) add(name string) {
	if !slices.Contains(p.Keys, name) && !slices.Contains(p.Columns, name) {
		p.Columns = append(p.Columns, name)
	}
}

// buildOp is join.build. Rows with a null key match nothing and give nothing, so
// they are dropped here, unless they are to be given as rows without a match. Its output
// block has 64 runs by key hash, in memory, or in one spill file as soon as memory was
// short.
var buildOp = op.Register(op.Spec[buildParams]{
	Name: "join.build", Version: 1, Class: op.Breaking,
	Doc:  "Divides the build side of a join by key hash.",
	Text: func(p buildParams) string { return "by " + strings.Join(p.Keys, ", ") },
	Infer: func(p buildParams, in []op.Meta) (op.Meta, error) {
		cols, err := p.pick(in[0])
		if err != nil {
			return op.Meta{}, err
		}
		m := op.Meta{Schema: in[0].Schema.Pick(cols), Rows: in[0].Rows, Bytes: -1}
		for i := range p.Keys {
			m.Schema[i].Nullable = p.Nulls && m.Schema[i].Nullable
		}
		if m.Rows >= 0 {
			m.Bytes = m.Rows * op.RowBytes(m.Schema)
		}
		return m, nil
	},
	Mem: func(p buildParams, in op.Meta) op.Need { return need(in.Bytes) },
	Pipe: func(p buildParams, in op.Meta) (op.Pipe, error) {
		cols, err := p.pick(in)
		if err != nil {
			return nil, err
		}
		return &building{in: in, cols: cols, keys: len(p.Keys), nulls: p.Nulls}, nil
	},
})

// floor is the memory a task of a join needs at least: batches on their way to
// 64 runs on disk.
const floor = 16 << 20

func need(bytes float64) op.Need { return op.Need{Floor: floor, Want: floor + int64(max(0, bytes))} }

func (p buildParams) pick(in op.Meta) ([]int, error) {
	cols := make([]int, 0, len(p.Keys)+len(p.Columns))
	for _, name := range slices.Concat(p.Keys, p.Columns) {
		i, err := in.Schema.Find(name)
		if err != nil {
			return nil, err
		}
		cols = append(cols, i)
	}
	return cols, nil
}

// building is the pipe.
type building struct {
	in   op.Meta
	cols []int
	keys int
	// rows with a null key are kept
	nulls bool
}

func (p *building) Open(t op.Task, _ []op.In) (op.Stage, error) {
	s := &buildStage{p: p, t: t}
	s.split.emit, s.split.spill = s.hold, s.spill
	return s, nil
}

func (p *building) Close() error { return nil }

// A buildStage holds the batches of one task until Finish, or in a file.
type buildStage struct {
	p     *building
	t     op.Task
	split splitters
	mu    sync.Mutex
	held  [nullRun + 1][]*chunk.Batch
	file  *spill.File
}

func (s *buildStage) Local() (op.Local, error) {
	return &buildLocal{s: s, keys: newKeyReader(seq(s.p.keys)), split: s.split.add(s.p.in.Schema.Pick(s.p.cols), s.t, s.p.in.Rows)}, nil
}

func (s *buildStage) Drain() (op.Feed, error) { return nil, nil }

// hold takes a finished batch.
func (s *buildStage) hold(run int, b *chunk.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held[run] = append(s.held[run], b)
	return nil
}

// spill writes every held batch to the file.
func (s *buildStage) spill() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		if s.file, err = s.t.Spill(s.p.in.Schema.Pick(s.p.cols), nullRun+1); err != nil {
			return err
		}
	}
	for r := range s.held {
		for i, b := range s.held[r] {
			if err := s.file.Write(r, b); err != nil {
				return err
			}
			b.Release()
			s.held[r][i] = nil
		}
		s.held[r] = nil
	}
	return nil
}

// Finish implements op.Stage.
func (s *buildStage) Finish(out op.Out) error {
	if s.file != nil {
		if err := s.spill(); err != nil {
			return err
		}
		return out.PutValue(s.file)
	}
	for r := range s.held {
		for i, b := range s.held[r] {
			s.held[r][i] = nil
			if err := out.Put(r, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close implements op.Stage.
func (s *buildStage) Close() error {
	for r := range s.held {
		for _, b := range s.held[r] {
			if b != nil {
				b.Release()
			}
		}
		s.held[r] = nil
	}
	return nil
}

type buildLocal struct {
	s     *buildStage
	keys  *keyReader
	split *splitter
	part  chunk.Batch
	to    []uint8
}

// Push implements op.Local.
func (l *buildLocal) Push(m *chunk.Batch, _ op.Sink) error {
	b := m.Pick(l.s.p.cols, &l.part)
	l.to = room(l.to, b.N)
	for i, h := range l.keys.hashes(b) {
		l.to[i] = runOf(h)
	}
	if valid := l.keys.validity(b); valid != nil {
		away := uint8(skip)
		if l.s.p.nulls {
			away = nullRun
		}
		for i := range l.to {
			if valid[i>>6]>>(uint(i)&63)&1 == 0 {
				l.to[i] = away
			}
		}
	}
	return l.split.push(b, l.to)
}

// Close implements op.Local.
func (l *buildLocal) Close(_ op.Sink, failed bool) error {
	if failed {
		l.split.close()
		return nil
	}
	return l.split.flushAll()
}
