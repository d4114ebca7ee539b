package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op"
	"github.com/weft-data/weft/op/group"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/order"
	"github.com/weft-data/weft/op/rows"
)

// column turns what a verb accepts as a column (a name or an expression) into an
// expression.
func column(x any) expr.Expr {
	if s, ok := x.(string); ok {
		return expr.Col(s)
	}
	if e, ok := x.(expr.Expr); ok {
		return e
	}
	return expr.Lit(x)
}

// Select returns the given columns, names or expressions, in that order.
func (f *Frame) Select(cols ...any) *Frame {
	if len(cols) == 0 {
		return fail("Select", errors.New("no columns: a table has at least one"))
	}
	p := rows.ProjectParams{}
	for _, c := range cols {
		p.Exprs = append(p.Exprs, column(c))
	}
	return add("Select", calls(rows.Project, p), f)
}

// WithColumns adds columns, or replaces those of the same name in their place.
// All expressions see the columns of f, not each other.
func (f *Frame) WithColumns(cols ...expr.Expr) *Frame {
	return add("WithColumns", calls(rows.With, rows.WithParams{Exprs: cols}), f)
}

// all refers to every column.
func (f *Frame) all() []expr.Expr {
	out := make([]expr.Expr, len(f.n.out.Schema))
	for i, c := range f.n.out.Schema {
		out[i] = expr.Col(c.Name)
	}
	return out
}

// Filter keeps the rows for which every predicate is true; null counts as false.
func (f *Frame) Filter(preds ...expr.Expr) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if len(preds) == 0 {
		return f
	}
	if i := slices.IndexFunc(preds, expr.Expr.None); i >= 0 {
		return fail("Filter", fmt.Errorf("predicate %d is no expression", i+1))
	}
	return add("Filter", calls(rows.Filter, rows.FilterParams{Pred: expr.AndAll(preds)}), f)
}

// Rename gives columns new names: old to new.
func (f *Frame) Rename(names map[string]string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	p := rows.ProjectParams{Exprs: f.all()}
	for old, name := range names {
		i, err := f.n.out.Schema.Find(old)
		if err != nil {
			return fail("Rename", err)
		}
		p.Exprs[i] = p.Exprs[i].As(name)
	}
	return add("Rename", calls(rows.Project, p), f)
}

// Drop removes columns.
func (f *Frame) Drop(names ...string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	for _, n := range names {
		if _, err := f.n.out.Schema.Find(n); err != nil {
			return fail("Drop", err)
		}
	}
	p := rows.ProjectParams{}
	for _, e := range f.all() {
		if !slices.Contains(names, e.OutName()) {
			p.Exprs = append(p.Exprs, e)
		}
	}
	if len(p.Exprs) == 0 {
		return fail("Drop", errors.New("no column is left: a table has at least one"))
	}
	return add("Drop", calls(rows.Project, p), f)
}

// Head returns the first n rows in the order of the input.
func (f *Frame) Head(n int64) *Frame {
	if n < 0 {
		return fail("Head", fmt.Errorf("%d rows: want 0 or more", n))
	}
	return add("Head", calls(order.Limit, order.LimitParams{N: n}), f)
}

// Distinct returns one row for each combination of values in the given columns
// (all columns when none are given), with those columns only. Null equals null
// and NaN equals NaN. The order of the rows is unspecified.
func (f *Frame) Distinct(cols ...string) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if len(cols) == 0 {
		cols = f.n.out.Schema.Names()
	}
	return add("Distinct", calls(group.By, group.Params{Keys: cols}), f)
}

// A Key orders rows: see Asc and Desc.
type Key = op.SortKey

// Asc orders by a column from the smallest value on; NaN comes after all other
// values and nulls come last.
func Asc(col string) Key { return Key{Col: col} }

// Desc orders by a column from the largest value on, NaN first; nulls come last.
func Desc(col string) Key { return Key{Col: col, Desc: true} }

