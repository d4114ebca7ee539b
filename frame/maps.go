package frame

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/gorows"
)

// MapRows applies a function to every row. Its argument is a struct whose exported
// fields take the columns of their names (as by Decode), its result a struct whose
// fields become the columns of the new frame. Rows keep their order.
//
// A function made by op.Func runs wherever the same program does; one made by
// op.Closure stays in this process. It is called by several goroutines, must depend
// on its argument alone, and an error ends the plan.
func MapRows[A, R any](f *Frame, fn op.Fn[A, R]) *Frame { return mapped("MapRows", f, gorows.Map, fn) }

// MapBatches is MapRows for a function from some rows, in order, to any number of
// rows. How the rows of a table are divided is not defined: what the rows become
// must not depend on it.
func MapBatches[A, R any](f *Frame, fn op.Fn[[]A, []R]) *Frame {
	return mapped("MapBatches", f, gorows.MapBatch, fn)
}

func mapped[A, R any](verb string, f *Frame, o op.Op[gorows.MapParams], fn op.Fn[A, R]) *Frame {
	if fn.None() {
		return fail(verb, errNoFunction)
	}
	p := named(fn)
	return kept(add(verb, calls(o, p), f), p.ID)
}

var errNoFunction = errors.New("no function")

// named makes parameters of a function: its name, or a number in this process.
func named[A, R any](fn op.Fn[A, R]) gorows.MapParams {
	if fn.Name() == "" {
		return gorows.Keep(fn.Typed())
	}
	return gorows.MapParams{Fn: fn.Name()}
}

// kept lets a function without a name go with the frame that calls it.
func kept(f *Frame, id uint64) *Frame {
	switch {
	case id == 0:
	case f.Err() != nil:
		gorows.Drop(id)
	default:
		runtime.AddCleanup(f.n, gorows.Drop, id)
	}
	return f
}

// A RecordFunc is a function from the rows of a partition, as an Arrow record, to rows
// with the columns of a schema: see MapPartitions.
type RecordFunc struct {
	f   gorows.RecordFunc
	err error
}

// RecordFunction makes a RecordFunc. With a name, for example "myapp/clean", it runs
// wherever the same program does, and must be made in a package-level var; it panics then
// on a name used twice. Without a name it stays in this process.
func RecordFunction(name string, out *arrow.Schema, f func(context.Context, arrow.Record) (arrow.Record, error)) RecordFunc {
	if out == nil || f == nil {
		return RecordFunc{err: errors.New("no function, or no schema of its result")}
	}
	schema, err := chunk.FromArrowSchema(out)
	if err != nil {
		return RecordFunc{err: fmt.Errorf("schema of the result: %w", err)}
	}
	fn := gorows.RecordFunc{Name: name, Schema: schema, Call: f}
	if name != "" {
		gorows.RegisterRecords(fn)
	}
	return RecordFunc{f: fn}
}

// MapPartitions applies a function to the rows of every partition, in order, as one
// record; nil and a record without rows are no rows. How many partitions a table has
// and where they begin is the plan's business: Repartition divides it into equal ones, and one is the whole
// table. The record is the function's to keep.
//
// Memory: a partition twice. Errors: one that does not fit, a result that has not
// the columns of the schema.
func (f *Frame) MapPartitions(fn RecordFunc) *Frame {
	if fn.err != nil {
		return fail("MapPartitions", fn.err)
	}
	if fn.f.Call == nil {
		return fail("MapPartitions", errNoFunction)
	}
	p := gorows.PartitionParams{MapParams: gorows.MapParams{Fn: fn.f.Name}, Out: fn.f.Schema}
	if fn.f.Name == "" {
		p = gorows.KeepRecords(fn.f)
	}
	return kept(add("MapPartitions", calls(gorows.MapPartition, p), f), p.ID)
}

// Fold applies a user's aggregate to every group: the keys, and the fields of its
// result. It is made by op.Fold, or by op.FoldClosure and stays in this process then; its argument is a
// struct whose exported fields take the columns of their names, its result a struct
// whose fields become columns.
//
// Rows are folded a few thousand at a time and the states of a group merged in the order of
// the input; of no rows at all without keys the result is that of Init.
//
// Memory: a list of the states of a group must fit the budget.
func Fold[A, S, R any](g *Grouped, fn op.Folded[A, S, R]) *Frame {
	f := g.frame()
	if f.Err() != nil {
		return f.failed()
	}
	if fn.Rows.None() || fn.States.None() {
		return fail("Fold", errNoFunction)
	}
	var keys []any
	p := gorows.FoldParams{}
	for _, k := range g.keys {
		keys, p.Keys = append(keys, k.OutName()), append(p.Keys, k.OutName())
		if needed([]expr.Expr{k}) {
			f = f.WithColumns(k.As(k.OutName()))
		}
	}
	p.MapParams = named(fn.Rows)
	f = kept(add("Fold", calls(gorows.Fold, p), f), p.ID)
	f = f.GroupBy(keys...).Agg(List(gorows.State).As(gorows.State))
	p.MapParams = named(fn.States)
	return kept(add("Fold", calls(gorows.FoldEnd, p), f), p.ID)
}
