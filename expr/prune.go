package expr

import (
	"math"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/kernel"
)

// Stats gives what is known of a column in a partition: bounds of its values that
// are neither null nor NaN, and whether there are nulls. Bounds that are null
// mean that every value is null (or NaN). known is false when there are no
// statistics.
type Stats func(col string) (min, max Literal, hasNull, known bool)

// MayBeTrue reports whether the predicate e can be true for some row of a
// partition with these statistics. False is certain: the partition need not be
// read. Bounds may be wider than the values.
func MayBeTrue(e Expr, stats Stats) bool {
	if e.None() {
		return true
	}
	return truth(e.N, stats).t
}

// An outcome is the set of results that a predicate can have.
type outcome struct{ t, f, n bool }

var anything = outcome{true, true, true}

// A span is what is known of the values of an expression. With empty set there
// are none but nulls (and NaN).
type span struct {
	min, max    Literal
	null, known bool
	empty       bool
}

func truth(n Node, stats Stats) outcome {
	switch n := n.(type) {
	case Literal:
		if n.Null {
			return outcome{n: true}
		}
		return outcome{t: n.I != 0, f: n.I == 0}
	case Column:
		s := spanOf(n, stats)
		switch {
		case !s.known || s.empty || s.min.Type != tBool || s.max.Type != tBool:
			return outcome{!s.empty, !s.empty, true}
		}
		return outcome{s.max.I != 0, s.min.I == 0, s.null}
	case Member:
		return truthMember(n, stats)
	case Func:
		return truthFunc(n, stats)
	}
	return anything
}

func truthFunc(n Func, stats Stats) outcome {
	if f := lookup(n.Fn); f == nil || len(n.Args) < len(f.Params) {
		return anything
	}
	switch n.Fn {
	case "and", "or":
		return truthJunction(n, stats)
	case "not":
		o := truth(n.Args[0], stats)
		return outcome{o.f, o.t, o.n}
	case "is_null", "is_not_null":
		s := spanOf(n.Args[0], stats)
		if !s.known {
			return outcome{t: true, f: true}
		}
		// Without values there is at least no NaN if the type has none.
		o := outcome{t: s.null || s.empty, f: !s.empty || s.min.Type.Kind == dtype.Null || s.isFloat()}
		if n.Fn == "is_not_null" {
			o.t, o.f = o.f, o.t
		}
		return o
	case "str.starts_with":
		return truthPrefix(n, stats)
	}
	if op, ok := cmpOps[n.Fn]; ok && len(n.Args) == 2 {
		return truthCmp(op, spanOf(n.Args[0], stats), spanOf(n.Args[1], stats))
	}
	return anything
}

// truthJunction joins outcomes as if they were independent, which is wide enough.
func truthJunction(n Func, stats Stats) outcome {
	o := outcome{t: n.Fn == "and", f: n.Fn == "or"}
	for _, a := range n.Args {
		x := truth(a, stats)
		if n.Fn == "and" {
			o = outcome{o.t && x.t, o.f || x.f, (o.t || o.n) && x.n || o.n && (x.t || x.n)}
		} else {
			o = outcome{o.t || x.t, o.f && x.f, (o.f || o.n) && x.n || o.n && (x.f || x.n)}
		}
	}
	return o
}

// truthCmp compares spans. NaN, which bounds leave out, makes every comparison
// of floats false except !=.
func truthCmp(op kernel.CmpOp, x, y span) outcome {
	if !x.known || !y.known {
		return anything
	}
	o := outcome{n: x.null || y.null || x.empty || y.empty}
	nan := x.isFloat() || y.isFloat()
	if !x.empty && !y.empty {
		lo, ok1 := orderOf(x.min, y.max) // the least order that occurs …
		hi, ok2 := orderOf(x.max, y.min) // … and the greatest
		if !ok1 || !ok2 {
			return anything
		}
		for order := lo; order <= hi; order++ {
			if holds(op, order) {
				o.t = true
			} else {
				o.f = true
			}
		}
	}
	if nan {
		ne := op == kernel.Ne
		o.t, o.f = o.t || ne, o.f || !ne
	}
	return o
}

func (s span) isFloat() bool { return s.min.Type.Kind.IsFloat() || s.max.Type.Kind.IsFloat() }

