// Package expr is column expressions as data: what filters, projections and
// aggregates compute.
//
//	Col("x").Gt(3)          built by methods …          build.go, build_str.go, build_dt.go
//	x > 3                   … or read from text          text.go, parse.go
//	Infer(e, schema)        typed against a schema       infer.go, functions*.go
//	Simplify, Conjuncts …   analysed and rewritten       walk.go, simplify.go, prune.go
//	Compile(e, schema)      made into a program          compile.go
//	state.Eval(batch)       and run over morsels         state.go, eval*.go
//	ration.Take(batch)      … that are long, in portions  ration.go
//
// # Semantics
//
// Nulls are those of SQL: a function of a null is null unless its page says
// otherwise, and/or/xor/not are Kleene's three-valued logic, a filter keeps only
// rows whose predicate is true.
//
// Operands of arithmetic and comparison are brought to one type by
// dtype.Promote. A literal adapts to the other side where no value is lost: an
// integer takes the type of an integer column it is compared with, text that is
// a date or time is read as one, an instant takes the zone of the column.
//
// Integer arithmetic that does not fit its type is an error that names the
// expression and the values; what lies under a null never is. Division of
// integers gives float64 by "/"; "//" and "%" truncate toward zero, as Go and SQL
// do, and give null for a zero divisor. Floats follow IEEE 754 throughout: NaN
// compares unequal to everything, -0 equals 0.
//
// Errors are lazy where SQL's are: a branch of case is only evaluated on the rows
// that take it, later arguments of coalesce only where the earlier are null, and
// in "a and b" an error of b does not matter where a is false (for "or": true).
//
// Times of day, dates and calendar fields of a timestamp with a zone are those of
// the zone's wall clock; without one, of UTC.
package expr

import (
	"reflect"

	"github.com/weft-data/weft/dtype"
	"github.com/weft-data/weft/internal/canon"
)

// An Expr is an expression with the name its result gets. The zero Expr means
// "none". Expr is plain data: it has canonical bytes (package canon) and a text
// form (String, Parse). A mistake made while building is kept inside and reported
// by Err and Infer.
type Expr struct {
	N    Node
	Name string // set by As; otherwise see OutName
}

// A Node is one node of an expression tree: Column, Literal, Func, Cast, When,
// Member or Bad. Nodes are values and are never changed once built.
type Node interface{ node() }

// A Column reads a column by name.
type Column struct{ Name string }

// A Literal is a constant. Bools are 0 or 1 in I, dates days, timestamps units;
// times of day and durations too; unsigned integers keep their bits in I, float32
// its value in F; text and bytes are in S, and decimals, as text with all digits of
// their scale. Lists and structs are not literals, except for null.
type Literal struct {
	Type dtype.Type
	Null bool
	I    int64
	F    float64
	S    string
}

// A Func applies a function of the registry, operators included ("add", "eq",
// "and", "is_null", "str.upper", "date.year"), to its arguments; see Functions.
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

// A Member is true when X equals one of the literals; null when X is null. Null
// literals match nothing.
type Member struct {
	X  Node
	In []Literal
}

// A Bad stands for a mistake made while building; Infer reports it.
type Bad struct{ Err string }

func (Column) node()  {}
func (Literal) node() {}
func (Func) node()    {}
func (Cast) node()    {}
func (When) node()    {}
func (Member) node()  {}
func (Bad) node()     {}

// MaxDepth is how deeply nodes may be nested. It keeps every recursion over a
// tree, and its canonical bytes, within bounds.
const MaxDepth = 200

func init() {
	n := reflect.TypeFor[Node]()
	canon.Register[Column](n, "col")
	canon.Register[Literal](n, "lit")
	canon.Register[Func](n, "func")
	canon.Register[Cast](n, "cast")
	canon.Register[When](n, "when")
	canon.Register[Member](n, "in")
	canon.Register[Bad](n, "bad")
}

// None reports whether e is no expression.
func (e Expr) None() bool { return e.N == nil }

// OutName returns the name of the result: the one set by As, the column's name
// for a bare column or a cast of one, else the text form.
func (e Expr) OutName() string {
	if e.Name != "" {
		return e.Name
	}
	n := e.N
	if c, ok := n.(Cast); ok {
		n = c.X
	}
	if c, ok := n.(Column); ok {
		return c.Name
	}
	return e.String()
}
