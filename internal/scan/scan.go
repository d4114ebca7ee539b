// Package scan has what the readers of all file formats share: which columns and rows are wanted, and their wording.
package scan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/expr"
)

// Pick returns the columns of s at some positions.
func Pick(s dtype.Schema, cols []int32) dtype.Schema {
	out := make(dtype.Schema, len(cols))
	for i, c := range cols {
		out[i] = s[c]
	}
	return out
}

// Project returns those of cols that have one of the names; they keep their order, in which files have them.
func Project(s dtype.Schema, cols []int32, names []string) (out []int32) {
	for _, c := range cols {
		if slices.Contains(names, s[c].Name) {
			out = append(out, c)
		}
	}
	return out
}

// Text words a reader for plans: the first of some files, how many of all columns are read, and the predicate.
func Text(first string, files, cols, all int, where expr.Expr) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q", first)
	if files > 1 {
		fmt.Fprintf(&b, " and %d more", files-1)
	}
	if cols < all {
		fmt.Fprintf(&b, "; %d of %d columns", cols, all)
	}
	if !where.None() {
		fmt.Fprintf(&b, "; where %s", where)
	}
	return b.String()
}

// Take adds a predicate to the one that a reader has; false means that the reader may not take it.
func Take(where, pred expr.Expr) (expr.Expr, bool) {
	if pred.None() || !expr.Deterministic(pred) {
		return where, false
	}
	all := expr.Conjuncts(pred)
	if !where.None() {
		all = append(expr.Conjuncts(where), all...)
	}
	return expr.AndAll(all), true
}

// Compile compiles a predicate over the columns it reads; it must not be none.
func Compile(where expr.Expr, s dtype.Schema) (*expr.Program, error) {
	prog, err := expr.Compile(where, s)
	if err != nil {
		return nil, err
	}
	if k := prog.Field().Type.Kind; k != dtype.Bool && k != dtype.Null {
		return nil, fmt.Errorf("%s is %s, want a predicate", where, prog.Field().Type)
	}
	return prog, nil
}