// keys turns what Sort and TopK accept (a name, a Key) into sort keys.
func keys(by []any) ([]Key, error) {
	out := make([]Key, len(by))
	for i, x := range by {
		switch k := x.(type) {
		case string:
			out[i] = Asc(k)
		case Key:
			out[i] = k
		default:
			return nil, fmt.Errorf("a %T is no sort key: give a column name, Asc(name) or Desc(name)", x)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no sort key")
	}
	return out, nil
}

// Sort orders the rows by the keys, column names or Asc and Desc. Rows that are
// equal in all keys keep their order.
func (f *Frame) Sort(by ...any) *Frame { return f.sort("Sort", by) }

// sort is Sort, as a part of a verb.
func (f *Frame) sort(verb string, by []any) *Frame {
	k, err := keys(by)
	if err != nil {
		return fail(verb, err)
	}
	return add(verb, calls(order.Sort, order.SortParams{Keys: k}), f)
}

// TopK returns the first n rows that Sort(by...) would give, in that order,
// without sorting the rest.
func (f *Frame) TopK(n int64, by ...any) *Frame {
	k, err := keys(by)
	if err != nil {
		return fail("TopK", err)
	}
	if n < 0 {
		return fail("TopK", fmt.Errorf("%d rows: want 0 or more", n))
	}
	return add("TopK", calls(order.TopK, order.TopKParams{Keys: k, N: n}), f)
}

// A JoinKind says which rows a join gives.
type JoinKind = join.Kind

// The kinds of join.
const (
	Inner = join.Inner // every pair of rows whose keys are equal
	Left  = join.Left  // and the left rows without a match, with nulls on the right
	Semi  = join.Semi  // left rows with at least one match, once
	Anti  = join.Anti  // left rows without a match
	Full  = join.Full  // every pair, and the rows of both sides without a match, with nulls on the other
)

// A JoinOn says how two frames are joined. Left and Right are key columns of the
// two sides; On names columns that are keys on both; Equal has further keys, names or
// expressions. Where is a condition that matching rows must meet too, over the columns
// of an inner join, right ones with their suffix. All pairs of rows with equal keys are
// tried, without any key all pairs; but where the condition compares expressions of the
// two sides by <, <=, > or >=, as in start <= at and at < end, an index finds the pairs by
// the first two such comparisons of numbers or times of one type.
type JoinOn struct {
	Kind        JoinKind
	On          []string
	Left, Right []string
	Equal       []Pair
	Where       expr.Expr
	Suffix      string // of right columns whose name the left side has; "_right" if empty
	within      []join.Bound
}

// keys returns the key columns of the sides, but for those of Equal.
func (o JoinOn) keys() (left, right []string) {
	return append(slices.Clone(o.On), o.Left...), append(slices.Clone(o.On), o.Right...)
}

// A Pair is what must be equal of a left and of a right row: names of columns, or
// expressions over the columns of its side.
type Pair struct{ Left, Right any }

// Join matches the rows of f with those of right on columns of the same name.
// A null key matches nothing.
func (f *Frame) Join(right *Frame, kind JoinKind, on ...string) *Frame {
	return f.JoinOn(right, JoinOn{Kind: kind, On: on})
}

// JoinOn matches the rows of f with those of right. The output has the columns
// of f and then, but for semi and anti joins, those of right without the key
// columns that have the name of their partner. Keys of different types are compared
// in their common type, which they have after right and full joins; all other
// columns keep their types.
func (f *Frame) JoinOn(right *Frame, o JoinOn) *Frame {
	if f.Err() != nil {
		return f.failed()
	}
	if right.Err() != nil {
		return right.failed()
	}
	if len(o.Equal) > 0 {
		return f.joinEqual(right, o)
	}
	if !o.Where.None() {
		return f.joinWhere(right, o)
	}
	l, r := o.keys()
	a, b, err := f.alike(right, l, r, dtype.Common)
	if err == nil && len(l) == 0 {
		err = errors.New("no key columns")
	}
	if err != nil {
		return fail("Join", err)
	}
	switch {
	case o.Kind == Right:
		return a.rightJoin(b, l, r, o)
	case o.Kind != Full && (a != f || b != right):
		return f.compared(right, l, r, o)
	}
	return add("Join", calls(join.Hash, join.Params{Left: l, Right: r, Kind: o.Kind, Suffix: o.Suffix, Within: o.within}), a, b)
}
