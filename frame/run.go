package frame

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/graph"
)

// An Option changes how a plan runs, never what it returns.
type Option = graph.Option

// WithProgress has f called a few times a second while the plan runs.
func WithProgress(f func(graph.Progress)) Option { return graph.WithProgress(f) }

// Without leaves out passes of the optimizer, by name.
func Without(passes ...string) Option { return graph.Without(passes...) }

// blocks runs the plan in a mode and calls fn for every block.
func (f *Frame) blocks(ctx context.Context, r graph.Runner, mode graph.Mode, opts []Option, fn func(chunk.Value) error) (graph.Report, error) {
	if f.Err() != nil {
		return graph.Report{}, f.Err()
	}
	g, want := f.plan()
	defer runtime.KeepAlive(f) // and what its plan reads
	q := graph.Request{Graph: g, Want: want, Mode: mode, Ordered: true}
	return graph.Each(ctx, r, q, opts, func(d graph.Delivered) error { return fn(d.Value) })
}

// Iterate runs the plan and yields its rows as Arrow records owned by the
// caller, in order. Blocks are computed ahead of the reader only as far as a few
// per thread; leaving the loop stops the work.
func (f *Frame) Iterate(ctx context.Context, r graph.Runner, opts ...Option) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		stop := errors.New("stop") // ends each; yield may not be called after it
		err := f.each(ctx, r, opts, func(s *arrow.Schema, schema dtype.Schema, b *chunk.Batch) error {
			rec, err := chunk.ToRecord(s, schema, b)
			if err != nil {
				return err
			}
			if !yield(rec, nil) {
				return stop
			}
			return nil
		})
		if err != nil && !errors.Is(err, stop) {
			yield(nil, err)
		}
	}
}

// each runs the plan and calls fn for every batch, borrowed, in order.
func (f *Frame) each(ctx context.Context, r graph.Runner, opts []Option, fn func(*arrow.Schema, dtype.Schema, *chunk.Batch) error) error {
	schema := f.Schema()
	s := chunk.ToArrowSchema(schema)
	_, err := f.blocks(ctx, r, graph.Run, opts, func(v chunk.Value) error {
		return chunk.EachOfAll(v, func(b *chunk.Batch) error { return fn(s, schema, b) })
	})
	return err
}

// Collect runs the plan and returns the whole table. Its memory belongs to the
// caller and is outside of the runner's budget.
func (f *Frame) Collect(ctx context.Context, r graph.Runner, opts ...Option) (*Table, error) {
	t := &Table{}
	opts = append(opts[:len(opts):len(opts)], func(q *graph.Request) { q.Keep = true })
	err := f.each(ctx, r, opts, func(s *arrow.Schema, schema dtype.Schema, b *chunk.Batch) error {
		rec, err := chunk.ToRecord(s, schema, b)
		if err == nil {
			t.Records = append(t.Records, rec)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	t.Schema = f.n.out.Schema
	return t, nil
}

// Count runs the plan and returns the number of its rows.
func (f *Frame) Count(ctx context.Context, r graph.Runner, opts ...Option) (int64, error) {
	t, err := f.GroupBy().Agg(Count().As("n")).Collect(ctx, r, opts...)
	if err != nil {
		return 0, err
	}
	n, ok := t.Value(0, 0).(int64)
	if !ok {
		return 0, fmt.Errorf("frame: the count is %v", t.Value(0, 0))
	}
	return n, nil
}

// Explain returns the plan as built and as it would run, without running it.
func (f *Frame) Explain(ctx context.Context, r graph.Runner, opts ...Option) (graph.Report, error) {
	return f.blocks(ctx, r, graph.Explain, opts, dropped)
}

// Analyze runs the plan, drops the rows, and returns the plan with what every
// operator did.
func (f *Frame) Analyze(ctx context.Context, r graph.Runner, opts ...Option) (graph.Report, error) {
	return f.blocks(ctx, r, graph.Analyze, opts, dropped)
}

func dropped(chunk.Value) error { return nil }
