package frame

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/rows"
)

// The kinds of join that are made of the others.
const (
	Right JoinKind = 64 + iota // as Left, of all right rows: nulls on the left
	Full                       // the rows of both sides without a match too, with nulls on the other
)

// A joinSide is one side of a right or full join, with column names that cannot
// clash with those of the other.
type joinSide struct {
	f      *Frame
	schema dtype.Schema // under the user's names
	keys   []string     // the user's names
	prefix string
}

func newJoinSide(f *Frame, keys []string, prefix string) joinSide {
	s := joinSide{schema: f.n.out.Schema, keys: keys, prefix: prefix}
	p := rows.ProjectParams{}
	for i, c := range s.schema {
		p.Exprs = append(p.Exprs, expr.Col(c.Name).As(s.name(i)))
	}
	s.f = add("Join", calls(rows.Project, p), f)
	return s
}

func (s *joinSide) name(i int) string { return fmt.Sprintf("\x00%s%d", s.prefix, i) }

// on returns the inner names of the keys.
func (s *joinSide) on() (out []string) {
	for _, k := range s.keys {
		out = append(out, s.name(s.schema.Index(k)))
	}
	return out
}

// outer is a right or full join. Of a key that both sides call by one name the
// output has one column, with the value of the side whose row is there.
func (f *Frame) outer(right *Frame, l, r []string, o JoinOn) *Frame {
	if o.Suffix == "" {
		o.Suffix = "_right"
	}
	a, b := newJoinSide(f, l, "l"), newJoinSide(right, r, "r")
	if a.f.err != nil || b.f.err != nil {
		return &Frame{err: errors.Join(a.f.err, b.f.err)}
	}
	// columns gives those of the output; without a left row, or without a right
	// one, there are nulls, and a key is that of the other side.
	columns := func(left, right bool) (p rows.ProjectParams) {
		for i, c := range a.schema {
			x := expr.Col(a.name(i))
			if at := slices.Index(l, c.Name); !left && at >= 0 && r[at] == c.Name {
				x = expr.Col(b.on()[at])
			} else if !left {
				x = expr.Null(c.Type)
			}
			p.Exprs = append(p.Exprs, x.As(c.Name))
		}
		for i, c := range b.schema {
			if at := slices.Index(r, c.Name); at >= 0 && l[at] == c.Name {
				continue
			}
			x := expr.Col(b.name(i))
			if !right {
				x = expr.Null(c.Type)
			}
			if a.schema.Index(c.Name) >= 0 {
				c.Name += o.Suffix
			}
			p.Exprs = append(p.Exprs, x.As(c.Name))
		}
		return p
	}
	hash := func(kind join.Kind, x, y joinSide) *Frame {
		return add("Join", calls(join.Hash, join.Params{Left: x.on(), Right: y.on(), Kind: kind}), x.f, y.f)
	}
	if o.Kind == Right {
		return add("Join", calls(rows.Project, keyOf(columns(true, true), a, b)), hash(join.Left, b, a))
	}
	both := add("Join", calls(rows.Project, columns(true, true)), hash(join.Left, a, b))
	rest := add("Join", calls(rows.Project, columns(false, true)), hash(join.Anti, b, a))
	return stacked("Join", []*Frame{both, rest})
}

// keyOf takes shared keys from the right side, whose rows are all there.
func keyOf(p rows.ProjectParams, a, b joinSide) rows.ProjectParams {
	for i, c := range a.schema {
		if at := slices.Index(a.keys, c.Name); at >= 0 && b.keys[at] == c.Name {
			p.Exprs[i] = expr.Col(b.on()[at]).As(c.Name)
		}
	}
	return p
}

// joinEqual makes columns of the expressions that must be equal.
func (f *Frame) joinEqual(right *Frame, o JoinOn) *Frame {
	a, b := f, right
	var made []string
	for i, p := range o.Equal {
		x, y := column(p.Left), column(p.Right)
		l, plain := x.N.(expr.Column)
		r, same := y.N.(expr.Column)
		if !plain || !same {
			l.Name, r.Name = fmt.Sprintf("\x00equal%d", i), fmt.Sprintf("\x00equal%d", i)
			a, b = a.WithColumns(x.As(l.Name)), b.WithColumns(y.As(r.Name))
			made = append(made, l.Name)
		}
		o.Left, o.Right = append(slices.Clone(o.Left), l.Name), append(slices.Clone(o.Right), r.Name)
	}
	o.Equal = nil
	out := a.JoinOn(b, o)
	if len(made) > 0 {
		return out.Drop(made...)
	}
	return out
}

