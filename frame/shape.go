package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/group"
	"github.com/weft-data/weft/op/rows"
)

// A Keep says which of several rows with equal keys DistinctBy keeps.
type Keep int

// What DistinctBy keeps.
const (
	KeepFirst Keep = iota // the first one in the order of the input
	KeepLast              // the last one
	KeepNone              // none of them: only rows whose keys are unique
)

// DistinctBy returns, for each combination of values in the given columns (all
// when none are given), one whole row of those that have it, as keep says. Null
// equals null and NaN equals NaN. The order of the rows is unspecified.
func (f *Frame) DistinctBy(keep Keep, cols ...string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	s := f.n.out.Schema
	if len(cols) == 0 {
		cols = s.Names()
	}
	pick := First
	if keep == KeepLast {
		pick = Last
	}
	var aggs []Aggregate
	for _, c := range s {
		if !slices.Contains(cols, c.Name) {
			aggs = append(aggs, pick(c.Name).As(c.Name))
		}
	}
	const size = "\x00size"
	if keep == KeepNone {
		aggs = append(aggs, Count().As(size))
	}
	out := f.GroupBy(anys(cols)...).Agg(aggs...)
	if keep == KeepNone {
		out = out.Filter(expr.Col(size).Eq(1))
	}
	return out.Select(anys(s.Names())...)
}

// anys lets names be arguments of verbs.
func anys(names []string) []any {
	out := make([]any, len(names))
	for i, n := range names {
		out[i] = n
	}
	return out
}

// ValueCounts returns the different values of a column and how often each is
// there, int64 column "count", the most frequent first and equally frequent ones
// in their order. Null is a value.
func (f *Frame) ValueCounts(col string) *Frame {
	return f.GroupBy(col).Agg(Count().As("count")).Sort(Desc("count"), Asc(col))
}

// An Unpivoted says how Unpivot makes rows of columns.
type Unpivoted struct {
	Keep    []string // repeated in every row
	Columns []string // become rows; all others when empty
	Name    string   // of the column with their names; "name" if empty
	Value   string   // of the column with their values; "value" if empty
}

// Unpivot makes of every row one row for each of the columns, with its name and
// its value in the common type of all. The rows made of one row follow each other,
// in the order of the columns.
func (f *Frame) Unpivot(o Unpivoted) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	s := f.n.out.Schema
	if len(o.Columns) == 0 {
		for _, c := range s {
			if !slices.Contains(o.Keep, c.Name) {
				o.Columns = append(o.Columns, c.Name)
			}
		}
	}
	if len(o.Columns) == 0 {
		return fail("Unpivot", errors.New("no columns to make rows of"))
	}
	var common dtype.Type
	to := map[string]dtype.Type{}
	for k, c := range o.Columns {
		i, err := s.Find(c)
		if err != nil {
			return fail("Unpivot", err)
		}
		if slices.Contains(o.Keep, c) {
			return fail("Unpivot", fmt.Errorf("column %q is to be kept and to become rows: make a copy of it", c))
		}
		t := s[i].Type
		if k > 0 {
			if t, err = dtype.Common(common, t); err != nil {
				return fail("Unpivot", fmt.Errorf("column %q is %s and those before are %s: cast one of them", c, s[i].Type, common))
			}
		}
		common = t
	}
	for _, c := range o.Columns {
		to[c] = common
	}
	if o.Name == "" {
		o.Name = "name"
	}
	if o.Value == "" {
		o.Value = "value"
	}
	p := rows.StackParams{Keep: o.Keep, Label: o.Name, Labels: o.Columns, Values: []rows.Stacked{{Name: o.Value, From: o.Columns}}}
	return add("Unpivot", calls(rows.Stack, p), f.cast(to))
}

// A Pivoted says how Pivot makes columns of rows.
type Pivoted struct {
	Index  []any  // names or expressions: a row for each combination of their values
	Column string // its values become columns
	Values []any  // which of them: a column each, called after the value
	Agg    Aggregate
}

