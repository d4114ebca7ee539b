package frame

import (
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/group"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/rows"
	"github.com/weft-data/weft/op/window"
)

// grouped reports that functions of whole partitions are those of groups: no row is asked for
// its place, and keys and values are such as groups have.
func grouped(p window.Params, s dtype.Schema) bool {
	if len(p.By) == 0 || len(p.Order) > 0 {
		return false
	}
	for _, c := range p.By {
		if f := s[s.Index(c)]; f.Type.Kind.IsNested() || f.Nullable && nothing(f.Type).None() {
			return false
		}
	}
	for _, f := range p.Funcs {
		switch f.Fn {
		case window.Count, window.Sum, window.Mean, window.Min, window.Max, window.Var, window.Std, window.First, window.Last, window.Median,
			window.Quantile, window.Skew, window.Kurtosis, window.Corr, window.Cov, window.Any, window.All:
		default:
			return false
		}
		if f.Frame != window.Whole || f.Col != "" && s[s.Index(f.Col)].Type.Kind.IsNested() {
			return false
		}
	}
	return true
}

// nothing is a value that stands for null beside a column that says where nulls are; none for
// types without one.
func nothing(t dtype.Type) expr.Expr {
	switch k := t.Kind; {
	case k.IsInt() || k.IsFloat() || k == dtype.Date || k == dtype.Timestamp:
		return expr.Lit(0).Cast(t)
	case k == dtype.Bool:
		return expr.Lit(false)
	case k == dtype.Utf8:
		return expr.Lit("")
	}
	return expr.Expr{}
}

// wholes adds functions of whole partitions: the groups' aggregates, joined to the rows. Rows
// are not sorted, and groups are as many as fit in a table, or spill as those of a join. A join
// matches no null, so a key that may be null is two: a value in its place, and whether it is.
func (f *Frame) wholes(p window.Params) *Frame {
	keys, temps := []string(nil), []expr.Expr(nil)
	given := f.n.out.Schema.Names()
	for _, c := range p.By {
		at := f.n.out.Schema[f.n.out.Schema.Index(c)]
		if !at.Nullable {
			keys = append(keys, c)
			continue
		}
		value, null := hidden(c, given), hidden("is_null("+c+")", given)
		temps = append(temps, expr.Col(c).FillNull(nothing(at.Type)).As(value), expr.Col(c).IsNull().As(null))
		keys = append(keys, value, null)
	}
	if len(temps) > 0 {
		f = f.WithColumns(temps...)
	}
	g := group.Params{Keys: keys}
	for _, w := range p.Funcs {
		fn := w.Fn
		if fn == window.Count && w.Col == "" {
			fn = group.Len
		}
		g.Aggs = append(g.Aggs, group.Agg{Fn: fn, Col: w.Col, Col2: w.Col2, Q: w.Q, As: w.As})
		given = append(given, w.As)
	}
	by := add("Window", calls(group.By, g), f)
	out := add("Window", calls(join.Hash, join.Params{Left: keys, Right: slices.Clone(keys), Kind: join.Left, InPlace: true}), f, by)
	if out.err != nil || len(temps) == 0 {
		return out
	}
	kept := rows.ProjectParams{}
	for _, c := range given {
		kept.Exprs = append(kept.Exprs, expr.Col(c))
	}
	return add("Window", calls(rows.Project, kept), out)
}
