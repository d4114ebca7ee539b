package expr

import (
	"slices"

	"github.com/weft-data/weft/dtype"
)

// Facts are what is known of the values of a column, to estimate with: none of it is
// certain. The zero Facts say nothing.
type Facts struct {
	Min, Max Literal // of values that are neither null nor NaN; without a type when not known
	Distinct float64 // different values; 0 when not known
	Nulls    float64 // share of the rows that are null
}

// Shares of rows that pass a test of which nothing is known. They are those of
// Selinger et al. (1979), but for patterns, which people write to find few rows.
const (
	equalShare   = 0.1
	rangeShare   = 1.0 / 3
	patternShare = 0.1
)

// Selectivity estimates the share of rows for which a predicate is true, from 0 to 1.
// Tests of different columns are taken to be independent, and numbers and dates to be
// spread evenly between their bounds.
func Selectivity(e Expr, facts func(col string) Facts) float64 {
	if e.None() {
		return 1
	}
	s := selecting{facts}
	return s.share(e.N)
}

type selecting struct{ facts func(string) Facts }

func (s selecting) share(n Node) float64 {
	switch n := n.(type) {
	case Literal:
		if !n.Null && n.I != 0 {
			return 1
		}
		return 0
	case Column:
		return 0.5
	case Member:
		return min(1, float64(len(n.In))*s.equal(n.X))
	case Func:
		return s.function(n)
	}
	return rangeShare
}

func (s selecting) function(n Func) float64 {
	switch n.Fn {
	case "and":
		return s.all(n.Args)
	case "or":
		none := 1.0
		for _, a := range n.Args {
			none *= 1 - s.share(a)
		}
		return 1 - none
	case "not":
		return 1 - s.share(n.Args[0])
	case "is_null", "is_not_null":
		nulls := s.nulls(n.Args[0])
		if n.Fn == "is_not_null" {
			return 1 - nulls
		}
		return nulls
	case "eq":
		return s.pair(n)
	case "ne":
		return 1 - s.pair(n)
	case "lt", "le", "gt", "ge":
		lo, hi, ok := s.part(n)
		if !ok {
			return rangeShare
		}
		return hi - lo
	case "str.like", "str.ilike", "str.contains", "str.starts_with", "str.ends_with", "str.match":
		return patternShare
	}
	return rangeShare
}

// all is the share that passes several tests. Bounds on one column are one test: what
// lies between both.
func (s selecting) all(args []Node) float64 {
	type span struct {
		col    string
		lo, hi float64
	}
	share := 1.0
	var spans []span // in the order of the tests, so that the same ones give the same bits
	for _, a := range args {
		f, ok := a.(Func)
		if ok && mirrored[f.Fn] != "" {
			if lo, hi, ok := s.part(f); ok {
				name := columnOf(f)
				at := slices.IndexFunc(spans, func(x span) bool { return x.col == name })
				if at < 0 {
					at = len(spans)
					spans = append(spans, span{name, 0, 1})
				}
				spans[at].lo, spans[at].hi = max(spans[at].lo, lo), min(spans[at].hi, hi)
				continue
			}
		}
		share *= s.share(a)
	}
	for _, x := range spans {
		share *= max(0, x.hi-x.lo)
	}
	return share
}

// columnOf is the column that a comparison with a constant tests.
func columnOf(f Func) string {
	for _, a := range f.Args {
		if c, ok := a.(Column); ok {
			return c.Name
		}
	}
	return ""
}

// pair is the share of rows in which two values are equal.
func (s selecting) pair(f Func) float64 {
	a, b := f.Args[0], f.Args[1]
	if _, ok := a.(Literal); ok {
		a, b = b, a
	}
	l, ok := b.(Literal)
	if !ok {
		return min(s.equal(a), s.equal(b))
	}
	if c, ok := a.(Column); ok {
		if at, ok := position(s.facts(c.Name), l); ok && (at < 0 || at > 1) {
			return 0
		}
	}
	return s.equal(a)
}

// equal is the share of rows with one certain value.
func (s selecting) equal(n Node) float64 {
	if c, ok := n.(Column); ok {
		if f := s.facts(c.Name); f.Distinct > 0 {
			return (1 - f.Nulls) / max(1, f.Distinct)
		}
	}
	return equalShare
}

func (s selecting) nulls(n Node) float64 {
	if c, ok := n.(Column); ok {
		return s.facts(c.Name).Nulls
	}
	return 0
}

// part is which part of a column's values passes a comparison with a constant, from 0
// for the least to 1 for the greatest.
func (s selecting) part(f Func) (lo, hi float64, ok bool) {
	fn := f.Fn
	c, isCol := f.Args[0].(Column)
	l, isLit := f.Args[1].(Literal)
	if !isCol {
		c, isCol = f.Args[1].(Column)
		l, isLit = f.Args[0].(Literal)
		fn = mirrored[fn]
	}
	if !isCol || !isLit {
		return 0, 0, false
	}
	at, ok := position(s.facts(c.Name), l)
	if !ok {
		return 0, 0, false
	}
	at = min(max(at, 0), 1)
	if fn == "lt" || fn == "le" {
		return 0, at, true
	}
	return at, 1, true
}

var mirrored = map[string]string{"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

// position is where a constant lies between the bounds of a column, 0 at the least
// value and 1 at the greatest; false without numbers or dates.
func position(f Facts, l Literal) (float64, bool) {
	lo, ok1 := scalar(f.Min)
	hi, ok2 := scalar(f.Max)
	x, ok3 := scalar(l)
	if !ok1 || !ok2 || !ok3 || hi < lo || isTime(f.Min.Type.Kind) && f.Min.Type != l.Type {
		return 0, false
	}
	if hi == lo {
		switch {
		case x < lo:
			return -1, true
		case x > lo:
			return 2, true
		}
		return 0.5, true
	}
	return (x - lo) / (hi - lo), true
}

// scalar is a constant as a number.
func scalar(l Literal) (float64, bool) {
	switch k := l.Type.Kind; {
	case l.Null || k == dtype.Null:
		return 0, false
	case k.IsFloat():
		return l.F, l.F == l.F
	case k == dtype.Uint64:
		return float64(uint64(l.I)), true
	case k.IsNumeric() || isTime(k) || k == dtype.Bool:
		return float64(l.I), true
	}
	return 0, false
}

// Widen is f for values that lie between lo and hi too.
func (f Facts) Widen(lo, hi Literal) Facts {
	if f.Min.Type.Kind == dtype.Invalid {
		f.Min, f.Max = lo, hi
		return f
	}
	if o, ok := orderOf(lo, f.Min); ok && o < 0 {
		f.Min = lo
	}
	if o, ok := orderOf(hi, f.Max); ok && o > 0 {
		f.Max = hi
	}
	return f
}

// Values estimates how many different values lie between the bounds: whole numbers,
// dates and truth values cannot be more. 0 when it cannot be said.
func (f Facts) Values() float64 {
	k := f.Min.Type.Kind
	if k.IsFloat() || k == dtype.Timestamp || k == dtype.Duration {
		return 0
	}
	lo, ok1 := scalar(f.Min)
	hi, ok2 := scalar(f.Max)
	if !ok1 || !ok2 || hi < lo {
		return 0
	}
	return hi - lo + 1
}
