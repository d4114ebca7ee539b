package frame

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
	"github.com/weft-data/weft/op/join"
	"github.com/weft-data/weft/op/rows"
)

// Right is a Left join of all right rows: nulls on the left.
const Right JoinKind = 64

// A joinSide is one side of a right join, with column names that cannot
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

func (s *joinSide) name(i int) string { return hidden(s.prefix + "." + s.schema[i].Name) }

// on returns the inner names of the keys.
func (s *joinSide) on() (out []string) {
	for _, k := range s.keys {
		out = append(out, s.name(s.schema.Index(k)))
	}
	return out
}

// rightJoin is a right join. Of a key that both sides call by one name the output has one
// column, that of the right side, whose rows are all there.
func (f *Frame) rightJoin(right *Frame, l, r []string, o JoinOn) *Frame {
	if o.Suffix == "" {
		o.Suffix = "_right"
	}
	a, b := newJoinSide(f, l, "left"), newJoinSide(right, r, "right")
	if a.f.Err() != nil || b.f.Err() != nil {
		return &Frame{err: errors.Join(a.f.Err(), b.f.Err())}
	}
	p, names := rows.ProjectParams{}, map[string]bool{}
	for i, c := range a.schema {
		x := expr.Col(a.name(i))
		if at := slices.Index(l, c.Name); at >= 0 && r[at] == c.Name {
			x = expr.Col(b.on()[at])
		}
		p.Exprs = append(p.Exprs, x.As(c.Name))
		names[c.Name] = true
	}
	for i, c := range b.schema {
		if at := slices.Index(r, c.Name); at >= 0 && l[at] == c.Name {
			continue
		}
		if a.schema.Index(c.Name) >= 0 {
			c.Name += o.Suffix
		}
		if names[c.Name] {
			return fail("Join", fmt.Errorf("join: output: two columns are called %q; choose another suffix than %q", c.Name, o.Suffix))
		}
		p.Exprs = append(p.Exprs, expr.Col(b.name(i)).As(c.Name))
		names[c.Name] = true
	}
	turned := add("Join", calls(join.Hash, join.Params{Left: b.on(), Right: a.on(), Kind: join.Left}), b.f, a.f)
	return add("Join", calls(rows.Project, p), turned)
}

// compared is a join, not a right or full one, on keys whose types differ. Columns that
// come and go are cast, lest those of the user lose what the common type has no room for.
func (f *Frame) compared(right *Frame, l, r []string, o JoinOn) *Frame {
	a, b := f, right
	var made []string
	shared := map[string]bool{}
	for i := range l {
		name := hidden(l[i], made, f.n.out.Schema.Names(), right.n.out.Schema.Names())
		a, b = a.WithColumns(expr.Col(l[i]).As(name)), b.WithColumns(expr.Col(r[i]).As(name))
		made = append(made, name)
		if l[i] == r[i] {
			shared[r[i]] = true
		}
	}
	a, b, err := a.alike(b.Drop(slices.Collect(maps.Keys(shared))...), made, made, dtype.Common)
	if err != nil {
		return fail("Join", err)
	}
	return add("Join", calls(join.Hash, join.Params{Left: made, Right: made, Kind: o.Kind, Suffix: o.Suffix}), a, b).Drop(made...)
}

