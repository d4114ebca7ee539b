package expr

import "reflect"

// Simplify returns an expression with equal results that is cheaper: constant
// parts computed, true and false taken out of and and or, repeated conjuncts
// dropped, double negations resolved, constants on the right of comparisons. It
// needs no schema, keeps the type, and never makes an expression fail that did
// not.
func Simplify(e Expr) Expr {
	name := e.OutName()
	n := rewrite(e.N, simplify)
	if e.N != nil && (Expr{N: n}).OutName() != name {
		e.Name = name
	}
	e.N = n
	return e
}

var swapped = map[string]string{"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}

func simplify(n Node) Node {
	if l, ok := constantOf(n); ok {
		return l
	}
	f, ok := n.(Func)
	if !ok {
		return n
	}
	switch f.Fn {
	case "and", "or":
		return simplifyJunction(f)
	case "not":
		return simplifyNot(f)
	}
	if to, ok := swapped[f.Fn]; ok && len(f.Args) == 2 {
		_, left := f.Args[0].(Literal)
		if _, right := f.Args[1].(Literal); left && !right {
			return Func{to, []Node{f.Args[1], f.Args[0]}}
		}
	}
	return n
}

// constantOf computes a node over constants; false when there is nothing to
// compute, or when computing fails.
func constantOf(n Node) (Literal, bool) {
	if _, ok := n.(Literal); ok || n == nil {
		return Literal{}, false
	}
	for _, k := range kids(n) {
		if _, ok := k.(Literal); !ok {
			return Literal{}, false
		}
	}
	o, err := infer(n, nil, 0)
	if err != nil || o.Lit == nil {
		return Literal{}, false
	}
	return *o.Lit, true
}

// simplifyJunction flattens and shortens and, or.
func simplifyJunction(f Func) Node {
	var flat []Node
	for _, a := range f.Args {
		if g, ok := a.(Func); ok && g.Fn == f.Fn {
			flat = append(flat, g.Args...)
			continue
		}
		flat = append(flat, a)
	}
	neutral := int64(1)
	if f.Fn == "or" {
		neutral = 0
	}
	var args []Node
	fails := false
	seen := map[string][]Node{} // by their text, so that long lists are not compared one by one
	for _, a := range flat {
		if l, ok := a.(Literal); ok && l.Type == tBool && !l.Null {
			if l.I == neutral {
				continue
			}
			// This decides; what follows is never evaluated, what precedes only matters if it fails.
			if !fails {
				return l
			}
			return Func{f.Fn, append(args, l)}
		}
		if text := (Expr{N: a}).String(); !containsNode(seen[text], a) {
			args, seen[text] = append(args, a), append(seen[text], a)
			fails = fails || CanError(Expr{N: a})
		}
	}
	switch {
	case len(args) == 0:
		return Literal{Type: tBool, I: neutral}
	case len(args) == 1 && isBoolNode(args[0]):
		return args[0]
	case len(args) == 1: // a column may be of the type null: keep the type bool
		args = append(args, Literal{Type: tBool, I: neutral})
	}
	return Func{f.Fn, args}
}

func containsNode(ns []Node, n Node) bool {
	for _, m := range ns {
		if reflect.DeepEqual(m, n) {
			return true
		}
	}
	return false
}

// isBoolNode reports that the result is bool whatever the columns are.
func isBoolNode(n Node) bool {
	t, _ := canError(n, nil, 0)
	return t.T == tBool
}

func simplifyNot(f Func) Node {
	if len(f.Args) != 1 {
		return f
	}
	g, ok := f.Args[0].(Func)
	if !ok {
		return f
	}
	switch {
	case g.Fn == "not" && len(g.Args) == 1 && isBoolNode(g.Args[0]):
		return g.Args[0]
	case g.Fn == "is_null":
		return Func{"is_not_null", g.Args}
	case g.Fn == "is_not_null":
		return Func{"is_null", g.Args}
	case g.Fn == "eq": // of the orders only these two are each other's negation: NaN
		return Func{"ne", g.Args}
	case g.Fn == "ne":
		return Func{"eq", g.Args}
	}
	return f
}
