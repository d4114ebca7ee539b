// Package rows has the operators on rows: tables in memory, filter and project.
package rows

import (
	"fmt"
	"slices"
	"strings"

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

// ProjectParams are the parameters of rows.project: the output columns in order,
// each with its name.
type ProjectParams struct{ Exprs []expr.Expr }

// Project computes columns from columns: select, add, rename and drop are all
// this operator.
var Project op.Op[ProjectParams]

func init() {
	Project = op.Register(op.Spec[ProjectParams]{
		Name: "rows.project", Version: 1, Class: op.RowWise,
		Doc:   "computes columns of a row from the columns of that row",
		Infer: inferProject,
		Text:  projectText,
		Pipe:  bindProject,
		Rules: op.Rules[ProjectParams]{
			Project: func(p ProjectParams, cols []string) ProjectParams {
				out := ProjectParams{}
				for _, e := range p.Exprs {
					if slices.Contains(cols, e.OutName()) {
						out.Exprs = append(out.Exprs, e)
					}
				}
				return out
			},
			Uses: func(p ProjectParams, in []op.Meta, cols []string) [][]string {
				var need []string
				for _, e := range p.Exprs {
					if slices.Contains(cols, e.OutName()) {
						need = union(need, expr.Columns(e))
					}
				}
				return [][]string{need}
			},
			Select:       selectColumns,
			Through:      projectThrough,
			LimitThrough: func(ProjectParams) bool { return true },
		},
	})
}

func selectColumns(cols []string) op.Call {
	p := ProjectParams{Exprs: make([]expr.Expr, len(cols))}
	for i, c := range cols {
		p.Exprs[i] = expr.Col(c)
	}
	return Project.With(p)
}

func projectText(p ProjectParams) string {
	parts := make([]string, len(p.Exprs))
	for i, e := range p.Exprs {
		if parts[i] = (expr.Expr{N: e.N}).String(); parts[i] != e.OutName() {
			parts[i] = e.OutName() + " = " + parts[i]
		}
	}
	return strings.Join(parts, ", ")
}

func inferProject(p ProjectParams, in []op.Meta) (op.Meta, error) {
	m := op.Meta{Rows: in[0].Rows, Bytes: in[0].Bytes}
	renamed := map[string]string{}
	for _, e := range p.Exprs {
		f, err := expr.Infer(e, in[0].Schema)
		if err != nil {
			return op.Meta{}, err
		}
		m.Schema = append(m.Schema, dtype.Field{Name: e.OutName(), Type: f.Type, Nullable: f.Nullable})
		if c, ok := e.N.(expr.Column); ok {
			renamed[c.Name] = e.OutName()
		}
	}
	if err := m.Schema.Unique(); err != nil {
		return op.Meta{}, err
	}
	if n := len(in[0].Schema); n > 0 && m.Bytes > 0 {
		m.Bytes *= float64(len(m.Schema)) / float64(n)
	}
	m.Layout, m.Known = renameLayout(in[0].Layout, renamed), in[0].Known.Rename(renamed)
	return m, nil
}

// renameLayout keeps what is known of the order and partitioning of the columns
// that survive.
func renameLayout(l op.Layout, names map[string]string) (out op.Layout) {
	for _, k := range l.Sorted {
		n, ok := names[k.Col]
		if !ok {
			break
		}
		k.Col = n
		out.Sorted = append(out.Sorted, k)
	}
	for _, c := range l.Hashed {
		n, ok := names[c]
		if !ok {
			return op.Layout{Sorted: out.Sorted}
		}
		out.Hashed = append(out.Hashed, n)
	}
	return out
}

// projectThrough rewrites a predicate on computed columns as one on the input.
func projectThrough(p ProjectParams, in []op.Meta, pred expr.Expr, input int) (expr.Expr, bool) {
	by := map[string]expr.Node{}
	for _, e := range p.Exprs {
		by[e.OutName()] = e.N
	}
	out := expr.Substitute(pred, by)
	return out, expr.Deterministic(out) && !expr.CanErrorIn(out, in[0].Schema)
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
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

// bindProject compiles the computed columns; plain columns are passed on as they
// are.
func bindProject(p ProjectParams, in op.Meta) (op.Pipe, error) {
	from := make([]int, len(p.Exprs))
	progs := make([]*expr.Program, len(p.Exprs))
	for i, e := range p.Exprs {
		var err error
		if c, ok := e.N.(expr.Column); ok {
			if from[i], err = in.Schema.Find(c.Name); err != nil {
				return nil, err
			}
			continue
		}
		if progs[i], err = expr.Compile(e, in.Schema); err != nil {
			return nil, err
		}
	}
	return pipe(func() op.Local {
		l := &projecting{from: from, states: make([]*expr.State, len(progs))}
		for i, p := range progs {
			if p != nil {
				l.states[i] = p.NewState()
			}
		}
		return l
	}), nil
}

type projecting struct {
	from   []int
	states []*expr.State
	out    chunk.Batch
}

func (l *projecting) Push(m *chunk.Batch, out op.Sink) error {
	l.out.Cols = l.out.Cols[:0]
	l.out.N, l.out.Seq, l.out.Sub = m.N, m.Seq, m.Sub
	for i, s := range l.states {
		if s == nil {
			l.out.Cols = append(l.out.Cols, m.Cols[l.from[i]])
			continue
		}
		v, err := s.Eval(m)
		if err != nil {
			return err
		}
		l.out.Cols = append(l.out.Cols, *v)
	}
	return out.Push(&l.out)
}

func (l *projecting) Close(op.Sink, bool) error { return nil }
