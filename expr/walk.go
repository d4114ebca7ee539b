package expr

import (
	"slices"
)

// walk visits n and everything below it in preorder; f returns false to skip what
// is below.
func walk(n Node, f func(Node) bool) {
	if n == nil || !f(n) {
		return
	}
	for _, k := range kids(n) {
		walk(k, f)
	}
}

// kids returns the nodes directly below n, in order of evaluation.
func kids(n Node) []Node {
	switch n := n.(type) {
	case Func:
		return n.Args
	case Cast:
		return []Node{n.X}
	case Member:
		return []Node{n.X}
	case When:
		ks := make([]Node, 0, 2*len(n.If)+1)
		for i := range min(len(n.If), len(n.Then)) {
			ks = append(ks, n.If[i], n.Then[i])
		}
		if n.Else != nil {
			ks = append(ks, n.Else)
		}
		return ks
	}
	return nil
}

// rewrite rebuilds n bottom-up: f gets every node with its new children.
func rewrite(n Node, f func(Node) Node) Node {
	all := func(ns []Node) []Node {
		out := make([]Node, len(ns))
		for i, k := range ns {
			out[i] = rewrite(k, f)
		}
		return out
	}
	switch x := n.(type) {
	case nil:
		return nil
	case Func:
		x.Args = all(x.Args)
		n = x
	case Cast:
		x.X = rewrite(x.X, f)
		n = x
	case Member:
		x.X = rewrite(x.X, f)
		n = x
	case When:
		x.If, x.Then, x.Else = all(x.If), all(x.Then), rewrite(x.Else, f)
		n = x
	}
	return f(n)
}

// Nodes counts the nodes of e.
func Nodes(e Expr) (n int) {
	walk(e.N, func(Node) bool {
		n++
		return true
	})
	return n
}

// Columns returns the names of the columns that e reads, each once, in order of
// first use.
func Columns(e Expr) []string {
	var out []string
	walk(e.N, func(n Node) bool {
		if c, ok := n.(Column); ok && !slices.Contains(out, c.Name) {
			out = append(out, c.Name)
		}
		return true
	})
	return out
}

// Conjuncts returns the predicates whose conjunction is e, in order; none for no
// expression.
func Conjuncts(e Expr) []Expr {
	if e.None() {
		return nil
	}
	if f, ok := e.N.(Func); ok && f.Fn == "and" {
		var out []Expr
		for _, a := range f.Args {
			out = append(out, Conjuncts(Expr{N: a})...)
		}
		return out
	}
	return []Expr{{N: e.N}}
}

// AndAll is the conjunction of es; none of none.
func AndAll(es []Expr) Expr {
	var ns []Node
	for _, e := range es {
		for _, c := range Conjuncts(e) {
			ns = append(ns, c.N)
		}
	}
	switch len(ns) {
	case 0:
		return Expr{}
	case 1:
		return Expr{N: ns[0]}
	}
	return Expr{N: Func{"and", ns}}
}

// Substitute replaces columns by the nodes given for their names; the name of e
// stays.
func Substitute(e Expr, by map[string]Node) Expr {
	e.N = rewrite(e.N, func(n Node) Node {
		if c, ok := n.(Column); ok {
			if r, ok := by[c.Name]; ok {
				return r
			}
		}
		return n
	})
	return e
}

// Rename replaces column names; columns that are not in names stay.
func Rename(e Expr, names map[string]string) Expr {
	by := make(map[string]Node, len(names))
	for old, new := range names {
		by[old] = Column{new}
	}
	return Substitute(e, by)
}

// Deterministic reports whether e gives equal results for equal rows. Every
// function of this package does; a function that did not would say so in the
// registry, and rules that move or repeat expressions ask here.
func Deterministic(e Expr) bool {
	ok := true
	walk(e.N, func(n Node) bool {
		if f, is := n.(Func); is {
			if fn := lookup(f.Fn); fn == nil || fn.Volatile {
				ok = false
			}
		}
		return ok
	})
	return ok
}
