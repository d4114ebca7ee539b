package gorows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/mem"
	"github.com/weft-data/weft/op"
)

// A RecordFunc is a user's function from the rows of a partition to rows with the
// columns that it says. A name that RegisterRecords gave it lets it run wherever
// the same program does.
type RecordFunc struct {
	Name   string
	Schema dtype.Schema
	Call   func(context.Context, arrow.Record) (arrow.Record, error)
}

var records = struct {
	sync.RWMutex
	byName map[string]RecordFunc
}{byName: map[string]RecordFunc{}}

// RegisterRecords makes a function known by its name. It panics on a name that is
// empty or used twice; call it from a package-level var.
func RegisterRecords(f RecordFunc) RecordFunc {
	records.Lock()
	defer records.Unlock()
	if _, dup := records.byName[f.Name]; dup || f.Name == "" {
		panic(fmt.Sprintf("gorows: function name %q is empty or used twice", f.Name))
	}
	records.byName[f.Name] = f
	return f
}

// PartitionParams are the parameters of rows.mappartition.
type PartitionParams struct {
	MapParams
	Out dtype.Schema // what the function says
}

// MapPartition gives what a function makes of each partition as a whole.
//
// Memory: the rows of a partition twice, counted; refused with their number.
var MapPartition = op.Register(op.Spec[PartitionParams]{
	Name: "rows.mappartition", Version: 1, Class: op.Breaking,
	Doc: "applies a function to the rows of each partition as one Arrow record",
	Infer: func(p PartitionParams, in []op.Meta) (op.Meta, error) {
		if _, err := p.bind(in[0]); err != nil {
			return op.Meta{}, err
		}
		return op.Meta{Schema: slices.Clone(p.Out), Rows: -1, Bytes: -1}, nil
	},
	Mem: func(_ PartitionParams, in op.Meta) op.Need {
		return op.Need{Floor: 8 << 20, Want: 64 << 20}
	},
	Text: func(p PartitionParams) string { return p.MapParams.text() },
	Pipe: func(p PartitionParams, in op.Meta) (op.Pipe, error) { return p.bind(in) },
})

// KeepRecords makes a function without a name callable by rows.mappartition until
// Drop.
func KeepRecords(f RecordFunc) PartitionParams { return PartitionParams{keep(f), f.Schema} }

// A partitioning is a bound function.
type partitioning struct {
	name string
	f    RecordFunc
	in   dtype.Schema
}

func (p PartitionParams) bind(in op.Meta) (*partitioning, error) {
	x := &partitioning{name: p.text(), in: in.Schema}
	if p.ID != 0 {
		f, err := kept[RecordFunc](p.ID)
		x.f = f
		return x, err
	}
	records.RLock()
	defer records.RUnlock()
	f, ok := records.byName[p.Fn]
	if !ok {
		return nil, fmt.Errorf("unknown function %q: this binary does not register it", p.Fn)
	}
	if !slices.Equal(f.Schema, p.Out) {
		return nil, fmt.Errorf("function %s gives %s here and %s where the plan was made", p.Fn, f.Schema, p.Out)
	}
	x.f = f
	return x, nil
}

func (p *partitioning) Close() error { return nil }
func (p *partitioning) Open(t op.Task, _ []op.In) (op.Stage, error) {
	return &partitionStage{partitioning: p, t: t, b: chunk.NewBuilder(p.in, t)}, nil
}

// A partitionStage gathers the rows of its block on one thread.
type partitionStage struct {
	*partitioning
	t op.Task
	b *chunk.Builder
}

// Serial implements op.Serial: rows are gathered in order.
func (s *partitionStage) Serial() bool             { return true }
func (s *partitionStage) Local() (op.Local, error) { return partitionLocal{s}, nil }
func (s *partitionStage) Drain() (op.Feed, error)  { return nil, nil }
func (s *partitionStage) Close() error             { s.b.Close(); return nil }

type partitionLocal struct{ *partitionStage }

func (l partitionLocal) Close(op.Sink, bool) error { return nil }

// Push implements op.Local.
func (l partitionLocal) Push(m *chunk.Batch, _ op.Sink) error {
	return l.fits(l.b.Append(m), l.b.Len()+m.N)
}

// fits words a refusal of memory.
func (s *partitionStage) fits(err error, rows int) error {
	if errors.Is(err, mem.ErrBudget) {
		return fmt.Errorf("%s: the first %d rows of a partition do not fit the memory budget of %d bytes: divide it by Repartition: %w", s.name, rows, s.t.Budget(), err)
	}
	return err
}

// Finish implements op.Stage.
func (s *partitionStage) Finish(out op.Out) error {
	rows := s.b.Len()
	size := s.b.Bytes()
	if !s.t.Reserve(size) {
		return s.fits(mem.ErrBudget, rows)
	}
	defer s.t.Release(size)
	b := s.b.Flush()
	rec, err := chunk.ToRecord(chunk.ToArrowSchema(s.in), s.in, b)
	b.Release()
	if err != nil {
		return err
	}
	res, err := s.f.Call(s.t.Context(), rec)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if res == nil || res.NumRows() == 0 {
		return nil
	}
	got, err := chunk.FromRecord(res)
	if err == nil {
		err = s.check(res, got)
	}
	if err != nil {
		return fmt.Errorf("%s: result: %w", s.name, err)
	}
	return out.Put(0, got)
}

// check compares what came with what was said.
func (s *partitionStage) check(rec arrow.Record, b *chunk.Batch) error {
	for i, f := range s.f.Schema {
		switch {
		case i >= len(b.Cols):
			return fmt.Errorf("%d columns, want %s", len(b.Cols), s.f.Schema)
		case rec.ColumnName(i) != f.Name || b.Cols[i].Type != f.Type:
			return fmt.Errorf("column %d is %s %s, want %s %s", i, rec.ColumnName(i), b.Cols[i].Type, f.Name, f.Type)
		case !f.Nullable && b.Cols[i].Nulls() > 0:
			return fmt.Errorf("column %q has nulls, and was said to have none", f.Name)
		}
	}
	if len(b.Cols) > len(s.f.Schema) {
		return fmt.Errorf("%d columns, want %s", len(b.Cols), s.f.Schema)
	}
	return nil
}
