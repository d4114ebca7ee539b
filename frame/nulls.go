package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/rows"
)

// DropNull removes the rows in which one of the columns is null (any column when
// none are given). NaN is a value.
func (f *Frame) DropNull(cols ...string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if len(cols) == 0 {
		cols = f.n.out.Schema.Names()
	}
	var preds []expr.Expr
	for _, c := range cols {
		i, err := f.n.out.Schema.Find(c)
		if err != nil {
			return fail("DropNull", err)
		}
		if f.n.out.Schema[i].Nullable {
			preds = append(preds, expr.Col(c).IsNotNull())
		}
	}
	return f.Filter(preds...)
}

// FillNull puts a value, a constant or an expression, in the place of nulls: in
// the given columns, whose types become the common type of column and value; or,
// when none are given, in all columns whose type the value does not change. NaN
// is a value. FillForward and FillBackward take values from other rows.
func (f *Frame) FillNull(value any, cols ...string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	s := f.n.out.Schema
	for _, c := range cols {
		if _, err := s.Find(c); err != nil {
			return fail("FillNull", err)
		}
	}
	p := rows.ProjectParams{Exprs: f.all()}
	fits := 0
	for i, c := range s {
		if len(cols) > 0 && !slices.Contains(cols, c.Name) {
			continue
		}
		e := expr.Col(c.Name).FillNull(value).As(c.Name)
		if len(cols) == 0 {
			if got, err := expr.Infer(e, s); err != nil || got.Type != c.Type {
				continue
			}
		}
		fits++
		p.Exprs[i] = e
	}
	if fits == 0 {
		if err := column(value).Err(); err != nil {
			return fail("FillNull", err)
		}
		return fail("FillNull", fmt.Errorf("no column takes %v: %w", value, errors.New("give a value of the type of a column, or name the columns")))
	}
	return add("FillNull", calls(rows.Project, p), f)
}
