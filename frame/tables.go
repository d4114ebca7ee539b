package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/rows"
)

// Concat returns the rows of f and then those of the others, in that order. All
// have columns of the same names, in any order; where types differ a column has
// the common type of all: of uint64 and int64 it is decimal(20, 0), which has the values of both.
func (f *Frame) Concat(others ...*Frame) *Frame {
	all, failed := together("Concat", f, others)
	if failed != nil {
		return failed
	}
	return stacked("Concat", all)
}

// stacked puts like tables one after the other.
func stacked(verb string, all []*Frame) *Frame {
	if len(all) == 1 {
		return all[0]
	}
	for _, x := range all {
		if x.Err() != nil {
			return x.failed()
		}
	}
	return add(verb, calls(rows.Concat, rows.ConcatParams{Cols: all[0].n.out.Schema.Names()}), all...)
}

// together gives frames the columns of the first, in its order, in the common
// types of all; or a frame with the error.
func together(verb string, f *Frame, others []*Frame) ([]*Frame, *Frame) {
	all := append([]*Frame{f}, others...)
	for _, x := range all {
		if x.Err() != nil {
			return nil, x.failed()
		}
	}
	types := map[string]dtype.Type{}
	for _, c := range f.n.out.Schema {
		types[c.Name] = c.Type
	}
	for i, x := range others {
		s := x.n.out.Schema
		for _, c := range s {
			t, ok := types[c.Name]
			if !ok {
				return nil, fail(verb, fmt.Errorf("table %d has a column %q that the first has not: select the columns both have, or add it to the first", i+2, c.Name))
			}
			common, err := dtype.Common(t, c.Type)
			if err != nil {
				return nil, fail(verb, fmt.Errorf("column %q is %s in table %d and %s in those before: cast one of them", c.Name, c.Type, i+2, t))
			}
			types[c.Name] = common
		}
		if len(s) < len(types) {
			for _, c := range f.n.out.Schema {
				if s.Index(c.Name) < 0 {
					return nil, fail(verb, fmt.Errorf("table %d has no column %q, which the first has: select the columns both have, or add it as null", i+2, c.Name))
				}
			}
		}
	}
	for i, x := range all {
		p := rows.ProjectParams{}
		same := true
		for k, c := range f.n.out.Schema {
			e := expr.Col(c.Name)
			at := x.n.out.Schema.Index(c.Name)
			if x.n.out.Schema[at].Type != types[c.Name] {
				e = e.Cast(types[c.Name]).As(c.Name)
				same = false
			}
			same = same && at == k
			p.Exprs = append(p.Exprs, e)
		}
		if !same {
			if all[i] = add(verb, calls(rows.Project, p), x); all[i].err != nil {
				return nil, all[i]
			}
		}
	}
	return all, nil
}

// Union returns the different rows of f and the others, each once: a set. Columns
// are matched as by Concat, which keeps duplicates. Null equals null and NaN
// equals NaN. The order of the rows is unspecified.
func (f *Frame) Union(others ...*Frame) *Frame {
	all, failed := together("Union", f, others)
	if failed != nil {
		return failed
	}
	return stacked("Union", all).Distinct()
}

// Intersect returns the different rows that are in f and in other, each once.
// Columns are matched as by Concat. Null equals null and NaN equals NaN. The
// order of the rows is unspecified.
func (f *Frame) Intersect(other *Frame) *Frame {
	return f.sides("Intersect", other, expr.Col(someRight))
}

// Except returns the different rows of f that are not in other, each once.
// Columns are matched as by Concat. Null equals null and NaN equals NaN. The
// order of the rows is unspecified.
func (f *Frame) Except(other *Frame) *Frame {
	return f.sides("Except", other, expr.Col(someRight).Not())
}

// Columns that tell of which side a row is, and of which sides its equals are.
const (
	isRight   = "\x00is right"
	someRight = "\x00some right"
	allRight  = "\x00all right"
)

// sides returns the different rows of f for which a condition on someRight holds.
func (f *Frame) sides(verb string, other *Frame, cond expr.Expr) *Frame {
	all, failed := together(verb, f, []*Frame{other})
	if failed != nil {
		return failed
	}
	names := all[0].n.out.Schema.Names()
	for _, own := range []string{isRight, someRight, allRight} {
		if slices.Contains(names, own) {
			return fail(verb, errors.New("a column has a name that is reserved"))
		}
	}
	for i, x := range all {
		all[i] = x.WithColumns(expr.Lit(i == 1).As(isRight))
	}
	keys := anys(names)
	return stacked(verb, all).GroupBy(keys...).
		Agg(Any(isRight).As(someRight), All(isRight).As(allRight)).
		Filter(cond, expr.Col(allRight).Not()).Select(keys...)
}
