package expr

import "github.com/weft-data/weft/dtype"

// CanError reports whether e may fail on some row whatever the types of its
// columns: a predicate for which it is false may be evaluated on rows that other
// operators would have removed. CanErrorIn knows the types and is more precise.
func CanError(e Expr) bool {
	_, can := canError(e.N, nil, 0)
	return can
}

// CanErrorIn is CanError for the columns of s: integer overflow, strict casts and
// the like, see Function.Errors. An expression that does not type can fail.
func CanErrorIn(e Expr, s dtype.Schema) bool {
	_, can := canError(e.N, s, 0)
	return can
}

// canError types n as far as it can: the zero Type stands for an unknown one.
func canError(n Node, s dtype.Schema, depth int) (operand, bool) {
	if depth >= MaxDepth {
		return operand{}, true
	}
	switch n := n.(type) {
	case Column:
		if i := s.Index(n.Name); i >= 0 {
			return operand{T: s[i].Type, Null: s[i].Nullable}, false
		}
		return operand{Null: true}, s != nil
	case Literal:
		o, err := inferLit(n)
		return o, err != nil
	case nil, Bad:
		return operand{}, true
	}
	in := make([]operand, 0, 4)
	known, fails := true, false
	for _, k := range kids(n) {
		o, f := canError(k, s, depth+1)
		in, fails = append(in, o), fails || f
		known = known && o.T.Kind != dtype.Invalid
	}
	if !known {
		t, f := canErrorUntyped(n)
		return operand{T: t, Null: true}, fails || f
	}
	t, err := typeOf(n, in)
	if err != nil {
		return operand{}, true
	}
	switch n := n.(type) {
	case Func:
		f := lookup(n.Fn)
		fails = fails || f.fails != nil && f.fails(t)
	case Cast:
		fails = fails || n.Strict && castFails(in[0].T, n.To)
	}
	if o := t.result(n); o.Lit != nil { // computed without failing
		return o, false
	}
	for i, a := range in { // conversions of arguments are strict casts
		if a.T != t.In[i] && t.In[i].Kind != dtype.Null && castFails(a.T, t.In[i]) {
			fails = fails || a.Lit == nil || !converts(*a.Lit, t.In[i])
		}
	}
	return operand{T: t.Out, Null: t.Null}, fails
}

// converts reports whether a constant is one of type t, too.
func converts(l Literal, t dtype.Type) bool {
	_, err := castLit(l, t)
	return err == nil
}

// canErrorUntyped judges a node whose arguments have unknown types, and returns
// its type if that is known anyway.
func canErrorUntyped(n Node) (dtype.Type, bool) {
	switch n := n.(type) {
	case Cast:
		return n.To, n.Strict
	case Member:
		return tBool, false
	case Func:
		f := lookup(n.Fn)
		if f == nil {
			return dtype.Type{}, true
		}
		var t dtype.Type
		switch f.Result {
		case "bool":
			t = tBool
		case "int64":
			t = tInt64
		case "float64":
			t = tFloat64
		case "utf8":
			t = tText
		}
		return t, f.fails != nil
	}
	return dtype.Type{}, false
}
