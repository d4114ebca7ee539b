// Package expr is column expressions as data: what Filter, WithColumns and
// aggregates compute. An expression is built with methods (Col("x").Gt(3)),
// typed against a schema, compiled to a program, and evaluated over morsels.
package expr

import (
	"github.com/weft-data/weft/dtype"
)

// An Expr is an expression with the name its result gets. The zero Expr means
// "none". Expr is plain data: it has canonical bytes and a text form.
type Expr struct {
	N    Node
	Name string // set by As; otherwise see OutName
}

// A Node is one node of an expression tree: Column, Literal, Func, Cast, When or
// Member.
type Node interface{ node() }

// A Column reads a column by name.
type Column struct{ Name string }

// A Literal is a constant. Bools are 0 or 1 in I, dates days, timestamps units;
// unsigned integers keep their bits in I; decimals are not literals.
type Literal struct {
	Type dtype.Type
	Null bool
	I    int64
	F    float64
	S    string
}

// A Func applies a function of the registry, operators included ("add", "eq",
// "and", "is_null", "str.upper", "date.year"), to its arguments.
type Func struct {
	Fn   string
	Args []Node
}

// A Cast converts to a type. Strict fails on the first value that does not
// convert, with the value; otherwise such values become null.
type Cast struct {
	X      Node
	To     dtype.Type
	Strict bool
}

// A When chooses: the Then of the first If that is true (null counts as false),
// else Else (nil means null).
type When struct {
	If, Then []Node
	Else     Node
}

// A Member is true when X equals one of the literals; null when X is null.
type Member struct {
	X  Node
	In []Literal
}

func (Column) node()  {}
func (Literal) node() {}
func (Func) node()    {}
func (Cast) node()    {}
func (When) node()    {}
func (Member) node()  {}

// None reports whether e is no expression.
func (e Expr) None() bool { return e.N == nil }
