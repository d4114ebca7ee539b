package order

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

func lowerSort(p SortParams, f *op.Fragment) error {
	return lowerRows(rowsParams{p.Keys, p.First}, p.Sorted, f)
}

func lowerTopK(p TopKParams, f *op.Fragment) error {
	if p.N == 0 || p.Sorted {
		return lowerLimit(LimitParams{p.N}, f)
	}
	return lowerRows(rowsParams{p.Keys, p.N}, false, f)
}

func lowerRows(p rowsParams, sorted bool, f *op.Fragment) error {
	if sorted {
		f.Same = true
		return nil
	}
	f.Add(op.Node{Call: rowsOp.With(p), Meta: f.Out, Size: op.Size{Fixed: 1}, In: []op.Part{{From: op.Input(0), Wiring: op.AllToAll}}})
	return nil
}

type rowsParams struct {
	Keys  []op.SortKey
	First int64
}

var rowsOp = op.Register(op.Spec[rowsParams]{
	Name: "order.rows", Version: 1, Class: op.Breaking,
	Doc:   "sorts the rows of its input in memory",
	Infer: func(p rowsParams, in []op.Meta) (op.Meta, error) { return inferSorted(p.Keys, in[0]) },
	Text:  func(p rowsParams) string { return firstText(p.First) + keysText(p.Keys) },
	Pipe: func(p rowsParams, in op.Meta) (op.Pipe, error) {
		k, err := bindKeys(p.Keys, in.Schema)
		return rowsPipe{k, p.First, in.Schema}, err
	},
})

type rowsPipe struct {
	keys   []key
	first  int64
	schema dtype.Schema
}

func (p rowsPipe) Close() error { return nil }
func (p rowsPipe) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &rowsStage{p: p, t: t}, nil
}

type rowsStage struct {
	p    rowsPipe
	t    op.Task
	mu   sync.Mutex
	list []*chunk.Batch
}

func (s *rowsStage) Local() (op.Local, error) {
	return &rowsLocal{s: s, b: chunk.NewBuilder(s.p.schema, s.t)}, nil
}
func (s *rowsStage) Drain() (op.Feed, error) { return nil, nil }
func (s *rowsStage) Close() error {
	for _, b := range s.list {
		b.Release()
	}
	return nil
}

func (s *rowsStage) Finish(out op.Out) error {
	slices.SortFunc(s.list, func(a, b *chunk.Batch) int {
		if a.Seq != b.Seq {
			return map[bool]int{true: -1, false: 1}[a.Seq < b.Seq]
		}
		return int(a.Sub) - int(b.Sub)
	})
	type row struct{ b, i int32 }
	var rows []row
	for i, b := range s.list {
		for j := range b.N {
			rows = append(rows, row{int32(i), int32(j)})
		}
	}
	slices.SortStableFunc(rows, func(x, y row) int {
		return compareRows(s.p.keys, s.list[x.b], int(x.i), s.list[y.b], int(y.i))
	})
	if s.p.first > 0 && int64(len(rows)) > s.p.first {
		rows = rows[:s.p.first]
	}
	b := chunk.NewBuilder(s.p.schema, s.t)
	defer b.Close()
	put := func() error { return out.Put(0, b.Flush()) }
	for _, r := range rows {
		idx := []uint32{uint32(r.i)}
		err := b.AppendRows(s.list[r.b], idx)
		if errors.Is(err, mem.ErrBudget) {
			if err = put(); err == nil {
				err = b.AppendRows(s.list[r.b], idx)
			}
		}
		if err != nil {
			return fmt.Errorf("sort: %w", err)
		}
		if b.Len() >= 1<<17 {
			if err := put(); err != nil {
				return err
			}
		}
	}
	return put()
}

type rowsLocal struct {
	s *rowsStage
	b *chunk.Builder
}

func (l *rowsLocal) Push(m *chunk.Batch, _ op.Sink) error {
	if err := l.b.Append(m); err != nil {
		return fmt.Errorf("sort: %w", err)
	}
	c := l.b.Flush()
	c.Seq, c.Sub = m.Seq, m.Sub
	l.s.mu.Lock()
	l.s.list = append(l.s.list, c)
	l.s.mu.Unlock()
	return nil
}

func (l *rowsLocal) Close(_ op.Sink, _ bool) error { l.b.Close(); return nil }