// Pivot returns a row for each combination of the index, with a column for each
// of the values: the aggregate over the rows that have it, as over no rows where
// there are none. The values are given, because the columns of a frame are known
// before anything is read; Distinct finds them. The order of the rows is
// unspecified.
func (f *Frame) Pivot(o Pivoted) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	i, err := f.n.out.Schema.Find(o.Column)
	if err != nil {
		return fail("Pivot", err)
	}
	t := f.n.out.Schema[i].Type
	switch {
	case len(o.Values) == 0:
		return fail("Pivot", fmt.Errorf("no values of %q to make columns of: list them, or collect Distinct(%q) first", o.Column, o.Column))
	case o.Agg.fn == "":
		return fail("Pivot", errors.New("no aggregate: say what becomes of several rows, for example Sum"))
	case o.Agg.fn == group.First || o.Agg.fn == group.Last:
		return fail("Pivot", fmt.Errorf("%s would look at the rows of all values: use DistinctBy before and Max here", o.Agg.fn))
	}
	var aggs []Aggregate
	for _, v := range o.Values {
		a := o.Agg
		cond := expr.Col(o.Column).Eq(v)
		switch x := v.(type) {
		case nil:
			cond = expr.Col(o.Column).IsNull()
		case float64:
			if x != x {
				cond = expr.Col(o.Column).IsNaN()
			}
		}
		if a.fn == group.Len {
			a.fn, a.x = group.Count, expr.Lit(true)
		}
		a.x = expr.If(cond).Then(a.x).End()
		if !a.y.None() {
			a.y = expr.If(cond).Then(a.y).End()
		}
		if a.name = Word(v, t); o.Agg.name != "" {
			a.name += "_" + o.Agg.name
		}
		aggs = append(aggs, a)
	}
	return f.GroupBy(o.Index...).Agg(aggs...)
}

// Describe returns a row for each column of f: its name and type; how many values
// and how many nulls it has; of numbers and bools the mean and the standard
// deviation; the least and the greatest value as text; and of numbers the median.
// What a type has not is null.
func (f *Frame) Describe() *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	s := f.n.out.Schema
	p := rows.StackParams{Label: "column", Labels: s.Names()}
	stats := []string{"type", "count", "nulls", "mean", "std", "min", "median", "max"}
	for _, st := range stats {
		v := rows.Stacked{Name: st}
		for i := range s {
			v.From = append(v.From, fmt.Sprintf("%d %s", i, st))
		}
		p.Values = append(p.Values, v)
	}
	const size = "\x00rows"
	aggs := []Aggregate{Count().As(size)}
	var cols []any
	for i, c := range s {
		at := func(st string) string { return fmt.Sprintf("%d %s", i, st) }
		put := func(st string, e expr.Expr) { cols = append(cols, e.As(at(st))) }
		x := expr.Col(c.Name)
		number := c.Type.Kind.IsNumeric() || c.Type.Kind == dtype.Bool
		ordered := c.Type.Kind != dtype.Null && c.Type.Kind != dtype.Binary && !c.Type.Kind.IsNested()
		aggs = append(aggs, Count(x).As(at("count")))
		put("type", expr.Lit(c.Type.String()))
		put("count", expr.Col(at("count")))
		put("nulls", expr.Col(size).Sub(expr.Col(at("count"))))
		for _, a := range []struct {
			name string
			make func(any) Aggregate
			has  bool
			to   dtype.Kind
		}{
			{"mean", Mean, number || c.Type.Kind == dtype.Decimal128, dtype.Float64},
			{"std", Std, number, dtype.Float64},
			{"median", Median, number && c.Type.Kind != dtype.Bool, dtype.Float64},
			{"min", Min, ordered, dtype.Utf8},
			{"max", Max, ordered, dtype.Utf8},
		} {
			if !a.has {
				put(a.name, expr.Null(dtype.Of(a.to)))
				continue
			}
			aggs = append(aggs, a.make(x).As(at(a.name)))
			put(a.name, expr.Col(at(a.name)).Cast(dtype.Of(a.to)))
		}
	}
	return add("Describe", calls(rows.Stack, p), f.GroupBy().Agg(aggs...).Select(cols...))
}