// orderOf compares two constants as the evaluator would; false if it cannot say.
func orderOf(a, b Literal) (int, bool) {
	t, err := cmpType(operand{T: a.Type, Lit: &a}, operand{T: b.Type, Lit: &b})
	if err != nil {
		return 0, false
	}
	x, err1 := castLit(a, t)
	y, err2 := castLit(b, t)
	if err1 != nil || err2 != nil || x.F != x.F || y.F != y.F {
		return 0, false
	}
	switch k := t.Kind; {
	case k.IsVar():
		return strings.Compare(x.S, y.S), true
	case k.IsFloat():
		return sign(x.F < y.F, x.F > y.F), true
	case k == dtype.Uint64:
		return sign(uint64(x.I) < uint64(y.I), uint64(x.I) > uint64(y.I)), true
	case k == dtype.Decimal128:
		return decimalOfLit(x).cmp(decimalOfLit(y)), true
	}
	return sign(x.I < y.I, x.I > y.I), true
}

func sign(less, greater bool) int {
	switch {
	case less:
		return -1
	case greater:
		return 1
	}
	return 0
}

func truthMember(m Member, stats Stats) outcome {
	x := spanOf(m.X, stats)
	if !x.known {
		return anything
	}
	o := outcome{f: true, n: x.null || x.empty}
	for _, l := range m.In {
		if !l.Null {
			o.t = o.t || truthCmp(kernel.Eq, x, literalSpan(l)).t
		}
	}
	return o
}

// truthPrefix compares the beginnings of the bounds.
func truthPrefix(n Func, stats Stats) outcome {
	x := spanOf(n.Args[0], stats)
	p, ok := n.Args[1].(Literal)
	if !x.known || x.empty || !ok || p.Null || x.min.Type != tText || x.max.Type != tText {
		return anything
	}
	cut := func(s string) string { return s[:min(len(s), len(p.S))] }
	return outcome{t: cut(x.min.S) <= p.S && cut(x.max.S) >= p.S, f: true, n: x.null}
}

func literalSpan(l Literal) span {
	return span{min: l, max: l, null: l.Null, empty: l.Null || l.F != l.F, known: true}
}

// rising names the functions that never fall when their first argument grows and
// the others are constant.
var rising = map[string]bool{"date.year": true, "date.date": true, "date.truncate": true, "date.epoch": true, "floor": true, "ceil": true, "sign": true}

// spanOf bounds the values of n.
func spanOf(n Node, stats Stats) span {
	switch n := n.(type) {
	case Literal:
		return literalSpan(n)
	case Column:
		lo, hi, null, known := stats(n.Name)
		s := span{min: lo, max: hi, null: null, known: known}
		if s.empty = lo.Null && hi.Null; !s.empty && (lo.Null || hi.Null) {
			s.known = false
		}
		if lo.F != lo.F || hi.F != hi.F { // a writer that let NaN into its bounds
			s.known = false
		}
		return s
	case Func:
		if !rising[n.Fn] || len(n.Args) != len(lookup(n.Fn).Params) {
			return span{}
		}
		return through(n.Args[0], stats, func(l Literal) Node { return Func{n.Fn, append([]Node{l}, n.Args[1:]...)} })
	case Cast:
		if !n.To.Kind.IsNumeric() && !isTime(n.To.Kind) {
			return span{}
		}
		return through(n.X, stats, func(l Literal) Node {
			if !l.Type.Kind.IsNumeric() && !isTime(l.Type.Kind) {
				return nil
			}
			return Cast{l, n.To, true}
		}).orNull(!n.Strict)
	}
	return span{}
}

// orNull adds the possibility of null.
func (s span) orNull(null bool) span { s.null = s.null || null; return s }

// through maps the bounds of x by a rising function.
func through(x Node, stats Stats, f func(Literal) Node) span {
	s := spanOf(x, stats)
	if !s.known || s.empty {
		return span{}
	}
	if z := s.min.Type.Zone; z != "" && z != "UTC" { // the wall clock of a zone can go back a day
		return span{}
	}
	if s.isFloat() && (math.IsInf(s.min.F, 0) || math.IsInf(s.max.F, 0)) {
		return span{}
	}
	var ok1, ok2 bool
	if lo, hi := f(s.min), f(s.max); lo != nil && hi != nil {
		s.min, ok1 = constantOf(lo)
		s.max, ok2 = constantOf(hi)
	}
	if !ok1 || !ok2 || s.min.Null || s.max.Null {
		return span{}
	}
	return s
}