// joinEqual makes columns of the expressions that must be equal.
func (f *Frame) joinEqual(right *Frame, o JoinOn) *Frame {
	a, b := f, right
	var made []string
	for _, p := range o.Equal {
		x, y := column(p.Left), column(p.Right)
		l, plain := x.N.(expr.Column)
		r, same := y.N.(expr.Column)
		if !plain || !same {
			l.Name = hidden(x.String()+" = "+y.String(), made, f.n.out.Schema.Names(), right.n.out.Schema.Names())
			r.Name = l.Name
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
	if kind == Right || kind == Full { // the keys of all parts have one type
		var err error
		l, r := o.keys()
		if a, b, err = f.alike(right, l, r, dtype.Common); err != nil {
			return fail("Join", err)
		}
	}
	if kind != Inner && kind != Right {
		a = a.WithRowIndex(leftRow)
	}
	if kind == Right || kind == Full {
		b = b.WithRowIndex(rightRow)
	}
	pairs := a.within(b, where, o)
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
	return stacked("Join", parts).Drop(made...)
}

// rightValue gives the columns of an inner join for a right row alone.
func rightValue(left, right dtype.Schema, o JoinOn) func(dtype.Field) expr.Expr {
	names := map[string]string{} // in the output, of right columns
	l, r := o.keys()
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
func (f *Frame) Cross(other *Frame) *Frame { return f.cross(other, "", nil) }

func (f *Frame) cross(other *Frame, suffix string, within []join.Bound) *Frame {
	if other.Err() != nil {
		return other.failed()
	}
	const one, two = "\x00left", "\x00right"
	a, b := f.WithColumns(expr.Lit(int64(0)).As(one)), other.WithColumns(expr.Lit(int64(0)).As(two))
	p := join.Params{Left: []string{one}, Right: []string{two}, Suffix: suffix, Within: within}
	return add("Join", calls(join.Hash, p), a, b).Drop(one, two)
}

// within is the inner join o, or all pairs where o has no keys; but it may leave out
// pairs that do not meet the condition. It looks for comparisons of an expression of
// the left side with one of the right side.
func (f *Frame) within(right *Frame, where expr.Expr, o JoinOn) *Frame {
	a, b := f, right
	l, r := o.keys()
	var made []string
	left, other := sides(f.n.out.Schema, right.n.out.Schema, o)
	for _, c := range expr.Conjuncts(where) {
		fn, ok := c.N.(expr.Func)
		as, known := comparisons[fn.Fn]
		if !ok || !known || len(o.within) == join.Bounds {
			continue
		}
		x, y := expr.Expr{N: fn.Args[0]}, expr.Expr{N: fn.Args[1]}
		if !reads(x, left) || !reads(y, other) {
			if x, y, as = y, x, as.Turned(); !reads(x, left) || !reads(y, other) {
				continue
			}
		}
		y = expr.Rename(y, other)
		s, err := expr.Infer(x, f.n.out.Schema)
		t, wrong := expr.Infer(y, right.n.out.Schema)
		if err != nil || wrong != nil || s.Type != t.Type || !join.Bounded(s.Type) {
			continue // the filter says what is wrong
		}
		// Keys may be cast to a type that both sides have, so they are no bounds themselves.
		named := func(e expr.Expr, keys []string) (string, bool) {
			c, plain := e.N.(expr.Column)
			if plain && !slices.Contains(keys, c.Name) {
				return c.Name, false
			}
			made = append(made, hidden(e.String(), made, f.n.out.Schema.Names(), right.n.out.Schema.Names()))
			return made[len(made)-1], true
		}
		bound := join.Bound{Op: as}
		if bound.Left, ok = named(x, l); ok {
			a = a.WithColumns(x.As(bound.Left))
		}
		if bound.Right, ok = named(y, r); ok {
			b = b.WithColumns(y.As(bound.Right))
		}
		o.within = append(o.within, bound)
	}
	var pairs *Frame
	if len(l)+len(r) == 0 {
		pairs = a.cross(b, o.Suffix, o.within)
	} else {
		pairs = a.JoinOn(b, o)
	}
	if len(made) > 0 {
		return pairs.Drop(made...)
	}
	return pairs
}

var comparisons = map[string]join.Comparison{"lt": join.Less, "le": join.LessOrEqual, "gt": join.Greater, "ge": join.GreaterOrEqual}

// sides maps the names of columns of all pairs of rows of the join o to those of the
// left side and of the right side. A right key that has the name of its partner is none.
func sides(left, right dtype.Schema, o JoinOn) (l, r map[string]string) {
	l, r = map[string]string{}, map[string]string{}
	if o.Suffix == "" {
		o.Suffix = "_right"
	}
	for _, c := range left {
		l[c.Name] = c.Name
	}
	lk, rk := o.keys()
	for _, c := range right {
		name := c.Name
		if at := slices.Index(rk, name); at >= 0 && at < len(lk) && lk[at] == name {
			continue
		}
		if _, ok := l[name]; ok {
			name += o.Suffix
		}
		r[name] = c.Name
	}
	return l, r
}

// reads tells whether x reads columns, and only such as are named.
func reads(x expr.Expr, names map[string]string) bool {
	cols := expr.Columns(x)
	for _, c := range cols {
		if _, ok := names[c]; !ok {
			return false
		}
	}
	return len(cols) > 0
}
