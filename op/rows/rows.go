// Package rows has the operators on rows: tables in memory, filter and project.
package rows

import (
	"fmt"
	"slices"

	"github.com/weft-data/weft/chunk"
	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
)

// FilterParams are the parameters of rows.filter.
type FilterParams struct{ Pred expr.Expr }

// Filter keeps the rows for which a predicate is true; null counts as false.
var Filter op.Op[FilterParams]

func init() {
	Filter = op.Register(op.Spec[FilterParams]{
		Name: "rows.filter", Version: 1, Class: op.RowWise,
		Doc:   "keeps the rows for which a predicate is true",
		Infer: inferFilter,
		Text:  func(p FilterParams) string { return p.Pred.String() },
		Pipe: func(p FilterParams, in op.Meta) (op.Pipe, error) {
			prog, err := expr.Compile(p.Pred, in.Schema)
			if err != nil {
				return nil, err
			}
			return pipe(func() op.Local { return &filtering{state: prog.NewState()} }), nil
		},
		Rules: op.Rules[FilterParams]{
			Uses: func(p FilterParams, in []op.Meta, cols []string) [][]string {
				return [][]string{union(cols, expr.Columns(p.Pred))}
			},
			Through: func(p FilterParams, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
				return pred, !expr.CanError(pred)
			},
			Pred:     func(p FilterParams) (expr.Expr, bool) { return p.Pred, true },
			WithPred: func(pred expr.Expr) op.Call { return withPred(pred) },
		},
	})
}

func withPred(pred expr.Expr) op.Call { return Filter.With(FilterParams{pred}) }

func inferFilter(p FilterParams, in []op.Meta) (op.Meta, error) {
	f, err := expr.Infer(p.Pred, in[0].Schema)
	if err != nil {
		return op.Meta{}, err
	}
	if k := f.Type.Kind; k != dtype.Bool && k != dtype.Null {
		return op.Meta{}, fmt.Errorf("a filter needs a bool, %s is %s", p.Pred, f.Type)
	}
	return in[0].Where(p.Pred), nil
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	known := make(map[string]bool, len(a)+len(b))
	for _, x := range a {
		known[x] = true
	}
	for _, x := range b {
		if !known[x] {
			known[x] = true
			out = append(out, x)
		}
	}
	return out
}

// A pipe is a row-wise operator whose only state is per thread.
type pipe func() op.Local

func (p pipe) Open(op.Task, []op.In) (op.Stage, error) { return stage(p), nil }
func (p pipe) Close() error                            { return nil }

type stage func() op.Local

func (s stage) Local() (op.Local, error) { return s(), nil }
func (s stage) Drain() (op.Feed, error)  { return nil, nil }
func (s stage) Finish(op.Out) error      { return nil }
func (s stage) Close() error             { return nil }

// A passage is a pipe that gives one row for each, and would give the same others if some
// were left out.
type passage struct {
	pipe
	from []int // of each column of the output, the one of the input that it is; -1: it is made
}

func (p passage) Open(op.Task, []op.In) (op.Stage, error) {
	return passageStage{stage(p.pipe), p.from}, nil
}

type passageStage struct {
	stage
	from []int
}

// Choice implements op.Choosy.
func (s passageStage) Choice() (op.Choice, bool) { return op.Choice{}, false }

// From implements op.Choosy.
func (s passageStage) From(col int) int { return s.from[col] }

type filtering struct {
	state *expr.State
	keep  chunk.Compactor
}

func (f *filtering) Push(m *chunk.Batch, out op.Sink) error {
	mask, n, err := f.state.Filter(m)
	if err != nil || n == 0 {
		return err
	}
	return out.Push(f.keep.Keep(m, mask, n))
}

func (f *filtering) Close(op.Sink, bool) error { return nil }
