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

// Cross returns every pair of a row of f and a row of other: the columns of f and
// then those of other, whose names get the suffix "_right" where f has them. The
// order of the rows is unspecified.
//
// Memory: other is kept as the table of a join, which spills.
func (f *Frame) Cross(other *Frame) *Frame {
	if other.err != nil {
		return other
	}
	const one, two = "\x00left", "\x00right"
	a, b := f.WithColumns(expr.Lit(int64(0)).As(one)), other.WithColumns(expr.Lit(int64(0)).As(two))
	return a.JoinOn(b, JoinOn{Kind: Inner, Left: []string{one}, Right: []string{two}}).Drop(one, two)
}