// Columns that number the rows of the sides of a join.
const (
	leftRow  = "\x00left row"
	rightRow = "\x00right row"
)

// joinWhere is a join with a condition: the pairs of rows that meet it, and, as the
// kind wants, the rows of a side that are in none of these.
func (f *Frame) joinWhere(right *Frame, o JoinOn) *Frame {
	where, kind := o.Where, o.Kind
	o.Where, o.Kind = expr.Expr{}, Inner
	a, b := f, right
	if kind != Inner && kind != Right {
		a = a.WithRowIndex(leftRow)
	}
	if kind == Right || kind == Full {
		b = b.WithRowIndex(rightRow)
	}
	var pairs *Frame
	if len(o.On)+len(o.Left)+len(o.Right) == 0 {
		pairs = a.cross(b, o.Suffix)
	} else {
		pairs = a.JoinOn(b, o)
	}
	if pairs = add("Join", calls(rows.Filter, rows.FilterParams{Pred: where}), pairs); pairs.err != nil || kind == Inner {
		return pairs
	}
	if kind == Semi || kind == Anti {
		return a.Join(pairs.Select(leftRow), kind, leftRow).Drop(leftRow)
	}
	// A row without a partner has nulls in the columns of the other side.
	parts, made := []*Frame{pairs}, []string(nil)
	rest := func(x *Frame, row string, value func(c dtype.Field) expr.Expr) {
		p := rows.ProjectParams{}
		for _, c := range pairs.n.out.Schema {
			p.Exprs = append(p.Exprs, value(c).As(c.Name))
		}
		x = x.Join(pairs.Select(row), Anti, row)
		parts, made = append(parts, add("Join", calls(rows.Project, p), x)), append(made, row)
	}
	if kind == Left || kind == Full {
		rest(a, leftRow, func(c dtype.Field) expr.Expr {
			if a.n.out.Schema.Index(c.Name) >= 0 {
				return expr.Col(c.Name)
			}
			return expr.Null(c.Type)
		})
	}
	if kind == Right || kind == Full {
		rest(b, rightRow, rightValue(a.n.out.Schema, b.n.out.Schema, o))
	}
	for _, x := range parts {
		if x.err != nil {
			return x
		}
	}
	return stacked("Join", parts).Drop(made...)
}

// rightValue gives the columns of an inner join for a right row alone.
func rightValue(left, right dtype.Schema, o JoinOn) func(dtype.Field) expr.Expr {
	names := map[string]string{} // in the output, of right columns
	l, r := append(slices.Clone(o.On), o.Left...), append(slices.Clone(o.On), o.Right...)
	for _, c := range right {
		switch i := slices.Index(r, c.Name); {
		case i >= 0 && l[i] == c.Name || left.Index(c.Name) < 0:
			names[c.Name] = c.Name
		case o.Suffix == "":
			names[c.Name+"_right"] = c.Name
		default:
			names[c.Name+o.Suffix] = c.Name
		}
	}
	return func(c dtype.Field) expr.Expr {
		if name, ok := names[c.Name]; ok {
			return expr.Col(name).Cast(c.Type)
		}
		return expr.Null(c.Type)
	}
}

// Cross returns every pair of a row of f and a row of other: the columns of f and
// then those of other, whose names get the suffix "_right" where f has them. The
// order of the rows is unspecified.
//
// Memory: other is kept as the table of a join, which spills.
func (f *Frame) Cross(other *Frame) *Frame { return f.cross(other, "") }

func (f *Frame) cross(other *Frame, suffix string) *Frame {
	if other.err != nil {
		return other
	}
	const one, two = "\x00left", "\x00right"
	a, b := f.WithColumns(expr.Lit(int64(0)).As(one)), other.WithColumns(expr.Lit(int64(0)).As(two))
	return a.JoinOn(b, JoinOn{Kind: Inner, Left: []string{one}, Right: []string{two}, Suffix: suffix}).Drop(one, two)
}
